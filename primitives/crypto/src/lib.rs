//! Cryptography of Quids: signature schemes, keys, hashes, accounts and the KEM.
//!
//! Types and hashing build everywhere; whatever touches a secret or verifies a signature is native only
//! (`cfg(not(target_arch = "wasm32"))`), because the runtime reaches it through host functions.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![warn(missing_docs)]

extern crate alloc;

mod account;
mod bytes;
mod error;
mod ethereum;
mod hash;
mod kem;
mod keys;
#[cfg(not(target_arch = "wasm32"))]
mod native;
mod possession;
mod scheme;

pub use account::{derive_account, eip55, ethereum_address};
pub use bytes::{BoundedBytes, TooLong};
pub use error::CryptoError;
use error::Result;
pub use ethereum::{EthereumOperation, MODEXP_INPUT_MAX, MlDsaLevel};
pub use hash::{
    blake2b_128, blake2b_256, blake3_256, hash, hash_quantum_resistant, keccak_256, sha3_512, twox_64, twox_128,
};
pub use kem::{KEM_CIPHERTEXT_LEN, KEM_PUBLIC_KEY_LEN, KEM_SHARED_SECRET_LEN, KemCiphertext, KemPublicKey};
pub use keys::{AccountSignature, PublicKey, Signature};
pub use possession::possession_message;
pub use scheme::{SignatureScheme, UnknownScheme};

#[cfg(not(target_arch = "wasm32"))]
pub use native::{
    KeyPair,
    ethereum::ethereum_operation,
    kem::{KEM_SECRET_KEY_LEN, KEM_SEED_LEN, KemKeyPair, decapsulate, encapsulate, generate_kem_keypair},
    keypair::{generate_keypair, sign},
    ml_dsa::{verify_level as verify_ml_dsa, verify_with_context as verify_ml_dsa_87_with_context},
    secp::{
        decompress as decompress_secp256k1, recover as recover_secp256k1,
        recover_public_key as recover_secp256k1_public_key,
    },
    verify::{verify, verify_raw},
};
