//! `evm`: gas per second of the runtime in WASM beside revm compiled natively, the same messages on the same state in
//! alternating batches of one process.

mod native;
mod ours;
mod workloads;

use crate::{
    Result,
    args::Args,
    clock::{Lap, timed},
    machine::Machine,
    statistics::{Samples, verdict},
    transfers::{
        engine::Engine,
        meter::{Meter, Tally},
    },
};
use quids_state::Overlay;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use workloads::Workload;

const CHAIN_ID: u64 = 0x5155;
/// A message may use what Osaka admits, so only its own limit counts.
const GAS_LIMIT: u64 = 30_000_000;
/// Wei a gas.
const BASE_FEE: u64 = 7;
const TIMESTAMP: u64 = 1_800_000_000;
const BALANCE: u128 = 10u128.pow(30);
/// What the median of all workloads may cost of native time.
const MEDIAN_MAX: f64 = 2.0;
const ROUNDS_MIN: usize = 5;

/// One workload's figures. Gas per second of CPU time.
struct Row {
    name: &'static str,
    ratio_max: Option<f64>,
    gas: u64,
    wasm: Samples,
    native: Samples,
    /// Time in WASM over native time, by pair.
    ratio: Samples,
    messages: usize,
    /// What the messages asked of the state. Metering costs time, so it has a run of its own.
    tally: Tally,
}

impl Row {
    fn print(&self) {
        let mega = |samples: &Samples| samples.median() / 1e6;
        let floor = self.ratio_max.map_or("", |most| verdict(self.ratio.median() <= most));
        println!(
            "{:<20} {:>9.2} {:>12.1} {:>12.1}  {:>20} {floor}",
            self.name,
            self.gas as f64 / 1e6,
            mega(&self.wasm),
            mega(&self.native),
            self.ratio.shown(2)
        );
    }

    /// Storage calls a message, and their part of the time in WASM.
    fn print_calls(&self) {
        let seconds = self.gas as f64 / self.wasm.median();
        for (kind, calls) in &self.tally {
            println!(
                "    {kind:<24} {:>9.1} a message {:>6.1} % of the time",
                calls.count as f64 / self.messages as f64,
                calls.time.cpu.as_secs_f64() / seconds * 100.0
            );
        }
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "gas": self.gas, "wasm_gas_per_second": self.wasm.json(),
            "native_gas_per_second": self.native.json(), "wasm_of_native": self.ratio.json(), "floor": self.ratio_max,
        })
    }
}

pub fn run(mut args: Args) -> Result {
    let seconds: f64 = args.value("seconds", 4.0)?;
    let (only, as_json, shows_calls) = (args.text("only"), args.switch("json"), args.switch("calls"));
    args.finish()?;
    let time = Duration::try_from_secs_f64(seconds)?;
    let machine = Machine::here();
    let mut engine = Engine::wasm()?;
    let (state, workloads) = workloads::all()?;
    let genesis = ours::genesis(&mut engine, &state)?;
    if !as_json {
        println!("{machine}\nCPU time of one thread, WASM and native in alternating batches");
        println!(
            "{:<20} {:>9} {:>12} {:>12}  {:>20}",
            "", "Mgas", "WASM Mgas/s", "native", "WASM/native time"
        );
    }
    let mut rows = Vec::new();
    for workload in workloads {
        if only.as_ref().is_some_and(|only| !workload.name.contains(only.as_str())) {
            continue;
        }
        let row = measure(&mut engine, &genesis, &state, workload, time)?;
        if !as_json {
            row.print();
            if shows_calls {
                row.print_calls();
            }
        }
        rows.push(row);
    }
    let median = rows.iter().map(|row| row.ratio.median()).collect::<Samples>().median();
    if as_json {
        let rows: Vec<Value> = rows.iter().map(Row::json).collect();
        println!(
            "{}",
            json!({ "machine": machine.json(), "rows": rows, "median": median })
        );
    } else {
        println!(
            "median ratio {median:.2}: {} (at most {MEDIAN_MAX})",
            verdict(median <= MEDIAN_MAX)
        );
    }
    Ok(())
}

fn measure(
    engine: &mut Engine,
    genesis: &crate::transfers::flat::FlatBackend,
    state: &revm::database::InMemoryDB,
    workload: Workload,
    time: Duration,
) -> Result<Row> {
    let input = ours::input(&workload.messages);
    // The first round warms up and shows that both do the same.
    let output = ours::run(engine, &mut Overlay::new(genesis), &input)?;
    let used = ours::gas_used(&output)?;
    let expected: Vec<u64> = native::run(&mut state.clone(), &workload.messages)?
        .into_iter()
        .map(|done| done.gas_used)
        .collect();
    if used != expected {
        return Err(format!(
            "{}: gas differs: {used:?} in WASM, {expected:?} natively",
            workload.name
        )
        .into());
    }
    let gas: u64 = used.iter().sum();
    let mut tally = Tally::new();
    ours::run(engine, &mut Meter::new(&mut Overlay::new(genesis), &mut tally), &input)?;
    let mut row = Row {
        name: workload.name,
        ratio_max: workload.ratio_max,
        gas,
        wasm: Samples::default(),
        native: Samples::default(),
        ratio: Samples::default(),
        messages: workload.messages.len(),
        tally,
    };
    let wasm = |engine: &mut Engine| -> Result<Lap> {
        let mut overlay = Overlay::new(genesis);
        let (output, lap) = timed(|| ours::run(engine, &mut overlay, &input));
        output.map(|_| lap)
    };
    let native = || -> Result<Lap> {
        let mut state = state.clone();
        let (done, lap) = timed(|| native::run(&mut state, &workload.messages));
        done.map(|_| lap)
    };
    let started = Instant::now();
    for round in 0.. {
        if round >= ROUNDS_MIN && started.elapsed() >= time {
            break;
        }
        let (ours, raw) = if round % 2 == 0 {
            let ours = wasm(engine)?;
            (ours, native()?)
        } else {
            let raw = native()?;
            (wasm(engine)?, raw)
        };
        let (ours, raw) = (ours.cpu.as_secs_f64(), raw.cpu.as_secs_f64());
        row.wasm.push(gas as f64 / ours);
        row.native.push(gas as f64 / raw);
        row.ratio.push(ours / raw);
    }
    Ok(row)
}
