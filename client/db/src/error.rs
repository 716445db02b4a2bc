//! Why the database cannot do what it was asked. A failed write stops the node.

use crate::columns::Column;
use quids_core::{Hash, Height};
use quids_state::BackendError;
use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    #[error("database {} cannot be opened: {reason}", path.display())]
    Open { path: PathBuf, reason: String },
    #[error(
        "database {} has files that are gone or cannot be read: {reason}; `quids db verify` names their columns, and with \
         --repair makes those again that can be", path.display()
    )]
    Unreadable { path: PathBuf, reason: String },
    /// `holder` says which process where the system tells.
    #[error("database {} is in use by another process{holder}: stop it, or choose another base path", path.display())]
    Locked { path: PathBuf, holder: String },
    #[error("database has format version {found}, written by a newer node; this node reads {supported}")]
    NewerFormat { found: u32, supported: u32 },
    #[error(
        "database has format version {found}, which this node no longer reads; it reads {supported}: write its blocks to a \
         file with the node that made it (`quids export-blocks`), and import them into a new database"
    )]
    OlderFormat { found: u32, supported: u32 },
    #[error("database has data but no format version: not a quids database, or not a whole one")]
    NoFormat,
    #[error("{column} entry 0x{key} is damaged: {reason}")]
    Damaged {
        column: &'static str,
        key: String,
        reason: String,
    },
    #[error("{column} could not be read at 0x{key}: {reason}")]
    Read {
        column: &'static str,
        key: String,
        reason: String,
    },
    #[error("writing failed: {0}")]
    Write(String),
    #[error("an earlier write failed ({0}): nothing is written until the node restarts")]
    Stopped(String),
    #[error("database has no genesis block")]
    NoGenesis,
    #[error("database holds the chain of genesis {found:?}, not of {wanted:?}")]
    OtherGenesis { found: Hash, wanted: Hash },
    #[error(
        "the database has blocks already, of the chain of genesis {genesis:?}: a snapshot begins a chain; see purge-chain"
    )]
    NotEmpty { genesis: Hash },
    #[error(
        "the import of a snapshot of block {found:?} has not ended: go on with `quids snapshot import`, or remove what is \
         there with `quids purge-chain`"
    )]
    Importing { found: Hash },
    #[error("the database is a witness's: it has headers and no states; a full node needs another folder")]
    OfHeaders,
    #[error("the database has states: it is a full node's; a witness needs another folder")]
    HasStates,
    #[error("not the next piece of the state: {0}")]
    Snapshot(String),
    #[error("block {number} is no genesis block")]
    NotGenesis { number: Height },
    #[error("block {number} cannot follow parent {parent:?} of height {parent_number}")]
    WrongHeight {
        number: Height,
        parent: Hash,
        parent_number: Height,
    },
    #[error("block {number} of parent {parent:?} does not follow the last one, which is {tip:?}")]
    NotOnTip { number: Height, parent: Hash, tip: Hash },
    #[error("the journal of height {0} is full")]
    JournalFull(Height),
    #[error("no block at height {0}")]
    NoBlockAt(Height),
    #[error("the past cannot be gone back to: {0}")]
    Past(String),
    #[error("going back to block {height} gives state {computed:?}, not {stated:?}")]
    WrongPast {
        height: Height,
        computed: Hash,
        stated: Hash,
    },
    #[error("the state gives root {computed:?}, where block {height} has {stated:?}: nothing was made from it")]
    WrongState {
        height: Height,
        computed: Hash,
        stated: Hash,
    },
    #[error("backups in {}: {reason}", path.display())]
    Backup { path: PathBuf, reason: String },
    #[error("block {0:?} is unknown")]
    UnknownBlock(Hash),
    #[error("block {0:?} is not on the chain, whose end cannot be taken back to it")]
    NotOnChain(Hash),
    #[error("{blocks} blocks are too many to take back at once: at most {max}")]
    TooManyToTakeBack { blocks: u32, max: u32 },
}

impl DbError {
    pub(crate) fn damaged(column: Column, key: &[u8], reason: impl Into<String>) -> Self {
        Self::Damaged {
            column: column.name(),
            key: hex(key),
            reason: reason.into(),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl From<DbError> for BackendError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Damaged { column, key, reason } => Self::Damaged { column, key, reason },
            other => Self::Store(other.to_string()),
        }
    }
}
