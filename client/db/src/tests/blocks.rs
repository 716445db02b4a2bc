//! Chains, forks, finality, and opening again.

use super::{assert_beginning, block, chain, config, evm::everything, open, write};
use crate::{Column, Database, DbError, FORMAT_VERSION, StorageConfig};
use quids_core::{Hash, Height};
use rocksdb::WriteBatch;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn what_was_written_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = chain(20);
    let db = open(folder.path());
    assert_eq!((db.best(), db.genesis()), (Err(DbError::NoGenesis), Ok(None)));
    assert_eq!(db.commit_block(blocks[1].clone()), Err(DbError::NoGenesis));
    write(&db, &blocks);
    assert_eq!(assert_beginning(&db, &blocks), 21);
    drop(db);
    let db = open(folder.path());
    assert_eq!(assert_beginning(&db, &blocks), 21);
    assert_eq!(db.genesis().unwrap(), Some(blocks[0].header.hash()));
    assert_eq!(db.hash_at(Height(21)).unwrap(), None);
}

#[test]
fn genesis_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let genesis = block(0, Hash::zero(), 0);
    let found = db.write_genesis(genesis.clone()).unwrap();
    assert_eq!(db.write_genesis(genesis), Ok(found));
    let other = block(0, Hash::zero(), 1);
    let wanted = other.header.hash();
    assert_eq!(db.write_genesis(other), Err(DbError::OtherGenesis { found, wanted }));
    let one = block(1, found, 0);
    assert_eq!(db.write_genesis(one), Err(DbError::NotGenesis { number: Height(1) }));
}

#[test]
fn blocks_follow_the_last_one() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let blocks = chain(3);
    write(&db, &blocks[..3]);
    let (tip, before) = (blocks[2].header.hash(), blocks[1].header.hash());
    // Of a stranger, beside the last, of the future, twice as high.
    for (number, parent) in [(3, Hash::repeat_byte(9)), (2, before), (4, blocks[3].header.hash())] {
        let block = block(number, parent, 1);
        let number = Height(number);
        assert_eq!(
            db.commit_block(block.clone()),
            Err(DbError::NotOnTip { number, parent, tip })
        );
        assert_eq!(db.header(&block.header.hash()), Ok(None));
    }
    let gap = block(4, tip, 0);
    let wrong = DbError::WrongHeight {
        number: Height(4),
        parent: tip,
        parent_number: Height(2),
    };
    assert_eq!(db.commit_block(gap), Err(wrong));
    // The last block once more changes nothing; a refused one leaves the database usable.
    assert_eq!(db.commit_block(blocks[2].clone()), Ok(tip));
    write(&db, &blocks[3..]);
    assert_eq!(assert_beginning(&db, &blocks), 4);
}

#[test]
fn aux_entries_are_replaced_and_removed_with_their_block() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let mut blocks = chain(2);
    blocks[1].aux = vec![
        (b"vote".to_vec(), Some(b"1".to_vec())),
        (b"empty".to_vec(), Some(vec![])),
    ];
    blocks[2].aux = vec![(b"vote".to_vec(), None)];
    write(&db, &blocks[..2]);
    assert_eq!(
        (db.aux(b"vote").unwrap(), db.aux(b"empty").unwrap()),
        (Some(b"1".to_vec()), Some(vec![]))
    );
    write(&db, &blocks[2..]);
    assert_eq!(
        (db.aux(b"vote").unwrap(), db.aux(b"empty").unwrap()),
        (None, Some(vec![]))
    );
}

#[test]
fn a_second_open_says_that_it_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let _db = open(folder.path());
    let locked = Database::open(&config(folder.path())).unwrap_err();
    assert!(
        matches!(&locked, DbError::Locked { path, .. } if path == folder.path()),
        "{locked}"
    );
    assert!(locked.to_string().contains("in use by another process"));
    if cfg!(target_os = "linux") {
        assert!(
            locked
                .to_string()
                .contains(&format!("(process {})", std::process::id())),
            "{locked}"
        );
    }
}

/// Puts an entry as it is.
pub(super) fn put_raw(db: &Database, column: Column, key: &[u8], value: &[u8]) {
    let mut batch = WriteBatch::default();
    db.raw.put(&mut batch, column, key, value).unwrap();
    db.raw.write(batch).unwrap();
}

#[test]
fn other_formats_are_refused() {
    let check = |stored: &[u8], column: Option<&str>, expected: DbError| {
        let folder = tempfile::tempdir().unwrap();
        let mut db = Database::open(&config(folder.path())).unwrap();
        put_raw(&db, Column::Meta, b"format", stored);
        if let Some(column) = column {
            db.raw.db.create_cf(column, &rocksdb::Options::default()).unwrap();
        }
        drop(db);
        assert_eq!(Database::open(&config(folder.path())).unwrap_err(), expected);
    };
    let supported = FORMAT_VERSION;
    let newer = DbError::NewerFormat {
        found: supported + 1,
        supported,
    };
    assert!(newer.to_string().contains("newer node"));
    check(&(supported + 1).to_le_bytes(), None, newer.clone());
    check(&(supported + 1).to_le_bytes(), Some("flat"), newer);
    check(&0u32.to_le_bytes(), None, DbError::OlderFormat { found: 0, supported });
    let folder = tempfile::tempdir().unwrap();
    for before in crate::columns::OLDEST_FORMAT..supported {
        let mut db = Database::open(&config(folder.path())).unwrap();
        put_raw(&db, Column::Meta, b"format", &before.to_le_bytes());
        for column in [Column::Justifications, Column::Journal] {
            db.raw.db.drop_cf(column.name()).unwrap();
        }
        drop(db);
        let db = open(folder.path());
        assert_eq!(
            *db.raw.read(Column::Meta, b"format").unwrap().unwrap(),
            supported.to_le_bytes()
        );
    }
    let key = "666f726d6174".to_string();
    let reason = "2 bytes are no version".to_string();
    check(
        &[1, 0],
        None,
        DbError::Damaged {
            column: "meta",
            key,
            reason,
        },
    );
}

#[test]
fn a_database_without_a_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    write(&db, &chain(1));
    let mut batch = WriteBatch::default();
    db.raw.delete(&mut batch, Column::Meta, b"format").unwrap();
    db.raw.write(batch).unwrap();
    drop(db);
    assert_eq!(Database::open(&config(folder.path())).unwrap_err(), DbError::NoFormat);
}

#[test]
fn a_path_that_cannot_be_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    assert!(matches!(Database::open(&config(&file)), Err(DbError::Open { path, .. }) if path == file));
}

#[test]
fn entries_outside_of_blocks_are_written_listed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let entry = |key: &str, value: &str| (key.as_bytes().to_vec(), value.as_bytes().to_vec());
    let put = |key: &str, value: &str| (key.as_bytes().to_vec(), Some(value.as_bytes().to_vec()));
    let remove = |key: &str| (key.as_bytes().to_vec(), None);
    let check = |db: &Database, prefix: &str, max: usize, expected: &[(Vec<u8>, Vec<u8>)]| {
        assert_eq!(
            db.aux_with_prefix(prefix.as_bytes(), max).unwrap(),
            expected,
            "{prefix} {max}"
        );
    };
    {
        let db = open(folder.path());
        write(&db, &chain(1));
        check(&db, "a/", 9, &[]);
        db.write_aux(&[
            put("a/2", "two"),
            put("a/1", "one"),
            put("a", "x"),
            put("b", "y"),
            put("a/3", ""),
        ])
        .unwrap();
        check(
            &db,
            "a/",
            9,
            &[entry("a/1", "one"), entry("a/2", "two"), entry("a/3", "")],
        );
        check(&db, "a/", 2, &[entry("a/1", "one"), entry("a/2", "two")]);
        db.write_aux(&[remove("a/1"), put("a/2", "new"), remove("a/9")])
            .unwrap();
        db.write_aux(&[]).unwrap();
        check(&db, "a/", 9, &[entry("a/2", "new"), entry("a/3", "")]);
        assert_eq!(db.aux(b"a/1").unwrap(), None);
    }
    // They outlive the process, and damage to one is named.
    let db = open(folder.path());
    check(&db, "a/", 9, &[entry("a/2", "new"), entry("a/3", "")]);
    put_raw(&db, Column::Extras, b"a/3", b"damage");
    assert!(matches!(
        db.aux_with_prefix(b"a/", 9),
        Err(DbError::Damaged { column: "extras", .. })
    ));
    check(&db, "a/", 1, &[entry("a/2", "new")]);
}

/// Writing and syncing take time, in which a reader must not see half of it: a receipt, but not the state behind it.
#[test]
fn nothing_of_a_block_is_found_before_it_is_the_best() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open(&StorageConfig {
        sync: true,
        ..config(folder.path())
    })
    .unwrap();
    let blocks = chain(100);
    write(&db, &blocks[..1]);
    let looked = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for block in &blocks[1..] {
                let height = block.header.number;
                let transaction = block.evm.as_ref().unwrap().transactions[1].hash;
                let everything = everything();
                loop {
                    let found = [
                        db.hash_at(height).unwrap().is_some(),
                        db.evm_transaction(&transaction).unwrap().is_some(),
                        db.evm_logs(&everything).unwrap().iter().any(|log| log.height == height),
                    ];
                    let (best, _) = db.best().unwrap();
                    assert!(
                        best >= height || found == [false; 3],
                        "{height} in {found:?}, the best is {best}"
                    );
                    if best >= height {
                        break;
                    }
                    looked.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        write(&db, &blocks[1..]);
    });
    assert!(looked.into_inner() > 0, "the reader never came before the writer");
}
