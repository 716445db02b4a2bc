//! RocksDB with columns and checked values. A value is stored under its key as it is where the key is its hash,
//! else followed by a checksum over column, key and value.

use crate::{columns::Column, error::DbError, error::hex};
use quids_core::Hash;
use rocksdb::{
    BottommostLevelCompaction, Cache, ColumnFamily, CompactOptions, DB, DBPinnableSlice, DBRawIterator, Direction,
    FlushOptions, IngestExternalFileOptions, IteratorMode, ReadOptions, SstFileWriter, WriteBatch, WriteOptions,
    properties::{self, BACKGROUND_ERRORS},
};
use std::{ffi::CStr, io, path::PathBuf};

/// A column is emptied in batches of about this size.
const CLEARED_BATCH_BYTES: usize = 1024 * 1024;

/// RocksDB's levels; more are not configured.
const LEVELS: usize = 7;

/// Bytes of the checksum after a value: BLAKE3 of (column name, key length, key, value), cut.
pub(crate) const CHECKSUM_LEN: usize = 8;

pub(crate) struct Raw {
    pub(crate) db: DB,
    /// Blocks of all columns.
    pub(crate) cache: Cache,
    /// Whether new files are compressed.
    pub(crate) enable_compression: bool,
    /// Whether `sync` does anything.
    pub(crate) sync: bool,
}

pub(crate) fn checksum(column: Column, key: &[u8], value: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(column.name().as_bytes());
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(value);
    let mut cut = [0; CHECKSUM_LEN];
    hasher.finalize_xof().fill(&mut cut);
    cut
}

impl Raw {
    pub(crate) fn family(&self, column: Column) -> Result<&ColumnFamily, DbError> {
        self.db
            .cf_handle(column.name())
            .ok_or_else(|| DbError::Write(format!("no column {}", column.name())))
    }

    /// The bytes at `key`, unchecked.
    pub(crate) fn read(&self, column: Column, key: &[u8]) -> Result<Option<DBPinnableSlice<'_>>, DbError> {
        self.db
            .get_pinned_cf(self.family(column)?, key)
            .map_err(|error| DbError::Read {
                column: column.name(),
                key: hex(key),
                reason: error.to_string(),
            })
    }

    /// The bytes whose BLAKE3-256 is `hash`, under which they are stored.
    pub(crate) fn by_hash(&self, column: Column, hash: &Hash) -> Result<Option<Vec<u8>>, DbError> {
        let Some(bytes) = self.read(column, hash.as_bytes())? else {
            return Ok(None);
        };
        let found = Hash::from(*blake3::hash(&bytes).as_bytes());
        if found != *hash {
            return Err(DbError::damaged(
                column,
                hash.as_bytes(),
                format!("its hash is {found:?}"),
            ));
        }
        Ok(Some(bytes.to_vec()))
    }

    /// The value at `key`, its checksum checked.
    pub(crate) fn checked(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, DbError> {
        let bytes = self.read(column, key)?;
        bytes.map(|bytes| Self::verified(column, key, &bytes)).transpose()
    }

    /// The value in these stored bytes, their checksum checked.
    pub(crate) fn verified(column: Column, key: &[u8], bytes: &[u8]) -> Result<Vec<u8>, DbError> {
        match bytes.split_last_chunk::<CHECKSUM_LEN>() {
            Some((value, found)) if checksum(column, key, value) == *found => Ok(value.to_vec()),
            Some(_) => Err(DbError::damaged(column, key, "its checksum is wrong")),
            None => Err(DbError::damaged(
                column,
                key,
                format!("{} bytes are too few", bytes.len()),
            )),
        }
    }

    /// A number that RocksDB keeps of a column.
    pub(crate) fn property(&self, column: Column, name: &CStr) -> Result<u64, DbError> {
        let value = self.db.property_int_value_cf(self.family(column)?, name);
        let value = value.map_err(|error| DbError::Read {
            column: column.name(),
            key: String::new(),
            reason: error.to_string(),
        })?;
        Ok(value.unwrap_or_default())
    }

    /// A text that RocksDB keeps of a column.
    pub(crate) fn text_property(&self, column: Column, name: &CStr) -> Result<Option<String>, DbError> {
        let value = self.db.property_value_cf(self.family(column)?, name);
        value.map_err(|error| DbError::Read {
            column: column.name(),
            key: String::new(),
            reason: error.to_string(),
        })
    }

    /// How many files a column has at each level.
    pub(crate) fn files_by_level(&self, column: Column) -> Result<Vec<u64>, DbError> {
        let files = |level| {
            let count = self.text_property(column, &properties::num_files_at_level(level))?;
            Ok(count.and_then(|count| count.trim().parse().ok()).unwrap_or_default())
        };
        (0..LEVELS).map(files).collect()
    }

    pub(crate) fn is_empty(&self, column: Column) -> Result<bool, DbError> {
        match self.db.iterator_cf(self.family(column)?, IteratorMode::Start).next() {
            None => Ok(true),
            Some(Ok(_)) => Ok(false),
            Some(Err(error)) => Err(DbError::Read {
                column: column.name(),
                key: String::new(),
                reason: error.to_string(),
            }),
        }
    }

    /// All entries of a column, as they are now.
    pub(crate) fn iterator(&self, column: Column) -> Result<DBRawIterator<'_>, DbError> {
        self.iterator_until(column, None)
    }

    /// As [`Self::iterator`], those before `end`.
    pub(crate) fn iterator_until(&self, column: Column, end: Option<Vec<u8>>) -> Result<DBRawIterator<'_>, DbError> {
        let mut options = ReadOptions::default();
        if let Some(end) = end {
            options.set_iterate_upper_bound(end);
        }
        Ok(self.db.raw_iterator_cf_opt(self.family(column)?, options))
    }

    /// Removes all entries of a column, in batches.
    pub(crate) fn clear(&self, column: Column) -> Result<(), DbError> {
        let mut entries = self.iterator(column)?;
        entries.seek_to_first();
        let mut batch = WriteBatch::default();
        while let Some(key) = entries.key() {
            self.delete(&mut batch, column, key)?;
            if batch.size_in_bytes() >= CLEARED_BATCH_BYTES {
                self.write(std::mem::take(&mut batch))?;
            }
            entries.next();
        }
        Self::ended(&entries, column)?;
        self.write(batch)
    }

    /// Makes a column again, without anything in it, whatever its files are like. A process that ends meanwhile leaves it as it
    /// was, or gone, and then opening makes it.
    pub(crate) fn remake(&mut self, column: Column) -> Result<(), DbError> {
        let failed = |error: rocksdb::Error| DbError::Write(error.to_string());
        self.db.drop_cf(column.name()).map_err(failed)?;
        let options = column.live_options(&self.cache, self.enable_compression);
        self.db.create_cf(column.name(), &options).map_err(failed)
    }

    /// An error if a walk ended before the column did.
    pub(crate) fn ended(rows: &DBRawIterator<'_>, column: Column) -> Result<(), DbError> {
        rows.status().map_err(|error| DbError::Read {
            column: column.name(),
            key: String::new(),
            reason: error.to_string(),
        })
    }

    /// Entries of a column, counted one by one.
    pub(crate) fn count(&self, column: Column) -> Result<u64, DbError> {
        let mut rows = self.iterator(column)?;
        rows.seek_to_first();
        let mut count = 0;
        while rows.valid() {
            count += 1;
            rows.next();
        }
        Self::ended(&rows, column)?;
        Ok(count)
    }

    /// Writes all files of a column anew, once each. Without force, files that lie in order move to the last level as they
    /// are, and what is compressed only there never is.
    pub(crate) fn compact(&self, column: Column) -> Result<(), DbError> {
        let everything: (Option<&[u8]>, Option<&[u8]>) = (None, None);
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::ForceOptimized);
        // RocksDB's C interface keeps the outcome for itself; a failure counts there, for all columns together.
        let failures = || {
            let count = self.db.property_int_value(BACKGROUND_ERRORS);
            count.map_err(|error| DbError::Write(error.to_string()))
        };
        let before = failures()?;
        self.db
            .compact_range_cf_opt(self.family(column)?, everything.0, everything.1, &options);
        match failures()? > before {
            true => Err(DbError::Write(format!("compaction of column {} failed", column.name()))),
            false => Ok(()),
        }
    }

    /// At most `max` keys that begin with `prefix`, ascending.
    pub(crate) fn keys_with_prefix(&self, column: Column, prefix: &[u8], max: usize) -> Result<Vec<Vec<u8>>, DbError> {
        let failed = |error: rocksdb::Error| DbError::Read {
            column: column.name(),
            key: hex(prefix),
            reason: error.to_string(),
        };
        let from = IteratorMode::From(prefix, Direction::Forward);
        let keys = self.db.iterator_cf(self.family(column)?, from);
        let keys = keys.map(|entry| entry.map(|(key, _)| key.into_vec()).map_err(failed));
        keys.take_while(|key| key.as_ref().map_or(true, |key| key.starts_with(prefix)))
            .take(max)
            .collect()
    }

    pub(crate) fn put(&self, batch: &mut WriteBatch, column: Column, key: &[u8], value: &[u8]) -> Result<(), DbError> {
        batch.put_cf(self.family(column)?, key, value);
        Ok(())
    }

    pub(crate) fn put_checked(
        &self,
        batch: &mut WriteBatch,
        column: Column,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), DbError> {
        let stored = [value, &checksum(column, key, value)].concat();
        self.put(batch, column, key, &stored)
    }

    /// Has these columns in files, on the disk, whatever becomes of the log.
    pub(crate) fn flush(&self, columns: &[Column]) -> Result<(), DbError> {
        let families: Result<Vec<_>, _> = columns.iter().map(|column| self.family(*column)).collect();
        self.db
            .flush_cfs_opt(&families?, &FlushOptions::default())
            .map_err(|error| DbError::Write(error.to_string()))
    }

    /// Puts entries into a column, ascending by key, as one file that RocksDB takes in as it is: past log, write buffers and
    /// compaction. All of them or none; on the disk when this returns.
    pub(crate) fn ingest<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        column: Column,
        entries: impl Iterator<Item = (K, V)>,
    ) -> Result<(), DbError> {
        let failed = |error: rocksdb::Error| DbError::Write(error.to_string());
        // What is left of a process that ended may be a second name of a file that the database has: never written over.
        self.forget_ingest(column)?;
        let path = self.ingest_path(column);
        let options = column.file_options(self.enable_compression);
        let mut file = SstFileWriter::create(&options);
        file.open(&path).map_err(failed)?;
        let mut stored = Vec::new();
        let mut is_empty = true;
        for (key, value) in entries {
            let (key, value) = (key.as_ref(), value.as_ref());
            stored.clear();
            stored.extend_from_slice(value);
            stored.extend_from_slice(&checksum(column, key, value));
            file.put(key, &stored).map_err(failed)?;
            is_empty = false;
        }
        if is_empty {
            drop(file);
            return self.forget_ingest(column);
        }
        file.finish().map_err(failed)?;
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        self.db
            .ingest_external_file_cf_opts(self.family(column)?, &options, vec![path])
            .map_err(failed)
    }

    /// Removes what an ingestion left that did not end.
    pub(crate) fn forget_ingest(&self, column: Column) -> Result<(), DbError> {
        match std::fs::remove_file(self.ingest_path(column)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DbError::Write(error.to_string())),
            _ => Ok(()),
        }
    }

    fn ingest_path(&self, column: Column) -> PathBuf {
        self.db.path().join(format!("importing-{}", column.name()))
    }

    pub(crate) fn delete(&self, batch: &mut WriteBatch, column: Column, key: &[u8]) -> Result<(), DbError> {
        batch.delete_cf(self.family(column)?, key);
        Ok(())
    }

    /// Writes a whole batch or nothing. It survives the end of the process, and a power cut after [`Raw::sync`].
    pub(crate) fn write(&self, batch: WriteBatch) -> Result<(), DbError> {
        self.db
            .write_opt(batch, &WriteOptions::default())
            .map_err(|error| DbError::Write(error.to_string()))
    }

    /// Has everything written so far on the disk, if the database was opened so.
    pub(crate) fn sync(&self) -> Result<(), DbError> {
        if !self.sync {
            return Ok(());
        }
        self.db
            .flush_wal(true)
            .map_err(|error| DbError::Write(error.to_string()))
    }
}
