//! `pallet`: the worst cases of calls, made in the WASM runtime on the database; what they take by their components, beside
//! what they declare; and the weights that follow, as Rust.

mod fit;
mod measure;
mod write;

use crate::{Result, args::Args, machine::Machine};
use fit::Line;
use measure::{Bench, Sample};
use quids_wasm_builder::{BuildRequest, Builder, Toolchain};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What the samples of one call come to.
pub struct Measured {
    pub pallet: String,
    pub call: String,
    pub components: Vec<String>,
    /// Nanoseconds on the CPU.
    pub time: Line,
    pub reads: Line,
    pub writes: Line,
    /// Bytes of a proof of all keys that were read or written.
    pub proof: Line,
    /// At the most of every component.
    pub at_most: Sample,
}

pub fn run(mut args: Args) -> Result {
    let json = args.switch("json");
    let only = args.text("pallet");
    let steps = args.value("steps", 6usize)?.max(2);
    let repeat = args.value("repeat", 31usize)?.max(1);
    let accounts = args.value("accounts", 100_000usize)?;
    let runtime = args.text("runtime");
    let output = args.text("output").map(PathBuf::from);
    args.finish()?;
    let machine = Machine::here();
    let wasm = match runtime {
        Some(path) => std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?,
        None => runtime_with(&["runtime-benchmarks"])?,
    };
    let mut bench = Bench::open(&wasm, accounts)?;
    let mut all = Vec::new();
    for (number, (pallet, call, components)) in (0u32..).zip(bench.list()?) {
        if only.as_ref().is_some_and(|only| !only.eq_ignore_ascii_case(&pallet)) {
            continue;
        }
        let samples = bench.measure(number, &components, steps, repeat)?;
        let components = components.into_iter().map(|(name, ..)| name).collect();
        let measured = Measured::of(pallet, call, components, &samples)?;
        if !json {
            println!("{}", measured.line());
        }
        all.push(measured);
    }
    if all.is_empty() {
        return Err("the runtime has no such benchmark".into());
    }
    if json {
        let calls: Vec<Value> = all.iter().map(Measured::json).collect();
        println!(
            "{}",
            json!({ "machine": machine.json(), "accounts": accounts, "calls": calls })
        );
    }
    if let Some(folder) = output {
        write::all(&folder, &all, &machine)?;
    }
    Ok(())
}

/// The runtime of this repository with these features.
pub fn runtime_with(features: &[&str]) -> Result<Vec<u8>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    let builder = Builder {
        out_dir: target.join("wasm").join("benchmarks"),
        target_dir: target.join("wasm"),
        workspace,
        package: "quids-runtime".into(),
        toolchain: Toolchain::find().map_err(|error| error.to_string())?,
    };
    let request = BuildRequest {
        features,
        out_name: &format!("runtime_{}", features.join("_")),
    };
    let built = builder.build(&request).map_err(|error| error.to_string())?;
    Ok(std::fs::read(built.path)?)
}

impl Measured {
    fn of(pallet: String, call: String, components: Vec<String>, samples: &[Sample]) -> Result<Self> {
        let line = |figure: fn(&Sample) -> f64| {
            let points: Vec<_> = samples.iter().map(|one| (one.values.as_slice(), figure(one))).collect();
            Line::fit(&points).ok_or_else(|| format!("{pallet}.{call}: its samples fit no line"))
        };
        let (time, reads) = (line(|one| one.time_ns)?, line(|one| one.reads)?);
        let (writes, proof) = (line(|one| one.writes)?, line(|one| one.proof)?);
        let at_most = samples.last().ok_or("no samples")?.clone();
        Ok(Self {
            pallet,
            call,
            components,
            time,
            reads,
            writes,
            proof,
            at_most,
        })
    }

    /// Whether what the call declares covers what was measured at the most of every component: time, and reads and writes
    /// at reference costs.
    fn is_covered(&self) -> bool {
        self.at_most.declared.ref_time >= self.needed_ps(&self.at_most)
    }

    fn needed_ps(&self, at: &Sample) -> u64 {
        use quids_support::limits::cost;
        cost::of((at.time_ns * 1e3) as u64, at.reads as u64, at.writes as u64).ref_time
    }

    fn line(&self) -> String {
        let of = |line: &Line, unit: &str| {
            let slopes = self.components.iter().zip(&line.slopes);
            let slopes: String = slopes.map(|(name, slope)| format!(" + {slope:.4}·{name}")).collect();
            format!("{:.1}{slopes}{unit}", line.base)
        };
        let r2 = self.time.r2.map_or(String::new(), |r2| format!(", R² {r2:.3}"));
        format!(
            "{:<9} {:<22} {}{r2}; {}; {}; {}; at most {:.1} µs needed, {:.1} declared{}",
            self.pallet,
            self.call,
            of(&self.time, " ns"),
            of(&self.reads, " reads"),
            of(&self.writes, " writes"),
            of(&self.proof, " bytes of proof"),
            self.needed_ps(&self.at_most) as f64 / 1e6,
            self.at_most.declared.ref_time as f64 / 1e6,
            if self.is_covered() { "" } else { "  TOO LITTLE" },
        )
    }

    fn json(&self) -> Value {
        let line = |line: &Line| json!({ "base": line.base, "slopes": line.slopes, "r2": line.r2 });
        json!({
            "pallet": self.pallet, "call": self.call, "components": self.components, "time_ns": line(&self.time),
            "reads": line(&self.reads), "writes": line(&self.writes), "proof_bytes": line(&self.proof),
            "needed_ps": self.needed_ps(&self.at_most), "declared_ps": self.at_most.declared.ref_time,
            "covered": self.is_covered(),
        })
    }
}
