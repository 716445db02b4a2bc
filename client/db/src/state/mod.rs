//! The state: the latest one flat, the branches of its trie by address, and for each block what it replaced.

mod cache;
mod diff;

pub use cache::{CacheFigures, Packed, StateCache};
#[cfg(test)]
pub use diff::Replaced;
pub use diff::{Diff, Entry, Past, unpatch};

use crate::{
    columns::Column,
    crash::crash_point,
    database::{Database, decode, meta},
    error::DbError,
    raw::{CHECKSUM_LEN, Raw, checksum},
};
use codec::Encode;
use parking_lot::RwLock;
use quids_core::Height;
use quids_state::{Address, BackendError, Bytes, Commit, KeyValue, NodeChange, OldNode, StateStore, Tip};
use rocksdb::{DBRawIterator, WriteBatch};
use std::{
    hash::BuildHasher,
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

/// The most that one block prunes, where more is due because the node was told to keep less.
const PRUNED_AT_ONCE_MAX: u32 = 16;

/// A branch that a block replaces is kept whole once in so many times, by chance, else by where it differs from the next: to
/// find it as it was at some height takes about as many steps, and nobody can choose blocks that make it many more.
const WHOLE_ONE_IN: u64 = 16;

/// Which branches of the past are kept whole.
#[derive(Debug, Default)]
pub struct Chance(foldhash::quality::RandomState);

impl Chance {
    fn is_whole(&self, address: &[u8], height: Height) -> bool {
        self.0.hash_one((address, height.0)).is_multiple_of(WHOLE_ONE_IN)
    }
}

/// What is pruned at once on demand goes in batches of about this size.
const PRUNED_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of the height at the end of a row.
const HEIGHT_LEN: usize = 4;

/// A genesis state is written ahead of its block in batches of about this size.
const GENESIS_BATCH_BYTES: usize = 16 * 1024 * 1024;

/// The bit of a packed tip that says so.
const SETTLING: u64 = 1 << 32;

/// Which state the columns have, for those who read while it changes.
#[derive(Debug, Default)]
pub struct StateTip {
    /// Epoch from the 34th bit on, [`SETTLING`], height.
    tip: AtomicU64,
    oldest: AtomicU32,
    /// Odd while a commit is under way: what is read then may be of before or after.
    version: RwLock<u64>,
}

impl StateTip {
    pub fn new(height: Height, oldest: Height) -> Self {
        Self {
            tip: AtomicU64::new(u64::from(height.0)),
            oldest: AtomicU32::new(oldest.0),
            version: RwLock::new(0),
        }
    }

    fn get(&self) -> Tip {
        let packed = self.tip.load(Ordering::SeqCst);
        Tip {
            epoch: (packed >> 33) as u32,
            height: Height(packed as u32),
            is_settling: packed & SETTLING != 0,
        }
    }

    fn set(&self, tip: Tip) {
        let settling = if tip.is_settling { SETTLING } else { 0 };
        let packed = u64::from(tip.epoch) << 33 | settling | u64::from(tip.height.0);
        self.tip.store(packed, Ordering::SeqCst);
    }

    /// Before anything of a commit can be written. Whether heights mean other blocks from now on.
    pub fn begin(&self, tip: Tip, oldest: Height) -> bool {
        let mut version = self.version.write();
        *version = version.wrapping_add(1);
        let is_other = self.get().epoch != tip.epoch;
        self.set(Tip {
            is_settling: true,
            ..tip
        });
        self.oldest.store(oldest.0, Ordering::SeqCst);
        is_other
    }

    /// When all of it can be seen, in caches too.
    pub fn end(&self) {
        let mut version = self.version.write();
        *version = version.wrapping_add(1);
        let tip = self.get();
        self.set(Tip {
            epoch: tip.epoch.wrapping_add(u32::from(tip.is_going_back())),
            is_settling: false,
            ..tip
        });
    }

    fn version(&self) -> u64 {
        *self.version.read()
    }

    /// Remembers what was read at a version, unless a commit may have changed it since.
    fn if_still(&self, version: u64, remember: impl FnOnce()) {
        let now = self.version.read();
        if version.is_multiple_of(2) && *now == version {
            remember();
        }
    }

    pub fn at(&self, height: Height) -> Tip {
        Tip { height, ..self.get() }
    }

    /// While blocks are taken back to this height: no view can be made. After that another epoch begins.
    pub fn going_back_to(&self, height: Height) -> Tip {
        let tip = self.get();
        Tip {
            epoch: tip.epoch.wrapping_add(1),
            height,
            ..tip
        }
    }
}

impl Database {
    /// How the cache of the state's values does.
    pub fn value_cache(&self) -> CacheFigures {
        self.states.figures()
    }

    /// Puts a block's state into its batch, and what it replaced.
    pub(crate) fn put_state(&self, batch: &mut WriteBatch, height: Height, commit: &Commit) -> Result<(), DbError> {
        let nodes = by_address(commit);
        let ((put, rows), (diff, encoded, packed)) = rayon::join(
            || {
                rayon::join(
                    || self.put_latest(batch, commit, &nodes),
                    || rows(commit, &nodes, height).collect::<Vec<_>>(),
                )
            },
            || {
                let diff = Diff::of(commit, &nodes, |address| self.chance.is_whole(address, height));
                let mut encoded = Vec::with_capacity(diff.size());
                diff.encode_to(&mut encoded);
                let packed = Packed::of(&encoded);
                (diff, encoded, packed)
            },
        );
        put?;
        for (row, sum) in rows {
            self.raw.put(batch, Column::Changes, &row, &sum)?;
        }
        self.raw
            .put_checked(batch, Column::Diffs, &height.0.to_be_bytes(), &encoded)?;
        self.states.remember(height, Arc::new(diff), packed);
        Ok(())
    }

    /// The latest layer alone.
    fn put_latest(&self, batch: &mut WriteBatch, commit: &Commit, nodes: &[ByAddress<'_>]) -> Result<(), DbError> {
        for change in &commit.values {
            self.put_or_delete(batch, Column::State, &change.key, change.new.as_deref())?;
        }
        for (address, change) in nodes {
            let is_stored = change.new.is_some() || matches!(change.old, Some(OldNode::Branch(_)));
            if is_stored {
                let branch = change.new.as_ref().map(|branch| &*branch.bytes);
                self.put_or_delete(batch, Column::Branches, address, branch)?;
            }
        }
        Ok(())
    }

    fn put_or_delete(
        &self,
        batch: &mut WriteBatch,
        column: Column,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), DbError> {
        match value {
            Some(value) => self.raw.put_checked(batch, column, key, value),
            None => self.raw.delete(batch, column, key),
        }
    }

    /// Writes the state of block 0 ahead of it, in place of what an interrupted attempt may have left.
    pub(crate) fn write_genesis_state(&self, commit: &Commit) -> Result<(), DbError> {
        for column in [Column::State, Column::Branches] {
            self.raw.clear(column)?;
        }
        let mut batch = WriteBatch::default();
        let write = |batch: &mut WriteBatch| {
            if batch.size_in_bytes() < GENESIS_BATCH_BYTES {
                return Ok(());
            }
            self.raw.write(std::mem::take(batch))
        };
        for change in &commit.values {
            self.put_or_delete(&mut batch, Column::State, &change.key, change.new.as_deref())?;
            write(&mut batch)?;
        }
        for change in &commit.nodes {
            if let Some(branch) = &change.new {
                self.raw
                    .put_checked(&mut batch, Column::Branches, &change.address.encode(), &branch.bytes)?;
                write(&mut batch)?;
            }
        }
        self.raw.write(batch)
    }

    /// As [`Self::put_state`], to go back to the state at `height` from that at `from`: the commit that leads there. What the
    /// blocks above replaced goes.
    pub(crate) fn put_state_back(
        &self,
        batch: &mut WriteBatch,
        commit: &Commit,
        (height, from): (Height, Height),
    ) -> Result<(), DbError> {
        self.put_latest(batch, commit, &by_address(commit))?;
        for above in (height.0.saturating_add(1)..=from.0).map(Height) {
            self.delete_diff(batch, above)?;
        }
        Ok(())
    }

    /// As part of the batch of the block at `height`, takes out what no state that is kept needs; the least height whose
    /// state can be read from then on.
    pub(crate) fn prune(&self, batch: &mut WriteBatch, height: Height) -> Result<Height, DbError> {
        let oldest = self.oldest();
        let Some(kept) = self.states_kept else {
            return Ok(oldest);
        };
        // What this block replaces is not there yet.
        let due = height.0.saturating_sub(kept.max(1));
        let until = Height(due.min(oldest.0.saturating_add(PRUNED_AT_ONCE_MAX)));
        if until <= oldest {
            return Ok(oldest);
        }
        for pruned in (oldest.0.saturating_add(1)..=until.0).map(Height) {
            self.delete_diff_of_no_use(batch, pruned)?;
        }
        self.put_oldest(batch, until)?;
        Ok(until)
    }

    pub(crate) fn put_oldest(&self, batch: &mut WriteBatch, oldest: Height) -> Result<(), DbError> {
        self.raw
            .put_checked(batch, Column::Meta, meta::OLDEST_STATE, &oldest.encode())
    }

    /// Gives up the states of all but so many blocks before the last one, in batches, the oldest first; how many states that
    /// is. Readers and the writer go on in between.
    ///
    /// Errors: a failed write, after which the database refuses to write.
    pub fn prune_to(&self, states: u32) -> Result<u32, DbError> {
        let first = self.oldest();
        let mut pruned = 0;
        loop {
            let mut stopped = self.writer.lock();
            if let Some(reason) = &*stopped {
                return Err(DbError::Stopped(reason.clone()));
            }
            let until = self.best()?.0.saturating_sub(Height(states.max(1)));
            let (mut batch, mut reached) = (WriteBatch::default(), self.oldest());
            while reached < until && batch.size_in_bytes() < PRUNED_BATCH_BYTES {
                reached = Height(reached.0.saturating_add(1));
                self.delete_diff_of_no_use(&mut batch, reached)?;
            }
            if reached == self.oldest() {
                break;
            }
            self.put_oldest(&mut batch, reached)?;
            // Who reads a state that goes looks at this afterwards.
            self.state_tip.oldest.store(reached.0, Ordering::SeqCst);
            let written = self.raw.write(batch).and_then(|()| {
                crash_point("db-pruned");
                self.raw.sync()
            });
            written.inspect_err(|error| *stopped = Some(error.to_string()))?;
            pruned = reached.0.saturating_sub(first.0);
        }
        Ok(pruned)
    }

    /// Gives up the states before this height, in one batch: what led back to them goes, damaged or not.
    pub(crate) fn forget_diffs_until(&self, height: Height) -> Result<(), DbError> {
        let mut batch = WriteBatch::default();
        let end = height.0.checked_add(1).map(|end| end.to_be_bytes().to_vec());
        let mut diffs = self.raw.iterator_until(Column::Diffs, end)?;
        diffs.seek_to_first();
        while let Some(key) = current(&diffs, Column::Diffs)? {
            self.raw.delete(&mut batch, Column::Diffs, key)?;
            diffs.next();
        }
        let oldest = self.oldest().max(height);
        self.put_oldest(&mut batch, oldest)?;
        self.raw.write(batch)?;
        self.oldest_is(oldest);
        Ok(())
    }

    /// From now on the least height whose state can be read. Nobody else reads or writes.
    pub(crate) fn oldest_is(&self, oldest: Height) {
        self.state_tip.begin(self.state_tip.get(), oldest);
        self.states.forget_diffs();
        self.state_tip.end();
    }

    /// As [`Self::delete_diff`], of one that nobody reads any more: if it is damaged, that must not stop the chain. Its rows
    /// stay, below all that is looked for.
    fn delete_diff_of_no_use(&self, batch: &mut WriteBatch, height: Height) -> Result<(), DbError> {
        match self.delete_diff(batch, height) {
            Err(DbError::Damaged { .. }) => self.raw.delete(batch, Column::Diffs, &height.0.to_be_bytes()),
            deleted => deleted,
        }
    }

    /// Takes out what a block replaced.
    pub(crate) fn delete_diff(&self, batch: &mut WriteBatch, height: Height) -> Result<(), DbError> {
        let (diff, _) = self.read_diff(height)?;
        for entry in diff.entries() {
            self.raw.delete(batch, Column::Changes, &entry.row(height))?;
        }
        self.raw.delete(batch, Column::Diffs, &height.0.to_be_bytes())
    }

    /// What the block at `height` replaced. That it is there is for the caller to know.
    pub(crate) fn diff(&self, height: Height) -> Result<Arc<Diff>, DbError> {
        if let Some(diff) = self.states.diff(height) {
            return Ok(diff);
        }
        let version = self.state_tip.version();
        let (diff, packed) = match self.states.packed(height) {
            Some(unpacked) => unpacked,
            None => {
                let (diff, encoded) = self.read_diff(height)?;
                (Arc::new(diff), Packed::of(&encoded))
            }
        };
        self.state_tip
            .if_still(version, || self.states.remember(height, diff.clone(), packed));
        Ok(diff)
    }

    /// As [`Self::diff`], from the disk and for nobody else; with its SCALE.
    fn read_diff(&self, height: Height) -> Result<(Diff, Vec<u8>), DbError> {
        let key = height.0.to_be_bytes();
        let damaged = |reason: &str| DbError::damaged(Column::Diffs, &key, reason);
        let bytes = self.raw.checked(Column::Diffs, &key)?;
        let bytes = bytes.ok_or_else(|| damaged("it is missing"))?;
        let diff: Diff = decode(Column::Diffs, &key, &bytes)?;
        if !diff.is_sorted() {
            return Err(damaged("it is out of order"));
        }
        Ok((diff, bytes))
    }

    /// Walks the latest entries from `from` on that begin with `prefix`, as long as `visit` says to.
    fn for_latest(
        &self,
        from: Bound<&[u8]>,
        prefix: &[u8],
        mut visit: impl FnMut(&[u8], Vec<u8>) -> bool,
    ) -> Result<(), DbError> {
        let (start, excluded) = match from {
            Bound::Included(start) => (start, None),
            Bound::Excluded(start) => (start, Some(start)),
            Bound::Unbounded => (&[][..], None),
        };
        let mut rows = self.raw.iterator_until(Column::State, after_all(prefix))?;
        rows.seek(start.max(prefix));
        while let Some(key) = current(&rows, Column::State)? {
            let value = Raw::verified(Column::State, key, rows.value().unwrap_or_default())?;
            if Some(key) != excluded && !visit(key, value) {
                break;
            }
            rows.next();
        }
        Ok(())
    }

    /// The first block above `height` that changed an entry, and its diff.
    fn diff_after(&self, entry: Entry<'_>, height: Height) -> Result<Option<(Height, Arc<Diff>)>, DbError> {
        let Some(next) = height.next() else { return Ok(None) };
        // Rows of other names, and what pruning left of them, are not looked at.
        let end = [&entry.prefix()[..], &[0xff; HEIGHT_LEN + 1]].concat();
        let mut rows = self.raw.iterator_until(Column::Changes, Some(end))?;
        rows.seek(entry.row(next));
        let Some(row) = current(&rows, Column::Changes)? else {
            return Ok(None);
        };
        let sum = rows.value().unwrap_or_default();
        Raw::verified(Column::Changes, row, sum)?;
        let height = row.last_chunk().copied().map(u32::from_be_bytes);
        let height = height.ok_or_else(|| DbError::damaged(Column::Changes, row, "it names no height"))?;
        match self.diff(Height(height)) {
            // Pruned or taken back since; whoever reads finds out.
            Err(DbError::Damaged { .. }) if self.raw.read(Column::Changes, row)?.is_none() => Ok(None),
            diff => diff.map(|diff| Some((Height(height), diff))),
        }
    }
}

/// About the bytes that a commit puts into a batch, with what it replaces.
pub fn state_bytes(commit: &Commit) -> usize {
    // Of a row, with its sum.
    const ENTRY: usize = 64;
    let values = commit.values.iter().map(|change| {
        let [old, new] = [change.old.as_deref(), change.new.as_deref()].map(|value| value.map_or(0, <[u8]>::len));
        3 * (ENTRY + change.key.len()) + old + new
    });
    let nodes = commit.nodes.iter().map(|change| {
        let new = change.new.as_ref().map_or(0, |branch| branch.bytes.len());
        let old = match &change.old {
            Some(OldNode::Branch(bytes)) => bytes.len(),
            Some(OldNode::Leaf(key)) => key.len(),
            None => 0,
        };
        3 * ENTRY + old + new
    });
    values.sum::<usize>() + nodes.sum::<usize>()
}

/// The rows that find what a commit replaced, each with its sum, for it has no value.
fn rows<'a>(
    commit: &'a Commit,
    nodes: &'a [ByAddress<'_>],
    height: Height,
) -> impl Iterator<Item = (Vec<u8>, [u8; CHECKSUM_LEN])> + 'a {
    let keys = commit.values.iter().map(|change| Entry::Key(&change.key));
    let nodes = nodes.iter().filter(|(_, change)| change.old.is_some());
    let entries = keys.chain(nodes.map(|(address, _)| Entry::Address(address)));
    entries.map(move |entry| {
        let row = entry.row(height);
        let sum = checksum(Column::Changes, &row, &[]);
        (row, sum)
    })
}

/// A node that a commit changes, and its encoded address.
type ByAddress<'a> = (Vec<u8>, &'a NodeChange);

/// In the order in which they are stored: neighbours are written together.
fn by_address(commit: &Commit) -> Vec<ByAddress<'_>> {
    let nodes = commit.nodes.iter();
    let mut nodes: Vec<_> = nodes.map(|change| (change.address.encode(), change)).collect();
    nodes.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    nodes
}

/// The least key above all that begin with a prefix; `None` if there is none such.
fn after_all(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix.get(..=last)?.to_vec();
    if let Some(byte) = end.last_mut() {
        *byte = byte.wrapping_add(1);
    }
    Some(end)
}

/// The key that an iterator is at.
fn current<'a>(rows: &'a DBRawIterator<'_>, column: Column) -> Result<Option<&'a [u8]>, DbError> {
    match rows.key() {
        Some(key) => Ok(Some(key)),
        None => Raw::ended(rows, column).map(|()| None),
    }
}

impl StateStore for Database {
    fn tip(&self) -> Tip {
        self.state_tip.get()
    }

    fn oldest(&self) -> Height {
        Height(self.state_tip.oldest.load(Ordering::SeqCst))
    }

    fn latest(&self, key: &[u8]) -> Result<Option<Bytes>, BackendError> {
        if let Some(value) = self.states.value(key) {
            return Ok(value);
        }
        let version = self.state_tip.version();
        let value: Option<Bytes> = self.raw.checked(Column::State, key)?.map(Into::into);
        self.state_tip.if_still(version, || self.states.put(key, value.clone()));
        Ok(value)
    }

    fn latest_keys(&self, from: Bound<&[u8]>, prefix: &[u8], limit: usize) -> Result<Vec<Vec<u8>>, BackendError> {
        let mut keys = Vec::new();
        if limit > 0 {
            self.for_latest(from, prefix, |key, _| {
                keys.push(key.to_vec());
                keys.len() < limit
            })?;
        }
        Ok(keys)
    }

    fn latest_entries(
        &self,
        from: Bound<&[u8]>,
        prefix: &[u8],
        bytes_max: usize,
    ) -> Result<Vec<KeyValue>, BackendError> {
        let mut left = bytes_max;
        let mut entries = Vec::new();
        self.for_latest(from, prefix, |key, value| {
            left = left.saturating_sub(key.len() + value.len());
            entries.push((key.to_vec(), value));
            left > 0
        })?;
        Ok(entries)
    }

    fn latest_branch(&self, address: &Address) -> Result<Option<Bytes>, BackendError> {
        Ok(self.raw.checked(Column::Branches, &address.encode())?.map(Into::into))
    }

    fn value_before(&self, key: &[u8], height: Height) -> Result<Option<Option<Bytes>>, BackendError> {
        let diff = self.diff_after(Entry::Key(key), height)?;
        Ok(diff.and_then(|(_, diff)| diff.value(key)))
    }

    fn node_before(&self, address: &Address, height: Height) -> Result<Option<OldNode>, BackendError> {
        let address = address.encode();
        // The runs alone: the diffs may be many, and large.
        let mut patched = Vec::new();
        let mut above = height;
        let mut node = loop {
            let Some((height, diff)) = self.diff_after(Entry::Address(&address), above)? else {
                if patched.is_empty() {
                    return Ok(None);
                }
                break self.raw.checked(Column::Branches, &address)?.unwrap_or_default();
            };
            match diff.node(&address) {
                Some(Past::Patched(runs)) => patched.push(runs.to_vec()),
                Some(Past::Whole(OldNode::Branch(bytes))) => break bytes.to_vec(),
                Some(Past::Whole(leaf)) if patched.is_empty() => return Ok(Some(leaf)),
                _ => return Ok(None),
            }
            above = height;
        };
        for runs in patched.iter().rev() {
            // What does not fit was taken back or replaced since, or is damaged: whoever reads compares its hash.
            if unpatch(&mut node, runs).is_none() {
                return Ok(None);
            }
        }
        Ok(Some(OldNode::Branch(node.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the secret: heights that follow one another are as good as any.
    #[test]
    fn no_branch_goes_long_without_being_kept_whole() {
        const HEIGHTS: u32 = 20_000;
        for address in [&[][..], &[0x12, 0x30], &[7; 30]] {
            let chance = Chance::default();
            let whole: Vec<u32> = (0..HEIGHTS)
                .filter(|height| chance.is_whole(address, Height(*height)))
                .collect();
            let longest = whole.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            // Longer than 500 once in 10^10 times.
            assert!(longest < 500, "{longest}");
            assert!((1000..1500).contains(&whole.len()), "{}", whole.len());
        }
    }
}
