//! The pallet in a runtime with real balances: transactions, fees, phases, calls of signed extrinsics, estimates.

mod estimates;
mod mock;
mod signed;
mod signing;
mod transactions;
