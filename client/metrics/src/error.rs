//! Why a metric could not be made: always a mistake in the code that asked for it.

/// A metric that the registry refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricsError {
    /// Against the rules of [`crate::names`].
    #[error("metric {name:?}: {reason}")]
    Name {
        /// As asked for.
        name: String,
        /// The rule.
        reason: String,
    },
    /// Two metrics of one registry have one name, or the library refuses for a reason of its own.
    #[error("metric {name:?} cannot be registered: {reason}")]
    Register {
        /// As asked for.
        name: String,
        /// The library's words.
        reason: String,
    },
}
