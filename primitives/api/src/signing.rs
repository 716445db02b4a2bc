//! What client and runtime say to each other about messages that contracts want the validators to sign.

use crate::InherentIdentifier;
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use quids_core::{AccountId20, Hash, Height};
use quids_pobpc::{SigningCertificate, SigningRequest};
use scale_info::TypeInfo;

/// Handles with their certificates ([`Certificates`]), for pallet qevm. May be left out; what is not right in it is.
pub const SIGNING_INHERENT: InherentIdentifier = *b"qevmsign";

/// What the author brings of it.
pub type Certificates = Vec<(Hash, SigningCertificate)>;

/// Certificates that a block may bring, and their bytes: a largest one, of 86 ML-DSA-87 seats, has 400 kB.
pub const CERTIFICATES_MAX: usize = 8;
pub const CERTIFICATES_BYTES_MAX: usize = 512 << 10;

/// Requests that may be signed at a time. Further ones are recorded, and not signed.
pub const SIGNING_QUEUE_MAX: usize = 256;

/// For so many blocks after its own a request may be signed.
pub const SIGNING_LIFETIME: Height = Height(600);

/// Where the state has the requests that may be signed, a `Vec<OpenRequest>`, for whoever sees only what a block writes. Those that
/// are late are still in it. It is `twox128("Qevm") ‖ twox128("SigningQueue")`.
pub const SIGNING_QUEUE_KEY: &[u8; 32] = &[
    0x9f, 0x9e, 0xae, 0xee, 0x5b, 0xcf, 0x9f, 0x2b, 0x04, 0x43, 0x78, 0x1c, 0x74, 0x2a, 0x75, 0x54, 0x6e, 0xac, 0xfb,
    0x55, 0x2c, 0x41, 0xb4, 0xf2, 0xc8, 0x54, 0xc3, 0x33, 0x59, 0x7c, 0x7e, 0x45,
];

/// A request that may be signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct OpenRequest {
    pub request: SigningRequest,
    /// Whose committee signs: the height after the block with the request.
    pub height: Height,
}

impl OpenRequest {
    /// Whether a block at `now` may bring its certificate.
    pub fn is_open_at(&self, now: Height) -> bool {
        // `height` is one more than the request's own.
        now.0.saturating_sub(self.height.0) < SIGNING_LIFETIME.0
    }
}

/// A request and what proves that it was signed.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct SignedRequest {
    pub request: SigningRequest,
    pub certificate: SigningCertificate,
}

/// What became of a request.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum SigningState {
    /// Nobody asked, or it was not signed in time.
    Unknown,
    /// Asked for in the block of this height.
    Pending {
        requester: AccountId20,
        height: Height,
    },
    Signed(SignedRequest),
}
