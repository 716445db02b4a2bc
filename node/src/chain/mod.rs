//! The chain: its database, its states and its runtimes, and what is done with blocks. One writer at a time.

mod error;
mod evm;
mod execute;
mod execution;
mod fraud;
mod genesis;
mod inspect;
mod latest;
mod permits;
mod proof;
mod row;
mod signatures;
mod stateless;
mod upgrade;
mod weight;

pub use error::ChainError;
pub(crate) use execute::is_of_header;
pub use execute::{Candidate, Proposal, Recorded, Refused};
pub use fraud::{FRAUD_PROOF_BYTES_MAX, Fault, FraudKeeper, FraudProof, Frauds, NoFraud, Trusted, VerifiedFraud};
pub(crate) use fraud::{check_recent, describe, stored as stored_fraud};
pub use genesis::{BuiltGenesis, first_height, genesis_of};
pub use row::RowError;
pub use signatures::VerifiedSignatures;
pub use stateless::{Stateless, StatelessError, Witnessed};
pub(crate) use upgrade::CODE_DOMAIN;
pub use upgrade::{
    Difference, DryRun, InterfaceChange, ItemChange, Limited, Migration, Pair, REPLAY_MAX, Replay, Undecodable,
};

use crate::{
    metrics::{ChainMetrics, CryptoMetrics, Stored, follow_state_cache},
    spec::ChainSpec,
};
use codec::{Decode, Encode};
use latest::{Latest, Warm};
use parking_lot::{Mutex, RwLock};
pub(crate) use permits::Permits;
pub use proof::{FinalBlock, FinalHeader};
use quids_api::names;
use quids_core::{DigestItem, Hash, Header, Height, OpaqueExtrinsic, well_known_keys};
use quids_db::{Database, StorageConfig};
use quids_executor::{Executor, ExecutorConfig, ExecutorError, Runtime};
use quids_metrics::Registry;
use quids_rpc::Notification;
use quids_state::{Overlay, SharedCache, StateBackend, StateView};
use std::{
    collections::HashMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::broadcast;

/// The state that runtimes execute on.
pub type State = Overlay<StateView>;

/// How many blocks' runtimes are remembered by block hash.
const RUNTIMES_MAX: usize = 512;
/// How many notifications a slow subscriber may be behind before it misses some.
const NOTIFICATIONS_MAX: usize = 256;
/// Calls of RPC and pool under way at once; more wait.
const CALLS_MAX: usize = 16;
/// The longest an RPC or pool call may run, and the longest it may wait to run.
pub const CALL_DEADLINE: Duration = Duration::from_secs(5);
/// The longest that a call may hold up a thread that serves connections; by the executor's clock it may be twice as long.
const BRIEF: Duration = Duration::from_millis(5);
/// What such a call takes of the processor at most, if others are to be tried.
const BRIEF_USUAL: Duration = Duration::from_millis(1);
/// How long none is tried after one that took more: connections wait meanwhile, and what is begun twice costs twice.
const BRIEF_PAUSE: Duration = Duration::from_millis(200);

/// A new block, final.
#[derive(Clone, Debug)]
pub struct NewBlock {
    pub hash: Hash,
    pub header: Header,
    /// The hash of each extrinsic, in order.
    pub extrinsics: Vec<Hash>,
    /// The child runs another code than this block.
    pub code_changed: bool,
}

/// How to open a chain.
#[derive(Clone, Debug)]
pub struct ChainOptions {
    /// MiB of RocksDB's block cache; half of it again for values, and for branches of the trie.
    pub cache_mb: usize,
    /// Whether new files are compressed.
    pub enable_compression: bool,
    /// Files that the database keeps open; −1 for all.
    pub max_open_files: i32,
    /// How many states before the last block's stay readable; `None`: all.
    pub states_kept: Option<u32>,
    /// Whether commits wait for the disk.
    pub sync: bool,
}

impl Default for ChainOptions {
    fn default() -> Self {
        Self {
            cache_mb: 64,
            enable_compression: true,
            max_open_files: 512,
            states_kept: None,
            sync: true,
        }
    }
}

impl ChainOptions {
    /// Of the chain under `base`.
    pub(crate) fn storage(&self, base: &Path) -> StorageConfig {
        StorageConfig {
            cache_size_mb: self.cache_mb,
            enable_compression: self.enable_compression,
            max_open_files: self.max_open_files,
            states_kept: self.states_kept,
            sync: self.sync,
            ..StorageConfig::new(base.join("db"))
        }
    }
}

/// Where the database was not closed, looks at the last blocks before any is built upon.
pub(crate) fn check_tail(db: &Database) -> Result<(), ChainError> {
    if db.is_tail_whole() || db.best().is_err() {
        return Ok(());
    }
    let start = Instant::now();
    let blocks = db.check_tail().map_err(ChainError::Tail)?;
    tracing::info!(
        "the database was not closed; its last {blocks} blocks are whole ({} ms)",
        start.elapsed().as_millis()
    );
    Ok(())
}

/// The chain service. Shared by reference; commits are serialised inside.
pub struct Chain {
    db: Arc<Database>,
    cache: Arc<SharedCache>,
    latest: RwLock<Arc<Latest>>,
    executor: Executor,
    signatures: Arc<VerifiedSignatures>,
    genesis: Hash,
    runtimes: Mutex<HashMap<Hash, Arc<Runtime>>>,
    recent: evm::Recent,
    taken_back: evm::TakenBack,
    committing: Mutex<()>,
    /// One dry run of an upgrade at a time.
    trying: Mutex<()>,
    /// Bounds the calls of RPC and pool, so that authoring always finds a free instance.
    calls: Permits,
    /// When calls may be tried briefly again.
    brief_again: Mutex<Instant>,
    notifications: broadcast::Sender<Arc<Notification>>,
    registry: Registry,
    metrics: ChainMetrics,
    frauds: Frauds,
}

impl Chain {
    /// Opens the chain under `base`, or starts it from the spec's genesis.
    pub fn open(base: &Path, spec: &ChainSpec, options: &ChainOptions) -> Result<Self, ChainError> {
        let config = options.storage(base);
        let registry = Registry::new();
        let db = Arc::new(Database::open(&config)?);
        if db.is_of_headers() {
            return Err(quids_db::DbError::OfHeaders.into());
        }
        check_tail(&db)?;
        db.register_metrics(&registry)?;
        let executor_config = ExecutorConfig {
            cache_dir: Some(spec.code_cache(base)),
        };
        let executor = Executor::with_metrics(executor_config, &registry)?;
        let cache = Arc::new(SharedCache::new((options.cache_mb << 20) / 2));
        follow_state_cache(&registry, &cache, &db)?;
        let genesis = genesis::ensure(&db, &executor, spec)?;
        let metrics = ChainMetrics::new(&registry)?;
        let frauds = Frauds::open(&db, &registry, true)?;
        let (height, best) = db.best()?;
        metrics.at(height);
        let root = db.header(&best)?.ok_or(ChainError::UnknownBlock(best))?.state_root;
        let latest = StateView::new(db.clone(), cache.clone(), height, root);
        Ok(Self {
            db,
            cache,
            latest: RwLock::new(Latest::new(best, latest)),
            executor,
            signatures: Arc::new(VerifiedSignatures::new(CryptoMetrics::new(&registry)?)),
            genesis,
            runtimes: Mutex::default(),
            recent: evm::Recent::default(),
            taken_back: evm::TakenBack::default(),
            committing: Mutex::default(),
            trying: Mutex::default(),
            calls: Permits::new(CALLS_MAX),
            brief_again: Mutex::new(Instant::now()),
            notifications: broadcast::channel(NOTIFICATIONS_MAX).0,
            registry,
            metrics,
            frauds,
        })
    }

    pub fn genesis(&self) -> Hash {
        self.genesis
    }

    /// The last block, which is final.
    pub fn best(&self) -> (Height, Hash) {
        // A chain that is open has its genesis.
        self.db.best().unwrap_or((Height::ZERO, self.genesis))
    }

    pub fn database(&self) -> &Arc<Database> {
        &self.db
    }

    pub fn executor(&self) -> &Executor {
        &self.executor
    }

    /// What was verified, and need not be again.
    pub fn signatures(&self) -> Arc<VerifiedSignatures> {
        self.signatures.clone()
    }

    /// The metrics of this chain, to which the node adds its other parts'.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub fn metrics(&self) -> &ChainMetrics {
        &self.metrics
    }

    /// Invalid blocks that were signed all the same, as proven to this node.
    pub fn frauds(&self) -> &Frauds {
        &self.frauds
    }

    /// New blocks from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Notification>> {
        self.notifications.subscribe()
    }

    /// The header of a known block.
    pub fn header(&self, hash: Hash) -> Result<Header, ChainError> {
        self.db.header(&hash)?.ok_or(ChainError::UnknownBlock(hash))
    }

    /// The state after a block.
    pub fn state_at(&self, hash: Hash) -> Result<StateView, ChainError> {
        match self.latest_if(hash) {
            Some(latest) => Ok(latest.state.clone()),
            None => Ok(self.state_of(&self.header(hash)?)),
        }
    }

    /// The last block's state, if this is the last block.
    fn latest_if(&self, hash: Hash) -> Option<Arc<Latest>> {
        let latest = self.latest.read();
        (latest.hash == hash).then(|| latest.clone())
    }

    /// The state after the block with this header.
    fn state_of(&self, header: &Header) -> StateView {
        StateView::new(self.db.clone(), self.cache.clone(), header.number, header.state_root)
    }

    /// As [`Chain::state_at`], to execute on.
    pub fn overlay_at(&self, hash: Hash) -> Result<State, ChainError> {
        Ok(self.overlay(self.state_at(hash)?))
    }

    fn overlay<B: StateBackend>(&self, state: B) -> Overlay<B> {
        overlay(state, &self.signatures)
    }

    /// The runtime in the state of a block: the one that executes the block's child.
    pub fn runtime_at(&self, hash: Hash) -> Result<Arc<Runtime>, ChainError> {
        if let Some(runtime) = self.runtimes.lock().get(&hash) {
            return Ok(runtime.clone());
        }
        let code = self
            .state_at(hash)?
            .get(well_known_keys::CODE)?
            .ok_or(ChainError::NoCode(hash))?;
        let runtime = self.executor.load(&code).map_err(ExecutorError::of_chains_code)?;
        self.remember_runtime(hash, runtime.clone());
        Ok(runtime)
    }

    fn remember_runtime(&self, hash: Hash, runtime: Arc<Runtime>) {
        let mut runtimes = self.runtimes.lock();
        if runtimes.len() >= RUNTIMES_MAX {
            runtimes.clear();
        }
        runtimes.insert(hash, runtime);
    }

    /// Calls a runtime API on the state of a block; what it changes is discarded. Bounded in time.
    pub fn call(&self, at: Hash, api: &str, input: &[u8]) -> Result<Vec<u8>, ChainError> {
        let _permit = self.calls.acquire(CALL_DEADLINE).ok_or(ChainError::Busy)?;
        let mut state = self.overlay_at(at)?;
        Ok(self
            .runtime_at(at)?
            .call_with_deadline(&mut state, api, input, CALL_DEADLINE)?)
    }

    /// As [`Chain::call`] on the last block's state, if it is done at once: `None` if it would wait, load code or take
    /// longer than [`BRIEF`]. After one that took more than [`BRIEF_USUAL`] of the processor none is tried for [`BRIEF_PAUSE`].
    pub fn call_briefly(&self, at: Hash, api: &str, input: &[u8]) -> Result<Option<Vec<u8>>, ChainError> {
        let (Some(latest), true) = (self.latest_if(at), Instant::now() >= *self.brief_again.lock()) else {
            return Ok(None);
        };
        let Some(_permit) = self.calls.acquire(Duration::ZERO) else {
            return Ok(None);
        };
        let Some(mut warm) = latest.take_warm().or_else(|| {
            Some(Warm {
                runtime: self.runtimes.lock().get(&at).cloned()?,
                state: Box::new(self.overlay(latest.state.clone())),
            })
        }) else {
            return Ok(None);
        };
        let (start, begun) = (Instant::now(), processor_time());
        let Warm { runtime, state } = &mut warm;
        let output = state.discarding(|state| runtime.call_within(state, api, input, BRIEF));
        if output.is_ok() {
            latest.keep(warm);
        }
        // The second look is a system call: mostly the clock tells enough.
        if start.elapsed() > BRIEF_USUAL && processor_time().saturating_sub(begun) > BRIEF_USUAL {
            *self.brief_again.lock() = Instant::now() + BRIEF_PAUSE;
        }
        Ok(output?)
    }

    /// As [`Chain::call`], with SCALE on both sides.
    pub fn call_typed<O: Decode>(&self, at: Hash, api: &'static str, input: &impl Encode) -> Result<O, ChainError> {
        let output = self.call(at, api, &input.encode())?;
        O::decode(&mut output.as_slice()).map_err(ChainError::decode(api))
    }

    /// The runtime's verdict on a transaction, on the last block's state, and the height of that block.
    pub fn validate(
        &self,
        source: quids_api::TransactionSource,
        bytes: &[u8],
    ) -> Result<(quids_api::TransactionValidity, Height), ChainError> {
        let (height, best) = self.best();
        let verdict = self.call_typed(best, names::VALIDATE_TRANSACTION, &(source, bytes, best))?;
        Ok((verdict, height))
    }

    /// Where in the state the timestamp is.
    pub(crate) fn timestamp_key() -> Vec<u8> {
        [quids_crypto::twox_128(b"Timestamp"), quids_crypto::twox_128(b"Now")].concat()
    }

    /// The timestamp of the last block in milliseconds, where clients know it (`timestamp.now`); 0 without one.
    pub fn last_timestamp(&self) -> Result<u64, ChainError> {
        let (_, best) = self.best();
        let value = self.state_at(best)?.get(&Self::timestamp_key())?;
        value
            .map_or(Ok(0), |bytes| u64::decode(&mut &bytes[..]))
            .map_err(ChainError::decode("timestamp.now"))
    }

    /// Stores an executed block in one atomic batch, with the proof that it is final if it has one, and makes it the last one.
    fn commit(&self, mut executed: execute::Executed, justification: Option<Vec<u8>>) -> Result<NewBlock, ChainError> {
        let evm = self.evm_to_index(&mut executed).map(Arc::new);
        let execute::Executed {
            header,
            extrinsics,
            state,
            ..
        } = executed;
        let hash = header.hash();
        let code_changed = header.digest.logs.contains(&DigestItem::RuntimeEnvironmentUpdated);
        let new = NewBlock {
            hash,
            header: header.clone(),
            extrinsics: extrinsics.iter().map(|bytes| quids_txpool::hash_of(bytes)).collect(),
            code_changed,
        };
        let bytes = extrinsics.iter().map(Vec::len).sum();
        // Before anything is stored: once the block is, nothing may fail.
        let runtime = if code_changed {
            None
        } else {
            Some(self.runtime_at(header.parent_hash)?)
        };
        if let Some(evm) = &evm {
            self.metrics.evm.stored(evm);
        }
        let evm_to_store = evm.as_deref().cloned();
        // Before the block is the last one, so that whoever asks at once finds them.
        if let Some(evm) = evm {
            self.recent.put(hash, evm);
        }
        let spec_version = runtime.as_ref().map(|runtime| runtime.version().spec_version);
        if let Some(runtime) = runtime {
            self.remember_runtime(hash, runtime);
        }
        self.db.commit_block(quids_db::BlockCommit {
            header,
            body: extrinsics.into_iter().map(OpaqueExtrinsic).collect(),
            justification,
            state,
            aux: Vec::new(),
            evm: evm_to_store,
        })?;
        let state = self.state_of(&new.header);
        *self.latest.write() = Latest::new(hash, state.clone());
        self.metrics.stored(&Stored {
            block: &new,
            bytes,
            weight: self.weight_used(&state),
            spec_version,
        });
        // Nobody listening is fine.
        let _ = self.notifications.send(Arc::new(Notification {
            hash,
            header: new.header.clone(),
            is_imported: true,
            is_new_best: true,
            is_finalised: true,
            code_changed,
            retracted: Vec::new(),
        }));
        Ok(new)
    }
}

/// To execute on: signatures that are verified are not verified again, and the runtime's lines go to the log.
fn overlay<B: StateBackend>(state: B, signatures: &Arc<VerifiedSignatures>) -> Overlay<B> {
    Overlay::new(state)
        .with_verifier(signatures.verifier())
        .with_logger(Arc::new(log))
}

/// The runtime's lines in the node's log.
fn log(level: u8, message: &str) {
    match level {
        1 => tracing::error!(target: "runtime", "{message}"),
        2 => tracing::warn!(target: "runtime", "{message}"),
        3 => tracing::info!(target: "runtime", "{message}"),
        4 => tracing::debug!(target: "runtime", "{message}"),
        _ => tracing::trace!(target: "runtime", "{message}"),
    }
}

/// What this thread has used of the processor. Time on the clock would tell of others' work too.
fn processor_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), used.tv_nsec.unsigned_abs() as u32)
}
