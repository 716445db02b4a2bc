//! Which subscription keeps which blocks, within limits for each and for all.

use crate::Backend;
use quids_core::Hash;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What the `chainHead` methods grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainHeadLimits {
    /// Follow subscriptions of one connection; the specification asks for 2.
    pub follows_per_connection_max: usize,
    /// Operations under way for one subscription; the specification asks for 16.
    pub operations_max: usize,
    /// Blocks pinned by one subscription, and blocks that are not final that it can follow.
    pub pinned_per_follow_max: usize,
    /// Distinct blocks pinned by all subscriptions.
    pub pinned_max: usize,
    /// How long a block may stay pinned after a later one became final.
    pub pinned_age_max: Duration,
    /// Final blocks that a subscription begins with.
    pub initial_blocks_max: usize,
    /// Bytes of the keys and values in one event of a storage operation; a larger single value is sent alone.
    pub storage_chunk_bytes_max: usize,
    /// Items in one event of a storage operation.
    pub storage_chunk_items_max: usize,
}

impl Default for ChainHeadLimits {
    fn default() -> Self {
        Self {
            follows_per_connection_max: 4,
            operations_max: 16,
            pinned_per_follow_max: 512,
            pinned_max: 1024,
            pinned_age_max: Duration::from_secs(30 * 60),
            initial_blocks_max: 8,
            storage_chunk_bytes_max: 256 << 10,
            storage_chunk_items_max: 256,
        }
    }
}

/// A limit was reached: the subscription stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

/// All pinned blocks. The backend hears of each block once, however many subscriptions hold it.
pub struct Pins {
    backend: Arc<dyn Backend>,
    limits: ChainHeadLimits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    holders: HashMap<u64, Holder>,
    counts: HashMap<Hash, usize>,
}

struct Holder {
    /// Each block with the time since which it is no longer part of the head.
    blocks: HashMap<Hash, Option<Instant>>,
    stop: Arc<Notify>,
}

/// One subscription's pins, released when this is dropped.
pub struct PinSet {
    pins: Arc<Pins>,
    id: u64,
}

impl Pins {
    pub fn new(backend: Arc<dyn Backend>, limits: ChainHeadLimits) -> Self {
        let state = Mutex::default();
        Self { backend, limits, state }
    }

    /// An empty set. `stop` is notified if the node takes its pins away.
    pub fn open(self: &Arc<Self>, stop: Arc<Notify>) -> PinSet {
        let mut state = self.lock();
        let id = state.next;
        state.next += 1;
        let blocks = HashMap::new();
        state.holders.insert(id, Holder { blocks, stop });
        PinSet { pins: self.clone(), id }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, state: &mut State, blocks: impl IntoIterator<Item = Hash>) {
        for hash in blocks {
            if let Some(count) = state.counts.get_mut(&hash) {
                *count -= 1;
                if *count == 0 {
                    state.counts.remove(&hash);
                    self.backend.unpin(hash);
                }
            }
        }
    }

    fn close(&self, state: &mut State, id: u64) -> Option<Holder> {
        let mut holder = state.holders.remove(&id)?;
        self.release(state, holder.blocks.drain().map(|(hash, _)| hash).collect::<Vec<_>>());
        Some(holder)
    }
}

impl PinSet {
    /// Pins blocks. At the node's limit the subscription with the most pins is stopped, which may be this one.
    pub fn pin(&self, hashes: impl IntoIterator<Item = Hash>) -> Result<(), TooMany> {
        let pins = &*self.pins;
        let mut guard = pins.lock();
        let state = &mut *guard;
        for hash in hashes {
            let holder = state.holders.get_mut(&self.id).ok_or(TooMany)?;
            if holder.blocks.contains_key(&hash) {
                continue;
            }
            if holder.blocks.len() >= pins.limits.pinned_per_follow_max {
                return Err(TooMany);
            }
            holder.blocks.insert(hash, None);
            let count = state.counts.entry(hash).or_insert(0);
            *count += 1;
            if *count == 1 {
                pins.backend.pin(hash);
            }
            while state.counts.len() > pins.limits.pinned_max {
                let most = state.holders.iter().max_by_key(|(_, holder)| holder.blocks.len());
                let Some(most) = most.map(|(id, _)| *id) else { break };
                if let Some(holder) = pins.close(state, most) {
                    holder.stop.notify_one();
                }
                if most == self.id {
                    return Err(TooMany);
                }
            }
        }
        Ok(())
    }

    /// These blocks are final or pruned, and not the last final one.
    pub fn passed(&self, hashes: impl IntoIterator<Item = Hash>) {
        let mut state = self.pins.lock();
        let Some(holder) = state.holders.get_mut(&self.id) else {
            return;
        };
        for hash in hashes {
            if let Some(since) = holder.blocks.get_mut(&hash) {
                since.get_or_insert_with(Instant::now);
            }
        }
    }

    /// Whether a block has stayed pinned for too long.
    pub fn is_overdue(&self) -> bool {
        let max = self.pins.limits.pinned_age_max;
        let state = self.pins.lock();
        let holder = state.holders.get(&self.id);
        holder.is_some_and(|holder| holder.blocks.values().flatten().any(|since| since.elapsed() > max))
    }

    pub fn holds(&self, hash: Hash) -> bool {
        let state = self.pins.lock();
        state
            .holders
            .get(&self.id)
            .is_some_and(|holder| holder.blocks.contains_key(&hash))
    }

    /// Unpins all of these, or none if one is not pinned.
    pub fn unpin(&self, hashes: &[Hash]) -> Result<(), Hash> {
        let mut guard = self.pins.lock();
        let state = &mut *guard;
        // A subscription whose pins were taken away has stopped: nothing to do.
        let Some(holder) = state.holders.get_mut(&self.id) else {
            return Ok(());
        };
        if let Some(missing) = hashes.iter().find(|hash| !holder.blocks.contains_key(hash)) {
            return Err(*missing);
        }
        for hash in hashes {
            holder.blocks.remove(hash);
        }
        self.pins.release(state, hashes.iter().copied());
        Ok(())
    }
}

impl PinSet {
    /// Lets all blocks go, for good.
    pub fn release(&self) {
        self.pins.close(&mut self.pins.lock(), self.id);
    }
}

impl Drop for PinSet {
    fn drop(&mut self) {
        self.release();
    }
}

impl std::fmt::Debug for PinSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PinSet({})", self.id)
    }
}
