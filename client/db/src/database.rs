//! `Database`: opening, and everything that reads. Writing is in `block.rs`.

use crate::{
    columns::{Column, FORMAT_VERSION, OLDEST_FORMAT},
    effort::Effort,
    error::DbError,
    metrics::CommitMetrics,
    raw::Raw,
    state::{Chance, StateCache, StateTip},
    tail,
};
use codec::{Decode, DecodeAll};
use parking_lot::{Mutex, RwLock};
use quids_core::{Hash, Header, Height, OpaqueExtrinsic};
use quids_state::{BackendError, SharedCache, StateStore, StateView};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, ErrorKind, LogLevel, Options as RocksOptions, WriteBatch,
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, atomic::AtomicBool},
};

const MIB: usize = 1024 * 1024;
/// All write buffers together; the fullest is flushed before they exceed it.
const WRITE_BUFFERS_BYTES: usize = 64 * MIB;
/// The log is cut, and buffers flushed, when it grows past this.
const WAL_BYTES_MAX: u64 = 128 * MIB as u64;

/// Keys of the meta column.
pub(crate) mod meta {
    /// `FORMAT_VERSION`, 4 bytes little-endian, bare: the one entry whose form no version may change.
    pub const FORMAT: &[u8] = b"format";
    pub const GENESIS: &[u8] = b"genesis";
    pub const TIP: &[u8] = b"tip";
    /// The least height whose state can be read; 0 without.
    pub const OLDEST_STATE: &[u8] = b"oldest_state";
    /// There, and empty, while no process has the database open that could end in the middle of something.
    pub const CLOSED: &[u8] = b"closed";
    /// The block from which on all are there, if that is not the first.
    pub const FIRST_BLOCK: &[u8] = b"first_block";
    /// How far the import of a snapshot is, while there is one.
    pub const IMPORTING: &[u8] = b"importing";
    /// There, and empty, where headers are kept and no bodies and states.
    pub const OF_HEADERS: &[u8] = b"of_headers";
    /// Name of the column that is being made again, while it is.
    pub const REPAIRING: &[u8] = b"repairing";
}

/// How to open a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageConfig {
    /// Its folder, made if it is not there.
    pub db_path: PathBuf,
    /// Of the block cache that all columns share, in MiB, and half as much again for hot values and recent diffs.
    pub cache_size_mb: usize,
    /// Whether new files are compressed. What is there stays readable either way, and takes the new form when compaction
    /// writes it again.
    pub enable_compression: bool,
    /// Files that RocksDB keeps open; −1 for all.
    pub max_open_files: i32,
    /// How many states before the last block's stay readable; `None`: all. Another number takes effect with the next blocks.
    pub states_kept: Option<u32>,
    /// Whether a block is on the disk (fsync) before it counts as committed. Only tests do without.
    pub sync: bool,
}

impl StorageConfig {
    /// The defaults, in this folder.
    pub fn new(db_path: impl Into<PathBuf>) -> Self {
        Self {
            db_path: db_path.into(),
            cache_size_mb: 64,
            enable_compression: true,
            max_open_files: 512,
            states_kept: None,
            sync: true,
        }
    }
}

/// Which files RocksDB puts up with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Files {
    Sound,
    /// Also such as are gone or damaged: what is in them cannot be read, the rest can.
    Any,
}

/// The end of the chain.
pub(crate) type ChainTip = (Height, Hash);

/// Key and value of something that others of the client keep.
pub type AuxEntry = (Vec<u8>, Vec<u8>);

/// The chain on disk. One process has it open; threads share it behind an `Arc`.
pub struct Database {
    pub(crate) raw: Raw,
    /// The last block that is on the disk.
    pub(crate) tip: RwLock<Option<ChainTip>>,
    pub(crate) state_tip: StateTip,
    pub(crate) states: StateCache,
    pub(crate) states_kept: Option<u32>,
    /// Whether headers are kept and no bodies and states.
    pub(crate) is_of_headers: AtomicBool,
    /// Whether the last blocks are known to be whole.
    pub(crate) is_tail_whole: AtomicBool,
    /// Which branches of the past are kept whole.
    pub(crate) chance: Chance,
    /// Without compression, none.
    pub(crate) effort: Option<Effort>,
    /// Held while a batch is put together and written; has the reason if a write failed.
    pub(crate) writer: Mutex<Option<String>>,
    /// Once `register_metrics` was called.
    pub(crate) metrics: OnceLock<CommitMetrics>,
}

impl Database {
    /// Opens a database, or makes it. It may still lack a genesis block.
    pub fn open(config: &StorageConfig) -> Result<Self, DbError> {
        Self::open_as(config, Files::Sound)
    }

    /// As [`Self::open`], also where files are gone or cannot be read: to be verified and repaired, and for nothing else.
    ///
    /// Errors, besides those of [`Self::open`]: what says which files there are, or the column `meta`, cannot be read either.
    pub fn open_to_mend(config: &StorageConfig) -> Result<Self, DbError> {
        match Self::open(config) {
            Err(DbError::Unreadable { .. }) => Self::open_as(config, Files::Any).map_err(|error| match error {
                DbError::Unreadable { path, reason } => {
                    let reason = format!("{reason}: restore a backup, or import the blocks again");
                    DbError::Open { path, reason }
                }
                other => other,
            }),
            opened => opened,
        }
    }

    fn open_as(config: &StorageConfig, files: Files) -> Result<Self, DbError> {
        let cache = Cache::new_lru_cache(config.cache_size_mb.saturating_mul(MIB));
        let raw = Raw {
            db: open_rocksdb(config, &cache, files)?,
            cache,
            enable_compression: config.enable_compression,
            sync: config.sync,
        };
        let format = check_format(&raw)?;
        let was_closed = tail::was_closed(&raw)?;
        let tip = raw.checked(Column::Meta, meta::TIP)?;
        let tip: Option<ChainTip> = tip.map(|bytes| decode(Column::Meta, meta::TIP, &bytes)).transpose()?;
        let height = tip.map_or(Height::ZERO, |(height, _)| height);
        let is_of_headers = raw.checked(Column::Meta, meta::OF_HEADERS)?.is_some();
        let oldest = raw.checked(Column::Meta, meta::OLDEST_STATE)?;
        let oldest = oldest
            .map(|bytes| decode(Column::Meta, meta::OLDEST_STATE, &bytes))
            .transpose()?;
        let mut this = Self {
            raw,
            tip: RwLock::new(tip),
            state_tip: StateTip::new(height, oldest.unwrap_or(Height::ZERO)),
            states: StateCache::new(config.cache_size_mb.saturating_mul(MIB) / 2),
            states_kept: config.states_kept,
            is_of_headers: AtomicBool::new(is_of_headers),
            is_tail_whole: AtomicBool::new(was_closed || tip.is_none()),
            chance: Chance::default(),
            effort: config.enable_compression.then(Effort::default),
            writer: Mutex::new(None),
            metrics: OnceLock::new(),
        };
        this.finish_repair()?;
        if format < FORMAT_VERSION {
            // What it has is read as it is; what is written from now on it does not know.
            put_format(&this.raw)?;
        }
        Ok(this)
    }

    /// The hash of block 0.
    pub fn genesis(&self) -> Result<Option<Hash>, DbError> {
        let bytes = self.raw.checked(Column::Meta, meta::GENESIS)?;
        bytes
            .map(|bytes| decode(Column::Meta, meta::GENESIS, &bytes))
            .transpose()
    }

    /// The last block. It is final, as all of them are.
    pub fn best(&self) -> Result<(Height, Hash), DbError> {
        match *self.tip.read() {
            Some(tip) => Ok(tip),
            None => self.check_not_importing().and(Err(DbError::NoGenesis)),
        }
    }

    /// The header with this hash.
    pub fn header(&self, hash: &Hash) -> Result<Option<Header>, DbError> {
        let bytes = self.raw.by_hash(Column::Headers, hash)?;
        bytes
            .map(|bytes| decode(Column::Headers, hash.as_bytes(), &bytes))
            .transpose()
    }

    /// The extrinsics of the block with this hash, in their order.
    pub fn get_block_transactions(&self, hash: &Hash) -> Result<Option<Vec<OpaqueExtrinsic>>, DbError> {
        let bytes = self.raw.checked(Column::Bodies, hash.as_bytes())?;
        bytes
            .map(|bytes| decode(Column::Bodies, hash.as_bytes(), &bytes))
            .transpose()
    }

    /// The proof that the block with this hash is final, as it was written with it; `None` also of a block that came without.
    pub fn justification(&self, hash: &Hash) -> Result<Option<Vec<u8>>, DbError> {
        self.raw.checked(Column::Justifications, hash.as_bytes())
    }

    /// The block at a height. Nothing above the height of [`Database::best`] is found, by height or by a
    /// transaction or a log: who sees a receipt may rely on the state being there.
    pub fn hash_at(&self, height: Height) -> Result<Option<Hash>, DbError> {
        if self.tip.read().is_none_or(|(best, _)| best < height) {
            return Ok(None);
        }
        let key = height.0.to_be_bytes();
        let bytes = self.raw.checked(Column::Numbers, &key)?;
        bytes.map(|bytes| decode(Column::Numbers, &key, &bytes)).transpose()
    }

    /// The state after the block at a height, kept as it was then: values, their trie's nodes and proofs. `cache` holds nodes
    /// for all views that share it.
    ///
    /// Errors: no such block, or its state was pruned.
    pub fn load_state_at_block(
        self: &Arc<Self>,
        height: Height,
        cache: Arc<SharedCache>,
    ) -> Result<StateView, DbError> {
        self.check_of_headers(false)?;
        let unknown = || DbError::NoBlockAt(height);
        let hash = self.hash_at(height)?.ok_or_else(unknown)?;
        let header = self.header(&hash)?.ok_or_else(unknown)?;
        let oldest = self.oldest();
        if height < oldest {
            return Err(DbError::Past(BackendError::Pruned { height, oldest }.to_string()));
        }
        let store: Arc<dyn StateStore> = self.clone();
        Ok(StateView::new(store, cache, height, header.state_root))
    }

    /// What was written as `aux` of a block, or by [`Database::write_aux`], under this key.
    pub fn aux(&self, key: &[u8]) -> Result<Option<Vec<u8>>, DbError> {
        self.raw.checked(Column::Extras, key)
    }

    /// At most `max` such entries whose keys begin with `prefix`, in ascending order of their keys.
    pub fn aux_with_prefix(&self, prefix: &[u8], max: usize) -> Result<Vec<AuxEntry>, DbError> {
        let keys = self.raw.keys_with_prefix(Column::Extras, prefix, max)?;
        let entry = |key: Vec<u8>| Ok(self.aux(&key)?.map(|value| (key, value)));
        keys.into_iter().map(entry).filter_map(Result::transpose).collect()
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database({}, {:?})", self.raw.db.path().display(), *self.tip.read())
    }
}

/// All of `bytes`, or the entry is damaged.
pub(crate) fn decode<T: Decode>(column: Column, key: &[u8], bytes: &[u8]) -> Result<T, DbError> {
    T::decode_all(&mut &*bytes).map_err(|error| DbError::damaged(column, key, error.to_string()))
}

fn open_rocksdb(config: &StorageConfig, cache: &Cache, files: Files) -> Result<DB, DbError> {
    let path = &*config.db_path;
    let failed = |error: rocksdb::Error| match error.to_string() {
        reason if error.kind() == ErrorKind::Corruption => DbError::Unreadable {
            path: path.into(),
            reason,
        },
        reason if reason.contains("lock") && reason.contains("LOCK") => DbError::Locked {
            path: path.into(),
            holder: holder(path).map_or_else(String::new, |pid| format!(" (process {pid})")),
        },
        reason => DbError::Open {
            path: path.into(),
            reason,
        },
    };
    std::fs::create_dir_all(path).map_err(|error| DbError::Open {
        path: path.into(),
        reason: error.to_string(),
    })?;
    let columns = Column::ALL.iter().map(|column| {
        let mut options = column.live_options(cache, config.enable_compression);
        // What is damaged is not to be copied about.
        options.set_disable_auto_compactions(files == Files::Any);
        ColumnFamilyDescriptor::new(column.name(), options)
    });
    let mut columns: Vec<_> = columns.collect();
    // Columns of a newer format are opened too, so that its version can be read and named.
    let known = |name: &String| Column::ALL.iter().any(|column| column.name() == name);
    let found = if path.join("CURRENT").exists() {
        DB::list_cf(&RocksOptions::default(), path).map_err(failed)?
    } else {
        Vec::new()
    };
    let unknown = found.iter().filter(|name| !known(name));
    columns.extend(unknown.map(|name| ColumnFamilyDescriptor::new(name, RocksOptions::default())));

    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    let mut rocks = RocksOptions::default();
    rocks.create_if_missing(true);
    rocks.create_missing_column_families(true);
    rocks.set_block_based_table_factory(&blocks);
    rocks.set_max_open_files(config.max_open_files);
    rocks.set_max_background_jobs(2);
    rocks.set_db_write_buffer_size(WRITE_BUFFERS_BYTES);
    rocks.set_max_total_wal_size(WAL_BYTES_MAX);
    rocks.set_paranoid_checks(files == Files::Sound);
    rocks.set_log_level(LogLevel::Warn);
    rocks.set_keep_log_file_num(2);
    DB::open_cf_descriptors(&rocks, path, columns).map_err(failed)
}

/// The process that holds RocksDB's lock, from Linux's table of locks: `1: POSIX ADVISORY WRITE pid major:minor:inode …`.
#[cfg(target_os = "linux")]
fn holder(path: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let inode = std::fs::metadata(path.join("LOCK")).ok()?.ino().to_string();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(4);
        let (pid, file) = (words.next()?, words.next()?);
        (file.rsplit(':').next()? == inode).then(|| pid.parse().ok())?
    })
}

#[cfg(not(target_os = "linux"))]
fn holder(_path: &Path) -> Option<u32> {
    None
}

/// On the disk when this returns: files that are taken in as they are must not come before it.
fn put_format(raw: &Raw) -> Result<(), DbError> {
    let mut batch = WriteBatch::default();
    raw.put(&mut batch, Column::Meta, meta::FORMAT, &FORMAT_VERSION.to_le_bytes())?;
    raw.write(batch)?;
    raw.sync()
}

/// Writes the version into a new database; refuses one of another version than can be read, which it returns.
fn check_format(raw: &Raw) -> Result<u32, DbError> {
    let supported = FORMAT_VERSION;
    let Some(bytes) = raw.read(Column::Meta, meta::FORMAT)? else {
        for column in Column::ALL {
            if !raw.is_empty(column)? {
                return Err(DbError::NoFormat);
            }
        }
        put_format(raw)?;
        return Ok(FORMAT_VERSION);
    };
    let version: [u8; 4] = (*bytes).try_into().map_err(|_| {
        DbError::damaged(
            Column::Meta,
            meta::FORMAT,
            format!("{} bytes are no version", bytes.len()),
        )
    })?;
    match u32::from_le_bytes(version) {
        found if found > supported => Err(DbError::NewerFormat { found, supported }),
        found @ OLDEST_FORMAT..=FORMAT_VERSION => Ok(found),
        found => Err(DbError::OlderFormat { found, supported }),
    }
}
