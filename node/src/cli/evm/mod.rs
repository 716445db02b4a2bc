//! `quids evm`: tools around the EVM that is in the runtime.

mod statetest;

use super::{CliError, Outcome};
use clap::Subcommand;

/// Test the EVM.
#[derive(Subcommand, Debug)]
pub enum EvmCommand {
    /// Run Ethereum's state tests through the WASM runtime
    Statetest(statetest::StatetestArgs),
}

/// Runs a command.
pub fn run(command: EvmCommand) -> Result<Outcome, CliError> {
    match command {
        EvmCommand::Statetest(args) => statetest::run(args),
    }
}
