//! `quids run`: the arguments, and the checks that need more than one of them.

use super::CliError;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Start a node.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Run the development chain: known accounts with funds, alice as root and sole author.
    #[arg(long)]
    pub dev: bool,
    /// Keep all data in a temporary folder that is removed at the end.
    #[arg(long, conflicts_with = "base_path")]
    pub tmp: bool,
    /// Folder of the node's data; by default one for the chain below the user's data folder.
    #[arg(long, value_name = "P")]
    pub base_path: Option<PathBuf>,
    /// Port of JSON-RPC, HTTP and WebSocket alike; 0 takes any that is free.
    #[arg(long, value_name = "N", default_value_t = 9944)]
    pub rpc_port: u16,
    /// Milliseconds between two blocks.
    #[arg(long = "block-time", value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub block_time_ms: u64,
    /// When a block is made.
    #[arg(long, value_enum, default_value_t = Sealing::Interval)]
    pub sealing: Sealing,
    /// What to log, as `level` or `target=level`, separated by commas.
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub log: String,
}

/// What makes the author build a block.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sealing {
    /// Every `--block-time`.
    Interval,
    /// As soon as a transaction is ready.
    Instant,
}

impl RunArgs {
    /// What clap cannot check.
    pub(super) fn check(&self) -> Result<(), CliError> {
        if self.dev {
            Ok(())
        } else {
            Err(CliError::Usage(
                "only the development chain exists so far: start it with --dev".into(),
            ))
        }
    }
}
