//! What can go wrong below the overlay.

use quids_core::{Hash, Height};
use quids_io::ExtError;

/// State that could not be read. It says nothing about the validity of a block: the node stops or asks elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    #[error("trie node {0:?} is missing from the store")]
    Missing(Hash),
    #[error("{column} entry 0x{key} is damaged: {reason}")]
    Damaged {
        column: &'static str,
        key: String,
        reason: String,
    },
    #[error("trie node {hash:?} is malformed: {reason}")]
    Malformed { hash: Hash, reason: String },
    #[error("state of block {height} is pruned: block {oldest} is the oldest whose state is kept")]
    Pruned { height: Height, oldest: Height },
    #[error("state of block {0} was not there yet when it was opened")]
    NotYet(Height),
    #[error("state of block {0} is gone: blocks were taken back since it was opened")]
    TakenBack(Height),
    #[error("the store failed: {0}")]
    Store(String),
    #[error("no proof: {0}")]
    Proof(String),
    /// Of a [`crate::ProofState`]: says nothing about the block.
    #[error("the batch proof is incomplete: it lacks {what} {hash:?}")]
    NotInProof { what: &'static str, hash: Hash },
    /// Of a [`crate::ProofState`]: has to be fetched.
    #[error("a value that the batch proof has by hash only is not at hand: {0:?}")]
    NoBlob(Hash),
}

impl From<BackendError> for ExtError {
    fn from(error: BackendError) -> Self {
        ExtError::Backend(error.to_string())
    }
}

/// An overlay that could not be turned into a commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error("{0} storage transactions are still open")]
    OpenTransactions(usize),
}
