//! The figures for people.

use super::{
    engine::Engine,
    measure::{Figures, Options, empty_call},
};
use crate::{
    Result,
    machine::Machine,
    statistics::{Samples, verdict},
};

/// Of WASM over native execution.
const RATIO_MAX: f64 = 2.0;
/// Microseconds of WASM execution per transfer.
const EXECUTION_MAX: f64 = 15.0;
/// Microseconds of root and database commit per transfer.
const COMMIT_MAX: f64 = 20.0;
/// Transfers a second, one block after the other: execution, roots, database.
const SEQUENTIAL_MIN: f64 = 20_000.0;
/// Host calls per transfer.
const CALLS_MAX: f64 = 12.0;

pub fn head(machine: &Machine, options: &Options, engines: &mut [Engine; 2]) -> Result {
    let Options {
        transfers,
        runs,
        scheme,
        cache_mb,
    } = options;
    println!("{machine}");
    println!("{transfers} transfers between random accounts in a block, {runs} runs, engines alternating");
    println!("signatures: made up, {scheme} under bound keys, taken as verified (as in FRAME's measurement)");
    println!(
        "one runtime call per extrinsic; native: opt-level 3 without LTO; WASM: with LTO; {cache_mb} MiB of trie cache"
    );
    println!("microseconds of CPU time per transfer, median (min–max); the database's is wall time");
    for engine in engines.iter_mut() {
        println!(
            "a runtime call that does next to nothing, {}: {:.2} µs",
            engine.name(),
            empty_call(engine)?
        );
    }
    Ok(())
}

fn line(name: &str, wasm: &Samples, native: &Samples, rest: &str) {
    println!("  {name:<40} {:>22} {:>22}  {rest}", wasm.shown(2), native.shown(2));
}

pub fn size(figures: &Figures) {
    let [wasm, native] = &figures.engines;
    let Figures {
        accounts,
        transfers,
        senders,
        changed,
        nodes,
        ..
    } = figures;
    println!("\n{accounts} accounts, {senders} of them send");
    println!("  {:<40} {:>22} {:>22}  WASM/native", "", "WASM", "native");
    let ratio = |ratio: &Samples| format!("{} {}", ratio.shown(2), verdict(ratio.median() <= RATIO_MAX));
    line("execution, flat", &wasm.flat, &native.flat, &ratio(&figures.flat_ratio));
    line(
        "execution, trie, warm cache",
        &wasm.trie,
        &native.trie,
        &ratio(&figures.trie_ratio),
    );
    line("extrinsics root", &wasm.commitment, &native.commitment, "");
    line(
        "finalisation without the root",
        &wasm.finalization,
        &native.finalization,
        "",
    );
    line("state root", &wasm.root, &native.root, "");
    println!(
        "  {:<40} {:>22}",
        "database, fsync included (wall)",
        figures.database.shown(2)
    );
    println!(
        "  {:<40} {:>22}",
        "all of that in WASM (wall)",
        figures.sequential.shown(2)
    );
    let kib = |bytes: usize| bytes / 1024;
    println!(
        "  a block: {changed} changed keys, {nodes} nodes of {} KiB, {} KiB of transactions",
        kib(figures.node_bytes),
        kib(figures.block_bytes),
    );
    let count = *transfers as f64;
    println!("  host calls per transfer, hash functions not counted (time: trie; CPU time without the meter's):");
    let mut sum = (0.0, [0.0; 2]);
    for (kind, calls) in &wasm.tally {
        let time = |tally: &super::meter::Tally| {
            let calls = tally.get(kind).copied().unwrap_or_default();
            calls
                .time
                .cpu
                .saturating_sub(figures.meter.cpu * calls.count as u32)
                .as_secs_f64()
                * 1e6
                / count
        };
        let (calls, times) = (calls.count as f64 / count, [time(&wasm.tally), time(&native.tally)]);
        sum = (sum.0 + calls, [sum.1[0] + times[0], sum.1[1] + times[1]]);
        println!(
            "    {kind:<22} {calls:>7.2} {:>8.2} µs from WASM, {:>8.2} µs native",
            times[0], times[1]
        );
    }
    let native_calls: u64 = native.tally.values().map(|calls| calls.count).sum();
    println!(
        "    {:<22} {:>7.2} {:>8.2} µs from WASM, {:>8.2} µs native",
        "all", sum.0, sum.1[0], sum.1[1]
    );
    if native_calls as f64 / count != sum.0 {
        println!("    natively they are {:.2}", native_calls as f64 / count);
    }
    let floor = |name: &str, value: f64, max: f64| println!("  {name}: {value:.2} of {max} {}", verdict(value <= max));
    floor("WASM execution on the trie", wasm.trie.median(), EXECUTION_MAX);
    floor(
        "state root and database",
        wasm.root.median() + figures.database.median(),
        COMMIT_MAX,
    );
    floor("host calls per transfer", sum.0, CALLS_MAX);
    let per_second = 1e6 / figures.sequential.median();
    println!(
        "  transfers a second, one block after the other: {per_second:.0} of at least {SEQUENTIAL_MIN} {}",
        verdict(per_second >= SEQUENTIAL_MIN)
    );
}

/// FRAME's figures, which were not measured here and now.
pub fn reference() {
    println!(
        "
FRAME, measured elsewhere on such a machine (2 cores, 2026-11-22; 10 000 signed transfers, 1 000 000 accounts,
signatures not verified; µs per transfer, WASM / native): execution flat 159 / 50, trie with warm cache 145 / 49,
trie root 43–64 / 47–78, whole Core_execute_block 218 / 142, one runtime call per extrinsic 307 / –;
72 storage gets, 20 puts, 5 appends, 3 exists per transfer."
    );
}
