//! `debug_*`: executions again, in the runtime of their block, told as go-ethereum's tracers tell them; and raw bytes.
//! `trace_*` beside it, as a list of calls.

pub mod calls;
mod options;
mod raw;
mod state;
mod steps;
mod text;

use super::call::{block_at, run};
use super::shape::{BLOCK_HASH, BLOCK_NUMBER, CALL_PARAM, TRANSACTION_HASH};
use super::{ask, place, request, transaction};
use crate::error::{ETHEREUM, INTERNAL, RESPONSE_BYTES, RpcError, ethereum, from_evm_backend};
use crate::methods::Context;
use crate::methods::registry::{Registered, Registry, text_method};
use crate::spec::{Field, Method, Param, Schema};
use calls::Belongs;
use options::{OPTIONS, Tracer};
use quids_api::evm::{EvmBlock, EvmOutcome, SimulatedBlock, TraceOptions};
use quids_core::{H256, Hash};
use serde_json::value::RawValue;
use state::Shown;
use text::Text;

/// What traces fail with.
const ERRORS: &[i32] = &[ETHEREUM, INTERNAL, RESPONSE_BYTES];

/// What a response has beyond its result.
const ENVELOPE_BYTES: usize = 1024;

const TRACE: Schema = Schema::Any;
const TRACES: Schema = Schema::List(&Schema::Object(&[
    Field::required("txHash", Schema::Hash, ""),
    Field::required("result", TRACE, ""),
]));
const AT: Param = Param::optional("block", place::BLOCK, "latest if left out");

const BLOCK: Param = Param::required("block", place::BLOCK, "");

pub fn register(registry: &mut Registry) -> Registered {
    text_method(
        registry,
        const {
            &Method::new(
                "debug_traceTransaction",
                "Executes a transaction again and tells what it did.",
                &[TRANSACTION_HASH, OPTIONS],
                TRACE,
            )
            .errors(ERRORS)
        },
        |context, arguments| {
            let tracer = Tracer::read(arguments.optional("options"))?;
            let found = transaction::lookup(context, arguments.hash("transactionHash")?)?;
            let found = found.ok_or_else(|| ethereum("transaction not found"))?;
            let outcome = replay_one(context, found.hash, found.index, tracer.recorded())?;
            let mut text = Text::new(max(context));
            let hash = found.transaction().map_or(H256::zero(), |transaction| transaction.hash);
            tell(
                &mut text,
                &outcome,
                tracer,
                Some(belongs(&found.hash, &found.block, &hash, found.index)),
            );
            text.finish()
        },
    )?;
    text_method(
        registry,
        const {
            &Method::new(
                "debug_traceCall",
                "Runs a call on the state after a block and tells what it did.",
                &[CALL_PARAM, AT, OPTIONS],
                TRACE,
            )
            .errors(&[ETHEREUM, crate::error::REVERTED, INTERNAL, RESPONSE_BYTES])
        },
        |context, arguments| {
            let options = arguments.optional("options");
            let tracer = Tracer::read(options)?;
            let place = place::state_of(context, arguments.optional("block"))?;
            let request = request::call(arguments.value("transaction")?)?;
            let overrides = |name: &str| options.and_then(|options| super::values::field(options, name));
            let block = SimulatedBlock {
                block: request::block_overrides(overrides("blockOverrides"), block_at(context, place)?)?,
                state: request::state_overrides(overrides("stateOverrides"))?,
                messages: vec![request.message],
            };
            let outcome = run(context, place.hash, block, tracer.recorded())?;
            let mut text = Text::new(max(context));
            tell(&mut text, &outcome, tracer, None);
            text.finish()
        },
    )?;
    for (spec, param) in [
        (
            const {
                &Method::new(
                    "debug_traceBlockByNumber",
                    "Executes a block again and tells what each of its Ethereum transactions did.",
                    &[BLOCK_NUMBER, OPTIONS],
                    TRACES,
                )
                .errors(ERRORS)
            },
            trace_block_by_number as Traces,
        ),
        (
            const {
                &Method::new(
                    "debug_traceBlockByHash",
                    "Executes a block again and tells what each of its Ethereum transactions did.",
                    &[BLOCK_HASH, OPTIONS],
                    TRACES,
                )
                .errors(ERRORS)
            },
            trace_block_by_hash as Traces,
        ),
    ] {
        text_method(registry, spec, param)?;
    }
    register_flat(registry)?;
    raw::register(registry)
}

type Traces = fn(&Context, &mut crate::params::Arguments) -> Result<Box<RawValue>, RpcError>;

fn trace_block_by_number(
    context: &Context,
    arguments: &mut crate::params::Arguments,
) -> Result<Box<RawValue>, RpcError> {
    trace_block(context, arguments, "blockNumber")
}

fn trace_block_by_hash(context: &Context, arguments: &mut crate::params::Arguments) -> Result<Box<RawValue>, RpcError> {
    trace_block(context, arguments, "blockHash")
}

fn trace_block(
    context: &Context,
    arguments: &crate::params::Arguments,
    param: &str,
) -> Result<Box<RawValue>, RpcError> {
    let tracer = Tracer::read(arguments.optional("options"))?;
    let place = place::find(context, arguments.optional(param))?;
    let hash = place.ok_or_else(|| ethereum("block not found"))?.hash;
    let block = ask::block(context, hash)?;
    let mut text = Text::new(max(context));
    text.open("[");
    each(
        context,
        hash,
        &block,
        tracer.recorded(),
        &mut text,
        |text, outcome, index, transaction| {
            text.open("{");
            text.name("txHash");
            text.bytes(transaction);
            text.name("result");
            tell(text, outcome, tracer, Some(belongs(&hash, &block, transaction, index)));
            text.close("}");
        },
    )?;
    text.close("]");
    text.finish()
}

/// Replays a block's transactions. Steps are recorded for one transaction at a time, since they are large.
fn each(
    context: &Context,
    hash: Hash,
    block: &EvmBlock,
    options: TraceOptions,
    text: &mut Text,
    write: impl Fn(&mut Text, &EvmOutcome, u32, &H256),
) -> Result<(), RpcError> {
    if block.transactions.is_empty() {
        return Ok(());
    }
    let transactions = block.transactions.iter().zip(0u32..);
    if options.steps.is_none() {
        let outcomes = context
            .backend
            .evm_replay(hash, None, options)
            .map_err(from_evm_backend)?;
        if outcomes.len() != block.transactions.len() {
            return Err(crate::error::internal(format!(
                "the block has {} transactions, its replay {}",
                block.transactions.len(),
                outcomes.len()
            )));
        }
        for (outcome, (transaction, index)) in outcomes.iter().zip(transactions) {
            write(text, outcome, index, &transaction.hash);
        }
        return Ok(());
    }
    for (transaction, index) in transactions {
        if text.is_full() {
            break;
        }
        let outcome = replay_one(context, hash, index, options)?;
        write(text, &outcome, index, &transaction.hash);
    }
    Ok(())
}

fn replay_one(context: &Context, hash: Hash, index: u32, options: TraceOptions) -> Result<EvmOutcome, RpcError> {
    let outcomes = context.backend.evm_replay(hash, Some(index), options);
    let first = outcomes.map_err(from_evm_backend)?.into_iter().next();
    first.ok_or_else(|| ethereum("the replay did not answer"))
}

/// The calls of a transaction; `None` if it is in no block.
pub fn calls_of(context: &Context, hash: H256) -> Result<Option<EvmOutcome>, RpcError> {
    let Some(found) = transaction::lookup(context, hash)? else {
        return Ok(None);
    };
    let options = TraceOptions {
        calls: true,
        ..TraceOptions::default()
    };
    replay_one(context, found.hash, found.index, options).map(Some)
}

fn max(context: &Context) -> usize {
    (context.config.max_response_bytes as usize).saturating_sub(ENVELOPE_BYTES)
}

const fn belongs<'a>(hash: &'a Hash, block: &EvmBlock, transaction: &'a H256, position: u32) -> Belongs<'a> {
    Belongs {
        block_hash: &hash.0,
        block_number: block.env.number,
        transaction_hash: &transaction.0,
        position,
    }
}

fn tell(text: &mut Text, outcome: &EvmOutcome, tracer: Tracer, belongs: Option<Belongs<'_>>) {
    let calls = outcome.trace.as_ref().map(|trace| &trace.calls[..]).unwrap_or_default();
    let accounts = outcome.trace.as_ref().map(|trace| &trace.state[..]).unwrap_or_default();
    match tracer {
        Tracer::Steps(options) => steps::structured(text, outcome, options),
        Tracer::Calls { only_top, with_logs } => calls::tree(text, calls, only_top, with_logs),
        Tracer::FlatCalls => {
            text.open("[");
            calls::flat(text, calls, belongs);
            text.close("]");
        }
        Tracer::State { is_diff, code, storage } => {
            let shown = Shown { code, storage };
            match is_diff {
                true => state::difference(text, accounts, shown),
                false => state::before(text, accounts, shown),
            }
        }
        Tracer::FourByte => calls::four_byte(text, calls),
        Tracer::Nothing => {
            text.open("{");
            text.close("}");
        }
    }
}

fn register_flat(registry: &mut Registry) -> Registered {
    const FLAT: Schema = Schema::Nullable(&Schema::List(&Schema::Any));
    text_method(
        registry,
        const {
            &Method::new(
                "trace_transaction",
                "The calls of a transaction as a list, as Parity has them; null if there is none such.",
                &[TRANSACTION_HASH],
                FLAT,
            )
            .errors(ERRORS)
        },
        |context, arguments| {
            let mut text = Text::new(max(context));
            match transaction::lookup(context, arguments.hash("transactionHash")?)? {
                None => text.bare("null"),
                Some(found) => {
                    let outcome = replay_one(context, found.hash, found.index, Tracer::FlatCalls.recorded())?;
                    let hash = found.transaction().map_or(H256::zero(), |transaction| transaction.hash);
                    let belongs = belongs(&found.hash, &found.block, &hash, found.index);
                    tell(&mut text, &outcome, Tracer::FlatCalls, Some(belongs));
                }
            }
            text.finish()
        },
    )?;
    text_method(
        registry,
        const {
            &Method::new(
                "trace_block",
                "The calls of a block's Ethereum transactions as a list, as Parity has them; null if there is no such \
                 block.",
                &[BLOCK],
                FLAT,
            )
            .errors(ERRORS)
        },
        |context, arguments| {
            let mut text = Text::new(max(context));
            match place::find(context, arguments.optional("block"))? {
                None => text.bare("null"),
                Some(place) => {
                    let block = ask::block(context, place.hash)?;
                    text.open("[");
                    let options = Tracer::FlatCalls.recorded();
                    each(
                        context,
                        place.hash,
                        &block,
                        options,
                        &mut text,
                        |text, outcome, index, hash| {
                            let calls = outcome.trace.as_ref().map(|trace| &trace.calls[..]).unwrap_or_default();
                            calls::flat(text, calls, Some(belongs(&place.hash, &block, hash, index)));
                        },
                    )?;
                    text.close("]");
                }
            }
            text.finish()
        },
    )
}
