//! The command line: parses it, runs the command, reports errors. Exit code 1 for a failed command (and for a
//! signature that does not verify), 2 for wrong usage.

mod amount;
mod bench;
mod chain_spec;
mod connection;
mod data;
mod error;
mod evm;
mod fraud;
mod hardware;
mod key;
mod keys;
mod new;
mod output;
mod passphrase;
mod progress;
pub mod run;
mod runtime;
mod shell;
mod signer;
mod snapshot;
mod testnet;
mod tx;
mod upgrade;

pub use amount::{AMOUNT_HELP, Amount, AmountError, SMALL_UNITS, Token, parse_amount};
pub use error::CliError;
pub use passphrase::{NewPassphraseArgs, PassphraseArgs};
pub use run::RunArgs;

use clap::{Parser, Subcommand};
use std::{ffi::OsString, process::ExitCode};

/// Where a node of ours listens by default.
const DEFAULT_RPC_URL: &str = "ws://127.0.0.1:9944";

/// A post-quantum blockchain node, and the tools to use one.
#[derive(Parser, Debug)]
#[command(name = "quids", version, arg_required_else_help = true, subcommand_required = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Start a node
    Run(Box<RunArgs>),
    /// Make, keep and inspect keys, sign and verify messages
    #[command(subcommand)]
    Key(Box<key::KeyCommand>),
    /// Hold keys in a process of their own
    #[command(subcommand)]
    Signer(signer::SignerCommand),
    /// Build, sign and send transactions
    #[command(subcommand)]
    Tx(Box<tx::TxCommand>),
    /// Call and deploy contracts, send transactions to them
    #[command(subcommand)]
    Evm(Box<evm::EvmCommand>),
    /// Propose, approve and bring a new runtime, and see how far it is
    #[command(subcommand)]
    Upgrade(Box<upgrade::UpgradeCommand>),
    /// Write a pallet or a chain to start from
    #[command(subcommand)]
    New(new::NewCommand),
    /// Look into runtimes
    #[command(subcommand)]
    Runtime(runtime::RuntimeCommand),
    /// Measure whether this machine is up to the chain
    Hardware(hardware::HardwareArgs),
    /// Write and inspect chain specs
    #[command(subcommand)]
    ChainSpec(chain_spec::ChainSpecCommand),
    /// Write a chain's blocks to a file
    ExportBlocks(data::ExportArgs),
    /// Read blocks from a file, execute and verify each, and go on from them
    ImportBlocks(data::ImportArgs),
    /// Write the state of a block to a file, or begin a chain with it
    #[command(subcommand)]
    Snapshot(snapshot::SnapshotCommand),
    /// Write the chain spec, keys and configurations of a network on this machine
    Testnet(testnet::TestnetArgs),
    /// Remove a chain's blocks and states
    PurgeChain(data::PurgeArgs),
    /// Look into a chain's database
    #[command(subcommand)]
    Db(data::DbCommand),
    /// Blocks that a quorum signed and that are invalid: who signed them, and what shows it
    #[command(subcommand)]
    Fraud(fraud::FraudCommand),
    /// Print a script that completes commands in a shell
    Completions { shell: clap_complete::Shell },
    /// Print the manual page, or write that of every command
    Man {
        /// A folder for the pages
        #[arg(long, value_name = "DIR")]
        out: Option<std::path::PathBuf>,
    },
    /// Measure: hands over to `quids-bench`
    #[command(disable_help_flag = true)]
    Bench {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        args: Vec<OsString>,
    },
}

/// How a command ended that found no error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    Success,
    /// The answer is no: exit code 1, without an error message.
    Negative,
}

/// Runs the process's command line.
pub fn main() -> ExitCode {
    end_quietly_when_nobody_reads();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too. A closed pipe leaves nobody to tell.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match dispatch(cli.command) {
        Ok(Outcome::Success) => ExitCode::SUCCESS,
        Ok(Outcome::Negative) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}", error.report());
            ExitCode::from(error.exit_code())
        }
    }
}

/// `quids … | head` closes our output early; printing then panics, which is no news to anybody.
fn end_quietly_when_nobody_reads() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if message.starts_with("failed printing to stdout: Broken pipe") {
            std::process::exit(0);
        }
        report(panic);
    }));
}

fn dispatch(command: Command) -> Result<Outcome, CliError> {
    match command {
        Command::Run(args) => run::run(*args)?,
        Command::Key(command) => return key::run(*command),
        Command::Signer(command) => signer::run(command)?,
        Command::Tx(command) => tx::run(*command)?,
        Command::Evm(command) => return evm::run(*command),
        Command::Upgrade(command) => upgrade::run(*command)?,
        Command::New(command) => new::run(command)?,
        Command::Runtime(command) => runtime::run(command)?,
        Command::Hardware(args) => return hardware::run(args),
        Command::ChainSpec(command) => chain_spec::run(command)?,
        Command::Fraud(command) => fraud::run(command)?,
        Command::ExportBlocks(args) => data::export(args)?,
        Command::ImportBlocks(args) => data::import(args)?,
        Command::Snapshot(command) => snapshot::run(command)?,
        Command::Testnet(args) => testnet::run(args)?,
        Command::PurgeChain(args) => data::purge(args)?,
        Command::Db(command) => data::db(command)?,
        Command::Completions { shell } => shell::completions(shell),
        Command::Man { out } => shell::man(out)?,
        Command::Bench { args } => bench::run(args)?,
    }
    Ok(Outcome::Success)
}

/// Runs a client's few requests on this thread.
fn block_on<T>(future: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| CliError::Io {
            context: "cannot start the network client",
            source,
        })?;
    runtime.block_on(future)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn arguments_of_a_benchmark_are_passed_on_as_they_are() {
        let cli = Cli::try_parse_from(["quids", "bench", "crypto", "--help", "-n", "3"]).unwrap();
        let Command::Bench { args } = cli.command else {
            panic!("bench")
        };
        assert_eq!(args, ["crypto", "--help", "-n", "3"]);
    }

    #[test]
    fn contradictions_are_refused() {
        for arguments in [
            "quids run --tmp --base-path /x",
            "quids run --block-time 0",
            "quids run --sealing never",
            "quids tx transfer --from alice --to bob --amount x",
            "quids tx transfer --from alice --to bob --amount 1 --mortal 64 --immortal",
            "quids tx remark --from alice text --hex 0x00",
            "quids evm send --from alice --to bob --value 1.5gwei",
            "quids evm send --from alice --data 0x00",
            "quids evm call --to alice --block 0xzz",
            "quids tx upgrade x.wasm --from alice --no-wait",
            "quids upgrade propose x.wasm --from alice --at 9 --after 9",
            "quids upgrade approve --from alice",
            "quids key generate --scheme rsa",
            "quids key sign --key alice a --hex 0x00",
            "quids key generate --words 15",
            "quids key export alice --format raw",
            "quids key export alice --format raw --out x --show-secret",
            "quids key export alice --format jpeg --out x",
            "quids key import x --format raw",
            "quids key generate --out x --no-encrypt --store-mnemonic",
            "quids signer serve --socket x",
            "quids new pallet 2nd",
            "quids runtime info x.wasm --rpc ws://127.0.0.1:1",
            "quids",
        ] {
            assert!(Cli::try_parse_from(arguments.split(' ')).is_err(), "{arguments}");
        }
    }
}
