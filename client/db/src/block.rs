//! Writing blocks: one atomic batch each, one after the other; and taking them back.

use crate::{
    columns::Column,
    crash::crash_point,
    database::{ChainTip, Database, meta},
    error::DbError,
    state::state_bytes,
};
use codec::Encode;
use quids_api::evm::EvmBlock;
use quids_core::{Hash, Header, Height, OpaqueExtrinsic};
use quids_state::{BackendError, Commit, SharedCache, StateBackend, StateStore, StateView, Tip};
use rocksdb::WriteBatch;
use std::{collections::BTreeMap, sync::Arc, time::Instant};

/// The most blocks that are taken back at once: their entries go in one batch, which lies in memory.
const TAKEN_BACK_MAX: u32 = 100_000;

/// What the batch of a block has at least: header, sums, and records of its own.
const BLOCK_BYTES_LEAST: usize = 4096;

/// Memory for nodes while blocks are taken back.
const TAKING_BACK_CACHE_BYTES: usize = 16 * 1024 * 1024;

/// A block and all that comes with it.
#[derive(Clone, Debug)]
pub struct BlockCommit {
    pub header: Header,
    pub body: Vec<OpaqueExtrinsic>,
    /// The proof that it is final, SCALE; `None` where no committee decides.
    pub justification: Option<Vec<u8>>,
    /// What it did to the state of its parent.
    pub state: Commit,
    /// Entries of the extras column: `None` removes.
    pub aux: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// What it did in the EVM, to be indexed. `None` if the runtime has none.
    pub evm: Option<EvmBlock>,
}

/// What is to be written at once.
struct Prepared {
    batch: WriteBatch,
    tip: ChainTip,
    /// The state that it makes the latest, and how.
    state: (Tip, Commit),
    /// The least height whose state can be read then.
    oldest: Height,
    /// The state was written before, past the cache of values.
    is_past_cache: bool,
}

impl Database {
    /// Writes block 0, final. Again with the same block it does nothing; with another it is an error.
    ///
    /// Its state goes ahead in batches of its own: it may be larger than memory should hold twice. An attempt that was
    /// interrupted is begun anew.
    pub fn write_genesis(&self, mut genesis: BlockCommit) -> Result<Hash, DbError> {
        let wanted = genesis.header.hash();
        if genesis.header.number != Height::ZERO {
            return Err(DbError::NotGenesis {
                number: genesis.header.number,
            });
        }
        let hash = self.write_with(|| {
            if let Some(found) = self.genesis()? {
                self.check_of_headers(false)?;
                return if found == wanted {
                    Ok(None)
                } else {
                    Err(DbError::OtherGenesis { found, wanted })
                };
            }
            self.check_not_importing()?;
            self.write_genesis_state(&genesis.state)?;
            crash_point("db-genesis-state");
            let mut batch = WriteBatch::default();
            self.raw
                .put_checked(&mut batch, Column::Meta, meta::GENESIS, &wanted.encode())?;
            let evm = genesis.evm.take();
            self.put_block(&mut batch, &genesis, wanted, evm)?;
            Ok(Some(Prepared {
                batch,
                tip: (Height::ZERO, wanted),
                state: (self.state_tip.at(Height::ZERO), genesis.state),
                oldest: Height::ZERO,
                is_past_cache: false,
            }))
        });
        hash.map(|()| wanted)
    }

    /// Writes the block after the last one and all that comes with it, or nothing. When this returns, with
    /// `StorageConfig::sync`, it is on the disk. The last block once more changes nothing.
    ///
    /// Errors: a block that does not follow the last one; a failed write, after which the database refuses to write.
    pub fn commit_block(&self, mut block: BlockCommit) -> Result<Hash, DbError> {
        let hash = block.header.hash();
        let written = self.write_with(|| {
            self.check_of_headers(false)?;
            if hash == self.best()?.1 {
                return Ok(None);
            }
            self.check_follows(&block.header)?;
            let number = block.header.number;
            let mut batch = WriteBatch::with_capacity_bytes(capacity_bytes(&block));
            let evm = block.evm.take();
            self.put_block(&mut batch, &block, hash, evm)?;
            self.put_state(&mut batch, number, &block.state)?;
            self.forget_journal(&mut batch, number)?;
            let oldest = self.prune(&mut batch, number)?;
            Ok(Some(Prepared {
                batch,
                tip: (number, hash),
                state: (self.state_tip.at(number), block.state),
                oldest,
                is_past_cache: false,
            }))
        });
        written.map(|()| hash)
    }

    /// An error if this is not the header of a child of the last block.
    pub(crate) fn check_follows(&self, header: &Header) -> Result<(), DbError> {
        let (height, tip) = self.best()?;
        let (number, parent) = (header.number, header.parent_hash);
        if parent != tip {
            return Err(DbError::NotOnTip { number, parent, tip });
        }
        if height.next() != Some(number) {
            let parent_number = height;
            return Err(DbError::WrongHeight {
                number,
                parent,
                parent_number,
            });
        }
        Ok(())
    }

    /// Makes an earlier block the last one again, and removes all above it with their indexes, all or nothing; the hashes
    /// of those, highest first. Extras stay. Only for development chains: this is the one way to contradict a final block.
    ///
    /// Errors: a block that is not on the chain, or whose state is pruned; more than [`TAKEN_BACK_MAX`] blocks above it; a
    /// failed write.
    pub fn take_back_to(self: &Arc<Self>, hash: &Hash) -> Result<Vec<Hash>, DbError> {
        let mut removed = Vec::new();
        self.check_of_headers(false)?;
        self.write_with(|| {
            let (best, best_hash) = self.best()?;
            let header = self.header(hash)?.ok_or(DbError::UnknownBlock(*hash))?;
            let height = header.number;
            if self.hash_at(height)? != Some(*hash) {
                return Err(DbError::NotOnChain(*hash));
            }
            let blocks = best.saturating_sub(height).0;
            if blocks == 0 {
                return Ok(None);
            }
            if blocks > TAKEN_BACK_MAX {
                let max = TAKEN_BACK_MAX;
                return Err(DbError::TooManyToTakeBack { blocks, max });
            }
            let best_header = self.header(&best_hash)?.ok_or(DbError::UnknownBlock(best_hash))?;
            let state = self.state_back(&best_header, &header)?;
            let mut batch = WriteBatch::default();
            for above in (height.0.saturating_add(1)..=best.0).rev().map(Height) {
                let Some(hash) = self.hash_at(above)? else { continue };
                self.delete_evm(&mut batch, above, hash)?;
                for column in [Column::Headers, Column::Bodies, Column::Justifications] {
                    self.raw.delete(&mut batch, column, hash.as_bytes())?;
                }
                self.raw.delete(&mut batch, Column::Numbers, &number_key(above))?;
                removed.push(hash);
            }
            self.put_state_back(&mut batch, &state, (height, best))?;
            Ok(Some(Prepared {
                batch,
                tip: (height, *hash),
                state: (self.state_tip.going_back_to(height), state),
                oldest: self.oldest(),
                is_past_cache: false,
            }))
        })?;
        Ok(removed)
    }

    /// The commit that leads from the state of the last block back to that of an earlier one.
    fn state_back(self: &Arc<Self>, from: &Header, to: &Header) -> Result<Commit, DbError> {
        let failed = |error: BackendError| DbError::Past(error.to_string());
        if to.number < self.oldest() {
            let (height, oldest) = (to.number, self.oldest());
            return Err(failed(BackendError::Pruned { height, oldest }));
        }
        let mut values = BTreeMap::new();
        for above in (to.number.0.saturating_add(1)..=from.number.0).rev().map(Height) {
            for (key, old) in &self.diff(above)?.values {
                values.insert(key.clone(), old.clone());
            }
        }
        let cache = Arc::new(SharedCache::new(TAKING_BACK_CACHE_BYTES));
        let store: Arc<dyn StateStore> = self.clone();
        let view = StateView::new(store, cache, from.number, from.state_root);
        let mut changes = values.iter().map(|(key, old)| (key.as_slice(), old.as_deref()));
        let commit = view.commit(&mut changes).map_err(failed)?;
        if commit.root != to.state_root {
            return Err(DbError::WrongPast {
                height: to.number,
                computed: commit.root,
                stated: to.state_root,
            });
        }
        Ok(commit)
    }

    /// Writes entries of the extras column outside of a block, all or none; `None` removes. They survive the end of the
    /// process; a power cut only once a later block is on the disk.
    pub fn write_aux(&self, entries: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<(), DbError> {
        self.write_batch(|batch| self.put_aux(batch, entries))
    }

    /// One writer at a time: writes what `put` adds to a batch, and does not wait for the disk.
    pub(crate) fn write_batch(&self, put: impl FnOnce(&mut WriteBatch) -> Result<(), DbError>) -> Result<(), DbError> {
        let mut stopped = self.writer.lock();
        if let Some(reason) = &*stopped {
            return Err(DbError::Stopped(reason.clone()));
        }
        let mut batch = WriteBatch::default();
        let written = put(&mut batch).and_then(|()| self.raw.write(batch));
        written.inspect_err(|error| stop(&mut stopped, error))
    }

    /// Has all on the disk that was written until now.
    pub(crate) fn sync_written(&self) -> Result<(), DbError> {
        let mut stopped = self.writer.lock();
        if let Some(reason) = &*stopped {
            return Err(DbError::Stopped(reason.clone()));
        }
        self.raw.sync().inspect_err(|error| stop(&mut stopped, error))
    }

    /// Makes a block the last one whose state is there already, or is not kept, and the oldest that is; `put` adds the rest to
    /// the batch.
    pub(crate) fn write_imported(
        &self,
        tip: ChainTip,
        put: impl FnOnce(&mut WriteBatch) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        self.write_with(|| {
            let mut batch = WriteBatch::default();
            put(&mut batch)?;
            Ok(Some(Prepared {
                batch,
                tip,
                state: (self.state_tip.at(tip.0), Commit::unchanged(Hash::default())),
                oldest: tip.0,
                is_past_cache: true,
            }))
        })
    }

    /// One writer at a time: writes what `prepare` made, with its tip. Once a write failed, none is tried again: what is on
    /// the disk is only known after a restart.
    fn write_with(&self, prepare: impl FnOnce() -> Result<Option<Prepared>, DbError>) -> Result<(), DbError> {
        let mut stopped = self.writer.lock();
        if let Some(reason) = &*stopped {
            return Err(DbError::Stopped(reason.clone()));
        }
        // A genesis state goes ahead.
        let Some(prepared) = prepare().inspect_err(|error| stop(&mut stopped, error))? else {
            return Ok(());
        };
        let Prepared {
            mut batch,
            tip,
            state: (state_tip, commit),
            oldest,
            is_past_cache,
        } = prepared;
        self.raw
            .put_checked(&mut batch, Column::Meta, meta::TIP, &tip.encode())?;
        let (start, size) = (Instant::now(), batch.size_in_bytes());
        crash_point("db-before-write");
        let is_other = self.state_tip.begin(state_tip, oldest);
        // From here on until the end nothing that is read is remembered. Values from before the block may stay until they are
        // replaced: no view of it can be made before the end, and others look for the past.
        if is_past_cache {
            self.states.forget_values();
        }
        // Writing and syncing are two steps so that a test can end the process between them.
        let written = self.raw.write(batch).and_then(|()| {
            crash_point("db-before-sync");
            // What is in memory follows while the disk is waited for; nobody is told before both are done.
            std::thread::scope(|scope| {
                let synced = scope.spawn(|| self.raw.sync());
                self.states.follow(&commit);
                synced.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        });
        crash_point("db-after-sync");
        if let Err(error) = written {
            *stopped = Some(error.to_string());
            return Err(error);
        }
        if is_other {
            self.states.forget_diffs();
        }
        self.state_tip.end();
        *self.tip.write() = Some(tip);
        let took = start.elapsed();
        if let Some(metrics) = self.metrics.get() {
            metrics.committed(size, took);
        }
        if let Some(effort) = &self.effort {
            effort.committed(&self.raw, took);
        }
        Ok(())
    }

    fn put_block(
        &self,
        batch: &mut WriteBatch,
        block: &BlockCommit,
        hash: Hash,
        evm: Option<EvmBlock>,
    ) -> Result<(), DbError> {
        let raw = &self.raw;
        raw.put(batch, Column::Headers, hash.as_bytes(), &block.header.encode())?;
        raw.put_checked(batch, Column::Bodies, hash.as_bytes(), &block.body.encode())?;
        raw.put_checked(batch, Column::Numbers, &number_key(block.header.number), &hash.encode())?;
        if let Some(justification) = &block.justification {
            raw.put_checked(batch, Column::Justifications, hash.as_bytes(), justification)?;
        }
        if let Some(evm) = evm {
            self.put_evm(batch, block.header.number, hash, evm)?;
        }
        self.put_aux(batch, &block.aux)
    }

    fn put_aux(&self, batch: &mut WriteBatch, entries: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<(), DbError> {
        for (key, value) in entries {
            match value {
                Some(value) => self.raw.put_checked(batch, Column::Extras, key, value)?,
                None => self.raw.delete(batch, Column::Extras, key)?,
            }
        }
        Ok(())
    }
}

/// About the bytes of a block's batch: one that grows is copied each time.
fn capacity_bytes(block: &BlockCommit) -> usize {
    let body: usize = block.body.iter().map(|OpaqueExtrinsic(bytes)| bytes.len()).sum();
    let aux = block.aux.iter();
    let aux: usize = aux
        .map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len))
        .sum();
    BLOCK_BYTES_LEAST + body + aux + state_bytes(&block.state)
}

/// Nothing is written after this error, if it is one of writing.
pub(crate) fn stop(stopped: &mut Option<String>, error: &DbError) {
    if let DbError::Write(_) = error {
        *stopped = Some(error.to_string());
    }
}

pub(crate) fn number_key(height: Height) -> [u8; 4] {
    height.0.to_be_bytes()
}
