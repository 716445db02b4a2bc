//! What Malachite has to know of us: addresses are seats, values are block hashes, each seat has one vote.

use crate::timer::Timeouts;
use codec::{Decode, Encode};
use malachite_types::{self as bft, NilOrVal, Round as BftRound, SignedExtension, VoteType};
use quids_core::Hash;
use quids_crypto::{PublicKey, Signature};
use quids_pobpc::{Committee, Proposal, Round, SeatIndex, Signed, Vote, VoteKind};
use std::{fmt, sync::Arc};

/// The context of one height: the committee says who proposes.
#[derive(Clone, Debug)]
pub struct Pobpc;

/// A seat, or an observer, who has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub SeatIndex);

impl Address {
    /// No committee has so many seats.
    pub const OBSERVER: Self = Self(SeatIndex(u16::MAX));
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl bft::Address for Address {}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Height(pub quids_core::Height);

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl bft::Height for Height {
    const ZERO: Self = Self(quids_core::Height(0));
    const INITIAL: Self = Self(quids_core::Height(1));

    fn increment_by(&self, count: u64) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Self(self.0.saturating_add(quids_core::Height(count)))
    }

    fn decrement_by(&self, count: u64) -> Option<Self> {
        let count = u32::try_from(count).ok()?;
        self.0.checked_sub(quids_core::Height(count)).map(Self)
    }

    fn as_u64(&self) -> u64 {
        self.0.0.into()
    }
}

/// A block by its hash: bodies travel otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block(pub Hash);

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl bft::Value for Block {
    type Id = Self;

    fn id(&self) -> Self {
        *self
    }
}

/// Values come whole: there are no parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPart {}

impl bft::ProposalPart<Pobpc> for NoPart {
    fn is_first(&self) -> bool {
        match *self {}
    }

    fn is_last(&self) -> bool {
        match *self {}
    }
}

/// A proposal with its proposer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatProposal {
    pub height: Height,
    pub round: BftRound,
    pub value: Block,
    pub pol_round: BftRound,
    pub address: Address,
}

impl bft::Proposal<Pobpc> for SeatProposal {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> BftRound {
        self.round
    }

    fn value(&self) -> &Block {
        &self.value
    }

    fn take_value(self) -> Block {
        self.value
    }

    fn pol_round(&self) -> BftRound {
        self.pol_round
    }

    fn validator_address(&self) -> &Address {
        &self.address
    }
}

/// A vote with its voter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatVote {
    pub kind: VoteType,
    pub height: Height,
    pub round: BftRound,
    pub value: NilOrVal<Block>,
    pub address: Address,
}

impl bft::Vote<Pobpc> for SeatVote {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> BftRound {
        self.round
    }

    fn value(&self) -> &NilOrVal<Block> {
        &self.value
    }

    fn take_value(self) -> NilOrVal<Block> {
        self.value
    }

    fn vote_type(&self) -> VoteType {
        self.kind
    }

    fn validator_address(&self) -> &Address {
        &self.address
    }

    fn extension(&self) -> Option<&SignedExtension<Pobpc>> {
        None
    }

    fn take_extension(&mut self) -> Option<SignedExtension<Pobpc>> {
        None
    }

    fn extend(self, _: SignedExtension<Pobpc>) -> Self {
        self
    }
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    address: Address,
    key: PublicKey,
}

impl bft::Validator<Pobpc> for Member {
    fn address(&self) -> &Address {
        &self.address
    }

    fn public_key(&self) -> &PublicKey {
        &self.key
    }

    fn voting_power(&self) -> u64 {
        1
    }
}

/// The committee as Malachite asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    members: Arc<[Member]>,
    committee: Arc<Committee>,
}

impl Members {
    pub fn new(committee: Arc<Committee>) -> Self {
        let seats = (0..).map(SeatIndex).zip(committee.seats());
        let members = seats.map(|(index, seat)| Member {
            address: Address(index),
            key: seat.key.clone(),
        });
        Self {
            members: members.collect(),
            committee,
        }
    }
}

impl bft::ValidatorSet<Pobpc> for Members {
    fn count(&self) -> usize {
        self.members.len()
    }

    fn total_voting_power(&self) -> u64 {
        self.members.len() as u64
    }

    fn get_by_address(&self, address: &Address) -> Option<&Member> {
        self.members.get(usize::from(address.0.0))
    }

    fn get_by_index(&self, index: usize) -> Option<&Member> {
        self.members.get(index)
    }
}

/// The schemes of `quids-crypto`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme;

impl bft::SigningScheme for Scheme {
    type DecodingError = codec::Error;
    type Signature = Signature;
    type PublicKey = PublicKey;
    /// Keys are the host's.
    type PrivateKey = ();

    fn decode_signature(mut bytes: &[u8]) -> Result<Signature, codec::Error> {
        Signature::decode(&mut bytes)
    }

    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.encode()
    }

    fn decode_public_key(mut bytes: &[u8]) -> Result<PublicKey, codec::Error> {
        PublicKey::decode(&mut bytes)
    }

    fn encode_public_key(key: &PublicKey) -> Vec<u8> {
        key.encode()
    }
}

impl bft::Context for Pobpc {
    type Address = Address;
    type Height = Height;
    type ProposalPart = NoPart;
    type Proposal = SeatProposal;
    type Validator = Member;
    type ValidatorSet = Members;
    type Timeouts = Timeouts;
    type Value = Block;
    type Vote = SeatVote;
    type Extension = ();
    type SigningScheme = Scheme;

    fn select_proposer<'a>(&self, members: &'a Members, height: Height, round: BftRound) -> &'a Member {
        let seat = members
            .committee
            .proposer(height.0, our_round(round).unwrap_or_default());
        // UNWRAP: `Committee::proposer` names one of its seats, and `members` has one for each.
        members
            .members
            .get(usize::from(seat.0))
            .expect("a seat of the committee")
    }

    fn new_proposal(
        &self,
        height: Height,
        round: BftRound,
        value: Block,
        pol_round: BftRound,
        address: Address,
    ) -> SeatProposal {
        SeatProposal {
            height,
            round,
            value,
            pol_round,
            address,
        }
    }

    fn new_prevote(&self, height: Height, round: BftRound, value: NilOrVal<Block>, address: Address) -> SeatVote {
        SeatVote {
            kind: VoteType::Prevote,
            height,
            round,
            value,
            address,
        }
    }

    fn new_precommit(&self, height: Height, round: BftRound, value: NilOrVal<Block>, address: Address) -> SeatVote {
        SeatVote {
            kind: VoteType::Precommit,
            height,
            round,
            value,
            address,
        }
    }
}

/// `None` is "none", which is no round of a message.
pub fn our_round(round: BftRound) -> Option<Round> {
    round.as_u32().map(Round)
}

pub fn bft_round(round: Option<Round>) -> BftRound {
    round.map(|round| round.0).into()
}

pub fn our_vote(vote: &SeatVote) -> Vote {
    Vote {
        kind: match vote.kind {
            VoteType::Prevote => VoteKind::Prevote,
            VoteType::Precommit => VoteKind::Precommit,
        },
        height: vote.height.0,
        // Votes are of rounds.
        round: our_round(vote.round).unwrap_or_default(),
        block: our_block(&vote.value),
    }
}

pub fn bft_vote(vote: &Vote, seat: SeatIndex) -> SeatVote {
    SeatVote {
        kind: match vote.kind {
            VoteKind::Prevote => VoteType::Prevote,
            VoteKind::Precommit => VoteType::Precommit,
        },
        height: Height(vote.height),
        round: bft_round(Some(vote.round)),
        value: bft_block(vote.block),
        address: Address(seat),
    }
}

pub fn our_block(value: &NilOrVal<Block>) -> Option<Hash> {
    match value {
        NilOrVal::Nil => None,
        NilOrVal::Val(Block(hash)) => Some(*hash),
    }
}

pub fn bft_block(block: Option<Hash>) -> NilOrVal<Block> {
    block.map_or(NilOrVal::Nil, |hash| NilOrVal::Val(Block(hash)))
}

pub fn our_proposal(proposal: &SeatProposal) -> Proposal {
    Proposal {
        height: proposal.height.0,
        round: our_round(proposal.round).unwrap_or_default(),
        valid_round: our_round(proposal.pol_round),
        block: proposal.value.0,
    }
}

pub fn bft_proposal(proposal: &Proposal, seat: SeatIndex) -> SeatProposal {
    SeatProposal {
        height: Height(proposal.height),
        round: bft_round(Some(proposal.round)),
        value: Block(proposal.block),
        pol_round: bft_round(proposal.valid_round),
        address: Address(seat),
    }
}

pub fn our_signed_vote(vote: &bft::SignedVote<Pobpc>) -> Signed<Vote> {
    Signed {
        message: our_vote(&vote.message),
        seat: vote.message.address.0,
        signature: vote.signature.clone(),
    }
}

pub fn bft_signed_vote(vote: Signed<Vote>) -> bft::SignedVote<Pobpc> {
    bft::SignedVote::new(bft_vote(&vote.message, vote.seat), vote.signature)
}

pub fn our_signed_proposal(proposal: &bft::SignedProposal<Pobpc>) -> Signed<Proposal> {
    Signed {
        message: our_proposal(&proposal.message),
        seat: proposal.message.address.0,
        signature: proposal.signature.clone(),
    }
}

pub fn bft_signed_proposal(proposal: Signed<Proposal>) -> bft::SignedProposal<Pobpc> {
    bft::SignedProposal::new(bft_proposal(&proposal.message, proposal.seat), proposal.signature)
}
