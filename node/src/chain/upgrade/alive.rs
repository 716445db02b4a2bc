//! Whether the chain goes on under a new code: an empty block on the state that its migrations leave.

use super::migrate;
use crate::chain::{
    Chain, ChainError, State,
    execute::{Proposal, built_on},
    execution::Asked,
};
use quids_api::{InherentData, TIMESTAMP_INHERENT};
use quids_core::{Hash, Height};
use quids_executor::{ExecutorError, Runtime};
use std::time::Instant;

/// Between two blocks, for their timestamps.
const BLOCK_MS: u64 = 1000;

impl Chain {
    /// Why there would be no block under the new code, after one at `last` with the `migrated` state, where there is one under the
    /// running code. `None`: the chain goes on.
    pub(super) fn dead_end(
        &self,
        running: (&Runtime, Hash, Height),
        new: &Runtime,
        migrated: State,
        last: Height,
    ) -> Result<Option<String>, ChainError> {
        let now = self.last_timestamp()?.saturating_add(BLOCK_MS);
        let under_new = empty_block(new, migrated, last, now)?;
        if under_new == Ok(true) {
            return Ok(None);
        }
        let (runtime, best, height) = running;
        let under_running = empty_block(runtime, self.overlay_at(best)?, height, now)?;
        Ok(match (under_running, under_new) {
            // What cannot be told of the running code is no fault of the new one.
            (Ok(_), Err(reason)) => Some(format!("no block can be made under it: {reason}")),
            (Ok(true), Ok(false)) => {
                Some("it does not say who decides the next block: validators would stop for good".into())
            }
            _ => None,
        })
    }
}

/// Makes the block after `last` as an author would, and throws it away: whether it says who decides the one after it. The inner error
/// is the code's, in words.
fn empty_block(
    runtime: &Runtime,
    mut state: State,
    last: Height,
    now: u64,
) -> Result<Result<bool, String>, ChainError> {
    let mut inherents = InherentData::default();
    inherents.put(TIMESTAMP_INHERENT, &now);
    let made = migrate::header(runtime, &mut state, last.next().unwrap_or(last)).and_then(|header| {
        let proposal = Proposal {
            author: None,
            digest: Vec::new(),
            inherents,
            transactions: &mut std::iter::empty(),
            deadline: Instant::now(),
            count_max: 0,
        };
        built_on(runtime, state, &header, proposal, Asked::Next)
    });
    match made {
        Ok((executed, _)) => Ok(Ok(executed.next.is_some())),
        Err(ChainError::Executor(error @ ExecutorError::Deadline)) => Ok(Err(error.to_string())),
        Err(error) if error.is_local() || error.is_fatal() => Err(error),
        Err(error) => Ok(Err(error.to_string())),
    }
}
