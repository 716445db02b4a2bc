//! Backups beside a running node, and the way back from one.

use crate::{crash::crash_point, database::Database, error::DbError};
use quids_core::Hash;
use rocksdb::{
    Env,
    backup::{BackupEngine, BackupEngineOptions, RestoreOptions},
};
use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// In a folder of backups: whose they are, as hex.
const GENESIS_FILE: &str = "GENESIS";
/// In a folder of backups: who works on it holds it.
const LOCK_FILE: &str = "LOCK";

/// RocksDB counts them in 32 bits.
const KEPT_MAX: usize = u32::MAX as usize;

/// One backup of a folder of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Rises with each.
    pub id: u32,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// Without what it shares with others: as large as the database was.
    pub bytes: u64,
}

/// A folder of backups that nobody else works on.
struct Folder {
    engine: BackupEngine,
    path: PathBuf,
    _lock: File,
}

impl Database {
    /// Adds a backup of the database as it is now to `folder`, which is made if it is not there, and removes all but the
    /// last `kept` there, this one included. Commits go on meanwhile. Files that an earlier backup has are not copied again.
    /// Synced before it counts: one that is broken off is not there.
    pub fn backup(&self, folder: &Path, kept: usize) -> Result<Backup, DbError> {
        let genesis = self.genesis()?.ok_or(DbError::NoGenesis)?;
        let mut backups = Folder::open(folder, Some(genesis))?;
        crash_point("db-before-backup");
        let failed = backups.failure();
        backups
            .engine
            .create_new_backup_flush(&self.raw.db, true)
            .and_then(|()| backups.engine.purge_old_backups(kept.clamp(1, KEPT_MAX)))
            .map_err(failed)?;
        crash_point("db-after-backup");
        backups.all().pop().ok_or_else(|| DbError::Backup {
            path: folder.into(),
            reason: "it is not there after it was made".into(),
        })
    }

    /// The backups in a folder, oldest first.
    pub fn backups(folder: &Path) -> Result<Vec<Backup>, DbError> {
        Ok(Folder::existing(folder)?.all())
    }

    /// Brings a backup, the last one if `id` names none, back as the database `path`, where none may be. Its files are held
    /// against their checksums; the folder has its name only once it is whole.
    pub fn restore(folder: &Path, id: Option<u32>, path: &Path) -> Result<Backup, DbError> {
        let mut backups = Folder::existing(folder)?;
        let refused = |reason: String| DbError::Backup {
            path: folder.into(),
            reason,
        };
        let all = backups.all();
        let found = match id {
            Some(id) => all.iter().find(|backup| backup.id == id),
            None => all.last(),
        };
        let backup = *found.ok_or_else(|| refused(format!("there is no such backup among {}", all.len())))?;
        if path.exists() {
            return Err(refused(format!("{} is there already: remove it first", path.display())));
        }
        let partial = path.with_extension("restoring");
        let disk = |error: io::Error| refused(format!("{}: {error}", partial.display()));
        if partial.exists() {
            fs::remove_dir_all(&partial).map_err(disk)?;
        }
        fs::create_dir_all(&partial).map_err(disk)?;
        let failed = backups.failure();
        let restored = backups.engine.verify_backup(backup.id).and_then(|()| {
            let options = RestoreOptions::default();
            backups
                .engine
                .restore_from_backup(&partial, &partial, &options, backup.id)
        });
        restored.map_err(failed)?;
        for entry in fs::read_dir(&partial).map_err(disk)? {
            File::open(entry.map_err(disk)?.path())
                .and_then(|file| file.sync_all())
                .map_err(disk)?;
        }
        crash_point("db-before-restored");
        fs::rename(&partial, path).map_err(disk)?;
        if let Some(parent) = path.parent() {
            File::open(parent).and_then(|folder| folder.sync_all()).map_err(disk)?;
        }
        Ok(backup)
    }
}

/// Says for good whose backups a folder has.
fn name_after(folder: &Path, genesis: &str) -> io::Result<()> {
    let partial = folder.join("GENESIS.partial");
    fs::write(&partial, genesis)?;
    File::open(&partial)?.sync_all()?;
    fs::rename(&partial, folder.join(GENESIS_FILE))?;
    File::open(folder)?.sync_all()
}

impl Folder {
    /// A folder that is there, of any chain's backups.
    fn existing(path: &Path) -> Result<Self, DbError> {
        if !path.join(GENESIS_FILE).is_file() {
            return Err(DbError::Backup {
                path: path.into(),
                reason: "there are no backups".into(),
            });
        }
        Self::open(path, None)
    }

    /// Only one at a time works on it, in any process.
    fn open(path: &Path, genesis: Option<Hash>) -> Result<Self, DbError> {
        let refused = |reason: String| DbError::Backup {
            path: path.into(),
            reason,
        };
        let disk = |error: io::Error| refused(error.to_string());
        fs::create_dir_all(path).map_err(disk)?;
        let lock = File::create(path.join(LOCK_FILE)).map_err(disk)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(refused("another backup is under way there".into())),
            Err(TryLockError::Error(error)) => return Err(disk(error)),
        }
        if let Some(genesis) = genesis {
            let (file, ours) = (path.join(GENESIS_FILE), format!("{genesis:?}"));
            match fs::read_to_string(&file) {
                Ok(theirs) if theirs == ours => {}
                Ok(theirs) => {
                    return Err(refused(format!(
                        "it has backups of the chain of genesis {theirs}, not {ours}"
                    )));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => name_after(path, &ours).map_err(disk)?,
                Err(error) => return Err(disk(error)),
            }
        }
        let failed = |error: rocksdb::Error| refused(error.to_string());
        let mut options = BackupEngineOptions::new(path).map_err(failed)?;
        options.set_sync(true);
        let engine = BackupEngine::open(&options, &Env::new().map_err(failed)?).map_err(failed)?;
        Ok(Self {
            engine,
            path: path.into(),
            _lock: lock,
        })
    }

    fn all(&self) -> Vec<Backup> {
        let all = self.engine.get_backup_info().into_iter();
        let mut all: Vec<_> = all
            .map(|info| Backup {
                id: info.backup_id,
                timestamp: info.timestamp,
                bytes: info.size,
            })
            .collect();
        all.sort_unstable_by_key(|backup| backup.id);
        all
    }

    fn failure(&self) -> impl Fn(rocksdb::Error) -> DbError + use<> {
        let path = self.path.clone();
        move |error| DbError::Backup {
            path: path.clone(),
            reason: error.to_string(),
        }
    }
}
