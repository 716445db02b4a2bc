//! Everything that touches a secret or verifies a signature. Never compiled to WASM.
pub mod ethereum;
mod falcon;
pub mod kem;
pub mod keypair;
pub mod ml_dsa;
mod pqclean;
mod random;
pub mod secp;
mod sphincs;
pub mod verify;

pub use keypair::KeyPair;
