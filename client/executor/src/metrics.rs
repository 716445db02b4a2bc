//! What is counted of compiling and calling runtimes.

use crate::{ExecutorError, engine::Metering};
use quids_api::names;
use quids_metrics::{
    Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, MetricsError, Registry, buckets,
};

/// Label of APIs that are not of `quids_api::names`: a runtime may export any name.
const OTHER: &str = "other";

/// Every value of the label `kind`.
const FAILURES: &[&str] = &[
    "panic",
    "trap",
    "stack",
    "deadline",
    "exhausted",
    "memory",
    "host",
    "pointer",
    OTHER,
];

/// The metrics of one executor.
pub(crate) struct Metrics {
    call_seconds: HistogramVec,
    failures: IntCounterVec,
    instances: IntGaugeVec,
    pub compile_seconds: Histogram,
    pub code_cache_hits: IntCounter,
    pub code_cache_misses: IntCounter,
}

/// An instance at work; ends when dropped.
pub(crate) struct InUse(IntGauge);

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub fn new(registry: &Registry) -> Result<Self, MetricsError> {
        let code_cache = registry.int_counter_vec(
            "quids_executor_code_cache_lookups_total",
            "Compiled code looked for on disk, by outcome: hit, or miss (then it is compiled).",
            &["outcome"],
        )?;
        let this = Self {
            call_seconds: registry.histogram_vec(
                "quids_executor_call_seconds",
                "Wall time of runtime calls by API, those of a session added when it ends; trial runs are not counted.",
                &["api"],
                buckets::FAST_SECONDS,
            )?,
            failures: registry.int_counter_vec(
                "quids_executor_failed_calls_total",
                "Runtime calls that ended in an error, by kind.",
                &["kind"],
            )?,
            instances: registry.int_gauge_vec(
                "quids_executor_instances",
                "Instances of runtimes at work, for calls (at most 64) and for trial runs (at most 8).",
                &["purpose"],
            )?,
            compile_seconds: registry.histogram(
                "quids_executor_compile_seconds",
                "Time to compile a runtime that was not in the code cache.",
                buckets::BLOCK_SECONDS,
            )?,
            code_cache_hits: code_cache.with_label_values(&["hit"]),
            code_cache_misses: code_cache.with_label_values(&["miss"]),
        };
        // A series that exists from the start can be told from one that is missing.
        for api in names::ALL {
            this.call_seconds(api);
        }
        for kind in FAILURES {
            this.failures.with_label_values(&[kind]);
        }
        this.instances.with_label_values(&[purpose(Metering::Fuel)]);
        Ok(this)
    }

    /// Where the seconds of this API's calls go.
    pub fn call_seconds(&self, api: &str) -> Histogram {
        let api = names::ALL.iter().find(|name| **name == api).unwrap_or(&OTHER);
        self.call_seconds.with_label_values(&[api])
    }

    pub fn instance(&self, metering: Metering) -> InUse {
        let gauge = self.instances.with_label_values(&[purpose(metering)]);
        gauge.inc();
        InUse(gauge)
    }

    pub fn failed(&self, error: &ExecutorError) {
        self.failures.with_label_values(&[kind(error)]).inc();
    }
}

fn purpose(metering: Metering) -> &'static str {
    match metering {
        Metering::Epochs => "calls",
        Metering::Fuel => "trial_runs",
    }
}

fn kind(error: &ExecutorError) -> &'static str {
    match error {
        ExecutorError::Panic { .. } => "panic",
        ExecutorError::Trap { .. } => "trap",
        ExecutorError::StackOverflow => "stack",
        ExecutorError::Deadline => "deadline",
        ExecutorError::Exhausted { .. } => "exhausted",
        ExecutorError::OutOfMemory(_) => "memory",
        ExecutorError::Host(_) => "host",
        ExecutorError::Pointer { .. } | ExecutorError::Output { .. } => "pointer",
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_apis_that_a_runtime_makes_up_share_one_label() {
        let registry = Registry::new();
        let metrics = Metrics::new(&registry).unwrap();
        let series = || registry.encode().lines().count();
        metrics.call_seconds("Mine_one").observe(1.0);
        let before = series();
        metrics.call_seconds("Mine_two").observe(1.0);
        metrics.call_seconds(names::CORE_VERSION).observe(1.0);
        assert_eq!(series(), before);
        assert_eq!(metrics.call_seconds("Mine_three").get_sample_count(), 2);
    }

    #[test]
    fn every_kind_of_failure_is_announced() {
        for error in [
            ExecutorError::Panic { message: String::new() },
            ExecutorError::Trap { reason: String::new() },
            ExecutorError::StackOverflow,
            ExecutorError::Deadline,
            ExecutorError::Exhausted { limit: 1 },
            ExecutorError::OutOfMemory(String::new()),
            ExecutorError::InputTooLarge(1),
        ] {
            assert!(FAILURES.contains(&kind(&error)), "{error}");
        }
    }
}
