//! The post-quantum precompiles that are functions of their input alone, and where all of them lie.

use super::{address, priced, words};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use quids_core::H160;
use quids_crypto::SignatureScheme;
use quids_io::{
    crypto::{MlDsaLevel, ml_dsa_verify, verify},
    hashing,
};
use revm::{
    precompile::PrecompileOutput,
    primitives::{Address, B256, Bytes},
};
use scale_info::TypeInfo;

/// The domain of the quantum-resistant hash for contracts.
pub const QHASH512_DOMAIN: &[u8] = b"quids 2026 evm qhash512 v1";

/// Addresses of the post-quantum precompiles. Several EIP drafts claim the same low addresses, so ours are configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct PrecompileMap {
    pub ml_dsa_44: H160,
    pub ml_dsa_65: H160,
    pub ml_dsa_87: H160,
    pub falcon_512: H160,
    pub sphincs_shake_256f: H160,
    pub blake3_256: H160,
    pub quantum_resistant: H160,
    pub quantum_safe: H160,
    pub dispatch: H160,
}

/// The address whose last two bytes are these.
const fn low(number: u16) -> H160 {
    let [high, low] = number.to_be_bytes();
    H160([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, high, low])
}

impl PrecompileMap {
    /// Our chain's.
    pub const QUIDS: Self = Self {
        ml_dsa_44: low(0x5101),
        ml_dsa_65: low(0x5102),
        ml_dsa_87: low(0x5103),
        falcon_512: low(0x5104),
        sphincs_shake_256f: low(0x5105),
        blake3_256: low(0x5106),
        quantum_resistant: low(0x5107),
        quantum_safe: low(0x5110),
        dispatch: low(0x5111),
    };

    /// Each with its name.
    pub fn entries(&self) -> [(&'static str, H160); 9] {
        [
            ("ml-dsa-44", self.ml_dsa_44),
            ("ml-dsa-65", self.ml_dsa_65),
            ("ml-dsa-87", self.ml_dsa_87),
            ("falcon-512", self.falcon_512),
            ("sphincs-shake-256f", self.sphincs_shake_256f),
            ("blake3-256", self.blake3_256),
            ("quantum-resistant-hash", self.quantum_resistant),
            ("IQuantumSafe", self.quantum_safe),
            ("IDispatch", self.dispatch),
        ]
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = Address> + use<> {
        self.entries().into_iter().map(|(_, at)| address(at))
    }

    pub(super) fn find(&self, at: &Address) -> Option<Quantum> {
        let at = H160(at.into_array());
        let functions = [
            (self.ml_dsa_44, Quantum::MlDsa(MlDsaLevel::MlDsa44)),
            (self.ml_dsa_65, Quantum::MlDsa(MlDsaLevel::MlDsa65)),
            (self.ml_dsa_87, Quantum::MlDsa(MlDsaLevel::MlDsa87)),
            (self.falcon_512, Quantum::Scheme(SignatureScheme::Falcon512)),
            (
                self.sphincs_shake_256f,
                Quantum::Scheme(SignatureScheme::SphincsShake256f),
            ),
            (self.blake3_256, Quantum::Blake3),
            (self.quantum_resistant, Quantum::Resistant),
            (self.quantum_safe, Quantum::Contract(address(self.quantum_safe))),
            (self.dispatch, Quantum::Dispatch(address(self.dispatch))),
        ];
        functions
            .into_iter()
            .find(|(own, _)| *own == at)
            .map(|(_, found)| found)
    }
}

/// A post-quantum precompile.
#[derive(Clone, Copy, Debug)]
pub(super) enum Quantum {
    /// Public key ‖ signature ‖ message → 1 or 0 (EIP-8355).
    MlDsa(MlDsaLevel),
    /// Public key ‖ signature ‖ message → 1 or 0.
    Scheme(SignatureScheme),
    /// BLAKE3, 32 bytes.
    Blake3,
    /// The 512-bit hash in [`QHASH512_DOMAIN`].
    Resistant,
    /// `IQuantumSafe`, whose storage and logs are this address's.
    Contract(Address),
    /// `IDispatch`, whose logs are this address's.
    Dispatch(Address),
}

impl Quantum {
    /// The answer to `input`. Not for the contracts, which need more than an input.
    pub(super) fn run(self, input: &[u8], gas_limit: u64, reservoir: u64) -> PrecompileOutput {
        let (key, signature) = match self {
            Self::MlDsa(level) => (level.public_key_len(), level.signature_len()),
            Self::Scheme(scheme) => (scheme.public_key_len(), scheme.signature_len()),
            Self::Blake3 => {
                return priced(gas::blake3(input.len()), gas_limit, reservoir, || {
                    Bytes::copy_from_slice(&hashing::blake3_256(input))
                });
            }
            Self::Resistant => {
                return priced(gas::resistant(input.len()), gas_limit, reservoir, || {
                    Bytes::copy_from_slice(&hashing::quantum_resistant(QHASH512_DOMAIN, input))
                });
            }
            Self::Contract(_) | Self::Dispatch(_) => return priced(0, gas_limit, reservoir, Bytes::new),
        };
        let message_len = input.len().saturating_sub(key.saturating_add(signature));
        let gas = match self {
            Self::MlDsa(level) => gas::ml_dsa(level, message_len),
            Self::Scheme(scheme) => gas::signature(scheme, message_len),
            Self::Blake3 | Self::Resistant | Self::Contract(_) | Self::Dispatch(_) => 0,
        };
        priced(gas, gas_limit, reservoir, || {
            let verifies = input.split_at_checked(key).and_then(|(key, rest)| {
                let (signature, message) = rest.split_at_checked(signature)?;
                Some(match self {
                    Self::MlDsa(level) => ml_dsa_verify(level, key, message, signature),
                    Self::Scheme(scheme) => verify(scheme.tag(), key, message, signature),
                    Self::Blake3 | Self::Resistant | Self::Contract(_) | Self::Dispatch(_) => false,
                })
            });
            Bytes::from(B256::with_last_byte(verifies.unwrap_or_default().into()))
        })
    }
}

/// What the post-quantum precompiles cost. ML-DSA as in EIP-8355; the others from measured time (README, "Precompiles").
pub mod gas {
    use super::{MlDsaLevel, SignatureScheme, words};

    /// Of a word of the message that a signature is on.
    const MESSAGE_WORD: u64 = 6;
    const FALCON_512: u64 = 3_000;
    const SPHINCS: u64 = 180_000;
    const SECP256K1: u64 = 3_000;
    const BLAKE3: u64 = 60;
    const BLAKE3_WORD: u64 = 6;
    const RESISTANT: u64 = 240;
    const RESISTANT_WORD: u64 = 30;

    fn linear(base: u64, word: u64, length: usize) -> u64 {
        base.saturating_add(word.saturating_mul(words(length)))
    }

    /// A verification with a message of `length` bytes.
    pub fn ml_dsa(level: MlDsaLevel, length: usize) -> u64 {
        let base = match level {
            MlDsaLevel::MlDsa44 => 6_500,
            MlDsaLevel::MlDsa65 => 9_000,
            MlDsaLevel::MlDsa87 => 13_500,
        };
        linear(base, MESSAGE_WORD, length)
    }

    /// A verification with a message of `length` bytes.
    pub fn signature(scheme: SignatureScheme, length: usize) -> u64 {
        match scheme {
            SignatureScheme::MlDsa87 => ml_dsa(MlDsaLevel::MlDsa87, length),
            SignatureScheme::Falcon512 => linear(FALCON_512, MESSAGE_WORD, length),
            SignatureScheme::SphincsShake256f => linear(SPHINCS, MESSAGE_WORD, length),
            SignatureScheme::Secp256k1 => linear(SECP256K1, MESSAGE_WORD, length),
        }
    }

    /// BLAKE3 of `length` bytes.
    pub fn blake3(length: usize) -> u64 {
        linear(BLAKE3, BLAKE3_WORD, length)
    }

    /// The 512-bit hash of `length` bytes.
    pub fn resistant(length: usize) -> u64 {
        linear(RESISTANT, RESISTANT_WORD, length)
    }
}
