//! Fraud proofs: a block that a quorum of its committee signed and that is invalid, shown to whoever has neither its state nor
//! its body. What is here is the proof and what it is called when it proves nothing; `verify.rs` judges, `accuse.rs` makes one,
//! `keep.rs` has those that are known.

mod accuse;
mod keep;
mod verify;

pub use keep::Frauds;
pub(crate) use keep::{describe, stored};
pub use verify::{Trusted, VerifiedFraud};

use super::ChainError;
use crate::frames::decode_within;
use codec::{Decode, DecodeWithMemTracking, Encode};
use quids_core::{Block, Hash, Header, Height};
use quids_pobpc::{Committee, Justification, JustificationError, Seat, SeatIndex};
use quids_state::{BackendError, BadBatchProof, BatchProof};

/// The most bytes of a fraud proof: what is left of a large body's 32 MiB is the batch proof's, which has 16 at most.
pub const FRAUD_PROOF_BYTES_MAX: usize = 48 << 20;
/// What one may take in memory: short extrinsics take more there than on the wire.
const MEMORY_MAX: usize = 128 << 20;

/// A block, who signed it, and all that is needed of its parent's state to execute it, code of the chain excepted. Nothing is known
/// about it before [`Stateless::verify_fraud`](super::Stateless::verify_fraud) took it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct FraudProof {
    /// Its digest commits to the committee and how many of it decide.
    pub parent: Header,
    pub committee: Committee,
    pub block: Block,
    /// Precommits of the committee for the block.
    pub justification: Justification,
    /// Of the state after the parent.
    pub proof: BatchProof,
}

impl FraudProof {
    /// From bytes of anybody, all of them, within [`FRAUD_PROOF_BYTES_MAX`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NoFraud> {
        if bytes.len() > FRAUD_PROOF_BYTES_MAX {
            return Err(NoFraud::TooLarge(bytes.len()));
        }
        decode_within(bytes, MEMORY_MAX).map_err(|error| NoFraud::Undecodable(format!("{error:?}")))
    }

    /// As [`Self::decode`], of one that is to be about this block.
    pub fn decode_about(asked: Hash, bytes: &[u8]) -> Result<Self, NoFraud> {
        let proof = Self::decode(bytes)?;
        let found = proof.hash();
        match found == asked {
            true => Ok(proof),
            false => Err(NoFraud::OtherBlock { found, asked }),
        }
    }

    /// The block that it is about.
    pub fn hash(&self) -> Hash {
        self.block.header.hash()
    }
}

/// Blocks from the accused one's parent to the last for which a node still stops: as long as evidence counts on chain and bonds are
/// held. Who once were a committee and have nothing to lose any more do not stop anybody.
const RECENT: Height = Height(12_800);

/// An error if the parent of an accused block is too far below the last one.
pub(crate) fn check_recent(parent: Height, best: Height) -> Result<(), NoFraud> {
    match best.saturating_sub(parent) <= RECENT {
        true => Ok(()),
        false => Err(NoFraud::Old { parent, best }),
    }
}

/// Who keeps the fraud proofs of a chain, with its states or without.
pub trait FraudKeeper: Send + Sync + 'static {
    fn frauds(&self) -> &Frauds;
    /// Whether this is the block at this height.
    fn has_at(&self, height: Height, hash: Hash) -> Result<bool, ChainError>;
    /// Whether this is the block at this height, and this node executed it: then it is right.
    fn has_executed(&self, height: Height, hash: Hash) -> Result<bool, ChainError>;
    /// Bytes of anybody about this block: what holds is kept, and this node decides no more.
    fn take_in_fraud(&self, asked: Hash, bytes: &[u8]) -> Result<(), NoFraud>;
    /// The fraud proof about a block as others take it, if there is one.
    fn fraud_proof(&self, block: &Hash) -> Result<Option<Vec<u8>>, ChainError>;
}

/// The members that signed the block, by seat, if the signatures are right.
fn signers(proof: &FraudProof) -> impl Iterator<Item = (SeatIndex, &Seat)> {
    let signatures = proof.justification.signatures.iter();
    signatures.filter_map(|(index, _)| Some((*index, proof.committee.seat(*index)?)))
}

/// What is wrong with a block. Every node finds the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("executing it gives another header: {0:?}")]
    Header(Box<Header>),
    #[error("{0}")]
    Refused(String),
    #[error("it makes its runtime fail: {0}")]
    Failed(String),
}

/// Why there is no fraud, as far as this node can tell.
#[derive(Debug, thiserror::Error)]
pub enum NoFraud {
    #[error("a fraud proof of {0} bytes, at most {FRAUD_PROOF_BYTES_MAX}")]
    TooLarge(usize),
    #[error("the fraud proof does not decode: {0}")]
    Undecodable(String),
    #[error("it is about block {found:?}, not {asked:?}")]
    OtherBlock { found: Hash, asked: Hash },
    #[error("the parent, block {number} ({hash:?}), is none of this chain")]
    UnknownParent { number: Height, hash: Hash },
    #[error("it is about a child of block {parent}, too long before the last one, {best}, to stop for it")]
    Old { parent: Height, best: Height },
    #[error("this node executed block {number} ({hash:?}) and found it right")]
    Executed { number: Height, hash: Hash },
    #[error("block {number} ({hash:?}) is no child of block {parent}")]
    NoChild { number: Height, hash: Hash, parent: Height },
    #[error("the parent, block {0}, names no committee")]
    NoCommittee(Height),
    #[error("the committee has hash {found:?}, its parent commits to {committed:?}")]
    OtherCommittee { found: Hash, committed: Hash },
    #[error("the signatures are for block {number} ({hash:?})")]
    OtherSigned { number: Height, hash: Hash },
    #[error("the signatures prove nothing: {0}")]
    Signatures(#[from] JustificationError),
    #[error("the extrinsics are not those of the header: {0}")]
    OtherBody(String),
    #[error("the batch proof is none: {0}")]
    Proof(#[from] BadBatchProof),
    #[error("the batch proof does not show all that the block needs: {0}")]
    Incomplete(BackendError),
    #[error("the parent's state holds no runtime")]
    NoRuntime,
    /// Told apart from [`Self::Incomplete`]: the one thing that no fraud proof has.
    #[error("the runtime with hash {0:?} is not at hand")]
    NoCode(Hash),
    #[error("the block is right")]
    Right,
    /// Another node might say otherwise.
    #[error("this node cannot tell: {0}")]
    NotJudged(ChainError),
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl NoFraud {
    /// Whether whoever gave the proof is to blame: nobody who verified it would have.
    pub fn is_of_sender(&self) -> bool {
        match self {
            Self::TooLarge(_)
            | Self::Undecodable(_)
            | Self::OtherBlock { .. }
            | Self::NoChild { .. }
            | Self::NoCommittee(_)
            | Self::OtherCommittee { .. }
            | Self::OtherSigned { .. }
            | Self::Signatures(_)
            | Self::OtherBody(_)
            | Self::Proof(_)
            | Self::Incomplete(_)
            | Self::NoRuntime
            | Self::Right => true,
            Self::UnknownParent { .. }
            | Self::Old { .. }
            | Self::Executed { .. }
            | Self::NoCode(_)
            | Self::NotJudged(_)
            | Self::Chain(_) => false,
        }
    }
}
