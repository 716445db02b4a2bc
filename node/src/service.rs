//! A running node: chain, pool, authoring and RPC, started and stopped together.

use crate::{
    author::{self, Author, Sealing},
    backend::{Controls, NodeBackend},
    beacon::{self, HashChain},
    chain::{Chain, ChainError, ChainOptions, NewBlock},
    consensus::{self, Bodies, ConsensusError},
    development::DevelopmentControls,
    hardware::Hardware,
    metrics::{self, RpcMetrics},
    network::{self, NetworkOptions},
    peers::{self, Heads, Identity, Validators},
    pool::{EvmPool, Revalidation, SharedPool},
    spec::ChainSpec,
};
use quids_api::names;
use quids_core::AccountId20;
use quids_crypto::KeyPair;
use quids_metrics::Registry;
use quids_network::{Multiaddr, Network, ValidatorKey};
use quids_txpool::Limits;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

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
/// How often a node says that it stopped for a fraud.
const HALTED_SAID_EVERY: Duration = Duration::from_secs(60);
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
    /// Ends with the node.
    _revalidation: Revalidation,
}

/// A node among others.
#[derive(Clone)]
pub struct Together {
    pub network: Network,
    pub heads: Arc<Heads>,
    pub status: watch::Receiver<Arc<quids_rpc::ConsensusState>>,
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

/// Joins the network and begins to decide.
async fn join(
    chain: &Arc<Chain>,
    pool: &Arc<SharedPool>,
    options: NetworkOptions,
    voters: Vec<Voter>,
    (spec, folder): (&ChainSpec, &Path),
    stop: watch::Receiver<bool>,
) -> Result<(Together, JoinHandle<Result<(), NodeError>>), NodeError> {
    let key_file = options.key_file.unwrap_or_else(|| network::key_file(folder));
    let of_spec = spec.boot_nodes.iter().map(|address| {
        let address = address.parse::<Multiaddr>();
        address.map_err(|error| NodeError::Arguments(format!("bootNodes of the chain spec: {error}")))
    });
    let mut bootnodes = of_spec.collect::<Result<Vec<_>, _>>()?;
    bootnodes.extend(options.bootnodes);
    let voter = choose(chain, voters)?;
    let identity = voter
        .clone()
        .map(|key| Arc::new(Identity(key)) as Arc<dyn ValidatorKey>);
    let key = network::node_key(&key_file)?;
    // One that names itself, as all nodes of a chain spec may.
    let own = format!("/p2p/{}", key.peer_id());
    bootnodes.retain(|address| !address.to_string().ends_with(&own));
    let config = quids_network::Config {
        key,
        genesis: chain.genesis(),
        listen: options.listen,
        bootnodes,
        reserved: options.reserved,
        reserved_only: options.reserved_only,
        denied: options.denied,
        max_peers: options.max_peers,
        agent: format!("quids/{}", env!("CARGO_PKG_VERSION")),
        validator: identity,
    };
    let validators = Arc::new(Validators::default());
    validators.renew(chain)?;
    let (network, events) = Network::start(config, validators.clone(), chain.registry()).await?;
    let bodies = Arc::new(Bodies::default());
    let heads = Arc::new(Heads::default());
    let (sender, messages) = mpsc::channel(consensus::MESSAGES_MAX);
    let talking = tokio::spawn(peers::run(peers::Parts {
        chain: chain.clone(),
        pool: pool.clone(),
        network: network.clone(),
        events,
        bodies: bodies.clone(),
        validators,
        heads: heads.clone(),
        consensus: sender,
    }));
    let running = consensus::start(consensus::Parts {
        chain: chain.clone(),
        pool: pool.clone(),
        network: network.clone(),
        links: voter
            .is_some()
            .then(|| HashChain::open(&beacon::file(folder)))
            .transpose()?,
        key: voter,
        bodies,
        heads: heads.clone(),
        messages,
        stop: stop.clone(),
    })?;
    let together = Together {
        network: network.clone(),
        heads,
        status: running.status,
    };
    let halted = chain.clone();
    let working = tokio::spawn(async move {
        let ended = running.ended.await;
        stay_if_halted(&halted, stop).await;
        network.stop().await;
        let _ = talking.await;
        match ended {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(ChainError::Task("the thread of consensus panicked".into()).into()),
        }
    });
    Ok((together, working))
}

/// With a fraud proof a node decides no more, but stays, until it is stopped: others have to hear of it, and the operator to see it.
async fn stay_if_halted(chain: &Chain, mut stop: watch::Receiver<bool>) {
    let halt = chain.frauds().halt();
    let Some(notice) = halt.borrow().clone() else {
        return;
    };
    let stopped = stop.wait_for(|is_told| *is_told);
    tokio::pin!(stopped);
    loop {
        tracing::error!("nothing is decided any more. {}", crate::chain::describe(&notice));
        if tokio::time::timeout(HALTED_SAID_EVERY, &mut stopped).await.is_ok() {
            return;
        }
    }
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
        let (stop, stopped) = watch::channel(false);
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
