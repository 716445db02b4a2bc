//! What outlives a crash, and what the engine asks of its host.

use crate::{
    context::{
        Address, Block, Height as BftHeight, Pobpc, bft_round, bft_signed_proposal, bft_signed_vote, our_round,
        our_signed_proposal, our_signed_vote,
    },
    message::PolkaCertificate,
    timer::{TimerKind, bft_timeout, our_timer},
};
use codec::{Decode, Encode};
use malachite::{Input as BftInput, ProposedValue};
use malachite_types::{Validity, ValueOrigin};
use quids_core::{Hash, Height};
use quids_crypto::{PublicKey, Signature};
use quids_pobpc::{Proposal, Round, SeatIndex, Signed, Vote};

/// Why the host could not do what it was asked to. The engine stops: nothing that it would say then can be relied upon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HostError(pub String);

/// Disk and key, for the engine alone.
pub trait Host {
    /// Adds an entry to the journal of a height. It has to be on the disk after [`Host::sync`].
    fn append(&mut self, height: Height, entry: &Entry) -> Result<(), HostError>;

    /// Has all entries on the disk.
    fn sync(&mut self) -> Result<(), HostError>;

    /// The entries of a height, in the order in which they were added.
    fn entries(&mut self, height: Height) -> Result<Vec<Entry>, HostError>;

    /// Signs with the key of this node's seat.
    fn sign(&mut self, message: &[u8]) -> Result<Signature, HostError>;

    /// Whether a signature is of this key.
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool;
}

/// Something that made the engine what it is: replayed in order, it becomes so again, and says the same.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Entry {
    #[codec(index = 0)]
    Vote(Signed<Vote>),
    #[codec(index = 1)]
    Proposal(Signed<Proposal>),
    /// The verdict on a block.
    #[codec(index = 2)]
    Verdict {
        round: Round,
        valid_round: Option<Round>,
        proposer: SeatIndex,
        block: Hash,
        is_valid: bool,
    },
    /// A timer went off.
    #[codec(index = 3)]
    Timer { round: Round, kind: TimerKind },
    #[codec(index = 4)]
    Polka(PolkaCertificate),
}

impl Entry {
    /// `None` for what is not kept.
    pub(crate) fn of(input: &BftInput<Pobpc>) -> Option<Self> {
        match input {
            BftInput::Vote(vote) => Some(Self::Vote(our_signed_vote(vote))),
            BftInput::Proposal(proposal) => Some(Self::Proposal(our_signed_proposal(proposal))),
            BftInput::ProposedValue(value, _) => Some(Self::Verdict {
                round: our_round(value.round)?,
                valid_round: our_round(value.valid_round),
                proposer: value.proposer.0,
                block: value.value.0,
                is_valid: value.validity.is_valid(),
            }),
            BftInput::TimeoutElapsed(timeout) => {
                let timer = our_timer(Height::ZERO, *timeout)?;
                Some(Self::Timer {
                    round: timer.round,
                    kind: timer.kind,
                })
            }
            BftInput::PolkaCertificate(certificate) => Some(Self::Polka(PolkaCertificate::of(certificate))),
            _ => None,
        }
    }

    pub(crate) fn bft(self, height: Height) -> BftInput<Pobpc> {
        match self {
            Self::Vote(vote) => BftInput::Vote(bft_signed_vote(vote)),
            Self::Proposal(proposal) => BftInput::Proposal(bft_signed_proposal(proposal)),
            Self::Verdict {
                round,
                valid_round,
                proposer,
                block,
                is_valid,
            } => BftInput::ProposedValue(
                ProposedValue {
                    height: BftHeight(height),
                    round: bft_round(Some(round)),
                    valid_round: bft_round(valid_round),
                    proposer: Address(proposer),
                    value: Block(block),
                    validity: Validity::from_bool(is_valid),
                },
                ValueOrigin::Consensus,
            ),
            Self::Timer { round, kind } => BftInput::TimeoutElapsed(bft_timeout(round, kind)),
            Self::Polka(certificate) => BftInput::PolkaCertificate(certificate.bft()),
        }
    }
}
