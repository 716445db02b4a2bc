//! The migrations of a new code on a state that is thrown away: those of its first block, and those that take a step a block.

use super::{SteppedMigration, host};
use crate::chain::{ChainError, State, proof::next_height};
use codec::{Decode, Encode};
use quids_api::{
    names,
    upgrade::{Suspension, UpgradeStatus},
};
use quids_core::{AUTHOR_ENGINE_ID, Digest, DigestItem, Hash, Header, Height, Weight, well_known_keys};
use quids_executor::Runtime;
use quids_io::Externalities;
use quids_state::{AccessLog, Overlay, StateBackend};

/// Blocks after which a migration that has not ended counts as endless.
const BLOCKS_MAX: u32 = 1_000_000;

/// A code that takes over after the block at a height.
pub struct Migrating<'a> {
    pub code: &'a [u8],
    pub runtime: &'a Runtime,
    pub height: Height,
    /// Bytes of a proof of what a block touched, by which it left the state like this; `None`: more than any proof may have.
    pub proof: Option<&'a ProofBytes<'a>>,
}

/// See [`Migrating::proof`].
pub type ProofBytes<'a> = dyn Fn(&mut State, &AccessLog) -> Result<Option<usize>, ChainError> + 'a;

/// How it went.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    pub stepped: Vec<SteppedMigration>,
    /// Bytes of a proof of the largest step; 0 if there were none, or it was not asked for.
    pub step_proof_bytes: usize,
    /// Why the chain would be in safe mode.
    pub failure: Option<String>,
    /// Blocks that have begun.
    pub blocks: u32,
}

impl Migrating<'_> {
    /// Puts the code into a state and runs all of its migrations there.
    pub fn run(&self, state: &mut State) -> Result<Migrated, ChainError> {
        if !self.has_steps(state)? {
            single(state, self.code, self.runtime)?;
            return Ok(Migrated::default());
        }
        // A block's beginning begins them too, after those of the first block.
        state.set(well_known_keys::CODE, self.code).map_err(host)?;
        state.set(well_known_keys::CODE_UPDATED, &[]).map_err(host)?;
        let mut migrated = Migrated::default();
        if self.proof.is_some() {
            state.log_accesses();
        }
        for block in 1..=BLOCKS_MAX {
            begin_block(state, self.runtime, Height(self.height.0.saturating_add(block)))?;
            migrated.blocks = block;
            if !self.is_provable(state, block, &mut migrated)? {
                return Ok(migrated);
            }
            let status = self.status(state)?;
            if let Some(Suspension::SafeMode { id, reason, .. }) = status.suspended {
                migrated.failure = Some(format!(
                    "migration {id} failed, and the chain would be in safe mode: {reason}"
                ));
                return Ok(migrated);
            }
            let Some(running) = status.migration else {
                return Ok(migrated);
            };
            let pauses_transactions = status.suspended.is_some();
            match migrated.stepped.last_mut().filter(|last| last.id == running.id) {
                Some(last) => last.steps = running.steps.saturating_add(1),
                None => migrated.stepped.push(SteppedMigration {
                    id: running.id,
                    steps: 1,
                    pauses_transactions,
                }),
            }
        }
        migrated.failure = Some(format!("its migrations have not ended after {BLOCKS_MAX} blocks"));
        Ok(migrated)
    }

    /// Whether witnesses could follow what the block did, which has begun.
    fn is_provable(&self, state: &mut State, block: u32, migrated: &mut Migrated) -> Result<bool, ChainError> {
        let (Some(proof), Some(log)) = (self.proof, state.take_access_log()) else {
            return Ok(true);
        };
        let bytes = proof(state, &log)?;
        // What that read is no part of the next block.
        state.take_access_log();
        match bytes {
            // The first block is weighed and proven by itself.
            Some(bytes) if block > 1 => migrated.step_proof_bytes = migrated.step_proof_bytes.max(bytes),
            Some(_) => {}
            None => {
                migrated.failure = Some(format!(
                    "block {block} of its migrations reads and writes more than any proof may show: no witness could follow"
                ));
            }
        }
        Ok(bytes.is_some())
    }

    /// Whether the first block begins a migration of many, or fails to.
    fn has_steps(&self, state: &mut State) -> Result<bool, ChainError> {
        if !self.runtime.has_api(names::CORE_MIGRATION_STEP) || !self.runtime.has_api(names::UPGRADE_STATUS) {
            return Ok(false);
        }
        state.discarding(|state| {
            state.set(well_known_keys::CODE, self.code).map_err(host)?;
            state.set(well_known_keys::CODE_UPDATED, &[]).map_err(host)?;
            begin_block(state, self.runtime, Height(self.height.0.saturating_add(1)))?;
            let status = self.status(state)?;
            Ok(status.migration.is_some() || status.suspended.is_some())
        })
    }

    fn status(&self, state: &mut State) -> Result<UpgradeStatus, ChainError> {
        let status = self.runtime.call(state, names::UPGRADE_STATUS, &[])?;
        UpgradeStatus::decode(&mut &status[..]).map_err(ChainError::decode(names::UPGRADE_STATUS))
    }
}

/// Puts a code into a state and runs the migrations of its first block there.
pub fn single<B: StateBackend>(state: &mut Overlay<B>, code: &[u8], runtime: &Runtime) -> Result<Weight, ChainError> {
    state.set(well_known_keys::CODE, code).map_err(host)?;
    let weight = runtime.call(state, names::CORE_ON_RUNTIME_UPGRADE, &[])?;
    Weight::decode(&mut &weight[..]).map_err(ChainError::decode(names::CORE_ON_RUNTIME_UPGRADE))
}

/// What a block at this height does before anything is in it.
pub fn begin_block(state: &mut State, runtime: &Runtime, number: Height) -> Result<(), ChainError> {
    let header = header(runtime, state, number)?;
    runtime.call(state, names::CORE_INITIALIZE_BLOCK, &header.encode())?;
    Ok(())
}

/// Of a block at this height.
pub fn header(runtime: &Runtime, state: &mut State, number: Height) -> Result<Header, ChainError> {
    // Where validators decide, a block names one of its committee.
    let next = next_height(runtime, state)?;
    let author = next.and_then(|next| next.accounts.first().copied());
    let named = author.map(|who| DigestItem::PreRuntime(AUTHOR_ENGINE_ID, who.encode()));
    Ok(Header {
        parent_hash: Hash::zero(),
        number,
        state_root: Hash::zero(),
        extrinsics_root: Hash::zero(),
        digest: Digest {
            logs: named.into_iter().collect(),
        },
    })
}
