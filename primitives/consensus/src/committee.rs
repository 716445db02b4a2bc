//! Who votes at a height, and how many of them decide.

use crate::Round;
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::fmt;
use quids_core::{Hash, Height};
use quids_crypto::{PublicKey, SignatureScheme, blake3_256};
use scale_info::TypeInfo;

/// The most seats that a committee may have: a certificate of so many ML-DSA-87 signatures has 600 kB.
pub const SEATS_MAX: usize = 128;

/// Separates a committee's hash from every other one.
const DOMAIN: &[u8] = b"quids/committee/v1";

/// What a member does.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
)]
pub enum Role {
    /// Has the state: proposes blocks and votes.
    #[codec(index = 0)]
    Full,
    /// Has no state: verifies proofs and votes.
    #[codec(index = 1)]
    Witness,
}

/// The place of a member in a committee, from 0.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
)]
pub struct SeatIndex(pub u16);

impl fmt::Display for SeatIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A member. Each has one vote.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Seat {
    pub key: PublicKey,
    pub role: Role,
}

/// The share of votes that decides, in millionths: the specification's `consensus_threshold`. Two thirds at least, so
/// that two blocks of one height never both have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, MaxEncodedLen, TypeInfo)]
pub struct Threshold(u32);

/// A threshold at which two blocks could both be final, or none ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} millionths are no threshold: it has to be above two thirds (666667), and at most all (1000000)")]
pub struct ThresholdTooLow(pub u32);

impl Threshold {
    /// The specification's: 0.67.
    pub const DEFAULT: Self = Self(670_000);
    /// The least that is safe.
    pub const LEAST: Self = Self(Self::MIN);
    const ALL: u32 = 1_000_000;
    const MIN: u32 = 666_667;

    pub const fn new(millionths: u32) -> Result<Self, ThresholdTooLow> {
        if millionths < Self::MIN || millionths > Self::ALL {
            return Err(ThresholdTooLow(millionths));
        }
        Ok(Self(millionths))
    }

    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// Votes that decide among so many seats, none of them absent from the count: the share rounded up, and 2f+1 at least.
    pub const fn votes(self, seats: usize) -> usize {
        let share = (seats as u64 * self.0 as u64).div_ceil(Self::ALL as u64) as usize;
        let byzantine = 2 * faulty_max(seats) + 1;
        if share > byzantine { share } else { byzantine }
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Decode for Threshold {
    fn decode<I: codec::Input>(input: &mut I) -> Result<Self, codec::Error> {
        Self::new(u32::decode(input)?).map_err(|_| "a threshold of two thirds or less".into())
    }
}

impl DecodeWithMemTracking for Threshold {}

/// How many of so many seats may be faulty: less than a third.
pub const fn faulty_max(seats: usize) -> usize {
    seats.saturating_sub(1) / 3
}

/// Why seats are no committee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitteeError {
    #[error("a committee has at least one seat")]
    Empty,
    #[error("{0} seats, at most {SEATS_MAX}")]
    TooMany(usize),
    #[error("{full} full nodes among {seats} seats, {needed} are needed: more than may be faulty")]
    TooFewFull { full: usize, seats: usize, needed: usize },
    #[error("seat {second} has the key of seat {first}")]
    SameKey { first: SeatIndex, second: SeatIndex },
    #[error("seat {seat} has a key of {scheme}: votes are signed with falcon-512 or ml-dsa-87")]
    Scheme { seat: SeatIndex, scheme: SignatureScheme },
}

/// The members at a height, in the order of their seats. There is one at least, none twice, and more full nodes among them
/// than may be faulty.
#[derive(Clone, Debug, PartialEq, Eq, Encode, TypeInfo)]
pub struct Committee(Vec<Seat>);

impl Committee {
    pub fn new(seats: Vec<Seat>) -> Result<Self, CommitteeError> {
        if seats.is_empty() {
            return Err(CommitteeError::Empty);
        }
        if seats.len() > SEATS_MAX {
            return Err(CommitteeError::TooMany(seats.len()));
        }
        for (index, seat) in (0..).map(SeatIndex).zip(&seats) {
            let scheme = seat.key.scheme();
            if !matches!(scheme, SignatureScheme::Falcon512 | SignatureScheme::MlDsa87) {
                return Err(CommitteeError::Scheme { seat: index, scheme });
            }
            let before = (0..index.0).map(SeatIndex).zip(&seats);
            if let Some((first, _)) = before.into_iter().find(|(_, other)| other.key == seat.key) {
                let second = index;
                return Err(CommitteeError::SameKey { first, second });
            }
        }
        let full = seats.iter().filter(|seat| seat.role == Role::Full).count();
        let needed = faulty_max(seats.len()).saturating_add(1);
        if full < needed {
            let seats = seats.len();
            return Err(CommitteeError::TooFewFull { full, seats, needed });
        }
        Ok(Self(seats))
    }

    pub fn seats(&self) -> &[Seat] {
        &self.0
    }

    pub fn seat(&self, index: SeatIndex) -> Option<&Seat> {
        self.0.get(usize::from(index.0))
    }

    pub fn seat_of(&self, key: &PublicKey) -> Option<SeatIndex> {
        let at = self.0.iter().position(|seat| seat.key == *key)?;
        u16::try_from(at).ok().map(SeatIndex)
    }

    /// Who proposes: `proposer_of` its roles.
    pub fn proposer(&self, height: Height, round: Round) -> SeatIndex {
        let roles: Vec<Role> = self.0.iter().map(|seat| seat.role).collect();
        proposer_of(&roles, height, round)
    }

    /// What a header says of the committee of the next height: BLAKE3-256 of the domain and its SCALE.
    pub fn hash(&self) -> Hash {
        blake3_256(&[DOMAIN, &self.encode()].concat()).into()
    }
}

/// Who proposes in a committee with these roles, by seat: full nodes take turns, from height to height and from round to
/// round. When each of them had a turn, all members do: a witness makes no block, but may be bound to one that others do
/// not know to be so, and has to be able to propose it once more. Else a height may never end.
pub fn proposer_of(roles: &[Role], height: Height, round: Round) -> SeatIndex {
    let seats = (0..).map(SeatIndex).zip(roles);
    let full = seats.clone().filter(|(_, role)| **role == Role::Full);
    let full: Vec<SeatIndex> = full.map(|(index, _)| index).collect();
    let turns: Vec<SeatIndex> = match (round.0 as usize) < full.len() {
        true => full,
        false => seats.map(|(index, _)| index).collect(),
    };
    let turn = u64::from(height.0).saturating_add(u64::from(round.0));
    // There is one at least.
    let at = turn.checked_rem(turns.len() as u64).unwrap_or_default();
    turns.get(at as usize).copied().unwrap_or(SeatIndex(0))
}

impl Decode for Committee {
    fn decode<I: codec::Input>(input: &mut I) -> Result<Self, codec::Error> {
        let length = codec::Compact::<u32>::decode(input)?.0 as usize;
        if length > SEATS_MAX {
            return Err("too many seats".into());
        }
        let seats: Result<Vec<Seat>, _> = (0..length).map(|_| Seat::decode(input)).collect();
        Self::new(seats?).map_err(|_| "no committee".into())
    }
}

// What it allocates is bounded by `SEATS_MAX`.
impl DecodeWithMemTracking for Committee {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn key(seed: u8) -> PublicKey {
        PublicKey::new(SignatureScheme::Falcon512, &[seed; 897]).unwrap()
    }

    fn seats(roles: &[Role]) -> Vec<Seat> {
        (0..)
            .zip(roles)
            .map(|(seed, role)| Seat {
                key: key(seed),
                role: *role,
            })
            .collect()
    }

    #[test]
    fn votes_that_decide() {
        for (seats, votes) in [
            (1, 1),
            (2, 2),
            (3, 3),
            (4, 3),
            (5, 4),
            (6, 5),
            (7, 5),
            (10, 7),
            (13, 9),
            (100, 67),
            (128, 86),
        ] {
            assert_eq!(Threshold::DEFAULT.votes(seats), votes, "{seats}");
        }
        for threshold in [
            Threshold::new(666_667).unwrap(),
            Threshold::DEFAULT,
            Threshold::new(1_000_000).unwrap(),
        ] {
            for seats in 1..=SEATS_MAX {
                let votes = threshold.votes(seats);
                // Two quorums share an honest seat, and nobody needs more than all.
                assert!(
                    2 * votes - seats > faulty_max(seats) && votes <= seats,
                    "{threshold:?} {seats}"
                );
            }
        }
        // As many as the honest ones: it can go on without the others.
        for seats in 1..=SEATS_MAX {
            let least = Threshold::new(666_667).unwrap().votes(seats);
            assert!(least <= seats - faulty_max(seats), "{seats}");
        }
        for wrong in [0, 500_000, 666_666, 1_000_001, u32::MAX] {
            assert_eq!(Threshold::new(wrong), Err(ThresholdTooLow(wrong)));
            assert!(Threshold::decode(&mut &wrong.encode()[..]).is_err());
        }
    }

    #[test]
    fn who_may_sit_together() {
        use Role::{Full, Witness};
        assert_eq!(Committee::new(vec![]), Err(CommitteeError::Empty));
        assert_eq!(
            Committee::new(vec![seats(&[Full])[0].clone(); 129]),
            Err(CommitteeError::TooMany(129))
        );
        for (roles, is_one) in [
            (&[Full][..], true),
            (&[Witness], false),
            (&[Witness, Full, Witness], true),
            (&[Full, Witness, Witness, Witness], false),
            (&[Full, Witness, Full, Witness], true),
        ] {
            let committee = Committee::new(seats(roles));
            assert_eq!(committee.is_ok(), is_one, "{committee:?}");
            let bytes = seats(roles).encode();
            assert_eq!(Committee::decode(&mut &bytes[..]).ok(), committee.ok());
        }
        let mut twice = seats(&[Full, Full, Full]);
        twice[2] = twice[0].clone();
        let (first, second) = (SeatIndex(0), SeatIndex(2));
        assert_eq!(Committee::new(twice), Err(CommitteeError::SameKey { first, second }));
        let slow = Seat {
            key: PublicKey::new(SignatureScheme::SphincsShake256f, &[1; 64]).unwrap(),
            role: Full,
        };
        assert!(matches!(Committee::new(vec![slow]), Err(CommitteeError::Scheme { .. })));
        assert!(Committee::decode(&mut &codec::Compact(u32::MAX).encode()[..]).is_err());
    }

    #[test]
    fn full_nodes_take_turns() {
        use Role::{Full, Witness};
        let committee = Committee::new(seats(&[Full, Witness, Full, Full])).unwrap();
        let turns = |of: &dyn Fn(u32) -> (u32, u32)| -> Vec<u16> {
            let seat = |(height, round)| committee.proposer(Height(height), Round(round)).0;
            (0..8).map(|at| seat(of(at))).collect()
        };
        assert_eq!(turns(&|height| (height, 1)), [2, 3, 0, 2, 3, 0, 2, 3]);
        // From the fourth round on the witness too.
        assert_eq!(turns(&|round| (7, round)), [2, 3, 0, 2, 3, 0, 1, 2]);
        assert_eq!(turns(&|height| (height, 3)), [3, 0, 1, 2, 3, 0, 1, 2]);
        committee.proposer(Height::MAX, Round(u32::MAX));
        assert_eq!(committee.seat_of(&key(2)), Some(SeatIndex(2)));
        assert_eq!(committee.seat_of(&key(9)), None);
    }

    #[test]
    fn a_committee_has_one_hash() {
        let two = Committee::new(seats(&[Role::Full, Role::Full])).unwrap();
        let roles = Committee::new(seats(&[Role::Full, Role::Witness])).unwrap();
        assert_ne!(two.hash(), roles.hash());
        let expected = blake3_256(&[&b"quids/committee/v1"[..], &two.seats().encode()].concat());
        assert_eq!(two.hash(), expected.into());
    }
}
