//! Backups: of one moment each, whole or not there, and never of another chain.

use super::{Maker, assert_beginning, chain, config, kill, open, write};
use crate::{Database, DbError, StorageConfig};
use std::{fs, os::unix::process::ExitStatusExt, path::PathBuf, sync::Arc};

fn refused<T: std::fmt::Debug>(result: Result<T, DbError>, says: &str) {
    match result {
        Err(DbError::Backup { reason, .. }) => assert!(reason.contains(says), "{says:?} is not in {reason:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_backup_is_of_its_moment() {
    let (folder, backups) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (source, target) = (folder.path().join("db"), folder.path().join("back"));
    let blocks = chain(12);
    let db = open(&source);
    refused(Database::backups(backups.path()), "no backups");
    let mut made = Vec::new();
    let mut next = 0;
    for last in [3, 7, 12] {
        write(&db, &blocks[next..=last]);
        next = last + 1;
        made.push(db.backup(backups.path(), 3).unwrap());
    }
    assert_eq!(Database::backups(backups.path()).unwrap(), made);
    assert!(
        made.iter()
            .all(|backup| backup.bytes > 1000 && backup.timestamp > 1_700_000_000)
    );
    refused(Database::restore(backups.path(), None, &source), "is there already");
    for (id, count) in [(Some(made[0].id), 4), (Some(made[1].id), 8), (None, 13)] {
        Database::restore(backups.path(), id, &target).unwrap();
        let back = open(&target);
        assert_eq!(assert_beginning(&back, &blocks), count);
        let verified = back.verify(&mut |_, _| {}, &mut |damage| panic!("{damage:?}"));
        assert!(verified.unwrap().entries > 100);
        drop(back);
        fs::remove_dir_all(&target).unwrap();
    }
    // Only so many are kept.
    let last = db.backup(backups.path(), 2).unwrap();
    assert_eq!(Database::backups(backups.path()).unwrap(), [made[2], last]);
    refused(
        Database::restore(backups.path(), Some(made[0].id), &target),
        "no such backup",
    );
    assert!(!target.exists());

    // Another chain's.
    let other = open(&folder.path().join("other"));
    let mut maker = Maker::default();
    maker.add(&[(b"other".to_vec(), Some(vec![1]))]);
    write(&other, &maker.blocks);
    refused(other.backup(backups.path(), 1), "of the chain of genesis");
    assert_eq!(Database::backups(backups.path()).unwrap(), [made[2], last]);
}

#[test]
fn a_damaged_backup_is_refused() {
    let (folder, backups) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let db = open(&folder.path().join("db"));
    write(&db, &chain(6));
    db.backup(backups.path(), 1).unwrap();
    let shared = fs::read_dir(backups.path().join("shared_checksum")).unwrap();
    let file = shared.map(|entry| entry.unwrap().path()).next().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let target = folder.path().join("back");
    refused(Database::restore(backups.path(), None, &target), "hecksum");
    assert!(!target.exists(), "half of it is there");
}

#[test]
fn commits_go_on_beside_a_backup() {
    let (folder, backups) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let blocks = chain(200);
    let db = open(&folder.path().join("db"));
    write(&db, &blocks[..2]);
    std::thread::scope(|scope| {
        let (db, blocks) = (&db, &blocks);
        let writer = scope.spawn(move || write(db, &blocks[2..]));
        let mut rounds = 0;
        while rounds < 2 || !writer.is_finished() {
            db.backup(backups.path(), 3).unwrap();
            rounds += 1;
        }
    });
    for backup in Database::backups(backups.path()).unwrap() {
        let target = folder.path().join(backup.id.to_string());
        Database::restore(backups.path(), Some(backup.id), &target).unwrap();
        assert!(assert_beginning(&open(&target), &blocks) >= 2);
    }
}

/// Not a test but the process that the next one kills.
#[test]
#[ignore = "run by the test that kills it"]
fn saver() {
    let Some(folder) = std::env::var_os(kill::FOLDER).map(PathBuf::from) else {
        return;
    };
    let db = Arc::new(
        Database::open(&StorageConfig {
            sync: true,
            ..config(folder.join("db"))
        })
        .unwrap(),
    );
    db.backup(&folder.join("backups"), 1).unwrap();
    Database::restore(&folder.join("backups"), None, &folder.join("back")).unwrap();
}

#[test]
fn killed_while_it_saves_or_restores() {
    let blocks = chain(5);
    for (point, saved) in [
        ("db-before-backup", 0),
        ("db-after-backup", 1),
        ("db-before-restored", 1),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(&open(&folder.path().join("db")), &blocks);
        let killed = kill::run("backup::saver", folder.path(), Some(point));
        assert_eq!(killed.signal(), Some(6), "{point}");
        let (backups, back) = (folder.path().join("backups"), folder.path().join("back"));
        assert_eq!(Database::backups(&backups).unwrap().len(), saved, "{point}");
        assert!(!back.exists(), "{point}");
        assert!(kill::run("backup::saver", folder.path(), None).success(), "{point}");
        assert_eq!(assert_beginning(&open(&back), &blocks), blocks.len(), "{point}");
    }
}
