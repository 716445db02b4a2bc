//! Fraud proofs on the disk.

use super::{blocks::put_raw, chain, open, write};
use crate::{Column, Database, FRAUD_PROOFS_MAX, StoredFraudProof};
use quids_core::Hash;

fn damaged(db: &Database) -> Vec<&'static str> {
    let mut columns = Vec::new();
    db.verify(&mut |_, _| {}, &mut |damage| columns.push(damage.column))
        .unwrap();
    columns
}

#[test]
fn fraud_proofs_stay_until_the_operator_dismisses_them() {
    let folder = tempfile::tempdir().unwrap();
    let stored = |block: u8, is_dismissed| StoredFraudProof {
        block: Hash::repeat_byte(block),
        is_dismissed,
    };
    {
        let db = open(folder.path());
        write(&db, &chain(2));
        assert!(db.fraud_proofs().unwrap().is_empty());
        assert!(!db.dismiss_fraud_proof(&Hash::repeat_byte(7)).unwrap(), "there is none");
        assert!(db.store_fraud_proof(&Hash::repeat_byte(7), &[1; 100_000]).unwrap());
        assert!(db.store_fraud_proof(&Hash::repeat_byte(3), b"two").unwrap());
        assert!(
            !db.store_fraud_proof(&Hash::repeat_byte(7), b"other").unwrap(),
            "it is there"
        );
        assert_eq!(db.fraud_proofs().unwrap(), [stored(3, false), stored(7, false)]);
    }
    let db = open(folder.path());
    assert_eq!(db.fraud_proof(&Hash::repeat_byte(7)).unwrap().unwrap(), [1; 100_000]);
    assert_eq!(db.fraud_proof(&Hash::repeat_byte(8)).unwrap(), None);
    assert!(db.dismiss_fraud_proof(&Hash::repeat_byte(7)).unwrap());
    assert_eq!(db.fraud_proofs().unwrap(), [stored(3, false), stored(7, true)]);
    // As many as there may be; what is dismissed counts.
    let taken = (20..60).filter(|block| db.store_fraud_proof(&Hash::repeat_byte(*block), b"more").unwrap());
    assert_eq!(taken.count(), FRAUD_PROOFS_MAX - 2);
    assert_eq!(db.fraud_proofs().unwrap().len(), FRAUD_PROOFS_MAX);
    assert_eq!(damaged(&db), Vec::<&str>::new());
    // A flipped bit is found, by who reads it and by who verifies all.
    let key = [&b"fraud/proof/"[..], &[7; 32]].concat();
    let mut bytes = db.raw.read(Column::Extras, &key).unwrap().unwrap().to_vec();
    bytes[50_000] ^= 1;
    put_raw(&db, Column::Extras, &key, &bytes);
    assert!(db.fraud_proof(&Hash::repeat_byte(7)).is_err());
    assert_eq!(damaged(&db), [Column::Extras.name()]);
}
