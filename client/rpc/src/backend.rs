//! The port: what the server asks of the node.

use codec::DecodeAll;
use quids_api::pobpc::NextHeight;
use quids_api::{
    RuntimeVersion,
    evm::{EvmBlock, EvmLog, EvmOutcome, EvmTransaction, TraceOptions},
    names,
};
use quids_core::{H160, H256, Hash, Header, Height, OpaqueExtrinsic, U256};
use quids_pobpc::{Round, Seat, SeatIndex};
use quids_txpool::PoolError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use tokio::sync::{broadcast, mpsc};

/// The node behind the server. What answers from memory (who the node is, health, heads, subscriptions, pins) must not
/// block; everything else may: the server calls it on blocking threads, and several at once. `at` is always a block hash; an unknown one is [`BackendError::UnknownBlock`].
pub trait Backend: Send + Sync + 'static {
    /// `system_chain`.
    fn chain_name(&self) -> String;
    /// `system_chainType`.
    fn chain_type(&self) -> ChainType;
    /// `system_name`.
    fn node_name(&self) -> String;
    /// `system_version`.
    fn node_version(&self) -> String;
    /// `system_properties`: at least `isEthereum`, `tokenDecimals`, `tokenSymbol`.
    fn properties(&self) -> Map<String, Value>;
    /// `system_health`.
    fn health(&self) -> Health;
    /// `system_syncState`.
    fn sync_state(&self) -> SyncState;
    /// `system_localPeerId`; empty without a network.
    fn local_peer_id(&self) -> String {
        String::new()
    }

    /// `system_nodeRoles`.
    fn node_roles(&self) -> Vec<NodeRole>;
    /// `system_peers`; empty without a network.
    fn peers(&self) -> Vec<Peer> {
        Vec::new()
    }
    /// `system_localListenAddresses`: multiaddresses; empty without a network.
    fn listen_addresses(&self) -> Vec<String> {
        Vec::new()
    }
    /// `quids_consensusState`; `None` on a chain without validators.
    fn consensus(&self) -> Option<ConsensusState> {
        None
    }
    /// The proof that a block is final, SCALE of [`quids_pobpc::Justification`]; `None` if it came without.
    fn justification(&self, _hash: Hash) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(None)
    }
    /// `quids_fraudProofs`: those that the node knows.
    fn fraud_proofs(&self) -> Vec<Arc<FraudNotice>> {
        Vec::new()
    }
    /// What `quids_nodeInfo` tells beyond the `system_*` methods.
    fn node_info(&self) -> NodeInfo;
    /// Adds a backup of the database to the node's folder of backups, and removes all but the last `kept` there.
    fn backup(&self, _kept: u32) -> Result<BackupInfo, BackendError> {
        Err(BackendError::Unavailable("it has no database".into()))
    }
    /// `quids_checkUpgrade`: the dry run of a new runtime, with the last `blocks` blocks under it.
    fn check_upgrade(&self, _code: &[u8], _blocks: u32) -> Result<serde_json::Value, BackendError> {
        Err(BackendError::Unavailable("it has no state".into()))
    }
    /// Adds directives such as `rpc=debug,pool=trace` to the log filter.
    fn add_log_filter(&self, directives: &str) -> Result<(), BackendError>;
    /// Brings back the log filter that the node started with.
    fn reset_log_filter(&self) -> Result<(), BackendError>;

    /// Puts the key that `suri` names into the node's keystore; `public` is its raw public key. `key_type` has four
    /// characters.
    fn insert_key(&self, key_type: &str, suri: &str, public: &[u8]) -> Result<(), BackendError>;
    /// Whether the keystore has the secret of this raw public key.
    fn has_key(&self, public: &[u8], key_type: &str) -> Result<bool, BackendError>;
    /// Whether the keystore has the secrets of all keys that [`Backend::rotate_keys`] once answered.
    fn has_session_keys(&self, keys: &[u8]) -> Result<bool, BackendError>;
    /// Makes new session keys in the keystore: the SCALE of their public parts.
    fn rotate_keys(&self) -> Result<Vec<u8>, BackendError>;

    /// The best block.
    fn best_hash(&self) -> Hash;
    /// The last finalised block.
    fn finalised_hash(&self) -> Hash;
    /// Both of the above and what is between, seen at one moment.
    fn heads(&self) -> Result<Heads, BackendError>;
    /// The blocks of this height: the final one, or all that may still become final.
    fn hashes_at(&self, height: Height) -> Result<Vec<Hash>, BackendError>;
    /// A subscriber was told of this block and may ask about it: it must be kept with its state, final or not, until
    /// [`Backend::unpin`], which follows once for each pin. Neither may block. Nothing to do for who keeps all blocks.
    fn pin(&self, _: Hash) {}
    /// Nobody may ask about this block any more.
    fn unpin(&self, _: Hash) {}
    /// The block of this height on the best chain.
    fn hash_at(&self, height: Height) -> Result<Option<Hash>, BackendError>;
    /// A block's header; `None` if the block is unknown.
    fn header(&self, hash: Hash) -> Result<Option<Header>, BackendError>;
    /// A block's extrinsics; `None` if the block is unknown or its body is gone.
    fn body(&self, hash: Hash) -> Result<Option<Vec<OpaqueExtrinsic>>, BackendError>;

    /// A storage value after a block.
    fn storage(&self, at: Hash, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError>;
    /// At most `count` keys with this prefix, ascending, after `start` if given.
    fn storage_keys_paged(
        &self,
        at: Hash,
        prefix: &[u8],
        count: u32,
        start: Option<&[u8]>,
    ) -> Result<Vec<Vec<u8>>, BackendError>;
    /// The Merkle value of the trie node at `key` or of the closest below it: the node if its parent holds it, else its
    /// hash. `None` if no key begins with `key`.
    fn closest_merkle_value(&self, at: Hash, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError>;
    /// A storage proof of these keys against the block's state root.
    fn read_proof(&self, at: Hash, keys: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, BackendError>;
    /// Calls a runtime API (`quids_api::names`) on the state after a block; nothing it writes is kept.
    fn call(&self, at: Hash, api: &str, input: &[u8]) -> Result<Vec<u8>, BackendError>;

    /// As [`Backend::call`], if that takes no longer than some milliseconds: `None` if it would. The caller's thread
    /// has others to serve.
    fn call_briefly(&self, at: Hash, api: &str, input: &[u8]) -> Result<Option<Vec<u8>>, BackendError>;

    /// The version of the runtime in the state after a block.
    fn runtime_version(&self, at: Hash) -> Result<RuntimeVersion, BackendError> {
        let answer = self.call(at, names::CORE_VERSION, &[])?;
        let undecodable = |_| BackendError::Execution("the runtime's version does not decode".into());
        RuntimeVersion::decode_all(&mut &answer[..]).map_err(undecodable)
    }
    /// Applies an extrinsic (bytes without length prefix) on the state after a block; the SCALE of its
    /// `ApplyExtrinsicResult`. Nothing is kept.
    fn dry_run(&self, at: Hash, extrinsic: &[u8]) -> Result<Vec<u8>, BackendError>;
    /// Executes a known block again and measures it; `None` if the block or its body is gone.
    fn block_stats(&self, hash: Hash) -> Result<Option<BlockStats>, BackendError>;
    /// Executes a known block again, and tells `sink` what it does to the storage until that answers false. The
    /// parent's hash; `None` if the block or its body is gone.
    fn trace_block(&self, hash: Hash, sink: &mut dyn FnMut(TraceRecord) -> bool) -> Result<Option<Hash>, BackendError>;

    /// Gives a transaction (bytes without length prefix) to the pool; its hash is `quids_txpool::hash_of`. `is_local`: it
    /// is the node's owner's, which the pool keeps before others and across restarts.
    fn submit(&self, bytes: Vec<u8>, is_local: bool) -> Result<Hash, SubmitError>;
    /// As [`Backend::submit`], with every status from the first on. The channel is bounded: the node drops the sender
    /// of a receiver that does not keep up, and after a final status.
    fn submit_and_watch(
        &self,
        bytes: Vec<u8>,
        is_local: bool,
    ) -> Result<(Hash, mpsc::Receiver<TransactionStatus>), SubmitError>;
    /// The first of the pool's ready transactions in the order in which a block takes them, without length prefix: as
    /// many as come to `max_bytes`, each counted as [`PENDING_EXTRA_BYTES`] longer than it is.
    fn pending(&self, max_bytes: usize) -> Vec<Vec<u8>>;
    /// Whether a ready transaction of the pool provides this tag (`Pool::provides`).
    fn is_provided_by_pool(&self, tag: &[u8]) -> bool;

    /// How full the pool is.
    fn pool_status(&self) -> PoolStatus;
    /// Up to `count` of the pool's transactions after the first `start`: the ready ones in the order in which a block
    /// takes them, then the others.
    fn pool_content(&self, start: usize, count: usize) -> Vec<PoolEntry>;
    /// Takes transactions out of the pool, with those that depend on them; which of them were there.
    fn remove_transactions(&self, hashes: &[Hash]) -> Vec<Hash>;

    /// A block as the EVM has it, from the index that import writes; `None` if the block is unknown.
    fn evm_block(&self, _: Hash) -> Result<Option<EvmBlock>, BackendError> {
        Err(BackendError::no_evm())
    }
    /// The block of an EVM transaction, and its place in [`EvmBlock::transactions`].
    fn evm_transaction(&self, _: H256) -> Result<Option<(Hash, u32)>, BackendError> {
        Err(BackendError::no_evm())
    }
    /// Logs of the best chain, in order. More than `query.limit` are an error.
    fn evm_logs(&self, _: &LogQuery) -> Result<Vec<LogEntry>, BackendError> {
        Err(BackendError::no_evm())
    }
    /// Executes a block again on its parent's state in its own runtime and records its EVM transactions: the one at
    /// this place of [`EvmBlock::transactions`], or all.
    fn evm_replay(
        &self,
        _block: Hash,
        _position: Option<u32>,
        _options: TraceOptions,
    ) -> Result<Vec<EvmOutcome>, BackendError> {
        Err(BackendError::no_evm())
    }
    /// The pool's EVM transactions, at most so many: whether each is ready, ready ones first in the order of a block.
    fn evm_pool(&self, _count_max: usize) -> Result<Vec<(bool, EvmTransaction)>, BackendError> {
        Err(BackendError::no_evm())
    }
    /// EVM transactions that become ready from now on.
    fn subscribe_evm_pool(&self) -> Result<broadcast::Receiver<Arc<EvmTransaction>>, BackendError> {
        Err(BackendError::no_evm())
    }
    /// What a development chain of one node lets its user do with time and state; `None` on any other.
    fn development(&self) -> Option<&dyn Development> {
        None
    }

    /// Blocks from now on. A receiver that lags loses its subscription, so the capacity bounds what the node buffers.
    fn subscribe_blocks(&self) -> broadcast::Receiver<Arc<Notification>>;
}

/// What `evm_*`, `anvil_*` and `hardhat_*` do on a development chain.
pub trait Development: Send + Sync {
    /// Makes blocks now, each `interval_s` after the one before if given.
    fn mine(&self, blocks: u64, interval_s: Option<u64>) -> Result<(), BackendError>;
    /// Moves the clock of future blocks; the sum of all moves, in seconds.
    fn increase_time(&self, seconds: u64) -> Result<u64, BackendError>;
    /// The next block's timestamp, in seconds since 1970.
    fn set_next_timestamp(&self, timestamp: u64) -> Result<(), BackendError>;
    /// Remembers the present: its number.
    fn snapshot(&self) -> Result<u64, BackendError>;
    /// Goes back to what was remembered and forgets it and all later ones; whether there was such. Blocks since then
    /// are gone with their indexes, and subscribers hear of their logs as removed.
    fn revert(&self, snapshot: u64) -> Result<bool, BackendError>;
    /// In a block of its own.
    fn set_balance(&self, who: H160, balance: U256) -> Result<(), BackendError>;
    /// Whether transactions are put into a block as they arrive.
    fn set_automine(&self, on: bool) -> Result<(), BackendError>;
    /// The accounts that [`Self::sign`] signs for.
    fn accounts(&self) -> Vec<H160>;
    /// A secp256k1 signature `r ‖ s ‖ v` of the Keccak-256 of `payload`, `v` 0 or 1; `None` for an account of which there
    /// is no key.
    fn sign(&self, who: H160, payload: &[u8]) -> Option<[u8; 65]>;
}

/// Which logs (`eth_getLogs`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogQuery {
    /// First block.
    pub from: Height,
    /// Last block, itself included.
    pub to: Height,
    /// Any of these; empty: any at all.
    pub addresses: Vec<H160>,
    /// By place: any of these; empty: any at all.
    pub topics: Vec<Vec<H256>>,
    /// The most answers.
    pub limit: usize,
}

/// A log with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The block's height.
    pub height: Height,
    /// The block.
    pub block: Hash,
    /// Its timestamp in seconds.
    pub timestamp: u64,
    /// Of the transaction among the block's EVM transactions.
    pub transaction_index: u32,
    /// The transaction.
    pub transaction: H256,
    /// Of the log in its block.
    pub log_index: u32,
    /// The log.
    pub log: EvmLog,
}

/// What a list of transactions in JSON has for each, beyond two digits for each of its bytes, in such pairs of digits:
/// the length prefix, `0x`, quotes and a comma.
pub const PENDING_EXTRA_BYTES: usize = 8;

/// Where the chain ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heads {
    /// The last final block.
    pub finalised: Hash,
    /// The best block: final, or one of `unfinalised`.
    pub best: Hash,
    /// All descendants of `finalised`, parents before children.
    pub unfinalised: Vec<Hash>,
}

/// What happened to a block. Import, new best and finality may come in one notification or in several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The block.
    pub hash: Hash,
    /// Its header.
    pub header: Header,
    /// It has just been imported.
    pub is_imported: bool,
    /// It has just become the best block.
    pub is_new_best: bool,
    /// It has just become final; each final block gets its own notification, in order.
    pub is_finalised: bool,
    /// `:code` changed in it: its child runs a new runtime.
    pub code_changed: bool,
    /// Blocks that are gone, highest first: a development chain was taken back, this block is its end again, and best
    /// and final both. [`Backend::evm_block`] still knows the last of them that did something in the EVM.
    pub retracted: Vec<Hash>,
}

/// What a node does for the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeRole {
    /// Follows it.
    Full,
    /// Authors blocks.
    Authority,
}

/// A node on the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// Its name in the network.
    pub peer_id: String,
    /// Its role, in words.
    pub roles: String,
    /// Its best block.
    #[serde(with = "crate::json::hash_text")]
    pub best_hash: Hash,
    /// The height of that.
    pub best_number: u32,
}

/// See [`Backend::consensus`].
#[derive(Clone, Debug, PartialEq)]
pub struct ConsensusState {
    /// That is being decided.
    pub height: Height,
    /// The first is 0.
    pub round: Round,
    /// Whose turn it is.
    pub proposer: SeatIndex,
    /// Of this node, at this height.
    pub seat: Option<SeatIndex>,
    /// Who decides, and how.
    pub next: NextHeight,
    /// Whether it brings in what others decided before.
    pub is_catching_up: bool,
}

/// See [`Backend::fraud_proofs`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FraudNotice {
    /// The invalid block.
    pub block: Hash,
    /// Its height.
    pub number: Height,
    /// What it claims to follow.
    pub parent: Hash,
    /// In which it was signed.
    pub round: Round,
    /// What is wrong with it, in words.
    pub fault: String,
    /// Of the whole proof.
    pub bytes: u64,
    /// The operator wants to go on all the same.
    pub is_dismissed: bool,
    /// Who signed it.
    pub signers: Vec<(SeatIndex, Seat)>,
}

/// See [`Backend::node_info`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// The chain spec's id.
    pub chain_id: String,
    /// The first block.
    pub genesis: Hash,
    /// Seconds since the node started.
    pub uptime_s: u64,
    /// Bytes of the database on disk, if they could be counted.
    pub database_bytes: Option<u64>,
}

/// Transactions and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolUsage {
    /// How many.
    pub count: u64,
    /// Their bytes together.
    pub bytes: u64,
}

/// How full the pool is, and how much it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// What can be in the next block.
    pub ready: PoolUsage,
    /// What waits for another transaction.
    pub future: PoolUsage,
    /// The most that ready and future may come to.
    pub max: PoolUsage,
    /// The largest transaction.
    pub transaction_bytes_max: u64,
}

/// A transaction of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolEntry {
    /// BLAKE3-256 of its bytes.
    pub hash: Hash,
    /// How many those are.
    pub bytes: u64,
    /// The runtime's priority.
    pub priority: u64,
    /// Whether it can be in the next block.
    pub is_ready: bool,
    /// The tags it provides; a signed transaction's is the SCALE of account and nonce.
    pub provides: Vec<Vec<u8>>,
    /// The height at which its verdict ends.
    pub valid_until: Height,
}

/// A block in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockStats {
    /// Bytes of the proof of what the block reads and writes.
    pub witness_len: u64,
    /// The same here: the trie's proofs are compact.
    pub witness_compact_len: u64,
    /// Bytes of the encoded block.
    pub block_len: u64,
    /// Its extrinsics.
    pub num_extrinsics: u64,
}

/// A step of a block's execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceRecord {
    /// A stretch of the execution begins; ids ascend from 1.
    Span {
        /// Its id.
        id: u64,
        /// Which stretch.
        name: String,
    },
    /// The runtime touches the storage.
    Access {
        /// The stretch.
        span: u64,
        /// `Get`, `Put` and so on.
        method: &'static str,
        /// The key; of a root, empty.
        key: Vec<u8>,
        /// Names and contents of what goes with it.
        values: Vec<(&'static str, String)>,
    },
}

/// What kind of network a chain is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChainType {
    /// One node, known keys.
    Development,
    /// Some nodes of one owner.
    Local,
    /// Value.
    Live,
}

/// `system_health`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Connected peers.
    pub peers: u32,
    /// Whether the node is behind.
    pub is_syncing: bool,
    /// False on a development chain.
    pub should_have_peers: bool,
}

/// `system_syncState`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncState {
    /// Best block when the node started.
    pub starting: Height,
    /// Best block now.
    pub current: Height,
    /// The highest block heard of.
    pub highest: Height,
}

/// Why the node cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// No such block, or its state is gone.
    #[error("unknown block: {0:?} is not in this node's chain, or its state was discarded")]
    UnknownBlock(Hash),
    /// The runtime of that block has no such API.
    #[error("the runtime has no function {0}")]
    UnknownApi(String),
    /// The runtime trapped; its panic message.
    #[error("execution failed: {0}")]
    Execution(String),
    /// This node has not got what it takes.
    #[error("not available on this node: {0}")]
    Unavailable(String),
    /// What was asked makes no sense to this node.
    #[error("{0}")]
    Refused(String),
    /// The node's own fault.
    #[error("internal error: {0}")]
    Internal(String),
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupInfo {
    /// On the node's machine.
    pub folder: String,
    /// In that folder.
    pub id: u32,
    /// As large as the database was.
    pub bytes: u64,
    /// Seconds since 1970.
    pub timestamp: i64,
}

/// Why a transaction is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SubmitError {
    /// Which of Substrate's errors this is.
    pub kind: SubmitErrorKind,
    /// Our stable number: `PoolError::code`.
    pub code: u16,
    /// The reason, for people.
    pub message: String,
}

/// Substrate's classes of pool errors; the numbers are its JSON-RPC codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum SubmitErrorKind {
    /// The runtime could not be asked.
    Verification = 1002,
    /// Invalid on this state.
    Invalid = 1010,
    /// Nobody can tell.
    Unknown = 1011,
    /// Was invalid a moment ago.
    TemporarilyBanned = 1012,
    /// In the pool already.
    AlreadyImported = 1013,
    /// Would replace a transaction of no lower priority.
    TooLowPriority = 1014,
    /// The pool, or what an account may have in it, is full, or the transaction is too large for it.
    ImmediatelyDropped = 1016,
}

impl BackendError {
    fn no_evm() -> Self {
        Self::Unavailable("the EVM".into())
    }
}

impl From<PoolError> for SubmitError {
    fn from(error: PoolError) -> Self {
        let kind = match error {
            PoolError::Invalid(_) | PoolError::Tags { .. } => SubmitErrorKind::Invalid,
            PoolError::Unknown(_) => SubmitErrorKind::Unknown,
            PoolError::AlreadyKnown(_) => SubmitErrorKind::AlreadyImported,
            PoolError::TooLowPriority { .. } => SubmitErrorKind::TooLowPriority,
            PoolError::TooLarge { .. }
            | PoolError::Full { .. }
            | PoolError::FutureFull { .. }
            | PoolError::AccountFull { .. } => SubmitErrorKind::ImmediatelyDropped,
            PoolError::Banned { .. } => SubmitErrorKind::TemporarilyBanned,
            PoolError::Runtime(_) => SubmitErrorKind::Verification,
        };
        Self {
            kind,
            code: error.code(),
            message: error.to_string(),
        }
    }
}

/// A watched transaction's status, in Substrate's JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TransactionStatus {
    /// Waits for another transaction.
    Future,
    /// Can be in the next block.
    Ready,
    /// Sent to these peers.
    Broadcast(Vec<String>),
    /// In this block.
    InBlock(#[serde(with = "crate::json::hash_text")] Hash),
    /// That block is no longer on the best chain.
    Retracted(#[serde(with = "crate::json::hash_text")] Hash),
    /// That block did not become final in time.
    FinalityTimeout(#[serde(with = "crate::json::hash_text")] Hash),
    /// In this block for good.
    Finalized(#[serde(with = "crate::json::hash_text")] Hash),
    /// Replaced by this transaction.
    Usurped(#[serde(with = "crate::json::hash_text")] Hash),
    /// Had to make room.
    Dropped,
    /// Can no longer be in a block.
    Invalid,
}

impl TransactionStatus {
    /// True if no status follows.
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::FinalityTimeout(_) | Self::Finalized(_) | Self::Usurped(_) | Self::Dropped | Self::Invalid
        )
    }
}

impl From<quids_txpool::TransactionStatus> for TransactionStatus {
    fn from(status: quids_txpool::TransactionStatus) -> Self {
        use quids_txpool::TransactionStatus as Pool;
        match status {
            Pool::Future => Self::Future,
            Pool::Ready => Self::Ready,
            Pool::Broadcast(peers) => Self::Broadcast(peers),
            Pool::InBlock(block) => Self::InBlock(block),
            Pool::Dropped => Self::Dropped,
            Pool::Invalid(_) => Self::Invalid,
            Pool::Usurped(by) => Self::Usurped(by),
        }
    }
}
