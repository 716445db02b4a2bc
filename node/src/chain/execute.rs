//! Executing blocks: building one from transactions, and checking one that was built elsewhere.

use super::{
    Chain, ChainError, FinalBlock, NewBlock, VerifiedSignatures,
    execution::{Applied, Asked, Execution},
};
use codec::{Decode, Encode};
use quids_api::{
    ExtrinsicsCommitment, InherentData, SIGNATURES_DIGEST, SignatureTask, TransactionValidityError,
    evm::EvmBlock,
    names,
    pobpc::NextHeight,
    signing::{OpenRequest, SIGNING_QUEUE_KEY},
};
use quids_core::{AccountId20, Block, Digest, DigestItem, Hash, Header, Height, OpaqueExtrinsic, well_known_keys};
use quids_executor::Runtime;
use quids_state::{BatchProof, Commit, Overlay, Recorder, StateBackend, StateView};
use rayon::prelude::*;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// Extrinsics that one call of `SignatureApi_collect` looks at.
const COLLECT_CHUNK: usize = 64;

/// The longest one call of the runtime may take an author; a trial run of new code compiles it.
const AUTHOR_CALL_DEADLINE: Duration = Duration::from_secs(10);

/// The same of a block's end, which a transaction of somebody's cannot prolong but a trial run of code that is due can: without it
/// there would be no block at all.
const AUTHOR_END_DEADLINE: Duration = Duration::from_secs(60);

/// A block with what has to be stored for it.
pub(super) struct Executed {
    pub header: Header,
    pub extrinsics: Vec<Vec<u8>>,
    pub state: Commit,
    /// What it did in the EVM, if the runtime has one and tells.
    pub evm: Result<Option<EvmBlock>, ChainError>,
    /// Who decides the next height, if that was asked for.
    pub next: Option<NextHeight>,
    /// What it needed of its parent's state, if that was noted.
    pub recorder: Option<Arc<Recorder>>,
}

impl Executed {
    /// The outcome, if it is what the header says.
    pub fn ensure_is(self, header: &Header) -> Result<Self, ChainError> {
        if self.header == *header {
            return Ok(self);
        }
        Err(ChainError::InvalidBlock {
            number: header.number,
            hash: header.hash(),
            reason: format!("its header is {header:?}, executing it gives {:?}", self.header),
        })
    }

    /// The block's own time in milliseconds, if it wrote one where clients know it.
    pub fn timestamp_ms(&self) -> Option<u64> {
        let key = Chain::timestamp_key();
        let changed = self.state.values.iter().find(|change| change.key == key)?;
        u64::decode(&mut changed.new.as_deref()?).ok()
    }

    /// The requests that contracts want signed, if the block changed them. Those that are late are among them.
    pub fn signing_queue(&self) -> Option<Vec<OpenRequest>> {
        let changed = self
            .state
            .values
            .iter()
            .find(|change| change.key == SIGNING_QUEUE_KEY)?;
        Decode::decode(&mut changed.new.as_deref()?).ok()
    }
}

/// What a block needs of its parent's state.
pub struct Recorded {
    pub proof: BatchProof,
    /// The values that the proof has by hash only.
    pub blobs: BTreeMap<Hash, Arc<[u8]>>,
}

/// A block that was executed on the last one and is not stored: whether it will be is for others to decide.
pub struct Candidate(Executed);

impl Candidate {
    pub fn header(&self) -> &Header {
        &self.0.header
    }

    pub fn block(&self) -> Block {
        Block {
            header: self.0.header.clone(),
            extrinsics: self.0.extrinsics.iter().cloned().map(OpaqueExtrinsic).collect(),
        }
    }

    /// Its own time in milliseconds, if it wrote one where clients know it.
    pub fn timestamp_ms(&self) -> Option<u64> {
        self.0.timestamp_ms()
    }

    /// On what the block can be executed without a state. `None` if it was not recorded.
    pub fn proof(&self) -> Result<Option<Recorded>, ChainError> {
        self.0.recorder.as_deref().map(recorded).transpose()
    }
}

fn recorded(recorder: &Recorder) -> Result<Recorded, ChainError> {
    Ok(Recorded {
        proof: recorder.proof(&is_by_hash)?,
        blobs: recorder.blobs(&is_by_hash),
    })
}

/// Values longer than this are in no proof: they seldom change, and whoever verifies keeps them.
const BLOB_BYTES_MIN: usize = 4096;

pub(super) fn is_by_hash(key: &[u8], value: &[u8]) -> bool {
    // The queue of requests is small, and another in each block that touches it: nobody would have it.
    key == well_known_keys::CODE || value.len() > BLOB_BYTES_MIN && key != SIGNING_QUEUE_KEY
}

/// What a block is executed on.
pub(super) struct Parent {
    pub header: Header,
    /// After it.
    pub state: StateView,
    /// The one in that state.
    pub runtime: Arc<Runtime>,
}

/// What a block is built from.
pub struct Proposal<'a> {
    pub author: Option<AccountId20>,
    /// What else the header says before the block is executed.
    pub digest: Vec<DigestItem>,
    pub inherents: InherentData,
    /// In the order to try them.
    pub transactions: &'a mut dyn Iterator<Item = Vec<u8>>,
    /// No transaction is begun after this.
    pub deadline: Instant,
    pub count_max: usize,
}

/// A transaction that was tried and left out.
#[derive(Debug)]
pub struct Refused {
    /// As the pool names it.
    pub hash: Hash,
    pub reason: TransactionValidityError,
}

/// Whether a header commits to these extrinsics; else what is wrong with them.
pub(crate) fn is_of_header(header: &Header, extrinsics: &ExtrinsicsCommitment) -> Result<(), &'static str> {
    let signatures = DigestItem::Consensus(SIGNATURES_DIGEST, extrinsics.signatures.encode());
    if extrinsics.root != header.extrinsics_root {
        return Err("their root is another");
    }
    if !header.digest.logs.contains(&signatures) {
        return Err("their signatures are others");
    }
    Ok(())
}

impl Chain {
    /// Builds a block on the last one, stores it and makes it the last one. Returns it with the transactions that
    /// were refused; those that merely did not fit are not among them.
    pub fn author(&self, proposal: Proposal<'_>) -> Result<(NewBlock, Vec<Refused>), ChainError> {
        let _one_at_a_time = self.committing.lock();
        let start = Instant::now();
        let built = self.build(proposal, false);
        let built = built.and_then(|(executed, refused)| Ok((self.commit(executed, None)?, refused)));
        self.metrics.built(start, &built);
        built
    }

    /// As [`Chain::author`], but stores nothing: others have to agree first. `record`: what it needs of the state is noted, for
    /// [`Candidate::proof`].
    pub fn propose(&self, proposal: Proposal<'_>, record: bool) -> Result<(Candidate, Vec<Refused>), ChainError> {
        let (executed, refused) = self.build(proposal, record)?;
        Ok((Candidate(executed), refused))
    }

    /// Executes a block that was built elsewhere on the last one, and stores nothing.
    ///
    /// Errors: [`ChainError::OtherBody`] if its header does not commit to its extrinsics: others than its author may have sent
    /// them.
    pub fn check(&self, block: &Block) -> Result<Candidate, ChainError> {
        let parent = self.last()?;
        let state = self.overlay(parent.state.clone());
        has_its_extrinsics(&parent.runtime, state, block)?;
        Ok(Candidate(self.checked(&parent, block, true)?))
    }

    /// On what a child of the last block can be executed without a state, for a block that others built.
    pub fn prove(&self, block: &Block) -> Result<Recorded, ChainError> {
        let parent = self.last()?;
        let recorder = Arc::new(Recorder::new(parent.state.clone()));
        recorder.get(well_known_keys::CODE)?;
        let state = self.overlay(recorder.clone());
        let mut execution = Execution::begin(&parent.runtime, state, &block.header, None)?;
        execution.apply_all(block)?;
        execution.finish(Asked::EvmAndNext)?;
        recorded(&recorder)
    }

    /// Stores a block that is final, which has to be a child of the last one, with the proof of that, and makes it the last one.
    pub fn decide(&self, candidate: Candidate, justification: Vec<u8>) -> Result<NewBlock, ChainError> {
        let _one_at_a_time = self.committing.lock();
        let start = Instant::now();
        let decided = self.commit(candidate.0, Some(justification));
        self.metrics.imported(start, &decided);
        decided
    }

    fn build(&self, mut proposal: Proposal<'_>, record: bool) -> Result<(Executed, Vec<Refused>), ChainError> {
        let parent = self.last()?;
        let number = parent.header.number.next().unwrap_or(Height::MAX);
        let author = proposal
            .author
            .map(|who| DigestItem::PreRuntime(quids_core::AUTHOR_ENGINE_ID, who.encode()));
        let header = Header {
            parent_hash: parent.header.hash(),
            number,
            state_root: Hash::zero(),
            extrinsics_root: Hash::zero(),
            digest: Digest {
                logs: author.into_iter().chain(std::mem::take(&mut proposal.digest)).collect(),
            },
        };
        if !record {
            let state = self.overlay(parent.state.clone());
            return built_on(&parent.runtime, state, &header, proposal, Asked::Evm);
        }
        let recorder = Arc::new(Recorder::new(parent.state.clone()));
        // So that the proof shows which code runs on it.
        recorder.get(well_known_keys::CODE)?;
        let state = self.overlay(recorder.clone());
        let (mut executed, refused) = built_on(&parent.runtime, state, &header, proposal, Asked::EvmAndNext)?;
        executed.recorder = Some(recorder);
        Ok((executed, refused))
    }

    /// Executes a block that was built elsewhere on the last one; if it is valid, stores it and makes it the last one.
    pub fn import(&self, block: impl Into<FinalBlock>) -> Result<NewBlock, ChainError> {
        let _one_at_a_time = self.committing.lock();
        let start = Instant::now();
        let imported = self.check_and_store(block.into());
        self.metrics.imported(start, &imported);
        imported
    }

    fn check_and_store(&self, block: FinalBlock) -> Result<NewBlock, ChainError> {
        let FinalBlock { block, justification } = block;
        let parent = self.last()?;
        let executed = self.checked_final(&parent, &block, justification.as_ref(), true)?;
        self.commit(executed, justification.map(|proof| proof.encode()))
    }

    /// Executes a block that was built elsewhere, as a child of this one; the outcome, if it is what the block says.
    /// `verify_first`: its signatures on all cores before.
    pub(super) fn checked(&self, parent: &Parent, block: &Block, verify_first: bool) -> Result<Executed, ChainError> {
        let hash = block.header.hash();
        let invalid = |reason: String| ChainError::InvalidBlock {
            number: block.header.number,
            hash,
            reason,
        };
        let (height, last) = (parent.header.number, parent.header.hash());
        if block.header.parent_hash != last || Some(block.header.number) != height.next() {
            return Err(invalid(format!("it is no child of the last block {height} ({last:?})")));
        }
        if verify_first && let Err(error) = self.verify_signatures(parent, &block.header, &block.extrinsics) {
            if error.is_fatal() {
                return Err(error);
            }
            // What this finds is verified when it is asked for.
            tracing::debug!(
                "signatures of block {} are verified one by one: {error}",
                block.header.number
            );
        }
        self.execute(parent, block)?.ensure_is(&block.header)
    }

    /// The last block, to execute its child on.
    pub(super) fn last(&self) -> Result<Parent, ChainError> {
        let (_, best) = self.best();
        self.parent(best)
    }

    pub(super) fn parent(&self, hash: Hash) -> Result<Parent, ChainError> {
        Ok(Parent {
            header: self.header(hash)?,
            state: self.state_at(hash)?,
            runtime: self.runtime_at(hash)?,
        })
    }

    /// Executes a block on its parent's state without storing anything: the header that results.
    pub fn reexecute(&self, block: &Block) -> Result<Header, ChainError> {
        let parent = self.parent(block.header.parent_hash)?;
        self.verify_signatures(&parent, &block.header, &block.extrinsics)?;
        Ok(self.execute(&parent, block)?.header)
    }

    fn execute(&self, parent: &Parent, block: &Block) -> Result<Executed, ChainError> {
        let state = self.overlay(parent.state.clone());
        let mut execution = Execution::begin(&parent.runtime, state, &block.header, None)?;
        execution.apply_all(block)?;
        execution.finish(Asked::Evm)
    }

    /// Verifies on all cores what the runtime will ask for at the parent's state.
    pub(super) fn verify_signatures(
        &self,
        parent: &Parent,
        header: &Header,
        extrinsics: &[OpaqueExtrinsic],
    ) -> Result<(), ChainError> {
        let state = || self.overlay(parent.state.clone());
        verify_signatures(&self.signatures, &parent.runtime, &state, header, extrinsics)
    }
}

/// That the header commits to the extrinsics; [`ChainError::OtherBody`] if not, or if the runtime fails on what no author made.
pub(super) fn has_its_extrinsics<B: StateBackend>(
    runtime: &Runtime,
    mut state: Overlay<B>,
    block: &Block,
) -> Result<(), ChainError> {
    let api = names::BLOCK_BUILDER_COMMIT_EXTRINSICS;
    let output = runtime.call(&mut state, api, &block.extrinsics.encode());
    let committed = output.map_err(ChainError::from).and_then(|output| {
        let commitment = Decode::decode(&mut &output[..]).map_err(ChainError::decode(api))?;
        Ok(is_of_header(&block.header, &commitment))
    });
    let reason = match committed {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(reason)) => reason.to_owned(),
        Err(error) if error.is_fatal() || error.is_local() => return Err(error),
        Err(error) => error.to_string(),
    };
    let (number, hash) = (block.header.number, block.header.hash());
    Err(ChainError::OtherBody { number, hash, reason })
}

/// Verifies on all cores what the runtime will ask for, as it tells on such a state.
pub(super) fn verify_signatures<B: StateBackend>(
    signatures: &VerifiedSignatures,
    runtime: &Runtime,
    state: &(dyn Fn() -> Overlay<B> + Sync),
    header: &Header,
    extrinsics: &[OpaqueExtrinsic],
) -> Result<(), ChainError> {
    let collect = |chunk: &[OpaqueExtrinsic]| -> Result<Vec<SignatureTask>, ChainError> {
        let mut state = state();
        let mut session = runtime.session()?;
        session.call(&mut state, names::CORE_INITIALIZE_BLOCK, &header.encode())?;
        let chunk: Vec<&[u8]> = chunk.iter().map(|OpaqueExtrinsic(bytes)| bytes.as_slice()).collect();
        let output = session.call(&mut state, names::SIGNATURES_COLLECT, &chunk.encode())?;
        Decode::decode(&mut output.as_slice()).map_err(ChainError::decode(names::SIGNATURES_COLLECT))
    };
    let tasks: Vec<Vec<SignatureTask>> = extrinsics
        .par_chunks(COLLECT_CHUNK)
        .map(collect)
        .collect::<Result<_, _>>()?;
    let claims: Vec<_> = tasks
        .into_iter()
        .flatten()
        .filter_map(|task| match task {
            SignatureTask::Verify(claim) => Some(claim),
            SignatureTask::Inline => None,
        })
        .collect();
    signatures.verify_all(&claims);
    Ok(())
}

/// Puts inherents and transactions into a block.
pub(super) fn built_on<B: StateBackend>(
    runtime: &Runtime,
    state: Overlay<B>,
    header: &Header,
    proposal: Proposal<'_>,
    asked: Asked,
) -> Result<(Executed, Vec<Refused>), ChainError> {
    let mut execution = Execution::begin(runtime, state, header, Some(AUTHOR_CALL_DEADLINE))?;
    let inherents: Vec<OpaqueExtrinsic> =
        execution.call_typed(names::BLOCK_BUILDER_INHERENT_EXTRINSICS, &proposal.inherents)?;
    for OpaqueExtrinsic(bytes) in inherents {
        if let Applied::Refused(reason) = execution.apply(bytes)? {
            return Err(ChainError::Inherent {
                what: "inherent",
                reason: reason.to_string(),
            });
        }
    }
    let mut refused = Vec::new();
    for bytes in proposal.transactions.take(proposal.count_max) {
        if Instant::now() >= proposal.deadline {
            break;
        }
        let hash = quids_txpool::hash_of(&bytes);
        if let Some(reason) = execution.try_transaction(hash, bytes)? {
            refused.push(Refused { hash, reason });
        }
    }
    execution.allow(AUTHOR_END_DEADLINE);
    Ok((execution.finish(asked)?, refused))
}
