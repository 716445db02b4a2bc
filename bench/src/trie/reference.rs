//! The reference: plain trie-db over RocksDB by hash, as Substrate's archive keeps it. RocksDB's block cache is its memory.

use crate::Result;
use quids_core::Hash;
use quids_trie::{
    Blake3Hasher, DBValue, EMPTY_NODE, EMPTY_ROOT, HashDB, HashDBRef, Hasher, Prefix, Trie, TrieDBBuilder, delta_root,
    hash_db::AsHashDB,
};
use rocksdb::{BlockBasedOptions, Cache, DB, DBCompressionType, Options, WriteBatch};
use std::{collections::BTreeMap, path::Path};

/// Nodes and values by hash.
pub struct Reference {
    db: DB,
    pub root: Hash,
}

/// One batch: what it reads comes from the database, what it makes stays aside.
struct Session<'a> {
    db: &'a DB,
    new: BTreeMap<Hash, Vec<u8>>,
}

impl Reference {
    pub fn open(path: &Path, cache_mb: usize) -> Result<Self> {
        let cache = Cache::new_lru_cache(cache_mb << 20);
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&cache);
        blocks.set_bloom_filter(10.0, false);
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        blocks.set_block_size(8 * 1024);
        let mut options = Options::default();
        options.create_if_missing(true);
        options.set_block_based_table_factory(&blocks);
        options.set_write_buffer_size(64 << 20);
        options.set_level_compaction_dynamic_level_bytes(true);
        options.set_compression_type(DBCompressionType::None);
        options.set_max_background_jobs(2);
        Ok(Self {
            db: DB::open(&options, path)?,
            root: EMPTY_ROOT,
        })
    }

    /// The root after the changes, and the nodes to store for it.
    pub fn update(&self, changes: &[super::Change]) -> Result<(Hash, BTreeMap<Hash, Vec<u8>>)> {
        let mut session = Session {
            db: &self.db,
            new: BTreeMap::new(),
        };
        let changes = changes
            .iter()
            .map(|(key, value)| (key.as_slice(), Some(value.as_slice())));
        let root = delta_root(&mut session, self.root, changes).map_err(|error| format!("trie-db: {error:?}"))?;
        Ok((root, session.new))
    }

    /// Stores nodes, synced.
    pub fn store(&mut self, root: Hash, nodes: BTreeMap<Hash, Vec<u8>>) -> Result {
        let mut batch = WriteBatch::default();
        for (hash, node) in nodes {
            batch.put(hash.as_bytes(), node);
        }
        self.db.write(batch)?;
        self.db.flush_wal(true)?;
        self.root = root;
        Ok(())
    }

    pub fn settle(&self) {
        self.db.compact_range::<&[u8], &[u8]>(None, None);
    }

    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let session = Session {
            db: &self.db,
            new: BTreeMap::new(),
        };
        let trie = TrieDBBuilder::new(&session, &self.root).build();
        trie.get(key).map_err(|error| format!("trie-db: {error:?}").into())
    }
}

impl Session<'_> {
    fn lookup(&self, hash: &Hash) -> Option<DBValue> {
        if let Some(node) = self.new.get(hash) {
            return Some(node.clone());
        }
        if *hash == EMPTY_ROOT {
            return Some(EMPTY_NODE.to_vec());
        }
        self.db.get(hash.as_bytes()).ok().flatten()
    }
}

impl HashDBRef<Blake3Hasher, DBValue> for Session<'_> {
    fn get(&self, key: &Hash, _: Prefix<'_>) -> Option<DBValue> {
        self.lookup(key)
    }
    fn contains(&self, key: &Hash, _: Prefix<'_>) -> bool {
        self.lookup(key).is_some()
    }
}

impl HashDB<Blake3Hasher, DBValue> for Session<'_> {
    fn get(&self, key: &Hash, _: Prefix<'_>) -> Option<DBValue> {
        self.lookup(key)
    }
    fn contains(&self, key: &Hash, _: Prefix<'_>) -> bool {
        self.lookup(key).is_some()
    }
    fn insert(&mut self, prefix: Prefix<'_>, value: &[u8]) -> Hash {
        let hash = Blake3Hasher::hash(value);
        self.emplace(hash, prefix, value.to_vec());
        hash
    }
    fn emplace(&mut self, key: Hash, _: Prefix<'_>, value: DBValue) {
        self.new.insert(key, value);
    }
    fn remove(&mut self, _: &Hash, _: Prefix<'_>) {}
}

impl AsHashDB<Blake3Hasher, DBValue> for Session<'_> {
    fn as_hash_db(&self) -> &dyn HashDB<Blake3Hasher, DBValue> {
        self
    }
    fn as_hash_db_mut<'b>(&'b mut self) -> &'b mut (dyn HashDB<Blake3Hasher, DBValue> + 'b) {
        self
    }
}
