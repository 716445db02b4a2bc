//! The framework that pallets are written against: storage types, dispatch, events, hooks, extrinsics, metadata.
//! `quids_macros::pallet` and `construct_runtime!` emit code against the traits of this crate and nothing else.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

pub mod benchmark;
pub mod composition;
pub mod context;
pub mod contracts;
pub mod dispatch;
pub mod events;
pub mod extension;
pub mod extrinsic;
pub mod filter;
pub mod genesis;
pub mod hooks;
pub mod inherents;
pub mod limits;
pub mod metadata;
pub mod migrations;
pub mod origin;
pub mod storage;
pub mod system;
pub mod traits;

pub use quids_macros::{construct_runtime, pallet};

/// What generated code names. Not for people.
#[doc(hidden)]
pub mod __private {
    pub use alloc::{boxed::Box, string::String, vec, vec::Vec};
    pub use codec;
    pub use quids_api;
    pub use quids_core;
    pub use quids_io;
    pub use scale_info;
    pub use serde;
}

/// What a pallet's module brings in with one line.
pub mod prelude {
    pub use crate::{
        composition::{Absent, Composition},
        dispatch::{DispatchResult, DispatchResultWithPostInfo, Pays, PostDispatchInfo},
        ensure,
        genesis::BuildGenesis,
        hooks::Hooks,
        inherents::{ProvideInherent, ValidateUnsigned},
        limits::cost,
        origin::{
            Anonymous, EitherOf, EnsureOrigin, EnsureRoot, EnsureSigned, EnsureSignedBy, Origin, ensure_none,
            ensure_root, ensure_signed,
        },
        storage::{
            Blake2_128Concat, Identity, OptionQuery, StorageDoubleMap, StorageMap, StorageValue, Twox64Concat,
            ValueQuery,
        },
        traits::Get,
    };
    pub use alloc::{boxed::Box, format, string::String, vec, vec::Vec};
    pub use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
    pub use core::marker::PhantomData;
    pub use quids_api::{
        DispatchClass, InherentData, InherentIdentifier, InvalidTransaction, TransactionSource, TransactionValidity,
        ValidTransaction,
    };
    pub use quids_core::{
        AccountId20, ArithmeticError, Balance, DispatchError, Hash, Height, Nonce, TokenError, Weight,
    };
    pub use scale_info::TypeInfo;
}

/// Returns `Err($error.into())` unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $error:expr $(,)?) => {
        if !$condition {
            return Err($error.into());
        }
    };
}
