//! The gas limit that a message needs: the least one, found by halving, and never one that was not tried.

use crate::{Config, Pallet, error::error, execute::Setting};
use alloc::format;
use quids_api::evm::{EvmError, EvmErrorKind as Kind, EvmMessage, EvmOutcome, EvmStatus, SimulatedBlock};

/// The answer is at most this much above the least sufficient limit, in thousandths.
const TOLERANCE_PER_MILLE: u64 = 15;
/// What a call may need beyond what it uses: a call keeps 1/64 back (EIP-150).
const RETAINED: u64 = 64;
/// What a call with value gives its callee for free.
const STIPEND: u64 = 2300;

impl<T: Config> Pallet<T> {
    /// The gas limit for the one message of `block`, at most `cap`; the inner error is how it fails with all of that.
    pub fn estimate(block: &SimulatedBlock, cap: u64) -> Result<Result<u64, EvmOutcome>, EvmError> {
        let Some(message) = block.messages.first() else {
            return Err(error(Kind::Request, "there is no message to estimate"));
        };
        let mut base = Self::setting();
        base.checked = false;
        let setting = Self::prepared(&mut base, block)?;
        let limit = Self::affordable(&setting, message, cap)?;
        let run = |gas_limit: u64| {
            let message = EvmMessage {
                gas_limit,
                ..message.clone()
            };
            Self::execute(&setting, &message, None, None).map(|executed| executed.outcome)
        };
        let most = run(limit)?;
        if most.status != EvmStatus::Success {
            return Ok(Err(most));
        }
        let (mut low, mut high) = (most.gas_used.saturating_sub(1), limit);
        // What most messages need, tried first.
        let likely = most.gas_spent.saturating_add(STIPEND);
        let likely = likely.saturating_add(likely.checked_div(RETAINED.saturating_sub(1)).unwrap_or(0));
        let mut guess = if likely < high { likely } else { middle(low, high) };
        while high.saturating_sub(low) > 1
            && high.saturating_sub(low).saturating_mul(1000) > high.saturating_mul(TOLERANCE_PER_MILLE)
        {
            // Too little even for what every transaction costs is an error, and too little all the same.
            let suffices = run(guess).is_ok_and(|outcome| outcome.status == EvmStatus::Success);
            if suffices {
                high = guess;
            } else {
                low = guess;
            }
            guess = middle(low, high);
        }
        Ok(Ok(high))
    }

    /// The most gas that the sender can pay, within `cap` and what a transaction may have.
    fn affordable(setting: &Setting, message: &EvmMessage, cap: u64) -> Result<u64, EvmError> {
        let chain = Self::chain();
        let stated = if message.gas_limit == 0 {
            u64::MAX
        } else {
            message.gas_limit
        };
        let limit = stated
            .min(cap)
            .min(chain.transaction_gas_limit)
            .min(setting.env.gas_limit);
        if message.max_fee_per_gas == 0 {
            return Ok(limit);
        }
        let balance = Self::account(message.from).balance;
        let Some(left) = balance.checked_sub(message.value) else {
            return Err(error(
                Kind::InsufficientFunds,
                format!(
                    "insufficient funds for gas * price + value: balance {balance}, value {}",
                    message.value
                ),
            ));
        };
        let affordable = left
            .checked_div(message.max_fee_per_gas.into())
            .and_then(|gas| u64::try_from(gas).ok())
            .unwrap_or(u64::MAX);
        Ok(limit.min(affordable))
    }
}

fn middle(low: u64, high: u64) -> u64 {
    low.saturating_add(high.saturating_sub(low).checked_div(2).unwrap_or(0))
}
