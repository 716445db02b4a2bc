//! Builds the runtime's artefacts with `scripts/wasm-builder`. `QUIDS_SKIP_WASM_BUILD=1` leaves them empty.

use std::path::Path;
use std::process::ExitCode;

use quids_wasm_builder::{BuildRequest, Builder, Error, rerun_lines};

const SKIP_ENV: &str = "QUIDS_SKIP_WASM_BUILD";

/// In the order that costs least: cargo rebuilds only what a feature reaches.
const ARTEFACTS: [BuildRequest<'static>; 3] = [
    BuildRequest {
        features: &[],
        out_name: "runtime",
    },
    BuildRequest {
        features: &["next"],
        out_name: "runtime_next",
    },
    BuildRequest {
        features: &["faulty"],
        out_name: "runtime_faulty",
    },
];

fn main() -> ExitCode {
    println!("cargo:rerun-if-env-changed={SKIP_ENV}");
    let result = if skipped() { write_empty() } else { build_all() };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn skipped() -> bool {
    std::env::var(SKIP_ENV).is_ok_and(|value| !matches!(value.as_str(), "" | "0"))
}

fn build_all() -> Result<(), Error> {
    let builder = Builder::from_build_script()?;
    for line in rerun_lines(&builder.workspace) {
        println!("{line}");
    }
    for request in &ARTEFACTS {
        builder.build(request)?;
    }
    write(&builder.out_dir, "build-info.json", &builder.build_info(&ARTEFACTS[0]))
}

fn write_empty() -> Result<(), Error> {
    println!("cargo:warning={SKIP_ENV} is set: the runtime is empty, a node built like this cannot make a chain");
    let out_dir = std::env::var("OUT_DIR").map_err(|_| Error::NotABuildScript("OUT_DIR"))?;
    for request in &ARTEFACTS {
        write(out_dir.as_ref(), &format!("{}.wasm", request.out_name), "")?;
    }
    write(out_dir.as_ref(), "build-info.json", "{\"skipped\":true}")
}

fn write(out_dir: &Path, name: &str, text: &str) -> Result<(), Error> {
    let path = out_dir.join(name);
    std::fs::write(&path, text).map_err(|source| Error::Io { path, source })
}
