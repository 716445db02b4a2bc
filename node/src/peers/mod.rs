//! What this node says to others and answers them: transactions, final blocks, bodies of blocks that are not decided. Messages of
//! consensus are handed over to `consensus`, shares to `signing`.

mod answers;
pub mod frauds;
mod heads;
mod transactions;

pub use answers::{FullAnswers, hash_in};
pub use heads::Heads;

use crate::{
    chain::{Chain, ChainError, FraudKeeper},
    clock::wall_ms,
    consensus::Incoming,
    pool::SharedPool,
};
use parking_lot::RwLock;
use quids_api::{names, pobpc::ValidatorInfo};
use quids_core::Hash;
use quids_crypto::{KeyPair, PublicKey, Signature};
use quids_network::{
    Answer, Event, Events, Host, Lookup, Network, RequestKind, Topic, ValidatorKey, Verdict, key_hash,
};
use quids_pobpc::Committee;
use quids_rpc::Notification;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::{Semaphore, broadcast, mpsc};

/// Answers under way at once: to who catches up, and to who has to vote.
const ANSWERS_MAX: usize = 4;
const URGENT_ANSWERS_MAX: usize = 8;
/// A node whose last block is older cannot tell who is a validator now.
const STALE: Duration = Duration::from_secs(60);

/// Who may prove to be a validator: those that the last block's state names, or, as far as a witness knows, that decide the next.
#[derive(Default)]
pub struct Validators(RwLock<Known>);

#[derive(Default)]
struct Known {
    keys: HashMap<Hash, PublicKey>,
    /// The last block's timestamp.
    at_ms: u64,
    /// There may be validators that this node does not know.
    are_some_others: bool,
}

impl Validators {
    /// Follows the chain.
    pub fn renew(&self, chain: &Chain) -> Result<(), ChainError> {
        let validators: Vec<ValidatorInfo> = chain.ask(names::POBPC_VALIDATORS, &())?;
        let keys = validators.into_iter().map(|validator| validator.key);
        let at_ms = chain.last_timestamp()?;
        self.put(keys, at_ms, false);
        Ok(())
    }

    /// Of a node that knows no more than who decides the next block.
    pub fn put_committee(&self, committee: &Committee) {
        let keys = committee.seats().iter().map(|seat| seat.key.clone());
        self.put(keys, 0, true);
    }

    fn put(&self, keys: impl Iterator<Item = PublicKey>, at_ms: u64, are_some_others: bool) {
        let keys = keys.map(|key| (key_hash(&key), key)).collect();
        *self.0.write() = Known {
            keys,
            at_ms,
            are_some_others,
        };
    }
}

impl Host for Validators {
    fn validator(&self, key_hash: &Hash) -> Lookup {
        let known = self.0.read();
        if let Some(key) = known.keys.get(key_hash) {
            return Lookup::Registered(key.clone());
        }
        let age_ms = wall_ms().saturating_sub(known.at_ms);
        if known.are_some_others || age_ms > STALE.as_millis() as u64 {
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

/// What answers others' questions.
pub trait Answers: Send + Sync + 'static {
    /// `None`: the question is none, or not for this node. May take long.
    fn answer(&self, kind: RequestKind, question: &[u8]) -> Result<Option<Vec<u8>>, ChainError>;
}

/// What talking needs.
pub struct Parts {
    pub network: Network,
    pub events: Events,
    pub answers: Arc<dyn Answers>,
    pub frauds: Arc<dyn FraudKeeper>,
    /// `None`: this node has nothing to do with transactions.
    pub pool: Option<Arc<SharedPool>>,
    pub heads: Arc<Heads>,
    pub consensus: mpsc::Sender<Incoming>,
    /// Of messages that contracts want signed.
    pub shares: mpsc::Sender<Incoming>,
}

/// Talks until the network stops.
pub async fn run(parts: Parts) {
    let Parts {
        network,
        mut events,
        answers,
        frauds,
        pool,
        heads,
        consensus,
        shares,
    } = parts;
    let mut tasks = vec![
        tokio::spawn(heads::keep_asking(heads.clone(), network.clone())),
        tokio::spawn(frauds::keep_asking(frauds, network.clone())),
    ];
    let (sender, receiver) = mpsc::channel(transactions::BATCHES_MAX);
    match &pool {
        Some(pool) => {
            tasks.push(tokio::spawn(transactions::announce(pool.clone(), network.clone())));
            let take_in = transactions::take_in(pool.clone(), network.clone(), receiver);
            tasks.push(tokio::spawn(take_in));
        }
        None => drop(receiver),
    }
    let answering = Answering::new(answers);
    while let Some(event) = events.next().await {
        match event {
            Event::Gossip { id, topic, bytes, from } => {
                let incoming = Incoming { id, bytes, from };
                let sent = match topic {
                    Topic::Consensus => consensus.try_send(incoming),
                    Topic::Transactions => sender.try_send(incoming),
                    Topic::Shares => shares.try_send(incoming),
                };
                if let Err(error) = sent {
                    // Too much to do, or nothing for this node.
                    network.judge(error.into_inner().id, Verdict::Ignore);
                }
            }
            Event::Request {
                kind, bytes, answer, ..
            } => answering.answer(kind, bytes, answer),
            Event::Connected { peer, validator } => {
                let what = if validator.is_some() { ", a validator" } else { "" };
                tracing::debug!("connected to {peer}{what}");
                if let Some(pool) = pool.as_ref().filter(|_| network.peers().len() <= 1) {
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
    for task in tasks {
        task.abort();
    }
}

/// Answers on threads of their own, a few at once.
struct Answering {
    answers: Arc<dyn Answers>,
    usual: Arc<Semaphore>,
    urgent: Arc<Semaphore>,
}

impl Answering {
    fn new(answers: Arc<dyn Answers>) -> Self {
        Self {
            answers,
            usual: Arc::new(Semaphore::new(ANSWERS_MAX)),
            urgent: Arc::new(Semaphore::new(URGENT_ANSWERS_MAX)),
        }
    }

    /// What is dropped is refused.
    fn answer(&self, kind: RequestKind, question: Vec<u8>, answer: Answer) {
        let permits = match kind {
            RequestKind::Proposal | RequestKind::Status | RequestKind::Proof | RequestKind::Code => &self.urgent,
            _ => &self.usual,
        };
        let Ok(permit) = permits.clone().try_acquire_owned() else {
            return;
        };
        let answers = self.answers.clone();
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            match answers.answer(kind, &question) {
                Ok(Some(bytes)) => answer.send(bytes),
                Ok(None) => {}
                Err(error) => tracing::error!("a peer gets no answer: {error}"),
            }
        });
    }
}

/// Keeps the validators as the last block names them.
pub async fn follow(chain: Arc<Chain>, validators: Arc<Validators>) {
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
