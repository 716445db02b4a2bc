//! The last blocks under two codes, side by side.

use super::report::{Difference, Replay};
use crate::{
    chain::{Chain, ChainError, State},
    extrinsic_builder::{Event, Metadata, Phase, decode_events, failure},
};
use codec::{Decode, Encode};
use quids_api::{ApplyExtrinsicResult, names};
use quids_core::{Block, DigestItem, Height, OpaqueExtrinsic};
use quids_executor::{ExecutorError, Runtime, Session};
use quids_io::Externalities;
use quids_state::StateStore;
use std::sync::Arc;

/// Differences that are told one by one.
const DIFFERENCES_MAX: usize = 1000;

/// How something came out: each step and event in words.
type Outcome = Vec<String>;

/// The new side: one state that goes on from block to block.
pub struct NewSide<'a> {
    pub runtime: &'a Runtime,
    pub metadata: &'a Metadata,
    /// Puts the new code into a state and runs its migrations there.
    pub migrate: &'a dyn Fn(&mut State) -> Result<(), ChainError>,
}

impl Chain {
    /// Executes the last `count` blocks up to `best`, or as many as there are states and one code for, as they were, and again as if the new
    /// code had come before the first of them.
    pub(super) fn replay_under(&self, best: Height, new: &NewSide<'_>, count: u32) -> Result<Replay, ChainError> {
        let (from, blocks) = self.blocks_to_replay(best, count)?;
        let mut replay = Replay {
            from: from.0,
            to: best.0,
            extrinsics: 0,
            of_upgrades: 0,
            differences: Vec::new(),
            differences_in_all: 0,
        };
        let Some(first) = blocks.first() else {
            return Ok(replay);
        };
        let mut state = self
            .overlay_at(first.header.parent_hash)?
            // Signed bytes contain the version of the code: no signature is right under another one. All were verified once.
            .with_verifier(Arc::new(|_, _, _, _| true));
        (new.migrate)(&mut state)?;
        // All blocks are of one code.
        let before = first.header.parent_hash;
        let (runtime, metadata) = (self.runtime_at(before)?, self.metadata_of(before)?);
        for block in &blocks {
            let mut parent = self.overlay_at(block.header.parent_hash)?;
            let old = run(&runtime, &metadata, &mut parent, block)?;
            let new = run(new.runtime, new.metadata, &mut state, block)?;
            replay.extrinsics += block.extrinsics.len() as u64;
            let extrinsics = old.iter().take(block.extrinsics.len());
            let of_upgrades = extrinsics.filter(|outcome| is_of_a_code(outcome)).count();
            replay.of_upgrades += of_upgrades as u64;
            for (index, (old, new)) in old.iter().zip(&new).enumerate() {
                let is_own = index == block.extrinsics.len();
                if is_of_a_code(old) || (is_own && of_upgrades > 0) {
                    continue;
                }
                let Some((old, new)) = parting(old, new) else { continue };
                replay.differences_in_all += 1;
                if replay.differences.len() < DIFFERENCES_MAX {
                    replay.differences.push(Difference {
                        block: block.header.number.0,
                        // The last is the block's own.
                        extrinsic: (!is_own).then_some(index as u32),
                        old,
                        new,
                    });
                }
            }
        }
        Ok(replay)
    }

    /// The blocks of one code up to the last one, at most `count`, whose parents' states are there; the first one's height.
    fn blocks_to_replay(&self, best: Height, count: u32) -> Result<(Height, Vec<Block>), ChainError> {
        let db = self.database();
        let lowest = StateStore::oldest(&**db).max(db.first_block()?).0.saturating_add(1);
        let mut blocks = Vec::new();
        let mut from = best.0.saturating_add(1);
        while from > lowest && (blocks.len() as u32) < count {
            let height = Height(from - 1);
            let Some(hash) = db.hash_at(height)? else { break };
            let Some(block) = self.block(hash)? else { break };
            // Its child was the first of another code.
            if block
                .header
                .digest
                .logs
                .contains(&DigestItem::RuntimeEnvironmentUpdated)
            {
                break;
            }
            blocks.push(block);
            from = height.0;
        }
        blocks.reverse();
        Ok((Height(from), blocks))
    }
}

/// Executes a block: an outcome for each extrinsic, and one of the block itself.
fn run(runtime: &Runtime, metadata: &Metadata, state: &mut State, block: &Block) -> Result<Vec<Outcome>, ChainError> {
    let mut session = runtime.session()?;
    let mut own = Outcome::new();
    let begun = call(
        &mut session,
        state,
        names::CORE_INITIALIZE_BLOCK,
        &block.header.encode(),
    )?;
    own.extend(begun.err());
    let mut outcomes = Vec::with_capacity(block.extrinsics.len() + 1);
    for (index, OpaqueExtrinsic(bytes)) in (0u32..).zip(&block.extrinsics) {
        let input = (index, bytes).encode();
        let applied = call(&mut session, state, names::BLOCK_BUILDER_APPLY_EXTRINSIC, &input)?;
        let outcome = applied.and_then(|output| match ApplyExtrinsicResult::decode(&mut &output[..]) {
            Ok(Ok(_)) => Ok(Outcome::new()),
            Ok(Err(reason)) => Err(format!("refused: {reason}")),
            Err(error) => Err(format!("its outcome does not decode: {error}")),
        });
        outcomes.push(outcome.unwrap_or_else(|fault| vec![fault]));
    }
    let bodies: Vec<&Vec<u8>> = block.extrinsics.iter().map(|OpaqueExtrinsic(bytes)| bytes).collect();
    let api = names::BLOCK_BUILDER_COMMIT_EXTRINSICS;
    let ended = match call(&mut session, state, api, &bodies.encode())? {
        Ok(commitment) => call(&mut session, state, names::BLOCK_BUILDER_FINALIZE_BLOCK, &commitment)?,
        failed => failed,
    };
    own.extend(ended.err());
    let mut events = Vec::new();
    let read = state.get_with(&events_key(), &mut |value| events = value.unwrap_or_default().to_vec());
    read.map_err(|error| ChainError::Executor(ExecutorError::Host(error)))?;
    match decode_events(metadata, &events) {
        Ok(events) => {
            for event in &events {
                let outcome = match event.phase {
                    Phase::Extrinsic(index) => outcomes.get_mut(index as usize).unwrap_or(&mut own),
                    Phase::Block => &mut own,
                };
                outcome.push(told(metadata, event));
            }
        }
        Err(error) => own.push(format!("its events do not decode: {error}")),
    }
    outcomes.push(own);
    Ok(outcomes)
}

fn events_key() -> Vec<u8> {
    [quids_crypto::twox_128(b"System"), quids_crypto::twox_128(b"Events")].concat()
}

/// Calls the runtime in a transaction of its own, which a failure takes back. The inner error is the runtime's, in words.
fn call(
    session: &mut Session,
    state: &mut State,
    api: &str,
    input: &[u8],
) -> Result<Result<Vec<u8>, String>, ChainError> {
    let depth = state.depth();
    let host = |error| ChainError::Executor(ExecutorError::Host(error));
    state.begin_transaction().map_err(host)?;
    match session.call(state, api, input) {
        Ok(output) => {
            state.commit_transaction().map_err(host)?;
            Ok(Ok(output))
        }
        Err(error) if error.is_local() => Err(error.into()),
        Err(error) => {
            state.rollback_to(depth);
            Ok(Err(format!("{api} failed: {error}")))
        }
    }
}

fn told(metadata: &Metadata, event: &Event) -> String {
    let fault = failure(metadata, event).map(|failure| format!(": {}", failure.name));
    format!(
        "{}.{}{} {}",
        event.pallet,
        event.name,
        fault.unwrap_or_default(),
        event.fields
    )
}

/// What calls of pallet upgrade say, but those that root makes of other pallets: under the code itself a code's way is another, and what
/// was tried in vain may be in vain for another reason.
fn is_of_a_code(outcome: &Outcome) -> bool {
    outcome.iter().any(|step| {
        let step = step.strip_prefix("System.ExtrinsicFailed: ").unwrap_or(step);
        step.starts_with("Upgrade.") && !step.starts_with("Upgrade.RootCallDone")
    })
}

/// Where two outcomes part: the first step that only one has, or that differs.
fn parting(old: &Outcome, new: &Outcome) -> Option<(String, String)> {
    let at = (0..old.len().max(new.len())).find(|at| old.get(*at) != new.get(*at))?;
    let step = |outcome: &Outcome| outcome.get(at).cloned().unwrap_or_else(|| "nothing more".into());
    Some((step(old), step(new)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_part_where_they_first_differ() {
        let outcome = |steps: &[&str]| -> Outcome { steps.iter().map(|step| (*step).to_owned()).collect() };
        let check = |old: &[&str], new: &[&str], expected: Option<(&str, &str)>| {
            let found = parting(&outcome(old), &outcome(new));
            assert_eq!(
                found,
                expected.map(|(old, new)| (old.into(), new.into())),
                "{old:?} {new:?}"
            );
        };
        check(&[], &[], None);
        check(&["a", "b"], &["a", "b"], None);
        check(&["a", "b"], &["a", "c"], Some(("b", "c")));
        check(&["a"], &["a", "c"], Some(("nothing more", "c")));
        check(&["a", "b"], &["b"], Some(("a", "b")));
    }
}
