//! The builder by hand: `quids-wasm-builder [--workspace DIR] [--target-dir DIR] [--out DIR] [--features A,B]
//! [--name NAME]` builds one artefact and prints its path; `--describe` only says which toolchain would be taken.

use std::path::PathBuf;
use std::process::ExitCode;

use quids_wasm_builder::{BuildRequest, Builder, Toolchain};

const USAGE: &str = "usage: quids-wasm-builder --describe | [--workspace DIR] [--target-dir DIR] [--out DIR] \
                     [--package NAME] [--features A,B] [--name NAME]";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: impl Iterator<Item = String>) -> Result<String, String> {
    let mut workspace = PathBuf::from(".");
    let (mut target_dir, mut out_dir) = (None, None);
    let (mut package, mut name, mut features) = ("quids-runtime".to_owned(), "runtime".to_owned(), String::new());
    while let Some(arg) = args.next() {
        if arg == "--describe" {
            return Toolchain::find()
                .map(|toolchain| toolchain.to_string())
                .map_err(|error| error.to_string());
        }
        let value = args.next().ok_or_else(|| format!("{arg} takes a value\n{USAGE}"))?;
        match arg.as_str() {
            "--workspace" => workspace = value.into(),
            "--target-dir" => target_dir = Some(PathBuf::from(value)),
            "--out" => out_dir = Some(PathBuf::from(value)),
            "--package" => package = value,
            "--features" => features = value,
            "--name" => name = value,
            _ => return Err(format!("unknown argument {arg}\n{USAGE}")),
        }
    }
    let workspace = workspace
        .canonicalize()
        .map_err(|error| format!("{}: {error}", workspace.display()))?;
    let target_dir = std::path::absolute(target_dir.unwrap_or_else(|| workspace.join("target/wasm")))
        .map_err(|error| error.to_string())?;
    let out_dir = out_dir.unwrap_or_else(|| target_dir.join("artefacts"));
    let toolchain = Toolchain::find().map_err(|error| error.to_string())?;
    let builder = Builder {
        workspace,
        target_dir,
        out_dir,
        package,
        toolchain,
    };
    let features: Vec<&str> = features.split(',').filter(|feature| !feature.is_empty()).collect();
    let output = builder
        .build(&BuildRequest {
            features: &features,
            out_name: &name,
        })
        .map_err(|error| error.to_string())?;
    Ok(output.path.display().to_string())
}
