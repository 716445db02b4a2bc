//! What a node says about itself when it joins, and what the network asks it.

use libp2p::{Multiaddr, PeerId, identity::Keypair};
use quids_core::Hash;
use quids_crypto::{PublicKey, Signature};
use std::{fmt, sync::Arc};

/// The Ed25519 key behind a node's [`PeerId`].
#[derive(Clone)]
pub struct NodeKey(Keypair);

impl NodeKey {
    /// From the 32 secret bytes of RFC 8032.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        // UNWRAP: any 32 bytes are an Ed25519 secret, and only the length can be wrong.
        Self(Keypair::ed25519_from_bytes(seed).expect("32 bytes"))
    }

    /// The name that others know the node by.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.0.public().to_peer_id()
    }

    pub(crate) fn keypair(&self) -> &Keypair {
        &self.0
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({})", self.peer_id())
    }
}

/// How a node takes part.
#[derive(Clone)]
pub struct Config {
    /// Whose peer id this is.
    pub key: NodeKey,
    /// Peers of another chain are refused.
    pub genesis: Hash,
    /// Where to listen; port 0 is any free one.
    pub listen: Vec<Multiaddr>,
    /// Dialled at the start and while there are few peers; each ends in `/p2p/PEER`.
    pub bootnodes: Vec<Multiaddr>,
    /// Kept connected and exempt from limits and bans; each ends in `/p2p/PEER`.
    pub reserved: Vec<Multiaddr>,
    /// Nobody else gets a connection.
    pub reserved_only: bool,
    /// Never connected.
    pub denied: Vec<PeerId>,
    /// Reserved ones and up to 128 proven validators come on top. Half are dialled at most, three quarters may come in.
    pub max_peers: u32,
    /// Name and version of the software, for people.
    pub agent: String,
    /// The key of a validator, to prove it in each connection.
    pub validator: Option<Arc<dyn ValidatorKey>>,
}

/// The key by which a node proves in each connection that it is a validator.
pub trait ValidatorKey: Send + Sync {
    /// The key as it is registered on the chain.
    fn public(&self) -> PublicKey;

    /// May block: it is called on a thread for that.
    fn sign(&self, message: &[u8]) -> Result<Signature, String>;
}

/// What the network asks its node. Answers must be quick and never block.
pub trait Host: Send + Sync + 'static {
    /// The validator's key with this BLAKE3-256 hash of its SCALE encoding, at the last block.
    fn validator(&self, key_hash: &Hash) -> Lookup;
}

/// What is known of a validator's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Registered at the last block.
    Registered(PublicKey),
    /// Not registered at the last block.
    Unregistered,
    /// The node is behind and cannot tell: the peer counts as no validator until it can.
    Unknown,
}
