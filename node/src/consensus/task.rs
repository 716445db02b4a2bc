//! The loop around the engine.

use super::{
    Incoming, Parts,
    candidates::{Candidates, Stage},
    catch_up::CatchUp,
    disk::Disk,
    offence,
    wire::{BLOCKS_MAX, BlocksRequest, Bodies},
};
use crate::{
    beacon::HashChain,
    chain::{Candidate, Chain, ChainError, FinalBlock, NewBlock, Proposal as Wish, Recorded, Refused, RowError},
    clock::{Clock, wall_ms},
    frames::decode_within,
    metrics::ConsensusMetrics,
    peers::Heads,
    pool::SharedPool,
};
use codec::{Decode, DecodeAll, Encode};
use quids_api::{
    InherentData, TIMESTAMP_INHERENT, names,
    pobpc::{JUSTIFICATION_INHERENT, NextHeight, POBPC_ENGINE_ID, ValidatorInfo, ValidatorStatus},
};
use quids_consensus::{Decision, Engine, Halt, Input, Message, Output, Timeouts, Timer};
use quids_core::{AccountId20, Block, DigestItem, Hash, Height};
use quids_db::crash_point;
use quids_network::{GossipId, Network, Offence, PeerId, PublishError, RequestError, RequestKind, Topic, Verdict};
use quids_pobpc::{Evidence, Justification, Proposal, Role, Round, SeatIndex};
use quids_rpc::ConsensusState;
use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, VecDeque},
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, watch};

/// How often it is looked whether bodies or blocks are wanted that nobody is asked for.
const LOOK: Duration = Duration::from_millis(200);
/// How long a node that has peers waits for word of what it missed, before it votes.
const PATIENCE: Duration = Duration::from_secs(2);
/// A block of a time further ahead of this node's clock is not voted for.
const DRIFT: Duration = Duration::from_secs(5);
/// The part of an interval in which transactions are put into a block.
const BUILDING: f32 = 0.4;
/// Proposals of the height to come that are remembered.
const EARLY_MAX: usize = 8;
/// Of one sender: nobody has checked who signed them.
const EARLY_OF_SENDER_MAX: usize = 2;
/// Rounds ahead of this node's in which proposals are taken: those in which Malachite takes messages.
const ROUNDS_AHEAD: u32 = 10;
/// Verified messages that wait until the height begins.
const READY_MAX: usize = 4096;
/// Messages that wait for room in the network's queue.
const UNSENT_MAX: usize = 256;
/// Extrinsics of a block that are no transactions.
const INHERENTS_MAX: usize = 16;
/// What an answer may take in memory: short extrinsics take more there than on the wire.
const BLOCK_MEMORY_MAX: usize = 96 << 20;
const BLOCKS_MEMORY_MAX: usize = 192 << 20;
/// How often the committee is asked for in vain, and how long it waits in between.
const ASK_TRIES: u32 = 100;
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Why deciding ended.
#[derive(Debug, thiserror::Error)]
pub enum ConsensusError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Halt(#[from] Halt),
    #[error("the chain has no validators any more: at block {0} nobody decides the next one")]
    NoValidators(Height),
    #[error("no thread for consensus: {0}")]
    Thread(String),
    #[error(
        "it is proven that block {number} ({block:?}) is invalid, and a quorum signed it: this node decides nothing any more \
         (`quids fraud list` names the signers)"
    )]
    Fraud { number: Height, block: Hash },
}

/// What was done elsewhere.
enum Done {
    Built {
        height: Height,
        round: Round,
        outcome: Result<(Candidate, Vec<Refused>), ChainError>,
    },
    Fetched {
        block: Hash,
        from: PeerId,
        outcome: Result<Vec<u8>, RequestError>,
    },
    Checked {
        height: Height,
        block: Hash,
        outcome: Result<Candidate, ChainError>,
    },
    Blocks {
        height: Height,
        from: PeerId,
        outcome: Result<Vec<u8>, RequestError>,
    },
    BroughtIn {
        from: PeerId,
        blocks: Vec<NewBlock>,
        outcome: Result<(), RowError<Infallible>>,
    },
}

/// What a block of this node is built from.
struct Building {
    chain: Arc<Chain>,
    pool: Arc<SharedPool>,
    links: Option<Arc<HashChain>>,
    bodies: Arc<Bodies>,
    account: Option<AccountId20>,
    /// Some members have no state, and need proofs.
    has_witnesses: bool,
    seats: usize,
    count_max: usize,
    deadline: Instant,
}

impl Building {
    fn build(self, now: u64) -> Result<(Candidate, Vec<Refused>), ChainError> {
        let mut count_max = self.count_max;
        loop {
            match self.build_of(now, count_max) {
                Err(error) if error.is_too_much_for_a_proof() && count_max > 0 => {
                    tracing::warn!("a block of {count_max} transactions needs too large a proof: {error}");
                    count_max /= 2;
                }
                outcome => return outcome,
            }
        }
    }

    fn build_of(&self, now: u64, count_max: usize) -> Result<(Candidate, Vec<Refused>), ChainError> {
        let mut inherents = InherentData::default();
        inherents.put(TIMESTAMP_INHERENT, &now);
        let mut digest = Vec::new();
        self.put_for_draws(&mut inherents, &mut digest)?;
        let transactions = self.pool.ready(count_max);
        let wish = Wish {
            author: self.account,
            digest,
            inherents,
            transactions: &mut transactions.into_iter().map(|bytes| bytes.to_vec()),
            deadline: self.deadline,
            count_max,
        };
        let (candidate, refused) = self.chain.propose(wish, self.has_witnesses)?;
        if let Some(Recorded { proof, blobs }) = candidate.proof()? {
            let hash = candidate.header().hash();
            self.bodies.put_proof(hash, proof.encode().into(), blobs);
        }
        Ok((candidate, refused))
    }

    /// Where committees are drawn: what this node reveals, and who voted for the parent.
    fn put_for_draws(&self, inherents: &mut InherentData, digest: &mut Vec<DigestItem>) -> Result<(), ChainError> {
        let (height, best) = self.chain.best();
        let validators: Vec<ValidatorInfo> = self.chain.ask(names::POBPC_VALIDATORS)?;
        let active = validators.iter().filter(|one| one.status == ValidatorStatus::Active);
        if active.count() <= self.seats {
            return Ok(());
        }
        if let Some(proof) = self.chain.justification(&best)? {
            inherents.put(JUSTIFICATION_INHERENT, &proof);
        }
        let own = validators.iter().find(|one| Some(one.account) == self.account);
        let commitment = own
            .filter(|own| height.next() >= Some(own.reveals_from))
            .and_then(|own| own.commitment);
        let links = self.links.as_deref();
        if let Some(link) = commitment.and_then(|commitment| links?.before(&commitment)) {
            digest.push(DigestItem::PreRuntime(POBPC_ENGINE_ID, link.encode()));
        }
        Ok(())
    }
}

/// See the module.
pub struct Task {
    chain: Arc<Chain>,
    pool: Arc<SharedPool>,
    network: Network,
    bodies: Arc<Bodies>,
    heads: Arc<Heads>,
    links: Option<Arc<HashChain>>,
    messages: mpsc::Receiver<Incoming>,
    stop: watch::Receiver<bool>,
    engine: Engine<Disk>,
    timeouts: Timeouts,
    clock: Clock,
    /// To be decided next, or being decided.
    height: Height,
    next: NextHeight,
    /// When the height begins; `None` once it has.
    begins: Option<Instant>,
    /// When a proposal of this height was seen first.
    proposed: Option<Instant>,
    round: Round,
    proposer: SeatIndex,
    candidates: Candidates,
    /// Blocks that are here, to be executed one after the other.
    waiting: VecDeque<(Hash, Block)>,
    is_checking: bool,
    /// Verified messages of the height, until it begins.
    ready: Vec<Message>,
    /// A decision whose block is not executed yet.
    undelivered: Option<Justification>,
    /// When the height began.
    begun: Instant,
    /// Messages that the network had no room for.
    unsent: VecDeque<Vec<u8>>,
    /// Proposals of the height after this one.
    early: Vec<(Message, Proposal, PeerId)>,
    timers: BinaryHeap<Reverse<(Instant, Timer)>>,
    catch_up: CatchUp,
    is_bringing_in: bool,
    /// What was done elsewhere meanwhile.
    deferred: Vec<Done>,
    done: mpsc::UnboundedReceiver<Done>,
    tell: mpsc::UnboundedSender<Done>,
    status: watch::Sender<Arc<ConsensusState>>,
    metrics: ConsensusMetrics,
}

/// The committee of the block after the last one. What fails for a moment is tried again: without it nothing goes on.
fn next_height(chain: &Chain) -> Result<NextHeight, ConsensusError> {
    let mut tries = 0;
    loop {
        match chain.next_height() {
            Ok(next) => return next.ok_or_else(|| ConsensusError::NoValidators(chain.best().0)),
            Err(ChainError::Executor(error)) if error.is_local() && tries < ASK_TRIES => {
                tracing::warn!("the committee is not known yet: {error}");
                tries += 1;
                std::thread::sleep(ASK_AGAIN);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Does something elsewhere that a panic must not keep from being told of.
fn elsewhere<T: Send + 'static>(
    tell: mpsc::UnboundedSender<Done>,
    work: impl FnOnce() -> Result<T, ChainError> + Send + 'static,
    done: impl FnOnce(Result<T, ChainError>) -> Done + Send + 'static,
) {
    tokio::task::spawn_blocking(move || {
        let outcome = catch_unwind(AssertUnwindSafe(work));
        let outcome = outcome.unwrap_or_else(|_| Err(ChainError::Task("a thread that executes blocks".into())));
        // Nobody listens any more when the node stops.
        let _ = tell.send(done(outcome));
    });
}

impl Task {
    pub fn new(
        engine: Engine<Disk>,
        parts: Parts,
    ) -> Result<(Self, watch::Receiver<Arc<ConsensusState>>), ConsensusError> {
        let Parts {
            chain,
            pool,
            network,
            key: _,
            links,
            bodies,
            heads,
            messages,
            stop,
        } = parts;
        let best = chain.best();
        let next = next_height(&chain)?;
        let height = best.0.next().unwrap_or(Height::MAX);
        let metrics = ConsensusMetrics::new(chain.registry()).map_err(ChainError::from)?;
        metrics.at(height);
        let (tell, done) = mpsc::unbounded_channel();
        let proposer = next.committee.proposer(height, Round::ZERO);
        let status = ConsensusState {
            height,
            round: Round::ZERO,
            proposer,
            seat: None,
            next: next.clone(),
            is_catching_up: false,
        };
        let (sender, status) = watch::channel(Arc::new(status));
        let mut this = Self {
            chain,
            pool,
            network,
            bodies,
            heads,
            links: links.map(Arc::new),
            messages,
            stop,
            engine,
            timeouts: Timeouts::default(),
            clock: Clock::default(),
            height,
            next,
            begins: None,
            proposed: None,
            round: Round::ZERO,
            proposer,
            candidates: Candidates::default(),
            waiting: VecDeque::new(),
            is_checking: false,
            ready: Vec::new(),
            undelivered: None,
            begun: Instant::now(),
            unsent: VecDeque::new(),
            early: Vec::new(),
            timers: BinaryHeap::new(),
            catch_up: CatchUp::default(),
            is_bringing_in: false,
            deferred: Vec::new(),
            done,
            tell,
            status: sender,
            metrics,
        };
        let is_alone = this.next.committee.seats().len() == 1 && this.seat().is_some();
        let wait = if is_alone { Duration::ZERO } else { PATIENCE };
        this.begins = Some(Instant::now() + wait);
        Ok((this, status))
    }

    /// Until it is told to stop.
    pub async fn run(mut self) -> Result<(), ConsensusError> {
        self.restore()?;
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !*self.stop.borrow() {
            self.go_on()?;
            let wake = self.wake();
            tokio::select! {
                stopped = self.stop.changed() => {
                    if stopped.is_err() {
                        break;
                    }
                }
                Some(done) = self.done.recv() => self.on_done(done)?,
                Some(incoming) = self.messages.recv(), if !self.is_bringing_in => self.on_message(incoming)?,
                () = until(wake), if !self.is_bringing_in => self.on_timers()?,
                _ = look.tick(), if !self.is_bringing_in => self.look(),
            }
        }
        Ok(())
    }

    /// Blocks that an earlier process kept of this height: members may be bound to them.
    fn restore(&mut self) -> Result<(), ConsensusError> {
        for (rounds, block) in self.engine.host().blocks(self.height).map_err(Halt::from)? {
            let hash = block.header.hash();
            self.bodies.put(hash, block.encode().into());
            let outcome = self.chain.check(&block);
            let stage = self.judged(hash, outcome)?;
            self.candidates.insert(hash, stage);
            for round in rounds {
                self.candidates.proposed(hash, round, round, None);
            }
        }
        Ok(())
    }

    /// When the next timer goes off, or the height begins.
    fn wake(&self) -> Option<Instant> {
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        [timer, self.begins].into_iter().flatten().min()
    }

    /// Begins what is due.
    fn go_on(&mut self) -> Result<(), ConsensusError> {
        if self.is_bringing_in {
            return Ok(());
        }
        if self.begins.is_some_and(|at| at <= Instant::now()) {
            self.begin()?;
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), ConsensusError> {
        self.begins = None;
        self.begun = Instant::now();
        self.timers.clear();
        let NextHeight {
            committee, threshold, ..
        } = &self.next;
        let outputs = self.engine.start(self.height, committee.clone(), *threshold)?;
        self.perform(outputs)?;
        for message in std::mem::take(&mut self.ready) {
            self.input_if_begun(Input::Message(message))?;
        }
        let early = std::mem::take(&mut self.early);
        for (message, proposal, from) in early {
            if proposal.height == self.height && self.is_genuine(&message) {
                self.on_proposal(proposal, Some(from))?;
            }
        }
        Ok(())
    }

    fn is_genuine(&self, message: &Message) -> bool {
        let NextHeight {
            committee, threshold, ..
        } = &self.next;
        message.is_genuine(&self.chain.genesis(), committee, *threshold, &quids_crypto::verify)
    }

    fn on_message(&mut self, incoming: Incoming) -> Result<(), ConsensusError> {
        let Incoming { id, bytes, from } = incoming;
        let Ok(message) = Message::decode_all(&mut &bytes[..]) else {
            self.judge(id, Verdict::Reject);
            return Ok(());
        };
        let proposal = match &message {
            Message::Proposal(proposal) => Some(proposal.message),
            _ => None,
        };
        match message.height().cmp(&self.height) {
            Ordering::Less => self.judge(id, Verdict::Ignore),
            Ordering::Greater => {
                // Who sits there is not known yet.
                self.judge(id, Verdict::Ignore);
                self.catch_up.heard(message.height(), from);
                if let Some(proposal) = proposal
                    && Some(proposal.height) == self.height.next()
                    && self.early.len() < EARLY_MAX
                    && self.early.iter().filter(|(.., other)| *other == from).count() < EARLY_OF_SENDER_MAX
                {
                    self.early.push((message.clone(), proposal, from));
                }
                self.input_if_started(Input::Message(message))?;
            }
            Ordering::Equal if !self.is_genuine(&message) => {
                tracing::debug!("a message of {from} is not signed by whom it claims: {message:?}");
                self.judge(id, Verdict::Reject);
            }
            Ordering::Equal => {
                self.judge(id, Verdict::Accept);
                if self.begins.is_none() {
                    self.input_if_begun(Input::Message(message))?;
                } else if self.ready.len() < READY_MAX && !self.ready.contains(&message) {
                    self.ready.push(message);
                }
                if let Some(proposal) = proposal {
                    self.on_proposal(proposal, Some(from))?;
                }
            }
        }
        Ok(())
    }

    fn judge(&self, id: GossipId, verdict: Verdict) {
        self.metrics.judged(verdict);
        self.network.judge(id, verdict);
    }

    fn on_proposal(&mut self, proposal: Proposal, from: Option<PeerId>) -> Result<(), ConsensusError> {
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
    fn fetch(&mut self, block: Hash) {
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

    /// Validators first: they have what is to be voted on.
    fn peers(&self) -> Vec<PeerId> {
        let mut peers = self.network.peers();
        peers.sort_by_key(|peer| peer.validator.is_none());
        peers.into_iter().map(|peer| peer.id).collect()
    }

    fn on_done(&mut self, done: Done) -> Result<(), ConsensusError> {
        // Else a block could be decided that is being brought in.
        if self.is_bringing_in && !matches!(done, Done::BroughtIn { .. }) {
            self.deferred.push(done);
            return Ok(());
        }
        match done {
            Done::Built { height, round, outcome } => self.on_built(height, round, outcome),
            Done::Fetched { block, from, outcome } => self.on_fetched(block, from, outcome),
            Done::Checked { height, block, outcome } => self.on_checked(height, block, outcome),
            Done::Blocks { height, from, outcome } => {
                self.on_blocks(height, from, outcome);
                Ok(())
            }
            Done::BroughtIn { from, blocks, outcome } => {
                self.on_brought_in(from, blocks, outcome)?;
                let deferred = std::mem::take(&mut self.deferred);
                deferred.into_iter().try_for_each(|done| self.on_done(done))
            }
        }
    }

    fn on_checked(
        &mut self,
        height: Height,
        block: Hash,
        outcome: Result<Candidate, ChainError>,
    ) -> Result<(), ConsensusError> {
        self.is_checking = false;
        if height == self.height {
            let stage = self.judged(block, outcome)?;
            self.candidates.set(&block, stage);
            match self.undelivered.take() {
                Some(justification) => self.deliver(justification)?,
                None => {
                    for round in self.candidates.rounds(&block) {
                        self.tell_verdict(block, round)?;
                    }
                }
            }
        }
        self.check_next();
        Ok(())
    }

    fn on_built(
        &mut self,
        height: Height,
        round: Round,
        outcome: Result<(Candidate, Vec<Refused>), ChainError>,
    ) -> Result<(), ConsensusError> {
        // What is not wanted any more may have failed for that reason.
        if height != self.height || self.begins.is_some() {
            return Ok(());
        }
        let (candidate, refused) = match outcome {
            Ok(built) => built,
            Err(error) if error.is_fatal() => return Err(error.into()),
            Err(error) => {
                tracing::error!("no block this time: {error}");
                return Ok(());
            }
        };
        let block = candidate.block();
        let hash = candidate.header().hash();
        self.bodies.put(hash, block.encode().into());
        self.engine
            .host_mut()
            .keep(height, vec![round], block)
            .map_err(Halt::from)?;
        self.candidates.insert(
            hash,
            Stage::Executed {
                block: Box::new(candidate),
                refused,
                at_ms: None,
            },
        );
        self.candidates.proposed(hash, round, self.round, None);
        self.proposed.get_or_insert_with(Instant::now);
        crash_point("consensus-built");
        self.input_if_begun(Input::Propose { round, block: hash })
    }

    fn on_fetched(
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
        let Some(block) = self.body(hash, &bytes)? else {
            self.network.report(from, Offence::WrongAnswer);
            self.candidates.not_answered(&hash);
            return Ok(());
        };
        self.bodies.put(hash, bytes.into());
        let (_, best) = self.chain.best();
        if block.header.number != self.height || block.header.parent_hash != best {
            self.candidates.set(&hash, Stage::Invalid);
            for round in self.candidates.rounds(&hash) {
                self.tell_verdict(hash, round)?;
            }
            return Ok(());
        }
        self.engine
            .host_mut()
            .keep(self.height, self.candidates.rounds(&hash), block.clone())
            .map_err(Halt::from)?;
        self.candidates.set(&hash, Stage::Here);
        self.waiting.push_back((hash, block));
        self.check_next();
        Ok(())
    }

    /// The block with this hash, if these bytes are it.
    fn body(&self, hash: Hash, bytes: &[u8]) -> Result<Option<Block>, ConsensusError> {
        let Ok(block) = decode_within::<Block>(bytes, BLOCK_MEMORY_MAX) else {
            return Ok(None);
        };
        let extrinsics_max = (self.next.max_transactions as usize).saturating_add(INHERENTS_MAX);
        if block.header.hash() != hash || block.extrinsics.len() > extrinsics_max {
            return Ok(None);
        }
        match self.chain.has_its_extrinsics(&block) {
            Ok(is_it) => Ok(is_it.then_some(block)),
            Err(error) if error.is_fatal() => Err(error.into()),
            // The runtime fails on what no author made.
            Err(error) => {
                tracing::debug!("what came as block {hash:?} is none: {error}");
                Ok(None)
            }
        }
    }

    fn check_next(&mut self) {
        if self.is_checking {
            return;
        }
        let Some((block, body)) = self.waiting.pop_front() else {
            return;
        };
        self.is_checking = true;
        let (chain, height) = (self.chain.clone(), self.height);
        let check = move || chain.check(&body);
        elsewhere(self.tell.clone(), check, move |outcome| Done::Checked {
            height,
            block,
            outcome,
        });
    }

    /// What is known of a block once it was executed.
    fn judged(&self, hash: Hash, outcome: Result<Candidate, ChainError>) -> Result<Stage, ConsensusError> {
        match outcome {
            Ok(block) => {
                let at = block.written(&Chain::timestamp_key());
                Ok(Stage::Executed {
                    at_ms: at.and_then(|bytes| u64::decode(&mut &bytes[..]).ok()),
                    block: Box::new(block),
                    refused: Vec::new(),
                })
            }
            Err(error) if error.is_fatal() => Err(error.into()),
            Err(ChainError::Executor(error)) if error.is_local() => {
                tracing::warn!("no verdict on block {hash:?}: {error}");
                Ok(Stage::Unknown)
            }
            Err(error) => {
                tracing::warn!("a block is proposed that is invalid: {error}");
                Ok(Stage::Invalid)
            }
        }
    }

    /// Tells the engine what this node says of a block that was proposed in a round. The clock is no matter of validity: a block that
    /// others decided is taken in all the same.
    fn tell_verdict(&mut self, block: Hash, round: Round) -> Result<(), ConsensusError> {
        if !self.has_begun() {
            return Ok(());
        }
        let latest_ms = wall_ms().saturating_add(DRIFT.as_millis() as u64);
        let Some(is_valid) = self.candidates.verdict(&block, round, latest_ms) else {
            return Ok(());
        };
        if !is_valid && matches!(self.candidates.stage(&block), Some(Stage::Executed { .. })) {
            tracing::warn!(
                "no vote for block {}: its time is too far ahead of this node's clock",
                self.height
            );
        }
        self.input_if_begun(Input::Verdict { round, block, is_valid })
    }

    /// Whether the engine decides this height.
    fn has_begun(&self) -> bool {
        self.begins.is_none() && self.engine.height() == Some(self.height)
    }

    /// For what is of this height.
    fn input_if_begun(&mut self, input: Input) -> Result<(), ConsensusError> {
        if !self.has_begun() {
            return Ok(());
        }
        let outputs = self.engine.handle(input)?;
        self.perform(outputs)
    }

    /// For what may be of a height to come.
    fn input_if_started(&mut self, input: Input) -> Result<(), ConsensusError> {
        if self.engine.height().is_none() {
            return Ok(());
        }
        let outputs = self.engine.handle(input)?;
        self.perform(outputs)
    }

    fn on_timers(&mut self) -> Result<(), ConsensusError> {
        let now = Instant::now();
        while let Some(Reverse((at, timer))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            if timer.height == self.height {
                self.input_if_begun(Input::Timer(timer))?;
            }
        }
        Ok(())
    }

    fn perform(&mut self, outputs: Vec<Output>) -> Result<(), ConsensusError> {
        let height = self.height;
        for output in outputs {
            // A verdict that was told in between may have decided the height: what else is due of it is not any more.
            if self.height != height && !matches!(output, Output::Publish(_)) {
                continue;
            }
            match output {
                Output::Publish(message) => {
                    crash_point("consensus-before-publish");
                    self.publish(message.encode());
                }
                Output::Start(timer) => {
                    let at = Instant::now() + self.timeouts.of(timer);
                    self.timers.push(Reverse((at, timer)));
                }
                Output::Build { round } => self.build(round),
                // Whoever lacks it asks for it.
                Output::Offer { .. } => {}
                Output::Round { round, proposer } => {
                    self.round = round;
                    self.metrics.round();
                    self.proposer = proposer;
                    self.tell_status();
                    for block in self.candidates.of_round(round) {
                        self.tell_verdict(block, round)?;
                    }
                    self.check_again();
                }
                Output::Decided(decision) => self.on_decided(*decision)?,
            }
        }
        Ok(())
    }

    fn publish(&mut self, bytes: Vec<u8>) {
        match self.network.publish(Topic::Consensus, bytes.clone()) {
            Ok(()) | Err(PublishError::Stopped) => {}
            Err(PublishError::Full) => {
                self.unsent.push_back(bytes);
                let surplus = self.unsent.len().saturating_sub(UNSENT_MAX);
                self.unsent.drain(..surplus);
            }
            Err(error) => tracing::error!("a message could not be sent: {error}"),
        }
    }

    /// Executes once more what this node could not tell about.
    fn check_again(&mut self) {
        for hash in self.candidates.retry() {
            let body = self.bodies.get(&hash);
            if let Some(block) = body.and_then(|bytes| Block::decode_all(&mut &bytes[..]).ok()) {
                self.waiting.push_back((hash, block));
            }
        }
        self.check_next();
    }

    fn tell_status(&self) {
        let status = ConsensusState {
            height: self.height,
            round: self.round,
            proposer: self.proposer,
            seat: self.seat(),
            next: self.next.clone(),
            is_catching_up: self.is_bringing_in,
        };
        self.status.send_replace(Arc::new(status));
    }

    /// Builds a block elsewhere.
    fn build(&mut self, round: Round) {
        let (height, tell) = (self.height, self.tell.clone());
        let seats = self.next.committee.seats();
        let wish = Building {
            chain: self.chain.clone(),
            pool: self.pool.clone(),
            links: self.links.clone(),
            bodies: self.bodies.clone(),
            account: self.account(),
            has_witnesses: seats.iter().any(|seat| seat.role == Role::Witness),
            seats: seats.len(),
            count_max: self.next.max_transactions as usize,
            deadline: Instant::now() + self.interval().mul_f32(BUILDING),
        };
        let last = self.chain.last_timestamp();
        let now = last.map(|last| self.clock.next_ms(last));
        let build = move || now.and_then(|now| wish.build(now));
        elsewhere(tell, build, move |outcome| Done::Built { height, round, outcome });
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(self.next.batch_interval_ms)
    }

    fn on_decided(&mut self, decision: Decision) -> Result<(), ConsensusError> {
        let Decision {
            justification,
            evidence,
        } = decision;
        let after = self.proposed.map(|proposed| proposed.elapsed()).unwrap_or_default();
        self.metrics.decided(after, evidence.len());
        for one in evidence {
            let (what, seat) = match &one {
                Evidence::Votes(two) => ("voted", two[0].seat),
                Evidence::Proposals(two) => ("proposed", two[0].seat),
            };
            tracing::error!("seat {seat} {what} twice at height {}: {one:?}", self.height);
            let (chain, pool) = (self.chain.clone(), self.pool.clone());
            tokio::task::spawn_blocking(move || offence::report(&chain, &pool, &one));
        }
        self.deliver(justification)
    }

    /// Stores the block that was decided.
    fn deliver(&mut self, justification: Justification) -> Result<(), ConsensusError> {
        let block = justification.block;
        if let Some((candidate, refused)) = self.candidates.take(&block) {
            let now = Instant::now();
            // Whoever proposes too early does not make intervals much shorter.
            let earliest = self.begun.checked_sub(self.interval() / 2).unwrap_or(self.begun);
            let proposed = self.proposed.unwrap_or(now).max(earliest);
            let begins = proposed + self.interval();
            self.store(*candidate, justification, &refused)?;
            self.begins = Some(begins);
            return Ok(());
        }
        match self.candidates.stage(&block) {
            Some(Stage::Invalid) => {
                let (number, hash) = (self.height, block);
                if let Some(body) = self
                    .bodies
                    .get(&block)
                    .and_then(|bytes| Block::decode_all(&mut &bytes[..]).ok())
                {
                    self.chain.accuse_decided(&body, &justification);
                }
                let reason = "it was found invalid before it was decided".into();
                return Err(ChainError::InvalidButFinal { number, hash, reason }.into());
            }
            Some(Stage::Here | Stage::Unknown) => {
                tracing::warn!("block {} is decided, but not executed yet", self.height);
                self.check_again();
            }
            // Others have it, with the proof.
            _ => tracing::warn!("block {} is decided, but its body is not here yet", self.height),
        }
        self.undelivered = Some(justification);
        self.catch_up.hurry();
        Ok(())
    }

    /// Stores a final block, and turns to the next height.
    fn store(
        &mut self,
        candidate: Candidate,
        justification: Justification,
        refused: &[Refused],
    ) -> Result<(), ConsensusError> {
        let (height, round) = (justification.height, justification.round);
        let took = self.proposed.map(|proposed| proposed.elapsed()).unwrap_or_default();
        crash_point("consensus-decided");
        let new = self.chain.decide(candidate, justification.encode())?;
        self.pool.on_block(&new, refused);
        tracing::info!(
            "block {height} {:?}: {} extrinsics, round {round}, {} signatures, decided in {} ms",
            new.hash,
            new.extrinsics.len(),
            justification.signatures.len(),
            took.as_millis()
        );
        self.turn_to(height)
    }

    /// The height after this block is next.
    fn turn_to(&mut self, height: Height) -> Result<(), ConsensusError> {
        self.height = height.next().unwrap_or(Height::MAX);
        self.metrics.at(self.height);
        self.next = next_height(&self.chain)?;
        self.round = Round::ZERO;
        self.proposer = self.next.committee.proposer(self.height, Round::ZERO);
        self.proposed = None;
        self.candidates.clear();
        self.waiting.clear();
        self.timers.clear();
        self.ready.clear();
        self.undelivered = None;
        self.begins = Some(Instant::now());
        self.tell_status();
        Ok(())
    }

    /// This node's, at the height that is to be decided.
    fn seat(&self) -> Option<SeatIndex> {
        let key = self.engine.host().public()?;
        self.next.committee.seat_of(key)
    }

    /// In whose name this node builds blocks.
    fn account(&self) -> Option<AccountId20> {
        self.next.accounts.get(usize::from(self.seat()?.0)).copied()
    }

    /// Asks for what is missing.
    fn look(&mut self) {
        for block in self.candidates.wanted(Instant::now()) {
            self.fetch(block);
        }
        for bytes in std::mem::take(&mut self.unsent) {
            self.publish(bytes);
        }
        if let Some((height, peer)) = self.heads.highest()
            && height >= self.height
        {
            self.catch_up.heard(height.next().unwrap_or(Height::MAX), peer);
        }
        let peers = self.peers();
        let Some(from) = self.catch_up.ask(self.height, &peers, Instant::now()) else {
            return;
        };
        let height = self.height;
        let request = BlocksRequest {
            from: height,
            max: BLOCKS_MAX,
        };
        let (network, tell) = (self.network.clone(), self.tell.clone());
        tokio::spawn(async move {
            let outcome = network.request(from, RequestKind::Blocks, request.encode()).await;
            let _ = tell.send(Done::Blocks { height, from, outcome });
        });
    }

    fn on_blocks(&mut self, height: Height, from: PeerId, outcome: Result<Vec<u8>, RequestError>) {
        self.catch_up.answered();
        let bytes = match outcome {
            Ok(bytes) => bytes,
            Err(error) => {
                if error == RequestError::Timeout {
                    self.network.report(from, Offence::Slow);
                }
                tracing::debug!("{from} gave no blocks: {error}");
                return;
            }
        };
        let blocks = decode_within::<Vec<FinalBlock>>(&bytes, BLOCKS_MEMORY_MAX).ok();
        let Some(blocks) = blocks.filter(|blocks| blocks.len() <= BLOCKS_MAX as usize) else {
            self.network.report(from, Offence::WrongAnswer);
            return;
        };
        if blocks.is_empty() && self.heads.of(&from).is_some_and(|(head, _)| head >= height) {
            // It said that it has them.
            self.network.report(from, Offence::Withheld);
            self.heads.forget(&from);
            return;
        }
        if blocks.is_empty() && self.engine.height().is_none() {
            // Nothing was missed, as far as this peer knows.
            self.begins = Some(Instant::now());
        }
        // Some may have been decided here meanwhile.
        let known = self.height.saturating_sub(height).0 as usize;
        let blocks: Vec<_> = blocks.into_iter().skip(known).collect();
        if !blocks.is_empty() {
            self.bring_in(blocks, from);
        }
    }

    /// Takes final blocks of others in; nothing else is done meanwhile.
    fn bring_in(&mut self, blocks: Vec<FinalBlock>, from: PeerId) {
        self.is_bringing_in = true;
        self.tell_status();
        let (chain, tell) = (self.chain.clone(), self.tell.clone());
        let bring_in = move || {
            let mut rest = blocks.into_iter();
            let mut blocks = Vec::new();
            let outcome = chain.import_row(&mut || Ok(rest.next()), &mut |new| blocks.push(new.clone()));
            Ok((blocks, outcome))
        };
        let number = self.height;
        elsewhere(tell, bring_in, move |outcome| {
            let panicked = |error| (Vec::new(), Err(RowError::Refused { number, error }));
            let (blocks, outcome) = outcome.unwrap_or_else(panicked);
            Done::BroughtIn { from, blocks, outcome }
        });
    }

    fn on_brought_in(
        &mut self,
        from: PeerId,
        blocks: Vec<NewBlock>,
        outcome: Result<(), RowError<Infallible>>,
    ) -> Result<(), ConsensusError> {
        self.is_bringing_in = false;
        for new in &blocks {
            self.pool.on_block(new, &[]);
            self.metrics.brought_in();
        }
        if let Some(last) = blocks.last() {
            let (height, hash) = (last.header.number, last.hash);
            tracing::info!(
                "block {height} {hash:?}: the last of {} that others had decided",
                blocks.len()
            );
            self.catch_up.hurry();
            self.turn_to(height)?;
        }
        self.tell_status();
        let error = match outcome {
            Ok(()) => return Ok(()),
            Err(RowError::Source(never)) => match never {},
            Err(RowError::Refused { error, .. }) => error,
        };
        match error {
            ChainError::InvalidButFinal { .. } => Err(error.into()),
            error if error.is_fatal() => Err(error.into()),
            ChainError::Executor(error) if error.is_local() => {
                tracing::warn!("block {} could not be executed: {error}", self.height);
                Ok(())
            }
            error => {
                tracing::debug!("{from} gave as final: {error}");
                self.network.report(from, Offence::WrongAnswer);
                Ok(())
            }
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
