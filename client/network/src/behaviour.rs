//! The protocols of a connection together. The gate comes first: what it refuses, the others never see.

use crate::{
    Config, NetworkError, gate::Gate, gossip, metrics::Metrics, request, topic::protocol_name, transport::Standings,
};
use libp2p::{
    PeerId, StreamProtocol, identify,
    kad::{self, store::MemoryStore, store::MemoryStoreConfig},
    ping,
    swarm::NetworkBehaviour,
};
use quids_core::Hash;
use std::{sync::Arc, time::Duration};

/// A peer that does not answer for this long is gone.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(10);

#[derive(NetworkBehaviour)]
pub struct Behaviour {
    pub gate: Gate,
    pub gossip: gossip::Behaviour,
    pub request: request::Behaviour,
    pub identify: identify::Behaviour,
    pub kad: kad::Behaviour<MemoryStore>,
    pub ping: ping::Behaviour,
}

impl Behaviour {
    pub fn new(config: &Config, standings: Arc<Standings>, metrics: Arc<Metrics>) -> Result<Self, NetworkError> {
        let (local, genesis) = (config.key.peer_id(), &config.genesis);
        let name = |what| protocol_name(genesis, what);
        let identify = identify::Config::new(name("identify"), config.key.keypair().public())
            .with_agent_version(config.agent.clone());
        Ok(Self {
            gate: Gate::new(
                local,
                config.max_peers,
                config.reserved_only,
                config.denied.iter().copied(),
                standings,
                metrics,
            ),
            gossip: gossip::behaviour(genesis)?,
            request: request::behaviour(stream_protocol(name("request"))?),
            identify: identify::Behaviour::new(identify),
            kad: kademlia(local, kad_protocol(genesis)?),
            ping: ping::Behaviour::new(ping::Config::new().with_interval(PING_EVERY).with_timeout(PING_TIMEOUT)),
        })
    }
}

/// By which peers of the same table know each other.
pub fn kad_protocol(genesis: &Hash) -> Result<StreamProtocol, NetworkError> {
    stream_protocol(protocol_name(genesis, "kad"))
}

fn stream_protocol(name: String) -> Result<StreamProtocol, NetworkError> {
    StreamProtocol::try_from_owned(name).map_err(|error| NetworkError::Gossip(error.to_string()))
}

/// Only finds peers: nobody can store anything.
fn kademlia(local: PeerId, protocol: StreamProtocol) -> kad::Behaviour<MemoryStore> {
    let mut config = kad::Config::new(protocol);
    config
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_query_timeout(Duration::from_secs(20))
        .set_periodic_bootstrap_interval(Some(Duration::from_secs(60)))
        .set_publication_interval(None)
        .set_replication_interval(None)
        .set_provider_publication_interval(None);
    let store = MemoryStoreConfig {
        max_records: 0,
        max_value_bytes: 0,
        max_providers_per_key: 0,
        max_provided_keys: 0,
    };
    let mut kad = kad::Behaviour::with_config(local, MemoryStore::with_config(local, store), config);
    kad.set_mode(Some(kad::Mode::Server));
    kad
}
