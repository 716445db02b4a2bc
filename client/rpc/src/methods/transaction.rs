//! `transaction_v1_*`: keeps a transaction on its way into a block. `transactionWatch_v1_*`: says what becomes of one.

use super::registry::{Registered, Registry, raw_method, subscription};
use super::subscribe::send;
use super::{Context, blocking};
use crate::access::Access;
use crate::connection::{self, Connection};
use crate::error::invalid_params;
use crate::params::Arguments;
use crate::spec::{Field, Method, Param, Schema, Subscription};
use crate::{Backend, Notification, SubmitError, SubmitErrorKind, TransactionStatus, json};
use codec::DecodeAll;
use jsonrpsee::core::server::PendingSubscriptionSink;
use jsonrpsee::types::Params;
use quids_core::{Hash, OpaqueExtrinsic};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{
    broadcast::{self, error::RecvError},
    mpsc,
};
use tokio::task::AbortHandle;

/// Transactions that one connection may have broadcast at once; the specification asks for 4.
const BROADCASTS_PER_CONNECTION_MAX: usize = 4;
/// The most best blocks that pass before a refused transaction is offered again. The first time it is one, and each
/// time twice as many.
const RETRY_BLOCKS_MAX: u32 = 64;

const TRANSACTION: Param = Field::required("transaction", Schema::Bytes, "the extrinsic with its length prefix");

const OPERATION: Param = Field::required("operationId", Schema::Text, "what transaction_v1_broadcast answered");

const PLACE: Schema = Schema::Object(&[
    Field::required("hash", Schema::Hash, "the block"),
    Field::required("index", Schema::Number, "of the transaction in it"),
]);

const EVENT: Schema = Schema::Named(
    "TransactionEvent",
    &Schema::OneOf(&[
        Schema::Object(&[Field::required("event", Schema::Word(&["validated"]), "")]),
        Schema::Object(&[
            Field::required("event", Schema::Word(&["broadcasted"]), ""),
            Field::required("numPeers", Schema::Number, ""),
        ]),
        Schema::Object(&[
            Field::required("event", Schema::Word(&["bestChainBlockIncluded"]), ""),
            Field::required(
                "block",
                Schema::Nullable(&PLACE),
                "null if it no longer is in the best chain",
            ),
        ]),
        Schema::Object(&[
            Field::required("event", Schema::Word(&["finalized"]), ""),
            Field::required("block", PLACE, ""),
        ]),
        Schema::Object(&[
            Field::required("event", Schema::Word(&["error", "invalid", "dropped"]), ""),
            Field::required("error", Schema::Text, "for developers"),
        ]),
    ]),
);

const WATCH: Subscription = Subscription {
    name: "transactionWatch_v1_submitAndWatch",
    aliases: &[],
    unsubscribe: "transactionWatch_v1_unwatch",
    unsubscribe_aliases: &[],
    notification: "transactionWatch_v1_watchEvent",
    summary: "Gives a transaction to the pool and tells what becomes of it, until the end; a refusal is an event too.",
    params: &[TRANSACTION],
    item: EVENT,
    errors: &[],
    is_unsafe: false,
};

pub fn register(registry: &mut Registry) -> Registered {
    raw_method(
        registry,
        const {
            &Method::new(
                "transaction_v1_broadcast",
                "Keeps offering a transaction to the pool until it is in a final block, it is stopped or the connection \
                 ends. Answers the operation, or null if the connection has 4 under way. Invalid bytes count as one.",
                &[TRANSACTION],
                Schema::Nullable(&Schema::Text),
            )
        },
        |arguments, context, extensions| async move {
            let encoded = arguments.bytes("transaction")?;
            let access = Access::of(&extensions);
            Ok(json!(begin(&connection::of(&extensions), &context, &encoded, access)))
        },
    )?;
    raw_method(
        registry,
        const { &Method::new("transaction_v1_stop", "Ends a broadcast.", &[OPERATION], Schema::Null) },
        |arguments, _, extensions| async move {
            let id = arguments.text("operationId")?;
            match connection::of(&extensions).broadcasts.stop(id) {
                true => Ok(Value::Null),
                false => Err(invalid_params(603, "Invalid operation id")),
            }
        },
    )?;
    subscription(registry, &WATCH, |params, pending, context, extensions| {
        watch(params, pending, context, Access::of(&extensions))
    })
}

/// The transactions that a connection keeps on their way, by operation.
#[derive(Debug, Default)]
pub struct Broadcasts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    is_closed: bool,
    /// `None` for bytes that are no transaction: they count, but nothing is done.
    running: HashMap<String, Option<AbortHandle>>,
}

impl Broadcasts {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection has ended.
    pub fn stop_all(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        for (_, task) in state.running.drain() {
            task.inspect(AbortHandle::abort);
        }
    }

    /// False if there is no such operation.
    pub fn stop(&self, id: &str) -> bool {
        let task = self.lock().running.remove(id);
        task.map(|task| task.inspect(AbortHandle::abort)).is_some()
    }
}

/// Begins to broadcast what is a transaction; the operation, or `None` at the limit.
fn begin(connection: &Arc<Connection>, context: &Arc<Context>, encoded: &[u8], access: Access) -> Option<String> {
    let mut state = connection.broadcasts.lock();
    if state.is_closed || state.running.len() >= BROADCASTS_PER_CONNECTION_MAX {
        return None;
    }
    let kept = context.keep(encoded.len())?;
    // First offers do not queue up, since they go on when their connection has ended.
    let turn = context.turns.clone().try_acquire_owned().ok()?;
    let id = state.next.to_string();
    state.next += 1;
    let transaction = OpaqueExtrinsic::decode_all(&mut &encoded[..]).ok();
    let task = transaction.map(|transaction| {
        let blocks = context.backend.subscribe_blocks();
        // Not part of what ends with the connection: over HTTP that is at once, and one offer is still made.
        let offer = offer(context, &transaction.0, access);
        let first = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            offer()
        });
        let (owner, context, id) = (Arc::downgrade(connection), context.clone(), id.clone());
        let task = tokio::spawn(async move {
            let _kept = kept;
            keep(&context, transaction.0, access, blocks, first.await.ok()).await;
            if let Some(owner) = owner.upgrade() {
                owner.broadcasts.stop(&id);
            }
        });
        task.abort_handle()
    });
    state.running.insert(id.clone(), task);
    Some(id)
}

type Offered = Result<(Hash, mpsc::Receiver<TransactionStatus>), SubmitError>;

fn offer(context: &Context, bytes: &[u8], access: Access) -> impl FnOnce() -> Offered + Send + 'static {
    let (node, bytes) = (context.backend.clone(), bytes.to_vec());
    move || node.submit_and_watch(bytes, access.is_unsafe_allowed)
}

/// Until the transaction is in a final block. `offered`: what came of the first offer.
async fn keep(
    context: &Context,
    bytes: Vec<u8>,
    access: Access,
    mut blocks: broadcast::Receiver<Arc<Notification>>,
    mut offered: Option<Offered>,
) {
    let mut retry_blocks = 1;
    loop {
        let submitted = offered.take();
        let was_accepted = matches!(submitted, Some(Ok(_)));
        let in_pool = matches!(&submitted, Some(Err(error)) if error.kind == SubmitErrorKind::AlreadyImported);
        if let Some(Ok((_, statuses))) = submitted
            && becomes_final(statuses).await
        {
            return;
        }
        retry_blocks = match was_accepted || in_pool {
            true => 1,
            false => (retry_blocks * 2_u32).min(RETRY_BLOCKS_MAX),
        };
        let mut left = retry_blocks;
        while left > 0 {
            match blocks.recv().await {
                // Somebody else gave it to the pool: nobody tells us, so look.
                Ok(block) if in_pool && block.is_finalised => {
                    left = left.saturating_sub(u32::from(block.is_new_best));
                    let (node, bytes) = (context.backend.clone(), bytes.clone());
                    if blocking(context, move || index_in(&*node, block.hash, &bytes))
                        .await
                        .flatten()
                        .is_some()
                    {
                        return;
                    }
                }
                Ok(block) => left = left.saturating_sub(u32::from(block.is_new_best)),
                Err(RecvError::Lagged(_)) => left = 0,
                Err(RecvError::Closed) => return,
            }
        }
        offered = blocking(context, offer(context, &bytes, access)).await;
    }
}

async fn becomes_final(mut statuses: mpsc::Receiver<TransactionStatus>) -> bool {
    while let Some(status) = statuses.recv().await {
        if let TransactionStatus::Finalized(_) = status {
            return true;
        }
    }
    false
}

/// Where a transaction is in a block.
fn index_in(node: &dyn Backend, block: Hash, bytes: &[u8]) -> Option<usize> {
    let body = node.body(block).ok().flatten()?;
    body.iter().position(|extrinsic| extrinsic.0 == bytes)
}

/// Submits and tells what becomes of it.
async fn watch(params: Params<'static>, pending: PendingSubscriptionSink, context: Arc<Context>, access: Access) {
    let encoded = Arguments::new(&params, WATCH.params).and_then(|arguments| arguments.bytes("transaction"));
    let encoded = match encoded {
        Ok(encoded) => encoded,
        Err(error) => return pending.reject(error).await,
    };
    let node = context.backend.clone();
    let submitted = blocking(&context, move || {
        let extrinsic = OpaqueExtrinsic::decode_all(&mut &encoded[..]).map_err(|error| {
            let error = format!("the bytes are no extrinsic: {error}");
            json!({ "event": "invalid", "error": error })
        })?;
        let statuses = node
            .submit_and_watch(extrinsic.0.clone(), access.is_unsafe_allowed)
            .map_err(|error| refusal(&error))?;
        Ok::<_, Value>((extrinsic.0, statuses.1))
    });
    let submitted = submitted.await;
    let Ok(sink) = pending.accept().await else { return };
    let (bytes, mut statuses) = match submitted {
        Some(Ok(submitted)) => submitted,
        Some(Err(event)) => {
            send(&sink, &context, &event).await;
            return;
        }
        None => {
            let event = json!({ "event": "error", "error": "the node failed to submit" });
            send(&sink, &context, &event).await;
            return;
        }
    };
    let bytes = Arc::new(bytes);
    loop {
        let status = tokio::select! {
            status = statuses.recv() => status,
            () = sink.closed() => return,
        };
        let Some(status) = status else {
            let event = json!({ "event": "dropped", "error": "the node lost track of the transaction" });
            send(&sink, &context, &event).await;
            return;
        };
        let (node, bytes) = (context.backend.clone(), bytes.clone());
        let event = blocking(&context, move || event_of(&*node, &bytes, &status))
            .await
            .unwrap_or_else(lost);
        let is_last = ["finalized", "error", "invalid", "dropped"]
            .iter()
            .any(|last| event["event"] == *last);
        if !send(&sink, &context, &event).await || is_last {
            return;
        }
    }
}

fn lost() -> Value {
    json!({ "event": "error", "error": "the node failed to look at the transaction's block" })
}

fn event_of(node: &dyn Backend, bytes: &[u8], status: &TransactionStatus) -> Value {
    let place =
        |hash: Hash| index_in(node, hash, bytes).map(|index| json!({ "hash": json::hash(&hash), "index": index }));
    let dropped = |error: String| json!({ "event": "dropped", "error": error });
    match status {
        TransactionStatus::Future | TransactionStatus::Ready => json!({ "event": "validated" }),
        TransactionStatus::Broadcast(peers) => json!({ "event": "broadcasted", "numPeers": peers.len() }),
        TransactionStatus::InBlock(hash) => match place(*hash) {
            Some(block) => json!({ "event": "bestChainBlockIncluded", "block": block }),
            None => lost(),
        },
        TransactionStatus::Retracted(_) => json!({ "event": "bestChainBlockIncluded", "block": null }),
        TransactionStatus::Finalized(hash) => match place(*hash) {
            Some(block) => json!({ "event": "finalized", "block": block }),
            None => lost(),
        },
        TransactionStatus::FinalityTimeout(hash) => dropped(format!("block {hash:?} did not become final in time")),
        TransactionStatus::Dropped => dropped("it had to make room in the pool".into()),
        TransactionStatus::Usurped(by) => {
            json!({ "event": "invalid", "error": format!("replaced by transaction {by:?}") })
        }
        TransactionStatus::Invalid => json!({ "event": "invalid", "error": "it became invalid" }),
    }
}

/// A refusal by the pool as the only event.
fn refusal(error: &SubmitError) -> Value {
    let event = match error.kind {
        SubmitErrorKind::Verification => "error",
        SubmitErrorKind::Invalid | SubmitErrorKind::Unknown => "invalid",
        SubmitErrorKind::TemporarilyBanned
        | SubmitErrorKind::AlreadyImported
        | SubmitErrorKind::TooLowPriority
        | SubmitErrorKind::ImmediatelyDropped => "dropped",
    };
    json!({ "event": event, "error": format!("code {}: {}", error.code, error.message) })
}
