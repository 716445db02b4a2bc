//! Transactions that turned invalid a moment ago: refused for some blocks without asking the runtime.

use crate::Limits;
use quids_core::{Hash, Height};
use std::collections::{BTreeMap, BTreeSet};

/// At most [`Limits::BANS_MAX`] hashes, each until a height.
#[derive(Debug, Default)]
pub struct Bans {
    until: BTreeMap<Hash, Height>,
    /// The same, the first to end first.
    order: BTreeSet<(Height, Hash)>,
}

impl Bans {
    /// Refuses `hash` up to the block `until`; a ban that ends sooner makes room.
    pub fn add(&mut self, hash: Hash, until: Height) {
        if let Some(before) = self.until.insert(hash, until) {
            self.order.remove(&(before, hash));
        }
        self.order.insert((until, hash));
        if self.order.len() > Limits::BANS_MAX {
            self.pop_first();
        }
    }

    /// Ends what ends at `height`.
    pub fn end(&mut self, height: Height) {
        while self.order.first().is_some_and(|(until, _)| *until <= height) {
            self.pop_first();
        }
    }

    /// Until when the hash is refused.
    pub fn until(&self, hash: &Hash) -> Option<Height> {
        self.until.get(hash).copied()
    }

    pub fn len(&self) -> usize {
        self.until.len()
    }

    fn pop_first(&mut self) {
        if let Some((_, hash)) = self.order.pop_first() {
            self.until.remove(&hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bans_end_and_their_number_is_bounded() {
        let mut bans = Bans::default();
        let hash = |n: usize| crate::hash_of(&n.to_le_bytes());
        for n in 0..Limits::BANS_MAX + 10 {
            bans.add(hash(n), Height(1000 + n as u32));
        }
        assert_eq!(
            (bans.until.len(), bans.order.len()),
            (Limits::BANS_MAX, Limits::BANS_MAX)
        );
        assert_eq!(
            (bans.until(&hash(9)), bans.until(&hash(10))),
            (None, Some(Height(1010)))
        );
        // Again: the later end holds.
        bans.add(hash(10), Height(1_000_000));
        bans.end(Height(1011));
        assert_eq!(
            (bans.until(&hash(11)), bans.until(&hash(10))),
            (None, Some(Height(1_000_000)))
        );
        bans.end(Height(1_000_000));
        assert!(bans.until.is_empty() && bans.order.is_empty());
    }
}
