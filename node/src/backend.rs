//! What the RPC server asks of the node.

use crate::{
    chain::{Chain, ChainError},
    pool::SharedPool,
    spec::ChainSpec,
};
use quids_api::TransactionSource;
use quids_core::{Hash, Header, Height, OpaqueExtrinsic};
use quids_executor::ExecutorError;
use quids_rpc::{Backend, BackendError, ChainType, Health, Notification, SubmitError, SyncState, TransactionStatus};
use quids_state::StateBackend;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio::sync::{broadcast, mpsc};

/// The node behind the RPC server.
pub struct NodeBackend {
    pub chain: Arc<Chain>,
    pub pool: Arc<SharedPool>,
    pub spec: Arc<ChainSpec>,
    /// Height of the last block when the node started.
    pub started_at: Height,
}

fn internal(error: ChainError) -> BackendError {
    match error {
        ChainError::UnknownBlock(hash) => BackendError::UnknownBlock(hash),
        ChainError::Executor(ExecutorError::UnknownApi(name)) => BackendError::UnknownApi(name),
        ChainError::Executor(error) => BackendError::Execution(error.to_string()),
        error => BackendError::Internal(error.to_string()),
    }
}

fn database(error: quids_db::DbError) -> BackendError {
    BackendError::Internal(error.to_string())
}

fn state(error: quids_state::BackendError) -> BackendError {
    BackendError::Internal(error.to_string())
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
        let properties = json!({ "isEthereum": true, "tokenDecimals": 18, "tokenSymbol": "QDS" });
        properties.as_object().cloned().unwrap_or_default()
    }

    fn health(&self) -> Health {
        Health::default()
    }

    fn sync_state(&self) -> SyncState {
        let (current, _) = self.chain.best();
        SyncState {
            starting: self.started_at,
            current,
            highest: current,
        }
    }

    fn best_hash(&self) -> Hash {
        self.chain.best().1
    }

    fn finalised_hash(&self) -> Hash {
        self.chain.best().1
    }

    fn hash_at(&self, height: Height) -> Result<Option<Hash>, BackendError> {
        self.chain.database().hash_at(height).map_err(database)
    }

    fn header(&self, hash: Hash) -> Result<Option<Header>, BackendError> {
        self.chain.database().header(&hash).map_err(database)
    }

    fn body(&self, hash: Hash) -> Result<Option<Vec<OpaqueExtrinsic>>, BackendError> {
        self.chain.database().body(&hash).map_err(database)
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

    fn read_proof(&self, at: Hash, keys: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, BackendError> {
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        self.chain.state_at(at).map_err(internal)?.prove(&keys).map_err(state)
    }

    fn call(&self, at: Hash, api: &str, input: &[u8]) -> Result<Vec<u8>, BackendError> {
        self.chain.call(at, api, input).map_err(internal)
    }

    fn submit(&self, bytes: Vec<u8>) -> Result<Hash, SubmitError> {
        Ok(self.pool.submit(TransactionSource::Local, bytes)?)
    }

    fn submit_and_watch(&self, bytes: Vec<u8>) -> Result<(Hash, mpsc::Receiver<TransactionStatus>), SubmitError> {
        Ok(self.pool.submit_and_watch(TransactionSource::Local, bytes)?)
    }

    fn pending(&self) -> Vec<Vec<u8>> {
        self.pool.ready(usize::MAX).iter().map(|bytes| bytes.to_vec()).collect()
    }

    fn is_provided_by_pool(&self, tag: &[u8]) -> bool {
        self.pool.provides(tag)
    }

    fn subscribe_blocks(&self) -> broadcast::Receiver<Arc<Notification>> {
        self.chain.subscribe()
    }
}
