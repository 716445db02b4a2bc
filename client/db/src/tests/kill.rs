//! The process killed at every crash point, and the log cut anywhere: a block is whole or not there at all.

use super::{assert_beginning, chain, config, open, write};
use crate::{Database, StorageConfig, crash::VARIABLE};
use std::{
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::Arc,
};

pub(super) const FOLDER: &str = "QUIDS_DB_TEST_FOLDER";
const LAST: u32 = 6;
const TAKEN_BACK_TO: u32 = 3;

/// Not a test but the process that `check` kills.
#[test]
#[ignore = "run by the tests that kill it"]
fn victim() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let db = Arc::new(
        Database::open(&StorageConfig {
            sync: true,
            ..config(folder)
        })
        .unwrap(),
    );
    let blocks = chain(LAST);
    let next = db.best().map_or(0, |(height, _)| height.0 as usize + 1);
    write(&db, &blocks[next..]);
}

/// Not a test but the process that `a_process_killed_while_it_takes_back` kills.
#[test]
#[ignore = "run by the test that kills it"]
fn taker() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let db = Arc::new(
        Database::open(&StorageConfig {
            sync: true,
            ..config(folder)
        })
        .unwrap(),
    );
    db.take_back_to(&chain(TAKEN_BACK_TO)[TAKEN_BACK_TO as usize].header.hash())
        .unwrap();
}

/// Runs a victim on a folder.
pub(super) fn run(victim: &str, folder: &Path, crash_at: Option<&str>) -> ExitStatus {
    run_with(victim, folder, crash_at, [])
}

/// As [`run`], with more in its environment.
pub(super) fn run_with<const N: usize>(
    victim: &str,
    folder: &Path,
    crash_at: Option<&str>,
    environment: [(&str, String); N],
) -> ExitStatus {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let name = format!("tests::{victim}");
    command.args(["--exact", &name, "--ignored", "--nocapture"]);
    command
        .env(FOLDER, folder)
        .envs(environment)
        .env_remove(VARIABLE)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.envs(crash_at.map(|point| (VARIABLE, point)));
    command.status().unwrap()
}

/// Kills a process at the n-th passing of a point; `expected` blocks are there afterwards. Then another process
/// goes on from there to the end.
fn check(point: &str, expected: usize) {
    let folder = tempfile::tempdir().unwrap();
    let run = |crash_at| run("kill::victim", folder.path(), crash_at);
    let blocks = chain(LAST);
    assert_eq!(run(Some(point)).signal(), Some(6), "{point}: the victim aborts");
    assert_eq!(assert_beginning(&open(folder.path()), &blocks), expected, "{point}");
    assert!(run(None).success(), "{point}: goes on");
    assert_eq!(
        assert_beginning(&open(folder.path()), &blocks),
        LAST as usize + 1,
        "{point}"
    );
}

#[test]
fn killed_while_blocks_are_taken_back() {
    let blocks = chain(LAST);
    for (point, left) in [
        ("db-before-write", LAST),
        ("db-before-sync", TAKEN_BACK_TO),
        ("db-after-sync", TAKEN_BACK_TO),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(&open(folder.path()), &blocks);
        assert_eq!(
            run("kill::taker", folder.path(), Some(point)).signal(),
            Some(6),
            "{point}"
        );
        let db = open(folder.path());
        assert_eq!(db.best().unwrap().0.0, left, "{point}");
        super::state::assert_states(&db, &blocks[..=left as usize]);
        for (number, block) in (0..).zip(&blocks) {
            let hash = block.header.hash();
            assert_eq!(db.header(&hash).unwrap().is_some(), number <= left, "{point}: {number}");
            assert_eq!(
                db.evm_block(&hash).unwrap().is_some(),
                number <= left,
                "{point}: {number}"
            );
        }
    }
}

#[test]
fn killed_at_genesis() {
    check("db-genesis-state", 0);
    check("db-before-write", 0);
    check("db-before-sync", 1);
    check("db-after-sync", 1);
}

#[test]
fn killed_at_a_block() {
    for nth in [2, 4, LAST as usize + 1] {
        check(&format!("db-before-write:{nth}"), nth - 1);
        // The process is gone but not the machine: what was written is there, synced or not.
        check(&format!("db-before-sync:{nth}"), nth);
        check(&format!("db-after-sync:{nth}"), nth);
    }
}

#[test]
fn a_second_process_is_told_that_it_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let _db = open(folder.path());
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "tests::kill::victim", "--ignored", "--nocapture"]);
    let output = command
        .env(FOLDER, folder.path())
        .env_remove(VARIABLE)
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("Locked"), "{output:?}");
}

/// A folder, with those in it.
pub(super) fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}

/// A log, and how long it is.
type Log = (PathBuf, u64);

/// A database's last log.
pub(super) fn last_log(folder: &Path) -> Log {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_log = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "log");
    let log = files.filter(is_log).max().unwrap();
    let len = std::fs::metadata(&log).unwrap().len();
    (log, len)
}

/// Copies of a database that nobody has open, whose last log is cut, in about so many places down to what is `synced` of it.
pub(super) fn with_log_cut(folder: &Path, synced: Option<Log>, places: u64, mut look: impl FnMut(&Path)) {
    let (log, len) = last_log(folder);
    let synced = synced.filter(|(synced, _)| *synced == log).map_or(0, |(_, len)| len);
    let step = (len - synced).div_ceil(places) | 1;
    for cut in (synced..=len).rev().step_by(step as usize).chain([synced]) {
        let copied = tempfile::tempdir().unwrap();
        copy(folder, copied.path());
        let log = std::fs::File::options()
            .write(true)
            .open(copied.path().join(log.file_name().unwrap()));
        log.and_then(|log| log.set_len(cut)).unwrap();
        look(copied.path());
    }
}

/// What a power cut leaves of an unsynced log: any beginning of it.
#[test]
fn a_log_cut_anywhere_loses_whole_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    let blocks = chain(LAST);
    write(&db, &blocks);
    let mut seen = std::collections::BTreeSet::new();
    drop(db);
    with_log_cut(folder.path(), None, 80, |folder| {
        let db = open(folder);
        let count = assert_beginning(&db, &blocks);
        write(&db, &blocks[count..]);
        assert_eq!(assert_beginning(&db, &blocks), blocks.len());
        seen.insert(count);
    });
    assert_eq!(seen, (0..=blocks.len()).collect());
}
