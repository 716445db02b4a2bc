//! Transactions and receipts: in blocks, and in the pool.

use super::block::{self, found, position, with_places};
use super::shape::{BLOCK_HASH, BLOCK_NUMBER, INDEX, RECEIPT, TRANSACTION, TRANSACTION_HASH};
use super::values::{self, hex};
use super::{ERRORS, ask, render};
use crate::error::{RpcError, from_evm_backend};
use crate::methods::Context;
use crate::methods::registry::{Registered, Registry, caller_method};
use crate::params::Arguments;
use crate::spec::{Method, Schema};
use quids_api::evm::{EvmBlock, EvmTransaction, ExecutedTransaction};
use quids_core::{H256, Hash};
use serde_json::Value;
use std::sync::Arc;

/// Transactions of the pool that are looked through for one.
const POOL_MAX: usize = 16_384;

const TRANSACTION_OR_NULL: Schema = Schema::Nullable(&TRANSACTION);
const BYTES_OR_NULL: Schema = Schema::Nullable(&Schema::Bytes);

/// A transaction in a block.
pub struct InBlock {
    pub hash: Hash,
    pub block: Arc<EvmBlock>,
    pub index: u32,
}

impl InBlock {
    pub fn transaction(&self) -> Option<&ExecutedTransaction> {
        self.block.transactions.get(self.index as usize)
    }

    pub fn json(&self) -> Value {
        let position = position(self.hash, &self.block, self.index);
        self.transaction()
            .map_or(Value::Null, |transaction| render::executed(transaction, position))
    }

    pub fn receipt(&self) -> Value {
        let mut all = with_places(self.hash, &self.block);
        let found = all.nth(self.index as usize);
        found.map_or(Value::Null, |(transaction, position, first_log)| {
            render::receipt(transaction, position, first_log)
        })
    }
}

/// A transaction that is in a block of this node; `None` if there is none such.
pub fn lookup(context: &Context, hash: H256) -> Result<Option<InBlock>, RpcError> {
    let node = &*context.backend;
    let Some((hash, index)) = node.evm_transaction(hash).map_err(from_evm_backend)? else {
        return Ok(None);
    };
    let block = ask::block(context, hash)?;
    Ok(Some(InBlock { hash, block, index }))
}

/// A transaction of the pool.
fn pooled(context: &Context, hash: H256) -> Result<Option<EvmTransaction>, RpcError> {
    let pool = context.backend.evm_pool(POOL_MAX).map_err(from_evm_backend)?;
    let mut all = pool.into_iter().map(|(_, transaction)| transaction);
    Ok(all.find(|transaction| transaction.hash == hash))
}

pub fn register(registry: &mut Registry) -> Registered {
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_getTransactionByHash",
                "A transaction in a block or in the pool; null if there is none such.",
                &[TRANSACTION_HASH],
                TRANSACTION_OR_NULL,
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let hash = arguments.hash("transactionHash")?;
            match lookup(context, hash)? {
                Some(found) => Ok(found.json()),
                None => Ok(pooled(context, hash)?.as_ref().map_or(Value::Null, render::pending)),
            }
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_getTransactionReceipt",
                "What came of a transaction; null while it is in no block.",
                &[TRANSACTION_HASH],
                Schema::Nullable(&RECEIPT),
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let found = lookup(context, arguments.hash("transactionHash")?)?;
            Ok(found.map_or(Value::Null, |found| found.receipt()))
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_getRawTransactionByHash",
                "The EIP-2718 bytes of a transaction in a block or in the pool; null if there is none such, none for a \
                 call by a signed extrinsic.",
                &[TRANSACTION_HASH],
                BYTES_OR_NULL,
            )
            .aliases(&["debug_getRawTransaction"])
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let hash = arguments.hash("transactionHash")?;
            if let Some(found) = lookup(context, hash)? {
                return Ok(found
                    .transaction()
                    .map_or(Value::Null, |transaction| hex(&transaction.envelope)));
            }
            Ok(pooled(context, hash)?.map_or(Value::Null, |transaction| hex(transaction.envelope)))
        },
    )?;
    register_by_place(registry)
}

fn register_by_place(registry: &mut Registry) -> Registered {
    const BY_PLACE: &str = "The transaction at a place in a block; null if there is none such.";
    const RAW: &str = "The EIP-2718 bytes of the transaction at a place in a block; null if there is none such.";
    let in_full: fn(&InBlock) -> Value = InBlock::json;
    let raw: fn(&InBlock) -> Value = |found| found.transaction().map_or(Value::Null, |found| hex(&found.envelope));
    for (spec, param, answer) in [
        (
            const {
                &Method::new(
                    "eth_getTransactionByBlockHashAndIndex",
                    BY_PLACE,
                    &[BLOCK_HASH, INDEX],
                    TRANSACTION_OR_NULL,
                )
                .errors(ERRORS)
            },
            "blockHash",
            in_full,
        ),
        (
            const {
                &Method::new(
                    "eth_getTransactionByBlockNumberAndIndex",
                    BY_PLACE,
                    &[BLOCK_NUMBER, INDEX],
                    TRANSACTION_OR_NULL,
                )
                .errors(ERRORS)
            },
            "blockNumber",
            in_full,
        ),
        (
            const {
                &Method::new(
                    "eth_getRawTransactionByBlockHashAndIndex",
                    RAW,
                    &[BLOCK_HASH, INDEX],
                    BYTES_OR_NULL,
                )
                .errors(ERRORS)
            },
            "blockHash",
            raw,
        ),
        (
            const {
                &Method::new(
                    "eth_getRawTransactionByBlockNumberAndIndex",
                    RAW,
                    &[BLOCK_NUMBER, INDEX],
                    BYTES_OR_NULL,
                )
                .errors(ERRORS)
            },
            "blockNumber",
            raw,
        ),
    ] {
        caller_method(registry, spec, move |context, arguments, _| {
            Ok(at_place(context, arguments, param)?.map_or(Value::Null, |found| answer(&found)))
        })?;
    }
    Ok(())
}

fn at_place(context: &Context, arguments: &Arguments, param: &str) -> Result<Option<InBlock>, RpcError> {
    let index = values::u64("index", arguments.value("index")?)?;
    let Ok(index) = u32::try_from(index) else {
        return Ok(None);
    };
    let found = found(context, arguments, param)?;
    Ok(found.map(|(place, block)| InBlock {
        hash: place.hash,
        block,
        index,
    }))
}

/// The receipt of a transaction that has just come into this block.
pub fn receipt_in(context: &Context, hash: Hash, transaction: H256) -> Result<Option<Value>, RpcError> {
    let block = ask::block(context, hash)?;
    let mut receipts = block::with_places(hash, &block);
    let found = receipts.find(|(executed, ..)| executed.hash == transaction);
    Ok(found.map(|(executed, position, first_log)| render::receipt(executed, position, first_log)))
}
