//! Everything is walked: what is damaged is named with its remedy, and the remedy mends it.

use super::{Maker, assert_beginning, assert_sound, chain, changes, config, kill, open, repair, write};
use crate::{
    Column, Damage, Database, DbError, Remedy, StorageConfig,
    state::{Diff, Replaced},
};
use codec::{Decode, Encode};
use quids_core::Height;
use quids_state::{Address, BackendError, StateStore};
use std::{os::unix::process::ExitStatusExt, sync::Arc};

pub(super) fn damages(db: &Database) -> Vec<Damage> {
    let mut found = Vec::new();
    let mut columns = Vec::new();
    let verified = db
        .verify(&mut |column, _| columns.push(column), &mut |damage| found.push(damage))
        .unwrap();
    assert!(Column::ALL.iter().all(|column| columns.contains(&column.name())));
    assert!(verified.entries > 100 && verified.bytes > 1000, "{verified:?}");
    assert_eq!(verified.damages, found.len() as u64);
    found
}

/// What is done to an entry; `None`: it is gone.
type Tamper = fn(&[u8]) -> Option<Vec<u8>>;

const FLIP: Tamper = |bytes| {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    Some(bytes)
};
const REMOVE: Tamper = |_| None;

fn tamper(db: &Database, column: Column, key: &[u8], tamper: Tamper) {
    let stored = db.raw.read(column, key).unwrap().unwrap().to_vec();
    let mut batch = rocksdb::WriteBatch::default();
    match tamper(&stored) {
        Some(bytes) => db.raw.put(&mut batch, column, key, &bytes).unwrap(),
        None => db.raw.delete(&mut batch, column, key).unwrap(),
    }
    db.raw.write(batch).unwrap();
}

/// Some key of a column, the same each time.
fn some_key(db: &Database, column: Column) -> Vec<u8> {
    let mut rows = db.raw.iterator(column).unwrap();
    rows.seek_to_first();
    (0..3).for_each(|_| rows.next());
    rows.key().unwrap().to_vec()
}

#[test]
fn what_is_whole_has_no_damage() {
    for states_kept in [None, Some(4)] {
        let folder = tempfile::tempdir().unwrap();
        let config = StorageConfig {
            states_kept,
            ..config(folder.path())
        };
        let db = Arc::new(Database::open(&config).unwrap());
        write(&db, &chain(30));
        assert_eq!(damages(&db), [], "{states_kept:?}");
        db.take_back_to(&db.hash_at(Height(28)).unwrap().unwrap()).unwrap();
        assert_eq!(damages(&db), [], "{states_kept:?}");
    }
}

/// What has a right sum and is wrong: the way back to the roots of all blocks is gone.
/// An empty state has no root that could be replaced.
#[test]
fn a_state_that_came_from_nothing_has_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (full, empty) = (changes(1), changes(1).into_iter().map(|(key, _)| (key, None)).collect());
    let mut maker = Maker::default();
    for changes in [&vec![], &vec![], &full, &empty, &full, &changes(0)] {
        maker.add(changes);
    }
    let db = open(folder.path());
    write(&db, &maker.blocks);
    assert_sound(&db);
}

#[test]
fn a_way_back_that_leads_elsewhere_is_found() {
    const LAST: u32 = 30;
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    write(&db, &chain(LAST));
    let root = Address::default().encode();
    let mut kinds = std::collections::BTreeSet::new();
    for height in 1..=LAST {
        let key = height.to_be_bytes();
        let stored = db.raw.checked(Column::Diffs, &key).unwrap().unwrap();
        let mut diff = Diff::decode(&mut &stored[..]).unwrap();
        let at = diff.nodes.iter().position(|(address, _)| *address == root).unwrap();
        let is_patched = match &mut diff.nodes[at].1 {
            Replaced::Patched(runs) => {
                *runs[0].1.last_mut().unwrap() ^= 1;
                true
            }
            Replaced::Branch(bytes) => {
                *bytes.last_mut().unwrap() ^= 1;
                false
            }
            Replaced::Leaf(_) => continue,
        };
        kinds.insert(is_patched);
        let put = |bytes: &[u8]| {
            let mut batch = rocksdb::WriteBatch::default();
            db.raw.put_checked(&mut batch, Column::Diffs, &key, bytes).unwrap();
            db.raw.write(batch).unwrap();
        };
        put(&diff.encode());
        let found = damages(&db);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].remedy, Remedy::ForgetStatesBefore(Height(height)));
        assert_eq!((found[0].column, found[0].height), ("diffs", Some(Height(height))));
        put(&stored);
    }
    assert!(kinds.contains(&true), "none was patched");
    assert_eq!(damages(&db), []);
}

#[test]
fn each_damage_is_named_and_mended_where_it_can_be() {
    const LAST: u32 = 12;
    let blocks = chain(LAST);
    let hash = |height: u32| blocks[height as usize].header.hash();
    let height = |height: u32| height.to_be_bytes().to_vec();
    let rebuild = |column| Some(Remedy::Rebuild(column));
    // Column, key (or any), what is done, what mends it; `None`: some column above says so first.
    type Case = (Column, Option<Vec<u8>>, Tamper, Option<Remedy>);
    let cases: Vec<Case> = vec![
        (Column::Headers, Some(hash(4).encode()), FLIP, Some(Remedy::Restore)),
        (Column::Headers, Some(hash(4).encode()), REMOVE, Some(Remedy::Restore)),
        (Column::Numbers, Some(height(3)), FLIP, rebuild(Column::Numbers)),
        (Column::Numbers, Some(height(3)), REMOVE, rebuild(Column::Numbers)),
        (Column::Bodies, Some(hash(5).encode()), FLIP, Some(Remedy::Restore)),
        (Column::Bodies, Some(hash(5).encode()), REMOVE, Some(Remedy::Restore)),
        (
            Column::Justifications,
            Some(hash(5).encode()),
            FLIP,
            Some(Remedy::Restore),
        ),
        (Column::State, None, FLIP, Some(Remedy::Restore)),
        (Column::State, None, REMOVE, Some(Remedy::Restore)),
        (Column::Branches, None, FLIP, rebuild(Column::Branches)),
        (Column::Branches, None, REMOVE, rebuild(Column::Branches)),
        (
            Column::Diffs,
            Some(height(6)),
            FLIP,
            Some(Remedy::ForgetStatesBefore(Height(6))),
        ),
        (
            Column::Diffs,
            Some(height(6)),
            REMOVE,
            Some(Remedy::ForgetStatesBefore(Height(6))),
        ),
        (Column::Changes, None, FLIP, rebuild(Column::Changes)),
        (Column::Changes, None, REMOVE, rebuild(Column::Changes)),
        (Column::Extras, None, FLIP, Some(Remedy::Restore)),
        (Column::EvmBlocks, Some(hash(7).encode()), FLIP, Some(Remedy::Restore)),
        (Column::EvmTransactions, None, FLIP, Some(Remedy::Restore)),
        (Column::EvmLogs, None, FLIP, Some(Remedy::Restore)),
        (Column::EvmPostings, None, FLIP, Some(Remedy::Restore)),
    ];
    for (column, key, how, remedy) in cases {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        write(&db, &blocks);
        let key = key.unwrap_or_else(|| some_key(&db, column));
        tamper(&db, column, &key, how);
        drop(db);
        let mut db = open(folder.path());
        let found = damages(&db);
        let what = format!("{column:?} {found:#?}");
        let named = crate::error::hex(&key);
        // A state without a value has another root, and nobody can say which value it was.
        let at = |damage: &Damage| damage.key == named || column == Column::State;
        assert!(
            found.iter().any(|damage| damage.column == column.name() && at(damage)),
            "{what}"
        );
        let mut remedies: Vec<_> = found.iter().map(|damage| damage.remedy).collect();
        remedies.dedup();
        assert_eq!(remedies, remedy.into_iter().collect::<Vec<_>>(), "{what}");
        repair(&mut db, &remedies).unwrap();
        match remedies[..] {
            [Remedy::Rebuild(_)] => {
                assert_eq!(damages(&db), [], "{column:?}");
                drop(db);
                assert_eq!(assert_beginning(&open(folder.path()), &blocks), blocks.len());
            }
            [Remedy::ForgetStatesBefore(oldest)] => {
                assert_eq!(damages(&db), [], "{column:?}");
                drop(db);
                let db = open(folder.path());
                assert_eq!(db.oldest(), oldest);
                super::state::assert_states_of(&db, &blocks, oldest.0 as usize);
                let view = super::state::view(&db, &blocks[5]);
                let height = Height(5);
                let gone = BackendError::Pruned { height, oldest };
                assert_eq!(quids_state::StateBackend::get(&view, b"number"), Err(gone));
            }
            _ => assert_eq!(damages(&db), found),
        }
    }
}

/// What should not be there is found as well.
#[test]
fn strays_are_named() {
    let blocks = chain(8);
    let other = super::block(3, Default::default(), 9).header;
    for (column, key) in [
        (Column::Branches, vec![0xab, 0xcd, 0]),
        (Column::Headers, other.hash().encode()),
        (Column::Changes, blocks[3].header.hash().encode()),
        (Column::Numbers, 9u32.to_be_bytes().to_vec()),
        (Column::Bodies, vec![1; 32]),
        (Column::Bodies, vec![1; 5]),
        (Column::Diffs, 77u32.to_be_bytes().to_vec()),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        write(&db, &blocks);
        let mut batch = rocksdb::WriteBatch::default();
        match column {
            Column::Headers => db.raw.put(&mut batch, column, &key, &other.encode()).unwrap(),
            _ => db.raw.put_checked(&mut batch, column, &key, b"stray").unwrap(),
        }
        db.raw.write(batch).unwrap();
        let found = damages(&db);
        assert!(
            found.iter().any(|damage| damage.column == column.name()),
            "{column:?} {found:?}"
        );
    }
}

/// A state that is not the block's is no ground to build on.
#[test]
fn branches_are_made_of_the_right_state_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut db = open(folder.path());
    write(&db, &chain(4));
    tamper(&db, Column::State, &some_key(&db, Column::State), REMOVE);
    let before = db.raw.count(Column::Branches).unwrap();
    let refused = repair(&mut db, &[Remedy::Rebuild(Column::Branches)]);
    assert!(
        matches!(refused, Err(DbError::WrongState { height: Height(4), .. })),
        "{refused:?}"
    );
    assert_eq!(db.raw.count(Column::Branches).unwrap(), before);
}

#[test]
fn what_meta_names_is_there() {
    let blocks = chain(4);
    for (key, value) in [
        (&b"genesis"[..], None),
        (b"genesis", Some(blocks[1].header.hash().encode())),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        write(&db, &blocks);
        let mut batch = rocksdb::WriteBatch::default();
        match value {
            Some(value) => db.raw.put_checked(&mut batch, Column::Meta, key, &value).unwrap(),
            None => db.raw.delete(&mut batch, Column::Meta, key).unwrap(),
        }
        db.raw.write(batch).unwrap();
        let found = damages(&db);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].column, found[0].remedy), ("meta", Remedy::Restore));
    }
}

/// A remedy that cannot be applied leaves what is there, and does not keep others from being applied.
#[test]
fn each_remedy_is_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut db = open(folder.path());
    let blocks = chain(6);
    write(&db, &blocks);
    tamper(&db, Column::State, &some_key(&db, Column::State), REMOVE);
    tamper(&db, Column::Numbers, &2u32.to_be_bytes(), REMOVE);
    let (row, branches) = (some_key(&db, Column::Changes), db.raw.count(Column::Branches).unwrap());
    tamper(&db, Column::Changes, &row, REMOVE);
    let all = [Column::Branches, Column::Numbers, Column::Changes].map(Remedy::Rebuild);
    assert!(matches!(repair(&mut db, &all), Err(DbError::WrongState { .. })));
    assert_eq!(db.raw.count(Column::Branches).unwrap(), branches);
    let columns: Vec<_> = damages(&db).iter().map(|damage| damage.column).collect();
    assert_eq!(columns, ["state"]);
    // Changes need every diff.
    tamper(&db, Column::Diffs, &3u32.to_be_bytes(), FLIP);
    drop(db);
    let mut db = open(folder.path());
    let rows = db.raw.count(Column::Changes).unwrap();
    assert!(repair(&mut db, &[Remedy::Rebuild(Column::Changes)]).is_err());
    assert_eq!(db.raw.count(Column::Changes).unwrap(), rows);
}

/// Not a test but the process that the next one kills.
#[test]
#[ignore = "run by the test that kills it"]
fn mender() {
    let Some(folder) = std::env::var_os(kill::FOLDER) else {
        return;
    };
    let mut db = Arc::new(Database::open_to_mend(&config(folder)).unwrap());
    let remedies: Vec<_> = damages(&db).iter().map(|damage| damage.remedy).collect();
    repair(&mut db, &remedies).unwrap();
}

#[test]
fn killed_while_it_mends() {
    let blocks = chain(6);
    for column in [Column::Numbers, Column::Branches, Column::Changes] {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        write(&db, &blocks);
        tamper(&db, column, &some_key(&db, column), REMOVE);
        drop(db);
        let killed = kill::run("verify::mender", folder.path(), Some("db-repair-cleared"));
        assert_eq!(killed.signal(), Some(6), "{column:?}");
        // Nobody gets to see it half made.
        let db = open(folder.path());
        assert_eq!(damages(&db), [], "{column:?}");
        assert_eq!(assert_beginning(&db, &blocks), blocks.len());
    }
}
