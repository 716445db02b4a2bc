//! `trie`: batches of changes to states of several sizes, and reads of them, beside plain trie-db over RocksDB by hash.

mod ours;
mod reference;

use crate::{
    Result,
    args::Args,
    machine::Machine,
    statistics::{Samples, verdict},
};
pub use ours::Ours;
use quids_state::StateBackend;
pub use reference::Reference;
use serde_json::{Value, json};
use std::time::Instant;

/// A key and its new value.
pub type Change = (Vec<u8>, Vec<u8>);

/// Reads of a round.
const READS: usize = 20_000;
/// Entries that are stored at once when a state is made.
const MADE_AT_ONCE: usize = 250_000;
/// How much faster a batch of 10 000 keys in a state of 1 000 000 has to be, and reads of any.
const BATCH_MIN: f64 = 4.0;
const READ_MIN: f64 = 5.0;

/// Key and value of an account: 32 bytes that all share, 16 of a hash, 20 of an address; 48 bytes.
fn account(index: usize, version: u64) -> Change {
    let hash = blake3::hash(&(index as u64).to_le_bytes());
    let key = [&[0x26; 32][..], &hash.as_bytes()[..16], &hash.as_bytes()[12..32]].concat();
    let value = blake3::hash(&[index as u64, version].map(u64::to_le_bytes).concat());
    (key, [&value.as_bytes()[..], &[0; 16]].concat())
}

/// Indices of accounts, any, by a generator that says the same every time.
pub fn indices(count: usize, among: usize, seed: u64) -> impl Iterator<Item = usize> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % among
    })
    .take(count)
}

/// One size of batch in one size of state. Milliseconds; theirs over ours.
struct Figures {
    state: usize,
    batch: usize,
    ours: Samples,
    theirs: Samples,
    ratio: Samples,
    ours_stored: Samples,
    theirs_stored: Samples,
    stored_ratio: Samples,
}

/// Nanoseconds of a read.
struct Reads {
    state: usize,
    ours: Samples,
    theirs: Samples,
    ratio: Samples,
}

pub fn run(mut args: Args) -> Result {
    let states: Vec<usize> = args.list("states", vec![100_000, 1_000_000, 3_000_000])?;
    let batches: Vec<usize> = args.list("batches", vec![1_000, 10_000, 100_000])?;
    let (runs, cache_mb): (usize, usize) = (args.value("runs", 5)?, args.value("cache-mb", 768)?);
    let as_json = args.switch("json");
    args.finish()?;
    let machine = Machine::here();
    if !as_json {
        println!("{machine}");
        println!(
            "batches of changed accounts, milliseconds to the root (and stored, synced), medians of {runs}; caches of {cache_mb} MiB"
        );
    }
    let (mut all, mut reads) = (Vec::new(), Vec::new());
    for size in states {
        let folder = tempfile::tempdir()?;
        let mut ours = Ours::open(&folder.path().join("ours"), cache_mb)?;
        let mut theirs = Reference::open(&folder.path().join("theirs"), cache_mb)?;
        make(size, &mut ours, &mut theirs)?;
        let read = read(size, runs, &ours, &theirs)?;
        if !as_json {
            println!("{}", read.line());
        }
        reads.push(read);
        let mut version = 1;
        for batch in &batches {
            let figures = batches_of(*batch, size, runs, &mut version, (&mut ours, &mut theirs))?;
            if !as_json {
                println!("{}", figures.line());
            }
            all.push(figures);
        }
    }
    if as_json {
        let batches: Vec<Value> = all.iter().map(Figures::json).collect();
        let reads: Vec<Value> = reads.iter().map(Reads::json).collect();
        println!(
            "{}",
            json!({ "machine": machine.json(), "batches": batches, "reads": reads, "cache_mb": cache_mb })
        );
    }
    Ok(())
}

/// The same state in both.
fn make(size: usize, ours: &mut Ours, theirs: &mut Reference) -> Result {
    let mut start = 0;
    while start < size {
        let end = size.min(start + MADE_AT_ONCE);
        let mut changes: Vec<Change> = (start..end).map(|index| account(index, 0)).collect();
        changes.sort_unstable();
        let (root, nodes) = theirs.update(&changes)?;
        theirs.store(root, nodes)?;
        let commit = ours.update(&changes)?;
        if commit.root != root {
            return Err(format!("the roots of {end} entries differ: {:?}, {root:?}", commit.root).into());
        }
        ours.store(commit, Vec::new())?;
        start = end;
    }
    ours.settle()?;
    theirs.settle();
    Ok(())
}

fn batches_of(
    batch: usize,
    size: usize,
    runs: usize,
    version: &mut u64,
    (ours, theirs): (&mut Ours, &mut Reference),
) -> Result<Figures> {
    let mut figures = Figures {
        state: size,
        batch,
        ours: Samples::default(),
        theirs: Samples::default(),
        ratio: Samples::default(),
        ours_stored: Samples::default(),
        theirs_stored: Samples::default(),
        stored_ratio: Samples::default(),
    };
    // The first round warms up and does not count.
    for run in 0..=runs {
        *version += 1;
        let mut changes: Vec<Change> = indices(batch, size, *version)
            .map(|index| account(index, *version))
            .collect();
        changes.sort_unstable();
        changes.dedup();
        let (mut computed, mut stored, mut roots) = ([0.0; 2], [0.0; 2], [None; 2]);
        for turn in 0..2 {
            let which = (turn + run) % 2;
            let started = Instant::now();
            if which == 0 {
                let commit = ours.update(&changes)?;
                computed[0] = started.elapsed().as_secs_f64() * 1e3;
                roots[0] = Some(commit.root);
                ours.store(commit, Vec::new())?;
            } else {
                let (root, nodes) = theirs.update(&changes)?;
                computed[1] = started.elapsed().as_secs_f64() * 1e3;
                roots[1] = Some(root);
                theirs.store(root, nodes)?;
            }
            stored[which] = started.elapsed().as_secs_f64() * 1e3;
        }
        if roots[0] != roots[1] {
            return Err(format!("the roots differ: {roots:?}").into());
        }
        if run == 0 {
            continue;
        }
        figures.ours.push(computed[0]);
        figures.theirs.push(computed[1]);
        figures.ratio.push(computed[1] / computed[0]);
        figures.ours_stored.push(stored[0]);
        figures.theirs_stored.push(stored[1]);
        figures.stored_ratio.push(stored[1] / stored[0]);
    }
    Ok(figures)
}

fn read(size: usize, runs: usize, ours: &Ours, theirs: &Reference) -> Result<Reads> {
    let mut reads = Reads {
        state: size,
        ours: Samples::default(),
        theirs: Samples::default(),
        ratio: Samples::default(),
    };
    for run in 0..=runs {
        let keys: Vec<Vec<u8>> = indices(READS, size, run as u64)
            .map(|index| account(index, 0).0)
            .collect();
        let mut ns = [0.0; 2];
        for turn in 0..2 {
            let which = (turn + run) % 2;
            let view = ours.view();
            let started = Instant::now();
            for key in &keys {
                let is_there = match which {
                    0 => view.get(key)?.is_some(),
                    _ => theirs.get(key)?.is_some(),
                };
                if !is_there {
                    return Err("an account is missing".into());
                }
            }
            ns[which] = started.elapsed().as_secs_f64() * 1e9 / READS as f64;
        }
        if run == 0 {
            continue;
        }
        reads.ours.push(ns[0]);
        reads.theirs.push(ns[1]);
        reads.ratio.push(ns[1] / ns[0]);
    }
    Ok(reads)
}

impl Figures {
    fn line(&self) -> String {
        let floor = match (self.state, self.batch) {
            (1_000_000, 10_000) => format!("  ≥ {BATCH_MIN} {}", verdict(self.ratio.median() >= BATCH_MIN)),
            _ => String::new(),
        };
        format!(
            "  {:>9} keys, {:>7} changed: trie-db {:.1}, ours {:.1}, {}×{floor}  (stored: {:.1}, {:.1}, {}×)",
            self.state,
            self.batch,
            self.theirs.median(),
            self.ours.median(),
            self.ratio.shown(1),
            self.theirs_stored.median(),
            self.ours_stored.median(),
            self.stored_ratio.shown(1),
        )
    }

    fn json(&self) -> Value {
        json!({
            "state": self.state, "batch": self.batch, "reference_ms": self.theirs.json(), "ours_ms": self.ours.json(),
            "ratio": self.ratio.json(), "reference_stored_ms": self.theirs_stored.json(),
            "ours_stored_ms": self.ours_stored.json(), "stored_ratio": self.stored_ratio.json(),
        })
    }
}

impl Reads {
    fn line(&self) -> String {
        format!(
            "  {:>9} keys, reads: trie-db {:.0} ns, ours {:.0} ns, {}×  ≥ {READ_MIN} {}",
            self.state,
            self.theirs.median(),
            self.ours.median(),
            self.ratio.shown(1),
            verdict(self.ratio.median() >= READ_MIN)
        )
    }

    fn json(&self) -> Value {
        json!({
            "state": self.state, "reference_ns": self.theirs.json(), "ours_ns": self.ours.json(),
            "ratio": self.ratio.json(),
        })
    }
}
