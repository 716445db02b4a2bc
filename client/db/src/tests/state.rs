//! The state on disk, its past, the way back, and readers beside a writer.

use super::{Change, Maker, changes, config, open, write};
use crate::{BlockCommit, Column, Database, DbError, StorageConfig};
use proptest::{collection::vec, prelude::*};
use quids_core::{Hash, Height};
use quids_state::{BackendError, SharedCache, StateBackend, StateStore, StateView};
use quids_trie::{Proof, state_root, verify_proof};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// The state after a block, with nothing in memory.
pub(super) fn view(db: &Arc<Database>, block: &BlockCommit) -> StateView {
    let cache = Arc::new(SharedCache::new(1 << 20));
    StateView::new(db.clone(), cache, block.header.number, block.header.state_root)
}

/// The states after each of these blocks, by their changes alone.
fn states(blocks: &[BlockCommit]) -> Vec<Entries> {
    let mut entries = Entries::new();
    let states = blocks.iter().map(|block| {
        for change in &block.state.values {
            match &change.new {
                Some(value) => drop(entries.insert(change.key.clone(), value.clone())),
                None => drop(entries.remove(&change.key)),
            }
        }
        entries.clone()
    });
    states.collect()
}

/// Asserts that these are all blocks, and that every state is as it was: values, order, proofs.
pub(super) fn assert_states(db: &Arc<Database>, blocks: &[BlockCommit]) {
    assert_states_of(db, blocks, 0);
}

/// As [`assert_states`], from a height on.
pub(super) fn assert_states_of(db: &Arc<Database>, blocks: &[BlockCommit], first: usize) {
    for (block, entries) in blocks.iter().zip(states(blocks)).skip(first) {
        let view = view(db, block);
        assert_eq!(view.root(), state_root(&entries));
        let keys = view.keys(&[], None, usize::MAX).unwrap();
        assert!(keys.iter().eq(entries.keys()), "keys after {}", block.header.number);
        for (key, value) in &entries {
            assert_eq!(view.get(key).unwrap().as_deref(), Some(value.as_slice()));
        }
        let absent = [b"absent".to_vec()];
        let asked: Vec<&Vec<u8>> = entries.keys().step_by(7).chain(&absent).collect();
        let proof = view
            .prove(&asked.iter().map(|key| key.as_slice()).collect::<Vec<_>>())
            .unwrap();
        let items = asked.iter().map(|key| (key, entries.get(*key)));
        assert_eq!(verify_proof(view.root(), &Proof(proof), items), Ok(()));
    }
}

fn any_block() -> impl Strategy<Value = Vec<Change>> {
    let nibbles = prop::sample::select(&[0u8, 1, 0x10, 0xff][..]);
    let key = prop_oneof![
        vec(nibbles.clone(), 0..4),
        (vec(nibbles, 0..2)).prop_map(|end| [&[7; 20], &end[..]].concat())
    ];
    let value = prop_oneof![vec(any::<u8>(), 0..3), vec(any::<u8>(), 30..40)];
    prop::collection::btree_map(key, prop::option::weighted(0.6, value), 0..10)
        .prop_map(|block| block.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_state_stays_and_the_way_back_is_open(
        history in vec(any_block(), 1..10),
        back_to in any::<prop::sample::Index>(),
        other in vec(any_block(), 1..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut maker = Maker::default();
        history.iter().for_each(|block| maker.add(block));
        let db = open(folder.path());
        write(&db, &maker.blocks);
        assert_states(&db, &maker.blocks);
        drop(db);
        let db = open(folder.path());
        assert_states(&db, &maker.blocks);

        // Back, and on another way from there.
        let kept = back_to.index(maker.blocks.len());
        let (last, gone) = (maker.blocks.last().unwrap().clone(), maker.blocks.len() - 1 - kept);
        let before = view(&db, &last);
        let target = maker.blocks[kept].header.hash();
        prop_assert_eq!(db.take_back_to(&target).unwrap().len(), gone);
        if gone > 0 {
            prop_assert_eq!(before.get(b"number").unwrap_err(), BackendError::TakenBack(last.header.number));
        }
        let mut maker = Maker::default();
        history.iter().take(kept + 1).chain(&other).for_each(|block| maker.add(block));
        assert_states(&db, &maker.blocks[..=kept]);
        // The bodies of blocks tell nothing of their state: another one's hash tells them apart.
        for block in &mut maker.blocks[kept + 1..] {
            block.header.extrinsics_root = Hash::repeat_byte(7);
        }
        for index in kept + 1..maker.blocks.len() {
            maker.blocks[index].header.parent_hash = maker.blocks[index - 1].header.hash();
        }
        write(&db, &maker.blocks[kept + 1..]);
        assert_states(&db, &maker.blocks);
    }
}

/// Old states go as new ones come, in each way of keeping, and when that changes; those that are kept are whole.
#[test]
fn states_are_pruned_as_far_as_they_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = super::chain(120);
    let open = |states_kept| {
        Arc::new(
            Database::open(&StorageConfig {
                states_kept,
                ..config(folder.path())
            })
            .unwrap(),
        )
    };
    let check = |db: &Arc<Database>, oldest: usize, best: usize| {
        assert_eq!(
            (db.oldest(), db.best().unwrap().0),
            (Height(oldest as u32), Height(best as u32))
        );
        assert_states_of(db, &blocks[..=best], oldest);
        for block in &blocks[..oldest] {
            let height = block.header.number;
            let (reader, oldest) = (view(db, block), Height(oldest as u32));
            let pruned = BackendError::Pruned { height, oldest };
            assert_eq!(reader.get(b"number").unwrap_err(), pruned);
            assert_eq!(reader.next_key(b"number").unwrap_err(), pruned);
            assert_eq!(reader.prove(&[b"number"]).unwrap_err(), pruned);
        }
        // Nothing is left of what was pruned.
        let mut diffs = db.raw.iterator(Column::Diffs).unwrap();
        diffs.seek_to_first();
        assert_eq!(
            diffs.key(),
            (oldest < best)
                .then(|| (oldest as u32 + 1).to_be_bytes())
                .as_ref()
                .map(|key| &key[..])
        );
    };
    let db = open(None);
    write(&db, &blocks[..=60]);
    check(&db, 0, 60);
    drop(db);
    // Much is due at once: some of it goes with each block. What is damaged goes as well.
    let mut batch = rocksdb::WriteBatch::default();
    let damaged = open(None);
    damaged
        .raw
        .put(&mut batch, Column::Diffs, &5u32.to_be_bytes(), b"damaged")
        .unwrap();
    damaged.raw.write(batch).unwrap();
    drop(damaged);
    let db = open(Some(10));
    write(&db, &blocks[61..=62]);
    check(&db, 32, 62);
    write(&db, &blocks[63..=70]);
    check(&db, 60, 70);
    drop(db);
    let db = open(Some(10));
    check(&db, 60, 70);
    let gone = blocks[59].header.hash();
    assert!(matches!(db.take_back_to(&gone), Err(DbError::Past(reason)) if reason.contains("pruned")));
    drop(db);
    let db = open(None);
    write(&db, &blocks[71..=90]);
    check(&db, 60, 90);
    drop(db);
    // One at least.
    let db = open(Some(0));
    write(&db, &blocks[91..=120]);
    check(&db, 119, 120);
}

/// What an interrupted attempt at another genesis left is not in the state.
#[test]
fn a_genesis_begins_with_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let mut batch = rocksdb::WriteBatch::default();
    for column in [Column::State, Column::Branches] {
        for key in [&b""[..], b"left", b"\xff\xff"] {
            db.raw.put_checked(&mut batch, column, key, b"over").unwrap();
        }
    }
    db.raw.write(batch).unwrap();
    let blocks = super::chain(2);
    write(&db, &blocks);
    assert_states(&db, &blocks);
}

#[test]
fn going_back_needs_what_was_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let blocks = super::chain(3);
    write(&db, &blocks);
    let mut batch = rocksdb::WriteBatch::default();
    db.raw.delete(&mut batch, Column::Diffs, &2u32.to_be_bytes()).unwrap();
    db.raw.write(batch).unwrap();
    drop(db);
    let db = open(folder.path());
    let back = db.take_back_to(&blocks[1].header.hash());
    assert!(
        matches!(back, Err(DbError::Damaged { column: "diffs", .. })),
        "{back:?}"
    );
    assert_eq!(db.best().unwrap().0, Height(3));
}

/// Readers beside blocks that are taken back, and made again otherwise: his block's state or an error, for each.
#[test]
fn a_view_sees_one_state_or_none_while_blocks_are_taken_back() {
    const LAST: usize = 12;
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let blocks = super::chain(LAST as u32);
    let states = states(&blocks);
    write(&db, &blocks);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for reader in 0..2usize {
            let (db, blocks, states, is_over) = (&db, &blocks, &states, &is_over);
            scope.spawn(move || {
                let (mut rounds, mut seen) = (reader, 0usize);
                while !is_over.load(Ordering::Relaxed) {
                    // Its block may be known before and after it is on the chain.
                    let height = LAST - 6 + rounds % 7;
                    let view = view(db, &blocks[height]);
                    let entries = &states[height];
                    for (key, value) in entries.iter().skip(rounds % 3).step_by(3) {
                        match view.get(key) {
                            Ok(read) => {
                                assert_eq!(read.as_deref(), Some(value.as_slice()), "at {height}");
                                seen += 1;
                            }
                            Err(BackendError::TakenBack(_) | BackendError::NotYet(_)) => break,
                            Err(other) => panic!("{other}"),
                        }
                    }
                    match view.keys(&[], None, usize::MAX) {
                        Ok(keys) => assert!(keys.iter().eq(entries.keys()), "at {height}"),
                        Err(BackendError::TakenBack(_) | BackendError::NotYet(_)) => {}
                        Err(other) => panic!("{other}"),
                    }
                    rounds += 1;
                }
                assert!(seen > 100, "{seen} reads are few");
            });
        }
        for round in 0..120 {
            let target = LAST - 1 - round % 6;
            db.take_back_to(&blocks[target].header.hash()).unwrap();
            write(&db, &blocks[target + 1..]);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert_states(&db, &blocks);
}

/// Readers of old and new blocks beside a writer: each sees his own block's state, always.
#[test]
fn a_view_sees_one_state_while_others_are_made() {
    const BLOCKS: u32 = 150;
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let mut maker = Maker::default();
    (0..BLOCKS).for_each(|number| maker.add(&changes(number)));
    let (blocks, states) = (&maker.blocks, states(&maker.blocks));
    write(&db, &blocks[..1]);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for reader in 0..2usize {
            let (db, states, is_over) = (&db, &states, &is_over);
            scope.spawn(move || {
                let mut rounds = 0usize;
                while !is_over.load(Ordering::Relaxed) {
                    let best = db.best().unwrap().0.0 as usize;
                    let height = if reader == 0 { best } else { rounds * 7 % (best + 1) };
                    let view = view(db, &blocks[height]);
                    let entries = &states[height];
                    for (key, value) in entries.iter().skip(rounds % 3).step_by(3) {
                        assert_eq!(view.get(key).unwrap().as_deref(), Some(value.as_slice()), "at {height}");
                    }
                    let (key, _) = entries.iter().nth(rounds % entries.len()).unwrap();
                    let next =
                        entries.range::<Vec<u8>, _>((std::ops::Bound::Excluded(key), std::ops::Bound::Unbounded));
                    assert_eq!(view.next_key(key).unwrap().as_ref(), next.map(|(key, _)| key).next());
                    let proof = Proof(view.prove(&[key]).unwrap());
                    assert_eq!(verify_proof(view.root(), &proof, [(key, entries.get(key))]), Ok(()));
                    rounds += 1;
                }
                assert!(rounds > 10, "{rounds} rounds are few");
            });
        }
        write(&db, &blocks[1..]);
        is_over.store(true, Ordering::Relaxed);
    });
    assert_states(&db, blocks);
}

/// However long the chain: with states that go, those that stay take no more room.
#[test]
fn what_is_kept_of_the_past_has_a_bound() {
    const KEYS: u32 = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let config = StorageConfig {
        states_kept: Some(64),
        cache_size_mb: 64,
        ..config(folder.path())
    };
    let db = Arc::new(Database::open(&config).unwrap());
    let cache = Arc::new(SharedCache::new(8 << 20));
    let bytes = || {
        db.compact().unwrap();
        let columns = db.columns().unwrap().into_iter();
        let of_state = columns.filter(|column| ["state", "branches", "diffs", "changes"].contains(&column.name));
        of_state.map(|column| column.bytes).sum::<u64>()
    };
    let (mut last, mut early) = (super::block(0, Hash::zero(), 0).header, 0);
    for number in 0..=50_000u32 {
        // Five keys a block, each of them as often as any other.
        let mut changes: Vec<Change> = (0..5)
            .map(|index| {
                let turn = u64::from(number) * 5 + index;
                let key = super::blake3(&(turn * 7919 % u64::from(KEYS)).to_le_bytes());
                (key.0.to_vec(), Some(super::blake3(&turn.to_le_bytes()).0.to_vec()))
            })
            .collect();
        changes.sort();
        let view = StateView::new(db.clone(), cache.clone(), last.number, last.state_root);
        let mut changes = changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        let state = view.commit(&mut changes).unwrap();
        let mut block = super::block(number, if number == 0 { Hash::zero() } else { last.hash() }, 0);
        (block.header.state_root, block.state, block.evm) = (state.root, state, None);
        last = block.header.clone();
        write(&db, &[block]);
        if number == 5_000 {
            early = bytes();
        }
    }
    let late = bytes();
    assert_eq!(db.oldest(), Height(50_000 - 64));
    assert!(
        late < early * 11 / 10,
        "{early} bytes after 5000 blocks, {late} after 50 000"
    );
}
