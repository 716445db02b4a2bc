//! Subscriptions fed by blocks. Nothing is buffered without bound: a subscriber that does not read loses its
//! subscription, by the channel's capacity or by the time that it leaves its connection's buffer full.

use super::{Context, blocking};
use crate::Notification;
use crate::connection::Connection;
use crate::error::{self, RpcError};
use jsonrpsee::core::server::{PendingSubscriptionSink, SubscriptionSink};
use quids_core::Height;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::MutexGuard;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

/// What a block subscription says. `first` and `next` may block.
pub trait Feed: Send + 'static {
    /// At once, with the height that it tells of: queued notifications up to it are old news.
    fn first(&mut self, context: &Arc<Context>) -> Result<(Height, Value), RpcError>;
    /// Whether a block is of interest; must not block.
    fn wants(&self, block: &Notification) -> bool;
    /// On such a block.
    fn next(&mut self, context: &Arc<Context>, block: &Notification) -> Result<Option<Value>, RpcError>;
}

/// Accepts the subscription and serves it until the subscriber leaves, is too slow, or the node cannot answer.
pub async fn run_feed<F: Feed>(
    pending: PendingSubscriptionSink,
    context: Arc<Context>,
    connection: Arc<Connection>,
    make: impl FnOnce(&Context) -> Result<F, RpcError>,
) {
    let mut feed = match make(&context) {
        Ok(feed) => feed,
        Err(error) => return pending.reject(error).await,
    };
    // Before the first answer, so that no block falls between the two.
    let mut blocks = context.backend.subscribe_blocks();
    let Some(telling) = turn(&connection, &context).await else {
        return pending.reject(error::busy("the connection does not read")).await;
    };
    let first = in_turn(feed, &context, Feed::first).await;
    let (height, value) = match first {
        Some((fed, Ok(told))) => {
            feed = fed;
            told
        }
        Some((_, Err(error))) => return pending.reject(error).await,
        None => return,
    };
    let Ok(sink) = pending.accept().await else {
        return;
    };
    if !send(&sink, &context, &value).await {
        return;
    }
    drop(telling);
    let mut old_news = Some(height);
    loop {
        let block = tokio::select! {
            block = blocks.recv() => block,
            () = sink.closed() => return,
        };
        let block = match block {
            Ok(block) => block,
            Err(RecvError::Closed) => return,
            Err(RecvError::Lagged(count)) => {
                tracing::debug!(target: "rpc", method = sink.method_name(), count, "subscriber too slow: dropped");
                return;
            }
        };
        if !feed.wants(&block) || old_news.is_some_and(|height| block.header.number <= height) {
            continue;
        }
        old_news = None;
        let Some(_telling) = turn(&connection, &context).await else {
            return;
        };
        let answer = in_turn(feed, &context, move |feed, context| feed.next(context, &block)).await;
        let Some((fed, answer)) = answer else { return };
        feed = fed;
        match answer {
            Ok(Some(value)) if !send(&sink, &context, &value).await => return,
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(target: "rpc", method = sink.method_name(), %error, "subscription ended");
                return;
            }
        }
    }
}

/// Sends, or waits as long as a slow subscriber may take. False if the subscription is over.
pub async fn send(sink: &SubscriptionSink, context: &Context, value: &Value) -> bool {
    let Ok(message) = serde_json::value::to_raw_value(value) else {
        return false;
    };
    let timeout = context.config.slow_subscriber_timeout;
    let sent = sink.send_timeout(message, timeout).await;
    if sent.is_err() {
        tracing::debug!(target: "rpc", method = sink.method_name(), "subscriber gone or too slow: dropped");
    }
    sent.is_ok()
}

/// The connection's turn to be told something; `None` if it has been told something else for too long.
pub async fn turn<'a>(connection: &'a Connection, context: &Context) -> Option<MutexGuard<'a, ()>> {
    let turn = timeout(context.config.slow_subscriber_timeout, connection.telling.lock()).await;
    if turn.is_err() {
        tracing::debug!(target: "rpc", "subscriber too slow: dropped");
    }
    turn.ok()
}

async fn in_turn<F: Feed, R: Send + 'static>(
    mut feed: F,
    context: &Arc<Context>,
    run: impl FnOnce(&mut F, &Arc<Context>) -> R + Send + 'static,
) -> Option<(F, R)> {
    let shared = context.clone();
    let run = move || {
        let answer = run(&mut feed, &shared);
        (feed, answer)
    };
    blocking(context, run).await
}
