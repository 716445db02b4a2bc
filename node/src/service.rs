//! A running node: chain, pool, authoring and RPC, started and stopped together.

use crate::{
    author::{self, Sealing},
    backend::{Controls, NodeBackend},
    chain::{Chain, ChainError, ChainOptions},
    cli::{self, run::RunArgs},
    hardware::Hardware,
    metrics::{self, RpcMetrics},
    pool::{Revalidation, SharedPool},
    spec::ChainSpec,
};
use quids_metrics::Registry;
use quids_txpool::Limits;
use std::{
    io::IsTerminal,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinHandle};

/// What a node needs to start.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    pub spec: ChainSpec,
    pub base_path: PathBuf,
    /// On loopback; 0 takes a free port. `None`: no RPC.
    pub rpc_port: Option<u16>,
    pub sealing: Sealing,
    pub chain: ChainOptions,
    /// Where metrics are served; `None`: nowhere.
    pub metrics: Option<SocketAddr>,
    /// Whether to measure the machine at the start, beside everything else, and log what falls short.
    pub hardware_check: bool,
}

/// Why a node did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("the RPC server could not start: {0}")]
    Rpc(#[from] quids_rpc::ServeError),
    #[error(transparent)]
    Metrics(#[from] quids_metrics::MetricsError),
    #[error(transparent)]
    MetricsServer(#[from] quids_metrics::ServeError),
    #[error("{what}: {error}")]
    Io { what: String, error: std::io::Error },
    #[error("{0}")]
    Arguments(String),
}

/// A node that runs until it is stopped or its authoring fails.
pub struct Node {
    chain: Arc<Chain>,
    pool: Arc<SharedPool>,
    rpc: Option<quids_rpc::ServerHandle>,
    metrics: Option<quids_metrics::ServerHandle>,
    stop: watch::Sender<bool>,
    authoring: JoinHandle<Result<(), ChainError>>,
    /// Ends with the node.
    _revalidation: Revalidation,
}

impl Node {
    /// Opens the chain and starts everything. Opening blocks the calling task for as long as it takes.
    pub async fn start(config: NodeConfig) -> Result<Self, NodeError> {
        let NodeConfig {
            spec,
            base_path,
            rpc_port,
            sealing,
            chain,
            metrics,
            hardware_check,
        } = config;
        let spec = Arc::new(spec);
        let folder = base_path.join("chains").join(&spec.id);
        std::fs::create_dir_all(&folder).map_err(|error| NodeError::Io {
            what: format!("cannot create {}", folder.display()),
            error,
        })?;
        let chain = Arc::new(Chain::open(&folder, &spec, &chain)?);
        let pool = Arc::new(SharedPool::new(
            chain.clone(),
            Limits {
                max_per_transaction_bytes: 9 << 20,
                ..Limits::default()
            },
        ));
        let registry = chain.registry().clone();
        metrics::register_node(&registry, &chain, &spec, &folder)?;
        pool.register_metrics(&registry)?;
        let rpc_metrics = Arc::new(RpcMetrics::new(&registry, quids_rpc::REFUSALS)?);
        if hardware_check {
            let registry = registry.clone();
            tokio::task::spawn_blocking(move || check_hardware(&folder, &registry));
        }
        let metrics = match metrics {
            None => None,
            Some(addr) => Some(quids_metrics::serve(addr, registry).await?),
        };
        pool.restore()?;
        let revalidation = Revalidation::start(pool.clone()).map_err(|error| NodeError::Io {
            what: "cannot start the pool's thread".into(),
            error,
        })?;
        let (started_at, _) = chain.best();
        let rpc = match rpc_port {
            None => None,
            Some(port) => {
                let backend = NodeBackend {
                    chain: chain.clone(),
                    pool: pool.clone(),
                    spec: spec.clone(),
                    started_at,
                    started: Instant::now(),
                    database: folder.join("db"),
                    controls: Controls::default(),
                };
                let addr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
                let config = quids_rpc::Config {
                    addr,
                    ..quids_rpc::Config::default()
                };
                Some(quids_rpc::serve(config, Arc::new(backend)).await?)
            }
        };
        let (stop, stopped) = watch::channel(false);
        let authoring = tokio::spawn(author::run(chain.clone(), pool.clone(), spec.author, sealing, stopped));
        Ok(Self {
            chain,
            pool,
            rpc,
            metrics,
            stop,
            authoring,
            _revalidation: revalidation,
        })
    }

    pub fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    pub fn pool(&self) -> &Arc<SharedPool> {
        &self.pool
    }

    /// Where RPC listens.
    pub fn rpc_address(&self) -> Option<SocketAddr> {
        self.rpc.as_ref().map(quids_rpc::ServerHandle::local_addr)
    }

    /// Where metrics are served, at `/metrics`.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(quids_metrics::ServerHandle::local_addr)
    }

    /// The metrics of everything in this node.
    pub fn registry(&self) -> &Registry {
        self.chain.registry()
    }

    /// Waits until authoring ends by itself, which is an error.
    pub async fn failed(&mut self) -> NodeError {
        let ended = (&mut self.authoring).await;
        match ended {
            Ok(Err(error)) => error.into(),
            Ok(Ok(())) => ChainError::Task("authoring stopped".into()).into(),
            Err(error) => ChainError::Task(error.to_string()).into(),
        }
    }

    /// Stops authoring after the block at hand, then RPC and metrics.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        if !self.authoring.is_finished() {
            let _ = self.authoring.await;
        }
        if let Some(rpc) = self.rpc {
            rpc.stop().await;
        }
        if let Some(metrics) = self.metrics {
            metrics.stop().await;
        }
    }
}

/// Slow hardware is a warning; not being able to measure it is one too.
fn check_hardware(folder: &Path, registry: &Registry) {
    match Hardware::measure(folder) {
        Ok(hardware) => {
            hardware.log();
            if let Err(error) = hardware.register(registry) {
                tracing::error!("hardware: {error}");
            }
        }
        Err(error) => tracing::warn!("hardware: not measured: {error}"),
    }
}

/// `quids run`: runs a node until Ctrl-C, SIGTERM, or an error.
pub fn run(args: RunArgs) -> Result<(), NodeError> {
    let filter = tracing_subscriber::EnvFilter::try_new(&args.log)
        .map_err(|error| NodeError::Arguments(format!("--log {:?} is no filter: {error}", args.log)))?;
    // A second call in one process (tests) keeps the first subscriber.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| NodeError::Io {
            what: "cannot start threads".into(),
            error,
        })?;
    runtime.block_on(run_until_stopped(args))
}

async fn run_until_stopped(args: RunArgs) -> Result<(), NodeError> {
    let io = |what: &str| {
        let what = what.to_string();
        move |error| NodeError::Io { what, error }
    };
    let temporary = args
        .tmp
        .then(|| tempfile::Builder::new().prefix("quids-").tempdir())
        .transpose()
        .map_err(io("cannot make a temporary folder"))?;
    let base_path = match (&temporary, args.base_path) {
        (Some(folder), _) => folder.path().to_path_buf(),
        (None, Some(path)) => path,
        (None, None) => default_base_path()?,
    };
    let sealing = match args.sealing {
        cli::run::Sealing::Interval => Sealing::Interval(Duration::from_millis(args.block_time_ms)),
        cli::run::Sealing::Instant => Sealing::Instant,
    };
    let spec = ChainSpec::dev();
    let config = NodeConfig {
        hardware_check: spec.chain_type != quids_rpc::ChainType::Development,
        spec,
        base_path: base_path.clone(),
        rpc_port: Some(args.rpc_port),
        sealing,
        chain: ChainOptions::default(),
        metrics: None,
    };
    tracing::info!("{}: {}", config.spec.name, base_path.display());
    let mut node = Node::start(config).await?;
    let (height, best) = node.chain().best();
    tracing::info!("genesis {:?}, last block {height} {best:?}", node.chain().genesis());
    if let Some(address) = node.rpc_address() {
        tracing::info!("RPC on ws://{address} and http://{address}");
    }
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(io("cannot listen for SIGTERM"))?;
    let failure = tokio::select! {
        _ = tokio::signal::ctrl_c() => None,
        _ = terminate.recv() => None,
        error = node.failed() => Some(error),
    };
    node.stop().await;
    // The temporary folder goes with it, whatever happened.
    drop(temporary);
    failure.map_or(Ok(()), Err)
}

/// `$XDG_DATA_HOME/quids` or `~/.local/share/quids`.
pub(crate) fn default_base_path() -> Result<PathBuf, NodeError> {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    data.map(|folder| folder.join("quids")).ok_or_else(|| {
        NodeError::Arguments("neither XDG_DATA_HOME nor HOME is set: name a folder with --base-path".into())
    })
}
