//! The graph of transactions by their tags, and which of them are ready: those whose every required tag is provided
//! by a transaction that is ready. A tag has one provider at most.

use crate::{PoolEvent, Transaction, TransactionStatus};
use quids_api::TransactionTag;
use quids_core::Hash;
use std::collections::{BTreeMap, BTreeSet};

/// A transaction and whether it is ready.
#[derive(Debug)]
pub struct Entry {
    pub transaction: Transaction,
    pub ready: bool,
}

/// Transactions by hash and by tag.
#[derive(Debug, Default)]
pub struct Index {
    entries: BTreeMap<Hash, Entry>,
    providers: BTreeMap<TransactionTag, Hash>,
    requirers: BTreeMap<TransactionTag, BTreeSet<Hash>>,
    bytes: usize,
}

/// Readiness before the first change of an operation, so that only the net change becomes an event.
#[derive(Debug, Default)]
pub struct Changes(BTreeMap<Hash, bool>);

impl Index {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn get(&self, hash: &Hash) -> Option<&Entry> {
        self.entries.get(hash)
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub fn provider(&self, tag: &[u8]) -> Option<&Entry> {
        self.entries.get(self.providers.get(tag)?)
    }

    pub fn requirers(&self, tag: &[u8]) -> impl Iterator<Item = Hash> {
        self.requirers.get(tag).into_iter().flatten().copied()
    }

    /// Whether a transaction of these requirements would be ready now.
    pub fn is_satisfied(&self, requires: &[TransactionTag]) -> bool {
        requires
            .iter()
            .all(|tag| self.provider(tag).is_some_and(|entry| entry.ready))
    }

    /// Adds a transaction none of whose tags has a provider, and promotes what waited for it.
    pub fn insert(&mut self, transaction: Transaction, changes: &mut Changes) {
        let hash = transaction.hash;
        for tag in &transaction.provides {
            self.providers.insert(tag.clone(), hash);
        }
        for tag in &transaction.requires {
            self.requirers.entry(tag.clone()).or_default().insert(hash);
        }
        self.bytes += transaction.bytes.len();
        let entry = Entry {
            transaction,
            ready: false,
        };
        self.entries.insert(hash, entry);
        self.promote(hash, changes);
    }

    /// Takes a transaction out and demotes what needed it.
    pub fn remove(&mut self, hash: &Hash, changes: &mut Changes) -> Option<Transaction> {
        let entry = self.entries.remove(hash)?;
        changes.0.entry(*hash).or_insert(entry.ready);
        let transaction = entry.transaction;
        self.bytes -= transaction.bytes.len();
        for tag in &transaction.requires {
            self.forget_requirement(tag, hash);
        }
        for tag in &transaction.provides {
            self.providers.remove(tag);
        }
        for tag in &transaction.provides {
            let waiting: Vec<Hash> = self.requirers(tag).collect();
            waiting.into_iter().for_each(|hash| self.demote(hash, changes));
        }
        Some(transaction)
    }

    /// The chain's state now has what this tag stands for: whoever requires it no longer does.
    pub fn satisfy(&mut self, tag: &TransactionTag, changes: &mut Changes) -> BTreeSet<Hash> {
        let freed = self.requirers.remove(tag).unwrap_or_default();
        for hash in &freed {
            if let Some(entry) = self.entries.get_mut(hash) {
                entry.transaction.requires.retain(|other| other != tag);
            }
            self.promote(*hash, changes);
        }
        freed
    }

    fn forget_requirement(&mut self, tag: &TransactionTag, hash: &Hash) {
        if let Some(waiting) = self.requirers.get_mut(tag) {
            waiting.remove(hash);
            if waiting.is_empty() {
                self.requirers.remove(tag);
            }
        }
    }

    fn promote(&mut self, first: Hash, changes: &mut Changes) {
        let mut pending = vec![first];
        while let Some(hash) = pending.pop() {
            let Some(entry) = self.entries.get(&hash) else {
                continue;
            };
            if entry.ready || !self.is_satisfied(&entry.transaction.requires) {
                continue;
            }
            for tag in &entry.transaction.provides {
                pending.extend(self.requirers(tag));
            }
            self.set_ready(&hash, true, changes);
        }
    }

    fn demote(&mut self, first: Hash, changes: &mut Changes) {
        let mut pending = vec![first];
        while let Some(hash) = pending.pop() {
            let Some(entry) = self.entries.get(&hash).filter(|entry| entry.ready) else {
                continue;
            };
            for tag in &entry.transaction.provides {
                pending.extend(self.requirers(tag));
            }
            self.set_ready(&hash, false, changes);
        }
    }

    fn set_ready(&mut self, hash: &Hash, ready: bool, changes: &mut Changes) {
        if let Some(entry) = self.entries.get_mut(hash) {
            changes.0.entry(*hash).or_insert(entry.ready);
            entry.ready = ready;
        }
    }
}

impl Changes {
    /// One event for each transaction that is still in the pool and changed between ready and future.
    pub fn into_events(self, index: &Index) -> impl Iterator<Item = PoolEvent> {
        self.0.into_iter().filter_map(|(hash, before)| {
            let now = index.get(&hash)?.ready;
            let status = if now {
                TransactionStatus::Ready
            } else {
                TransactionStatus::Future
            };
            (now != before).then_some(PoolEvent { hash, status })
        })
    }

    /// Leaves a transaction's own change to be told by the caller.
    pub fn forget(&mut self, hash: &Hash) {
        self.0.remove(hash);
    }
}
