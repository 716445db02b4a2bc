//! What a node does about upgrades beside executing blocks: it compiles code before the block that needs it, says if it
//! cannot, and shows how migrations go.

use crate::chain::Chain;
use quids_api::{
    names,
    upgrade::{Proposal, ProposalId, Stage, Suspension, UpgradeStatus},
};
use quids_core::{Hash, well_known_keys};
use quids_io::abi::{HOST_LEVEL, state_level};
use quids_metrics::{IntGauge, MetricsError, Registry};
use quids_state::StateBackend;
use std::sync::{Arc, Weak};
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    task::JoinHandle,
};

/// What was compiled last. More than a block ever needs.
const REMEMBERED_MAX: usize = 8;

/// Follows the chain's upgrades.
pub struct Ahead {
    chain: Weak<Chain>,
    suspended: IntGauge,
    steps: IntGauge,
    unusable: IntGauge,
    /// Proposals whose code was compiled, whether for its first block, and whether this node can run it.
    compiled: Vec<(ProposalId, bool, bool)>,
    /// The level of host functions that was warned of.
    told_level: u32,
}

impl Ahead {
    /// Begins; it ends with the node.
    pub fn start(
        chain: &Arc<Chain>,
        registry: &Registry,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<JoinHandle<()>, MetricsError> {
        let mut ahead = Self {
            chain: Arc::downgrade(chain),
            suspended: registry.int_gauge(
                "quids_upgrade_suspended_level",
                "Whether the chain takes transactions of governance only: 1 during a migration, 2 in safe mode, else 0.",
            )?,
            steps: registry.int_gauge(
                "quids_upgrade_migration_steps",
                "Steps done of the migration that is under way; 0 without one.",
            )?,
            unusable: registry.int_gauge(
                "quids_upgrade_unusable_codes",
                "Proposed codes that this node cannot run: it needs another binary before they take over.",
            )?,
            compiled: Vec::new(),
            told_level: 0,
        };
        let mut blocks = chain.subscribe();
        Ok(tokio::spawn(async move {
            loop {
                let looked = tokio::task::spawn_blocking(move || {
                    let goes_on = ahead.look();
                    (ahead, goes_on)
                });
                match looked.await {
                    Ok((again, true)) => ahead = again,
                    _ => return,
                }
                tokio::select! {
                    _ = stopped.changed() => return,
                    // One that was missed is in the state of the next.
                    block = blocks.recv() => if matches!(block, Err(RecvError::Closed)) { return },
                }
            }
        }))
    }

    /// Looks at the last block; whether there is a chain still.
    fn look(&mut self) -> bool {
        let Some(chain) = self.chain.upgrade() else {
            return false;
        };
        let (_, best) = chain.best();
        // Code that has no such API, or a node that is busy: the next block is another occasion.
        let Ok(status) = chain.call_typed::<UpgradeStatus>(best, names::UPGRADE_STATUS, &()) else {
            return true;
        };
        self.suspended.set(match status.suspended {
            None => 0,
            Some(Suspension::Migration { .. }) => 1,
            Some(Suspension::SafeMode { .. }) => 2,
        });
        self.steps
            .set(status.migration.map_or(0, |running| running.steps.into()));
        self.look_at_level(&chain, best);
        for (id, proposal) in &status.proposals {
            self.prepare(&chain, best, *id, proposal);
        }
        let is_open = |id: &ProposalId| status.proposals.iter().any(|(other, _)| other == id);
        let mut unusable: Vec<ProposalId> = self
            .compiled
            .iter()
            .filter(|(.., ok)| !ok)
            .map(|(id, ..)| *id)
            .collect();
        unusable.dedup();
        unusable.retain(is_open);
        let unusable = i64::try_from(unusable.len()).unwrap_or(i64::MAX);
        self.unusable.set(unusable);
        true
    }

    /// Says once that the chain allows code to import what this node does not have.
    fn look_at_level(&mut self, chain: &Chain, best: Hash) {
        let Ok(state) = chain.state_at(best) else { return };
        let Ok(stored) = state.get(well_known_keys::HOST_LEVEL) else {
            return;
        };
        let level = state_level(stored.as_deref()).unwrap_or(1);
        if level > HOST_LEVEL && level != self.told_level {
            tracing::warn!(
                "the chain allows its code host functions of level {level}, this node has those up to {HOST_LEVEL}: it stops at the \
                 next code that is checked; install a newer quids before"
            );
            self.told_level = level;
        }
    }

    /// Compiles the code of a proposal, once it is whole, and again for its first block, once it is scheduled.
    fn prepare(&mut self, chain: &Chain, best: Hash, id: ProposalId, proposal: &Proposal) {
        let is_scheduled = matches!(proposal.stage, Stage::Scheduled { .. });
        let is_whole = proposal.chunks == proposal.chunk_count();
        let is_known = |known: &(ProposalId, bool, bool)| (known.0, known.1) == (id, is_scheduled);
        if !is_whole || self.compiled.iter().any(is_known) {
            return;
        }
        let Ok(Some(code)) = chain.call_typed::<Option<Vec<u8>>>(best, names::UPGRADE_CODE, &id) else {
            return;
        };
        let compiled = chain.compile_ahead(&code, is_scheduled);
        match &compiled {
            Ok(()) => tracing::info!("the code of proposal {id} is compiled"),
            Err(error) => tracing::warn!(
                "this node cannot run the code of proposal {id}, and needs another binary before it takes over: {error}"
            ),
        }
        if self.compiled.len() >= REMEMBERED_MAX {
            self.compiled.remove(0);
        }
        self.compiled.push((id, is_scheduled, compiled.is_ok()));
    }
}
