//! Metrics of the node in Prometheus format, and the server that shows them. The only crate that knows prometheus.

mod error;
pub mod names;
mod process;
mod registry;
mod server;

pub use error::MetricsError;
pub use names::Kind;
pub use process::{register as register_process, resident_bytes};
pub use prometheus::{
    Counter, CounterVec, Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    local::LocalHistogram,
};
pub use registry::{Description, Registry, buckets, raise_to};
pub use server::{CONNECTION_TIMEOUT, CONNECTIONS_MAX, HEADER_TIMEOUT, ServeError, ServerHandle, serve};
