//! The extension by which transactions pay. The fee of the declared weight is taken before the call; what was not used
//! is given back after it; only then fee and tip are added to the block's pot.

use crate::{Config, Event, FeePot, Pallet};
use codec::{Decode, Encode};
use core::marker::PhantomData;
use pallet_system::OpenAccount;
use quids_api::{InvalidTransaction, TransactionValidityError, ValidTransaction};
use quids_core::Balance;
use quids_support::{
    dispatch::PostDispatchInfo,
    extension::{Transaction, TransactionExtension},
    traits::Get,
};
use scale_info::TypeInfo;

/// Tips are compared in steps of this many smallest units.
const TIP_STEP: u128 = 1_000_000_000;

/// Pays for the transaction, and a tip to the block's author.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
#[codec(encode_bound())]
#[codec(decode_bound())]
#[scale_info(skip_type_params(T))]
pub struct ChargeTransactionPayment<T>(#[codec(compact)] pub Balance, PhantomData<T>);

/// What was taken before the call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Paid {
    pub fee: Balance,
    pub tip: Balance,
}

impl<T> ChargeTransactionPayment<T> {
    pub const fn new(tip: Balance) -> Self {
        Self(tip, PhantomData)
    }
}

impl<T: Config> ChargeTransactionPayment<T> {
    /// Takes fee and tip from the account in memory.
    fn take(&self, transaction: &Transaction<'_>) -> Result<(Paid, Option<OpenAccount<T>>), InvalidTransaction> {
        let paid = Paid {
            fee: Pallet::<T>::fee(transaction.length, transaction.info),
            tip: self.0,
        };
        let amount = paid.fee.checked_add(paid.tip).ok_or(InvalidTransaction::Payment)?;
        if amount.is_zero() {
            return Ok((paid, None));
        }
        let mut account = OpenAccount::<T>::open(transaction.who);
        Pallet::<T>::take_fee(&mut account, amount).map_err(|_| InvalidTransaction::Payment)?;
        Ok((paid, Some(account)))
    }

    /// `(tip / 10^9 + 1) × n`, where `n` is how many such transactions fit into a block by time, proof size and
    /// length: the block earns most by taking the highest first. Operational calls get no bonus: anybody
    /// can make them, so a bonus would let anybody push out everybody for the price of failed calls.
    pub fn priority(tip: Balance, transaction: &Transaction<'_>) -> u64 {
        let limits = T::BlockLimits::get();
        let weight = transaction.info.weight.saturating_add(limits.base_extrinsic);
        let space = limits.normal();
        let fit = |space: u64, used: u64| space.checked_div(used).unwrap_or(space);
        let count = fit(space.ref_time, weight.ref_time)
            .min(fit(space.proof_size, weight.proof_size))
            .min(fit(limits.max_length.into(), transaction.length.into()))
            .max(1);
        let priority = (tip.0 / TIP_STEP).saturating_add(1).saturating_mul(count.into());
        u64::try_from(priority).unwrap_or(u64::MAX)
    }
}

impl<T: Config> TransactionExtension for ChargeTransactionPayment<T> {
    const IDENTIFIER: &'static str = "ChargeTransactionPayment";
    type Implicit = ();
    type Pre = Paid;

    fn implicit(&self) -> Result<(), TransactionValidityError> {
        Ok(())
    }

    fn validate(
        &self,
        transaction: &Transaction<'_>,
        valid: &mut ValidTransaction,
    ) -> Result<(), TransactionValidityError> {
        self.take(transaction)?;
        valid.priority = valid.priority.saturating_add(Self::priority(self.0, transaction));
        Ok(())
    }

    fn pre_dispatch(self, transaction: &Transaction<'_>) -> Result<Paid, TransactionValidityError> {
        let (paid, account) = self.take(transaction)?;
        if let Some(account) = account {
            account.store();
        }
        Ok(paid)
    }

    /// Refunds the fee of weight that was not used, or all of it if the call turned out to be free. The tip stays.
    fn post_dispatch(
        paid: Paid,
        transaction: &Transaction<'_>,
        post: &PostDispatchInfo,
    ) -> Result<(), TransactionValidityError> {
        let due = if post.pays(transaction.info) {
            T::Fees::get()
                .total(transaction.length, post.charged_weight(transaction.info))
                .min(paid.fee)
        } else {
            Balance::ZERO
        };
        let refund = paid.fee.saturating_sub(due);
        let actual_fee = if refund.is_zero() || Pallet::<T>::refund(transaction.who, refund) {
            due
        } else {
            paid.fee
        };
        let amount = actual_fee.saturating_add(paid.tip);
        if !amount.is_zero() {
            FeePot::<T>::add(amount.0);
        }
        if !paid.fee.saturating_add(paid.tip).is_zero() {
            let who = *transaction.who;
            Pallet::<T>::deposit_event(Event::TransactionFeePaid {
                who,
                actual_fee,
                tip: paid.tip,
            });
        }
        Ok(())
    }
}
