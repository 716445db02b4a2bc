//! Types that runtime and client share: accounts, numbers, headers, errors. Nothing here does I/O,
//! knows a pallet or runs a signature scheme.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod account;
mod block;
mod error;
mod generic;
mod header;
mod json;
mod numbers;

pub use account::AccountId20;
pub use block::{Block, OpaqueExtrinsic};
pub use error::{ArithmeticError, DispatchError, ModuleError, TokenError};
pub use generic::digest::{AUTHOR_ENGINE_ID, ConsensusEngineId, Digest, DigestItem};
pub use header::Header;
pub use numbers::{Balance, Height, Nonce, Weight};
pub use primitive_types::{H160, H256, H512, U256};

/// A BLAKE3-256 hash, 32 bytes.
pub type Hash = H256;

/// Well-known storage keys, outside every pallet's prefix.
pub mod well_known_keys {
    /// The runtime's WASM code (raw bytes, hashed value in the trie).
    pub const CODE: &[u8] = b":code";
    /// Present while the first block of a new code runs its migrations.
    pub const CODE_UPDATED: &[u8] = b":code_updated";
    /// Which host functions new code may import: those up to this level. SCALE of a `u32`; absent: 1.
    pub const HOST_LEVEL: &[u8] = b":host_level";
}
