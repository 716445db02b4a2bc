//! Of a witness, which has no state: it knows of proposals what it saw blocks write.

use super::{Readiness, UpgradeChange};
use quids_api::upgrade::{Proposal, ProposalId};
use quids_executor::Executor;
use quids_metrics::{MetricsError, Registry};
use std::collections::BTreeMap;
use tokio::sync::mpsc::{self, Receiver, Sender};

/// Blocks that wait to be looked at. What comes beyond is compiled when it is needed.
const WAITING_MAX: usize = 64;
/// Bytes of codes that are kept until they are compiled: what two largest have.
const BYTES_MAX: usize = 2 * quids_io::abi::CODE_SIZE_MAX;

/// Follows the chain's upgrades. What happened before the node started it does not know, and compiles when it is needed.
pub struct WitnessAhead {
    readiness: Readiness,
    known: Known,
}

impl WitnessAhead {
    /// Begins; it ends once there is nobody to send it what blocks changed.
    pub fn start(executor: Executor, registry: &Registry) -> Result<Sender<Vec<UpgradeChange>>, MetricsError> {
        let mut ahead = Self {
            readiness: Readiness::new(executor, registry)?,
            known: Known::default(),
        };
        let (sender, mut blocks): (_, Receiver<Vec<UpgradeChange>>) = mpsc::channel(WAITING_MAX);
        tokio::spawn(async move {
            while let Some(changes) = blocks.recv().await {
                let looked = tokio::task::spawn_blocking(move || {
                    ahead.look(changes);
                    ahead
                });
                match looked.await {
                    Ok(again) => ahead = again,
                    Err(_) => return,
                }
            }
        });
        Ok(sender)
    }

    fn look(&mut self, changes: Vec<UpgradeChange>) {
        for change in changes {
            match change {
                UpgradeChange::Level(level) => self.readiness.look_at_level(level),
                other => self.known.note(other),
            }
        }
        let known = &self.known;
        let proposals: Vec<_> = known
            .proposals
            .iter()
            .map(|(id, proposal)| (*id, proposal.clone()))
            .collect();
        self.readiness.look_at_codes(&proposals, |id| Ok(known.code(id)));
    }
}

/// Open proposals and what there is of their codes.
#[derive(Default)]
struct Known {
    proposals: BTreeMap<ProposalId, Proposal>,
    parts: BTreeMap<(ProposalId, u32), Vec<u8>>,
    /// Of them all.
    bytes: usize,
}

impl Known {
    fn note(&mut self, change: UpgradeChange) {
        match change {
            UpgradeChange::Proposal(id, Some(proposal)) => {
                self.proposals.insert(id, *proposal);
            }
            UpgradeChange::Proposal(id, None) => {
                self.proposals.remove(&id);
                self.forget(id);
            }
            UpgradeChange::Chunk(id, index, bytes) => self.put(id, index, bytes),
            UpgradeChange::Code(id, code) => {
                self.forget(id);
                self.put(id, 0, code);
            }
            UpgradeChange::Level(_) => {}
        }
    }

    fn forget(&mut self, id: ProposalId) {
        self.parts.retain(|(of, _), _| *of != id);
        self.count();
    }

    /// What would be too much is left out.
    fn put(&mut self, id: ProposalId, index: u32, bytes: Vec<u8>) {
        if self.bytes.saturating_add(bytes.len()) <= BYTES_MAX {
            self.parts.insert((id, index), bytes);
            self.count();
        }
    }

    fn count(&mut self) {
        self.bytes = self.parts.values().map(Vec::len).sum();
    }

    /// If all of it is there.
    fn code(&self, id: ProposalId) -> Option<Vec<u8>> {
        let size = self.proposals.get(&id)?.code_size as usize;
        let parts = self.parts.range((id, 0)..=(id, u32::MAX));
        let code: Vec<u8> = parts.flat_map(|(_, bytes)| bytes.iter().copied()).collect();
        (code.len() == size).then_some(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quids_api::upgrade::{Activation, Stage};
    use quids_core::Height;

    fn of_size(code_size: usize) -> Option<Box<Proposal>> {
        Some(Box::new(Proposal {
            proposer: None,
            code_hash: [0; 64],
            code_size: code_size as u32,
            spec_version: 2,
            activation: Activation::After(Height(0)),
            notes: Vec::new(),
            approvals: Vec::new(),
            rejections: Vec::new(),
            is_approved: false,
            not_before: Height(0),
            chunks: 0,
            is_checked: false,
            stage: Stage::Open { expires: Height(99) },
        }))
    }

    #[test]
    fn a_code_is_there_once_all_of_it_was_seen() {
        use UpgradeChange as C;
        let mut known = Known::default();
        known.note(C::Proposal(3, of_size(5)));
        known.note(C::Chunk(3, 1, b"45".to_vec()));
        assert_eq!(known.code(3), None);
        known.note(C::Chunk(4, 0, b"other".to_vec()));
        known.note(C::Chunk(3, 0, b"123".to_vec()));
        assert_eq!(known.code(3), Some(b"12345".to_vec()));
        assert_eq!(known.code(4), None, "it is not known what it is of");
        known.note(C::Code(3, b"54321".to_vec()));
        assert_eq!(known.code(3), Some(b"54321".to_vec()));
        known.note(C::Proposal(3, None));
        assert_eq!((known.code(3), known.bytes), (None, 5));
        // Never more than there is room for.
        let half = vec![0; BYTES_MAX / 2];
        for id in 10..15 {
            known.note(C::Proposal(id, of_size(half.len())));
            known.note(C::Code(id, half.clone()));
            assert!(known.bytes <= BYTES_MAX);
        }
        assert_eq!((known.code(10), known.code(11)), (Some(half), None));
    }
}
