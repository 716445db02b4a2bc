//! What the RPC server asks of the node.

use crate::{
    chain::{Chain, ChainError},
    development::DevelopmentControls,
    pool::{EvmPool, SharedPool},
    spec::ChainSpec,
    together::Together,
};
use codec::{DecodeAll, Encode};
use quids_api::{
    RuntimeVersion, TransactionSource,
    evm::{EvmBlock, EvmOutcome, EvmTransaction, TraceOptions},
};
use quids_core::{H256, Hash, Header, Height, OpaqueExtrinsic};
use quids_crypto::{PublicKey, SignatureScheme};
use quids_db::{Database, LogFilter, LogQueryError};
use quids_executor::ExecutorError;
use quids_rpc::{
    Backend, BackendError, BackupInfo, BlockStats, ChainType, ConsensusState, Development, FraudNotice, Heads, Health,
    LogEntry, LogQuery, NodeInfo, NodeRole, Notification, PoolEntry, PoolStatus, PoolUsage, SubmitError, SyncState,
    TraceRecord, TransactionStatus,
};
use quids_state::StateBackend;
use serde_json::{Map, Value};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};
use tokio::sync::{broadcast, mpsc};

/// The log filter, to change while the node runs. Errors are for the caller.
pub trait LogControl: Send + Sync {
    /// Adds directives such as `rpc=debug`.
    fn add(&self, directives: &str) -> Result<(), String>;
    /// Back to what the node started with.
    fn reset(&self) -> Result<(), String>;
}

/// The node's own keys. Errors are for the caller, and never hold a secret.
pub trait KeyControl: Send + Sync {
    /// Keeps the key that `suri` names, whose raw public key is `public`; `key_type` has four characters.
    fn insert(&self, key_type: &str, suri: &str, public: &[u8]) -> Result<(), String>;
    /// Whether the secret of this raw public key is there.
    fn has(&self, key_type: &str, public: &[u8]) -> Result<bool, String>;
    /// Makes a key.
    fn generate(&self, key_type: &str, scheme: SignatureScheme) -> Result<PublicKey, String>;
}

/// The type of the consensus key, which is of Falcon-512: the runtime has no session keys yet.
const CONSENSUS_KEY: &str = "pobp";

/// What RPC may change in the node; what is `None` it cannot.
#[derive(Clone, Default)]
pub struct Controls {
    pub logs: Option<Arc<dyn LogControl>>,
    pub keys: Option<Arc<dyn KeyControl>>,
}

impl std::fmt::Debug for Controls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (logs, keys) = (self.logs.is_some(), self.keys.is_some());
        f.debug_struct("Controls")
            .field("logs", &logs)
            .field("keys", &keys)
            .finish()
    }
}

impl Controls {
    fn logs(&self) -> Result<&dyn LogControl, BackendError> {
        let missing = || BackendError::Unavailable("its log filter cannot be changed".into());
        self.logs.as_deref().ok_or_else(missing)
    }

    fn keys(&self) -> Result<&dyn KeyControl, BackendError> {
        let missing = || BackendError::Unavailable("it runs without a keystore".into());
        self.keys.as_deref().ok_or_else(missing)
    }

    pub(crate) fn add_log_filter(&self, directives: &str) -> Result<(), BackendError> {
        self.logs()?.add(directives).map_err(BackendError::Refused)
    }

    pub(crate) fn reset_log_filter(&self) -> Result<(), BackendError> {
        self.logs()?.reset().map_err(BackendError::Refused)
    }

    pub(crate) fn insert_key(&self, key_type: &str, suri: &str, public: &[u8]) -> Result<(), BackendError> {
        let inserted = self.keys()?.insert(key_type, suri, public);
        inserted.map_err(BackendError::Refused)
    }

    pub(crate) fn has_key(&self, public: &[u8], key_type: &str) -> Result<bool, BackendError> {
        self.keys()?.has(key_type, public).map_err(BackendError::Refused)
    }

    pub(crate) fn has_session_keys(&self, keys: &[u8]) -> Result<bool, BackendError> {
        let key = PublicKey::decode_all(&mut &keys[..])
            .map_err(|error| BackendError::Refused(format!("sessionKeys hold no public key: {error}")))?;
        self.has_key(key.as_bytes(), CONSENSUS_KEY)
    }

    pub(crate) fn rotate_keys(&self) -> Result<Vec<u8>, BackendError> {
        let key = self.keys()?.generate(CONSENSUS_KEY, SignatureScheme::Falcon512);
        key.map(|key| key.encode()).map_err(BackendError::Internal)
    }
}

/// The node behind the RPC server.
pub struct NodeBackend {
    pub chain: Arc<Chain>,
    pub pool: Arc<SharedPool>,
    pub evm_pool: Arc<EvmPool>,
    /// On a chain with validators.
    pub together: Option<Together>,
    /// On a development chain of which this node is the only author.
    pub development: Option<Arc<DevelopmentControls>>,
    pub spec: Arc<ChainSpec>,
    /// Height of the last block when the node started.
    pub started_at: Height,
    /// When that was.
    pub started: Instant,
    /// The database's folder.
    pub database: PathBuf,
    pub controls: Controls,
}

pub(crate) fn internal(error: ChainError) -> BackendError {
    match error {
        ChainError::UnknownBlock(hash) => BackendError::UnknownBlock(hash),
        ChainError::Executor(ExecutorError::UnknownApi(name)) => BackendError::UnknownApi(name),
        ChainError::Executor(error) => BackendError::Execution(error.to_string()),
        error @ ChainError::TraceTooLarge { .. } => BackendError::Refused(error.to_string()),
        error => BackendError::Internal(error.to_string()),
    }
}

fn database(error: quids_db::DbError) -> BackendError {
    BackendError::Internal(error.to_string())
}

fn state(error: quids_state::BackendError) -> BackendError {
    BackendError::Internal(error.to_string())
}

/// Adds a backup to the folder beside the database's, and removes all but the last `kept` there.
pub(crate) fn backup(db: &Database, folder: &Path, kept: u32) -> Result<BackupInfo, BackendError> {
    let folder = folder.with_file_name("backups");
    let backup = db.backup(&folder, kept as usize).map_err(database)?;
    Ok(BackupInfo {
        folder: folder.display().to_string(),
        id: backup.id,
        bytes: backup.bytes,
        timestamp: backup.timestamp,
    })
}

/// Bytes of the files in a folder, without those in folders of its own.
pub(crate) fn folder_bytes(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        // A file that goes away meanwhile counts nothing.
        bytes += entry?.metadata().map_or(0, |metadata| metadata.len());
    }
    Ok(bytes)
}

impl Backend for NodeBackend {
    fn chain_name(&self) -> String {
        self.spec.name.clone()
    }

    fn chain_type(&self) -> ChainType {
        self.spec.chain_type
    }

    fn node_name(&self) -> String {
        "Quids Node".into()
    }

    fn node_version(&self) -> String {
        env!("CARGO_PKG_VERSION").into()
    }

    fn properties(&self) -> Map<String, Value> {
        self.spec.properties.clone()
    }

    fn health(&self) -> Health {
        self.together.as_ref().map_or_else(Health::default, Together::health)
    }

    fn local_peer_id(&self) -> String {
        let together = self.together.as_ref();
        together.map_or_else(String::new, |together| together.network.local_peer().to_string())
    }

    fn peers(&self) -> Vec<quids_rpc::Peer> {
        self.together.as_ref().map_or_else(Vec::new, Together::peers)
    }

    fn listen_addresses(&self) -> Vec<String> {
        self.together.as_ref().map_or_else(Vec::new, Together::listen_addresses)
    }

    fn sync_state(&self) -> SyncState {
        let (current, _) = self.chain.best();
        let alone = SyncState {
            starting: self.started_at,
            current,
            highest: current,
        };
        let together = self.together.as_ref();
        together.map_or(alone, |together| together.sync_state(self.started_at, current))
    }

    fn node_roles(&self) -> Vec<NodeRole> {
        let role = match &self.together {
            Some(together) => together.role(),
            None if self.spec.author.is_some() => NodeRole::Authority,
            None => NodeRole::Full,
        };
        vec![role]
    }

    fn consensus(&self) -> Option<ConsensusState> {
        self.together.as_ref().map(Together::consensus)
    }

    fn justification(&self, hash: Hash) -> Result<Option<Vec<u8>>, BackendError> {
        self.chain.database().justification(&hash).map_err(database)
    }

    fn fraud_proofs(&self) -> Vec<Arc<FraudNotice>> {
        self.chain.frauds().known()
    }

    fn node_info(&self) -> NodeInfo {
        NodeInfo {
            chain_id: self.spec.id.clone(),
            genesis: self.chain.genesis(),
            uptime_s: self.started.elapsed().as_secs(),
            database_bytes: folder_bytes(&self.database).ok(),
        }
    }

    fn backup(&self, kept: u32) -> Result<BackupInfo, BackendError> {
        backup(self.chain.database(), &self.database, kept)
    }

    fn check_upgrade(&self, code: &[u8], blocks: u32) -> Result<serde_json::Value, BackendError> {
        let checked = self
            .chain
            .dry_run_upgrade(code, blocks, &mut |_| ())
            .map_err(internal)?;
        serde_json::to_value(checked).map_err(|error| BackendError::Internal(error.to_string()))
    }

    fn add_log_filter(&self, directives: &str) -> Result<(), BackendError> {
        self.controls.add_log_filter(directives)
    }

    fn reset_log_filter(&self) -> Result<(), BackendError> {
        self.controls.reset_log_filter()
    }

    fn insert_key(&self, key_type: &str, suri: &str, public: &[u8]) -> Result<(), BackendError> {
        self.controls.insert_key(key_type, suri, public)
    }

    fn has_key(&self, public: &[u8], key_type: &str) -> Result<bool, BackendError> {
        self.controls.has_key(public, key_type)
    }

    fn has_session_keys(&self, keys: &[u8]) -> Result<bool, BackendError> {
        self.controls.has_session_keys(keys)
    }

    fn rotate_keys(&self) -> Result<Vec<u8>, BackendError> {
        self.controls.rotate_keys()
    }

    fn best_hash(&self) -> Hash {
        self.chain.best().1
    }

    fn finalised_hash(&self) -> Hash {
        self.chain.best().1
    }

    fn heads(&self) -> Result<Heads, BackendError> {
        let (_, best) = self.chain.best();
        Ok(Heads {
            finalised: best,
            best,
            unfinalised: Vec::new(),
        })
    }

    fn hashes_at(&self, height: Height) -> Result<Vec<Hash>, BackendError> {
        Ok(self.hash_at(height)?.into_iter().collect())
    }

    fn hash_at(&self, height: Height) -> Result<Option<Hash>, BackendError> {
        self.chain.database().hash_at(height).map_err(database)
    }

    fn header(&self, hash: Hash) -> Result<Option<Header>, BackendError> {
        self.chain.database().header(&hash).map_err(database)
    }

    fn body(&self, hash: Hash) -> Result<Option<Vec<OpaqueExtrinsic>>, BackendError> {
        self.chain.database().get_block_transactions(&hash).map_err(database)
    }

    fn storage(&self, at: Hash, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        let value = self.chain.state_at(at).map_err(internal)?.get(key).map_err(state)?;
        Ok(value.map(|bytes| bytes.to_vec()))
    }

    fn storage_keys_paged(
        &self,
        at: Hash,
        prefix: &[u8],
        count: u32,
        start: Option<&[u8]>,
    ) -> Result<Vec<Vec<u8>>, BackendError> {
        self.chain
            .state_at(at)
            .map_err(internal)?
            .keys(prefix, start, count as usize)
            .map_err(state)
    }

    fn closest_merkle_value(&self, at: Hash, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        let backend = self.chain.state_at(at).map_err(internal)?;
        backend.closest_merkle_value(key).map_err(state)
    }

    fn read_proof(&self, at: Hash, keys: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, BackendError> {
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        self.chain.state_at(at).map_err(internal)?.prove(&keys).map_err(state)
    }

    fn call(&self, at: Hash, api: &str, input: &[u8]) -> Result<Vec<u8>, BackendError> {
        self.chain.call(at, api, input).map_err(internal)
    }

    fn call_briefly(&self, at: Hash, api: &str, input: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        self.chain.call_briefly(at, api, input).map_err(internal)
    }

    fn runtime_version(&self, at: Hash) -> Result<RuntimeVersion, BackendError> {
        Ok(self.chain.runtime_at(at).map_err(internal)?.version().clone())
    }

    fn dry_run(&self, at: Hash, extrinsic: &[u8]) -> Result<Vec<u8>, BackendError> {
        self.chain.dry_run(at, extrinsic).map_err(internal)
    }

    fn block_stats(&self, hash: Hash) -> Result<Option<BlockStats>, BackendError> {
        self.chain.block_stats(hash).map_err(internal)
    }

    fn trace_block(&self, hash: Hash, sink: &mut dyn FnMut(TraceRecord) -> bool) -> Result<Option<Hash>, BackendError> {
        self.chain.trace(hash, sink).map_err(internal)
    }

    fn pool_status(&self) -> PoolStatus {
        let (held, limits) = (self.pool.status(), self.pool.limits());
        let usage = |count: usize, bytes: usize| PoolUsage {
            count: count as u64,
            bytes: bytes as u64,
        };
        PoolStatus {
            ready: usage(held.ready, held.bytes - held.future_bytes),
            future: usage(held.future, held.future_bytes),
            max: usage(limits.max_count, limits.max_bytes),
            transaction_bytes_max: limits.max_per_transaction_bytes as u64,
        }
    }

    fn pool_content(&self, start: usize, count: usize) -> Vec<PoolEntry> {
        self.pool.content(start, count)
    }

    fn remove_transactions(&self, hashes: &[Hash]) -> Vec<Hash> {
        hashes.iter().copied().filter(|hash| self.pool.remove(hash)).collect()
    }

    fn submit(&self, bytes: Vec<u8>, is_local: bool) -> Result<Hash, SubmitError> {
        Ok(self.pool.submit(source(is_local), bytes)?)
    }

    fn submit_and_watch(
        &self,
        bytes: Vec<u8>,
        is_local: bool,
    ) -> Result<(Hash, mpsc::Receiver<TransactionStatus>), SubmitError> {
        Ok(self.pool.submit_and_watch(source(is_local), bytes)?)
    }

    fn pending(&self, max_bytes: usize) -> Vec<Vec<u8>> {
        let pending = self.pool.ready_within(max_bytes);
        pending.iter().map(|bytes| bytes.to_vec()).collect()
    }

    fn is_provided_by_pool(&self, tag: &[u8]) -> bool {
        self.pool.provides(tag)
    }

    fn evm_block(&self, hash: Hash) -> Result<Option<EvmBlock>, BackendError> {
        let block = self.chain.evm_block(hash).map_err(internal)?;
        Ok(block.map(|block| EvmBlock::clone(&block)))
    }

    fn evm_transaction(&self, hash: H256) -> Result<Option<(Hash, u32)>, BackendError> {
        self.chain.evm_transaction(&hash).map_err(internal)
    }

    fn evm_logs(&self, query: &LogQuery) -> Result<Vec<LogEntry>, BackendError> {
        let filter = LogFilter {
            from: query.from,
            to: query.to,
            addresses: query.addresses.clone(),
            topics: query.topics.clone(),
            limit: query.limit,
        };
        let found = self.chain.evm_logs(&filter).map_err(|error| match error {
            LogQueryError::Database(error) => database(error),
            error => BackendError::Refused(error.to_string()),
        })?;
        let entry = |found: quids_db::MatchingLog| LogEntry {
            height: found.height,
            block: found.block,
            timestamp: found.timestamp,
            transaction_index: found.transaction_index,
            transaction: found.transaction,
            log_index: found.log_index,
            log: found.log,
        };
        Ok(found.into_iter().map(entry).collect())
    }

    fn evm_replay(
        &self,
        block: Hash,
        position: Option<u32>,
        options: TraceOptions,
    ) -> Result<Vec<EvmOutcome>, BackendError> {
        let outcomes = self.chain.evm_replay(block, position, options).map_err(internal)?;
        outcomes.ok_or(BackendError::UnknownBlock(block))
    }

    fn evm_pool(&self, count_max: usize) -> Result<Vec<(bool, EvmTransaction)>, BackendError> {
        let content = self.evm_pool.content(count_max).map_err(internal)?;
        let owned = content
            .into_iter()
            .map(|(is_ready, transaction)| (is_ready, EvmTransaction::clone(&transaction)));
        Ok(owned.collect())
    }

    fn subscribe_evm_pool(&self) -> Result<broadcast::Receiver<Arc<EvmTransaction>>, BackendError> {
        self.evm_pool.subscribe().map_err(internal)
    }

    fn development(&self) -> Option<&dyn Development> {
        self.development.as_deref().map(|controls| controls as &dyn Development)
    }

    fn subscribe_blocks(&self) -> broadcast::Receiver<Arc<Notification>> {
        self.chain.subscribe()
    }
}

fn source(is_local: bool) -> TransactionSource {
    match is_local {
        true => TransactionSource::Local,
        false => TransactionSource::External,
    }
}
