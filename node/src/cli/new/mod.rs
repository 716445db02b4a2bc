//! `quids new`: code to start from, compiled and tested in this project under another name.

mod chain;
mod folder;
mod name;
mod pallet;

use super::{CliError, output::write_out};
use clap::Subcommand;

/// Write code to start from.
#[derive(Subcommand, Debug)]
pub enum NewCommand {
    Pallet(pallet::PalletArgs),
    Chain(Box<chain::ChainArgs>),
}

/// Runs a command.
pub fn run(command: NewCommand) -> Result<(), CliError> {
    match command {
        NewCommand::Pallet(args) => write_out(&pallet::run(&args)?),
        NewCommand::Chain(args) => write_out(&chain::run(&args)?),
    }
    Ok(())
}
