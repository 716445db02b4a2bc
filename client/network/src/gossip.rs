//! gossipsub, set up for few peers, low latency and a node that judges each message.

use crate::{
    NetworkError, Topic,
    topic::{NONCE_BYTES, message_id},
};
use libp2p::gossipsub::{
    self, ConfigBuilder, IdentityTransform, MaxCountSubscriptionFilter, MessageAuthenticity, PeerScoreParams,
    PeerScoreThresholds, TopicScoreParams, ValidationMode, WhitelistSubscriptionFilter,
};
use quids_core::Hash;
use std::time::Duration;

/// What protobuf puts around a message.
const ENVELOPE_BYTES: usize = 1024;
/// Copies of one message are dropped for so long: longer than any message wanders.
const DUPLICATE_TIME: Duration = Duration::from_secs(60);
const HEARTBEAT: Duration = Duration::from_millis(250);
/// Heartbeats that a message waits for its verdict: 6 s.
const HISTORY: usize = 24;
/// Messages that wait for a slow peer.
const QUEUE_MAX: usize = 256;

pub type Behaviour = gossipsub::Behaviour<IdentityTransform, MaxCountSubscriptionFilter<WhitelistSubscriptionFilter>>;

/// Subscribed to all topics.
pub fn behaviour(genesis: &Hash) -> Result<Behaviour, NetworkError> {
    let topics = Topic::ALL.map(|topic| (topic, topic.of_chain(genesis)));
    let largest = Topic::ALL.map(Topic::bytes_max).into_iter().max().unwrap_or_default();
    let mut config = ConfigBuilder::default();
    config
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(|message| message_id(&message.topic, &message.data))
        .duplicate_cache_time(DUPLICATE_TIME)
        .flood_publish(true)
        .heartbeat_initial_delay(Duration::from_millis(20))
        .heartbeat_interval(HEARTBEAT)
        .history_length(HISTORY)
        .history_gossip(4)
        .mesh_n(6)
        .mesh_n_low(4)
        .mesh_n_high(10)
        .mesh_outbound_min(2)
        .gossip_lazy(3)
        .prune_backoff(Duration::from_secs(10))
        .unsubscribe_backoff(Duration::from_secs(1))
        .max_transmit_size(largest + NONCE_BYTES + ENVELOPE_BYTES)
        .connection_handler_queue_len(QUEUE_MAX);
    for (topic, name) in &topics {
        config.max_transmit_size_for_topic(topic.bytes_max() + NONCE_BYTES + ENVELOPE_BYTES, name.hash());
    }
    let filter = MaxCountSubscriptionFilter {
        filter: WhitelistSubscriptionFilter(topics.iter().map(|(_, name)| name.hash()).collect()),
        max_subscribed_topics: topics.len(),
        max_subscriptions_per_request: 2 * topics.len(),
    };
    let config = config
        .build()
        .map_err(|error| NetworkError::Gossip(error.to_string()))?;
    let gossip = |error: &dyn std::fmt::Display| NetworkError::Gossip(error.to_string());
    let mut behaviour = Behaviour::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, filter)
        .map_err(|error| gossip(&error))?;
    behaviour
        .with_peer_score(score(genesis), thresholds())
        .map_err(|error| gossip(&error))?;
    for (_, name) in &topics {
        behaviour.subscribe(name).map_err(|error| gossip(&error))?;
    }
    Ok(behaviour)
}

/// Our own score counts most. No penalty for few deliveries (a chain may be quiet) nor for one IP (the gate counts those).
fn score(genesis: &Hash) -> PeerScoreParams {
    let topic = TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_weight: 0.01,
        time_in_mesh_quantum: Duration::from_secs(1),
        time_in_mesh_cap: 300.0,
        first_message_deliveries_weight: 0.05,
        first_message_deliveries_decay: 0.9,
        first_message_deliveries_cap: 100.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: -0.5,
        invalid_message_deliveries_decay: 0.9,
        ..TopicScoreParams::default()
    };
    PeerScoreParams {
        topics: Topic::ALL
            .map(|name| (name.of_chain(genesis).hash(), topic.clone()))
            .into(),
        topic_score_cap: 10.0,
        app_specific_weight: 1.0,
        ip_colocation_factor_weight: 0.0,
        behaviour_penalty_weight: -1.0,
        behaviour_penalty_threshold: 6.0,
        behaviour_penalty_decay: 0.9,
        retain_score: Duration::from_secs(600),
        ..PeerScoreParams::default()
    }
}

/// The last one lies below our floor: whom gossipsub does not hear any more could not be banned.
fn thresholds() -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: -40.0,
        publish_threshold: -60.0,
        graylist_threshold: -200.0,
        accept_px_threshold: 1e9,
        opportunistic_graft_threshold: 1.0,
    }
}
