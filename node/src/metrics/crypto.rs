//! Signatures: how many of which scheme were verified, and how long it took.

use quids_crypto::SignatureScheme;
use quids_metrics::{Histogram, HistogramVec, IntCounter, IntCounterVec, MetricsError, Registry, buckets};
use std::time::Instant;

/// Counted wherever a signature is verified ahead of the runtime or for it.
pub struct CryptoMetrics {
    seconds: HistogramVec,
    invalid: IntCounterVec,
    remembered: IntCounter,
    batch_seconds: Histogram,
}

impl CryptoMetrics {
    pub fn new(registry: &Registry) -> Result<Self, MetricsError> {
        let this = Self {
            seconds: registry.histogram_vec(
                "quids_crypto_verification_seconds",
                "Time to verify one signature on one core, by scheme; those remembered are not among them.",
                &["scheme"],
                buckets::FAST_SECONDS,
            )?,
            invalid: registry.int_counter_vec(
                "quids_crypto_invalid_signatures_total",
                "Signatures that did not verify, by scheme.",
                &["scheme"],
            )?,
            remembered: registry.int_counter(
                "quids_crypto_remembered_signatures_total",
                "Signatures that had verified before and were only looked up.",
            )?,
            batch_seconds: registry.histogram(
                "quids_crypto_batch_seconds",
                "Time to verify all signatures of a block from elsewhere, on all cores.",
                buckets::BLOCK_SECONDS,
            )?,
        };
        for scheme in SignatureScheme::ALL {
            this.seconds.with_label_values(&[scheme.name()]);
            this.invalid.with_label_values(&[scheme.name()]);
        }
        Ok(this)
    }

    pub(crate) fn remembered(&self) {
        self.remembered.inc();
    }

    /// A tag that is no scheme costs nothing and is not counted.
    pub(crate) fn verified(&self, scheme: u8, start: Instant, valid: bool) {
        let Some(scheme) = SignatureScheme::from_tag(scheme) else {
            return;
        };
        self.seconds
            .with_label_values(&[scheme.name()])
            .observe(start.elapsed().as_secs_f64());
        if !valid {
            self.invalid.with_label_values(&[scheme.name()]).inc();
        }
    }

    pub(crate) fn batch(&self, start: Instant) {
        self.batch_seconds.observe(start.elapsed().as_secs_f64());
    }
}
