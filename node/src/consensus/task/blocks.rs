//! The blocks of a height: this node's own, and those of others, which are fetched, executed and judged.

use super::{ConsensusError, Done, Executed, Judged, Ledger, Made, Stage, Task, Waiting, elsewhere};
use crate::{chain::ChainError, clock::wall_ms, consensus::ledger::BlockWish, frames::decode_within};
use codec::Encode;
use quids_consensus::{Halt, Input};
use quids_core::{Block, Hash, Height};
use quids_db::crash_point;
use quids_network::{Offence, PeerId, RequestError, RequestKind};
use quids_pobpc::{Proposal, Role, Round};
use std::time::{Duration, Instant};

/// A block of a time further ahead of this node's clock is not voted for.
const DRIFT: Duration = Duration::from_secs(5);
/// The part of an interval in which transactions are put into a block.
const BUILDING: f32 = 0.4;
/// Rounds ahead of this node's in which proposals are taken: those in which Malachite takes messages.
const ROUNDS_AHEAD: u32 = 10;
/// Extrinsics of a block that are no transactions.
const INHERENTS_MAX: usize = 16;
/// What a block may take in memory: short extrinsics take more there than on the wire.
const BLOCK_MEMORY_MAX: usize = 96 << 20;

impl<L: Ledger> Task<L> {
    pub(super) fn on_proposal(&mut self, proposal: Proposal, from: Option<PeerId>) -> Result<(), ConsensusError> {
        let Proposal { block, round, .. } = proposal;
        // It may just have been decided.
        if proposal.height != self.height {
            return Ok(());
        }
        self.proposed.get_or_insert_with(Instant::now);
        let is_near = round.0 <= self.round.0.saturating_add(ROUNDS_AHEAD);
        if !is_near || !self.candidates.proposed(block, round, self.round, from) {
            return Ok(());
        }
        match self.candidates.stage(&block) {
            Some(Stage::Wanted { awaited: None, .. }) => {
                self.fetch(block);
                Ok(())
            }
            _ => self.tell_verdict(block, round),
        }
    }

    /// Asks somebody for a body.
    pub(super) fn fetch(&mut self, block: Hash) {
        let peers = self.peers();
        let Some(from) = self.candidates.ask(&block, &peers, Instant::now()) else {
            return;
        };
        let (network, tell) = (self.network.clone(), self.tell.clone());
        tokio::spawn(async move {
            let outcome = network.request(from, RequestKind::Proposal, block.encode()).await;
            let _ = tell.send(Done::Fetched { block, from, outcome });
        });
    }

    pub(super) fn on_fetched(
        &mut self,
        hash: Hash,
        from: PeerId,
        outcome: Result<Vec<u8>, RequestError>,
    ) -> Result<(), ConsensusError> {
        if !matches!(self.candidates.stage(&hash), Some(Stage::Wanted { .. })) {
            return Ok(());
        }
        let bytes = match outcome {
            Ok(bytes) if !bytes.is_empty() => bytes,
            outcome => {
                if let Err(RequestError::Timeout) = outcome {
                    self.network.report(from, Offence::Slow);
                }
                tracing::debug!("{from} gave no block {hash:?}: {:?}", outcome.err());
                self.candidates.not_answered(&hash);
                return Ok(());
            }
        };
        let Some(block) = self.body(hash, &bytes) else {
            self.network.report(from, Offence::WrongAnswer);
            self.candidates.not_answered(&hash);
            return Ok(());
        };
        let (_, best) = self.ledger.best();
        if block.header.number != self.height || block.header.parent_hash != best {
            self.candidates.set(&hash, Stage::Invalid(None));
            return self.tell_verdicts(hash);
        }
        self.candidates.set(&hash, Stage::Here);
        let waiting = Waiting {
            block,
            from: Some(from),
            is_kept: false,
        };
        self.waiting.push_back((hash, waiting));
        self.check_next();
        Ok(())
    }

    /// The block with this hash, if these bytes may be it: whether its extrinsics are those of its header is seen when they are
    /// executed.
    fn body(&self, hash: Hash, bytes: &[u8]) -> Option<Block> {
        let block = decode_within::<Block>(bytes, BLOCK_MEMORY_MAX).ok()?;
        let extrinsics_max = (self.next.max_transactions as usize).saturating_add(INHERENTS_MAX);
        (block.header.hash() == hash && block.extrinsics.len() <= extrinsics_max).then_some(block)
    }

    /// Executes what waits for it, one block at a time, those of the round first.
    pub(super) fn check_next(&mut self) {
        if self.is_checking {
            return;
        }
        let of_round = self.candidates.of_round(self.round);
        let first = self.waiting.iter().position(|(hash, _)| of_round.contains(hash));
        let Some((hash, waiting)) = self.waiting.remove(first.unwrap_or_default()) else {
            return;
        };
        self.is_checking = true;
        let (ledger, height) = (self.ledger.clone(), self.height);
        let check = move || Ok((ledger.check(&waiting.block), waiting));
        elsewhere(self.tell.clone(), check, move |outcome| Done::Checked {
            height,
            hash,
            outcome,
        });
    }

    pub(super) fn on_checked(
        &mut self,
        height: Height,
        hash: Hash,
        (outcome, waiting): Judged<L::Outcome>,
    ) -> Result<(), ConsensusError> {
        self.is_checking = false;
        if height == self.height {
            self.judge_block(hash, outcome, waiting)?;
            match self.undelivered.take() {
                Some(justification) => self.deliver(justification)?,
                None => self.tell_verdicts(hash)?,
            }
        }
        self.check_next();
        Ok(())
    }

    /// What is known of a block once it was executed.
    fn judge_block(
        &mut self,
        hash: Hash,
        outcome: Result<Executed<L::Outcome>, ChainError>,
        waiting: Waiting,
    ) -> Result<(), ConsensusError> {
        let Waiting { block, from, is_kept } = waiting;
        let stage = match outcome {
            Ok(executed) => {
                self.bodies.put(hash, block.encode().into());
                // Before the engine hears of it.
                if !is_kept {
                    self.keep(self.candidates.rounds(&hash), block)?;
                }
                Stage::Executed(Box::new(executed))
            }
            Err(error) if error.is_fatal() => return Err(error.into()),
            Err(ChainError::OtherBody { reason, .. }) => {
                tracing::debug!("what came as block {hash:?} is not it: {reason}");
                if let Some(from) = from {
                    self.network.report(from, Offence::WrongAnswer);
                }
                self.candidates.wrong_body(&hash);
                return Ok(());
            }
            Err(error) if error.is_local() => {
                tracing::warn!("no verdict on block {hash:?}: {error}");
                if error.is_outdated() {
                    self.outdated = Some((hash, error.to_string()));
                }
                Stage::Unknown(Box::new(Waiting { block, from, is_kept }))
            }
            Err(error) => {
                tracing::warn!("a block is proposed that is invalid: {error}");
                Stage::Invalid(Some(Box::new(block)))
            }
        };
        self.candidates.set(&hash, stage);
        Ok(())
    }

    /// Keeps a block in the journal, before the engine hears of it.
    fn keep(&mut self, rounds: Vec<Round>, block: Block) -> Result<(), ConsensusError> {
        let kept = self.engine.host_mut().keep(self.height, rounds, block);
        Ok(kept.map_err(Halt::from)?)
    }

    /// Executes once more which of these this node could not tell about.
    pub(super) fn check_again(&mut self, blocks: Vec<Hash>) {
        for hash in blocks {
            if let Some(waiting) = self.candidates.retry(&hash) {
                self.waiting.push_back((hash, waiting));
            }
        }
        self.check_next();
    }

    fn tell_verdicts(&mut self, block: Hash) -> Result<(), ConsensusError> {
        for round in self.candidates.rounds(&block) {
            self.tell_verdict(block, round)?;
        }
        Ok(())
    }

    /// Tells the engine what this node says of a block that was proposed in a round. The clock is no matter of validity: a block that
    /// others decided is taken in all the same.
    pub(super) fn tell_verdict(&mut self, block: Hash, round: Round) -> Result<(), ConsensusError> {
        if !self.has_begun() {
            return Ok(());
        }
        let latest_ms = wall_ms().saturating_add(DRIFT.as_millis() as u64);
        let Some(is_valid) = self.candidates.verdict(&block, round, latest_ms) else {
            return Ok(());
        };
        if !is_valid && matches!(self.candidates.stage(&block), Some(Stage::Executed(_))) {
            tracing::warn!(
                "no vote for block {}: its time is too far ahead of this node's clock",
                self.height
            );
        }
        self.input_if_begun(Input::Verdict { round, block, is_valid })
    }

    /// Builds a block elsewhere.
    pub(super) fn build(&mut self, round: Round) {
        let (height, ledger) = (self.height, self.ledger.clone());
        let seats = self.next.committee.seats();
        let wish = BlockWish {
            account: self.account(),
            has_witnesses: seats.iter().any(|seat| seat.role == Role::Witness),
            count_max: self.next.max_transactions as usize,
            deadline: Instant::now() + self.interval().mul_f32(BUILDING),
        };
        let build = move || ledger.build(wish);
        elsewhere(self.tell.clone(), build, move |outcome| Done::Built {
            height,
            round,
            outcome,
        });
    }

    pub(super) fn on_built(
        &mut self,
        height: Height,
        round: Round,
        outcome: Result<Option<Made<L::Outcome>>, ChainError>,
    ) -> Result<(), ConsensusError> {
        // What is not wanted any more may have failed for that reason.
        if height != self.height || self.begins.is_some() {
            return Ok(());
        }
        let Made { block, executed } = match outcome {
            Ok(Some(built)) => built,
            Ok(None) => return Ok(()),
            Err(error) if error.is_fatal() => return Err(error.into()),
            Err(error) => {
                tracing::error!("no block this time: {error}");
                return Ok(());
            }
        };
        let hash = block.header.hash();
        self.bodies.put(hash, block.encode().into());
        self.keep(vec![round], block)?;
        self.candidates.insert(hash, Stage::Executed(Box::new(executed)));
        self.candidates.proposed(hash, round, self.round, None);
        self.proposed.get_or_insert_with(Instant::now);
        crash_point("consensus-built");
        self.input_if_begun(Input::Propose { round, block: hash })
    }
}
