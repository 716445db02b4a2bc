//! What the network tells its node, through a queue of bounded length and size.

use crate::{GossipId, RequestKind, Topic};
use libp2p::PeerId;
use quids_crypto::PublicKey;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::{mpsc, oneshot};

/// Events that wait for the node.
pub const QUEUE_MAX: usize = 2048;
/// Their bytes together.
pub const QUEUE_BYTES_MAX: usize = 64 << 20;

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A message came. It goes no further until [`crate::Network::judge`] accepts it, within 6 s.
    Gossip {
        id: GossipId,
        topic: Topic,
        bytes: Vec<u8>,
        from: PeerId,
    },
    /// A peer asks.
    Request {
        peer: PeerId,
        kind: RequestKind,
        bytes: Vec<u8>,
        answer: Answer,
    },
    /// A peer is there, and what is published from now on reaches it.
    Connected { peer: PeerId, validator: Option<PublicKey> },
    /// A peer that was there is gone.
    Disconnected { peer: PeerId },
}

impl Event {
    fn bytes(&self) -> usize {
        match self {
            Self::Gossip { bytes, .. } | Self::Request { bytes, .. } => bytes.len(),
            Self::Connected { .. } | Self::Disconnected { .. } => 0,
        }
    }
}

/// The way back to a peer that asked. Dropped, it refuses.
#[derive(Debug)]
pub struct Answer {
    pub(crate) reply: oneshot::Sender<Vec<u8>>,
    pub(crate) kind: RequestKind,
}

impl Answer {
    /// Answers. What is longer than [`RequestKind::answer_bytes_max`] is refused instead.
    pub fn send(self, bytes: Vec<u8>) {
        if bytes.len() > self.kind.answer_bytes_max() {
            tracing::error!("an answer of {} bytes to {:?} is too large", bytes.len(), self.kind);
            return;
        }
        // The peer may be gone.
        let _ = self.reply.send(bytes);
    }
}

/// The node's end of the queue.
#[derive(Debug)]
pub struct Events {
    queue: mpsc::Receiver<Event>,
    bytes: Arc<AtomicUsize>,
}

impl Events {
    /// The next one; `None` once the network has stopped.
    pub async fn next(&mut self) -> Option<Event> {
        let event = self.queue.recv().await?;
        self.bytes.fetch_sub(event.bytes(), Ordering::Relaxed);
        Some(event)
    }
}

/// The network's end.
pub struct Sender {
    queue: mpsc::Sender<Event>,
    bytes: Arc<AtomicUsize>,
}

impl Sender {
    /// False if there is no room, or nobody listens.
    pub fn try_send(&self, event: Event) -> bool {
        let size = event.bytes();
        if self.bytes.load(Ordering::Relaxed).saturating_add(size) > QUEUE_BYTES_MAX {
            return false;
        }
        // Added first: the node subtracts as soon as it is sent.
        self.bytes.fetch_add(size, Ordering::Relaxed);
        let is_sent = self.queue.try_send(event).is_ok();
        if !is_sent {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
        }
        is_sent
    }

    /// Room for an event that must not be lost.
    pub fn room(&self) -> Option<mpsc::Permit<'_, Event>> {
        self.queue.try_reserve().ok()
    }

    /// Waits for room; false if nobody listens.
    pub async fn has_room(&self) -> bool {
        self.queue.reserve().await.is_ok()
    }
}

/// Both ends.
pub fn queue() -> (Sender, Events) {
    let (sender, queue) = mpsc::channel(QUEUE_MAX);
    let bytes = Arc::new(AtomicUsize::new(0));
    let events = Events {
        queue,
        bytes: bytes.clone(),
    };
    (Sender { queue: sender, bytes }, events)
}
