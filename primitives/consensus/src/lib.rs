//! POBPC's common language: committees, votes, justifications, evidence, and what members sign for contracts. Runtime,
//! nodes and light clients share it; no clock, no network, no state.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod committee;
mod evidence;
mod justification;
mod message;
mod registration;
mod round;
mod signing;

pub use committee::{
    Committee, CommitteeError, Role, SEATS_MAX, Seat, SeatIndex, Threshold, ThresholdTooLow, faulty_max, proposer_of,
};
pub use evidence::{Evidence, EvidenceError};
pub use justification::{Justification, JustificationError};
pub use message::{Ballot, Proposal, Signed, Vote, VoteKind};
pub use registration::{chain_hash, registration_message};
pub use round::Round;
pub use signing::{SigningCertificate, SigningCertificateError, SigningRequest, SigningShare};

use quids_crypto::{PublicKey, Signature};

/// Verifies a signature: `quids_crypto::verify` in native code, the host's function in a runtime.
pub trait Verify {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool;
}

impl<F: Fn(&PublicKey, &[u8], &Signature) -> bool> Verify for F {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        self(key, message, signature)
    }
}
