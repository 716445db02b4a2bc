//! Blocks and receipts as bytes. `debug_getRawTransaction` is another name of `eth_getRawTransactionByHash`.

use crate::error::from_evm_backend;
use crate::methods::eth::block::found;
use crate::methods::eth::values::hex;
use crate::methods::eth::{ERRORS, place, render};
use crate::methods::registry::{Registered, Registry, caller_method};
use crate::spec::{Method, Param, Schema};
use codec::Encode;
use quids_core::Block;
use serde_json::Value;

const BLOCK: Param = Param::required("block", place::BLOCK, "");

pub fn register(registry: &mut Registry) -> Registered {
    caller_method(
        registry,
        const {
            &Method::new(
                "debug_getRawHeader",
                "A block's header as the chain has it: the SCALE whose BLAKE3-256 is the block's hash. Null if there is \
                 none such.",
                &[BLOCK],
                Schema::Nullable(&Schema::Bytes),
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let Some(place) = place::find(context, arguments.optional("block"))? else {
                return Ok(Value::Null);
            };
            let header = context.backend.header(place.hash).map_err(from_evm_backend)?;
            Ok(header.map_or(Value::Null, |header| hex(header.encode())))
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "debug_getRawBlock",
                "A block as the chain has it: the SCALE of header and extrinsics. Null if there is none such or its \
                 extrinsics are gone.",
                &[BLOCK],
                Schema::Nullable(&Schema::Bytes),
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let Some(place) = place::find(context, arguments.optional("block"))? else {
                return Ok(Value::Null);
            };
            let header = context.backend.header(place.hash).map_err(from_evm_backend)?;
            let body = context.backend.body(place.hash).map_err(from_evm_backend)?;
            let block = header.zip(body);
            Ok(block.map_or(Value::Null, |(header, extrinsics)| {
                hex(Block { header, extrinsics }.encode())
            }))
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "debug_getRawReceipts",
                "The receipts of a block's Ethereum transactions as EIP-2718 bytes; null if there is no such block.",
                &[BLOCK],
                Schema::Nullable(&Schema::List(&Schema::Bytes)),
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let Some((_, block)) = found(context, arguments, "block")? else {
                return Ok(Value::Null);
            };
            let receipts = block.transactions.iter().map(|transaction| &transaction.receipt);
            Ok(receipts.map(|receipt| hex(render::receipt_bytes(receipt))).collect())
        },
    )
}
