//! The pool's EVM transactions: what its extrinsics carry, asked of the runtime once each.

use super::{Named, SharedPool};
use crate::chain::{Chain, ChainError};
use parking_lot::Mutex;
use quids_api::{evm::EvmTransaction, names};
use quids_core::Hash;
use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    thread,
};
use tokio::sync::broadcast::{self, error::RecvError};

/// Extrinsics that one call of the runtime reads.
const CHUNK: usize = 128;
/// Remembered answers, besides those about transactions that are still in the pool.
const REMEMBERED_MAX: usize = 4096;
/// How many transactions a slow subscriber may be behind before it misses some.
const SUBSCRIBER_MAX: usize = 16_384;

/// Knows which transactions of a pool are of the EVM.
pub struct EvmPool {
    chain: Arc<Chain>,
    pool: Arc<SharedPool>,
    known: Mutex<HashMap<Hash, Option<Arc<EvmTransaction>>>>,
    arrivals: broadcast::Sender<Arc<EvmTransaction>>,
    /// Whether the thread runs that tells of arrivals.
    follows: Mutex<bool>,
}

impl EvmPool {
    pub fn new(chain: Arc<Chain>, pool: Arc<SharedPool>) -> Self {
        Self {
            chain,
            pool,
            known: Mutex::default(),
            arrivals: broadcast::channel(SUBSCRIBER_MAX).0,
            follows: Mutex::default(),
        }
    }

    /// The first of the pool's EVM transactions, at most `count_max`: whether each is ready, ready ones first in the
    /// order of a block.
    pub fn content(&self, count_max: usize) -> Result<Vec<(bool, Arc<EvmTransaction>)>, ChainError> {
        self.forget_old();
        let pending = self.pool.pending_named();
        let mut found = Vec::new();
        for chunk in pending.chunks(CHUNK) {
            let extrinsics: Vec<Named> = chunk.iter().map(|(_, named)| named.clone()).collect();
            let read = self.read(&extrinsics)?;
            let ready = chunk.iter().map(|(is_ready, _)| *is_ready);
            found.extend(ready.zip(read).filter_map(|(is_ready, read)| Some((is_ready, read?))));
            if found.len() >= count_max {
                found.truncate(count_max);
                break;
            }
        }
        Ok(found)
    }

    /// What these extrinsics carry.
    fn read(&self, extrinsics: &[Named]) -> Result<Vec<Option<Arc<EvmTransaction>>>, ChainError> {
        let unknown: Vec<_> = {
            let known = self.known.lock();
            extrinsics
                .iter()
                .filter(|(hash, _)| !known.contains_key(hash))
                .collect()
        };
        let mut answers = HashMap::new();
        if !unknown.is_empty() {
            let (_, best) = self.chain.best();
            let bytes: Vec<&[u8]> = unknown.iter().map(|(_, bytes)| &bytes[..]).collect();
            let read: Vec<Option<EvmTransaction>> = self.chain.call_typed(best, names::QEVM_TRANSACTIONS, &bytes)?;
            let hashes = unknown.iter().map(|(hash, _)| *hash);
            answers = hashes.zip(read.into_iter().map(|read| read.map(Arc::new))).collect();
        }
        let mut known = self.known.lock();
        let read = extrinsics.iter().map(|(hash, _)| {
            let read = known.get(hash).or_else(|| answers.get(hash));
            read.cloned().flatten()
        });
        let read = read.collect();
        known.extend(answers);
        Ok(read)
    }

    /// Forgets answers about transactions that are no longer in the pool, if there are many.
    fn forget_old(&self) {
        let status = self.pool.status();
        let mut known = self.known.lock();
        if known.len() <= status.ready + status.future + REMEMBERED_MAX {
            return;
        }
        known.retain(|hash, _| self.pool.holds(hash));
    }

    /// EVM transactions that become ready from now on.
    pub fn subscribe(self: &Arc<Self>) -> Result<broadcast::Receiver<Arc<EvmTransaction>>, ChainError> {
        let mut follows = self.follows.lock();
        if !*follows {
            let (weak, ready) = (Arc::downgrade(self), self.pool.subscribe_ready());
            let follow = move || follow(&weak, ready);
            let thread = thread::Builder::new().name("evm-pool".into()).spawn(follow);
            thread.map_err(|error| ChainError::Task(error.to_string()))?;
            *follows = true;
        }
        Ok(self.arrivals.subscribe())
    }

    /// Tells of a transaction that became ready.
    fn tell(&self, hash: Hash, bytes: Arc<[u8]>) {
        self.forget_old();
        match self.read(&[(hash, bytes)]) {
            Ok(read) => {
                for transaction in read.into_iter().flatten() {
                    // Nobody listening is fine.
                    let _ = self.arrivals.send(transaction);
                }
            }
            Err(error) => tracing::warn!("transaction {hash:?} is not told of: {error}"),
        }
    }
}

/// Follows the pool until it is gone. Holds nothing meanwhile, so that the node can end.
fn follow(evm: &Weak<EvmPool>, mut ready: broadcast::Receiver<Named>) {
    loop {
        match ready.blocking_recv() {
            Ok((hash, bytes)) => {
                let Some(evm) = evm.upgrade() else { return };
                if evm.arrivals.receiver_count() > 0 {
                    evm.tell(hash, bytes);
                }
            }
            Err(RecvError::Lagged(missed)) => tracing::warn!("{missed} pending transactions are not told of"),
            Err(RecvError::Closed) => return,
        }
    }
}
