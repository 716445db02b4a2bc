//! The proof that a block is final: precommits of a quorum.

use crate::{Ballot, Committee, Round, SEATS_MAX, SeatIndex, Threshold, Verify, Vote, VoteKind};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use quids_core::{Hash, Height};
use quids_crypto::Signature;
use scale_info::TypeInfo;

/// Precommits of one round for one block, by seat, ascending. Stored and served with the block.
///
/// With seven Falcon-512 seats it has 5 × 669 bytes and some; with ML-DSA-87 5 × 4632.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Justification {
    pub height: Height,
    pub round: Round,
    pub block: Hash,
    pub signatures: Vec<(SeatIndex, Signature)>,
}

/// Why a justification proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JustificationError {
    #[error("{found} signatures, at least {needed} are needed")]
    TooFew { found: usize, needed: usize },
    #[error("{0} signatures, at most {SEATS_MAX}")]
    TooMany(usize),
    #[error("seat {0} is no seat of the committee")]
    NoSeat(SeatIndex),
    #[error("seat {0} is there twice, or out of order")]
    OutOfOrder(SeatIndex),
    #[error("the signature of seat {0} is wrong")]
    Signature(SeatIndex),
}

impl Justification {
    /// What each of its signatures is for.
    pub const fn vote(&self) -> Vote {
        Vote {
            kind: VoteKind::Precommit,
            height: self.height,
            round: self.round,
            block: Some(self.block),
        }
    }

    /// Checks that a quorum of this committee, the one of this height, signed. All signatures have to be right, also those
    /// that are not needed. Cheap checks come first.
    pub fn verify(
        &self,
        genesis: &Hash,
        committee: &Committee,
        threshold: Threshold,
        verify: &impl Verify,
    ) -> Result<(), JustificationError> {
        let found = self.signatures.len();
        if found > SEATS_MAX {
            return Err(JustificationError::TooMany(found));
        }
        let needed = threshold.votes(committee.seats().len());
        if found < needed {
            return Err(JustificationError::TooFew { found, needed });
        }
        let mut keys = Vec::with_capacity(found);
        let mut last = None;
        for (index, _) in &self.signatures {
            if last.is_some_and(|last| last >= *index) {
                return Err(JustificationError::OutOfOrder(*index));
            }
            last = Some(*index);
            let seat = committee.seat(*index).ok_or(JustificationError::NoSeat(*index))?;
            keys.push(&seat.key);
        }
        let message = self.vote().signed_bytes(genesis);
        for ((index, signature), key) in self.signatures.iter().zip(keys) {
            if !verify.verify(key, &message, signature) {
                return Err(JustificationError::Signature(*index));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Role, Seat};
    use quids_crypto::{KeyPair, SignatureScheme, verify};

    fn keys(count: u8, scheme: SignatureScheme) -> Vec<KeyPair> {
        (0..count)
            .map(|seed| KeyPair::from_seed(scheme, &[seed; 32]).unwrap())
            .collect()
    }

    fn committee(keys: &[KeyPair]) -> Committee {
        let seats = keys.iter().map(|pair| Seat {
            key: pair.public().clone(),
            role: Role::Full,
        });
        Committee::new(seats.collect()).unwrap()
    }

    const GENESIS: Hash = Hash::repeat_byte(7);

    fn justification(keys: &[KeyPair], by: &[u16]) -> Justification {
        let mut this = Justification {
            height: Height(5),
            round: Round(1),
            block: Hash::repeat_byte(3),
            signatures: Vec::new(),
        };
        let message = this.vote().signed_bytes(&GENESIS);
        let sign = |seat: &u16| (SeatIndex(*seat), keys[usize::from(*seat)].sign(&message));
        this.signatures = by.iter().map(sign).collect();
        this
    }

    #[test]
    fn a_quorum_proves_and_less_or_other_does_not() {
        let mut keys = keys(6, SignatureScheme::Falcon512);
        // Schemes may be mixed.
        keys.push(KeyPair::from_seed(SignatureScheme::MlDsa87, &[99; 32]).unwrap());
        let seven = committee(&keys);
        let check = |changed: &dyn Fn(&mut Justification), expected: Result<(), JustificationError>| {
            let mut one = justification(&keys, &[0, 2, 3, 5, 6]);
            changed(&mut one);
            let bytes = one.encode();
            let one = Justification::decode(&mut &bytes[..]).unwrap();
            assert_eq!(one.verify(&GENESIS, &seven, Threshold::DEFAULT, &verify), expected);
        };
        let wrong = |seat| Err(JustificationError::Signature(SeatIndex(seat)));
        check(&|_| {}, Ok(()));
        check(&|one| *one = justification(&keys, &[0, 1, 2, 3, 4, 5, 6]), Ok(()));
        let too_few = JustificationError::TooFew { found: 4, needed: 5 };
        check(&|one| drop(one.signatures.pop()), Err(too_few));
        let twice = Err(JustificationError::OutOfOrder(SeatIndex(2)));
        check(&|one| one.signatures[2] = one.signatures[1].clone(), twice);
        check(
            &|one| one.signatures.swap(1, 2),
            Err(JustificationError::OutOfOrder(SeatIndex(2))),
        );
        check(
            &|one| one.signatures[4].0 = SeatIndex(7),
            Err(JustificationError::NoSeat(SeatIndex(7))),
        );
        // A signature of another seat.
        check(&|one| one.signatures[1].0 = SeatIndex(1), wrong(1));
        check(&|one| one.height = Height(6), wrong(0));
        check(&|one| one.round = Round(0), wrong(0));
        check(&|one| one.block = Hash::repeat_byte(4), wrong(0));
        // Prevotes do not make it final.
        let prevote = Vote {
            kind: VoteKind::Prevote,
            ..justification(&keys, &[]).vote()
        };
        let prevote = prevote.signed_bytes(&GENESIS);
        check(&|one| one.signatures[3].1 = keys[5].sign(&prevote), wrong(5));
        // All are looked at, those that are not needed too.
        let none = keys[6].sign(b"something else");
        check(
            &|one| {
                *one = justification(&keys, &[0, 1, 2, 3, 4, 6]);
                one.signatures[5].1 = none.clone();
            },
            wrong(6),
        );
        let one = justification(&keys, &[0, 2, 3, 5, 6]);
        let other = Hash::repeat_byte(8);
        assert_eq!(one.verify(&other, &seven, Threshold::DEFAULT, &verify), wrong(0));
        let all = Threshold::new(1_000_000).unwrap();
        let too_few = Err(JustificationError::TooFew { found: 5, needed: 7 });
        assert_eq!(one.verify(&GENESIS, &seven, all, &verify), too_few);
        let four = committee(&keys[..4]);
        let no_seat = Err(JustificationError::NoSeat(SeatIndex(5)));
        assert_eq!(one.verify(&GENESIS, &four, Threshold::DEFAULT, &verify), no_seat);
        let many = Justification {
            signatures: alloc::vec![one.signatures[0].clone(); 129],
            ..one
        };
        let too_many = Err(JustificationError::TooMany(129));
        assert_eq!(many.verify(&GENESIS, &seven, Threshold::DEFAULT, &verify), too_many);
    }
}
