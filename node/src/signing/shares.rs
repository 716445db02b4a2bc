//! Signatures for requests of contracts, as far as they are here: those of others once they were verified, and this node's.

use quids_api::signing::{CERTIFICATES_BYTES_MAX, CERTIFICATES_MAX, Certificates, OpenRequest};
use quids_core::{Hash, Height};
use quids_crypto::{PublicKey, Signature};
use quids_pobpc::{Committee, SeatIndex, SigningCertificate, SigningShare, Threshold};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// Bytes of all signatures that are kept. Those of the newest requests go first, so that the oldest certificates become whole.
const BYTES_MAX: usize = 64 << 20;
/// More than any share has.
const SHARE_BYTES_MAX: usize = 8 << 10;
/// What a share has beside its signature, at least.
const SHARE_BYTES: usize = 8;

/// A request with what there is of its certificate.
struct Open {
    of: OpenRequest,
    committee: Arc<Committee>,
    signatures: BTreeMap<SeatIndex, Signature>,
    /// When a share was passed on last.
    passed_on: BTreeMap<SeatIndex, Instant>,
}

/// What a share has to be held against.
pub struct Expected {
    pub of: OpenRequest,
    pub key: PublicKey,
}

/// What is known of a share before its signature is verified.
pub enum Seen {
    /// Nothing is kept for it: no such request, another share of that seat, or no room.
    Useless,
    NoSeat,
    /// It is here.
    Known,
    New(Box<Expected>),
}

/// By request, in the order of the chain's queue, which bounds them.
#[derive(Default)]
pub struct Shares {
    open: Vec<Open>,
    threshold: Threshold,
    bytes: usize,
}

impl Shares {
    /// Follows the chain. A request whose committee is not known is left out until it is.
    pub fn renew(
        &mut self,
        queue: &[OpenRequest],
        threshold: Threshold,
        mut committee_at: impl FnMut(Height) -> Option<Arc<Committee>>,
    ) {
        let mut before = std::mem::take(&mut self.open);
        for of in queue {
            let known = before.iter().position(|open| open.of == *of);
            let open = known.map(|at| before.swap_remove(at)).or_else(|| {
                Some(Open {
                    of: *of,
                    committee: committee_at(of.height)?,
                    signatures: BTreeMap::new(),
                    passed_on: BTreeMap::new(),
                })
            });
            self.open.extend(open);
        }
        self.threshold = threshold;
        let kept = self.open.iter().flat_map(|open| open.signatures.values());
        self.bytes = kept.map(size).sum();
    }

    pub fn has(&self, of: &OpenRequest) -> bool {
        self.at(&of.request.handle).is_some()
    }

    /// Requests that this key has a seat for and has not signed.
    pub fn to_sign(&self, key: &PublicKey) -> Vec<(OpenRequest, SeatIndex)> {
        let missing = self.open.iter().enumerate().filter_map(|(at, open)| {
            let seat = open.committee.seat_of(key)?;
            // What would be given up at once would be signed, and said, once more with each block.
            let has_room = self.bytes + SHARE_BYTES_MAX <= BYTES_MAX || self.can_make_room(at);
            (has_room && !open.signatures.contains_key(&seat)).then_some((open.of, seat))
        });
        missing.collect()
    }

    /// This key's shares, those of the oldest requests first.
    pub fn of(&self, key: &PublicKey) -> impl Iterator<Item = SigningShare> {
        self.open.iter().filter_map(|open| {
            let seat = open.committee.seat_of(key)?;
            Some(SigningShare {
                handle: open.of.request.handle,
                seat,
                signature: open.signatures.get(&seat)?.clone(),
            })
        })
    }

    pub fn look(&self, share: &SigningShare) -> Seen {
        let Some(at) = self.at(&share.handle) else {
            return Seen::Useless;
        };
        let open = &self.open[at];
        let Some(seat) = open.committee.seat(share.seat) else {
            return Seen::NoSeat;
        };
        match open.signatures.get(&share.seat) {
            Some(known) if *known == share.signature => Seen::Known,
            Some(_) => Seen::Useless,
            None if self.bytes + size(&share.signature) > BYTES_MAX && !self.can_make_room(at) => Seen::Useless,
            None => Seen::New(Box::new(Expected {
                of: open.of,
                key: seat.key.clone(),
            })),
        }
    }

    /// Whether a share that is here is worth passing on once more: not if it was within `period`. Its makers say it again now and
    /// then; who says it more often is not to have the whole network as his amplifier.
    pub fn passes_on(&mut self, share: &SigningShare, now: Instant, period: Duration) -> bool {
        let Some(at) = self.at(&share.handle) else { return false };
        let passed_on = &mut self.open[at].passed_on;
        let is_due = passed_on
            .get(&share.seat)
            .is_none_or(|last| now.duration_since(*last) >= period);
        if is_due {
            passed_on.insert(share.seat, now);
        }
        is_due
    }

    /// Keeps a share that was verified. The request may be gone meanwhile.
    pub fn put(&mut self, share: SigningShare) {
        let SigningShare {
            handle,
            seat,
            signature,
        } = share;
        let bytes = size(&signature);
        let Some(at) = self.at(&handle) else {
            return;
        };
        if self.open[at].signatures.insert(seat, signature).is_none() {
            self.bytes += bytes;
        }
        while self.bytes > BYTES_MAX {
            let newest = self.open.iter_mut().rfind(|open| !open.signatures.is_empty());
            let Some(newest) = newest else { break };
            let given_up = std::mem::take(&mut newest.signatures);
            self.bytes -= given_up.values().map(size).sum::<usize>();
        }
    }

    /// Whether something is kept of a newer request than the one at this place.
    fn can_make_room(&self, at: usize) -> bool {
        self.open[at + 1..].iter().any(|open| !open.signatures.is_empty())
    }

    /// What a block may bring of what is whole, the oldest first; no more signatures than are needed.
    pub fn certificates(&self) -> Certificates {
        let mut certificates = Certificates::new();
        let mut bytes = 0;
        for open in &self.open {
            let needed = self.threshold.votes(open.committee.seats().len());
            if open.signatures.len() < needed {
                continue;
            }
            let signatures = open.signatures.iter().take(needed);
            let signatures = signatures.map(|(seat, signature)| (*seat, signature.clone()));
            let certificate = SigningCertificate {
                height: open.of.height,
                signatures: signatures.collect(),
            };
            let one = (open.of.request.handle, certificate);
            let size = codec::Encode::encoded_size(&one);
            // With room for the length of the list. A smaller one may fit behind one that does not.
            if bytes + size + 4 > CERTIFICATES_BYTES_MAX {
                continue;
            }
            bytes += size;
            certificates.push(one);
            if certificates.len() == CERTIFICATES_MAX {
                break;
            }
        }
        certificates
    }

    fn at(&self, handle: &Hash) -> Option<usize> {
        self.open.iter().position(|open| open.of.request.handle == *handle)
    }
}

fn size(signature: &Signature) -> usize {
    signature.as_bytes().len() + SHARE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use quids_api::signing::SIGNING_QUEUE_MAX;
    use quids_core::AccountId20;
    use quids_crypto::{KeyPair, SignatureScheme, verify};
    use quids_pobpc::{Role, Seat, SigningRequest};

    const GENESIS: Hash = Hash::repeat_byte(7);

    fn keys() -> Vec<KeyPair> {
        let key = |seed| KeyPair::from_seed(SignatureScheme::Falcon512, &[seed; 32]).unwrap();
        (0..4).map(key).collect()
    }

    fn committee(keys: &[KeyPair]) -> Arc<Committee> {
        let seat = |pair: &KeyPair| Seat {
            key: pair.public().clone(),
            role: Role::Full,
        };
        Arc::new(Committee::new(keys.iter().map(seat).collect()).unwrap())
    }

    fn open(number: u64) -> OpenRequest {
        OpenRequest {
            request: SigningRequest {
                chain_id: 1,
                requester: AccountId20([2; 20]),
                handle: Hash::from_low_u64_be(number),
                message_hash: Hash::repeat_byte(4),
            },
            height: Height(5),
        }
    }

    fn share(of: &OpenRequest, seat: u16, pair: &KeyPair) -> SigningShare {
        SigningShare {
            handle: of.request.handle,
            seat: SeatIndex(seat),
            signature: pair.sign(&of.request.signed_bytes(&GENESIS, of.height)),
        }
    }

    fn shares(queue: &[OpenRequest], of: &Arc<Committee>) -> Shares {
        let mut shares = Shares::default();
        shares.renew(queue, Threshold::DEFAULT, |_| Some(of.clone()));
        shares
    }

    #[test]
    fn a_certificate_is_whole_with_a_quorum_and_goes_with_its_request() {
        let keys = keys();
        let four = committee(&keys);
        let queue = [open(1), open(2)];
        let mut shares = shares(&queue, &four);
        for (seat, pair) in (0..).zip(&keys) {
            assert_eq!(shares.certificates().len(), usize::from(seat == 3), "{seat}");
            assert_eq!(shares.to_sign(pair.public()), queue.map(|of| (of, SeatIndex(seat))));
            shares.put(share(&queue[1], seat, pair));
            assert_eq!(shares.to_sign(pair.public()), [(queue[0], SeatIndex(seat))]);
            assert_eq!(shares.of(pair.public()).count(), 1);
        }
        let whole = shares.certificates();
        let [(handle, certificate)] = &whole[..] else {
            panic!("{whole:?}")
        };
        assert_eq!((*handle, certificate.signatures.len()), (queue[1].request.handle, 3));
        let request = &queue[1].request;
        certificate
            .verify(&GENESIS, &four, Threshold::DEFAULT, request, &verify)
            .unwrap();
        // A threshold that was raised.
        let all = Threshold::new(1_000_000).unwrap();
        shares.renew(&queue, all, |_| panic!("known"));
        assert_eq!(shares.certificates()[0].1.signatures.len(), 4);
        // The request is signed, or late.
        shares.renew(&queue[..1], all, |_| panic!("known"));
        assert_eq!((shares.certificates().len(), shares.bytes), (0, 0));
        shares.put(share(&queue[1], 0, &keys[0]));
        assert_eq!(shares.bytes, 0);
    }

    #[test]
    fn a_share_is_passed_on_once_in_a_while() {
        let keys = keys();
        let queue = [open(1)];
        let mut shares = shares(&queue, &committee(&keys));
        let (one, other) = (share(&queue[0], 0, &keys[0]), share(&queue[0], 1, &keys[1]));
        shares.put(one.clone());
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut passes = |share: &SigningShare, after: u32| shares.passes_on(share, start + second * after, second * 3);
        assert!(passes(&one, 0) && passes(&other, 1), "each by itself");
        assert!(!passes(&one, 0) && !passes(&one, 2));
        assert!(passes(&one, 3) && !passes(&other, 3));
        let gone = SigningShare {
            handle: Hash::zero(),
            ..one
        };
        assert!(!passes(&gone, 9));
    }

    #[test]
    fn what_is_of_no_use_is_not_verified() {
        let keys = keys();
        let queue = [open(1)];
        let mut shares = shares(&queue, &committee(&keys[..3]));
        let right = share(&queue[0], 2, &keys[2]);
        let seen = |shares: &Shares, share: &SigningShare| match shares.look(share) {
            Seen::Useless => 'u',
            Seen::NoSeat => 'n',
            Seen::Known => 'k',
            Seen::New(expected) => {
                assert_eq!((expected.of, &expected.key), (queue[0], keys[2].public()));
                '+'
            }
        };
        assert_eq!(seen(&shares, &right), '+');
        assert_eq!(seen(&shares, &share(&queue[0], 3, &keys[3])), 'n');
        assert_eq!(seen(&shares, &share(&open(9), 2, &keys[2])), 'u');
        shares.put(right.clone());
        assert_eq!(seen(&shares, &right), 'k');
        let other = SigningShare {
            signature: keys[1].sign(b"another"),
            ..right.clone()
        };
        assert_eq!(seen(&shares, &other), 'u');
        // Who signs is not known.
        let mut strangers = Shares::default();
        strangers.renew(&queue, Threshold::DEFAULT, |_| None);
        assert_eq!(seen(&strangers, &right), 'u');
    }

    /// With more to keep than there is room for, the oldest requests are signed and the newest wait.
    #[test]
    fn what_is_newest_makes_room() {
        let keys = keys();
        let queue = [open(1), open(2), open(3)];
        let mut shares = shares(&queue, &committee(&keys));
        let one = |of: usize, seat: u16| share(&queue[of], seat, &keys[usize::from(seat)]);
        shares.put(one(1, 0));
        shares.put(one(2, 0));
        let each = shares.bytes / 2;
        // As if so much else were here.
        shares.bytes = BYTES_MAX;
        assert!(matches!(shares.look(&one(2, 1)), Seen::Useless), "nothing is newer");
        assert!(matches!(shares.look(&one(1, 1)), Seen::New(_)));
        shares.put(one(0, 0));
        assert_eq!(shares.bytes, BYTES_MAX);
        let kept: Vec<_> = shares.open.iter().map(|open| open.signatures.len()).collect();
        assert_eq!(kept, [1, 1, 0]);
        shares.put(one(2, 1));
        assert_eq!(shares.bytes, BYTES_MAX, "it is the newest itself");
        shares.put(one(0, 1));
        assert_eq!(shares.bytes, BYTES_MAX);
        let kept: Vec<_> = shares.open.iter().map(|open| open.signatures.len()).collect();
        assert_eq!((kept, each > 600), (vec![2, 0, 0], true));
    }

    #[test]
    fn a_block_brings_no_more_than_it_may() {
        let keys = keys();
        let queue: Vec<_> = (0..SIGNING_QUEUE_MAX as u64).map(open).collect();
        let mut shares = shares(&queue, &committee(&keys[..1]));
        for of in &queue {
            shares.put(share(of, 0, &keys[0]));
        }
        let brought = shares.certificates();
        let handles: Vec<_> = brought.iter().map(|(handle, _)| *handle).collect();
        let oldest: Vec<_> = queue.iter().map(|of| of.request.handle).collect();
        assert_eq!(handles, oldest[..CERTIFICATES_MAX]);
    }
}
