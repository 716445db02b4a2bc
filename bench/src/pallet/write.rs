//! Weights as Rust: a file a pallet, a function a call. What is written is as `rustfmt` leaves it.

use super::{Effort, Measured};
use crate::{Result, machine::Machine};
use std::{
    collections::BTreeSet,
    fmt::Write,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// Writes `FOLDER/PALLET/src/weights.rs` for each pallet among the measured that has its crate there: `AssetRegistry` in `asset-registry`.
///
/// Errors: none of them has.
pub fn all(folder: &Path, measured: &[Measured], machine: &Machine, effort: &Effort) -> Result {
    let head = head(machine, effort, &today());
    let pallets: BTreeSet<&str> = measured.iter().map(|one| one.pallet.as_str()).collect();
    let mut written = 0;
    for pallet in pallets {
        let calls: Vec<_> = measured.iter().filter(|one| one.pallet == pallet).collect();
        let krate = folder.join(kebab(pallet));
        if !krate.join("Cargo.toml").is_file() {
            eprintln!("{pallet} is not in {}: its weights are not written", krate.display());
            continue;
        }
        let path = krate.join("src/weights.rs");
        std::fs::write(&path, file(pallet, &calls, &head))?;
        // The figures may be JSON, which is for the standard output.
        eprintln!("{}", path.display());
        written += 1;
    }
    match written {
        0 => Err(format!("no pallet that was measured has its crate in {}", folder.display()).into()),
        _ => Ok(()),
    }
}

/// The folder of a pallet's crate by its name.
fn kebab(pallet: &str) -> String {
    let mut out = String::new();
    for letter in pallet.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

/// How, when and on what it was measured.
fn head(machine: &Machine, effort: &Effort, date: &str) -> String {
    let Effort {
        steps,
        repeat,
        rounds,
        accounts,
    } = effort;
    let margin = ((super::MARGIN - 1.0) * 100.0).round();
    format!(
        "//! Measured on {date} in the WASM runtime on the database with {accounts} accounts: {machine}.\n\
         //! {rounds} rounds of {repeat} runs at {steps} values of each component; of the rounds the highest median counts. What is written covers\n\
         //! every sample, rounded up, and has {margin} % more of time and of a proof's branches, for the noise of shared machines and growing states.\n\
         //! Time (picoseconds) is the call's own, without decoding; reads and writes have reference costs.\n"
    )
}

fn file(pallet: &str, calls: &[&Measured], head: &str) -> String {
    let mut out = format!(
        "//! Weights of the calls of pallet {pallet}, written by `quids bench pallet --output pallets`: change the benchmarks, not this file.\n\
         //!\n{head}\nuse quids_core::Weight;\nuse quids_support::limits::cost;\n"
    );
    for call in calls {
        out.push_str(&function(call));
    }
    out.push_str(&by_name(calls));
    out
}

/// `cost::measured(time, reads, writes, proof)`, and for each component with a cost what one more costs.
fn function(call: &Measured) -> String {
    let (time, reads, writes, proof) = (
        &call.time.whole,
        &call.reads.whole,
        &call.writes.whole,
        &call.proof.whole,
    );
    let slopes = |at: usize| [time.slopes[at], reads.slopes[at], writes.slopes[at], proof.slopes[at]];
    let is_free = |at: usize| slopes(at) == [0; 4];
    let arguments: Vec<String> = (0..)
        .zip(&call.components)
        .map(|(at, name)| format!("{}{name}: u32", if is_free(at) { "_" } else { "" }))
        .collect();
    let doubt = call.doubt().map_or(String::new(), |why| format!("// WARNING: {why}\n"));
    let mut out = format!(
        "\n/// {}.\n{doubt}pub const fn {}({}) -> Weight {{\n",
        call.figures(),
        call.call,
        arguments.join(", ")
    );
    let base = format!(
        "cost::measured({})",
        numbers(&[time.base, reads.base, writes.base, proof.base])
    );
    let mut sum = String::from("base");
    let mut costs = String::new();
    for (at, name) in call.components.iter().enumerate().filter(|(at, _)| !is_free(*at)) {
        let _ = writeln!(costs, "    let {name} = cost::each({name}, {});", numbers(&slopes(at)));
        let _ = write!(sum, ".saturating_add({name})");
    }
    match costs.is_empty() {
        true => {
            let _ = writeln!(out, "    {base}\n}}");
        }
        false => {
            let _ = writeln!(out, "    let base = {base};\n{costs}    {sum}\n}}");
        }
    }
    out
}

/// The functions by the names of their calls, for tests.
fn by_name(calls: &[&Measured]) -> String {
    let mut out = String::from(
        "\n/// The weight of a call by its name, with a value for each of its components. For tests.\n\
         #[cfg(any(feature = \"runtime-benchmarks\", not(target_arch = \"wasm32\")))]\n\
         pub fn by_name(call: &str, components: &[u32]) -> Option<Weight> {\n    match (call, components) {\n",
    );
    for call in calls {
        let names = &call.components;
        let given: Vec<String> = names.iter().map(|name| format!("*{name}")).collect();
        let _ = writeln!(
            out,
            "        (\"{0}\", [{1}]) => Some({0}({2})),",
            call.call,
            names.join(", "),
            given.join(", ")
        );
    }
    out.push_str("        _ => None,\n    }\n}\n");
    out
}

/// With separators between thousands.
fn numbers(all: &[u64]) -> String {
    let one = |number: &u64| {
        let digits = number.to_string();
        let mut out = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                out.push('_');
            }
            out.push(digit);
        }
        out
    };
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The day in UTC, as in RFC 3339.
fn today() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    day(seconds / 86_400)
}

/// The civil date of a day since 1970 (Howard Hinnant, `civil_from_days`).
fn day(since_1970: u64) -> String {
    let days = since_1970 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pallet::{
        Figure,
        fit::{Line, Whole},
        measure::Sample,
    };

    fn figure(base: u64, slopes: &[u64]) -> Figure {
        Figure {
            line: Line {
                base: base as f64,
                slopes: slopes.iter().map(|slope| *slope as f64).collect(),
                r2: Some(0.987),
            },
            whole: Whole {
                base,
                slopes: slopes.to_vec(),
            },
        }
    }

    fn call(name: &str, components: &[&str], time: Figure, free: &[u64]) -> Measured {
        Measured {
            pallet: "System".into(),
            call: name.into(),
            components: components.iter().map(|name| (*name).to_owned()).collect(),
            time,
            reads: figure(2, free),
            writes: figure(1, free),
            proof: figure(900, free),
            samples: Vec::new(),
        }
    }

    #[test]
    fn weights_are_rust() {
        let remark = call("remark", &["bytes", "events"], figure(1_234_500, &[250, 0]), &[0, 0]);
        let set_phase = call("set_phase", &[], figure(999, &[]), &[]);
        let effort = Effort {
            steps: 6,
            repeat: 31,
            rounds: 2,
            accounts: 100_000,
        };
        let head = head(&Machine::here(), &effort, "2026-11-28");
        let text = file("System", &[&remark, &set_phase], &head);
        for part in [
            "//! Measured on 2026-11-28 in the WASM runtime on the database with 100000 accounts",
            "//! 2 rounds of 31 runs at 6 values of each component;",
            "has 20 % more",
            "/// 1234500 + 250·bytes ns (R² 0.987), 2 reads, 1 writes, 900 bytes of proof.\n",
            "pub const fn remark(bytes: u32, _events: u32) -> Weight {\n    let base = cost::measured(1_234_500, 2, 1, 900);\n    \
             let bytes = cost::each(bytes, 250, 0, 0, 0);\n    base.saturating_add(bytes)\n}\n",
            "pub const fn set_phase() -> Weight {\n    cost::measured(999, 2, 1, 900)\n}\n",
            "        (\"remark\", [bytes, events]) => Some(remark(*bytes, *events)),\n        (\"set_phase\", []) => Some(set_phase()),\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn a_weight_to_be_doubted_says_so() {
        let mut remark = call("remark", &["bytes"], figure(100, &[250]), &[0]);
        remark.samples.push(Sample {
            values: vec![1_000],
            time_ns: 0.0,
            reads: 0.0,
            writes: 0.0,
            proof: 0.0,
            declared: quids_core::Weight::ZERO,
        });
        assert!(!function(&remark).contains("WARNING"));
        remark.time.line.r2 = Some(0.5);
        let text = function(&remark);
        assert!(
            text.contains(".\n// WARNING: no line fits its time (R² 0.500, below 0.9)"),
            "{text}"
        );
        assert!(
            text.contains("\npub const fn remark(bytes: u32) -> Weight {\n"),
            "{text}"
        );
    }

    #[test]
    fn days_have_dates() {
        for (since, date) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_785, "2026-11-28"),
        ] {
            assert_eq!(day(since), date);
        }
    }
}
