//! `author_*`: transactions into the pool, and what becomes of them.

use super::subscribe::send;
use super::{Context, Module, Registered, method};
use crate::error::{RpcError, from_submit, internal};
use crate::json;
use crate::params::Arguments;
use codec::Encode;
use jsonrpsee::core::server::PendingSubscriptionSink;
use jsonrpsee::types::Params;
use quids_core::OpaqueExtrinsic;
use serde_json::json as value;
use std::sync::Arc;

pub fn register(module: &mut Module) -> Registered {
    method(module, "author_submitExtrinsic", &[], |node, arguments| {
        let hash = node.submit(arguments.extrinsic()?.0).map_err(from_submit)?;
        Ok(json::hash(&hash))
    })?;
    method(module, "author_pendingExtrinsics", &[], |node, _| {
        let pending = node.pending().into_iter();
        Ok(json::list(pending.map(|bytes| OpaqueExtrinsic(bytes).encode())))
    })?;
    module.register_subscription(
        "author_submitAndWatchExtrinsic",
        "author_extrinsicUpdate",
        "author_unwatchExtrinsic",
        |params, pending, context, _| watch(params, pending, context),
    )?;
    Ok(())
}

async fn watch(params: Params<'static>, pending: PendingSubscriptionSink, context: Arc<Context>) {
    let extrinsic: Result<_, RpcError> = Arguments::new(&params).and_then(|mut arguments| arguments.extrinsic());
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
