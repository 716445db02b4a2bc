//! What members sign.

use crate::{Round, SeatIndex, Verify};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use quids_core::{Hash, Height};
use quids_crypto::{PublicKey, Signature};
use scale_info::TypeInfo;

/// Separates these messages from every other one that a key signs.
const DOMAIN: &[u8] = b"quids/pobpc/v1";

/// The two votes of a round.
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
pub enum VoteKind {
    #[codec(index = 0)]
    Prevote,
    #[codec(index = 1)]
    Precommit,
}

/// For a block, or for none.
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
pub struct Vote {
    pub kind: VoteKind,
    pub height: Height,
    pub round: Round,
    /// `None` is nil: no block of this round.
    pub block: Option<Hash>,
}

/// A block that is proposed.
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
pub struct Proposal {
    pub height: Height,
    pub round: Round,
    /// The round in which a quorum prevoted for it, if it is proposed again.
    pub valid_round: Option<Round>,
    pub block: Hash,
}

/// Something that members sign. `ballot` says what cannot be signed twice with different content.
pub trait Ballot: Encode + PartialEq {
    /// Height, round, and which of the messages of a round.
    fn slot(&self) -> (Height, Round, u8);

    /// The bytes that are signed: `"quids/pobpc/v1" ‖ genesis hash (32) ‖ SCALE of (which message, message)`.
    fn signed_bytes(&self, genesis: &Hash) -> Vec<u8> {
        let (_, _, which) = self.slot();
        let mut bytes = Vec::with_capacity(DOMAIN.len().saturating_add(32 + 64));
        bytes.extend_from_slice(DOMAIN);
        bytes.extend_from_slice(genesis.as_bytes());
        bytes.push(which);
        self.encode_to(&mut bytes);
        bytes
    }
}

impl Ballot for Vote {
    fn slot(&self) -> (Height, Round, u8) {
        let which = match self.kind {
            VoteKind::Prevote => 0,
            VoteKind::Precommit => 1,
        };
        (self.height, self.round, which)
    }
}

impl Ballot for Proposal {
    fn slot(&self) -> (Height, Round, u8) {
        (self.height, self.round, 2)
    }
}

/// A message, by whom, and the signature, which nobody has checked.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Signed<M> {
    pub message: M,
    pub seat: SeatIndex,
    pub signature: Signature,
}

impl<M: Ballot> Signed<M> {
    /// Whether the signature is that of this key on this chain.
    pub fn is_by(&self, key: &PublicKey, genesis: &Hash, verify: &impl Verify) -> bool {
        verify.verify(key, &self.message.signed_bytes(genesis), &self.signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_pinned() {
        let genesis = Hash::repeat_byte(1);
        let head = [&b"quids/pobpc/v1"[..], &[1; 32]].concat();
        let (height, round) = (Height(0x0102), Round(3));
        let vote = |kind, block| Vote {
            kind,
            height,
            round,
            block,
        };
        let block = Hash::repeat_byte(9);
        let proposal = Proposal {
            height,
            round,
            valid_round: Some(Round(2)),
            block,
        };
        let place = [2, 1, 0, 0, 3, 0, 0, 0];
        for (bytes, tail) in [
            (
                vote(VoteKind::Prevote, None).signed_bytes(&genesis),
                [&[0, 0][..], &place, &[0]].concat(),
            ),
            (
                vote(VoteKind::Precommit, Some(block)).signed_bytes(&genesis),
                [&[1, 1][..], &place, &[1], &[9; 32]].concat(),
            ),
            (
                proposal.signed_bytes(&genesis),
                [&[2][..], &place, &[1, 2, 0, 0, 0], &[9; 32]].concat(),
            ),
        ] {
            assert_eq!(bytes, [head.clone(), tail].concat());
        }
    }
}
