//! Whether a block comes with what makes it final.

use super::{
    Chain, ChainError,
    execute::{Executed, Parent},
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use quids_api::{names, pobpc::NextHeight};
use quids_core::{Block, Hash, Height};
use quids_executor::ExecutorError;
use quids_pobpc::Justification;

/// A block of the chain, as it goes from one node to another.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct FinalBlock {
    pub block: Block,
    /// The proof that it is final; `None` on a chain without validators.
    pub justification: Option<Justification>,
}

impl From<Block> for FinalBlock {
    fn from(block: Block) -> Self {
        let justification = None;
        Self { block, justification }
    }
}

impl Chain {
    /// A block as it is stored; `None` if it or its body is not there.
    pub fn final_block(&self, hash: &Hash) -> Result<Option<FinalBlock>, ChainError> {
        let Some(block) = self.block(*hash)? else {
            return Ok(None);
        };
        let justification = self.justification(hash)?;
        Ok(Some(FinalBlock { block, justification }))
    }

    /// The proof that a block is final; `None` if it came without.
    pub fn justification(&self, hash: &Hash) -> Result<Option<Justification>, ChainError> {
        let proof = self.db.justification(hash)?;
        let proof = proof.map(|bytes| Justification::decode(&mut &bytes[..]));
        proof.transpose().map_err(ChainError::decode("a justification"))
    }

    /// Asks the runtime of the last block something that deciding cannot do without: it does not wait for others' calls, and takes
    /// as long as it takes.
    pub fn ask<O: Decode>(&self, api: &'static str) -> Result<O, ChainError> {
        self.ask_after(&self.last()?, api)
    }

    fn ask_after<O: Decode>(&self, parent: &Parent, api: &'static str) -> Result<O, ChainError> {
        let mut state = self.overlay(parent.state.clone());
        let answer = parent.runtime.call(&mut state, api, &[])?;
        Decode::decode(&mut &answer[..]).map_err(ChainError::decode(api))
    }

    /// Who decides the child of the last block; `None`: nobody has to.
    pub fn next_height(&self) -> Result<Option<NextHeight>, ChainError> {
        self.next_height_after(&self.last()?)
    }

    pub(super) fn next_height_after(&self, parent: &Parent) -> Result<Option<NextHeight>, ChainError> {
        match self.ask_after(parent, names::POBPC_NEXT) {
            Err(ChainError::Executor(ExecutorError::UnknownApi(_))) => Ok(None),
            answer => answer,
        }
    }

    /// Executes a block that others say is final: first whether it is, by precommits of a quorum of its committee. Then, if it
    /// does not execute, its committee is to blame, unless somebody gave it another body.
    pub(super) fn checked_final(
        &self,
        parent: &Parent,
        block: &Block,
        justification: Option<&Justification>,
        verify_first: bool,
    ) -> Result<Executed, ChainError> {
        let (number, hash) = (block.header.number, block.header.hash());
        let next = self.next_height_after(parent)?;
        if let Some(next) = &next {
            self.check_proof(next, number, hash, justification)
                .map_err(|reason| ChainError::Unproven { number, hash, reason })?;
        }
        let error = match self.checked(parent, block, verify_first) {
            Ok(executed) => return Ok(executed),
            Err(error) => error,
        };
        let is_own_fault = error.is_fatal() || matches!(&error, ChainError::Executor(error) if error.is_local());
        if next.is_none() || is_own_fault || !self.is_body_of_header(parent, block)? {
            return Err(error);
        }
        let reason = error.to_string();
        if let Some(justification) = justification {
            self.accuse(parent, block, justification);
        }
        Err(ChainError::InvalidButFinal { number, hash, reason })
    }

    fn check_proof(
        &self,
        next: &NextHeight,
        number: Height,
        hash: Hash,
        justification: Option<&Justification>,
    ) -> Result<(), String> {
        let proof = justification.ok_or("it comes without a justification")?;
        if (proof.height, proof.block) != (number, hash) {
            return Err(format!(
                "its justification is for block {} ({:?})",
                proof.height, proof.block
            ));
        }
        proof
            .verify(&self.genesis, &next.committee, next.threshold, &quids_crypto::verify)
            .map_err(|error| error.to_string())
    }
}
