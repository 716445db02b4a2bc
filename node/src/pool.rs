//! The pool as the node shares it: one lock, and a stream of what becomes of transactions.

use crate::chain::{Chain, NewBlock, Refused};
use parking_lot::Mutex;
use quids_api::{TransactionSource, TransactionValidity};
use quids_core::{Hash, Height, OpaqueExtrinsic};
use quids_txpool::{Limits, Pool, PoolError, PoolEvent, Validator};
use std::sync::Arc;
use tokio::sync::{Notify, broadcast};

/// How many events a slow watcher may be behind before it misses some.
const EVENTS_MAX: usize = 65_536;

/// The pool, the chain that judges its transactions, and its listeners.
pub struct SharedPool {
    chain: Arc<Chain>,
    pool: Mutex<Pool>,
    events: broadcast::Sender<PoolEvent>,
    /// Told when a transaction becomes ready.
    arrived: Notify,
}

/// Asks the runtime of the last block.
struct AtBest<'a>(&'a Chain);

impl Validator for AtBest<'_> {
    fn validate(&self, source: TransactionSource, bytes: &[u8]) -> Result<TransactionValidity, String> {
        self.0.validate(source, bytes).map_err(|error| error.to_string())
    }
}

impl SharedPool {
    pub fn new(chain: Arc<Chain>, limits: Limits) -> Self {
        let (events, _) = broadcast::channel(EVENTS_MAX);
        Self {
            chain,
            pool: Mutex::new(Pool::new(limits)),
            events,
            arrived: Notify::new(),
        }
    }

    /// Takes a transaction in, if the runtime finds it valid. Blocks while the runtime thinks.
    pub fn submit(&self, source: TransactionSource, bytes: Vec<u8>) -> Result<Hash, PoolError> {
        let (height, _) = self.chain.best();
        let (hash, events) = self.pool.lock().submit(&AtBest(&self.chain), source, bytes, height)?;
        self.publish(events);
        self.arrived.notify_one();
        Ok(hash)
    }

    /// Waits until a transaction has arrived since the last wait.
    pub async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// The bytes of the transactions for the next block, in order, at most `count`.
    pub fn ready(&self, count: usize) -> Vec<Vec<u8>> {
        self.pool
            .lock()
            .ready()
            .take(count)
            .map(|transaction| transaction.bytes().to_vec())
            .collect()
    }

    pub fn has_ready(&self) -> bool {
        self.pool.lock().ready().next().is_some()
    }

    /// How many are ready, and how many wait for others.
    pub fn counts(&self) -> (usize, usize) {
        let pool = self.pool.lock();
        let future = pool.future().count();
        (pool.len() - future, future)
    }

    /// Everything that waits, ready or not.
    pub fn pending(&self) -> Vec<Vec<u8>> {
        let pool = self.pool.lock();
        let ready = pool.ready().map(|transaction| transaction.bytes().to_vec());
        ready
            .chain(pool.future().map(|transaction| transaction.bytes().to_vec()))
            .collect()
    }

    /// Whether a ready transaction provides the tag.
    pub fn provides(&self, tag: &[u8]) -> bool {
        self.pool.lock().provides(tag)
    }

    /// What becomes of transactions from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<PoolEvent> {
        self.events.subscribe()
    }

    /// Follows the chain: takes out what the block holds and what its author refused.
    pub fn on_block(&self, block: &NewBlock, refused: &[Refused]) {
        let body = self
            .chain
            .database()
            .body(&block.hash)
            .ok()
            .flatten()
            .unwrap_or_default();
        let included: Vec<Vec<u8>> = body.into_iter().map(|OpaqueExtrinsic(bytes)| bytes).collect();
        let mut pool = self.pool.lock();
        let mut events = Vec::new();
        for Refused { hash, reason } in refused {
            events.extend(pool.remove_invalid(hash, *reason));
        }
        let height: Height = block.header.number;
        events.extend(pool.on_block(&AtBest(&self.chain), block.hash, &included, height));
        drop(pool);
        self.publish(events);
    }

    fn publish(&self, events: Vec<PoolEvent>) {
        for event in events {
            // Nobody listening is fine.
            let _ = self.events.send(event);
        }
    }
}
