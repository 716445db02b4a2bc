//! What always holds of balances, for tests and dry runs.

use crate::{Config, FeePot, OwnReserves, Pallet};
use alloc::{format, string::String};
use pallet_system::Account;
use quids_core::Balance;
use quids_support::{ensure, traits::Currency};

/// Nothing was made or lost, accounts live as long as their balances say, and what was reserved by call is reserved.
pub(crate) fn check<T: Config>() -> Result<(), String> {
    let mut held = Balance(FeePot::<T>::get());
    for (who, account) in Account::<T>::iter() {
        let data = account.data;
        held = held.saturating_add(data.total());
        let (total, providers) = (data.total(), account.providers);
        if data.is_providing() {
            ensure!(
                providers > 0,
                format!("the balance of {who} provides, but its providers are 0")
            );
        } else {
            ensure!(
                total.is_zero(),
                format!("{who} holds {total} and its balance does not provide")
            );
        }
    }
    let issued = Pallet::<T>::total_issuance();
    ensure!(
        held == issued,
        format!("accounts and fee pot hold {held}, issued and not burned are {issued}")
    );
    for (who, own) in OwnReserves::<T>::iter() {
        let reserved = Account::<T>::get(&who).data.reserved;
        ensure!(
            own <= reserved,
            format!("{who} reserved {own} by call, but only {reserved} is reserved")
        );
    }
    Ok(())
}
