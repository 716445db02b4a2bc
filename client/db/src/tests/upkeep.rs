//! What is looked at after an unclean stop, compressed, pruned and counted.

use super::{BlockCommit, assert_beginning, chain, config, kill, open, state, write};
use crate::{Column, Database, DbError, StorageConfig};
use codec::Encode;
use quids_core::Height;
use quids_state::{SharedCache, StateBackend, StateStore};
use std::{
    os::unix::process::ExitStatusExt,
    path::Path,
    sync::{Arc, atomic::Ordering},
};

#[test]
fn only_a_process_that_ends_early_leaves_its_tail_to_be_checked() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Database::open(&config(folder.path())).unwrap();
    let victim = |crash_at| kill::run("kill::victim", folder.path(), crash_at);
    assert_eq!(victim(Some("db-before-sync:3")).signal(), Some(6));
    assert!(!open().is_tail_whole());
    // Who did not look cannot say that it is whole.
    let db = open();
    assert!(!db.is_tail_whole());
    assert_eq!(db.check_tail(), Ok(3));
    drop(db);
    assert!(open().is_tail_whole());
    assert!(victim(None).success());
    assert!(open().is_tail_whole());
}

/// Each entry that the last blocks wrote, flipped and removed: named. What older blocks wrote alone is not looked at.
#[test]
fn damage_to_what_the_last_blocks_wrote_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = chain(80);
    let db = open(folder.path());
    write(&db, &blocks);
    assert_eq!(db.check_tail(), Ok(64));
    let hash = |height: usize| blocks[height].header.hash().encode();
    let number = |height: u32| height.to_be_bytes().to_vec();
    let first = |column: Column, of: Height| {
        let diff = db.diff(of).unwrap();
        let key = match column {
            Column::Changes => diff.entries().next().unwrap().row(of),
            Column::State => diff.values[0].0.clone(),
            _ => diff.nodes.iter().map(|(address, _)| address.clone()).next().unwrap(),
        };
        assert!(db.raw.read(column, &key).unwrap().is_some());
        key
    };
    let last = Height(80);
    let evm = &blocks[70].evm.as_ref().unwrap().transactions[0];
    let cases = [
        (Column::Headers, hash(79), true),
        (Column::Numbers, number(60), true),
        (Column::Bodies, hash(17), true),
        (Column::Diffs, number(78), true),
        (Column::Changes, first(Column::Changes, last), true),
        (Column::Branches, first(Column::Branches, last), false),
        (Column::EvmBlocks, hash(80), false),
        (Column::EvmTransactions, evm.hash.encode(), true),
    ];
    for (column, key, is_missed) in cases {
        let good = db.raw.read(column, &key).unwrap().unwrap().to_vec();
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        let check = |stored: Option<&[u8]>, expected: bool| {
            let mut batch = rocksdb::WriteBatch::default();
            match stored {
                Some(bytes) => db.raw.put(&mut batch, column, &key, bytes).unwrap(),
                None => db.raw.delete(&mut batch, column, &key).unwrap(),
            }
            db.raw.write(batch).unwrap();
            db.states.forget_diffs();
            db.is_tail_whole.store(false, Ordering::SeqCst);
            let checked = db.check_tail();
            assert_eq!(db.is_tail_whole(), checked.is_ok());
            match checked {
                Err(DbError::Damaged {
                    column: named, key: at, ..
                }) => {
                    assert!(expected, "{column:?}");
                    assert_eq!((named, at), (column.name(), crate::error::hex(&key)));
                }
                other => assert!(!expected && other == Ok(64), "{column:?}: {other:?}"),
            }
        };
        check(Some(&bad), true);
        check(None, is_missed);
        check(Some(&good), false);
    }
    let old = blocks[3].header.hash();
    super::blocks::put_raw(&db, Column::Bodies, old.as_bytes(), b"damaged beyond");
    assert_eq!(db.check_tail(), Ok(64));
}

/// A chain whose values compress well.
fn repetitive(last: u32) -> Vec<BlockCommit> {
    let mut maker = super::Maker::default();
    for number in 0..=last {
        let entry = |index: u32| {
            let key = super::blake3(&[number.to_be_bytes(), index.to_be_bytes()].concat())
                .0
                .to_vec();
            (
                key,
                Some([&b"account data of the usual form "[..], &index.to_be_bytes(), &[0; 60]].concat()),
            )
        };
        let mut changes: Vec<_> = (0..100).map(entry).collect();
        changes.sort();
        maker.add(&changes);
    }
    maker.blocks
}

fn column(db: &Database, column: Column) -> crate::ColumnStats {
    let all = db.stats().unwrap();
    all.into_iter().find(|stats| stats.name == column.name()).unwrap()
}

#[test]
fn compression_can_be_switched_and_dictionaries_made_and_all_stays_readable() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = repetitive(40);
    let open = |enable_compression| {
        let config = StorageConfig {
            enable_compression,
            ..config(folder.path())
        };
        Arc::new(Database::open(&config).unwrap())
    };
    let db = open(false);
    write(&db, &blocks[..20]);
    db.compact().unwrap();
    let plain = column(&db, Column::State);
    assert_eq!(plain.entries, 20 * 100);
    assert_eq!(plain.deletions, 0);
    assert!(
        plain.raw_bytes > plain.entries * 130 && plain.file_bytes > plain.data_bytes,
        "{plain:?}"
    );
    assert!(plain.data_bytes > plain.raw_bytes * 9 / 10, "{plain:?}");
    assert_eq!(plain.read_amplification(), 2, "{plain:?}");
    drop(db);

    let db = open(true);
    write(&db, &blocks[20..]);
    db.compact().unwrap();
    assert_beginning(&db, &blocks);
    db.train_dictionaries().unwrap();
    let small = column(&db, Column::State);
    assert_eq!(small.entries, 41 * 100);
    assert!(
        small.compression() > 1.5 && small.compression() > plain.compression(),
        "{small:?}"
    );
    assert_beginning(&db, &blocks);
    drop(db);

    let db = open(false);
    db.train_dictionaries().unwrap();
    assert!(column(&db, Column::State).compression() < 1.2);
    assert_beginning(&db, &blocks);
}

#[test]
fn what_is_given_up_at_once_leaves_no_rows() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = chain(60);
    let db = open(folder.path());
    write(&db, &blocks);
    assert_eq!(db.prune_to(16), Ok(44));
    assert_eq!(db.prune_to(16), Ok(0));
    assert_eq!(db.oldest(), Height(44));
    state::assert_states_of(&db, &blocks, 44);
    let cache = || Arc::new(SharedCache::new(1 << 20));
    let view = db.load_state_at_block(Height(44), cache()).unwrap();
    assert_eq!(view.root(), blocks[44].header.state_root);
    assert_eq!(view.get(b"number").unwrap().as_deref(), Some(&44u32.to_be_bytes()[..]));
    assert!(matches!(db.load_state_at_block(Height(43), cache()), Err(DbError::Past(reason)) if reason.contains("43")));
    assert!(matches!(
        db.load_state_at_block(Height(61), cache()),
        Err(DbError::NoBlockAt(Height(61)))
    ));
    assert_eq!(db.raw.count(Column::Diffs), Ok(16));
    let rows: usize = (45..=60)
        .map(|height| db.diff(Height(height)).unwrap().entries().count())
        .sum();
    assert_eq!(db.raw.count(Column::Changes), Ok(rows as u64));
}

/// Not a test but the process that the next one kills.
#[test]
#[ignore = "run by the test that kills it"]
fn pruner() {
    let Some(folder) = std::env::var_os(kill::FOLDER) else {
        return;
    };
    open(Path::new(&folder)).prune_to(16).unwrap();
}

#[test]
fn killed_while_it_prunes() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = chain(40);
    write(&open(folder.path()), &blocks);
    let status = kill::run("upkeep::pruner", folder.path(), Some("db-pruned"));
    assert_eq!(status.signal(), Some(6));
    let db = open(folder.path());
    assert!(!db.is_tail_whole());
    assert_eq!(db.oldest(), Height(24));
    state::assert_states_of(&db, &blocks, 24);
}
