//! Executing a block without a state: on its batch proof alone, as a witness does.

use super::{
    ChainError, VerifiedSignatures,
    execute::{has_its_extrinsics, verify_signatures},
    execution::{Asked, Execution},
    overlay,
};
use crate::ahead::{UpgradeChange, changes_in};

use quids_api::{pobpc::NextHeight, signing::OpenRequest};
use quids_core::{Block, Hash, Header, well_known_keys};
use quids_crypto::blake3_256;
use quids_executor::{Executor, ExecutorError, Runtime};
use quids_state::{BackendError, BadBatchProof, BatchProof, Blobs, ProofState};
use std::sync::Arc;

/// Runtimes and verified signatures, and no state.
pub struct Stateless {
    executor: Executor,
    pub(super) signatures: Arc<VerifiedSignatures>,
}

/// What a block came to that is right.
#[derive(Clone, Debug, PartialEq)]
pub struct Witnessed {
    pub header: Header,
    /// Who decides the next height; `None` on a chain without validators.
    pub next: Option<NextHeight>,
    /// Its own time, if it wrote one.
    pub timestamp_ms: Option<u64>,
    /// What contracts want signed, if it changed that.
    pub signing: Option<Vec<OpenRequest>>,
    /// What it changed of upgrades.
    pub upgrades: Vec<UpgradeChange>,
}

/// Why there is no such outcome. Only [`ChainError::InvalidBlock`] in the last, and what code did that is no fault of this node's, say
/// that the block is wrong.
#[derive(Debug, thiserror::Error)]
pub enum StatelessError {
    #[error("the batch proof is none: {0}")]
    Proof(#[from] BadBatchProof),
    /// To be fetched first: values that the block needs, and the proof has by hash.
    #[error("{} values are not here that the batch proof has by hash", .0.len())]
    Missing(Vec<Hash>),
    #[error("the batch proof does not show all that the block needs: {0}")]
    Incomplete(BackendError),
    #[error("the state in the batch proof has no runtime")]
    NoCode,
    #[error(transparent)]
    Block(ChainError),
}

impl Stateless {
    pub fn new(executor: Executor, signatures: Arc<VerifiedSignatures>) -> Self {
        Self { executor, signatures }
    }

    /// Executes a child of this block on its batch proof. The proof may come from anybody: what it shows, hashes tell.
    pub fn check(
        &self,
        parent: &Header,
        block: &Block,
        proof: &BatchProof,
        blobs: &Arc<dyn Blobs>,
    ) -> Result<Witnessed, StatelessError> {
        let state = Arc::new(ProofState::open(parent.state_root, proof, blobs.clone())?);
        // What the proof marks as missing is asked for only if the block needs it: marks are anybody's.
        let executed = self.execute(parent, block, &state, blobs);
        // Whatever the runtime made of what the proof does not show, it is no verdict.
        match state.failure() {
            Some(BackendError::NoBlob(hash)) => Err(StatelessError::Missing(vec![hash])),
            Some(error) => Err(StatelessError::Incomplete(error)),
            None => executed,
        }
    }

    fn execute(
        &self,
        parent: &Header,
        block: &Block,
        state: &Arc<ProofState>,
        blobs: &Arc<dyn Blobs>,
    ) -> Result<Witnessed, StatelessError> {
        let header = &block.header;
        let invalid = |reason: String| {
            StatelessError::Block(ChainError::InvalidBlock {
                number: header.number,
                hash: header.hash(),
                reason,
            })
        };
        if header.parent_hash != parent.hash() || Some(header.number) != parent.number.next() {
            return Err(invalid(format!("it is no child of block {}", parent.number)));
        }
        let runtime = self.runtime(state, blobs)?;
        let beside = || overlay(Arc::new(state.afresh()), &self.signatures);
        has_its_extrinsics(&runtime, overlay(state.clone(), &self.signatures), block).map_err(StatelessError::Block)?;
        if let Err(error) = verify_signatures(&self.signatures, &runtime, &beside, header, &block.extrinsics) {
            tracing::debug!("signatures of block {} are verified one by one: {error}", header.number);
        }
        let state = overlay(state.clone(), &self.signatures);
        let executed = Execution::begin(&runtime, state, header, None).and_then(|mut execution| {
            execution.apply_all(block)?;
            execution.finish(Asked::Next)
        });
        let executed = executed.and_then(|executed| executed.ensure_is(header));
        let executed = executed.map_err(StatelessError::Block)?;
        Ok(Witnessed {
            timestamp_ms: executed.timestamp_ms(),
            signing: executed.signing_queue(),
            upgrades: changes_in(&executed.state),
            header: executed.header,
            next: executed.next,
        })
    }

    /// The one that executes on this state.
    pub(super) fn runtime(&self, state: &ProofState, blobs: &Arc<dyn Blobs>) -> Result<Arc<Runtime>, StatelessError> {
        let hash = state
            .value_hash(well_known_keys::CODE)
            .map_err(StatelessError::Incomplete)?
            .ok_or(StatelessError::NoCode)?;
        if let Some(runtime) = self.executor.loaded(&hash) {
            return Ok(runtime);
        }
        let is_it = |code: &Arc<[u8]>| Hash::from(blake3_256(code)) == hash;
        let code = blobs.get(&hash).filter(is_it);
        let code = code.ok_or_else(|| StatelessError::Missing(vec![hash]))?;
        let loaded = self.executor.load(&code).map_err(ExecutorError::of_chains_code);
        loaded.map_err(|error| StatelessError::Block(error.into()))
    }
}
