//! `eth_subscribe`: heads, logs, transactions of the pool, and whether the node is behind.

use super::chain::syncing;
use super::logs::{self, Wanted, in_block};
use super::trail::{Step, ToldLogs, Trail};
use super::values::{hex, unfit};
use super::{ERRORS, ask, block, render, shape};
use crate::connection::{self, Connection};
use crate::error::{RpcError, busy, from_evm_backend};
use crate::methods::registry::{Registered, Registry, subscription};
use crate::methods::subscribe::{send, turn};
use crate::methods::{Context, blocking};
use crate::params::Arguments;
use crate::spec::{Field, Param, Schema, Subscription};
use jsonrpsee::core::server::{PendingSubscriptionSink, SubscriptionSink};
use jsonrpsee::types::Params;
use quids_api::evm::EvmTransaction;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

const KIND: Param = Param::required(
    "subscription",
    Schema::Word(&["newHeads", "logs", "newPendingTransactions", "syncing"]),
    "what to tell",
);
const OPTIONS: Param = Param::optional(
    "options",
    Schema::OneOf(&[Schema::Bool, logs::FILTER]),
    "of logs: addresses and topics; of newPendingTransactions: whether in full",
);

const SYNCING: Schema = Schema::OneOf(&[
    Schema::Bool,
    Schema::Object(&[
        Field::required("syncing", Schema::Bool, ""),
        Field::required("status", Schema::Any, "as eth_syncing"),
    ]),
]);

const SUBSCRIPTION: Subscription = Subscription {
    name: "eth_subscribe",
    aliases: &[],
    unsubscribe: "eth_unsubscribe",
    unsubscribe_aliases: &[],
    notification: "eth_subscription",
    summary: "newHeads: each block of the best chain from now on. logs: their logs; those of a block that leaves the \
              chain come again with removed. newPendingTransactions: what becomes ready in the pool. syncing: at once, \
              and when it changes.",
    params: &[KIND, OPTIONS],
    item: Schema::OneOf(&[shape::HEADER, shape::LOG, shape::TRANSACTION, Schema::Hash, SYNCING]),
    errors: ERRORS,
    is_unsafe: false,
};

pub fn register(registry: &mut Registry) -> Registered {
    subscription(registry, &SUBSCRIPTION, |params, pending, context, extensions| {
        serve(params, pending, context, connection::of(&extensions))
    })
}

enum Wish {
    Heads,
    Logs(Wanted),
    Transactions { is_full: bool },
    Syncing,
}

fn wish(params: &Params<'_>) -> Result<Wish, RpcError> {
    let arguments = Arguments::new(params, SUBSCRIPTION.params)?;
    let options = arguments.optional("options");
    match (arguments.text("subscription")?, options) {
        ("newHeads", _) => Ok(Wish::Heads),
        ("logs", None) => Ok(Wish::Logs(Wanted::default())),
        ("logs", Some(filter)) => Wanted::read(filter).map(Wish::Logs),
        ("newPendingTransactions", options) => Ok(Wish::Transactions {
            is_full: options == Some(&Value::Bool(true)),
        }),
        ("syncing", _) => Ok(Wish::Syncing),
        _ => Err(unfit("subscription", "a kind of subscription")),
    }
}

async fn serve(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    context: Arc<Context>,
    connection: Arc<Connection>,
) {
    match wish(&params) {
        Ok(Wish::Transactions { is_full }) => match context.backend.subscribe_evm_pool() {
            Ok(feed) => transactions(pending, &context, feed, is_full).await,
            Err(error) => pending.reject(from_evm_backend(error)).await,
        },
        Ok(Wish::Syncing) => progress(pending, &context).await,
        Ok(Wish::Heads) => blocks(pending, context, connection, Listener::default()).await,
        Ok(Wish::Logs(wanted)) => match context.keep(wanted.size()) {
            Some(_memory) => {
                let listener = Listener {
                    logs: Some((wanted, ToldLogs::default())),
                    ..Listener::default()
                };
                blocks(pending, context, connection, listener).await;
            }
            None => pending.reject(busy("no memory for more subscriptions")).await,
        },
        Err(error) => pending.reject(error).await,
    }
}

/// Who hears of blocks, or of their logs.
#[derive(Default)]
struct Listener {
    trail: Trail,
    logs: Option<(Wanted, ToldLogs)>,
}

impl Listener {
    /// What to say of the next block; `None` when everything is told.
    fn step(&mut self, context: &Context) -> Result<Option<Vec<Value>>, RpcError> {
        let node = &*context.backend;
        let Some(step) = self.trail.step(node)? else {
            return Ok(None);
        };
        let told = match (step, &mut self.logs) {
            (Step::Gone(_), None) => Vec::new(),
            (Step::New(hash), None) => {
                let header = block::header_of(context, hash)?;
                header.map(Value::Object).into_iter().collect()
            }
            (Step::Gone(hash), Some((wanted, told))) => {
                let logs = told.take(context, hash, wanted)?;
                logs.iter().map(|entry| render::log(entry, true)).collect()
            }
            (Step::New(hash), Some((wanted, told))) => {
                let block = ask::block(context, hash)?;
                let logs = in_block(hash, &block, wanted);
                let values = logs.iter().map(|entry| render::log(entry, false)).collect();
                told.remember(context, hash, logs);
                values
            }
        };
        Ok(Some(told))
    }
}

async fn blocks(
    pending: PendingSubscriptionSink,
    context: Arc<Context>,
    connection: Arc<Connection>,
    mut listener: Listener,
) {
    // Before the trail begins, so that no block falls between the two.
    let mut feed = context.backend.subscribe_blocks();
    let shared = context.clone();
    match blocking(&context, move || Trail::at_best(&*shared.backend)).await {
        Some(Ok(trail)) => listener.trail = trail,
        Some(Err(error)) => return pending.reject(error).await,
        None => return,
    }
    let Ok(sink) = pending.accept().await else {
        return;
    };
    loop {
        let block = tokio::select! {
            block = feed.recv() => block,
            () = sink.closed() => return,
        };
        match block {
            Ok(block) if !block.is_new_best => continue,
            // The trail knows what was told, whoever lags.
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
        match tell(listener, &sink, &context, &connection).await {
            Some(back) => listener = back,
            None => return,
        }
    }
}

/// Tells of every block that is not told; `None` if the subscription is over.
async fn tell(
    mut listener: Listener,
    sink: &SubscriptionSink,
    context: &Arc<Context>,
    connection: &Connection,
) -> Option<Listener> {
    loop {
        let _telling = turn(connection, context).await?;
        let shared = context.clone();
        let step = blocking(context, move || {
            let step = listener.step(&shared);
            (listener, step)
        });
        let (back, step) = step.await?;
        listener = back;
        match step {
            Ok(None) => return Some(listener),
            Ok(Some(values)) => {
                for value in values {
                    if !send(sink, context, &value).await {
                        return None;
                    }
                }
            }
            Err(error) => {
                tracing::debug!(target: "rpc", method = sink.method_name(), %error, "subscription ended");
                return None;
            }
        }
    }
}

async fn transactions(
    pending: PendingSubscriptionSink,
    context: &Context,
    mut feed: Receiver<Arc<EvmTransaction>>,
    is_full: bool,
) {
    let Ok(sink) = pending.accept().await else {
        return;
    };
    loop {
        let transaction = tokio::select! {
            transaction = feed.recv() => transaction,
            () = sink.closed() => return,
        };
        let value = match transaction {
            Ok(transaction) if is_full => render::pending(&transaction),
            Ok(transaction) => hex(transaction.hash),
            // What was missed is missed: the pool moves on anyway.
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        if !send(&sink, context, &value).await {
            return;
        }
    }
}

async fn progress(pending: PendingSubscriptionSink, context: &Context) {
    let mut feed = context.backend.subscribe_blocks();
    let Ok(sink) = pending.accept().await else {
        return;
    };
    let mut was_behind = None;
    loop {
        let status = syncing(&*context.backend);
        let is_behind = status != json!(false);
        if was_behind != Some(is_behind) {
            was_behind = Some(is_behind);
            let value = match is_behind {
                true => json!({ "syncing": true, "status": status }),
                false => json!(false),
            };
            if !send(&sink, context, &value).await {
                return;
            }
        }
        tokio::select! {
            block = feed.recv() => if let Err(RecvError::Closed) = block { return },
            () = sink.closed() => return,
        }
    }
}
