//! From accepted sockets to calls: connections, HTTP, WebSocket, and every limit on the way.

pub mod admission;
pub mod connection;
mod dispatch;
mod frame;
mod http;
pub mod origin;
mod peer;
pub mod rate;
mod reply;
mod stall;
mod websocket;

use crate::{Backend, Config, Observer};
use admission::{Budget, Connections, Subscriptions};
use jsonrpsee::core::server::Methods;
use origin::Origins;
use rate::RateLimit;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use tokio::sync::{Semaphore, watch};

/// What all connections share.
pub struct Shared {
    pub config: Config,
    pub methods: Methods,
    pub backend: Arc<dyn Backend>,
    pub observer: Arc<dyn Observer>,
    pub origins: Origins,
    pub rate: Option<RateLimit>,
    pub connections: Arc<Connections>,
    pub subscriptions: Subscriptions,
    /// Bytes of requests being received or worked on.
    pub requests: Arc<Budget>,
    /// Bytes of responses waiting to be sent.
    pub responses: Arc<Budget>,
    /// Calls that may block.
    pub calls: Arc<Semaphore>,
    pub next_connection: AtomicU32,
    pub stop: watch::Receiver<bool>,
}

impl Shared {
    pub fn new(
        config: Config,
        methods: Methods,
        backend: Arc<dyn Backend>,
        observer: Arc<dyn Observer>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            origins: Origins::new(&config),
            rate: RateLimit::new(&config),
            connections: Arc::new(Connections::new(&config)),
            subscriptions: Subscriptions::new(config.max_subscriptions),
            requests: Arc::new(Budget::new(config.max_requests_bytes)),
            responses: Arc::new(Budget::new(config.max_responses_bytes)),
            calls: Arc::new(Semaphore::new(config.max_blocking_calls as usize)),
            next_connection: AtomicU32::new(0),
            config,
            methods,
            backend,
            observer,
            stop,
        }
    }
}

/// Returns when the server stops.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the handle is gone, which is the same.
    let _ = stop.wait_for(|stop| *stop).await;
}
