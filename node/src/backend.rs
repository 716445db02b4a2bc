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
use quids_txpool::{PoolEvent, TransactionStatus as PoolStatus};
use serde_json::{Map, Value};
use std::sync::Arc;
use tokio::sync::{
    broadcast::{self, error::RecvError},
    mpsc,
};

/// Statuses a watcher may be behind before it is dropped.
const WATCH_BUFFER: usize = 16;

/// The node behind the RPC server.
pub struct NodeBackend {
    pub chain: Arc<Chain>,
    pub pool: Arc<SharedPool>,
    pub spec: Arc<ChainSpec>,
    /// Height of the last block when the node started.
    pub started_at: Height,
    /// Runs the tasks that follow watched transactions.
    pub tasks: tokio::runtime::Handle,
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
        self.spec.properties.clone()
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
        Ok(self.pool.submit(TransactionSource::External, bytes)?)
    }

    fn submit_and_watch(&self, bytes: Vec<u8>) -> Result<(Hash, mpsc::Receiver<TransactionStatus>), SubmitError> {
        // Listening starts before submitting, so that no status is missed.
        let events = self.pool.subscribe();
        let hash = self.pool.submit(TransactionSource::External, bytes)?;
        let (statuses, receiver) = mpsc::channel(WATCH_BUFFER);
        self.tasks.spawn(follow(hash, events, statuses));
        Ok((hash, receiver))
    }

    fn pending(&self) -> Vec<Vec<u8>> {
        self.pool.ready(usize::MAX)
    }

    fn is_provided_by_pool(&self, tag: &[u8]) -> bool {
        self.pool.provides(tag)
    }

    fn subscribe_blocks(&self) -> broadcast::Receiver<Arc<Notification>> {
        self.chain.subscribe()
    }
}

/// Hands a transaction's statuses on until the last. Whoever does not keep up is dropped.
async fn follow(hash: Hash, mut events: broadcast::Receiver<PoolEvent>, statuses: mpsc::Sender<TransactionStatus>) {
    loop {
        let status = match events.recv().await {
            Ok(event) if event.hash == hash => event.status,
            Ok(_) => continue,
            Err(RecvError::Lagged(_) | RecvError::Closed) => return,
        };
        // What is in a block is final: nobody else authors.
        let finalised = match status {
            PoolStatus::InBlock(block) => Some(TransactionStatus::Finalized(block)),
            _ => None,
        };
        let is_last = status.is_final();
        for status in [Some(status.into()), finalised].into_iter().flatten() {
            if statuses.try_send(status).is_err() {
                return;
            }
        }
        if is_last {
            return;
        }
    }
}
