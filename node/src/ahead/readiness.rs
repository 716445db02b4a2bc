//! Whether this node is ready for the codes that are proposed.

use crate::chain::ChainError;
use quids_api::upgrade::{Proposal, ProposalId, Stage};
use quids_executor::{Executor, ExecutorError};
use quids_io::abi::HOST_LEVEL;
use quids_metrics::{IntGauge, MetricsError, Registry};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::collections::BTreeMap;

/// Compiles codes and warns.
pub(super) struct Readiness {
    executor: Executor,
    /// One thread of low priority, where the machine gives one.
    background: Option<ThreadPool>,
    unusable: IntGauge,
    missing_level: IntGauge,
    /// What became of the codes of open proposals.
    tried: BTreeMap<ProposalId, Tried>,
    /// The level of host functions that was warned of.
    told_level: u32,
}

/// Of what there are blocks' time for: compiling takes seconds of a core, and all nodes of a network begin it with the same block.
const NICENESS: i32 = 15;

fn background() -> Option<ThreadPool> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(1)
        .thread_name(|_| "compile-ahead".into())
        .start_handler(|_| {
            let _ = rustix::process::setpriority_process(None, NICENESS);
        });
    pool.build().ok()
}

struct Tried {
    /// For its first block too, not for its check alone.
    is_scheduled: bool,
    /// Why this node cannot run it.
    fault: Option<ExecutorError>,
    is_told: bool,
}

impl Readiness {
    pub fn new(executor: Executor, registry: &Registry) -> Result<Self, MetricsError> {
        Ok(Self {
            executor,
            background: background(),
            unusable: registry.int_gauge(
                "quids_upgrade_unusable_codes",
                "Approved codes that this node cannot run: it needs another binary before they take over.",
            )?,
            missing_level: registry.int_gauge(
                "quids_upgrade_missing_host_level",
                "The level of host functions that the chain allows, if this node does not have it: it stops at the next code that is checked. Else 0.",
            )?,
            tried: BTreeMap::new(),
            told_level: 0,
        })
    }

    /// Compiles the code of each open proposal, once it is whole, and again for its first block, once it is scheduled. What cannot run
    /// here alarms once it is approved: any member may upload garbage.
    pub fn look_at_codes(
        &mut self,
        proposals: &[(ProposalId, Proposal)],
        code: impl Fn(ProposalId) -> Result<Option<Vec<u8>>, ChainError>,
    ) {
        self.tried
            .retain(|id, _| proposals.iter().any(|(other, _)| other == id));
        let mut unusable = 0;
        for (id, proposal) in proposals {
            self.prepare(*id, proposal, &code);
            let Some(tried) = self.tried.get_mut(id) else { continue };
            let Some(fault) = tried.fault.as_ref().filter(|_| proposal.is_approved) else {
                continue;
            };
            unusable += 1;
            if !tried.is_told {
                tracing::warn!(
                    "this node cannot run the code of proposal {id}, which is approved, and needs another binary before it takes \
                     over: {fault}"
                );
                tried.is_told = true;
            }
        }
        self.unusable.set(unusable);
    }

    fn prepare(
        &mut self,
        id: ProposalId,
        proposal: &Proposal,
        code: impl Fn(ProposalId) -> Result<Option<Vec<u8>>, ChainError>,
    ) {
        let is_scheduled = matches!(proposal.stage, Stage::Scheduled { .. });
        let is_known = |known: &Tried| known.is_scheduled || !is_scheduled;
        if proposal.chunks != proposal.chunk_count() || self.tried.get(&id).is_some_and(is_known) {
            return;
        }
        // A node that is busy: the next block is another occasion.
        let Ok(Some(code)) = code(id) else { return };
        let compiled = self.compile(&code, is_scheduled);
        if matches!(
            compiled,
            Err(ExecutorError::Exhausted { .. } | ExecutorError::OutOfMemory(_))
        ) {
            return;
        }
        match &compiled {
            Ok(()) => {
                let used = if is_scheduled { "first block" } else { "check" };
                tracing::info!("the code of proposal {id} is compiled for its {used}");
            }
            Err(error) => tracing::info!("the code of proposal {id} does not run here: {error}"),
        }
        let is_told = self.tried.get(&id).is_some_and(|known| known.is_told);
        self.tried.insert(
            id,
            Tried {
                is_scheduled,
                fault: compiled.err(),
                is_told,
            },
        );
    }

    /// For the check in a block, or for a block too.
    fn compile(&self, code: &[u8], for_block: bool) -> Result<(), ExecutorError> {
        let compile = || {
            self.executor.prepare_check(code)?;
            if for_block {
                self.executor.load(code)?;
            }
            Ok(())
        };
        match &self.background {
            Some(background) => background.install(compile),
            None => compile(),
        }
    }

    /// Warns once where the chain allows code to import what this node does not have.
    pub fn look_at_level(&mut self, level: u32) {
        let is_missing = level > HOST_LEVEL;
        self.missing_level.set(if is_missing { level.into() } else { 0 });
        if is_missing && level != self.told_level {
            tracing::warn!(
                "the chain allows its code host functions of level {level}, this node has those up to {HOST_LEVEL}: it stops at the \
                 next code that is checked; install a newer quids before"
            );
            self.told_level = level;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ahead::sample_proposal, spec::code_cache};
    use quids_core::Height;
    use quids_executor::ExecutorConfig;
    use quids_runtime_wasm::WASM;
    use std::cell::Cell;

    const OPEN: Stage = Stage::Open { expires: Height(99) };
    const SCHEDULED: Stage = Stage::Scheduled { at: Height(50) };

    fn readiness() -> Readiness {
        let config = ExecutorConfig {
            cache_dir: code_cache(),
        };
        Readiness::new(Executor::new(config).unwrap(), &Registry::new()).unwrap()
    }

    /// Whole.
    fn proposal(is_approved: bool, stage: Stage) -> Proposal {
        Proposal {
            chunks: 1,
            is_approved,
            stage,
            ..sample_proposal()
        }
    }

    /// How often code was asked for at this look, and the alarm after it.
    fn look(readiness: &mut Readiness, proposals: &[(ProposalId, Proposal)], code: &[u8]) -> (u32, i64) {
        let asked = Cell::new(0);
        readiness.look_at_codes(proposals, |_| {
            asked.set(asked.get() + 1);
            Ok(Some(code.to_vec()))
        });
        (asked.get(), readiness.unusable.get())
    }

    #[test]
    fn what_cannot_run_here_alarms_from_its_approval_on() {
        let mut ready = readiness();
        let garbage = b"no code".as_slice();
        let all = |is_approved| Vec::from_iter((0..20).map(|id| (id, proposal(is_approved, OPEN))));
        let missing = Proposal {
            chunks: 0,
            ..proposal(true, OPEN)
        };
        assert_eq!(look(&mut ready, &[(0, missing)], garbage), (0, 0), "it is not whole");
        assert_eq!(
            look(&mut ready, &all(false), garbage),
            (20, 0),
            "one member may upload anything"
        );
        assert_eq!(look(&mut ready, &all(false), garbage), (0, 0), "each once");
        assert_eq!(look(&mut ready, &all(true), garbage), (0, 20));
        assert_eq!(
            look(&mut ready, &all(true)[3..5], garbage),
            (0, 2),
            "what is gone alarms no more"
        );
        assert_eq!(
            look(&mut ready, &[(3, proposal(true, SCHEDULED))], garbage),
            (1, 1),
            "once more, for its block"
        );
        assert_eq!(look(&mut ready, &[(3, proposal(true, SCHEDULED))], garbage), (0, 1));
        assert_eq!(look(&mut ready, &[(3, proposal(false, OPEN))], garbage), (0, 0));
        assert_eq!(look(&mut ready, &[], garbage), (0, 0));
    }

    #[test]
    fn code_is_compiled_for_its_check_and_for_its_block() {
        let mut ready = readiness();
        let hash = quids_core::Hash::from(quids_crypto::blake3_256(WASM));
        assert_eq!(look(&mut ready, &[(7, proposal(false, OPEN))], WASM), (1, 0));
        assert!(ready.executor.loaded(&hash).is_none());
        assert_eq!(look(&mut ready, &[(7, proposal(true, SCHEDULED))], WASM), (1, 0));
        assert!(ready.executor.loaded(&hash).is_some());
    }

    #[test]
    fn a_level_above_this_nodes_alarms() {
        let mut ready = readiness();
        for (level, missing) in [(1, 0), (HOST_LEVEL, 0), (HOST_LEVEL + 2, HOST_LEVEL + 2), (1, 0)] {
            ready.look_at_level(level);
            assert_eq!(ready.missing_level.get(), i64::from(missing), "{level}");
        }
        assert_eq!(ready.told_level, HOST_LEVEL + 2);
    }
}
