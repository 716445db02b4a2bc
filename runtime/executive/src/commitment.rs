//! What a header commits to of its extrinsics: a root without post-quantum signatures, and those apart.

use crate::{Config, Executive, Extrinsic};
use alloc::vec::Vec;
use codec::Encode;
use quids_api::ExtrinsicsCommitment;
use quids_crypto::AccountSignature;

/// Keyed apart from every other BLAKE3 use.
const SIGNATURES_CONTEXT: &str = "quids 2026 block signatures v1";

impl<T: Config> Executive<T> {
    /// The commitment of a block with these extrinsics. Bytes that are no extrinsic of this runtime count as they
    /// are: such a block is invalid anyway.
    pub fn commit_extrinsics(extrinsics: &[Vec<u8>]) -> ExtrinsicsCommitment {
        let mut signatures = blake3::Hasher::new_derive_key(SIGNATURES_CONTEXT);
        let leaves: Vec<Vec<u8>> = extrinsics
            .iter()
            .map(|bytes| {
                let Ok(mut extrinsic) = Extrinsic::<T>::from_bytes(bytes) else {
                    return bytes.clone();
                };
                let mut commit = |bytes: &[u8]| {
                    signatures.update(&(bytes.len() as u64).to_le_bytes());
                    signatures.update(bytes);
                };
                if extrinsic.signature.is_none() {
                    return match T::take_signature(&mut extrinsic.call) {
                        Some(signature) => {
                            commit(&signature);
                            extrinsic.encode()
                        }
                        None => bytes.clone(),
                    };
                }
                if let Some((_, signature, _)) = &extrinsic.signature
                    && !matches!(signature, AccountSignature::Secp256k1(_))
                {
                    commit(signature.signature_bytes());
                }
                extrinsic.without_signature()
            })
            .collect();
        ExtrinsicsCommitment {
            root: quids_trie::ordered_root(leaves),
            signatures: (*signatures.finalize().as_bytes()).into(),
            length: extrinsics
                .iter()
                .fold(0u32, |sum, bytes| sum.saturating_add(length_of(bytes))),
        }
    }
}

/// Bytes of an extrinsic; more than `u32::MAX` counts as that.
pub(crate) fn length_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
