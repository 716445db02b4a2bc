//! Signatures verified ahead of execution, on all cores, and remembered: the runtime's `verify` then costs a lookup.

use crate::metrics::CryptoMetrics;
use parking_lot::Mutex;
use quids_api::SignatureClaim;
use rayon::prelude::*;
use std::{collections::HashSet, sync::Arc, time::Instant};

/// How many verified signatures are remembered: two generations of this size, 32 bytes each.
const REMEMBERED_MAX: usize = 32_768;

/// Remembers what verified. Only successes are kept, so nobody can fill it with garbage for free.
pub struct VerifiedSignatures {
    generations: Mutex<[HashSet<[u8; 32]>; 2]>,
    metrics: CryptoMetrics,
}

impl VerifiedSignatures {
    pub fn new(metrics: CryptoMetrics) -> Self {
        Self {
            generations: Mutex::default(),
            metrics,
        }
    }

    /// Whether the signature verifies; looked up, or verified now and remembered.
    pub fn verify(&self, scheme: u8, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let key = fingerprint(scheme, public_key, message, signature);
        if self
            .generations
            .lock()
            .iter()
            .any(|generation| generation.contains(&key))
        {
            self.metrics.remembered();
            return true;
        }
        let start = Instant::now();
        let verified = quids_crypto::verify_raw(scheme, public_key, message, signature);
        self.metrics.verified(scheme, start, verified);
        if verified {
            self.remember(key);
        }
        verified
    }

    /// Verifies all claims on all cores. Those that fail are left for the runtime to refuse.
    pub fn verify_all(&self, claims: &[SignatureClaim]) {
        let start = Instant::now();
        claims.par_iter().for_each(|claim| {
            self.verify(claim.scheme, &claim.public_key, &claim.message, &claim.signature);
        });
        self.metrics.batch(start);
    }

    fn remember(&self, key: [u8; 32]) {
        let mut generations = self.generations.lock();
        if generations[0].len() >= REMEMBERED_MAX {
            generations.swap(0, 1);
            generations[0].clear();
        }
        generations[0].insert(key);
    }

    /// For `Overlay::with_verifier`.
    pub fn verifier(self: &Arc<Self>) -> quids_state::Verifier {
        let this = self.clone();
        Arc::new(move |scheme, key, message, signature| this.verify(scheme, key, message, signature))
    }
}

/// BLAKE3 over all four, each with its length: no two claims share it.
fn fingerprint(scheme: u8, public_key: &[u8], message: &[u8], signature: &[u8]) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(25 + public_key.len() + message.len() + signature.len());
    bytes.push(scheme);
    for part in [public_key, message, signature] {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part);
    }
    quids_crypto::blake3_256(&bytes)
}
