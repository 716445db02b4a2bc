//! subxt for Quids: the chain's configuration, its signatures, and a signer for its keys.
//!
#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod binding;
mod config;
mod signature;
mod signer;

pub use binding::bound_key;
pub use config::{Blake3, QuidsConfig, QuidsParamsBuilder};
pub use signature::{AccountSignature, Carried};
pub use signer::QuidsSigner;
pub use subxt::utils::eth::AccountId20;
