//! Mending what [`Database::verify`] found, from what else is here.

use crate::{
    columns::Column,
    crash::crash_point,
    database::{Database, meta},
    error::DbError,
    raw::Raw,
};
use codec::Encode;
use quids_core::{Hash, Height};
use quids_state::{Address, StateStore, TrieBuilder};
use rocksdb::WriteBatch;

/// What is written again goes in batches of about this size.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// Columns that say again what others say.
const REBUILT: [Column; 3] = [Column::Numbers, Column::Branches, Column::Changes];

/// How to mend a damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// [`Database::repair`] makes this column again from others.
    Rebuild(Column),
    /// What led back from this height is gone: [`Database::repair`] gives up the states before it. They cannot be had from what
    /// else is here.
    ForgetStatesBefore(Height),
    /// It cannot be had from what else is here: restore a backup, or import the blocks again.
    Restore,
}

impl Remedy {
    /// Whether it gives up what was kept: nobody should apply it who was not told to.
    pub const fn loses_history(self) -> bool {
        matches!(self, Self::ForgetStatesBefore(_))
    }
}

impl std::fmt::Display for Remedy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rebuild(column) => write!(f, "--repair makes {} again from the rest", column.name()),
            Self::ForgetStatesBefore(height) => write!(
                f,
                "--repair --give-up-history gives up the states before block {height}; a backup may have them"
            ),
            Self::Restore => f.write_str("restore a backup, or import the blocks again"),
        }
    }
}

impl Database {
    /// Applies remedies that [`Self::verify`] named, [`Remedy::Restore`] excepted. Each for itself: the error is the first of
    /// those that failed. A column is made again only if all is there that it is made of; if the process ends meanwhile,
    /// opening the database begins that anew.
    pub fn repair(&mut self, remedies: &[Remedy]) -> Result<(), DbError> {
        if let Some(reason) = self.writer.get_mut() {
            return Err(DbError::Stopped(reason.clone()));
        }
        let forget = remedies.iter().filter_map(|remedy| match remedy {
            Remedy::ForgetStatesBefore(height) => Some(*height),
            _ => None,
        });
        // All of them are tried.
        let mut results = vec![forget.max().map_or(Ok(()), |height| self.forget_states_before(height))];
        for column in REBUILT {
            if remedies.contains(&Remedy::Rebuild(column)) {
                results.push(self.rebuild(column));
            }
        }
        results.push(self.raw.sync());
        results.into_iter().collect()
    }

    /// Goes on with a column that a process was making again when it ended.
    pub(crate) fn finish_repair(&mut self) -> Result<(), DbError> {
        let Some(name) = self.raw.checked(Column::Meta, meta::REPAIRING)? else {
            return Ok(());
        };
        let column = REBUILT.into_iter().find(|column| column.name().as_bytes() == name);
        let column = column.ok_or_else(|| DbError::damaged(Column::Meta, meta::REPAIRING, "no such column"))?;
        self.rebuild(column)?;
        self.raw.sync()
    }

    /// Makes a column again, marked as long as it is not whole.
    fn rebuild(&mut self, column: Column) -> Result<(), DbError> {
        let make: fn(&Self, &mut Batch<'_>) -> Result<(), DbError> = match column {
            Column::Numbers => Self::make_numbers,
            Column::Branches => Self::make_branches,
            _ => Self::make_changes,
        };
        make(self, &mut Batch::nowhere(&self.raw))?;
        let mut mark = WriteBatch::default();
        self.raw
            .put_checked(&mut mark, Column::Meta, meta::REPAIRING, column.name().as_bytes())?;
        self.raw.write(mark)?;
        self.raw.sync()?;
        self.raw.remake(column)?;
        crash_point("db-repair-cleared");
        let mut batch = Batch::new(&self.raw);
        make(self, &mut batch)?;
        self.raw.delete(&mut batch.batch, Column::Meta, meta::REPAIRING)?;
        self.raw.write(batch.batch)
    }

    /// Gives up the states before this height: what led back to them goes, damaged or not. All of it does, whether or not it
    /// can be read, if no state is kept but the last.
    fn forget_states_before(&mut self, height: Height) -> Result<(), DbError> {
        if height < self.best()?.0 {
            return self.forget_diffs_until(height);
        }
        let mut batch = WriteBatch::default();
        self.put_oldest(&mut batch, height)?;
        self.raw.write(batch)?;
        self.raw.sync()?;
        self.oldest_is(height);
        self.raw.remake(Column::Diffs)
    }

    fn make_numbers(&self, batch: &mut Batch<'_>) -> Result<(), DbError> {
        self.for_blocks(&mut |height, hash| batch.put_checked(Column::Numbers, &height.0.to_be_bytes(), &hash.encode()))
    }

    /// The blocks from the last to the first, by their headers alone; genesis too, where blocks above it are not there.
    fn for_blocks(&self, visit: &mut dyn FnMut(Height, Hash) -> Result<(), DbError>) -> Result<(), DbError> {
        let (mut height, mut hash) = self.best()?;
        let first = self.first_block()?;
        loop {
            let header = self.header(&hash)?.ok_or(DbError::UnknownBlock(hash))?;
            visit(height, hash)?;
            let Some(below) = height.0.checked_sub(1) else {
                return Ok(());
            };
            (height, hash) = match height == first {
                true => (Height::ZERO, self.genesis()?.ok_or(DbError::NoGenesis)?),
                false => (Height(below), header.parent_hash),
            };
        }
    }

    fn make_branches(&self, batch: &mut Batch<'_>) -> Result<(), DbError> {
        let (height, best) = self.best()?;
        let stated = self.header(&best)?.ok_or(DbError::UnknownBlock(best))?.state_root;
        let computed =
            self.build(&mut |address, bytes| batch.put_checked(Column::Branches, &address.encode(), &bytes))?;
        if computed == stated {
            return Ok(());
        }
        Err(DbError::WrongState {
            height,
            computed,
            stated,
        })
    }

    /// The root of the flat state; `sink` gets its branches.
    pub(crate) fn build(&self, sink: &mut dyn FnMut(Address, Vec<u8>) -> Result<(), DbError>) -> Result<Hash, DbError> {
        let mut builder = TrieBuilder::default();
        let mut result = Ok(());
        let mut sink = |address, bytes| {
            if result.is_ok() {
                result = sink(address, bytes);
            }
        };
        let mut rows = self.raw.iterator(Column::State)?;
        rows.seek_to_first();
        while let Some((key, stored)) = rows.item() {
            let value = Raw::verified(Column::State, key, stored)?;
            let pushed = builder.push(key, &value, &mut sink);
            pushed.map_err(|error| DbError::damaged(Column::State, key, error.to_string()))?;
            rows.next();
        }
        let root = builder.finish(&mut sink);
        result?;
        Raw::ended(&rows, Column::State)?;
        Ok(root)
    }

    fn make_changes(&self, batch: &mut Batch<'_>) -> Result<(), DbError> {
        for height in self.oldest().0.saturating_add(1)..=self.best()?.0.0 {
            for entry in self.diff(Height(height))?.entries() {
                batch.put_checked(Column::Changes, &entry.row(Height(height)), &[])?;
            }
        }
        Ok(())
    }
}

/// Puts that are written whenever they are many.
struct Batch<'a> {
    raw: &'a Raw,
    batch: WriteBatch,
    /// Whether it is only tried whether all could be put.
    is_trial: bool,
}

impl<'a> Batch<'a> {
    fn new(raw: &'a Raw) -> Self {
        Self {
            raw,
            batch: WriteBatch::default(),
            is_trial: false,
        }
    }

    fn nowhere(raw: &'a Raw) -> Self {
        Self {
            is_trial: true,
            ..Self::new(raw)
        }
    }

    fn put_checked(&mut self, column: Column, key: &[u8], value: &[u8]) -> Result<(), DbError> {
        if self.is_trial {
            return Ok(());
        }
        self.raw.put_checked(&mut self.batch, column, key, value)?;
        if self.batch.size_in_bytes() < BATCH_BYTES {
            return Ok(());
        }
        self.raw.write(std::mem::take(&mut self.batch))
    }
}
