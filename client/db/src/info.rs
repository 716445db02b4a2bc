//! How large the database is.

use crate::{columns::Column, database::Database, error::DbError};
use rocksdb::{
    WriteBatch,
    properties::{self, CUR_SIZE_ALL_MEM_TABLES, ESTIMATE_NUM_KEYS, TOTAL_SST_FILES_SIZE},
};
use std::path::Path;

/// One column's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    pub name: &'static str,
    /// RocksDB counts an entry that was overwritten or removed until it is compacted away.
    pub entries_estimate: u64,
    /// In files, after compression, and in memory.
    pub bytes: u64,
}

/// What is in one column's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnStats {
    pub name: &'static str,
    /// Entries in files, those counted twice that were overwritten or removed and are not compacted away.
    pub entries: u64,
    /// Marks of removal in files.
    pub deletions: u64,
    /// Keys and values in files, before compression.
    pub raw_bytes: u64,
    /// The same on the disk.
    pub data_bytes: u64,
    /// What finds them: indices and filters.
    pub index_bytes: u64,
    /// Whole files.
    pub file_bytes: u64,
    /// An estimate of what files will take when all that is superseded is compacted away.
    pub live_bytes: u64,
    /// Not in files yet.
    pub memory_bytes: u64,
    /// How many files there are at each level.
    pub files: Vec<u64>,
    /// Whether the column is ever compressed.
    pub is_compressed: bool,
}

impl ColumnStats {
    /// How many times smaller data is on the disk; a little below 1 without compression, since blocks have some bytes of
    /// their own; 1 without data.
    pub fn compression(&self) -> f64 {
        ratio(self.raw_bytes, self.data_bytes)
    }

    /// How many times larger files are than what is alive in them; 1 without files.
    pub fn space_amplification(&self) -> f64 {
        ratio(self.file_bytes, self.live_bytes)
    }

    /// In how many places a key may have to be looked for, in memory and in files: each file of level 0, and each further
    /// level with files.
    pub fn read_amplification(&self) -> u64 {
        let (first, deeper) = self
            .files
            .split_first()
            .map_or((0, &[][..]), |(first, deeper)| (*first, deeper));
        1 + first + deeper.iter().filter(|files| **files > 0).count() as u64
    }
}

fn ratio(of: u64, to: u64) -> f64 {
    if of == 0 || to == 0 { 1.0 } else { of as f64 / to as f64 }
}

/// A number in RocksDB's list of a table's properties, `name=number; …`.
fn listed(properties: &str, name: &str) -> u64 {
    let mut entries = properties.split(';').filter_map(|entry| entry.split_once('='));
    let found = entries.find(|(known, _)| known.trim().starts_with(name));
    let digits = found.map(|(_, number)| {
        number
            .trim()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
    });
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

impl Database {
    /// Its folder.
    pub fn path(&self) -> &Path {
        self.raw.db.path()
    }

    /// Puts every column in order on the disk: smaller and faster to read afterwards. Takes as long as the data is large;
    /// readers and the writer go on meanwhile.
    pub fn compact(&self) -> Result<(), DbError> {
        for column in Column::ALL {
            self.rewrite(column)?;
        }
        Ok(())
    }

    /// Writes all files that come to rest anew, each with a dictionary made of what is in it. Takes as long as the data is
    /// large; readers and the writer go on meanwhile. Files have their own dictionaries, so none goes out of date.
    pub fn train_dictionaries(&self) -> Result<(), DbError> {
        for column in Column::ALL.into_iter().filter(|column| column.is_compressed()) {
            self.rewrite(column)?;
        }
        Ok(())
    }

    /// As [`crate::raw::Raw::compact`], and sees to it that the disk takes it: when RocksDB has stopped, a compaction ends at once
    /// and counts as no failure; nor is it sure to count one before it ends if the failure is in writing buffers out.
    fn rewrite(&self, column: Column) -> Result<(), DbError> {
        let flushed = self.raw.db.flush_cf(self.raw.family(column)?);
        flushed.map_err(|error| DbError::Write(error.to_string()))?;
        self.raw.compact(column)?;
        // Nothing, but refused then.
        self.raw.write(WriteBatch::default())
    }

    /// What is in the files of each column.
    pub fn stats(&self) -> Result<Vec<ColumnStats>, DbError> {
        let stats = |column| {
            let table = self
                .raw
                .text_property(column, properties::AGGREGATED_TABLE_PROPERTIES)?;
            let table = table.unwrap_or_default();
            Ok(ColumnStats {
                name: Column::name(column),
                entries: listed(&table, "# entries"),
                deletions: listed(&table, "# deletions"),
                raw_bytes: listed(&table, "raw key size") + listed(&table, "raw value size"),
                data_bytes: listed(&table, "data block size"),
                index_bytes: listed(&table, "index block size") + listed(&table, "filter block size"),
                file_bytes: self.raw.property(column, TOTAL_SST_FILES_SIZE)?,
                live_bytes: self.raw.property(column, properties::ESTIMATE_LIVE_DATA_SIZE)?,
                memory_bytes: self.raw.property(column, CUR_SIZE_ALL_MEM_TABLES)?,
                files: self.raw.files_by_level(column)?,
                is_compressed: column.is_compressed(),
            })
        };
        Column::ALL.into_iter().map(stats).collect()
    }

    /// The size of each column.
    pub fn columns(&self) -> Result<Vec<ColumnInfo>, DbError> {
        let info = |column| {
            Ok(ColumnInfo {
                name: Column::name(column),
                entries_estimate: self.raw.property(column, ESTIMATE_NUM_KEYS)?,
                bytes: self.raw.property(column, TOTAL_SST_FILES_SIZE)?
                    + self.raw.property(column, CUR_SIZE_ALL_MEM_TABLES)?,
            })
        };
        Column::ALL.into_iter().map(info).collect()
    }
}
