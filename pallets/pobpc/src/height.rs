//! What happens at each height by itself: the author is checked, the next committee is put into the header, the limit of
//! transactions follows the load.

use crate::{
    Active, Candidate, Candidates, CommitteeHash, Config, ConsensusKeys, CurrentParameters, Event, KeyOwner, Member,
    NextCandidates, Offences, Pallet, Seats, SelectAnew, TransactionCount, TransactionLimit, Validators, costs,
    draw_weight, select_witnesses,
};
use alloc::{format, vec::Vec};
use codec::Encode;
use quids_api::pobpc::{NextCommittee, NextHeight, POBPC_ENGINE_ID, ToSay, ValidatorInfo};
use quids_core::{AccountId20, DigestItem, Hash, Height, Weight};
use quids_crypto::PublicKey;
use quids_pobpc::{Committee, SEATS_MAX, Seat, SeatIndex};
use quids_support::{system::SystemPort, traits::Get};

impl<T: Config> Pallet<T> {
    /// Whose turn it may be. Returns the weight of that and of `end_height`.
    pub(crate) fn check_author(height: Height) -> Weight {
        let Some(seats) = Seats::<T>::get(&height) else {
            return costs::NO_CONSENSUS;
        };
        match T::Author::get() {
            Some(author) if seats.iter().any(|one| one.account == author) => {}
            Some(author) => invalid_block(&format!(
                "its author {author} is no member of the committee of height {height}"
            )),
            None => invalid_block(&format!("it names no author, height {height} has a committee")),
        }
        let next = height.next().unwrap_or(Height::MAX);
        let selected = CurrentParameters::<T>::get()
            .seats_at(next)
            .min(Active::<T>::get().len());
        let mut weight = costs::end_height(seats.len().max(selected));
        if Self::ends_epoch(height) {
            weight = weight.saturating_add(costs::end_epoch(Active::<T>::get().len()));
        }
        weight
    }

    /// After all extrinsics. The next committee hangs on the reveals before this block's: its author cannot choose it.
    pub(crate) fn end_height(height: Height) {
        let count = TransactionCount::<T>::take();
        let Some(seats) = Seats::<T>::get(&height) else {
            return;
        };
        Self::adjust_limit(count);
        let reveal = Self::observe(height, &seats);
        if Self::ends_epoch(height) {
            Candidates::<T>::put(NextCandidates::<T>::get());
            NextCandidates::<T>::put(Self::candidates_now());
            SelectAnew::<T>::put(true);
        }
        let next = height.next().unwrap_or(Height::MAX);
        let (seats, hash) = Self::next_committee(next, seats);
        Seats::<T>::insert(&next, seats);
        if let Some(reveal) = reveal {
            Self::mix(&reveal);
        }
        let threshold = CurrentParameters::<T>::get().consensus_threshold;
        let commitment = NextCommittee { hash, threshold };
        pallet_system::Pallet::<T>::deposit_log(DigestItem::Consensus(POBPC_ENGINE_ID, commitment.encode()));
        if let Some(old) = next.checked_sub(T::EvidenceWindow::get()) {
            Seats::<T>::remove(&old);
            Offences::<T>::clear_prefix(&old, SEATS_MAX as u32);
        }
    }

    /// The committee after `seats`, and its hash. The one before goes on if there is no other.
    fn next_committee(next: Height, seats: Vec<Member>) -> (Vec<Member>, Hash) {
        if !SelectAnew::<T>::get() {
            return (seats, CommitteeHash::<T>::get());
        }
        let selected = Self::select(next).filter(|selected| *selected != seats);
        let committee = selected.as_deref().and_then(Self::committee_of);
        match (selected, committee) {
            (Some(selected), Some(committee)) => {
                let hash = committee.hash();
                CommitteeHash::<T>::put(hash);
                (selected, hash)
            }
            _ => (seats, CommitteeHash::<T>::get()),
        }
    }

    /// Draws the committee of a height from the candidates of the epoch; `None` if they can be none.
    pub(crate) fn select(height: Height) -> Option<Vec<Member>> {
        let candidates = Candidates::<T>::get();
        let parameters = CurrentParameters::<T>::get();
        let drawn = select_witnesses(&candidates, parameters.seats_at(height), &Self::seed(height));
        // After a checkpoint fewer sit again.
        let all_sit = drawn.len() == candidates.len();
        match all_sit && candidates.len() <= parameters.witness_count.into() {
            true => SelectAnew::<T>::kill(),
            false => SelectAnew::<T>::put(true),
        }
        let members = drawn.iter().filter_map(|at| candidates.get(*at));
        let members: Vec<Member> = members
            .map(|one| Member {
                account: one.account,
                role: one.role,
            })
            .collect();
        (!members.is_empty()).then_some(members)
    }

    /// Active validators with their costs, as they are now.
    pub(crate) fn candidates_now() -> Vec<Candidate> {
        let candidate = |Member { account, role }| {
            let validator = Validators::<T>::get(&account)?;
            let weight = draw_weight(validator.bond, validator.reliability);
            Some(Candidate { account, role, weight })
        };
        Active::<T>::get().into_iter().filter_map(candidate).collect()
    }

    /// The committee that these members are.
    pub(crate) fn committee_of(members: &[Member]) -> Option<Committee> {
        let seat = |member: &Member| {
            let key = ConsensusKeys::<T>::get(&member.account)?;
            Some(Seat { key, role: member.role })
        };
        let seats: Option<Vec<Seat>> = members.iter().map(seat).collect();
        Committee::new(seats?).ok()
    }

    pub(crate) fn ends_epoch(height: Height) -> bool {
        height.0.checked_rem(T::EpochLength::get().0).unwrap_or_default() == 0
    }

    /// A block with more transactions than it may have is none. A full one doubles the limit, one that is not half full
    /// halves it, down to the parameter.
    fn adjust_limit(count: u128) {
        let parameter = CurrentParameters::<T>::get().max_transactions;
        let limit = TransactionLimit::<T>::get().unwrap_or(parameter);
        let Some(count) = u32::try_from(count).ok().filter(|count| *count <= limit) else {
            invalid_block(&format!("it has {count} transactions, at most {limit} are allowed"));
        };
        let adjusted = match count {
            full if full == limit => limit.saturating_mul(2).min(Self::transactions_max()),
            some if some.saturating_mul(2) < limit => (limit / 2).max(parameter),
            _ => limit.max(parameter),
        };
        if adjusted != limit {
            TransactionLimit::<T>::put(adjusted);
            Self::deposit_event(Event::TransactionLimitSet { limit: adjusted });
        }
    }

    /// Transactions that fit into a block by weight: as many as weigh nothing but what each does.
    pub(crate) fn transactions_max() -> u32 {
        let limits = T::BlockLimits::get();
        let (all, each) = (limits.normal(), limits.base_extrinsic);
        let time = all.ref_time.checked_div(each.ref_time).unwrap_or(u64::MAX);
        let proof = all.proof_size.checked_div(each.proof_size).unwrap_or(u64::MAX);
        u32::try_from(time.min(proof)).unwrap_or(u32::MAX)
    }

    /// Counts a transaction: an extrinsic that is no inherent. Only adds.
    pub fn note_transaction() {
        TransactionCount::<T>::add(1);
    }

    /// By which a key is found.
    pub(crate) fn key_hash(key: &PublicKey) -> Hash {
        quids_io::hashing::blake3_256(&key.encode()).into()
    }

    /// Who decides the child of the block whose state this is; `None`: the chain has no consensus.
    pub fn next() -> Option<NextHeight> {
        let height = pallet_system::Number::<T>::get().next()?;
        let members = Seats::<T>::get(&height)?;
        let parameters = CurrentParameters::<T>::get();
        Some(NextHeight {
            committee: Self::committee_of(&members)?,
            accounts: members.iter().map(|one| one.account).collect(),
            threshold: parameters.consensus_threshold,
            batch_interval_ms: parameters.batch_interval,
            max_transactions: TransactionLimit::<T>::get().unwrap_or(parameters.max_transactions),
        })
    }

    /// One of those who may make the next block; `None`: the chain has no consensus.
    pub fn next_author() -> Option<AccountId20> {
        let next = pallet_system::Number::<T>::get().next()?;
        Seats::<T>::get(&next)?.first().map(|member| member.account)
    }

    /// All validators, by account.
    pub fn validators() -> Vec<ValidatorInfo> {
        let next = pallet_system::Number::<T>::get().next().unwrap_or(Height::MAX);
        let seats = Seats::<T>::get(&next).unwrap_or_default();
        let info = |(account, validator): (AccountId20, crate::Validator)| {
            let seat = seats.iter().position(|one| one.account == account);
            Some(ValidatorInfo {
                account,
                key: ConsensusKeys::<T>::get(&account)?,
                role: validator.role,
                status: validator.status,
                bond: validator.bond,
                reliability: validator.reliability.0,
                commitment: validator.commitment.map(|one| one.hash),
                reveals_from: validator.commitment.map_or(Height::ZERO, |one| one.from),
                seat: seat.and_then(|at| u16::try_from(at).ok()).map(SeatIndex),
            })
        };
        let mut validators: Vec<ValidatorInfo> = Validators::<T>::iter().filter_map(info).collect();
        validators.sort_unstable_by_key(|one| one.account);
        validators
    }

    /// What the block after this one has to say, if this validator makes it; `None` where all sit at every height.
    pub fn to_say(account: &AccountId20) -> Option<ToSay> {
        if !SelectAnew::<T>::get() {
            return None;
        }
        let next = pallet_system::Number::<T>::get().next()?;
        let commitment = Validators::<T>::get(account)?.commitment;
        Some(ToSay {
            commitment: commitment.filter(|one| next >= one.from).map(|one| one.hash),
        })
    }

    /// The validator with this consensus key.
    pub fn author_of(key: &PublicKey) -> Option<AccountId20> {
        KeyOwner::<T>::get(&Self::key_hash(key))
    }
}

/// Ends the execution of a block that must not be.
#[expect(clippy::panic, reason = "the message is the client's error")]
fn invalid_block(reason: &str) -> ! {
    panic!("invalid block: {reason}")
}
