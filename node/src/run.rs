//! `quids run`: a node that runs until it is told to stop.

use crate::{
    author::Sealing,
    backend::KeyControl,
    cli::run::RunOptions,
    keys::NodeKeys,
    logging::{self, LogFormat},
    network::{self, NetworkOptions},
    service::{Node, NodeConfig, NodeError, Role, Voter},
    spec::{ChainSpec, dev_accounts},
    status::{self, StatusMode},
    witness::WitnessNode,
};
use clap::ValueEnum;
use quids_keystore::Passphrase;
use quids_network::Network;
use quids_rpc::Cors;
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
    str::FromStr,
    sync::Arc,
    time::Duration,
};
use tokio::task::JoinHandle;

/// What makes the author build a block.
#[derive(ValueEnum, Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum SealingKind {
    /// Every `--block-time`.
    Interval,
    /// As soon as a transaction is ready.
    Instant,
}

/// Which RPC methods there are: Substrate's `--rpc-methods`.
#[derive(ValueEnum, Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum RpcMethods {
    /// The unsafe ones from loopback only.
    Auto,
    /// Harmless ones only.
    Safe,
    /// All.
    Unsafe,
}

impl From<RpcMethods> for quids_rpc::RpcMethods {
    fn from(methods: RpcMethods) -> Self {
        match methods {
            RpcMethods::Auto => Self::Auto,
            RpcMethods::Safe => Self::Safe,
            RpcMethods::Unsafe => Self::Unsafe,
        }
    }
}

/// Where the node's keys lie, and what opens them.
#[derive(Clone, Debug, Default)]
pub struct KeystoreConfig {
    /// `None`: beside the database.
    pub folder: Option<PathBuf>,
    /// `None`: `QUIDS_KEYSTORE_PASSPHRASE`, if that is set.
    pub password_file: Option<PathBuf>,
}

/// Everything an operator decides.
#[derive(Clone, Debug)]
pub struct RunConfig {
    pub node: NodeConfig,
    /// Whether the node's folder is a temporary one, made when it starts.
    pub tmp: bool,
    pub name: Option<String>,
    pub log: String,
    pub log_format: LogFormat,
    pub status: StatusMode,
    pub keystore: KeystoreConfig,
    /// Whether the node takes part in deciding blocks.
    pub is_validator: bool,
}

impl RunConfig {
    /// From resolved options; what they leave open has its default.
    pub fn new(options: RunOptions, spec: ChainSpec) -> Result<Self, NodeError> {
        let tmp = options.tmp == Some(true);
        let network = network_options(&options)?;
        let base_path = match options.base_path {
            // Filled in once there is one.
            _ if tmp => PathBuf::new(),
            Some(path) => path,
            None => default_base_path()?,
        };
        let mut node = NodeConfig::new(spec, base_path);
        let block_time = Duration::from_millis(options.block_time_ms.unwrap_or(1000));
        node.sealing = match options.sealing {
            Some(SealingKind::Instant) => Sealing::Instant,
            Some(SealingKind::Interval) | None => Sealing::Interval(block_time),
        };
        node.network = network;
        node.role = options.role.unwrap_or_default();
        if let Some(size) = options.cache {
            node.chain.cache_mb = size.mib() as usize;
        }
        if let Some(files) = options.max_open_files {
            node.chain.max_open_files = files;
        }
        node.chain.enable_compression = options.no_compression != Some(true);
        if let Some(pruning) = options.state_pruning {
            node.chain.states_kept = pruning.kept();
        }
        if let Some(count) = options.pool_limit {
            node.pool.max_count = count as usize;
        }
        if let Some(kib) = options.pool_kib {
            node.pool.max_bytes = (kib as usize) << 10;
        }
        let external = options.rpc_external == Some(true) || options.unsafe_rpc_external == Some(true);
        let ip = any_or_loopback(external);
        let mut rpc = quids_rpc::Config::default();
        rpc.addr = SocketAddr::new(ip, options.rpc_port.unwrap_or(rpc.addr.port()));
        if let Some(count) = options.rpc_max_connections {
            rpc.max_connections = count;
        }
        if let Some(mib) = options.rpc_max_request_size_mib {
            rpc.max_request_bytes = mib << 20;
        }
        if let Some(mib) = options.rpc_max_response_size_mib {
            rpc.max_response_bytes = mib << 20;
        }
        if let Some(count) = options.rpc_max_subscriptions_per_connection {
            rpc.max_subscriptions_per_connection = count;
        }
        if let Some(len) = options.rpc_max_batch_request_len {
            rpc.max_batch_len = len;
        }
        match options.rpc_cors.as_deref() {
            None => {}
            Some("all") => rpc.cors = Cors::All,
            Some("none") => rpc.cors = Cors::List(Vec::new()),
            Some(origins) => rpc.cors = Cors::List(list(origins)),
        }
        if let Some(hosts) = options.rpc_allowed_hosts.as_deref() {
            rpc.allowed_hosts = list(hosts);
        }
        rpc.methods = options.rpc_methods.unwrap_or(RpcMethods::Auto).into();
        rpc.rate_limit_per_second = options.rpc_rate_limit_per_second.and_then(NonZeroU32::new);
        node.rpc = Some(rpc);
        if options.no_prometheus != Some(true) {
            let ip = any_or_loopback(options.prometheus_external == Some(true));
            let port = options.prometheus_port;
            let addr = SocketAddr::new(ip, port.unwrap_or(PROMETHEUS_PORT));
            node.metrics = Some(addr);
            // A second node on a machine does without metrics rather than not start.
            node.metrics_may_fail = port.is_none() && options.prometheus_external != Some(true);
        }
        node.hardware_check = node.spec.chain_type != quids_rpc::ChainType::Development;
        Ok(Self {
            node,
            tmp,
            name: options.name,
            log: options.log.unwrap_or_else(|| "info".into()),
            log_format: options.log_format.unwrap_or(LogFormat::Text),
            status: options.status.unwrap_or(StatusMode::Auto),
            is_validator: options.validator == Some(true),
            keystore: KeystoreConfig {
                folder: options.keystore_path,
                password_file: options.password_file,
            },
        })
    }
}

/// How others are met, by what is said of it.
fn network_options(options: &RunOptions) -> Result<NetworkOptions, NodeError> {
    fn parsed<T: FromStr<Err: std::fmt::Display>>(option: &str, text: &Option<String>) -> Result<Vec<T>, NodeError> {
        let words = list(text.as_deref().unwrap_or_default());
        let words = words.iter().map(|word| {
            let parsed = word.parse();
            parsed.map_err(|error| NodeError::Arguments(format!("--{option} {word}: {error}")))
        });
        words.collect()
    }
    let mut listen = parsed("listen-addr", &options.listen_addr)?;
    if listen.is_empty() {
        listen.push(network::everywhere(options.port.unwrap_or(network::PORT)));
    }
    let mut network = NetworkOptions {
        listen,
        bootnodes: parsed("bootnodes", &options.bootnodes)?,
        reserved: parsed("reserved-nodes", &options.reserved_nodes)?,
        reserved_only: options.reserved_only == Some(true),
        denied: parsed("denied-nodes", &options.denied_nodes)?,
        key_file: options.node_key_file.clone(),
        ..NetworkOptions::default()
    };
    if let Some(count) = options.max_peers {
        network.max_peers = count;
    }
    Ok(network)
}

/// The usual port of metrics, Substrate's.
const PROMETHEUS_PORT: u16 = 9615;
/// Environment variable with the passphrase of the node's keys.
const KEYSTORE_PASSPHRASE: &str = "QUIDS_KEYSTORE_PASSPHRASE";

fn any_or_loopback(external: bool) -> IpAddr {
    IpAddr::V4(if external {
        Ipv4Addr::UNSPECIFIED
    } else {
        Ipv4Addr::LOCALHOST
    })
}

/// What stands between commas.
fn list(text: &str) -> Vec<String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

/// Runs a node until Ctrl-C, SIGTERM, or an error.
pub fn run(mut config: RunConfig) -> Result<(), NodeError> {
    let log = logging::init(&config.log, config.log_format).map_err(|error| NodeError::Arguments(error.to_string()))?;
    config.node.controls.logs = Some(Arc::new(log));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(io("cannot start threads"))?;
    runtime.block_on(run_until_stopped(config))
}

fn io(what: &str) -> impl FnOnce(std::io::Error) -> NodeError {
    let what = what.to_string();
    move |error| NodeError::Io { what, error }
}

async fn run_until_stopped(mut config: RunConfig) -> Result<(), NodeError> {
    let temporary = config
        .tmp
        .then(|| tempfile::Builder::new().prefix("quids-").tempdir())
        .transpose()
        .map_err(io(
            "cannot make a temporary folder: is the disk full, or TMPDIR not writable?",
        ))?;
    if let Some(folder) = &temporary {
        config.node.base_path = folder.path().to_path_buf();
    }
    let name = config
        .name
        .as_deref()
        .map_or_else(String::new, |name| format!(", {name}"));
    tracing::info!("quids {}{name}", env!("CARGO_PKG_VERSION"));
    tracing::info!("chain {} ({})", config.node.spec.name, config.node.spec.id);
    tracing::info!("data in {}", config.node.chain_folder().display());
    warn(&config.node);
    let keys = open_keystore(&config.node, config.keystore)?;
    if config.is_validator {
        config.node.voters = voters(keys.as_deref())?;
    }
    config.node.controls.keys = keys.map(|keys| keys as Arc<dyn KeyControl>);
    let mut node = Running::start(config.node).await?;
    node.introduce();
    let reporter = config.status.is_on().then(|| node.report());
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(io("cannot listen for SIGTERM"))?;
    let failure = tokio::select! {
        _ = tokio::signal::ctrl_c() => None,
        _ = terminate.recv() => None,
        error = node.failed() => Some(error),
    };
    if failure.is_none() {
        tracing::info!("stopping");
    }
    if let Some(reporter) = reporter {
        reporter.abort();
    }
    node.stop().await;
    // The temporary folder goes with it, whatever happened.
    drop(temporary);
    failure.map_or(Ok(()), Err)
}

/// A node of either role.
enum Running {
    Full(Box<Node>),
    Witness(Box<WitnessNode>),
}

impl Running {
    async fn start(config: NodeConfig) -> Result<Self, NodeError> {
        match config.role {
            Role::Full => Ok(Self::Full(Box::new(Node::start(config).await?))),
            Role::Witness => Ok(Self::Witness(Box::new(WitnessNode::start(config).await?))),
        }
    }

    /// Says in the log what the node has and where it is reached.
    fn introduce(&self) {
        let (genesis, (height, best), network, rpc, metrics) = match self {
            Self::Full(node) => (
                node.chain().genesis(),
                node.chain().best(),
                node.network(),
                node.rpc_address(),
                node.metrics_address(),
            ),
            Self::Witness(node) => (
                node.genesis(),
                node.best(),
                Some(node.network()),
                node.rpc_address(),
                node.metrics_address(),
            ),
        };
        tracing::info!("genesis {genesis:?}, last block {height} {best:?}");
        if let Some(address) = rpc {
            tracing::info!("RPC on ws://{address} and http://{address}");
        }
        for address in network.map(Network::addresses).unwrap_or_default() {
            tracing::info!("peers: {address}");
        }
        if let Some(address) = metrics {
            tracing::info!("metrics on http://{address}/metrics");
        }
    }

    /// Begins to log a line every few seconds.
    fn report(&self) -> JoinHandle<()> {
        match self {
            Self::Full(node) => tokio::spawn(status::report(node)),
            Self::Witness(node) => tokio::spawn(status::report_witness(node)),
        }
    }

    async fn failed(&mut self) -> NodeError {
        match self {
            Self::Full(node) => node.failed().await,
            Self::Witness(node) => node.failed().await,
        }
    }

    async fn stop(self) {
        match self {
            Self::Full(node) => node.stop().await,
            Self::Witness(node) => node.stop().await,
        }
    }
}

/// What an operator hardly means.
fn warn(node: &NodeConfig) {
    let rpc = node.rpc.as_ref();
    if rpc.is_some_and(|rpc| rpc.methods == quids_rpc::RpcMethods::Unsafe && !rpc.addr.ip().is_loopback()) {
        tracing::warn!("everybody who reaches RPC may change this node: --rpc-methods unsafe with --rpc-external");
    }
    if node.spec.chain_type == quids_rpc::ChainType::Development {
        return;
    }
    let known = dev_accounts()
        .into_iter()
        .find(|(_, who)| node.spec.author == Some(*who));
    if let Some((name, _)) = known {
        tracing::warn!("the author of this chain is the development account {name}, whose secret is public");
    }
}

/// The node's keys. Without a passphrase there are some on a development chain only, where they are worth nothing.
fn open_keystore(node: &NodeConfig, keystore: KeystoreConfig) -> Result<Option<Arc<NodeKeys>>, NodeError> {
    let passphrase = match &keystore.password_file {
        Some(file) => Some(Passphrase::from_file(file)?),
        None => Passphrase::from_env(KEYSTORE_PASSPHRASE)?,
    };
    let folder = keystore.folder.unwrap_or_else(|| node.chain_folder().join("keystore"));
    let is_live = node.spec.chain_type != quids_rpc::ChainType::Development;
    // One that is there is opened, so that a passphrase that got lost is an error.
    if passphrase.is_none() && is_live && !folder.exists() {
        tracing::info!("no keystore: --password-file or {KEYSTORE_PASSPHRASE} gives the passphrase of one");
        return Ok(None);
    }
    std::fs::create_dir_all(node.chain_folder()).map_err(|error| NodeError::Io {
        what: format!("cannot create {}", node.chain_folder().display()),
        error,
    })?;
    Ok(Some(Arc::new(NodeKeys::open(&folder, passphrase)?)))
}

/// The consensus keys of a validator.
fn voters(keys: Option<&NodeKeys>) -> Result<Vec<Voter>, NodeError> {
    let keys = keys.ok_or_else(|| {
        NodeError::Arguments(format!(
            "--validator needs a keystore: --password-file or {KEYSTORE_PASSPHRASE} gives the passphrase of one"
        ))
    })?;
    Ok(keys.consensus_keys()?.into_iter().map(Voter).collect())
}

/// `$XDG_DATA_HOME/quids` or `~/.local/share/quids`.
pub fn default_base_path() -> Result<PathBuf, NodeError> {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    data.map(|folder| folder.join("quids")).ok_or_else(|| {
        NodeError::Arguments("neither XDG_DATA_HOME nor HOME is set: name a folder with --base-path".into())
    })
}
