//! What always holds of validators, for tests and dry runs.

use crate::{Active, Config, ConsensusKeys, KeyOwner, Member, Pallet, Seats, VALIDATORS_MAX, Validators};
use alloc::{format, string::String, vec::Vec};
use quids_api::pobpc::ValidatorStatus;
use quids_core::AccountId20;
use quids_pobpc::Role;
use quids_support::ensure;

/// Active validators are listed in order, a full node among them; bonds are reserved; each key is one validator's; nobody
/// sits twice.
pub(crate) fn check<T: Config>() -> Result<(), String> {
    let active = Active::<T>::get();
    ensure!(
        active.is_sorted_by(|a, b| a.account < b.account),
        "active validators are not in the order of their accounts, each once"
    );
    ensure!(
        active.is_empty() || active.iter().any(|one| one.role == Role::Full),
        "no active validator is a full node"
    );
    ensure!(
        active.len() <= VALIDATORS_MAX,
        format!(
            "{} validators are active, at most {VALIDATORS_MAX} may be",
            active.len()
        )
    );
    let mut listed = active.len();
    for (who, validator) in Validators::<T>::iter() {
        let reserved = pallet_system::Account::<T>::get(&who).data.reserved;
        let bond = validator.bond;
        ensure!(bond <= reserved, format!("{who} bonds {bond}, reserved are {reserved}"));
        let is_active = validator.status == ValidatorStatus::Active;
        let member = Member {
            account: who,
            role: validator.role,
        };
        ensure!(
            is_active == active.contains(&member),
            format!("{who} is {:?}, but not so among the active", validator.status)
        );
        listed = listed.saturating_sub(is_active.into());
        check_key::<T>(&who)?;
    }
    ensure!(listed == 0, format!("{listed} of the active are no validators"));
    for hash in KeyOwner::<T>::iter_keys() {
        let owner = KeyOwner::<T>::get(&hash).filter(Validators::<T>::contains_key);
        ensure!(owner.is_some(), format!("the key {hash} is nobody's"));
    }
    for (height, seats) in Seats::<T>::iter() {
        let mut accounts: Vec<AccountId20> = seats.iter().map(|seat| seat.account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        ensure!(
            accounts.len() == seats.len(),
            format!("somebody sits twice in the committee of height {height}")
        );
    }
    Ok(())
}

fn check_key<T: Config>(who: &AccountId20) -> Result<(), String> {
    let Some(key) = ConsensusKeys::<T>::get(who) else {
        return Err(format!("{who} has no consensus key"));
    };
    ensure!(
        Pallet::<T>::author_of(&key) == Some(*who),
        format!("the consensus key of {who} is another's")
    );
    Ok(())
}
