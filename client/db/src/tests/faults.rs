//! A disk that is full, broken, read-only, that tears a write or loses all from one on: what was acknowledged is there
//! afterwards, whole, unless the disk lied, and then a beginning of it.

use super::{Database, StorageConfig, assert_beginning, chain, config, kill::FOLDER, open, write};
use crate::DbError;
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

const LAST: u32 = 5;
const ACKNOWLEDGED: &str = "QUIDS_DB_TEST_ACKNOWLEDGED";

/// The compiled `faults.c`.
static SHIM: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("faults.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/faults.c");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source);
    assert!(cc.status().unwrap().success());
    (folder, library)
});

/// Not a test but the process that has the faulty disk. It tells how many blocks it has been told are written.
#[test]
#[ignore = "run by the tests that give it a faulty disk"]
fn sufferer() {
    let (Some(folder), Some(acknowledged)) = (std::env::var_os(FOLDER), std::env::var_os(ACKNOWLEDGED)) else {
        return;
    };
    let mut acknowledged = std::fs::File::create(acknowledged).unwrap();
    let config = StorageConfig {
        sync: true,
        ..config(folder)
    };
    let Ok(db) = Database::open(&config) else { return };
    let mut failed = None;
    for (number, block) in chain(LAST).into_iter().enumerate() {
        let written = match number {
            0 => db.write_genesis(block.clone()),
            _ => db.commit_block(block.clone()),
        };
        match (&failed, written) {
            // A byte for each: a kill in between leaves what was said before.
            (None, Ok(_)) => acknowledged.write_all(b"+").unwrap(),
            (None, Err(error)) => failed = Some(error),
            // Whatever the disk says later: what is on it is known after a restart only.
            (Some(_), again) => assert!(
                matches!(
                    again,
                    Err(DbError::Stopped(_) | DbError::NotOnTip { .. } | DbError::NoGenesis)
                ),
                "{again:?} after {failed:?}"
            ),
        }
    }
}

/// How a writer with a faulty disk fared.
struct Fate {
    /// It was told that all blocks are written.
    got_through: bool,
    /// Some that it was told of were not.
    lost: bool,
}

/// Runs a writer with a fault at its n-th write, then looks, then goes on without.
fn suffer(kind: &str, nth: u32) -> Fate {
    let (folder, acknowledged) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    // As the kernel names its files.
    let path = folder.path().canonicalize().unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::faults::sufferer", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .env(ACKNOWLEDGED, acknowledged.path())
        .env("LD_PRELOAD", &SHIM.1)
        .env("QUIDS_FAULT", format!("{kind}:{nth}"))
        .env("QUIDS_FAULT_FOLDER", path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    let what = format!("{kind}:{nth} ended with {status}");
    assert!(status.code() == Some(0) || kind == "torn", "{what}");
    let said = std::fs::read(acknowledged.path()).unwrap().len();
    let blocks = chain(LAST);
    let db = open(folder.path());
    let found = assert_beginning(&db, &blocks);
    if kind == "lost" {
        assert!(found <= said, "{what}: {found} of {said}");
    } else {
        // A block may be there that nobody was told of.
        assert!(
            (said..=said + 1).contains(&found),
            "{what}: {found}, acknowledged {said}"
        );
    }
    write(&db, &blocks[found..]);
    assert_eq!(assert_beginning(&db, &blocks), blocks.len(), "{what}");
    Fate {
        got_through: status.success() && said == blocks.len(),
        lost: found < said,
    }
}

/// A fault at each write until there are no more of them.
fn at_each_write(kind: &str) {
    // The first that gets through has its fault after the last write; before that, all of them stop the writer.
    let through = (1..1000).find(|nth| suffer(kind, *nth).got_through);
    let through = through.unwrap_or_else(|| panic!("{kind}: 1000 writes, and no end"));
    assert!(through > 20, "{kind}: only {} writes were hit", through - 1);
}

/// A fault here and there among the writes, which not every writer hears of; in how many of them blocks were lost, and how
/// many writers were stopped.
fn here_and_there(kind: &str) -> (usize, usize) {
    let fates: Vec<_> = (1..150).step_by(7).map(|nth| suffer(kind, nth)).collect();
    let count = |is: fn(&Fate) -> bool| fates.iter().filter(|fate| is(fate)).count();
    (count(|fate| fate.lost), count(|fate| !fate.got_through))
}

#[test]
fn a_disk_that_is_full() {
    at_each_write("full");
}

#[test]
fn a_disk_that_fails() {
    at_each_write("broken");
}

#[test]
fn a_disk_that_becomes_read_only() {
    at_each_write("readonly");
}

#[test]
fn a_disk_that_tears_a_write() {
    at_each_write("torn");
}

#[test]
fn a_disk_that_fails_once() {
    let (lost, stopped) = here_and_there("flaky");
    assert!(lost == 0 && stopped > 0, "{stopped} writers were stopped");
}

#[test]
fn a_disk_that_loses_what_it_confirmed() {
    assert!(here_and_there("lost").0 > 0, "nothing was lost: the disk kept its word");
}
