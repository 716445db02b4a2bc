//! After a process that did not end as it should: whether the last blocks are whole.

use crate::{
    columns::Column,
    database::{Database, meta},
    error::DbError,
    raw::Raw,
};
use quids_core::{Hash, Height};
use quids_state::StateStore;
use rocksdb::WriteBatch;
use std::sync::atomic::Ordering;

/// How many blocks are looked at,
const BLOCKS_MAX: u32 = 64;
/// and, whatever the blocks are like, no more entries than this: some seconds on a slow disk.
const ENTRIES_MAX: usize = 100_000;

/// Takes away the mark that [`Database`] leaves when it is closed; whether it was there.
pub(crate) fn was_closed(raw: &Raw) -> Result<bool, DbError> {
    let is_closed = match raw.checked(Column::Meta, meta::CLOSED) {
        Ok(None) => return Ok(false),
        Ok(Some(_)) => true,
        Err(DbError::Damaged { .. }) => false,
        Err(error) => return Err(error),
    };
    let mut batch = WriteBatch::default();
    raw.delete(&mut batch, Column::Meta, meta::CLOSED)?;
    raw.write(batch)?;
    raw.sync()?;
    Ok(is_closed)
}

impl Drop for Database {
    fn drop(&mut self) {
        // What was not looked at after an unclean stop still has to be.
        if self.writer.get_mut().is_some() || !*self.is_tail_whole.get_mut() {
            return;
        }
        // Without the mark the next process looks at the last blocks: no harm.
        let mut batch = WriteBatch::default();
        let put = self.raw.put_checked(&mut batch, Column::Meta, meta::CLOSED, &[]);
        let _ = put.and_then(|()| self.raw.write(batch)).and_then(|()| self.raw.sync());
    }
}

impl Database {
    /// Whether the end of the chain is known to be whole: the process that had the database open before closed it, or it was
    /// checked since. Where not, [`Self::check_tail`] is due.
    pub fn is_tail_whole(&self) -> bool {
        self.is_tail_whole.load(Ordering::SeqCst)
    }

    /// Reads the last blocks, from the last one down: that they are linked and numbered; bodies; what they did in the EVM and
    /// where its transactions are found; what they replaced and the rows that find it; the entries and branches of the state
    /// that they changed. At most 64 blocks, and no further one after 100 000 entries; how many blocks it was. What others
    /// of the client keep, and logs and their index, it leaves out.
    ///
    /// The error names the first entry that is damaged or missing; [`Self::verify`] finds all of them.
    pub fn check_tail(&self) -> Result<u32, DbError> {
        let (mut height, mut hash) = self.best()?;
        let first = self.first_block()?;
        let (mut blocks, mut entries) = (0, 0);
        loop {
            let (parent, read) = self.check_block(height, hash)?;
            (blocks, entries) = (blocks + 1, entries + read);
            let Some(below) = height.0.checked_sub(1) else { break };
            if height == first || blocks == BLOCKS_MAX || entries >= ENTRIES_MAX {
                break;
            }
            (height, hash) = (Height(below), parent);
        }
        self.is_tail_whole.store(true, Ordering::SeqCst);
        Ok(blocks)
    }

    /// Reads all that a block wrote; its parent, and how many entries that is.
    fn check_block(&self, height: Height, hash: Hash) -> Result<(Hash, usize), DbError> {
        let header = present(self.header(&hash)?, Column::Headers, hash.as_bytes())?;
        if header.number != height {
            let reason = format!("it is block {}, not {height}", header.number);
            return Err(DbError::damaged(Column::Headers, hash.as_bytes(), reason));
        }
        let number = height.0.to_be_bytes();
        let numbered = present(self.hash_at(height)?, Column::Numbers, &number)?;
        if numbered != hash {
            let reason = format!("it names {numbered:?}, the chain has {hash:?}");
            return Err(DbError::damaged(Column::Numbers, &number, reason));
        }
        if self.is_of_headers() {
            if height > Height::ZERO {
                present(self.justification(&hash)?, Column::Justifications, hash.as_bytes())?;
            }
            return Ok((header.parent_hash, 2));
        }
        let body = present(self.get_block_transactions(&hash)?, Column::Bodies, hash.as_bytes())?;
        let mut entries = body.len();
        for transaction in self.evm_block(&hash)?.iter().flat_map(|evm| &evm.transactions) {
            let key = transaction.hash.as_bytes();
            present(
                self.raw.checked(Column::EvmTransactions, key)?,
                Column::EvmTransactions,
                key,
            )?;
            entries += 1;
        }
        if height > self.oldest() {
            let diff = self.diff(height)?;
            for entry in diff.entries() {
                let row = entry.row(height);
                present(self.raw.checked(Column::Changes, &row)?, Column::Changes, &row)?;
                match entry {
                    crate::state::Entry::Key(key) => self.raw.checked(Column::State, key)?,
                    crate::state::Entry::Address(address) => self.raw.checked(Column::Branches, address)?,
                };
                entries += 1;
            }
        }
        Ok((header.parent_hash, entries))
    }
}

fn present<T>(found: Option<T>, column: Column, key: &[u8]) -> Result<T, DbError> {
    found.ok_or_else(|| DbError::damaged(column, key, "it is missing"))
}
