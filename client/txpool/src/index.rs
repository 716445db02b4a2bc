//! The graph of transactions by their tags, and which of them are ready: those whose every required tag is provided
//! by a transaction that is ready. A tag has one provider at most.

use crate::{
    PoolEvent, Transaction, TransactionStatus,
    orders::{Orders, VictimKey},
};
use quids_api::TransactionTag;
use quids_core::{Hash, Height};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// A transaction inside the pool: its arrival.
pub type Id = u64;

/// A transaction and where it stands.
#[derive(Debug)]
pub struct Entry {
    pub transaction: Transaction,
    pub ready: bool,
    /// How often a ready transaction requires a tag of this one.
    ready_requirers: usize,
    /// The last block changed something for it: it must be asked about again.
    pub touched: bool,
    /// Peers were told of it.
    pub announced: bool,
    /// The height at which the runtime was last asked in vain since the verdict.
    pub unanswered_at: Option<Height>,
}

impl Entry {
    fn new(transaction: Transaction) -> Self {
        Self {
            transaction,
            ready: false,
            ready_requirers: 0,
            touched: false,
            announced: false,
            unanswered_at: None,
        }
    }

    /// Whether taking it out would leave every other ready transaction ready.
    pub fn is_victim(&self) -> bool {
        self.ready_requirers == 0
    }

    pub fn victim_key(&self) -> VictimKey {
        let Transaction {
            is_kept,
            priority,
            arrival,
            ..
        } = self.transaction;
        (self.ready, is_kept, priority, Reverse(arrival))
    }

    pub fn status(&self) -> TransactionStatus {
        if self.ready {
            TransactionStatus::Ready
        } else {
            TransactionStatus::Future
        }
    }
}

/// Transactions by hash and by tag, in every order.
#[derive(Debug, Default)]
pub struct Index {
    entries: BTreeMap<Id, Entry>,
    hashes: BTreeMap<Hash, Id>,
    providers: BTreeMap<TransactionTag, Id>,
    requirers: BTreeSet<(TransactionTag, Id)>,
    pub orders: Orders,
}

/// Readiness before the first change of an operation, so that only the net change becomes an event.
#[derive(Debug, Default)]
pub struct Changes(BTreeMap<Id, bool>);

impl Index {
    pub fn get(&self, id: Id) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub fn id(&self, hash: &Hash) -> Option<Id> {
        self.hashes.get(hash).copied()
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub fn provider(&self, tag: &[u8]) -> Option<&Entry> {
        self.entries.get(self.providers.get(tag)?)
    }

    pub fn requirers(&self, tag: &TransactionTag) -> impl Iterator<Item = &Entry> {
        let range = self.requirers.range((tag.clone(), Id::MIN)..=(tag.clone(), Id::MAX));
        range.filter_map(|(_, id)| self.entries.get(id))
    }

    fn requirer_ids(&self, tag: &TransactionTag) -> Vec<Id> {
        let range = self.requirers.range((tag.clone(), Id::MIN)..=(tag.clone(), Id::MAX));
        range.map(|(_, id)| *id).collect()
    }

    /// Whether a transaction of these requirements would be ready now.
    pub fn is_satisfied(&self, requires: &[TransactionTag]) -> bool {
        let mut providers = requires.iter().map(|tag| self.provider(tag));
        providers.all(|provider| provider.is_some_and(|entry| entry.ready))
    }

    /// Changes an entry's own state; the graph stays as it is.
    pub fn change(&mut self, id: Id, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.get_mut(&id) {
            self.orders.change(entry, change);
        }
    }

    /// Adds a transaction none of whose tags has a provider, and promotes what waited for it.
    pub fn insert(&mut self, transaction: Transaction, changes: &mut Changes) {
        let id = self.link(transaction);
        self.promote(id, changes);
    }

    /// Puts a transaction in the place of another. What requires their common tags stays as ready as it is, if the new
    /// one provides the same as the old and requires nothing else: nothing it needs can then depend on it.
    pub fn substitute(&mut self, old: Id, new: Transaction, changes: &mut Changes) {
        let is_heir = self.get(old).is_some_and(|entry| {
            let known = |tag: &TransactionTag| entry.transaction.requires.binary_search(tag).is_ok();
            entry.ready && entry.transaction.provides == new.provides && new.requires.iter().all(known)
        });
        if !is_heir {
            self.remove(old, changes);
            return self.insert(new, changes);
        }
        self.unlink(old, changes);
        let id = self.link(new);
        let provides = self
            .get(id)
            .map(|entry| entry.transaction.provides.clone())
            .unwrap_or_default();
        let heirs = provides
            .iter()
            .flat_map(|tag| self.requirers(tag))
            .filter(|entry| entry.ready)
            .count();
        self.change(id, |entry| entry.ready_requirers = heirs);
        // Its requirements were the old one's, which was ready; what it now provides, was provided.
        self.set_ready(id, true, changes);
    }

    /// Takes a transaction out and demotes what needed it.
    pub fn remove(&mut self, id: Id, changes: &mut Changes) -> Option<Transaction> {
        let transaction = self.unlink(id, changes)?;
        for tag in &transaction.provides {
            for requirer in self.requirer_ids(tag) {
                self.demote(requirer, changes);
            }
        }
        Some(transaction)
    }

    /// The chain's state now has what this tag stands for: whoever requires it no longer does, and must be asked about.
    pub fn satisfy(&mut self, tag: &TransactionTag, changes: &mut Changes) {
        for id in self.requirer_ids(tag) {
            self.requirers.remove(&(tag.clone(), id));
            if self.get(id).is_some_and(|entry| entry.ready) {
                self.count_requirer(tag, false);
            }
            self.change(id, |entry| {
                entry.transaction.requires.retain(|other| other != tag);
                entry.touched = true;
            });
            self.promote(id, changes);
        }
    }

    fn link(&mut self, transaction: Transaction) -> Id {
        let id = transaction.arrival;
        self.hashes.insert(transaction.hash, id);
        for tag in &transaction.provides {
            self.providers.insert(tag.clone(), id);
        }
        for tag in &transaction.requires {
            self.requirers.insert((tag.clone(), id));
        }
        let entry = Entry::new(transaction);
        self.orders.insert(&entry);
        self.entries.insert(id, entry);
        id
    }

    fn unlink(&mut self, id: Id, changes: &mut Changes) -> Option<Transaction> {
        let entry = self.entries.remove(&id)?;
        self.orders.remove(&entry);
        changes.0.entry(id).or_insert(entry.ready);
        self.hashes.remove(&entry.transaction.hash);
        for tag in &entry.transaction.provides {
            self.providers.remove(tag);
        }
        for tag in &entry.transaction.requires {
            self.requirers.remove(&(tag.clone(), id));
            if entry.ready {
                self.count_requirer(tag, false);
            }
        }
        Some(entry.transaction)
    }

    fn promote(&mut self, first: Id, changes: &mut Changes) {
        let mut pending = vec![first];
        while let Some(id) = pending.pop() {
            let Some(entry) = self.get(id).filter(|entry| !entry.ready) else {
                continue;
            };
            if !self.is_satisfied(&entry.transaction.requires) {
                continue;
            }
            pending.extend(entry.transaction.provides.iter().flat_map(|tag| self.requirer_ids(tag)));
            self.set_ready(id, true, changes);
        }
    }

    fn demote(&mut self, first: Id, changes: &mut Changes) {
        let mut pending = vec![first];
        while let Some(id) = pending.pop() {
            let Some(entry) = self.get(id).filter(|entry| entry.ready) else {
                continue;
            };
            pending.extend(entry.transaction.provides.iter().flat_map(|tag| self.requirer_ids(tag)));
            self.set_ready(id, false, changes);
        }
    }

    fn set_ready(&mut self, id: Id, ready: bool, changes: &mut Changes) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        changes.0.entry(id).or_insert(entry.ready);
        self.orders.change(entry, |entry| entry.ready = ready);
        for tag in entry.transaction.requires.clone() {
            self.count_requirer(&tag, ready);
        }
    }

    fn count_requirer(&mut self, tag: &[u8], is_more: bool) {
        let Some(entry) = self.providers.get(tag).and_then(|id| self.entries.get_mut(id)) else {
            return;
        };
        self.orders.change(entry, |entry| {
            let count = &mut entry.ready_requirers;
            *count = if is_more { *count + 1 } else { count.saturating_sub(1) };
        });
    }
}

impl Changes {
    /// One event for each transaction that is still in the pool and changed between ready and future.
    pub fn into_events(self, index: &Index) -> impl Iterator<Item = PoolEvent> {
        self.0.into_iter().filter_map(|(id, before)| {
            let entry = index.get(id)?;
            let hash = entry.transaction.hash;
            (entry.ready != before).then(|| PoolEvent {
                hash,
                status: entry.status(),
            })
        })
    }

    /// Leaves a transaction's own change to be told by the caller.
    pub fn forget(&mut self, id: Id) {
        self.0.remove(&id);
    }
}
