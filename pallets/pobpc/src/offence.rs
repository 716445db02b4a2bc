//! Evidence, and what it costs: once for each height at which somebody signed two messages for one place.

use crate::{
    Active, Candidate, Candidates, Config, CurrentParameters, Error, Event, NextCandidates, Offences, Pallet,
    Reliability, Seats, SelectAnew, Validators, membership::enough_full,
};
use codec::Encode;
use pallet_system::OpenAccount;
use quids_api::{InvalidTransaction, TransactionValidity, ValidTransaction, pobpc::ValidatorStatus};
use quids_core::{AccountId20, Balance, DispatchError, Height};
use quids_pobpc::{Evidence, Role};
use quids_support::{
    system::SystemPort,
    traits::{FeePot, Get},
};

/// What of a bond is lost by an offence: a tenth.
const SLASHED: u128 = 10;
/// What of that goes to whoever proved it: a tenth. The rest is burned.
const REWARDED: u128 = 10;

/// Blocks for which the pool keeps a report.
const LONGEVITY: u64 = 64;

impl<T: Config> Pallet<T> {
    /// Who did what the evidence proves, and at which height, if nobody was punished for it.
    fn offence(evidence: &Evidence) -> Result<(AccountId20, Height), Error<T>> {
        let height = evidence.height();
        let members = Seats::<T>::get(&height).ok_or(Error::UnknownHeight)?;
        let committee = Self::committee_of(&members).ok_or(Error::UnknownHeight)?;
        let seat = evidence.verify(&Self::genesis(), &committee, &Self::verify);
        let seat = seat.map_err(|_| Error::NoOffence)?;
        let member = members.get(usize::from(seat.0)).ok_or(Error::NoOffence)?;
        if Offences::<T>::contains_key(&height, &member.account) {
            return Err(Error::AlreadyPunished);
        }
        Ok((member.account, height))
    }

    pub(crate) fn do_report(evidence: &Evidence, reporter: Option<AccountId20>) -> Result<(), DispatchError> {
        let (account, height) = Self::offence(evidence)?;
        let mut validator = Validators::<T>::get(&account).ok_or(Error::<T>::NoValidator)?;
        let wanted = Balance(validator.bond.0.checked_div(SLASHED).unwrap_or_default());
        let amount = Self::slash(&account, wanted, reporter);
        validator.bond = validator.bond.saturating_sub(amount);
        validator.reliability = Reliability::AFTER_JAIL;
        let until = Self::now().saturating_add(T::JailTerm::get());
        let jailed = validator.status == ValidatorStatus::Active && Self::unseat(&account);
        if jailed {
            validator.status = ValidatorStatus::Jailed { until };
        }
        Validators::<T>::insert(&account, validator);
        Offences::<T>::insert(&height, &account, amount);
        Self::deposit_event(Event::Slashed {
            account,
            height,
            amount,
        });
        if jailed {
            Self::deposit_event(Event::Jailed { account, until });
        }
        Ok(())
    }

    /// Takes up to `wanted` from what the account has reserved; a part is the reporter's, the rest is burned. Returns what
    /// was taken. An account that has less than the existential deposit after it stays: it is a validator's.
    fn slash(account: &AccountId20, wanted: Balance, reporter: Option<AccountId20>) -> Balance {
        let mut offender = OpenAccount::<T>::open(account);
        let amount = offender.info.data.reserved.min(wanted);
        offender.info.data.reserved = offender.info.data.reserved.saturating_sub(amount);
        offender.store();
        let mut burned = amount;
        let reward = Balance(amount.0.checked_div(REWARDED).unwrap_or_default());
        if let Some(account) = reporter.filter(|who| who != account && !reward.is_zero()) {
            let mut receiver = OpenAccount::<T>::open(&account);
            // Cannot saturate: both are part of the issuance.
            receiver.info.data.free = receiver.info.data.free.saturating_add(reward);
            receiver.info.data.flags |= pallet_system::AccountData::PROVIDING;
            receiver.store();
            burned = amount.saturating_sub(reward);
            Self::deposit_event(Event::Rewarded {
                account,
                amount: reward,
            });
        }
        T::Currency::burn(burned);
        amount
    }

    /// Removes an offender from whom committees are drawn from, at once. `false` if too few full nodes would be left: a
    /// committee with one offender is better than none.
    fn unseat(account: &AccountId20) -> bool {
        let mut active = Active::<T>::get();
        let is_full = active
            .iter()
            .any(|one| one.account == *account && one.role == Role::Full);
        active.retain(|one| one.account != *account);
        let count = CurrentParameters::<T>::get().witness_count;
        if is_full && enough_full(&active, count).is_err() {
            return false;
        }
        Active::<T>::put(active);
        let without = |candidates: &mut alloc::vec::Vec<Candidate>| candidates.retain(|one| one.account != *account);
        Candidates::<T>::mutate(without);
        NextCandidates::<T>::mutate(without);
        SelectAnew::<T>::put(true);
        true
    }

    /// The pool's and the block's question about a report without a signature.
    pub(crate) fn validate_report(evidence: &Evidence) -> TransactionValidity {
        // The migrations were tried on the state that the new code found: nothing may change it after that.
        if pallet_system::Pallet::<T>::code_update_pending() {
            return Err(InvalidTransaction::ExhaustsResources.into());
        }
        let (account, height) = Self::offence(evidence).map_err(|error| match error {
            Error::AlreadyPunished => InvalidTransaction::Stale,
            Error::UnknownHeight => InvalidTransaction::AncientBirthBlock,
            _ => InvalidTransaction::BadProof,
        })?;
        Ok(ValidTransaction {
            priority: u64::MAX / 2,
            requires: Default::default(),
            provides: alloc::vec![("pobpc", height, account).encode()],
            longevity: LONGEVITY,
            propagate: true,
        })
    }
}
