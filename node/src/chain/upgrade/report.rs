//! What a dry run of an upgrade found, as it is sent and printed.

use serde::{Deserialize, Serialize};

/// The outcome of running a new runtime on the live state and throwing away what it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DryRun {
    /// The block on whose state it ran.
    pub block: u32,
    pub spec_name: String,
    /// Of the code that runs now, and of the new one.
    pub spec_version: Pair<u32>,
    pub transaction_version: Pair<u32>,
    pub code_bytes: usize,
    /// The 512-bit hash by which the chain authorizes it, hexadecimal.
    pub code_hash: String,
    /// Why the chain would not take the code, or must not. Empty: it would.
    pub refusals: Vec<String>,
    /// `None` if the migrations did not run to their end.
    pub migration: Option<Migration>,
    /// What others see of the runtime, and what became of it.
    pub interface: Vec<InterfaceChange>,
    /// Items of the state, as the migrations leave it, with entries that the new runtime cannot read, or reads as something else than
    /// what was written: another layout, and no migration wrote them anew.
    pub undecodable: Vec<Undecodable>,
    /// What pallets say of their state and does not hold after the migrations.
    pub broken: Vec<String>,
    /// Entries of the state that were read.
    pub entries: u64,
    /// The last blocks' transactions under the new code. `None` if the migrations failed, or it was not asked for.
    pub replay: Option<Replay>,
}

/// Before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair<T> {
    pub old: T,
    pub new: T,
}

/// What the migrations did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Migration {
    /// Picoseconds and bytes of proof that it says it took, and what a block has for normal transactions.
    pub weight: Limited<u64>,
    pub proof_size: Limited<u64>,
    /// Bytes of a batch proof of what they really read and wrote. `None`: more than a proof may have.
    pub proof_bytes: Option<usize>,
    /// The same of the largest step of those that take many blocks; 0 without any.
    pub step_proof_bytes: usize,
    /// Those that take a step a block, in their order.
    pub stepped: Vec<SteppedMigration>,
    /// What all of them changed, by pallet and item.
    pub items: Vec<ItemChange>,
}

/// A migration over many blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SteppedMigration {
    pub id: String,
    /// Blocks that it took.
    pub steps: u32,
    /// Whether the chain takes no transactions meanwhile.
    pub pauses_transactions: bool,
}

/// Something with a limit. `limit` is `None` if the running code does not tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limited<T> {
    pub used: T,
    pub limit: Option<T>,
}

/// What became of the entries of an item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemChange {
    /// `Pallet.Item`; where no metadata knows the key, the beginning of it.
    pub item: String,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
}

/// Entries that do not decode, or decode to something else than what was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Undecodable {
    pub item: String,
    pub entries: u64,
    /// Of one of them, hexadecimal, and what is wrong with it.
    pub first_key: String,
    pub reason: String,
}

/// A difference between what two runtimes say of themselves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InterfaceChange {
    /// Such as `call Balances.transfer`.
    pub what: String,
    pub change: String,
    /// Bytes that were right before are wrong or mean something else now: whoever made them has to change too.
    pub is_breaking: bool,
}

/// Blocks that were executed under both codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// Heights; `to` is less than `from` if there is no such block.
    pub from: u32,
    pub to: u32,
    pub extrinsics: u64,
    /// Calls of pallet upgrade among them, but for those that root makes of other pallets. What they do hangs on the version that runs: they are not compared, nor is
    /// what their blocks do by themselves.
    pub of_upgrades: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
    /// All of them.
    pub differences_in_all: u64,
}

/// An extrinsic, or what its block does by itself, that comes out otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub block: u32,
    /// Its index in the block; `None`: the block's own beginning and end.
    pub extrinsic: Option<u32>,
    pub old: String,
    pub new: String,
}

impl DryRun {
    /// Whether nothing speaks against the code: it is taken, all of the state is readable, and nobody is broken by it.
    pub fn is_clean(&self) -> bool {
        self.is_sound() && !self.interface.iter().any(|change| change.is_breaking)
    }

    /// Whether the chain would take the code and be alive afterwards, with all of its state readable.
    pub fn is_sound(&self) -> bool {
        self.refusals.is_empty() && self.undecodable.is_empty() && self.broken.is_empty()
    }
}
