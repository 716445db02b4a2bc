//! `quids run`: the arguments, and what comes of them with environment, file and defaults.

mod layers;
mod options;

pub(super) use layers::to_toml;
pub use options::RunOptions;

use super::CliError;
use crate::{run::RunConfig, spec::ChainSpec};
use clap::{Args, ValueEnum};
use serde_json::Value;
use std::{io::Write, path::PathBuf};

/// Start a node.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Every option can also be given as an environment variable (--rpc-port is QUIDS_RPC_PORT) or as a \
                  key of the configuration file (`rpc-port = 9944`). The command line wins over the environment, that \
                  over the file, and that over the defaults."
)]
pub struct RunArgs {
    /// A configuration file, TOML; its keys are the long names of these options.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the configuration that would be in force, and end.
    #[arg(long, value_enum, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "toml")]
    pub print_config: Option<PrintFormat>,
    #[command(flatten)]
    pub options: RunOptions,
}

/// How `--print-config` prints.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum PrintFormat {
    Toml,
    Json,
}

/// Runs a node, or prints how it would be run.
pub fn run(args: RunArgs) -> Result<(), CliError> {
    let env = |name: &str| std::env::var(name).ok();
    let options = layers::resolve(&args.options, env, args.config.as_deref())?;
    if let Some(format) = args.print_config {
        let text = match format {
            PrintFormat::Toml => layers::to_toml(&options),
            PrintFormat::Json => format!("{:#}\n", Value::Object(layers::object(&options))),
        };
        let _ = std::io::stdout().write_all(text.as_bytes());
        return Ok(());
    }
    if !options.names_a_chain() {
        return Err(CliError::Usage(
            "no chain is named: --dev runs the development chain, --chain FILE that of a chain spec \
             (`quids chain-spec build` writes one)"
                .into(),
        ));
    }
    let spec = match &options.chain {
        Some(chain) => ChainSpec::load(chain)?,
        None => ChainSpec::dev(),
    };
    Ok(crate::run::run(RunConfig::new(options, spec)?)?)
}
