//! Who voted for the parent: the author brings its justification, and reliability follows.

use crate::{Config, Error, Member, Pallet, Reliability, Seats, VotesNoted};
use alloc::vec::Vec;
use quids_core::{AccountId20, Height};
use quids_pobpc::{Justification, Threshold};
use quids_support::ensure;

impl<T: Config> Pallet<T> {
    /// The members of the parent's height and whether each signed, if this proves that the parent is final.
    pub(crate) fn voters(justification: &Justification) -> Result<Vec<(AccountId20, bool)>, Error<T>> {
        let parent = Self::now().checked_sub(Height(1)).ok_or(Error::NoJustification)?;
        let is_parent = justification.height == parent && justification.block == pallet_system::ParentHash::<T>::get();
        if !is_parent {
            return Err(Error::NoJustification);
        }
        let members = Seats::<T>::get(&parent).ok_or(Error::NoJustification)?;
        let committee = Self::committee_of(&members).ok_or(Error::NoJustification)?;
        // The parent may itself have raised the threshold, for this height on: the least there is counts. Nodes have
        // checked the one in force.
        justification
            .verify(&Self::genesis(), &committee, Threshold::LEAST, &Self::verify)
            .map_err(|_| Error::NoJustification)?;
        let signed = |at: usize| {
            justification
                .signatures
                .iter()
                .any(|(seat, _)| usize::from(seat.0) == at)
        };
        let voter = |(at, member): (usize, &Member)| (member.account, signed(at));
        Ok(members.iter().enumerate().map(voter).collect())
    }

    pub(crate) fn do_note_votes(justification: &Justification) -> Result<(), quids_core::DispatchError> {
        let height = Self::now();
        ensure!(VotesNoted::<T>::get() != Some(height), Error::<T>::VotesAlreadyNoted);
        for (account, signed) in Self::voters(justification)? {
            match signed {
                true => Self::rate(&account, Reliability::better),
                false => Self::rate(&account, Reliability::worse),
            }
        }
        VotesNoted::<T>::put(height);
        Ok(())
    }
}
