//! `pallet`: the worst cases of calls, made in the WASM runtime on the database; what they take by their components, beside
//! what they declare; and the weights that follow, as Rust.

mod fit;
mod measure;
mod write;

use crate::{Result, args::Args, machine::Machine};
use fit::{Line, Whole};
use measure::{Bench, Listed, Sample};
use quids_wasm_builder::{BuildRequest, Builder, Toolchain};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What time and bytes of proof get in a written weight beyond what was measured: machines are shared, states grow. As much is taken
/// for noise when a weight is checked.
const MARGIN: f64 = 1.2;
/// Nanoseconds that may be noise besides when a weight is checked: the shortest calls take no more than an interruption.
const NOISE_NS: f64 = 1e3;
/// Bytes of proof for one more of a component from which on it has keys of its own, with branches above them.
const OWN_KEY: u64 = 100;
/// Below this R² a line says little of how time grows,
const R2_MIN: f64 = 0.9;
/// where components make up this share of the time at their most: noise about a constant has no R² either.
const SLOPE_SHARE: f64 = 0.1;

/// How much is measured.
pub struct Effort {
    /// Values of each component.
    pub steps: usize,
    /// Runs of each value, of which the median counts.
    pub repeat: usize,
    /// How often all of it is done, of which the highest counts.
    pub rounds: usize,
    /// Accounts in the state.
    pub accounts: usize,
}

/// What the samples of one call come to.
pub struct Measured {
    pub pallet: String,
    pub call: String,
    pub components: Vec<String>,
    /// Nanoseconds on the CPU.
    pub time: Figure,
    pub reads: Figure,
    pub writes: Figure,
    /// Bytes of a proof of all keys that were read or written.
    pub proof: Figure,
    /// The last at the most of every component.
    pub samples: Vec<Sample>,
}

/// A figure by components: the line that fits best, and what is written.
pub struct Figure {
    pub line: Line,
    /// Time in picoseconds. With the margin.
    pub whole: Whole,
}

pub fn run(mut args: Args) -> Result {
    let (json, check) = (args.switch("json"), args.switch("check"));
    let only = args.text("pallet");
    let effort = Effort {
        steps: args.value("steps", 6usize)?.max(2),
        repeat: args.value("repeat", 31usize)?.max(1),
        rounds: args.value("rounds", 3usize)?.max(1),
        accounts: args.value("accounts", 100_000usize)?,
    };
    let runtime = args.text("runtime");
    let output = args.text("output").map(PathBuf::from);
    args.finish()?;
    let wasm = match runtime {
        Some(path) => std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?,
        None => runtime_with(&["runtime-benchmarks"])?,
    };
    // After the build, whose load is none of the measurement.
    let machine = Machine::here();
    let all = measure(&wasm, only.as_deref(), &effort)?;
    if json {
        let calls: Vec<Value> = all.iter().map(Measured::json).collect();
        println!(
            "{}",
            json!({ "machine": machine.json(), "accounts": effort.accounts, "calls": calls })
        );
    } else {
        all.iter().for_each(|one| println!("{}", one.line()));
    }
    for one in &all {
        if let Some(why) = one.doubt() {
            eprintln!("WARNING: {}: {why}", one.name());
        }
    }
    if let Some(folder) = output {
        write::all(&folder, &all, &machine, &effort)?;
    }
    let short: Vec<String> = all.iter().filter(|one| !one.is_covered()).map(Measured::name).collect();
    match check && !short.is_empty() {
        true => Err(format!("these calls take more than they declare: {}", short.join(", ")).into()),
        false => Ok(()),
    }
}

/// All rounds of all benchmarks, or of those of one pallet.
fn measure(wasm: &[u8], only: Option<&str>, effort: &Effort) -> Result<Vec<Measured>> {
    let mut bench = Bench::open(wasm, effort.accounts)?;
    let is_wanted = |pallet: &str| only.is_none_or(|only| only.eq_ignore_ascii_case(pallet));
    let listed: Vec<(u32, Listed)> = (0..)
        .zip(bench.list()?)
        .filter(|(_, (pallet, ..))| is_wanted(pallet))
        .collect();
    if listed.is_empty() {
        return Err("the runtime has no such benchmark".into());
    }
    let mut all: Vec<Vec<Sample>> = Vec::new();
    for _ in 0..effort.rounds {
        for (at, (number, (_, _, components))) in listed.iter().enumerate() {
            let samples = bench.measure(*number, components, effort.steps, effort.repeat)?;
            match all.get_mut(at) {
                Some(known) => known.iter_mut().zip(&samples).for_each(|(known, new)| known.raise(new)),
                None => all.push(samples),
            }
        }
    }
    let measured = |((_, (pallet, call, components)), samples): ((u32, Listed), Vec<Sample>)| {
        let components = components.into_iter().map(|(name, ..)| name).collect();
        Measured::of(pallet, call, components, samples)
    };
    listed.into_iter().zip(all).map(measured).collect()
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
    fn of(pallet: String, call: String, components: Vec<String>, samples: Vec<Sample>) -> Result<Self> {
        let figure = |figure: fn(&Sample) -> f64, scale: f64| {
            let points: Vec<_> = samples.iter().map(|one| (one.values.as_slice(), figure(one))).collect();
            let line = Line::fit(&points).ok_or_else(|| format!("{pallet}.{call}: its samples fit no line"))?;
            let whole = Whole::covering(&line, &points, scale);
            Ok::<_, crate::Error>(Figure { line, whole })
        };
        let (time, reads) = (figure(|one| one.time_ns, 1e3 * MARGIN)?, figure(|one| one.reads, 1.0)?);
        let (writes, mut proof) = (figure(|one| one.writes, 1.0)?, figure(|one| one.proof, 1.0)?);
        // The branches above a key grow with the state, a value's bytes do not.
        let more = |bytes: &mut u64| *bytes = (*bytes as f64 * MARGIN).ceil() as u64;
        more(&mut proof.whole.base);
        proof
            .whole
            .slopes
            .iter_mut()
            .filter(|slope| **slope >= OWN_KEY)
            .for_each(more);
        Ok(Self {
            pallet,
            call,
            components,
            time,
            reads,
            writes,
            proof,
            samples,
        })
    }

    fn name(&self) -> String {
        format!("{}.{}", self.pallet, self.call)
    }

    /// Whether what the call declares covers every sample, but for noise.
    fn is_covered(&self) -> bool {
        self.samples.iter().all(|one| one.is_covered(MARGIN, NOISE_NS))
    }

    /// Why the weight by components is to be doubted, if it is. It covers the samples nevertheless, but what is between and beyond them
    /// it may not.
    pub fn doubt(&self) -> Option<String> {
        let Line { base, slopes, r2 } = &self.time.line;
        let r2 = r2.filter(|r2| *r2 < R2_MIN)?;
        let most = &self.samples.last()?.values;
        let grown: f64 = slopes
            .iter()
            .zip(most)
            .map(|(slope, most)| slope * f64::from(*most))
            .sum();
        (grown >= SLOPE_SHARE * (base + grown)).then(|| {
            format!("no line fits its time (R² {r2:.3}, below {R2_MIN}): measure where it is quieter, or with components that it grows with")
        })
    }

    /// What was measured, for people.
    pub fn figures(&self) -> String {
        let number = |of: f64| match (of - of.round()).abs() < 1e-3 || of >= 100.0 {
            true => format!("{of:.0}"),
            false => format!("{of:.3}"),
        };
        let of = |Figure { line, .. }: &Figure, unit: &str| {
            let slopes = self
                .components
                .iter()
                .zip(&line.slopes)
                .filter(|(_, slope)| **slope >= 1e-3);
            let slopes: String = slopes
                .map(|(name, slope)| format!(" + {}·{name}", number(*slope)))
                .collect();
            format!("{}{slopes} {unit}", number(line.base))
        };
        let r2 = self.time.line.r2.map_or(String::new(), |r2| format!(" (R² {r2:.3})"));
        format!(
            "{}{r2}, {}, {}, {}",
            of(&self.time, "ns"),
            of(&self.reads, "reads"),
            of(&self.writes, "writes"),
            of(&self.proof, "bytes of proof")
        )
    }

    fn line(&self) -> String {
        let at_most = self.samples.last().map(|one| (one.needed(), one.declared));
        let (needed, declared) = at_most.unwrap_or_default();
        format!(
            "{:<9} {:<22} {}; at most {:.1} µs and {} bytes needed, {:.1} and {} declared{}",
            self.pallet,
            self.call,
            self.figures(),
            needed.ref_time as f64 / 1e6,
            needed.proof_size,
            declared.ref_time as f64 / 1e6,
            declared.proof_size,
            if self.is_covered() { "" } else { "  TOO LITTLE" },
        )
    }

    fn json(&self) -> Value {
        let of = |figure: &Figure| {
            let Line { base, slopes, r2 } = &figure.line;
            json!({ "base": base, "slopes": slopes, "r2": r2 })
        };
        let at_most = self.samples.last().map(|one| (one.needed(), one.declared));
        let (needed, declared) = at_most.unwrap_or_default();
        json!({
            "pallet": self.pallet, "call": self.call, "components": self.components, "time_ns": of(&self.time),
            "reads": of(&self.reads), "writes": of(&self.writes), "proof_bytes": of(&self.proof),
            "needed_ps": needed.ref_time, "declared_ps": declared.ref_time,
            "needed_proof": needed.proof_size, "declared_proof": declared.proof_size,
            "covered": self.is_covered(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quids_core::Weight;

    /// A call whose time at components of 0 and `most` is on this line.
    fn measured(base: f64, slopes: &[f64], r2: Option<f64>, most: &[u32]) -> Measured {
        let figure = || Figure {
            line: Line {
                base,
                slopes: slopes.to_vec(),
                r2,
            },
            whole: Whole {
                base: 0,
                slopes: vec![0; slopes.len()],
            },
        };
        let sample = Sample {
            values: most.to_vec(),
            time_ns: base,
            reads: 0.0,
            writes: 0.0,
            proof: 0.0,
            declared: Weight::ZERO,
        };
        Measured {
            pallet: "System".into(),
            call: "remark".into(),
            components: vec!["bytes".into(); slopes.len()],
            time: figure(),
            reads: figure(),
            writes: figure(),
            proof: figure(),
            samples: vec![sample],
        }
    }

    #[test]
    fn a_line_that_fits_badly_is_doubted_where_it_matters() {
        for (base, slopes, r2, most, doubted) in [
            (100.0, &[1.0][..], Some(0.89), &[100][..], true),
            (100.0, &[1.0], Some(0.9), &[100], false),
            (100.0, &[0.0, 1.0], Some(0.5), &[1_000, 12], true),
            // A tenth of the whole, and just less.
            (90.0, &[1.0], Some(0.1), &[10], true),
            (91.0, &[1.0], Some(0.1), &[10], false),
            // It does not grow, or has no components.
            (100.0, &[0.0], Some(0.1), &[100], false),
            (100.0, &[], None, &[], false),
        ] {
            let doubt = measured(base, slopes, r2, most).doubt();
            assert_eq!(doubt.is_some(), doubted, "{base} {slopes:?} {r2:?} {most:?}: {doubt:?}");
        }
    }
}
