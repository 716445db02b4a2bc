//! A running node: chain, pool, authoring and RPC, started and stopped together.

use crate::{
    author::{self, Author, Sealing},
    backend::{Controls, NodeBackend},
    chain::{Chain, ChainError, ChainOptions, NewBlock},
    development::DevelopmentControls,
    hardware::Hardware,
    metrics::{self, RpcMetrics},
    pool::{EvmPool, Revalidation, SharedPool},
    spec::ChainSpec,
};
use quids_metrics::Registry;
use quids_txpool::Limits;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinHandle};

/// What a node needs to start.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    pub spec: ChainSpec,
    /// The chain lies in `chains/ID` below it.
    pub base_path: PathBuf,
    /// Where RPC listens and what it grants. `None`: no RPC.
    pub rpc: Option<quids_rpc::Config>,
    pub sealing: Sealing,
    pub chain: ChainOptions,
    pub pool: Limits,
    /// Where metrics are served; `None`: nowhere.
    pub metrics: Option<SocketAddr>,
    /// Whether the node goes on without metrics if their address is taken.
    pub metrics_may_fail: bool,
    /// Whether to measure the machine at the start, beside everything else, and log what falls short.
    pub hardware_check: bool,
    /// What RPC may change in the node: its log filter, its keys.
    pub controls: Controls,
}

/// Bytes of the largest transaction that the pool takes: a runtime of the largest size and its signature.
const TRANSACTION_BYTES_MAX: usize = 9 << 20;
/// The block time of a block made by [`Node::seal`].
const SEAL_PERIOD: Duration = Duration::from_secs(10);

impl NodeConfig {
    /// A node of this chain that makes a block a second, with RPC on loopback at the usual port.
    pub fn new(spec: ChainSpec, base_path: impl Into<PathBuf>) -> Self {
        Self {
            spec,
            base_path: base_path.into(),
            rpc: Some(quids_rpc::Config::default()),
            sealing: Sealing::Interval(Duration::from_secs(1)),
            chain: ChainOptions::default(),
            pool: Limits {
                max_per_transaction_bytes: TRANSACTION_BYTES_MAX,
                ..Limits::default()
            },
            metrics: None,
            metrics_may_fail: false,
            hardware_check: false,
            controls: Controls::default(),
        }
    }

    /// The folder of the chain's data.
    pub fn chain_folder(&self) -> PathBuf {
        chain_folder(&self.base_path, &self.spec.id)
    }
}

/// Where the data of the chain with this id lie.
pub fn chain_folder(base_path: &Path, id: &str) -> PathBuf {
    base_path.join("chains").join(id)
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
    #[error(transparent)]
    Keystore(#[from] quids_keystore::KeyError),
    #[error("{what}: {error}")]
    Io { what: String, error: std::io::Error },
    #[error("{0}")]
    Arguments(String),
}

/// A node that runs until it is stopped or its authoring fails.
pub struct Node {
    chain: Arc<Chain>,
    pool: Arc<SharedPool>,
    author: Arc<Author>,
    development: Option<Arc<DevelopmentControls>>,
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
        let folder = config.chain_folder();
        let NodeConfig {
            spec,
            base_path: _,
            rpc,
            sealing,
            chain,
            metrics,
            metrics_may_fail,
            hardware_check,
            pool,
            controls,
        } = config;
        let spec = Arc::new(spec);
        std::fs::create_dir_all(&folder).map_err(|error| NodeError::Io {
            what: format!("cannot create {}", folder.display()),
            error,
        })?;
        let chain = Arc::new(Chain::open(&folder, &spec, &chain)?);
        let pool = Arc::new(SharedPool::new(chain.clone(), pool));
        let registry = chain.registry().clone();
        metrics::register_node(&registry, &chain, &spec, &folder)?;
        pool.register_metrics(&registry)?;
        let rpc_metrics = Arc::new(RpcMetrics::new(&registry, quids_rpc::REFUSALS)?);
        if hardware_check {
            let registry = registry.clone();
            let folder = folder.clone();
            tokio::task::spawn_blocking(move || check_hardware(&folder, &registry));
        }
        let metrics = match metrics {
            None => None,
            Some(addr) => match quids_metrics::serve(addr, registry.clone()).await {
                Ok(server) => Some(server),
                Err(error) if metrics_may_fail => {
                    tracing::warn!("no metrics: {error}; --prometheus-port names another port");
                    None
                }
                Err(error) => return Err(error.into()),
            },
        };
        pool.restore()?;
        let revalidation = Revalidation::start(pool.clone()).map_err(|error| NodeError::Io {
            what: "cannot start the pool's thread".into(),
            error,
        })?;
        let (started_at, _) = chain.best();
        let author = Arc::new(Author::new(chain.clone(), pool.clone(), spec.author, sealing));
        let development = DevelopmentControls::of(&author, &pool, &spec).map(Arc::new);
        let rpc = match rpc {
            None => None,
            Some(rpc) => {
                let backend = NodeBackend {
                    chain: chain.clone(),
                    pool: pool.clone(),
                    evm_pool: Arc::new(EvmPool::new(chain.clone(), pool.clone())),
                    development: development.clone(),
                    spec: spec.clone(),
                    started_at,
                    started: Instant::now(),
                    database: folder.join("db"),
                    controls,
                };
                let server = quids_rpc::serve_observed(rpc, Arc::new(backend), rpc_metrics.clone()).await?;
                let open = server.open();
                registry.on_scrape(move || {
                    if let Some(open) = open() {
                        rpc_metrics.set_subscriptions(open.subscriptions);
                    }
                });
                Some(server)
            }
        };
        let (stop, stopped) = watch::channel(false);
        let authoring = tokio::spawn(author::run(author.clone(), stopped));
        Ok(Self {
            chain,
            pool,
            author,
            development,
            rpc,
            metrics,
            stop,
            authoring,
            _revalidation: revalidation,
        })
    }

    /// Makes a block of what the pool holds, now.
    pub async fn seal(&self) -> Result<NewBlock, ChainError> {
        let author = self.author.clone();
        let made = tokio::task::spawn_blocking(move || author.seal(SEAL_PERIOD));
        made.await.map_err(|error| ChainError::Task(error.to_string()))?
    }

    pub fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    pub fn pool(&self) -> &Arc<SharedPool> {
        &self.pool
    }

    /// What the owner of a development chain may do with it; `None` on any other.
    pub fn development(&self) -> Option<&Arc<DevelopmentControls>> {
        self.development.as_ref()
    }

    /// Where RPC listens.
    pub fn rpc_address(&self) -> Option<SocketAddr> {
        self.rpc.as_ref().map(quids_rpc::ServerHandle::local_addr)
    }

    /// Reads how many connections and subscriptions RPC has; `None` without RPC.
    pub fn rpc_open(&self) -> Option<impl Fn() -> Option<quids_rpc::Open> + Send + Sync + 'static + use<>> {
        self.rpc.as_ref().map(quids_rpc::ServerHandle::open)
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
