//! The port for metrics: what the server tells as it happens.

/// Told by the server, from many threads at once; must not block. Names of methods come from the registry, so that
/// a stranger cannot make up labels: a method that does not exist is `"unknown"`.
pub trait Observer: Send + Sync + 'static {
    /// A call begins.
    fn request_started(&self, method: &'static str) {
        let _ = method;
    }
    /// A call is answered: with a result (`None`) or an error's code, after so many seconds.
    fn request_finished(&self, method: &'static str, error_code: Option<i32>, seconds: f64) {
        let _ = (method, error_code, seconds);
    }
    /// A connection is accepted.
    fn connection_opened(&self) {}
    /// It is closed.
    fn connection_closed(&self) {}
    /// A call to subscribe was granted; how many there are at the moment is in `ServerHandle::usage`.
    fn subscription_opened(&self, method: &'static str) {
        let _ = method;
    }
    /// A limit was hit or a rule broken; the reason is one of [`crate::REFUSALS`].
    fn refused(&self, reason: &'static str) {
        let _ = reason;
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug)]
pub struct NoObserver;

impl Observer for NoObserver {}

/// Every reason that [`Observer::refused`] may be told.
pub const REFUSALS: &[&str] = &[
    "connections",
    "connections_per_address",
    "host",
    "origin",
    "request_bytes",
    "request_memory",
    "request_timeout",
    "batch_length",
    "rate",
    "busy",
    "response_bytes",
    "response_memory",
    "subscriptions",
    "protocol",
    "inactive",
    "slow_reader",
];
