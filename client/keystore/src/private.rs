//! Files and folders that belong to one user: read only if nobody else may, written whole or not at all.

use crate::KeyError;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The content of a regular file of at most `bytes_max` bytes that group and others may neither read nor write.
pub(crate) fn read(path: &Path, bytes_max: usize) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let io = |error| KeyError::io(path, error);
    // Non-blocking, or a pipe in a file's place would hang the reader; on regular files it changes nothing.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(path)
        .map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(KeyError::format(path, "not a regular file"));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Permissions {
            path: path.to_owned(),
            mode,
        });
    }
    // Twice the size, so that a buffer that grows never leaves a copy behind.
    let mut content = Zeroizing::new(Vec::with_capacity(bytes_max + 1));
    let limit = bytes_max as u64 + 1;
    file.take(limit).read_to_end(&mut content).map_err(io)?;
    if content.len() > bytes_max {
        return Err(KeyError::format(path, format!("larger than {bytes_max} bytes")));
    }
    Ok(content)
}

/// Creates a file of mode 0600 with this content, on disk when this returns. [`KeyError::Exists`] rather than
/// overwrite.
pub(crate) fn create(path: &Path, content: &[u8]) -> Result<(), KeyError> {
    // The name appears last, by a hard link, which unlike a rename fails if it is taken.
    write(path, content, |temporary| {
        let linked = fs::hard_link(temporary, path);
        let removed = fs::remove_file(temporary);
        linked.and(removed)
    })
    .map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => KeyError::Exists(path.to_owned()),
        _ => KeyError::io(path, error),
    })
}

/// Replaces a file by one of mode 0600 with this content: after a crash there is the old one or the new one.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), KeyError> {
    write(path, content, |temporary| fs::rename(temporary, path)).map_err(|error| KeyError::io(path, error))
}

fn write(path: &Path, content: &[u8], publish: impl FnOnce(&Path) -> Result<(), Error>) -> Result<(), Error> {
    let name = path
        .file_name()
        .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "the path has no file name"))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut nonce = [0u8; 8];
    getrandom::fill(&mut nonce).map_err(|error| Error::other(error.to_string()))?;
    let name = format!(".{}.{:016x}", name.to_string_lossy(), u64::from_le_bytes(nonce));
    let temporary = folder.join(name);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        })
        .and_then(|()| publish(&temporary));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written?;
    File::open(folder)?.sync_all()
}

/// Makes a folder of mode 0700, its parents too, or checks one that is there: ours, and closed to everybody else.
pub(crate) fn folder(path: &Path) -> Result<(), KeyError> {
    let io = |error| KeyError::io(path, error);
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
    let metadata = fs::metadata(path).map_err(io)?;
    let mode = metadata.permissions().mode() & 0o777;
    let owner = metadata.uid();
    if mode & 0o077 != 0 || owner != own_uid() {
        return Err(KeyError::FolderPermissions {
            path: path.to_owned(),
            mode,
            owner,
        });
    }
    Ok(())
}

/// The folder that a path lies in; `.` for a bare name.
pub(crate) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The user that this process acts as.
pub(crate) fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}
