//! A development node as a process: anvil or ours, told apart by the binary's name.

use super::{http::Client, metrics::Seconds};
use crate::{Result, machine::memory_mib};
use serde_json::json;
use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(20);

/// When blocks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// Every second, as `anvil --block-time 1`.
    EverySecond,
    /// When asked, or as transactions come.
    Instant,
}

/// A running node, ended when it is dropped.
pub struct Contender {
    child: Child,
    pub port: u16,
    /// Ours has metrics.
    metrics: Option<u16>,
    /// What it says on standard error, and leaves behind.
    folder: tempfile::TempDir,
}

impl Drop for Contender {
    fn drop(&mut self) {
        // By its own process id; it may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Contender {
    /// What to call it.
    pub fn name_of(binary: &Path) -> String {
        let name = binary.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Starts it on a free port and waits until it answers. `gas_limit`: another than its default for blocks.
    pub fn start(binary: &Path, sealing: Sealing, gas_limit: Option<u64>) -> Result<Self> {
        // Both open, so that they differ; free afterwards, and nobody else is after them.
        let (rpc, prometheus) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        let (port, metrics) = (rpc.local_addr()?.port(), prometheus.local_addr()?.port());
        drop((rpc, prometheus));
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(binary);
        let gas_limit = gas_limit.map(|gas| gas.to_string());
        let is_anvil = Self::name_of(binary).starts_with("anvil");
        if is_anvil {
            command.args(["--port", &port.to_string(), "--silent"]);
            if sealing == Sealing::EverySecond {
                command.args(["--block-time", "1"]);
            }
            if let Some(gas_limit) = &gas_limit {
                command.args(["--gas-limit", gas_limit]);
            }
        } else {
            command.args(["run", "--dev", "--tmp", "--rpc-port", &port.to_string()]);
            command.args(["--prometheus-port", &metrics.to_string()]);
            match sealing {
                Sealing::EverySecond => command.args(["--block-time", "1000"]),
                Sealing::Instant => command.args(["--sealing", "instant"]),
            };
            if let Some(gas_limit) = &gas_limit {
                command.args(["--gas-limit", gas_limit]);
            }
            command.env("QUIDS_CODE_CACHE", std::env::temp_dir().join("quids-bench-code-cache"));
        }
        // It is killed, and cleans up nothing.
        let child = command
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("stderr"))?)
            .spawn()
            .map_err(|error| format!("{}: {error}", binary.display()))?;
        let mut contender = Self {
            child,
            port,
            metrics: (!is_anvil).then_some(metrics),
            folder,
        };
        contender.wait(binary)?;
        Ok(contender)
    }

    fn wait(&mut self, binary: &Path) -> Result {
        let started = Instant::now();
        loop {
            let asked = Client::connect(self.port).and_then(|mut client| client.number("eth_blockNumber", &json!([])));
            let Err(error) = asked else { return Ok(()) };
            if let Some(status) = self.child.try_wait()? {
                let said = fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default();
                return Err(format!("{} ended by itself: {status}: {said}", binary.display()).into());
            }
            if started.elapsed() > PATIENCE {
                return Err(format!("{} does not answer: {error}", binary.display()).into());
            }
            sleep(POLL);
        }
    }

    pub fn client(&self) -> Result<Client> {
        Client::connect(self.port)
    }

    /// What its metrics say about time; nothing of anvil.
    pub fn seconds(&self) -> Result<Seconds> {
        self.metrics.map_or_else(|| Ok(Seconds::default()), Seconds::scraped)
    }

    /// The most memory that was ever resident, in MiB.
    pub fn peak_mib(&self) -> Result<f64> {
        Ok(memory_mib(&self.child.id().to_string())?.1)
    }

    /// Seconds on a CPU so far, all threads together.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Behind the name, which may have spaces: state, then ten more before the times.
        let (_, fields) = stat.rsplit_once(')').ok_or("no name in /proc/PID/stat")?;
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>())
            .sum::<std::result::Result<u64, _>>()?;
        // SAFETY: it takes a number and touches no memory of ours.
        let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        Ok(ticks as f64 / per_second as f64)
    }
}
