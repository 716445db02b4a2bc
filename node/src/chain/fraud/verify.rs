//! Judging a fraud proof, with a header that is trusted and no state. Whoever holds an honest block for fraud stops an honest
//! network: only what every node would find of the block itself counts.

use super::{Fault, FraudProof, NoFraud, signers};
use crate::chain::{
    ChainError, Stateless, StatelessError, VerifiedSignatures,
    execute::{has_its_extrinsics, verify_signatures},
    execution::{Asked, Execution},
    overlay,
};
use quids_api::pobpc::NextCommittee;
use quids_core::{Block, Hash};
use quids_executor::Runtime;
use quids_pobpc::{Seat, SeatIndex};
use quids_state::{BackendError, Blobs, ProofState, StateBackend};
use std::sync::Arc;

/// What a verifier knows of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trusted {
    pub genesis: Hash,
    /// The hash of the block that the accused one would follow: one of the chain.
    pub parent: Hash,
    /// Who decides block 1. The header of block 0 does not say so; without this nothing is proven about its child.
    pub first: Option<NextCommittee>,
}

/// A fraud proof that holds. Only [`Stateless::verify_fraud`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedFraud {
    proof: FraudProof,
    fault: Fault,
}

impl VerifiedFraud {
    pub fn proof(&self) -> &FraudProof {
        &self.proof
    }

    /// What is wrong with the block.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// The members that signed the block, by seat.
    pub fn signers(&self) -> impl Iterator<Item = (SeatIndex, &Seat)> {
        signers(&self.proof)
    }
}

impl Stateless {
    /// Whether this proves that a quorum signed an invalid child of a trusted block. Cheap checks come first. `blobs` has the
    /// code of the runtime in the parent's state; nothing else is taken from there.
    pub fn verify_fraud(
        &self,
        trusted: &Trusted,
        proof: FraudProof,
        blobs: &Arc<dyn Blobs>,
    ) -> Result<VerifiedFraud, NoFraud> {
        check_signed(trusted, &proof)?;
        let fault = self.fault(&proof, blobs)?;
        Ok(VerifiedFraud { proof, fault })
    }

    fn fault(&self, proof: &FraudProof, blobs: &Arc<dyn Blobs>) -> Result<Fault, NoFraud> {
        let FraudProof { parent, block, .. } = proof;
        let state = ProofState::open(parent.state_root, &proof.proof, blobs.clone())?;
        let state = Arc::new(state);
        let runtime = self.runtime(&state, blobs).map_err(|error| match error {
            StatelessError::Missing(hashes) => NoFraud::NoCode(hashes.first().copied().unwrap_or_default()),
            StatelessError::NoCode => NoFraud::NoRuntime,
            StatelessError::Incomplete(error) => NoFraud::Incomplete(error),
            StatelessError::Proof(error) => NoFraud::Proof(error),
            // That this node cannot load it is no fault of the block.
            StatelessError::Block(error) => NoFraud::NotJudged(error),
        })?;
        let judged = self.judged(&runtime, &state, block);
        // Whatever the runtime made of what the proof does not show, it is no verdict.
        match state.failure() {
            Some(BackendError::NoBlob(hash)) if hash == runtime.code_hash() => Err(NoFraud::NoCode(hash)),
            Some(error) => Err(NoFraud::Incomplete(error)),
            None => judged,
        }
    }

    /// As far as the state is there.
    fn judged(&self, runtime: &Runtime, state: &Arc<ProofState>, block: &Block) -> Result<Fault, NoFraud> {
        check_body(runtime, state, &self.signatures, block)?;
        let beside = || overlay(Arc::new(state.afresh()), &self.signatures);
        let verified = verify_signatures(&self.signatures, runtime, &beside, &block.header, &block.extrinsics);
        if let Err(error) = verified {
            tracing::debug!("signatures are verified one by one: {error}");
        }
        let fault = fault_of(runtime, state, &self.signatures, block).map_err(NoFraud::NotJudged)?;
        fault.ok_or(NoFraud::Right)
    }
}

/// Whether a quorum of the committee that the trusted parent names signed the block, and it is the parent's child.
fn check_signed(trusted: &Trusted, proof: &FraudProof) -> Result<(), NoFraud> {
    let FraudProof {
        parent,
        committee,
        block,
        justification,
        proof: _,
    } = proof;
    let header = &block.header;
    let (number, hash, at) = (header.number, header.hash(), parent.hash());
    if at != trusted.parent {
        let number = parent.number;
        return Err(NoFraud::UnknownParent { number, hash: at });
    }
    if header.parent_hash != at || Some(number) != parent.number.next() {
        let parent = parent.number;
        return Err(NoFraud::NoChild { number, hash, parent });
    }
    let first = trusted.first.filter(|_| at == trusted.genesis);
    let next = NextCommittee::of(parent).or(first);
    let next = next.ok_or(NoFraud::NoCommittee(parent.number))?;
    let (found, committed) = (committee.hash(), next.hash);
    if found != committed {
        return Err(NoFraud::OtherCommittee { found, committed });
    }
    if (justification.height, justification.block) != (number, hash) {
        let (number, hash) = (justification.height, justification.block);
        return Err(NoFraud::OtherSigned { number, hash });
    }
    justification.verify(&trusted.genesis, committee, next.threshold, &quids_crypto::verify)?;
    Ok(())
}

/// That these are the extrinsics that the header commits to. Others prove nothing: anybody may give them.
pub(super) fn check_body<B: StateBackend>(
    runtime: &Runtime,
    state: &Arc<B>,
    signatures: &Arc<VerifiedSignatures>,
    block: &Block,
) -> Result<(), NoFraud> {
    match has_its_extrinsics(runtime, overlay(state.clone(), signatures), block) {
        Err(ChainError::OtherBody { reason, .. }) => Err(NoFraud::OtherBody(reason)),
        checked => checked.map_err(NoFraud::NotJudged),
    }
}

/// Executes a block with its own extrinsics on its parent's state, or as much as there is of it: what is wrong with it, if anything is.
/// An error says nothing about the block.
pub(super) fn fault_of<B: StateBackend>(
    runtime: &Runtime,
    state: &Arc<B>,
    signatures: &Arc<VerifiedSignatures>,
    block: &Block,
) -> Result<Option<Fault>, ChainError> {
    let state = overlay(state.clone(), signatures);
    let executed = Execution::begin(runtime, state, &block.header, None).and_then(|mut execution| {
        execution.apply_all(block)?;
        execution.finish(Asked::Nothing)
    });
    match executed {
        Ok(executed) if executed.header == block.header => Ok(None),
        Ok(executed) => Ok(Some(Fault::Header(Box::new(executed.header)))),
        Err(ChainError::InvalidBlock { reason, .. }) => Ok(Some(Fault::Refused(reason))),
        Err(ChainError::Executor(error)) if error.is_verdict() => Ok(Some(Fault::Failed(error.to_string()))),
        Err(error) => Err(error),
    }
}
