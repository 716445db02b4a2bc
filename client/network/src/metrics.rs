//! Figures of the network.

use crate::Topic;
use quids_metrics::{IntCounter, IntCounterVec, IntGaugeVec, MetricsError, Registry};

/// Handles, made once.
pub struct Metrics {
    /// By `direction`.
    pub connections: IntGaugeVec,
    gossip_bytes: IntCounterVec,
    gossip_messages: IntCounterVec,
    handshakes_failed: IntCounterVec,
    connections_refused: IntCounterVec,
    dropped: IntCounterVec,
    offences: IntCounterVec,
    pub bans: IntCounter,
    pub requests: IntCounterVec,
}

/// What is lost when a queue is full or a limit is met.
#[derive(Clone, Copy, Debug)]
pub enum Dropped {
    /// A command of the node.
    Command,
    /// Gossip that came, for the node is slow.
    Gossip,
    /// Gossip that came, for its sender sends too much.
    Limited,
    /// A copy of what came just before.
    Repeated,
    /// A request that came, for the node or the peer has too many.
    Request,
    /// Gossip that no peer took, or that a slow one missed.
    Published,
}

impl Dropped {
    const fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Gossip => "gossip",
            Self::Limited => "limited",
            Self::Repeated => "repeated",
            Self::Request => "request",
            Self::Published => "published",
        }
    }
}

impl Metrics {
    pub fn new(registry: &Registry) -> Result<Self, MetricsError> {
        Ok(Self {
            connections: registry.int_gauge_vec(
                "quids_network_connections",
                "Peers that are connected, by who dialled.",
                &["direction"],
            )?,
            gossip_bytes: registry.int_counter_vec(
                "quids_network_gossip_bytes_total",
                "Bytes of gossip that came or was published, by topic.",
                &["topic", "direction"],
            )?,
            gossip_messages: registry.int_counter_vec(
                "quids_network_gossip_messages_total",
                "Messages of gossip that came or were published, by topic.",
                &["topic", "direction"],
            )?,
            handshakes_failed: registry.int_counter_vec(
                "quids_network_handshakes_failed_total",
                "Handshakes that came to nothing, by reason.",
                &["reason"],
            )?,
            connections_refused: registry.int_counter_vec(
                "quids_network_connections_refused_total",
                "Connections that a limit, a list or a ban forbade.",
                &["reason"],
            )?,
            dropped: registry.int_counter_vec(
                "quids_network_dropped_total",
                "What was dropped because a queue was full or a limit met.",
                &["what"],
            )?,
            offences: registry.int_counter_vec(
                "quids_network_offences_total",
                "What peers did wrong.",
                &["offence"],
            )?,
            bans: registry.int_counter("quids_network_bans_total", "Peers banned.")?,
            requests: registry.int_counter_vec(
                "quids_network_requests_total",
                "Requests that came or were sent, by kind.",
                &["kind", "direction"],
            )?,
        })
    }

    pub fn gossip(&self, topic: Topic, direction: &str, bytes: usize) {
        let labels = [topic.name(), direction];
        self.gossip_messages.with_label_values(&labels).inc();
        self.gossip_bytes.with_label_values(&labels).inc_by(bytes as u64);
    }

    pub fn handshake_failed(&self, reason: &str) {
        self.handshakes_failed.with_label_values(&[reason]).inc();
    }

    pub fn refused(&self, reason: &str) {
        self.connections_refused.with_label_values(&[reason]).inc();
    }

    pub fn dropped(&self, what: Dropped) {
        self.dropped.with_label_values(&[what.name()]).inc();
    }

    pub fn offence(&self, name: &str) {
        self.offences.with_label_values(&[name]).inc();
    }
}
