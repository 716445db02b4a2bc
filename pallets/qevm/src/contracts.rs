//! The EVM as other pallets use it.

use crate::{Config, Pallet, costs};
use alloc::vec::Vec;
use quids_core::{AccountId20, Balance, DispatchError, H160, U256, Weight};
use quids_support::contracts::{Answer, Contracts};

impl<T: Config> Contracts for Pallet<T> {
    /// Counts as one more of the account's transactions.
    fn call(
        from: &AccountId20,
        to: &AccountId20,
        value: Balance,
        input: Vec<u8>,
        gas_limit: u64,
    ) -> Result<Answer, DispatchError> {
        let nonce = Self::nonce(H160(from.0));
        let (_, outcome) = Self::make_call(
            *from,
            nonce,
            Some(H160(to.0)),
            U256::from(value.0),
            input,
            gas_limit,
            None,
        )
        .map_err(|failed| failed.error)?;
        Ok(Answer {
            output: outcome.output,
            gas_used: outcome.gas_used,
        })
    }

    fn weight(gas: u64) -> Weight {
        costs::gas::<T>(gas).saturating_add(costs::SIGNED)
    }
}
