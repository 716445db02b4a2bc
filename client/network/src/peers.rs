//! The peers that are connected: who they are, what they did, and how much more they may send.

use crate::{Offence, Topic, bucket::Bucket, handshake::Standing, score::Score};
use libp2p::{Multiaddr, PeerId};
use quids_crypto::PublicKey;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Scores of peers that left, so that nobody gets a clean one by coming back.
const PAST_MAX: usize = 4096;
/// A peer that flooded loses for it at most this often per second.
const FLOOD_BURST: u64 = 5;
const FLOOD_PER_SECOND: u64 = 2;
const REQUEST_BURST: u64 = 200;
const REQUESTS_PER_SECOND: u64 = 100;
/// Of the name that a peer gives its software.
const AGENT_CHARS_MAX: usize = 64;

/// A peer as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// By its Ed25519 key.
    pub id: PeerId,
    /// The other end of the connection.
    pub address: Multiaddr,
    /// It dialled us.
    pub is_inbound: bool,
    /// The key it has proven, registered when it did.
    pub validator: Option<PublicKey>,
    /// What it says about its software: printable ASCII, 64 characters at most.
    pub agent: String,
    /// 0, or below for what it did wrong; banned at -100.
    pub score: i32,
    /// How long it is connected.
    pub connected_for: Duration,
}

/// One that is connected.
pub struct Entry {
    pub address: Multiaddr,
    pub is_inbound: bool,
    pub standing: Standing,
    pub agent: String,
    pub score: Score,
    pub since: Instant,
    /// Topics that it has subscribed to, as bits.
    pub topics: u8,
    /// The node was told of it.
    pub is_announced: bool,
    /// Its connection is being closed: what is still on the way counts no more.
    pub is_banned: bool,
    /// Its requests that wait for an answer.
    pub answering: usize,
    /// Our requests that wait for one.
    pub asking: usize,
    messages: [Bucket; 3],
    bytes: [Bucket; 3],
    requests: Bucket,
    floods: Bucket,
}

impl Entry {
    pub fn new(address: Multiaddr, is_inbound: bool, standing: Standing, score: Score, now: Instant) -> Self {
        Self {
            address,
            is_inbound,
            standing,
            agent: String::new(),
            score,
            since: now,
            topics: 0,
            is_announced: false,
            is_banned: false,
            answering: 0,
            asking: 0,
            messages: Topic::ALL.map(|topic| {
                let (count, _) = rate(topic);
                Bucket::new(2 * count, count, now)
            }),
            bytes: Topic::ALL.map(|topic| {
                let (_, bytes) = rate(topic);
                Bucket::new(2 * bytes, bytes, now)
            }),
            requests: Bucket::new(REQUEST_BURST, REQUESTS_PER_SECOND, now),
            floods: Bucket::new(FLOOD_BURST, FLOOD_PER_SECOND, now),
        }
    }

    /// Whether it may send one message more.
    pub fn may_gossip(&mut self, topic: Topic, bytes: usize, now: Instant) -> bool {
        let index = topic as usize;
        self.messages[index].take(1, now) && self.bytes[index].take(bytes as u64, now)
    }

    pub fn may_request(&mut self, now: Instant) -> bool {
        self.requests.take(1, now)
    }

    /// Whether what it sends too much is to cost it score now.
    pub fn is_flood_counted(&mut self, now: Instant) -> bool {
        self.floods.take(1, now)
    }

    pub fn validator(&self) -> Option<PublicKey> {
        match &self.standing {
            Standing::Validator(key) => Some(key.clone()),
            Standing::Peer | Standing::Claimed(_) => None,
        }
    }

    pub fn set_agent(&mut self, agent: &str) {
        let printable = agent.chars().filter(|c| c.is_ascii_graphic() || *c == ' ');
        self.agent = printable.take(AGENT_CHARS_MAX).collect();
    }
}

/// Messages and bytes per second of one peer in a topic. All of a network's messages may come through one peer.
const fn rate(topic: Topic) -> (u64, u64) {
    match topic {
        Topic::Transactions => (8_000, 16 << 20),
        Topic::Consensus => (2_000, 8 << 20),
        Topic::Shares => (4_000, 8 << 20),
    }
}

/// All of them. The service writes, handles read.
#[derive(Default)]
pub struct Peers(Mutex<Table>);

#[derive(Default)]
pub struct Table {
    pub connected: HashMap<PeerId, Entry>,
    past: HashMap<PeerId, Score>,
}

impl Peers {
    pub fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn snapshot(&self) -> Vec<Peer> {
        let now = Instant::now();
        let mut table = self.lock();
        let peer = |(id, entry): (&PeerId, &mut Entry)| {
            entry.score.forgive(now);
            Peer {
                id: *id,
                address: entry.address.clone(),
                is_inbound: entry.is_inbound,
                validator: entry.validator(),
                agent: entry.agent.clone(),
                score: entry.score.points(),
                connected_for: now.saturating_duration_since(entry.since),
            }
        };
        let mut peers: Vec<_> = table.connected.iter_mut().map(peer).collect();
        peers.sort_by_key(|peer| peer.id);
        peers
    }
}

impl Table {
    /// Of a peer that comes, or comes back.
    pub fn score_of(&mut self, peer: &PeerId, now: Instant) -> Score {
        self.past.remove(peer).unwrap_or_else(|| Score::new(now))
    }

    /// Its entry, if it was connected.
    pub fn remove(&mut self, peer: &PeerId, now: Instant) -> Option<Entry> {
        let mut entry = self.connected.remove(peer)?;
        entry.score.forgive(now);
        if entry.score.points() < 0 {
            if self.past.len() >= PAST_MAX {
                self.past.retain(|_, score| {
                    score.forgive(now);
                    score.points() < 0
                });
            }
            if self.past.len() < PAST_MAX {
                self.past.insert(*peer, entry.score.clone());
            }
        }
        Some(entry)
    }

    /// Lowers a score: what it is now, and whether that is the end. `None` if the peer is not connected.
    pub fn lower(&mut self, peer: &PeerId, offence: Offence, now: Instant) -> Option<(i32, bool)> {
        let entry = self.connected.get_mut(peer).filter(|entry| !entry.is_banned)?;
        let score = &mut entry.score;
        let is_too_low = score.lower(offence, now);
        let points = score.points();
        if is_too_low {
            // The ban is the punishment; after it the peer starts anew.
            *score = Score::new(now);
        }
        Some((points, is_too_low))
    }
}
