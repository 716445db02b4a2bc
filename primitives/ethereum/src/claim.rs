//! What a transaction claims of its sender and of its authorities, for others to verify.

use alloc::vec::Vec;
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::{Signature, U256};
use quids_core::H160;
use quids_crypto::SignatureScheme;

/// Order of the curve's group (SEC 2, secp256k1), little-endian limbs.
const ORDER: U256 = U256::from_limbs([
    0xbfd2_5e8c_d036_4141,
    0xbaae_dce6_af48_a03b,
    0xffff_ffff_ffff_fffe,
    0xffff_ffff_ffff_ffff,
]);
/// Half of it, rounded down: the largest `s` (EIP-2).
const ORDER_HALF: U256 = U256::from_limbs([
    0xdfe9_2f46_681b_20a0,
    0x5d57_6e73_57a4_501d,
    0xffff_ffff_ffff_ffff,
    0x7fff_ffff_ffff_ffff,
]);

/// Who sent a transaction, if the signature holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Claim {
    /// The address that recovery gives. `r` and `s` are in range and `s` in the lower half.
    Recover {
        /// Keccak-256 that was signed.
        hash: [u8; 32],
        /// Big-endian, 32 bytes each.
        r_s: [u8; 64],
        /// 0 or 1: whether the point's `y` is odd.
        recovery_id: u8,
    },
    /// `sender`, by its bound key, or by this one if none is bound and it derives the sender.
    Key {
        /// A post-quantum one.
        scheme: SignatureScheme,
        /// The account.
        sender: H160,
        /// Of the scheme's length; `None`: the bound one.
        public_key: Option<Vec<u8>>,
        /// What was signed.
        message: [u8; 64],
        /// Of the scheme's length.
        signature: Vec<u8>,
    },
}

/// The signature of an EIP-7702 authorisation; as [`Claim::Recover`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AuthorizationClaim {
    /// Keccak-256 that was signed.
    pub hash: [u8; 32],
    /// Big-endian, 32 bytes each.
    pub r_s: [u8; 64],
    /// 0 or 1.
    pub recovery_id: u8,
}

impl AuthorizationClaim {
    /// `None` if nothing can recover from it.
    pub(crate) fn new(signed: &SignedAuthorization) -> Option<Self> {
        let signature = signed.signature().ok().filter(is_canonical)?;
        Some(Self {
            hash: signed.inner().signature_hash().0,
            r_s: r_s(&signature),
            recovery_id: signature.v().into(),
        })
    }
}

/// Whether `r` and `s` are in range and `s` is in the lower half.
pub(crate) fn is_canonical(signature: &Signature) -> bool {
    let (r, s) = (signature.r(), signature.s());
    !r.is_zero() && r < ORDER && !s.is_zero() && s <= ORDER_HALF
}

/// `r ‖ s`, big-endian.
pub(crate) fn r_s(signature: &Signature) -> [u8; 64] {
    let mut out = [0; 64];
    let (r, s) = out.split_at_mut(32);
    r.copy_from_slice(&signature.r().to_be_bytes::<32>());
    s.copy_from_slice(&signature.s().to_be_bytes::<32>());
    out
}
