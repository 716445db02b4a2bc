//! What a transaction pays: a base fee, its bytes and its weight. Arithmetic saturates: an absurd fee is unpayable, not
//! small.

use codec::{Decode, Encode};
use quids_api::{FeeDetails, InclusionFee, RuntimeDispatchInfo};
use quids_core::{Balance, Weight};
use quids_support::{
    dispatch::{DispatchInfo, Pays},
    traits::Get,
};
use scale_info::TypeInfo;

/// Prices, in the smallest unit of the token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Encode, Decode, TypeInfo)]
pub struct FeeSchedule {
    /// Of every transaction; its base weight included.
    pub base: Balance,
    /// Of a byte of the transaction. Signatures count with the size of the account's scheme.
    pub per_byte: Balance,
    /// Of a microsecond (10^6 ps) of `ref_time`.
    pub per_microsecond: Balance,
    /// Of a byte of `proof_size`.
    pub per_proof_byte: Balance,
}

impl FeeSchedule {
    /// The fee of this many bytes.
    pub const fn length(&self, bytes: u32) -> Balance {
        Balance(self.per_byte.0.saturating_mul(bytes as u128))
    }

    /// The fee of this weight, rounded down.
    pub const fn weight(&self, weight: Weight) -> Balance {
        let time = self.per_microsecond.0.saturating_mul(weight.ref_time as u128) / 1_000_000;
        let proof = self.per_proof_byte.0.saturating_mul(weight.proof_size as u128);
        Balance(time.saturating_add(proof))
    }

    /// The whole fee, without a tip.
    pub const fn total(&self, bytes: u32, weight: Weight) -> Balance {
        self.base
            .saturating_add(self.length(bytes))
            .saturating_add(self.weight(weight))
    }
}

impl<T: crate::Config> crate::Pallet<T> {
    /// What a call declared with `info` in a transaction of `bytes` costs before refunds, without a tip.
    pub fn fee(bytes: u32, info: &DispatchInfo) -> Balance {
        match info.pays_fee {
            Pays::Yes => T::Fees::get().total(bytes, info.weight),
            Pays::No => Balance::ZERO,
        }
    }

    /// The answer of `TransactionPaymentApi_query_info`.
    pub fn query_info(bytes: u32, info: &DispatchInfo) -> RuntimeDispatchInfo {
        RuntimeDispatchInfo {
            weight: info.weight,
            class: info.class,
            partial_fee: Self::fee(bytes, info),
        }
    }

    /// The answer of `TransactionPaymentApi_query_fee_details`.
    pub fn query_fee_details(bytes: u32, info: &DispatchInfo) -> FeeDetails {
        let fees = T::Fees::get();
        let inclusion_fee = (info.pays_fee == Pays::Yes).then(|| InclusionFee {
            base_fee: fees.base,
            len_fee: fees.length(bytes),
            adjusted_weight_fee: fees.weight(info.weight),
        });
        FeeDetails { inclusion_fee }
    }

    /// The answer of `TransactionPaymentApi_query_weight_to_fee`.
    pub fn weight_to_fee(weight: Weight) -> Balance {
        T::Fees::get().weight(weight)
    }

    /// The answer of `TransactionPaymentApi_query_length_to_fee`.
    pub fn length_to_fee(bytes: u32) -> Balance {
        T::Fees::get().length(bytes)
    }
}
