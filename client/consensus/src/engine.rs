//! The engine: one height after the other, one input after the other.
//!
//! Rules: nothing is published before what led to it is on the disk. What the host could not do stops the engine for good.

use crate::{
    certificate::Rules,
    context::{
        Address, Block, Height as BftHeight, Members, Pobpc, bft_round, bft_signed_proposal, bft_signed_vote,
        our_proposal, our_round, our_signed_proposal, our_signed_vote, our_vote,
    },
    future::Future,
    journal::{Entry, Host, HostError},
    message::{Message, PolkaCertificate, RoundCertificate},
    timer::{Timeouts, Timer, bft_timeout, our_timer},
};
use malachite::{
    ConsensusMsg, Effect, Error as BftError, Input as BftInput, LivenessMsg, LocallyProposedValue, Params,
    ProposedValue, Resumable, Resume, SignedConsensusMsg, State, process,
};
use malachite_types::{
    CertificateError, CommitCertificate, SignedMessage, ThresholdParam, ThresholdParams, Validity, ValueOrigin,
    ValuePayload, VoteExtensionPolicy,
};
use quids_core::{Hash, Height};
use quids_crypto::{PublicKey, Signature};
use quids_pobpc::{
    Ballot, Committee, Evidence, Justification, JustificationError, Role, Round, SeatIndex, Threshold, faulty_max,
};
use std::{collections::BTreeSet, sync::Arc};

/// What an engine is for.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The chain's: signatures are for it alone.
    pub genesis: Hash,
    /// This node's, if it is to vote when it has a seat.
    pub key: Option<PublicKey>,
    pub timeouts: Timeouts,
}

/// Something happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// From anybody.
    Message(Message),
    /// The verdict on a block of this height, once it is there and executed.
    Verdict {
        /// Of the proposal that it came with.
        round: Round,
        block: Hash,
        is_valid: bool,
    },
    /// The block that [`Output::Build`] asked for. Its body has to be kept already.
    Propose { round: Round, block: Hash },
    /// A timer went off. One that was stopped or started again does no harm.
    Timer(Timer),
    /// The proof that a block of this height is final, from somebody who has it. The block has to be there, and executed.
    Final(Justification),
}

/// Something to do, in the order in which it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send it to all.
    Publish(Message),
    /// Feed [`Input::Timer`] after [`Timeouts::of`] it.
    Start(Timer),
    /// It is this full node's turn: feed [`Input::Propose`] before the timer for proposals goes off.
    Build { round: Round },
    /// The body of this block is needed by others once more.
    Offer { round: Round, block: Hash },
    /// A round began. Verdicts on bodies that came before may be fed again.
    Round { round: Round, proposer: SeatIndex },
    /// The height is decided: nothing else is said of it. [`Engine::start`] comes next, once the block is stored.
    Decided(Box<Decision>),
}

/// What a height came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub justification: Justification,
    /// Who signed twice, as far as this node saw it.
    pub evidence: Vec<Evidence>,
}

/// Why an engine stopped, or refused a proof. After all but [`Halt::Final`] and [`Halt::NotStarted`] it says nothing any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    #[error("the journal or the key failed: {0}")]
    Host(#[from] HostError),
    #[error("consensus failed at height {height}: {reason}")]
    Core { height: Height, reason: String },
    #[error("the engine has stopped")]
    Stopped,
    #[error("no height was started")]
    NotStarted,
    #[error("the proof for height {height} is none: {error}")]
    Final { height: Height, error: JustificationError },
    #[error("the proof is for height {found}, not for {height}")]
    OtherHeight { found: Height, height: Height },
}

/// The height that is being decided.
struct Current {
    height: Height,
    committee: Arc<Committee>,
    threshold: Threshold,
    is_full: bool,
    state: State<Pobpc>,
    /// Those that run.
    timers: BTreeSet<Timer>,
    is_decided: bool,
}

/// See the module.
pub struct Engine<H> {
    setup: Setup,
    host: H,
    current: Option<Current>,
    future: Future,
    /// Entries were added that may not be on the disk.
    is_unsynced: bool,
    has_stopped: bool,
}

/// What decides, in Malachite's words: it asks for more than a share of the votes.
fn thresholds(committee: &Committee, threshold: Threshold) -> ThresholdParams {
    let seats = committee.seats().len();
    let more_than = |votes: usize| ThresholdParam::new(votes as u64, seats as u64);
    ThresholdParams {
        quorum: more_than(threshold.votes(seats).saturating_sub(1)),
        honest: more_than(faulty_max(seats)),
    }
}

impl<H: Host> Engine<H> {
    pub fn new(setup: Setup, host: H) -> Self {
        Self {
            setup,
            host,
            current: None,
            future: Future::default(),
            is_unsynced: false,
            has_stopped: false,
        }
    }

    pub fn host(&self) -> &H {
        &self.host
    }

    pub fn host_mut(&mut self) -> &mut H {
        &mut self.host
    }

    /// The height that is being decided, or was last.
    pub fn height(&self) -> Option<Height> {
        self.current.as_ref().map(|current| current.height)
    }

    /// Begins a height with its committee. What the journal has of it is replayed: the engine is where it was, and says again
    /// what it may have said.
    pub fn start(&mut self, height: Height, committee: Committee, threshold: Threshold) -> Result<Vec<Output>, Halt> {
        let started = self.try_start(height, Arc::new(committee), threshold);
        self.checked(started)
    }

    fn try_start(
        &mut self,
        height: Height,
        committee: Arc<Committee>,
        threshold: Threshold,
    ) -> Result<Vec<Output>, Halt> {
        if self.has_stopped {
            return Err(Halt::Stopped);
        }
        let seat = self.setup.key.as_ref().and_then(|key| committee.seat_of(key));
        let own = seat.and_then(|seat| committee.seat(seat));
        let is_full = own.is_some_and(|own| own.role == Role::Full);
        let members = Members::new(committee.clone());
        let params = Params {
            address: seat.map_or(Address::OBSERVER, Address),
            threshold_params: thresholds(&committee, threshold),
            // Malachite takes a value for valid without asking where the proposal is all there is.
            value_payload: ValuePayload::ProposalAndParts,
            enabled: seat.is_some(),
        };
        // Messages of other heights are kept in `future`.
        let state = State::new(Pobpc, BftHeight(height), members.clone(), params, 1, 1);
        self.current = Some(Current {
            height,
            committee,
            threshold,
            is_full,
            state,
            timers: BTreeSet::new(),
            is_decided: false,
        });
        let recorded = self.host.entries(height)?;
        let own_proposals: BTreeSet<Round> = recorded
            .iter()
            .filter_map(|entry| match entry {
                Entry::Proposal(proposal) if Some(proposal.seat) == seat => Some(proposal.message.round),
                _ => None,
            })
            .collect();
        let policy = VoteExtensionPolicy::Disabled;
        let begin = BftInput::StartHeight(BftHeight(height), members, false, None, policy);
        let mut outputs = self.process(begin, false)?;
        if !recorded.is_empty() {
            let recorded: Vec<_> = recorded.into_iter().map(|entry| entry.bft(height)).collect();
            if let Some(current) = &mut self.current {
                current.state.index_wal_entries(recorded.iter());
            }
            for input in recorded {
                outputs.extend(self.process(input, true)?);
            }
            if let Some(current) = &mut self.current {
                current.state.reset_entries_index();
            }
            // What was proposed in a round stays.
            outputs.retain(|output| !matches!(output, Output::Build { round } if own_proposals.contains(round)));
        }
        for message in self.future.take(height) {
            outputs.extend(self.handle_message(message)?);
        }
        Ok(outputs)
    }

    /// What follows from something that happened.
    ///
    /// Errors: see [`Halt`].
    pub fn handle(&mut self, input: Input) -> Result<Vec<Output>, Halt> {
        if self.has_stopped {
            return Err(Halt::Stopped);
        }
        let handled = match input {
            Input::Message(message) => self.handle_message(message),
            Input::Final(justification) => return self.handle_final(justification),
            Input::Verdict { round, block, is_valid } => self.handle_own(|current| {
                let proposer = current.committee.proposer(current.height, round);
                let value = ProposedValue {
                    height: BftHeight(current.height),
                    round: bft_round(Some(round)),
                    valid_round: bft_round(None),
                    proposer: Address(proposer),
                    value: Block(block),
                    validity: Validity::from_bool(is_valid),
                };
                Some(BftInput::ProposedValue(value, ValueOrigin::Consensus))
            }),
            Input::Propose { round, block } => self.handle_own(|current| {
                let (height, round) = (BftHeight(current.height), bft_round(Some(round)));
                let value = LocallyProposedValue::new(height, round, Block(block));
                Some(BftInput::Propose(value))
            }),
            Input::Timer(timer) => self.handle_own(|current| {
                let runs = current.timers.remove(&timer);
                runs.then(|| BftInput::TimeoutElapsed(bft_timeout(timer.round, timer.kind)))
            }),
        };
        self.checked(handled)
    }

    fn handle_own(&mut self, input: impl FnOnce(&mut Current) -> Option<BftInput<Pobpc>>) -> Result<Vec<Output>, Halt> {
        let current = self.current.as_mut().ok_or(Halt::NotStarted)?;
        if current.is_decided {
            return Ok(Vec::new());
        }
        match input(current) {
            Some(input) => self.process(input, false),
            None => Ok(Vec::new()),
        }
    }

    fn handle_message(&mut self, message: Message) -> Result<Vec<Output>, Halt> {
        let current = self.current.as_ref().ok_or(Halt::NotStarted)?;
        if message.height() != current.height || current.is_decided {
            self.future.keep(current.height, message);
            return Ok(Vec::new());
        }
        let input = match message {
            Message::Vote(vote) => BftInput::Vote(bft_signed_vote(vote)),
            Message::Proposal(proposal) => BftInput::Proposal(bft_signed_proposal(proposal)),
            Message::Polka(certificate) => BftInput::PolkaCertificate(certificate.bft()),
            Message::Round(certificate) => BftInput::RoundCertificate(certificate.bft()),
        };
        self.process(input, false)
    }

    fn handle_final(&mut self, justification: Justification) -> Result<Vec<Output>, Halt> {
        let current = self.current.as_mut().ok_or(Halt::NotStarted)?;
        let (found, height) = (justification.height, current.height);
        if found != height {
            return Err(Halt::OtherHeight { found, height });
        }
        if current.is_decided {
            return Ok(Vec::new());
        }
        let host = &self.host;
        let verify = |key: &PublicKey, message: &[u8], signature: &Signature| host.verify(key, message, signature);
        justification
            .verify(&self.setup.genesis, &current.committee, current.threshold, &verify)
            .map_err(|error| Halt::Final { height, error })?;
        current.is_decided = true;
        Ok(vec![Output::Decided(Box::new(Decision {
            justification,
            evidence: Vec::new(),
        }))])
    }

    /// Stops for good after an error.
    fn checked(&mut self, outcome: Result<Vec<Output>, Halt>) -> Result<Vec<Output>, Halt> {
        if let Err(halt) = &outcome {
            self.has_stopped = *halt != Halt::NotStarted;
        }
        outcome
    }

    fn process(&mut self, input: BftInput<Pobpc>, is_replay: bool) -> Result<Vec<Output>, Halt> {
        let current = self.current.as_mut().ok_or(Halt::NotStarted)?;
        let mut effects = Effects {
            host: &mut self.host,
            rules: Rules {
                genesis: &self.setup.genesis,
                committee: &current.committee,
                threshold: current.threshold,
            },
            timers: &mut current.timers,
            height: current.height,
            is_replay,
            is_full: current.is_full,
            is_unsynced: &mut self.is_unsynced,
            outputs: Vec::new(),
            failure: None,
        };
        let done: Result<(), BftError<Pobpc>> = process!(
            input: input,
            state: &mut current.state,
            metrics: &(),
            // Malachite would log an error and go on.
            with: effect => Ok::<_, BftError<Pobpc>>(effects.perform(effect))
        );
        let Effects { outputs, failure, .. } = effects;
        if let Some(error) = failure {
            return Err(error.into());
        }
        let height = current.height;
        done.map_err(|error| Halt::Core {
            height,
            reason: error.to_string(),
        })?;
        current.is_decided |= outputs.iter().any(|output| matches!(output, Output::Decided(_)));
        let is_told = |output: &Output| !matches!(output, Output::Start(_) | Output::Build { .. });
        if self.is_unsynced && outputs.iter().any(is_told) {
            self.host.sync()?;
            self.is_unsynced = false;
        }
        Ok(outputs)
    }
}

/// What Malachite asks for while it handles one input.
struct Effects<'a, H> {
    host: &'a mut H,
    rules: Rules<'a>,
    timers: &'a mut BTreeSet<Timer>,
    height: Height,
    is_replay: bool,
    /// It has a state to build blocks on.
    is_full: bool,
    is_unsynced: &'a mut bool,
    outputs: Vec<Output>,
    /// The first; from then on nothing is done.
    failure: Option<HostError>,
}

impl<H: Host> Effects<'_, H> {
    fn perform(&mut self, effect: Effect<Pobpc>) -> Resume<Pobpc> {
        match effect {
            Effect::CancelAllTimeouts(resume) => {
                self.timers.clear();
                resume.resume_with(())
            }
            Effect::CancelTimeout(timeout, resume) => {
                if let Some(timer) = our_timer(self.height, timeout) {
                    self.timers.remove(&timer);
                }
                resume.resume_with(())
            }
            Effect::ScheduleTimeout(timeout, resume) => {
                if let Some(timer) = our_timer(self.height, timeout) {
                    self.timers.insert(timer);
                    self.outputs.push(Output::Start(timer));
                }
                resume.resume_with(())
            }
            Effect::StartRound(_, round, proposer, _, resume) => {
                if let Some(round) = our_round(round) {
                    let proposer = proposer.0;
                    self.outputs.push(Output::Round { round, proposer });
                }
                resume.resume_with(())
            }
            Effect::GetValue(_, round, _, resume) => {
                // A witness proposes what it is bound to, if anything.
                if let Some(round) = our_round(round).filter(|_| self.is_full) {
                    self.outputs.push(Output::Build { round });
                }
                resume.resume_with(())
            }
            Effect::RestreamProposal(_, round, _, _, block, resume) => {
                if let Some(round) = our_round(round) {
                    let block = block.0;
                    self.outputs.push(Output::Offer { round, block });
                }
                resume.resume_with(())
            }
            Effect::SignVote(vote, resume) => {
                let signature = self.sign(&our_vote(&vote));
                resume.resume_with(SignedMessage::new(vote, signature))
            }
            Effect::SignProposal(proposal, resume) => {
                let signature = self.sign(&our_proposal(&proposal));
                resume.resume_with(SignedMessage::new(proposal, signature))
            }
            Effect::VerifySignature(message, key, resume) => {
                let bytes = match &message.message {
                    ConsensusMsg::Vote(vote) => our_vote(vote).signed_bytes(self.rules.genesis),
                    ConsensusMsg::Proposal(proposal) => our_proposal(proposal).signed_bytes(self.rules.genesis),
                };
                resume.resume_with(self.host.verify(&key, &bytes, &message.signature))
            }
            Effect::VerifyCommitCertificate(certificate, _, _, resume) => {
                resume.resume_with(self.rules.commit(self.host, &certificate))
            }
            Effect::VerifyPolkaCertificate(certificate, _, _, resume) => {
                resume.resume_with(self.rules.polka(self.host, &certificate))
            }
            Effect::VerifyRoundCertificate(certificate, _, _, resume) => {
                resume.resume_with(self.rules.round(self.host, &certificate))
            }
            Effect::WalAppend(_, input, resume) => {
                self.append(&input);
                resume.resume_with(())
            }
            Effect::PublishConsensusMsg(message, resume) => {
                self.outputs.push(Output::Publish(match &message {
                    SignedConsensusMsg::Vote(vote) => Message::Vote(our_signed_vote(vote)),
                    SignedConsensusMsg::Proposal(proposal) => Message::Proposal(our_signed_proposal(proposal)),
                }));
                resume.resume_with(())
            }
            Effect::PublishLivenessMsg(message, resume) => {
                self.outputs.push(Output::Publish(match &message {
                    LivenessMsg::Vote(vote) => Message::Vote(our_signed_vote(vote)),
                    LivenessMsg::PolkaCertificate(certificate) => Message::Polka(PolkaCertificate::of(certificate)),
                    LivenessMsg::SkipRoundCertificate(certificate) => Message::Round(RoundCertificate::of(certificate)),
                }));
                resume.resume_with(())
            }
            Effect::RepublishVote(vote, resume) => {
                let vote = Message::Vote(our_signed_vote(&vote));
                self.outputs.push(Output::Publish(vote));
                resume.resume_with(())
            }
            Effect::RepublishRoundCertificate(certificate, resume) => {
                let certificate = Message::Round(RoundCertificate::of(&certificate));
                self.outputs.push(Output::Publish(certificate));
                resume.resume_with(())
            }
            // `Finalize` follows at once, with the evidence.
            Effect::Decide(_, _, resume) => resume.resume_with(()),
            Effect::Finalize(certificate, _, evidence, resume) => {
                let votes = evidence.votes.into_iter().flat_map(|(_, pairs)| pairs);
                let votes = votes
                    .map(|(one, other)| Evidence::Votes(Box::new([our_signed_vote(&one), our_signed_vote(&other)])));
                let proposals = evidence.proposals.into_iter().flat_map(|(_, pairs)| pairs);
                let proposals = proposals.map(|(one, other)| {
                    Evidence::Proposals(Box::new([our_signed_proposal(&one), our_signed_proposal(&other)]))
                });
                self.outputs.push(Output::Decided(Box::new(Decision {
                    justification: justification(&certificate),
                    evidence: votes.chain(proposals).collect(),
                })));
                resume.resume_with(())
            }
            // Votes have no extensions, and blocks that others decided come as `Input::Final`.
            Effect::ExtendVote(_, _, _, _, resume) => resume.resume_with(None),
            Effect::VerifyVoteExtension(_, _, _, _, _, _, resume) => resume.resume_with(Ok(())),
            Effect::VerifyExtendedCommitCertificate(_, _, _, _, resume) => {
                resume.resume_with(Err(CertificateError::VerificationError(None)))
            }
            Effect::CertVerifiedSyncValue(_, _, resume) => resume.resume_with(()),
            Effect::CertRejectedSyncValue(_, _, _, resume) => resume.resume_with(()),
        }
    }

    fn sign(&mut self, message: &impl Ballot) -> Signature {
        // What nobody is told, since the engine stops.
        const NONE: Signature = Signature::Secp256k1([0; 65]);
        if self.failure.is_some() {
            return NONE;
        }
        let signed = self.host.sign(&message.signed_bytes(self.rules.genesis));
        signed.unwrap_or_else(|error| {
            self.failure = Some(error);
            NONE
        })
    }

    fn append(&mut self, input: &BftInput<Pobpc>) {
        let entry = (!self.is_replay && self.failure.is_none())
            .then(|| Entry::of(input))
            .flatten();
        let Some(entry) = entry else { return };
        *self.is_unsynced = true;
        if let Err(error) = self.host.append(self.height, &entry) {
            self.failure = Some(error);
        }
    }
}

fn justification(certificate: &CommitCertificate<Pobpc>) -> Justification {
    let signatures = certificate.commit_signatures.iter();
    let mut signatures: Vec<_> = signatures.map(|one| (one.address.0, one.signature.clone())).collect();
    signatures.sort_by_key(|(seat, _)| *seat);
    Justification {
        height: certificate.height.0,
        round: our_round(certificate.round).unwrap_or_default(),
        block: certificate.value_id.0,
        signatures,
    }
}
