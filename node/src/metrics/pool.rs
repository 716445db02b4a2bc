//! The pool: what it holds, read at scrape, and what became of transactions, counted from its answers and events.

use quids_metrics::{IntCounter, IntCounterVec, IntGauge, MetricsError, Registry};
use quids_txpool::{PoolError, TransactionStatus};

/// What the pool holds at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolCounts {
    pub ready: usize,
    pub future: usize,
    pub bytes: usize,
}

/// Counted at every submission and event.
pub struct PoolMetrics {
    submitted: IntCounter,
    refused: IntCounterVec,
    left: IntCounterVec,
}

impl PoolMetrics {
    /// `counts` answers `None` once the pool is gone; it must not keep the pool alive.
    pub fn new(
        registry: &Registry,
        counts: impl Fn() -> Option<PoolCounts> + Send + Sync + 'static,
    ) -> Result<Self, MetricsError> {
        let transactions = registry.int_gauge_vec(
            "quids_pool_transactions",
            "Transactions in the pool: ready for a block, or waiting for others (future).",
            &["state"],
        )?;
        let bytes: IntGauge = registry.int_gauge("quids_pool_bytes", "Bytes of all transactions in the pool.")?;
        let this = Self {
            submitted: registry.int_counter(
                "quids_pool_submitted_transactions_total",
                "Transactions that the pool took in.",
            )?,
            refused: registry.int_counter_vec(
                "quids_pool_refused_transactions_total",
                "Transactions that the pool did not take in, by the error's number; custom is all of a runtime's own.",
                &["code"],
            )?,
            left: registry.int_counter_vec(
                "quids_pool_left_transactions_total",
                "Transactions that left the pool: included in a block, evicted, replaced by another, or invalid.",
                &["reason"],
            )?,
        };
        for reason in ["included", "evicted", "replaced", "invalid"] {
            this.left.with_label_values(&[reason]);
        }
        registry.on_scrape(move || {
            if let Some(counts) = counts() {
                transactions.with_label_values(&["ready"]).set(counts.ready as i64);
                transactions.with_label_values(&["future"]).set(counts.future as i64);
                bytes.set(counts.bytes as i64);
            }
        });
        Ok(this)
    }

    /// The pool's answer to a submission.
    pub fn answered<T>(&self, answer: &Result<T, PoolError>) {
        match answer {
            Ok(_) => self.submitted.inc(),
            Err(error) => self.refused.with_label_values(&[&code(error.code())]).inc(),
        }
    }

    /// A transaction's new status.
    pub fn event(&self, status: &TransactionStatus) {
        let reason = match status {
            TransactionStatus::InBlock(_) => "included",
            TransactionStatus::Dropped => "evicted",
            TransactionStatus::Usurped(_) => "replaced",
            TransactionStatus::Invalid(_) => "invalid",
            TransactionStatus::Future | TransactionStatus::Ready | TransactionStatus::Broadcast(_) => return,
        };
        self.left.with_label_values(&[reason]).inc();
    }
}

/// A runtime has 256 numbers of its own in each of two ranges: they share a label.
fn code(code: u16) -> String {
    match code {
        100..=355 | 600.. => "custom".into(),
        code => code.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quids_api::{InvalidTransaction, UnknownTransaction};

    #[test]
    fn a_runtime_cannot_make_series_without_end() {
        let registry = Registry::new();
        let metrics = PoolMetrics::new(&registry, || None).unwrap();
        for number in 0..=255 {
            metrics.answered::<()>(&Err(PoolError::Invalid(InvalidTransaction::Custom(number))));
            metrics.answered::<()>(&Err(PoolError::Unknown(UnknownTransaction::Custom(number))));
        }
        metrics.answered::<()>(&Err(PoolError::Invalid(InvalidTransaction::Stale)));
        metrics.answered(&Ok(()));
        let text = registry.encode();
        let refused: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("quids_pool_refused"))
            .collect();
        assert_eq!(
            refused,
            [
                "quids_pool_refused_transactions_total{code=\"4\"} 1",
                "quids_pool_refused_transactions_total{code=\"custom\"} 512"
            ]
        );
        assert!(text.contains("quids_pool_submitted_transactions_total 1\n"));
    }
}
