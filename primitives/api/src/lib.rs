//! The runtime APIs: their names, inputs and outputs. This and the ABI of `quids-io` are all a client knows of a
//! runtime. Names and shapes are Substrate's where Substrate has them.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

pub mod evm;
mod inherent;
pub mod names;
pub mod pobpc;
mod signatures;
pub mod signing;
mod transaction;
pub mod upgrade;
mod version;

pub use inherent::{CheckInherentsResult, InherentData, InherentIdentifier, TIMESTAMP_INHERENT};
pub use signatures::{ExtrinsicsCommitment, SIGNATURES_DIGEST, SignatureClaim, SignatureTask};
pub use transaction::{
    ApplyExtrinsicResult, DispatchClass, DispatchOutcome, FeeDetails, InclusionFee, InvalidTransaction,
    RuntimeDispatchInfo, TransactionSource, TransactionTag, TransactionValidity, TransactionValidityError,
    UnknownTransaction, ValidTransaction,
};
pub use version::{CheckedRuntime, RuntimeVersion, api_id};
