//! The loop around the engine.

mod blocks;
mod missed;

use super::{
    Incoming, Parts,
    candidates::{Candidates, Stage, Waiting},
    catch_up::CatchUp,
    disk::Disk,
    ledger::{BroughtIn, Executed, Ledger, Made},
    wire::Bodies,
};
use crate::{chain::ChainError, metrics::ConsensusMetrics, peers::Heads};
use codec::{DecodeAll, Encode};
use quids_api::pobpc::NextHeight;
use quids_consensus::{Decision, Engine, Halt, Input, Message, Output, Timeouts, Timer};
use quids_core::{AccountId20, Hash, Height};
use quids_db::crash_point;
use quids_network::{GossipId, Network, PeerId, PublishError, RequestError, Topic, Verdict};
use quids_pobpc::{Evidence, Justification, Proposal, Round, SeatIndex};
use quids_rpc::ConsensusState;
use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, watch};

/// How often it is looked whether bodies or blocks are wanted that nobody is asked for.
const LOOK: Duration = Duration::from_millis(200);
/// How long a node that has peers waits for word of what it missed, before it votes.
const PATIENCE: Duration = Duration::from_secs(2);
/// Proposals of the height to come that are remembered.
const EARLY_MAX: usize = 8;
/// Of one sender: nobody has checked who signed them.
const EARLY_OF_SENDER_MAX: usize = 2;
/// Verified messages that wait until the height begins.
const READY_MAX: usize = 4096;
/// Messages that wait for room in the network's queue.
const UNSENT_MAX: usize = 256;
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
enum Done<O> {
    Built {
        height: Height,
        round: Round,
        outcome: Result<Option<Made<O>>, ChainError>,
    },
    Fetched {
        block: Hash,
        from: PeerId,
        outcome: Result<Vec<u8>, RequestError>,
    },
    Checked {
        height: Height,
        hash: Hash,
        /// The error: the thread ended.
        outcome: Result<Judged<O>, ChainError>,
    },
    Blocks {
        height: Height,
        from: PeerId,
        outcome: Result<Vec<u8>, RequestError>,
    },
    BroughtIn {
        from: PeerId,
        blocks: BroughtIn,
    },
}

/// What executing a block came to, and the block.
type Judged<O> = (Result<Executed<O>, ChainError>, Waiting);

/// See the module.
pub struct Task<L: Ledger> {
    ledger: Arc<L>,
    network: Network,
    bodies: Arc<Bodies>,
    heads: Arc<Heads>,
    messages: mpsc::Receiver<Incoming>,
    stop: watch::Receiver<bool>,
    engine: Engine<Disk>,
    timeouts: Timeouts,
    /// To be decided next, or being decided.
    height: Height,
    next: NextHeight,
    /// When the height begins; `None` once it has.
    begins: Option<Instant>,
    /// When a proposal of this height was seen first.
    proposed: Option<Instant>,
    round: Round,
    proposer: SeatIndex,
    candidates: Candidates<L::Outcome>,
    /// Blocks that are here, to be executed one after the other.
    waiting: VecDeque<(Hash, Waiting)>,
    is_checking: bool,
    /// Verified messages of the height, until it begins.
    ready: Vec<Message>,
    /// A decision whose block is not executed yet, and when that was tried last.
    undelivered: Option<Justification>,
    /// A block of this height that takes a newer node than this one, and what it lacks.
    outdated: Option<(Hash, String)>,
    executed_again: Instant,
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
    deferred: Vec<Done<L::Outcome>>,
    done: mpsc::UnboundedReceiver<Done<L::Outcome>>,
    tell: mpsc::UnboundedSender<Done<L::Outcome>>,
    status: watch::Sender<Arc<ConsensusState>>,
    metrics: ConsensusMetrics,
}

/// The committee of the block after the last one. What fails for a moment is tried again: without it nothing goes on.
fn next_height(ledger: &impl Ledger) -> Result<NextHeight, ConsensusError> {
    let mut tries = 0;
    loop {
        match ledger.next_height() {
            Ok(next) => return next.ok_or_else(|| ConsensusError::NoValidators(ledger.best().0)),
            Err(error) if error.is_local() && tries < ASK_TRIES => {
                tracing::warn!("the committee is not known yet: {error}");
                tries += 1;
                std::thread::sleep(ASK_AGAIN);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Does something elsewhere that a panic must not keep from being told of.
fn elsewhere<O: Send + 'static, T: Send + 'static>(
    tell: mpsc::UnboundedSender<Done<O>>,
    work: impl FnOnce() -> Result<T, ChainError> + Send + 'static,
    done: impl FnOnce(Result<T, ChainError>) -> Done<O> + Send + 'static,
) {
    tokio::task::spawn_blocking(move || {
        let outcome = catch_unwind(AssertUnwindSafe(work));
        let outcome = outcome.unwrap_or_else(|_| Err(ChainError::Task("a thread that executes blocks".into())));
        // Nobody listens any more when the node stops.
        let _ = tell.send(done(outcome));
    });
}

impl<L: Ledger> Task<L> {
    pub fn new(
        engine: Engine<Disk>,
        parts: Parts<L>,
    ) -> Result<(Self, watch::Receiver<Arc<ConsensusState>>), ConsensusError> {
        let Parts {
            ledger,
            registry,
            network,
            bodies,
            heads,
            messages,
            halt: _,
            stop,
        } = parts;
        let best = ledger.best();
        let next = next_height(&*ledger)?;
        let height = best.0.next().unwrap_or(Height::MAX);
        let metrics = ConsensusMetrics::new(&registry).map_err(ChainError::from)?;
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
            ledger,
            network,
            bodies,
            heads,
            messages,
            stop,
            engine,
            timeouts: Timeouts::default(),
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
            outdated: None,
            executed_again: Instant::now(),
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
            self.candidates.insert(hash, Stage::Here);
            for round in rounds {
                self.candidates.proposed(hash, round, round, None);
            }
            let waiting = Waiting {
                block,
                from: None,
                is_kept: true,
            };
            self.waiting.push_back((hash, waiting));
        }
        self.check_next();
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
        message.is_genuine(&self.ledger.genesis(), committee, *threshold, &quids_crypto::verify)
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

    fn on_done(&mut self, done: Done<L::Outcome>) -> Result<(), ConsensusError> {
        // Else a block could be decided that is being brought in.
        if self.is_bringing_in && !matches!(done, Done::BroughtIn { .. }) {
            self.deferred.push(done);
            return Ok(());
        }
        match done {
            Done::Built { height, round, outcome } => self.on_built(height, round, outcome),
            Done::Fetched { block, from, outcome } => self.on_fetched(block, from, outcome),
            Done::Checked { height, hash, outcome } => self.on_checked(height, hash, outcome?),
            Done::Blocks { height, from, outcome } => {
                self.on_blocks(height, from, outcome);
                Ok(())
            }
            Done::BroughtIn { from, blocks } => {
                self.on_brought_in(from, blocks)?;
                let deferred = std::mem::take(&mut self.deferred);
                deferred.into_iter().try_for_each(|done| self.on_done(done))
            }
        }
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
                    self.check_again(self.candidates.of_round(round));
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
            let ledger = self.ledger.clone();
            tokio::task::spawn_blocking(move || ledger.report(&one));
        }
        self.deliver(justification)
    }

    /// Stores the block that was decided.
    fn deliver(&mut self, justification: Justification) -> Result<(), ConsensusError> {
        let block = justification.block;
        if let Some(executed) = self.candidates.take(&block) {
            let now = Instant::now();
            // Whoever proposes too early does not make intervals much shorter.
            let earliest = self.begun.checked_sub(self.interval() / 2).unwrap_or(self.begun);
            let proposed = self.proposed.unwrap_or(now).max(earliest);
            let begins = proposed + self.interval();
            self.store(executed, justification)?;
            self.begins = Some(begins);
            return Ok(());
        }
        match self.candidates.stage(&block) {
            Some(Stage::Invalid(body)) => {
                let (number, hash) = (self.height, block);
                if let Some(body) = body {
                    self.ledger.accuse(body, &justification);
                }
                let reason = "it was found invalid before it was decided".into();
                return Err(ChainError::InvalidButFinal { number, hash, reason }.into());
            }
            Some(Stage::Unknown(_)) if self.outdated.as_ref().is_some_and(|(hash, _)| *hash == block) => {
                let reason = self.outdated.take().map(|(_, reason)| reason).unwrap_or_default();
                let (number, hash) = (self.height, block);
                return Err(ChainError::Outdated { number, hash, reason }.into());
            }
            Some(Stage::Here | Stage::Unknown(_)) => {
                tracing::warn!("block {} is decided, but not executed yet", self.height);
                self.executed_again = Instant::now();
            }
            // Others have it, with the proof.
            _ => tracing::warn!("block {} is decided, but its body is not here yet", self.height),
        }
        self.undelivered = Some(justification);
        self.catch_up.hurry();
        Ok(())
    }

    /// Stores a final block, and turns to the next height.
    fn store(&mut self, executed: Executed<L::Outcome>, justification: Justification) -> Result<(), ConsensusError> {
        let (height, round) = (justification.height, justification.round);
        let took = self.proposed.map(|proposed| proposed.elapsed()).unwrap_or_default();
        crash_point("consensus-decided");
        self.ledger.store(executed.outcome, &justification)?;
        tracing::info!(
            "block {height} {:?}: {} extrinsics, round {round}, {} signatures, decided in {} ms",
            justification.block,
            executed.extrinsics,
            justification.signatures.len(),
            took.as_millis()
        );
        self.turn_to(height)
    }

    /// The height after this block is next.
    fn turn_to(&mut self, height: Height) -> Result<(), ConsensusError> {
        self.height = height.next().unwrap_or(Height::MAX);
        self.metrics.at(self.height);
        self.next = next_height(&*self.ledger)?;
        self.round = Round::ZERO;
        self.proposer = self.next.committee.proposer(self.height, Round::ZERO);
        self.proposed = None;
        self.candidates.clear();
        self.waiting.clear();
        self.timers.clear();
        self.ready.clear();
        self.undelivered = None;
        self.outdated = None;
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

    /// Validators first: they have what is to be voted on.
    fn peers(&self) -> Vec<PeerId> {
        let mut peers = self.network.peers();
        peers.sort_by_key(|peer| peer.validator.is_none());
        peers.into_iter().map(|peer| peer.id).collect()
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
