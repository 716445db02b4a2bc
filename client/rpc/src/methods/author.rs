//! `author_*`: transactions into the pool, and what becomes of them.

use super::Context;
use super::registry::{Registered, Registry, method, subscription};
use super::subscribe::send;
use crate::error::{self, RpcError, from_submit, internal};
use crate::json;
use crate::params::Arguments;
use crate::spec::shapes::{BYTES_LIST, EXTRINSIC, TRANSACTION_STATUS};
use crate::spec::{Method, Schema, Subscription};
use codec::Encode;
use jsonrpsee::core::server::PendingSubscriptionSink;
use jsonrpsee::types::Params;
use quids_core::OpaqueExtrinsic;
use serde_json::json as value;
use std::sync::Arc;

const SUBMIT_ERRORS: &[i32] = &[error::BAD_EXTRINSIC, 1002, 1010, 1011, 1012, 1013, 1014, 1016];

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
    method(
        registry,
        const {
            &Method::new(
                "author_submitExtrinsic",
                "Gives a transaction to the pool. Answers its hash: BLAKE3-256 of the bytes without length prefix.",
                &[EXTRINSIC],
                Schema::Hash,
            )
            .errors(SUBMIT_ERRORS)
        },
        |node, arguments| {
            let hash = node.submit(arguments.extrinsic()?.0).map_err(from_submit)?;
            Ok(json::hash(&hash))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "author_pendingExtrinsics",
                "The pool's ready transactions, with their length prefix.",
                &[],
                BYTES_LIST,
            )
        },
        |node, _| {
            let pending = node.pending().into_iter();
            Ok(json::list(pending.map(|bytes| OpaqueExtrinsic(bytes).encode())))
        },
    )?;
    subscription(registry, &WATCH, |params, pending, context, _| {
        watch(params, pending, context)
    })
}

async fn watch(params: Params<'static>, pending: PendingSubscriptionSink, context: Arc<Context>) {
    let extrinsic: Result<_, RpcError> =
        Arguments::new(&params, WATCH.params).and_then(|arguments| arguments.extrinsic());
    let extrinsic = match extrinsic {
        Ok(extrinsic) => extrinsic,
        Err(error) => return pending.reject(error).await,
    };
    let node = context.backend.clone();
    let submitted = tokio::task::spawn_blocking(move || node.submit_and_watch(extrinsic.0)).await;
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
