//! Signing messages for contracts (`IQuantumSafe.qSign`): members sign what the chain recorded in final blocks, and tell each other;
//! who makes a block brings what a quorum signed. Nothing about deciding hangs on it: shares have a domain and a topic of their own.

mod shares;

use crate::{
    chain::ChainError,
    consensus::{Incoming, Ledger},
};
use codec::{DecodeAll, Encode};
use parking_lot::Mutex;
use quids_api::signing::{Certificates, OpenRequest};
use quids_core::{Hash, Height};
use quids_crypto::KeyPair;
use quids_network::{Network, Topic, Verdict};
use quids_pobpc::{Committee, SeatIndex, SigningShare};
use quids_rpc::ConsensusState;
use shares::{Expected, Seen, Shares};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

/// Shares of others that wait to be judged; what is more is not passed on.
pub const SHARES_MAX: usize = 512;
/// Whoever has not the request's block yet takes no share: so long a new one is held back.
const HELD: Duration = Duration::from_millis(200);
/// How often this node says its shares again while their requests are open, and how many of them.
const AGAIN: Duration = Duration::from_secs(3);
const AGAIN_MAX: usize = 16;

/// What members signed, for whoever makes a block.
#[derive(Default)]
pub struct Signing(Mutex<Shares>);

impl Signing {
    /// What a block may bring.
    pub fn certificates(&self) -> Certificates {
        self.0.lock().certificates()
    }

    /// Follows the chain to the block before the height that is being decided. A request that is new has the committee of that height;
    /// the ledger knows earlier ones, as far as it has them.
    fn renew(&self, ledger: &impl Ledger, deciding: &ConsensusState) -> Result<(), ChainError> {
        let queue = ledger.signing_queue()?;
        let next = &deciding.next;
        let new: BTreeSet<Height> = {
            let shares = self.0.lock();
            let new = queue.iter().filter(|of| !shares.has(of));
            new.map(|of| of.height).collect()
        };
        let mut committees: BTreeMap<Height, Arc<Committee>> = BTreeMap::new();
        for height in new {
            let committee = match height == deciding.height {
                true => Some(next.committee.clone()),
                false => ledger.committee_at(height)?,
            };
            committees.extend(committee.map(|committee| (height, Arc::new(committee))));
        }
        let committee_at = |height| committees.get(&height).cloned();
        self.0.lock().renew(&queue, next.threshold, committee_at);
        Ok(())
    }

    /// Signs what this key has a seat for and has not signed.
    fn sign(&self, key: &KeyPair, genesis: &Hash) -> Vec<SigningShare> {
        let to_sign = self.0.lock().to_sign(key.public());
        let share = |(of, seat): (OpenRequest, SeatIndex)| SigningShare {
            handle: of.request.handle,
            seat,
            signature: key.sign(&of.request.signed_bytes(genesis, of.height)),
        };
        let shares: Vec<_> = to_sign.into_iter().map(share).collect();
        let mut all = self.0.lock();
        shares.iter().cloned().for_each(|share| all.put(share));
        shares
    }

    /// What another node's share has to be held against; a verdict, where that needs no look at its signature.
    fn expected(&self, bytes: &[u8]) -> Result<(SigningShare, Box<Expected>), Verdict> {
        let share = SigningShare::decode_all(&mut &bytes[..]).map_err(|_| Verdict::Reject)?;
        let mut all = self.0.lock();
        match all.look(&share) {
            Seen::Useless => Err(Verdict::Ignore),
            Seen::NoSeat => Err(Verdict::Reject),
            Seen::Known => match all.passes_on(&share, std::time::Instant::now(), AGAIN / 2) {
                true => Err(Verdict::Accept),
                false => Err(Verdict::Ignore),
            },
            Seen::New(expected) => Ok((share, expected)),
        }
    }

    /// Judges another node's share, and keeps it if it is right.
    fn judge(&self, (share, expected): (SigningShare, Box<Expected>), genesis: &Hash) -> Verdict {
        let OpenRequest { request, height } = &expected.of;
        if !share.is_by(&expected.key, genesis, *height, request, &quids_crypto::verify) {
            return Verdict::Reject;
        }
        self.0.lock().put(share);
        Verdict::Accept
    }
}

/// What signing needs.
pub struct Parts<L> {
    pub ledger: Arc<L>,
    pub signing: Arc<Signing>,
    pub network: Network,
    /// Whose seats these are; `None`: this node only passes on.
    pub key: Option<KeyPair>,
    pub messages: mpsc::Receiver<Incoming>,
    pub deciding: watch::Receiver<Arc<ConsensusState>>,
}

/// Signs and collects until deciding or the network ends.
pub async fn run<L: Ledger>(parts: Parts<L>) {
    let Parts {
        ledger,
        signing,
        network,
        key,
        mut messages,
        mut deciding,
    } = parts;
    let genesis = ledger.genesis();
    let key = key.map(Arc::new);
    // New ones of this node, and when they are said; and when the old ones are said again.
    let mut new = Vec::new();
    let mut said = Instant::now();
    let mut again = tokio::time::interval(AGAIN);
    again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // Where in the list it goes on.
    let mut next = 0;
    deciding.mark_changed();
    loop {
        tokio::select! {
            changed = deciding.changed() => {
                if changed.is_err() {
                    return;
                }
                let state = deciding.borrow_and_update().clone();
                let (ledger, signing, key) = (ledger.clone(), signing.clone(), key.clone());
                let followed = tokio::task::spawn_blocking(move || {
                    signing.renew(&*ledger, &state)?;
                    Ok::<_, ChainError>(key.map(|key| signing.sign(&key, &genesis)).unwrap_or_default())
                });
                match followed.await {
                    Ok(Ok(signed)) => {
                        if new.is_empty() {
                            said = Instant::now() + HELD;
                        }
                        new.extend(signed);
                    }
                    Ok(Err(error)) => tracing::warn!("which messages contracts want signed is not known: {error}"),
                    Err(error) => tracing::error!("messages for contracts were not signed: {error}"),
                }
            }
            incoming = messages.recv() => {
                let Some(Incoming { id, bytes, from }) = incoming else {
                    return;
                };
                let verdict = match signing.expected(&bytes) {
                    Ok(found) => {
                        let signing = signing.clone();
                        let judged = tokio::task::spawn_blocking(move || signing.judge(found, &genesis)).await;
                        judged.unwrap_or(Verdict::Ignore)
                    }
                    Err(verdict) => verdict,
                };
                if verdict == Verdict::Reject {
                    tracing::debug!("a share of {from} is wrong");
                }
                network.judge(id, verdict);
            }
            () = tokio::time::sleep_until(said), if !new.is_empty() => say(&network, new.drain(..)),
            _ = again.tick() => {
                if let Some(key) = &key {
                    // Round and round: requests that nobody else signs must not keep the others from being heard.
                    let all: Vec<_> = signing.0.lock().of(key.public()).collect();
                    let from = all.len().min(next);
                    let (before, after) = all.split_at(from);
                    let turn: Vec<_> = after.iter().chain(before).take(AGAIN_MAX).cloned().collect();
                    next = if all.is_empty() { 0 } else { (from + turn.len()) % all.len() };
                    say(&network, turn);
                }
            }
        }
    }
}

/// Publishes shares. What is lost is said again.
fn say(network: &Network, shares: impl IntoIterator<Item = SigningShare>) {
    for share in shares {
        if let Err(error) = network.publish(Topic::Shares, share.encode()) {
            tracing::debug!("a share is said later: {error}");
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quids_core::AccountId20;
    use quids_crypto::SignatureScheme;
    use quids_pobpc::{Ballot, Role, Round, Seat, SigningRequest, Threshold, Vote, VoteKind};

    const GENESIS: Hash = Hash::repeat_byte(7);

    fn keys() -> Vec<KeyPair> {
        let key = |seed| KeyPair::from_seed(SignatureScheme::Falcon512, &[seed; 32]).unwrap();
        (0..4).map(key).collect()
    }

    /// One open request of a committee of these keys.
    fn signing(keys: &[KeyPair]) -> (Signing, OpenRequest) {
        let of = OpenRequest {
            request: SigningRequest {
                chain_id: 1,
                requester: AccountId20([2; 20]),
                handle: Hash::repeat_byte(3),
                message_hash: Hash::repeat_byte(4),
            },
            height: Height(5),
        };
        let seat = |pair: &KeyPair| Seat {
            key: pair.public().clone(),
            role: Role::Full,
        };
        let committee = Arc::new(Committee::new(keys.iter().map(seat).collect()).unwrap());
        let signing = Signing::default();
        let committee_at = |_| Some(committee.clone());
        signing.0.lock().renew(&[of], Threshold::DEFAULT, committee_at);
        (signing, of)
    }

    fn judged(signing: &Signing, bytes: &[u8]) -> Verdict {
        match signing.expected(bytes) {
            Ok(found) => signing.judge(found, &GENESIS),
            Err(verdict) => verdict,
        }
    }

    #[test]
    fn a_share_goes_on_if_it_is_right() {
        let keys = keys();
        let (signing, of) = signing(&keys);
        let bytes = of.request.signed_bytes(&GENESIS, of.height);
        let share = |seat: u16, signed: &[u8]| SigningShare {
            handle: of.request.handle,
            seat: SeatIndex(seat),
            signature: keys[1].sign(signed),
        };
        let right = share(1, &bytes).encode();
        let vote = Vote {
            kind: VoteKind::Precommit,
            height: of.height,
            round: Round::ZERO,
            block: Some(of.request.handle),
        };
        let unknown = SigningShare {
            handle: Hash::zero(),
            ..share(1, &bytes)
        };
        let other_chain = of.request.signed_bytes(&Hash::zero(), of.height);
        for (said, verdict) in [
            (Vec::new(), Verdict::Reject),
            (right[1..].to_vec(), Verdict::Reject),
            ([&right[..], &[0]].concat(), Verdict::Reject),
            (unknown.encode(), Verdict::Ignore),
            (share(4, &bytes).encode(), Verdict::Reject),
            (share(2, &bytes).encode(), Verdict::Reject),
            (share(1, &vote.signed_bytes(&GENESIS)).encode(), Verdict::Reject),
            (share(1, &other_chain).encode(), Verdict::Reject),
            (right.clone(), Verdict::Accept),
            // Said again it helps whoever missed it, but not each time; another one of the seat helps nobody.
            (right.clone(), Verdict::Accept),
            (right, Verdict::Ignore),
            (share(1, b"whatever").encode(), Verdict::Ignore),
        ] {
            assert_eq!(judged(&signing, &said), verdict);
        }
    }

    #[test]
    fn each_request_is_signed_once() {
        let keys = keys();
        let (signing, of) = signing(&keys[..3]);
        for (at, key) in keys[..3].iter().enumerate() {
            assert_eq!(signing.certificates(), []);
            let shares = signing.sign(key, &GENESIS);
            let [share] = &shares[..] else { panic!("{shares:?}") };
            assert_eq!(usize::from(share.seat.0), at);
            assert!(share.is_by(key.public(), &GENESIS, of.height, &of.request, &quids_crypto::verify));
            assert_eq!(
                judged(&signing, &share.encode()),
                Verdict::Accept,
                "it is this node's own"
            );
            assert_eq!(signing.sign(key, &GENESIS), []);
        }
        assert_eq!(signing.certificates().len(), 1);
        assert_eq!(signing.sign(&keys[3], &GENESIS), [], "no seat");
    }
}
