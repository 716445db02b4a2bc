//! `quids testnet`: all that the nodes of a network on one machine need.

use super::{
    CliError,
    output::Report,
    run::{RunOptions, to_toml},
};
use crate::{
    beacon::{self, HashChain},
    keys::CONSENSUS_KEY,
    network::{self, loopback},
    service::Role,
    spec::{ChainSpec, Genesis, TestVoter},
};
use clap::Args;
use quids_crypto::{KeyPair, SignatureScheme};
use quids_keystore::{NodeKeystore, Passphrase};
use quids_pobpc::{SEATS_MAX, faulty_max};
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The specification's `witness_count`, which is the runtime's default.
const SEATS: usize = 7;

/// Write the chain spec, keys and configurations of a network on this machine
#[derive(Args, Debug)]
#[command(
    after_help = "Each node is run by `quids run --config DIR/node-N/config.toml`; `scripts/testnet` does all of it."
)]
pub struct TestnetArgs {
    /// A new folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What the chain is made from: the file of a plain chain spec; by default a development chain
    #[arg(long, value_name = "FILE")]
    chain: Option<String>,
    /// Nodes that decide blocks
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u16).range(1..=SEATS_MAX as i64))]
    validators: u16,
    /// How many of those are witnesses, which keep no state
    #[arg(long, value_name = "N", default_value = "0")]
    witnesses: u16,
    /// Nodes that follow
    #[arg(long, value_name = "N", default_value = "0", value_parser = clap::value_parser!(u16).range(0..=64))]
    followers: u16,
    /// What validators vote with: falcon-512 or ml-dsa-87
    #[arg(long, default_value = "falcon-512", value_parser = voting)]
    scheme: SignatureScheme,
    /// The first node's port for other nodes; the next ones' follow
    #[arg(long, value_name = "N", default_value = "30333")]
    port: u16,
    /// The first node's port for RPC; the next ones' follow
    #[arg(long, value_name = "N", default_value = "9944")]
    rpc_port: u16,
    /// The first node's port for metrics; the next ones' follow
    #[arg(long, value_name = "N", default_value = "9615")]
    prometheus_port: u16,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn voting(text: &str) -> Result<SignatureScheme, String> {
    match text.parse() {
        Ok(scheme @ (SignatureScheme::Falcon512 | SignatureScheme::MlDsa87)) => Ok(scheme),
        _ => Err("votes are signed with falcon-512 or ml-dsa-87".into()),
    }
}

/// A node that is to be.
struct Planned {
    name: String,
    role: Role,
    /// `None`: it follows.
    voter: Option<KeyPair>,
    address: String,
    folder: PathBuf,
}

/// Writes all, or nothing: what was begun is removed.
pub fn run(args: TestnetArgs) -> Result<(), CliError> {
    let out = args.out.clone();
    fs::create_dir(&out).map_err(CliError::file("create", &out))?;
    let written = write(&args).inspect_err(|_| {
        let _ = fs::remove_dir_all(&out);
    });
    written?.print(args.json);
    Ok(())
}

/// A committee needs more full nodes than may be faulty.
fn check_witnesses(args: &TestnetArgs) -> Result<(), CliError> {
    let validators = usize::from(args.validators);
    let needed = faulty_max(validators.min(SEATS)) + 1;
    match validators.checked_sub(usize::from(args.witnesses)) {
        Some(full) if full >= needed => Ok(()),
        _ => Err(CliError::Usage(format!(
            "{} of {validators} cannot be witnesses: {needed} have to be full nodes, which make the blocks",
            args.witnesses
        ))),
    }
}

/// The chain before it has validators.
fn base(args: &TestnetArgs) -> Result<ChainSpec, CliError> {
    let Some(chain) = &args.chain else {
        return Ok(ChainSpec::testnet_base());
    };
    let spec = ChainSpec::load(chain)?;
    match &spec.genesis {
        Genesis::Config { config, .. } if config.is_object() => Ok(spec),
        _ => Err(CliError::Usage(format!(
            "{chain} is a raw chain spec: validators can be named in a plain one alone"
        ))),
    }
}

fn write(args: &TestnetArgs) -> Result<Report, CliError> {
    let count = args.validators + args.followers;
    let fits = |first: u16| first.checked_add(count - 1).is_some();
    if ![args.port, args.rpc_port, args.prometheus_port].into_iter().all(fits) {
        return Err(CliError::Usage(format!(
            "{count} nodes need ports up to 65535: begin lower"
        )));
    }
    check_witnesses(args)?;
    let mut spec = base(args)?;
    let id = spec.id.clone();
    // Absolute, since configurations are read from anywhere.
    let out = fs::canonicalize(&args.out).map_err(CliError::file("open", &args.out))?;
    let mut voters = Vec::new();
    for _ in 0..args.validators {
        voters.push(KeyPair::generate(args.scheme).map_err(|error| CliError::Usage(error.to_string()))?);
    }
    let names: Vec<_> = (0..count).map(|index| format!("node-{index}")).collect();
    let chain_folder = |name: &str| crate::service::chain_folder(&out.join(name), &id);
    let full = usize::from(args.validators - args.witnesses);
    let mut commitments = Vec::new();
    for name in &names[..full] {
        commitments.push(HashChain::open(&beacon::file(&chain_folder(name)))?.commitment());
    }
    let commitments = commitments.into_iter().map(Some).chain(std::iter::repeat(None));
    let test_voters = voters.iter().zip(commitments);
    spec.set_voters(test_voters.map(|(voter, commitment)| TestVoter {
        key: voter.public(),
        commitment,
    }));
    let mut voters = voters.into_iter();
    let mut nodes = Vec::new();
    for (index, name) in (0..).zip(names) {
        let folder = out.join(&name);
        fs::create_dir_all(&folder).map_err(CliError::file("create", &folder))?;
        let key = network::node_key(&network::key_file(&chain_folder(&name)))?;
        nodes.push(Planned {
            address: format!("{}/p2p/{}", loopback(args.port + index), key.peer_id()),
            role: match (full..usize::from(args.validators)).contains(&usize::from(index)) {
                true => Role::Witness,
                false => Role::Full,
            },
            voter: voters.next(),
            name,
            folder,
        });
    }
    let spec_file = out.join("spec.json");
    let text = format!("{:#}\n", spec.to_json());
    fs::write(&spec_file, text).map_err(CliError::file("write", &spec_file))?;
    let mut configs = Vec::new();
    for (index, node) in (0..).zip(&nodes) {
        let config = write_node(args, node, index, &nodes, &spec_file, &spec.id)?;
        configs.push(config.display().to_string());
    }
    let mut report = Report::default();
    report.line("spec", spec_file.display().to_string());
    report.both("nodes", configs.join("\n"), configs);
    Ok(report)
}

fn write_node(
    args: &TestnetArgs,
    node: &Planned,
    index: u16,
    nodes: &[Planned],
    spec_file: &Path,
    chain_id: &str,
) -> Result<PathBuf, CliError> {
    let folder = &node.folder;
    let others = nodes.iter().filter(|other| other.name != node.name);
    let others: Vec<&str> = others.map(|other| other.address.as_str()).collect();
    let password = folder.join("password");
    if let Some(key) = &node.voter {
        // Enough for a network of tests; whoever reads it reads the keystore beside it.
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).map_err(|error| CliError::Usage(error.to_string()))?;
        let secret = hex::encode(secret);
        private(&password, &secret).map_err(CliError::file("write", &password))?;
        let passphrase = Passphrase::from_file(&password)?;
        let keystore = crate::service::chain_folder(folder, chain_id).join("keystore");
        NodeKeystore::open(&keystore, Some(passphrase))?.insert(CONSENSUS_KEY, key.clone())?;
    }
    let options = RunOptions {
        chain: Some(spec_file.display().to_string()),
        base_path: Some(folder.clone()),
        name: Some(node.name.clone()),
        listen_addr: Some(loopback(args.port + index).to_string()),
        bootnodes: Some(others.join(",")),
        rpc_port: Some(args.rpc_port + index),
        prometheus_port: Some(args.prometheus_port + index),
        validator: node.voter.is_some().then_some(true),
        role: (node.role != Role::Full).then_some(node.role),
        password_file: node.voter.is_some().then_some(password),
        ..RunOptions::default()
    };
    let path = folder.join("config.toml");
    fs::write(&path, to_toml(&options)).map_err(CliError::file("write", &path))?;
    Ok(path)
}

fn private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}
