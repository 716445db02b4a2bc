//! What a block does to the state, in order: initialise, apply each extrinsic, finalise. And the questions about a
//! transaction that have the same answers: is it valid, what does it cost, what signature does it hang on.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;

mod authenticate;
mod block;
mod commitment;
mod transaction;

use core::marker::PhantomData;
use quids_api::{CheckInherentsResult, InherentData, TransactionSource, TransactionValidity};
use quids_support::{
    composition::Composition, extension::Extensions, extrinsic::UncheckedExtrinsic, hooks::Hooks, system::SystemPort,
};

/// What a runtime tells the executive about itself.
pub trait Config: Composition {
    /// The system pallet.
    type System: SystemPort;
    /// All pallets' hooks, in order.
    type Pallets: Hooks;
    type Extensions: Extensions;

    fn is_inherent(call: &Self::RuntimeCall) -> bool;
    fn create_inherents(data: &InherentData) -> alloc::vec::Vec<Self::RuntimeCall>;
    fn check_inherents(calls: &[Self::RuntimeCall], data: &InherentData) -> CheckInherentsResult;
    fn validate_unsigned(source: TransactionSource, call: &Self::RuntimeCall) -> TransactionValidity;
}

/// The extrinsic of a runtime.
pub type Extrinsic<T> = UncheckedExtrinsic<<T as Composition>::RuntimeCall, <T as Config>::Extensions>;

/// The executive of a runtime. All functions act on the state behind the host functions.
pub struct Executive<T>(PhantomData<T>);
