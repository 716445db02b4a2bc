//! Ethereum's transactions and the post-quantum one: bytes, hashes, what is signed and what it says to the EVM.
//!
//! Nothing here recovers or verifies a signature: a [`Claim`] says what there is to verify, and the runtime has the
//! host do it. Layouts and signing domains are in this folder's README.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]
#![warn(missing_docs)]

extern crate alloc;

mod claim;
mod error;
mod message;
mod quantum;
mod transaction;
mod unsigned;

pub use claim::{AuthorizationClaim, Claim};
pub use error::DecodeError;
pub use quantum::{QuantumTransaction, SIGNING_DOMAIN, TRANSACTION_TYPE};
pub use transaction::{PAYLOAD_BYTES_MAX, TRANSACTION_BYTES_MAX, Transaction};
pub use unsigned::UnsignedTransaction;

/// The most authorisations of one transaction (EIP-7702): each costs a recovery before anybody has paid.
pub const AUTHORIZATIONS_MAX: usize = 1024;
