//! `ots_*`: what the explorer Otterscan asks of a node.

use super::block::{self, with_places};
use super::debug::calls::kind_text;
use super::debug::calls_of;
use super::place::{self, AT};
use super::shape::{ADDRESS, AMOUNT, BLOCK_HASH, BLOCK_NUMBER, TRANSACTION_HASH};
use super::values::{self, hex, quantity};
use super::{ERRORS, ask, render, transaction};
use crate::error::{RpcError, from_evm_backend};
use crate::methods::Context;
use crate::methods::registry::{Registered, Registry, caller_method};
use crate::params::Arguments;
use crate::spec::{Field, Method, Param, Schema};
use quids_api::evm::{CallFrame, CallKind, EvmBlock, EvmStatus, ExecutedTransaction, TraceOptions};
use quids_core::{H160, Hash, Height, U256};
use serde_json::{Value, json};

/// The version of the interface.
const API_LEVEL: u8 = 8;
/// Transactions of one page.
const PAGE_MAX: u64 = 100;
/// Blocks that one search looks at.
const SEARCH_BLOCKS_MAX: u32 = 10_000;
/// Frames of one answer.
const FRAMES_MAX: usize = 10_000;

const PAGE: Schema = Schema::Object(&[
    Field::required("txs", Schema::List(&Schema::Any), "the newest first"),
    Field::required("receipts", Schema::List(&Schema::Any), "with their blocks' timestamps"),
    Field::required("firstPage", Schema::Bool, "there is nothing newer"),
    Field::required("lastPage", Schema::Bool, "there is nothing older"),
]);

const NONCE: Param = Param::required("nonce", AMOUNT, "");
const PAGE_NUMBER: Param = Param::required("pageNumber", AMOUNT, "from 0");
const PAGE_SIZE: Param = Param::required("pageSize", AMOUNT, "at most 100");
const EDGE: Param = Param::required("blockNumber", AMOUNT, "not itself; 0 for the end of the chain");

pub fn register(registry: &mut Registry) -> Registered {
    caller_method(
        registry,
        const { &Method::new("ots_getApiLevel", "The version of these methods.", &[], Schema::Number).quick() },
        |_, _, _| Ok(API_LEVEL.into()),
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "ots_hasCode",
                "Whether an account has code.",
                &[ADDRESS, AT],
                Schema::Bool,
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let place = place::state_of(context, arguments.optional("block"))?;
            let who = values::address("address", arguments.value("address")?)?;
            Ok((!ask::code(&*context.backend, place.hash, who)?.is_empty()).into())
        },
    )?;
    register_transactions(registry)?;
    register_blocks(registry)?;
    register_searches(registry)
}

fn register_transactions(registry: &mut Registry) -> Registered {
    caller_method(
        registry,
        const {
            &Method::new(
                "ots_getInternalOperations",
                "Transfers, creations and self-destructions within a transaction; null if there is none such.",
                &[TRANSACTION_HASH],
                Schema::Nullable(&Schema::List(&Schema::Any)),
            )
            .errors(ERRORS)
        },
        |context, arguments, _| frames(context, arguments, internal_operation),
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "ots_traceTransaction",
                "The calls within a transaction; null if there is none such.",
                &[TRANSACTION_HASH],
                Schema::Nullable(&Schema::List(&Schema::Any)),
            )
            .errors(ERRORS)
        },
        |context, arguments, _| frames(context, arguments, traced),
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "ots_getTransactionError",
                "What a transaction that reverted said; no bytes for any other.",
                &[TRANSACTION_HASH],
                Schema::Nullable(&Schema::Bytes),
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let Some(found) = transaction::lookup(context, arguments.hash("transactionHash")?)? else {
                return Ok(Value::Null);
            };
            if found
                .transaction()
                .is_none_or(|transaction| transaction.receipt.success)
            {
                return Ok(hex([0u8; 0]));
            }
            let nothing = TraceOptions::default();
            let outcomes = context.backend.evm_replay(found.hash, Some(found.index), nothing);
            let outcome = outcomes.map_err(from_evm_backend)?.into_iter().next();
            Ok(outcome.map_or(Value::Null, |outcome| hex(outcome.output)))
        },
    )
}

fn frames(context: &Context, arguments: &Arguments, show: fn(&CallFrame) -> Option<Value>) -> Result<Value, RpcError> {
    let outcome = calls_of(context, arguments.hash("transactionHash")?)?;
    Ok(outcome.map_or(Value::Null, |outcome| {
        let frames = outcome.trace.iter().flat_map(|trace| &trace.calls);
        frames.filter_map(show).take(FRAMES_MAX).collect()
    }))
}

fn internal_operation(frame: &CallFrame) -> Option<Value> {
    if frame.depth == 0 || frame.status != EvmStatus::Success {
        return None;
    }
    let kind = match frame.kind {
        CallKind::Call if !frame.value.is_zero() => 0,
        CallKind::SelfDestruct => 1,
        CallKind::Create => 2,
        CallKind::Create2 => 3,
        _ => return None,
    };
    Some(json!({
        "type": kind, "from": hex(frame.from), "to": hex(frame.to), "value": quantity(frame.value),
    }))
}

fn traced(frame: &CallFrame) -> Option<Value> {
    let has_value = !matches!(frame.kind, CallKind::DelegateCall | CallKind::StaticCall);
    Some(json!({
        "type": kind_text(frame.kind),
        "depth": frame.depth,
        "from": hex(frame.from),
        "to": hex(frame.to),
        "value": has_value.then(|| quantity(frame.value)),
        "input": hex(&frame.input),
        "output": hex(&frame.output),
    }))
}

fn register_blocks(registry: &mut Registry) -> Registered {
    for (spec, param) in [
        (
            const {
                &Method::new(
                    "ots_getBlockDetails",
                    "A block without its transactions, with the sum of their fees; null if there is none such.",
                    &[BLOCK_NUMBER],
                    Schema::Any,
                )
                .errors(ERRORS)
            },
            "blockNumber",
        ),
        (
            const {
                &Method::new(
                    "ots_getBlockDetailsByHash",
                    "A block without its transactions, with the sum of their fees; null if there is none such.",
                    &[BLOCK_HASH],
                    Schema::Any,
                )
                .errors(ERRORS)
            },
            "blockHash",
        ),
    ] {
        caller_method(registry, spec, move |context, arguments, _| {
            let Some((place, evm)) = block::found(context, arguments, param)? else {
                return Ok(Value::Null);
            };
            Ok(details(context, place.hash, &evm)?.unwrap_or_default())
        })?;
    }
    caller_method(
        registry,
        const {
            &Method::new(
                "ots_getBlockTransactions",
                "A page of a block's transactions with their receipts; null if there is no such block.",
                &[BLOCK_NUMBER, PAGE_NUMBER, PAGE_SIZE],
                Schema::Any,
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let Some((place, evm)) = block::found(context, arguments, "blockNumber")? else {
                return Ok(Value::Null);
            };
            let page = values::u64("pageNumber", arguments.value("pageNumber")?)?;
            let size = page_size(arguments)?;
            let skipped = usize::try_from(page.saturating_mul(size)).unwrap_or(usize::MAX);
            let Some(mut fields) = block::header_of(context, place.hash)? else {
                return Ok(Value::Null);
            };
            let page: Vec<_> = with_places(place.hash, &evm)
                .skip(skipped)
                .take(size as usize)
                .collect();
            let transactions = page
                .iter()
                .map(|(transaction, position, _)| render::executed(transaction, *position));
            fields.insert("transactions".into(), transactions.collect());
            fields.insert("transactionCount".into(), evm.transactions.len().into());
            let receipts = page
                .iter()
                .map(|(transaction, position, first)| render::receipt(transaction, *position, *first));
            Ok(json!({ "fullblock": fields, "receipts": receipts.collect::<Vec<_>>() }))
        },
    )
}

fn page_size(arguments: &Arguments) -> Result<u64, RpcError> {
    let size = values::u64("pageSize", arguments.value("pageSize")?)?;
    match size <= PAGE_MAX {
        true => Ok(size),
        false => Err(values::too_much(format!("pageSize is {size}, at most {PAGE_MAX}"))),
    }
}

fn details(context: &Context, hash: Hash, block: &EvmBlock) -> Result<Option<Value>, RpcError> {
    let Some(mut fields) = block::header_of(context, hash)? else {
        return Ok(None);
    };
    fields.insert("transactionCount".into(), block.transactions.len().into());
    let fees = block.transactions.iter().fold(U256::zero(), |sum, transaction| {
        let receipt = &transaction.receipt;
        let fee = U256::from(receipt.effective_gas_price).saturating_mul(receipt.gas_used.into());
        sum.saturating_add(fee)
    });
    Ok(Some(json!({
        "block": fields,
        "issuance": { "blockReward": "0x0", "uncleReward": "0x0", "issuance": "0x0" },
        "totalFees": quantity(fees),
    })))
}

fn register_searches(registry: &mut Registry) -> Registered {
    caller_method(
        registry,
        const {
            &Method::new(
                "ots_getTransactionBySenderAndNonce",
                "The hash of a sender's transaction of this nonce; null if there is none such.",
                &[ADDRESS, NONCE],
                Schema::Nullable(&Schema::Hash),
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let node = &*context.backend;
            let who = values::address("address", arguments.value("address")?)?;
            let nonce = values::u64("nonce", arguments.value("nonce")?)?;
            let hash = first_block(context, |at| Ok(ask::account(node, at, who)?.nonce > nonce))?;
            let Some(hash) = hash else {
                return Ok(Value::Null);
            };
            let block = ask::block(context, hash)?;
            let found = block
                .transactions
                .iter()
                .find(|transaction| transaction.from == who && nonce_of(transaction) == Some(nonce));
            Ok(found.map_or(Value::Null, |transaction| hex(transaction.hash)))
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "ots_getContractCreator",
                "Who made a contract in which transaction; null for an account without code, or one that genesis made.",
                &[ADDRESS],
                Schema::Any,
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let who = values::address("address", arguments.value("address")?)?;
            creator(context, who)
        },
    )?;
    for (spec, is_before) in [
        (
            const {
                &Method::new(
                    "ots_searchTransactionsBefore",
                    "A page of the transactions that sent, received, created or logged by an address before a block: of the \
                     10 000 blocks before it.",
                    &[ADDRESS, EDGE, PAGE_SIZE],
                    PAGE,
                )
                .errors(ERRORS)
            },
            true,
        ),
        (
            const {
                &Method::new(
                    "ots_searchTransactionsAfter",
                    "A page of the transactions that sent, received, created or logged by an address after a block: of the \
                     10 000 blocks after it.",
                    &[ADDRESS, EDGE, PAGE_SIZE],
                    PAGE,
                )
                .errors(ERRORS)
            },
            false,
        ),
    ] {
        caller_method(registry, spec, move |context, arguments, _| {
            search(context, arguments, is_before)
        })?;
    }
    Ok(())
}

fn nonce_of(transaction: &ExecutedTransaction) -> Option<u64> {
    match &transaction.call {
        Some(call) => call.nonce,
        None => quids_ethereum::Transaction::decode(&transaction.envelope)
            .ok()
            .map(|decoded| decoded.nonce()),
    }
}

/// The first block of the best chain after which something holds that then goes on to hold; `None` if it does not now.
fn first_block(context: &Context, holds: impl Fn(Hash) -> Result<bool, RpcError>) -> Result<Option<Hash>, RpcError> {
    let node = &*context.backend;
    let best = node.best_hash();
    if !holds(best)? {
        return Ok(None);
    }
    let (mut low, mut high, mut found) = (0, ask::header(node, best)?.number.0, best);
    while low < high {
        let middle = low + (high - low) / 2;
        let Some(hash) = node.hash_at(Height(middle)).map_err(from_evm_backend)? else {
            return Ok(None);
        };
        if holds(hash)? {
            (high, found) = (middle, hash);
        } else {
            low = middle + 1;
        }
    }
    Ok(Some(found))
}

fn creator(context: &Context, who: H160) -> Result<Value, RpcError> {
    let node = &*context.backend;
    let Some(hash) = first_block(context, |at| Ok(!ask::code(node, at, who)?.is_empty()))? else {
        return Ok(Value::Null);
    };
    let block = ask::block(context, hash)?;
    let direct = block
        .transactions
        .iter()
        .find(|one| one.receipt.contract_address == Some(who));
    if let Some(transaction) = direct {
        return Ok(json!({ "hash": hex(transaction.hash), "creator": hex(transaction.from) }));
    }
    let calls = TraceOptions {
        calls: true,
        ..TraceOptions::default()
    };
    for (transaction, index) in block.transactions.iter().zip(0u32..) {
        let outcomes = node.evm_replay(hash, Some(index), calls).map_err(from_evm_backend)?;
        let frames = outcomes
            .iter()
            .filter_map(|outcome| outcome.trace.as_ref())
            .flat_map(|trace| &trace.calls);
        let mut creations = frames.filter(|frame| matches!(frame.kind, CallKind::Create | CallKind::Create2));
        if let Some(frame) = creations.find(|frame| frame.to == who && frame.status == EvmStatus::Success) {
            return Ok(json!({ "hash": hex(transaction.hash), "creator": hex(frame.from) }));
        }
    }
    Ok(Value::Null)
}

fn search(context: &Context, arguments: &Arguments, is_before: bool) -> Result<Value, RpcError> {
    let node = &*context.backend;
    let who = values::address("address", arguments.value("address")?)?;
    let edge = values::u64("blockNumber", arguments.value("blockNumber")?)?;
    let size = page_size(arguments)? as usize;
    let best = ask::header(node, node.best_hash())?.number.0;
    let edge = u32::try_from(edge).unwrap_or(u32::MAX);
    // The heights to look at, in the order of looking.
    let heights: Box<dyn Iterator<Item = u32>> = match (is_before, edge) {
        (true, 0) => Box::new((0..=best).rev()),
        (true, edge) => Box::new((0..edge.min(best.saturating_add(1))).rev()),
        (false, edge) => Box::new(edge.saturating_add(u32::from(edge != 0))..=best),
    };
    let mut heights = heights.peekable();
    let mut found: Vec<(Value, Value)> = Vec::new();
    for _ in 0..SEARCH_BLOCKS_MAX {
        // A page takes whole blocks, so that the next begins at a block.
        if found.len() >= size {
            break;
        }
        let Some(height) = heights.next() else { break };
        let Some(hash) = node.hash_at(Height(height)).map_err(from_evm_backend)? else {
            continue;
        };
        let Some(block) = ask::find_block(context, hash)? else {
            continue;
        };
        let concerned = with_places(hash, &block).filter(|(transaction, ..)| concerns(transaction, who));
        let mut concerned: Vec<_> = concerned
            .map(|(transaction, position, first)| {
                let mut receipt = render::receipt(transaction, position, first);
                receipt["timestamp"] = block.env.timestamp.into();
                (render::executed(transaction, position), receipt)
            })
            .collect();
        if is_before {
            concerned.reverse();
        }
        found.extend(concerned);
    }
    if !is_before {
        found.reverse();
    }
    let is_exhausted = heights.peek().is_none();
    let (txs, receipts): (Vec<Value>, Vec<Value>) = found.into_iter().unzip();
    Ok(json!({
        "txs": txs,
        "receipts": receipts,
        "firstPage": if is_before { edge == 0 || edge > best } else { is_exhausted },
        "lastPage": if is_before { is_exhausted } else { edge == 0 },
    }))
}

fn concerns(transaction: &ExecutedTransaction, who: H160) -> bool {
    transaction.from == who
        || transaction.receipt.contract_address == Some(who)
        || transaction.receipt.logs.iter().any(|log| log.address == who)
        || render::callee(transaction) == Some(who)
}
