//! The node beside anvil, both as Ethereum's clients see them: over JSON-RPC, each a process of its own.

mod blocks;
mod call;
mod contender;
pub mod http;
mod load;
mod logs;
mod metrics;
mod setup;
mod token;
pub mod wallet;

pub use call::run as run_calls;
pub use load::run as run_load;
pub use logs::run as run_logs;

use crate::{Result, args::Args, machine::Machine};
use contender::Contender;
use std::path::PathBuf;

/// The two binaries: anvil and ours, in this order everywhere.
pub struct Binaries([PathBuf; 2]);

impl Binaries {
    fn taken(args: &mut Args) -> Result<Self> {
        let quids = args
            .text("quids")
            .map_or_else(crate::node::sibling, |path| Ok(path.into()))?;
        let anvil = args.text("anvil").map(PathBuf::from);
        let anvil = anvil
            .or_else(|| std::env::var_os("QUIDS_ANVIL").map(PathBuf::from))
            .ok_or("--anvil PATH or QUIDS_ANVIL is missing: scripts/bench installs it and says where it is")?;
        for path in [&anvil, &quids] {
            if !path.is_file() {
                return Err(format!("{} is not there", path.display()).into());
            }
        }
        Ok(Self([anvil, quids]))
    }

    fn names(&self) -> [String; 2] {
        self.0.each_ref().map(|path| Contender::name_of(path))
    }
}

/// Prints the figures for people or programs.
fn report(as_json: bool, machine: &Machine, figures: &serde_json::Value, text: &str) {
    if as_json {
        println!(
            "{}",
            serde_json::json!({ "machine": machine.json(), "figures": figures })
        );
    } else {
        println!("{machine}\n{text}");
    }
}
