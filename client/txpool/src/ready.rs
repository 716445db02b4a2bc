//! The order in which an author takes transactions: a provider before what requires it, then by priority, then by
//! arrival. What is yielded costs, what is not does not.

use crate::{
    Transaction,
    index::{Entry, Id, Index},
    orders::HeadKey,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, btree_set};
use std::iter::Peekable;

/// Iterator over the ready transactions; see [`crate::Pool::ready`].
#[derive(Debug)]
pub struct Ready<'a> {
    index: &'a Index,
    /// The code whose verdicts count.
    epoch: u32,
    /// Those that require nothing.
    heads: Peekable<btree_set::Range<'a, HeadKey>>,
    /// Those whose every requirement was yielded.
    freed: BinaryHeap<(u64, Reverse<Id>)>,
    /// Requirements not yielded yet, of those with some that were.
    missing: BTreeMap<Id, usize>,
}

impl<'a> Ready<'a> {
    pub(crate) fn new(index: &'a Index, epoch: u32) -> Self {
        let (first, last) = (
            (Reverse(epoch), Reverse(u64::MAX), Id::MIN),
            (Reverse(epoch), Reverse(u64::MIN), Id::MAX),
        );
        Self {
            index,
            epoch,
            heads: index.orders.heads.range(first..=last).peekable(),
            freed: BinaryHeap::new(),
            missing: BTreeMap::new(),
        }
    }

    fn next_id(&mut self) -> Option<Id> {
        let head = self
            .heads
            .peek()
            .map(|(_, Reverse(priority), id)| (*priority, Reverse(*id)));
        if head > self.freed.peek().copied() {
            self.heads.next().map(|(_, _, id)| *id)
        } else {
            self.freed.pop().map(|(_, Reverse(id))| id)
        }
    }

    fn free(&mut self, requirer: &Entry) {
        let transaction = &requirer.transaction;
        if !requirer.ready || transaction.epoch != self.epoch {
            return;
        }
        let id = transaction.arrival;
        let missing = self.missing.entry(id).or_insert(transaction.requires.len());
        *missing = missing.saturating_sub(1);
        if *missing == 0 {
            self.missing.remove(&id);
            self.freed.push((transaction.priority, Reverse(id)));
        }
    }
}

impl<'a> Iterator for Ready<'a> {
    type Item = &'a Transaction;

    fn next(&mut self) -> Option<&'a Transaction> {
        let id = self.next_id()?;
        let index = self.index;
        let transaction = &index.get(id)?.transaction;
        for requirer in transaction.provides.iter().flat_map(|tag| index.requirers(tag)) {
            self.free(requirer);
        }
        Some(transaction)
    }
}
