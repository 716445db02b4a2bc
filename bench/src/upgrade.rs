//! `upgrade`: the dry run of a new runtime on the state of many accounts, by the command that operators use, beside one plain
//! reading of all entries.

use crate::{
    Result,
    args::Args,
    machine::{Machine, memory_mib},
    snapshot::with_accounts,
    statistics::{Samples, verdict},
};
use quids_core::Height;
use quids_db::{Database, StorageConfig};
use quids_state::{SharedCache, StateBackend};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Seconds that a dry run over a million accounts may take.
const SECONDS_MAX: f64 = 60.0;
/// Keys that are listed at once.
const PAGE: usize = 4096;

/// Seconds to open the database and read every entry once, and how many there are.
fn scanned(database: &Path) -> Result<(f64, u64)> {
    let started = Instant::now();
    let db = Arc::new(Database::open(&StorageConfig::new(database))?);
    let view = db.load_state_at_block(Height(0), Arc::new(SharedCache::new(32 << 20)))?;
    let (mut entries, mut after) = (0, None::<Vec<u8>>);
    loop {
        let keys = view.keys(&[], after.as_deref(), PAGE)?;
        for key in &keys {
            entries += u64::from(view.get(key)?.is_some());
        }
        match keys.last() {
            Some(last) if keys.len() == PAGE => after = Some(last.clone()),
            _ => return Ok((started.elapsed().as_secs_f64(), entries)),
        }
    }
}

/// Seconds of the whole command, its peak memory in MiB, and what it found.
fn checked(quids: &Path, base: &Path, code: &Path) -> Result<(f64, f64, Value)> {
    let started = Instant::now();
    let mut child = Command::new(quids)
        .args([
            "upgrade",
            "check",
            "--offline",
            "--json",
            "--blocks",
            "0",
            "--base-path",
        ])
        .arg(base)
        .arg(code)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let id = child.id().to_string();
    let watch = thread::spawn(move || {
        let mut peak: f64 = 0.0;
        while let Ok((_, now)) = memory_mib(&id) {
            peak = peak.max(now);
            thread::sleep(Duration::from_millis(20));
        }
        peak
    });
    let output = child.stdout.take().ok_or("no output")?;
    let report: Value = serde_json::from_reader(output)?;
    child.wait()?;
    let seconds = started.elapsed().as_secs_f64();
    let peak = watch.join().map_err(|_| "the watch panicked")?;
    Ok((seconds, peak, report))
}

pub fn run(mut args: Args) -> Result {
    let (accounts, runs): (usize, usize) = (args.value("accounts", 1_000_000)?, args.value("runs", 3)?);
    let beside = std::env::current_exe()?.with_file_name("quids");
    let quids: PathBuf = args.value("quids", beside.display().to_string())?.into();
    let as_json = args.switch("json");
    args.finish()?;
    let machine = Machine::here();
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("chains/dev/db");
    std::fs::create_dir_all(&database)?;
    let (db, _) = with_accounts(&database, accounts)?;
    db.compact()?;
    drop(db);
    let code = folder.path().join("next.wasm");
    std::fs::write(&code, quids_runtime_wasm::WASM_NEXT)?;
    let (mut scan_s, mut check_s, mut ratio) = (Samples::default(), Samples::default(), Samples::default());
    let (mut entries, mut peak_mib) = (0, 0.0f64);
    for _ in 0..runs {
        let (seconds, found) = scanned(&database)?;
        let (whole, peak, report) = checked(&quids, folder.path(), &code)?;
        let refusals = report["refusals"].as_array().map_or(1, Vec::len);
        if report["entries"].as_u64() != Some(found) || refusals > 0 || report["undecodable"] != json!([]) {
            return Err(format!("the dry run found {report}, of {found} entries").into());
        }
        scan_s.push(seconds);
        check_s.push(whole);
        ratio.push(whole / seconds);
        (entries, peak_mib) = (found, peak_mib.max(peak));
    }
    if as_json {
        println!(
            "{}",
            json!({
                "machine": machine.json(), "accounts": accounts, "entries": entries, "scan_s": scan_s.json(),
                "check_s": check_s.json(), "ratio": ratio.json(), "mib_peak": peak_mib,
            })
        );
        return Ok(());
    }
    println!("{machine}");
    println!(
        "{accounts} accounts, {entries} entries: read in {} s, tried with a new runtime in {} s, {} times as long",
        scan_s.shown(2),
        check_s.shown(2),
        ratio.shown(1)
    );
    println!(
        "  ≤ {SECONDS_MAX} s {}; peak memory of the command {peak_mib:.0} MiB",
        verdict(check_s.median() <= SECONDS_MAX)
    );
    Ok(())
}
