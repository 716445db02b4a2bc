//! Writing blocks: one atomic batch each, and what becomes of the tips.

use crate::{
    columns::Column,
    crash::crash_point,
    database::{Database, Tips, meta},
    error::DbError,
};
use codec::Encode;
use quids_api::evm::EvmBlock;
use quids_core::{Hash, Header, Height, OpaqueExtrinsic};
use rocksdb::WriteBatch;
use std::{collections::BTreeMap, time::Instant};

/// Nodes of a genesis state are written ahead of it in batches of about this size.
const GENESIS_BATCH_BYTES: usize = 16 * 1024 * 1024;

/// The most blocks that are taken back at once: their entries go in one batch, which lies in memory.
const TAKEN_BACK_MAX: u32 = 100_000;

/// A block and all that comes with it.
#[derive(Clone, Debug)]
pub struct BlockCommit {
    pub header: Header,
    pub body: Vec<OpaqueExtrinsic>,
    /// New trie nodes and values by hash, as `quids_state::Commit` has them.
    pub nodes: Vec<(Hash, Vec<u8>)>,
    /// Whether the block, and with it every ancestor, is final.
    pub finalised: bool,
    /// Entries of the extras column: `None` removes.
    pub aux: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// What it did in the EVM, to be indexed. `None` if the runtime has none.
    pub evm: Option<EvmBlock>,
}

impl Database {
    /// Writes block 0, final. Again with the same block it does nothing; with another it is an error.
    ///
    /// The nodes go ahead in batches of their own: a genesis state may be larger than memory should hold twice,
    /// and nodes that nothing refers to are harmless.
    pub fn write_genesis(&self, mut genesis: BlockCommit) -> Result<Hash, DbError> {
        let wanted = genesis.header.hash();
        if genesis.header.number != Height::ZERO {
            return Err(DbError::NotGenesis {
                number: genesis.header.number,
            });
        }
        let hash = self.write_with(|| {
            if let Some(found) = self.genesis()? {
                return if found == wanted {
                    Ok(None)
                } else {
                    Err(DbError::OtherGenesis { found, wanted })
                };
            }
            self.write_nodes_ahead(std::mem::take(&mut genesis.nodes))?;
            let mut batch = WriteBatch::default();
            self.raw
                .put_checked(&mut batch, Column::Meta, meta::GENESIS, &wanted.encode())?;
            let evm = genesis.evm.take();
            self.put_block(&mut batch, &genesis, wanted, evm)?;
            self.raw
                .put_checked(&mut batch, Column::Numbers, &number_key(Height::ZERO), &wanted.encode())?;
            let tip = (Height::ZERO, wanted);
            Ok(Some((
                batch,
                Tips {
                    best: tip,
                    finalised: tip,
                },
            )))
        });
        hash.map(|()| wanted)
    }

    /// Writes a block and all that comes with it, or nothing. It becomes the best block if it is higher than that
    /// or final. When this returns, with `Options::sync`, it is on the disk.
    ///
    /// Errors: an unknown parent or a wrong height; a fork from below the last final block; a failed write, after
    /// which the database refuses to write.
    pub fn commit_block(&self, mut block: BlockCommit) -> Result<Hash, DbError> {
        let hash = block.header.hash();
        let written = self.write_with(|| {
            let old = self.tips.read().ok_or(DbError::NoGenesis)?;
            self.check_parent(&block.header)?;
            let mut batch = WriteBatch::default();
            let evm = block.evm.take();
            self.put_block(&mut batch, &block, hash, evm)?;
            let tip = (block.header.number, hash);
            let mut tips = old;
            let on_best_chain = self.hash_at(tip.0)? == Some(hash);
            if on_best_chain {
                // Written before; final perhaps only now.
            } else if block.finalised || tip.0 > old.best.0 {
                self.put_best_chain(&mut batch, &block.header, hash, old)?;
                tips.best = tip;
            } else {
                self.check_fork(&block.header, hash, old)?;
            }
            if block.finalised && tip.0 > old.finalised.0 {
                tips.finalised = tip;
            }
            Ok(Some((batch, tips)))
        });
        written.map(|()| hash)
    }

    /// Makes a stored block final, and with it every ancestor. Without effect if it is final already.
    pub fn finalise(&self, hash: &Hash) -> Result<(), DbError> {
        self.write_with(|| {
            let old = self.tips.read().ok_or(DbError::NoGenesis)?;
            let header = self.header(hash)?.ok_or(DbError::UnknownBlock(*hash))?;
            let on_best_chain = self.hash_at(header.number)? == Some(*hash);
            if on_best_chain && header.number <= old.finalised.0 {
                return Ok(None);
            }
            let tip = (header.number, *hash);
            let mut batch = WriteBatch::default();
            let mut tips = Tips { finalised: tip, ..old };
            if !on_best_chain {
                self.put_best_chain(&mut batch, &header, *hash, old)?;
                tips.best = tip;
            }
            Ok(Some((batch, tips)))
        })
    }

    /// Makes a block of the best chain its end again, final too, and removes all above it with their indexes, all or
    /// nothing; the hashes of those, highest first. Nodes and extras stay. Only for development chains: this is the one
    /// way to contradict a final block.
    ///
    /// Errors: a block that is not on the best chain; more than [`TAKEN_BACK_MAX`] blocks above it; a failed write.
    pub fn take_back_to(&self, hash: &Hash) -> Result<Vec<Hash>, DbError> {
        let mut removed = Vec::new();
        self.write_with(|| {
            let old = self.tips.read().ok_or(DbError::NoGenesis)?;
            let height = self.header(hash)?.ok_or(DbError::UnknownBlock(*hash))?.number;
            if self.hash_at(height)? != Some(*hash) {
                return Err(DbError::NotOnBestChain(*hash));
            }
            let blocks = old.best.0.saturating_sub(height).0;
            if blocks > TAKEN_BACK_MAX {
                let max = TAKEN_BACK_MAX;
                return Err(DbError::TooManyToTakeBack { blocks, max });
            }
            let mut batch = WriteBatch::default();
            let mut changed = BTreeMap::new();
            for above in (height.0.saturating_add(1)..=old.best.0.0).rev().map(Height) {
                let Some(hash) = self.hash_at(above)? else { continue };
                self.delete_evm(&mut batch, above, hash, &mut changed)?;
                for column in [Column::Headers, Column::Bodies] {
                    self.raw.delete(&mut batch, column, hash.as_bytes())?;
                }
                self.raw.delete(&mut batch, Column::Numbers, &number_key(above))?;
                removed.push(hash);
            }
            let tip = (height, *hash);
            let tips = Tips {
                best: tip,
                finalised: tip,
            };
            Ok(Some((batch, tips)))
        })?;
        Ok(removed)
    }

    /// Writes entries of the extras column outside of a block, all or none; `None` removes. They survive the end of the
    /// process; a power cut only once a later block is on the disk.
    pub fn write_aux(&self, entries: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<(), DbError> {
        let mut stopped = self.writer.lock();
        if let Some(reason) = &*stopped {
            return Err(DbError::Stopped(reason.clone()));
        }
        let mut batch = WriteBatch::default();
        self.put_aux(&mut batch, entries)?;
        self.raw
            .write(batch)
            .inspect_err(|error| *stopped = Some(error.to_string()))
    }

    /// One writer at a time: writes the batch that `prepare` made, with its tips. Once a write failed, none is
    /// tried again: what is on the disk is only known after a restart.
    fn write_with(&self, prepare: impl FnOnce() -> Result<Option<(WriteBatch, Tips)>, DbError>) -> Result<(), DbError> {
        let mut stopped = self.writer.lock();
        if let Some(reason) = &*stopped {
            return Err(DbError::Stopped(reason.clone()));
        }
        let Some((mut batch, tips)) = prepare()? else {
            return Ok(());
        };
        self.raw
            .put_checked(&mut batch, Column::Meta, meta::TIPS, &tips.encode())?;
        let (start, size) = (Instant::now(), batch.size_in_bytes());
        crash_point("db-before-write");
        // Writing and syncing are two steps so that a test can end the process between them.
        let written = self.raw.write(batch).and_then(|()| {
            crash_point("db-before-sync");
            self.raw.sync()
        });
        crash_point("db-after-sync");
        if let Err(error) = written {
            *stopped = Some(error.to_string());
            return Err(error);
        }
        *self.tips.write() = Some(tips);
        if let Some(metrics) = self.metrics.get() {
            metrics.committed(size, start.elapsed());
        }
        Ok(())
    }

    fn write_nodes_ahead(&self, nodes: Vec<(Hash, Vec<u8>)>) -> Result<(), DbError> {
        let mut batch = WriteBatch::default();
        for (hash, node) in nodes {
            self.raw.put(&mut batch, Column::Nodes, hash.as_bytes(), &node)?;
            if batch.size_in_bytes() >= GENESIS_BATCH_BYTES {
                self.raw.write(std::mem::take(&mut batch))?;
            }
        }
        self.raw.write(batch)?;
        crash_point("db-genesis-nodes");
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
        for (hash, node) in &block.nodes {
            raw.put(batch, Column::Nodes, hash.as_bytes(), node)?;
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

    fn check_parent(&self, header: &Header) -> Result<(), DbError> {
        let (number, parent) = (header.number, header.parent_hash);
        let known = self.header(&parent)?.ok_or(DbError::UnknownParent { number, parent })?;
        if known.number.next() != Some(number) {
            return Err(DbError::WrongHeight {
                number,
                parent,
                parent_number: known.number,
            });
        }
        Ok(())
    }

    /// Refuses a block that does not descend from the last final one.
    fn check_fork(&self, header: &Header, hash: Hash, tips: Tips) -> Result<(), DbError> {
        let mut scratch = WriteBatch::default();
        self.put_best_chain(&mut scratch, header, hash, tips)
    }

    /// Points the heights at the block and its ancestors, down to where they already do, and at nothing above it.
    fn put_best_chain(&self, batch: &mut WriteBatch, header: &Header, hash: Hash, old: Tips) -> Result<(), DbError> {
        let (finalised_number, finalised) = old.finalised;
        let contradiction = DbError::Finalised {
            number: header.number,
            hash,
            finalised_number,
            finalised,
        };
        for above in header.number.0.saturating_add(1)..=old.best.0.0 {
            self.raw.delete(batch, Column::Numbers, &number_key(Height(above)))?;
        }
        let (mut number, mut at, mut parent) = (header.number, hash, header.parent_hash);
        while self.hash_at(number)? != Some(at) {
            if number <= finalised_number {
                return Err(contradiction);
            }
            self.raw
                .put_checked(batch, Column::Numbers, &number_key(number), &at.encode())?;
            let ancestor = self.header(&parent)?.ok_or(DbError::UnknownBlock(parent))?;
            (number, at, parent) = (ancestor.number, parent, ancestor.parent_hash);
        }
        // Met the best chain; below the final block that is a fork from its past.
        if number < finalised_number {
            return Err(contradiction);
        }
        Ok(())
    }
}

fn number_key(height: Height) -> [u8; 4] {
    height.0.to_be_bytes()
}
