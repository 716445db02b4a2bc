//! Damaged entries are errors that name column and key, never wrong values, never panics.

use super::{blocks::put_raw, chain, open, write};
use crate::{Column, Database, DbError, Journal};
use quids_core::{Hash, Height};
use quids_state::{BackendError, StateStore};

/// Every bit, and every cut, of a stored entry: `read` has to fail and name it, or it is not there.
pub(super) fn check(db: &Database, column: Column, key: &[u8], read: impl Fn() -> Result<bool, DbError>) {
    let good = db.raw.read(column, key).unwrap().unwrap().to_vec();
    assert_eq!(read(), Ok(true));
    let damages = (0..good.len() * 8).map(|bit| {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    });
    let cuts = (0..good.len()).map(|len| good[..len].to_vec());
    let longer = std::iter::once([&good[..], &[0]].concat());
    for bytes in damages.chain(cuts).chain(longer) {
        put_raw(db, column, key, &bytes);
        match read() {
            Err(DbError::Damaged {
                column: named, key: at, ..
            }) => {
                assert_eq!((named, at), (column.name(), crate::error::hex(key)));
            }
            other => panic!("{column:?} read as {other:?}"),
        }
    }
    put_raw(db, column, key, &good);
    assert_eq!(read(), Ok(true));
}

#[test]
fn every_bit_of_every_column_counts() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let blocks = chain(2);
    write(&db, &blocks);
    let block = &blocks[1];
    let hash = block.header.hash();
    let aux = &block.aux[0].0;
    check(&db, Column::Headers, hash.as_bytes(), || {
        db.header(&hash).map(|header| header.is_some())
    });
    check(&db, Column::Bodies, hash.as_bytes(), || {
        db.get_block_transactions(&hash).map(|body| body.is_some())
    });
    check(&db, Column::Justifications, hash.as_bytes(), || {
        db.justification(&hash).map(|justification| justification.is_some())
    });
    let mut journal = Journal::new(db.clone());
    journal.append(Height(3), b"an entry").unwrap();
    check(&db, Column::Journal, &[0, 0, 0, 3, 0, 0, 0, 0], || {
        journal.entries(Height(3)).map(|entries| entries == [b"an entry"])
    });
    check(&db, Column::Numbers, &[0, 0, 0, 1], || {
        db.hash_at(Height(1)).map(|hash| hash.is_some())
    });
    check(&db, Column::Extras, aux, || db.aux(aux).map(|aux| aux.is_some()));
    check(&db, Column::Meta, b"genesis", || {
        db.genesis().map(|hash| hash.is_some())
    });
}

/// A read of the state, as one of the database.
fn of_state<T>(read: Result<Option<T>, BackendError>) -> Result<bool, DbError> {
    match read {
        Ok(value) => Ok(value.is_some()),
        Err(BackendError::Damaged { column, key, reason }) => Err(DbError::Damaged { column, key, reason }),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn every_bit_of_the_state_and_its_past_counts() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = chain(3);
    write(&open(folder.path()), &blocks);
    let changed = &blocks[2].state;
    let value = changed
        .values
        .iter()
        .find(|change| change.new.as_ref().is_some_and(|new| new.len() > 40));
    let key = &value.unwrap().key;
    let address = &blocks[3]
        .state
        .nodes
        .iter()
        .find(|change| change.new.is_some())
        .unwrap()
        .address;
    let row = crate::state::Entry::Key(key).row(Height(2));
    // What is in memory is not read again, so each read has a database of its own.
    let reopened = |read: &dyn Fn(&Database) -> Result<bool, DbError>| read(&open(folder.path()));
    type Read<'a> = Box<dyn Fn(&Database) -> Result<bool, DbError> + 'a>;
    let mut columns: Vec<(Column, &[u8], Read<'_>)> = Vec::new();
    columns.push((Column::State, key, Box::new(|db| of_state(db.latest(key)))));
    let encoded = address.encode();
    columns.push((
        Column::Branches,
        &encoded,
        Box::new(|db| of_state(db.latest_branch(address))),
    ));
    columns.push((
        Column::Changes,
        &row,
        Box::new(|db| of_state(db.value_before(key, Height(1)))),
    ));
    let height = 2u32.to_be_bytes();
    columns.push((
        Column::Diffs,
        &height,
        Box::new(|db| of_state(db.value_before(key, Height(1)))),
    ));
    for (column, at, read) in columns {
        let good = open(folder.path()).raw.read(column, at).unwrap().unwrap().to_vec();
        assert_eq!(reopened(&read), Ok(true), "{column:?}");
        // A diff is long: some of its bits.
        for bit in (0..good.len() * 8).step_by((good.len() / 12).max(1)) {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            put_raw(&open(folder.path()), column, at, &bytes);
            match reopened(&read) {
                Err(DbError::Damaged { column: named, key, .. }) => {
                    assert_eq!((named, key), (column.name(), crate::error::hex(at)));
                }
                other => panic!("{column:?} read as {other:?}"),
            }
        }
        put_raw(&open(folder.path()), column, at, &good);
        assert_eq!(reopened(&read), Ok(true), "{column:?}");
    }
}

#[test]
fn a_damaged_tip_is_found_when_opening() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    write(&db, &chain(1));
    let mut tip = db.raw.read(Column::Meta, b"tip").unwrap().unwrap().to_vec();
    tip[3] ^= 1;
    put_raw(&db, Column::Meta, b"tip", &tip);
    drop(db);
    let error = Database::open(&super::config(folder.path())).unwrap_err();
    assert!(matches!(error, DbError::Damaged { column: "meta", .. }), "{error}");
}

/// A value under another key is not its value.
#[test]
fn entries_do_not_change_places() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let blocks = chain(2);
    write(&db, &blocks);
    let hashes: Vec<Hash> = blocks.iter().map(|block| block.header.hash()).collect();
    for column in [Column::Headers, Column::Bodies] {
        let other = db.raw.read(column, hashes[2].as_bytes()).unwrap().unwrap().to_vec();
        put_raw(&db, column, hashes[1].as_bytes(), &other);
    }
    assert!(matches!(
        db.header(&hashes[1]),
        Err(DbError::Damaged { column: "headers", .. })
    ));
    assert!(matches!(
        db.get_block_transactions(&hashes[1]),
        Err(DbError::Damaged { column: "bodies", .. })
    ));
}

/// Bytes whose checksum is right but that decode to nothing, as another program might write them.
#[test]
fn authentic_nonsense_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let blocks = chain(1);
    write(&db, &blocks);
    let hash = blocks[1].header.hash();
    for nonsense in [
        vec![],
        vec![0xff; 40],
        vec![4, 0xfe, 0xff, 0xff, 0xff],
        vec![0xfe, 0xff, 0xff, 0xff],
        vec![0, 0],
    ] {
        let mut batch = rocksdb::WriteBatch::default();
        db.raw
            .put_checked(&mut batch, Column::Bodies, hash.as_bytes(), &nonsense)
            .unwrap();
        db.raw
            .put_checked(&mut batch, Column::Numbers, &[0, 0, 0, 1], &nonsense)
            .unwrap();
        db.raw.write(batch).unwrap();
        assert!(
            matches!(
                db.get_block_transactions(&hash),
                Err(DbError::Damaged { column: "bodies", .. })
            ),
            "{nonsense:?}"
        );
        assert!(
            matches!(db.hash_at(Height(1)), Err(DbError::Damaged { column: "numbers", .. })),
            "{nonsense:?}"
        );
        let header = super::blake3(&nonsense);
        put_raw(&db, Column::Headers, header.as_bytes(), &nonsense);
        assert!(
            matches!(db.header(&header), Err(DbError::Damaged { column: "headers", .. })),
            "{nonsense:?}"
        );
    }
}
