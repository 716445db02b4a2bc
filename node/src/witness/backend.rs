//! What RPC asks of a witness: headers, what makes them final, and the network. It has no states, bodies and transactions, and
//! says so.

use super::Witness;
use crate::{
    backend::{Controls, folder_bytes},
    chain::FraudKeeper,
    consensus::Ledger,
    spec::ChainSpec,
    together::Together,
};
use quids_core::{Hash, Header, Height, OpaqueExtrinsic};
use quids_rpc::{
    Backend, BackendError, BackupInfo, BlockStats, ChainType, ConsensusState, FraudNotice, Heads, Health, NodeInfo,
    NodeRole, Notification, PoolEntry, PoolStatus, SubmitError, SubmitErrorKind, SyncState, TraceRecord,
    TransactionStatus,
};
use serde_json::{Map, Value};
use std::{path::PathBuf, sync::Arc, time::Instant};
use tokio::sync::{broadcast, mpsc};

/// The witness behind the RPC server.
pub struct WitnessBackend {
    pub ledger: Arc<Witness>,
    pub together: Together,
    pub spec: Arc<ChainSpec>,
    /// Height of the last block when the node started.
    pub started_at: Height,
    /// When that was.
    pub started: Instant,
    /// The database's folder.
    pub database: PathBuf,
    pub controls: Controls,
}

fn no_state<T>() -> Result<T, BackendError> {
    Err(BackendError::Unavailable(
        "it is a witness, which has no states and bodies: ask a full node".into(),
    ))
}

fn no_pool() -> SubmitError {
    SubmitError {
        kind: SubmitErrorKind::ImmediatelyDropped,
        code: 0,
        message: "this node is a witness, which has no pool: send it to a full node".into(),
    }
}

fn database(error: quids_db::DbError) -> BackendError {
    BackendError::Internal(error.to_string())
}

impl Backend for WitnessBackend {
    fn chain_name(&self) -> String {
        self.spec.name.clone()
    }

    fn chain_type(&self) -> ChainType {
        self.spec.chain_type
    }

    fn node_name(&self) -> String {
        "quids".into()
    }

    fn node_version(&self) -> String {
        env!("CARGO_PKG_VERSION").into()
    }

    fn properties(&self) -> Map<String, Value> {
        self.spec.properties.clone()
    }

    fn health(&self) -> Health {
        self.together.health()
    }

    fn sync_state(&self) -> SyncState {
        self.together.sync_state(self.started_at, self.ledger.best().0)
    }

    fn local_peer_id(&self) -> String {
        self.together.network.local_peer().to_string()
    }

    fn node_roles(&self) -> Vec<NodeRole> {
        vec![self.together.role()]
    }

    fn peers(&self) -> Vec<quids_rpc::Peer> {
        self.together.peers()
    }

    fn listen_addresses(&self) -> Vec<String> {
        self.together.listen_addresses()
    }

    fn consensus(&self) -> Option<ConsensusState> {
        Some(self.together.consensus())
    }

    fn justification(&self, hash: Hash) -> Result<Option<Vec<u8>>, BackendError> {
        self.ledger.database().justification(&hash).map_err(database)
    }

    fn fraud_proofs(&self) -> Vec<Arc<FraudNotice>> {
        self.ledger.frauds().known()
    }

    fn node_info(&self) -> NodeInfo {
        NodeInfo {
            chain_id: self.spec.id.clone(),
            genesis: self.ledger.genesis(),
            uptime_s: self.started.elapsed().as_secs(),
            database_bytes: folder_bytes(&self.database).ok(),
        }
    }

    fn backup(&self, kept: u32) -> Result<BackupInfo, BackendError> {
        crate::backend::backup(self.ledger.database(), &self.database, kept)
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
        self.ledger.best().1
    }

    fn finalised_hash(&self) -> Hash {
        self.ledger.best().1
    }

    fn heads(&self) -> Result<Heads, BackendError> {
        let (_, best) = self.ledger.best();
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
        self.ledger.database().hash_at(height).map_err(database)
    }

    fn header(&self, hash: Hash) -> Result<Option<Header>, BackendError> {
        self.ledger.database().header(&hash).map_err(database)
    }

    fn body(&self, _: Hash) -> Result<Option<Vec<OpaqueExtrinsic>>, BackendError> {
        no_state()
    }

    fn storage(&self, _: Hash, _: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        no_state()
    }

    fn storage_keys_paged(&self, _: Hash, _: &[u8], _: u32, _: Option<&[u8]>) -> Result<Vec<Vec<u8>>, BackendError> {
        no_state()
    }

    fn closest_merkle_value(&self, _: Hash, _: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        no_state()
    }

    fn read_proof(&self, _: Hash, _: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, BackendError> {
        no_state()
    }

    fn call(&self, _: Hash, _: &str, _: &[u8]) -> Result<Vec<u8>, BackendError> {
        no_state()
    }

    fn call_briefly(&self, _: Hash, _: &str, _: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        no_state()
    }

    fn dry_run(&self, _: Hash, _: &[u8]) -> Result<Vec<u8>, BackendError> {
        no_state()
    }

    fn block_stats(&self, _: Hash) -> Result<Option<BlockStats>, BackendError> {
        no_state()
    }

    fn trace_block(&self, _: Hash, _: &mut dyn FnMut(TraceRecord) -> bool) -> Result<Option<Hash>, BackendError> {
        no_state()
    }

    fn submit(&self, _: Vec<u8>, _: bool) -> Result<Hash, SubmitError> {
        Err(no_pool())
    }

    fn submit_and_watch(&self, _: Vec<u8>, _: bool) -> Result<(Hash, mpsc::Receiver<TransactionStatus>), SubmitError> {
        Err(no_pool())
    }

    fn pending(&self, _: usize) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn is_provided_by_pool(&self, _: &[u8]) -> bool {
        false
    }

    fn pool_status(&self) -> PoolStatus {
        PoolStatus::default()
    }

    fn pool_content(&self, _: usize, _: usize) -> Vec<PoolEntry> {
        Vec::new()
    }

    fn remove_transactions(&self, _: &[Hash]) -> Vec<Hash> {
        Vec::new()
    }

    fn subscribe_blocks(&self) -> broadcast::Receiver<Arc<Notification>> {
        self.ledger.subscribe()
    }
}
