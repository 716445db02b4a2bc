//! A transaction in the pool, with the runtime's verdict.

use codec::{Compact, Encode};
use quids_api::{TransactionSource, TransactionTag, ValidTransaction};
use quids_core::{AccountId20, Hash, Height};
use std::sync::Arc;

/// A transaction's name everywhere: BLAKE3-256 over its SCALE encoding, `Compact(length) ++ bytes`, as polkadot-js,
/// subxt and PAPI compute it. `bytes` are without the length prefix.
pub fn hash_of(bytes: &[u8]) -> Hash {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut hasher = blake3::Hasher::new();
    Compact(length).using_encoded(|prefix| hasher.update(prefix));
    hasher.update(bytes);
    (*hasher.finalize().as_bytes()).into()
}

/// What is given to the pool: a transaction that the runtime finds valid.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The extrinsic, without the SCALE length prefix.
    pub bytes: Arc<[u8]>,
    /// Where it came from.
    pub source: TransactionSource,
    /// Whose limits it counts against; without one it counts against the pool's only.
    pub sender: Option<AccountId20>,
    /// What the runtime said.
    pub verdict: ValidTransaction,
    /// The block on whose state it said so.
    pub validated_at: Height,
}

/// A valid transaction that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub(crate) hash: Hash,
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) source: TransactionSource,
    pub(crate) sender: Option<AccountId20>,
    /// Goes after all others, if as ready as they, when the pool is full.
    pub(crate) is_kept: bool,
    pub(crate) priority: u64,
    pub(crate) propagate: bool,
    /// Sorted, each once.
    pub(crate) requires: Vec<TransactionTag>,
    /// Sorted, each once.
    pub(crate) provides: Vec<TransactionTag>,
    pub(crate) validated_at: Height,
    /// By which code: how many times the pool had seen it change.
    pub(crate) epoch: u32,
    pub(crate) valid_until: Height,
    /// Order of arrival; names the transaction inside the pool.
    pub(crate) arrival: u64,
}

impl Transaction {
    /// As [`hash_of`] names it.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The extrinsic, without the SCALE length prefix.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Where it came from.
    pub fn source(&self) -> TransactionSource {
        self.source
    }

    /// Whose limits it counts against.
    pub fn sender(&self) -> Option<AccountId20> {
        self.sender
    }

    /// Whether it is a local transaction that others have to make room for.
    pub fn is_kept(&self) -> bool {
        self.is_kept
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

    /// A verdict stands for one block at least.
    pub(crate) fn set_verdict(&mut self, verdict: ValidTransaction, validated_at: Height, epoch: u32) {
        self.priority = verdict.priority;
        self.propagate = verdict.propagate;
        self.requires = sorted(verdict.requires);
        self.provides = sorted(verdict.provides);
        self.validated_at = validated_at;
        self.epoch = epoch;
        let longevity = u32::try_from(verdict.longevity).unwrap_or(u32::MAX).max(1);
        self.valid_until = validated_at.saturating_add(Height(longevity));
    }
}

fn sorted(mut tags: Vec<TransactionTag>) -> Vec<TransactionTag> {
    tags.sort_unstable();
    tags.dedup();
    tags.shrink_to_fit();
    tags
}
