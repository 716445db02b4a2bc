//! Calls, state overrides and block overrides out of JSON.

use super::values::{self, address, field, read, u64, u128, uint, unfit, word};
use crate::error::{RpcError, ethereum, invalid_params};
use quids_api::evm::{AccessListItem, Authorization, BlockOverrides, EvmMessage, QuantumSignature, StateOverride};
use quids_core::{H160, H256};
use quids_crypto::SignatureScheme;
use quids_ethereum::TRANSACTION_TYPE;
use serde_json::Value;

/// Gas of a call that names none, and the most it gets (go-ethereum's number).
pub const GAS_CAP: u64 = 50_000_000;
/// Accounts that a call may override.
const OVERRIDES_MAX: usize = 1024;
/// Entries of an access list.
const ACCESS_LIST_MAX: usize = 10_000;
/// Authorisations of a call.
const AUTHORIZATIONS_MAX: usize = 1024;
/// Block hashes that a call may override.
const BLOCK_HASHES_MAX: usize = 1024;

/// A call as its sender describes it.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub message: EvmMessage,
    /// Whether it says how much gas it gets.
    pub has_gas: bool,
}

/// Reads a call. Gas is at most [`GAS_CAP`].
pub fn call(value: &Value) -> Result<Request, RpcError> {
    values::object("transaction", value)?;
    let gas = read(value, "gas", u64)?;
    let (price, cap, tip) = (
        read(value, "gasPrice", u128)?,
        read(value, "maxFeePerGas", u128)?,
        read(value, "maxPriorityFeePerGas", u128)?,
    );
    if price.is_some() && (cap.is_some() || tip.is_some()) {
        return Err(ethereum(
            "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
        ));
    }
    if let (Some(cap), Some(tip)) = (cap, tip)
        && cap < tip
    {
        return Err(ethereum(format!("maxFeePerGas ({cap}) < maxPriorityFeePerGas ({tip})")));
    }
    let (data, input) = (
        read(value, "data", values::bytes)?,
        read(value, "input", values::bytes)?,
    );
    if let (Some(data), Some(input)) = (&data, &input)
        && data != input
    {
        return Err(ethereum(
            "both \"data\" and \"input\" are set and not equal. Please use \"input\" to pass transaction call data",
        ));
    }
    if field(value, "blobVersionedHashes").is_some_and(|hashes| hashes.as_array().is_none_or(|list| !list.is_empty())) {
        return Err(ethereum("blob transactions are not supported on this chain"));
    }
    let access_list = read(value, "accessList", access_list)?;
    let authorizations = read(value, "authorizationList", authorizations)?;
    // Clients write other types in many forms, and the fields say them anyway.
    let is_quantum = field(value, "type").is_some_and(|kind| u64("type", kind).ok() == Some(TRANSACTION_TYPE.into()));
    let transaction_type = match (price, &access_list, &authorizations) {
        _ if is_quantum => TRANSACTION_TYPE,
        (_, _, Some(_)) => 4,
        (Some(_), Some(_), None) => 1,
        (Some(_), None, None) => 0,
        _ => 2,
    };
    let quantum = if is_quantum { quantum(value)? } else { None };
    let max_fee_per_gas = price.or(cap).unwrap_or_default();
    Ok(Request {
        has_gas: gas.is_some(),
        message: EvmMessage {
            transaction_type,
            from: read(value, "from", address)?.unwrap_or_default(),
            to: read(value, "to", callee)?.flatten(),
            nonce: read(value, "nonce", u64)?,
            value: read(value, "value", uint)?.unwrap_or_default(),
            input: input.or(data).unwrap_or_default(),
            gas_limit: gas.unwrap_or(GAS_CAP).min(GAS_CAP),
            max_fee_per_gas,
            max_priority_fee_per_gas: (price.is_none() || is_quantum)
                .then(|| tip.unwrap_or_default().min(max_fee_per_gas)),
            access_list: access_list.unwrap_or_default(),
            authorizations: authorizations.unwrap_or_default(),
            quantum,
        },
    })
}

/// What a post-quantum transaction's signature will cost: `scheme`, and whether `withKey`, which is so if left out.
/// Without a scheme, the runtime goes by the sender's bound key.
fn quantum(value: &Value) -> Result<Option<QuantumSignature>, RpcError> {
    let Some(scheme) = read(value, "scheme", u64)? else {
        return Ok(None);
    };
    let tag = u8::try_from(scheme).ok().and_then(SignatureScheme::from_tag);
    let scheme = tag.filter(|scheme| scheme.is_post_quantum());
    let scheme = scheme.ok_or_else(|| unfit("scheme", "the tag of a post-quantum signature scheme"))?;
    let with_key = match field(value, "withKey") {
        None => true,
        Some(flag) => flag.as_bool().ok_or_else(|| unfit("withKey", "true or false"))?,
    };
    Ok(Some(QuantumSignature {
        scheme: scheme.tag(),
        with_key,
    }))
}

/// An empty text creates, as in RLP.
fn callee(name: &str, value: &Value) -> Result<Option<H160>, RpcError> {
    match value.as_str() {
        Some("" | "0x") => Ok(None),
        _ => address(name, value).map(Some),
    }
}

pub fn access_list(name: &str, value: &Value) -> Result<Vec<AccessListItem>, RpcError> {
    let items = values::list(name, value, ACCESS_LIST_MAX)?;
    let item = |item: &Value| {
        let keys = field(item, "storageKeys").map(|keys| values::list(name, keys, ACCESS_LIST_MAX));
        let keys = keys.transpose()?.unwrap_or_default();
        Ok(AccessListItem {
            address: read(item, "address", address)?.ok_or_else(|| unfit(name, "a list of addresses with keys"))?,
            storage_keys: keys
                .iter()
                .map(|key| word(name, key))
                .collect::<Result<_, RpcError>>()?,
        })
    };
    items.iter().map(item).collect()
}

fn authorizations(name: &str, value: &Value) -> Result<Vec<Authorization>, RpcError> {
    let items = values::list(name, value, AUTHORIZATIONS_MAX)?;
    items
        .iter()
        .map(|item| super::authority::authorization(name, item))
        .collect()
}

/// Reads state overrides, an object by address.
pub fn state_overrides(value: Option<&Value>) -> Result<Vec<StateOverride>, RpcError> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    let accounts = values::object("stateOverrides", value)?;
    if accounts.len() > OVERRIDES_MAX {
        return Err(values::too_much(format!(
            "stateOverrides holds {} accounts, at most {OVERRIDES_MAX}",
            accounts.len()
        )));
    }
    accounts
        .iter()
        .map(|(who, account)| state_override(address("stateOverrides", &Value::String(who.clone()))?, account))
        .collect()
}

fn state_override(who: H160, account: &Value) -> Result<StateOverride, RpcError> {
    values::object("stateOverrides", account)?;
    let (state, diff) = (field(account, "state"), field(account, "stateDiff"));
    if state.is_some() && diff.is_some() {
        return Err(ethereum(format!("account {who:?} has both 'state' and 'stateDiff'")));
    }
    let balance = read(account, "balance", uint)?;
    if balance.is_some_and(|balance| balance > u128::MAX.into()) {
        return Err(unfit("balance", "a number below 2^128, which is more than there is"));
    }
    Ok(StateOverride {
        address: who,
        balance,
        nonce: read(account, "nonce", u64)?,
        code: read(account, "code", values::bytes)?,
        clear_storage: state.is_some(),
        storage: state.or(diff).map_or(Ok(Vec::new()), storage)?,
        move_precompile_to: read(account, "movePrecompileToAddress", address)?,
    })
}

fn storage(value: &Value) -> Result<Vec<(H256, H256)>, RpcError> {
    let slots = values::object("state", value)?.iter();
    slots
        .map(|(slot, value)| {
            let slot = values::slot("state", &Value::String(slot.clone()))?;
            Ok((slot, word("state", value)?))
        })
        .collect()
}

/// Reads block overrides over the block that a call would otherwise run in.
pub fn block_overrides(value: Option<&Value>, mut block: BlockOverrides) -> Result<BlockOverrides, RpcError> {
    let Some(value) = value else {
        return Ok(block);
    };
    values::object("blockOverrides", value)?;
    fn either<T>(
        value: &Value,
        names: [&str; 2],
        how: fn(&str, &Value) -> Result<T, RpcError>,
    ) -> Result<Option<T>, RpcError> {
        match read(value, names[0], how)? {
            Some(found) => Ok(Some(found)),
            None => read(value, names[1], how),
        }
    }
    block.number = either(value, ["number", "blockNumber"], u64)?.or(block.number);
    block.timestamp = either(value, ["time", "timestamp"], u64)?.or(block.timestamp);
    block.beneficiary = either(value, ["feeRecipient", "coinbase"], address)?.or(block.beneficiary);
    block.gas_limit = read(value, "gasLimit", u64)?.or(block.gas_limit);
    block.base_fee = either(value, ["baseFeePerGas", "baseFee"], u128)?.or(block.base_fee);
    block.prevrandao = either(value, ["prevRandao", "random"], word)?.or(block.prevrandao);
    if let Some(hashes) = field(value, "blockHash") {
        let hashes = values::object("blockHash", hashes)?;
        if hashes.len() > BLOCK_HASHES_MAX {
            return Err(invalid_params(
                607,
                format!("blockHash holds {} hashes, at most 1024", hashes.len()),
            ));
        }
        for (number, hash) in hashes {
            let number = match number.parse() {
                Ok(number) => number,
                Err(_) => u64("blockHash", &Value::String(number.clone()))?,
            };
            block.block_hashes.push((number, word("blockHash", hash)?));
        }
    }
    Ok(block)
}
