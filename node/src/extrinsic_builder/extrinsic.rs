//! From a call to a signed extrinsic, version 4: `0x84 ‖ account ‖ signature ‖ extensions ‖ call`.

use super::{BuilderError, Metadata, SigningContext, encode_extensions};
use codec::Encode;
use quids_core::{AccountId20, OpaqueExtrinsic};
use quids_crypto::{AccountSignature, Signature, blake2b_256};
use quids_keystore::{Purpose, Signer};

/// Payloads longer than this are signed as their BLAKE2b-256.
pub const PAYLOAD_PLAIN_MAX: usize = 256;
/// Signed, version 4.
const SIGNED_V4: u8 = 0x84;

/// A transaction that lacks only its signature.
#[derive(Clone, Debug)]
pub struct Unsigned {
    call: Vec<u8>,
    extra: Vec<u8>,
    implicit: Vec<u8>,
}

impl Unsigned {
    /// Puts an encoded call and the runtime's extensions together.
    pub fn new(metadata: &Metadata, call: Vec<u8>, context: &SigningContext) -> Result<Self, BuilderError> {
        let (extra, implicit) = encode_extensions(metadata, context)?;
        Ok(Self { call, extra, implicit })
    }

    /// The bytes to sign.
    pub fn payload(&self) -> Vec<u8> {
        let payload = [&self.call[..], &self.extra, &self.implicit].concat();
        if payload.len() > PAYLOAD_PLAIN_MAX {
            blake2b_256(&payload).to_vec()
        } else {
            payload
        }
    }

    /// Signs for `account`. `with_key`: the public key travels along, as long as none is bound to the account.
    pub fn sign(
        &self,
        account: &AccountId20,
        key: &dyn Signer,
        with_key: bool,
    ) -> Result<OpaqueExtrinsic, BuilderError> {
        let signature = key.sign(Purpose::Account, &self.payload())?;
        self.assemble(account, key, with_key, &signature)
    }

    fn assemble(
        &self,
        account: &AccountId20,
        key: &dyn Signer,
        with_key: bool,
        signature: &Signature,
    ) -> Result<OpaqueExtrinsic, BuilderError> {
        let signature = AccountSignature::from_parts(key.scheme(), with_key.then_some(key.public()), signature)?;
        let mut body = vec![SIGNED_V4];
        account.encode_to(&mut body);
        signature.encode_to(&mut body);
        body.extend_from_slice(&self.extra);
        body.extend_from_slice(&self.call);
        Ok(OpaqueExtrinsic(body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extrinsic_builder::{Arg, encode_call, fixtures};
    use quids_crypto::{KeyPair, PublicKey, SignatureScheme, verify};

    fn remark(size: usize) -> Unsigned {
        let metadata = fixtures::v15();
        let call = encode_call(&metadata, "System", "remark", &[("remark", Arg::Bytes(vec![7; size]))]).unwrap();
        Unsigned::new(&metadata, call, &fixtures::context()).unwrap()
    }

    #[test]
    fn the_payload_is_call_extensions_and_what_these_add() {
        let context = format!("a50219011465000000{}{}{}", "02000000", "aa".repeat(32), "bb".repeat(32));
        assert_eq!(hex::encode(remark(3).payload()), format!("00000c070707{context}"));
        // 4 bytes of call besides the remark and 77 of context; up to 256 the payload is signed as it is.
        assert_eq!(remark(175).payload().len(), 256);
        assert_eq!(remark(176).payload().len(), 32);
    }

    #[test]
    fn a_transaction_is_the_signed_form_of_version_4() {
        let unsigned = remark(3);
        for scheme in [
            SignatureScheme::Falcon512,
            SignatureScheme::Secp256k1,
            SignatureScheme::MlDsa87,
        ] {
            let key = KeyPair::from_seed(scheme, &[1; 32]).unwrap();
            let account = AccountId20([0x22; 20]);
            let signature = key.sign(&unsigned.payload());
            assert!(verify(key.public(), &unsigned.payload(), &signature));
            for with_key in [false, true] {
                let bytes = unsigned.assemble(&account, &key, with_key, &signature).unwrap();
                let carried = match (scheme, with_key) {
                    // ECDSA needs no key: the address is recovered. It is a fixed array, without length or option.
                    (SignatureScheme::Secp256k1, _) => vec![],
                    (_, false) => vec![0],
                    (_, true) => [vec![1], key.public().as_bytes().to_vec().encode()].concat(),
                };
                let signature = match scheme {
                    SignatureScheme::Secp256k1 => signature.as_bytes().to_vec(),
                    _ => signature.as_bytes().to_vec().encode(),
                };
                let body = [
                    &[0x84][..],
                    &[0x22; 20],
                    &[scheme.tag()],
                    &carried,
                    &signature,
                    &hex::decode("a502190114").unwrap(),
                    &hex::decode("00000c070707").unwrap(),
                ]
                .concat();
                assert_eq!(bytes.0, body, "{scheme}, key carried: {with_key}");
            }
        }
    }

    #[test]
    fn what_is_sent_verifies() {
        let (unsigned, key) = (
            remark(1000),
            KeyPair::from_seed(SignatureScheme::Falcon512, &[2; 32]).unwrap(),
        );
        let bytes = unsigned.sign(&key.account_id(), &key, true).unwrap();
        let sent = AccountSignature::from_parts(key.scheme(), Some(key.public()), &key.sign(b"")).unwrap();
        // Version and account; then the signature, whose size is fixed for the scheme.
        let mut part = &bytes.0[21..21 + sent.encoded_size()];
        let sent: AccountSignature = codec::DecodeAll::decode_all(&mut part).unwrap();
        let public: PublicKey = sent.public_key().unwrap();
        let signature = Signature::new(key.scheme(), sent.signature_bytes()).unwrap();
        assert!(verify(&public, &unsigned.payload(), &signature));
        assert_eq!(&public, key.public());
    }
}
