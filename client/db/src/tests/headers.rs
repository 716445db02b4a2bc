//! Chains of headers: what a witness keeps.

use super::{chain, config, open};
use crate::{Column, Database, DbError};
use quids_core::{Hash, Header, Height};
use std::sync::Arc;

const AUX: &[u8] = b"next";

fn headers(last: u32) -> Vec<Header> {
    chain(last).into_iter().map(|block| block.header).collect()
}

fn proof(header: &Header) -> Vec<u8> {
    header.number.0.to_be_bytes().to_vec()
}

fn begun(path: &std::path::Path, headers: &[Header]) -> Arc<Database> {
    let db = open(path);
    db.write_genesis_header(&headers[0], &[(AUX.to_vec(), vec![0])])
        .unwrap();
    for header in &headers[1..] {
        let aux = [(AUX.to_vec(), vec![header.number.0 as u8])];
        db.store_state_update(header, &proof(header), &aux).unwrap();
    }
    db
}

#[test]
fn headers_and_proofs_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let headers = headers(70);
    drop(begun(folder.path(), &headers));
    let db = open(folder.path());
    assert!(db.is_of_headers() && db.is_tail_whole());
    assert_eq!(db.best().unwrap(), (Height(70), headers[70].hash()));
    assert_eq!(db.aux(AUX).unwrap(), Some(vec![70]));
    for header in &headers {
        let hash = header.hash();
        assert_eq!(db.header(&hash).unwrap().as_ref(), Some(header));
        assert_eq!(db.hash_at(header.number).unwrap(), Some(hash));
        let stored = db.justification(&hash).unwrap();
        assert_eq!(stored, (header.number > Height::ZERO).then(|| proof(header)));
        assert_eq!(db.get_block_transactions(&hash).unwrap(), None);
    }
    // The tail is looked at after an unclean stop, and no body and state are missed.
    assert_eq!(db.check_tail().unwrap(), 64);
    let mut damages = Vec::new();
    db.verify(&mut |_, _| {}, &mut |damage| damages.push(damage)).unwrap();
    assert_eq!(damages, []);
    for column in [
        Column::State,
        Column::Branches,
        Column::Diffs,
        Column::Changes,
        Column::Bodies,
    ] {
        assert!(db.raw.is_empty(column).unwrap(), "{}", column.name());
    }
}

#[test]
fn a_missing_proof_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let headers = headers(5);
    let db = begun(folder.path(), &headers);
    db.write_batch(|batch| {
        db.raw
            .delete(batch, Column::Justifications, headers[3].hash().as_bytes())
    })
    .unwrap();
    assert!(matches!(
        db.check_tail(),
        Err(DbError::Damaged {
            column: "justifications",
            ..
        })
    ));
    let mut damages = Vec::new();
    db.verify(&mut |_, _| {}, &mut |damage| {
        damages.push((damage.column, damage.height))
    })
    .unwrap();
    assert_eq!(damages, [("justifications", Some(Height(3)))]);
}

#[test]
fn what_does_not_follow_and_what_is_of_the_other_kind_is_refused() {
    let headers = headers(3);
    let folder = tempfile::tempdir().unwrap();
    let db = begun(folder.path(), &headers[..2]);
    let other = Header {
        parent_hash: Hash::repeat_byte(1),
        ..headers[2].clone()
    };
    let higher = Header {
        number: Height(7),
        ..headers[2].clone()
    };
    for (header, is_expected) in [
        (
            &other,
            (|error| matches!(error, DbError::NotOnTip { .. })) as fn(DbError) -> bool,
        ),
        (&higher, |error| matches!(error, DbError::WrongHeight { .. })),
        (&headers[1], |error| matches!(error, DbError::NotOnTip { .. })),
    ] {
        assert!(is_expected(db.store_state_update(header, &[1], &[]).unwrap_err()));
    }
    assert_eq!(db.best().unwrap().0, Height(1));
    // The same genesis again is fine, another one is not.
    db.write_genesis_header(&headers[0], &[]).unwrap();
    let another = Header {
        state_root: Hash::repeat_byte(9),
        ..headers[0].clone()
    };
    assert!(matches!(
        db.write_genesis_header(&another, &[]),
        Err(DbError::OtherGenesis { .. })
    ));
    // Blocks with states do not go into it, nor back.
    let blocks = chain(2);
    assert_eq!(db.write_genesis(blocks[0].clone()), Err(DbError::OfHeaders));
    assert_eq!(db.commit_block(blocks[2].clone()), Err(DbError::OfHeaders));
    assert_eq!(db.take_back_to(&headers[0].hash()), Err(DbError::OfHeaders));
    let cache = Arc::new(quids_state::SharedCache::new(1 << 16));
    assert_eq!(db.load_state_at_block(Height(1), cache).err(), Some(DbError::OfHeaders));
    let full = tempfile::tempdir().unwrap();
    let db = Database::open(&config(full.path())).unwrap();
    db.write_genesis(blocks[0].clone()).unwrap();
    assert_eq!(db.write_genesis_header(&headers[0], &[]), Err(DbError::HasStates));
    assert_eq!(db.store_state_update(&headers[1], &[], &[]), Err(DbError::HasStates));
}
