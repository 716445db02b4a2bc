//! Making a fraud proof, where the parent's state is; and taking in those of others.

use super::{
    FRAUD_PROOF_BYTES_MAX, FraudKeeper, FraudProof, Frauds, NoFraud, Trusted, VerifiedFraud, check_recent,
    keep::stored,
    verify::{check_body, fault_of},
};
use crate::chain::{Chain, ChainError, Stateless, execute::Parent};
use codec::Encode;
use quids_api::pobpc::NextCommittee;
use quids_core::{Block, Hash, Header, Height, well_known_keys};
use quids_pobpc::Justification;
use quids_state::{Blobs, Recorder, StateBackend};
use std::{collections::HashMap, sync::Arc};

impl Chain {
    /// A child of the last block was decided, and is invalid: says so to the operator, and has a proof of it for others.
    pub fn accuse_decided(&self, block: &Block, justification: &Justification) {
        match self.last() {
            Ok(parent) => self.accuse(&parent, block, justification),
            Err(error) => tracing::error!("no fraud proof of block {}: {error}", block.header.number),
        }
    }

    /// As [`Self::accuse_decided`], of a child of this block.
    pub(in crate::chain) fn accuse(&self, parent: &Parent, block: &Block, justification: &Justification) {
        let accused = self
            .proof_of_fraud(parent, block, justification)
            .and_then(|fraud| Ok(self.frauds.put(&self.db, &fraud)?));
        if let Err(error) = accused {
            tracing::error!(
                "block {} ({:?}) is final and invalid, but there is no fraud proof of it: {error}",
                block.header.number,
                block.header.hash()
            );
        }
    }

    /// Executes it once more, noting what it needs, and verifies the proof of that as others will.
    fn proof_of_fraud(
        &self,
        parent: &Parent,
        block: &Block,
        justification: &Justification,
    ) -> Result<VerifiedFraud, NoFraud> {
        let next = self.next_height_after(parent)?;
        let next = next.ok_or(NoFraud::NoCommittee(parent.header.number))?;
        let recorder = Arc::new(Recorder::new(parent.state.clone()));
        // So that the proof shows which code runs on it.
        recorder.get(well_known_keys::CODE).map_err(ChainError::from)?;
        check_body(&parent.runtime, &recorder, &self.signatures, block)?;
        fault_of(&parent.runtime, &recorder, &self.signatures, block)?.ok_or(NoFraud::Right)?;
        // Whoever verifies has the runtime, and nothing else of this state.
        let is_code = |key: &[u8], _: &[u8]| key == well_known_keys::CODE;
        let proof = FraudProof {
            parent: parent.header.clone(),
            committee: next.committee.clone(),
            block: block.clone(),
            justification: justification.clone(),
            proof: recorder.proof(&is_code).map_err(ChainError::from)?,
        };
        let bytes = proof.encoded_size();
        if bytes > FRAUD_PROOF_BYTES_MAX {
            return Err(NoFraud::TooLarge(bytes));
        }
        let trusted = Trusted {
            genesis: self.genesis,
            parent: parent.header.hash(),
            first: Some(NextCommittee::from(&next)),
        };
        let code: Arc<dyn Blobs> = Arc::new(recorder.blobs(&is_code));
        // As others read it.
        let proof = FraudProof::decode(&proof.encode())?;
        self.stateless().verify_fraud(&trusted, proof, &code)
    }

    fn stateless(&self) -> Stateless {
        Stateless::new(self.executor.clone(), self.signatures.clone())
    }

    /// Whether this proves that a quorum signed an invalid child of a block of this chain.
    pub fn verify_fraud(&self, proof: FraudProof) -> Result<VerifiedFraud, NoFraud> {
        let parent = &proof.parent;
        let (number, hash) = (parent.number, parent.hash());
        if !self.has_at(number, hash)? {
            return Err(NoFraud::UnknownParent { number, hash });
        }
        check_recent(number, self.best().0)?;
        let (number, child) = (proof.block.header.number, proof.hash());
        if self.has_at(number, child)? {
            return Err(NoFraud::Executed { number, hash: child });
        }
        let trusted = Trusted {
            genesis: self.genesis,
            parent: hash,
            first: self.first_committee(parent)?,
        };
        let code: Arc<dyn Blobs> = Arc::new(self.codes(hash));
        self.stateless().verify_fraud(&trusted, proof, &code)
    }

    /// Who decides block 1, if this is block 0 and its state is still there.
    fn first_committee(&self, parent: &Header) -> Result<Option<NextCommittee>, ChainError> {
        if parent.number != Height::ZERO {
            return Ok(None);
        }
        let next = self.next_height_after(&self.parent(parent.hash())?)?;
        Ok(next.as_ref().map(NextCommittee::from))
    }

    /// Runtimes that this node has: the one after this block, if its state is there, and the one of now.
    fn codes(&self, block: Hash) -> HashMap<Hash, Arc<[u8]>> {
        let (_, best) = self.best();
        let code = |block: Hash| self.state_at(block).ok()?.get(well_known_keys::CODE).ok()?;
        let codes = [block, best].into_iter().filter_map(code);
        codes
            .map(|code| (quids_crypto::blake3_256(&code).into(), code))
            .collect()
    }
}

impl FraudKeeper for Chain {
    fn frauds(&self) -> &Frauds {
        &self.frauds
    }

    fn has_at(&self, height: Height, hash: Hash) -> Result<bool, ChainError> {
        Ok(self.db.hash_at(height)? == Some(hash))
    }

    fn has_executed(&self, height: Height, hash: Hash) -> Result<bool, ChainError> {
        self.has_at(height, hash)
    }

    fn take_in_fraud(&self, asked: Hash, bytes: &[u8]) -> Result<(), NoFraud> {
        let fraud = self.verify_fraud(FraudProof::decode_about(asked, bytes)?)?;
        Ok(self.frauds.put(&self.db, &fraud)?)
    }

    fn fraud_proof(&self, block: &Hash) -> Result<Option<Vec<u8>>, ChainError> {
        Ok(stored(&self.db, block)?.map(|(proof, _)| proof.encode()))
    }
}
