//! `Registry`: the metrics of one node, made through it, described by it, written out by it.

use crate::{MetricsError, names, names::Kind};
use prometheus::{
    Counter, CounterVec, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, TextEncoder, core::Collector,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Upper bounds of histograms. Few: each is a line per label value at every scrape.
pub mod buckets {
    /// What takes microseconds: a call of the runtime, a signature.
    pub const FAST_SECONDS: &[f64] = &[1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0];
    /// What a block interval is made of: building, importing, committing.
    pub const BLOCK_SECONDS: &[f64] = &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0, 2.0, 5.0, 10.0];
    /// Sizes of blocks.
    pub const BYTES: &[f64] = &[1e3, 1e4, 1e5, 1e6, 2e6, 4e6, 8e6, 16e6];
    /// Numbers of things in a block.
    pub const COUNTS: &[f64] = &[1.0, 2.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4];
}

/// A metric as the reference shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Description {
    /// Without what a histogram appends.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// One sentence.
    pub help: &'static str,
    /// Label names, in order.
    pub labels: Vec<&'static str>,
}

type Source = Box<dyn Fn() + Send + Sync>;

/// The metrics of one node. Clones are the same registry; two nodes in one process have one each.
#[derive(Clone, Default)]
pub struct Registry {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    metrics: prometheus::Registry,
    described: Mutex<Vec<Description>>,
    /// Run before every scrape. The lock is held for the whole scrape, so scrapes come one at a time.
    sources: Mutex<Vec<Source>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registry({} metrics)", lock(&self.inner.described).len())
    }
}

/// Nothing that these locks guard is left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets a counter follow a total that is counted elsewhere and read at scrape. It never goes back.
pub fn raise_to(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $plain:ident $plain_type:ident, $vec:ident $vec_type:ident, $kind:ident;)*) => {$(
        $(#[$doc])*
        pub fn $plain(&self, name: &'static str, help: &'static str) -> Result<$plain_type, MetricsError> {
            self.register(name, Kind::$kind, help, &[], || $plain_type::new(name, help))
        }

        $(#[$doc])*
        ///
        /// With labels, whose values must be few and not chosen by strangers.
        pub fn $vec(
            &self,
            name: &'static str,
            help: &'static str,
            labels: &[&'static str],
        ) -> Result<$vec_type, MetricsError> {
            self.register(name, Kind::$kind, help, labels, || $vec_type::new(Opts::new(name, help), labels))
        }
    )*};
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    constructors! {
        /// Counts things.
        int_counter IntCounter, int_counter_vec IntCounterVec, Counter;
        /// Adds up seconds.
        counter Counter, counter_vec CounterVec, Counter;
        /// A whole number that goes up and down.
        int_gauge IntGauge, int_gauge_vec IntGaugeVec, Gauge;
        /// A number that goes up and down.
        gauge Gauge, gauge_vec GaugeVec, Gauge;
    }

    /// Counts observations by size; `buckets` are upper bounds, ascending.
    pub fn histogram(
        &self,
        name: &'static str,
        help: &'static str,
        buckets: &[f64],
    ) -> Result<Histogram, MetricsError> {
        self.register(name, Kind::Histogram, help, &[], || {
            Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))
        })
    }

    /// As [`Registry::histogram`], with labels: each value has all buckets.
    pub fn histogram_vec(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[&'static str],
        buckets: &[f64],
    ) -> Result<HistogramVec, MetricsError> {
        self.register(name, Kind::Histogram, help, labels, || {
            HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)
        })
    }

    fn register<C: Collector + Clone + 'static>(
        &self,
        name: &'static str,
        kind: Kind,
        help: &'static str,
        labels: &[&'static str],
        make: impl FnOnce() -> Result<C, prometheus::Error>,
    ) -> Result<C, MetricsError> {
        names::check(name, kind, help, labels)?;
        let refused = |error: prometheus::Error| MetricsError::Register {
            name: name.into(),
            reason: error.to_string(),
        };
        // Two with one name would merge in the output, whatever their labels.
        let mut described = lock(&self.inner.described);
        if described.iter().any(|description| description.name == name) {
            return Err(refused(prometheus::Error::AlreadyReg));
        }
        let metric = make().map_err(refused)?;
        self.inner.metrics.register(Box::new(metric.clone())).map_err(refused)?;
        described.push(Description {
            name,
            kind,
            help,
            labels: labels.to_vec(),
        });
        Ok(metric)
    }

    /// Runs `source` before every scrape, to set what is only read then. It must not hold what it reads alive (a
    /// `Weak` does), nor scrape.
    pub fn on_scrape(&self, source: impl Fn() + Send + Sync + 'static) {
        lock(&self.inner.sources).push(Box::new(source));
    }

    /// Every metric, sorted by name.
    #[must_use]
    pub fn descriptions(&self) -> Vec<Description> {
        let mut all = lock(&self.inner.described).clone();
        all.sort();
        all
    }

    /// All values in Prometheus's text format 0.0.4. Blocks for as long as the sources take.
    #[must_use]
    pub fn encode(&self) -> String {
        let sources = lock(&self.inner.sources);
        for source in &*sources {
            source();
        }
        let mut text = String::new();
        if let Err(error) = TextEncoder::new().encode_utf8(&self.inner.metrics.gather(), &mut text) {
            tracing::error!("metrics could not be written out: {error}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_do_not_mix_and_clones_do() {
        let (one, other) = (Registry::new(), Registry::new());
        let counter = one.int_counter("quids_test_calls_total", "Calls.").unwrap();
        other.int_counter("quids_test_calls_total", "Calls.").unwrap();
        counter.inc_by(3);
        assert!(one.clone().encode().contains("quids_test_calls_total 3\n"));
        assert!(other.encode().contains("quids_test_calls_total 0\n"));
    }

    #[test]
    fn one_name_is_one_metric_even_with_other_labels() {
        let registry = Registry::new();
        registry.int_gauge("quids_test_size_bytes", "Size.").unwrap();
        let again = registry.int_gauge_vec("quids_test_size_bytes", "Size.", &["column"]);
        assert!(matches!(again, Err(MetricsError::Register { .. })), "{again:?}");
        assert_eq!(registry.descriptions().len(), 1);
    }

    #[test]
    fn a_bad_name_is_refused_and_leaves_nothing() {
        let registry = Registry::new();
        let error = registry.int_gauge("quids_test_size", "Size.").unwrap_err();
        assert!(error.to_string().contains("quids_test_size"), "{error}");
        assert!(registry.descriptions().is_empty() && registry.encode().is_empty());
    }

    #[test]
    fn sources_run_before_each_scrape_and_a_followed_counter_never_falls() {
        let registry = Registry::new();
        let gauge = registry.int_gauge("quids_test_height", "Height.").unwrap();
        let counter = registry.int_counter("quids_test_hits_total", "Hits.").unwrap();
        let (height, followed) = (gauge.clone(), counter.clone());
        registry.on_scrape(move || {
            height.inc();
            // 10, 9, 8: a source that forgets must not reset the counter.
            raise_to(&followed, 11 - height.get() as u64);
        });
        let _ = registry.encode();
        let text = registry.encode();
        assert!(
            text.contains("quids_test_height 2\n") && text.contains("quids_test_hits_total 10\n"),
            "{text}"
        );
    }

    #[test]
    fn a_source_that_panics_does_not_end_scraping() {
        let registry = Registry::new();
        let counter = registry.int_counter("quids_test_calls_total", "Calls.").unwrap();
        let once = counter.clone();
        registry.on_scrape(move || {
            once.inc();
            assert!(once.get() > 1, "the first time");
        });
        let first = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| registry.encode()));
        assert!(first.is_err());
        assert!(registry.encode().contains("quids_test_calls_total 2\n"));
    }

    #[test]
    fn every_bucket_list_ascends() {
        for list in [
            buckets::FAST_SECONDS,
            buckets::BLOCK_SECONDS,
            buckets::BYTES,
            buckets::COUNTS,
        ] {
            assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
        }
    }
}
