//! Builds the chain's runtime into WASM from a build script or by hand: finds a toolchain, says which one, runs a
//! nested cargo that nothing of the outer build leaks into, and gives the same bytes for the same toolchain and source.

mod nested;
mod sections;
mod toolchain;
mod watch;

use std::fmt;
use std::path::{Path, PathBuf};

pub use sections::{MalformedModule, without_custom_sections};
pub use toolchain::{Route, TARGET, Toolchain, ToolchainError};
pub use watch::rerun_lines;

/// What the runtime may use beyond WebAssembly 1.0. The executor must enable the same set. Not `+wide-arithmetic`: with
/// it LLVM computes checked and saturating 128-bit sums wrongly (`node/docs/adr/0005-no-wide-arithmetic.md`).
pub const TARGET_FEATURES: &str = "+simd128,+bulk-memory,+tail-call";

/// Bytes of shadow stack, laid out below the data so that an overflow traps instead of overwriting it.
pub const STACK_SIZE_BYTES: u32 = 1024 * 1024;

/// The cargo profile of the workspace that the artefact is built with.
pub const PROFILE: &str = "runtime";

/// Forces a route: `target` or `build-std`.
pub const ROUTE_ENV: &str = "QUIDS_WASM_TOOLCHAIN";

/// Where a build happens. [`Builder::from_build_script`] is what build scripts use.
#[derive(Clone, Debug)]
pub struct Builder {
    /// Root of the cargo workspace that holds `package`.
    pub workspace: PathBuf,
    /// Target directory of the nested cargo; never the outer one, whose lock the outer cargo holds.
    pub target_dir: PathBuf,
    /// Where the finished artefacts go.
    pub out_dir: PathBuf,
    /// The library crate to build.
    pub package: String,
    /// The toolchain; see [`Toolchain::find`].
    pub toolchain: Toolchain,
}

/// One artefact.
#[derive(Clone, Copy, Debug)]
pub struct BuildRequest<'a> {
    /// Features of the crate, beside its default ones.
    pub features: &'a [&'a str],
    /// File name without `.wasm`.
    pub out_name: &'a str,
}

/// A finished artefact.
#[derive(Clone, Debug)]
pub struct BuildOutput {
    /// The module, without custom sections.
    pub path: PathBuf,
    /// Its size.
    pub size_bytes: usize,
    /// How it was made, as JSON: toolchain, flags, features.
    pub build_info: String,
}

/// Builds `quids-runtime` from a build script into its `OUT_DIR`. For several artefacts keep one [`Builder`].
pub fn build(request: &BuildRequest<'_>) -> Result<BuildOutput, Error> {
    Builder::from_build_script()?.build(request)
}

impl Builder {
    /// From a build script's environment: the workspace is the nearest ancestor with a `Cargo.lock`, and the nested
    /// target directory is `wasm` inside the outer one.
    pub fn from_build_script() -> Result<Self, Error> {
        let manifest_dir = PathBuf::from(required_env("CARGO_MANIFEST_DIR")?);
        let out_dir = PathBuf::from(required_env("OUT_DIR")?);
        Ok(Self {
            workspace: workspace_above(&manifest_dir)?,
            target_dir: outer_target_dir(&out_dir)?.join("wasm"),
            out_dir,
            package: "quids-runtime".into(),
            toolchain: Toolchain::find()?,
        })
    }

    /// Builds one artefact. What was taken and run goes to standard error; on failure the error holds cargo's output.
    pub fn build(&self, request: &BuildRequest<'_>) -> Result<BuildOutput, Error> {
        eprintln!("wasm: {} {:?} with {}", self.package, request.features, self.toolchain);
        let built = nested::run(self, request)?;
        let module = read(&built)?;
        let stripped = without_custom_sections(&module).map_err(|source| Error::Malformed { path: built, source })?;

        std::fs::create_dir_all(&self.out_dir).map_err(|source| Error::io(&self.out_dir, source))?;
        let path = self.out_dir.join(format!("{}.wasm", request.out_name));
        std::fs::write(&path, &stripped).map_err(|source| Error::io(&path, source))?;
        eprintln!("wasm: {} ({} bytes)", path.display(), stripped.len());
        Ok(BuildOutput {
            path,
            size_bytes: stripped.len(),
            build_info: self.build_info(request),
        })
    }

    /// How an artefact is made, as one JSON object. Holds no path, so it is as reproducible as the artefact.
    #[must_use]
    pub fn build_info(&self, request: &BuildRequest<'_>) -> String {
        let features: Vec<String> = request.features.iter().map(|name| json_string(name)).collect();
        format!(
            "{{\"package\":{},\"target\":{},\"route\":{},\"rustc\":{},\"llvm\":{},\"cargo\":{},\"profile\":{},\
             \"target_features\":{},\"stack_size_bytes\":{},\"features\":[{}]}}",
            json_string(&self.package),
            json_string(TARGET),
            json_string(self.toolchain.route.name()),
            json_string(&self.toolchain.rustc_version),
            json_string(&self.toolchain.llvm_version),
            json_string(&self.toolchain.cargo_version),
            json_string(PROFILE),
            json_string(TARGET_FEATURES),
            STACK_SIZE_BYTES,
            features.join(","),
        )
    }
}

fn json_string(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn required_env(name: &'static str) -> Result<String, Error> {
    std::env::var(name).map_err(|_| Error::NotABuildScript(name))
}

fn workspace_above(start: &Path) -> Result<PathBuf, Error> {
    let found = start.ancestors().find(|dir| dir.join("Cargo.lock").is_file());
    found
        .map(Path::to_path_buf)
        .ok_or_else(|| Error::NoWorkspace(start.to_path_buf()))
}

/// `OUT_DIR` is `<target>[/<triple>]/<profile>/build/..`; the triple is there only in a cross build.
fn outer_target_dir(out_dir: &Path) -> Result<PathBuf, Error> {
    let unexpected = || Error::UnexpectedOutDir(out_dir.to_path_buf());
    let build = out_dir
        .ancestors()
        .find(|dir| dir.file_name().is_some_and(|n| n == "build"))
        .ok_or_else(unexpected)?;
    let above_profile = build.parent().and_then(Path::parent).ok_or_else(unexpected)?;
    let triple = std::env::var_os("TARGET");
    let is_triple = triple.is_some() && above_profile.file_name() == triple.as_deref();
    Ok(if is_triple {
        above_profile.parent().ok_or_else(unexpected)?
    } else {
        above_profile
    }
    .to_path_buf())
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::io(path, source))
}

/// Why there is no artefact.
#[derive(Debug)]
pub enum Error {
    /// No toolchain can build for WASM; says what to install.
    Toolchain(ToolchainError),
    /// A variable that cargo gives to build scripts is missing.
    NotABuildScript(&'static str),
    /// No `Cargo.lock` in any parent.
    NoWorkspace(PathBuf),
    /// `OUT_DIR` has no `build` component.
    UnexpectedOutDir(PathBuf),
    /// The nested cargo failed; `output` is what it printed.
    Cargo {
        command: String,
        status: String,
        output: String,
    },
    /// What cargo made is not a WASM module.
    Malformed { path: PathBuf, source: MalformedModule },
    /// A file or process could not be used.
    Io { path: PathBuf, source: std::io::Error },
}

impl Error {
    fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_path_buf(),
            source,
        }
    }
}

impl From<ToolchainError> for Error {
    fn from(error: ToolchainError) -> Self {
        Self::Toolchain(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Toolchain(error) => error.fmt(f),
            Self::NotABuildScript(name) => {
                write!(f, "{name} is not set: not run from a build script")
            }
            Self::NoWorkspace(start) => write!(f, "no Cargo.lock in {} or above", start.display()),
            Self::UnexpectedOutDir(dir) => write!(f, "cannot tell the target directory from OUT_DIR {}", dir.display()),
            Self::Cargo {
                command,
                status,
                output,
            } => write!(f, "`{command}` failed ({status}):\n{output}"),
            Self::Malformed { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Io { path, source } => write!(f, "{}: {source}", path.display()),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_directory_is_found_from_out_dir() {
        let check = |out: &str| outer_target_dir(Path::new(out)).unwrap();
        assert_eq!(check("/t/debug/build/quids-runtime-wasm-0123/out"), Path::new("/t"));
        assert_eq!(check("/t/debug/build/quids-runtime-wasm/0123/out"), Path::new("/t"));
        assert!(outer_target_dir(Path::new("/elsewhere")).is_err());
    }

    #[test]
    fn json_strings_are_escaped() {
        assert_eq!(json_string("a\"b\\c\nd"), r#""a\"b\\c\u000ad""#);
    }
}
