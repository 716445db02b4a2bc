//! Blocks, their receipts and their uncles, of which there are none.

use super::place::{self, Place};
use super::render::{self, Position, Summary};
use super::shape::{BLOCK, BLOCK_HASH, BLOCK_NUMBER, HEADER, HYDRATED, INDEX, RECEIPT};
use super::values::{hex, quantity};
use super::{ERRORS, ask};
use crate::error::{RpcError, from_evm_backend};
use crate::methods::Context;
use crate::methods::registry::{Registered, Registry, caller_method};
use crate::params::Arguments;
use crate::spec::{Method, Param, Schema};
use codec::Encode;
use quids_api::evm::EvmBlock;
use quids_core::{H256, Hash, Header, Height};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Transactions that a pending block shows.
const PENDING_MAX: usize = 1000;

const COUNT: Schema = Schema::Nullable(&Schema::Quantity);
const HEADER_OR_NULL: Schema = Schema::Nullable(&HEADER);
const BLOCK_OR_NULL: Schema = Schema::Nullable(&BLOCK);

const ANY_BLOCK: Param = Param::required("block", place::BLOCK, "");

pub fn register(registry: &mut Registry) -> Registered {
    for (spec, param) in [
        (
            const {
                &Method::new(
                    "eth_getBlockByHash",
                    "A block with its Ethereum transactions; null if there is none such.",
                    &[BLOCK_HASH, HYDRATED],
                    BLOCK_OR_NULL,
                )
                .errors(ERRORS)
            },
            "blockHash",
        ),
        (
            const {
                &Method::new(
                    "eth_getBlockByNumber",
                    "A block of the best chain with its Ethereum transactions; null if there is none such. The pending \
                     block shows at most 1000 transactions of the pool.",
                    &[BLOCK_NUMBER, HYDRATED],
                    BLOCK_OR_NULL,
                )
                .errors(ERRORS)
            },
            "blockNumber",
        ),
    ] {
        caller_method(registry, spec, move |context, arguments, _| {
            let is_full = arguments.optional("hydratedTransactions") == Some(&Value::Bool(true));
            match place::find(context, arguments.optional(param))? {
                Some(place) if place.is_pending => pending(context, place, is_full),
                Some(place) => Ok(block(context, place.hash, is_full)?.unwrap_or_default()),
                None => Ok(Value::Null),
            }
        })?;
    }
    register_headers(registry)?;
    register_counts(registry)?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_getBlockReceipts",
                "The receipts of a block's Ethereum transactions; null if there is no such block.",
                &[ANY_BLOCK],
                Schema::Nullable(&Schema::List(&RECEIPT)),
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let Some((place, block)) = found(context, arguments, "block")? else {
                return Ok(Value::Null);
            };
            Ok(receipts(place.hash, &block).collect())
        },
    )
}

fn register_headers(registry: &mut Registry) -> Registered {
    for (spec, param) in [
        (
            const {
                &Method::new(
                    "eth_getHeaderByHash",
                    "A block's header; null if there is none such.",
                    &[BLOCK_HASH],
                    HEADER_OR_NULL,
                )
                .errors(ERRORS)
            },
            "blockHash",
        ),
        (
            const {
                &Method::new(
                    "eth_getHeaderByNumber",
                    "The header of a block of the best chain; null if there is none such.",
                    &[BLOCK_NUMBER],
                    HEADER_OR_NULL,
                )
                .errors(ERRORS)
            },
            "blockNumber",
        ),
    ] {
        caller_method(registry, spec, move |context, arguments, _| {
            let Some(place) = place::find(context, arguments.optional(param))? else {
                return Ok(Value::Null);
            };
            Ok(header_of(context, place.hash)?.map_or(Value::Null, Value::Object))
        })?;
    }
    Ok(())
}

fn register_counts(registry: &mut Registry) -> Registered {
    const TRANSACTIONS: &str = "How many Ethereum transactions a block has; null if there is no such block.";
    const UNCLES: &str = "How many uncles a block has: none; null if there is no such block.";
    const UNCLE: &str = "A block's uncle: null, since there are none.";
    for (spec, param, counts) in [
        (
            const { &Method::new("eth_getBlockTransactionCountByHash", TRANSACTIONS, &[BLOCK_HASH], COUNT).errors(ERRORS) },
            "blockHash",
            true,
        ),
        (
            const {
                &Method::new(
                    "eth_getBlockTransactionCountByNumber",
                    TRANSACTIONS,
                    &[BLOCK_NUMBER],
                    COUNT,
                )
                .errors(ERRORS)
            },
            "blockNumber",
            true,
        ),
        (
            const { &Method::new("eth_getUncleCountByBlockHash", UNCLES, &[BLOCK_HASH], COUNT).errors(ERRORS) },
            "blockHash",
            false,
        ),
        (
            const { &Method::new("eth_getUncleCountByBlockNumber", UNCLES, &[BLOCK_NUMBER], COUNT).errors(ERRORS) },
            "blockNumber",
            false,
        ),
    ] {
        caller_method(registry, spec, move |context, arguments, _| {
            let Some(place) = place::find(context, arguments.optional(param))? else {
                return Ok(Value::Null);
            };
            if !counts {
                return Ok(quantity(0u8));
            }
            if place.is_pending {
                return Ok(quantity(ready(context)?.len()));
            }
            Ok(quantity(summary(context, place.hash)?.transactions))
        })?;
    }
    for spec in [
        const {
            &Method::new(
                "eth_getUncleByBlockHashAndIndex",
                UNCLE,
                &[BLOCK_HASH, INDEX],
                Schema::Null,
            )
        },
        const {
            &Method::new(
                "eth_getUncleByBlockNumberAndIndex",
                UNCLE,
                &[BLOCK_NUMBER, INDEX],
                Schema::Null,
            )
        },
    ] {
        caller_method(registry, spec, |_, _, _| Ok(Value::Null))?;
    }
    Ok(())
}

/// The block that a parameter names, if it is there. The pending block is the latest.
pub fn found(context: &Context, arguments: &Arguments, name: &str) -> Result<Option<(Place, Arc<EvmBlock>)>, RpcError> {
    let Some(place) = place::find(context, arguments.optional(name))? else {
        return Ok(None);
    };
    let block = ask::find_block(context, place.hash)?;
    Ok(block.map(|block| (place, block)))
}

/// A block's receipts.
pub fn receipts(hash: Hash, block: &EvmBlock) -> impl Iterator<Item = Value> {
    with_places(hash, block).map(|(transaction, position, first_log)| render::receipt(transaction, position, first_log))
}

/// A block's transactions, where they are, and the places in the block of their first logs.
pub fn with_places(
    hash: Hash,
    block: &EvmBlock,
) -> impl Iterator<Item = (&quids_api::evm::ExecutedTransaction, Position, u32)> {
    let mut next_log = 0u32;
    block.transactions.iter().zip(0..).map(move |(transaction, index)| {
        let first_log = next_log;
        let count = u32::try_from(transaction.receipt.logs.len()).unwrap_or(u32::MAX);
        next_log = next_log.saturating_add(count);
        (transaction, position(hash, block, index), first_log)
    })
}

/// Where the transaction of this place in a block is.
pub const fn position(hash: Hash, block: &EvmBlock, index: u32) -> Position {
    Position {
        block: hash,
        number: block.env.number,
        timestamp: block.env.timestamp,
        index,
    }
}

/// What of a block does not come from its header; remembered.
pub fn summary(context: &Context, hash: Hash) -> Result<Arc<Summary>, RpcError> {
    match context.eth.summaries.get(hash) {
        Some(known) => Ok(known),
        None => {
            let block = ask::block(context, hash)?;
            Ok(summarise(context, hash, &block))
        }
    }
}

fn summarise(context: &Context, hash: Hash, block: &EvmBlock) -> Arc<Summary> {
    if let Some(known) = context.eth.summaries.get(hash) {
        return known;
    }
    let receipts = block.transactions.iter().map(|transaction| &transaction.receipt);
    let summary = Summary {
        env: block.env.clone(),
        gas_used: block.gas_used,
        bloom: render::bloom(receipts.flat_map(|receipt| &receipt.logs)),
        receipts_root: render::receipts_root(&block.transactions),
        transactions: u32::try_from(block.transactions.len()).unwrap_or(u32::MAX),
    };
    context.eth.summaries.put(hash, summary)
}

/// A block's header as JSON; `None` if the block is unknown.
pub fn header_of(context: &Context, hash: Hash) -> Result<Option<Map<String, Value>>, RpcError> {
    let Some(header) = context.backend.header(hash).map_err(from_evm_backend)? else {
        return Ok(None);
    };
    let summary = summary(context, hash)?;
    Ok(Some(render::header(hash, &header, &summary)))
}

/// A block as JSON; `None` if it is unknown.
pub fn block(context: &Context, hash: Hash, is_full: bool) -> Result<Option<Value>, RpcError> {
    let node = &*context.backend;
    let Some(header) = node.header(hash).map_err(from_evm_backend)? else {
        return Ok(None);
    };
    let Some(block) = ask::find_block(context, hash)? else {
        return Ok(None);
    };
    let mut fields = render::header(hash, &header, &summarise(context, hash, &block));
    let transactions = with_places(hash, &block).map(|(transaction, position, _)| match is_full {
        true => render::executed(transaction, position),
        false => hex(transaction.hash),
    });
    fields.insert("transactions".into(), transactions.collect());
    fields.insert("size".into(), quantity(size(context, hash, &header)?));
    fields.insert("uncles".into(), Value::Array(Vec::new()));
    fields.insert("withdrawals".into(), Value::Array(Vec::new()));
    Ok(Some(Value::Object(fields)))
}

/// Bytes of header and extrinsics; of the header alone once the body is gone.
fn size(context: &Context, hash: Hash, header: &Header) -> Result<usize, RpcError> {
    let body = context.backend.body(hash).map_err(from_evm_backend)?;
    Ok(header.encoded_size() + body.map_or(0, |body| body.encoded_size()))
}

fn ready(context: &Context) -> Result<Vec<quids_api::evm::EvmTransaction>, RpcError> {
    let pool = context.backend.evm_pool(PENDING_MAX).map_err(from_evm_backend)?;
    let ready = pool.into_iter().filter(|(is_ready, _)| *is_ready);
    Ok(ready.map(|(_, transaction)| transaction).collect())
}

/// The block to come: what the pool would put into it.
fn pending(context: &Context, place: Place, is_full: bool) -> Result<Value, RpcError> {
    let parent = ask::header(&*context.backend, place.hash)?;
    let chain = ask::chain(context, place.hash)?;
    let mut env = (*ask::env(context, place.hash)?).clone();
    env.number = env.number.saturating_add(1);
    env.timestamp = env.timestamp.saturating_add(1);
    env.base_fee = chain.base_fee;
    env.gas_limit = chain.gas_limit;
    let transactions = ready(context)?;
    let header = render::bare_header(place.hash, parent.number.saturating_add(Height(1)), Vec::new());
    let summary = Summary {
        env,
        gas_used: 0,
        bloom: render::bloom([]),
        receipts_root: H256(alloy_consensus::EMPTY_ROOT_HASH.0),
        transactions: u32::try_from(transactions.len()).unwrap_or(u32::MAX),
    };
    let mut fields = render::header(Hash::zero(), &header, &summary);
    for name in ["hash", "nonce"] {
        fields.insert(name.into(), Value::Null);
    }
    let transactions = transactions.iter().map(|transaction| match is_full {
        true => render::pending(transaction),
        false => hex(transaction.hash),
    });
    fields.insert("transactions".into(), transactions.collect());
    fields.insert("size".into(), quantity(header.encoded_size()));
    fields.insert("uncles".into(), Value::Array(Vec::new()));
    fields.insert("withdrawals".into(), Value::Array(Vec::new()));
    Ok(Value::Object(fields))
}
