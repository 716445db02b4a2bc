//! What client and runtime say to each other about consensus: who decides the next height, who the validators are, and
//! what a header says of the committee after it.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use quids_core::{AccountId20, Balance, ConsensusEngineId, DigestItem, Hash, Header, Height};
use quids_crypto::PublicKey;
use quids_pobpc::{Committee, Role, SeatIndex, Threshold};
use scale_info::TypeInfo;

/// Names the digest item (`DigestItem::Consensus`) that holds a `NextCommittee`, and the one (`DigestItem::PreRuntime`)
/// that holds the author's reveal: 32 bytes, whose `quids_pobpc::chain_hash` is `ValidatorInfo::commitment`.
pub const POBPC_ENGINE_ID: ConsensusEngineId = *b"POBP";

/// The parent's `quids_pobpc::Justification`, for pallet pobpc: who voted becomes more reliable. May be left out.
pub const JUSTIFICATION_INHERENT: crate::InherentIdentifier = *b"pobpcjst";

/// Who decides the child of a block, and how.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct NextHeight {
    pub committee: Committee,
    /// By seat: the account that a block of the seat's member has to name as its author.
    pub accounts: Vec<AccountId20>,
    pub threshold: Threshold,
    /// Milliseconds from one block to the next, where there is something to do.
    pub batch_interval_ms: u64,
    /// Transactions that a block may have, inherents not counted. One with more is invalid.
    pub max_transactions: u32,
}

/// What a header commits to: who decides its child. The block's header has none where the chain has no validators.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct NextCommittee {
    /// `Committee::hash`
    pub hash: Hash,
    pub threshold: Threshold,
}

impl NextCommittee {
    /// What a valid header says of its child's committee; `None` where it says nothing, as that of block 0.
    pub fn of(header: &Header) -> Option<Self> {
        header.digest.logs.iter().find_map(|item| match item {
            DigestItem::Consensus(POBPC_ENGINE_ID, bytes) => Self::decode(&mut &bytes[..]).ok(),
            _ => None,
        })
    }
}

impl From<&NextHeight> for NextCommittee {
    fn from(next: &NextHeight) -> Self {
        Self {
            hash: next.committee.hash(),
            threshold: next.threshold,
        }
    }
}

/// What an author's block has to say where committees are drawn: who voted for the parent, and the next reveal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ToSay {
    /// What the reveal has to hash to, by `quids_pobpc::chain_hash`; `None`: the author reveals nothing now.
    pub commitment: Option<Hash>,
}

/// A validator as the chain knows it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ValidatorInfo {
    pub account: AccountId20,
    pub key: PublicKey,
    pub role: Role,
    pub status: ValidatorStatus,
    pub bond: Balance,
    /// Millionths.
    pub reliability: u32,
    /// The hash of what the validator reveals next; `None`: it takes no part in the beacon.
    pub commitment: Option<Hash>,
    /// The first height at which a reveal counts; one before only gives the link away.
    pub reveals_from: Height,
    /// Its place at the next height.
    pub seat: Option<SeatIndex>,
}

/// What a validator may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum ValidatorStatus {
    /// May be given a seat.
    Active,
    /// Has asked to go; the bond may be withdrawn from this height on.
    Leaving { until: Height },
    /// Was punished; may ask to come back from this height on.
    Jailed { until: Height },
}
