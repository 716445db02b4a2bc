//! What this machine can do, measured in under a second, against what the chain's parameters ask for
//! (`node/docs/hardware.md` derives the minimums).

use quids_crypto::{KeyPair, SignatureScheme, verify_raw};
use quids_metrics::{MetricsError, Registry};
use std::{
    fs::File,
    io,
    num::NonZeroUsize,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The runtime charges a verification with ML-DSA-87 150 µs of a core, one with Falcon-512 15 µs
/// (`runtime/support/src/limits.rs`): a core that is slower takes longer for a block than its weight says.
const ML_DSA_87_PER_SECOND_MIN: f64 = 1e6 / 150.0;
const FALCON_512_PER_SECOND_MIN: f64 = 1e6 / 15.0;
/// A full block is 16 MiB of extrinsics and about as much of new state, to be stored in a quarter of the interval.
const DISK_WRITE_BYTES_PER_SECOND_MIN: f64 = (32 << 20) as f64 / 0.25;
/// A commit waits for the disk once: 1 % of the interval.
const DISK_SYNCED_WRITES_PER_SECOND_MIN: f64 = 100.0;
/// A full pool, a full state cache, RocksDB's caches and 64 instances of a runtime, and as much for the system.
const MEMORY_BYTES_MIN: f64 = (4u64 << 30) as f64;
const MEMORY_AVAILABLE_BYTES_MIN: f64 = (2u64 << 30) as f64;
/// One executes the block, one serves everything else.
const CORES_MIN: f64 = 2.0;

/// How long each rate is measured.
const PATIENCE: Duration = Duration::from_millis(120);
/// Signatures are verified in batches of this length, and the best counts: what disturbs only slows.
const BATCH: Duration = Duration::from_millis(20);
/// Bytes written and synced at once in the sequential test, and how many at most in all.
const PIECE_BYTES: usize = 4 << 20;
const FILE_BYTES_MAX: u64 = 64 << 20;
/// What a random write writes.
const PAGE_BYTES: usize = 4096;

/// How a value is written for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    PerSecond,
    BytesPerSecond,
    Bytes,
    Plain,
}

/// One property of the machine and what it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// For JSON; units last.
    pub name: &'static str,
    /// For people.
    pub label: &'static str,
    pub value: f64,
    pub minimum: f64,
    unit: Unit,
}

impl Reading {
    pub fn is_enough(&self) -> bool {
        self.value >= self.minimum
    }

    /// The value, and the minimum beside it.
    pub fn text(&self) -> String {
        let (value, minimum) = (self.unit.text(self.value), self.unit.text(self.minimum));
        let verdict = if self.is_enough() { "ok" } else { "too little" };
        format!("{value} (minimum {minimum}): {verdict}")
    }
}

impl Unit {
    fn text(self, value: f64) -> String {
        let mib = value / f64::from(1 << 20);
        match self {
            Self::PerSecond => format!("{value:.0} per second"),
            Self::BytesPerSecond => format!("{mib:.0} MiB per second"),
            Self::Bytes => format!("{mib:.0} MiB"),
            Self::Plain => format!("{value:.0}"),
        }
    }
}

/// What was measured; always the same readings in the same order.
#[derive(Clone, Debug, PartialEq)]
pub struct Hardware {
    pub readings: Vec<Reading>,
}

impl Hardware {
    /// Measures signatures on this thread, the disk under `folder`, and asks the system for memory and cores. Takes
    /// about half a second, more only where single operations of the disk take that long; leaves no file behind.
    pub fn measure(folder: &Path) -> io::Result<Self> {
        let reading = |name, label, value, minimum, unit| Reading {
            name,
            label,
            value,
            minimum,
            unit,
        };
        let disk = Disk::measure(folder)?;
        let memory = Memory::read()?;
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self {
            readings: vec![
                reading(
                    "ml_dsa_87_verifications_per_second",
                    "ML-DSA-87 verification on one core",
                    verifications_per_second(SignatureScheme::MlDsa87)?,
                    ML_DSA_87_PER_SECOND_MIN,
                    Unit::PerSecond,
                ),
                reading(
                    "falcon_512_verifications_per_second",
                    "Falcon-512 verification on one core",
                    verifications_per_second(SignatureScheme::Falcon512)?,
                    FALCON_512_PER_SECOND_MIN,
                    Unit::PerSecond,
                ),
                reading(
                    "disk_write_bytes_per_second",
                    "sequential writing to disk",
                    disk.bytes_per_second,
                    DISK_WRITE_BYTES_PER_SECOND_MIN,
                    Unit::BytesPerSecond,
                ),
                reading(
                    "disk_synced_writes_per_second",
                    "random writes of 4 KiB, each synced",
                    disk.synced_per_second,
                    DISK_SYNCED_WRITES_PER_SECOND_MIN,
                    Unit::PerSecond,
                ),
                reading("memory_bytes", "memory", memory.total, MEMORY_BYTES_MIN, Unit::Bytes),
                reading(
                    "memory_available_bytes",
                    "memory available",
                    memory.available,
                    MEMORY_AVAILABLE_BYTES_MIN,
                    Unit::Bytes,
                ),
                reading("cores", "cores", cores as f64, CORES_MIN, Unit::Plain),
            ],
        })
    }

    pub fn is_enough(&self) -> bool {
        self.readings.iter().all(Reading::is_enough)
    }

    /// One line a reading; those below their minimum as warnings.
    pub fn log(&self) {
        for reading in &self.readings {
            let (label, text) = (reading.label, reading.text());
            if reading.is_enough() {
                tracing::info!("hardware: {label}: {text}");
            } else {
                tracing::warn!("hardware: {label}: {text}; blocks may come late");
            }
        }
    }

    /// Puts the readings into gauges. They are there only on a node that measured.
    pub fn register(&self, registry: &Registry) -> Result<(), MetricsError> {
        let verifications = registry.gauge_vec(
            "quids_hardware_verifications_per_second",
            "Signatures that one core verified in a second when the node started, by scheme.",
            &["scheme"],
        )?;
        let gauges = [
            (
                "disk_write_bytes_per_second",
                registry.gauge(
                    "quids_hardware_disk_write_bytes_per_second",
                    "Bytes written to disk in sequence in a second when the node started.",
                )?,
            ),
            (
                "disk_synced_writes_per_second",
                registry.gauge(
                    "quids_hardware_disk_synced_writes_per_second",
                    "Random writes of 4 KiB, each synced, in a second when the node started.",
                )?,
            ),
            (
                "memory_bytes",
                registry.gauge(
                    "quids_hardware_memory_bytes",
                    "Memory of the machine, or of the control group if that is less.",
                )?,
            ),
            (
                "memory_available_bytes",
                registry.gauge(
                    "quids_hardware_memory_available_bytes",
                    "Memory of it that was free or reclaimable when the node started.",
                )?,
            ),
            (
                "cores",
                registry.gauge("quids_hardware_cores", "Processor cores that the node may use.")?,
            ),
            (
                "ml_dsa_87_verifications_per_second",
                verifications.with_label_values(&[SignatureScheme::MlDsa87.name()]),
            ),
            (
                "falcon_512_verifications_per_second",
                verifications.with_label_values(&[SignatureScheme::Falcon512.name()]),
            ),
        ];
        for (name, gauge) in gauges {
            if let Some(reading) = self.readings.iter().find(|reading| reading.name == name) {
                gauge.set(reading.value);
            }
        }
        Ok(())
    }
}

fn verifications_per_second(scheme: SignatureScheme) -> io::Result<f64> {
    let failed = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", scheme.name()));
    let pair = KeyPair::from_seed(scheme, &[7; 32]).map_err(|error| failed(&error))?;
    let message = [3; 64];
    let signature = pair.sign(&message);
    let public = pair.public();
    let mut best: f64 = 0.0;
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let (batch, mut count) = (Instant::now(), 0u32);
        while batch.elapsed() < BATCH {
            if !verify_raw(scheme.tag(), public.as_bytes(), &message, signature.as_bytes()) {
                return Err(failed(&"its own signature does not verify"));
            }
            count += 1;
        }
        best = best.max(f64::from(count) / batch.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// How fast the disk under a folder takes what a database writes.
struct Disk {
    bytes_per_second: f64,
    synced_per_second: f64,
}

impl Disk {
    fn measure(folder: &Path) -> io::Result<Self> {
        // The base path of a first start is not there yet: the nearest folder above it is on the same disk.
        let folder = folder.ancestors().find(|folder| folder.is_dir());
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        // Without a name from the start, so that not even a killed process leaves it.
        let file = tempfile::tempfile_in(folder.unwrap_or(Path::new(".")))?;
        let (size, bytes_per_second) = write_in_sequence(&file)?;
        let synced_per_second = write_at_random(&file, size)?;
        Ok(Self {
            bytes_per_second,
            synced_per_second,
        })
    }
}

/// The bytes written, and how many of them in a second.
fn write_in_sequence(file: &File) -> io::Result<(u64, f64)> {
    // Bytes that no disk can compress.
    let mut piece = vec![0; PIECE_BYTES];
    getrandom::fill(&mut piece)?;
    let (start, mut written) = (Instant::now(), 0);
    while written < FILE_BYTES_MAX && start.elapsed() < PATIENCE {
        file.write_all_at(&piece, written)?;
        file.sync_data()?;
        written += PIECE_BYTES as u64;
    }
    Ok((written, written as f64 / start.elapsed().as_secs_f64()))
}

/// Synced writes in a second.
fn write_at_random(file: &File, size: u64) -> io::Result<f64> {
    let mut page = vec![0; PAGE_BYTES];
    getrandom::fill(&mut page)?;
    let pages = (size / PAGE_BYTES as u64).max(1);
    let (start, mut count) = (Instant::now(), 0u32);
    while start.elapsed() < PATIENCE {
        let mut random = [0; 8];
        getrandom::fill(&mut random)?;
        let position = u64::from_le_bytes(random) % pages * PAGE_BYTES as u64;
        file.write_all_at(&page, position)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// Bytes of memory that are free for this process: the machine's, as far as its control groups let it have them.
pub fn available_bytes() -> io::Result<u64> {
    Ok(Memory::read()?.available as u64)
}

/// Bytes of memory that a process may use.
#[derive(Debug, PartialEq)]
struct Memory {
    total: f64,
    available: f64,
}

impl Memory {
    fn read() -> io::Result<Self> {
        Self::read_below(Path::new("/"))
    }

    fn read_below(root: &Path) -> io::Result<Self> {
        let info = std::fs::read_to_string(root.join("proc/meminfo"))?;
        let groups = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
        let machine =
            Self::parse(&info).ok_or_else(|| io::Error::other("/proc/meminfo states no MemTotal and MemAvailable"))?;
        Ok(machine.within(&root.join("sys/fs/cgroup"), own_group(&groups)))
    }

    fn parse(info: &str) -> Option<Self> {
        let field = |name: &str| -> Option<f64> {
            let line = info.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            Some(kib * 1024.0)
        };
        Some(Self {
            total: field("MemTotal:")?,
            available: field("MemAvailable:")?,
        })
    }

    /// What a control group (version 2) and those above it leave of this: each of them limits.
    fn within(mut self, mount: &Path, group: &Path) -> Self {
        let number = |path: PathBuf| std::fs::read_to_string(path).ok()?.trim().parse::<f64>().ok();
        for group in group.ancestors() {
            let group = mount.join(group);
            // "max" is no number: no limit.
            if let Some(limit) = number(group.join("memory.max")) {
                // Pages of files that nobody uses go when memory is asked for.
                let idle = std::fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
                let idle = idle.lines().find_map(|line| line.strip_prefix("inactive_file "));
                let idle: f64 = idle.and_then(|bytes| bytes.parse().ok()).unwrap_or(0.0);
                let used = number(group.join("memory.current")).unwrap_or(0.0) - idle;
                self.total = self.total.min(limit);
                self.available = self.available.min((limit - used).max(0.0));
            }
        }
        self
    }
}

/// From `/proc/self/cgroup` the group of version 2, relative to where groups are mounted; the uppermost one if there is
/// none, or if it lies outside of what this namespace sees.
fn own_group(groups: &str) -> &Path {
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    let group = group.filter(|group| !group.split('/').any(|part| part == ".."));
    Path::new(group.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_the_machines_or_the_least_of_the_control_groups() {
        let info = "MemTotal:        8000 kB\nMemFree: 1 kB\nMemAvailable:    6000 kB\n";
        let check = |groups: Option<&str>, files: &[(&str, &str)], total: f64, available: f64| {
            let root = tempfile::tempdir().unwrap();
            let put = |path: &str, text: &str| {
                let path = root.path().join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            };
            put("proc/meminfo", info);
            if let Some(groups) = groups {
                put("proc/self/cgroup", groups);
            }
            for (path, text) in files {
                put(&format!("sys/fs/cgroup/{path}"), text);
            }
            let expected = Memory {
                total: total * 1024.0,
                available: available * 1024.0,
            };
            assert_eq!(
                Memory::read_below(root.path()).unwrap(),
                expected,
                "{groups:?} {files:?}"
            );
        };
        check(None, &[], 8000.0, 6000.0);
        check(
            Some("0::/\n"),
            &[("memory.max", "max\n"), ("memory.current", "1024\n")],
            8000.0,
            6000.0,
        );
        // That of a container is at the top of what it sees.
        check(
            Some("0::/\n"),
            &[("memory.max", "4096000\n"), ("memory.current", "1024000\n")],
            4000.0,
            3000.0,
        );
        check(
            Some("0::/\n"),
            &[
                ("memory.max", "4096000\n"),
                ("memory.current", "2048000\n"),
                ("memory.stat", "anon 5\ninactive_file 1024000\nactive_file 7\n"),
            ],
            4000.0,
            3000.0,
        );
        check(
            Some("0::/"),
            &[("memory.max", "1024"), ("memory.current", "2048")],
            1.0,
            0.0,
        );
        // A unit of systemd is far below, and each group above it limits too.
        let unit = "1:name=systemd:/x\n0::/system.slice/quids.service\n";
        check(
            Some(unit),
            &[
                ("system.slice/memory.max", "max"),
                ("system.slice/quids.service/memory.max", "2048000"),
                ("system.slice/quids.service/memory.current", "1024000"),
                ("other/memory.max", "1"),
            ],
            2000.0,
            1000.0,
        );
        check(
            Some(unit),
            &[
                ("system.slice/memory.max", "3072000"),
                ("system.slice/memory.current", "3072000"),
                ("system.slice/quids.service/memory.max", "2048000"),
            ],
            2000.0,
            0.0,
        );
        // Outside of the namespace, and of version 1: nothing is known.
        check(Some("0::/../../up\n"), &[("up/memory.max", "1")], 8000.0, 6000.0);
        check(Some("4:memory:/a\n"), &[("a/memory.max", "1")], 8000.0, 6000.0);
        for damaged in [
            "",
            "MemTotal: 1 kB",
            "MemTotal: x kB\nMemAvailable: 1 kB",
            "MemTotal: 1\nMemAvailable: 1",
        ] {
            assert_eq!(Memory::parse(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn a_reading_below_its_minimum_says_so_with_both_numbers() {
        let reading = |value| Reading {
            name: "memory_bytes",
            label: "memory",
            value,
            minimum: f64::from(2 << 20),
            unit: Unit::Bytes,
        };
        assert_eq!(reading(f64::from(1 << 20)).text(), "1 MiB (minimum 2 MiB): too little");
        assert_eq!(reading(f64::from(2 << 20)).text(), "2 MiB (minimum 2 MiB): ok");
        let hardware = |value| Hardware {
            readings: vec![reading(1e9), reading(value)],
        };
        assert!(hardware(1e9).is_enough() && !hardware(1.0).is_enough());
    }

    #[test]
    fn measuring_is_quick_plausible_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let hardware = Hardware::measure(&folder.path().join("not/there/yet")).unwrap();
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let value = |name| {
            hardware
                .readings
                .iter()
                .find(|reading| reading.name == name)
                .unwrap()
                .value
        };
        // Falcon-512 verifies about ten times as fast on any machine.
        let ratio = value("falcon_512_verifications_per_second") / value("ml_dsa_87_verifications_per_second");
        assert!((3.0..30.0).contains(&ratio), "{ratio}");
        assert!(value("memory_available_bytes") <= value("memory_bytes"));
        assert!(
            hardware.readings.iter().all(|reading| reading.value > 0.0),
            "{hardware:?}"
        );
    }

    #[test]
    fn every_reading_has_a_gauge_with_its_value() {
        let registry = Registry::new();
        let names = [
            "ml_dsa_87_verifications_per_second",
            "falcon_512_verifications_per_second",
            "disk_write_bytes_per_second",
            "disk_synced_writes_per_second",
            "memory_bytes",
            "memory_available_bytes",
            "cores",
        ];
        let reading = |(index, name): (usize, &&'static str)| Reading {
            name,
            label: "",
            value: 1000.0 + index as f64,
            minimum: 0.0,
            unit: Unit::Plain,
        };
        let hardware = Hardware {
            readings: names.iter().enumerate().map(reading).collect(),
        };
        hardware.register(&registry).unwrap();
        let text = registry.encode();
        for (index, name) in names.iter().enumerate() {
            assert!(text.contains(&format!(" {}\n", 1000 + index)), "{name}: {text}");
        }
        let measured = Hardware::measure(Path::new(".")).unwrap();
        let found: Vec<_> = measured.readings.iter().map(|reading| reading.name).collect();
        assert_eq!(found, names);
    }
}
