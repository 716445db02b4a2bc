//! `quids hardware`: measures this machine and says what falls short.

use super::{CliError, Outcome, output::Report};
use crate::{hardware::Hardware, run::default_base_path};
use clap::Args;
use std::path::PathBuf;

/// What to measure.
#[derive(Args, Debug)]
pub struct HardwareArgs {
    /// Folder of the node's data, whose disk is measured; by default the one that `quids run` uses.
    #[arg(long, value_name = "P")]
    base_path: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Exit code 1 if something falls short.
pub fn run(args: HardwareArgs) -> Result<Outcome, CliError> {
    let base_path = match args.base_path {
        Some(path) => path,
        None => default_base_path()?,
    };
    let hardware = Hardware::measure(&base_path).map_err(|source| CliError::Io {
        context: "cannot measure this machine",
        source,
    })?;
    let mut report = Report::default();
    for reading in &hardware.readings {
        let value = serde_json::json!({
            "value": reading.value.round(),
            "minimum": reading.minimum.round(),
            "ok": reading.is_enough(),
        });
        report.both(reading.name, reading.text(), value);
    }
    report.json("ok", hardware.is_enough());
    report.print(args.json);
    Ok(if hardware.is_enough() {
        Outcome::Success
    } else {
        Outcome::Negative
    })
}
