//! Which rustc can build for WASM: one that has the target's standard library (route `target`), else one that has its
//! sources (route `build-std`), else an error that says what to install.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ROUTE_ENV;

/// The triple of the artefact.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// How the standard library for the target comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The toolchain ships it compiled (any rustup setup with the target added).
    Target,
    /// It is compiled from `rust-src` with `-Zbuild-std`.
    BuildStd,
}

impl Route {
    /// The name that `QUIDS_WASM_TOOLCHAIN` takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::BuildStd => "build-std",
        }
    }
}

/// A toolchain that can build for WASM, and how.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// How it gets the standard library.
    pub route: Route,
    /// The compiler.
    pub rustc: PathBuf,
    /// The cargo that belongs to it.
    pub cargo: PathBuf,
    /// `rustc --print sysroot`.
    pub sysroot: PathBuf,
    /// First line of `rustc -vV`.
    pub rustc_version: String,
    /// The LLVM in it.
    pub llvm_version: String,
    /// First line of `cargo -V`.
    pub cargo_version: String,
    /// The commit that the compiler was built from; empty if it does not know.
    pub commit_hash: String,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.route {
            Route::Target => "its own standard library for wasm32",
            Route::BuildStd => "core and alloc built from its rust-src",
        };
        write!(
            f,
            "{} at {} (route {}: {how})",
            self.rustc_version,
            self.rustc.display(),
            self.route.name()
        )
    }
}

impl Toolchain {
    /// The first toolchain that works, in the order of the architecture: `target` before `build-std`, and within a
    /// route the running toolchain (`RUSTC`, `CARGO`) before others in `PATH` and in `/usr/bin`.
    pub fn find() -> Result<Self, ToolchainError> {
        let routes = match std::env::var(ROUTE_ENV).as_deref() {
            Err(_) | Ok("") => vec![Route::Target, Route::BuildStd],
            Ok("target") => vec![Route::Target],
            Ok("build-std") => vec![Route::BuildStd],
            Ok(other) => return Err(ToolchainError::UnknownRoute(other.to_owned())),
        };
        let compilers = Compiler::all();
        let mut rejected = Vec::new();
        for route in routes {
            for compiler in &compilers {
                match compiler.try_route(route) {
                    Ok(toolchain) => return Ok(toolchain),
                    Err(why) => rejected.push(format!("{} ({}): {why}", compiler.rustc.display(), route.name())),
                }
            }
        }
        Err(ToolchainError::None { rejected })
    }
}

/// A rustc that runs, with the cargo beside it.
struct Compiler {
    rustc: PathBuf,
    cargo: PathBuf,
    sysroot: PathBuf,
    verbose_version: String,
}

impl Compiler {
    fn all() -> Vec<Self> {
        let var = |name: &str, default: &str| PathBuf::from(std::env::var_os(name).unwrap_or_else(|| default.into()));
        let mut pairs = vec![(var("RUSTC", "rustc"), var("CARGO", "cargo"))];
        let path = std::env::var_os("PATH").unwrap_or_default();
        let dirs = std::env::split_paths(&path).chain([PathBuf::from("/usr/bin")]);
        pairs.extend(
            dirs.map(|dir| (dir.join("rustc"), dir.join("cargo")))
                .filter(|(rustc, _)| rustc.is_file()),
        );

        let mut seen = BTreeSet::new();
        let compilers = pairs.into_iter().filter_map(|(rustc, cargo)| Self::probe(rustc, cargo));
        compilers
            .filter(|compiler| seen.insert(compiler.sysroot.clone()))
            .collect()
    }

    fn probe(rustc: PathBuf, cargo: PathBuf) -> Option<Self> {
        let sysroot = PathBuf::from(output_of(&rustc, &["--print", "sysroot"])?);
        let verbose_version = output_of(&rustc, &["-vV"])?;
        Some(Self {
            rustc,
            cargo,
            sysroot,
            verbose_version,
        })
    }

    fn try_route(&self, route: Route) -> Result<Toolchain, String> {
        match route {
            Route::Target => self.has_target()?,
            Route::BuildStd => self.has_sources()?,
        }
        self.has_linker()?;
        let cargo_version =
            output_of(&self.cargo, &["-V"]).ok_or_else(|| format!("no cargo at {}", self.cargo.display()))?;
        Ok(Toolchain {
            route,
            rustc: self.rustc.clone(),
            cargo: self.cargo.clone(),
            sysroot: self.sysroot.clone(),
            rustc_version: self.verbose_version.lines().next().unwrap_or_default().to_owned(),
            llvm_version: self.field("LLVM version").to_owned(),
            cargo_version,
            commit_hash: self.field("commit-hash").to_owned(),
        })
    }

    fn has_target(&self) -> Result<(), String> {
        let dir = output_of(&self.rustc, &["--print", "target-libdir", "--target", TARGET])
            .ok_or_else(|| format!("does not know the target {TARGET}"))?;
        let is_core = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("libcore-");
        let found = std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(is_core)));
        if found {
            Ok(())
        } else {
            Err(format!("no standard library for {TARGET} in {dir}"))
        }
    }

    fn has_sources(&self) -> Result<(), String> {
        let sources = self.sysroot.join("lib/rustlib/src/rust/library");
        let complete = ["Cargo.lock", "core/src/lib.rs", "alloc/src/lib.rs"]
            .iter()
            .all(|f| sources.join(f).is_file());
        if complete {
            Ok(())
        } else {
            Err(format!("no rust-src in {}", sources.display()))
        }
    }

    /// rustc links WASM with `rust-lld`, taken from its sysroot or from `PATH`.
    fn has_linker(&self) -> Result<(), String> {
        let in_sysroot = self
            .sysroot
            .join("lib/rustlib")
            .join(self.field("host"))
            .join("bin/rust-lld");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = in_sysroot.is_file() || std::env::split_paths(&path).any(|dir| dir.join("rust-lld").is_file());
        if found {
            Ok(())
        } else {
            Err(format!("no rust-lld in PATH or at {}", in_sysroot.display()))
        }
    }

    fn field(&self, name: &str) -> &str {
        let of_line = |line: &'_ str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(": "));
        let line = self.verbose_version.lines().find(|line| of_line(line));
        line.map_or("", |line| &line[name.len() + 2..])
    }
}

/// Standard output of a command that succeeds, trimmed. A foreign toolchain must not see the outer one's libraries.
fn output_of(program: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(args)
        .env_remove("LD_LIBRARY_PATH")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Why no toolchain was taken.
#[derive(Debug, PartialEq, Eq)]
pub enum ToolchainError {
    /// `QUIDS_WASM_TOOLCHAIN` holds this.
    UnknownRoute(String),
    /// None can do it; one line for each that was looked at.
    None { rejected: Vec<String> },
}

impl fmt::Display for ToolchainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownRoute(given) => write!(f, "{ROUTE_ENV} is `{given}`: it takes `target` or `build-std`"),
            Self::None { rejected } => {
                writeln!(f, "no Rust toolchain here can build the WASM runtime. Looked at:")?;
                rejected.iter().try_for_each(|line| writeln!(f, "  - {line}"))?;
                writeln!(f, "Do one of these (`scripts/setup` tries them in this order):")?;
                writeln!(f, "  - rustup target add {TARGET}")?;
                writeln!(
                    f,
                    "  - apt-get install rustc-web cargo-web rust-web-src rust-web-llvm   (Debian; in /usr/bin)"
                )?;
                write!(f, "  - rustup component add rust-src")
            }
        }
    }
}

impl std::error::Error for ToolchainError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_says_what_to_install() {
        let text = ToolchainError::None {
            rejected: vec!["/bin/rustc (target): none".into()],
        }
        .to_string();
        for expected in [
            "rustup target add wasm32-unknown-unknown",
            "rustc-web cargo-web",
            "/bin/rustc (target): none",
        ] {
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn an_empty_sysroot_serves_no_route() {
        let compiler = Compiler {
            rustc: "/nonexistent/rustc".into(),
            cargo: "/nonexistent/cargo".into(),
            sysroot: "/nonexistent".into(),
            verbose_version: "rustc 1.0.0\nhost: x\nLLVM version: 1".into(),
        };
        assert!(
            compiler
                .try_route(Route::Target)
                .unwrap_err()
                .contains("does not know the target")
        );
        assert!(compiler.try_route(Route::BuildStd).unwrap_err().contains("no rust-src"));
        assert_eq!(compiler.field("LLVM version"), "1");
        assert_eq!(compiler.field("LLVM"), "");
    }
}
