//! One case of a test: what the runtime is asked, and whether its answer is right.

use super::{fixture, fixture::StateTest, roots};
use alloy_primitives::{B256, U256};
use alloy_rlp::Encodable;
use quids_api::evm::{
    AccessListItem, Authorization, BlockOverrides, EvmErrorKind, EvmMessage, SimulatedBlock, Simulation,
    SimulationOutcome, StateOverride,
};
use quids_core::{H160, H256};
use quids_crypto::{KeyPair, keccak_256, recover_secp256k1};

/// Names of hard forks, with revm's numbers.
pub const FORKS: [(&str, u8); 16] = [
    ("Frontier", 0),
    ("Homestead", 1),
    ("EIP150", 2),
    ("EIP158", 3),
    ("Byzantium", 4),
    ("ConstantinopleFix", 5),
    ("Istanbul", 6),
    ("Berlin", 7),
    ("London", 8),
    ("Merge", 9),
    ("Paris", 9),
    ("Shanghai", 10),
    ("Cancun", 11),
    ("Prague", 12),
    ("Osaka", 13),
    ("Amsterdam", 14),
];
/// From here on accounts without nonce, balance and code are removed when touched (EIP-161).
const SPURIOUS_DRAGON: u8 = 3;
/// From here on a block has a random number instead of a difficulty.
const PARIS: u8 = 9;
/// Ethereum's, for which the tests are signed.
const CHAIN_ID: u64 = 1;
/// Numbers that `BLOCKHASH` knows.
const BLOCK_HASHES: u64 = 256;

/// revm's number of a fork.
pub fn spec_of(fork: &str) -> Option<u8> {
    FORKS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(fork))
        .map(|(_, spec)| *spec)
}

/// What to do with a case.
pub enum Plan {
    Run(Box<Simulation>),
    /// No message can say what the transaction says, so it is refused before it gets to a runtime.
    Refused(String),
    /// The chain has no place for it; why.
    Skip(&'static str),
}

/// Turns a case into a question.
pub fn plan(test: &StateTest, spec: u8, expected: &fixture::Expectation) -> Result<Plan, String> {
    let tx = &test.transaction;
    if tx.blob_versioned_hashes.is_some() || tx.max_fee_per_blob_gas.is_some() {
        return Ok(Plan::Skip("blob transaction"));
    }
    if test.pre.values().any(|account| account.balance.0.bit_len() > 128) {
        return Ok(Plan::Skip("balance of 2^128 wei or more"));
    }
    if test.pre.values().any(|account| account.nonce.0.bit_len() > 64) || tx.nonce.0.bit_len() > 64 {
        return Ok(Plan::Skip("nonce beyond 64 bits"));
    }
    let message = match message(test, expected)? {
        Ok(message) => message,
        Err(reason) => return Ok(Plan::Refused(reason)),
    };
    let state = test.pre.iter().map(|(address, account)| StateOverride {
        address: H160(address.0),
        balance: Some(quids_core::U256(account.balance.0.into_limbs())),
        nonce: Some(account.nonce.0.saturating_to()),
        code: Some(account.code.0.clone()),
        clear_storage: true,
        storage: account
            .storage
            .iter()
            .map(|(slot, value)| (word(*slot), word(*value)))
            .collect(),
        move_precompile_to: None,
    });
    let chain_id = test.config.as_ref().and_then(|config| config.chainid);
    Ok(Plan::Run(Box::new(Simulation {
        spec: Some(spec),
        chain_id: Some(chain_id.map_or(CHAIN_ID, |id| id.0.saturating_to())),
        blocks: vec![SimulatedBlock {
            block: block(&test.env, spec)?,
            state: state.collect(),
            messages: vec![message],
        }],
        validate: true,
        dump: true,
        ..Simulation::default()
    })))
}

fn block(env: &fixture::Env, spec: u8) -> Result<BlockOverrides, String> {
    let number: u64 = narrow(env.current_number, "currentNumber")?;
    let first = number.saturating_sub(BLOCK_HASHES);
    let block_hashes = (first..number).map(|of| (of, H256(keccak_256(of.to_string().as_bytes()))));
    let random = if spec >= PARIS {
        env.current_random.or(env.current_difficulty)
    } else {
        env.current_difficulty
    };
    Ok(BlockOverrides {
        number: Some(number),
        timestamp: Some(narrow(env.current_timestamp, "currentTimestamp")?),
        beneficiary: Some(H160(env.current_coinbase.0)),
        gas_limit: Some(narrow(env.current_gas_limit, "currentGasLimit")?),
        base_fee: Some(
            env.current_base_fee
                .map_or(Ok(0), |fee| narrow(fee, "currentBaseFee"))?,
        ),
        prevrandao: random.map(word),
        block_hashes: block_hashes.collect(),
    })
}

/// The outer error is the test's fault; the inner one is the transaction's.
fn message(test: &StateTest, expected: &fixture::Expectation) -> Result<Result<EvmMessage, String>, String> {
    let (tx, at) = (&test.transaction, expected.indexes);
    let missing = |what: &str, index: usize| format!("there is no {what} with the index {index}");
    let input = tx.data.get(at.data).ok_or_else(|| missing("data", at.data))?;
    let gas_limit = tx.gas_limit.get(at.gas).ok_or_else(|| missing("gasLimit", at.gas))?;
    let value = tx.value.get(at.value).ok_or_else(|| missing("value", at.value))?;
    let access_list = tx.access_lists.as_ref().and_then(|lists| lists.get(at.data)?.as_ref());
    let to = match tx.to.0.as_slice() {
        [] => None,
        bytes => Some(H160(
            <[u8; 20]>::try_from(bytes).map_err(|_| format!("`to` has {} bytes", bytes.len()))?,
        )),
    };
    let transaction_type = if tx.authorization_list.is_some() {
        4
    } else if tx.max_fee_per_gas.is_some() {
        2
    } else if access_list.is_some() {
        1
    } else {
        0
    };
    let price = tx
        .max_fee_per_gas
        .or(tx.gas_price)
        .ok_or("the transaction has no price of gas")?;
    let fits = (|| {
        Ok(EvmMessage {
            transaction_type,
            from: sender(tx)?,
            to,
            nonce: Some(narrow(tx.nonce, "nonce")?),
            value: quids_core::U256(value.0.into_limbs()),
            input: input.0.clone(),
            gas_limit: narrow(*gas_limit, "gasLimit")?,
            max_fee_per_gas: narrow(price, "price of gas")?,
            max_priority_fee_per_gas: tx.max_priority_fee_per_gas.map(|fee| narrow(fee, "tip")).transpose()?,
            access_list: access_list.into_iter().flatten().map(access).collect(),
            authorizations: tx
                .authorization_list
                .iter()
                .flatten()
                .map(authorization)
                .collect::<Result<_, _>>()?,
            ..EvmMessage::default()
        })
    })();
    Ok(fits)
}

fn sender(tx: &fixture::Transaction) -> Result<H160, String> {
    if let Some(sender) = tx.sender {
        return Ok(H160(sender.0));
    }
    let secret = tx.secret_key.as_ref().ok_or("there is neither sender nor secretKey")?;
    let secret = <[u8; 32]>::try_from(secret.0.as_slice()).map_err(|_| "secretKey has not 32 bytes")?;
    let key = KeyPair::from_secp256k1_secret(&secret).map_err(|error| error.to_string())?;
    let account = key.public().account_id().ok_or("secretKey has no address")?;
    Ok(H160(account.0))
}

fn access(item: &fixture::AccessListItem) -> AccessListItem {
    AccessListItem {
        address: H160(item.address.0),
        storage_keys: item.storage_keys.iter().copied().map(word).collect(),
    }
}

/// EIP-7702: the authority signs 0x05 ‖ rlp([chain id, address, nonce]).
fn authorization(of: &fixture::Authorization) -> Result<Authorization, String> {
    let nonce: u64 = narrow(of.nonce, "nonce of an authorization")?;
    let address = alloy_primitives::Address::from(of.address.0);
    let fields: [&dyn Encodable; 3] = [&of.chain_id.0, &address, &nonce];
    let mut signed = vec![5];
    alloy_rlp::encode_list::<_, dyn Encodable>(&fields, &mut signed);
    let parity = match of.y_parity.0.saturating_to::<u64>() {
        known @ (0 | 1) => Some(known as u8),
        _ => None,
    };
    let authority = parity.and_then(|parity| {
        let mut signature = [0; 65];
        signature[..32].copy_from_slice(&of.r.0.to_be_bytes::<32>());
        signature[32..64].copy_from_slice(&of.s.0.to_be_bytes::<32>());
        signature[64] = parity;
        recover_secp256k1(&keccak_256(&signed), &signature)
    });
    Ok(Authorization {
        chain_id: quids_core::U256(of.chain_id.0.into_limbs()),
        address: H160(of.address.0),
        nonce,
        authority: authority.map(|account| H160(account.0)),
    })
}

/// Whether the answer to a [`Plan::Run`] is right; what was expected and what was found if not.
pub fn judge(spec: u8, expected: &fixture::Expectation, answer: &SimulationOutcome) -> Result<(), (String, String)> {
    let message = answer.blocks.first().and_then(|block| block.messages.first());
    let Some(message) = message else {
        return Err(("an outcome".into(), "none".into()));
    };
    let logs = match (message, &expected.expect_exception) {
        (Ok(outcome), None) => outcome.logs.as_slice(),
        (Ok(outcome), Some(exception)) => {
            return Err((
                format!("refused: {exception}"),
                format!("executed: {:?}", outcome.status),
            ));
        }
        (Err(error), None) => return Err(("executed".into(), format!("refused: {}", error.message))),
        (Err(error), Some(exception)) => {
            if !exception
                .split('|')
                .any(|one| kind_of(one).is_none_or(|kind| kind == error.kind))
            {
                return Err((
                    format!("refused: {exception}"),
                    format!("refused: {:?}: {}", error.kind, error.message),
                ));
            }
            &[]
        }
    };
    let root = roots::state_root(&answer.accounts, spec < SPURIOUS_DRAGON);
    if root != B256::from(expected.hash.0) {
        return Err((format!("state root {}", B256::from(expected.hash.0)), root.to_string()));
    }
    let hash = roots::logs_hash(logs);
    if hash != B256::from(expected.logs.0) {
        return Err((
            format!("hash of logs {}", B256::from(expected.logs.0)),
            hash.to_string(),
        ));
    }
    Ok(())
}

/// Whether it is right that a transaction was refused before it got to a runtime.
pub fn judge_refused(test: &StateTest, expected: &fixture::Expectation, reason: &str) -> Result<(), (String, String)> {
    if expected.expect_exception.is_none() {
        return Err(("executed".into(), format!("refused: {reason}")));
    }
    let root = roots::pre_state_root(&test.pre);
    if root != B256::from(expected.hash.0) {
        return Err((format!("state root {}", B256::from(expected.hash.0)), root.to_string()));
    }
    Ok(())
}

/// The error that an exception of the tests means, for those that have one of their own.
fn kind_of(exception: &str) -> Option<EvmErrorKind> {
    Some(match exception.strip_prefix("TransactionException.")? {
        "INTRINSIC_GAS_TOO_LOW" | "INTRINSIC_GAS_BELOW_FLOOR_GAS_COST" => EvmErrorKind::IntrinsicGasTooLow,
        "INSUFFICIENT_ACCOUNT_FUNDS" => EvmErrorKind::InsufficientFunds,
        "SENDER_NOT_EOA" => EvmErrorKind::SenderHasCode,
        "INITCODE_SIZE_EXCEEDED" => EvmErrorKind::InitCodeTooLarge,
        "INSUFFICIENT_MAX_FEE_PER_GAS" => EvmErrorKind::FeeCapBelowBaseFee,
        "GAS_ALLOWANCE_EXCEEDED" => EvmErrorKind::GasLimitTooHigh,
        "PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS" => EvmErrorKind::TipAboveFeeCap,
        "NONCE_MISMATCH_TOO_LOW" => EvmErrorKind::NonceTooLow,
        "NONCE_MISMATCH_TOO_HIGH" => EvmErrorKind::NonceTooHigh,
        "TYPE_4_EMPTY_AUTHORIZATION_LIST" => EvmErrorKind::EmptyAuthorizationList,
        _ => return None,
    })
}

fn word(number: fixture::Number) -> H256 {
    H256(number.0.to_be_bytes::<32>())
}

fn narrow<T>(number: fixture::Number, what: &str) -> Result<T, String>
where
    T: TryFrom<U256>,
{
    T::try_from(number.0).map_err(|_| format!("{what} {} is too large", number.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fork_has_one_number() {
        assert_eq!(spec_of("cancun"), Some(11));
        assert_eq!(spec_of("Osaka"), Some(13));
        assert_eq!(spec_of("Cancunish"), None);
        assert!(FORKS.is_sorted_by_key(|(_, spec)| *spec));
    }

    #[test]
    fn hashes_of_blocks_are_those_of_their_numbers_in_words() {
        // As Ethereum's tests define them.
        let hash = H256(keccak_256(b"0"));
        assert_eq!(
            format!("{hash:?}"),
            "0x044852b2a670ade5407e78fb2863c51de9fcb96542a07186fe3aeda6bb8a116d"
        );
    }
}
