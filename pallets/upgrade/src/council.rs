//! Who decides: root, the council, and the recovery account; and how the council replaces itself.

use crate::{Config, Council as Stored, CouncilVotes, Error, Event, MotionVotes, Pallet};
use alloc::{string::String, vec::Vec};
use codec::{Decode, DecodeWithMemTracking, Encode};
use core::marker::PhantomData;
use quids_api::upgrade::{Council, Proposal};
use quids_core::{AccountId20, DispatchError, Height, Weight};
use quids_crypto::SignatureScheme;
use quids_support::{
    ensure,
    limits::cost,
    origin::{EnsureOrigin, Origin, ensure_signed},
    traits::{BlockHeight, Get},
};
use scale_info::TypeInfo;

/// The most members a council may have.
pub const COUNCIL_MAX: usize = 32;

/// Somebody who has a say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Governor {
    Root,
    Member(AccountId20),
    /// Its key is one of SPHINCS+.
    Recovery(AccountId20),
}

impl Governor {
    /// The account; none is root.
    pub fn account(self) -> Option<AccountId20> {
        match self {
            Self::Root => None,
            Self::Member(who) | Self::Recovery(who) => Some(who),
        }
    }
}

/// What those who govern decide beside proposals and the council itself.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Motion {
    /// The migration with this ID ends.
    StopMigration { id: String },
    /// New code may import host functions up to this level.
    HostLevel { level: u32 },
}

impl Motion {
    /// Every [`Motion::kind`].
    pub const KINDS: [u8; 2] = [0, 1];

    /// A member may want one of each kind.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::StopMigration { .. } => 0,
            Self::HostLevel { .. } => 1,
        }
    }
}

/// A council with its members in order; why it cannot be one otherwise.
pub(crate) fn checked(mut council: Council) -> Result<Council, &'static str> {
    if council.members.is_empty() || council.members.len() > COUNCIL_MAX {
        return Err("a council has 1 to 32 members");
    }
    council.members.sort_unstable();
    let members = &council.members;
    if members.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err("a member is named twice");
    }
    if council.threshold == 0 || council.threshold as usize > members.len() {
        return Err("the threshold is 1 at least, and at most the number of members");
    }
    if council.recovery.is_some_and(|who| council.has(&who)) {
        return Err("the recovery account is a member");
    }
    Ok(council)
}

/// A member of the council, for calls of other pallets that each of them may make.
pub struct EnsureMember<T>(PhantomData<T>);

impl<T: Config> EnsureOrigin for EnsureMember<T> {
    type Success = AccountId20;
    /// The council at its largest, which is less than a read stands for.
    const WEIGHT: Weight = cost::of(1_000_000, 1, 0);

    fn ensure(origin: Origin) -> Result<AccountId20, DispatchError> {
        let who = ensure_signed(origin)?;
        ensure!(Stored::<T>::get().has(&who), DispatchError::BadOrigin);
        Ok(who)
    }

    fn passing() -> Option<Origin> {
        Stored::<T>::get().members.first().copied().map(Origin::Signed)
    }
}

impl<T: Config> Pallet<T> {
    /// Who of those with a say has sent this.
    pub(crate) fn governor(origin: Origin) -> Result<Governor, DispatchError> {
        match origin {
            Origin::Root => Ok(Governor::Root),
            Origin::Signed(who) => Self::governor_of(who, &Stored::<T>::get()),
            Origin::None => Err(DispatchError::BadOrigin),
        }
    }

    fn governor_of(who: AccountId20, council: &Council) -> Result<Governor, DispatchError> {
        if council.has(&who) {
            return Ok(Governor::Member(who));
        }
        ensure!(council.recovery == Some(who), Error::<T>::NotGovernor);
        let scheme = pallet_system::Keys::<T>::get(&who).map(|key| key.scheme());
        ensure!(
            scheme == Some(SignatureScheme::SphincsShake256f),
            Error::<T>::RecoveryKeyTooWeak
        );
        Ok(Governor::Recovery(who))
    }

    /// Fails unless the sender may bring the code of this proposal: those with a say, its proposer, the root account.
    pub(crate) fn ensure_uploader(origin: Origin, proposal: &Proposal) -> Result<(), DispatchError> {
        if Self::answers_for(origin, proposal) {
            return Ok(());
        }
        Self::governor(origin).map(drop)
    }

    /// Whether what others brought for this proposal is the sender's to replace: its proposer's, and root's.
    pub(crate) fn answers_for(origin: Origin, proposal: &Proposal) -> bool {
        match origin {
            Origin::Root => true,
            Origin::Signed(who) => proposal.proposer == Some(who) || crate::RootKey::<T>::get() == Some(who),
            Origin::None => false,
        }
    }

    /// Whether this decides a motion: root and the recovery account do alone, a member once as many want it as an approval takes.
    pub(crate) fn decides(by: Governor, motion: Motion) -> Result<bool, DispatchError> {
        let Governor::Member(who) = by else { return Ok(true) };
        let now = <pallet_system::Pallet<T> as BlockHeight>::height();
        let is_for_it =
            |(wanted, at): &(Motion, Height)| *wanted == motion && now.saturating_sub(*at) <= T::ProposalLife::get();
        let kind = motion.kind();
        let voted = |member: &AccountId20| MotionVotes::<T>::get(&(*member, kind)).is_some_and(|vote| is_for_it(&vote));
        ensure!(!voted(&who), Error::<T>::AlreadyVoted);
        MotionVotes::<T>::insert(&(who, kind), (motion.clone(), now));
        let council = Stored::<T>::get();
        let votes: Vec<&AccountId20> = council.members.iter().filter(|member| voted(member)).collect();
        let (count, needed) = (u32::try_from(votes.len()).unwrap_or(u32::MAX), council.threshold);
        if count >= needed {
            votes
                .into_iter()
                .for_each(|member| MotionVotes::<T>::remove(&(*member, kind)));
        }
        Self::deposit_event(Event::MotionVoted {
            who,
            motion,
            votes: count,
            needed,
        });
        Ok(count >= needed)
    }

    /// Root replaces the council; a member votes for another one, which replaces it once enough members want the same.
    pub(crate) fn replace_council(origin: Origin, new: Council) -> Result<(), DispatchError> {
        let council = Stored::<T>::get();
        let who = match origin {
            Origin::Root => None,
            Origin::Signed(who) if council.has(&who) => Some(who),
            Origin::Signed(_) => return Err(Error::<T>::NotGovernor.into()),
            Origin::None => return Err(DispatchError::BadOrigin),
        };
        let new = checked(new).map_err(|_| Error::<T>::InvalidCouncil)?;
        ensure!(new != council, Error::<T>::CouncilUnchanged);
        if let Some(who) = who {
            let now = <pallet_system::Pallet<T> as BlockHeight>::height();
            let current =
                |(wanted, at): &(Council, Height)| *wanted == new && now.saturating_sub(*at) <= T::ProposalLife::get();
            let known = CouncilVotes::<T>::get(&who).is_some_and(|vote| current(&vote));
            ensure!(!known, Error::<T>::AlreadyVoted);
            CouncilVotes::<T>::insert(&who, (new.clone(), now));
            let votes = council
                .members
                .iter()
                .filter_map(CouncilVotes::<T>::get)
                .filter(current);
            let votes = u32::try_from(votes.count()).unwrap_or(u32::MAX);
            let needed = council.threshold;
            Self::deposit_event(Event::CouncilVoted { who, votes, needed });
            if votes < needed {
                return Ok(());
            }
        }
        for member in &council.members {
            CouncilVotes::<T>::remove(member);
            Motion::KINDS
                .into_iter()
                .for_each(|kind| MotionVotes::<T>::remove(&(*member, kind)));
        }
        Stored::<T>::put(new.clone());
        Self::recount_approvals(&new);
        Self::deposit_event(Event::CouncilChanged { council: new });
        Ok(())
    }
}
