//! A running node: chain, pool, authoring and RPC, started and stopped together.

use crate::{
    ahead::Ahead,
    author::{self, Author, Sealing},
    backend::{Controls, NodeBackend},
    beacon::{self, HashChain},
    chain::{Chain, ChainError, ChainOptions, NewBlock},
    consensus::{Bodies, ConsensusError, Full},
    development::DevelopmentControls,
    hardware::Hardware,
    metrics::{self, RpcMetrics},
    network::NetworkOptions,
    peers::{self, FullAnswers, Validators},
    pool::{EvmPool, Revalidation, SharedPool},
    signing::Signing,
    spec::ChainSpec,
    together::{self, Deciding, Member, Place, Together},
};
use clap::ValueEnum;
use quids_api::names;
use quids_core::AccountId20;
use quids_crypto::KeyPair;
use quids_metrics::Registry;
use quids_network::Network;
use quids_txpool::Limits;
use serde::{Deserialize, Serialize};
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
    /// When blocks are made, on a chain that has no validators.
    pub sealing: Sealing,
    /// How others are met, on a chain that has.
    pub network: NetworkOptions,
    /// Whether the node keeps the state, on a chain that has.
    pub role: Role,
    /// The consensus keys of this node, if it is to vote: the one that is a validator's counts.
    pub voters: Vec<Voter>,
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

/// What a node keeps.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Blocks and states.
    #[default]
    Full,
    /// Headers, and what shows that their blocks are final: it executes blocks on their batch proofs.
    Witness,
}

/// A consensus key; its secret is not shown.
#[derive(Clone)]
pub struct Voter(pub KeyPair);

impl std::fmt::Debug for Voter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Voter({})", self.0.account_id())
    }
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
            network: NetworkOptions::default(),
            role: Role::Full,
            voters: Vec::new(),
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
    #[error(transparent)]
    Consensus(#[from] ConsensusError),
    #[error("the network could not start: {0}")]
    Network(#[from] quids_network::NetworkError),
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

/// A node that runs until it is stopped, or cannot make or decide blocks any more.
pub struct Node {
    chain: Arc<Chain>,
    pool: Arc<SharedPool>,
    /// On a chain without validators.
    author: Option<Arc<Author>>,
    /// On a chain with validators.
    together: Option<Together>,
    development: Option<Arc<DevelopmentControls>>,
    rpc: Option<quids_rpc::ServerHandle>,
    metrics: Option<quids_metrics::ServerHandle>,
    stop: watch::Sender<bool>,
    /// Makes or decides blocks.
    working: JoinHandle<Result<(), NodeError>>,
    ahead: JoinHandle<()>,
    /// Ends with the node.
    _revalidation: Revalidation,
}

/// The key that is a validator's, else the last one, which may become so.
fn choose(chain: &Chain, voters: Vec<Voter>) -> Result<Option<KeyPair>, ChainError> {
    let (_, best) = chain.best();
    let mut chosen = None;
    for Voter(key) in voters {
        let account: Option<AccountId20> = chain.call_typed(best, names::POBPC_AUTHOR_OF, key.public())?;
        chosen = Some(key);
        if account.is_some() {
            break;
        }
    }
    Ok(chosen)
}

/// Joins the others with the state, and begins to decide.
async fn join(
    chain: &Arc<Chain>,
    pool: &Arc<SharedPool>,
    options: NetworkOptions,
    voters: Vec<Voter>,
    (spec, folder): (&ChainSpec, &Path),
    stop: watch::Receiver<bool>,
) -> Result<(Together, Deciding), NodeError> {
    let voter = choose(chain, voters)?;
    let validators = Arc::new(Validators::default());
    validators.renew(chain)?;
    let place = Place {
        spec,
        folder,
        genesis: chain.genesis(),
        registry: chain.registry(),
    };
    let connected = together::connect(place, options, voter.as_ref(), validators.clone()).await?;
    let following = tokio::spawn(peers::follow(chain.clone(), validators));
    let links = voter.as_ref().map(|_| HashChain::open(&beacon::file(folder)));
    let bodies = Arc::new(Bodies::default());
    let signing = Arc::new(Signing::default());
    let member = Member {
        ledger: Arc::new(Full {
            chain: chain.clone(),
            pool: pool.clone(),
            bodies: bodies.clone(),
            signing: signing.clone(),
            links: links.transpose()?,
        }),
        database: chain.database().clone(),
        registry: chain.registry().clone(),
        answers: Arc::new(FullAnswers::new(chain.clone(), bodies.clone())),
        frauds: chain.clone(),
        bodies,
        pool: Some(pool.clone()),
        signing,
        voter,
    };
    let (together, deciding) = together::begin(member, connected, stop)?;
    let deciding = tokio::spawn(async move {
        let ended = deciding.await;
        following.abort();
        ended.map_err(|error| ChainError::Task(error.to_string()))?
    });
    Ok((together, deciding))
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
            network,
            role: _,
            voters,
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
        metrics::register_node(&registry, chain.genesis(), &spec, &folder)?;
        metrics::follow_weight_max(&registry, &chain)?;
        pool.register_metrics(&registry)?;
        let rpc_metrics = Arc::new(RpcMetrics::new(&registry, quids_rpc::REFUSALS)?);
        if hardware_check {
            let registry = registry.clone();
            let folder = folder.clone();
            tokio::task::spawn_blocking(move || check_hardware(&folder, &registry));
        }
        let metrics = serve_metrics(metrics, metrics_may_fail, &registry).await?;
        pool.restore()?;
        let revalidation = Revalidation::start(pool.clone()).map_err(|error| NodeError::Io {
            what: "cannot start the pool's thread".into(),
            error,
        })?;
        let (started_at, _) = chain.best();
        let (stop, stopped) = watch::channel(false);
        let ahead = Ahead::start(&chain, &registry, stop.subscribe())?;
        let (author, together, working) = if chain.next_height()?.is_some() {
            let place = (&*spec, &*folder);
            let (together, working) = join(&chain, &pool, network, voters, place, stopped).await?;
            (None, Some(together), working)
        } else {
            let author = Arc::new(Author::new(chain.clone(), pool.clone(), spec.author, sealing));
            let making = author::run(author.clone(), stopped);
            let working = tokio::spawn(async move { Ok(making.await?) });
            (Some(author), None, working)
        };
        let development = author
            .as_ref()
            .and_then(|author| DevelopmentControls::of(author, &pool, &spec));
        let development = development.map(Arc::new);
        let rpc = match rpc {
            None => None,
            Some(rpc) => {
                let backend = NodeBackend {
                    chain: chain.clone(),
                    pool: pool.clone(),
                    evm_pool: Arc::new(EvmPool::new(chain.clone(), pool.clone())),
                    development: development.clone(),
                    together: together.clone(),
                    spec: spec.clone(),
                    started_at,
                    started: Instant::now(),
                    database: folder.join("db"),
                    controls,
                };
                let server = serve_rpc(rpc, Arc::new(backend), rpc_metrics, &registry).await?;
                Some(server)
            }
        };
        Ok(Self {
            chain,
            pool,
            author,
            together,
            development,
            rpc,
            metrics,
            stop,
            working,
            ahead,
            _revalidation: revalidation,
        })
    }

    /// Makes a block of what the pool holds, now. On a chain with validators it is an error.
    pub async fn seal(&self) -> Result<NewBlock, ChainError> {
        let author = self.author.clone().ok_or(ChainError::NotAlone)?;
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

    /// The network, on a chain with validators.
    pub fn network(&self) -> Option<&Network> {
        self.together.as_ref().map(|together| &together.network)
    }

    /// Waits until making or deciding blocks ends by itself, which is an error.
    pub async fn failed(&mut self) -> NodeError {
        let ended = (&mut self.working).await;
        match ended {
            Ok(Err(error)) => error,
            Ok(Ok(())) => ChainError::Task("no blocks are made any more".into()).into(),
            Err(error) => ChainError::Task(error.to_string()).into(),
        }
    }

    /// Stops making blocks after the one at hand, then network, RPC and metrics.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        if !self.working.is_finished() {
            let _ = self.working.await;
        }
        // It may be compiling, and has the chain meanwhile.
        let _ = self.ahead.await;
        if let Some(rpc) = self.rpc {
            rpc.stop().await;
        }
        if let Some(metrics) = self.metrics {
            metrics.stop().await;
        }
    }
}

/// Serves RPC, and counts what is asked of it.
pub(crate) async fn serve_rpc(
    config: quids_rpc::Config,
    backend: Arc<dyn quids_rpc::Backend>,
    metrics: Arc<RpcMetrics>,
    registry: &Registry,
) -> Result<quids_rpc::ServerHandle, NodeError> {
    let server = quids_rpc::serve_observed(config, backend, metrics.clone()).await?;
    let open = server.open();
    registry.on_scrape(move || {
        if let Some(open) = open() {
            metrics.set_subscriptions(open.subscriptions);
        }
    });
    Ok(server)
}

/// Without an address, or if it is taken and that may be, nowhere.
pub(crate) async fn serve_metrics(
    address: Option<SocketAddr>,
    may_fail: bool,
    registry: &Registry,
) -> Result<Option<quids_metrics::ServerHandle>, NodeError> {
    let Some(address) = address else {
        return Ok(None);
    };
    match quids_metrics::serve(address, registry.clone()).await {
        Ok(server) => Ok(Some(server)),
        Err(error) if may_fail => {
            tracing::warn!("no metrics: {error}; --prometheus-port names another port");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Slow hardware is a warning; not being able to measure it is one too.
pub(crate) fn check_hardware(folder: &Path, registry: &Registry) {
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
