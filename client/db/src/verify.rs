//! Walking all that is stored: what is damaged or missing, and what would mend it.

use crate::{
    columns::Column,
    database::{Database, decode, meta},
    error::{DbError, hex},
    raw::Raw,
    repair::Remedy,
    state::{Diff, Past, unpatch},
};
use codec::Encode;
use quids_core::{Hash, Header, Height};
use quids_state::{Address, EMPTY_ROOT, OldNode, StateStore};
use rocksdb::LiveFile;
use std::fs;

/// Entries between two calls of the observer.
const STEP: u64 = 1024;

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
    /// Walks everything: that each file is there; each entry's sum or hash, the blocks from the first to the last, the state against its root and the
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
        walk.files()?;
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
}

fn block_hash(column: Column, key: &[u8]) -> Result<Hash, DbError> {
    let hash = <[u8; 32]>::try_from(key).map_err(|_| DbError::damaged(column, key, "its key is no hash"));
    hash.map(Hash::from)
}

impl Walk<'_> {
    /// That each file of each column is there, as long as it was when it was written.
    fn files(&mut self) -> Result<(), DbError> {
        let mut unsound: Vec<_> = self
            .live_files()?
            .into_iter()
            .filter_map(|file| self.fault_of(file))
            .collect();
        if unsound.is_empty() {
            return Ok(());
        }
        // A compaction may have replaced some in between, and taken them away.
        let live = self.live_files()?;
        unsound.retain(|(file, _)| live.iter().any(|other| other.name == file.name));
        for (file, reason) in unsound {
            let mut columns = Column::ALL.into_iter();
            let column = columns.find(|column| column.name() == file.column_family_name);
            if let Some(column) = column {
                self.report(column, &[], None, reason);
            }
        }
        Ok(())
    }

    fn live_files(&self) -> Result<Vec<LiveFile>, DbError> {
        self.db.raw.db.live_files().map_err(|error| DbError::Read {
            column: Column::Meta.name(),
            key: String::new(),
            reason: error.to_string(),
        })
    }

    /// What is wrong with a file, if anything is.
    fn fault_of(&self, file: LiveFile) -> Option<(LiveFile, String)> {
        let name = file.name.trim_start_matches('/');
        let reason = match fs::metadata(self.db.path().join(name)).map(|found| found.len()) {
            Ok(found) if found == file.size as u64 => return None,
            Ok(found) => format!("its file {name} has {found} bytes, not {}", file.size),
            Err(error) => format!("its file {name}: {error}"),
        };
        Some((file, reason))
    }

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
            let reason = format!("what follows cannot be read: {reason}");
            self.report(column, &[], None, reason);
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
            // As a whole: nothing leads back any more.
            (Column::Diffs, None) if key.is_empty() => Remedy::ForgetStatesBefore(self.tip),
            (Column::Diffs, Some(height)) if height <= self.tip => Remedy::ForgetStatesBefore(height),
            _ => Remedy::Restore,
        };
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
