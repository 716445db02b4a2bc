//! Executing blocks: building one from transactions, and checking one that was built elsewhere.

use super::{Chain, ChainError, NewBlock, State};
use codec::{Decode, Encode};
use quids_api::{
    ApplyExtrinsicResult, ExtrinsicsCommitment, InherentData, InvalidTransaction, SignatureTask,
    TransactionValidityError, evm::EvmBlock, names,
};
use quids_core::{AccountId20, Block, Digest, DigestItem, Hash, Header, Height, OpaqueExtrinsic};
use quids_executor::{ExecutorError, Runtime, Session};
use quids_io::Externalities;
use quids_state::{Commit, StateView};
use rayon::prelude::*;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Extrinsics that one call of `SignatureApi_collect` looks at.
const COLLECT_CHUNK: usize = 64;

/// The longest one call of the runtime may take an author; a trial run of new code compiles it.
const AUTHOR_CALL_DEADLINE: Duration = Duration::from_secs(10);

/// A block with what has to be stored for it.
pub(super) struct Executed {
    pub header: Header,
    pub extrinsics: Vec<Vec<u8>>,
    pub state: Commit,
    /// What it did in the EVM, if the runtime has one and tells.
    pub evm: Result<Option<EvmBlock>, ChainError>,
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

/// How an extrinsic was taken.
enum Applied {
    Included,
    Refused(TransactionValidityError),
}

/// A block under execution.
struct Execution {
    session: Session,
    state: State,
    extrinsics: Vec<Vec<u8>>,
    /// Their bytes.
    length: u32,
    /// The longest a call may take. Only an author has one: whether a block is valid is no matter of time.
    deadline: Option<Duration>,
}

impl Execution {
    fn begin(chain: &Chain, parent: &Parent, header: &Header, deadline: Option<Duration>) -> Result<Self, ChainError> {
        let mut this = Self {
            session: parent.runtime.session()?,
            state: chain.overlay(parent.state.clone()),
            extrinsics: Vec::new(),
            length: 0,
            deadline,
        };
        this.call(names::CORE_INITIALIZE_BLOCK, header)?;
        Ok(this)
    }

    fn call(&mut self, api: &'static str, input: &impl Encode) -> Result<Vec<u8>, ChainError> {
        let input = input.encode();
        Ok(match self.deadline {
            None => self.session.call(&mut self.state, api, &input)?,
            Some(deadline) => self
                .session
                .call_with_deadline(&mut self.state, api, &input, deadline)?,
        })
    }

    fn call_typed<O: Decode>(&mut self, api: &'static str, input: &impl Encode) -> Result<O, ChainError> {
        O::decode(&mut self.call(api, input)?.as_slice()).map_err(ChainError::decode(api))
    }

    /// Applies one extrinsic; if it is refused, or the runtime traps on it, the state is as before.
    fn apply(&mut self, bytes: Vec<u8>) -> Result<Applied, ChainError> {
        let index = self.extrinsics.len() as u32;
        let depth = self.state.depth();
        let host = |error: quids_io::ExtError| ChainError::Executor(ExecutorError::Host(error));
        self.state.begin_transaction().map_err(host)?;
        let result: Result<ApplyExtrinsicResult, ChainError> =
            self.call_typed(names::BLOCK_BUILDER_APPLY_EXTRINSIC, &(index, &bytes));
        match result {
            Ok(Ok(_)) => {
                self.state.commit_transaction().map_err(host)?;
                self.length = self
                    .length
                    .saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
                self.extrinsics.push(bytes);
                Ok(Applied::Included)
            }
            Ok(Err(reason)) => {
                self.state.rollback_to(depth);
                Ok(Applied::Refused(reason))
            }
            Err(error) => {
                self.state.rollback_to(depth);
                Err(error)
            }
        }
    }

    /// Applies a transaction of the pool. `Some`: it must leave the pool. Nothing that a transaction does ends the
    /// block; only a state that cannot be read does.
    fn try_transaction(&mut self, hash: Hash, bytes: Vec<u8>) -> Result<Option<TransactionValidityError>, ChainError> {
        let fits = self.call_typed::<bool>(names::BLOCK_BUILDER_FITS, &(&bytes, self.length));
        let applied = match fits {
            Ok(true) => self.apply(bytes),
            Ok(false) => return Ok(None),
            Err(error) => Err(error),
        };
        match applied {
            Ok(Applied::Included) => Ok(None),
            // An earlier one of the same account did not fit: the pool keeps both.
            Ok(Applied::Refused(TransactionValidityError::Invalid(
                InvalidTransaction::Future | InvalidTransaction::ExhaustsResources,
            ))) => Ok(None),
            Ok(Applied::Refused(reason)) => Ok(Some(reason)),
            Err(error) if error.is_fatal() => Err(error),
            Err(ChainError::Executor(error)) if error.is_local() && error != ExecutorError::Deadline => {
                tracing::warn!("transaction {hash:?} is left for a later block: {error}");
                Ok(None)
            }
            Err(error) => {
                tracing::error!("transaction {hash:?} made the runtime fail: {error}");
                Ok(Some(InvalidTransaction::Call.into()))
            }
        }
    }

    fn finish(mut self) -> Result<Executed, ChainError> {
        let extrinsics = std::mem::take(&mut self.extrinsics);
        let commitment: ExtrinsicsCommitment = self.call_typed(names::BLOCK_BUILDER_COMMIT_EXTRINSICS, &extrinsics)?;
        let header: Header = self.call_typed(names::BLOCK_BUILDER_FINALIZE_BLOCK, &commitment)?;
        let evm = match self.evm() {
            Err(error) if error.is_fatal() => return Err(error),
            evm => evm,
        };
        let commit = self.state.into_commit()?;
        // A header that lies about its state would be final, and its child could never be made.
        if commit.root != header.state_root {
            return Err(ChainError::WrongRoot {
                stated: header.state_root,
                computed: commit.root,
            });
        }
        Ok(Executed {
            header,
            extrinsics,
            state: commit,
            evm,
        })
    }

    /// Asks the runtime what the block did in the EVM. The state is as before.
    fn evm(&mut self) -> Result<Option<EvmBlock>, ChainError> {
        let depth = self.state.depth();
        self.state
            .begin_transaction()
            .map_err(|error| ChainError::Executor(ExecutorError::Host(error)))?;
        let block = self.call_typed(names::QEVM_BLOCK, &());
        self.state.rollback_to(depth);
        match block {
            Ok(block) => Ok(Some(block)),
            Err(ChainError::Executor(ExecutorError::UnknownApi(_))) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Chain {
    /// Builds a block on the last one, stores it and makes it the last one. Returns it with the transactions that
    /// were refused; those that merely did not fit are not among them.
    pub fn author(&self, proposal: Proposal<'_>) -> Result<(NewBlock, Vec<Refused>), ChainError> {
        let _one_at_a_time = self.committing.lock();
        let start = Instant::now();
        let built = self.build(proposal);
        self.metrics.built(start, &built);
        built
    }

    fn build(&self, proposal: Proposal<'_>) -> Result<(NewBlock, Vec<Refused>), ChainError> {
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
                logs: author.into_iter().collect(),
            },
        };
        let mut execution = Execution::begin(self, &parent, &header, Some(AUTHOR_CALL_DEADLINE))?;
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
        let new = self.commit(execution.finish()?)?;
        Ok((new, refused))
    }

    /// Executes a block that was built elsewhere on the last one; if it is valid, stores it and makes it the last one.
    pub fn import(&self, block: Block) -> Result<NewBlock, ChainError> {
        let _one_at_a_time = self.committing.lock();
        let start = Instant::now();
        let imported = self.check_and_store(block);
        self.metrics.imported(start, &imported);
        imported
    }

    fn check_and_store(&self, block: Block) -> Result<NewBlock, ChainError> {
        let executed = self.checked(&self.last()?, &block, true)?;
        self.commit(executed)
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
        if verify_first {
            self.verify_signatures(parent, &block.header, &block.extrinsics)?;
        }
        let executed = self.execute(parent, block)?;
        if executed.header != block.header {
            return Err(invalid(format!(
                "its header is {:?}, executing it gives {:?}",
                block.header, executed.header
            )));
        }
        Ok(executed)
    }

    /// The last block, to execute its child on.
    pub(super) fn last(&self) -> Result<Parent, ChainError> {
        let (_, best) = self.best();
        self.parent(best)
    }

    fn parent(&self, hash: Hash) -> Result<Parent, ChainError> {
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
        let header = &block.header;
        let invalid = |reason: String| ChainError::InvalidBlock {
            number: header.number,
            hash: header.hash(),
            reason,
        };
        let mut execution = Execution::begin(self, parent, header, None)?;
        for (index, OpaqueExtrinsic(bytes)) in block.extrinsics.iter().enumerate() {
            match execution.apply(bytes.clone()) {
                Ok(Applied::Included) => {}
                Ok(Applied::Refused(reason)) => return Err(invalid(format!("extrinsic {index}: {reason}"))),
                Err(ChainError::Executor(error)) if !error.is_local() => {
                    return Err(invalid(format!("extrinsic {index}: {error}")));
                }
                Err(error) => return Err(error),
            }
        }
        execution.finish()
    }

    /// Verifies on all cores what the runtime will ask for at the parent's state.
    pub(super) fn verify_signatures(
        &self,
        parent: &Parent,
        header: &Header,
        extrinsics: &[OpaqueExtrinsic],
    ) -> Result<(), ChainError> {
        let collect = |chunk: &[OpaqueExtrinsic]| -> Result<Vec<SignatureTask>, ChainError> {
            let mut state = self.overlay(parent.state.clone());
            let mut session = parent.runtime.session()?;
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
        self.signatures.verify_all(&claims);
        Ok(())
    }
}
