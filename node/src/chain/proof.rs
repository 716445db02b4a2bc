//! Whether a block comes with what makes it final.

use super::{
    Chain, ChainError,
    execute::{Executed, Parent, has_its_extrinsics},
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use quids_api::{
    names,
    pobpc::{NextHeight, ToSay},
    signing::OpenRequest,
};
use quids_core::{AccountId20, Block, Hash, Header, Height};
use quids_executor::{ExecutorError, Runtime};
use quids_pobpc::Justification;
use quids_state::{Overlay, StateBackend};

/// A block of the chain, as it goes from one node to another.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct FinalBlock {
    pub block: Block,
    /// The proof that it is final; `None` on a chain without validators.
    pub justification: Option<Justification>,
}

/// What goes of a block to a node that keeps no state.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct FinalHeader {
    pub header: Header,
    /// The proof that the block is final.
    pub justification: Justification,
    /// Who decides its child, whose committee and threshold the header commits to; `None`: the same as decided this one.
    pub next: Option<NextHeight>,
}

impl From<Block> for FinalBlock {
    fn from(block: Block) -> Self {
        let justification = None;
        Self { block, justification }
    }
}

/// Who decides the child of the block with this state; `None` on a chain without validators.
pub(super) fn next_height<B: StateBackend>(
    runtime: &Runtime,
    state: &mut Overlay<B>,
) -> Result<Option<NextHeight>, ChainError> {
    match runtime.call(state, names::POBPC_NEXT, &[]) {
        Ok(answer) => Decode::decode(&mut &answer[..]).map_err(ChainError::decode(names::POBPC_NEXT)),
        Err(ExecutorError::UnknownApi(_)) => Ok(None),
        Err(error) => Err(error.into()),
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
    pub fn ask<O: Decode>(&self, api: &'static str, input: &impl Encode) -> Result<O, ChainError> {
        let parent = self.last()?;
        let mut state = self.overlay(parent.state.clone());
        let answer = parent.runtime.call(&mut state, api, &input.encode())?;
        Decode::decode(&mut &answer[..]).map_err(ChainError::decode(api))
    }

    /// What the next block has to say if this validator makes it; `None` also of a runtime that does not tell.
    pub fn to_say(&self, author: &AccountId20) -> Result<Option<ToSay>, ChainError> {
        match self.ask(names::POBPC_TO_SAY, author) {
            Err(ChainError::Executor(ExecutorError::UnknownApi(_))) => Ok(None),
            answer => answer,
        }
    }

    /// Requests of contracts that the next block may bring certificates for; none also of a runtime that does not tell.
    pub fn signing_queue(&self) -> Result<Vec<OpenRequest>, ChainError> {
        match self.ask(names::QEVM_SIGNING_QUEUE, &()) {
            Err(ChainError::Executor(ExecutorError::UnknownApi(_))) => Ok(Vec::new()),
            answer => answer,
        }
    }

    /// Who decides the child of the last block; `None`: nobody has to.
    pub fn next_height(&self) -> Result<Option<NextHeight>, ChainError> {
        self.next_height_after(&self.last()?)
    }

    /// Who decides the child of this block, as long as its state is kept.
    pub fn next_height_at(&self, hash: Hash) -> Result<Option<NextHeight>, ChainError> {
        self.next_height_after(&self.parent(hash)?)
    }

    pub(super) fn next_height_after(&self, parent: &Parent) -> Result<Option<NextHeight>, ChainError> {
        next_height(&parent.runtime, &mut self.overlay(parent.state.clone()))
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
        if next.is_none() || error.is_fatal() || (error.is_local() && !error.is_outdated()) {
            return Err(error);
        }
        has_its_extrinsics(&parent.runtime, self.overlay(parent.state.clone()), block)?;
        let reason = error.to_string();
        if error.is_outdated() {
            return Err(ChainError::Outdated { number, hash, reason });
        }
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
