//! The blocks of the height that is being decided, and what is known of each.

use crate::chain::{Candidate, Refused};
use quids_core::Hash;
use quids_network::PeerId;
use quids_pobpc::Round;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Blocks of one height. Each needs a proposal that was signed by whoever had the turn.
const CANDIDATES_MAX: usize = 16;

/// How far a block is.
pub enum Stage {
    /// Its body is wanted; these were asked for it, and whether an answer is awaited.
    Wanted {
        asked: Vec<PeerId>,
        is_awaited: bool,
    },
    /// It is here, and waits to be executed or is.
    Here,
    /// It was executed; a block may be right and yet not be voted for.
    Executed {
        block: Box<Candidate>,
        refused: Vec<Refused>,
        is_voted_for: bool,
    },
    Invalid,
    /// This node could not tell.
    Unknown,
}

struct Known {
    stage: Stage,
    /// In which it was proposed.
    rounds: BTreeSet<Round>,
    /// Who sent a proposal of it.
    senders: VecDeque<PeerId>,
}

#[derive(Default)]
pub struct Candidates(BTreeMap<Hash, Known>);

impl Candidates {
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Somebody proposes this block. False if there are too many already.
    pub fn proposed(&mut self, block: Hash, round: Round, from: Option<PeerId>) -> bool {
        if self.0.len() >= CANDIDATES_MAX && !self.0.contains_key(&block) {
            return false;
        }
        let known = self.0.entry(block).or_insert_with(|| Known {
            stage: Stage::Wanted {
                asked: Vec::new(),
                is_awaited: false,
            },
            rounds: BTreeSet::new(),
            senders: VecDeque::new(),
        });
        known.rounds.insert(round);
        if let Some(from) = from.filter(|from| !known.senders.contains(from)) {
            known.senders.push_back(from);
            known.senders.truncate(CANDIDATES_MAX);
        }
        true
    }

    pub fn stage(&self, block: &Hash) -> Option<&Stage> {
        self.0.get(block).map(|known| &known.stage)
    }

    pub fn set(&mut self, block: &Hash, stage: Stage) {
        if let Some(known) = self.0.get_mut(block) {
            known.stage = stage;
        }
    }

    /// Puts a block in that nobody proposed, or not yet.
    pub fn insert(&mut self, block: Hash, stage: Stage) {
        let known = Known {
            stage,
            rounds: BTreeSet::new(),
            senders: VecDeque::new(),
        };
        match self.0.get_mut(&block) {
            Some(there) => there.stage = known.stage,
            None => drop(self.0.insert(block, known)),
        }
    }

    /// Takes the executed block out.
    pub fn take(&mut self, block: &Hash) -> Option<(Box<Candidate>, Vec<Refused>)> {
        match self.0.remove(block)?.stage {
            Stage::Executed { block, refused, .. } => Some((block, refused)),
            _ => None,
        }
    }

    /// What this node says of a block, once it can.
    pub fn verdict(&self, block: &Hash) -> Option<bool> {
        match self.0.get(block)?.stage {
            Stage::Executed { is_voted_for, .. } => Some(is_voted_for),
            Stage::Invalid => Some(false),
            Stage::Wanted { .. } | Stage::Here | Stage::Unknown => None,
        }
    }

    /// The rounds in which a block was proposed.
    pub fn rounds(&self, block: &Hash) -> Vec<Round> {
        let rounds = self.0.get(block).map(|known| known.rounds.iter().copied().collect());
        rounds.unwrap_or_default()
    }

    /// What was proposed in a round.
    pub fn of_round(&self, round: Round) -> Vec<Hash> {
        let blocks = self.0.iter().filter(|(_, known)| known.rounds.contains(&round));
        blocks.map(|(hash, _)| *hash).collect()
    }

    /// Bodies that are wanted while nobody is being asked.
    pub fn wanted(&self) -> Vec<Hash> {
        let is_wanted = |known: &Known| matches!(known.stage, Stage::Wanted { is_awaited: false, .. });
        let wanted = self.0.iter().filter(|(_, known)| is_wanted(known));
        wanted.map(|(hash, _)| *hash).collect()
    }

    /// Whom to ask for a body next: who proposed it, then all others, then from the beginning.
    pub fn ask(&mut self, block: &Hash, peers: &[PeerId]) -> Option<PeerId> {
        let known = self.0.get_mut(block)?;
        let Stage::Wanted { asked, is_awaited } = &mut known.stage else {
            return None;
        };
        let is_there = |peer: &&PeerId| peers.contains(peer);
        let candidates = known.senders.iter().filter(is_there).chain(peers);
        let next = candidates.copied().find(|peer| !asked.contains(peer));
        match next {
            Some(peer) => {
                asked.push(peer);
                *is_awaited = true;
            }
            None => asked.clear(),
        }
        next
    }

    /// Nobody is being asked any more.
    pub fn not_answered(&mut self, block: &Hash) {
        if let Some(Known {
            stage: Stage::Wanted { is_awaited, .. },
            ..
        }) = self.0.get_mut(block)
        {
            *is_awaited = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quids_network::NodeKey;

    fn hash(byte: u8) -> Hash {
        Hash::repeat_byte(byte)
    }

    #[test]
    fn bodies_are_asked_for_where_the_proposal_came_from_and_then_everywhere() {
        let peers: Vec<_> = (0..3).map(|seed| NodeKey::from_seed([seed; 32]).peer_id()).collect();
        let mut candidates = Candidates::default();
        assert!(candidates.proposed(hash(1), Round(0), Some(peers[2])));
        assert!(candidates.proposed(hash(1), Round(3), None));
        assert_eq!(candidates.wanted(), [hash(1)]);
        assert_eq!(candidates.ask(&hash(1), &peers), Some(peers[2]));
        assert_eq!(candidates.wanted(), [], "it is being asked for");
        let mut asked = Vec::new();
        for _ in 0..2 {
            candidates.not_answered(&hash(1));
            asked.extend(candidates.ask(&hash(1), &peers));
        }
        assert_eq!(asked, peers[..2]);
        // From the beginning.
        candidates.not_answered(&hash(1));
        assert_eq!(candidates.ask(&hash(1), &peers), None);
        assert_eq!(candidates.ask(&hash(1), &peers), Some(peers[2]));
        // Gone meanwhile.
        candidates.not_answered(&hash(1));
        assert_eq!(candidates.ask(&hash(1), &peers[..1]), Some(peers[0]));
        assert_eq!(candidates.rounds(&hash(1)), [Round(0), Round(3)]);
        assert_eq!(candidates.of_round(Round(3)), [hash(1)]);
    }

    #[test]
    fn there_are_not_too_many_and_each_has_its_verdict() {
        let mut candidates = Candidates::default();
        for byte in 0..CANDIDATES_MAX as u8 {
            assert!(candidates.proposed(hash(byte), Round(0), None));
        }
        assert!(!candidates.proposed(hash(99), Round(0), None));
        assert!(candidates.proposed(hash(3), Round(1), None), "a known one, once more");
        assert_eq!(candidates.verdict(&hash(3)), None);
        for (stage, verdict) in [
            (Stage::Here, None),
            (Stage::Unknown, None),
            (Stage::Invalid, Some(false)),
        ] {
            candidates.set(&hash(3), stage);
            assert_eq!(candidates.verdict(&hash(3)), verdict);
        }
        assert!(candidates.take(&hash(3)).is_none());
        candidates.clear();
        assert!(candidates.proposed(hash(99), Round(0), None));
    }
}
