//! What this runs on, for the head of every report.

use serde_json::{Value, json};
use std::fs;

/// The CPU's name, how many there are, and how busy they are.
pub struct Machine {
    cpu: String,
    cores: usize,
    load: String,
}

impl Machine {
    pub fn here() -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            cpu: model.unwrap_or("unknown CPU").trim().to_owned(),
            cores: cores(),
            load: load.split_whitespace().next().unwrap_or("?").to_owned(),
        }
    }

    pub fn json(&self) -> Value {
        json!({ "cpu": self.cpu, "cores": self.cores, "load": self.load })
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {} cores, load {} at the start", self.cpu, self.cores, self.load)
    }
}

/// Resident memory and the most it ever was, in MiB, of a process by id or of `self`.
pub fn memory_mib(process: &str) -> crate::Result<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let field = |name: &str| -> Option<f64> {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
    };
    Ok((field("VmRSS").ok_or("no VmRSS")?, field("VmHWM").ok_or("no VmHWM")?))
}

pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
