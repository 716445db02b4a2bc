//! What members sign for contracts: a request that the chain recorded, and the proof that a quorum signed it.
//!
//! Whoever has the header of the block before [`SigningCertificate::height`] can verify a certificate: it commits to the committee
//! and to the threshold.

use crate::{Committee, SEATS_MAX, SeatIndex, Threshold, Verify};
use alloc::vec::Vec;
use codec::{Compact, Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use quids_core::{AccountId20, Hash, Height};
use quids_crypto::{PublicKey, Signature};
use scale_info::TypeInfo;

/// Separates these messages from every other one that a key signs, votes above all.
const DOMAIN: &[u8] = b"quids/qsign/v1";

/// That a contract asked the validators to sign a message, as `IQuantumSafe.qSign` recorded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct SigningRequest {
    /// EIP-155.
    pub chain_id: u64,
    /// The contract or account that asked.
    pub requester: AccountId20,
    /// As `qSign` returned it: no two requests have the same.
    pub handle: Hash,
    /// BLAKE3-256 of the message.
    pub message_hash: Hash,
}

impl SigningRequest {
    /// The bytes that are signed by members of the committee of `height`, the one after the block with the request:
    /// `"quids/qsign/v1" ‖ genesis hash (32) ‖ height (4, little-endian) ‖ chain id (8, little-endian) ‖ requester (20) ‖
    /// handle (32) ‖ message hash (32)`.
    pub fn signed_bytes(&self, genesis: &Hash, height: Height) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(DOMAIN.len().saturating_add(32 + 4 + 92));
        bytes.extend_from_slice(DOMAIN);
        bytes.extend_from_slice(genesis.as_bytes());
        height.encode_to(&mut bytes);
        self.encode_to(&mut bytes);
        bytes
    }
}

/// A member's signature for a request, which nobody has checked.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct SigningShare {
    pub handle: Hash,
    pub seat: SeatIndex,
    pub signature: Signature,
}

impl SigningShare {
    /// Whether the signature is that of this key, for this request, to the committee of `height`.
    pub fn is_by(
        &self,
        key: &PublicKey,
        genesis: &Hash,
        height: Height,
        request: &SigningRequest,
        verify: &impl Verify,
    ) -> bool {
        self.handle == request.handle && verify.verify(key, &request.signed_bytes(genesis, height), &self.signature)
    }
}

/// Signatures of a quorum for a request, by seat, ascending.
///
/// ```
/// use quids_core::{AccountId20, Hash, Height};
/// use quids_crypto::{KeyPair, SignatureScheme, blake3_256, verify};
/// use quids_pobpc::{Committee, Role, Seat, SeatIndex, SigningCertificate, SigningRequest, Threshold};
///
/// # let keys: Vec<_> = (0..4).map(|seed| KeyPair::from_seed(SignatureScheme::Falcon512, &[seed; 32]).unwrap()).collect();
/// # let seat = |pair: &KeyPair| Seat { key: pair.public().clone(), role: Role::Full };
/// # let committee = Committee::new(keys.iter().map(seat).collect()).unwrap();
/// # let (genesis, handle) = (Hash::repeat_byte(1), Hash::repeat_byte(2));
/// // Known beforehand: the chain, who asked, what for, and what `qSign` answered.
/// let request = SigningRequest {
///     chain_id: 0x5155,
///     requester: AccountId20([3; 20]),
///     handle,
///     message_hash: blake3_256(b"release 100 tokens").into(),
/// };
/// # let height = Height(8);
/// # let bytes = request.signed_bytes(&genesis, height);
/// # let sign = |seat: u16| (SeatIndex(seat), keys[usize::from(seat)].sign(&bytes));
/// # let certificate = codec::Encode::encode(&SigningCertificate { height, signatures: [0, 2, 3].map(sign).into() });
/// // The bytes that `qSignature` answers, and the committee of their height, to which header 7 commits.
/// let certificate: SigningCertificate = codec::DecodeAll::decode_all(&mut &certificate[..]).unwrap();
/// certificate.verify(&genesis, &committee, Threshold::DEFAULT, &request, &verify).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Encode, TypeInfo)]
pub struct SigningCertificate {
    /// Whose committee signed: the height after the block with the request.
    pub height: Height,
    pub signatures: Vec<(SeatIndex, Signature)>,
}

/// Why a certificate proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningCertificateError {
    #[error("{found} signatures, {needed} are needed")]
    TooFew { found: usize, needed: usize },
    #[error("seat {0} is no seat of the committee")]
    NoSeat(SeatIndex),
    #[error("seat {0} is there twice, or out of order")]
    OutOfOrder(SeatIndex),
    #[error("the signature of seat {0} is wrong")]
    Signature(SeatIndex),
}

impl SigningCertificate {
    /// Checks that a quorum of this committee, the one of its height, signed this request. All signatures have to be right. Cheap checks
    /// come first.
    pub fn verify(
        &self,
        genesis: &Hash,
        committee: &Committee,
        threshold: Threshold,
        request: &SigningRequest,
        verify: &impl Verify,
    ) -> Result<(), SigningCertificateError> {
        let found = self.signatures.len();
        let needed = threshold.votes(committee.seats().len());
        if found < needed {
            return Err(SigningCertificateError::TooFew { found, needed });
        }
        let mut keys = Vec::new();
        let mut last = None;
        for (index, _) in &self.signatures {
            if last.is_some_and(|last| last >= *index) {
                return Err(SigningCertificateError::OutOfOrder(*index));
            }
            last = Some(*index);
            let seat = committee.seat(*index).ok_or(SigningCertificateError::NoSeat(*index))?;
            keys.push(&seat.key);
        }
        let message = request.signed_bytes(genesis, self.height);
        for ((index, signature), key) in self.signatures.iter().zip(keys) {
            if !verify.verify(key, &message, signature) {
                return Err(SigningCertificateError::Signature(*index));
            }
        }
        Ok(())
    }
}

impl Decode for SigningCertificate {
    fn decode<I: codec::Input>(input: &mut I) -> Result<Self, codec::Error> {
        let height = Height::decode(input)?;
        let length = Compact::<u32>::decode(input)?.0 as usize;
        if length > SEATS_MAX {
            return Err("more signatures than there are seats".into());
        }
        let signatures: Result<_, _> = (0..length).map(|_| Decode::decode(input)).collect();
        Ok(Self {
            height,
            signatures: signatures?,
        })
    }
}

// What it allocates is bounded by `SEATS_MAX`.
impl DecodeWithMemTracking for SigningCertificate {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ballot, Proposal, Role, Round, Seat, Signed, Vote, VoteKind};
    use codec::DecodeAll;
    use quids_crypto::{KeyPair, SignatureScheme, verify};

    const GENESIS: Hash = Hash::repeat_byte(7);
    const HEIGHT: Height = Height(0x0102);

    fn request() -> SigningRequest {
        SigningRequest {
            chain_id: 0x5155,
            requester: AccountId20([2; 20]),
            handle: Hash::repeat_byte(3),
            message_hash: Hash::repeat_byte(4),
        }
    }

    fn keys() -> Vec<KeyPair> {
        let falcon = (0..6).map(|seed| (SignatureScheme::Falcon512, seed));
        let all = falcon.chain([(SignatureScheme::MlDsa87, 99)]);
        all.map(|(scheme, seed)| KeyPair::from_seed(scheme, &[seed; 32]).unwrap())
            .collect()
    }

    fn committee(keys: &[KeyPair]) -> Committee {
        let seats = keys.iter().map(|pair| Seat {
            key: pair.public().clone(),
            role: Role::Full,
        });
        Committee::new(seats.collect()).unwrap()
    }

    fn certificate(keys: &[KeyPair], by: &[u16], message: &[u8]) -> SigningCertificate {
        let sign = |seat: &u16| (SeatIndex(*seat), keys[usize::from(*seat)].sign(message));
        SigningCertificate {
            height: HEIGHT,
            signatures: by.iter().map(sign).collect(),
        }
    }

    #[test]
    fn what_is_signed_is_pinned() {
        let expected = [
            &b"quids/qsign/v1"[..],
            &[7; 32],
            &[2, 1, 0, 0],
            &[0x55, 0x51, 0, 0, 0, 0, 0, 0],
            &[2; 20],
            &[3; 32],
            &[4; 32],
        ];
        assert_eq!(request().signed_bytes(&GENESIS, HEIGHT), expected.concat());
        let bytes = SigningCertificate {
            height: HEIGHT,
            signatures: Vec::new(),
        }
        .encode();
        assert_eq!(bytes, [2, 1, 0, 0, 0]);
    }

    #[test]
    fn a_quorum_proves_and_less_or_other_does_not() {
        use SigningCertificateError::{NoSeat, OutOfOrder, Signature, TooFew};
        type Change = fn(&mut SigningCertificate, &mut SigningRequest);
        let keys = keys();
        let seven = committee(&keys);
        let message = request().signed_bytes(&GENESIS, HEIGHT);
        let right = certificate(&keys, &[0, 2, 3, 5, 6], &message);
        let wrong = Err(Signature(SeatIndex(0)));
        let changes: [(Change, _); 13] = [
            (|_, _| {}, Ok(())),
            (|one, _| drop(one.signatures.pop()), Err(TooFew { found: 4, needed: 5 })),
            (
                |one, _| one.signatures[2] = one.signatures[1].clone(),
                Err(OutOfOrder(SeatIndex(2))),
            ),
            (|one, _| one.signatures.swap(1, 2), Err(OutOfOrder(SeatIndex(2)))),
            (|one, _| one.signatures[4].0 = SeatIndex(7), Err(NoSeat(SeatIndex(7)))),
            (
                |one, _| one.signatures[1].0 = SeatIndex(1),
                Err(Signature(SeatIndex(1))),
            ),
            // One of those that are not wrong by their form: all are looked at.
            (
                |one, _| one.signatures[3].1 = one.signatures[1].1.clone(),
                Err(Signature(SeatIndex(5))),
            ),
            (|one, _| one.height = Height(0x0103), wrong),
            (|_, of| of.chain_id = 1, wrong),
            (|_, of| of.requester = AccountId20([9; 20]), wrong),
            (|_, of| of.handle = Hash::zero(), wrong),
            (|_, of| of.message_hash = Hash::zero(), wrong),
            (|one, _| one.signatures.clear(), Err(TooFew { found: 0, needed: 5 })),
        ];
        for (at, (change, expected)) in changes.into_iter().enumerate() {
            let (mut one, mut of) = (right.clone(), request());
            change(&mut one, &mut of);
            let one = SigningCertificate::decode_all(&mut &one.encode()[..]).unwrap();
            assert_eq!(
                one.verify(&GENESIS, &seven, Threshold::DEFAULT, &of, &verify),
                expected,
                "{at}"
            );
        }
        let of = request();
        let other = Hash::repeat_byte(8);
        assert_eq!(right.verify(&other, &seven, Threshold::DEFAULT, &of, &verify), wrong);
        let all = Threshold::new(1_000_000).unwrap();
        let too_few = Err(TooFew { found: 5, needed: 7 });
        assert_eq!(right.verify(&GENESIS, &seven, all, &of, &verify), too_few);
        let turned: Vec<_> = keys.into_iter().rev().collect();
        let other = committee(&turned);
        assert_eq!(right.verify(&GENESIS, &other, Threshold::DEFAULT, &of, &verify), wrong);
    }

    /// Neither is the other, whatever it says: of all messages that a member signs, no two kinds share bytes.
    #[test]
    fn a_share_is_no_vote_and_a_vote_no_share() {
        let keys = keys();
        let key = keys[0].public();
        let of = request();
        let share = |signature| SigningShare {
            handle: of.handle,
            seat: SeatIndex(0),
            signature,
        };
        let signed = share(keys[0].sign(&of.signed_bytes(&GENESIS, HEIGHT)));
        assert!(signed.is_by(key, &GENESIS, HEIGHT, &of, &verify));
        assert!(!signed.is_by(keys[1].public(), &GENESIS, HEIGHT, &of, &verify));
        assert!(!signed.is_by(key, &GENESIS, Height(1), &of, &verify));
        let other = SigningRequest {
            handle: Hash::zero(),
            ..of
        };
        assert!(!signed.is_by(key, &GENESIS, HEIGHT, &other, &verify));
        for block in [None, Some(of.handle), Some(of.message_hash)] {
            for kind in [VoteKind::Prevote, VoteKind::Precommit] {
                let vote = Vote {
                    kind,
                    height: HEIGHT,
                    round: Round::ZERO,
                    block,
                };
                check(&keys[0], vote, &signed, &of);
            }
        }
        let proposal = Proposal {
            height: HEIGHT,
            round: Round::ZERO,
            valid_round: None,
            block: of.handle,
        };
        check(&keys[0], proposal, &signed, &of);
    }

    fn check<M: Ballot>(pair: &KeyPair, message: M, share: &SigningShare, of: &SigningRequest) {
        let bytes = message.signed_bytes(&GENESIS);
        assert_ne!(bytes, of.signed_bytes(&GENESIS, HEIGHT));
        let as_share = SigningShare {
            signature: pair.sign(&bytes),
            ..share.clone()
        };
        assert!(!as_share.is_by(pair.public(), &GENESIS, HEIGHT, of, &verify));
        let as_vote = Signed {
            message,
            seat: share.seat,
            signature: share.signature.clone(),
        };
        assert!(!as_vote.is_by(pair.public(), &GENESIS, &verify));
    }

    #[test]
    fn what_is_decoded_has_bounds() {
        let one = (SeatIndex(0), keys()[0].sign(b""));
        for (count, is_one) in [(0, true), (SEATS_MAX, true), (SEATS_MAX + 1, false)] {
            let bytes = (HEIGHT, alloc::vec![one.clone(); count]).encode();
            assert_eq!(
                SigningCertificate::decode_all(&mut &bytes[..]).is_ok(),
                is_one,
                "{count}"
            );
        }
        let huge = (HEIGHT, Compact(u32::MAX)).encode();
        assert!(SigningCertificate::decode_all(&mut &huge[..]).is_err());
    }
}
