//! How balances move. Every function reads all accounts it needs, decides, then writes: a failure changes nothing.
//!
//! An account lives while `free + reserved` is at least the existential deposit. One that would fall below is removed
//! and its rest burned, unless the caller, a reserve or a consumer forbids it.

use crate::{Config, Error, Event, FeePot, Pallet, TotalBurned, TotalIssuance, TotalIssued};
use codec::Decode;
use core::cmp::Ordering;
use pallet_system::{AccountData, OpenAccount};
use quids_core::{AUTHOR_ENGINE_ID, AccountId20, ArithmeticError, Balance, DigestItem, DispatchError};
use quids_support::{
    ensure,
    traits::{AccountObserver, Currency, Get},
};

impl<T: Config> Currency for Pallet<T> {
    fn free_balance(who: &AccountId20) -> Balance {
        OpenAccount::<T>::open(who).info.data.free
    }

    /// Reads both counters, so the extrinsic that calls it depends on all that issue or burn before it.
    fn total_issuance() -> Balance {
        Balance(TotalIssued::<T>::get().saturating_sub(TotalBurned::<T>::get()))
    }

    fn transfer(from: &AccountId20, to: &AccountId20, amount: Balance, allow_death: bool) -> Result<(), DispatchError> {
        let mut sender = OpenAccount::<T>::open(from);
        if from == to || amount.is_zero() {
            ensure!(sender.info.data.free >= amount, Error::<T>::InsufficientBalance);
        } else {
            let dust = take(&mut sender, amount, allow_death)?;
            let mut receiver = OpenAccount::<T>::open(to);
            let endowed = give(&mut receiver, amount)?;
            sender.store();
            Self::burn_dust(from, dust);
            receiver.store();
            if endowed {
                Self::deposit_event(Event::Endowed {
                    account: *to,
                    free_balance: amount,
                });
            }
        }
        Self::deposit_event(Event::Transfer {
            from: *from,
            to: *to,
            amount,
        });
        T::Observers::on_transfer(from, to, amount);
        Ok(())
    }

    fn reserve(who: &AccountId20, amount: Balance) -> Result<(), DispatchError> {
        if amount.is_zero() {
            return Ok(());
        }
        let mut account = OpenAccount::<T>::open(who);
        let data = &mut account.info.data;
        data.free = data.free.checked_sub(amount).ok_or(Error::<T>::InsufficientBalance)?;
        data.reserved = data.reserved.checked_add(amount).ok_or(ArithmeticError::Overflow)?;
        account.store();
        Self::deposit_event(Event::Reserved { who: *who, amount });
        Ok(())
    }

    fn unreserve(who: &AccountId20, amount: Balance) -> Balance {
        let mut account = OpenAccount::<T>::open(who);
        let data = &mut account.info.data;
        let moved = data.reserved.min(amount);
        if !moved.is_zero() {
            data.reserved = data.reserved.saturating_sub(moved);
            // Cannot saturate: both are part of the issuance.
            data.free = data.free.saturating_add(moved);
            account.store();
            Self::deposit_event(Event::Unreserved {
                who: *who,
                amount: moved,
            });
        }
        amount.saturating_sub(moved)
    }

    fn set_free_balance(who: &AccountId20, amount: Balance) -> Result<(), DispatchError> {
        Self::set_free(who, amount)
    }
}

impl<T: Config> quids_support::traits::FeePot for Pallet<T> {
    fn add_to_pot(amount: Balance) {
        FeePot::<T>::add(amount.0);
    }

    fn burn(amount: Balance) {
        TotalBurned::<T>::add(amount.0);
    }
}

impl<T: Config> Pallet<T> {
    /// What `transfer` would accept from the account at most.
    pub fn transferable(who: &AccountId20, keep_alive: bool) -> Balance {
        let account = OpenAccount::<T>::open(who);
        let data = &account.info.data;
        let liquid = data.free.saturating_sub(data.frozen.saturating_sub(data.reserved));
        if keep_alive || must_live(&account) {
            liquid.min(data.total().saturating_sub(T::ExistentialDeposit::get()))
        } else {
            liquid
        }
    }

    /// Burns from the free balance.
    pub(crate) fn burn_free(who: &AccountId20, amount: Balance, allow_death: bool) -> Result<(), DispatchError> {
        let mut account = OpenAccount::<T>::open(who);
        let dust = if amount.is_zero() {
            Balance::ZERO
        } else {
            take(&mut account, amount, allow_death)?
        };
        account.store();
        TotalBurned::<T>::add(amount.0);
        Self::burn_dust(who, dust);
        Self::deposit_event(Event::Burned { who: *who, amount });
        Ok(())
    }

    /// Sets the free balance and settles the difference with the issuance.
    pub(crate) fn set_free(who: &AccountId20, wanted: Balance) -> Result<(), DispatchError> {
        let mut account = OpenAccount::<T>::open(who);
        let old = account.info.data;
        let total = wanted.checked_add(old.reserved).ok_or(ArithmeticError::Overflow)?;
        let lives = total >= T::ExistentialDeposit::get() || must_live(&account);
        let free = if lives { wanted } else { Balance::ZERO };
        match free.cmp(&old.free) {
            Ordering::Greater => {
                let issued = free.saturating_sub(old.free);
                TotalIssued::<T>::get()
                    .checked_add(issued.0)
                    .ok_or(ArithmeticError::Overflow)?;
                TotalIssued::<T>::add(issued.0);
                Self::deposit_event(Event::Issued { amount: issued });
            }
            Ordering::Less => {
                let burned = old.free.saturating_sub(free);
                TotalBurned::<T>::add(burned.0);
                Self::deposit_event(Event::Burned {
                    who: *who,
                    amount: burned,
                });
            }
            Ordering::Equal => {}
        }
        if lives {
            account.info.data.free = free;
            account.info.data.flags |= AccountData::PROVIDING;
        } else {
            account.info.data = account.info.data.dead();
        }
        if lives || old.is_providing() {
            account.store();
        }
        Self::deposit_event(Event::BalanceSet { who: *who, free });
        Ok(())
    }

    /// Takes a fee: the account must stay alive.
    pub(crate) fn take_fee(account: &mut OpenAccount<T>, amount: Balance) -> Result<(), DispatchError> {
        take(account, amount, false).map(drop)
    }

    /// Gives back to an account what it paid too much. `false` if it was removed in between and the amount is below
    /// the existential deposit.
    pub(crate) fn refund(who: &AccountId20, amount: Balance) -> bool {
        let mut account = OpenAccount::<T>::open(who);
        match give(&mut account, amount) {
            Ok(endowed) => {
                account.store();
                if endowed {
                    Self::deposit_event(Event::Endowed {
                        account: *who,
                        free_balance: amount,
                    });
                }
                true
            }
            Err(_) => false,
        }
    }

    /// Pays the block's fees to its author; burns them if there is none, or if it cannot hold them.
    pub(crate) fn pay_author() {
        let amount = Balance(FeePot::<T>::take());
        if amount.is_zero() {
            return;
        }
        match Self::author().filter(|author| Self::refund(author, amount)) {
            Some(who) => Self::deposit_event(Event::Deposit { who, amount }),
            None => {
                TotalBurned::<T>::add(amount.0);
                Self::deposit_event(Event::Rescinded { amount });
            }
        }
    }

    /// The account that the block's digest names as its author.
    pub fn author() -> Option<AccountId20> {
        pallet_system::Digest::<T>::get()
            .logs
            .iter()
            .find_map(|item| match item {
                DigestItem::PreRuntime(AUTHOR_ENGINE_ID, data) => AccountId20::decode(&mut data.as_slice()).ok(),
                _ => None,
            })
    }

    /// Writes the issuance for clients, if it changed.
    pub(crate) fn publish_issuance() {
        let issuance = <Self as Currency>::total_issuance();
        if TotalIssuance::<T>::get() != issuance {
            TotalIssuance::<T>::put(issuance);
        }
    }

    fn burn_dust(who: &AccountId20, dust: Balance) {
        if !dust.is_zero() {
            TotalBurned::<T>::add(dust.0);
            Self::deposit_event(Event::DustLost {
                account: *who,
                amount: dust,
            });
        }
    }
}

/// Whether the account cannot be removed, whoever allows it.
fn must_live<T: Config>(account: &OpenAccount<T>) -> bool {
    account.has_consumers() || !account.info.data.reserved.is_zero()
}

/// Takes from the free balance. Returns the dust of an account that falls below the existential deposit.
fn take<T: Config>(account: &mut OpenAccount<T>, amount: Balance, allow_death: bool) -> Result<Balance, DispatchError> {
    let must_live = must_live(account) || !allow_death;
    let data = &mut account.info.data;
    let free = data.free.checked_sub(amount).ok_or(Error::<T>::InsufficientBalance)?;
    ensure!(
        free >= data.frozen.saturating_sub(data.reserved),
        Error::<T>::LiquidityRestrictions
    );
    data.free = free;
    if data.total() >= T::ExistentialDeposit::get() {
        return Ok(Balance::ZERO);
    }
    ensure!(!must_live, Error::<T>::Expendability);
    *data = data.dead();
    Ok(free)
}

/// Adds to the free balance. Returns whether that brought the account into existence.
fn give<T: Config>(account: &mut OpenAccount<T>, amount: Balance) -> Result<bool, DispatchError> {
    let data = &mut account.info.data;
    data.free = data.free.checked_add(amount).ok_or(ArithmeticError::Overflow)?;
    ensure!(
        data.total() >= T::ExistentialDeposit::get(),
        Error::<T>::ExistentialDeposit
    );
    let endowed = !data.is_providing();
    data.flags |= AccountData::PROVIDING;
    Ok(endowed)
}
