//! Signatures as metadata describes them, so that subxt encodes and reads them by their type.

use quids_crypto::{CryptoError, PublicKey, Signature, SignatureScheme};
use subxt::ext::{scale_decode::DecodeAsType, scale_encode::EncodeAsType};

/// What a signed transaction carries: a signature and, until the key is bound to the account, the key.
///
/// Of the same encoding as [`quids_crypto::AccountSignature`], from which it is made.
#[derive(Clone, Debug, PartialEq, Eq, EncodeAsType, DecodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub enum AccountSignature {
    /// ML-DSA-87 (FIPS 204): 4627 bytes, key 2592.
    MlDsa87(Carried),
    /// Falcon-512, round 3, padded: 666 bytes, key 897.
    Falcon512(Carried),
    /// ECDSA, `r ‖ s ‖ v`: the account is recovered from it, so it needs no key.
    Secp256k1([u8; 65]),
    /// SPHINCS+ SHAKE-256f: 49 856 bytes, key 64.
    SphincsShake256f(Carried),
}

/// A post-quantum signature, with or without its key.
#[derive(Clone, Debug, PartialEq, Eq, EncodeAsType, DecodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub enum Carried {
    /// The key is bound to the account: the signature alone.
    Bound(Vec<u8>),
    /// The account's first transaction, which binds the key.
    First {
        /// The key without its tag.
        public_key: Vec<u8>,
        /// The signature without its tag.
        signature: Vec<u8>,
    },
}

impl AccountSignature {
    /// The scheme.
    pub const fn scheme(&self) -> SignatureScheme {
        match self {
            Self::MlDsa87(_) => SignatureScheme::MlDsa87,
            Self::Falcon512(_) => SignatureScheme::Falcon512,
            Self::Secp256k1(_) => SignatureScheme::Secp256k1,
            Self::SphincsShake256f(_) => SignatureScheme::SphincsShake256f,
        }
    }

    /// Key, if it is carried, and signature; an error if one of them is not of its scheme's length.
    pub fn parts(&self) -> Result<(Option<PublicKey>, Signature), CryptoError> {
        let scheme = self.scheme();
        let (key, signature) = match self {
            Self::Secp256k1(signature) => (None, &signature[..]),
            Self::MlDsa87(carried) | Self::Falcon512(carried) | Self::SphincsShake256f(carried) => match carried {
                Carried::Bound(signature) => (None, &signature[..]),
                Carried::First { public_key, signature } => (Some(public_key), &signature[..]),
            },
        };
        let key = key.map(|key| PublicKey::new(scheme, key)).transpose()?;
        Ok((key, Signature::new(scheme, signature)?))
    }
}

impl From<quids_crypto::AccountSignature> for AccountSignature {
    fn from(signature: quids_crypto::AccountSignature) -> Self {
        let bytes = signature.signature_bytes().to_vec();
        let carried = match signature.public_key_bytes() {
            None => Carried::Bound(bytes),
            Some(key) => Carried::First {
                public_key: key.to_vec(),
                signature: bytes,
            },
        };
        match signature {
            quids_crypto::AccountSignature::MlDsa87 { .. } => Self::MlDsa87(carried),
            quids_crypto::AccountSignature::Falcon512 { .. } => Self::Falcon512(carried),
            quids_crypto::AccountSignature::Secp256k1(bytes) => Self::Secp256k1(bytes),
            quids_crypto::AccountSignature::SphincsShake256f { .. } => Self::SphincsShake256f(carried),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codec::Encode;
    use quids_crypto::KeyPair;
    use scale_info::{MetaType, PortableRegistry, Registry};

    #[test]
    fn it_is_encoded_as_the_chain_decodes_it() {
        let mut registry = Registry::new();
        let ty = registry
            .register_type(&MetaType::new::<quids_crypto::AccountSignature>())
            .id;
        let types = PortableRegistry::from(registry);
        for scheme in [
            SignatureScheme::MlDsa87,
            SignatureScheme::Falcon512,
            SignatureScheme::Secp256k1,
            SignatureScheme::SphincsShake256f,
        ] {
            let pair = KeyPair::from_seed(scheme, &[1; 32]).unwrap();
            let signed = pair.sign(b"message");
            for key in [None, Some(pair.public())] {
                let chain = quids_crypto::AccountSignature::from_parts(scheme, key, &signed).unwrap();
                let ours = AccountSignature::from(chain.clone());
                assert_eq!(ours.encode_as_type(ty, &types).unwrap(), chain.encode(), "{scheme}");
                let read = AccountSignature::decode_as_type(&mut &chain.encode()[..], ty, &types).unwrap();
                assert_eq!(read, ours);
                assert_eq!(read.scheme(), scheme);
                assert_eq!(read.parts().unwrap(), (chain.public_key(), signed.clone()));
            }
        }
    }

    #[test]
    fn parts_of_a_wrong_length_are_named() {
        let short = AccountSignature::Falcon512(Carried::Bound(vec![0; 665]));
        assert_eq!(
            short.parts(),
            Err(CryptoError::SignatureLength {
                scheme: SignatureScheme::Falcon512,
                actual: 665,
                expected: 666
            })
        );
    }
}
