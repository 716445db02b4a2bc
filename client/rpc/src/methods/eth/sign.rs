//! What a development chain signs for the accounts of Ethereum's test mnemonic: transactions, messages, typed data. A node
//! of any other chain holds no such keys, and says so.

use super::call::{self, block_at};
use super::place::Place;
use super::request::{self, Request};
use super::shape::{ADDRESS, CALL_PARAM, TRANSACTION};
use super::submit::submit;
use super::values::{self, field, hex};
use super::{CALL_ERRORS, ask, fees, render, state};
use crate::error::{RpcError, ethereum, internal};
use crate::methods::Context;
use crate::methods::registry::{Registered, Registry, caller_method};
use crate::spec::{Field, Method, Param, Schema};
use alloy_consensus::{SignableTransaction, Signed, TxEip1559, TxEip2930, TxLegacy};
use alloy_dyn_abi::TypedData;
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::utils::eip191_message;
use alloy_primitives::{Address, B256, Signature, TxKind, U256 as Number};
use quids_api::evm::{EvmTransaction, SimulatedBlock};
use quids_core::H160;
use quids_ethereum::Transaction;
use serde_json::{Value, json};

const MESSAGE: Param = Param::required("message", Schema::Bytes, "");
const PASSWORD: Param = Param::optional("password", Schema::Any, "of no meaning here");
const TYPED_DATA: Param = Param::required("typedData", Schema::Any, "EIP-712's object, or its JSON as a text");

const SIGNED: Schema = Schema::Object(&[
    Field::required("raw", Schema::Bytes, "EIP-2718"),
    Field::required("tx", TRANSACTION, ""),
]);

pub fn register(registry: &mut Registry) -> Registered {
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_sendTransaction",
                "Signs a transaction for one of a development chain's accounts and gives it to the pool; its hash. What it \
                 leaves open is filled in. Refused on any other chain: sign in the wallet and use eth_sendRawTransaction.",
                &[CALL_PARAM],
                Schema::Hash,
            )
            .errors(CALL_ERRORS)
        },
        |context, arguments, access| {
            let (_, signed) = transaction(context, arguments.value("transaction")?)?;
            submit(context, &signed.encode(), access).map(hex)
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_signTransaction",
                "Signs a transaction for one of a development chain's accounts, as eth_sendTransaction, and does not send \
                 it.",
                &[CALL_PARAM],
                SIGNED,
            )
            .errors(CALL_ERRORS)
        },
        |context, arguments, _| {
            let (from, signed) = transaction(context, arguments.value("transaction")?)?;
            let described = render::pending(&EvmTransaction {
                hash: signed.hash(),
                from,
                nonce: signed.nonce(),
                envelope: signed.encode(),
            });
            Ok(json!({ "raw": hex(signed.encode()), "tx": described }))
        },
    )?;
    const SIGN: &str =
        "Signs a message (EIP-191) for one of a development chain's accounts; refused on any other chain.";
    for spec in [
        const { &Method::new("eth_sign", SIGN, &[ADDRESS, MESSAGE], Schema::Bytes).errors(CALL_ERRORS) },
        const { &Method::new("personal_sign", SIGN, &[MESSAGE, ADDRESS, PASSWORD], Schema::Bytes).errors(CALL_ERRORS) },
    ] {
        caller_method(registry, spec, |context, arguments, _| {
            let who = values::address("address", arguments.value("address")?)?;
            wallet_signature(context, who, &eip191_message(arguments.bytes("message")?))
        })?;
    }
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_signTypedData_v4",
                "Signs typed data (EIP-712) for one of a development chain's accounts; refused on any other chain.",
                &[ADDRESS, TYPED_DATA],
                Schema::Bytes,
            )
            .aliases(&["eth_signTypedData"])
            .errors(CALL_ERRORS)
        },
        |context, arguments, _| {
            let who = values::address("address", arguments.value("address")?)?;
            wallet_signature(context, who, &typed_payload(arguments.value("typedData")?)?)
        },
    )
}

/// A signature `r ‖ s ‖ v` of the Keccak-256 of `payload`, `v` 0 or 1.
fn signature(context: &Context, who: H160, payload: &[u8]) -> Result<[u8; 65], RpcError> {
    let holder = context.backend.development();
    let signature = holder.and_then(|node| node.sign(who, payload));
    signature.ok_or_else(|| {
        ethereum(format!(
            "unknown account {who:?}: the node holds no key of it, sign in the wallet and use eth_sendRawTransaction"
        ))
    })
}

/// As wallets write it, with `v` 27 or 28.
fn wallet_signature(context: &Context, who: H160, payload: &[u8]) -> Result<Value, RpcError> {
    let [r_s @ .., v] = signature(context, who, payload)?;
    Ok(hex([&r_s[..], &[v + 27]].concat()))
}

/// What is signed of typed data: `0x1901 ‖ domain separator ‖ hashStruct(message)` (EIP-712).
fn typed_payload(value: &Value) -> Result<Vec<u8>, RpcError> {
    let parsed: Result<TypedData, _> = match value {
        Value::String(text) => serde_json::from_str(text),
        other => serde_json::from_value(other.clone()),
    };
    let data = parsed.map_err(|error| values::unfit("typedData", &format!("typed data: {error}")))?;
    let mut payload = [&[0x19, 0x01][..], data.domain.separator().as_slice()].concat();
    if data.primary_type != "EIP712Domain" {
        let hash = data.hash_struct();
        let hash = hash.map_err(|error| values::unfit("typedData", &format!("consistent: {error}")))?;
        payload.extend_from_slice(hash.as_slice());
    }
    Ok(payload)
}

/// A transaction with what its sender left open, signed, and who signed.
fn transaction(context: &Context, value: &Value) -> Result<(H160, Transaction), RpcError> {
    let request = request::call(value)?;
    let kind = request.message.transaction_type;
    let from = request.message.from;
    // Before any work for a stranger's account.
    signature(context, from, &[])?;
    let best = context.backend.best_hash();
    let chain = ask::chain(context, best)?;
    if let Some(id) = values::read(value, "chainId", values::u64)?
        && id != chain.chain_id
    {
        return Err(ethereum(format!(
            "chainId {id} is not the chain's, which is {}",
            chain.chain_id
        )));
    }
    let (price, tip) = fees(context, value, &request, chain.base_fee)?;
    let nonce = match request.message.nonce {
        Some(nonce) => nonce,
        None => state::next_nonce(context, from)?,
    };
    let gas_limit = match request.has_gas {
        true => request.message.gas_limit,
        false => estimate(context, &request)?,
    };
    let message = request.message;
    let chain_id = chain.chain_id;
    let to = message.to.map_or(TxKind::Create, |to| TxKind::Call(Address::new(to.0)));
    let value_wei = Number::from_limbs(message.value.0);
    let input = message.input.into();
    let items = message.access_list.iter().map(|item| AccessListItem {
        address: Address::new(item.address.0),
        storage_keys: item.storage_keys.iter().map(|key| B256::new(key.0)).collect(),
    });
    let access_list = AccessList(items.collect());
    let signed = match kind {
        0 => Transaction::Legacy(signed(
            context,
            from,
            TxLegacy {
                chain_id: Some(chain_id),
                nonce,
                gas_price: price,
                gas_limit,
                to,
                value: value_wei,
                input,
            },
        )?),
        1 => Transaction::Eip2930(signed(
            context,
            from,
            TxEip2930 {
                chain_id,
                nonce,
                gas_price: price,
                gas_limit,
                to,
                value: value_wei,
                access_list,
                input,
            },
        )?),
        2 => Transaction::Eip1559(signed(
            context,
            from,
            TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: price,
                max_priority_fee_per_gas: tip,
                to,
                value: value_wei,
                access_list,
                input,
            },
        )?),
        other => {
            return Err(ethereum(format!(
                "the node signs no transaction of type {other:#x}: sign in the wallet and use eth_sendRawTransaction"
            )));
        }
    };
    Ok((from, signed))
}

/// The price that is paid at most, and the tip of a transaction that has one: what its sender says, else twice the base
/// fee and a usual tip.
fn fees(context: &Context, value: &Value, request: &Request, base_fee: u128) -> Result<(u128, u128), RpcError> {
    let said = |name| field(value, name).is_some();
    let message = &request.message;
    if said("gasPrice") {
        return Ok((message.max_fee_per_gas, 0));
    }
    let tip = match values::read(value, "maxPriorityFeePerGas", values::u128)? {
        Some(tip) => tip,
        None => fees::tip(context)?,
    };
    let cap = match said("maxFeePerGas") {
        true => message.max_fee_per_gas,
        false => base_fee.saturating_mul(2).saturating_add(tip),
    };
    // Whoever limits the fee has limited the tip.
    Ok((cap, tip.min(cap)))
}

/// Gas that is enough in the next block.
fn estimate(context: &Context, request: &Request) -> Result<u64, RpcError> {
    let place = Place {
        hash: context.backend.best_hash(),
        is_pending: true,
    };
    let block = SimulatedBlock {
        block: block_at(context, place)?,
        messages: vec![request.message.clone()],
        ..SimulatedBlock::default()
    };
    call::estimate(context, place, block, None)
}

fn signed<T>(context: &Context, from: H160, transaction: T) -> Result<Signed<T>, RpcError>
where
    T: SignableTransaction<Signature>,
{
    let signature = signature(context, from, &transaction.encoded_for_signing())?;
    let parsed = Signature::from_raw_array(&signature);
    Ok(transaction.into_signed(parsed.map_err(|error| internal(format!("the key's signature: {error}")))?))
}
