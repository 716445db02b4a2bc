//! Calls that leave nothing behind: `eth_call`, estimates, access lists.

use super::place::{self, AT, Place};
use super::request::{self, GAS_CAP, Request};
use super::shape::{ACCESS_LIST, BLOCK_OVERRIDES, CALL_PARAM, STATE_OVERRIDES};
use super::values::{hex, quantity};
use super::{CALL_ERRORS, ask, render};
use crate::error::{REVERTED, RpcError, ethereum};
use crate::methods::Context;
use crate::methods::registry::{Patience, Registered, Registry, brief_method, caller_method};
use crate::params::Arguments;
use crate::spec::{Field, Method, Param, Schema};
use quids_api::evm::{
    AccessListItem, BlockOverrides, EvmError, EvmHalt, EvmOutcome, EvmStatus, SimulatedBlock, SimulatedOutcome,
    Simulation, SimulationOutcome, TraceOptions,
};
use quids_api::names;
use quids_core::Hash;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Runs of a call until its access list stays the same.
const ACCESS_LIST_ROUNDS: usize = 16;

const STATE: Param = Param::optional("stateOverrides", STATE_OVERRIDES, "by address");
const BLOCK: Param = Param::optional("blockOverrides", BLOCK_OVERRIDES, "");

const ACCESS_LIST_RESULT: Schema = Schema::Named(
    "AccessListResult",
    &Schema::Object(&[
        Field::required("accessList", ACCESS_LIST, ""),
        Field::required("gasUsed", Schema::Quantity, "with this access list"),
        Field::optional("error", Schema::Text, "how the call fails"),
    ]),
);

pub fn register(registry: &mut Registry) -> Registered {
    brief_method(
        registry,
        const {
            &Method::new(
                "eth_call",
                "Calls a contract on the state after a block, which is kept as it is. A revert is error 3 with what the \
                 contract said as data.",
                &[CALL_PARAM, AT, STATE, BLOCK],
                Schema::Bytes,
            )
            .errors(CALL_ERRORS)
        },
        call,
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_estimateGas",
                "A gas limit with which the call succeeds, at most 1.1 times the least such.",
                &[CALL_PARAM, AT, STATE, BLOCK],
                Schema::Quantity,
            )
            .errors(CALL_ERRORS)
        },
        |context, arguments, _| {
            // The transaction will be in a block on top: what goes by a block's number or time (a checkpoint of votes)
            // may take more gas there.
            let place = Place {
                is_pending: true,
                ..place::state_of(context, arguments.optional("block"))?
            };
            let request = request::call(arguments.value("transaction")?)?;
            // A limit below the intrinsic gas stands for none, as in go-ethereum.
            let is_limited = request.has_gas && request.message.gas_limit >= 21_000;
            let limit = is_limited.then_some(request.message.gas_limit);
            let block = surroundings(context, place, arguments, request)?;
            estimate(context, place, block, limit).map(quantity)
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_createAccessList",
                "The accounts and slots that a call touches, as an EIP-2930 access list, and the gas that it takes with \
                 it.",
                &[CALL_PARAM, AT, STATE, BLOCK],
                ACCESS_LIST_RESULT,
            )
            .errors(CALL_ERRORS)
        },
        |context, arguments, _| create_access_list(context, arguments),
    )
}

fn call(context: &Context, arguments: &Arguments, patience: Patience) -> Result<Option<Value>, RpcError> {
    let at = arguments.optional("block");
    if patience == Patience::Brief && at.is_some_and(|at| at != "latest") {
        return Ok(None);
    }
    let place = place::state_of(context, at)?;
    let request = request::call(arguments.value("transaction")?)?;
    let block = surroundings(context, place, arguments, request)?;
    let simulation = of_message(block, TraceOptions::default());
    let Some(answer) = ask::runtime_within(
        &*context.backend,
        patience,
        place.hash,
        names::QEVM_SIMULATE,
        &simulation,
    )?
    else {
        return Ok(None);
    };
    let outcome = the_message(outcomes(answer)?)?;
    succeeded(&outcome)?;
    Ok(Some(hex(outcome.output)))
}

/// A gas limit, at most `limit`, with which the block's message succeeds.
pub fn estimate(context: &Context, place: Place, block: SimulatedBlock, limit: Option<u64>) -> Result<u64, RpcError> {
    let chain = ask::chain(context, place.hash)?;
    let most = chain.transaction_gas_limit.min(chain.gas_limit).min(GAS_CAP);
    let cap = limit.map_or(most, |limit| most.min(limit));
    let node = &*context.backend;
    let answer: Result<Result<u64, EvmOutcome>, EvmError> =
        ask::runtime(node, place.hash, names::QEVM_ESTIMATE, &(block, cap))?;
    let outcome = match answer.map_err(ask::refused)? {
        Ok(gas) => return Ok(gas),
        Err(outcome) => outcome,
    };
    let too_little = ethereum(format!("gas required exceeds allowance ({cap})"));
    match succeeded(&outcome) {
        Err(error) if outcome.status != EvmStatus::Halt(EvmHalt::OutOfGas) => Err(error),
        _ => Err(too_little),
    }
}

/// The block that a call at a place runs in: that block itself, which the runtime knows, or the one to come.
pub fn block_at(context: &Context, place: Place) -> Result<BlockOverrides, RpcError> {
    if !place.is_pending {
        return Ok(BlockOverrides::default());
    }
    let env = ask::env(context, place.hash)?;
    let chain = ask::chain(context, place.hash)?;
    Ok(BlockOverrides {
        number: Some(env.number.saturating_add(1)),
        timestamp: Some(env.timestamp.saturating_add(1)),
        gas_limit: Some(chain.gas_limit),
        base_fee: Some(chain.base_fee),
        block_hashes: vec![(env.number, place.hash)],
        ..BlockOverrides::default()
    })
}

fn surroundings(
    context: &Context,
    place: Place,
    arguments: &Arguments,
    request: Request,
) -> Result<SimulatedBlock, RpcError> {
    Ok(SimulatedBlock {
        block: request::block_overrides(arguments.optional("blockOverrides"), block_at(context, place)?)?,
        state: request::state_overrides(arguments.optional("stateOverrides"))?,
        messages: vec![request.message],
    })
}

/// Runs one message on the state after a block.
pub fn run(context: &Context, at: Hash, block: SimulatedBlock, trace: TraceOptions) -> Result<EvmOutcome, RpcError> {
    the_message(simulate(context, at, &of_message(block, trace))?)
}

fn of_message(block: SimulatedBlock, trace: TraceOptions) -> Simulation {
    Simulation {
        blocks: vec![block],
        trace,
        ..Simulation::default()
    }
}

fn the_message(answer: Vec<SimulatedOutcome>) -> Result<EvmOutcome, RpcError> {
    let first = answer.into_iter().flat_map(|block| block.messages).next();
    first
        .ok_or_else(|| ethereum("the simulation did not answer"))?
        .map_err(ask::refused)
}

/// Runs a simulation.
pub fn simulate(context: &Context, at: Hash, simulation: &Simulation) -> Result<Vec<SimulatedOutcome>, RpcError> {
    outcomes(ask::runtime(&*context.backend, at, names::QEVM_SIMULATE, simulation)?)
}

fn outcomes(answer: Result<SimulationOutcome, EvmError>) -> Result<Vec<SimulatedOutcome>, RpcError> {
    Ok(answer.map_err(ask::refused)?.blocks)
}

/// The error of an execution that did not succeed, as Ethereum has it.
pub fn succeeded(outcome: &EvmOutcome) -> Result<(), RpcError> {
    match failure(outcome) {
        None => Ok(()),
        Some(message) if outcome.status == EvmStatus::Revert => Err(RpcError::owned(
            REVERTED,
            message,
            Some(crate::json::hex(&outcome.output)),
        )),
        Some(message) => Err(ethereum(message)),
    }
}

/// Why an execution did not succeed, in go-ethereum's words.
pub fn failure(outcome: &EvmOutcome) -> Option<String> {
    match outcome.status {
        EvmStatus::Success => None,
        EvmStatus::Revert => Some(match reason(&outcome.output) {
            Some(reason) => format!("execution reverted: {reason}"),
            None => "execution reverted".into(),
        }),
        EvmStatus::Halt(halt) => Some(halt_text(halt).into()),
    }
}

/// go-ethereum's words for what takes all gas.
pub const fn halt_text(halt: EvmHalt) -> &'static str {
    match halt {
        EvmHalt::OutOfGas => "out of gas",
        EvmHalt::InvalidOpcode => "invalid opcode",
        EvmHalt::InvalidJump => "invalid jump destination",
        EvmHalt::StackUnderflow => "stack underflow",
        EvmHalt::StackOverflow => "stack limit reached 1024 (1023)",
        EvmHalt::StaticStateChange => "write protection",
        EvmHalt::ReturnDataOutOfBounds => "return data out of bounds",
        EvmHalt::CallTooDeep => "max call depth exceeded",
        EvmHalt::OutOfFunds => "insufficient balance for transfer",
        EvmHalt::CreateCollision => "contract address collision",
        EvmHalt::CreateCodeSizeLimit => "max code size exceeded",
        EvmHalt::CreateInitCodeSizeLimit => "max initcode size exceeded",
        EvmHalt::CreateCodeStartingWithEf => "invalid code: must not begin with 0xef",
        EvmHalt::NonceOverflow => "nonce uint64 overflow",
        EvmHalt::Precompile => "precompile failed",
        EvmHalt::Other => "execution failed",
    }
}

/// What `Error(string)` or `Panic(uint256)` say.
pub fn reason(output: &[u8]) -> Option<String> {
    let (selector, rest) = output.split_at_checked(4)?;
    match selector {
        [0x08, 0xc3, 0x79, 0xa0] => {
            let number = |at: usize| -> Option<usize> {
                let word = rest.get(at..at.checked_add(32)?)?;
                let (high, low) = word.split_at_checked(24)?;
                if high.iter().any(|byte| *byte != 0) {
                    return None;
                }
                usize::try_from(u64::from_be_bytes(low.try_into().ok()?)).ok()
            };
            let offset = number(0)?;
            let length = number(offset)?;
            let start = offset.checked_add(32)?;
            let text = rest.get(start..start.checked_add(length)?)?;
            Some(String::from_utf8_lossy(text).into_owned())
        }
        [0x4e, 0x48, 0x7b, 0x71] => {
            let (high, code) = rest.get(..32)?.split_at_checked(31)?;
            let known = match code.first()? {
                _ if high.iter().any(|byte| *byte != 0) => None,
                0x00 => Some("generic panic"),
                0x01 => Some("assert(false)"),
                0x11 => Some("arithmetic underflow or overflow"),
                0x12 => Some("division or modulo by zero"),
                0x21 => Some("enum overflow"),
                0x22 => Some("invalid encoded storage byte array accessed"),
                0x31 => Some("out-of-bounds array access; popping on an empty array"),
                0x32 => Some("out-of-bounds access of an array or bytesN"),
                0x41 => Some("out of memory"),
                0x51 => Some("uninitialized function"),
                _ => None,
            };
            let number = quids_core::U256::from_big_endian(rest.get(..32)?);
            Some(known.map_or_else(|| format!("unknown panic code: {number:#x}"), str::to_owned))
        }
        _ => None,
    }
}

/// Runs the call with the list that the last run gave, until it gives that list.
fn create_access_list(context: &Context, arguments: &Arguments) -> Result<Value, RpcError> {
    let place = place::state_of(context, arguments.optional("block"))?;
    let mut request = request::call(arguments.value("transaction")?)?;
    if request.message.transaction_type == 0 {
        request.message.transaction_type = 1;
    }
    let mut block = surroundings(context, place, arguments, request)?;
    let trace = TraceOptions {
        accesses: true,
        ..TraceOptions::default()
    };
    let mut list = Vec::new();
    let mut rounds = 0;
    loop {
        let outcome = run(context, place.hash, block.clone(), trace)?;
        let touched = outcome
            .trace
            .as_ref()
            .map(|trace| trace.accesses.clone())
            .unwrap_or_default();
        let known = merged(&list, &touched);
        rounds += 1;
        if known == merged(&list, &[]) || rounds == ACCESS_LIST_ROUNDS {
            let mut answer = json!({
                "accessList": render::access_list(&list),
                "gasUsed": quantity(outcome.gas_used),
            });
            if let Some(error) = failure(&outcome) {
                answer["error"] = error.into();
            }
            return Ok(answer);
        }
        list = known;
        for message in &mut block.messages {
            message.access_list = list.clone();
        }
    }
}

/// Both lists as one, each address and key once, sorted.
fn merged(a: &[AccessListItem], b: &[AccessListItem]) -> Vec<AccessListItem> {
    let mut all = BTreeMap::<_, std::collections::BTreeSet<_>>::new();
    for item in a.iter().chain(b) {
        all.entry(item.address)
            .or_default()
            .extend(item.storage_keys.iter().copied());
    }
    let item = |(address, keys): (_, std::collections::BTreeSet<_>)| AccessListItem {
        address,
        storage_keys: keys.into_iter().collect(),
    };
    all.into_iter().map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_string(text: &str) -> Vec<u8> {
        let mut out = vec![0x08, 0xc3, 0x79, 0xa0];
        out.extend(quids_core::U256::from(32).to_big_endian());
        out.extend(quids_core::U256::from(text.len()).to_big_endian());
        out.extend(text.as_bytes());
        out.resize(out.len().next_multiple_of(32) + 4, 0);
        out
    }

    #[test]
    fn reasons_are_read_and_nonsense_has_none() {
        assert_eq!(reason(&error_string("not owner")).as_deref(), Some("not owner"));
        let mut panic = vec![0x4e, 0x48, 0x7b, 0x71];
        panic.extend(quids_core::U256::from(0x11).to_big_endian());
        assert_eq!(reason(&panic).as_deref(), Some("arithmetic underflow or overflow"));
        let good = error_string("not owner");
        for end in 0..good.len() {
            reason(&good[..end]);
        }
        let mut far = good.clone();
        far[4..36].fill(0xff);
        assert_eq!(reason(&far), None);
        let mut long = good;
        long[60..68].fill(0xff);
        assert_eq!(reason(&long), None);
    }
}
