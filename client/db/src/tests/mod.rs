//! The database on real files.

mod backup;
mod blocks;
mod damage;
mod evm;
mod faults;
mod files;
mod fraud;
mod headers;
mod histories;
mod kill;
mod snapshot;
mod state;
mod upkeep;
mod verify;

use crate::{BlockCommit, Column, Database, DbError, Remedy, StorageConfig};
use quids_core::{Digest, Hash, Header, Height, OpaqueExtrinsic};
use quids_state::{Commit, EMPTY_ROOT, MemoryState, SharedCache, StateBackend, StateStore, StateView};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// The same for every test but those about syncing: many small databases.
pub(crate) fn config(path: impl AsRef<Path>) -> StorageConfig {
    StorageConfig {
        cache_size_mb: 8,
        max_open_files: 64,
        sync: false,
        ..StorageConfig::new(path.as_ref())
    }
}

fn open(path: &Path) -> Arc<Database> {
    Arc::new(Database::open(&config(path)).unwrap())
}

/// Nobody else has it.
fn repair(db: &mut Arc<Database>, remedies: &[Remedy]) -> Result<(), DbError> {
    Arc::get_mut(db).unwrap().repair(remedies)
}

fn blake3(bytes: &[u8]) -> Hash {
    (*blake3::hash(bytes).as_bytes()).into()
}

/// A block with its own body, aux and index, and nothing in its state; `salt` tells it from others.
fn block(number: u32, parent_hash: Hash, salt: u8) -> BlockCommit {
    let bytes = |index: u8| [&number.to_be_bytes()[..], &[salt, index], &[index; 100]].concat();
    BlockCommit {
        header: Header {
            parent_hash,
            number: Height(number),
            state_root: EMPTY_ROOT,
            extrinsics_root: Hash::repeat_byte(salt),
            digest: Digest::default(),
        },
        body: (0..3).map(|index| OpaqueExtrinsic(bytes(100 + index))).collect(),
        justification: Some(bytes(200)),
        state: Commit::unchanged(EMPTY_ROOT),
        aux: vec![(vec![salt, number as u8], Some(number.to_be_bytes().to_vec()))],
        evm: Some(evm::evm(
            number,
            salt,
            vec![Vec::new(), vec![evm::log(u64::from(number), &[1])]],
        )),
    }
}

/// Blocks 0 to `last`, one after the other, each with a state: of some keys that come, some that change, some that go.
fn chain(last: u32) -> Vec<BlockCommit> {
    let mut maker = Maker::default();
    (0..=last).for_each(|number| maker.add(&changes(number)));
    maker.blocks
}

type Change = (Vec<u8>, Option<Vec<u8>>);

/// What a block of [`chain`] does to the state.
fn changes(number: u32) -> Vec<Change> {
    let key = |number: u32, index: u8| blake3(&[&number.to_be_bytes()[..], &[index]].concat()).0.to_vec();
    let value = |index: u8| vec![index; usize::from(index) * 9];
    let mut changes: Vec<Change> = (0..8).map(|index| (key(number, index), Some(value(index)))).collect();
    changes.push((b"number".to_vec(), Some(number.to_be_bytes().to_vec())));
    if let Some(before) = number.checked_sub(2) {
        changes.extend((0..4).map(|index| (key(before, index), None)));
        changes.push((key(before, 5), Some(value(7))));
    }
    changes.sort();
    changes
}

/// Makes blocks and keeps all their states in memory.
#[derive(Default)]
struct Maker {
    store: Arc<MemoryState>,
    blocks: Vec<BlockCommit>,
}

impl Maker {
    /// The state after the last block.
    fn view(&self) -> StateView {
        let (height, root) = match self.blocks.last() {
            Some(block) => (block.header.number, block.header.state_root),
            None => (Height::ZERO, EMPTY_ROOT),
        };
        StateView::new(self.store.clone(), Arc::new(SharedCache::new(1 << 20)), height, root)
    }

    /// Another block, with these changes.
    fn add(&mut self, changes: &[Change]) {
        let number = self.blocks.len() as u32;
        let parent = self.blocks.last().map_or(Hash::zero(), |block| block.header.hash());
        let mut changes = changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        let commit = self.view().commit(&mut changes).unwrap();
        self.store.apply(Height(number), commit.clone());
        let mut block = block(number, parent, 0);
        (block.header.state_root, block.state) = (commit.root, commit);
        self.blocks.push(block);
    }
}

fn write(db: &Database, blocks: &[BlockCommit]) {
    for block in blocks {
        if block.header.number == Height::ZERO {
            db.write_genesis(block.clone())
        } else {
            db.commit_block(block.clone())
        }
        .unwrap();
    }
}

/// Asserts that a block and all that came with it is there.
fn assert_whole(db: &Database, block: &BlockCommit) {
    let hash = block.header.hash();
    assert_eq!(db.header(&hash).unwrap().as_ref(), Some(&block.header));
    assert_eq!(db.get_block_transactions(&hash).unwrap().as_ref(), Some(&block.body));
    for (key, value) in &block.aux {
        assert_eq!(&db.aux(key).unwrap(), value);
    }
    assert_eq!(db.evm_block(&hash).unwrap(), block.evm);
}

/// Asserts that nothing of a block is there.
fn assert_nothing(db: &Database, block: &BlockCommit) {
    let hash = block.header.hash();
    assert_eq!(db.header(&hash).unwrap(), None);
    assert_eq!(db.get_block_transactions(&hash).unwrap(), None);
    assert_eq!(db.hash_at(block.header.number).unwrap(), None);
    for (key, _) in &block.aux {
        assert_eq!(db.aux(key).unwrap(), None);
    }
    assert_eq!(db.evm_block(&hash).unwrap(), None);
    for transaction in block.evm.iter().flat_map(|evm| &evm.transactions) {
        assert_eq!(db.evm_transaction(&transaction.hash).unwrap(), None);
    }
}

/// Asserts that the database holds a beginning of `blocks`, whole, and nothing else. Returns how many.
fn assert_beginning(db: &Arc<Database>, blocks: &[BlockCommit]) -> usize {
    assert_eq!(db.oldest(), Height::ZERO);
    assert_pruned_beginning(db, blocks)
}

/// As [`assert_beginning`], but that the oldest states may be given up.
fn assert_pruned_beginning(db: &Arc<Database>, blocks: &[BlockCommit]) -> usize {
    let count = db.best().map_or(0, |(height, _)| height.0 as usize + 1);
    for (number, block) in blocks.iter().enumerate().take(count) {
        assert_eq!(db.hash_at(Height(number as u32)).unwrap(), Some(block.header.hash()));
        assert_whole(db, block);
    }
    blocks.iter().skip(count).for_each(|block| assert_nothing(db, block));
    state::assert_states_of(db, blocks.get(..count).unwrap(), db.oldest().0 as usize);
    count
}

/// All entries, by column and key.
type Contents = BTreeMap<(&'static str, Vec<u8>), Vec<u8>>;

/// What is stored, but for what differs between databases that went the same way: whether it was closed, and in which form
/// the past has its branches.
fn contents(db: &Database) -> Contents {
    let mut contents = Contents::new();
    for column in Column::ALL {
        let mut rows = db.raw.iterator(column).unwrap();
        rows.seek_to_first();
        while let Some((key, value)) = rows.item() {
            let value = if column == Column::Diffs { &[] } else { value };
            contents.insert((column.name(), key.to_vec()), value.to_vec());
            rows.next();
        }
        rows.status().unwrap();
    }
    contents.remove(&("meta", b"closed".to_vec()));
    contents
}

/// The entries that one of two has and the other does not, or has otherwise.
fn difference(left: &Contents, right: &Contents) -> Vec<String> {
    let of = |side: &str, one: &Contents, other: &Contents| -> Vec<String> {
        let only = one.iter().filter(|(at, value)| other.get(at) != Some(value));
        only.map(|((column, key), value)| format!("{side} {column} {key:02x?}: {value:02x?}"))
            .collect()
    };
    [of("left", left, right), of("right", right, left)].concat()
}

/// Asserts that all that is stored is as it was written, and fits together.
fn assert_sound(db: &Database) {
    db.verify(&mut |_, _| {}, &mut |damage| panic!("{damage:?}")).unwrap();
}
