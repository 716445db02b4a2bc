//! `node`: the real `quids` binary from exec to its first block, and what it takes when it has nothing to do.

use crate::{
    Result,
    args::Args,
    machine::{Machine, memory_mib},
    statistics::{Samples, verdict},
};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// Seconds from exec to the first block with a warm code cache.
const FIRST_BLOCK_MAX: f64 = 1.0;
/// MiB of resident memory of an idle node.
const MEMORY_MAX: f64 = 200.0;
/// A node without a block by then is broken.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);
const GET_HEADER: &str = r#"{"jsonrpc":"2.0","id":1,"method":"chain_getHeader","params":[]}"#;

/// A running node, ended when it is dropped.
pub struct Node {
    child: Child,
    port: u16,
    started: Instant,
    /// What it leaves behind: it is killed, and cleans up nothing.
    _folder: tempfile::TempDir,
}

impl Drop for Node {
    fn drop(&mut self) {
        // By its own process id; it may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Node {
    fn start(quids: &Path, code_cache: &Path) -> Result<Self> {
        Self::start_with(quids, code_cache, &[])
    }

    pub fn start_with(quids: &Path, code_cache: &Path, more: &[&str]) -> Result<Self> {
        // Free now; nobody else is after it.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(quids);
        command.args(["run", "--dev", "--tmp", "--rpc-port", &port.to_string()]);
        command.args(more);
        let folder = tempfile::tempdir()?;
        command
            .env("TMPDIR", folder.path())
            .env("QUIDS_CODE_CACHE", code_cache)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = Instant::now();
        let child = command
            .spawn()
            .map_err(|error| format!("{}: {error}", quids.display()))?;
        Ok(Self {
            child,
            port,
            started,
            _folder: folder,
        })
    }

    /// The last block's number, once the node answers.
    fn height(&self) -> Option<u64> {
        let timeout = Duration::from_secs(2);
        let mut stream = TcpStream::connect_timeout(&([127, 0, 0, 1], self.port).into(), timeout).ok()?;
        stream.set_read_timeout(Some(timeout)).ok()?;
        let length = GET_HEADER.len();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        stream
            .write_all([head.as_bytes(), GET_HEADER.as_bytes()].concat().as_slice())
            .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        number_in(&answer)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn wait_for_block(&mut self) -> Result<Duration> {
        loop {
            let asked = self.started.elapsed();
            if self.height().is_some_and(|height| height >= 1) {
                return Ok(asked);
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the node ended by itself: {status}").into());
            }
            if asked > PATIENCE {
                return Err(format!("no block within {PATIENCE:?}").into());
            }
            sleep(POLL);
        }
    }

    /// Resident memory in MiB: now, and the most it ever was.
    pub fn memory(&self) -> Result<(f64, f64)> {
        memory_mib(&self.child.id().to_string())
    }
}

/// The block number in an answer to `chain_getHeader`.
pub fn number_in(answer: &str) -> Option<u64> {
    let rest = answer.split_once(r#""number":"0x"#)?.1;
    u64::from_str_radix(rest.split('"').next()?, 16).ok()
}

/// `quids` beside this binary.
pub fn sibling() -> Result<PathBuf> {
    let quids = std::env::current_exe()?.with_file_name("quids");
    if quids.is_file() {
        Ok(quids)
    } else {
        Err(format!("{} is not there: build it", quids.display()).into())
    }
}

pub fn run(mut args: Args) -> Result {
    let quids = args.text("quids").map_or_else(sibling, |path| Ok(path.into()))?;
    let (runs, idle): (usize, f64) = (args.value("runs", 3)?, args.value("idle-seconds", 10.0)?);
    let as_json = args.switch("json");
    args.finish()?;
    let machine = Machine::here();
    let (mut cold, mut warm) = (Samples::default(), Samples::default());
    let mut cache = tempfile::tempdir()?;
    for _ in 0..runs {
        cache = tempfile::tempdir()?;
        cold.push(Node::start(&quids, cache.path())?.wait_for_block()?.as_secs_f64());
        // The cold start left its compiled code here.
        warm.push(Node::start(&quids, cache.path())?.wait_for_block()?.as_secs_f64());
    }
    let mut node = Node::start(&quids, cache.path())?;
    node.wait_for_block()?;
    sleep(Duration::try_from_secs_f64(idle)?);
    let height = node.height().unwrap_or_default();
    let (resident, peak) = node.memory()?;
    if as_json {
        let figures: Value = json!({
            "machine": machine.json(), "first_block_seconds_cold": cold.json(), "first_block_seconds_warm": warm.json(),
            "idle_mib": resident, "peak_mib": peak, "height": height,
        });
        println!("{figures}");
        return Ok(());
    }
    println!("{machine}");
    println!("exec to first block over RPC, s: cold code cache {}", cold.shown(2));
    let holds = warm.median() <= FIRST_BLOCK_MAX;
    println!(
        "                                 warm code cache {}  ≤ {FIRST_BLOCK_MAX} {}",
        warm.shown(2),
        verdict(holds)
    );
    let holds = resident <= MEMORY_MAX;
    println!(
        "resident after {idle} s without transactions (block {height}): {resident:.0} MiB  ≤ {MEMORY_MAX} {}",
        verdict(holds)
    );
    println!("the most since its start: {peak:.0} MiB");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_in_a_header() {
        let answer = "HTTP/1.1 200 OK\r\n\r\n{\"jsonrpc\":\"2.0\",\"result\":{\"parentHash\":\"0x00\",\"number\":\"0x1f\"},\"id\":1}";
        assert_eq!(number_in(answer), Some(31));
        assert_eq!(number_in("HTTP/1.1 503 \r\n\r\n"), None);
    }
}
