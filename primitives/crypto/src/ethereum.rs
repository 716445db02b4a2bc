//! The operations of Ethereum's precompiled contracts, as the host does them for a runtime. Here the numbers and the
//! layouts of inputs and outputs; the work is native (`native/ethereum.rs`).

/// An operation of the host function `ext_crypto_ethereum_v1`. The number is part of the ABI and never changes.
///
/// Integers and field elements are big-endian as in Ethereum, without the padding of EIP-2537. An input of any other
/// length than the one stated is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum EthereumOperation {
    /// Any bytes → SHA-256, 32 bytes.
    Sha256 = 0,
    /// Any bytes → RIPEMD-160, 20 bytes, left-padded to 32.
    Ripemd160 = 1,
    /// Hash (32) ‖ r (32) ‖ s (32) ‖ recovery id (1, 0 to 3) → the signer's address, left-padded to 32 bytes. Unlike the
    /// signatures of transactions, a high `s` is accepted.
    Secp256k1Recover = 2,
    /// Three times a length (u32, little-endian) ‖ base ‖ exponent ‖ modulus → `base ^ exponent mod modulus`, not longer
    /// than the modulus and without leading zeros. At most [`MODEXP_INPUT_MAX`] bytes.
    ModExp = 3,
    /// Two points (64 each) of BN254 → their sum, 64 bytes.
    Bn254Add = 4,
    /// A point (64) ‖ a scalar (32) → their product, 64 bytes.
    Bn254Mul = 5,
    /// Pairs of a G1 (64) and a G2 (128) point, any number → 1 if the product of the pairings is one, else 0: one byte.
    Bn254Pairing = 6,
    /// Rounds (4, big-endian) ‖ h (64) ‖ m (128) ‖ t (16) ‖ last (1, 0 or 1), words little-endian (EIP-152) → h, 64 bytes.
    Blake2F = 7,
    /// Hash (32) ‖ r (32) ‖ s (32) ‖ x (32) ‖ y (32) → 1 if the signature verifies, else 0: one byte (EIP-7951).
    Secp256r1Verify = 8,
    /// z (32) ‖ y (32) ‖ commitment (48) ‖ proof (48) → 1 if the KZG proof verifies, else 0: one byte (EIP-4844).
    KzgVerify = 9,
    /// Two G1 points (96 each) of BLS12-381, not necessarily of the subgroup → their sum, 96 bytes.
    Bls12G1Add = 10,
    /// Pairs of a G1 point (96) and a scalar (32), one or more → the sum of the products, 96 bytes.
    Bls12G1Msm = 11,
    /// Two G2 points (192 each), not necessarily of the subgroup → their sum, 192 bytes.
    Bls12G2Add = 12,
    /// Pairs of a G2 point (192) and a scalar (32), one or more → the sum of the products, 192 bytes.
    Bls12G2Msm = 13,
    /// Pairs of a G1 (96) and a G2 (192) point, one or more → 1 if the product of the pairings is one, else 0: one byte.
    Bls12Pairing = 14,
    /// A field element (48) → a point of G1, 96 bytes.
    Bls12MapFpToG1 = 15,
    /// An element of the quadratic extension (96) → a point of G2, 192 bytes.
    Bls12MapFp2ToG2 = 16,
}

/// The longest input of [`EthereumOperation::ModExp`], in bytes. Before EIP-7823 a transaction's gas alone bounds the
/// lengths: for exponents, 30 million gas buy 11 MB.
pub const MODEXP_INPUT_MAX: usize = 64 * 1024 * 1024;

impl EthereumOperation {
    /// Every operation, in the order of the numbers.
    pub const ALL: [Self; 17] = [
        Self::Sha256,
        Self::Ripemd160,
        Self::Secp256k1Recover,
        Self::ModExp,
        Self::Bn254Add,
        Self::Bn254Mul,
        Self::Bn254Pairing,
        Self::Blake2F,
        Self::Secp256r1Verify,
        Self::KzgVerify,
        Self::Bls12G1Add,
        Self::Bls12G1Msm,
        Self::Bls12G2Add,
        Self::Bls12G2Msm,
        Self::Bls12Pairing,
        Self::Bls12MapFpToG1,
        Self::Bls12MapFp2ToG2,
    ];

    /// The number of the operation in the ABI.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The operation with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        let operation = Self::ALL.get(usize::try_from(number).ok()?);
        operation.copied()
    }
}

/// A parameter set of ML-DSA (FIPS 204), by the number in its name. Part of the ABI (`ext_crypto_ml_dsa_verify_v1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MlDsaLevel {
    /// ML-DSA-44, category 2.
    MlDsa44 = 44,
    /// ML-DSA-65, category 3.
    MlDsa65 = 65,
    /// ML-DSA-87, category 5.
    MlDsa87 = 87,
}

impl MlDsaLevel {
    /// Every set.
    pub const ALL: [Self; 3] = [Self::MlDsa44, Self::MlDsa65, Self::MlDsa87];

    /// The set with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.number() == number)
    }

    /// The number in the name.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// Bytes of a public key.
    pub const fn public_key_len(self) -> usize {
        match self {
            Self::MlDsa44 => 1312,
            Self::MlDsa65 => 1952,
            Self::MlDsa87 => 2592,
        }
    }

    /// Bytes of a signature.
    pub const fn signature_len(self) -> usize {
        match self {
            Self::MlDsa44 => 2420,
            Self::MlDsa65 => 3309,
            Self::MlDsa87 => 4627,
        }
    }
}
