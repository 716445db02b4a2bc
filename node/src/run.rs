//! `quids run`: a node that runs until it is told to stop.

use crate::{
    author::Sealing,
    cli::run::RunOptions,
    logging::{self, LogFormat},
    service::{Node, NodeConfig, NodeError},
    spec::ChainSpec,
    status::{self, StatusMode},
};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

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

    /// Given but not in force yet: their subsystems are not wired into the node.
    pub rpc_cors: Option<String>,
    pub rpc_methods: Option<RpcMethods>,
    pub rpc_rate_limit: Option<u32>,
    pub prometheus_port: Option<u16>,
    pub prometheus_external: Option<bool>,
    pub no_prometheus: Option<bool>,
    pub keystore_path: Option<PathBuf>,
    pub password_file: Option<PathBuf>,
}

impl RunConfig {
    /// From resolved options; what they leave open has its default.
    pub fn new(options: RunOptions, spec: ChainSpec) -> Result<Self, NodeError> {
        let tmp = options.tmp == Some(true);
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
        if let Some(mib) = options.cache_mib {
            node.chain.cache_mb = mib as usize;
        }
        if let Some(count) = options.pool_limit {
            node.pool.max_count = count as usize;
        }
        if let Some(kib) = options.pool_kib {
            node.pool.max_bytes = (kib as usize) << 10;
        }
        let external = options.rpc_external == Some(true) || options.unsafe_rpc_external == Some(true);
        let ip = if external {
            Ipv4Addr::UNSPECIFIED
        } else {
            Ipv4Addr::LOCALHOST
        };
        let mut rpc = quids_rpc::Config::default();
        rpc.addr = SocketAddr::new(IpAddr::V4(ip), options.rpc_port.unwrap_or(rpc.addr.port()));
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
        node.rpc = Some(rpc);
        Ok(Self {
            node,
            tmp,
            name: options.name,
            log: options.log.unwrap_or_else(|| "info".into()),
            log_format: options.log_format.unwrap_or(LogFormat::Text),
            status: options.status.unwrap_or(StatusMode::Auto),
            rpc_cors: options.rpc_cors,
            rpc_methods: options.rpc_methods,
            rpc_rate_limit: options.rpc_rate_limit,
            prometheus_port: options.prometheus_port,
            prometheus_external: options.prometheus_external,
            no_prometheus: options.no_prometheus,
            keystore_path: options.keystore_path,
            password_file: options.password_file,
        })
    }
}

/// Runs a node until Ctrl-C, SIGTERM, or an error.
pub fn run(config: RunConfig) -> Result<(), NodeError> {
    logging::init(&config.log, config.log_format).map_err(|error| NodeError::Arguments(error.to_string()))?;
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
    let mut node = Node::start(config.node).await?;
    let (height, best) = node.chain().best();
    tracing::info!("genesis {:?}, last block {height} {best:?}", node.chain().genesis());
    if let Some(address) = node.rpc_address() {
        tracing::info!("RPC on ws://{address} and http://{address}");
    }
    let reporter = config
        .status
        .is_on()
        .then(|| tokio::spawn(status::report(node.chain().clone(), node.pool().clone())));
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(io("cannot listen for SIGTERM"))?;
    let failure = tokio::select! {
        _ = tokio::signal::ctrl_c() => None,
        _ = terminate.recv() => None,
        error = node.failed() => Some(error),
    };
    if let Some(reporter) = reporter {
        reporter.abort();
    }
    node.stop().await;
    // The temporary folder goes with it, whatever happened.
    drop(temporary);
    failure.map_or(Ok(()), Err)
}

/// `$XDG_DATA_HOME/quids` or `~/.local/share/quids`.
pub fn default_base_path() -> Result<PathBuf, NodeError> {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    data.map(|folder| folder.join("quids")).ok_or_else(|| {
        NodeError::Arguments("neither XDG_DATA_HOME nor HOME is set: name a folder with --base-path".into())
    })
}
