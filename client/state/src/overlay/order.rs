//! The overlay's keys in order, merged with the backend's. The order is built when it is first asked for and
//! caught up with afterwards, so blocks that never iterate do not pay for it.

use super::{
    Overlay,
    entries::{Entries, Origin},
};
use crate::{BackendError, StateBackend};
use std::{collections::BTreeMap, ops::Bound, sync::Arc};

/// Changed keys in order; entries that were undone since are skipped by the reader.
#[derive(Default, Debug)]
pub(super) struct Order {
    by_key: BTreeMap<Arc<[u8]>, usize>,
    /// How many of the changed entries are in `by_key`.
    taken: usize,
}

impl Order {
    fn catch_up(&mut self, entries: &Entries) {
        let new = entries.changed_since(self.taken);
        self.taken += new.len();
        self.by_key
            .extend(new.iter().map(|index| (entries.key(*index).clone(), *index)));
    }
}

impl<B: StateBackend> Overlay<B> {
    /// The smallest key with a value that is greater than `key`.
    pub(super) fn key_after(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        self.order.catch_up(&self.entries);
        let after = (Bound::Excluded(key), Bound::Unbounded);
        let changed = self.order.by_key.range::<[u8], _>(after);
        let mut changed = changed.filter(|(_, index)| self.entries.origin(**index) != Origin::Below);
        let mut own = changed.next();
        let mut below = self.backend.next_key(key)?;
        // Both run upwards; the smaller is next. `own` is the first changed key from here on, so a smaller key of
        // the backend is unchanged, and one that is equal is shadowed.
        loop {
            match (own, below) {
                (None, None) => return Ok(None),
                (None, Some(below)) => return Ok(Some(below)),
                (Some((own, _)), Some(below)) if *below < **own => return Ok(Some(below)),
                (Some((key, index)), shadowed) => {
                    if self.entries.value(*index).bytes().is_some() {
                        return Ok(Some(key.to_vec()));
                    }
                    below = match shadowed {
                        Some(below) if *below == **key => self.backend.next_key(&below)?,
                        other => other,
                    };
                    own = changed.next();
                }
            }
        }
    }
}
