//! Damaged entries are errors that name column and key, never wrong values, never panics.

use super::{blocks::put_raw, chain, open, write};
use crate::{Column, Database, DbError};
use quids_core::{Hash, Height};
use quids_state::{BackendError, NodeStore};

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
    let (node, _) = &block.nodes[0];
    let aux = &block.aux[0].0;
    check(&db, Column::Headers, hash.as_bytes(), || {
        db.header(&hash).map(|header| header.is_some())
    });
    check(&db, Column::Bodies, hash.as_bytes(), || {
        db.body(&hash).map(|body| body.is_some())
    });
    check(&db, Column::Numbers, &[0, 0, 0, 1], || {
        db.hash_at(Height(1)).map(|hash| hash.is_some())
    });
    check(&db, Column::Extras, aux, || db.aux(aux).map(|aux| aux.is_some()));
    check(&db, Column::Meta, b"genesis", || {
        db.genesis().map(|hash| hash.is_some())
    });
    check(&db, Column::Nodes, node.as_bytes(), || match db.node(node) {
        Ok(node) => Ok(node.is_some()),
        Err(BackendError::Damaged { column, key, reason }) => Err(DbError::Damaged { column, key, reason }),
        Err(other) => panic!("{other}"),
    });
}

#[test]
fn damaged_tips_are_found_when_opening() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    write(&db, &chain(1));
    let mut tips = db.raw.read(Column::Meta, b"tips").unwrap().unwrap().to_vec();
    tips[3] ^= 1;
    put_raw(&db, Column::Meta, b"tips", &tips);
    drop(db);
    let error = Database::open(folder.path(), super::FAST).unwrap_err();
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
        db.body(&hashes[1]),
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
            matches!(db.body(&hash), Err(DbError::Damaged { column: "bodies", .. })),
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
