//! Networks of real processes, and what their tests ask of them.

use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, AtomicU16, Ordering},
    time::{Duration, Instant},
};

/// The longest that anything is waited for; a first start compiles the runtime.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Nodes of one chain, each in a folder of its own.
pub struct Net {
    pub folder: tempfile::TempDir,
    pub nodes: Vec<Node>,
}

pub struct Node {
    /// The binary that it runs, and is asked by.
    pub program: PathBuf,
    pub config: PathBuf,
    pub rpc: u16,
    pub prometheus: u16,
    process: Option<Child>,
}

/// Ports in a row that nobody has, for tests that run side by side; below those that Linux gives to connections.
pub fn free_ports(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 10_000 + (std::process::id() % 110) as u16 * 200;
    loop {
        let first = base + NEXT.fetch_add(count, Ordering::Relaxed) % 190;
        let are_free = (first..first + count).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
        if are_free {
            return first;
        }
    }
}

impl Net {
    /// All files, no process.
    pub fn new(validators: u16, followers: u16) -> Self {
        Self::with_witnesses(validators, 0, followers)
    }

    /// The last of the validators are witnesses.
    pub fn with_witnesses(validators: u16, witnesses: u16, followers: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let count = validators + followers;
        let first = free_ports(3 * count);
        let out = folder.path().join("net");
        let output = Command::new(env!("CARGO_BIN_EXE_quids"))
            .arg("testnet")
            .arg("--out")
            .arg(&out)
            .args(["--validators", &validators.to_string()])
            .args(["--witnesses", &witnesses.to_string()])
            .args(["--followers", &followers.to_string()])
            .args(["--port", &first.to_string()])
            .args(["--rpc-port", &(first + count).to_string()])
            .args(["--prometheus-port", &(first + 2 * count).to_string()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let nodes = (0..count).map(|index| Node {
            program: env!("CARGO_BIN_EXE_quids").into(),
            config: out.join(format!("node-{index}/config.toml")),
            rpc: first + count + index,
            prometheus: first + 2 * count + index,
            process: None,
        });
        Self {
            nodes: nodes.collect(),
            folder,
        }
    }

    pub fn started(validators: u16, followers: u16) -> Self {
        let mut net = Self::new(validators, followers);
        for node in &mut net.nodes[..usize::from(validators)] {
            node.start();
        }
        net
    }

    pub fn of(&mut self, nodes: &[usize]) -> Vec<&mut Node> {
        let chosen = self.nodes.iter_mut().enumerate();
        let chosen = chosen.filter(|(index, _)| nodes.contains(index));
        chosen.map(|(_, node)| node).collect()
    }

    pub fn log(&self, index: usize) -> String {
        fs::read_to_string(self.nodes[index].log()).unwrap_or_default()
    }

    /// Waits until these nodes have this height, and sees that they have the same blocks.
    pub fn agree_on(&self, nodes: &[usize], height: u64) {
        for index in nodes {
            let reached = wait(|| self.nodes[*index].height().is_some_and(|found| found >= height));
            assert!(
                reached,
                "node {index} is at {:?}:\n{}",
                self.nodes[*index].height(),
                self.log(*index)
            );
        }
        for at in 1..=height {
            let hashes: Vec<Value> = nodes
                .iter()
                .map(|index| self.nodes[*index].rpc("chain_getBlockHash", json!([at])))
                .collect();
            assert!(hashes.windows(2).all(|two| two[0] == two[1]), "height {at}: {hashes:?}");
            assert!(hashes[0].is_string(), "height {at}: {hashes:?}");
        }
    }

    pub fn all(&self) -> Vec<usize> {
        (0..self.nodes.len()).collect()
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            node.kill();
        }
        if std::thread::panicking() {
            for index in 0..self.nodes.len() {
                let log = self.log(index);
                let lines: Vec<_> = log.lines().collect();
                let last = &lines[lines.len().saturating_sub(30)..];
                println!("node {index}:\n{}", last.join("\n"));
            }
        }
        let _ = &self.folder;
    }
}

impl Node {
    pub fn log(&self) -> PathBuf {
        self.config.with_file_name("log")
    }

    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    pub fn start_with(&mut self, env: &[(&str, &str)]) {
        self.start_as(env, &[]);
    }

    pub fn start_as(&mut self, env: &[(&str, &str)], arguments: &[&str]) {
        let log = File::options().append(true).create(true).open(self.log()).unwrap();
        let process = Command::new(&self.program)
            .arg("run")
            .arg("--config")
            .arg(&self.config)
            .args(["--status", "never"])
            .args(arguments)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    /// As kill -9 does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            process.wait().unwrap();
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: &str) {
        let process = self.process.as_ref().unwrap().id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &process])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Its name in the network.
    pub fn peer_id(&self) -> String {
        self.rpc("system_localPeerId", json!([])).as_str().unwrap().to_owned()
    }

    /// By SIGTERM, as an operator does.
    pub fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        let sent = Command::new("kill").arg(process.id().to_string()).status().unwrap();
        assert!(sent.success());
        let status = process.wait().unwrap();
        assert!(status.success(), "{status}");
    }

    pub fn has_ended(&mut self) -> bool {
        self.outcome().is_some()
    }

    /// How it ended, if it did.
    pub fn outcome(&mut self) -> Option<ExitStatus> {
        self.process.as_mut()?.try_wait().unwrap()
    }

    pub fn try_rpc(&self, method: &str, params: Value) -> Option<Value> {
        let mut answer = self.ask(method, params)?;
        answer.get("result").is_some().then(|| answer["result"].take())
    }

    /// What is said when it cannot.
    pub fn error(&self, method: &str, params: Value) -> String {
        let answer = self.ask(method, params).expect("an answer");
        answer["error"].to_string()
    }

    pub fn ask(&self, method: &str, params: Value) -> Option<Value> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.rpc)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        write!(
            stream,
            "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8(answer).ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        serde_json::from_str(body).ok()
    }

    /// As a monitoring system reads them.
    pub fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.prometheus)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub fn rpc(&self, method: &str, params: Value) -> Value {
        let answer = self.try_rpc(method, params.clone());
        answer.unwrap_or_else(|| panic!("no answer to {method} {params}"))
    }

    pub fn height(&self) -> Option<u64> {
        let header = self.try_rpc("chain_getHeader", json!([]))?;
        number(&header["number"])
    }

    pub fn peers(&self) -> u64 {
        let health = self.try_rpc("system_health", json!([]));
        health.and_then(|health| health["peers"].as_u64()).unwrap_or_default()
    }
}

pub fn number(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

pub fn wait(mut until: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if until() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    false
}

/// Ends what waits for this flag, however its test ends.
pub struct SetOnDrop<'a>(pub &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends tokens by the command line.
pub fn transfer(node: &Node, from: &str, to: &str, amount: &str) -> String {
    quids(
        node,
        &["tx", "transfer", "--from", from, "--to", to, "--amount", amount],
    )
}

/// Heights of the test under load: `scripts/test --long` asks for a hundred.
pub fn heights() -> u64 {
    let asked = std::env::var("QUIDS_NETWORK_HEIGHTS").ok();
    asked.map_or(12, |text| text.parse().expect("QUIDS_NETWORK_HEIGHTS is a number"))
}

/// Runs the command line against a node; its output.
pub fn quids(node: &Node, arguments: &[&str]) -> String {
    let output = Command::new(&node.program)
        .args(arguments)
        .args(["--rpc", &format!("ws://127.0.0.1:{}", node.rpc)])
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs the command line on the chain of a network, to its end; whether it went well, and what it said.
pub fn quids_offline(arguments: &[&str], net: &Net) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quids"));
    let spec = net.folder.path().join("net/spec.json");
    command.args(arguments);
    if arguments[0] != "run" {
        command.arg("--chain").arg(&spec);
    }
    let output = command.output().unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    )
}
