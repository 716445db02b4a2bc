//! What this node says to others and answers them: transactions, final blocks, bodies of blocks that are not decided. Messages of
//! consensus are handed over to `consensus`.

mod answers;
mod frauds;
mod heads;
mod transactions;

pub use heads::Heads;

use crate::{
    chain::{Chain, ChainError},
    consensus::{Bodies, Incoming},
    pool::SharedPool,
};
use parking_lot::RwLock;
use quids_api::{names, pobpc::ValidatorInfo};
use quids_core::Hash;
use quids_crypto::{KeyPair, PublicKey, Signature};
use quids_network::{Event, Events, Host, Lookup, Network, RequestKind, Topic, ValidatorKey, Verdict, key_hash};
use quids_rpc::Notification;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::{Semaphore, broadcast, mpsc};

/// Answers under way at once: to who catches up, and to who has to vote.
const ANSWERS_MAX: usize = 4;
const URGENT_ANSWERS_MAX: usize = 8;
/// A node whose last block is older cannot tell who is a validator now.
const STALE: Duration = Duration::from_secs(60);

/// Who may prove to be a validator: those that the last block's state names.
#[derive(Default)]
pub struct Validators(RwLock<Known>);

#[derive(Default)]
struct Known {
    keys: HashMap<Hash, PublicKey>,
    /// The last block's timestamp.
    at_ms: u64,
}

impl Validators {
    /// Follows the chain.
    pub fn renew(&self, chain: &Chain) -> Result<(), ChainError> {
        let validators: Vec<ValidatorInfo> = chain.ask(names::POBPC_VALIDATORS)?;
        let keys = validators
            .into_iter()
            .map(|validator| (key_hash(&validator.key), validator.key));
        let known = Known {
            keys: keys.collect(),
            at_ms: chain.last_timestamp()?,
        };
        *self.0.write() = known;
        Ok(())
    }
}

impl Host for Validators {
    fn validator(&self, key_hash: &Hash) -> Lookup {
        let known = self.0.read();
        if let Some(key) = known.keys.get(key_hash) {
            return Lookup::Registered(key.clone());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let age = now.saturating_sub(Duration::from_millis(known.at_ms));
        if age > STALE {
            Lookup::Unknown
        } else {
            Lookup::Unregistered
        }
    }
}

/// The key of this node's seat, as it proves itself to peers.
pub struct Identity(pub KeyPair);

impl ValidatorKey for Identity {
    fn public(&self) -> PublicKey {
        self.0.public().clone()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, String> {
        Ok(self.0.sign(message))
    }
}

/// What talking needs.
pub struct Parts {
    pub chain: Arc<Chain>,
    pub pool: Arc<SharedPool>,
    pub network: Network,
    pub events: Events,
    pub bodies: Arc<Bodies>,
    pub validators: Arc<Validators>,
    pub heads: Arc<Heads>,
    pub consensus: mpsc::Sender<Incoming>,
}

/// Talks until the network stops.
pub async fn run(parts: Parts) {
    let Parts {
        chain,
        pool,
        network,
        mut events,
        bodies,
        validators,
        heads,
        consensus,
    } = parts;
    let follow = tokio::spawn(follow(chain.clone(), validators));
    let asking = tokio::spawn(heads::keep_asking(heads.clone(), network.clone()));
    let warning = tokio::spawn(frauds::keep_asking(chain.clone(), network.clone()));
    let (sender, receiver) = mpsc::channel(transactions::BATCHES_MAX);
    let announce = tokio::spawn(transactions::announce(pool.clone(), network.clone()));
    let take_in = tokio::spawn(transactions::take_in(pool.clone(), network.clone(), receiver));
    let answers = Arc::new(Semaphore::new(ANSWERS_MAX));
    let urgent = Arc::new(Semaphore::new(URGENT_ANSWERS_MAX));
    while let Some(event) = events.next().await {
        match event {
            Event::Gossip { id, topic, bytes, from } => {
                let incoming = Incoming { id, bytes, from };
                let sent = match topic {
                    Topic::Consensus => consensus.try_send(incoming),
                    Topic::Transactions => sender.try_send(incoming),
                };
                if let Err(error) = sent {
                    // Too much to do.
                    network.judge(error.into_inner().id, Verdict::Ignore);
                }
            }
            Event::Request {
                kind, bytes, answer, ..
            } => {
                // Dropped, it is refused.
                let permits = match kind {
                    RequestKind::Proposal | RequestKind::Status | RequestKind::Proof => &urgent,
                    _ => &answers,
                };
                if let Ok(permit) = permits.clone().try_acquire_owned() {
                    let (chain, bodies) = (chain.clone(), bodies.clone());
                    tokio::task::spawn_blocking(move || {
                        let _permit = permit;
                        match answers::to(&chain, &bodies, kind, &bytes) {
                            Ok(Some(bytes)) => answer.send(bytes),
                            Ok(None) => {}
                            Err(error) => tracing::error!("a peer gets no answer: {error}"),
                        }
                    });
                }
            }
            Event::Connected { peer, validator } => {
                let what = if validator.is_some() { ", a validator" } else { "" };
                tracing::debug!("connected to {peer}{what}");
                if network.peers().len() <= 1 {
                    // What was sent while nobody was there has reached nobody.
                    let waiting = pool.pending_named().into_iter().filter(|(is_ready, _)| *is_ready);
                    let waiting: Vec<_> = waiting.map(|(_, (hash, _))| hash).collect();
                    pool.announce_again(&waiting);
                }
                tokio::spawn(heads::ask(heads.clone(), network.clone(), peer));
            }
            Event::Disconnected { peer } => {
                tracing::debug!("no longer connected to {peer}");
                heads.forget(&peer);
            }
        }
    }
    for task in [follow, asking, warning, announce, take_in] {
        task.abort();
    }
}

/// Keeps the validators as the last block names them.
async fn follow(chain: Arc<Chain>, validators: Arc<Validators>) {
    let mut blocks: broadcast::Receiver<Arc<Notification>> = chain.subscribe();
    loop {
        match blocks.recv().await {
            Ok(_) => {
                let (chain, validators) = (chain.clone(), validators.clone());
                let renewed = tokio::task::spawn_blocking(move || validators.renew(&chain)).await;
                if let Ok(Err(error)) = renewed {
                    tracing::error!("the validators are not known: {error}");
                }
            }
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}
