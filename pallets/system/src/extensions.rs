//! What a signed transaction carries and proves besides its call: version, chain, lifetime, nonce.

use crate::{Account, BlockHash, Config, Number, OpenAccount};
use alloc::vec::Vec;
use codec::{Decode, Encode};
use core::marker::PhantomData;
use quids_api::{InvalidTransaction, TransactionTag, TransactionValidityError, ValidTransaction};
use quids_core::{AccountId20, Hash, Height, Nonce};
use quids_support::{
    extension::{Transaction, TransactionExtension},
    extrinsic::Era,
    traits::Get,
};
use scale_info::TypeInfo;

/// How far a nonce may be ahead of the account's for the pool to keep the transaction.
pub const NONCE_AHEAD_MAX: u64 = 1000;

type Result<V = ()> = core::result::Result<V, TransactionValidityError>;

macro_rules! checker {
    ($(#[$doc:meta])* $name:ident, $implicit:ty, $value:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
        #[codec(encode_bound())]
        #[codec(decode_bound())]
        #[scale_info(skip_type_params(T))]
        pub struct $name<T>(PhantomData<T>);

        impl<T> $name<T> {
            #[expect(clippy::new_without_default, reason = "built where an extrinsic is, in one way")]
            pub const fn new() -> Self {
                Self(PhantomData)
            }
        }

        impl<T: Config> TransactionExtension for $name<T> {
            const IDENTIFIER: &'static str = stringify!($name);
            type Implicit = $implicit;
            type Pre = ();

            fn implicit(&self) -> Result<$implicit> {
                Ok($value)
            }

            fn pre_dispatch(self, _: &Transaction<'_>) -> Result {
                Ok(())
            }
        }
    };
}

checker!(
    /// The signature is for this version of the state transition.
    CheckSpecVersion, u32, T::Version::get().spec_version
);
checker!(
    /// The signature is for this encoding of transactions.
    CheckTxVersion, u32, T::Version::get().transaction_version
);
checker!(
    /// The signature is for this chain.
    CheckGenesis, Hash, BlockHash::<T>::get(&Height::ZERO)
);

/// How long the transaction lives. Mortal ones sign the hash of the block at which their era began, so they live on
/// one fork only.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
#[codec(encode_bound())]
#[codec(decode_bound())]
#[scale_info(skip_type_params(T))]
pub struct CheckMortality<T>(pub Era, PhantomData<T>);

impl<T> CheckMortality<T> {
    pub const fn new(era: Era) -> Self {
        Self(era, PhantomData)
    }
}

impl<T: Config> TransactionExtension for CheckMortality<T> {
    const IDENTIFIER: &'static str = "CheckMortality";
    type Implicit = Hash;
    type Pre = ();

    /// `AncientBirthBlock` if the era is over, is longer than hashes are kept, or has not begun.
    fn implicit(&self) -> Result<Hash> {
        let birth = match self.0 {
            Era::Immortal => Height::ZERO,
            era => {
                let birth = era.birth(u64::from(Number::<T>::get().0));
                Height(u32::try_from(birth).map_err(|_| InvalidTransaction::AncientBirthBlock)?)
            }
        };
        let hash = BlockHash::<T>::get(&birth);
        if hash.is_zero() {
            Err(InvalidTransaction::AncientBirthBlock.into())
        } else {
            Ok(hash)
        }
    }

    fn validate(&self, _: &Transaction<'_>, valid: &mut ValidTransaction) -> Result {
        if self.0 != Era::Immortal {
            let current = u64::from(Number::<T>::get().0);
            valid.longevity = valid.longevity.min(self.0.death(current).saturating_sub(current));
        }
        Ok(())
    }

    /// The era was checked with the signature: `implicit` is part of what is signed.
    fn pre_dispatch(self, _: &Transaction<'_>) -> Result {
        Ok(())
    }
}

/// Transactions of an account are included in order, each once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
#[codec(encode_bound())]
#[codec(decode_bound())]
#[scale_info(skip_type_params(T))]
pub struct CheckNonce<T>(#[codec(compact)] pub Nonce, PhantomData<T>);

impl<T> CheckNonce<T> {
    pub const fn new(nonce: Nonce) -> Self {
        Self(nonce, PhantomData)
    }
}

/// What a transaction provides, and the account's next one requires.
pub fn nonce_tag(who: &AccountId20, nonce: Nonce) -> TransactionTag {
    (who, nonce).encode()
}

impl<T: Config> TransactionExtension for CheckNonce<T> {
    const IDENTIFIER: &'static str = "CheckNonce";
    type Implicit = ();
    type Pre = ();

    fn implicit(&self) -> Result {
        Ok(())
    }

    fn validate(&self, transaction: &Transaction<'_>, valid: &mut ValidTransaction) -> Result {
        let expected = Account::<T>::get(transaction.who).nonce;
        let ahead = self.0.checked_sub(expected).ok_or(InvalidTransaction::Stale)?;
        if ahead > Nonce(NONCE_AHEAD_MAX) {
            return Err(InvalidTransaction::Future.into());
        }
        valid.provides.push(nonce_tag(transaction.who, self.0));
        if !ahead.is_zero() {
            let requires: Vec<u8> = nonce_tag(transaction.who, self.0.saturating_sub(Nonce(1)));
            valid.requires.push(requires);
        }
        Ok(())
    }

    fn pre_dispatch(self, transaction: &Transaction<'_>) -> Result {
        let mut account = OpenAccount::<T>::open(transaction.who);
        if self.0 < account.info.nonce {
            return Err(InvalidTransaction::Stale.into());
        }
        if self.0 > account.info.nonce {
            return Err(InvalidTransaction::Future.into());
        }
        // The last nonce there is can never be used.
        account.info.nonce = self.0.checked_add(Nonce(1)).ok_or(InvalidTransaction::Stale)?;
        account.store();
        Ok(())
    }
}
