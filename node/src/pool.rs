//! The pool as the node shares it: one lock, and a stream of what becomes of transactions.

use crate::{
    chain::{Chain, NewBlock, Refused},
    metrics::{PoolCounts, PoolMetrics},
};
use parking_lot::Mutex;
use quids_api::{InvalidTransaction, TransactionSource, TransactionValidity};
use quids_core::{Hash, Height, OpaqueExtrinsic};
use quids_metrics::{MetricsError, Registry};
use quids_rpc::{PoolEntry, PoolStatus, PoolUsage};
use quids_txpool::{Limits, Pool, PoolError, PoolEvent, Transaction, Validator};
use std::sync::{Arc, OnceLock};
use tokio::sync::{Notify, broadcast};

/// How many events a slow watcher may be behind before it misses some.
const EVENTS_MAX: usize = 65_536;

/// The pool, the chain that judges its transactions, and its listeners.
pub struct SharedPool {
    chain: Arc<Chain>,
    limits: Limits,
    pool: Mutex<Pool>,
    events: broadcast::Sender<PoolEvent>,
    /// Told when a transaction becomes ready.
    arrived: Notify,
    /// Once `register_metrics` was called.
    metrics: OnceLock<PoolMetrics>,
}

fn entry(transaction: &Transaction, is_ready: bool) -> PoolEntry {
    PoolEntry {
        hash: transaction.hash(),
        bytes: transaction.bytes().len() as u64,
        priority: transaction.priority(),
        is_ready,
        provides: transaction.provides().to_vec(),
        valid_until: transaction.valid_until(),
    }
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
            limits,
            pool: Mutex::new(Pool::new(limits)),
            events,
            arrived: Notify::new(),
            metrics: OnceLock::new(),
        }
    }

    /// Has the pool's metrics in this registry from now on. At most once for a pool.
    pub fn register_metrics(self: &Arc<Self>, registry: &Registry) -> Result<(), MetricsError> {
        let weak = Arc::downgrade(self);
        let metrics = PoolMetrics::new(registry, move || Some(weak.upgrade()?.counts()))?;
        // Registering twice is refused above.
        let _ = self.metrics.set(metrics);
        Ok(())
    }

    /// What the pool holds now.
    pub fn counts(&self) -> PoolCounts {
        let pool = self.pool.lock();
        let future = pool.future().count();
        PoolCounts {
            ready: pool.len() - future,
            future,
            bytes: pool.bytes(),
        }
    }

    /// Takes a transaction in, if the runtime finds it valid. Blocks while the runtime thinks.
    pub fn submit(&self, source: TransactionSource, bytes: Vec<u8>) -> Result<Hash, PoolError> {
        let (height, _) = self.chain.best();
        let answer = self.pool.lock().submit(&AtBest(&self.chain), source, bytes, height);
        if let Some(metrics) = self.metrics.get() {
            metrics.answered(&answer);
        }
        let (hash, events) = answer?;
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

    /// How full it is.
    pub fn status(&self) -> PoolStatus {
        let pool = self.pool.lock();
        let future = pool
            .future()
            .fold(PoolUsage::default(), |usage, transaction| PoolUsage {
                count: usage.count + 1,
                bytes: usage.bytes + transaction.bytes().len() as u64,
            });
        PoolStatus {
            ready: PoolUsage {
                count: (pool.len() as u64).saturating_sub(future.count),
                bytes: (pool.bytes() as u64).saturating_sub(future.bytes),
            },
            future,
            max: PoolUsage {
                count: self.limits.max_count as u64,
                bytes: self.limits.max_bytes as u64,
            },
            transaction_bytes_max: self.limits.max_per_transaction_bytes as u64,
        }
    }

    /// A page of it, the ready transactions first, in order.
    pub fn content(&self, start: usize, count: usize) -> Vec<PoolEntry> {
        let pool = self.pool.lock();
        let ready = pool.ready().map(|transaction| entry(transaction, true));
        let future = pool.future().map(|transaction| entry(transaction, false));
        ready.chain(future).skip(start).take(count).collect()
    }

    /// Takes transactions out, with those that depend on them; which of them were there.
    pub fn remove(&self, hashes: &[Hash]) -> Vec<Hash> {
        let mut pool = self.pool.lock();
        let (mut removed, mut events) = (Vec::new(), Vec::new());
        for hash in hashes {
            if pool.get(hash).is_some() {
                events.extend(pool.remove_invalid(hash, InvalidTransaction::Call.into()));
                removed.push(*hash);
            }
        }
        drop(pool);
        self.publish(events);
        removed
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
            if let Some(metrics) = self.metrics.get() {
                metrics.event(&event.status);
            }
            // Nobody listening is fine.
            let _ = self.events.send(event);
        }
    }
}
