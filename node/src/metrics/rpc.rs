//! RPC: requests, connections, subscriptions, refusals, as the server tells them.

use quids_metrics::{HistogramVec, IntCounterVec, IntGauge, MetricsError, Registry, buckets};

/// Counted at every request and connection. Method names and reasons come from the server's own tables, so they are
/// few: what a client makes up must not reach this.
#[derive(Clone)]
pub struct RpcMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
    running: IntGauge,
    connections: IntGauge,
    subscriptions: IntGauge,
    subscribed: IntCounterVec,
    refused: IntCounterVec,
}

impl RpcMetrics {
    /// Every one of `refusals` is there from the start, so that an alert can see the first.
    pub fn new(registry: &Registry, refusals: &[&'static str]) -> Result<Self, MetricsError> {
        let this = Self {
            requests: registry.int_counter_vec(
                "quids_rpc_requests_total",
                "Requests answered, by method and outcome: ok, or the class of the error.",
                &["method", "outcome"],
            )?,
            seconds: registry.histogram_vec(
                "quids_rpc_request_seconds",
                "Time from a request to its answer, by method.",
                &["method"],
                buckets::FAST_SECONDS,
            )?,
            running: registry.int_gauge("quids_rpc_running_requests", "Requests that are being answered.")?,
            connections: registry.int_gauge("quids_rpc_connections", "Open connections, HTTP and WebSocket.")?,
            subscriptions: registry.int_gauge("quids_rpc_subscriptions", "Open subscriptions.")?,
            subscribed: registry.int_counter_vec(
                "quids_rpc_subscribed_total",
                "Subscriptions granted, by method.",
                &["method"],
            )?,
            refused: registry.int_counter_vec(
                "quids_rpc_refused_total",
                "Requests and connections that a limit refused, by reason.",
                &["reason"],
            )?,
        };
        for reason in refusals {
            this.refused.with_label_values(&[reason]);
        }
        Ok(this)
    }

    /// The number of open subscriptions; read at scrape from the server.
    pub fn set_subscriptions(&self, open: usize) {
        self.subscriptions.set(open as i64);
    }
}

impl quids_rpc::Observer for RpcMetrics {
    fn request_started(&self, _method: &'static str) {
        self.running.inc();
    }

    fn request_finished(&self, method: &'static str, error_code: Option<i32>, seconds: f64) {
        self.running.dec();
        let outcome = error_code.map_or("ok", class);
        self.requests.with_label_values(&[method, outcome]).inc();
        self.seconds.with_label_values(&[method]).observe(seconds);
    }

    fn connection_opened(&self) {
        self.connections.inc();
    }

    fn connection_closed(&self) {
        self.connections.dec();
    }

    fn subscription_opened(&self, method: &'static str) {
        self.subscribed.with_label_values(&[method]).inc();
    }

    fn refused(&self, reason: &'static str) {
        self.refused.with_label_values(&[reason]).inc();
    }
}

/// Error codes by who defines them: JSON-RPC, the server, Substrate's modules.
fn class(code: i32) -> &'static str {
    match code {
        -32700 => "parse_error",
        -32600 => "invalid_request",
        -32601 => "method_not_found",
        -32602 => "invalid_params",
        -32603 => "internal",
        -32099..=-32000 => "server",
        1000..=1999 => "author",
        4000..=4999 => "state",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quids_rpc::Observer;

    #[test]
    fn a_request_runs_and_then_counts_with_its_outcome() {
        let registry = Registry::new();
        let metrics = RpcMetrics::new(&registry, &["rate"]).unwrap();
        let has = |line: &str| {
            let text = registry.encode();
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        };
        has("quids_rpc_refused_total{reason=\"rate\"} 0");
        metrics.request_started("chain_getBlock");
        has("quids_rpc_running_requests 1");
        metrics.request_finished("chain_getBlock", None, 0.002);
        metrics.request_started("chain_getBlock");
        metrics.request_finished("chain_getBlock", Some(-32602), 0.002);
        has("quids_rpc_running_requests 0");
        has("quids_rpc_requests_total{method=\"chain_getBlock\",outcome=\"ok\"} 1");
        has("quids_rpc_requests_total{method=\"chain_getBlock\",outcome=\"invalid_params\"} 1");
        has("quids_rpc_request_seconds_count{method=\"chain_getBlock\"} 2");
        metrics.connection_opened();
        metrics.connection_opened();
        metrics.connection_closed();
        has("quids_rpc_connections 1");
        metrics.refused("rate");
        has("quids_rpc_refused_total{reason=\"rate\"} 1");
    }

    #[test]
    fn any_code_has_one_of_few_classes() {
        let classes: std::collections::BTreeSet<_> = (-33_000..10_000).chain([i32::MIN, i32::MAX]).map(class).collect();
        assert_eq!(classes.len(), 9, "{classes:?}");
    }
}
