//! Becoming a validator and ceasing to be one. Each function decides before it writes.

use crate::{
    Active, Commitment, Config, ConsensusKeys, CurrentParameters, Error, Event, KeyOwner, Member, Pallet, Reliability,
    VALIDATORS_MAX, Validator, Validators,
};
use alloc::vec::Vec;
use quids_api::pobpc::ValidatorStatus;
use quids_core::{AccountId20, ArithmeticError, Balance, DispatchError, Hash, Height};
use quids_crypto::{PublicKey, Signature, SignatureScheme};
use quids_pobpc::{Role, faulty_max, registration_message};
use quids_support::{
    ensure,
    traits::{Currency, Get},
};

type Result<T = ()> = core::result::Result<T, DispatchError>;

/// Whether votes may be signed with it.
pub(crate) fn may_vote(key: &PublicKey) -> bool {
    matches!(key.scheme(), SignatureScheme::Falcon512 | SignatureScheme::MlDsa87)
}

/// Whether a committee of these has more full nodes than may be faulty; otherwise how many there are, seats, and how many
/// there would have to be.
pub(crate) fn enough_full(members: &[Member], witness_count: u16) -> core::result::Result<(), (usize, usize, usize)> {
    let full = members.iter().filter(|one| one.role == Role::Full).count();
    let seats = members.len().min(witness_count.into());
    let needed = faulty_max(seats).saturating_add(1);
    match full < needed {
        true => Err((full, seats, needed)),
        false => Ok(()),
    }
}

impl<T: Config> Pallet<T> {
    pub(crate) fn do_register(
        who: AccountId20,
        key: PublicKey,
        role: Role,
        proof: &Signature,
        bond: Balance,
        commitment: Option<Hash>,
    ) -> Result {
        let active = Active::<T>::get();
        ensure!(!active.is_empty(), Error::<T>::NoConsensus);
        ensure!(active.len() < VALIDATORS_MAX, Error::<T>::TooManyValidators);
        ensure!(!Validators::<T>::contains_key(&who), Error::<T>::AlreadyValidator);
        ensure!(may_vote(&key), Error::<T>::KeyScheme);
        ensure!(bond >= T::MinimumBond::get(), Error::<T>::BondTooSmall);
        let hash = Self::key_hash(&key);
        ensure!(!KeyOwner::<T>::contains_key(&hash), Error::<T>::KeyTaken);
        let message = registration_message(&Self::genesis(), &who, &key);
        ensure!(Self::verify(&key, &message, proof), Error::<T>::InvalidProof);
        T::Currency::reserve(&who, bond)?;
        let from = Self::reveals_from();
        let validator = Validator {
            role,
            status: ValidatorStatus::Active,
            bond,
            reliability: Reliability::NEW,
            commitment: commitment.map(|hash| Commitment { hash, from }),
        };
        KeyOwner::<T>::insert(&hash, who);
        ConsensusKeys::<T>::insert(&who, key);
        Validators::<T>::insert(&who, validator);
        Self::activate(active, who, role);
        let account = who;
        Self::deposit_event(Event::Registered { account, role, bond });
        Ok(())
    }

    pub(crate) fn do_bond_more(who: AccountId20, amount: Balance) -> Result {
        let mut validator = Self::staying(&who)?;
        let bond = validator.bond.checked_add(amount).ok_or(ArithmeticError::Overflow)?;
        T::Currency::reserve(&who, amount)?;
        validator.bond = bond;
        Validators::<T>::insert(&who, validator);
        Self::deposit_event(Event::Bonded { account: who, bond });
        Ok(())
    }

    pub(crate) fn do_commit(who: AccountId20, hash: Hash) -> Result {
        let mut validator = Self::staying(&who)?;
        let from = Self::reveals_from();
        validator.commitment = Some(Commitment { hash, from });
        Validators::<T>::insert(&who, validator);
        Self::deposit_event(Event::Committed { account: who, from });
        Ok(())
    }

    pub(crate) fn do_leave(who: AccountId20) -> Result {
        let mut validator = Self::staying(&who)?;
        if validator.status == ValidatorStatus::Active {
            let mut active = Active::<T>::get();
            active.retain(|one| one.account != who);
            let count = CurrentParameters::<T>::get().witness_count;
            // A witness that goes leaves full nodes no fewer.
            let is_safe = validator.role == Role::Witness || enough_full(&active, count).is_ok();
            ensure!(is_safe, Error::<T>::Needed);
            Active::<T>::put(active);
        }
        let until = Self::now().saturating_add(T::UnbondingDelay::get());
        validator.status = ValidatorStatus::Leaving { until };
        Validators::<T>::insert(&who, validator);
        Self::deposit_event(Event::Left { account: who, until });
        Ok(())
    }

    pub(crate) fn do_withdraw(who: AccountId20) -> Result {
        let validator = Validators::<T>::get(&who).ok_or(Error::<T>::NoValidator)?;
        let ValidatorStatus::Leaving { until } = validator.status else {
            return Err(Error::<T>::TooEarly.into());
        };
        ensure!(Self::now() >= until && !Self::is_seated(&who), Error::<T>::TooEarly);
        T::Currency::unreserve(&who, validator.bond);
        Validators::<T>::remove(&who);
        if let Some(key) = ConsensusKeys::<T>::take(&who) {
            KeyOwner::<T>::remove(&Self::key_hash(&key));
        }
        let bond = validator.bond;
        Self::deposit_event(Event::Withdrawn { account: who, bond });
        Ok(())
    }

    pub(crate) fn do_unjail(who: AccountId20) -> Result {
        let mut validator = Validators::<T>::get(&who).ok_or(Error::<T>::NoValidator)?;
        let ValidatorStatus::Jailed { until } = validator.status else {
            return Err(Error::<T>::NotJailed.into());
        };
        ensure!(Self::now() >= until, Error::<T>::TooEarly);
        ensure!(validator.bond >= T::MinimumBond::get(), Error::<T>::BondTooSmall);
        let active = Active::<T>::get();
        ensure!(active.len() < VALIDATORS_MAX, Error::<T>::TooManyValidators);
        validator.status = ValidatorStatus::Active;
        Validators::<T>::insert(&who, validator);
        Self::activate(active, who, validator.role);
        Self::deposit_event(Event::Unjailed { account: who });
        Ok(())
    }

    /// A validator that is not on its way out.
    fn staying(who: &AccountId20) -> Result<Validator> {
        let validator = Validators::<T>::get(who).ok_or(Error::<T>::NoValidator)?;
        let leaving = matches!(validator.status, ValidatorStatus::Leaving { .. });
        ensure!(!leaving, Error::<T>::Leaving);
        Ok(validator)
    }

    fn activate(mut active: Vec<Member>, account: AccountId20, role: Role) {
        let at = active.partition_point(|one| one.account < account);
        active.insert(at, Member { account, role });
        Active::<T>::put(active);
    }

    pub(crate) fn now() -> Height {
        pallet_system::Number::<T>::get()
    }

    /// The hash of genesis.
    pub(crate) fn genesis() -> Hash {
        pallet_system::BlockHash::<T>::get(&Height::ZERO)
    }

    /// Wrong lengths and schemes do not verify either.
    pub(crate) fn verify(key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        key.scheme() == signature.scheme()
            && quids_io::crypto::verify(key.scheme().tag(), key.as_bytes(), message, signature.as_bytes())
    }
}
