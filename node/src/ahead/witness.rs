//! Of a witness, which has no state: it knows of proposals what it saw blocks write.

use super::{
    Readiness, UpgradeChange,
    chronicle::{Chronicle, News},
};
use crate::chain::CODE_DOMAIN;
use quids_api::upgrade::{Proposal, ProposalId};
use quids_crypto::hash_quantum_resistant;
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
    chronicle: Chronicle,
    known: Known,
}

impl WitnessAhead {
    /// Begins; it ends once there is nobody to send it what blocks changed.
    pub fn start(executor: Executor, registry: &Registry) -> Result<Sender<Vec<UpgradeChange>>, MetricsError> {
        let mut ahead = Self {
            readiness: Readiness::new(executor, registry)?,
            chronicle: Chronicle::of_witness(),
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
        self.chronicle.look(None, None, &proposals).iter().for_each(News::tell);
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
                // What is checked is nearer to its block than what is being uploaded.
                if self.bytes.saturating_add(code.len()) > BYTES_MAX {
                    let proposals = &self.proposals;
                    self.parts
                        .retain(|(of, _), _| proposals.get(of).is_some_and(|proposal| proposal.is_checked));
                    self.count();
                }
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
        let proposal = self.proposals.get(&id)?;
        let parts = self.parts.range((id, 0)..=(id, u32::MAX));
        let code: Vec<u8> = parts.flat_map(|(_, bytes)| bytes.iter().copied()).collect();
        let is_it = code.len() == proposal.code_size as usize
            && hash_quantum_resistant(CODE_DOMAIN, &code) == proposal.code_hash;
        is_it.then_some(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ahead::sample_proposal;

    fn of(code: &[u8]) -> Option<Box<Proposal>> {
        Some(Box::new(Proposal {
            code_hash: hash_quantum_resistant(CODE_DOMAIN, code),
            code_size: code.len() as u32,
            ..sample_proposal()
        }))
    }

    #[test]
    fn a_code_is_there_once_all_of_it_was_seen() {
        use UpgradeChange as C;
        let mut known = Known::default();
        known.note(C::Proposal(3, of(b"12345")));
        known.note(C::Chunk(3, 1, b"45".to_vec()));
        assert_eq!(known.code(3), None);
        known.note(C::Chunk(4, 0, b"other".to_vec()));
        known.note(C::Chunk(3, 0, b"123".to_vec()));
        assert_eq!(known.code(3), Some(b"12345".to_vec()));
        assert_eq!(known.code(4), None, "it is not known what it is of");
        known.note(C::Chunk(3, 0, b"321".to_vec()));
        assert_eq!(known.code(3), None, "it is another one");
        known.note(C::Code(3, b"12345".to_vec()));
        assert_eq!(known.code(3), Some(b"12345".to_vec()));
        known.note(C::Proposal(3, None));
        assert_eq!((known.code(3), known.bytes), (None, 5));
        // Never more than there is room for; what is being uploaded gives way.
        let half = vec![0; BYTES_MAX / 2];
        for id in 10..13 {
            known.note(C::Proposal(id, of(&half)));
            known.note(C::Chunk(id, 0, half.clone()));
            assert!(known.bytes <= BYTES_MAX);
        }
        assert_eq!((known.code(10), known.code(12)), (Some(half.clone()), None));
        known.note(C::Code(12, half.clone()));
        assert!(known.bytes <= BYTES_MAX);
        assert_eq!((known.code(10), known.code(12)), (None, Some(half)));
    }
}
