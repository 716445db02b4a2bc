//! How large the database is.

use crate::{columns::Column, database::Database, error::DbError};
use rocksdb::properties::{CUR_SIZE_ALL_MEM_TABLES, ESTIMATE_NUM_KEYS, TOTAL_SST_FILES_SIZE};
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

impl Database {
    /// Its folder.
    pub fn path(&self) -> &Path {
        self.raw.db.path()
    }

    /// Puts every column in order on the disk: smaller and faster to read afterwards. Takes as long as the data is large;
    /// readers and the writer go on meanwhile.
    pub fn compact(&self) -> Result<(), DbError> {
        for column in Column::ALL {
            self.raw.compact(column)?;
        }
        Ok(())
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
