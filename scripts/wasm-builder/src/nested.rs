//! The nested cargo: its command line, its rustc flags, and an environment that carries nothing of the outer build.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{BuildRequest, Builder, Error, PROFILE, Route, STACK_SIZE_BYTES, TARGET, TARGET_FEATURES};

/// `CARGO_*` variables that describe the machine, not the build that calls us. `CARGO_MAKEFLAGS` is the jobserver:
/// the nested cargo shares the outer one's job limit.
const KEPT: [&str; 4] = ["CARGO_HOME", "CARGO_MAKEFLAGS", "CARGO_BUILD_JOBS", "CARGO_TERM_COLOR"];
const KEPT_PREFIXES: [&str; 5] = [
    "CARGO_NET_",
    "CARGO_HTTP_",
    "CARGO_REGISTRY_",
    "CARGO_REGISTRIES_",
    "CARGO_SOURCE_",
];

/// What cargo or rustup put into a build script's environment, or a developer set for the outer build.
const CLEARED: [&str; 21] = [
    "RUSTFLAGS",
    "RUSTDOCFLAGS",
    "RUSTC",
    "RUSTDOC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_LINKER",
    "RUSTC_BOOTSTRAP",
    "RUSTUP_TOOLCHAIN",
    "LD_LIBRARY_PATH",
    "TARGET",
    "HOST",
    "PROFILE",
    "OPT_LEVEL",
    "DEBUG",
    "NUM_JOBS",
    "OUT_DIR",
    "CLIPPY_ARGS",
    "CLIPPY_CONF_DIR",
    "__CARGO_DEFAULT_LIB_METADATA",
    "SOURCE_DATE_EPOCH",
];

/// Runs it; the result is the module as the linker left it.
pub fn run(builder: &Builder, request: &BuildRequest<'_>) -> Result<PathBuf, Error> {
    fetch(builder)?;
    let mut cargo = command(builder);
    cargo.args([
        "rustc",
        "--package",
        &builder.package,
        "--lib",
        "--crate-type",
        "cdylib",
        "--locked",
    ]);
    cargo.args(["--target", TARGET, "--profile", PROFILE]);
    if !request.features.is_empty() {
        cargo.args(["--features", &request.features.join(",")]);
    }
    if builder.toolchain.route == Route::BuildStd {
        // Stable and beta compilers refuse -Z without it. It is not set for route `target`, which needs no -Z.
        cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=core,alloc");
    }
    // The unit separator: a flag may hold spaces.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(builder).join("\x1f"));
    run_quietly(cargo)?;
    let file = format!("{}.wasm", builder.package.replace('-', "_"));
    Ok(builder.target_dir.join(TARGET).join(PROFILE).join(file))
}

/// Downloads what is missing first, so that [`remapped_paths`] sees every registry directory.
fn fetch(builder: &Builder) -> Result<(), Error> {
    let mut cargo = command(builder);
    cargo.args(["fetch", "--quiet", "--locked", "--target", TARGET]);
    run_quietly(cargo)
}

fn command(builder: &Builder) -> Command {
    let mut cargo = Command::new(&builder.toolchain.cargo);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if leaks(&text) {
            cargo.env_remove(&name);
        }
    }
    cargo
        .current_dir(&builder.workspace)
        .env("RUSTC", &builder.toolchain.rustc)
        .env("CARGO_TARGET_DIR", &builder.target_dir)
        // With it cargo gives a cdylib a file name of its own for each feature set, so that going back to one is not a
        // new link. A cargo that ignores it is only slower.
        .env("__CARGO_DEFAULT_LIB_METADATA", "quids")
        // Empty means none, over what a cargo config may say.
        .env("RUSTC_WRAPPER", "")
        .env("RUSTC_WORKSPACE_WRAPPER", "")
        .stdin(Stdio::null());
    cargo
}

fn leaks(name: &str) -> bool {
    let of_cargo = name == "CARGO" || name.starts_with("CARGO_") || name.starts_with("DEP_");
    let kept = KEPT.contains(&name) || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    (of_cargo && !kept) || CLEARED.contains(&name)
}

fn flags(builder: &Builder) -> Vec<String> {
    let mut flags = vec![
        format!("-Ctarget-feature={TARGET_FEATURES}"),
        format!("-Clink-arg=-zstack-size={STACK_SIZE_BYTES}"),
        "-Clink-arg=--stack-first".to_owned(),
        // Lints are the business of clippy and of the no_std check, which see the same code.
        "-Awarnings".to_owned(),
    ];
    let remap = |(from, to): (PathBuf, String)| format!("--remap-path-prefix={}={to}", from.display());
    flags.extend(remapped_paths(builder).into_iter().map(remap));
    flags
}

/// Directories that would otherwise appear in panic messages, the most general first (rustc takes the last match).
fn remapped_paths(builder: &Builder) -> Vec<(PathBuf, String)> {
    let mut paths = vec![(builder.workspace.clone(), "/quids".to_owned())];
    if let Some(home) = cargo_home() {
        paths.push((home.clone(), "/cargo".to_owned()));
        // One directory a registry index, named after a hash of its address; a mirror must not change the bytes.
        let mut registries = subdirectories(&home.join("registry/src"));
        registries.sort();
        paths.extend(registries.into_iter().map(|dir| (dir, "/cargo/registry".to_owned())));
    }
    paths.push((builder.target_dir.clone(), "/target".to_owned()));
    paths.push((builder.toolchain.sysroot.clone(), "/sysroot".to_owned()));
    // A precompiled standard library names its sources so; with rust-src at hand rustc names the real files instead.
    let sources = builder.toolchain.sysroot.join("lib/rustlib/src/rust");
    let as_shipped = format!("/rustc/{}", builder.toolchain.commit_hash);
    paths.extend(sources.canonicalize().ok().map(|real| (real, as_shipped.clone())));
    paths.push((sources, as_shipped));
    paths
}

fn cargo_home() -> Option<PathBuf> {
    let from_home = || std::env::home_dir().map(|home| home.join(".cargo"));
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(from_home)
}

fn subdirectories(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

fn run_quietly(mut command: Command) -> Result<(), Error> {
    let program = command.get_program().to_owned();
    let args: Vec<_> = command
        .get_args()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let output = command.output().map_err(|source| Error::Io {
        path: program.clone().into(),
        source,
    })?;
    let text = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        eprint!("{text}");
        return Ok(());
    }
    Err(Error::Cargo {
        command: format!("{} {}", program.to_string_lossy(), args.join(" ")),
        status: output.status.to_string(),
        output: format!("{text}{}", String::from_utf8_lossy(&output.stdout)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_outer_build_leaks() {
        for name in [
            "CARGO",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_CFG_UNIX",
            "CARGO_FEATURE_STD",
            "CARGO_TARGET_DIR",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_MANIFEST_DIR",
            "RUSTFLAGS",
            "PROFILE",
            "TARGET",
            "DEP_Z_ROOT",
        ] {
            assert!(leaks(name), "{name} must be cleared");
        }
        for name in [
            "PATH",
            "HOME",
            "CARGO_HOME",
            "CARGO_MAKEFLAGS",
            "CARGO_NET_OFFLINE",
            "RUSTUP_HOME",
        ] {
            assert!(!leaks(name), "{name} must be kept");
        }
    }
}
