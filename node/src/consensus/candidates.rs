//! The blocks of the height that is being decided, and what is known of each.

use super::ledger::Executed;
use quids_core::{Block, Hash};
use quids_network::PeerId;
use quids_pobpc::Round;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

/// Blocks of one height that are kept as long as all are wanted. Each needs a proposal that was signed by whoever had the turn.
const CANDIDATES_MAX: usize = 16;
/// Of one round: an honest member proposes one, and a second one proves that it is not.
const OF_ROUND_MAX: usize = 2;
/// How long a peer may take before another one is asked as well.
const PATIENCE: Duration = Duration::from_millis(300);

/// How far a block is; `O` is what executing it came to.
pub enum Stage<O> {
    /// Its body is wanted; since then an answer is awaited, if one is.
    Wanted { awaited: Option<Instant> },
    /// It is here, and waits to be executed or is.
    Here,
    /// It was executed.
    Executed(Box<Executed<O>>),
    /// Its body, if that had to be executed to see it.
    Invalid(Option<Box<Block>>),
    /// This node could not tell.
    Unknown(Box<Waiting>),
}

/// A block that is to be executed.
#[derive(Debug, PartialEq)]
pub struct Waiting {
    pub block: Block,
    /// Who gave it; `None` if an earlier process had it.
    pub from: Option<PeerId>,
    /// Whether it is in the journal.
    pub is_kept: bool,
}

impl<O> Stage<O> {
    const WANTED: Self = Self::Wanted { awaited: None };
}

struct Known<O> {
    stage: Stage<O>,
    /// In which it was proposed.
    rounds: BTreeSet<Round>,
    /// In which the engine was told of it.
    told: BTreeSet<Round>,
    /// Who sent a proposal of it.
    senders: VecDeque<PeerId>,
    /// Who was asked for its body since all were.
    asked: Vec<PeerId>,
}

impl<O> From<Stage<O>> for Known<O> {
    fn from(stage: Stage<O>) -> Self {
        Self {
            stage,
            rounds: BTreeSet::new(),
            told: BTreeSet::new(),
            senders: VecDeque::new(),
            asked: Vec::new(),
        }
    }
}

pub struct Candidates<O>(BTreeMap<Hash, Known<O>>);

impl<O> Default for Candidates<O> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<O> Candidates<O> {
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Somebody proposes this block in this round, while this node is in the round `now`. False if there are too many already.
    pub fn proposed(&mut self, block: Hash, round: Round, now: Round, from: Option<PeerId>) -> bool {
        let is_known = self.0.contains_key(&block);
        let of_round = self
            .0
            .iter()
            .filter(|(other, known)| **other != block && known.rounds.contains(&round));
        if of_round.count() >= OF_ROUND_MAX {
            return false;
        }
        if !is_known && self.0.len() >= CANDIDATES_MAX && !self.make_room(now) && round != now {
            return false;
        }
        let known = self.0.entry(block).or_insert_with(|| Stage::WANTED.into());
        known.rounds.insert(round);
        if let Some(from) = from.filter(|from| !known.senders.contains(from)) {
            known.senders.push_back(from);
            known.senders.truncate(CANDIDATES_MAX);
        }
        true
    }

    /// Gives up a block of earlier rounds that no member can be bound to by this node's vote.
    fn make_room(&mut self, now: Round) -> bool {
        let is_past = |known: &Known<O>| known.rounds.iter().all(|round| *round < now);
        let is_idle = |known: &Known<O>| !matches!(known.stage, Stage::Here | Stage::Executed(_));
        let found = self.0.iter().find(|(_, known)| is_past(known) && is_idle(known));
        let Some(hash) = found.map(|(hash, _)| *hash) else {
            return false;
        };
        self.0.remove(&hash);
        true
    }

    pub fn stage(&self, block: &Hash) -> Option<&Stage<O>> {
        self.0.get(block).map(|known| &known.stage)
    }

    pub fn set(&mut self, block: &Hash, stage: Stage<O>) {
        if let Some(known) = self.0.get_mut(block) {
            known.stage = stage;
        }
    }

    /// Puts a block in that nobody proposed, or not yet.
    pub fn insert(&mut self, block: Hash, stage: Stage<O>) {
        match self.0.get_mut(&block) {
            Some(there) => there.stage = stage,
            None => drop(self.0.insert(block, stage.into())),
        }
    }

    /// Takes the executed block out.
    pub fn take(&mut self, block: &Hash) -> Option<Executed<O>> {
        if !matches!(self.stage(block), Some(Stage::Executed(_))) {
            return None;
        }
        match self.0.remove(block)?.stage {
            Stage::Executed(executed) => Some(*executed),
            _ => None,
        }
    }

    /// What this node says of a block proposed in a round, if it can and has not said it; `latest_ms`: the latest timestamp that it
    /// votes for.
    pub fn verdict(&mut self, block: &Hash, round: Round, latest_ms: u64) -> Option<bool> {
        let known = self.0.get_mut(block)?;
        let is_valid = match &known.stage {
            // A block may be right and yet too early to be voted for.
            Stage::Executed(executed) => executed.timestamp_ms.is_none_or(|at| at <= latest_ms),
            Stage::Invalid(_) => false,
            Stage::Wanted { .. } | Stage::Here | Stage::Unknown(_) => return None,
        };
        (known.rounds.contains(&round) && known.told.insert(round)).then_some(is_valid)
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

    /// A block that this node could not tell about is here again, to be executed once more.
    pub fn retry(&mut self, block: &Hash) -> Option<Waiting> {
        let known = self.0.get_mut(block)?;
        match std::mem::replace(&mut known.stage, Stage::Here) {
            Stage::Unknown(waiting) => Some(*waiting),
            other => {
                known.stage = other;
                None
            }
        }
    }

    /// What came as its body is none: others are asked.
    pub fn wrong_body(&mut self, block: &Hash) {
        self.set(block, Stage::WANTED);
    }

    /// Bodies that are wanted while nobody is being asked, or takes too long.
    pub fn wanted(&self, now: Instant) -> Vec<Hash> {
        let is_wanted = |known: &Known<O>| match &known.stage {
            Stage::Wanted { awaited, .. } => awaited.is_none_or(|since| now.duration_since(since) >= PATIENCE),
            _ => false,
        };
        let wanted = self.0.iter().filter(|(_, known)| is_wanted(known));
        wanted.map(|(hash, _)| *hash).collect()
    }

    /// Whom to ask for a body next: who proposed it, then all others, then from the beginning.
    pub fn ask(&mut self, block: &Hash, peers: &[PeerId], now: Instant) -> Option<PeerId> {
        let known = self.0.get_mut(block)?;
        let Stage::Wanted { awaited } = &mut known.stage else {
            return None;
        };
        let asked = &mut known.asked;
        let is_there = |peer: &&PeerId| peers.contains(peer);
        let candidates = known.senders.iter().filter(is_there).chain(peers);
        let next = candidates.copied().find(|peer| !asked.contains(peer));
        match next {
            Some(peer) => {
                asked.push(peer);
                *awaited = Some(now);
            }
            None => asked.clear(),
        }
        next
    }

    /// Nobody is being asked any more.
    pub fn not_answered(&mut self, block: &Hash) {
        if let Some(Known {
            stage: Stage::Wanted { awaited },
            ..
        }) = self.0.get_mut(block)
        {
            *awaited = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quids_core::{Digest, Header, Height};
    use quids_network::NodeKey;

    fn hash(byte: u8) -> Hash {
        Hash::repeat_byte(byte)
    }

    #[test]
    fn bodies_are_asked_for_where_the_proposal_came_from_and_then_everywhere() {
        let peers: Vec<_> = (0..3).map(|seed| NodeKey::from_seed([seed; 32]).peer_id()).collect();
        let now = Instant::now();
        let mut candidates = Candidates::<()>::default();
        assert!(candidates.proposed(hash(1), Round(0), Round(0), Some(peers[2])));
        assert!(candidates.proposed(hash(1), Round(3), Round(3), None));
        assert_eq!(candidates.wanted(now), [hash(1)]);
        assert_eq!(candidates.ask(&hash(1), &peers, now), Some(peers[2]));
        assert_eq!(candidates.wanted(now), [], "it is being asked for");
        assert_eq!(candidates.wanted(now + PATIENCE), [hash(1)], "it takes too long");
        let mut asked = Vec::new();
        for _ in 0..2 {
            candidates.not_answered(&hash(1));
            asked.extend(candidates.ask(&hash(1), &peers, now));
        }
        assert_eq!(asked, peers[..2]);
        // From the beginning.
        candidates.not_answered(&hash(1));
        assert_eq!(candidates.ask(&hash(1), &peers, now), None);
        assert_eq!(candidates.ask(&hash(1), &peers, now), Some(peers[2]));
        // Gone meanwhile.
        candidates.not_answered(&hash(1));
        assert_eq!(candidates.ask(&hash(1), &peers[..1], now), Some(peers[0]));
        assert_eq!(candidates.rounds(&hash(1)), [Round(0), Round(3)]);
        assert_eq!(candidates.of_round(Round(3)), [hash(1)]);
    }

    /// Two that give wrong bodies do not keep a third from being asked.
    #[test]
    fn a_wrong_body_is_asked_for_elsewhere() {
        let peers: Vec<_> = (0..3).map(|seed| NodeKey::from_seed([seed; 32]).peer_id()).collect();
        let now = Instant::now();
        let mut candidates = Candidates::<()>::default();
        for sender in &peers[..2] {
            assert!(candidates.proposed(hash(1), Round(0), Round(0), Some(*sender)));
        }
        let mut asked = Vec::new();
        for _ in 0..3 {
            asked.extend(candidates.ask(&hash(1), &peers, now));
            candidates.set(&hash(1), Stage::Here);
            candidates.wrong_body(&hash(1));
            assert_eq!(candidates.wanted(now), [hash(1)]);
        }
        assert_eq!(asked, peers);
    }

    #[test]
    fn a_member_that_proposes_much_crowds_nobody_out() {
        let mut candidates = Candidates::<()>::default();
        let mut proposed = |byte: u8, round, now| candidates.proposed(hash(byte), Round(round), Round(now), None);
        // Its own round.
        assert!(proposed(0, 0, 0) && proposed(1, 0, 0) && !proposed(2, 0, 0));
        // Others that are to come, up to the bound.
        for byte in 3..(CANDIDATES_MAX + 1) as u8 {
            assert!(proposed(byte, u32::from(byte), 0), "{byte}");
        }
        assert!(!proposed(90, 90, 0));
        // What is proposed now has room; what is past goes first.
        assert!(proposed(91, 2, 2));
        assert!(candidates.stage(&hash(0)).is_none());
        assert!(candidates.proposed(hash(92), Round(2), Round(2), None));
        assert!(!candidates.proposed(hash(93), Round(2), Round(2), None));
        assert!(candidates.0.len() <= CANDIDATES_MAX + OF_ROUND_MAX);
        // What may be bound to is not given up.
        for known in candidates.0.values_mut() {
            known.stage = Stage::Here;
        }
        assert!(!candidates.make_room(Round(99)));
    }

    #[test]
    fn a_verdict_is_told_once_a_round() {
        let mut candidates = Candidates::<()>::default();
        assert!(candidates.proposed(hash(3), Round(0), Round(0), None));
        assert_eq!(candidates.verdict(&hash(3), Round(0), 0), None);
        let block = Block {
            header: Header {
                parent_hash: hash(0),
                number: Height(1),
                state_root: hash(0),
                extrinsics_root: hash(0),
                digest: Digest::default(),
            },
            extrinsics: Vec::new(),
        };
        let waiting = || Waiting {
            block: block.clone(),
            from: None,
            is_kept: false,
        };
        for stage in [Stage::Here, Stage::Unknown(Box::new(waiting()))] {
            candidates.set(&hash(3), stage);
            assert_eq!(candidates.verdict(&hash(3), Round(0), 0), None);
        }
        assert_eq!(candidates.retry(&hash(3)), Some(waiting()));
        assert!(candidates.retry(&hash(3)).is_none() && matches!(candidates.stage(&hash(3)), Some(Stage::Here)));
        candidates.set(&hash(3), Stage::Invalid(None));
        assert_eq!(candidates.verdict(&hash(3), Round(1), 0), None, "not proposed in it");
        assert_eq!(candidates.verdict(&hash(3), Round(0), 0), Some(false));
        assert_eq!(candidates.verdict(&hash(3), Round(0), 0), None);
        assert!(candidates.proposed(hash(3), Round(1), Round(1), None));
        assert_eq!(candidates.verdict(&hash(3), Round(1), 0), Some(false));
        assert!(candidates.take(&hash(3)).is_none() && candidates.stage(&hash(3)).is_some());
    }
}
