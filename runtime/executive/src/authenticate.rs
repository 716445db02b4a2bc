//! Who signed: from an extrinsic's account and signature and the key bound in state to what must be verified.

use crate::{Config, Executive, Extrinsic, commitment::length_of};
use alloc::vec::Vec;
use codec::Encode;
use quids_api::{InvalidTransaction, SignatureClaim, SignatureTask, TransactionValidityError};
use quids_core::AccountId20;
use quids_crypto::{AccountSignature, PublicKey, SignatureScheme, derive_account};
use quids_support::system::SystemPort;

/// How a signature has to be verified.
pub(crate) enum Proof {
    /// Under this key; `bind` says that it is the account's first and gets bound.
    Key { key: PublicKey, bind: bool },
    /// By recovering the address: an account with a legacy key and no other.
    Recover,
}

/// The proof that the account's state asks for.
pub(crate) fn required_proof(
    bound: Option<PublicKey>,
    who: &AccountId20,
    signature: &AccountSignature,
) -> Result<Proof, InvalidTransaction> {
    let carried = signature.public_key_bytes();
    match (bound, signature) {
        (Some(_), AccountSignature::Secp256k1(_)) => Err(InvalidTransaction::SCHEME_REFUSED),
        (Some(key), _) => {
            let same_scheme = key.scheme() == signature.scheme();
            let same_key = carried.is_none_or(|bytes| bytes == key.as_bytes());
            if same_scheme && same_key {
                Ok(Proof::Key { key, bind: false })
            } else {
                Err(InvalidTransaction::KEY_MISMATCH)
            }
        }
        (None, AccountSignature::Secp256k1(_)) => Ok(Proof::Recover),
        (None, _) => {
            let bytes = carried.ok_or(InvalidTransaction::KEY_MISSING)?;
            if derive_account(signature.scheme(), bytes) != Some(*who) {
                return Err(InvalidTransaction::KEY_MISMATCH);
            }
            let key = PublicKey::new(signature.scheme(), bytes).map_err(|_| InvalidTransaction::KEY_MISMATCH)?;
            Ok(Proof::Key { key, bind: true })
        }
    }
}

/// Bytes of an extrinsic that are paid for: signature and key count with the size of the scheme that the account's
/// state asks for, whatever was sent, so that an estimate with a made-up signature is exact.
fn paid_length(bound: Option<SignatureScheme>, sent: SignatureScheme, rest: usize) -> u32 {
    let (scheme, with_key) = match bound {
        Some(scheme) => (scheme, false),
        None => (sent, sent.is_post_quantum()),
    };
    let key = if with_key { scheme.public_key_len() } else { 0 };
    let total = rest.saturating_add(scheme.signature_len()).saturating_add(key);
    u32::try_from(total).unwrap_or(u32::MAX)
}

/// Version byte, account, scheme tag, option byte and length prefixes.
const ENVELOPE_LENGTH: usize = 1 + 20 + 1 + 1 + 4 + 4;

/// A signed extrinsic whose signature verified.
pub(crate) struct Authenticated {
    pub length: u32,
    /// The key to bind: the account's first.
    pub bind: Option<PublicKey>,
}

impl<T: Config> Executive<T> {
    /// Verifies the signature of `who` over call and extensions on the current state.
    pub(crate) fn authenticate(
        who: &AccountId20,
        signature: &AccountSignature,
        call: &T::RuntimeCall,
        extra: &T::Extensions,
    ) -> Result<Authenticated, TransactionValidityError> {
        let bound = T::System::key(who);
        let length = paid_length(
            bound.as_ref().map(PublicKey::scheme),
            signature.scheme(),
            ENVELOPE_LENGTH
                .saturating_add(call.encoded_size())
                .saturating_add(extra.encoded_size()),
        );
        // A key that need not be there is paid for as well.
        let needless = bound.as_ref().and(signature.public_key_bytes()).map_or(0, length_of);
        let length = length.saturating_add(needless);
        let proof = required_proof(bound, who, signature)?;
        if matches!(proof, Proof::Recover) && !T::System::admits_legacy() {
            return Err(InvalidTransaction::SCHEME_REFUSED.into());
        }
        let payload = Extrinsic::<T>::payload(call, extra)?;
        let (verified, bind) = match proof {
            Proof::Recover => {
                let AccountSignature::Secp256k1(bytes) = signature else {
                    return Err(InvalidTransaction::BadProof.into());
                };
                let hash = quids_io::hashing::keccak_256(&payload);
                (quids_io::crypto::secp256k1_recover(&hash, bytes) == Some(*who), None)
            }
            Proof::Key { key, bind } => {
                let verified = quids_io::crypto::verify(
                    key.scheme().tag(),
                    key.as_bytes(),
                    &payload,
                    signature.signature_bytes(),
                );
                (verified, bind.then_some(key))
            }
        };
        if verified {
            Ok(Authenticated { length, bind })
        } else {
            Err(InvalidTransaction::BadProof.into())
        }
    }

    /// The paid length of a transaction whose signature may be made up; `bound` is the scheme of the sender's key.
    pub(crate) fn estimated_length(extrinsic: &Extrinsic<T>, bound: Option<SignatureScheme>) -> u32 {
        let Some((_, signature, extra)) = &extrinsic.signature else {
            return 0;
        };
        let rest = ENVELOPE_LENGTH
            .saturating_add(extrinsic.call.encoded_size())
            .saturating_add(extra.encoded_size());
        paid_length(bound, signature.scheme(), rest)
    }

    /// What the client can verify ahead of execution, an entry an extrinsic.
    pub fn collect_signatures(extrinsics: &[Vec<u8>]) -> Vec<SignatureTask> {
        extrinsics
            .iter()
            .map(|bytes| Self::signature_task(bytes).unwrap_or(SignatureTask::Inline))
            .collect()
    }

    fn signature_task(bytes: &[u8]) -> Option<SignatureTask> {
        let Extrinsic::<T> { signature, call } = Extrinsic::<T>::from_bytes(bytes).ok()?;
        let Some((who, signature, extra)) = signature else {
            return T::self_contained_claim(&call).map(SignatureTask::Verify);
        };
        let Ok(Proof::Key { key, .. }) = required_proof(T::System::key(&who), &who, &signature) else {
            return None;
        };
        let message = Extrinsic::<T>::payload(&call, &extra).ok()?;
        Some(SignatureTask::Verify(SignatureClaim {
            scheme: key.scheme().tag(),
            public_key: key.as_bytes().to_vec(),
            message,
            signature: signature.signature_bytes().to_vec(),
        }))
    }
}
