//! The status line: what a person wants to know of a running node, every few seconds.

use crate::{Node, WitnessNode};
use clap::ValueEnum;
use quids_core::{Hash, Height};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    io::IsTerminal,
    time::{Duration, Instant},
};

/// The time between two lines.
pub const STATUS_PERIOD: Duration = Duration::from_secs(5);

/// When there is a status line.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatusMode {
    /// If stderr is a terminal.
    Auto,
    Always,
    Never,
}

impl StatusMode {
    pub fn is_on(self) -> bool {
        match self {
            Self::Auto => std::io::stderr().is_terminal(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// What the line says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Status {
    pub best: (Height, Hash),
    pub finalised: Height,
    pub ready: usize,
    pub future: usize,
    pub blocks_per_s: f64,
    /// Memory of the process; `None` where the system does not tell.
    pub rss_bytes: Option<u64>,
    /// `None` without RPC.
    pub rpc_connections: Option<usize>,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.ready == 0 { "idle" } else { "working" };
        let (height, hash) = self.best;
        let [a, b, ..] = hash.0;
        write!(
            f,
            "{state}  best #{} (0x{a:02x}{b:02x}…)  finalised #{}  pool {} ready {} future  {:.1} blocks/s",
            height.0, self.finalised.0, self.ready, self.future, self.blocks_per_s
        )?;
        if let Some(bytes) = self.rss_bytes {
            write!(f, "  rss {} MiB", bytes >> 20)?;
        }
        match self.rpc_connections {
            Some(count) => write!(f, "  rpc {count} conn"),
            None => Ok(()),
        }
    }
}

/// Logs a line every [`STATUS_PERIOD`], with target `status`. Never ends; to be aborted.
pub fn report(node: &Node) -> impl Future<Output = ()> + Send + 'static + use<> {
    let (chain, pool) = (node.chain().clone(), node.pool().clone());
    report_on(move || chain.best(), move || pool.status(), node.rpc_open())
}

/// As [`report`], of a witness, which has no pool.
pub fn report_witness(node: &WitnessNode) -> impl Future<Output = ()> + Send + 'static + use<> {
    report_on(node.follow_best(), quids_txpool::PoolStatus::default, node.rpc_open())
}

async fn report_on(
    best: impl Fn() -> (Height, Hash) + Send + 'static,
    pool: impl Fn() -> quids_txpool::PoolStatus + Send + 'static,
    rpc_open: Option<impl Fn() -> Option<quids_rpc::Open> + Send + 'static>,
) {
    let mut ticks = tokio::time::interval(STATUS_PERIOD);
    ticks.tick().await;
    let mut before = (best().0, Instant::now());
    loop {
        ticks.tick().await;
        let (last, now) = (best(), Instant::now());
        let blocks = last.0.saturating_sub(before.0).0;
        let pending = pool();
        let status = Status {
            best: last,
            // What is stored is final.
            finalised: last.0,
            ready: pending.ready,
            future: pending.future,
            blocks_per_s: f64::from(blocks) / now.duration_since(before.1).as_secs_f64().max(0.001),
            rss_bytes: quids_metrics::resident_bytes(),
            rpc_connections: rpc_open.as_ref().and_then(|open| open()).map(|open| open.connections),
        };
        tracing::info!(target: "status", "{status}");
        before = (last.0, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_a_person_wants_to_know() {
        let mut status = Status {
            best: (Height(123), Hash::repeat_byte(0xab)),
            finalised: Height(120),
            ready: 0,
            future: 2,
            blocks_per_s: 2.06,
            rss_bytes: Some(41 << 20),
            rpc_connections: Some(3),
        };
        let line = "best #123 (0xabab…)  finalised #120  pool 0 ready 2 future  2.1 blocks/s";
        assert_eq!(status.to_string(), format!("idle  {line}  rss 41 MiB  rpc 3 conn"));
        (status.ready, status.rss_bytes, status.rpc_connections) = (4, None, None);
        assert_eq!(
            status.to_string(),
            format!("working  {line}").replace("0 ready", "4 ready")
        );
        #[cfg(target_os = "linux")]
        assert!(quids_metrics::resident_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }
}
