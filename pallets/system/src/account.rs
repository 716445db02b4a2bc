//! Accounts: what is stored of one, and the way to change it with one read and one write.

use crate::{Account, Config, Event, Pallet};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::marker::PhantomData;
use quids_core::{AccountId20, Balance, Nonce};
use quids_support::traits::AccountObserver;
use scale_info::{Path, Type, TypeInfo, build::Fields};

/// What is stored of an account. FRAME's `AccountInfo`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen)]
pub struct AccountInfo {
    /// How many transactions of the account were included.
    pub nonce: Nonce,
    /// What depends on this account's existence.
    pub consumers: u32,
    /// What lets the account exist: its balance counts as one.
    pub providers: u32,
    /// What lets the account exist for its own purposes: a bound key counts as one, so a nonce is never forgotten
    /// together with a balance and no transaction of the key can be replayed.
    pub sufficients: u32,
    pub data: AccountData,
}

/// An account's balances. FRAME's `AccountData` of pallet balances.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen)]
pub struct AccountData {
    /// What can be spent, up to `frozen`.
    pub free: Balance,
    /// What is held aside.
    pub reserved: Balance,
    /// What must stay, in `free` and `reserved` together.
    pub frozen: Balance,
    /// Bit 127: the balance counts as a provider of the account. Bit 0: the account has code.
    pub flags: u128,
}

impl AccountData {
    /// Set as long as the balance keeps the account alive. FRAME's "new logic" bit.
    pub const PROVIDING: u128 = 1 << 127;
    /// Set by the EVM on accounts with code, so that nobody looks for the code of those without.
    pub const CODE: u128 = 1;

    /// Whether the balance keeps the account alive. With an existential deposit of 0 an empty balance may.
    pub const fn is_providing(&self) -> bool {
        self.flags & Self::PROVIDING != 0
    }

    /// What is left of it when the balance is gone: whether there is code, which is not the balance's.
    pub fn dead(&self) -> Self {
        Self {
            flags: self.flags & Self::CODE,
            ..Self::default()
        }
    }

    /// `free + reserved`; their sum never overflows, since it is part of the issuance.
    pub const fn total(&self) -> Balance {
        self.free.saturating_add(self.reserved)
    }
}

impl TypeInfo for AccountInfo {
    type Identity = Self;
    fn type_info() -> Type {
        Type::builder()
            .path(Path::new("AccountInfo", "frame_system"))
            .composite(
                Fields::named()
                    .field(|f| f.ty::<Nonce>().name("nonce").type_name("Nonce"))
                    .field(|f| f.ty::<u32>().name("consumers").type_name("RefCount"))
                    .field(|f| f.ty::<u32>().name("providers").type_name("RefCount"))
                    .field(|f| f.ty::<u32>().name("sufficients").type_name("RefCount"))
                    .field(|f| f.ty::<AccountData>().name("data").type_name("AccountData")),
            )
    }
}

impl TypeInfo for AccountData {
    type Identity = Self;
    fn type_info() -> Type {
        Type::builder()
            .path(Path::new("AccountData", "pallet_balances::types"))
            .composite(
                Fields::named()
                    .field(|f| f.ty::<Balance>().name("free").type_name("Balance"))
                    .field(|f| f.ty::<Balance>().name("reserved").type_name("Balance"))
                    .field(|f| f.ty::<Balance>().name("frozen").type_name("Balance"))
                    .field(|f| f.ty::<u128>().name("flags").type_name("ExtraFlags")),
            )
    }
}

/// An account read once. Change `info` and `store` it; dropped, it changes nothing.
pub struct OpenAccount<T> {
    who: AccountId20,
    key: Vec<u8>,
    was_providing: bool,
    pub info: AccountInfo,
    runtime: PhantomData<T>,
}

impl<T: Config> OpenAccount<T> {
    /// Reads the account.
    pub fn open(who: &AccountId20) -> Self {
        let key = Account::<T>::key_for(who);
        let info = quids_io::storage::get_with(&key, |bytes| {
            bytes
                .and_then(|mut bytes| AccountInfo::decode(&mut bytes).ok())
                .unwrap_or_default()
        });
        Self::read(who, key, info)
    }

    /// The account as its caller has read it, and nobody changed it since; the default, if there is none.
    pub fn found(who: &AccountId20, info: AccountInfo) -> Self {
        Self::read(who, Account::<T>::key_for(who), info)
    }

    const fn read(who: &AccountId20, key: Vec<u8>, info: AccountInfo) -> Self {
        Self {
            who: *who,
            key,
            was_providing: info.data.is_providing(),
            info,
            runtime: PhantomData,
        }
    }

    /// Whether losing the balance's provider removes the account or is forbidden by what depends on it.
    pub const fn has_consumers(&self) -> bool {
        self.info.consumers > 0
    }

    /// Writes the account back, and tells observers if it has come to be or gone. The provider count follows `data.flags`; an account
    /// that lost its last provider and has no sufficient reason to exist is removed.
    pub fn store(mut self) {
        let is_providing = self.info.data.is_providing();
        let is_new = is_providing && !self.was_providing;
        match (self.was_providing, is_providing) {
            (false, true) => {
                self.info.providers = self.info.providers.saturating_add(1);
                Pallet::<T>::deposit_event(Event::NewAccount { account: self.who });
            }
            (true, false) => {
                self.info.providers = self.info.providers.saturating_sub(1);
                if self.info.providers == 0 && self.info.sufficients == 0 {
                    quids_io::storage::clear(&self.key);
                    Pallet::<T>::deposit_event(Event::KilledAccount { account: self.who });
                    T::Observers::on_killed_account(&self.who);
                    return;
                }
            }
            _ => {}
        }
        self.info
            .using_encoded(|bytes| quids_io::storage::set(&self.key, bytes));
        if is_new {
            T::Observers::on_new_account(&self.who);
        }
    }
}
