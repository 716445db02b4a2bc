//! Weights as Rust: a file a pallet, a function a call.

use super::{Measured, fit::Line};
use crate::{Result, machine::Machine};
use std::{
    collections::BTreeSet,
    fmt::Write,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// Writes `FOLDER/PALLET.rs` for each pallet among the measured.
pub fn all(folder: &Path, measured: &[Measured], machine: &Machine) -> Result {
    std::fs::create_dir_all(folder)?;
    let pallets: BTreeSet<&str> = measured.iter().map(|one| one.pallet.as_str()).collect();
    for pallet in pallets {
        let calls: Vec<_> = measured.iter().filter(|one| one.pallet == pallet).collect();
        let path = folder.join(format!("{}.rs", pallet.to_lowercase()));
        std::fs::write(&path, file(pallet, &calls, machine, &today()))?;
        println!("{}", path.display());
    }
    Ok(())
}

fn file(pallet: &str, calls: &[&Measured], machine: &Machine, date: &str) -> String {
    let mut out = format!(
        "//! Weights of pallet {pallet}'s calls, written by `quids bench pallet --output`. Measured {date} in the WASM runtime on \
         the\n//! database: {machine}. Time is the call's own; reads and writes have reference costs.\n\n\
         use quids_core::Weight;\nuse quids_support::limits::cost;\n"
    );
    for call in calls {
        let r2 = call.time.r2.map_or(String::new(), |r2| format!("R² {r2:.3}. "));
        let bytes = call.at_most.proof;
        let _ = write!(
            out,
            "\n/// {r2}A proof of the keys that it touched had {bytes:.0} bytes.\npub const fn {}({}) -> Weight {{\n    {}\n}}\n",
            call.call,
            call.components
                .iter()
                .map(|name| format!("{name}: u32"))
                .collect::<Vec<_>>()
                .join(", "),
            expression(call),
        );
    }
    out
}

/// `cost::of(base, reads, writes)`, and for each component with a cost what one more costs. Rounded up.
fn expression(call: &Measured) -> String {
    // Picoseconds; counts are whole numbers, but for noise of the fit.
    let up = |of: f64| (of - 1e-6).ceil().max(0.0) as u64;
    let at = |line: &Line, slope: Option<usize>| slope.map_or(line.base, |at| line.slopes[at]);
    let cost = |slope| {
        let time = up(at(&call.time, slope) * 1e3);
        (time, up(at(&call.reads, slope)), up(at(&call.writes, slope)))
    };
    let (time, reads, writes) = cost(None);
    let mut out = format!("cost::of({time}, {reads}, {writes})");
    for (place, name) in call.components.iter().enumerate() {
        let (time, reads, writes) = cost(Some(place));
        if (time, reads, writes) != (0, 0, 0) {
            let _ = write!(
                out,
                ".saturating_add(cost::of({time}, {reads}, {writes}).saturating_mul({name} as u64))"
            );
        }
    }
    out
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
    use crate::pallet::measure::Sample;
    use quids_core::Weight;

    fn line(base: f64, slopes: &[f64]) -> Line {
        Line {
            base,
            slopes: slopes.to_vec(),
            r2: Some(0.987),
        }
    }

    #[test]
    fn weights_are_rust() {
        let call = Measured {
            pallet: "System".into(),
            call: "remark".into(),
            components: vec!["bytes".into()],
            time: line(1234.5, &[0.25]),
            reads: line(2.0, &[0.0]),
            writes: line(1.0, &[0.0]),
            proof: line(900.0, &[0.0]),
            at_most: Sample {
                values: vec![5],
                time_ns: 0.0,
                reads: 2.0,
                writes: 1.0,
                proof: 900.0,
                declared: Weight::ZERO,
            },
        };
        let text = file("System", &[&call], &Machine::here(), "2026-11-28");
        for part in [
            "Measured 2026-11-28",
            "R² 0.987. A proof of the keys that it touched had 900 bytes.",
            "pub const fn remark(bytes: u32) -> Weight {",
            "cost::of(1234500, 2, 1).saturating_add(cost::of(250, 0, 0).saturating_mul(bytes as u64))",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
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
