//! The journal of consensus: what a member said and heard at the heights that are not final yet, so that after a crash it says
//! the same again.
//!
//! Key: height, u32 big-endian; place among the entries of that height, u32 big-endian. A block takes the entries of its height
//! with it, in its own batch.

use crate::{
    columns::Column,
    database::Database,
    error::{DbError, hex},
    raw::Raw,
};
use quids_core::Height;
use rocksdb::WriteBatch;
use std::sync::Arc;

/// The most entries of one height: of what is more, a member would not get through a restart.
const ENTRIES_MAX: u32 = 1 << 20;

/// Takes an entry as it is stored: key and bytes.
type Row<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), DbError> + 'a;

/// Writes and reads the journal. There is one at a time.
#[derive(Debug)]
pub struct Journal {
    db: Arc<Database>,
    /// Where the next entry of the height goes that was written to last.
    next: Option<(Height, u32)>,
}

impl Journal {
    pub fn new(db: Arc<Database>) -> Self {
        Self { db, next: None }
    }

    /// Adds an entry after those of this height. It outlives the process, and a power cut after [`Journal::sync`].
    pub fn append(&mut self, height: Height, entry: &[u8]) -> Result<(), DbError> {
        let place = match self.next {
            Some((last, next)) if last == height => next,
            _ => self.db.journal_entries(height)?.len() as u32,
        };
        if place >= ENTRIES_MAX {
            return Err(DbError::JournalFull(height));
        }
        let raw = &self.db.raw;
        self.db
            .write_batch(|batch| raw.put_checked(batch, Column::Journal, &key(height, place), entry))?;
        self.next = Some((height, place.saturating_add(1)));
        Ok(())
    }

    /// Has all entries on the disk.
    pub fn sync(&self) -> Result<(), DbError> {
        self.db.sync_written()
    }

    /// The entries of a height, in the order in which they were added. One that is missing before others is damage.
    pub fn entries(&self, height: Height) -> Result<Vec<Vec<u8>>, DbError> {
        self.db.journal_entries(height)
    }
}

impl Database {
    fn journal_entries(&self, height: Height) -> Result<Vec<Vec<u8>>, DbError> {
        let mut entries = Vec::new();
        self.for_journal(height, &mut |place, stored| {
            let wanted = key(height, entries.len() as u32);
            if place != wanted {
                return Err(DbError::damaged(Column::Journal, &wanted, "it is missing"));
            }
            entries.push(Raw::verified(Column::Journal, place, stored)?);
            Ok(())
        })?;
        Ok(entries)
    }

    /// Removes the entries of a height that is final.
    pub(crate) fn forget_journal(&self, batch: &mut WriteBatch, height: Height) -> Result<(), DbError> {
        self.for_journal(height, &mut |key, _| self.raw.delete(batch, Column::Journal, key))
    }

    fn for_journal(&self, height: Height, each: &mut Row<'_>) -> Result<(), DbError> {
        let end = height.next().map(|next| next.0.to_be_bytes().to_vec());
        let mut rows = self.raw.iterator_until(Column::Journal, end)?;
        rows.seek(height.0.to_be_bytes());
        while let Some((key, stored)) = rows.item() {
            each(key, stored)?;
            rows.next();
        }
        rows.status().map_err(|error| DbError::Read {
            column: Column::Journal.name(),
            key: hex(&height.0.to_be_bytes()),
            reason: error.to_string(),
        })
    }
}

fn key(height: Height, place: u32) -> [u8; 8] {
    ((u64::from(height.0) << 32) | u64::from(place)).to_be_bytes()
}
