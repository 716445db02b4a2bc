//! The fraud proofs that are known, and whether the node stops for one.

use super::{FraudProof, MEMORY_MAX, VerifiedFraud, signers};
use crate::{chain::ChainError, frames::decode_within};
use codec::{Decode, DecodeWithMemTracking, Encode};
use parking_lot::Mutex;
use quids_core::Hash;
use quids_db::{Database, FRAUD_PROOFS_MAX};
use quids_metrics::{IntGauge, Registry};
use quids_rpc::FraudNotice;
use std::sync::Arc;
use tokio::sync::watch;

/// As it is stored.
#[derive(Encode, Decode, DecodeWithMemTracking)]
struct Stored {
    proof: FraudProof,
    /// What is wrong with the block.
    fault: String,
}

/// The proof about a block, and what is wrong with it.
pub(crate) fn stored(db: &Database, block: &Hash) -> Result<Option<(FraudProof, String)>, ChainError> {
    let Some(bytes) = db.fraud_proof(block)? else {
        return Ok(None);
    };
    let stored: Stored = decode_within(&bytes, MEMORY_MAX).map_err(|_| ChainError::Decode {
        what: "a fraud proof",
        error: "it is not as it is stored".into(),
    })?;
    Ok(Some((stored.proof, stored.fault)))
}

/// Fraud proofs of this chain.
pub struct Frauds {
    known: Mutex<Vec<Arc<FraudNotice>>>,
    /// The first that the node stops for.
    halt: watch::Sender<Option<Arc<FraudNotice>>>,
    height: IntGauge,
}

impl Frauds {
    /// With those that an earlier process stored. One about a child of the chain that the operator did not dismiss stops the node, unless
    /// the chain has the block and `executes` all that it has.
    pub(crate) fn open(db: &Database, registry: &Registry, executes: bool) -> Result<Self, ChainError> {
        let this = Self {
            known: Mutex::default(),
            halt: watch::channel(None).0,
            height: registry.int_gauge(
                "quids_fraud_height",
                "The invalid block that a quorum signed, as proven to this node, and for which it decides no more; 0 without one.",
            )?,
        };
        for found in db.fraud_proofs()? {
            let (proof, fault) = match stored(db, &found.block) {
                Ok(Some(stored)) => stored,
                Ok(None) => continue,
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => {
                    tracing::error!("the fraud proof of block {:?} cannot be read: {error}", found.block);
                    continue;
                }
            };
            let (number, parent) = (proof.block.header.number, &proof.parent);
            let is_of_chain = db.hash_at(parent.number)? == Some(parent.hash());
            let is_taken = executes && db.hash_at(number)? == Some(found.block);
            let notice = notice(&proof, fault, found.is_dismissed);
            this.add(&mut this.known.lock(), notice, is_of_chain && !is_taken);
        }
        Ok(this)
    }

    /// All that are known.
    pub fn known(&self) -> Vec<Arc<FraudNotice>> {
        self.known.lock().clone()
    }

    /// What this node stops for, once there is something.
    pub fn halt(&self) -> watch::Receiver<Option<Arc<FraudNotice>>> {
        self.halt.subscribe()
    }

    /// Keeps one, on the disk first, and stops the node for it.
    pub(crate) fn put(&self, db: &Database, fraud: &VerifiedFraud) -> Result<(), ChainError> {
        let (proof, fault) = (fraud.proof().clone(), fraud.fault().to_string());
        let notice = notice(&proof, fault.clone(), false);
        let block = notice.block;
        // Until it is on the disk: another one may come at the same time.
        let mut known = self.known.lock();
        if let Some(known) = known.iter().find(|known| known.block == block) {
            // It may have been met first where its parent was not stored yet.
            self.stop_for(known.clone());
            return Ok(());
        }
        if !db.store_fraud_proof(&block, &Stored { proof, fault }.encode())? {
            tracing::warn!("the fraud proof of {block:?} is not kept: {FRAUD_PROOFS_MAX} are, or it is");
        }
        self.add(&mut known, notice, true);
        Ok(())
    }

    fn add(&self, known: &mut Vec<Arc<FraudNotice>>, notice: FraudNotice, is_of_chain: bool) {
        let notice = Arc::new(notice);
        tracing::error!("{}", describe(&notice));
        known.push(notice.clone());
        if is_of_chain {
            self.stop_for(notice);
        }
    }

    fn stop_for(&self, notice: Arc<FraudNotice>) {
        if notice.is_dismissed {
            return;
        }
        self.halt.send_if_modified(|halt| {
            let is_first = halt.is_none();
            let height = halt.get_or_insert(notice).number;
            self.height.set(i64::from(height.0));
            is_first
        });
    }
}

/// In words for the log.
pub(crate) fn describe(notice: &FraudNotice) -> String {
    let seats: Vec<String> = notice.signers.iter().map(|(seat, _)| seat.to_string()).collect();
    format!(
        "fraud: block {} ({:?}) is final by the signatures of seats {}, and yet invalid: {}",
        notice.number,
        notice.block,
        seats.join(", "),
        notice.fault
    )
}

fn notice(proof: &FraudProof, fault: String, is_dismissed: bool) -> FraudNotice {
    FraudNotice {
        block: proof.hash(),
        number: proof.block.header.number,
        parent: proof.parent.hash(),
        round: proof.justification.round,
        fault,
        bytes: proof.encoded_size() as u64,
        is_dismissed,
        signers: signers(proof).map(|(seat, member)| (seat, member.clone())).collect(),
    }
}
