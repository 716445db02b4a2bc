//! Chains, forks, finality, and opening again.

use super::{FAST, assert_beginning, assert_nothing, assert_whole, block, chain, evm::everything, open, write};
use crate::{Column, Database, DbError, FORMAT_VERSION, Options};
use quids_core::{Hash, Height};
use quids_state::{NodeStore, SharedCache, StateBackend, TrieBackend};
use rocksdb::WriteBatch;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

#[test]
fn what_was_written_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = chain(20);
    let db = open(folder.path());
    assert_eq!(
        (db.best(), db.finalised(), db.genesis()),
        (Err(DbError::NoGenesis), Err(DbError::NoGenesis), Ok(None))
    );
    assert_eq!(db.commit_block(blocks[1].clone()), Err(DbError::NoGenesis));
    write(&db, &blocks);
    assert_eq!(assert_beginning(&db, &blocks), 21);
    drop(db);
    let db = open(folder.path());
    assert_eq!(assert_beginning(&db, &blocks), 21);
    assert_eq!(db.genesis().unwrap(), Some(blocks[0].header.hash()));
    assert_eq!(db.node(&Hash::zero()).unwrap(), None);
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
fn blocks_need_their_parent() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let blocks = chain(2);
    write(&db, &blocks[..2]);
    let parent = Hash::repeat_byte(9);
    let orphan = block(2, parent, 0);
    assert_eq!(
        db.commit_block(orphan.clone()),
        Err(DbError::UnknownParent {
            number: Height(2),
            parent
        })
    );
    assert_nothing(&db, &orphan);
    let parent = blocks[1].header.hash();
    let gap = block(3, parent, 0);
    let wrong = DbError::WrongHeight {
        number: Height(3),
        parent,
        parent_number: Height(1),
    };
    assert_eq!(db.commit_block(gap.clone()), Err(wrong));
    assert_nothing(&db, &gap);
    // A refused block leaves the database usable.
    write(&db, &blocks[2..]);
    assert_eq!(assert_beginning(&db, &blocks), 3);
}

#[test]
fn the_best_chain_is_the_highest_until_finality_decides() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let genesis = block(0, Hash::zero(), 0);
    let root = db.write_genesis(genesis).unwrap();
    let commit = |number, parent, salt| {
        let block = crate::BlockCommit {
            finalised: false,
            ..block(number, parent, salt)
        };
        let hash = db.commit_block(block.clone()).unwrap();
        assert_whole(&db, &block);
        hash
    };
    let numbers = || {
        (0..5)
            .map(|height| db.hash_at(Height(height)).unwrap())
            .collect::<Vec<_>>()
    };
    let (a1, b1) = (commit(1, root, 1), commit(1, root, 2));
    assert_eq!(db.best(), Ok((Height(1), a1)));
    let b2 = commit(2, b1, 2);
    let b3 = commit(3, b2, 2);
    assert_eq!(numbers(), [Some(root), Some(b1), Some(b2), Some(b3), None]);
    let a2 = commit(2, a1, 1);
    assert_eq!(
        (db.best(), db.finalised()),
        (Ok((Height(3), b3)), Ok((Height(0), root)))
    );

    // Final on the other side: the best chain follows, down to its height.
    db.finalise(&a2).unwrap();
    assert_eq!((db.best(), db.finalised()), (Ok((Height(2), a2)), Ok((Height(2), a2))));
    assert_eq!(numbers(), [Some(root), Some(a1), Some(a2), None, None]);
    db.finalise(&a1).unwrap();
    assert_eq!(db.finalised(), Ok((Height(2), a2)));

    let refused =
        |result: Result<Hash, DbError>| assert!(matches!(result, Err(DbError::Finalised { .. })), "{result:?}");
    refused(db.finalise(&b3).map(|()| b3));
    refused(db.commit_block(block(4, b3, 2)));
    refused(db.commit_block(crate::BlockCommit {
        finalised: false,
        ..block(2, b1, 3)
    }));
    assert_eq!(db.finalise(&Hash::zero()), Err(DbError::UnknownBlock(Hash::zero())));

    // On the best chain finality moves up without touching it; a block written again changes nothing.
    let a3 = commit(3, a2, 1);
    let a4 = commit(4, a3, 1);
    db.finalise(&a3).unwrap();
    db.commit_block(block(3, a2, 1)).unwrap();
    assert_eq!((db.best(), db.finalised()), (Ok((Height(4), a4)), Ok((Height(3), a3))));
    assert_eq!(numbers(), [Some(root), Some(a1), Some(a2), Some(a3), Some(a4)]);
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
fn the_trie_lives_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = || Arc::new(SharedCache::new(1 << 16));
    let db = Arc::new(open(folder.path()));
    let entries: Vec<_> = (0u32..2000)
        .map(|i| (blake3::hash(&i.to_be_bytes()), vec![i as u8; i as usize % 90]))
        .collect();
    let mut entries: Vec<_> = entries
        .iter()
        .map(|(key, value)| (&key.as_bytes()[..], value.as_slice()))
        .collect();
    entries.sort_unstable();
    let empty = TrieBackend::new(db.clone(), cache(), quids_state::EMPTY_ROOT);
    let state = empty
        .commit(&mut entries.iter().map(|(key, value)| (*key, Some(*value))))
        .unwrap();
    let mut genesis = block(0, Hash::zero(), 0);
    (genesis.header.state_root, genesis.nodes) = (state.root, state.nodes);
    db.write_genesis(genesis).unwrap();
    drop(empty);
    drop(db);
    let backend = TrieBackend::new(Arc::new(open(folder.path())), cache(), state.root);
    assert_eq!(state.root, quids_trie::state_root(entries.clone()));
    for (key, value) in &entries {
        assert_eq!(backend.get(key).unwrap().as_deref(), Some(*value));
    }
}

#[test]
fn a_second_open_says_that_it_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let _db = open(folder.path());
    let locked = Database::open(folder.path(), FAST).unwrap_err();
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
        let mut db = open(folder.path());
        put_raw(&db, Column::Meta, b"format", stored);
        if let Some(column) = column {
            db.raw.db.create_cf(column, &rocksdb::Options::default()).unwrap();
        }
        drop(db);
        assert_eq!(Database::open(folder.path(), FAST).unwrap_err(), expected);
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
    assert_eq!(Database::open(folder.path(), FAST).unwrap_err(), DbError::NoFormat);
}

#[test]
fn a_path_that_cannot_be_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    assert!(matches!(Database::open(&file, FAST), Err(DbError::Open { path, .. }) if path == file));
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
    let db = Database::open(folder.path(), Options { sync: true, ..FAST }).unwrap();
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
