//! Proof that a member signed two messages where there may be one.

use crate::{Ballot, Committee, Proposal, SeatIndex, Signed, Verify, Vote};
use alloc::boxed::Box;
use codec::{Decode, DecodeWithMemTracking, Encode};
use quids_core::{Hash, Height};
use scale_info::TypeInfo;

/// Two messages of one seat for one place.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Evidence {
    #[codec(index = 0)]
    Votes(Box<[Signed<Vote>; 2]>),
    #[codec(index = 1)]
    Proposals(Box<[Signed<Proposal>; 2]>),
}

/// Why it proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    #[error("the messages are of seats {0} and {1}")]
    Seats(SeatIndex, SeatIndex),
    #[error("the messages are of different heights, rounds or kinds")]
    Places,
    #[error("both messages say the same")]
    Same,
    #[error("seat {0} is no seat of the committee")]
    NoSeat(SeatIndex),
    #[error("a signature is not that of seat {0}")]
    Signature(SeatIndex),
}

impl Evidence {
    /// Of the two messages: who is asked for the committee of which height.
    pub fn height(&self) -> Height {
        match self {
            Self::Votes(two) => two[0].message.height,
            Self::Proposals(two) => two[0].message.height,
        }
    }

    /// Whose it is, if it proves something; `committee` is that of its height.
    pub fn verify(
        &self,
        genesis: &Hash,
        committee: &Committee,
        verify: &impl Verify,
    ) -> Result<SeatIndex, EvidenceError> {
        match self {
            Self::Votes(two) => checked(two, genesis, committee, verify),
            Self::Proposals(two) => checked(two, genesis, committee, verify),
        }
    }
}

fn checked<M: Ballot>(
    [one, other]: &[Signed<M>; 2],
    genesis: &Hash,
    committee: &Committee,
    verify: &impl Verify,
) -> Result<SeatIndex, EvidenceError> {
    let seat = one.seat;
    if seat != other.seat {
        return Err(EvidenceError::Seats(seat, other.seat));
    }
    if one.message.slot() != other.message.slot() {
        return Err(EvidenceError::Places);
    }
    if one.message == other.message {
        return Err(EvidenceError::Same);
    }
    let key = &committee.seat(seat).ok_or(EvidenceError::NoSeat(seat))?.key;
    match one.is_by(key, genesis, verify) && other.is_by(key, genesis, verify) {
        true => Ok(seat),
        false => Err(EvidenceError::Signature(seat)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Role, Round, Seat, VoteKind};
    use alloc::vec::Vec;
    use quids_crypto::{KeyPair, SignatureScheme, verify};

    #[test]
    fn two_messages_for_one_place_prove_it() {
        let genesis = Hash::repeat_byte(7);
        let keys: Vec<KeyPair> = (0..4)
            .map(|seed| KeyPair::from_seed(SignatureScheme::Falcon512, &[seed; 32]).unwrap())
            .collect();
        let seats = keys.iter().map(|pair| Seat {
            key: pair.public().clone(),
            role: Role::Full,
        });
        let committee = Committee::new(seats.collect()).unwrap();
        fn signed<M: Ballot>(message: M, seat: u16, pair: &KeyPair) -> Signed<M> {
            let signature = pair.sign(&message.signed_bytes(&Hash::repeat_byte(7)));
            let seat = SeatIndex(seat);
            Signed {
                message,
                seat,
                signature,
            }
        }
        let vote = |round, block: Option<u8>| Vote {
            kind: VoteKind::Precommit,
            height: Height(4),
            round: Round(round),
            block: block.map(Hash::repeat_byte),
        };
        let two = |one: Signed<Vote>, other: Signed<Vote>| Evidence::Votes(Box::new([one, other]));
        let by = |seat: u16, message| signed(message, seat, &keys[usize::from(seat)]);
        let check = |evidence: Evidence, expected| {
            let bytes = evidence.encode();
            let evidence = Evidence::decode(&mut &bytes[..]).unwrap();
            assert_eq!(evidence.height(), Height(4));
            assert_eq!(evidence.verify(&genesis, &committee, &verify), expected);
        };
        let (one, nil) = (vote(0, Some(1)), vote(0, None));
        check(two(by(2, one), by(2, nil)), Ok(SeatIndex(2)));
        check(two(by(2, one), by(2, vote(0, Some(2)))), Ok(SeatIndex(2)));
        check(two(by(2, one), by(2, one)), Err(EvidenceError::Same));
        check(two(by(2, one), by(2, vote(1, None))), Err(EvidenceError::Places));
        let prevote = Vote {
            kind: VoteKind::Prevote,
            ..nil
        };
        check(two(by(2, one), by(2, prevote)), Err(EvidenceError::Places));
        let seats = Err(EvidenceError::Seats(SeatIndex(2), SeatIndex(3)));
        check(two(by(2, one), by(3, nil)), seats);
        // Whoever wants to have one punished cannot sign for him.
        let forged = signed(nil, 2, &keys[3]);
        check(
            two(by(2, one), forged.clone()),
            Err(EvidenceError::Signature(SeatIndex(2))),
        );
        check(two(forged, by(2, one)), Err(EvidenceError::Signature(SeatIndex(2))));
        let nobody = |message| signed(message, 9, &keys[2]);
        check(two(nobody(one), nobody(nil)), Err(EvidenceError::NoSeat(SeatIndex(9))));
        let proposal = |valid_round| Proposal {
            height: Height(4),
            round: Round(2),
            valid_round,
            block: Hash::zero(),
        };
        let [first, second] = [proposal(None), proposal(Some(Round(1)))].map(|message| signed(message, 1, &keys[1]));
        check(Evidence::Proposals(Box::new([first, second])), Ok(SeatIndex(1)));
    }
}
