//! Tests of the balances pallet in a runtime of its own.

mod calls;
mod mock;
mod payment;
mod properties;
