//! What always holds of contracts, for tests and dry runs.

use crate::{CodeHashes, Codes, Config, Forks, Pallet, Slots};
use alloc::{collections::BTreeSet, format, string::String};
use pallet_system::{Account, AccountData};
use quids_core::H256;
use quids_support::ensure;

/// Accounts with code are marked, and only they; every code is there; no slot is zero.
pub(crate) fn check<T: Config>() -> Result<(), String> {
    let mut with_code = BTreeSet::new();
    for (who, hash) in CodeHashes::<T>::iter() {
        ensure!(
            Codes::<T>::contains_key(&hash),
            format!("the code {hash:?} of {who} is not kept")
        );
        with_code.insert(who);
    }
    for (who, account) in Account::<T>::iter() {
        let is_marked = account.data.flags & AccountData::CODE != 0;
        ensure!(
            is_marked == with_code.remove(&who),
            format!("{who} is {}marked as having code", if is_marked { "" } else { "not " })
        );
    }
    if let Some(who) = with_code.first() {
        return Err(format!("{who} has code and is no account"));
    }
    for (who, slot, value) in Slots::<T>::iter() {
        ensure!(
            value != H256::default(),
            format!("slot {slot:?} of {who} is zero and kept")
        );
    }
    let forks = Forks::<T>::get();
    ensure!(
        Pallet::<T>::are_forks(&forks),
        format!("the hard forks {forks:?} are unknown or do not ascend")
    );
    Ok(())
}
