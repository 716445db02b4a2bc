//! Many blocks in a row: while one is executed, the one before is written, and signatures of those to come are verified.

use super::{Chain, ChainError, FinalBlock, NewBlock, execute::Parent};
use codec::Encode;
use quids_core::{Block, DigestItem, Header, Height};
use std::{
    panic::resume_unwind,
    sync::mpsc,
    thread::{self, Scope, ScopedJoinHandle},
    time::Instant,
};

/// Blocks whose signatures are verified and that wait to be executed.
const VERIFIED_MAX: usize = 2;

/// Why a row ended too soon. What was imported before stays.
#[derive(Debug)]
pub enum RowError<E> {
    /// There is no next one.
    Source(E),
    Refused {
        number: Height,
        error: ChainError,
    },
}

/// A block that is being written.
struct Written<'scope> {
    number: Height,
    start: Instant,
    commit: ScopedJoinHandle<'scope, Result<NewBlock, ChainError>>,
}

impl Chain {
    /// Imports the blocks that `next` gives, as [`Chain::import`] one after the other would, in less time; `imported` is told each
    /// of them.
    pub fn import_row<E: Send>(
        &self,
        next: &mut (dyn FnMut() -> Result<Option<FinalBlock>, E> + Send),
        imported: &mut dyn FnMut(&NewBlock),
    ) -> Result<(), RowError<E>> {
        let _one_at_a_time = self.committing.lock();
        thread::scope(|scope| {
            let (verified, blocks) = mpsc::sync_channel(VERIFIED_MAX);
            let source = scope.spawn(move || {
                while let Some(block) = next()? {
                    self.verify_ahead(&block.block);
                    if verified.send(block).is_err() {
                        // One was refused: that is told below.
                        break;
                    }
                }
                Ok(())
            });
            let executed = self.execute_row(scope, blocks, imported);
            let read = source.join().unwrap_or_else(|panic| resume_unwind(panic));
            executed.and(read.map_err(RowError::Source))
        })
    }

    fn execute_row<'scope, E>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        blocks: mpsc::Receiver<FinalBlock>,
        imported: &mut dyn FnMut(&NewBlock),
    ) -> Result<(), RowError<E>> {
        let mut written: Option<Written<'scope>> = None;
        // The block that is being written, to execute its child on.
        let mut ahead: Option<Parent> = None;
        for FinalBlock { block, justification } in blocks {
            let (number, start) = (block.header.number, Instant::now());
            let refused = |error| RowError::Refused { number, error };
            let parent = match ahead.take() {
                Some(parent) => parent,
                None => self.last().map_err(refused)?,
            };
            let executed = self.checked_final(&parent, &block, justification.as_ref(), false);
            // Its child needs the new code, from the state that is stored.
            let next = executed
                .as_ref()
                .ok()
                .filter(|executed| !changes_code(&executed.header));
            ahead = next.map(|executed| Parent {
                state: self.state_of(&parent.header).after(number, &executed.state),
                header: executed.header.clone(),
                runtime: parent.runtime.clone(),
            });
            // It comes first, whatever became of this one.
            if let Some(written) = written.take() {
                self.finish_written(written, imported)?;
            }
            if executed.is_err() {
                self.metrics.imported(start, &executed);
            }
            let executed = executed.map_err(refused)?;
            let proof = justification.map(|proof| proof.encode());
            let this = Written {
                number,
                start,
                commit: scope.spawn(move || self.commit(executed, proof)),
            };
            match ahead {
                Some(_) => written = Some(this),
                None => self.finish_written(this, imported)?,
            }
        }
        written.map_or(Ok(()), |written| self.finish_written(written, imported))
    }

    fn finish_written<E>(&self, written: Written<'_>, imported: &mut dyn FnMut(&NewBlock)) -> Result<(), RowError<E>> {
        let new = written.commit.join().unwrap_or_else(|panic| resume_unwind(panic));
        self.metrics.imported(written.start, &new);
        let number = written.number;
        imported(&new.map_err(|error| RowError::Refused { number, error })?);
        Ok(())
    }

    /// Verifies what the runtime will ask for, as far as that can be told at the last block's state: keys that are bound until
    /// then are verified when they are asked for.
    fn verify_ahead(&self, block: &Block) {
        let verified = self.last().and_then(|last| {
            let header = Header {
                parent_hash: last.header.hash(),
                number: last.header.number.next().unwrap_or(Height::MAX),
                ..block.header.clone()
            };
            self.verify_signatures(&last, &header, &block.extrinsics)
        });
        if let Err(error) = verified {
            tracing::debug!(
                "signatures of block {} are verified later: {error}",
                block.header.number
            );
        }
    }
}

fn changes_code(header: &Header) -> bool {
    header.digest.logs.contains(&DigestItem::RuntimeEnvironmentUpdated)
}
