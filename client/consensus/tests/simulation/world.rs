//! A network of engines in virtual time. All that happens follows from the plan and its seed.

use crate::host::{Disk, Machine, key, sign, verify};
use codec::{Decode, Encode};
use fastrand::Rng;
use quids_consensus::{Decision, Engine, Halt, Input, Message, Output, Setup, Timeouts, Timer};
use quids_core::{Hash, Height};
use quids_crypto::{PublicKey, Signature, blake3_256};
use quids_pobpc::{
    Ballot, Committee, Evidence, Proposal, Role, Round, Seat, SeatIndex, Signed, Threshold, Vote, VoteKind,
};
use std::{
    cell::RefCell,
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    ops::Range,
    rc::Rc,
    time::Duration,
};

pub const GENESIS: Hash = Hash::repeat_byte(0xee);
/// Seats of a committee; with more validators, each height draws others.
const SEATS: usize = 7;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Honest,
    /// Says nothing.
    Silent,
    /// Votes for other things with other nodes.
    DoubleVoter,
    /// Proposes other blocks to other nodes, and votes for each.
    DoubleProposer,
    /// Proposes what is invalid, and votes for it.
    Liar,
    /// Sends what it cannot have signed, of any height and round.
    Forger,
}

/// What a run is like.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub kinds: Vec<Kind>,
    pub heights: u32,
    /// Until then messages are late, lost, doubled, and nodes crash; in milliseconds.
    pub calm_from: u64,
    pub lost: f64,
    pub doubled: f64,
    pub delay_ms: Range<u64>,
    /// A part of the nodes that hears nothing of the others until then.
    pub apart: usize,
    /// How often honest nodes crash, on average, until it is calm.
    pub crashes: f64,
    /// Their journals are lost with them.
    pub forgets: bool,
    /// One crash: of this node, before its n-th step.
    pub crash_at: Option<(usize, u64)>,
    /// Nodes that are down from the start.
    pub down: Vec<usize>,
}

impl Plan {
    pub fn calm(kinds: Vec<Kind>, heights: u32) -> Self {
        Self {
            seed: 1,
            kinds,
            heights,
            calm_from: 0,
            lost: 0.0,
            doubled: 0.0,
            delay_ms: 20..60,
            apart: 0,
            crashes: 0.0,
            forgets: false,
            crash_at: None,
            down: Vec::new(),
        }
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A node that is honest said two things where it may say one.
    SaidTwice { node: usize, height: Height, round: Round },
    /// Two blocks of one height are final.
    Fork { height: Height },
    /// A block that is final is invalid, or nobody proposed it.
    Invalid { height: Height },
    /// The proof of a decision is none.
    NoProof { height: Height },
    /// Evidence that proves nothing, or against an honest node.
    FalseEvidence { height: Height },
    /// Time was up, and this node had not decided all.
    Stuck { node: usize, decided: u32 },
}

#[derive(Clone, Debug)]
enum Event {
    Message(Message),
    /// Bytes that somebody sent: what decodes is handled.
    Verdict {
        height: Height,
        round: Round,
        block: Hash,
    },
    Built {
        height: Height,
        round: Round,
    },
    Timer(Timer),
    Begin(Height),
    Restart,
    /// Asks somebody for the proof of this height.
    Ask,
}

struct Node {
    kind: Kind,
    key: PublicKey,
    machine: Rc<RefCell<Machine>>,
    engine: Option<Engine<Disk>>,
    /// Times it was started: what a process waits for ends with it.
    boot: u32,
    /// Blocks that it has, by height, with the round of their proposal. On the disk.
    blocks: BTreeSet<(Height, Round, Hash)>,
    decided: BTreeMap<Height, Decision>,
}

pub struct World {
    plan: Plan,
    rng: Rng,
    now: u64,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, (usize, u32, Event)>,
    next_event: u64,
    nodes: Vec<Node>,
    /// Blocks that somebody made; whether they are valid.
    blocks: BTreeMap<Hash, bool>,
    /// What each node said, by place.
    said: BTreeMap<(usize, Height, Round, u8), Vec<u8>>,
    pub violations: Vec<Violation>,
    pub evidence: Vec<Evidence>,
    pub crashes: u32,
}

pub fn timeouts() -> Timeouts {
    let ms = Duration::from_millis;
    Timeouts {
        propose: ms(400),
        vote: ms(150),
        rebroadcast: ms(700),
        delta: ms(150),
        max: ms(5000),
    }
}

/// Who sits: all, or seven of them by lot. The first are full nodes, the others witnesses.
pub fn committee(nodes: usize, height: Height) -> (Committee, Vec<usize>) {
    let mut members: Vec<usize> = (0..nodes).collect();
    if nodes > SEATS {
        members.sort_by_key(|node| blake3_256(&(height.0, *node as u64).encode()));
        members.truncate(SEATS);
    }
    let full = members.len().div_ceil(2);
    let seats = members.iter().enumerate().map(|(place, node)| Seat {
        key: key(*node),
        role: if place < full { Role::Full } else { Role::Witness },
    });
    (Committee::new(seats.collect()).unwrap(), members)
}

impl World {
    pub fn new(plan: Plan) -> Self {
        let mut rng = Rng::with_seed(plan.seed);
        let nodes = plan.kinds.iter().enumerate().map(|(id, kind)| {
            let mut machine = Machine::default();
            machine.forgets = plan.forgets;
            machine.fuse = plan.crash_at.filter(|(node, _)| *node == id).map(|(_, steps)| steps);
            Node {
                kind: *kind,
                key: key(id),
                machine: Rc::new(RefCell::new(machine)),
                engine: None,
                boot: 0,
                blocks: BTreeSet::new(),
                decided: BTreeMap::new(),
            }
        });
        let nodes: Vec<_> = nodes.collect();
        let mut world = Self {
            now: 0,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next_event: 0,
            blocks: BTreeMap::new(),
            said: BTreeMap::new(),
            violations: Vec::new(),
            evidence: Vec::new(),
            crashes: 0,
            rng: rng.fork(),
            nodes,
            plan,
        };
        for node in 0..world.nodes.len() {
            if !world.plan.down.contains(&node) {
                let at = world.rng.u64(0..50);
                world.at(at, node, Event::Restart);
                world.light_fuse(node);
            }
            let first = world.rng.u64(500..1500);
            world.at(first, node, Event::Ask);
        }
        world
    }

    /// That an honest node will crash, by and by.
    fn light_fuse(&mut self, node: usize) {
        let is_it = self.nodes[node].kind == Kind::Honest && self.plan.crashes > 0.0 && !self.is_calm();
        if is_it && self.rng.f64() < self.plan.crashes {
            self.nodes[node].machine.borrow_mut().fuse = Some(self.rng.u64(1..200));
        }
    }

    fn is_calm(&self) -> bool {
        self.now >= self.plan.calm_from
    }

    fn at(&mut self, time: u64, node: usize, event: Event) {
        let boot = self.nodes[node].boot;
        self.next_event += 1;
        self.events.insert(self.next_event, (node, boot, event));
        self.queue.push(Reverse((time, self.next_event)));
    }

    fn after(&mut self, wait: Range<u64>, node: usize, event: Event) {
        let at = self.now + self.rng.u64(wait);
        self.at(at, node, event);
    }

    /// Runs until all have decided, or until this time.
    pub fn run(&mut self, until: u64) {
        while let Some(Reverse((time, id))) = self.queue.pop() {
            if time > until || self.all_have_decided() {
                break;
            }
            self.now = time;
            let Some((node, boot, event)) = self.events.remove(&id) else {
                continue;
            };
            self.happen(node, boot, event);
        }
        for node in 0..self.nodes.len() {
            let decided = self.nodes[node].decided.len() as u32;
            let counts = self.nodes[node].kind == Kind::Honest && !self.plan.down.contains(&node);
            if counts && decided < self.plan.heights {
                self.violations.push(Violation::Stuck { node, decided });
            }
        }
    }

    fn all_have_decided(&self) -> bool {
        let mut counted = self.nodes.iter().enumerate();
        counted.all(|(id, node)| {
            node.kind != Kind::Honest || self.plan.down.contains(&id) || node.decided.len() as u32 >= self.plan.heights
        })
    }

    fn happen(&mut self, node: usize, boot: u32, event: Event) {
        let is_of_process = matches!(
            event,
            Event::Verdict { .. } | Event::Built { .. } | Event::Timer(_) | Event::Begin(_)
        );
        if is_of_process && boot != self.nodes[node].boot {
            return;
        }
        match event {
            Event::Restart => self.boot(node),
            Event::Begin(height) => self.begin(node, height),
            Event::Ask => {
                self.ask(node);
                self.after(300..1200, node, Event::Ask);
            }
            Event::Message(message) => {
                if let Message::Proposal(proposal) = &message {
                    // The body is asked for, until it is there.
                    let Proposal {
                        height, round, block, ..
                    } = proposal.message;
                    self.after(5..200, node, Event::Verdict { height, round, block });
                }
                self.input(node, Input::Message(message));
            }
            Event::Verdict { height, round, block } => {
                let Some(is_valid) = self.blocks.get(&block).copied() else {
                    return;
                };
                // On the disk before the engine hears of it.
                self.nodes[node].blocks.insert((height, round, block));
                if self.height(node) == Some(height) {
                    self.input(node, Input::Verdict { round, block, is_valid });
                }
            }
            Event::Built { height, round } => {
                let is_valid = self.nodes[node].kind != Kind::Liar;
                let block = self.make(is_valid);
                self.nodes[node].blocks.insert((height, round, block));
                if self.height(node) == Some(height) {
                    self.input(node, Input::Propose { round, block });
                }
            }
            Event::Timer(timer) => self.input(node, Input::Timer(timer)),
        }
    }

    fn make(&mut self, is_valid: bool) -> Hash {
        let block = Hash::from(blake3_256(&self.rng.u64(..).to_le_bytes()));
        self.blocks.insert(block, is_valid);
        block
    }

    fn height(&self, node: usize) -> Option<Height> {
        self.nodes[node].engine.as_ref().and_then(Engine::height)
    }

    fn boot(&mut self, node: usize) {
        if self.nodes[node].engine.is_some() {
            return;
        }
        let this = &mut self.nodes[node];
        this.boot += 1;
        let disk = Disk {
            machine: this.machine.clone(),
            key: this.key.clone(),
        };
        let setup = Setup {
            genesis: GENESIS,
            key: Some(this.key.clone()),
            timeouts: timeouts(),
        };
        this.engine = Some(Engine::new(setup, disk));
        let next = Height(this.decided.len() as u32 + 1);
        if next.0 <= self.plan.heights {
            self.begin(node, next);
        }
    }

    fn begin(&mut self, node: usize, height: Height) {
        let (committee, _) = committee(self.nodes.len(), height);
        let Some(engine) = &mut self.nodes[node].engine else {
            return;
        };
        let started = engine.start(height, committee, Threshold::DEFAULT);
        self.follow(node, started);
    }

    fn input(&mut self, node: usize, input: Input) {
        let Some(engine) = &mut self.nodes[node].engine else {
            return;
        };
        let handled = engine.handle(input);
        self.follow(node, handled);
    }

    fn follow(&mut self, node: usize, outcome: Result<Vec<Output>, Halt>) {
        let outputs = match outcome {
            Ok(outputs) => outputs,
            // Its first height begins later.
            Err(Halt::NotStarted) => return,
            Err(halt) => {
                let has_crashed = self.nodes[node].machine.borrow().has_crashed;
                assert!(has_crashed, "seed {}: node {node} stopped: {halt}", self.plan.seed);
                return self.crash(node);
            }
        };
        for output in outputs {
            let step = self.nodes[node].machine.borrow_mut().step();
            if step.is_err() {
                return self.crash(node);
            }
            self.perform(node, output);
        }
    }

    fn crash(&mut self, node: usize) {
        self.crashes += 1;
        let mut machine = self.nodes[node].machine.borrow_mut();
        let survived = self.rng.usize(0..=machine.unsynced());
        machine.restart(survived);
        drop(machine);
        self.nodes[node].engine = None;
        self.light_fuse(node);
        self.after(50..1500, node, Event::Restart);
    }

    fn perform(&mut self, node: usize, output: Output) {
        match output {
            Output::Start(timer) => {
                let at = self.now + timeouts().of(timer).as_millis() as u64;
                self.at(at, node, Event::Timer(timer));
            }
            Output::Build { round } => {
                if let Some(height) = self.height(node) {
                    self.after(10..80, node, Event::Built { height, round });
                }
            }
            Output::Round { .. } => {
                // What came before a crash.
                let Some(height) = self.height(node) else { return };
                let known: Vec<_> = self.nodes[node].blocks.iter().copied().collect();
                for (at, round, block) in known.into_iter().filter(|(at, ..)| *at == height) {
                    self.after(
                        1..20,
                        node,
                        Event::Verdict {
                            height: at,
                            round,
                            block,
                        },
                    );
                }
            }
            Output::Offer { round, block } => {
                let Some(height) = self.height(node) else { return };
                for to in 0..self.nodes.len() {
                    self.after(20..100, to, Event::Verdict { height, round, block });
                }
            }
            Output::Publish(message) => self.publish(node, message),
            Output::Decided(decision) => self.decided(node, *decision),
        }
    }

    fn decided(&mut self, node: usize, decision: Decision) {
        let Decision {
            justification,
            evidence,
        } = &decision;
        let (height, block) = (justification.height, justification.block);
        let (committee, members) = committee(self.nodes.len(), height);
        if justification
            .verify(&GENESIS, &committee, Threshold::DEFAULT, &verify)
            .is_err()
        {
            self.violations.push(Violation::NoProof { height });
        }
        if self.blocks.get(&block) != Some(&true) {
            self.violations.push(Violation::Invalid { height });
        }
        let others = self.nodes.iter().filter_map(|other| other.decided.get(&height));
        if others.clone().any(|other| other.justification.block != block) {
            self.violations.push(Violation::Fork { height });
        }
        for one in evidence {
            let seat = one.verify(&GENESIS, &committee, &verify);
            let culprit = seat.ok().and_then(|seat| members.get(usize::from(seat.0)));
            if culprit.is_none_or(|culprit| self.nodes[*culprit].kind == Kind::Honest) && !self.plan.forgets {
                self.violations.push(Violation::FalseEvidence { height });
            }
        }
        self.evidence.extend(evidence.iter().cloned());
        self.nodes[node].decided.insert(height, decision);
        if height.0 < self.plan.heights {
            let next = Height(height.0 + 1);
            self.after(1..20, node, Event::Begin(next));
        }
    }

    /// Whoever is behind asks somebody for what it lacks.
    fn ask(&mut self, node: usize) {
        let Some(height) = self.height(node) else { return };
        let of = self.rng.usize(0..self.nodes.len());
        let is_lost = !self.is_calm() && self.rng.f64() < self.plan.lost;
        if is_lost || self.nodes[of].engine.is_none() || self.are_apart(node, of) {
            return;
        }
        if let Some(decision) = self.nodes[of].decided.get(&height) {
            let justification = decision.justification.clone();
            self.input(node, Input::Final(justification));
        }
    }

    fn are_apart(&self, one: usize, other: usize) -> bool {
        !self.is_calm() && (one < self.plan.apart) != (other < self.plan.apart)
    }

    fn publish(&mut self, node: usize, message: Message) {
        if self.nodes[node].kind == Kind::Honest {
            self.remember(node, &message);
        }
        match (self.nodes[node].kind, &message) {
            (Kind::Silent, _) => {}
            (Kind::DoubleVoter, Message::Vote(vote)) => {
                let mut other = vote.message;
                other.block = match other.block {
                    Some(_) => None,
                    None => self.blocks.keys().next_back().copied(),
                };
                let other = Message::Vote(self.signed(node, vote.seat, other));
                self.send_halves(node, message.clone(), other);
            }
            (Kind::DoubleProposer, Message::Proposal(proposal)) => {
                let (seat, block) = (proposal.seat, self.make(true));
                let other = Proposal {
                    block,
                    ..proposal.message
                };
                for kind in [VoteKind::Prevote, VoteKind::Precommit] {
                    let Proposal { height, round, .. } = other;
                    let vote = Vote {
                        kind,
                        height,
                        round,
                        block: Some(block),
                    };
                    let vote = Message::Vote(self.signed(node, seat, vote));
                    self.send(node, vote, |_| true);
                }
                let other = Message::Proposal(self.signed(node, seat, other));
                if self.rng.bool() {
                    // Some hear of both.
                    self.send(node, message.clone(), |_| true);
                }
                self.send_halves(node, message.clone(), other);
            }
            (Kind::Forger, _) => {
                self.forge(node, &message);
                self.send(node, message, |_| true);
            }
            _ => self.send(node, message, |_| true),
        }
    }

    /// What others are said to have said.
    fn forge(&mut self, node: usize, message: &Message) {
        let height = Height((message.height().0 + self.rng.u32(0..4)).saturating_sub(1));
        let vote = Vote {
            kind: if self.rng.bool() {
                VoteKind::Prevote
            } else {
                VoteKind::Precommit
            },
            height,
            round: Round(self.rng.u32(0..30)),
            block: self.blocks.keys().next().copied(),
        };
        let seat = SeatIndex(self.rng.u16(0..SEATS as u16 + 2));
        let forged = self.signed(node, seat, vote);
        self.send(node, Message::Vote(forged), |_| true);
    }

    fn signed<M: Ballot>(&self, node: usize, seat: SeatIndex, message: M) -> Signed<M> {
        let signature: Signature = sign(&self.nodes[node].key, &message.signed_bytes(&GENESIS));
        Signed {
            message,
            seat,
            signature,
        }
    }

    /// That an honest node never says two things.
    fn remember(&mut self, node: usize, message: &Message) {
        let (_, members) = committee(self.nodes.len(), message.height());
        let own = |seat: SeatIndex| members.get(usize::from(seat.0)) == Some(&node);
        let (slot, bytes) = match message {
            Message::Vote(vote) if own(vote.seat) => (vote.message.slot(), vote.message.encode()),
            Message::Proposal(proposal) if own(proposal.seat) => (proposal.message.slot(), proposal.message.encode()),
            _ => return,
        };
        let (height, round, which) = slot;
        let before = self.said.insert((node, height, round, which), bytes.clone());
        if before.is_some_and(|before| before != bytes) {
            self.violations.push(Violation::SaidTwice { node, height, round });
        }
    }

    fn send_halves(&mut self, node: usize, one: Message, other: Message) {
        let split = self.rng.usize(0..self.nodes.len());
        self.send(node, one, |to| to < split);
        self.send(node, other, |to| to >= split);
    }

    fn send(&mut self, from: usize, message: Message, to_whom: impl Fn(usize) -> bool) {
        // Over the wire.
        let message = Message::decode(&mut &message.encode()[..]).unwrap();
        for to in (0..self.nodes.len()).filter(|to| *to != from && to_whom(*to)) {
            let is_calm = self.is_calm();
            if self.are_apart(from, to) || (!is_calm && self.rng.f64() < self.plan.lost) {
                continue;
            }
            let wait = if is_calm { 10..100 } else { self.plan.delay_ms.clone() };
            let copies = if !is_calm && self.rng.f64() < self.plan.doubled {
                2
            } else {
                1
            };
            for _ in 0..copies {
                self.after(wait.clone(), to, Event::Message(message.clone()));
            }
        }
    }
}
