//! The shape of the stored limit, and how it changed: an example of a storage migration.
//!
//! Version 1 stored the limit as a `u32`. Version 2 (feature `next`) stores a structure. A new runtime finds the old
//! bytes in storage, so it translates them in `on_runtime_upgrade`, which runs once, in the first block of the new code
//! and before in a trial run. `StorageVersion` guards it: run twice, it changes nothing.

use crate::Config;
use quids_support::prelude::*;

pub use shape::{CURRENT, Limit};
pub use told::{NewLimit, limit};

/// What `set_limit` is told: a limit.
#[cfg(not(feature = "latest"))]
mod told {
    pub type NewLimit = super::Limit;

    pub const fn limit(told: NewLimit) -> super::Limit {
        told
    }
}

/// What `set_limit` is told: the most alone. Who still sends a limit is not understood.
#[cfg(feature = "latest")]
mod told {
    pub type NewLimit = u64;

    /// Above what an amount can be, that.
    pub fn limit(told: NewLimit) -> super::Limit {
        super::Limit::from_amount(u32::try_from(told).unwrap_or(u32::MAX))
    }
}

#[cfg(not(feature = "next"))]
mod shape {
    use super::*;

    /// The version of the storage that this code reads and writes.
    pub const CURRENT: u16 = 1;

    /// The most that one call may give.
    #[derive(
        Clone, Copy, PartialEq, Eq, Default, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
    )]
    pub struct Limit(pub u32);

    impl Limit {
        pub const fn from_amount(amount: u32) -> Self {
            Self(amount)
        }

        pub const fn allows(&self, amount: u32) -> bool {
            amount <= self.0
        }
    }
}

#[cfg(feature = "next")]
mod shape {
    use super::*;

    /// The version of the storage that this code reads and writes.
    pub const CURRENT: u16 = 2;

    /// What one call may give.
    #[derive(
        Clone, Copy, PartialEq, Eq, Default, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
    )]
    pub struct Limit {
        pub at_least: u32,
        pub at_most: u32,
    }

    impl Limit {
        pub const fn from_amount(amount: u32) -> Self {
            Self {
                at_least: 1,
                at_most: amount,
            }
        }

        pub const fn allows(&self, amount: u32) -> bool {
            self.at_least <= amount && amount <= self.at_most
        }
    }
}

/// Brings the storage to [`CURRENT`]. Returns the weight used.
pub fn run<T: Config>() -> Weight {
    match crate::StorageVersion::<T>::get().unwrap_or(1) {
        #[cfg(feature = "next")]
        0 | 1 => version_2::<T>(),
        _ => cost::of(0, 1, 0),
    }
}

/// 1 → 2: the limit becomes a structure.
#[cfg(feature = "next")]
fn version_2<T: Config>() -> Weight {
    // Storage types know the new shape only, so the old value is read by its key.
    let old = quids_io::storage::get_with(&crate::CurrentLimit::<T>::key(), |bytes| {
        bytes
            .and_then(|mut bytes| u32::decode(&mut bytes).ok())
            .unwrap_or_default()
    });
    crate::CurrentLimit::<T>::put(Limit::from_amount(old));
    crate::StorageVersion::<T>::put(2);
    cost::of(2_000_000, 2, 2)
}
