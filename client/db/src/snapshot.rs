//! A chain that begins late: the state of one block comes in pieces, in place of the blocks that led to it.

use crate::{
    columns::Column,
    crash::crash_point,
    database::{Database, decode, meta},
    error::DbError,
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use quids_api::evm::EvmBlock;
use quids_core::{Hash, Header, Height, OpaqueExtrinsic};
use quids_state::{Address, Checked, Chunk};

/// The block whose state a snapshot has, and the chain's first.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct SnapshotBlock {
    pub genesis: Header,
    pub header: Header,
    pub body: Vec<OpaqueExtrinsic>,
}

/// How far an import is, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Progress {
    block: Hash,
    /// Pieces that were taken.
    taken: u32,
    /// Nibbles of where the next piece begins; `None` after the last.
    next: Option<Vec<u8>>,
}

/// An import under way. What it wrote stays when it is dropped, and is gone on with by another one of the same block.
#[derive(Debug)]
pub struct SnapshotImport<'a> {
    db: &'a Database,
    block: SnapshotBlock,
    progress: Progress,
}

impl Database {
    /// Begins to bring in the state of a block, or goes on where an import of the same block ended, however it ended. Until
    /// [`SnapshotImport::finish`] the database has no genesis, and takes no blocks.
    ///
    /// That the block is the chain's is for the caller to know: its hash is all that is checked.
    ///
    /// Errors: the database has blocks, or begun to import another one.
    pub fn import_snapshot(&self, block: SnapshotBlock) -> Result<SnapshotImport<'_>, DbError> {
        let hash = block.header.hash();
        let mut progress = Progress {
            block: hash,
            taken: 0,
            next: Some(Vec::new()),
        };
        self.write_batch(|batch| {
            if let Some(found) = self.genesis()? {
                return Err(DbError::NotEmpty { genesis: found });
            }
            match self.import_progress()? {
                Some(begun) if begun.block == hash => progress = begun,
                Some(Progress { block: found, .. }) => return Err(DbError::Importing { found }),
                None => {
                    // What an interrupted attempt at a genesis state left.
                    for column in [Column::State, Column::Branches] {
                        self.raw.clear(column)?;
                    }
                }
            }
            for column in [Column::State, Column::Branches] {
                self.raw.forget_ingest(column)?;
            }
            self.raw
                .put_checked(batch, Column::Meta, meta::IMPORTING, &progress.encode())
        })?;
        // Pieces do not go through the log: what they rely on must not be lost with it.
        self.raw.flush(&[Column::State, Column::Branches, Column::Meta])?;
        Ok(SnapshotImport {
            db: self,
            block,
            progress,
        })
    }

    fn import_progress(&self) -> Result<Option<Progress>, DbError> {
        let bytes = self.raw.checked(Column::Meta, meta::IMPORTING)?;
        bytes
            .map(|bytes| decode(Column::Meta, meta::IMPORTING, &bytes))
            .transpose()
    }

    /// An error while an import has not ended.
    pub(crate) fn check_not_importing(&self) -> Result<(), DbError> {
        match self.import_progress()? {
            Some(Progress { block: found, .. }) => Err(DbError::Importing { found }),
            None => Ok(()),
        }
    }

    /// The lowest block from which on all are there. Below it there is genesis alone: the state of this one was imported.
    pub fn first_block(&self) -> Result<Height, DbError> {
        let bytes = self.raw.checked(Column::Meta, meta::FIRST_BLOCK)?;
        let first = bytes.map(|bytes| decode(Column::Meta, meta::FIRST_BLOCK, &bytes));
        Ok(first.transpose()?.unwrap_or(Height::ZERO))
    }
}

impl SnapshotImport<'_> {
    /// Where the piece begins that is to come next; `None` if all are there.
    pub fn next(&self) -> Option<Address> {
        self.progress.next.clone().map(Address::new)
    }

    /// Pieces that are there, those of imports before this one too.
    pub fn taken(&self) -> u32 {
        self.progress.taken
    }

    /// Checks a piece and writes it, as [`Self::put`].
    ///
    /// Errors: as there.
    pub fn take(&mut self, chunk: Chunk) -> Result<bool, DbError> {
        let checked = chunk.check(self.block.header.state_root, &self.next().unwrap_or_default());
        self.put(&checked.map_err(|error| DbError::Snapshot(error.to_string()))?)
    }

    /// Writes a piece that was checked, as files, and then how far the import is. Whether others are to follow. If the process
    /// ends in between, the piece is written once more: all that a piece of this root can hold is the same.
    ///
    /// Errors: it is not the next piece of the block's state; nothing of it is written then.
    pub fn put(&mut self, checked: &Checked) -> Result<bool, DbError> {
        let root = self.block.header.state_root;
        if !self.next().is_some_and(|begin| checked.is_of(root, &begin)) {
            return Err(DbError::Snapshot("it is another one".into()));
        }
        let progress = Progress {
            block: self.progress.block,
            taken: self.progress.taken.saturating_add(1),
            next: checked.next().map(|address| address.nibbles().to_vec()),
        };
        let branches = checked.branches().iter();
        let mut branches: Vec<_> = branches.map(|(address, branch)| (address.encode(), branch)).collect();
        branches.sort_unstable();
        self.db.write_batch(|batch| {
            self.check_alone()?;
            let raw = &self.db.raw;
            raw.ingest(Column::State, checked.entries().iter().map(|(key, value)| (key, value)))?;
            crash_point("db-within-chunk");
            raw.ingest(Column::Branches, branches.into_iter())?;
            crash_point("db-before-chunk");
            raw.put_checked(batch, Column::Meta, meta::IMPORTING, &progress.encode())
        })?;
        self.db.states.forget_values();
        crash_point("db-after-chunk");
        self.progress = progress;
        Ok(checked.next().is_some())
    }

    /// That nobody else goes on with this import. Under the writer's lock.
    fn check_alone(&self) -> Result<(), DbError> {
        match self.db.import_progress()? == Some(self.progress.clone()) {
            true => Ok(()),
            false => Err(DbError::Snapshot("another import has gone on meanwhile".into())),
        }
    }

    /// Makes the block the last one, when all of its state is there. `evm` is what it did in the EVM, to be indexed; `None` if
    /// the runtime has none.
    ///
    /// Errors: pieces are missing; a failed write.
    pub fn finish(self, evm: Option<EvmBlock>) -> Result<Hash, DbError> {
        if self.progress.next.is_some() {
            return Err(DbError::Snapshot("the last pieces are missing".into()));
        }
        let (hash, block) = (self.progress.block, &self.block);
        let number = block.header.number;
        let raw = &self.db.raw;
        self.db.write_imported((number, hash), |batch| {
            self.check_alone()?;
            let genesis = block.genesis.hash();
            raw.put_checked(batch, Column::Meta, meta::GENESIS, &genesis.encode())?;
            for (header, body) in [(&block.genesis, &Vec::new()), (&block.header, &block.body)] {
                let hash = header.hash();
                raw.put(batch, Column::Headers, hash.as_bytes(), &header.encode())?;
                raw.put_checked(batch, Column::Bodies, hash.as_bytes(), &body.encode())?;
                let number = header.number.0.to_be_bytes();
                raw.put_checked(batch, Column::Numbers, &number, &hash.encode())?;
            }
            if let Some(evm) = evm {
                self.db.put_evm(batch, number, hash, evm)?;
            }
            for key in [meta::OLDEST_STATE, meta::FIRST_BLOCK] {
                raw.put_checked(batch, Column::Meta, key, &number.encode())?;
            }
            raw.delete(batch, Column::Meta, meta::IMPORTING)
        })?;
        Ok(hash)
    }
}
