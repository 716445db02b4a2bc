//! Compiled code on disk. A file is trusted only with its checksum, for exactly this engine and this code;
//! anything else is compiled anew.

use crate::{ExecutorError, limits::ARTEFACTS_MAX};
use quids_core::Hash;
use std::{
    fs,
    hash::{Hash as _, Hasher},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};
use wasmtime::{Engine, Module};

/// First bytes of an artefact; the last two digits are the version of the header.
const MAGIC: &[u8; 8] = b"QDSART01";
/// Magic, hash of the engine's configuration, code hash, hash of the payload.
const HEADER_SIZE: usize = 8 + 32 + 32 + 32;

/// A directory of artefacts, seen by one engine.
pub(crate) struct Artefacts {
    dir: PathBuf,
    /// Hash of wasmtime's version, the engine's configuration and the target.
    engine: Hash,
}

impl Artefacts {
    /// Creates the directory, for its owner alone.
    pub fn open(dir: &Path, engine: &Engine) -> Result<Self, ExecutorError> {
        let create = || -> io::Result<()> {
            fs::create_dir_all(dir)?;
            #[cfg(unix)]
            fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
            Ok(())
        };
        create().map_err(|error| ExecutorError::Engine(format!("artefact directory {}: {error}", dir.display())))?;
        let mut bytes = Collect(Vec::new());
        engine.precompile_compatibility_hash().hash(&mut bytes);
        Ok(Self {
            dir: dir.into(),
            engine: quids_crypto::blake3_256(&bytes.0).into(),
        })
    }

    fn path(&self, code: &Hash) -> PathBuf {
        self.dir
            .join(format!("{:x}-{}.cwasm", code, &format!("{:x}", self.engine)[..16]))
    }

    /// The compiled code, if it is here and intact.
    pub fn read(&self, code: &Hash, engine: &Engine) -> Option<Module> {
        let path = self.path(code);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!("artefact {} could not be read: {error}", path.display());
                return None;
            }
        };
        let Some((header, payload)) = bytes.split_at_checked(HEADER_SIZE) else {
            tracing::warn!("artefact {} is cut short; compiling anew", path.display());
            return None;
        };
        if header != self.header(code, payload) {
            tracing::warn!("artefact {} is damaged or not ours; compiling anew", path.display());
            return None;
        }
        // SAFETY: the payload is what `Module::serialize` returned: its checksum is right, it was written for this
        // engine's configuration by this file alone, into a directory that only the node's own user can write.
        // Whoever can forge it can as well replace the node.
        match unsafe { Module::deserialize(engine, payload) } {
            Ok(module) => Some(module),
            Err(error) => {
                tracing::warn!("artefact {} was refused ({error:#}); compiling anew", path.display());
                None
            }
        }
    }

    /// Keeps the compiled code. A failure costs a compilation later and is only logged.
    pub fn write(&self, code: &Hash, module: &Module) {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let path = self.path(code);
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("tmp-{}-{count}", std::process::id()));
        let write = || -> io::Result<()> {
            let payload = module
                .serialize()
                .map_err(|error| io::Error::other(format!("{error:#}")))?;
            let mut file = fs::File::create(&temporary)?;
            file.write_all(&self.header(code, &payload))?;
            file.write_all(&payload)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        };
        if let Err(error) = write() {
            tracing::warn!("artefact {} could not be written: {error}", path.display());
            let _ = fs::remove_file(&temporary);
        }
        self.prune();
    }

    fn header(&self, code: &Hash, payload: &[u8]) -> [u8; HEADER_SIZE] {
        let mut header = [0; HEADER_SIZE];
        header[..8].copy_from_slice(MAGIC);
        header[8..40].copy_from_slice(self.engine.as_bytes());
        header[40..72].copy_from_slice(code.as_bytes());
        header[72..].copy_from_slice(&quids_crypto::blake3_256(payload));
        header
    }

    /// Removes the oldest files beyond `ARTEFACTS_MAX`.
    fn prune(&self) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        let mut files: Vec<_> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let modified = entry.metadata().ok()?.modified().ok()?;
                entry.path().extension()?.eq("cwasm").then(|| (modified, entry.path()))
            })
            .collect();
        files.sort();
        for (_, path) in files.iter().take(files.len().saturating_sub(ARTEFACTS_MAX)) {
            let _ = fs::remove_file(path);
        }
    }
}

/// A `Hasher` that keeps what it is given, for a hash that does not depend on the standard library's version.
struct Collect(Vec<u8>);

impl Hasher for Collect {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
