//! The database on real files.

mod blocks;
mod damage;
mod evm;
mod kill;

use crate::{BlockCommit, Database, Options};
use quids_core::{Digest, Hash, Header, Height, OpaqueExtrinsic};
use quids_state::{EMPTY_ROOT, NodeStore};
use std::path::Path;

/// The same for every test but those about syncing: many small databases.
const FAST: Options = Options {
    cache_size_mb: 8,
    max_open_files: 64,
    sync: false,
};

fn open(path: &Path) -> Database {
    Database::open(path, FAST).unwrap()
}

fn blake3(bytes: &[u8]) -> Hash {
    (*blake3::hash(bytes).as_bytes()).into()
}

/// A block with its own body, nodes, aux and index; `salt` tells forks apart.
fn block(number: u32, parent_hash: Hash, salt: u8) -> BlockCommit {
    let node = |index: u8| [&number.to_be_bytes()[..], &[salt, index], &[index; 100]].concat();
    BlockCommit {
        header: Header {
            parent_hash,
            number: Height(number),
            state_root: EMPTY_ROOT,
            extrinsics_root: Hash::repeat_byte(salt),
            digest: Digest::default(),
        },
        body: (0..3).map(|index| OpaqueExtrinsic(node(100 + index))).collect(),
        nodes: (0..5).map(|index| (blake3(&node(index)), node(index))).collect(),
        finalised: true,
        aux: vec![(vec![salt, number as u8], Some(number.to_be_bytes().to_vec()))],
        evm: Some(evm::evm(
            number,
            salt,
            vec![Vec::new(), vec![evm::log(u64::from(number), &[1])]],
        )),
    }
}

/// Blocks 0 to `last`, one after the other.
fn chain(last: u32) -> Vec<BlockCommit> {
    let mut blocks = vec![block(0, Hash::zero(), 0)];
    for number in 1..=last {
        let parent = blocks.last().unwrap().header.hash();
        blocks.push(block(number, parent, 0));
    }
    blocks
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
    assert_eq!(db.body(&hash).unwrap().as_ref(), Some(&block.body));
    for (hash, node) in &block.nodes {
        assert_eq!(db.node(hash).unwrap().as_ref(), Some(node));
    }
    for (key, value) in &block.aux {
        assert_eq!(&db.aux(key).unwrap(), value);
    }
    assert_eq!(db.evm_block(&hash).unwrap(), block.evm);
}

/// Asserts that nothing of a block is there.
fn assert_nothing(db: &Database, block: &BlockCommit) {
    let hash = block.header.hash();
    assert_eq!(db.header(&hash).unwrap(), None);
    assert_eq!(db.body(&hash).unwrap(), None);
    assert_eq!(db.hash_at(block.header.number).unwrap(), None);
    for (hash, _) in block.nodes.iter().filter(|_| block.header.number != Height::ZERO) {
        assert_eq!(db.node(hash).unwrap(), None);
    }
    for (key, _) in &block.aux {
        assert_eq!(db.aux(key).unwrap(), None);
    }
    assert_eq!(db.evm_block(&hash).unwrap(), None);
    for transaction in block.evm.iter().flat_map(|evm| &evm.transactions) {
        assert_eq!(db.evm_transaction(&transaction.hash).unwrap(), None);
    }
}

/// Asserts that the database holds a beginning of `blocks`, whole, and nothing else. Returns how many.
fn assert_beginning(db: &Database, blocks: &[BlockCommit]) -> usize {
    let count = db.best().map_or(0, |(height, _)| height.0 as usize + 1);
    assert_eq!(db.best(), db.finalised());
    for (number, block) in blocks.iter().enumerate().take(count) {
        assert_eq!(db.hash_at(Height(number as u32)).unwrap(), Some(block.header.hash()));
        assert_whole(db, block);
    }
    blocks.iter().skip(count).for_each(|block| assert_nothing(db, block));
    count
}
