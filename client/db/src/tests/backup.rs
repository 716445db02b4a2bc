//! Backups: of one moment each, whole or not there, and never of another chain.

use super::{Maker, assert_beginning, assert_sound, chain, config, contents, difference, kill, open, write};
use crate::{Database, DbError, StorageConfig};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    sync::Arc,
};

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

/// All files in a folder and in those in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

/// Each file of a backup cut, emptied, taken away, made longer, and with a bit that flipped here or there. What the database
/// would read is refused; where a backup says only what it is, it may be taken, and is the right chain then.
#[test]
fn a_damaged_backup_is_refused() {
    let (folder, backups) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let blocks = chain(6);
    let db = open(&folder.path().join("db"));
    write(&db, &blocks);
    let expected = contents(&db);
    db.backup(backups.path(), 1).unwrap();
    let target = folder.path().join("back");
    let (mut refused, mut harmless) = (BTreeMap::new(), BTreeMap::new());
    for file in files(backups.path()) {
        let name = file.strip_prefix(backups.path()).unwrap();
        let good = fs::read(&file).unwrap();
        let len = good.len();
        let flipped = |at: usize| {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            Some(bytes)
        };
        let flips = (0..len).step_by((len / 12).max(1)).map(flipped);
        let cuts = [0, len / 2, len.saturating_sub(1)].map(|len| Some(good[..len].to_vec()));
        let longer = Some([&good[..], b"\n"].concat());
        for damaged in flips
            .chain(cuts)
            .chain([None, longer])
            .filter(|bytes| bytes.as_ref() != Some(&good))
        {
            match &damaged {
                Some(bytes) => fs::write(&file, bytes).unwrap(),
                None => fs::remove_file(&file).unwrap(),
            }
            let kind = name.components().next().unwrap().as_os_str().to_owned();
            match Database::restore(backups.path(), None, &target) {
                Ok(_) => {
                    let back = open(&target);
                    assert_eq!(difference(&contents(&back), &expected), [""; 0], "{name:?}");
                    assert_sound(&back);
                    drop(back);
                    fs::remove_dir_all(&target).unwrap();
                    *harmless.entry(kind).or_insert(0) += 1;
                }
                Err(DbError::Backup { .. }) => {
                    assert!(!target.exists(), "half of it is there: {name:?}");
                    *refused.entry(kind).or_insert(0) += 1;
                }
                Err(other) => panic!("{name:?}: {other}"),
            }
        }
        fs::write(&file, good).unwrap();
    }
    println!("refused {refused:?}, harmless {harmless:?}");
    let counts = |of: &BTreeMap<_, i32>, name: &str| of.get(OsStr::new(name)).copied().unwrap_or_default();
    for (name, refused_min) in [("shared_checksum", 100), ("private", 40), ("meta", 10), ("GENESIS", 1)] {
        assert!(counts(&refused, name) >= refused_min, "{name}");
    }
    for name in ["shared_checksum", "private"] {
        assert_eq!(counts(&harmless, name), 0, "{name}");
    }
    Database::restore(backups.path(), None, &target).unwrap();
    assert_eq!(assert_beginning(&open(&target), &blocks), blocks.len());
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
