//! What engines send each other. Decoding is bounded: a message never has more signatures than twice the seats there can be.

use crate::context::{Address, Height, Pobpc, bft_block, bft_round, our_block, our_round};
use codec::{Decode, Encode, Input};
use malachite_types::{self as bft, NilOrVal, RoundCertificateType, VoteType};
use quids_core::Hash;
use quids_crypto::Signature;
use quids_pobpc::{
    Ballot, Committee, Proposal, Round, SEATS_MAX, SeatIndex, Signed, Threshold, Verify, Vote, VoteKind, faulty_max,
};
use std::collections::BTreeSet;

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
    /// Such a message is worth to be passed on. A certificate has as many signatures as it needs, each of another seat.
    pub fn is_genuine(
        &self,
        genesis: &Hash,
        committee: &Committee,
        threshold: Threshold,
        verify: &impl Verify,
    ) -> bool {
        let seats = committee.seats().len();
        let are_enough = |signers: BTreeSet<SeatIndex>, signatures: usize, needed: usize| {
            signers.len() == signatures && signatures >= needed
        };
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
                let signers = polka.signatures.iter().map(|(seat, _)| *seat).collect();
                if !are_enough(signers, polka.signatures.len(), threshold.votes(seats)) {
                    return false;
                }
                let signed = vote.signed_bytes(genesis);
                let mut signatures = polka.signatures.iter();
                signatures.all(|(seat, signature)| is_by(*seat, &|| signed.clone(), signature))
            }
            Self::Round(certificate) => {
                let needed = match certificate.is_quorum {
                    true => threshold.votes(seats),
                    false => faulty_max(seats).saturating_add(1),
                };
                let signers = certificate.votes.iter().map(|one| one.seat).collect();
                are_enough(signers, certificate.votes.len(), needed)
                    && certificate.votes.iter().all(|one| {
                        let vote = Vote {
                            kind: one.kind,
                            height: certificate.height,
                            round: certificate.round,
                            block: one.block,
                        };
                        is_by(one.seat, &|| vote.signed_bytes(genesis), &one.signature)
                    })
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use quids_crypto::{KeyPair, SignatureScheme, verify};
    use quids_pobpc::{Role, Seat};

    const GENESIS: Hash = Hash::repeat_byte(7);
    const HEIGHT: quids_core::Height = quids_core::Height(5);

    struct Members {
        keys: Vec<KeyPair>,
        committee: Committee,
    }

    impl Members {
        fn new() -> Self {
            let keys: Vec<_> = (0..4)
                .map(|seed| KeyPair::from_seed(SignatureScheme::Falcon512, &[seed; 32]).unwrap())
                .collect();
            let seats = keys.iter().map(|key| Seat {
                key: key.public().clone(),
                role: Role::Full,
            });
            let committee = Committee::new(seats.collect()).unwrap();
            Self { keys, committee }
        }

        fn signed<M: Ballot>(&self, message: M, seat: u16) -> Signed<M> {
            let signature = self.keys[usize::from(seat)].sign(&message.signed_bytes(&GENESIS));
            let seat = SeatIndex(seat);
            Signed {
                message,
                seat,
                signature,
            }
        }

        fn is_genuine(&self, message: &Message) -> bool {
            let bytes = message.encode();
            let message = Message::decode(&mut &bytes[..]).unwrap();
            message.is_genuine(&GENESIS, &self.committee, Threshold::DEFAULT, &verify)
        }
    }

    fn prevote(round: u32, block: Option<Hash>) -> Vote {
        Vote {
            kind: VoteKind::Prevote,
            height: HEIGHT,
            round: Round(round),
            block,
        }
    }

    #[test]
    fn votes_and_proposals_are_of_who_signed_them_and_has_the_turn() {
        let members = Members::new();
        let vote = members.signed(prevote(0, None), 2);
        assert!(members.is_genuine(&Message::Vote(vote.clone())));
        let other = SeatIndex(1);
        assert!(!members.is_genuine(&Message::Vote(Signed {
            seat: other,
            ..vote.clone()
        })));
        assert!(!members.is_genuine(&Message::Vote(Signed {
            seat: SeatIndex(9),
            ..vote
        })));
        let proposal = Proposal {
            height: HEIGHT,
            round: Round(1),
            valid_round: None,
            block: Hash::repeat_byte(3),
        };
        let turn = members.committee.proposer(HEIGHT, Round(1)).0;
        for seat in 0..4 {
            let signed = members.signed(proposal, seat);
            assert_eq!(members.is_genuine(&Message::Proposal(signed)), seat == turn);
        }
    }

    #[test]
    fn certificates_have_enough_signatures_of_different_seats() {
        let members = Members::new();
        let block = Hash::repeat_byte(3);
        let polka = |seats: &[u16]| {
            let signature = |seat: &u16| {
                (
                    SeatIndex(*seat),
                    members.signed(prevote(0, Some(block)), *seat).signature,
                )
            };
            Message::Polka(PolkaCertificate {
                height: HEIGHT,
                round: Round(0),
                block,
                signatures: seats.iter().map(signature).collect(),
            })
        };
        let round = |seats: &[u16], is_quorum| {
            let vote = |seat: &u16| RoundVote {
                kind: VoteKind::Prevote,
                block: None,
                seat: SeatIndex(*seat),
                signature: members.signed(prevote(2, None), *seat).signature,
            };
            Message::Round(RoundCertificate {
                height: HEIGHT,
                round: Round(2),
                is_quorum,
                votes: seats.iter().map(vote).collect(),
            })
        };
        for (message, is_genuine) in [
            (polka(&[0, 1, 3]), true),
            (polka(&[3, 0, 1, 2]), true),
            (polka(&[]), false),
            (polka(&[0, 1]), false),
            (polka(&[0, 1, 1]), false),
            (polka(&[0, 1, 3, 3]), false),
            (round(&[0, 2], false), true),
            (round(&[0], false), false),
            (round(&[0, 0], false), false),
            (round(&[0, 2], true), false),
            (round(&[0, 2, 3], true), true),
        ] {
            assert_eq!(members.is_genuine(&message), is_genuine, "{message:?}");
        }
    }
}
