//! Operations: what a subscriber asks about a pinned block and is answered through its subscription.

use super::follow::Follow;
use super::storage::Reader;
use crate::methods::{Context, blocking};
use crate::{BackendError, json};
use codec::Encode;
use jsonrpsee::core::server::{MethodResponseFuture, ResponsePayload};
use quids_core::Hash;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Notify, OwnedSemaphorePermit};

/// An operation as `continue` and `stopOperation` see it.
#[derive(Debug)]
pub struct Operation {
    pub id: String,
    is_cancelled: AtomicBool,
    is_waiting: AtomicBool,
    wake: Notify,
}

impl Operation {
    pub fn new(id: String) -> Self {
        Self {
            id,
            is_cancelled: AtomicBool::new(false),
            is_waiting: AtomicBool::new(false),
            wake: Notify::new(),
        }
    }

    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// False if it does not wait.
    pub fn resume(&self) -> bool {
        let was_waiting = self.is_waiting.swap(false, Ordering::SeqCst);
        if was_waiting {
            self.wake.notify_one();
        }
        was_waiting
    }

    fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::SeqCst)
    }

    /// Until resumed; false if cancelled.
    async fn wait(&self) -> bool {
        while self.is_waiting.load(Ordering::SeqCst) && !self.is_cancelled() {
            self.wake.notified().await;
        }
        !self.is_cancelled()
    }
}

/// What an operation does.
pub enum Task {
    Body,
    Call {
        function: String,
        input: Vec<u8>,
        /// Its share of the memory for what outlives its request.
        _kept: OwnedSemaphorePermit,
    },
    Storage(Reader),
}

/// The answer to a request that cannot start an operation.
pub fn limit_reached() -> ResponsePayload<'static, Value> {
    ResponsePayload::success(json!({ "result": "limitReached" }))
}

/// Starts an operation on a block; it sends nothing before this answer. The permit returns when its work is really
/// over, so that stopping operations does not make room for more work than the limit.
pub fn start(
    follow: &Arc<Follow>,
    context: &Arc<Context>,
    permit: OwnedSemaphorePermit,
    at: Hash,
    task: Task,
    discarded: Option<usize>,
) -> ResponsePayload<'static, Value> {
    let operation = follow.start();
    let mut answer = json!({ "result": "started", "operationId": operation.id });
    if let Some(discarded) = discarded {
        answer["discardedItems"] = discarded.into();
    }
    let (answer, answered) = ResponsePayload::success(answer).notify_on_completion();
    tokio::spawn(run(
        follow.clone(),
        context.clone(),
        operation,
        permit,
        at,
        task,
        answered,
    ));
    answer
}

async fn run(
    follow: Arc<Follow>,
    context: Arc<Context>,
    operation: Arc<Operation>,
    permit: OwnedSemaphorePermit,
    at: Hash,
    task: Task,
    answered: MethodResponseFuture,
) {
    // An error means that the answer went out with a batch, or that the connection is closed, which sending notices.
    let _ = answered.await;
    let last = match task {
        Task::Storage(reader) => run_storage(&follow, &context, &operation, permit, reader).await,
        task => {
            let node = context.backend.clone();
            let done = blocking(&context, move || {
                let _permit = permit;
                match task {
                    Task::Call { function, input, .. } => node
                        .call(at, &function, &input)
                        .map(|output| json!({ "event": "operationCallDone", "output": json::bytes(&output) })),
                    _ => node.body(at).map(|body| match body {
                        Some(body) => {
                            let value = json::list(body.iter().map(Encode::encode));
                            json!({ "event": "operationBodyDone", "value": value })
                        }
                        None => inaccessible(),
                    }),
                }
            });
            Some(done.await.map_or_else(inaccessible, |done| done.unwrap_or_else(failed)))
        }
    };
    if let Some(event) = last {
        send(&follow, &context, &operation, event).await;
    }
    follow.finish(&operation.id);
}

/// Sends an event of an operation that has not been stopped.
async fn send(follow: &Follow, context: &Context, operation: &Operation, mut event: Value) -> bool {
    if operation.is_cancelled() {
        return false;
    }
    event["operationId"] = operation.id.as_str().into();
    follow.send(context, &event).await
}

/// The event to end with; `None` if stopped.
async fn run_storage(
    follow: &Follow,
    context: &Arc<Context>,
    operation: &Operation,
    permit: OwnedSemaphorePermit,
    mut reader: Reader,
) -> Option<Value> {
    // Nothing of this operation runs on a blocking thread while this function does not.
    let _permit = permit;
    loop {
        if operation.is_cancelled() {
            return None;
        }
        let shared = context.clone();
        let step = blocking(context, move || {
            let items = reader.next(&*shared.backend, &shared.config.chain_head);
            (reader, items)
        });
        let (after, items) = match step.await {
            Some((after, Ok(items))) => (after, items),
            Some((_, Err(error))) => return Some(failed(error)),
            None => return Some(inaccessible()),
        };
        reader = after;
        if !items.is_empty() {
            let event = json!({ "event": "operationStorageItems", "items": items });
            if !send(follow, context, operation, event).await {
                return None;
            }
        }
        if reader.is_done() {
            return Some(json!({ "event": "operationStorageDone" }));
        }
        if reader.has_scans {
            operation.is_waiting.store(true, Ordering::SeqCst);
            let event = json!({ "event": "operationWaitingForContinue" });
            if !send(follow, context, operation, event).await || !operation.wait().await {
                return None;
            }
        }
    }
}

/// Asking again may help.
fn inaccessible() -> Value {
    json!({ "event": "operationInaccessible" })
}

fn failed(error: BackendError) -> Value {
    match error {
        BackendError::Execution(_)
        | BackendError::UnknownApi(_)
        | BackendError::Unavailable(_)
        | BackendError::Refused(_) => {
            json!({ "event": "operationError", "error": error.to_string() })
        }
        BackendError::UnknownBlock(_) | BackendError::Internal(_) => {
            tracing::debug!(target: "rpc", %error, "operation failed");
            inaccessible()
        }
    }
}
