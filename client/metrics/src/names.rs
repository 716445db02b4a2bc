//! The rules for names, checked at every registration: `quids_`, subsystem, what, and the unit last.

use crate::MetricsError;

/// What a metric is, as the text format names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Only grows while the node runs.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

impl Kind {
    /// As in a `# TYPE` line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What a gauge or histogram may end in: a base unit of Prometheus, or the things that it counts.
pub const UNITS: &[&str] = &[
    "seconds",
    "bytes",
    "ratio",
    "per_second",
    "info",
    "height",
    "version",
    "transactions",
    "extrinsics",
    "connections",
    "subscriptions",
    "requests",
    "instances",
    "files",
    "cores",
    "level",
    "steps",
    "codes",
];

/// Names that Prometheus fixed for every process, which dashboards know.
pub const PROCESS: &[&str] = &[
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
    "process_virtual_memory_bytes",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
];

/// Endings that the text format itself appends.
const RESERVED: &[&str] = &["_sum", "_count", "_bucket"];

/// Checks a metric against the rules.
pub fn check(name: &str, kind: Kind, help: &str, labels: &[&str]) -> Result<(), MetricsError> {
    let refuse = |reason: String| {
        Err(MetricsError::Name {
            name: name.into(),
            reason,
        })
    };
    if help.trim().is_empty() || help.contains('\n') || !help.ends_with('.') {
        return refuse(format!("its help {help:?} is no sentence on one line"));
    }
    for label in labels {
        if !is_snake(label) || matches!(*label, "le" | "quantile" | "job" | "instance") {
            return refuse(format!("{label:?} cannot be a label"));
        }
    }
    if PROCESS.contains(&name) {
        return Ok(());
    }
    if !is_snake(name) {
        return refuse("a name is lower-case words joined by single underscores".into());
    }
    if !name.starts_with("quids_") || name.split('_').count() < 3 {
        return refuse("a name starts with quids_ and the subsystem".into());
    }
    if let Some(ending) = RESERVED.iter().find(|ending| name.ends_with(**ending)) {
        return refuse(format!("{ending} is what the text format appends"));
    }
    let has_unit = UNITS
        .iter()
        .any(|unit| name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')));
    match (kind, name.ends_with("_total")) {
        (Kind::Counter, true) => Ok(()),
        (Kind::Counter, false) => refuse("a counter ends in _total".into()),
        (_, true) => refuse(format!("_total is for counters, not for a {}", kind.name())),
        (_, false) if has_unit => Ok(()),
        (_, false) => refuse(format!("a {} ends in one of {}", kind.name(), UNITS.join(", "))),
    }
}

fn is_snake(name: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    name.split('_').all(word) && name.starts_with(|first: char| first.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_pass_and_each_rule_bites() {
        let check = |name, kind, labels: &[&str]| check(name, kind, "What it is.", labels).is_ok();
        for (name, kind, expected) in [
            ("quids_db_commits_total", Kind::Counter, true),
            ("quids_db_commit_seconds", Kind::Histogram, true),
            ("quids_db_commit_seconds_total", Kind::Counter, true),
            ("quids_pool_transactions", Kind::Gauge, true),
            ("quids_hardware_disk_bytes_per_second", Kind::Gauge, true),
            ("process_open_fds", Kind::Gauge, true),
            ("process_fds", Kind::Gauge, false),
            ("quids_db_commits", Kind::Counter, false),
            ("quids_db_commits_total", Kind::Gauge, false),
            ("quids_db_commit_ms", Kind::Histogram, false),
            ("quids_db_seconds_commit", Kind::Histogram, false),
            ("quids_seconds", Kind::Gauge, false),
            ("quids_dbseconds", Kind::Gauge, false),
            ("quids_db_size", Kind::Gauge, false),
            ("quids_db_commit_count", Kind::Gauge, false),
            ("substrate_db_bytes", Kind::Gauge, false),
            ("quids_Db_bytes", Kind::Gauge, false),
            ("quids__db_bytes", Kind::Gauge, false),
            ("quids_db_bytes_", Kind::Gauge, false),
            ("", Kind::Gauge, false),
        ] {
            assert_eq!(check(name, kind, &[]), expected, "{name:?} as {kind:?}");
        }
        for (label, expected) in [
            ("api", true),
            ("le", false),
            ("__name__", false),
            ("Api", false),
            ("", false),
        ] {
            assert_eq!(check("quids_db_bytes", Kind::Gauge, &[label]), expected, "{label:?}");
        }
    }

    #[test]
    fn help_is_a_sentence_on_one_line() {
        for (help, expected) in [("Bytes.", true), ("", false), ("Bytes", false), ("Two\nlines.", false)] {
            assert_eq!(
                check("quids_db_bytes", Kind::Gauge, help, &[]).is_ok(),
                expected,
                "{help:?}"
            );
        }
    }
}
