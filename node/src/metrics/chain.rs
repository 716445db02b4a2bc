//! Blocks: their heights, sizes and times; the runtime; the state's cache; how punctual the author is.

use super::EvmMetrics;
use crate::chain::{Chain, ChainError, NewBlock};
use parking_lot::Mutex;
use quids_core::{Hash, Height};
use quids_db::Database;
use quids_metrics::{Gauge, Histogram, IntCounter, IntCounterVec, IntGauge, MetricsError, Registry, buckets, raise_to};
use quids_state::SharedCache;
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Upper bounds of lateness: 10 % of a block a second is the third.
const LATENESS_SECONDS: &[f64] = &[0.005, 0.02, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// Upper bounds of a block's weight, whose limit is half a second.
const WEIGHT_SECONDS: &[f64] = &[0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.375, 0.45, 0.5];

/// Counted wherever a block is stored.
pub struct ChainMetrics {
    best_height: IntGauge,
    finalised_height: IntGauge,
    last_block: Gauge,
    build_seconds: Histogram,
    import_seconds: Histogram,
    extrinsics: Histogram,
    bytes: Histogram,
    weight: Histogram,
    build_errors: IntCounter,
    import_errors: IntCounterVec,
    spec_version: IntGauge,
    upgrades: IntCounter,
    pub authoring: AuthoringMetrics,
    pub evm: EvmMetrics,
}

/// Counted by the author.
pub struct AuthoringMetrics {
    lateness: Histogram,
    refused: IntCounter,
}

/// A stored block, as far as it is counted.
pub(crate) struct Stored<'a> {
    pub block: &'a NewBlock,
    pub bytes: usize,
    /// Reference time, if the runtime tells it.
    pub weight: Option<Duration>,
    /// Of the runtime that executed it, if it is at hand.
    pub spec_version: Option<u32>,
}

impl ChainMetrics {
    pub fn new(registry: &Registry) -> Result<Self, MetricsError> {
        let import_errors = registry.int_counter_vec(
            "quids_chain_import_errors_total",
            "Blocks from elsewhere that were not stored, by whose fault it was: block, or node.",
            &["fault"],
        )?;
        for fault in ["block", "node"] {
            import_errors.with_label_values(&[fault]);
        }
        Ok(Self {
            best_height: registry.int_gauge("quids_chain_best_height", "Height of the best block.")?,
            finalised_height: registry.int_gauge(
                "quids_chain_finalised_height",
                "Height of the last block that is final.",
            )?,
            last_block: registry.gauge(
                "quids_chain_last_block_time_seconds",
                "When the node last stored a block, or started if that is later, in seconds since 1970.",
            )?,
            build_seconds: registry.histogram(
                "quids_chain_block_build_seconds",
                "Time to build, execute and store a block of our own.",
                buckets::BLOCK_SECONDS,
            )?,
            import_seconds: registry.histogram(
                "quids_chain_block_import_seconds",
                "Time to verify, execute and store a block from elsewhere.",
                buckets::BLOCK_SECONDS,
            )?,
            extrinsics: registry.histogram(
                "quids_chain_block_extrinsics",
                "Extrinsics in a block, inherents included.",
                buckets::COUNTS,
            )?,
            bytes: registry.histogram(
                "quids_chain_block_bytes",
                "Bytes of a block's extrinsics.",
                buckets::BYTES,
            )?,
            weight: registry.histogram(
                "quids_chain_block_weight_seconds",
                "Weight of a block, as the time that a reference core takes for it.",
                WEIGHT_SECONDS,
            )?,
            build_errors: registry.int_counter(
                "quids_chain_build_errors_total",
                "Blocks of our own that could not be built or stored.",
            )?,
            import_errors,
            spec_version: registry.int_gauge(
                "quids_chain_spec_version",
                "spec_version of the runtime that executed the last block.",
            )?,
            upgrades: registry.int_counter(
                "quids_chain_upgrades_total",
                "Blocks since the start after which the chain runs another code.",
            )?,
            authoring: AuthoringMetrics {
                lateness: registry.histogram(
                    "quids_authoring_lateness_seconds",
                    "How much later than the interval a block was begun after the one before it.",
                    LATENESS_SECONDS,
                )?,
                refused: registry.int_counter(
                    "quids_authoring_refused_transactions_total",
                    "Transactions of the pool that a block in construction refused.",
                )?,
            },
            evm: EvmMetrics::new(registry)?,
        })
    }

    /// The last block, which is final: one node authors.
    pub(crate) fn at(&self, height: Height) {
        self.best_height.set(i64::from(height.0));
        self.finalised_height.set(i64::from(height.0));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last_block.set(now.as_secs_f64());
    }

    pub(crate) fn stored(&self, stored: &Stored<'_>) {
        let Stored {
            block,
            bytes,
            weight,
            spec_version,
        } = stored;
        self.at(block.header.number);
        self.extrinsics.observe(block.extrinsics.len() as f64);
        self.bytes.observe(*bytes as f64);
        if let Some(weight) = weight {
            self.weight.observe(weight.as_secs_f64());
        }
        if let Some(version) = spec_version {
            self.spec_version.set(i64::from(*version));
        }
        if block.code_changed {
            self.upgrades.inc();
        }
    }

    pub(crate) fn built<T>(&self, start: Instant, result: &Result<T, ChainError>) {
        match result {
            Ok(_) => self.build_seconds.observe(start.elapsed().as_secs_f64()),
            Err(_) => self.build_errors.inc(),
        }
    }

    pub(crate) fn imported<T>(&self, start: Instant, result: &Result<T, ChainError>) {
        let fault = match result {
            Ok(_) => return self.import_seconds.observe(start.elapsed().as_secs_f64()),
            Err(ChainError::InvalidBlock { .. }) => "block",
            Err(_) => "node",
        };
        self.import_errors.with_label_values(&[fault]).inc();
    }
}

impl AuthoringMetrics {
    /// A block is begun so long after the one before it was.
    pub(crate) fn begun(&self, since_last: Duration, interval: Duration) {
        self.lateness.observe(since_last.saturating_sub(interval).as_secs_f64());
    }

    pub(crate) fn refused(&self, transactions: usize) {
        self.refused.inc_by(transactions as u64);
    }
}

/// The state's caches, of branches and of values, which know no metrics, read at scrape.
pub(crate) fn follow_state_cache(
    registry: &Registry,
    cache: &Arc<SharedCache>,
    db: &Arc<Database>,
) -> Result<(), MetricsError> {
    let hits = registry.int_counter(
        "quids_state_cache_hits_total",
        "Trie nodes and values that were found in the state's cache.",
    )?;
    let misses = registry.int_counter(
        "quids_state_cache_misses_total",
        "Trie nodes and values that had to come from the database.",
    )?;
    let bytes = registry.int_gauge("quids_state_cache_bytes", "Memory of the state's cache.")?;
    let (branches, db) = (Arc::downgrade(cache), Arc::downgrade(db));
    registry.on_scrape(move || {
        if let (Some(branches), Some(db)) = (branches.upgrade(), db.upgrade()) {
            let values = db.value_cache();
            raise_to(&hits, branches.hits().saturating_add(values.hits));
            raise_to(&misses, branches.misses().saturating_add(values.misses));
            bytes.set(branches.len_bytes().saturating_add(values.bytes) as i64);
        }
    });
    Ok(())
}

/// The most weight of a block, asked of the runtime at scrape, once for each code.
pub(crate) fn follow_weight_max(registry: &Registry, chain: &Arc<Chain>) -> Result<(), MetricsError> {
    let limit = registry.gauge(
        "quids_chain_block_weight_limit_seconds",
        "The most weight that a block may have; 0 where the runtime's metadata does not tell.",
    )?;
    let weak = Arc::downgrade(chain);
    let known: Mutex<Option<Hash>> = Mutex::default();
    registry.on_scrape(move || {
        let Some(chain) = weak.upgrade() else { return };
        let (_, best) = chain.best();
        let Ok(runtime) = chain.runtime_at(best) else { return };
        let mut known = known.lock();
        if *known == Some(runtime.code_hash()) {
            return;
        }
        if let Ok(max) = chain.weight_max(best) {
            limit.set(max.unwrap_or_default().as_secs_f64());
            *known = Some(runtime.code_hash());
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_exceeds_the_interval_is_late() {
        let metrics = ChainMetrics::new(&Registry::new()).unwrap().authoring;
        let second = Duration::from_secs(1);
        for (since_last_ms, total) in [(1000, 0.0), (990, 0.0), (1250, 0.25), (3000, 2.25)] {
            metrics.begun(Duration::from_millis(since_last_ms), second);
            assert!(
                (metrics.lateness.get_sample_sum() - total).abs() < 1e-9,
                "{since_last_ms}"
            );
        }
        assert_eq!(metrics.lateness.get_sample_count(), 4);
    }

    #[test]
    fn whose_fault_a_failed_import_is() {
        let registry = Registry::new();
        let metrics = ChainMetrics::new(&registry).unwrap();
        let invalid = ChainError::InvalidBlock {
            number: Height(1),
            hash: Default::default(),
            reason: String::new(),
        };
        for result in [Err(invalid), Err(ChainError::Busy), Ok(())] {
            metrics.imported(Instant::now(), &result);
        }
        let text = registry.encode();
        for line in [
            "quids_chain_import_errors_total{fault=\"block\"} 1",
            "quids_chain_import_errors_total{fault=\"node\"} 1",
            "quids_chain_block_import_seconds_count 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}");
        }
    }
}
