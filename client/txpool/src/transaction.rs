//! A transaction in the pool, with the runtime's verdict.

use codec::{Compact, Encode};
use quids_api::{TransactionSource, TransactionTag, ValidTransaction};
use quids_core::{Hash, Height};

/// A transaction's name everywhere: BLAKE3-256 over its SCALE encoding, `Compact(length) ++ bytes`, as polkadot-js,
/// subxt and PAPI compute it. `bytes` are without the length prefix.
pub fn hash_of(bytes: &[u8]) -> Hash {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut hasher = blake3::Hasher::new();
    Compact(length).using_encoded(|prefix| hasher.update(prefix));
    hasher.update(bytes);
    (*hasher.finalize().as_bytes()).into()
}

/// A valid transaction that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub(crate) hash: Hash,
    pub(crate) bytes: Vec<u8>,
    pub(crate) source: TransactionSource,
    pub(crate) priority: u64,
    pub(crate) propagate: bool,
    /// Sorted, each once.
    pub(crate) requires: Vec<TransactionTag>,
    /// Sorted, each once.
    pub(crate) provides: Vec<TransactionTag>,
    pub(crate) validated_at: Height,
    pub(crate) valid_until: Height,
    /// Order of arrival.
    pub(crate) arrival: u64,
}

impl Transaction {
    /// As [`hash_of`] names it.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The extrinsic, without the SCALE length prefix.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where it came from.
    pub fn source(&self) -> TransactionSource {
        self.source
    }

    /// The runtime's priority; higher is earlier.
    pub fn priority(&self) -> u64 {
        self.priority
    }

    /// Whether the runtime wants it sent to peers.
    pub fn propagate(&self) -> bool {
        self.propagate
    }

    /// What it still needs from other transactions.
    pub fn requires(&self) -> &[TransactionTag] {
        &self.requires
    }

    /// What it gives to other transactions.
    pub fn provides(&self) -> &[TransactionTag] {
        &self.provides
    }

    /// The height at which the verdict must be renewed.
    pub fn valid_until(&self) -> Height {
        self.valid_until
    }

    pub(crate) fn set_verdict(&mut self, verdict: ValidTransaction, best: Height) {
        self.priority = verdict.priority;
        self.propagate = verdict.propagate;
        self.requires = sorted(verdict.requires);
        self.provides = sorted(verdict.provides);
        self.validated_at = best;
        let longevity = u32::try_from(verdict.longevity).unwrap_or(u32::MAX);
        self.valid_until = best.saturating_add(Height(longevity));
    }
}

fn sorted(mut tags: Vec<TransactionTag>) -> Vec<TransactionTag> {
    tags.sort();
    tags.dedup();
    tags
}
