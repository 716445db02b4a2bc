//! `quids chain-spec`: writes chain specs, shows what they start from, and turns plain ones into raw ones.

use super::{
    CliError, Token,
    output::{Report, hex0x, write_new, write_out},
};
use crate::{
    chain::BuiltGenesis,
    spec::{ChainSpec, Genesis, GenesisCheck, code_cache},
};
use clap::Subcommand;
use codec::Decode;
use quids_core::{AccountId20, Balance, well_known_keys};
use quids_crypto::{blake3_256, eip55, twox_128};
use quids_executor::{Executor, ExecutorConfig};
use std::{fs, io, path::PathBuf};

/// Accounts that `show` lists.
const ACCOUNTS_SHOWN: usize = 20;

/// Write and inspect chain specs.
#[derive(Subcommand, Debug)]
pub enum ChainSpecCommand {
    /// Write a chain spec, made from a built-in one or another file
    Build {
        /// What to start from: `dev`, `local` or a file
        #[arg(long, default_value = "dev")]
        chain: String,
        /// Write every key of the genesis state instead of the configuration it is made from
        #[arg(long)]
        raw: bool,
        /// A runtime to start with, WASM
        #[arg(long, value_name = "FILE")]
        code: Option<PathBuf>,
        /// The chain's name for people
        #[arg(long)]
        name: Option<String>,
        /// The chain's name for folders: lower-case letters, digits, - and _
        #[arg(long, value_parser = parse_id)]
        id: Option<String>,
        /// A new file; by default stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// With --out: print what was written as JSON
        #[arg(long, requires = "out")]
        json: bool,
    },
    /// Show what a chain starts from: hashes, runtime, accounts
    Show {
        /// `dev`, `local` or a file
        #[arg(default_value = "dev")]
        chain: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Turn a chain spec into its raw form, which has the same genesis hash
    Raw {
        /// `dev`, `local` or a file
        chain: String,
        /// A new file; by default stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// With --out: print what was written as JSON
        #[arg(long, requires = "out")]
        json: bool,
    },
}

fn parse_id(text: &str) -> Result<String, &'static str> {
    if crate::spec::is_id(text) {
        Ok(text.into())
    } else {
        Err("it names a folder: 1 to 64 lower-case letters, digits, - and _")
    }
}

/// Runs a command.
pub fn run(command: ChainSpecCommand) -> Result<(), CliError> {
    match command {
        ChainSpecCommand::Show { chain, json } => {
            let spec = ChainSpec::load(&chain)?;
            show(&spec)?.print(json);
            Ok(())
        }
        ChainSpecCommand::Raw { chain, out, json } => write(ChainSpec::load(&chain)?, true, out, json),
        ChainSpecCommand::Build {
            chain,
            raw,
            code,
            name,
            id,
            out,
            json,
        } => {
            let mut spec = ChainSpec::load(&chain)?;
            if let Some(path) = code {
                let bytes = fs::read(&path).map_err(CliError::file("read", &path))?;
                spec.genesis = match spec.genesis {
                    Genesis::Config { config, .. } => Genesis::Config { code: bytes, config },
                    // Its other keys are what the old code made of a configuration.
                    Genesis::Raw(_) => {
                        return Err(CliError::Usage(format!(
                            "{chain} is a raw chain spec: its state was made by its own code; give --code with a plain one"
                        )));
                    }
                };
                spec.genesis_check = GenesisCheck::Exact { stated: None };
            }
            spec.name = name.unwrap_or(spec.name);
            spec.id = id.unwrap_or(spec.id);
            write(spec, raw, out, json)
        }
    }
}

fn executor() -> Result<Executor, CliError> {
    Executor::new(ExecutorConfig {
        cache_dir: code_cache(),
    })
    .map_err(|source| CliError::Runtime {
        source_name: "the chain spec".into(),
        source,
    })
}

fn built(spec: &ChainSpec) -> Result<BuiltGenesis, CliError> {
    if matches!(&spec.genesis, Genesis::Config { code, .. } if code.is_empty()) {
        return Err(CliError::NoRuntime);
    }
    Ok(BuiltGenesis::of(&executor()?, spec)?)
}

/// Writes a spec that is known to have a genesis.
fn write(mut spec: ChainSpec, raw: bool, out: Option<PathBuf>, json: bool) -> Result<(), CliError> {
    let genesis = built(&spec)?;
    let hash = genesis.header.hash();
    if raw {
        spec.genesis = Genesis::Raw(genesis.top);
        // A raw spec is for keeping: it says what it is.
        spec.genesis_check = GenesisCheck::Exact { stated: Some(hash) };
    } else {
        // A plain one is for changing.
        spec.genesis_check = GenesisCheck::Exact { stated: None };
    }
    let text = format!("{:#}\n", spec.to_json());
    let Some(path) = out else {
        write_out(&text);
        return Ok(());
    };
    write_new(&path, |file| {
        io::Write::write_all(file, text.as_bytes()).map_err(CliError::file("write", &path))
    })?;
    let mut report = Report::default();
    report
        .line("file", path.display().to_string())
        .line("id", spec.id.as_str())
        .line("genesis", hex0x(hash));
    report.print(json);
    Ok(())
}

fn show(spec: &ChainSpec) -> Result<Report, CliError> {
    let genesis = built(spec)?;
    let code = genesis
        .top
        .get(well_known_keys::CODE)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let runtime = executor()?.load(code).map_err(|source| CliError::Runtime {
        source_name: spec.id.clone(),
        source,
    })?;
    let mut report = Report::default();
    report
        .line("name", spec.name.as_str())
        .line("id", spec.id.as_str())
        .line("chain type", format!("{:?}", spec.chain_type))
        .line(
            "form",
            if matches!(spec.genesis, Genesis::Raw(_)) {
                "raw"
            } else {
                "plain"
            },
        )
        .line("genesis", hex0x(genesis.header.hash()))
        .line("state root", hex0x(genesis.header.state_root))
        .line("keys", genesis.top.len())
        .line("code blake3", hex0x(blake3_256(code)))
        .line("code bytes", code.len())
        .line("spec name", runtime.version().spec_name.as_str())
        .line("spec version", runtime.version().spec_version);
    let address = |who: Option<AccountId20>| who.as_ref().map_or_else(|| "none".into(), eip55);
    report.line("author", address(spec.author));
    let root = genesis.top.get(&storage_prefix("Upgrade", "RootKey"));
    report.line(
        "root",
        address(root.and_then(|bytes| AccountId20::decode(&mut bytes.as_slice()).ok())),
    );
    let accounts = accounts(&genesis);
    let total = accounts.iter().fold(0u128, |sum, (_, free)| sum.saturating_add(free.0));
    let token = Token::of(&spec.properties);
    report.both("issuance", token.show(Balance(total)), total.to_string());
    let mut text: Vec<_> = accounts
        .iter()
        .take(ACCOUNTS_SHOWN)
        .map(|(who, free)| format!("{}  {}", eip55(who), token.show(*free)))
        .collect();
    if let Some(more @ 1..) = accounts.len().checked_sub(ACCOUNTS_SHOWN) {
        text.push(format!("and {more} more"));
    }
    let json: Vec<_> = accounts
        .iter()
        .map(|(who, free)| serde_json::json!({ "account": eip55(who), "free": free.0.to_string() }))
        .collect();
    report.both("accounts", text.join("\n"), json);
    Ok(report)
}

fn storage_prefix(pallet: &str, item: &str) -> Vec<u8> {
    [twox_128(pallet.as_bytes()), twox_128(item.as_bytes())].concat()
}

/// Accounts and free balances where clients read them: `System.Account`, keyed by BLAKE2-128 and the address; nonce
/// (u64) and three counters (u32) stand before the balance.
fn accounts(genesis: &BuiltGenesis) -> Vec<(AccountId20, Balance)> {
    let prefix = storage_prefix("System", "Account");
    let entries = genesis
        .top
        .range(prefix.clone()..)
        .take_while(|(key, _)| key.starts_with(&prefix));
    let account = |(key, value): (&Vec<u8>, &Vec<u8>)| {
        let who: [u8; 20] = key.get(prefix.len() + 16..)?.try_into().ok()?;
        let free: [u8; 16] = value.get(20..36)?.try_into().ok()?;
        Some((AccountId20(who), Balance(u128::from_le_bytes(free))))
    };
    entries.filter_map(account).collect()
}
