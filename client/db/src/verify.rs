//! Walking all that is stored: what is damaged or missing, what would mend it, and mending it from what else is here.

use crate::{
    columns::Column,
    crash::crash_point,
    database::{Database, decode, meta},
    error::{DbError, hex},
    raw::Raw,
    state::{Diff, Past, unpatch},
};
use codec::Encode;
use quids_core::{Hash, Header, Height};
use quids_state::{Address, EMPTY_ROOT, OldNode, StateStore, TrieBuilder};
use rocksdb::WriteBatch;

/// What is written again goes in batches of about this size.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// Columns that say again what others say.
const REBUILT: [Column; 3] = [Column::Numbers, Column::Branches, Column::Changes];
/// Entries between two calls of the observer.
const STEP: u64 = 1024;

/// How to mend a damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// [`Database::repair`] makes this column again from others.
    Rebuild(Column),
    /// What led back from this height is gone: [`Database::repair`] gives up the states before it.
    ForgetStatesBefore(Height),
    /// It cannot be had from what else is here: restore a backup, or import the blocks again.
    Restore,
}

impl std::fmt::Display for Remedy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rebuild(column) => write!(f, "--repair makes {} again from the rest", column.name()),
            Self::ForgetStatesBefore(height) => write!(f, "--repair gives up the states before block {height}"),
            Self::Restore => f.write_str("restore a backup, or import the blocks again"),
        }
    }
}

/// An entry that is not as it was written, that is missing, or that should not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub column: &'static str,
    /// Hex; empty if it is about the whole column.
    pub key: String,
    /// The block it belongs to, where it belongs to one that is known.
    pub height: Option<Height>,
    pub reason: String,
    pub remedy: Remedy,
}

/// What [`Database::verify`] looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    pub entries: u64,
    /// Keys and values, without compression.
    pub bytes: u64,
    pub damages: u64,
}

/// A walk under way.
struct Walk<'a> {
    db: &'a Database,
    tip: Height,
    oldest: Height,
    /// Of the entries of all columns.
    done: Verified,
    observe: &'a mut dyn FnMut(&'static str, u64),
    found: &'a mut dyn FnMut(Damage),
}

impl Database {
    /// Walks everything: each entry's sum or hash, the blocks from the first to the last, the state against its root and the
    /// branches of its trie, what each block replaced and the rows that find it. `observe` hears now and then in which column
    /// it is, and how many entries it has seen in all; `found` gets each damage. An error is one of reading at all.
    ///
    /// Nobody may write meanwhile. Takes as long as reading all of the database; memory has a bound.
    pub fn verify(
        &self,
        observe: &mut dyn FnMut(&'static str, u64),
        found: &mut dyn FnMut(Damage),
    ) -> Result<Verified, DbError> {
        let _nobody_writes = self.writer.lock();
        let (tip, best) = self.best()?;
        let mut walk = Walk {
            db: self,
            tip,
            oldest: self.oldest(),
            done: Verified::default(),
            observe,
            found,
        };
        walk.blocks()?;
        if !self.is_of_headers() {
            walk.state(&best)?;
            walk.past()?;
            walk.roots()?;
        }
        for column in [
            Column::Meta,
            Column::Extras,
            Column::Journal,
            Column::EvmLogs,
            Column::EvmPostings,
        ] {
            walk.entries(column, |_, _, _| Ok(()))?;
        }
        walk.entries(Column::EvmBlocks, |walk, key, _| {
            walk.known_block(Column::EvmBlocks, key, block_hash(Column::EvmBlocks, key)?)
        })?;
        walk.entries(Column::Justifications, |walk, key, _| {
            walk.known_block(Column::Justifications, key, block_hash(Column::Justifications, key)?)
        })?;
        walk.entries(Column::EvmTransactions, |walk, key, value| {
            let (block, _): (Hash, u32) = decode(Column::EvmTransactions, key, value)?;
            walk.known_block(Column::EvmTransactions, key, block)
        })?;
        (walk.observe)("", walk.done.entries);
        Ok(walk.done)
    }

    /// Applies remedies that [`Self::verify`] named, [`Remedy::Restore`] excepted. Each for itself: the error is the first of
    /// those that failed. A column is made again only if all is there that it is made of; if the process ends meanwhile,
    /// opening the database begins that anew.
    pub fn repair(&self, remedies: &[Remedy]) -> Result<(), DbError> {
        let stopped = self.writer.lock();
        if let Some(reason) = &*stopped {
            return Err(DbError::Stopped(reason.clone()));
        }
        let forget = remedies.iter().filter_map(|remedy| match remedy {
            Remedy::ForgetStatesBefore(height) => Some(*height),
            _ => None,
        });
        let forgotten = forget.max().map_or(Ok(()), |height| self.forget_states_before(height));
        let rebuilt = REBUILT.into_iter().map(|column| {
            if remedies.contains(&Remedy::Rebuild(column)) {
                self.rebuild(column)
            } else {
                Ok(())
            }
        });
        // All of them are tried.
        let results: Vec<_> = std::iter::once(forgotten).chain(rebuilt).collect();
        results.into_iter().chain([self.raw.sync()]).collect()
    }

    /// Goes on with a column that a process was making again when it ended.
    pub(crate) fn finish_repair(&self) -> Result<(), DbError> {
        let Some(name) = self.raw.checked(Column::Meta, meta::REPAIRING)? else {
            return Ok(());
        };
        let column = REBUILT.into_iter().find(|column| column.name().as_bytes() == name);
        let column = column.ok_or_else(|| DbError::damaged(Column::Meta, meta::REPAIRING, "no such column"))?;
        self.rebuild(column)?;
        self.raw.sync()
    }

    /// Makes a column again, marked as long as it is not whole.
    fn rebuild(&self, column: Column) -> Result<(), DbError> {
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
        self.raw.clear(column)?;
        crash_point("db-repair-cleared");
        let mut batch = Batch::new(&self.raw);
        make(self, &mut batch)?;
        self.raw.delete(&mut batch.batch, Column::Meta, meta::REPAIRING)?;
        self.raw.write(batch.batch)
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
    fn build(&self, sink: &mut dyn FnMut(Address, Vec<u8>) -> Result<(), DbError>) -> Result<Hash, DbError> {
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

fn block_hash(column: Column, key: &[u8]) -> Result<Hash, DbError> {
    let hash = <[u8; 32]>::try_from(key).map_err(|_| DbError::damaged(column, key, "its key is no hash"));
    hash.map(Hash::from)
}

impl Walk<'_> {
    /// The blocks from the first to the last, and that nothing is there of others.
    fn blocks(&mut self) -> Result<(), DbError> {
        self.entries(Column::Headers, |walk, key, value| {
            let header: Header = decode(Column::Headers, key, value)?;
            let hash = block_hash(Column::Headers, key)?;
            let at = header.number.0.to_be_bytes();
            match walk.db.raw.checked(Column::Numbers, &at) {
                Ok(Some(at)) if at == hash.encode() => Ok(()),
                // Told of where the numbers are walked.
                Ok(None) | Err(_) if header.number <= walk.tip => Ok(()),
                _ => Err(DbError::damaged(Column::Headers, key, "it is of no block of the chain")),
            }
        })?;
        self.entries(Column::Numbers, |walk, key, value| {
            let _: Hash = decode(Column::Numbers, key, value)?;
            match <[u8; 4]>::try_from(key) {
                Ok(height) if u32::from_be_bytes(height) <= walk.tip.0 => Ok(()),
                _ => Err(DbError::damaged(Column::Numbers, key, "it is above the last block")),
            }
        })?;
        self.entries(Column::Bodies, |walk, key, _| {
            walk.known_block(Column::Bodies, key, block_hash(Column::Bodies, key)?)
        })?;
        for (key, height, block) in [
            (meta::GENESIS, Height::ZERO, self.db.genesis()),
            (meta::TIP, self.tip, self.db.best().map(|(_, best)| Some(best))),
        ] {
            match (block, self.db.hash_at(height)) {
                (Ok(Some(one)), Ok(Some(other))) if one != other => {
                    let reason = format!("block {one:?} is not the one by its height, {other:?}");
                    self.report(Column::Meta, key, Some(height), reason);
                }
                (Ok(None), _) => self.report(Column::Meta, key, Some(height), "it is missing".into()),
                // Told of where its column is walked.
                _ => {}
            }
        }
        let mut parent = None;
        // Where a snapshot was imported, what is between genesis and its block is not there.
        let first = match self.db.first_block() {
            // Told of where its column is walked. No state is kept from before it.
            Err(DbError::Damaged { .. }) => self.oldest,
            first => first?,
        };
        let heights = (first.0..=self.tip.0).map(Height);
        let genesis = (first > Height::ZERO).then_some(Height::ZERO);
        for height in genesis.into_iter().chain(heights) {
            if height == first {
                parent = None;
            }
            let key = height.0.to_be_bytes();
            let hash = match self.db.raw.checked(Column::Numbers, &key) {
                Ok(Some(bytes)) => decode::<Hash>(Column::Numbers, &key, &bytes).ok(),
                Ok(None) => {
                    self.report(Column::Numbers, &key, Some(height), "it is missing".into());
                    None
                }
                // Told of already.
                Err(_) => None,
            };
            let Some(hash) = hash else {
                parent = None;
                continue;
            };
            match self.db.header(&hash) {
                Ok(Some(header)) if header.number != height => {
                    let reason = format!("its block is of height {}", header.number);
                    self.report(Column::Numbers, &key, Some(height), reason);
                }
                Ok(Some(header)) if parent.is_some_and(|parent| parent != header.parent_hash) => {
                    let reason = format!("its block {hash:?} does not follow the one before");
                    self.report(Column::Numbers, &key, Some(height), reason);
                }
                Ok(None) => self.report(Column::Headers, hash.as_bytes(), Some(height), "it is missing".into()),
                Ok(Some(_)) | Err(_) => {}
            }
            let needed = match self.db.is_of_headers() {
                false => Some(Column::Bodies),
                true => (height > Height::ZERO).then_some(Column::Justifications),
            };
            if let Some(column) = needed.filter(|column| !self.is_there(*column, hash.as_bytes())) {
                self.report(column, hash.as_bytes(), Some(height), "it is missing".into());
            }
            parent = Some(hash);
        }
        Ok(())
    }

    /// The latest state against its root, and the branches against the state.
    fn state(&mut self, best: &Hash) -> Result<(), DbError> {
        let before = self.done.damages;
        self.entries(Column::State, |_, _, _| Ok(()))?;
        self.entries(Column::Branches, |_, _, _| Ok(()))?;
        let Ok(Some(header)) = self.db.header(best) else {
            return Ok(());
        };
        let root = self.db.build(&mut |_, _| Ok(()));
        let root = match root {
            Ok(root) => root,
            // A value is damaged, which was told of: nothing more can be said.
            Err(DbError::Damaged { .. } | DbError::Read { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        if root != header.state_root {
            let reason = format!("its root is {root:?}, not {:?}", header.state_root);
            self.report(Column::State, &[], Some(self.tip), reason);
            return Ok(());
        }
        let (db, mut count) = (self.db, 0u64);
        db.build(&mut |address, bytes| {
            let key = address.encode();
            count += 1;
            match db.raw.checked(Column::Branches, &key) {
                Ok(Some(stored)) if stored == bytes => {}
                Ok(Some(_)) => {
                    let reason = "it is not the branch of this state".into();
                    self.report(Column::Branches, &key, Some(self.tip), reason);
                }
                Ok(None) => self.report(Column::Branches, &key, Some(self.tip), "it is missing".into()),
                // Told of already.
                Err(_) => {}
            }
            Ok(())
        })?;
        if self.done.damages > before {
            return Ok(());
        }
        let stored = self.db.raw.count(Column::Branches)?;
        if stored != count {
            let reason = format!("there are {stored}, of which {count} belong to the state");
            self.report(Column::Branches, &[], Some(self.tip), reason);
        }
        Ok(())
    }

    /// What each block replaced, and the rows that find it.
    fn past(&mut self) -> Result<(), DbError> {
        let before = self.done.damages;
        self.entries(Column::Diffs, |walk, key, value| {
            let diff: Diff = decode(Column::Diffs, key, value)?;
            let height = <[u8; 4]>::try_from(key).map(u32::from_be_bytes).ok().map(Height);
            match height {
                _ if !diff.is_sorted() => Err(DbError::damaged(Column::Diffs, key, "it is out of order")),
                Some(height) if height > walk.oldest && height <= walk.tip => Ok(()),
                _ => Err(DbError::damaged(
                    Column::Diffs,
                    key,
                    "it is of no block whose past is kept",
                )),
            }
        })?;
        let oldest = self.oldest;
        let mut rows = 0u64;
        self.entries(Column::Changes, |_, key, _| {
            let height = key.last_chunk().copied().map(u32::from_be_bytes);
            // What pruning left of a damaged diff lies below all that is looked for.
            rows += u64::from(height.is_some_and(|height| height > oldest.0));
            Ok(())
        })?;
        let mut entries = 0u64;
        for height in (oldest.0.saturating_add(1)..=self.tip.0).map(Height) {
            let key = height.0.to_be_bytes();
            let diff: Option<Diff> = match self.db.raw.checked(Column::Diffs, &key) {
                Ok(Some(bytes)) => decode(Column::Diffs, &key, &bytes).ok(),
                Ok(None) => {
                    self.report(Column::Diffs, &key, Some(height), "it is missing".into());
                    None
                }
                Err(_) => None,
            };
            for entry in diff.iter().flat_map(Diff::entries) {
                entries += 1;
                let row = entry.row(height);
                if !self.is_there(Column::Changes, &row) {
                    self.report(Column::Changes, &row, Some(height), "it is missing".into());
                }
            }
        }
        if self.done.damages == before && rows != entries {
            let reason = format!("there are {rows} rows for {entries} changes");
            self.report(Column::Changes, &[], None, reason);
        }
        Ok(())
    }

    /// The trie's root before each block, from the last one down by what blocks replaced: that it is the one that the block
    /// below has. Other branches of the past are as many as changes; their hashes are compared when they are read.
    fn roots(&mut self) -> Result<(), DbError> {
        let address = Address::default().encode();
        // `None` where it is a leaf, or damaged: the next that is kept whole is known again.
        let mut root = self.db.raw.checked(Column::Branches, &address).unwrap_or(None);
        for height in (self.oldest.0.saturating_add(1)..=self.tip.0).rev().map(Height) {
            let key = height.0.to_be_bytes();
            let below = Height(height.0.saturating_sub(1));
            let diff = self.db.raw.checked(Column::Diffs, &key).ok().flatten();
            let diff = diff.and_then(|bytes| decode::<Diff>(Column::Diffs, &key, &bytes).ok());
            let header = self.db.hash_at(below).ok().flatten();
            let header = header.and_then(|hash| self.db.header(&hash).ok().flatten());
            // Told of where their columns are walked.
            let (Some(diff), Some(header)) = (diff, header) else {
                root = None;
                continue;
            };
            // It has no node, so none was replaced.
            if header.state_root == EMPTY_ROOT {
                root = None;
                continue;
            }
            match diff.node(&address) {
                None => {}
                Some(Past::Whole(OldNode::Branch(bytes))) => root = Some(bytes.to_vec()),
                Some(Past::Whole(OldNode::Leaf(_))) => root = None,
                Some(Past::Patched(runs)) => {
                    root = root.and_then(|mut bytes| unpatch(&mut bytes, runs).map(|()| bytes))
                }
            }
            let is_damaged = root
                .as_ref()
                .is_some_and(|root| blake3::hash(root).as_bytes() != &header.state_root.0);
            if is_damaged {
                let reason = format!("it does not lead back to the state of block {below}");
                self.report(Column::Diffs, &key, Some(height), reason);
                root = None;
            }
        }
        Ok(())
    }

    /// Each entry of a column: its sum or hash, and what else `check` has to say of key and value.
    fn entries(
        &mut self,
        column: Column,
        mut check: impl FnMut(&mut Self, &[u8], &[u8]) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        (self.observe)(column.name(), self.done.entries);
        let raw = &self.db.raw;
        let mut rows = raw.iterator(column)?;
        rows.seek_to_first();
        while let Some((key, stored)) = rows.item() {
            self.done.entries += 1;
            self.done.bytes += (key.len() + stored.len()) as u64;
            if self.done.entries.is_multiple_of(STEP) {
                (self.observe)(column.name(), self.done.entries);
            }
            let value = match column {
                Column::Headers if blake3::hash(stored).as_bytes()[..] == *key => Ok(stored.to_vec()),
                Column::Headers => Err(DbError::damaged(column, key, "its hash is not its key")),
                Column::Meta if key == meta::FORMAT => Ok(stored.to_vec()),
                _ => Raw::verified(column, key, stored),
            };
            match value.and_then(|value| check(self, key, &value)) {
                Ok(()) => {}
                Err(DbError::Damaged { reason, .. }) => self.report(column, key, self.height_of(column, key), reason),
                Err(error) => return Err(error),
            }
            rows.next();
        }
        if let Err(DbError::Read { reason, .. }) = Raw::ended(&rows, column) {
            // Nor can it be cleared, to be made again.
            let reason = format!("what follows cannot be read: {reason}");
            self.report_with(column, &[], None, reason, Remedy::Restore);
        }
        Ok(())
    }

    /// That a block is there which an entry belongs to.
    fn known_block(&self, column: Column, key: &[u8], block: Hash) -> Result<(), DbError> {
        if self.is_there(Column::Headers, block.as_bytes()) {
            return Ok(());
        }
        Err(DbError::damaged(column, key, "its block is unknown"))
    }

    /// Whether there is something; what cannot be read is told of where its column is walked.
    fn is_there(&self, column: Column, key: &[u8]) -> bool {
        !matches!(self.db.raw.read(column, key), Ok(None))
    }

    /// The block that an entry belongs to by its key.
    fn height_of(&self, column: Column, key: &[u8]) -> Option<Height> {
        match column {
            Column::Numbers | Column::Diffs => Some(Height(u32::from_be_bytes(key.try_into().ok()?))),
            Column::EvmLogs | Column::Journal => Some(Height(u32::from_be_bytes(*key.first_chunk()?))),
            Column::Changes => Some(Height(u32::from_be_bytes(*key.last_chunk()?))),
            Column::Bodies | Column::EvmBlocks | Column::Justifications => {
                let hash: [u8; 32] = key.try_into().ok()?;
                Some(self.db.header(&hash.into()).ok()??.number)
            }
            Column::State | Column::Branches => Some(self.tip),
            Column::Meta | Column::Headers | Column::Extras | Column::EvmTransactions | Column::EvmPostings => None,
        }
    }

    fn report(&mut self, column: Column, key: &[u8], height: Option<Height>, reason: String) {
        let remedy = match (column, height) {
            (Column::Numbers | Column::Branches | Column::Changes, _) => Remedy::Rebuild(column),
            (Column::Diffs, Some(height)) if height <= self.tip => Remedy::ForgetStatesBefore(height),
            _ => Remedy::Restore,
        };
        self.report_with(column, key, height, reason, remedy);
    }

    fn report_with(&mut self, column: Column, key: &[u8], height: Option<Height>, reason: String, remedy: Remedy) {
        self.done.damages += 1;
        (self.found)(Damage {
            column: column.name(),
            key: hex(key),
            height,
            reason,
            remedy,
        });
    }
}
