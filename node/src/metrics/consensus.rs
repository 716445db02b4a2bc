//! Deciding: where it is, how long it takes, and what was wrong.

use quids_core::Height;
use quids_metrics::{Histogram, IntCounter, IntCounterVec, IntGauge, MetricsError, Registry, buckets};
use quids_network::Verdict;
use std::time::Duration;

/// On a chain with validators.
pub struct ConsensusMetrics {
    height: IntGauge,
    rounds: IntCounter,
    decided: Histogram,
    messages: IntCounterVec,
    evidence: IntCounter,
    brought_in: IntCounter,
}

impl ConsensusMetrics {
    pub fn new(registry: &Registry) -> Result<Self, MetricsError> {
        let messages = registry.int_counter_vec(
            "quids_consensus_messages_total",
            "Messages of others: accepted and passed on, ignored since they are of another height, or rejected.",
            &["verdict"],
        )?;
        for verdict in [Verdict::Accept, Verdict::Ignore, Verdict::Reject] {
            messages.with_label_values(&[word(verdict)]);
        }
        Ok(Self {
            height: registry.int_gauge("quids_consensus_height", "The height that is being decided.")?,
            rounds: registry.int_counter(
                "quids_consensus_rounds_total",
                "Rounds begun; more than heights where a proposal was late, or no quorum agreed.",
            )?,
            decided: registry.histogram(
                "quids_consensus_decision_seconds",
                "From the first sight of a height's proposal to its decision.",
                buckets::BLOCK_SECONDS,
            )?,
            messages,
            evidence: registry.int_counter(
                "quids_consensus_evidence_total",
                "Members that signed two messages for one place, as far as this node saw it.",
            )?,
            brought_in: registry.int_counter(
                "quids_consensus_brought_in_blocks_total",
                "Blocks taken from others that were decided before.",
            )?,
        })
    }

    pub(crate) fn at(&self, height: Height) {
        self.height.set(i64::from(height.0));
    }

    pub(crate) fn round(&self) {
        self.rounds.inc();
    }

    pub(crate) fn decided(&self, after: Duration, evidence: usize) {
        self.decided.observe(after.as_secs_f64());
        self.evidence.inc_by(evidence as u64);
    }

    pub(crate) fn judged(&self, verdict: Verdict) {
        self.messages.with_label_values(&[word(verdict)]).inc();
    }

    pub(crate) fn brought_in(&self, count: usize) {
        self.brought_in.inc_by(count as u64);
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accepted",
        Verdict::Ignore => "ignored",
        Verdict::Reject => "rejected",
    }
}
