//! Tests of the balances pallet in a runtime of its own.

mod calls;
mod mock;
mod observers;
mod payment;
mod properties;
