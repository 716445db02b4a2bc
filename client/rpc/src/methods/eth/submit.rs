//! Transactions into the pool.

use super::shape::{AMOUNT, RECEIPT};
use super::values::{self, hex};
use super::{ERRORS, ask, transaction};
use crate::access::Access;
use crate::error::{RpcError, ethereum};
use crate::methods::registry::{Registered, Registry, caller_method, raw_method};
use crate::methods::{Context, blocking};
use crate::spec::{Method, Param, Schema};
use crate::{SubmitError, SubmitErrorKind};
use codec::{DecodeAll, Encode};
use quids_api::evm::{EvmError, EvmTransaction};
use quids_api::names;
use quids_core::{H256, Hash};
use quids_ethereum::Transaction;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

const ENVELOPE: Param = Param::required("envelope", Schema::Bytes, "EIP-2718 bytes of a signed transaction");
const TIMEOUT: Param = Param::optional(
    "timeoutMs",
    AMOUNT,
    "milliseconds to wait, at most 60 000; 20 000 if left out",
);
const TIMEOUT_MS: u64 = 20_000;
const TIMEOUT_MS_MAX: u64 = 60_000;

pub fn register(registry: &mut Registry) -> Registered {
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_sendRawTransaction",
                "Gives a signed transaction to the pool; its hash.",
                &[ENVELOPE],
                Schema::Hash,
            )
            .errors(ERRORS)
        },
        |context, arguments, access| submit(context, &arguments.bytes("envelope")?, access).map(hex),
    )?;
    raw_method(
        registry,
        const {
            &Method::new(
                "eth_sendRawTransactionSync",
                "Gives a signed transaction to the pool and waits for its receipt.",
                &[ENVELOPE, TIMEOUT],
                RECEIPT,
            )
            .errors(ERRORS)
        },
        |arguments, context, extensions| async move {
            let envelope = arguments.bytes("envelope")?;
            let patience = arguments
                .optional("timeoutMs")
                .map(|value| values::u64("timeoutMs", value));
            let patience = patience.transpose()?.unwrap_or(TIMEOUT_MS).min(TIMEOUT_MS_MAX);
            submit_and_wait(
                context,
                envelope,
                Duration::from_millis(patience),
                Access::of(&extensions),
            )
            .await
        },
    )
}

/// Gives a transaction to the pool; its hash.
pub fn submit(context: &Context, envelope: &[u8], access: Access) -> Result<H256, RpcError> {
    let decoded = Transaction::decode(envelope).map_err(|error| ethereum(error.to_string()))?;
    let hash = decoded.hash();
    drop(decoded);
    let node = &*context.backend;
    let best = node.best_hash();
    match node.submit(carrying(context, best, envelope)?, access.is_unsafe_allowed) {
        Ok(_) => Ok(hash),
        Err(cause) => Err(refused(context, envelope, cause)),
    }
}

/// The extrinsic that carries a transaction. What stands before the transaction is the same for all: the runtime is asked
/// once for each best block.
fn carrying(context: &Context, best: Hash, envelope: &[u8]) -> Result<Vec<u8>, RpcError> {
    let encoded = envelope.encode();
    if let Some(before) = context.eth.carriers.get(best) {
        return Ok([&before[..], &encoded[..]].concat());
    }
    let extrinsic: Vec<u8> = ask::runtime(&*context.backend, best, names::QEVM_EXTRINSIC, &envelope)?;
    if let Some(before) = extrinsic.strip_suffix(&encoded[..]) {
        context.eth.carriers.put(best, before.to_vec());
    }
    Ok(extrinsic)
}

/// The pool's refusal in go-ethereum's words; the runtime knows the details.
fn refused(context: &Context, envelope: &[u8], cause: SubmitError) -> RpcError {
    match cause.kind {
        SubmitErrorKind::AlreadyImported => return ethereum("already known"),
        SubmitErrorKind::TooLowPriority => return ethereum("replacement transaction underpriced"),
        SubmitErrorKind::ImmediatelyDropped => return ethereum(format!("txpool is full: {}", cause.message)),
        SubmitErrorKind::Verification
        | SubmitErrorKind::Invalid
        | SubmitErrorKind::Unknown
        | SubmitErrorKind::TemporarilyBanned => {}
    }
    let node = &*context.backend;
    let answer = node.call(node.best_hash(), names::QEVM_CHECK_TRANSACTION, &envelope.encode());
    let verdict = answer
        .ok()
        .and_then(|answer| Result::<EvmTransaction, EvmError>::decode_all(&mut &answer[..]).ok());
    match verdict {
        Some(Err(error)) => ethereum(error.message),
        _ => ethereum(cause.message),
    }
}

/// Waits for the block that holds the transaction.
async fn submit_and_wait(
    context: Arc<Context>,
    envelope: Vec<u8>,
    patience: Duration,
    access: Access,
) -> Result<Value, RpcError> {
    let mut blocks = context.backend.subscribe_blocks();
    let shared = context.clone();
    let submitted = blocking(&context, move || submit(&shared, &envelope, access)).await;
    let hash = submitted.ok_or_else(|| crate::error::internal("the node failed to submit"))??;
    let waited = tokio::time::timeout(patience, async {
        loop {
            let block = match blocks.recv().await {
                Ok(block) if block.is_new_best => block,
                Ok(_) => continue,
                Err(_) => return None,
            };
            let shared = context.clone();
            let found = blocking(&context, move || transaction::receipt_in(&shared, block.hash, hash)).await?;
            match found {
                Ok(None) => {}
                Ok(Some(receipt)) => return Some(Ok(receipt)),
                Err(error) => return Some(Err(error)),
            }
        }
    });
    match waited.await {
        Ok(Some(answer)) => answer,
        Ok(None) | Err(_) => Err(RpcError::owned(
            crate::error::ETHEREUM,
            "the transaction was added to the transaction pool but was not processed in time",
            Some(crate::json::hex(hash.as_bytes())),
        )),
    }
}
