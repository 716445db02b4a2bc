//! Ports between pallets: a pallet names what it needs by these, the runtime wires who provides it.

use quids_core::{AccountId20, Balance, DispatchError, Height};
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
