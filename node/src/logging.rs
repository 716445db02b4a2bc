//! Logs on stderr: text or JSON, with a filter that can change while the node runs.

use clap::ValueEnum;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::{
    io::IsTerminal,
    sync::{Arc, OnceLock},
};
use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt, reload, util::SubscriberInitExt};

/// How lines are written.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line: `timestamp`, `level`, `target`, `message` and the event's fields.
    Json,
}

/// Why a filter was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("{filter:?} is no log filter: {reason}; it is written `level` or `target=level`, separated by commas")]
    Filter { filter: String, reason: String },
    #[error("the log cannot be changed: {0}")]
    Reload(#[from] reload::Error),
}

/// The process's log, for as long as it runs. Clones are the same log.
#[derive(Clone)]
pub struct LogHandle(Arc<Inner>);

struct Inner {
    filter: reload::Handle<EnvFilter, Registry>,
    initial: String,
    current: Mutex<String>,
}

static LOG: OnceLock<LogHandle> = OnceLock::new();

/// Starts logging. A process has one log: a second call returns the first one's handle as it is.
pub fn init(filter: &str, format: LogFormat) -> Result<LogHandle, LogError> {
    let parsed = parse(filter)?;
    let mut failed = None;
    let handle = LOG.get_or_init(|| {
        let (layer, handle) = reload::Layer::new(parsed);
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let lines: Box<dyn Layer<_> + Send + Sync> = match format {
            LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
            LogFormat::Json => lines
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .boxed(),
        };
        // A subscriber that somebody else has set stays, and then there is nothing to change at run time.
        failed = tracing_subscriber::registry().with(layer).with(lines).try_init().err();
        LogHandle(Arc::new(Inner {
            filter: handle,
            initial: filter.into(),
            current: Mutex::new(filter.into()),
        }))
    });
    if let Some(error) = failed {
        tracing::debug!("the log is another's: {error}");
    }
    Ok(handle.clone())
}

/// The log that [`init`] started.
pub fn handle() -> Option<LogHandle> {
    LOG.get().cloned()
}

impl crate::backend::LogControl for LogHandle {
    fn add(&self, directives: &str) -> Result<(), String> {
        self.add_directives(directives).map_err(|error| error.to_string())
    }

    fn reset(&self) -> Result<(), String> {
        Self::reset(self).map_err(|error| error.to_string())
    }
}

impl LogHandle {
    /// The filter in force.
    pub fn filter(&self) -> String {
        self.0.current.lock().clone()
    }

    /// Replaces the filter.
    pub fn set_filter(&self, filter: &str) -> Result<(), LogError> {
        self.change(|_| filter.into())
    }

    /// Adds `target=level` directives, which win over earlier ones of the same target.
    pub fn add_directives(&self, directives: &str) -> Result<(), LogError> {
        self.change(|current| format!("{current},{directives}"))
    }

    /// Goes back to the filter that logging started with.
    pub fn reset(&self) -> Result<(), LogError> {
        self.set_filter(&self.0.initial)
    }

    /// On an error the filter stays as it was.
    fn change(&self, change: impl FnOnce(&str) -> String) -> Result<(), LogError> {
        let mut current = self.0.current.lock();
        let wanted = change(&current);
        if wanted.len() > FILTER_BYTES_MAX {
            return Err(LogError::Filter {
                filter: wanted.chars().take(40).collect(),
                reason: format!("it has more than {FILTER_BYTES_MAX} bytes; reset it first"),
            });
        }
        self.0.filter.reload(parse(&wanted)?)?;
        *current = wanted;
        Ok(())
    }
}

/// Directives that are added stay until a reset, so that they have a bound together.
const FILTER_BYTES_MAX: usize = 4096;

/// Malachite tells of each step at level info, and Kademlia warns of each start without peers. A directive of their names says
/// otherwise.
const QUIET: &str = "arc_malachitebft_core_consensus=error,libp2p_kad=error";

fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    let with_quiet = format!("{QUIET},{filter}");
    EnvFilter::builder()
        .parse(&with_quiet)
        .map_err(|error| LogError::Filter {
            filter: filter.into(),
            reason: error.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_changes_while_the_process_runs() {
        let log = init("warn", LogFormat::Text).unwrap();
        let enabled = || tracing::enabled!(target: "quids_test_log", tracing::Level::DEBUG);
        assert!(!enabled());
        log.add_directives("quids_test_log=debug").unwrap();
        assert!(enabled());
        // What is no filter changes nothing.
        for bad in ["quids=loud", "quids=info=x"] {
            assert!(
                log.add_directives(bad)
                    .unwrap_err()
                    .to_string()
                    .contains("is no log filter"),
                "{bad}"
            );
        }
        assert!(log.add_directives(&"x=info,".repeat(1000)).is_err());
        assert!(enabled());
        log.set_filter("error").unwrap();
        assert!(!enabled());
        log.reset().unwrap();
        assert_eq!(log.filter(), "warn");
        assert_eq!(
            init("trace", LogFormat::Json).unwrap().filter(),
            "warn",
            "a process has one log"
        );
    }
}
