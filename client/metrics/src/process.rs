//! What the kernel knows of this process, read at scrape from `/proc`, under the names that Prometheus fixed.

use crate::{MetricsError, Registry};
use std::fs;

/// The numbers of one look.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Process {
    cpu_seconds: f64,
    threads: i64,
    start_ticks: u64,
    virtual_bytes: i64,
    resident_bytes: i64,
}

/// Registers the `process_*` metrics. They are of the whole process: two nodes in one show the same.
/// Where there is no `/proc` they stay 0.
pub fn register(registry: &Registry) -> Result<(), MetricsError> {
    let cpu = registry.counter(
        "process_cpu_seconds_total",
        "Processor time that the process used, user and system.",
    )?;
    let open = registry.int_gauge("process_open_fds", "Open file descriptors.")?;
    let max = registry.int_gauge("process_max_fds", "File descriptors that the process may have open.")?;
    let virtual_bytes = registry.int_gauge("process_virtual_memory_bytes", "Address space of the process.")?;
    let resident = registry.int_gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.")?;
    let start = registry.gauge(
        "process_start_time_seconds",
        "When the process started, in seconds since 1970.",
    )?;
    let threads = registry.int_gauge("process_threads", "Threads of the process.")?;
    registry.on_scrape(move || {
        if let Some(now) = read() {
            cpu.inc_by((now.cpu_seconds - cpu.get()).max(0.0));
            threads.set(now.threads);
            virtual_bytes.set(now.virtual_bytes);
            resident.set(now.resident_bytes);
            if let Some(booted) = booted_seconds() {
                start.set(booted + now.start_ticks as f64 / ticks_per_second());
            }
        }
        if let Ok(entries) = fs::read_dir("/proc/self/fd") {
            // Not counting the one that this reads.
            open.set(entries.count() as i64 - 1);
        }
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        max.set(limit.and_then(|limit| limit.try_into().ok()).unwrap_or(i64::MAX));
    });
    Ok(())
}

/// Memory of this process that is in RAM, as the gauge has it; `None` where the system does not tell.
pub fn resident_bytes() -> Option<u64> {
    u64::try_from(read()?.resident_bytes).ok()
}

fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

fn read() -> Option<Process> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    parse(&stat, ticks_per_second(), rustix::param::page_size() as i64)
}

/// `/proc/PID/stat`, see proc(5).
fn parse(stat: &str, ticks_per_second: f64, page_bytes: i64) -> Option<Process> {
    // The second field, the name, is in parentheses and may hold spaces and parentheses itself.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // Field 3 of proc(5) is the first here.
    let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<u64>().ok());
    Some(Process {
        cpu_seconds: (field(14)? + field(15)?) as f64 / ticks_per_second,
        threads: field(20)? as i64,
        start_ticks: field(22)?,
        virtual_bytes: field(23)? as i64,
        resident_bytes: field(24)? as i64 * page_bytes,
    })
}

/// When the machine started, in seconds since 1970.
fn booted_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant, SystemTime};

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let rest: Vec<String> = (4..=40).map(|number| number.to_string()).collect();
        let stat = format!("17 (a) b (c) d) S {}", rest.join(" "));
        let expected = Process {
            cpu_seconds: 0.29,
            threads: 20,
            start_ticks: 22,
            virtual_bytes: 23,
            resident_bytes: 24 * 4096,
        };
        assert_eq!(parse(&stat, 100.0, 4096), Some(expected));
        for cut in [
            "",
            "17 (a",
            "17 (a) S 1 2",
            "17 (a) S x x x x x x x x x x x x x x x x x x x x x x x x",
        ] {
            assert_eq!(parse(cut, 100.0, 4096), None, "{cut:?}");
        }
    }

    #[test]
    fn this_process_has_plausible_numbers_and_its_processor_time_grows() {
        let registry = Registry::new();
        register(&registry).unwrap();
        let value = |name: &str| -> f64 {
            let text = registry.encode();
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
            line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
        };
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        assert!((now - 3600.0..=now + 1.0).contains(&value("process_start_time_seconds")));
        assert!((1e6..1e10).contains(&value("process_resident_memory_bytes")));
        assert!(value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"));
        assert!(value("process_threads") >= 1.0 && value("process_open_fds") >= 3.0);
        assert!(value("process_max_fds") > value("process_open_fds"));
        let before = value("process_cpu_seconds_total");
        let start = Instant::now();
        while value("process_cpu_seconds_total") <= before {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "no processor time in 20 s of spinning"
            );
        }
    }
}
