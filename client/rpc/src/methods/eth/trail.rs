//! What somebody has been told of the best chain, so that he hears of every block once, and of those that left it.

use super::logs::{Wanted, in_block};
use crate::error::{RpcError, from_evm_backend};
use crate::methods::Context;
use crate::{Backend, LogEntry};
use quids_core::{Hash, Height};
use std::collections::VecDeque;
use tokio::sync::OwnedSemaphorePermit;

/// Blocks of which it is remembered that they were told: no deeper reorganisation is told of.
const BLOCKS_MAX: usize = 256;
/// Bytes of logs that are remembered for one listener, in case that their blocks vanish.
const LOGS_BYTES_MAX: usize = 256 << 10;

/// The last blocks that were told.
#[derive(Debug, Default)]
pub struct Trail {
    told: VecDeque<(Height, Hash)>,
    /// The height of the next block to tell.
    next: Height,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// This block left the best chain.
    Gone(Hash),
    /// This block is new on it.
    New(Hash),
}

impl Trail {
    /// Everything up to the best block is told.
    pub fn at_best(node: &dyn Backend) -> Result<Self, RpcError> {
        let best = node.best_hash();
        let header = super::ask::header(node, best)?;
        Ok(Self {
            told: VecDeque::from([(header.number, best)]),
            next: header.number.saturating_add(Height(1)),
        })
    }

    /// The next block; `None` when everything is told.
    pub fn step(&mut self, node: &dyn Backend) -> Result<Option<Step>, RpcError> {
        if let Some(hash) = self.take_gone(node)? {
            return Ok(Some(Step::Gone(hash)));
        }
        let Some(hash) = node.hash_at(self.next).map_err(from_evm_backend)? else {
            return Ok(None);
        };
        self.push(self.next, hash);
        Ok(Some(Step::New(hash)))
    }

    /// The blocks that are gone, then the height of the next to tell.
    pub fn rewind(&mut self, node: &dyn Backend) -> Result<(Vec<Hash>, Height), RpcError> {
        let mut gone = Vec::new();
        while let Some(hash) = self.take_gone(node)? {
            gone.push(hash);
        }
        Ok((gone, self.next))
    }

    /// The last block that was told, if it is no longer on the best chain.
    fn take_gone(&mut self, node: &dyn Backend) -> Result<Option<Hash>, RpcError> {
        let Some((height, hash)) = self.told.back().copied() else {
            return Ok(None);
        };
        if node.hash_at(height).map_err(from_evm_backend)? == Some(hash) {
            return Ok(None);
        }
        self.told.pop_back();
        self.next = height;
        if self.told.is_empty() {
            // Nobody remembers how much more is gone, but it may be more than this block.
            self.next = height.min(node.sync_state().current.saturating_add(Height(1)));
        }
        Ok(Some(hash))
    }

    /// Everything up to this height was told; only the last blocks need to be remembered.
    pub fn skip_to(&mut self, node: &dyn Backend, last: Height) -> Result<(), RpcError> {
        let remembered = u32::try_from(BLOCKS_MAX).unwrap_or(u32::MAX);
        let first = self.next.max(last.saturating_sub(Height(remembered)));
        for height in first.0..=last.0 {
            if let Some(hash) = node.hash_at(Height(height)).map_err(from_evm_backend)? {
                self.push(Height(height), hash);
            }
        }
        self.next = last.saturating_add(Height(1));
        Ok(())
    }

    fn push(&mut self, height: Height, hash: Hash) {
        if self.told.len() >= BLOCKS_MAX {
            self.told.pop_front();
        }
        self.told.push_back((height, hash));
        self.next = height.saturating_add(Height(1));
    }
}

/// Logs that were told, by block: a block that is gone may be gone from the node, too.
#[derive(Debug, Default)]
pub struct ToldLogs {
    blocks: VecDeque<(Hash, Vec<LogEntry>, OwnedSemaphorePermit)>,
    bytes: usize,
}

impl ToldLogs {
    /// Remembers as much as there is room for, the newest.
    pub fn remember(&mut self, context: &Context, block: Hash, logs: Vec<LogEntry>) {
        let size = size(&logs);
        if logs.is_empty() || size > LOGS_BYTES_MAX {
            return;
        }
        while self.bytes.saturating_add(size) > LOGS_BYTES_MAX || self.blocks.len() >= BLOCKS_MAX {
            let Some((_, oldest, _)) = self.blocks.pop_front() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(self::size(&oldest));
        }
        if let Some(permit) = context.keep(size) {
            self.bytes = self.bytes.saturating_add(size);
            self.blocks.push_back((block, logs, permit));
        }
    }

    /// The logs of a block that is gone, the last first.
    pub fn take(&mut self, context: &Context, block: Hash, wanted: &Wanted) -> Result<Vec<LogEntry>, RpcError> {
        let mut logs = match self.blocks.iter().position(|(hash, ..)| *hash == block) {
            Some(index) => {
                let found = self.blocks.remove(index).map(|(_, logs, _)| logs).unwrap_or_default();
                self.bytes = self.bytes.saturating_sub(size(&found));
                found
            }
            None => {
                let known = super::ask::find_block(context, block)?;
                known.map(|known| in_block(block, &known, wanted)).unwrap_or_default()
            }
        };
        logs.reverse();
        Ok(logs)
    }
}

/// Bytes in memory, about.
fn size(logs: &[LogEntry]) -> usize {
    logs.iter()
        .map(|entry| size_of::<LogEntry>() + entry.log.data.len() + entry.log.topics.len() * 32)
        .sum()
}
