//! `eth_simulateV1`: blocks of calls, one on the state that the other leaves.

use super::ask;
use super::call::{failure, simulate};
use super::place::{self, AT, Place};
use super::render::{self, Position, Summary};
use super::request;
use super::shape::{BLOCK_OVERRIDES, CALL, STATE_OVERRIDES};
use super::values::{self, boolean, field, hex, quantity, read};
use crate::LogEntry;
use crate::error::{self, RpcError, ethereum};
use crate::methods::Context;
use crate::methods::registry::{Registered, Registry, caller_method};
use crate::params::Arguments;
use crate::spec::{Field, Method, Param, Schema};
use codec::Encode;
use quids_api::evm::{EvmErrorKind, EvmMessage, EvmOutcome, EvmStatus, SimulatedBlock, SimulatedOutcome, Simulation};
use quids_core::{DigestItem, H256, Hash, Header, Height};
use quids_crypto::keccak_256;
use serde_json::{Value, json};

/// Blocks of one simulation (go-ethereum's number).
const BLOCKS_MAX: usize = 256;
/// Calls of one simulation.
const CALLS_MAX: usize = 1024;

const FLAG: Schema = Schema::Nullable(&Schema::Bool);
const PAYLOAD: Schema = Schema::Named(
    "SimulatePayload",
    &Schema::Open(&[
        Field::required(
            "blockStateCalls",
            Schema::List(&Schema::Open(&[
                Field::optional("blockOverrides", Schema::Nullable(&BLOCK_OVERRIDES), ""),
                Field::optional("stateOverrides", Schema::Nullable(&STATE_OVERRIDES), ""),
                Field::optional("calls", Schema::Nullable(&Schema::List(&CALL)), ""),
            ])),
            "at most 256 blocks and 1024 calls in all",
        ),
        Field::optional("traceTransfers", FLAG, "transfers of value appear as logs"),
        Field::optional(
            "validation",
            FLAG,
            "as real transactions: nonces, balances and fees count",
        ),
        Field::optional("returnFullTransactions", FLAG, "transactions in full, not hashes"),
    ]),
);

const PAYLOAD_PARAM: Param = Param::required("payload", PAYLOAD, "");

const ERRORS: &[i32] = &[
    error::ETHEREUM,
    error::INTERNAL,
    NONCE_TOO_LOW,
    NONCE_TOO_HIGH,
    FEE_TOO_LOW,
    INTRINSIC_GAS,
    INSUFFICIENT_FUNDS,
    GAS_LIMIT,
    NUMBERS,
    TIMESTAMPS,
    SENDER_HAS_CODE,
    INIT_CODE,
    TOO_MANY,
];
const NONCE_TOO_LOW: i32 = -38010;
const NONCE_TOO_HIGH: i32 = -38011;
const FEE_TOO_LOW: i32 = -38012;
const INTRINSIC_GAS: i32 = -38013;
const INSUFFICIENT_FUNDS: i32 = -38014;
const GAS_LIMIT: i32 = -38015;
const NUMBERS: i32 = -38020;
const TIMESTAMPS: i32 = -38021;
const SENDER_HAS_CODE: i32 = -38024;
const INIT_CODE: i32 = -38025;
const TOO_MANY: i32 = -38026;

pub fn register(registry: &mut Registry) -> Registered {
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_simulateV1",
                "Runs blocks of calls, each on the state that the one before leaves. Their hashes are of headers without \
                 roots.",
                &[PAYLOAD_PARAM, AT],
                Schema::List(&Schema::Any),
            )
            .errors(ERRORS)
        },
        |context, arguments, _| run(context, arguments),
    )
}

fn refusal(code: i32, message: impl Into<String>) -> RpcError {
    RpcError::owned(code, message, None::<()>)
}

/// A block to simulate, and what its place in the chain is.
struct Planned {
    block: SimulatedBlock,
    header: Header,
    hash: Hash,
}

fn run(context: &Context, arguments: &Arguments) -> Result<Value, RpcError> {
    let payload = arguments.value("payload")?;
    let flag = |name: &str| Ok::<_, RpcError>(read(payload, name, boolean)?.unwrap_or_default());
    let (validate, is_full) = (flag("validation")?, flag("returnFullTransactions")?);
    let place = place::state_of(context, arguments.optional("block"))?;
    let planned = plan(context, place, payload, validate)?;
    let simulation = Simulation {
        blocks: planned.iter().map(|planned| planned.block.clone()).collect(),
        validate,
        trace_transfers: flag("traceTransfers")?,
        ..Simulation::default()
    };
    let outcomes = simulate(context, place.hash, &simulation)?;
    if outcomes.len() != planned.len() {
        return Err(ethereum("the simulation did not answer"));
    }
    let blocks = planned.iter().zip(&outcomes);
    blocks
        .map(|(planned, outcome)| block(planned, outcome, is_full))
        .collect()
}

fn plan(context: &Context, place: Place, payload: &Value, validate: bool) -> Result<Vec<Planned>, RpcError> {
    let wanted = field(payload, "blockStateCalls").map(|blocks| values::list("blockStateCalls", blocks, usize::MAX));
    let wanted = wanted.transpose()?.unwrap_or_default();
    if wanted.is_empty() {
        return Err(ethereum("empty input"));
    }
    if wanted.len() > BLOCKS_MAX {
        return Err(refusal(
            TOO_MANY,
            format!("too many blocks: {}, at most {BLOCKS_MAX}", wanted.len()),
        ));
    }
    let env = ask::env(context, place.hash)?;
    let (mut number, mut timestamp, mut parent) = (env.number, env.timestamp, place.hash);
    let mut planned: Vec<Planned> = Vec::new();
    let mut calls = 0usize;
    for one in wanted {
        let overrides = request::block_overrides(field(one, "blockOverrides"), Default::default())?;
        let target = overrides.number.unwrap_or(number.saturating_add(1));
        if target <= number {
            return Err(refusal(
                NUMBERS,
                format!("block numbers must be in order: {target} <= {number}"),
            ));
        }
        let gap = usize::try_from(target - number).unwrap_or(usize::MAX);
        if planned.len().saturating_add(gap) > BLOCKS_MAX {
            return Err(refusal(TOO_MANY, format!("too many blocks: at most {BLOCKS_MAX}")));
        }
        let messages = messages(one, &mut calls)?;
        let state = request::state_overrides(field(one, "stateOverrides"))?;
        for next in number + 1..=target {
            let is_last = next == target;
            let mut block = if is_last {
                SimulatedBlock {
                    block: overrides.clone(),
                    state: state.clone(),
                    messages: messages.clone(),
                }
            } else {
                SimulatedBlock::default()
            };
            let time = block.block.timestamp.unwrap_or(timestamp.saturating_add(1));
            if time <= timestamp {
                return Err(refusal(
                    TIMESTAMPS,
                    format!("block timestamps must be in order: {time} <= {timestamp}"),
                ));
            }
            timestamp = time;
            block.block.number = Some(next);
            block.block.timestamp = Some(time);
            if !validate && block.block.base_fee.is_none() {
                block.block.base_fee = Some(0);
            }
            // The runtime keeps those of earlier blocks.
            block.block.block_hashes.push((next - 1, parent));
            let height =
                u32::try_from(next).map_err(|_| refusal(NUMBERS, format!("block number {next} is too large")))?;
            // What makes two simulated blocks of one height different.
            let time = vec![DigestItem::Other(time.encode())];
            let header = render::bare_header(parent, Height(height), time);
            parent = header.hash();
            planned.push(Planned {
                block,
                header,
                hash: parent,
            });
        }
        number = target;
    }
    Ok(planned)
}

fn messages(block: &Value, calls: &mut usize) -> Result<Vec<EvmMessage>, RpcError> {
    let Some(list) = field(block, "calls") else {
        return Ok(Vec::new());
    };
    let list = values::list("calls", list, usize::MAX)?;
    *calls = calls.saturating_add(list.len());
    if *calls > CALLS_MAX {
        return Err(refusal(TOO_MANY, format!("too many calls: at most {CALLS_MAX}")));
    }
    list.iter().map(|one| Ok(request::call(one)?.message)).collect()
}

fn block(planned: &Planned, outcome: &SimulatedOutcome, is_full: bool) -> Result<Value, RpcError> {
    let hash = planned.hash;
    let (mut gas_used, mut next_log) = (0u64, 0u32);
    let (mut calls, mut transactions, mut logs) = (Vec::new(), Vec::new(), Vec::new());
    for ((message, answer), index) in planned.block.messages.iter().zip(&outcome.messages).zip(0u32..) {
        let answer = answer
            .as_ref()
            .map_err(|error| refusal(code(error.kind), error.message.clone()))?;
        let position = Position {
            block: hash,
            number: outcome.env.number,
            timestamp: outcome.env.timestamp,
            index,
        };
        // Not signed, and so without Ethereum's hash.
        let transaction = H256(keccak_256(&(hash, index, message).encode()));
        gas_used = gas_used.saturating_add(answer.gas_used);
        logs.extend(&answer.logs);
        calls.push(one_call(answer, position, transaction, &mut next_log));
        transactions.push(match is_full {
            true => render::simulated(message, transaction, position),
            false => hex(transaction),
        });
    }
    let summary = Summary {
        env: outcome.env.clone(),
        gas_used,
        bloom: render::bloom(logs),
        receipts_root: H256::zero(),
        transactions: u32::try_from(transactions.len()).unwrap_or(u32::MAX),
    };
    let mut fields = render::header(hash, &planned.header, &summary);
    fields.insert("size".into(), quantity(planned.header.encoded_size()));
    fields.insert("transactions".into(), transactions.into());
    fields.insert("uncles".into(), json!([]));
    fields.insert("withdrawals".into(), json!([]));
    fields.insert("calls".into(), calls.into());
    Ok(Value::Object(fields))
}

fn one_call(outcome: &EvmOutcome, position: Position, transaction: H256, next_log: &mut u32) -> Value {
    let mut logs = Vec::with_capacity(outcome.logs.len());
    for log in &outcome.logs {
        let entry = LogEntry {
            height: Height(u32::try_from(position.number).unwrap_or(u32::MAX)),
            block: position.block,
            timestamp: position.timestamp,
            transaction_index: position.index,
            transaction,
            log_index: *next_log,
            log: log.clone(),
        };
        *next_log = next_log.saturating_add(1);
        logs.push(render::log(&entry, false));
    }
    let is_success = outcome.status == EvmStatus::Success;
    let mut answer = json!({
        "returnData": hex(&outcome.output),
        "logs": logs,
        "gasUsed": quantity(outcome.gas_used),
        "maxUsedGas": quantity(outcome.gas_spent),
        "status": quantity(u8::from(is_success)),
    });
    if let Some(message) = failure(outcome) {
        answer["error"] = match outcome.status {
            EvmStatus::Revert => json!({ "code": 3, "message": message, "data": hex(&outcome.output) }),
            _ => json!({ "code": -32015, "message": message }),
        };
    }
    answer
}

/// The execution API's codes.
const fn code(kind: EvmErrorKind) -> i32 {
    match kind {
        EvmErrorKind::NonceTooLow => NONCE_TOO_LOW,
        EvmErrorKind::NonceTooHigh => NONCE_TOO_HIGH,
        EvmErrorKind::FeeCapBelowBaseFee => FEE_TOO_LOW,
        EvmErrorKind::IntrinsicGasTooLow => INTRINSIC_GAS,
        EvmErrorKind::InsufficientFunds => INSUFFICIENT_FUNDS,
        EvmErrorKind::GasLimitTooHigh => GAS_LIMIT,
        EvmErrorKind::SenderHasCode => SENDER_HAS_CODE,
        EvmErrorKind::InitCodeTooLarge => INIT_CODE,
        _ => error::ETHEREUM,
    }
}
