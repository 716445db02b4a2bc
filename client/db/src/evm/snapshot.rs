//! The database as it was at one moment: a query sees a block with all of its index or without.

use super::{
    LogRecord,
    keys::{LogKey, Marker, Subject, decode_places, marker, posting_end},
};
use crate::{
    columns::Column,
    database::decode,
    error::{DbError, hex},
    raw::Raw,
};
use quids_core::{Hash, Height};
use rocksdb::{DBRawIterator, ReadOptions};
use std::collections::BTreeSet;

pub struct Snapshot<'a> {
    raw: &'a Raw,
    at: rocksdb::Snapshot<'a>,
}

impl<'a> Snapshot<'a> {
    pub fn of(raw: &'a Raw) -> Self {
        Self {
            raw,
            at: raw.db.snapshot(),
        }
    }

    /// The value at `key`, its checksum checked.
    pub fn checked(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, DbError> {
        let bytes = self
            .at
            .get_pinned_cf(self.raw.family(column)?, key)
            .map_err(|error| unreadable(column, key, &error))?;
        bytes.map(|bytes| Raw::verified(column, key, &bytes)).transpose()
    }

    /// The block at a height.
    pub fn hash_at(&self, height: Height) -> Result<Option<Hash>, DbError> {
        let key = height.0.to_be_bytes();
        let bytes = self.checked(Column::Numbers, &key)?;
        bytes.map(|bytes| decode(Column::Numbers, &key, &bytes)).transpose()
    }

    /// The logs of a transaction.
    pub fn log_record(&self, key: &LogKey) -> Result<Option<LogRecord>, DbError> {
        let key = key.bytes();
        let bytes = self.checked(Column::EvmLogs, &key)?;
        bytes.map(|bytes| decode(Column::EvmLogs, &key, &bytes)).transpose()
    }

    /// All entries of a column from `from` to before `end`, ascending.
    fn range(&self, column: Column, from: &[u8], end: Vec<u8>) -> Result<Range<'_>, DbError> {
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(end);
        let mut iterator = self.at.raw_iterator_cf_opt(self.raw.family(column)?, options);
        iterator.seek(from);
        Ok(Range { column, iterator })
    }

    /// The logs of the heights `from` to `to`, in order.
    pub fn logs(&self, from: Height, to: Height) -> Result<Range<'_>, DbError> {
        // No key is as long as the end where there is no height after.
        let end =
            to.0.checked_add(1)
                .map_or_else(|| vec![0xff; 64], |end| end.to_be_bytes().to_vec());
        self.range(Column::EvmLogs, &from.0.to_be_bytes(), end)
    }

    /// The postings of a subject of the heights `from` to `to`, in order.
    pub fn postings(&self, subject: &Subject, from: Height, to: Height) -> Result<Cursor<'_>, DbError> {
        let prefix = subject.prefix();
        let bound = |height: &[u8]| [&prefix[..], height].concat();
        let end =
            to.0.checked_add(1)
                .map_or_else(|| bound(&[0xff; 64]), |end| bound(&end.to_be_bytes()));
        let range = self.range(Column::EvmPostings, &bound(&from.0.to_be_bytes()), end)?;
        Cursor::new(range, prefix)
    }
}

fn unreadable(column: Column, key: &[u8], error: &rocksdb::Error) -> DbError {
    DbError::Read {
        column: column.name(),
        key: hex(key),
        reason: error.to_string(),
    }
}

/// Entries of a column, one after the other.
pub struct Range<'a> {
    column: Column,
    iterator: DBRawIterator<'a>,
}

impl Range<'_> {
    /// The key that it is at; `None` at the end.
    fn key(&self) -> Result<Option<&[u8]>, DbError> {
        let key = self.iterator.key();
        if key.is_none() {
            let status = self.iterator.status();
            status.map_err(|error| unreadable(self.column, &[], &error))?;
        }
        Ok(key)
    }

    fn value(&self) -> Result<Vec<u8>, DbError> {
        let (key, value) = self.iterator.item().unwrap_or_default();
        Raw::verified(self.column, key, value)
    }

    /// The logs that it is at, and goes on.
    pub fn next_logs(&mut self) -> Result<Option<(LogKey, LogRecord)>, DbError> {
        let Some(bytes) = self.key()?.map(<[u8]>::to_vec) else {
            return Ok(None);
        };
        let malformed = || DbError::damaged(self.column, &bytes, "it is no key of logs");
        let key = LogKey::parse(&bytes).ok_or_else(malformed)?;
        let record = decode(self.column, &bytes, &self.value()?)?;
        self.iterator.next();
        Ok(Some((key, record)))
    }
}

/// Goes through the postings of one subject.
pub struct Cursor<'a> {
    range: Range<'a>,
    prefix: Vec<u8>,
    /// Height and block of the posting that it is at; `None` at the end.
    at: Option<(u32, Marker)>,
}

impl<'a> Cursor<'a> {
    fn new(range: Range<'a>, prefix: Vec<u8>) -> Result<Self, DbError> {
        let mut this = Self {
            range,
            prefix,
            at: None,
        };
        this.look()?;
        Ok(this)
    }

    fn look(&mut self) -> Result<(), DbError> {
        self.at = match self.range.key()? {
            None => None,
            Some(key) => {
                let malformed = || DbError::damaged(Column::EvmPostings, key, "it is no key of a posting");
                Some(posting_end(key).ok_or_else(malformed)?)
            }
        };
        Ok(())
    }

    /// The lowest height from `height` on that has a posting. Never goes back.
    pub fn seek(&mut self, height: u32) -> Result<Option<u32>, DbError> {
        if self.at.is_some_and(|(at, _)| at < height) {
            let key = [&self.prefix[..], &height.to_be_bytes()].concat();
            self.range.iterator.seek(key);
            self.look()?;
        }
        Ok(self.at.map(|(at, _)| at))
    }

    /// The places of transactions that the postings of this block name, if the cursor is at its height.
    pub fn places(&mut self, height: Height, block: &Hash, places: &mut BTreeSet<u32>) -> Result<(), DbError> {
        while let Some((at, of)) = self.at
            && at == height.0
        {
            if of == marker(block) {
                let key = self.range.key()?.unwrap_or_default();
                places.extend(decode_places(key, &self.range.value()?)?);
            }
            self.range.iterator.next();
            self.look()?;
        }
        Ok(())
    }
}
