//! What engines send each other. Decoding is bounded: a message never has more signatures than twice the seats there can be.

use crate::context::{Address, Height, Pobpc, bft_block, bft_round, our_block, our_round};
use codec::{Decode, Encode, Input};
use malachite_types::{self as bft, NilOrVal, RoundCertificateType, VoteType};
use quids_core::Hash;
use quids_crypto::Signature;
use quids_pobpc::{Ballot, Committee, Proposal, Round, SEATS_MAX, SeatIndex, Signed, Verify, Vote, VoteKind};

/// Something to be sent to all members.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Message {
    #[codec(index = 0)]
    Vote(Signed<Vote>),
    #[codec(index = 1)]
    Proposal(Signed<Proposal>),
    #[codec(index = 2)]
    Polka(PolkaCertificate),
    #[codec(index = 3)]
    Round(RoundCertificate),
}

impl Message {
    pub fn height(&self) -> quids_core::Height {
        match self {
            Self::Vote(vote) => vote.message.height,
            Self::Proposal(proposal) => proposal.message.height,
            Self::Polka(certificate) => certificate.height,
            Self::Round(certificate) => certificate.height,
        }
    }

    /// Whether all who signed it sit in this committee, that of its height, and signed; and whether who proposes had the turn.
    /// Such a message is worth to be passed on. Whether the signatures of a certificate are enough the engine says.
    pub fn is_genuine(&self, genesis: &Hash, committee: &Committee, verify: &impl Verify) -> bool {
        let is_by = |seat: SeatIndex, signed: &dyn Fn() -> Vec<u8>, signature: &Signature| {
            let seat = committee.seat(seat);
            seat.is_some_and(|seat| verify.verify(&seat.key, &signed(), signature))
        };
        match self {
            Self::Vote(vote) => is_by(vote.seat, &|| vote.message.signed_bytes(genesis), &vote.signature),
            Self::Proposal(signed) => {
                let Signed {
                    message,
                    seat,
                    signature,
                } = signed;
                committee.proposer(message.height, message.round) == *seat
                    && is_by(*seat, &|| message.signed_bytes(genesis), signature)
            }
            Self::Polka(polka) => {
                let vote = Vote {
                    kind: VoteKind::Prevote,
                    height: polka.height,
                    round: polka.round,
                    block: Some(polka.block),
                };
                let signed = vote.signed_bytes(genesis);
                let mut signatures = polka.signatures.iter();
                signatures.all(|(seat, signature)| is_by(*seat, &|| signed.clone(), signature))
            }
            Self::Round(certificate) => certificate.votes.iter().all(|one| {
                let vote = Vote {
                    kind: one.kind,
                    height: certificate.height,
                    round: certificate.round,
                    block: one.block,
                };
                is_by(one.seat, &|| vote.signed_bytes(genesis), &one.signature)
            }),
        }
    }
}

/// Prevotes of a quorum for a block: who is locked on another one may unlock.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct PolkaCertificate {
    pub height: quids_core::Height,
    pub round: Round,
    pub block: Hash,
    pub signatures: Vec<(SeatIndex, Signature)>,
}

/// Votes that allow to enter a round: precommits of a quorum of the round before, or votes of more seats of that round than
/// may be faulty.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct RoundCertificate {
    pub height: quids_core::Height,
    /// Of the votes.
    pub round: Round,
    /// Precommits of a quorum, else of more seats than may be faulty.
    pub is_quorum: bool,
    pub votes: Vec<RoundVote>,
}

/// A vote in a [`RoundCertificate`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RoundVote {
    pub kind: VoteKind,
    pub block: Option<Hash>,
    pub seat: SeatIndex,
    pub signature: Signature,
}

/// At most so many items.
fn bounded<T: Decode, I: Input>(input: &mut I, max: usize) -> Result<Vec<T>, codec::Error> {
    let length = codec::Compact::<u32>::decode(input)?.0 as usize;
    if length > max {
        return Err("too many signatures".into());
    }
    (0..length).map(|_| T::decode(input)).collect()
}

impl Decode for PolkaCertificate {
    fn decode<I: Input>(input: &mut I) -> Result<Self, codec::Error> {
        Ok(Self {
            height: Decode::decode(input)?,
            round: Decode::decode(input)?,
            block: Decode::decode(input)?,
            signatures: bounded(input, SEATS_MAX)?,
        })
    }
}

impl Decode for RoundCertificate {
    fn decode<I: Input>(input: &mut I) -> Result<Self, codec::Error> {
        Ok(Self {
            height: Decode::decode(input)?,
            round: Decode::decode(input)?,
            is_quorum: Decode::decode(input)?,
            votes: bounded(input, 2 * SEATS_MAX)?,
        })
    }
}

impl PolkaCertificate {
    pub(crate) fn of(certificate: &bft::PolkaCertificate<Pobpc>) -> Self {
        let signatures = certificate.polka_signatures.iter();
        Self {
            height: certificate.height.0,
            round: our_round(certificate.round).unwrap_or_default(),
            block: certificate.value_id.0,
            signatures: signatures.map(|one| (one.address.0, one.signature.clone())).collect(),
        }
    }

    pub(crate) fn bft(self) -> bft::PolkaCertificate<Pobpc> {
        let signatures = self.signatures.into_iter();
        bft::PolkaCertificate {
            height: Height(self.height),
            round: bft_round(Some(self.round)),
            value_id: crate::context::Block(self.block),
            polka_signatures: signatures
                .map(|(seat, signature)| bft::PolkaSignature::new(Address(seat), signature))
                .collect(),
        }
    }
}

impl RoundCertificate {
    pub(crate) fn of(certificate: &bft::RoundCertificate<Pobpc>) -> Self {
        let votes = certificate.round_signatures.iter().map(|one| RoundVote {
            kind: match one.vote_type {
                VoteType::Prevote => VoteKind::Prevote,
                VoteType::Precommit => VoteKind::Precommit,
            },
            block: our_block(&one.value_id),
            seat: one.address.0,
            signature: one.signature.clone(),
        });
        Self {
            height: certificate.height.0,
            round: our_round(certificate.round).unwrap_or_default(),
            is_quorum: certificate.cert_type == RoundCertificateType::Precommit,
            votes: votes.collect(),
        }
    }

    pub(crate) fn bft(self) -> bft::RoundCertificate<Pobpc> {
        let votes = self.votes.into_iter().map(|one| {
            let kind = match one.kind {
                VoteKind::Prevote => VoteType::Prevote,
                VoteKind::Precommit => VoteType::Precommit,
            };
            let value: NilOrVal<_> = bft_block(one.block);
            bft::RoundSignature::new(kind, value, Address(one.seat), one.signature)
        });
        bft::RoundCertificate {
            height: Height(self.height),
            round: bft_round(Some(self.round)),
            cert_type: match self.is_quorum {
                true => RoundCertificateType::Precommit,
                false => RoundCertificateType::Skip,
            },
            round_signatures: votes.collect(),
        }
    }
}
