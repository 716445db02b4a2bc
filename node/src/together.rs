//! A node among others, with the state or without: its network, what it answers, and deciding.

use crate::{
    chain::{ChainError, FraudKeeper, describe},
    consensus::{self, Bodies, Ledger},
    network::{self, NetworkOptions},
    peers::{self, Answers, Heads, Identity, Validators},
    pool::SharedPool,
    service::NodeError,
    signing::{self, Signing},
    spec::ChainSpec,
};
use quids_core::{Hash, Height};
use quids_crypto::KeyPair;
use quids_db::{Database, Journal};
use quids_metrics::Registry;
use quids_network::{Events, Multiaddr, Network, ValidatorKey};
use quids_rpc::{ConsensusState, Health, NodeRole, Peer, SyncState};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// How often a node says that it stopped for a fraud.
const HALTED_SAID_EVERY: Duration = Duration::from_secs(60);

/// What the rest of the node sees of it.
#[derive(Clone)]
pub struct Together {
    pub network: Network,
    pub heads: Arc<Heads>,
    pub status: watch::Receiver<Arc<ConsensusState>>,
}

impl Together {
    pub fn health(&self) -> Health {
        Health {
            peers: u32::try_from(self.network.peers().len()).unwrap_or(u32::MAX),
            is_syncing: self.status.borrow().is_catching_up,
            should_have_peers: true,
        }
    }

    pub fn peers(&self) -> Vec<Peer> {
        let peers = self.network.peers().into_iter().map(|peer| {
            let (best_number, best_hash) = self.heads.of(&peer.id).unwrap_or_default();
            Peer {
                peer_id: peer.id.to_string(),
                roles: if peer.validator.is_some() { "AUTHORITY" } else { "FULL" }.into(),
                best_hash,
                best_number: best_number.0,
            }
        });
        peers.collect()
    }

    pub fn listen_addresses(&self) -> Vec<String> {
        self.network.addresses().iter().map(ToString::to_string).collect()
    }

    pub fn sync_state(&self, starting: Height, current: Height) -> SyncState {
        let highest = self.heads.highest();
        SyncState {
            starting,
            current,
            highest: highest.map_or(current, |(highest, _)| highest.max(current)),
        }
    }

    pub fn role(&self) -> NodeRole {
        match self.status.borrow().seat {
            Some(_) => NodeRole::Authority,
            None => NodeRole::Full,
        }
    }

    pub fn consensus(&self) -> ConsensusState {
        ConsensusState::clone(&self.status.borrow())
    }
}

/// Deciding, until it ends or is told to.
pub type Deciding = JoinHandle<Result<(), NodeError>>;

/// Where a node is.
pub struct Place<'a> {
    pub spec: &'a ChainSpec,
    /// Of the chain's data.
    pub folder: &'a Path,
    pub genesis: Hash,
    pub registry: &'a Registry,
}

/// Meets others. A voter proves its key to them.
pub async fn connect(
    place: Place<'_>,
    options: NetworkOptions,
    voter: Option<&KeyPair>,
    validators: Arc<Validators>,
) -> Result<(Network, Events), NodeError> {
    let Place {
        spec,
        folder,
        genesis,
        registry,
    } = place;
    let key_file = options.key_file.unwrap_or_else(|| network::key_file(folder));
    let of_spec = spec.boot_nodes.iter().map(|address| {
        let address = address.parse::<Multiaddr>();
        address.map_err(|error| NodeError::Arguments(format!("bootNodes of the chain spec: {error}")))
    });
    let mut bootnodes = of_spec.collect::<Result<Vec<_>, _>>()?;
    bootnodes.extend(options.bootnodes);
    let key = network::node_key(&key_file)?;
    // One that names itself, as all nodes of a chain spec may.
    let own = format!("/p2p/{}", key.peer_id());
    bootnodes.retain(|address| !address.to_string().ends_with(&own));
    let config = quids_network::Config {
        key,
        genesis,
        listen: options.listen,
        bootnodes,
        reserved: options.reserved,
        reserved_only: options.reserved_only,
        denied: options.denied,
        max_peers: options.max_peers,
        agent: format!("quids/{}", env!("CARGO_PKG_VERSION")),
        validator: voter.map(|key| Arc::new(Identity(key.clone())) as Arc<dyn ValidatorKey>),
    };
    Ok(Network::start(config, validators, registry).await?)
}

/// What decides and answers.
pub struct Member<L> {
    pub ledger: Arc<L>,
    /// With the journal.
    pub database: Arc<Database>,
    pub registry: Registry,
    pub bodies: Arc<Bodies>,
    pub answers: Arc<dyn Answers>,
    pub frauds: Arc<dyn FraudKeeper>,
    /// `None`: it has nothing to do with transactions.
    pub pool: Option<Arc<SharedPool>>,
    pub signing: Arc<Signing>,
    /// The key that it votes and signs with, if it does.
    pub voter: Option<KeyPair>,
}

/// Begins to talk and to decide.
pub fn begin<L: Ledger>(
    member: Member<L>,
    (network, events): (Network, Events),
    stop: watch::Receiver<bool>,
) -> Result<(Together, Deciding), NodeError> {
    let heads = Arc::new(Heads::default());
    let (sender, messages) = mpsc::channel(consensus::MESSAGES_MAX);
    let (share, shares) = mpsc::channel(signing::SHARES_MAX);
    let talking = tokio::spawn(peers::run(peers::Parts {
        network: network.clone(),
        events,
        answers: member.answers,
        frauds: member.frauds.clone(),
        pool: member.pool,
        heads: heads.clone(),
        consensus: sender,
        shares: share,
    }));
    let key = member.voter.clone();
    let parts = consensus::Parts {
        ledger: member.ledger.clone(),
        registry: member.registry,
        network: network.clone(),
        bodies: member.bodies,
        heads: heads.clone(),
        messages,
        halt: member.frauds.frauds().halt(),
        stop: stop.clone(),
    };
    let running = consensus::start(parts, Journal::new(member.database), member.voter)?;
    tokio::spawn(signing::run(signing::Parts {
        ledger: member.ledger,
        signing: member.signing,
        network: network.clone(),
        key,
        messages: shares,
        deciding: running.status.clone(),
    }));
    let together = Together {
        network: network.clone(),
        heads,
        status: running.status,
    };
    let deciding = tokio::spawn(async move {
        let ended = running.ended.await;
        stay_if_halted(&*member.frauds, stop).await;
        network.stop().await;
        let _ = talking.await;
        match ended {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(ChainError::Task("the thread of consensus panicked".into()).into()),
        }
    });
    Ok((together, deciding))
}

/// With a fraud proof a node decides no more, but stays, until it is stopped: others have to hear of it, and the operator to see it.
async fn stay_if_halted(keeper: &dyn FraudKeeper, mut stop: watch::Receiver<bool>) {
    let halt = keeper.frauds().halt();
    let Some(notice) = halt.borrow().clone() else {
        return;
    };
    let stopped = stop.wait_for(|is_told| *is_told);
    tokio::pin!(stopped);
    loop {
        tracing::error!("nothing is decided any more. {}", describe(&notice));
        if tokio::time::timeout(HALTED_SAID_EVERY, &mut stopped).await.is_ok() {
            return;
        }
    }
}
