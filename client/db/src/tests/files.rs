//! Files that are gone, garbled or cut: verifying names their column, and mending makes those again that can be.

use super::{assert_beginning, chain, config, kill, open, repair, verify::damages, write};
use crate::{BlockCommit, Column, Database, DbError, Remedy};
use quids_core::Height;
use quids_state::StateStore;
use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    sync::Arc,
};

const LAST: u32 = 12;

/// What becomes of a file.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Gone,
    Garbled,
    Cut,
    /// By a byte; RocksDB does not read it then.
    Longer,
}

const HARMS: [Harm; 4] = [Harm::Gone, Harm::Garbled, Harm::Cut, Harm::Longer];

impl Harm {
    fn befall(self, file: &Path) {
        let bytes = fs::read(file).unwrap();
        match self {
            Self::Gone => fs::remove_file(file).unwrap(),
            Self::Garbled => fs::write(file, bytes.iter().map(|byte| byte ^ 0x5a).collect::<Vec<_>>()).unwrap(),
            Self::Longer => fs::write(file, [&bytes[..], &[0]].concat()).unwrap(),
            Self::Cut => fs::write(file, &bytes[..bytes.len() / 2]).unwrap(),
        }
    }
}

/// A closed chain whose entries are all in files, and those of one column.
fn in_files(folder: &Path, blocks: &[BlockCommit], column: Column) -> Vec<PathBuf> {
    let db = open(folder);
    write(&db, blocks);
    let mut journal = crate::Journal::new(db.clone());
    journal.append(Height(LAST + 1), b"an entry").unwrap();
    drop(journal);
    db.raw.flush(&Column::ALL).unwrap();
    let files = db.raw.db.live_files().unwrap().into_iter();
    let files = files.filter(|file| file.column_family_name == column.name());
    let files: Vec<_> = files
        .map(|file| folder.join(file.name.trim_start_matches('/')))
        .collect();
    assert!(!files.is_empty(), "{column:?}");
    files
}

fn to_mend(folder: &Path) -> Result<Arc<Database>, DbError> {
    Database::open_to_mend(&config(folder)).map(Arc::new)
}

/// Harms the files of a column, one after the other.
fn check(blocks: &[BlockCommit], column: Column, harm: Harm) {
    let folder = tempfile::tempdir().unwrap();
    let what = format!("{column:?} {harm:?}");
    for file in in_files(folder.path(), blocks, column) {
        harm.befall(&file);
    }
    // What it holds is needed to open it at all.
    if column == Column::Meta {
        let refused = to_mend(folder.path()).unwrap_err();
        assert!(
            matches!(
                refused,
                DbError::Read { column: "meta", .. } | DbError::Damaged { column: "meta", .. }
            ),
            "{what}: {refused}"
        );
        return;
    }
    if let Err(error) = Database::open(&config(folder.path())) {
        assert!(matches!(error, DbError::Unreadable { .. }), "{what}: {error}");
    }
    let mut db = to_mend(folder.path()).unwrap();
    let found = damages(&db);
    let of_column: Vec<_> = found.iter().filter(|damage| damage.column == column.name()).collect();
    assert!(!of_column.is_empty(), "{what}: {found:?}");
    assert!(
        found.iter().any(|damage| damage.column == column.name()
            && (damage.reason.contains("cannot be read") || damage.reason.contains("bytes, not"))),
        "{what}: {found:?}"
    );
    let mut remedies: Vec<_> = of_column.iter().map(|damage| damage.remedy).collect();
    remedies.dedup();
    let [remedy] = remedies[..] else {
        panic!("{what}: {remedies:?}")
    };
    match column {
        Column::Numbers | Column::Branches | Column::Changes => assert_eq!(remedy, Remedy::Rebuild(column), "{what}"),
        Column::Diffs => assert_eq!(remedy, Remedy::ForgetStatesBefore(Height(LAST)), "{what}"),
        _ => assert_eq!(remedy, Remedy::Restore, "{what}"),
    }
    repair(&mut db, &[remedy]).unwrap();
    drop(db);
    if remedy == Remedy::Restore {
        assert!(
            damages(&to_mend(folder.path()).unwrap())
                .iter()
                .any(|damage| damage.column == column.name()),
            "{what}"
        );
        return;
    }
    let db = open(folder.path());
    assert_eq!(damages(&db), [], "{what}");
    if column == Column::Diffs {
        assert_eq!(db.oldest(), Height(LAST));
        super::state::assert_states_of(&db, blocks, LAST as usize);
    } else {
        assert_eq!(assert_beginning(&db, blocks), blocks.len(), "{what}");
    }
}

#[test]
fn files_of_each_column() {
    let blocks = chain(LAST);
    for column in Column::ALL {
        for harm in HARMS {
            check(&blocks, column, harm);
        }
    }
}

#[test]
fn killed_while_a_column_without_files_is_made_again() {
    let blocks = chain(LAST);
    for column in [Column::Numbers, Column::Branches, Column::Changes] {
        let folder = tempfile::tempdir().unwrap();
        for file in in_files(folder.path(), &blocks, column) {
            Harm::Gone.befall(&file);
        }
        let killed = kill::run("verify::mender", folder.path(), Some("db-repair-cleared"));
        assert_eq!(killed.signal(), Some(6), "{column:?}");
        let db = open(folder.path());
        assert_eq!(damages(&db), [], "{column:?}");
        assert_eq!(assert_beginning(&db, &blocks), blocks.len());
    }
}

/// What says which files there are: nothing can be told without it.
#[test]
fn without_a_manifest_it_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    in_files(folder.path(), &chain(LAST), Column::State);
    let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("MANIFEST")) {
        Harm::Garbled.befall(&file);
    }
    let error = to_mend(folder.path()).unwrap_err().to_string();
    assert!(error.contains("restore a backup"), "{error}");
}
