//! What can go wrong, by who is told.

use crate::{RequestKind, Topic};
use libp2p::Multiaddr;

/// Why a network does not start, or cannot do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error("cannot listen on {address}: {reason}")]
    Listen { address: Multiaddr, reason: String },
    #[error("{0} does not end in /p2p/PEER")]
    NoPeer(Multiaddr),
    #[error("TLS: {0}")]
    Tls(String),
    #[error("gossip: {0}")]
    Gossip(String),
    #[error(transparent)]
    Metrics(#[from] quids_metrics::MetricsError),
    #[error("the network has stopped or is too busy to be told")]
    Busy,
}

/// Why a message does not go out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    #[error("{bytes} bytes in topic {topic:?}, at most {max}")]
    TooLarge { topic: Topic, bytes: usize, max: usize },
    #[error("the queue is full")]
    Full,
    #[error("the network has stopped")]
    Stopped,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    #[error("a {kind:?} request of {bytes} bytes, at most {max}")]
    TooLarge {
        kind: RequestKind,
        bytes: usize,
        max: usize,
    },
    #[error("the peer is not connected")]
    NotConnected,
    #[error("too many requests wait for an answer")]
    TooMany,
    #[error("no answer in time")]
    Timeout,
    #[error("the peer refused")]
    Refused,
    #[error("the peer is busy")]
    Busy,
    #[error("the connection failed: {0}")]
    Failed(String),
    #[error("the network has stopped")]
    Stopped,
}
