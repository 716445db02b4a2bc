//! `precompiles`: each precompile's operation through the host functions beside the library's own call, and how much gas
//! a second buys. No operation may be slower a gas than ecrecover.

mod guest;
mod inputs;

use crate::{Result, args::Args, clock::timed, machine::Machine, statistics::Samples};
use guest::Guest;
use inputs::{Case, Library};
use revm::precompile::Precompiles;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A batch takes about this long.
const BATCH: Duration = Duration::from_millis(20);
const BATCHES_MIN: usize = 3;

struct Row {
    name: String,
    gas: u64,
    /// Microseconds of CPU time.
    host: Samples,
    library: Samples,
    ratio: Samples,
}

impl Row {
    /// Million gas a second, through the host.
    fn speed(&self) -> f64 {
        self.gas as f64 / self.host.median()
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "gas": self.gas,
            "host_us": self.host.json(),
            "library_us": self.library.json(),
            "host_of_library": self.ratio.json(),
            "mgas_per_second": self.speed(),
        })
    }
}

impl Library {
    /// Does it once; what ours costs.
    fn run(&self) -> Result<u64> {
        match self {
            Self::Precompile(at, input) => {
                let precompile = Precompiles::osaka().get(at).ok_or("no such precompile")?;
                let output = precompile.execute(input, u64::MAX, 0)?;
                if !output.is_success() {
                    return Err(format!("the precompile at {at} refuses its input: {:?}", output.status).into());
                }
                Ok(output.gas_used)
            }
            Self::Function(function, gas) => function()
                .then_some(*gas)
                .ok_or_else(|| "the library refuses its input".into()),
        }
    }
}

fn microseconds(times: u32, f: impl FnOnce() -> Result) -> Result<f64> {
    let (result, lap) = timed(f);
    result?;
    Ok(lap.cpu.as_secs_f64() * 1e6 / f64::from(times))
}

fn measure(guest: &mut Guest, case: Case, time: Duration) -> Result<Row> {
    let gas = case.library.run()?;
    let library = |times: u32| {
        microseconds(times, || {
            for _ in 0..times {
                std::hint::black_box(case.library.run()?);
            }
            Ok(())
        })
    };
    let mut host = |times: u32| {
        microseconds(times, || match guest.repeat(&case.host, times)? {
            answer if answer == case.answer => Ok(()),
            answer => Err(format!("{}: the host answers {answer}, not {}", case.name, case.answer).into()),
        })
    };
    host(1)?;
    let once = library(1)?.max(library(3)?).max(0.05);
    let times = ((BATCH.as_secs_f64() * 1e6 / once) as u32).clamp(1, 200_000);
    let mut row = Row {
        name: case.name.clone(),
        gas,
        host: Samples::default(),
        library: Samples::default(),
        ratio: Samples::default(),
    };
    let started = Instant::now();
    for round in 0.. {
        if round >= BATCHES_MIN && started.elapsed() >= time {
            break;
        }
        let (host, library) = (host(times)?, library(times)?);
        row.host.push(host);
        row.library.push(library);
        row.ratio.push(host / library);
    }
    Ok(row)
}

pub fn run(mut args: Args) -> Result {
    let seconds: f64 = args.value("seconds", 0.5)?;
    let (only, as_json) = (args.text("only"), args.switch("json"));
    args.finish()?;
    let time = Duration::try_from_secs_f64(seconds)?;
    let machine = Machine::here();
    if !as_json {
        println!("{machine}");
        println!("CPU time; the host functions called from a guest, and the library's call, in alternating batches");
        println!(
            "{:<44} {:>12} {:>24} {:>24} {:>18} {:>9} {:>12}",
            "", "gas", "host µs", "library µs", "host/library", "Mgas/s", "of ecrecover"
        );
    }
    let mut guest = Guest::new()?;
    let mut rows: Vec<Row> = Vec::new();
    // ecrecover comes first, and always: it is what the others are held against.
    for case in inputs::all()? {
        let wanted = only.as_ref().is_none_or(|only| case.name.contains(only.as_str()));
        if !wanted && !rows.is_empty() {
            continue;
        }
        let row = measure(&mut guest, case, time)?;
        if !as_json {
            println!(
                "{:<44} {:>12} {:>24} {:>24} {:>18} {:>9.1} {:>12.2}",
                row.name,
                row.gas,
                row.host.shown(2),
                row.library.shown(2),
                row.ratio.shown(2),
                row.speed(),
                row.speed() / rows.first().map_or(row.speed(), Row::speed),
            );
        }
        rows.push(row);
    }
    if as_json {
        let rows: Vec<Value> = rows.iter().map(Row::json).collect();
        println!("{}", json!({ "machine": machine.json(), "rows": rows }));
    }
    Ok(())
}
