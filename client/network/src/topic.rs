//! Topics, how a message of one looks on the wire, and which copies of it count as the same.

use libp2p::{
    PeerId,
    gossipsub::{IdentTopic, MessageId, TopicHash},
};
use quids_core::Hash;
use quids_crypto::blake3_256;
use std::{
    collections::{HashSet, VecDeque},
    time::{Duration, Instant},
};

/// Before each payload, so that the same bytes can be said again. See ADR 18.
pub const NONCE_BYTES: usize = 8;
/// Copies of one payload within this time are one, whatever their nonce. Below the 2 s in which engines repeat themselves.
pub const SAME_WITHIN: Duration = Duration::from_secs(1);
/// Payloads remembered for that.
const REMEMBERED_MAX: usize = 65_536;

/// What messages are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Transactions for the pool.
    Transactions,
    /// Proposals, votes and certificates.
    Consensus,
    /// Members' signatures for requests of contracts.
    Shares,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Transactions, Self::Consensus, Self::Shares];

    /// The most bytes in a message: a transaction that carries a runtime; a certificate of 128 ML-DSA-87 seats; one
    /// such signature.
    #[must_use]
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Transactions => 4 << 20,
            Self::Consensus => 1 << 20,
            Self::Shares => 8 << 10,
        }
    }

    /// As in names and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transactions => "transactions",
            Self::Consensus => "consensus",
            Self::Shares => "shares",
        }
    }

    pub(crate) fn of_chain(self, genesis: &Hash) -> IdentTopic {
        IdentTopic::new(protocol_name(genesis, self.name()))
    }
}

/// `/quids/GENESIS/WHAT/1`, the genesis hash by its first 8 bytes.
pub fn protocol_name(genesis: &Hash, what: &str) -> String {
    let chain: String = genesis.as_bytes().iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("/quids/{chain}/{what}/1")
}

/// A message that came and waits for a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GossipId {
    pub(crate) message: MessageId,
    pub(crate) from: PeerId,
    pub(crate) topic: Topic,
}

/// What the node thinks of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Right: it is passed on.
    Accept,
    /// Of no use, and nobody's fault.
    Ignore,
    /// Wrong: whoever sent it loses score.
    Reject,
}

/// A hash of the topic and all bytes, the nonce among them.
pub fn message_id(topic: &TopicHash, data: &[u8]) -> MessageId {
    let mut bytes = Vec::with_capacity(topic.as_str().len() + 1 + data.len());
    bytes.extend_from_slice(topic.as_str().as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(data);
    MessageId::new(&blake3_256(&bytes))
}

/// Nonces of one node: no two the same, nor those of another node or of an earlier run.
pub struct Nonces(u64);

impl Nonces {
    pub fn new(local: &PeerId, unix_nanos: u128) -> Self {
        let mut seed = local.to_bytes();
        seed.extend_from_slice(&unix_nanos.to_le_bytes());
        let mut first = [0; NONCE_BYTES];
        first.copy_from_slice(&blake3_256(&seed)[..NONCE_BYTES]);
        Self(u64::from_le_bytes(first))
    }

    /// The payload as it goes out.
    pub fn wrap(&mut self, payload: &[u8]) -> Vec<u8> {
        self.0 = self.0.wrapping_add(1);
        let mut data = Vec::with_capacity(NONCE_BYTES + payload.len());
        data.extend_from_slice(&self.0.to_le_bytes());
        data.extend_from_slice(payload);
        data
    }
}

/// The payload of what came in, if it can be one.
pub fn unwrap(topic: Topic, mut data: Vec<u8>) -> Option<Vec<u8>> {
    if !(NONCE_BYTES + 1..=NONCE_BYTES + topic.bytes_max()).contains(&data.len()) {
        return None;
    }
    data.drain(..NONCE_BYTES);
    Some(data)
}

/// Payloads of the last [`SAME_WITHIN`].
#[derive(Default)]
pub struct Recent {
    hashes: HashSet<[u8; 32]>,
    by_age: VecDeque<(Instant, [u8; 32])>,
}

impl Recent {
    /// Whether a payload is new; it is not any more after that.
    pub fn insert(&mut self, topic: Topic, payload: &[u8], now: Instant) -> bool {
        while let Some((at, hash)) = self.by_age.front() {
            if now.saturating_duration_since(*at) < SAME_WITHIN && self.by_age.len() < REMEMBERED_MAX {
                break;
            }
            self.hashes.remove(hash);
            self.by_age.pop_front();
        }
        let hash = blake3_256(&[&[topic as u8], payload].concat());
        let is_new = self.hashes.insert(hash);
        if is_new {
            self.by_age.push_back((now, hash));
        }
        is_new
    }
}
