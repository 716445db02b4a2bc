//! `crypto`: signatures, hashes and the KEM beside the libraries' own loops, and one core beside all.

mod contest;
mod hashes;
mod raw;
mod signatures;

use crate::{Result, args::Args, machine::Machine, statistics::verdict};
use contest::{Contest, Scaling, compare, scale};
use serde_json::{Value, json};
use std::time::Duration;

/// The verify path gives at least this much of the raw loop.
const RATIO_MIN: f64 = 0.9;
/// All cores give at least this much of one.
const SCALING_MIN: f64 = 1.8;

/// One line of the report.
struct Row {
    name: String,
    contest: Contest,
    scaling: Option<Scaling>,
    has_floor: bool,
}

impl Row {
    fn print(&self) {
        let Contest { ours, raw, ratio } = &self.contest;
        let floor = |holds| if self.has_floor { verdict(holds) } else { "" };
        print!("{:<44} {:>11.0} {:>11.0}", self.name, ours.median(), raw.median());
        print!("  {:>18} {:<5}", ratio.shown(2), floor(ratio.median() >= RATIO_MIN));
        if let Some(scaling) = &self.scaling {
            let times = &scaling.ratio;
            print!(
                " {:>10.0}  {:>18} {}",
                scaling.all.median(),
                times.shown(2),
                floor(times.median() >= SCALING_MIN)
            );
        }
        println!();
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "ours_per_second": self.contest.ours.json(),
            "raw_per_second": self.contest.raw.json(),
            "ours_of_raw": self.contest.ratio.json(),
            "all_cores_per_second": self.scaling.as_ref().map(|scaling| scaling.all.json()),
            "all_of_one": self.scaling.as_ref().map(|scaling| scaling.ratio.json()),
        })
    }
}

pub fn run(mut args: Args) -> Result {
    let seconds: f64 = args.value("seconds", 2.0)?;
    let (only, as_json) = (args.text("only"), args.switch("json"));
    args.finish()?;
    let time = Duration::try_from_secs_f64(seconds)?;
    let machine = Machine::here();
    if !as_json {
        println!("{machine}");
        println!(
            "one core: CPU time, ours and raw in alternating batches of 20 ms; all cores: wall time, beside one core"
        );
        println!(
            "{:<44} {:>11} {:>11}  {:>18}       {:>10}  {:>18}",
            "", "ours /s", "raw /s", "ours/raw", "all /s", "all/one"
        );
    }
    let mut rows = Vec::new();
    let wanted = |name: &str| only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    let mut measure = |pair: contest::Pair<'_>| {
        if !wanted(&pair.name) {
            return;
        }
        let contest = compare(&pair, time);
        let scaling = pair.scales.then(|| scale(&*pair.ours, time));
        let row = Row {
            name: pair.name,
            contest,
            scaling,
            has_floor: pair.has_floor,
        };
        if !as_json {
            row.print();
        }
        rows.push(row);
    };
    signatures::measure(&wanted, &mut measure)?;
    hashes::measure(&mut measure)?;
    if as_json {
        let rows: Vec<Value> = rows.iter().map(Row::json).collect();
        println!("{}", json!({ "machine": machine.json(), "rows": rows }));
    } else {
        println!("floors: verify ≥ {RATIO_MIN} of raw, all cores ≥ {SCALING_MIN} of one (where nothing else runs)");
    }
    Ok(())
}
