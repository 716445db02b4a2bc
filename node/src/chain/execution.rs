//! A block under execution, on whatever has its parent's state.

use super::{ChainError, execute::Executed};
use codec::{Decode, Encode};
use quids_api::{
    ApplyExtrinsicResult, ExtrinsicsCommitment, InvalidTransaction, TransactionValidityError, names, pobpc::NextHeight,
};
use quids_core::{Block, Hash, Header, OpaqueExtrinsic};
use quids_executor::{ExecutorError, Runtime, Session};
use quids_io::Externalities;
use quids_state::{Overlay, StateBackend};
use std::time::Duration;

/// How an extrinsic was taken.
pub(super) enum Applied {
    Included,
    Refused(TransactionValidityError),
}

/// What is asked of the runtime when a block is executed, beyond its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// What it did in the EVM, to be indexed.
    Evm,
    /// Who decides the next height: so that whoever executes it on its proof can ask that too.
    Next,
    EvmAndNext,
    /// For a verdict on the block and nothing else.
    Nothing,
}

/// A block under execution.
pub(super) struct Execution<B: StateBackend> {
    session: Session,
    state: Overlay<B>,
    extrinsics: Vec<Vec<u8>>,
    /// Their bytes.
    length: u32,
    /// The longest a call may take. Only an author has one: whether a block is valid is no matter of time.
    deadline: Option<Duration>,
}

impl<B: StateBackend> Execution<B> {
    /// Begins a block on its parent's state, with the runtime that is in it.
    pub fn begin(
        runtime: &Runtime,
        state: Overlay<B>,
        header: &Header,
        deadline: Option<Duration>,
    ) -> Result<Self, ChainError> {
        let mut this = Self {
            session: runtime.session()?,
            state,
            extrinsics: Vec::new(),
            length: 0,
            deadline,
        };
        this.call(names::CORE_INITIALIZE_BLOCK, header)?;
        Ok(this)
    }

    /// From now on a call may take so long, if its time was limited.
    pub fn allow(&mut self, deadline: Duration) {
        self.deadline = self.deadline.map(|_| deadline);
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

    pub fn call_typed<O: Decode>(&mut self, api: &'static str, input: &impl Encode) -> Result<O, ChainError> {
        O::decode(&mut self.call(api, input)?.as_slice()).map_err(ChainError::decode(api))
    }

    /// Applies one extrinsic; if it is refused, or the runtime traps on it, the state is as before.
    pub fn apply(&mut self, bytes: Vec<u8>) -> Result<Applied, ChainError> {
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
    pub fn try_transaction(
        &mut self,
        hash: Hash,
        bytes: Vec<u8>,
    ) -> Result<Option<TransactionValidityError>, ChainError> {
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

    /// Applies all extrinsics of a block, none of which may be refused.
    pub fn apply_all(&mut self, block: &Block) -> Result<(), ChainError> {
        let header = &block.header;
        let invalid = |reason: String| ChainError::InvalidBlock {
            number: header.number,
            hash: header.hash(),
            reason,
        };
        for (index, OpaqueExtrinsic(bytes)) in block.extrinsics.iter().enumerate() {
            match self.apply(bytes.clone()) {
                Ok(Applied::Included) => {}
                Ok(Applied::Refused(reason)) => return Err(invalid(format!("extrinsic {index}: {reason}"))),
                Err(ChainError::Executor(error)) if error.is_verdict() => {
                    return Err(invalid(format!("extrinsic {index}: {error}")));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub fn finish(mut self, asked: Asked) -> Result<Executed, ChainError> {
        let extrinsics = std::mem::take(&mut self.extrinsics);
        let commitment: ExtrinsicsCommitment = self.call_typed(names::BLOCK_BUILDER_COMMIT_EXTRINSICS, &extrinsics)?;
        let header: Header = self.call_typed(names::BLOCK_BUILDER_FINALIZE_BLOCK, &commitment)?;
        let evm = match self.aside(names::QEVM_BLOCK, matches!(asked, Asked::Evm | Asked::EvmAndNext)) {
            Err(error) if error.is_fatal() => return Err(error),
            evm => evm,
        };
        let next =
            self.aside::<Option<NextHeight>>(names::POBPC_NEXT, matches!(asked, Asked::Next | Asked::EvmAndNext))?;
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
            next: next.flatten(),
            recorder: None,
        })
    }

    /// Asks the runtime something on the block's own state, which is as before then; `None` if it is not to be asked, or has no
    /// such function.
    fn aside<O: Decode>(&mut self, api: &'static str, is_asked: bool) -> Result<Option<O>, ChainError> {
        if !is_asked {
            return Ok(None);
        }
        let depth = self.state.depth();
        self.state
            .begin_transaction()
            .map_err(|error| ChainError::Executor(ExecutorError::Host(error)))?;
        let answer = self.call_typed(api, &());
        self.state.rollback_to(depth);
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(ChainError::Executor(ExecutorError::UnknownApi(_))) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
