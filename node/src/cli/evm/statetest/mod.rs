//! `quids evm statetest`: Ethereum's state tests, executed by the WASM runtime and judged by the roots that the tests
//! state. Format: <https://eest.ethereum.org/main/consuming_tests/state_test/>, and the older one of ethereum/tests.
//!
//! A case runs on an empty state as a simulation that obeys every rule of a real transaction. The test's state, hash
//! functions and tries are Ethereum's: the root is computed here from the accounts that the runtime answers with.

mod case;
mod fixture;
mod report;
mod roots;
mod runner;

use super::super::{CliError, Outcome};
use clap::Args;
use std::{num::NonZeroUsize, path::PathBuf};

/// What to run.
#[derive(Args, Debug)]
pub struct StatetestArgs {
    /// A file of tests, or a folder that is searched for them
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Only cases of this hard fork, as the tests name it: Cancun
    #[arg(long, value_name = "F")]
    fork: Option<String>,
    /// Only tests whose name contains this
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Threads; by default as many as there are cores
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Another runtime than the one built in
    #[arg(long, value_name = "FILE")]
    runtime: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Exit code 1 if a case failed.
pub fn run(args: StatetestArgs) -> Result<Outcome, CliError> {
    if let Some(fork) = &args.fork
        && case::spec_of(fork).is_none()
    {
        let known: Vec<_> = case::FORKS.iter().map(|(name, _)| *name).collect();
        return Err(CliError::Usage(format!(
            "there is no hard fork {fork:?}; known are {}",
            known.join(", ")
        )));
    }
    let files = runner::files(&args.path)?;
    if files.is_empty() {
        return Err(CliError::Usage(format!(
            "there is no .json file in {}",
            args.path.display()
        )));
    }
    let report = runner::run(&args, files)?;
    if args.json {
        println!("{}", report.json());
    } else {
        report.print();
    }
    Ok(if report.failures.is_empty() {
        Outcome::Success
    } else {
        Outcome::Negative
    })
}
