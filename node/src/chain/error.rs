//! Why the chain could not do something.

use quids_core::{Hash, Height};
use quids_executor::ExecutorError;
use quids_io::ExtError;

/// An error of the chain service.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    #[error("the database: {0}")]
    Database(#[from] quids_db::DbError),
    #[error(
        "the database was not closed, and its last blocks are damaged: {0}; `quids db verify` finds all damage and \
         what can be mended"
    )]
    Tail(quids_db::DbError),
    #[error("the state: {0}")]
    State(#[from] quids_state::StateError),
    #[error("the state: {0}")]
    Backend(#[from] quids_state::BackendError),
    #[error("the runtime: {0}")]
    Executor(#[from] quids_executor::ExecutorError),
    #[error("{what} does not decode: {error}")]
    Decode { what: &'static str, error: codec::Error },
    #[error("block {0:?} is unknown")]
    UnknownBlock(Hash),
    #[error("the state of block {0:?} holds no runtime code")]
    NoCode(Hash),
    #[error(
        "the database was made for another chain: its genesis is {found:?}, the chain spec's {expected:?}; name the spec \
         that it was made with, choose another --base-path, or remove its blocks with `quids purge-chain`"
    )]
    OtherGenesis { found: Hash, expected: Hash },
    #[error(
        "the chain spec states genesis {stated:?}, but what it describes has {built:?}: it was changed after it was \
         written; take the change back, or remove genesisHash"
    )]
    StatedGenesis { stated: Hash, built: Hash },
    #[error("the genesis could not be built: {0}")]
    Genesis(String),
    #[error("block {number} ({hash:?}) is invalid: {reason}")]
    InvalidBlock { number: Height, hash: Hash, reason: String },
    #[error("what came as the extrinsics of block {number} ({hash:?}) are others: {reason}")]
    OtherBody { number: Height, hash: Hash, reason: String },
    #[error("nobody gave what block {0:?} can be executed on without a state")]
    NoProof(Hash),
    #[error("block {number} ({hash:?}) is not known to be final: {reason}")]
    Unproven { number: Height, hash: Hash, reason: String },
    #[error(
        "block {number} ({hash:?}) is final by the signatures of a quorum, and yet invalid: {reason}. More than a third of the \
         committee is faulty, or this node is: nothing after it can be trusted"
    )]
    InvalidButFinal { number: Height, hash: Hash, reason: String },
    #[error(
        "block {number} ({hash:?}) is final, and this node cannot execute it: {reason}. Stop it, install a newer quids, and start that \
         with the same options: nothing is lost, it goes on with this block. If there is no newer one, others are at fault"
    )]
    Outdated { number: Height, hash: Hash, reason: String },
    #[error("the author's own {what} was refused: {reason}")]
    Inherent { what: &'static str, reason: String },
    #[error("the runtime stated the root {stated:?} for a state whose root is {computed:?}")]
    WrongRoot { stated: Hash, computed: Hash },
    #[error(transparent)]
    Metrics(#[from] quids_metrics::MetricsError),
    #[error(
        "{traced} transactions traced have {bytes} bytes and took {seconds} s: ask for one transaction, or for less of each"
    )]
    TraceTooLarge { traced: usize, bytes: usize, seconds: u64 },
    #[error("this node does not make blocks alone: validators decide them")]
    NotAlone,
    #[error("the chain has no validators: a witness has nothing to verify, run a full node")]
    NoValidators,
    #[error("another runtime is being tried: ask again when that is done")]
    Trying,
    #[error("too many calls of the runtime are under way")]
    Busy,
    #[error("a thread of the node panicked: {0}")]
    Task(String),
}

impl ChainError {
    /// True if the node must stop: what it cannot read or write it must not guess.
    pub fn is_fatal(&self) -> bool {
        if self.is_too_much_for_a_proof() {
            return false;
        }
        matches!(
            self,
            Self::Database(_)
                | Self::Tail(_)
                | Self::State(_)
                | Self::Backend(_)
                | Self::Task(_)
                | Self::Outdated { .. }
                | Self::Executor(ExecutorError::Host(ExtError::Backend(_)))
        )
    }

    /// True if it says nothing about the block: another time, or on another machine, the outcome may be another.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Executor(error) => error.is_local(),
            Self::NoProof(_) => true,
            _ => false,
        }
    }

    /// True if a later version of this node can say more.
    pub fn is_outdated(&self) -> bool {
        matches!(self, Self::Executor(ExecutorError::Outdated(_)))
    }

    /// A block needs more of its parent's state than a batch proof may show.
    pub fn is_too_much_for_a_proof(&self) -> bool {
        matches!(self, Self::Backend(quids_state::BackendError::Proof(_)))
    }

    pub(crate) fn decode(what: &'static str) -> impl FnOnce(codec::Error) -> Self {
        move |error| Self::Decode { what, error }
    }
}
