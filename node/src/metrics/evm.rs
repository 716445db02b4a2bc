//! The EVM's index, and what is asked of it.

use quids_api::evm::EvmBlock;
use quids_metrics::{Histogram, IntCounter, MetricsError, Registry, buckets};
use std::time::Instant;

/// Counted where blocks are stored, and where logs and traces are asked for.
pub struct EvmMetrics {
    transactions: IntCounter,
    logs: IntCounter,
    gas: IntCounter,
    errors: IntCounter,
    query_seconds: Histogram,
    replay_seconds: Histogram,
}

impl EvmMetrics {
    pub fn new(registry: &Registry) -> Result<Self, MetricsError> {
        Ok(Self {
            transactions: registry.int_counter(
                "quids_evm_transactions_total",
                "Transactions of the EVM in the blocks that were stored.",
            )?,
            logs: registry.int_counter(
                "quids_evm_logs_total",
                "Logs of the EVM in the blocks that were stored.",
            )?,
            gas: registry.int_counter(
                "quids_evm_gas_total",
                "Gas that the blocks that were stored used in the EVM.",
            )?,
            errors: registry.int_counter(
                "quids_evm_index_errors_total",
                "Blocks that were stored without index of the EVM because their runtime failed to tell.",
            )?,
            query_seconds: registry.histogram(
                "quids_evm_log_query_seconds",
                "Time to find the logs that a filter asks for, by index.",
                buckets::BLOCK_SECONDS,
            )?,
            replay_seconds: registry.histogram(
                "quids_evm_replay_seconds",
                "Time to execute a block's EVM transactions again for their traces.",
                buckets::BLOCK_SECONDS,
            )?,
        })
    }

    pub(crate) fn stored(&self, block: &EvmBlock) {
        self.transactions.inc_by(block.transactions.len() as u64);
        let logs = block
            .transactions
            .iter()
            .map(|transaction| transaction.receipt.logs.len());
        self.logs.inc_by(logs.sum::<usize>() as u64);
        self.gas.inc_by(block.gas_used);
    }

    pub(crate) fn failed(&self) {
        self.errors.inc();
    }

    pub(crate) fn queried(&self, start: Instant) {
        self.query_seconds.observe(start.elapsed().as_secs_f64());
    }

    pub(crate) fn replayed(&self, start: Instant) {
        self.replay_seconds.observe(start.elapsed().as_secs_f64());
    }
}
