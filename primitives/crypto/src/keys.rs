//! Public keys and signatures, tagged with their scheme, and what a signed extrinsic carries.
use crate::{BoundedBytes, CryptoError, Result, SignatureScheme, derive_account};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use quids_core::AccountId20;
use scale_info::TypeInfo;

/// A public key. Decoding bounds its length; the exact length is checked by [`PublicKey::new`] and at verification.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub enum PublicKey {
    /// FIPS 204 `pkEncode`, 2592 bytes.
    #[codec(index = 0)]
    MlDsa87(BoundedBytes<2592>),
    /// Falcon round 3 encoding, 897 bytes, header 0x09.
    #[codec(index = 1)]
    Falcon512(BoundedBytes<897>),
    /// SEC1 compressed point.
    #[codec(index = 2)]
    Secp256k1([u8; 33]),
    /// `PK.seed ‖ PK.root`, 64 bytes.
    #[codec(index = 3)]
    SphincsShake256f(BoundedBytes<64>),
}

/// A detached signature. Decoding bounds its length; the exact length is checked by [`Signature::new`] and at verification.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub enum Signature {
    /// FIPS 204 `sigEncode`, 4627 bytes.
    #[codec(index = 0)]
    MlDsa87(BoundedBytes<4627>),
    /// Falcon round 3, compressed and zero-padded, 666 bytes, header 0x39.
    #[codec(index = 1)]
    Falcon512(BoundedBytes<666>),
    /// `r ‖ s ‖ v`, s in the lower half, v in 0, 1, 27, 28.
    #[codec(index = 2)]
    Secp256k1([u8; 65]),
    /// 49 856 bytes.
    #[codec(index = 3)]
    SphincsShake256f(BoundedBytes<49856>),
}

/// How metadata describes the fields of a post-quantum [`AccountSignature`]: an enum of the same encoding as an optional
/// key followed by the signature. polkadot-js holds a signature for absent if the first variant's default is empty,
/// which a structure never is: it would take every unsigned extrinsic for a signed one.
#[derive(TypeInfo)]
#[expect(dead_code, reason = "it only describes")]
enum CarriedSignature {
    /// The key is bound: only the signature.
    #[codec(index = 0)]
    Bound(alloc::vec::Vec<u8>),
    /// The first one: with the key.
    #[codec(index = 1)]
    First {
        public_key: alloc::vec::Vec<u8>,
        signature: alloc::vec::Vec<u8>,
    },
}

impl TypeInfo for AccountSignature {
    type Identity = Self;
    fn type_info() -> scale_info::Type {
        use scale_info::{
            Path,
            build::{Fields, Variants},
        };
        let carried = || Fields::unnamed().field(|f| f.ty::<CarriedSignature>());
        scale_info::Type::builder()
            .path(Path::new("AccountSignature", "quids_crypto"))
            .variant(
                Variants::new()
                    .variant("MlDsa87", |v| v.index(0).fields(carried()))
                    .variant("Falcon512", |v| v.index(1).fields(carried()))
                    .variant("Secp256k1", |v| {
                        v.index(2).fields(Fields::unnamed().field(|f| f.ty::<[u8; 65]>()))
                    })
                    .variant("SphincsShake256f", |v| v.index(3).fields(carried())),
            )
    }
}

/// What a signed extrinsic carries: a signature and, until the key is bound in state, the key.
///
/// Lengths are only bounded at decoding: polkadot-js asks for fees with a fake signature of 256 bytes of 0x01, which
/// must decode (as variant 1, key and signature of 64 bytes each). Verification demands the exact lengths.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen)]
pub enum AccountSignature {
    /// ML-DSA-87.
    #[codec(index = 0)]
    MlDsa87 {
        /// The key, omitted once bound.
        public_key: Option<BoundedBytes<2592>>,
        /// The signature.
        signature: BoundedBytes<4627>,
    },
    /// Falcon-512.
    #[codec(index = 1)]
    Falcon512 {
        /// The key, omitted once bound.
        public_key: Option<BoundedBytes<897>>,
        /// The signature.
        signature: BoundedBytes<666>,
    },
    /// ECDSA: the key is recovered from the signature.
    #[codec(index = 2)]
    Secp256k1([u8; 65]),
    /// SPHINCS+.
    #[codec(index = 3)]
    SphincsShake256f {
        /// The key, omitted once bound.
        public_key: Option<BoundedBytes<64>>,
        /// The signature.
        signature: BoundedBytes<49856>,
    },
}

impl PublicKey {
    /// From the scheme's exact number of bytes, or [`CryptoError::PublicKeyLength`]. Says nothing about validity
    /// beyond the length: an invalid key verifies nothing.
    pub fn new(scheme: SignatureScheme, bytes: &[u8]) -> Result<Self> {
        let error = CryptoError::PublicKeyLength {
            scheme,
            actual: bytes.len(),
            expected: scheme.public_key_len(),
        };
        if bytes.len() != scheme.public_key_len() {
            return Err(error);
        }
        Ok(match scheme {
            SignatureScheme::MlDsa87 => Self::MlDsa87(bytes.try_into().map_err(|_| error)?),
            SignatureScheme::Falcon512 => Self::Falcon512(bytes.try_into().map_err(|_| error)?),
            SignatureScheme::Secp256k1 => Self::Secp256k1(bytes.try_into().map_err(|_| error)?),
            SignatureScheme::SphincsShake256f => Self::SphincsShake256f(bytes.try_into().map_err(|_| error)?),
        })
    }

    /// The scheme.
    pub const fn scheme(&self) -> SignatureScheme {
        match self {
            Self::MlDsa87(_) => SignatureScheme::MlDsa87,
            Self::Falcon512(_) => SignatureScheme::Falcon512,
            Self::Secp256k1(_) => SignatureScheme::Secp256k1,
            Self::SphincsShake256f(_) => SignatureScheme::SphincsShake256f,
        }
    }

    /// The key without its tag.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::MlDsa87(bytes) => bytes,
            Self::Falcon512(bytes) => bytes,
            Self::Secp256k1(bytes) => bytes,
            Self::SphincsShake256f(bytes) => bytes,
        }
    }

    /// The account of the key; `None` as in [`derive_account`].
    pub fn account_id(&self) -> Option<AccountId20> {
        derive_account(self.scheme(), self.as_bytes())
    }
}

impl Signature {
    /// From the scheme's exact number of bytes, or [`CryptoError::SignatureLength`].
    pub fn new(scheme: SignatureScheme, bytes: &[u8]) -> Result<Self> {
        let error = CryptoError::SignatureLength {
            scheme,
            actual: bytes.len(),
            expected: scheme.signature_len(),
        };
        if bytes.len() != scheme.signature_len() {
            return Err(error);
        }
        Ok(match scheme {
            SignatureScheme::MlDsa87 => Self::MlDsa87(bytes.try_into().map_err(|_| error)?),
            SignatureScheme::Falcon512 => Self::Falcon512(bytes.try_into().map_err(|_| error)?),
            SignatureScheme::Secp256k1 => Self::Secp256k1(bytes.try_into().map_err(|_| error)?),
            SignatureScheme::SphincsShake256f => Self::SphincsShake256f(bytes.try_into().map_err(|_| error)?),
        })
    }

    /// The scheme.
    pub const fn scheme(&self) -> SignatureScheme {
        match self {
            Self::MlDsa87(_) => SignatureScheme::MlDsa87,
            Self::Falcon512(_) => SignatureScheme::Falcon512,
            Self::Secp256k1(_) => SignatureScheme::Secp256k1,
            Self::SphincsShake256f(_) => SignatureScheme::SphincsShake256f,
        }
    }

    /// The signature without its tag.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::MlDsa87(bytes) => bytes,
            Self::Falcon512(bytes) => bytes,
            Self::Secp256k1(bytes) => bytes,
            Self::SphincsShake256f(bytes) => bytes,
        }
    }
}

impl AccountSignature {
    /// Put together from a signature and, unless it is bound already, its key. A secp256k1 key is dropped: it is
    /// recovered. [`CryptoError::SchemeMismatch`] if the three do not name one scheme.
    pub fn from_parts(scheme: SignatureScheme, public_key: Option<&PublicKey>, signature: &Signature) -> Result<Self> {
        let key_scheme = public_key.map_or(scheme, PublicKey::scheme);
        let mismatch = CryptoError::SchemeMismatch {
            public_key: key_scheme,
            signature: signature.scheme(),
        };
        if signature.scheme() != scheme {
            return Err(mismatch);
        }
        match (public_key, signature) {
            (None, Signature::MlDsa87(signature)) => Ok(Self::MlDsa87 {
                public_key: None,
                signature: signature.clone(),
            }),
            (Some(PublicKey::MlDsa87(key)), Signature::MlDsa87(signature)) => Ok(Self::MlDsa87 {
                public_key: Some(key.clone()),
                signature: signature.clone(),
            }),
            (None, Signature::Falcon512(signature)) => Ok(Self::Falcon512 {
                public_key: None,
                signature: signature.clone(),
            }),
            (Some(PublicKey::Falcon512(key)), Signature::Falcon512(signature)) => Ok(Self::Falcon512 {
                public_key: Some(key.clone()),
                signature: signature.clone(),
            }),
            (None | Some(PublicKey::Secp256k1(_)), Signature::Secp256k1(signature)) => Ok(Self::Secp256k1(*signature)),
            (None, Signature::SphincsShake256f(signature)) => Ok(Self::SphincsShake256f {
                public_key: None,
                signature: signature.clone(),
            }),
            (Some(PublicKey::SphincsShake256f(key)), Signature::SphincsShake256f(signature)) => {
                Ok(Self::SphincsShake256f {
                    public_key: Some(key.clone()),
                    signature: signature.clone(),
                })
            }
            _ => Err(mismatch),
        }
    }

    /// The scheme.
    pub const fn scheme(&self) -> SignatureScheme {
        match self {
            Self::MlDsa87 { .. } => SignatureScheme::MlDsa87,
            Self::Falcon512 { .. } => SignatureScheme::Falcon512,
            Self::Secp256k1(_) => SignatureScheme::Secp256k1,
            Self::SphincsShake256f { .. } => SignatureScheme::SphincsShake256f,
        }
    }

    /// The key that travels along, of whatever length it came in; always `None` for secp256k1.
    pub fn public_key(&self) -> Option<PublicKey> {
        match self {
            Self::MlDsa87 { public_key, .. } => public_key.clone().map(PublicKey::MlDsa87),
            Self::Falcon512 { public_key, .. } => public_key.clone().map(PublicKey::Falcon512),
            Self::Secp256k1(_) => None,
            Self::SphincsShake256f { public_key, .. } => public_key.clone().map(PublicKey::SphincsShake256f),
        }
    }

    /// As [`Self::public_key`], borrowed and without its tag.
    pub fn public_key_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::MlDsa87 { public_key, .. } => public_key.as_deref(),
            Self::Falcon512 { public_key, .. } => public_key.as_deref(),
            Self::Secp256k1(_) => None,
            Self::SphincsShake256f { public_key, .. } => public_key.as_deref(),
        }
    }

    /// The signature without its tag, of whatever length it came in.
    pub fn signature_bytes(&self) -> &[u8] {
        match self {
            Self::MlDsa87 { signature, .. } => signature,
            Self::Falcon512 { signature, .. } => signature,
            Self::Secp256k1(signature) => signature,
            Self::SphincsShake256f { signature, .. } => signature,
        }
    }
}
