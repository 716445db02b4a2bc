//! One follow subscription: its state, shared with the requests that name it, and the task that feeds it.

use super::operation::Operation;
use super::pins::{PinSet, TooMany};
use super::runtime_event;
use super::view::{Event, Gap, View};
use crate::connection::Connection;
use crate::methods::{Context, blocking, subscribe};
use crate::{Backend, BackendError, Notification, json};
use jsonrpsee::core::server::{PendingSubscriptionSink, SubscriptionSink};
use quids_core::Hash;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, Semaphore};

/// How often a subscription looks whether one of its blocks has stayed pinned for too long, at most.
const AGE_CHECK_INTERVAL_MAX: Duration = Duration::from_secs(5);

/// The follow subscriptions of one connection, by id.
#[derive(Debug, Default)]
pub struct Follows(Mutex<HashMap<String, Arc<Follow>>>);

/// A subscription as requests see it.
#[derive(Debug)]
pub struct Follow {
    pub with_runtime: bool,
    pub pins: PinSet,
    /// One permit for each operation that may start.
    pub slots: Arc<Semaphore>,
    operations: Mutex<Operations>,
    /// The task owns the sink: it must be dropped with the subscription.
    sink: OnceLock<Weak<SubscriptionSink>>,
    /// Held while an event is sent; true once none may follow.
    has_ended: tokio::sync::Mutex<bool>,
    stop: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Operations {
    next: u64,
    by_id: HashMap<String, Arc<Operation>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Follows {
    pub fn get(&self, id: &str) -> Option<Arc<Follow>> {
        lock(&self.0).get(id).filter(|follow| !follow.is_closed()).cloned()
    }

    /// False if the connection has `max` subscriptions.
    fn open(&self, id: String, follow: Arc<Follow>, max: usize) -> bool {
        let mut follows = lock(&self.0);
        // One that was unfollowed a moment ago may still be here.
        if follows.values().filter(|follow| !follow.is_closed()).count() >= max {
            return false;
        }
        follows.insert(id, follow);
        true
    }
}

impl Follow {
    fn new(context: &Context, with_runtime: bool) -> Self {
        let stop = Arc::new(Notify::new());
        Self {
            with_runtime,
            pins: context.pins.open(stop.clone()),
            slots: Arc::new(Semaphore::new(context.config.chain_head.operations_max)),
            operations: Mutex::default(),
            sink: OnceLock::new(),
            has_ended: tokio::sync::Mutex::new(false),
            stop,
        }
    }

    fn is_closed(&self) -> bool {
        self.sink
            .get()
            .is_some_and(|sink| sink.upgrade().is_none_or(|sink| sink.is_closed()))
    }

    /// Sends an event, unless the subscription is over; if the subscriber does not read, it is from now on.
    pub async fn send(&self, context: &Context, event: &Value) -> bool {
        let mut has_ended = self.has_ended.lock().await;
        let Some(sink) = self.sink.get().and_then(Weak::upgrade).filter(|_| !*has_ended) else {
            return false;
        };
        let sent = subscribe::send(&sink, context, event).await;
        if !sent {
            *has_ended = true;
            self.stop.notify_one();
        }
        sent
    }

    /// Sends the last event.
    async fn send_stop(&self, context: &Context) {
        self.send(context, &json!({ "event": "stop" })).await;
        *self.has_ended.lock().await = true;
    }

    pub fn start(&self) -> Arc<Operation> {
        let mut operations = lock(&self.operations);
        let id = operations.next.to_string();
        operations.next += 1;
        let operation = Arc::new(Operation::new(id.clone()));
        operations.by_id.insert(id, operation.clone());
        operation
    }

    pub fn operation(&self, id: &str) -> Option<Arc<Operation>> {
        lock(&self.operations).by_id.get(id).cloned()
    }

    pub fn finish(&self, id: &str) -> Option<Arc<Operation>> {
        lock(&self.operations).by_id.remove(id)
    }

    fn cancel_all(&self) {
        for (_, operation) in lock(&self.operations).by_id.drain() {
            operation.cancel();
        }
    }
}

/// Takes a subscription back from its connection, whatever ends its task.
struct Registered {
    connection: Arc<Connection>,
    id: String,
    follow: Arc<Follow>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        lock(&self.connection.follows.0).remove(&self.id);
        self.follow.cancel_all();
        // Operations under way keep the subscription's state for a while; its pins go now.
        self.follow.pins.release();
    }
}

/// Why the task ends.
enum End {
    /// The subscriber has gone.
    Gone,
    /// The subscriber has to begin anew.
    Stop,
}

impl From<Gap> for End {
    fn from(_: Gap) -> Self {
        Self::Stop
    }
}

impl From<TooMany> for End {
    fn from(_: TooMany) -> Self {
        Self::Stop
    }
}

impl From<BackendError> for End {
    fn from(_: BackendError) -> Self {
        Self::Stop
    }
}

/// Accepts a subscription and serves it to its end.
pub async fn run(
    pending: PendingSubscriptionSink,
    context: Arc<Context>,
    connection: Arc<Connection>,
    with_runtime: bool,
) {
    let id = super::id_text(&pending.subscription_id());
    let follow = Arc::new(Follow::new(&context, with_runtime));
    let max = context.config.chain_head.follows_per_connection_max;
    if !connection.follows.open(id.clone(), follow.clone(), max) {
        return pending.reject(super::too_many_follows(max)).await;
    }
    let registered = Registered { connection, id, follow };
    // Before the accept: then the client can use the id in its next request.
    let blocks = context.backend.subscribe_blocks();
    let Ok(sink) = pending.accept().await else { return };
    let sink = Arc::new(sink);
    let _ = registered.follow.sink.set(Arc::downgrade(&sink));
    if let End::Stop = feed(&registered.follow, &context, &sink, blocks).await {
        registered.follow.send_stop(&context).await;
    }
}

async fn feed(
    follow: &Arc<Follow>,
    context: &Arc<Context>,
    sink: &SubscriptionSink,
    mut blocks: tokio::sync::broadcast::Receiver<Arc<Notification>>,
) -> End {
    let (mut view, events) = match step(follow, context, begin).await {
        Ok(begun) => begun,
        Err(end) => return end,
    };
    if !send_all(follow, context, events).await {
        return End::Gone;
    }
    let interval =
        (context.config.chain_head.pinned_age_max / 4).clamp(Duration::from_millis(10), AGE_CHECK_INTERVAL_MAX);
    let mut age_checks = tokio::time::interval(interval);
    age_checks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let block = tokio::select! {
            block = blocks.recv() => block,
            () = sink.closed() => return End::Gone,
            () = follow.stop.notified() => return End::Stop,
            _ = age_checks.tick() => {
                if follow.pins.is_overdue() {
                    return End::Stop;
                }
                continue;
            }
        };
        let block = match block {
            Ok(block) => block,
            Err(RecvError::Closed) => return End::Stop,
            Err(RecvError::Lagged(count)) => {
                tracing::debug!(target: "rpc", count, "follow subscription too slow: stopped");
                return End::Stop;
            }
        };
        let told = step(follow, context, move |follow, context| {
            let node = &*context.backend;
            let events = view.on(&block, &|hash| node.header(hash).ok().flatten())?;
            Ok((view, tell(follow, node, events)?))
        });
        let events = match told.await {
            Ok((after, events)) => {
                view = after;
                events
            }
            Err(end) => return end,
        };
        if !send_all(follow, context, events).await {
            return End::Gone;
        }
    }
}

async fn send_all(follow: &Follow, context: &Context, events: Vec<Value>) -> bool {
    for event in events {
        if !follow.send(context, &event).await {
            return false;
        }
    }
    true
}

/// Runs on a blocking thread. A backend that panics stops the subscription.
async fn step<R: Send + 'static>(
    follow: &Arc<Follow>,
    context: &Arc<Context>,
    run: impl FnOnce(&Follow, &Context) -> Result<R, End> + Send + 'static,
) -> Result<R, End> {
    let (follow, context) = (follow.clone(), context.clone());
    let turns = context.clone();
    blocking(&turns, move || run(&follow, &context))
        .await
        .unwrap_or(Err(End::Stop))
}

/// The first events.
fn begin(follow: &Follow, context: &Context) -> Result<(View, Vec<Value>), End> {
    let (node, limits) = (&*context.backend, &context.config.chain_head);
    let heads = node.heads()?;
    let headers = |hash| node.header(hash).ok().flatten();
    let last = headers(heads.finalised).ok_or(End::Stop)?;
    let mut finalised = vec![heads.finalised];
    let mut parent = last.parent_hash;
    while finalised.len() < limits.initial_blocks_max {
        let Some(header) = headers(parent) else { break };
        finalised.push(parent);
        parent = header.parent_hash;
    }
    finalised.reverse();
    follow.pins.pin(finalised.iter().copied())?;
    follow
        .pins
        .passed(finalised.iter().copied().filter(|hash| *hash != heads.finalised));
    let mut initialized = json!({
        "event": "initialized",
        "finalizedBlockHashes": finalised.iter().map(json::hash).collect::<Value>(),
    });
    if follow.with_runtime {
        initialized["finalizedBlockRuntime"] = runtime_event(node, heads.finalised);
    }
    let mut view = View::new(heads.finalised, last.number, limits.pinned_per_follow_max);
    let events = view.begin(heads.best, &heads.unfinalised, &headers)?;
    let mut told = vec![initialized];
    told.extend(tell(follow, node, events)?);
    Ok((view, told))
}

/// Pins what is told of, and puts it into JSON.
fn tell(follow: &Follow, node: &dyn Backend, events: Vec<Event>) -> Result<Vec<Value>, End> {
    let mut told = Vec::new();
    for event in events {
        told.push(match event {
            Event::NewBlock {
                hash,
                parent,
                code_changed,
            } => {
                follow.pins.pin([hash])?;
                new_block(follow, node, hash, parent, code_changed)
            }
            Event::BestBlockChanged(hash) => {
                json!({ "event": "bestBlockChanged", "bestBlockHash": json::hash(&hash) })
            }
            Event::Finalised { hashes, pruned, before } => {
                let passed = hashes.iter().rev().skip(1).chain(&pruned).chain([&before]);
                follow.pins.passed(passed.copied());
                json!({
                    "event": "finalized",
                    "finalizedBlockHashes": hashes.iter().map(json::hash).collect::<Value>(),
                    "prunedBlockHashes": pruned.iter().map(json::hash).collect::<Value>(),
                })
            }
        });
    }
    Ok(told)
}

fn new_block(follow: &Follow, node: &dyn Backend, hash: Hash, parent: Hash, code_changed: bool) -> Value {
    let mut event = json!({
        "event": "newBlock",
        "blockHash": json::hash(&hash),
        "parentBlockHash": json::hash(&parent),
    });
    if follow.with_runtime {
        event["newRuntime"] = if code_changed {
            runtime_event(node, hash)
        } else {
            Value::Null
        };
    }
    event
}
