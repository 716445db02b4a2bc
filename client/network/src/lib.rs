//! Peers: libp2p over post-quantum TLS, gossip that the node judges, requests, scores and limits. The only crate that
//! knows libp2p.

mod address;
mod behaviour;
mod bucket;
mod config;
mod error;
mod event;
mod gate;
mod gossip;
mod handshake;
mod metrics;
mod network;
mod peers;
mod plan;
mod request;
mod score;
mod service;
mod tls;
mod topic;
mod traffic;
mod transport;

#[cfg(test)]
mod tests;

pub use config::{Config, Host, Lookup, NodeKey, ValidatorKey};
pub use error::{NetworkError, PublishError, RequestError};
pub use event::{Answer, Event, Events};
pub use handshake::key_hash;
pub use libp2p::{Multiaddr, PeerId};
pub use network::Network;
pub use peers::Peer;
pub use request::RequestKind;
pub use score::Offence;
pub use topic::{GossipId, Topic, Verdict};
