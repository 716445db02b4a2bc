//! This node's part in deciding blocks: performs what the engine of `quids-consensus` says, and tells it what happens.
//!
//! One thread has the engine. It waits for the disk where the engine says so; blocks are built and executed elsewhere. A height goes: the engine begins it; who has the turn builds a block; its hash is proposed and voted upon while
//! others fetch the body and execute it; once it is decided it is stored with the proof, and the next height begins one
//! interval after this one's proposal was seen.

mod candidates;
mod catch_up;
mod disk;
mod ledger;
mod offence;
mod task;
mod wire;

pub use ledger::{BlockWish, BroughtIn, Executed, Full, Ledger, Made};
pub use task::ConsensusError;
pub use wire::{BLOCKS_BYTES, BLOCKS_MAX, BlocksRequest, Bodies};

use crate::peers::Heads;
use disk::Disk;
use quids_consensus::{Engine, Setup, Timeouts};
use quids_crypto::KeyPair;
use quids_db::Journal;
use quids_metrics::Registry;
use quids_network::{GossipId, Network, PeerId};
use quids_rpc::{ConsensusState, FraudNotice};
use std::sync::Arc;
use task::Task;
use tokio::sync::{mpsc, oneshot, watch};

/// Messages of others that wait for the engine; what is more is not passed on.
pub const MESSAGES_MAX: usize = 1024;

/// A message of another node, to be judged.
#[derive(Debug)]
pub struct Incoming {
    pub id: GossipId,
    pub bytes: Vec<u8>,
    pub from: PeerId,
}

/// What deciding needs.
pub struct Parts<L> {
    pub ledger: Arc<L>,
    pub registry: Registry,
    pub network: Network,
    pub bodies: Arc<Bodies>,
    /// Who may be ahead.
    pub heads: Arc<Heads>,
    pub messages: mpsc::Receiver<Incoming>,
    /// Has a fraud once there is no sense in deciding any more.
    pub halt: watch::Receiver<Option<Arc<FraudNotice>>>,
    pub stop: watch::Receiver<bool>,
}

/// Deciding, while it goes on.
pub struct Running {
    pub status: watch::Receiver<Arc<ConsensusState>>,
    /// How it ended; nothing if it was told to.
    pub ended: oneshot::Receiver<Result<(), ConsensusError>>,
}

/// Starts deciding, on a thread of its own, with the key that this node votes with, if it does. To be called within a runtime.
pub fn start<L: Ledger>(parts: Parts<L>, journal: Journal, key: Option<KeyPair>) -> Result<Running, ConsensusError> {
    let disk = Disk::new(journal, key);
    let setup = Setup {
        genesis: parts.ledger.genesis(),
        key: disk.public().cloned(),
        timeouts: Timeouts::default(),
    };
    let halt = parts.halt.clone();
    let (task, status) = Task::new(Engine::new(setup, disk), parts)?;
    let (tell, ended) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new()
        .name("consensus".into())
        .spawn(move || {
            // Whatever it awaits may be left: what it said is in the journal.
            let outcome = runtime.block_on(async {
                tokio::select! {
                    biased;
                    error = fraud(halt) => Err(error),
                    outcome = task.run() => outcome,
                }
            });
            // Whoever listened may be gone.
            let _ = tell.send(outcome);
        })
        .map_err(|error| ConsensusError::Thread(error.to_string()))?;
    Ok(Running { status, ended })
}

/// Waits until there is no sense in deciding any more.
async fn fraud(mut halt: watch::Receiver<Option<Arc<FraudNotice>>>) -> ConsensusError {
    match halt.wait_for(Option::is_some).await.as_deref() {
        Ok(Some(notice)) => ConsensusError::Fraud {
            number: notice.number,
            block: notice.block,
        },
        // The ledger holds the other end, and the task the ledger.
        _ => std::future::pending().await,
    }
}
