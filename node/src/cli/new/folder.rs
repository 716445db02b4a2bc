//! A folder that appears whole or not at all.

use super::CliError;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Files that are to be: paths below the folder, and what is in them.
pub type Files = Vec<(PathBuf, String)>;

/// Writes them, and symbolic links by their names, into a folder that was not there. Until it is whole it has the name `DIR.part`.
pub fn write(folder: &Path, files: &Files, links: &[(&str, &Path)]) -> Result<(), CliError> {
    if folder.symlink_metadata().is_ok() {
        return Err(CliError::file("create", folder)(io::ErrorKind::AlreadyExists.into()));
    }
    let mut part = folder.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).map_err(CliError::file("create", parent))?;
    }
    // Not `create_dir_all`: what somebody else is writing is theirs.
    fs::create_dir(&part).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => CliError::Usage(format!(
            "{} is there: another `quids new` is writing it, or did not come to its end; in that case remove it",
            part.display()
        )),
        _ => CliError::file("create", &part)(error),
    })?;
    let written =
        fill(&part, files, links).and_then(|()| fs::rename(&part, folder).map_err(CliError::file("create", folder)));
    written.inspect_err(|_| {
        let _ = fs::remove_dir_all(&part);
    })
}

fn fill(folder: &Path, files: &Files, links: &[(&str, &Path)]) -> Result<(), CliError> {
    for (name, text) in files {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(CliError::file("create", parent))?;
        }
        fs::write(&path, text).map_err(CliError::file("write", &path))?;
    }
    for (name, to) in links {
        let path = folder.join(name);
        std::os::unix::fs::symlink(to, &path).map_err(CliError::file("write", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_whole_or_not_there() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("a/b");
        let file = |name: &str| (PathBuf::from(name), "text".to_owned());
        write(&folder, &vec![file("x"), file("y/z")], &[("link", scratch.path())]).unwrap();
        assert_eq!(fs::read_to_string(folder.join("y/z")).unwrap(), "text");
        assert_eq!(fs::read_link(folder.join("link")).unwrap(), scratch.path());
        // What is there is left alone, empty or not.
        for there in [folder.clone(), scratch.path().join("empty")] {
            fs::create_dir_all(&there).unwrap();
            let error = write(&there, &vec![file("x")], &[]).unwrap_err();
            assert!(error.report().contains("exists"), "{}", error.report());
        }
        // `x` cannot be a file and a folder.
        let broken = scratch.path().join("broken");
        write(&broken, &vec![file("x"), file("x/y")], &[]).unwrap_err();
        let names: Vec<_> = fs::read_dir(scratch.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 2, "something was left behind: {names:?}");
    }
}
