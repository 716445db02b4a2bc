//! What a runtime says of a transaction: validity, outcome, fee. Variants and indices are Substrate's.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use core::fmt;
use quids_core::{Balance, DispatchError, Weight};
use scale_info::TypeInfo;

/// Bytes that order transactions: one provides what another requires.
pub type TransactionTag = Vec<u8>;

/// Where a transaction comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum TransactionSource {
    /// Already in a block.
    InBlock,
    /// Made by this node.
    Local,
    /// From a peer or RPC.
    External,
}

/// What the pool needs to know of a valid transaction.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ValidTransaction {
    /// Higher is earlier.
    pub priority: u64,
    pub requires: Vec<TransactionTag>,
    pub provides: Vec<TransactionTag>,
    /// Blocks for which this verdict stands.
    pub longevity: u64,
    pub propagate: bool,
}

/// Why a transaction can never, or not now, be in a block on this state. `code()` is stable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum InvalidTransaction {
    /// The call may not be made like this.
    Call,
    /// The sender cannot pay the fee.
    Payment,
    /// The nonce is too high for this state.
    Future,
    /// The nonce was used.
    Stale,
    /// The signature does not verify for this chain, version, era, nonce and tip.
    BadProof,
    /// The era is over, or its start is unknown.
    AncientBirthBlock,
    /// It does not fit into a block.
    ExhaustsResources,
    /// Reasons of our own: see the constants on this type.
    Custom(u8),
    /// An inherent or other mandatory call that failed.
    BadMandatory,
    /// A mandatory call sent as a transaction.
    MandatoryValidation,
    /// The signing account may not sign.
    BadSigner,
}

impl InvalidTransaction {
    /// The account has no bound key yet and the transaction carries none.
    pub const KEY_MISSING: Self = Self::Custom(1);
    /// The key carried is not the account's: another key is bound, or it hashes to another address.
    pub const KEY_MISMATCH: Self = Self::Custom(2);
    /// The scheme is not accepted for this account, or not in this phase of the chain.
    pub const SCHEME_REFUSED: Self = Self::Custom(3);
    /// The bytes do not decode as an extrinsic of this runtime (unknown call, unknown scheme, trailing bytes …).
    pub const MALFORMED: Self = Self::Custom(4);
    /// A migration failed: until other code takes over, the chain takes transactions of governance only.
    pub const SAFE_MODE: Self = Self::Custom(5);

    /// A number that never changes its meaning, for RPC clients.
    pub const fn code(self) -> u16 {
        match self {
            Self::Call => 1,
            Self::Payment => 2,
            Self::Future => 3,
            Self::Stale => 4,
            Self::BadProof => 5,
            Self::AncientBirthBlock => 6,
            Self::ExhaustsResources => 7,
            Self::BadMandatory => 8,
            Self::MandatoryValidation => 9,
            Self::BadSigner => 10,
            Self::Custom(n) => 100 + n as u16,
        }
    }
}

impl fmt::Display for InvalidTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match *self {
            Self::Call => "the call is not allowed here",
            Self::Payment => "the sender's free balance does not cover the fee",
            Self::Future => "the nonce is too high: earlier transactions of this account are missing",
            Self::Stale => "the nonce is too low: it was used already",
            Self::BadProof => "the signature does not verify (another chain or version, or altered bytes)",
            Self::AncientBirthBlock => "the transaction has expired: its era is over",
            Self::ExhaustsResources => "the transaction is too large or too heavy for a block",
            Self::BadMandatory => "a mandatory call failed",
            Self::MandatoryValidation => "this call belongs to the block's author and cannot be sent",
            Self::BadSigner => "this account cannot sign",
            Self::KEY_MISSING => "no key is bound to the account yet: the first transaction must carry the public key",
            Self::KEY_MISMATCH => "the public key is not the one bound to the account",
            Self::SCHEME_REFUSED => "this signature scheme is not accepted for the account",
            Self::MALFORMED => "the bytes are no extrinsic of this runtime",
            Self::SAFE_MODE => "the chain is in safe mode: it takes transactions of governance only",
            Self::Custom(n) => return write!(f, "refused by the runtime with code {n}"),
        };
        f.write_str(text)
    }
}

/// Why a transaction cannot be judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum UnknownTransaction {
    CannotLookup,
    /// An unsigned call that nobody vouches for.
    NoUnsignedValidator,
    Custom(u8),
}

/// Either of the two above.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum TransactionValidityError {
    Invalid(InvalidTransaction),
    Unknown(UnknownTransaction),
}

impl From<InvalidTransaction> for TransactionValidityError {
    fn from(reason: InvalidTransaction) -> Self {
        Self::Invalid(reason)
    }
}

impl fmt::Display for TransactionValidityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(reason) => reason.fmt(f),
            Self::Unknown(UnknownTransaction::NoUnsignedValidator) => {
                f.write_str("the call needs a signature: nothing vouches for it unsigned")
            }
            Self::Unknown(reason) => write!(f, "the transaction cannot be judged: {reason:?}"),
        }
    }
}

impl core::error::Error for TransactionValidityError {}

/// The runtime's verdict on a transaction.
pub type TransactionValidity = Result<ValidTransaction, TransactionValidityError>;
/// How the call of an included extrinsic ended.
pub type DispatchOutcome = Result<(), DispatchError>;
/// The outer result says whether the extrinsic belongs into the block, the inner one how its call ended.
pub type ApplyExtrinsicResult = Result<DispatchOutcome, TransactionValidityError>;

/// Which share of a block a call counts against. Mandatory ones (inherents) always fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum DispatchClass {
    #[codec(index = 0)]
    Normal,
    #[codec(index = 1)]
    Operational,
    #[codec(index = 2)]
    Mandatory,
}

/// The answer of `TransactionPaymentApi_query_info`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct RuntimeDispatchInfo {
    pub weight: Weight,
    pub class: DispatchClass,
    /// Without the tip.
    pub partial_fee: Balance,
}

/// The parts of a fee.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct InclusionFee {
    pub base_fee: Balance,
    pub len_fee: Balance,
    pub adjusted_weight_fee: Balance,
}

/// The answer of `TransactionPaymentApi_query_fee_details`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct FeeDetails {
    /// `None` for extrinsics that pay no fee.
    pub inclusion_fee: Option<InclusionFee>,
}
