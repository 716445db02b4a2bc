//! Every key the overlay knows, once, with its current value; and the journal that takes changes back.
//! Opening and keeping a transaction cost nothing, undoing one costs its changes.
#![expect(
    clippy::indexing_slicing,
    reason = "an index is made by `insert` alone and entries are never removed"
)]

use super::vector::{Length, Vector};
use std::{collections::HashMap, sync::Arc};

#[derive(Debug)]
pub(super) enum Value {
    /// The backend was not asked yet.
    Unread,
    Absent,
    Bytes(Arc<[u8]>),
    /// Under `add`.
    Number([u8; 16]),
    /// Under `append`.
    Vector(Vector),
}

impl Value {
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Unread | Self::Absent => None,
            Self::Bytes(bytes) => Some(bytes),
            Self::Number(bytes) => Some(bytes),
            Self::Vector(vector) => Some(vector.encoded()),
        }
    }
}

/// How the current value relates to the backend's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// It is the backend's.
    Below,
    /// The backend's with appends and adds.
    Merged,
    /// Set or cleared here, whatever the backend has.
    Own,
}

#[derive(Debug)]
struct Entry {
    key: Arc<[u8]>,
    value: Value,
    origin: Origin,
    /// A transaction whose part of the journal has this entry's earlier value; 0 for none. One that is closed means
    /// nothing: the value is saved again.
    saved_in: u64,
    /// True once the entry is in `Entries::changed`.
    listed: bool,
}

/// A step back. Steps are taken in reverse order.
#[derive(Debug)]
enum Undo {
    Whole {
        index: usize,
        value: Value,
        origin: Origin,
    },
    /// Appends to a vector. Without effect if the value is none any more: then an older `Whole` follows.
    Appended {
        index: usize,
        length: Length,
    },
}

#[derive(Debug)]
struct Transaction {
    /// Never used again, so a stale `Entry::saved_in` matches nothing.
    id: u64,
    journal_start: usize,
}

#[derive(Default, Debug)]
pub(super) struct Entries {
    by_key: HashMap<Arc<[u8]>, usize, foldhash::fast::RandomState>,
    entries: Vec<Entry>,
    /// Entries that were changed at some time, in the order of their first change.
    changed: Vec<usize>,
    journal: Vec<Undo>,
    transactions: Vec<Transaction>,
    last_id: u64,
    generation: u64,
    known_bytes: usize,
}

impl Entries {
    /// Bytes of keys, and of the values that the backend gave.
    pub(super) fn known_bytes(&self) -> usize {
        self.known_bytes
    }

    /// Changes whenever a value does.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    /// The index of `key`, new ones unread.
    pub(super) fn insert(&mut self, key: &[u8]) -> usize {
        if let Some(index) = self.find(key) {
            return index;
        }
        self.known_bytes += key.len();
        let key: Arc<[u8]> = key.into();
        let index = self.entries.len();
        self.by_key.insert(key.clone(), index);
        self.entries.push(Entry {
            key,
            value: Value::Unread,
            origin: Origin::Below,
            saved_in: 0,
            listed: false,
        });
        index
    }

    pub(super) fn key(&self, index: usize) -> &Arc<[u8]> {
        &self.entries[index].key
    }

    pub(super) fn value(&self, index: usize) -> &Value {
        &self.entries[index].value
    }

    pub(super) fn origin(&self, index: usize) -> Origin {
        self.entries[index].origin
    }

    /// Indices of all entries that were changed at some time, undone ones included; those from `start` on.
    pub(super) fn changed_since(&self, start: usize) -> &[usize] {
        self.changed.get(start..).unwrap_or_default()
    }

    /// The entries that differ from the backend, in key order.
    pub(super) fn changes(&self) -> Vec<(&[u8], Option<&[u8]>)> {
        let live = self
            .changed
            .iter()
            .map(|index| &self.entries[*index])
            .filter(|entry| entry.origin != Origin::Below);
        let mut changes: Vec<_> = live.map(|entry| (&*entry.key, entry.value.bytes())).collect();
        changes.sort_unstable_by_key(|(key, _)| *key);
        changes
    }

    /// Takes what the backend has.
    pub(super) fn fill(&mut self, index: usize, value: Option<Arc<[u8]>>) {
        self.known_bytes += value.as_ref().map_or(0, |value| value.len());
        self.entries[index].value = value.map_or(Value::Absent, Value::Bytes);
    }

    /// True if the entry's value has to be put aside before it changes.
    fn unsaved(&self, index: usize) -> bool {
        self.transactions
            .last()
            .is_some_and(|transaction| transaction.id != self.entries[index].saved_in)
    }

    /// A new value.
    pub(super) fn replace(&mut self, index: usize, value: Value, origin: Origin) {
        self.generation += 1;
        let id = self.transactions.last().map_or(0, |transaction| transaction.id);
        let unsaved = self.unsaved(index);
        let entry = &mut self.entries[index];
        if !entry.listed {
            entry.listed = true;
            self.changed.push(index);
        }
        let previous = std::mem::replace(&mut entry.value, value);
        if unsaved {
            let undo = Undo::Whole {
                index,
                value: previous,
                origin: entry.origin,
            };
            self.journal.push(undo);
            entry.saved_in = id;
        }
        entry.origin = origin;
    }

    /// As [`replace`](Self::replace) with the bytes `value`, into the memory of the old value where that is free.
    pub(super) fn set(&mut self, index: usize, value: &[u8]) {
        if !self.unsaved(index) {
            let entry = &mut self.entries[index];
            if let (Value::Bytes(bytes), Origin::Own) = (&mut entry.value, entry.origin)
                && let Some(place) = Arc::get_mut(bytes)
                && place.len() == value.len()
            {
                place.copy_from_slice(value);
                self.generation += 1;
                return;
            }
        }
        self.replace(index, Value::Bytes(value.into()), Origin::Own);
    }

    /// Appends to an entry that already is a vector; false, and nothing done, if it is not or is full.
    pub(super) fn push(&mut self, index: usize, item: &[u8]) -> bool {
        let unsaved = self.unsaved(index);
        let Value::Vector(vector) = &mut self.entries[index].value else {
            return false;
        };
        let length = vector.length();
        if !vector.push(item) {
            return false;
        }
        if unsaved {
            self.journal.push(Undo::Appended { index, length });
        }
        self.generation += 1;
        true
    }

    pub(super) fn depth(&self) -> usize {
        self.transactions.len()
    }

    pub(super) fn begin(&mut self) {
        self.last_id += 1;
        self.transactions.push(Transaction {
            id: self.last_id,
            journal_start: self.journal.len(),
        });
    }

    /// Keeps the innermost transaction; false if there is none.
    pub(super) fn commit(&mut self) -> bool {
        let closed = self.transactions.pop().is_some();
        if self.transactions.is_empty() {
            self.journal.clear();
        }
        closed
    }

    /// Undoes the innermost transaction; false if there is none.
    pub(super) fn rollback(&mut self) -> bool {
        let Some(transaction) = self.transactions.pop() else {
            return false;
        };
        for undo in self.journal.drain(transaction.journal_start..).rev() {
            self.generation += 1;
            match undo {
                Undo::Whole { index, value, origin } => {
                    let entry = &mut self.entries[index];
                    entry.value = value;
                    entry.origin = origin;
                }
                Undo::Appended { index, length } => {
                    if let Value::Vector(vector) = &mut self.entries[index].value {
                        vector.truncate(length);
                    }
                }
            }
        }
        true
    }
}
