//! Ours: a flat state in the node's database, the trie's branches by address, the batch committer.

use crate::Result;
use quids_core::{Digest, Hash, Header, Height, OpaqueExtrinsic};
use quids_db::{BlockCommit, ColumnStats, Database, StorageConfig};
use quids_state::{Commit, EMPTY_ROOT, MemoryState, SharedCache, StateBackend, StateView};
use std::{path::Path, sync::Arc};

pub struct Ours {
    db: Arc<Database>,
    cache: Arc<SharedCache>,
    header: Option<Header>,
}

impl Ours {
    /// With a third of the memory for branches. The database has the rest: it takes half as much again as it is given for blocks,
    /// for values.
    pub fn open(path: &Path, cache_mb: usize) -> Result<Self> {
        let branches_mb = cache_mb / 3;
        let config = StorageConfig {
            cache_size_mb: (cache_mb - branches_mb) * 2 / 3,
            ..StorageConfig::new(path)
        };
        Self::open_with(&config, branches_mb)
    }

    /// With so much memory for branches.
    pub fn open_with(config: &StorageConfig, branches_mb: usize) -> Result<Self> {
        Ok(Self {
            db: Arc::new(Database::open(config)?),
            cache: Arc::new(SharedCache::new(branches_mb << 20)),
            header: None,
        })
    }

    /// The latest state.
    pub fn view(&self) -> StateView {
        match &self.header {
            None => StateView::new(
                Arc::new(MemoryState::default()),
                self.cache.clone(),
                Height(0),
                EMPTY_ROOT,
            ),
            Some(header) => StateView::new(self.db.clone(), self.cache.clone(), header.number, header.state_root),
        }
    }

    pub fn update(&self, changes: &[super::Change]) -> Result<Commit> {
        let mut changes = changes
            .iter()
            .map(|(key, value)| (key.as_slice(), Some(value.as_slice())));
        Ok(self.view().commit(&mut changes)?)
    }

    /// Stores a commit with a block, synced.
    pub fn store(&mut self, commit: Commit, body: Vec<OpaqueExtrinsic>) -> Result {
        let header = Header {
            parent_hash: self.header.as_ref().map_or(Hash::zero(), Header::hash),
            number: Height(self.header.as_ref().map_or(0, |header| header.number.0 + 1)),
            state_root: commit.root,
            extrinsics_root: EMPTY_ROOT,
            digest: Digest::default(),
        };
        let block = BlockCommit {
            header: header.clone(),
            body,
            justification: None,
            state: commit,
            aux: Vec::new(),
            evm: None,
        };
        match self.header {
            None => self.db.write_genesis(block)?,
            Some(_) => self.db.commit_block(block)?,
        };
        self.header = Some(header);
        Ok(())
    }

    pub fn settle(&self) -> Result {
        Ok(self.db.compact()?)
    }

    /// What is in the files of each column.
    pub fn stats(&self) -> Result<Vec<ColumnStats>> {
        Ok(self.db.stats()?)
    }
}
