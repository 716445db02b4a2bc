//! What the EVM weighs: gas times a constant, and what is around it, by hand.

use crate::{Config, transaction};
use codec::{Decode, Encode};
use quids_api::signing::{Certificates, SIGNING_QUEUE_MAX};
use quids_core::Weight;
use quids_pobpc::SEATS_MAX;
use quids_support::{
    limits::cost,
    traits::{AccountObserver, Get},
};
use scale_info::TypeInfo;

/// What a gas weighs. Measured by `quids bench evm`; see the README.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct GasWeight {
    /// Picoseconds of a reference core.
    pub ref_time: u64,
    /// Bytes of proof.
    pub proof_size: u64,
}

/// The block's base fee, and forgetting the last block's transactions; at its end, whether there are new signing requests.
pub const ON_INITIALIZE: Weight = cost::of(5_000_000, 5, 4);

/// The queue of signing requests at its longest.
const QUEUE: Weight = Weight::new(10_000_000, 100 * SIGNING_QUEUE_MAX as u64);
/// A committee with all its keys, and the request's slot, certificate and event.
const CERTIFICATE: Weight =
    cost::of(500_000_000, SEATS_MAX as u64 + 3, 3).saturating_add(Weight::new(0, 2_592 * SEATS_MAX as u64));

/// Certificates of signing requests, each signature by its scheme.
pub fn note_certificates(certificates: &Certificates) -> Weight {
    let signatures = certificates.iter().flat_map(|(_, one)| &one.signatures);
    let verified = signatures.fold(Weight::ZERO, |sum, (_, signature)| {
        sum.saturating_add(cost::verification(signature.scheme()))
    });
    let count = u64::try_from(certificates.len()).unwrap_or(u64::MAX);
    cost::of(5_000_000, 2, 2)
        .saturating_add(QUEUE)
        .saturating_add(CERTIFICATE.saturating_mul(count))
        .saturating_add(verified)
}

/// What a call of a signed extrinsic or of a pallet costs beside its gas: the account's nonce, and which it used last.
pub const SIGNED: Weight = cost::of(0, 2, 2);
/// What making a contract's call of the runtime costs beside the call: a storage transaction, its event.
pub const DISPATCH: Weight = cost::of(5_000_000, 0, 1);

/// The least gas that weighs as much.
pub fn to_gas<T: Config>(weight: Weight) -> u64 {
    let GasWeight { ref_time, proof_size } = T::GasWeight::get();
    let part = |of: u64, a_gas: u64| match a_gas {
        0 if of == 0 => 0,
        0 => u64::MAX,
        a_gas => of.div_ceil(a_gas),
    };
    part(weight.ref_time, ref_time).max(part(weight.proof_size, proof_size))
}

/// What making or removing an account takes of gas at least, after refunds: an authorisation (EIP-7702) 25 000, of which a fifth may
/// be refunded. Before Cancun contracts were destroyed for less.
const ACCOUNT_GAS: u64 = 20_000;

/// The weight of so much gas: that of the execution, and of observers of accounts who may be told of its sender and of others.
pub fn gas<T: Config>(gas: u64) -> Weight {
    let GasWeight { ref_time, proof_size } = T::GasWeight::get();
    let told = (gas / ACCOUNT_GAS).saturating_add(1);
    Weight::new(gas.saturating_mul(ref_time), gas.saturating_mul(proof_size))
        .saturating_add(T::Observers::WEIGHT.saturating_mul(told))
}

/// The weight of a transaction that has, or has used, so much gas. With what every extrinsic weighs it is just that of the gas
/// (and of observers): intrinsic gas stands for what comes before execution.
pub fn of_transaction<T: Config>(gas: u64) -> Weight {
    self::gas::<T>(gas).saturating_sub(T::BlockLimits::get().base_extrinsic)
}

/// The weight of a transaction: that of all the gas it may use. Bytes that are no transaction weigh nothing, since they
/// are refused.
pub fn transact<T: Config>(envelope: &[u8]) -> Weight {
    of_transaction::<T>(transaction::gas_limit(envelope).unwrap_or(0))
}
