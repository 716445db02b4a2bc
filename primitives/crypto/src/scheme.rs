//! The signature schemes, their tags and their sizes.
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::{fmt, str::FromStr};
use scale_info::TypeInfo;

/// A signature scheme. The discriminant is the tag on the wire, in state and in account derivation: it never changes.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
)]
#[repr(u8)]
pub enum SignatureScheme {
    /// ML-DSA-87 (FIPS 204, category 5), pure, empty context. The default of accounts.
    #[codec(index = 0)]
    MlDsa87 = 0,
    /// Falcon-512, round 3 submission, padded signatures. Consensus votes and high-rate accounts.
    #[codec(index = 1)]
    Falcon512 = 1,
    /// ECDSA over secp256k1 on the Keccak-256 of the message. Legacy Ethereum accounts only; not post-quantum.
    #[codec(index = 2)]
    Secp256k1 = 2,
    /// SPHINCS+ SHAKE-256f-simple, round 3.1 submission. Cold keys and governance recovery.
    #[codec(index = 3)]
    SphincsShake256f = 3,
}

/// A name or tag that is no scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown signature scheme; known are ml-dsa-87, falcon-512, secp256k1, sphincs-shake-256f")]
pub struct UnknownScheme;

impl SignatureScheme {
    /// Every scheme, in the order of the tags.
    pub const ALL: [Self; 4] = [Self::MlDsa87, Self::Falcon512, Self::Secp256k1, Self::SphincsShake256f];

    /// The tag: one byte, equal to the SCALE variant index.
    pub const fn tag(self) -> u8 {
        self as u8
    }

    /// The scheme of a tag, if there is one.
    pub const fn from_tag(tag: u8) -> Option<Self> {
        match tag {
            0 => Some(Self::MlDsa87),
            1 => Some(Self::Falcon512),
            2 => Some(Self::Secp256k1),
            3 => Some(Self::SphincsShake256f),
            _ => None,
        }
    }

    /// Exact size of a public key in bytes (ML-DSA: FIPS 204 table 2; secp256k1: SEC1 compressed).
    pub const fn public_key_len(self) -> usize {
        match self {
            Self::MlDsa87 => 2592,
            Self::Falcon512 => 897,
            Self::Secp256k1 => 33,
            Self::SphincsShake256f => 64,
        }
    }

    /// Exact size of a signature in bytes (secp256k1: `r ‖ s ‖ v`).
    pub const fn signature_len(self) -> usize {
        match self {
            Self::MlDsa87 => 4627,
            Self::Falcon512 => 666,
            Self::Secp256k1 => 65,
            Self::SphincsShake256f => 49856,
        }
    }

    /// Whether the scheme is believed to withstand a quantum computer.
    pub const fn is_post_quantum(self) -> bool {
        !matches!(self, Self::Secp256k1)
    }

    /// The canonical name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MlDsa87 => "ml-dsa-87",
            Self::Falcon512 => "falcon-512",
            Self::Secp256k1 => "secp256k1",
            Self::SphincsShake256f => "sphincs-shake-256f",
        }
    }
}

impl fmt::Display for SignatureScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for SignatureScheme {
    type Err = UnknownScheme;

    /// Accepts the canonical names and the aliases `dilithium5`, `falcon`, `ecdsa`, `sphincs`.
    fn from_str(name: &str) -> Result<Self, UnknownScheme> {
        match name {
            "ml-dsa-87" | "dilithium5" => Ok(Self::MlDsa87),
            "falcon-512" | "falcon" => Ok(Self::Falcon512),
            "secp256k1" | "ecdsa" => Ok(Self::Secp256k1),
            "sphincs-shake-256f" | "sphincs" => Ok(Self::SphincsShake256f),
            _ => Err(UnknownScheme),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_names_and_codec_agree() {
        for (i, scheme) in SignatureScheme::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(scheme.tag()), i);
            assert_eq!(SignatureScheme::from_tag(scheme.tag()), Some(scheme));
            assert_eq!(scheme.encode(), [scheme.tag()]);
            assert_eq!(scheme.name().parse(), Ok(scheme));
        }
        for tag in 4..=255 {
            assert_eq!(SignatureScheme::from_tag(tag), None);
            assert!(SignatureScheme::decode(&mut &[tag][..]).is_err());
        }
        for (alias, scheme) in [
            ("dilithium5", SignatureScheme::MlDsa87),
            ("falcon", SignatureScheme::Falcon512),
            ("ecdsa", SignatureScheme::Secp256k1),
            ("sphincs", SignatureScheme::SphincsShake256f),
        ] {
            assert_eq!(alias.parse(), Ok(scheme));
        }
        assert_eq!("rsa".parse::<SignatureScheme>(), Err(UnknownScheme));
    }
}
