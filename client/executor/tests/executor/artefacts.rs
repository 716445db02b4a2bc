//! Compiled code on disk: used when intact, replaced when not.

use crate::guests::Guest;
use quids_executor::{Executor, ExecutorConfig};
use std::{fs, path::PathBuf, time::SystemTime};

fn executor(dir: &tempfile::TempDir) -> Executor {
    Executor::new(ExecutorConfig {
        cache_dir: Some(dir.path().join("cache")),
    })
    .unwrap()
}

fn files(dir: &tempfile::TempDir) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir.path().join("cache"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn modified(path: &PathBuf) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

#[test]
fn an_artefact_is_written_once_and_read_by_the_next_executor() {
    let (dir, code) = (tempfile::tempdir().unwrap(), Guest::default().code());
    executor(&dir).load(&code).unwrap();
    let [file] = &files(&dir)[..] else {
        panic!("one artefact, no temporary file")
    };
    let written = modified(file);
    let runtime = executor(&dir).load(&code).unwrap();
    assert_eq!(runtime.version().spec_version, 7);
    assert_eq!(modified(file), written, "read, not compiled again");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
}

#[test]
fn a_damaged_artefact_is_compiled_anew() {
    let (dir, code) = (tempfile::tempdir().unwrap(), Guest::default().code());
    executor(&dir).load(&code).unwrap();
    let [file] = &files(&dir)[..] else {
        panic!("one artefact")
    };
    let good = fs::read(file).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    let mut other_engine = good.clone();
    other_engine[8] ^= 1;
    for damaged in [
        flipped,
        other_engine,
        good[..good.len() - 1].to_vec(),
        good[..50].to_vec(),
        vec![],
    ] {
        fs::write(file, &damaged).unwrap();
        let runtime = executor(&dir).load(&code).unwrap();
        assert_eq!(runtime.version().spec_version, 7);
        assert_eq!(fs::read(file).unwrap().len(), good.len(), "replaced");
        assert_ne!(fs::read(file).unwrap(), damaged);
    }
}

#[test]
fn an_artefact_of_other_code_is_not_used() {
    let (dir, code) = (tempfile::tempdir().unwrap(), Guest::default().code());
    let other = Guest::with("(func)").code();
    executor(&dir).load(&code).unwrap();
    let first = files(&dir).remove(0);
    executor(&dir).load(&other).unwrap();
    let second = files(&dir).into_iter().find(|path| *path != first).unwrap();
    fs::copy(&first, &second).unwrap();
    let before = fs::read(&second).unwrap();
    executor(&dir).load(&other).unwrap();
    assert_ne!(fs::read(&second).unwrap(), before, "compiled again and replaced");
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = Executor::new(ExecutorConfig {
        cache_dir: Some(file.join("cache")),
    })
    .unwrap_err();
    assert!(error.to_string().contains("artefact directory"), "{error}");
}
