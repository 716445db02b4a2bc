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
use quids_api::{
    CheckInherentsResult, InherentData, SignatureClaim, TransactionSource, TransactionValidity,
    TransactionValidityError,
};
use quids_core::AccountId20;
use quids_support::{
    composition::Composition, dispatch::DispatchResultWithPostInfo, extension::Extensions,
    extrinsic::UncheckedExtrinsic, hooks::Hooks, migrations::MigrationPort, system::SystemPort,
};

/// What a runtime tells the executive about itself.
pub trait Config: Composition {
    /// The system pallet.
    type System: SystemPort;
    /// All pallets' hooks, in order.
    type Pallets: Hooks;
    type Extensions: Extensions;
    /// Who replaces the code, and runs the migrations of new one.
    type Migrations: MigrationPort;

    /// Whether the chain takes this call while it takes no others: those of governance, and what consensus needs. `who` is
    /// none for a call without a signature. Inherents need no such permission.
    fn is_always_taken(call: &Self::RuntimeCall, who: Option<&AccountId20>) -> bool;
    fn is_inherent(call: &Self::RuntimeCall) -> bool;
    fn create_inherents(data: &InherentData) -> alloc::vec::Vec<Self::RuntimeCall>;
    fn check_inherents(calls: &[Self::RuntimeCall], data: &InherentData) -> CheckInherentsResult;
    fn validate_unsigned(source: TransactionSource, call: &Self::RuntimeCall) -> TransactionValidity;

    /// Applies a bare call that proves by itself who made it, such as an Ethereum transaction; `None` for any other. An
    /// inner error means that it does not belong into the block.
    fn apply_self_contained(
        _: &Self::RuntimeCall,
    ) -> Option<Result<DispatchResultWithPostInfo, TransactionValidityError>> {
        None
    }
    /// The post-quantum signature in such a call, if it can be verified ahead.
    fn self_contained_claim(_: &Self::RuntimeCall) -> Option<SignatureClaim> {
        None
    }
    /// Takes the post-quantum signature out of such a call.
    fn take_signature(_: &mut Self::RuntimeCall) -> Option<alloc::vec::Vec<u8>> {
        None
    }
}

/// The extrinsic of a runtime.
pub type Extrinsic<T> = UncheckedExtrinsic<<T as Composition>::RuntimeCall, <T as Config>::Extensions>;

/// The executive of a runtime. All functions act on the state behind the host functions.
pub struct Executive<T>(PhantomData<T>);
