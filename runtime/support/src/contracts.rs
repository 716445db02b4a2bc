//! The EVM as other pallets use it.

use alloc::vec::Vec;
use quids_core::{AccountId20, Balance, DispatchError, Weight};

/// What a contract answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    pub output: Vec<u8>,
    /// What the call used of its gas.
    pub gas_used: u64,
}

/// Calls of contracts from a pallet. The pallet's call declares [`weight`](Contracts::weight) of the gas it may use.
pub trait Contracts {
    /// Calls the contract at `to` as the account `from`, which pays `value` and no price for gas. It is recorded among
    /// Ethereum's transactions, with its logs.
    ///
    /// The error of a contract that reverts or runs out of gas is one of the EVM's pallet. What it changed until then is
    /// not written; what the calling pallet wrote is the pallet's own to undo.
    fn call(
        from: &AccountId20,
        to: &AccountId20,
        value: Balance,
        input: Vec<u8>,
        gas_limit: u64,
    ) -> Result<Answer, DispatchError>;

    /// What so much gas weighs.
    fn weight(gas: u64) -> Weight;
}
