//! `author_*`: transactions into the pool, and what becomes of them.

use super::Context;
use super::registry::{Registered, Registry, caller_method, method, subscription};
use super::subscribe::send;
use crate::access::Access;
use crate::error::{self, RpcError, from_submit, internal};
use crate::params::{self, Arguments};
use crate::spec::shapes::{BYTES_LIST, EXTRINSIC, HASH_LIST, TRANSACTION_STATUS};
use crate::spec::{Field, Method, Param, Schema, Subscription};
use crate::{Config, json};
use codec::Encode;
use jsonrpsee::core::server::PendingSubscriptionSink;
use jsonrpsee::types::Params;
use quids_core::{Hash, OpaqueExtrinsic};
use serde_json::{Value, json as value};
use std::sync::Arc;

const SUBMIT_ERRORS: &[i32] = &[error::BAD_EXTRINSIC, 1002, 1010, 1011, 1012, 1013, 1014, 1016];

/// What a response has beyond its result; a longer id is its sender's affair.
const ENVELOPE_BYTES: usize = 1024;

const BYTES_OR_HASH: Param = Param::required(
    "bytesOrHash",
    Schema::List(&Schema::OneOf(&[
        Schema::Object(&[Field::required("hash", Schema::Hash, "")]),
        Schema::Object(&[Field::required("extrinsic", Schema::Bytes, "")]),
    ])),
    "at most 1024",
);

const WATCH: Subscription = Subscription {
    name: "author_submitAndWatchExtrinsic",
    aliases: &[],
    unsubscribe: "author_unwatchExtrinsic",
    unsubscribe_aliases: &[],
    notification: "author_extrinsicUpdate",
    summary: "Gives a transaction to the pool and tells what becomes of it, until the end.",
    params: &[EXTRINSIC],
    item: TRANSACTION_STATUS,
    errors: SUBMIT_ERRORS,
    is_unsafe: false,
};

pub fn register(registry: &mut Registry) -> Registered {
    caller_method(
        registry,
        const {
            &Method::new(
                "author_submitExtrinsic",
                "Gives a transaction to the pool. Answers its hash: BLAKE3-256 of the bytes with their length prefix. \
                 Only what comes from who may call unsafe methods outlives a restart of the node, however it is submitted.",
                &[EXTRINSIC],
                Schema::Hash,
            )
            .errors(SUBMIT_ERRORS)
        },
        |context, arguments, access| {
            let OpaqueExtrinsic(bytes) = arguments.extrinsic()?;
            let submitted = context.backend.submit(bytes, access.is_unsafe_allowed);
            submitted.map(|hash| json::hash(&hash)).map_err(from_submit)
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "author_pendingExtrinsics",
                "The pool's ready transactions, with their length prefix, in the order in which a block takes them: as \
                 many as fit into a response.",
                &[],
                BYTES_LIST,
            )
        },
        |context, _, _| {
            // Two digits for each byte.
            let max_bytes = (context.config.max_response_bytes as usize).saturating_sub(ENVELOPE_BYTES) / 2;
            let pending = context.backend.pending(max_bytes).into_iter();
            Ok(json::list(pending.map(|bytes| OpaqueExtrinsic(bytes).encode())))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "author_removeExtrinsic",
                "Takes transactions out of the pool, with those that depend on them. Answers the hashes of those it \
                 found.",
                &[BYTES_OR_HASH],
                HASH_LIST,
            )
            .errors(&[error::BAD_EXTRINSIC, error::BAD_COUNT])
            .for_owner()
        },
        |node, arguments| {
            let named = arguments.list("bytesOrHash", Config::HASHES_PER_REQUEST_MAX)?;
            let hashes = named.iter().map(hash_of).collect::<Result<Vec<_>, _>>()?;
            let removed = node.remove_transactions(&hashes);
            Ok(removed.iter().map(json::hash).collect())
        },
    )?;
    subscription(registry, &WATCH, |params, pending, context, extensions| {
        watch(params, pending, context, Access::of(&extensions))
    })
}

/// The hash of a transaction that is named by its hash or by itself.
fn hash_of(named: &Value) -> Result<Hash, RpcError> {
    match named.get("extrinsic") {
        Some(extrinsic) => {
            let OpaqueExtrinsic(bytes) = params::extrinsic(&params::bytes("extrinsic", extrinsic)?)?;
            Ok(quids_txpool::hash_of(&bytes))
        }
        None => params::hash("hash", &named["hash"]),
    }
}

async fn watch(params: Params<'static>, pending: PendingSubscriptionSink, context: Arc<Context>, access: Access) {
    let extrinsic: Result<_, RpcError> =
        Arguments::new(&params, WATCH.params).and_then(|arguments| arguments.extrinsic());
    let extrinsic = match extrinsic {
        Ok(extrinsic) => extrinsic,
        Err(error) => return pending.reject(error).await,
    };
    let node = context.backend.clone();
    let submitted =
        tokio::task::spawn_blocking(move || node.submit_and_watch(extrinsic.0, access.is_unsafe_allowed)).await;
    let mut statuses = match submitted {
        Ok(Ok((_, statuses))) => statuses,
        Ok(Err(error)) => return pending.reject(from_submit(error)).await,
        Err(_) => return pending.reject(internal("the node failed to submit")).await,
    };
    let Ok(sink) = pending.accept().await else {
        return;
    };
    loop {
        let status = tokio::select! {
            status = statuses.recv() => status,
            () = sink.closed() => return,
        };
        let Some(status) = status else { return };
        if !send(&sink, &context, &value!(status)).await || status.is_final() {
            return;
        }
    }
}
