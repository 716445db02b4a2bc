//! Local transactions in the node's database, so that they outlive the process: written before they enter the pool,
//! deleted in batches some time after they leave it. What is found at the start is only a proposal to the pool.

use parking_lot::Mutex;
use quids_core::Hash;
use quids_db::{Database, DbError};
use quids_txpool::Limits;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Begins the keys; the transaction's hash follows.
const PREFIX: &[u8] = b"pool/local/";
/// Left transactions whose entries are not deleted yet, before adding one deletes them. Their bytes are bounded as those
/// of the kept ones are.
const GONE_MAX: usize = 1024;

pub struct Journal {
    db: Arc<Database>,
    max_count: usize,
    max_bytes: usize,
    /// Held while the database is written, never while the pool is locked.
    writing: Mutex<()>,
    entries: Mutex<Entries>,
}

/// What the database has, by what it should have.
#[derive(Default)]
struct Entries {
    /// Bytes of each transaction that is kept.
    kept: HashMap<Hash, usize>,
    bytes: usize,
    /// To be deleted.
    gone: HashSet<Hash>,
    gone_bytes: usize,
}

impl Entries {
    fn add(&mut self, hash: Hash, bytes: usize) {
        if self.kept.insert(hash, bytes).is_none() {
            self.bytes += bytes;
        }
        if self.gone.remove(&hash) {
            self.gone_bytes -= bytes;
        }
    }

    fn forget(&mut self, hash: &Hash) {
        if let Some(bytes) = self.kept.remove(hash) {
            self.bytes -= bytes;
            self.gone.insert(*hash);
            self.gone_bytes += bytes;
        }
    }
}

fn key(hash: &Hash) -> Vec<u8> {
    [PREFIX, hash.as_bytes()].concat()
}

impl Journal {
    pub fn new(db: Arc<Database>, limits: &Limits) -> Self {
        Self {
            db,
            max_count: limits.max_local_count,
            max_bytes: limits.max_local_bytes,
            writing: Mutex::default(),
            entries: Mutex::default(),
        }
    }

    /// What an earlier process left, under the hashes that it wrote them by. It may be more than this one would keep:
    /// entries of transactions that had left were perhaps not deleted, and nobody knows which those are.
    pub fn load(&self) -> Result<Vec<(Hash, Vec<u8>)>, DbError> {
        let found = self.db.aux_with_prefix(PREFIX, usize::MAX)?;
        let mut entries = self.entries.lock();
        let named = |(key, bytes): (Vec<u8>, Vec<u8>)| {
            let hash: [u8; 32] = key.strip_prefix(PREFIX)?.try_into().ok()?;
            Some((Hash::from(hash), bytes))
        };
        let found: Vec<_> = found.into_iter().filter_map(named).collect();
        for (hash, bytes) in &found {
            entries.add(*hash, bytes.len());
        }
        Ok(found)
    }

    /// Writes a transaction down. False if it is there already, or if there is no room.
    pub fn add(&self, hash: Hash, bytes: &[u8]) -> Result<bool, DbError> {
        let has_many_gone = {
            let entries = self.entries.lock();
            entries.gone.len() >= GONE_MAX || entries.gone_bytes > self.max_bytes
        };
        if has_many_gone {
            self.flush()?;
        }
        let _one_at_a_time = self.writing.lock();
        {
            let mut entries = self.entries.lock();
            let is_full = entries.kept.len() >= self.max_count || entries.bytes + bytes.len() > self.max_bytes;
            if is_full || entries.kept.contains_key(&hash) {
                return Ok(false);
            }
            entries.add(hash, bytes.len());
        }
        let written = self.db.write_aux(&[(key(&hash), Some(bytes.to_vec()))]);
        if written.is_err() {
            self.entries.lock().forget(&hash);
        }
        written.map(|()| true)
    }

    /// The transaction left the pool. Writes nothing yet.
    pub fn forget(&self, hash: &Hash) {
        self.entries.lock().forget(hash);
    }

    /// Deletes what was forgotten.
    pub fn flush(&self) -> Result<(), DbError> {
        let _one_at_a_time = self.writing.lock();
        let gone = {
            let mut entries = self.entries.lock();
            entries.gone_bytes = 0;
            std::mem::take(&mut entries.gone)
        };
        if gone.is_empty() {
            return Ok(());
        }
        let deletions: Vec<_> = gone.iter().map(|hash| (key(hash), None)).collect();
        self.db.write_aux(&deletions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(db: &Arc<Database>, max_local_count: usize, max_local_bytes: usize) -> Journal {
        let limits = Limits {
            max_local_count,
            max_local_bytes,
            ..Limits::default()
        };
        Journal::new(db.clone(), &limits)
    }

    #[test]
    fn keeps_what_was_added_and_not_forgotten_within_its_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let db = Arc::new(Database::open(&quids_db::StorageConfig::new(folder.path())).unwrap());
        let hash = Hash::repeat_byte;
        let first = journal(&db, 3, 10);
        for (n, bytes, is_new) in [
            (1, 4, true),
            (1, 4, false),
            (2, 4, true),
            (3, 4, false),
            (3, 2, true),
            (4, 0, false),
        ] {
            assert_eq!(first.add(hash(n), &vec![n; bytes]), Ok(is_new), "{n} of {bytes}");
        }
        first.forget(&hash(1));
        first.forget(&hash(7));
        // Forgotten and added again before the deletion: it stays.
        first.forget(&hash(3));
        assert_eq!(first.add(hash(3), &[3; 2]), Ok(true));
        first.flush().unwrap();
        let second = journal(&db, 3, 10);
        assert_eq!(second.load().unwrap(), [(hash(2), vec![2; 4]), (hash(3), vec![3; 2])]);
        // What was loaded counts.
        assert_eq!(
            (second.add(hash(2), &[2; 4]), second.add(hash(5), &[5; 5])),
            (Ok(false), Ok(false))
        );
        assert_eq!(second.add(hash(5), &[5; 4]), Ok(true));
    }

    #[test]
    fn loads_what_was_not_deleted_past_its_bounds() {
        let hash = Hash::repeat_byte;
        // The bytes that are not deleted yet are bounded too.
        for (max_bytes, left) in [(20, 1..=5), (8, 4..=5)] {
            let folder = tempfile::tempdir().unwrap();
            let db = Arc::new(Database::open(&quids_db::StorageConfig::new(folder.path())).unwrap());
            let first = journal(&db, 2, max_bytes);
            for n in 1..=5 {
                assert_eq!(first.add(hash(n), &[n; 4]), Ok(true));
                if n < 4 {
                    first.forget(&hash(n));
                }
            }
            // The process ends before the other entries of what left are deleted.
            let second = journal(&db, 2, max_bytes);
            let loaded = second.load().unwrap().into_iter().map(|(hash, _)| hash);
            assert!(loaded.eq(left.map(hash)), "{max_bytes}");
            (1..=4).for_each(|n| second.forget(&hash(n)));
            assert_eq!(second.add(hash(6), &[6; 4]), Ok(true));
            second.flush().unwrap();
            let kept = [5, 6].map(|n| (hash(n), vec![n; 4]));
            assert_eq!(journal(&db, 2, max_bytes).load().unwrap(), kept);
        }
    }
}
