//! Ports between pallets: a pallet names what it needs by these, the runtime wires who provides it.

use quids_core::{AccountId20, Balance, DispatchError, Height, Weight};
use quids_pobpc::{SigningCertificate, SigningRequest};

/// A value known at compile time or read from storage.
pub trait Get<T> {
    fn get() -> T;
}

/// Declares a type that is a `Get` of a constant: `constant!(pub ExistentialDeposit: Balance = Balance(0));`
#[macro_export]
macro_rules! constant {
    ($(#[$meta:meta])* $visibility:vis $name:ident: $type:ty = $value:expr) => {
        $(#[$meta])*
        $visibility struct $name;
        impl $crate::traits::Get<$type> for $name {
            fn get() -> $type {
                $value
            }
        }
    };
}

/// Who is the height of the block in execution.
pub trait BlockHeight {
    fn height() -> Height;
}

/// A pallet that is told what becomes of accounts: `pallet_system::Config::Observers` names one, a tuple of them, or `()`. What it
/// writes is undone with a call that fails.
///
/// It is told of every account that comes to be and that goes, as often as the events `System.NewAccount` and
/// `System.KilledAccount` say it: also by fees, rewards, in the EVM, at genesis. Of transfers it is told as often as the event
/// `Balances.Transfer` is there. What else moves value is no transfer: fees, rewards, slashes, reserves, burning, and whatever the
/// EVM moves.
///
/// It may not change accounts and their balances, since whoever tells it may be about to write what it has read of them. What it writes
/// should hang on the accounts that it is told of, or be added to a sum: a key that all transactions read and write makes them wait
/// for each other.
pub trait AccountObserver {
    /// What any of the methods takes, at most. The calls of the standard pallets weigh as much more as they may tell of, and so does
    /// the EVM's gas by the rules since Cancun, before which destroying contracts took less: a block then holds less gas than its limit. Those of other pallets are measured with
    /// the observers in place.
    const WEIGHT: Weight;

    fn on_new_account(_who: &AccountId20) {}
    /// The account's nonce and balances are gone.
    fn on_killed_account(_who: &AccountId20) {}
    /// After the balances have changed. `from` may be `to`, and the amount 0.
    fn on_transfer(_from: &AccountId20, _to: &AccountId20, _amount: Balance) {}
}

macro_rules! observers {
    ($($name:ident)*) => {
        impl<$($name: AccountObserver),*> AccountObserver for ($($name,)*) {
            const WEIGHT: Weight = Weight::ZERO$(.saturating_add($name::WEIGHT))*;

            fn on_new_account(who: &AccountId20) {
                $($name::on_new_account(who);)*
            }
            fn on_killed_account(who: &AccountId20) {
                $($name::on_killed_account(who);)*
            }
            fn on_transfer(from: &AccountId20, to: &AccountId20, amount: Balance) {
                $($name::on_transfer(from, to, amount);)*
            }
        }
    };
}

/// Nobody.
impl AccountObserver for () {
    const WEIGHT: Weight = Weight::ZERO;
}
observers!(A);
observers!(A B);
observers!(A B C);
observers!(A B C D);

/// Moving and holding the chain's own token.
pub trait Currency {
    fn free_balance(who: &AccountId20) -> Balance;
    fn total_issuance() -> Balance;
    /// Moves `amount`; the sender may end below the existential deposit only if `allow_death`.
    fn transfer(from: &AccountId20, to: &AccountId20, amount: Balance, allow_death: bool) -> Result<(), DispatchError>;
    /// Moves `amount` from free to reserved.
    fn reserve(who: &AccountId20, amount: Balance) -> Result<(), DispatchError>;
    /// Moves up to `amount` from reserved to free; returns what could not be moved.
    fn unreserve(who: &AccountId20, amount: Balance) -> Balance;
    /// Makes or burns the difference. For set-ups of benchmarks and tests: a call that makes money is `force_set_balance` alone.
    fn set_free_balance(who: &AccountId20, amount: Balance) -> Result<(), DispatchError>;
}

/// Where fees of the block go that transactions pay by other ways than the usual one.
pub trait FeePot {
    /// Adds what was taken from an account to what the block's author gets. Only adds, so that transactions do not
    /// depend on each other.
    fn add_to_pot(amount: Balance);
    /// Counts as burned what was taken from an account.
    fn burn(amount: Balance);
}

/// The chain's clock.
pub trait UnixTime {
    /// Milliseconds since the Unix epoch, as the block's author states them; 0 before the first block.
    fn now_ms() -> u64;
}

/// Who signs messages for contracts, in the validators' name.
pub trait Signers {
    /// Whether this height has a committee. Without one nobody ever signs.
    fn are_there(height: Height) -> bool;
    /// Whether it proves that a quorum of its height's committee signed this request. Reads the committee, and verifies each signature.
    fn has_signed(request: &SigningRequest, certificate: &SigningCertificate) -> bool;
}

/// Nobody.
impl Signers for () {
    fn are_there(_: Height) -> bool {
        false
    }

    fn has_signed(_: &SigningRequest, _: &SigningCertificate) -> bool {
        false
    }
}
