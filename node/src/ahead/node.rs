//! Of a node that has the state.

use super::{
    Readiness,
    chronicle::{Chronicle, News},
};
use crate::chain::Chain;
use quids_api::{
    names,
    upgrade::{Suspension, UpgradeStatus},
};
use quids_core::{Hash, well_known_keys};
use quids_io::abi::state_level;
use quids_metrics::{IntGauge, MetricsError, Registry};
use quids_state::StateBackend;
use std::sync::{Arc, Weak};
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    task::JoinHandle,
};

/// Follows the chain's upgrades.
pub struct Ahead {
    chain: Weak<Chain>,
    suspended: IntGauge,
    steps: IntGauge,
    readiness: Readiness,
    chronicle: Chronicle,
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
            readiness: Readiness::new(chain.executor().clone(), registry)?,
            chronicle: Chronicle::default(),
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
        let (height, best) = chain.best();
        // Code that has no such API, or a node that is busy: the next block is another occasion.
        let Ok(status) = chain.call_typed::<UpgradeStatus>(best, names::UPGRADE_STATUS, &()) else {
            return true;
        };
        if let Ok(running) = chain.runtime_at(best) {
            let version = Some(running.version().spec_version);
            let news = self.chronicle.look(Some(height), version, &status.proposals);
            news.iter().for_each(News::tell);
        }
        self.suspended.set(match status.suspended {
            None => 0,
            Some(Suspension::Migration { .. }) => 1,
            Some(Suspension::SafeMode { .. }) => 2,
        });
        self.steps
            .set(status.migration.map_or(0, |running| running.steps.into()));
        if let Some(level) = level(&chain, best) {
            self.readiness.look_at_level(level);
        }
        let code = |id| chain.call_typed::<Option<Vec<u8>>>(best, names::UPGRADE_CODE, &id);
        self.readiness.look_at_codes(&status.proposals, code);
        true
    }
}

/// Of host functions.
fn level(chain: &Chain, at: Hash) -> Option<u32> {
    let stored = chain.state_at(at).ok()?.get(well_known_keys::HOST_LEVEL).ok()?;
    Some(state_level(stored.as_deref()).unwrap_or(1))
}
