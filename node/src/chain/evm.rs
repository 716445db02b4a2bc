//! The chain as the EVM has it: what each block did, where transactions and logs are, a block's transactions executed
//! once more for their traces.

use super::{CALL_DEADLINE, Chain, ChainError, execute::Executed, latest::Latest};
use codec::{Decode, Encode};
use parking_lot::Mutex;
use quids_api::{
    TransactionValidityError,
    evm::{EvmBlock, EvmLog, EvmOutcome, ExecutedTransaction, TraceOptions},
    names,
};
use quids_core::{H256, Hash, Height, OpaqueExtrinsic};
use quids_db::{LogFilter, LogQueryError, MatchingLog};
use quids_executor::ExecutorError;
use quids_io::{ExtError, Externalities};
use quids_rpc::Notification;
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

/// The longest a block's traces may take, beyond the call of the runtime at hand.
const REPLAY_DEADLINE: Duration = Duration::from_secs(30);
/// SCALE bytes of the traces of one question; the runtime bounds those of one transaction.
const REPLAY_BYTES_MAX: usize = 256 << 20;
/// Blocks taken back of which is remembered what they did.
const TAKEN_BACK_KEPT_MAX: usize = 1024;
/// Blocks of which is kept in memory what they did.
const RECENT_MAX: usize = 256;

/// Bytes of what blocks did that are kept in memory: whoever asks for receipts asks for those of the last blocks, one by
/// one.
const RECENT_BYTES_MAX: usize = 64 << 20;
/// Bytes in memory of a transaction, and of a log, without those of their contents.
const TRANSACTION_BYTES: usize = size_of::<ExecutedTransaction>();
const LOG_BYTES: usize = size_of::<EvmLog>() + 4 * size_of::<H256>();

/// What blocks did that were stored or asked for last.
#[derive(Default)]
pub(super) struct Recent(Mutex<RecentBlocks>);

#[derive(Default)]
struct RecentBlocks {
    blocks: VecDeque<(Hash, Arc<EvmBlock>, usize)>,
    bytes: usize,
}

impl Recent {
    fn get(&self, hash: Hash) -> Option<Arc<EvmBlock>> {
        let recent = self.0.lock();
        let found = recent.blocks.iter().rev().find(|(known, ..)| *known == hash);
        found.map(|(_, block, _)| block.clone())
    }

    pub fn put(&self, hash: Hash, block: Arc<EvmBlock>) {
        let bytes = bytes_of(&block);
        let mut recent = self.0.lock();
        if bytes > RECENT_BYTES_MAX || recent.blocks.iter().any(|(known, ..)| *known == hash) {
            return;
        }
        recent.bytes += bytes;
        recent.blocks.push_back((hash, block, bytes));
        while recent.bytes > RECENT_BYTES_MAX || recent.blocks.len() > RECENT_MAX {
            let Some((_, _, bytes)) = recent.blocks.pop_front() else {
                break;
            };
            recent.bytes -= bytes;
        }
    }

    fn clear(&self) {
        *self.0.lock() = RecentBlocks::default();
    }
}

fn bytes_of(block: &EvmBlock) -> usize {
    let transactions = block.transactions.iter().map(|transaction| {
        let call = transaction.call.as_ref().map_or(0, |call| call.encoded_size());
        let logs = transaction.receipt.logs.iter().map(|log| LOG_BYTES + log.data.len());
        TRANSACTION_BYTES + transaction.envelope.len() + call + logs.sum::<usize>()
    });
    size_of::<EvmBlock>() + transactions.sum::<usize>()
}

/// What blocks did that were taken back last, for those who have to tell of it.
#[derive(Default)]
pub(super) struct TakenBack(Mutex<HashMap<Hash, Arc<EvmBlock>>>);

impl Chain {
    /// What a block did in the EVM: from the index, or, of genesis and of blocks that were stored without, from the
    /// runtime that made it. `None` if the block is unknown, but for those taken back last.
    pub fn evm_block(&self, hash: Hash) -> Result<Option<Arc<EvmBlock>>, ChainError> {
        if let Some(block) = self.recent.get(hash) {
            return Ok(Some(block));
        }
        if let Some(block) = self.db.evm_block(&hash)?.map(Arc::new) {
            self.recent.put(hash, block.clone());
            return Ok(Some(block));
        }
        let Some(header) = self.db.header(&hash)? else {
            return Ok(self.taken_back.0.lock().get(&hash).cloned());
        };
        let maker = match header.number {
            Height::ZERO => hash,
            _ => header.parent_hash,
        };
        let _permit = self.calls.acquire(CALL_DEADLINE).ok_or(ChainError::Busy)?;
        let mut state = self.overlay_at(hash)?;
        let runtime = self.runtime_at(maker)?;
        let output = runtime.call_with_deadline(&mut state, names::QEVM_BLOCK, &[], CALL_DEADLINE)?;
        let block = EvmBlock::decode(&mut &output[..]).map_err(ChainError::decode(names::QEVM_BLOCK))?;
        let block = Arc::new(block);
        self.recent.put(hash, block.clone());
        Ok(Some(block))
    }

    /// The block of an EVM transaction, and its place among the block's EVM transactions.
    pub fn evm_transaction(&self, hash: &H256) -> Result<Option<(Hash, u32)>, ChainError> {
        Ok(self.db.evm_transaction(hash)?)
    }

    /// The logs of the best chain that match, in order.
    pub fn evm_logs(&self, filter: &LogFilter) -> Result<Vec<MatchingLog>, LogQueryError> {
        let start = Instant::now();
        let found = self.db.evm_logs(filter);
        self.metrics.evm.queried(start);
        found
    }

    /// Executes a block once more on its parent's state, in its own runtime, and records its EVM transactions: the one
    /// at this place among them, or all. `None` if the block is unknown, or its body, or if it has no such transaction.
    pub fn evm_replay(
        &self,
        hash: Hash,
        position: Option<u32>,
        options: TraceOptions,
    ) -> Result<Option<Vec<EvmOutcome>>, ChainError> {
        let (Some(evm), Some(block)) = (self.evm_block(hash)?, self.block(hash)?) else {
            return Ok(None);
        };
        let wanted = match position {
            None => &evm.transactions[..],
            Some(position) => match evm.transactions.get(position as usize) {
                None => return Ok(None),
                Some(transaction) => std::slice::from_ref(transaction),
            },
        };
        let wanted: Vec<u32> = wanted.iter().map(|transaction| transaction.extrinsic_index).collect();
        let Some(last) = wanted.iter().max().copied() else {
            return Ok(Some(Vec::new()));
        };
        let _permit = self.calls.acquire(CALL_DEADLINE).ok_or(ChainError::Busy)?;
        let start = Instant::now();
        let parent = block.header.parent_hash;
        let mut session = self.runtime_at(parent)?.session()?;
        let mut state = self.overlay_at(parent)?;
        session.call_with_deadline(
            &mut state,
            names::CORE_INITIALIZE_BLOCK,
            &block.header.encode(),
            CALL_DEADLINE,
        )?;
        let host = |error: ExtError| ChainError::Executor(ExecutorError::Host(error));
        let mut outcomes = Vec::with_capacity(wanted.len());
        let mut bytes = 0;
        for (index, OpaqueExtrinsic(extrinsic)) in (0..=last).zip(&block.extrinsics) {
            let count = wanted.iter().filter(|wanted| **wanted == index).count();
            state.begin_transaction().map_err(host)?;
            if count == 0 {
                let input = (index, extrinsic).encode();
                session.call_with_deadline(&mut state, names::BLOCK_BUILDER_APPLY_EXTRINSIC, &input, CALL_DEADLINE)?;
            } else {
                let input = (index, extrinsic, options).encode();
                let output =
                    session.call_with_deadline(&mut state, names::QEVM_TRACE_EXTRINSIC, &input, CALL_DEADLINE)?;
                bytes += output.len();
                if bytes > REPLAY_BYTES_MAX || start.elapsed() > REPLAY_DEADLINE {
                    return Err(ChainError::TraceTooLarge {
                        traced: outcomes.len(),
                        bytes,
                        seconds: start.elapsed().as_secs(),
                    });
                }
                let traced = Result::<Option<EvmOutcome>, TransactionValidityError>::decode(&mut &output[..])
                    .map_err(ChainError::decode(names::QEVM_TRACE_EXTRINSIC))?;
                let invalid = |reason: String| ChainError::InvalidBlock {
                    number: block.header.number,
                    hash,
                    reason: format!("executed again, extrinsic {index} {reason}"),
                };
                let outcome = traced.map_err(|reason| invalid(format!("is refused: {reason}")))?;
                let outcome = outcome.ok_or_else(|| invalid("is no transaction of the EVM".into()))?;
                outcomes.extend(std::iter::repeat_n(outcome, count));
            }
            state.commit_transaction().map_err(host)?;
        }
        self.metrics.evm.replayed(start);
        Ok(Some(outcomes))
    }

    /// What to index of a block that was just executed. A runtime that fails to tell is no reason to refuse its block:
    /// whether that is valid must not depend on it.
    pub(super) fn evm_to_index(&self, executed: &mut Executed) -> Option<EvmBlock> {
        match std::mem::replace(&mut executed.evm, Ok(None)) {
            Ok(evm) => evm,
            Err(error) => {
                let number = executed.header.number;
                tracing::error!("what block {number} did in the EVM is not indexed: {error}");
                self.metrics.evm.failed();
                None
            }
        }
    }

    /// Ends the chain at an earlier block again; what was above is gone, with its indexes. For development chains. The
    /// hashes of the blocks that are gone, highest first.
    pub fn take_back_to(&self, hash: Hash) -> Result<Vec<Hash>, ChainError> {
        let _one_at_a_time = self.committing.lock();
        let header = self.header(hash)?;
        let kept = self.remember_until(hash)?;
        let retracted = self.db.take_back_to(&hash)?;
        *self.latest.write() = Latest::new(hash, self.state_of(&header));
        *self.taken_back.0.lock() = kept;
        self.recent.clear();
        {
            let mut runtimes = self.runtimes.lock();
            for hash in &retracted {
                runtimes.remove(hash);
            }
        }
        self.metrics.at(header.number);
        if !retracted.is_empty() {
            // Nobody listening is fine.
            let _ = self.notifications.send(Arc::new(Notification {
                hash,
                header,
                is_imported: false,
                is_new_best: true,
                is_finalised: true,
                // Perhaps one that is gone had changed it.
                code_changed: true,
                retracted: retracted.clone(),
            }));
        }
        Ok(retracted)
    }

    /// What the last blocks above this one did in the EVM.
    fn remember_until(&self, hash: Hash) -> Result<HashMap<Hash, Arc<EvmBlock>>, ChainError> {
        let mut kept = HashMap::new();
        let (_, mut at) = self.best();
        while at != hash && kept.len() < TAKEN_BACK_KEPT_MAX {
            let Some(header) = self.db.header(&at)? else { break };
            let block = match self.recent.get(at) {
                Some(block) => Some(block),
                None => self.db.evm_block(&at)?.map(Arc::new),
            };
            if let Some(block) = block
                && !block.transactions.is_empty()
            {
                kept.insert(at, block);
            }
            at = header.parent_hash;
        }
        Ok(kept)
    }
}
