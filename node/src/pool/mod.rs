//! The pool as the node shares it. The runtime thinks outside of the pool's lock; every change is told, in order, to
//! those who watch; a thread of its own renews verdicts after each block; local transactions outlive the process.

mod evm;
mod journal;
mod revalidation;
mod watchers;

pub use evm::EvmPool;
pub use revalidation::Revalidation;

use crate::{
    chain::{Chain, ChainError, NewBlock, Permits, Refused},
    metrics::{PoolCounts, PoolMetrics},
};
use journal::Journal;
use parking_lot::Mutex;
use quids_api::{TransactionSource, TransactionValidity, ValidTransaction};
use quids_core::{AccountId20, Hash, Height};
use quids_metrics::{MetricsError, Registry};
use quids_rpc::{PENDING_EXTRA_BYTES, PoolEntry, TransactionStatus};
use quids_txpool::{Limits, Pool, PoolError, PoolEvent, PoolStatus, Stats, Submission, Transaction};
use revalidation::Signal;
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::{Notify, broadcast, mpsc};
use watchers::Watchers;

/// How many events a slow listener may be behind before it misses some.
const EVENTS_MAX: usize = 65_536;
/// How many transactions that became ready a slow listener may be behind before it misses some.
const READY_MAX: usize = 4096;
/// The longest a transaction waits until the runtime has time for it.
const VALIDATION_PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of the tag by which a transaction provides its nonce: SCALE of (account, nonce).
const NONCE_TAG_LEN: usize = 28;

/// The pool, the chain that judges its transactions, and its listeners.
pub struct SharedPool {
    chain: Arc<Chain>,
    limits: Limits,
    state: Mutex<State>,
    journal: Journal,
    /// Validations of new transactions at once: one core is left for authoring.
    validations: Permits,
    /// Told that verdicts may be due.
    signal: Signal,
    events: broadcast::Sender<PoolEvent>,
    /// Transactions as they become ready, with their bytes: they may leave the pool before anybody asks.
    ready: broadcast::Sender<Named>,
    /// Told when a transaction becomes ready.
    arrived: Notify,
    /// Once `register_metrics` was called.
    metrics: OnceLock<PoolMetrics>,
}

/// How a transaction enters.
#[derive(Clone, Copy)]
enum Entering {
    Watched,
    Unwatched,
    /// Others are told of it by whoever sent it.
    FromPeer,
}

/// A transaction's hash and bytes.
type Named = (Hash, Arc<[u8]>);

/// Behind one lock, so that listeners hear of changes in the order in which they happened.
struct State {
    pool: Pool,
    watchers: Watchers,
}

impl SharedPool {
    pub fn new(chain: Arc<Chain>, limits: Limits) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (height, _) = chain.best();
        Self {
            state: Mutex::new(State {
                pool: Pool::new(limits, height),
                watchers: Watchers::default(),
            }),
            journal: Journal::new(chain.database().clone(), &limits),
            validations: Permits::new(cores.saturating_sub(1).max(1)),
            signal: Signal::default(),
            events: broadcast::channel(EVENTS_MAX).0,
            ready: broadcast::channel(READY_MAX).0,
            arrived: Notify::new(),
            metrics: OnceLock::new(),
            limits,
            chain,
        }
    }

    /// Has the pool's metrics in this registry from now on. At most once for a pool.
    pub fn register_metrics(self: &Arc<Self>, registry: &Registry) -> Result<(), MetricsError> {
        let weak = Arc::downgrade(self);
        let counts = move || {
            let status = weak.upgrade()?.status();
            Some(PoolCounts {
                ready: status.ready,
                future: status.future,
                bytes: status.bytes,
            })
        };
        // Registering twice is refused by the registry.
        let _ = self.metrics.set(PoolMetrics::new(registry, counts)?);
        Ok(())
    }

    /// What bounds the pool.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes a transaction in, if the runtime finds it valid. Blocks while the runtime thinks. A local one is kept
    /// across restarts.
    pub fn submit(&self, source: TransactionSource, bytes: Vec<u8>) -> Result<Hash, PoolError> {
        self.take_in(source, bytes.into(), false).map(|(hash, _)| hash)
    }

    /// As [`SharedPool::submit`], for one that a peer sent: others are told of it as it came.
    pub fn submit_from_peer(&self, bytes: Vec<u8>) -> Result<Hash, PoolError> {
        let answer = self.judge(TransactionSource::External, bytes.into());
        let answer = answer.and_then(|(hash, submission)| {
            self.enter(hash, submission, Entering::FromPeer)?;
            Ok(hash)
        });
        if let Some(metrics) = self.metrics.get() {
            metrics.answered(&answer);
        }
        answer
    }

    /// Peers have to be told of these after all.
    pub fn announce_again(&self, hashes: &[Hash]) {
        let mut state = self.state.lock();
        for hash in hashes {
            state.pool.set_announced(hash, false);
        }
    }

    /// As [`SharedPool::submit`], with every status from the first on.
    pub fn submit_and_watch(
        &self,
        source: TransactionSource,
        bytes: Vec<u8>,
    ) -> Result<(Hash, mpsc::Receiver<TransactionStatus>), PoolError> {
        let (hash, receiver) = self.take_in(source, bytes.into(), true)?;
        // Nobody watched a transaction that was not there, so there was room.
        let receiver = receiver.ok_or_else(|| PoolError::Runtime("too many watch the transaction".into()))?;
        Ok((hash, receiver))
    }

    fn take_in(
        &self,
        source: TransactionSource,
        bytes: Arc<[u8]>,
        watch: bool,
    ) -> Result<(Hash, Option<mpsc::Receiver<TransactionStatus>>), PoolError> {
        let answer = self.validate_and_take_in(source, bytes, watch);
        if let Some(metrics) = self.metrics.get() {
            metrics.answered(&answer);
        }
        answer
    }

    fn validate_and_take_in(
        &self,
        source: TransactionSource,
        bytes: Arc<[u8]>,
        watch: bool,
    ) -> Result<(Hash, Option<mpsc::Receiver<TransactionStatus>>), PoolError> {
        let (hash, submission) = self.judge(source, bytes)?;
        // Before it enters the pool, so that its end, which deletes the entry, comes after.
        let is_written = source == TransactionSource::Local
            && self.journal.add(hash, &submission.bytes).unwrap_or_else(|error| {
                tracing::error!("transaction {hash:?} will not outlive this process: {error}");
                false
            });
        let how = if watch { Entering::Watched } else { Entering::Unwatched };
        let answer = self.enter(hash, submission, how);
        // Known: another thread gave it at the same time, and the entry is that one's.
        if is_written
            && answer
                .as_ref()
                .is_err_and(|error| !matches!(error, PoolError::AlreadyKnown(_)))
        {
            self.journal.forget(&hash);
        }
        Ok((hash, answer?))
    }

    /// What the runtime says of a transaction that the pool does not refuse unasked.
    fn judge(&self, source: TransactionSource, bytes: Arc<[u8]>) -> Result<(Hash, Submission), PoolError> {
        let hash = self.state.lock().pool.check(&bytes)?;
        let (verdict, validated_at) = self.ask_for_new(source, &bytes)?;
        let verdict = verdict?;
        let submission = Submission {
            sender: sender_of(&verdict),
            bytes,
            source,
            verdict,
            validated_at,
        };
        Ok((hash, submission))
    }

    fn enter(
        &self,
        hash: Hash,
        submission: Submission,
        how: Entering,
    ) -> Result<Option<mpsc::Receiver<TransactionStatus>>, PoolError> {
        let validated_at = submission.validated_at;
        let mut state = self.state.lock();
        let (_, events) = state.pool.submit(submission)?;
        let receiver = match how {
            Entering::Watched => state.watchers.add(hash),
            Entering::Unwatched => None,
            Entering::FromPeer => {
                state.pool.set_announced(&hash, true);
                None
            }
        };
        self.publish(&mut state, events);
        drop(state);
        if validated_at < self.chain.best().0 {
            self.signal.raise();
        }
        self.arrived.notify_one();
        Ok(receiver)
    }

    fn ask_for_new(&self, source: TransactionSource, bytes: &[u8]) -> Result<(TransactionValidity, Height), PoolError> {
        let failed = |error: ChainError| PoolError::Runtime(error.to_string());
        let permit = self.validations.acquire(VALIDATION_PATIENCE);
        let _permit = permit.ok_or(ChainError::Busy).map_err(failed)?;
        self.chain.validate(source, bytes).map_err(failed)
    }

    /// Gives the pool what local transactions an earlier process left. To be called once, before others submit. What the
    /// runtime refuses is forgotten; what the pool has no room for is left for the next start.
    pub fn restore(&self) -> Result<(), ChainError> {
        let left = self.journal.load()?;
        let found = left.len();
        let mut judged = Vec::new();
        for (hash, bytes) in left {
            match self.judge(TransactionSource::Local, bytes.into()) {
                Ok((known, submission)) if known == hash => judged.push((hash, submission)),
                // Not asked: perhaps next time.
                Err(PoolError::Runtime(reason)) => tracing::warn!("transaction {hash:?} is not restored: {reason}"),
                Ok(_) | Err(_) => self.journal.forget(&hash),
            }
        }
        // Each finds the nonce before its own, and none waits without need.
        judged.sort_by_key(|(_, submission)| nonce_of(&submission.verdict));
        let mut taken: usize = 0;
        for (hash, submission) in judged {
            let answer = self.enter(hash, submission, Entering::Unwatched);
            if let Some(metrics) = self.metrics.get() {
                metrics.answered(&answer);
            }
            match answer {
                Ok(_) => taken += 1,
                Err(
                    PoolError::AccountFull { .. }
                    | PoolError::FutureFull { .. }
                    | PoolError::Full { .. }
                    | PoolError::TooLowPriority { .. },
                ) => {}
                Err(_) => self.journal.forget(&hash),
            }
        }
        self.journal.flush()?;
        if found > 0 {
            tracing::info!("{taken} of {found} local transactions are pending again");
        }
        Ok(())
    }

    /// Waits until a transaction has arrived since the last wait.
    pub async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// The transactions for the next block, in order, at most `count`.
    pub fn ready(&self, count: usize) -> Vec<Arc<[u8]>> {
        let state = self.state.lock();
        state
            .pool
            .ready()
            .take(count)
            .map(|transaction| transaction.bytes().clone())
            .collect()
    }

    pub fn has_ready(&self) -> bool {
        self.state.lock().pool.ready().next().is_some()
    }

    /// Everything that waits: what can be in the next block, in order, then the others.
    pub fn pending(&self) -> Vec<Arc<[u8]>> {
        let state = self.state.lock();
        let pending = state.pool.ready().chain(state.pool.future());
        pending.map(|transaction| transaction.bytes().clone()).collect()
    }

    /// As [`SharedPool::pending`], with hashes, and whether each can be in the next block.
    pub(crate) fn pending_named(&self) -> Vec<(bool, Named)> {
        let state = self.state.lock();
        let ready = state.pool.ready().map(|transaction| (true, transaction));
        let future = state.pool.future().map(|transaction| (false, transaction));
        let named = |transaction: &Transaction| (transaction.hash(), transaction.bytes().clone());
        ready
            .chain(future)
            .map(|(is_ready, transaction)| (is_ready, named(transaction)))
            .collect()
    }

    /// The first of the transactions for the next block, as many as come to `max_bytes`, each counted as
    /// [`PENDING_EXTRA_BYTES`] longer than it is.
    pub fn ready_within(&self, max_bytes: usize) -> Vec<Arc<[u8]>> {
        let state = self.state.lock();
        let mut left = max_bytes;
        let ready = state.pool.ready().map(Transaction::bytes);
        let fitting = ready.take_while(|bytes| {
            let rest = left.checked_sub(bytes.len() + PENDING_EXTRA_BYTES);
            left = rest.unwrap_or(left);
            rest.is_some()
        });
        fitting.cloned().collect()
    }

    /// Whether a ready transaction provides the tag.
    pub fn provides(&self, tag: &[u8]) -> bool {
        self.state.lock().pool.provides(tag)
    }

    /// Whether it is in the pool.
    pub fn holds(&self, hash: &Hash) -> bool {
        self.state.lock().pool.get(hash).is_some()
    }

    /// The bytes of a transaction in the pool, without length prefix.
    pub fn transaction(&self, hash: &Hash) -> Option<Arc<[u8]>> {
        self.state
            .lock()
            .pool
            .get(hash)
            .map(|transaction| transaction.bytes().clone())
    }

    pub fn status(&self) -> PoolStatus {
        self.state.lock().pool.status()
    }

    /// A page of the pool, the ready transactions first, in order.
    pub fn content(&self, start: usize, count: usize) -> Vec<PoolEntry> {
        let state = self.state.lock();
        let ready = state.pool.ready().map(|transaction| entry(transaction, true));
        let future = state.pool.future().map(|transaction| entry(transaction, false));
        ready.chain(future).skip(start).take(count).collect()
    }

    pub fn stats(&self) -> Stats {
        self.state.lock().pool.stats()
    }

    /// What becomes of all transactions from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<PoolEvent> {
        self.events.subscribe()
    }

    /// Transactions that become ready from now on.
    pub(crate) fn subscribe_ready(&self) -> broadcast::Receiver<Named> {
        self.ready.subscribe()
    }

    /// What becomes of one transaction in the pool, from where it stands now. `None` if it is not there, or if too many
    /// watch it already.
    pub fn watch(&self, hash: &Hash) -> Option<mpsc::Receiver<TransactionStatus>> {
        let mut state = self.state.lock();
        let status = state.pool.status_of(hash)?;
        state.watchers.add_from(*hash, Some(status.into()))
    }

    /// Takes a transaction out by the operator's order. False if it is not there.
    pub fn remove(&self, hash: &Hash) -> bool {
        let mut state = self.state.lock();
        let events = state.pool.remove(hash);
        let was_there = !events.is_empty();
        self.publish(&mut state, events);
        was_there
    }

    /// Ready transactions that peers should be told of, each once, at most `max`.
    pub fn take_unannounced(&self, max: usize) -> Vec<Hash> {
        self.state.lock().pool.take_unannounced(max)
    }

    /// The network sent a transaction to these peers.
    pub fn broadcast_to(&self, hash: &Hash, peers: Vec<String>) {
        let mut state = self.state.lock();
        let event = state.pool.broadcast_to(hash, peers);
        self.publish(&mut state, event.into_iter().collect());
    }

    /// Follows the chain: takes out what the block holds and what its author refused. Verdicts are renewed later.
    pub fn on_block(&self, block: &NewBlock, refused: &[Refused]) {
        let mut state = self.state.lock();
        let mut events = Vec::new();
        for Refused { hash, reason } in refused {
            events.extend(state.pool.remove_invalid(hash, *reason));
        }
        let height = block.header.number;
        events.extend(
            state
                .pool
                .on_block(block.hash, &block.extrinsics, height, block.code_changed),
        );
        self.publish(&mut state, events);
        drop(state);
        self.signal.raise();
    }

    /// Follows a development chain back to an earlier block. Verdicts are renewed later.
    pub fn on_taken_back(&self, height: Height) {
        self.state.lock().pool.on_taken_back(height);
        self.signal.raise();
    }

    fn publish(&self, state: &mut State, events: Vec<PoolEvent>) {
        for event in events {
            state.watchers.tell(&event);
            if let Some(metrics) = self.metrics.get() {
                metrics.event(&event.status);
            }
            if event.status.is_final() {
                self.journal.forget(&event.hash);
            }
            if event.status == quids_txpool::TransactionStatus::Ready
                && self.ready.receiver_count() > 0
                && let Some(transaction) = state.pool.get(&event.hash)
            {
                let _ = self.ready.send((event.hash, transaction.bytes().clone()));
            }
            // Nobody listening is fine.
            let _ = self.events.send(event);
        }
    }
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

/// Whose transaction it is, by the nonce that it provides.
fn sender_of(verdict: &ValidTransaction) -> Option<AccountId20> {
    nonce_tag(verdict)?.first_chunk().copied().map(AccountId20)
}

/// The nonce that it provides.
fn nonce_of(verdict: &ValidTransaction) -> Option<u64> {
    nonce_tag(verdict)?.last_chunk().copied().map(u64::from_le_bytes)
}

fn nonce_tag(verdict: &ValidTransaction) -> Option<&[u8]> {
    let tag = verdict.provides.first()?;
    (tag.len() == NONCE_TAG_LEN).then_some(tag)
}
