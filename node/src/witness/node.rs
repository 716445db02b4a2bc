//! A running witness: network, deciding, RPC and metrics, started and stopped together.

use super::{Witness, answers::WitnessAnswers, backend::WitnessBackend, ledger::NEXT, proofs::Proofs};
use crate::{
    ahead::WitnessAhead,
    chain::{ChainError, Stateless, VerifiedSignatures, check_tail, first_height},
    consensus::{Bodies, Ledger},
    metrics::{self, CryptoMetrics, RpcMetrics},
    peers::Validators,
    service::{NodeConfig, NodeError, check_hardware, serve_metrics, serve_rpc},
    signing::Signing,
    spec::{ChainSpec, GenesisCheck},
    together::{self, Deciding, Member, Place, Together},
};
use codec::{DecodeAll, Encode};
use quids_api::pobpc::NextHeight;
use quids_core::{Hash, Height};
use quids_crypto::KeyPair;
use quids_db::{Database, DbError};
use quids_executor::{Executor, ExecutorConfig};
use quids_metrics::Registry;
use quids_network::Network;
use std::{net::SocketAddr, sync::Arc, time::Instant};
use tokio::sync::watch;

/// A witness that runs until it is stopped, or cannot decide blocks any more.
pub struct WitnessNode {
    ledger: Arc<Witness>,
    together: Together,
    rpc: Option<quids_rpc::ServerHandle>,
    metrics: Option<quids_metrics::ServerHandle>,
    stop: watch::Sender<bool>,
    deciding: Deciding,
}

/// Sees to it that the database has the header of this chain's block 0.
fn ensure_genesis(db: &Database, executor: &Executor, spec: &ChainSpec) -> Result<Hash, ChainError> {
    let found = db.genesis()?;
    if let (Some(found), GenesisCheck::AsStored) = (found, &spec.genesis_check) {
        return Ok(found);
    }
    let (header, next) = first_height(executor, spec)?;
    let next = next.ok_or(ChainError::NoValidators)?;
    match db.write_genesis_header(&header, &[(NEXT.to_vec(), next.encode())]) {
        Err(DbError::OtherGenesis { found, wanted }) => Err(ChainError::OtherGenesis {
            found,
            expected: wanted,
        }),
        written => Ok(written?),
    }
}

/// The one of these keys that may vote next, else the last one.
fn choose(db: &Database, voters: Vec<KeyPair>) -> Result<Option<KeyPair>, ChainError> {
    let next = db.aux(NEXT)?.unwrap_or_default();
    let next = NextHeight::decode_all(&mut &next[..]).map_err(ChainError::decode("witness/next"))?;
    let is_member = |key: &KeyPair| next.committee.seat_of(key.public()).is_some();
    let chosen = voters.iter().find(|key| is_member(key)).or(voters.last());
    Ok(chosen.cloned())
}

impl WitnessNode {
    /// Opens the chain of headers and starts everything. Opening blocks the calling task for as long as it takes.
    pub async fn start(config: NodeConfig) -> Result<Self, NodeError> {
        let folder = config.chain_folder();
        let spec = Arc::new(config.spec);
        std::fs::create_dir_all(&folder).map_err(|error| NodeError::Io {
            what: format!("cannot create {}", folder.display()),
            error,
        })?;
        let registry = Registry::new();
        let db = Arc::new(Database::open(&config.chain.storage(&folder)).map_err(ChainError::from)?);
        db.register_metrics(&registry).map_err(ChainError::from)?;
        let executor = ExecutorConfig {
            cache_dir: Some(spec.code_cache(&folder)),
        };
        let executor = Executor::with_metrics(executor, &registry).map_err(ChainError::from)?;
        let genesis = ensure_genesis(&db, &executor, &spec)?;
        check_tail(&db)?;
        metrics::register_node(&registry, genesis, &spec, &folder)?;
        let rpc_metrics = Arc::new(RpcMetrics::new(&registry, quids_rpc::REFUSALS)?);
        if config.hardware_check {
            let (folder, registry) = (folder.clone(), registry.clone());
            tokio::task::spawn_blocking(move || check_hardware(&folder, &registry));
        }
        let metrics = serve_metrics(config.metrics, config.metrics_may_fail, &registry).await?;
        let voter = choose(&db, config.voters.into_iter().map(|voter| voter.0).collect())?;
        let validators = Arc::new(Validators::default());
        let place = Place {
            spec: &spec,
            folder: &folder,
            genesis,
            registry: &registry,
        };
        let connected = together::connect(place, config.network, voter.as_ref(), validators.clone()).await?;
        let bodies = Arc::new(Bodies::default());
        let proofs = Proofs {
            network: connected.0.clone(),
            bodies: bodies.clone(),
            runtime: tokio::runtime::Handle::current(),
        };
        let signatures = Arc::new(VerifiedSignatures::new(CryptoMetrics::new(&registry)?));
        let ahead = WitnessAhead::start(executor.clone(), &registry)?;
        let stateless = Stateless::new(executor, signatures);
        let ledger = Arc::new(Witness::open(
            db.clone(),
            stateless,
            proofs,
            validators,
            &registry,
            ahead,
        )?);
        let (started_at, _) = ledger.best();
        let (stop, stopped) = watch::channel(false);
        let member = Member {
            ledger: ledger.clone(),
            database: db,
            registry: registry.clone(),
            answers: Arc::new(WitnessAnswers {
                ledger: ledger.clone(),
                bodies: bodies.clone(),
            }),
            frauds: ledger.clone(),
            bodies,
            pool: None,
            signing: Arc::new(Signing::default()),
            voter,
        };
        let (together, deciding) = together::begin(member, connected, stopped)?;
        let rpc = match config.rpc {
            None => None,
            Some(rpc) => {
                let backend = WitnessBackend {
                    ledger: ledger.clone(),
                    together: together.clone(),
                    spec,
                    started_at,
                    started: Instant::now(),
                    database: folder.join("db"),
                    controls: config.controls,
                };
                Some(serve_rpc(rpc, Arc::new(backend), rpc_metrics, &registry).await?)
            }
        };
        Ok(Self {
            ledger,
            together,
            rpc,
            metrics,
            stop,
            deciding,
        })
    }

    /// Block 0.
    pub fn genesis(&self) -> Hash {
        self.ledger.genesis()
    }

    /// The last block, which is final.
    pub fn best(&self) -> (Height, Hash) {
        self.ledger.best()
    }

    pub fn network(&self) -> &Network {
        &self.together.network
    }

    /// Where RPC listens.
    pub fn rpc_address(&self) -> Option<SocketAddr> {
        self.rpc.as_ref().map(quids_rpc::ServerHandle::local_addr)
    }

    /// Reads how many connections and subscriptions RPC has; `None` without RPC.
    pub fn rpc_open(&self) -> Option<impl Fn() -> Option<quids_rpc::Open> + Send + Sync + 'static + use<>> {
        self.rpc.as_ref().map(quids_rpc::ServerHandle::open)
    }

    /// Reads the last block.
    pub fn follow_best(&self) -> impl Fn() -> (Height, Hash) + Send + Sync + 'static + use<> {
        let ledger = self.ledger.clone();
        move || ledger.best()
    }

    /// Where metrics are served, at `/metrics`.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(quids_metrics::ServerHandle::local_addr)
    }

    /// Waits until deciding ends by itself, which is an error.
    pub async fn failed(&mut self) -> NodeError {
        match (&mut self.deciding).await {
            Ok(Err(error)) => error,
            Ok(Ok(())) => ChainError::Task("no blocks are decided any more".into()).into(),
            Err(error) => ChainError::Task(error.to_string()).into(),
        }
    }

    /// Stops deciding, then network, RPC and metrics.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        if !self.deciding.is_finished() {
            let _ = self.deciding.await;
        }
        if let Some(rpc) = self.rpc {
            rpc.stop().await;
        }
        if let Some(metrics) = self.metrics {
            metrics.stop().await;
        }
    }
}
