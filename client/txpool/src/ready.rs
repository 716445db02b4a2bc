//! The order in which an author takes transactions: a provider before what requires it, then by priority, then by
//! arrival.

use crate::{Transaction, index::Index};
use quids_core::Hash;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Iterator over the ready transactions; see [`crate::Pool::ready`].
#[derive(Debug)]
pub struct Ready<'a> {
    index: &'a Index,
    /// Requirements not yielded yet, of those that have any.
    missing: BTreeMap<Hash, usize>,
    /// Nothing missing: (priority, earliest arrival).
    next: BinaryHeap<(u64, Reverse<u64>, Hash)>,
}

impl<'a> Ready<'a> {
    pub(crate) fn new(index: &'a Index) -> Self {
        let mut missing = BTreeMap::new();
        let mut next = Vec::new();
        for entry in index.entries().filter(|entry| entry.ready) {
            let transaction = &entry.transaction;
            match transaction.requires.len() {
                0 => next.push(rank(transaction)),
                count => {
                    missing.insert(transaction.hash, count);
                }
            }
        }
        Self {
            index,
            missing,
            next: next.into(),
        }
    }
}

fn rank(transaction: &Transaction) -> (u64, Reverse<u64>, Hash) {
    (transaction.priority, Reverse(transaction.arrival), transaction.hash)
}

impl<'a> Iterator for Ready<'a> {
    type Item = &'a Transaction;

    fn next(&mut self) -> Option<&'a Transaction> {
        let (_, _, hash) = self.next.pop()?;
        let transaction = &self.index.get(&hash)?.transaction;
        for requirer in transaction.provides.iter().flat_map(|tag| self.index.requirers(tag)) {
            if let Some(count) = self.missing.get_mut(&requirer) {
                *count -= 1;
                if *count == 0 {
                    self.missing.remove(&requirer);
                    let entry = self.index.get(&requirer)?;
                    self.next.push(rank(&entry.transaction));
                }
            }
        }
        Some(transaction)
    }
}
