//! Networks of real processes on loopback: they agree, whoever is killed, and go on as long as a quorum can talk.

use codec::{Decode, DecodeAll};
use quids_api::pobpc::{NextCommittee, POBPC_ENGINE_ID};
use quids_core::{DigestItem, Hash};
use quids_crypto::PublicKey;
use quids_node::blocks;
use quids_pobpc::{Committee, Role, Seat, SigningCertificate, SigningRequest};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU16, Ordering},
    time::{Duration, Instant},
};

/// The longest that anything is waited for; a first start compiles the runtime.
const PATIENCE: Duration = Duration::from_secs(120);

/// Nodes of one chain, each in a folder of its own.
struct Net {
    folder: tempfile::TempDir,
    nodes: Vec<Node>,
}

struct Node {
    config: PathBuf,
    rpc: u16,
    process: Option<Child>,
}

/// Ports in a row that nobody has, for tests that run side by side; below those that Linux gives to connections.
fn free_ports(count: u16) -> u16 {
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
    fn new(validators: u16, followers: u16) -> Self {
        Self::with_witnesses(validators, 0, followers)
    }

    /// The last of the validators are witnesses.
    fn with_witnesses(validators: u16, witnesses: u16, followers: u16) -> Self {
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
            config: out.join(format!("node-{index}/config.toml")),
            rpc: first + count + index,
            process: None,
        });
        Self {
            nodes: nodes.collect(),
            folder,
        }
    }

    fn started(validators: u16, followers: u16) -> Self {
        let mut net = Self::new(validators, followers);
        for node in &mut net.nodes[..usize::from(validators)] {
            node.start();
        }
        net
    }

    fn of(&mut self, nodes: &[usize]) -> Vec<&mut Node> {
        let chosen = self.nodes.iter_mut().enumerate();
        let chosen = chosen.filter(|(index, _)| nodes.contains(index));
        chosen.map(|(_, node)| node).collect()
    }

    fn log(&self, index: usize) -> String {
        fs::read_to_string(self.nodes[index].log()).unwrap_or_default()
    }

    /// Waits until these nodes have this height, and sees that they have the same blocks.
    fn agree_on(&self, nodes: &[usize], height: u64) {
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

    fn all(&self) -> Vec<usize> {
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
    fn log(&self) -> PathBuf {
        self.config.with_file_name("log")
    }

    fn start(&mut self) {
        self.start_with(&[]);
    }

    fn start_with(&mut self, env: &[(&str, &str)]) {
        self.start_as(env, &[]);
    }

    fn start_as(&mut self, env: &[(&str, &str)], arguments: &[&str]) {
        let log = File::options().append(true).create(true).open(self.log()).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_quids"))
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
    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            process.wait().unwrap();
        }
    }

    /// Sends it a signal.
    fn signal(&self, signal: &str) {
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
    fn peer_id(&self) -> String {
        self.rpc("system_localPeerId", json!([])).as_str().unwrap().to_owned()
    }

    /// By SIGTERM, as an operator does.
    fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        let sent = Command::new("kill").arg(process.id().to_string()).status().unwrap();
        assert!(sent.success());
        let status = process.wait().unwrap();
        assert!(status.success(), "{status}");
    }

    fn has_ended(&mut self) -> bool {
        self.process
            .as_mut()
            .is_some_and(|process| process.try_wait().unwrap().is_some())
    }

    fn try_rpc(&self, method: &str, params: Value) -> Option<Value> {
        let mut answer = self.ask(method, params)?;
        answer.get("result").is_some().then(|| answer["result"].take())
    }

    /// What is said when it cannot.
    fn error(&self, method: &str, params: Value) -> String {
        let answer = self.ask(method, params).expect("an answer");
        answer["error"].to_string()
    }

    fn ask(&self, method: &str, params: Value) -> Option<Value> {
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

    fn rpc(&self, method: &str, params: Value) -> Value {
        let answer = self.try_rpc(method, params.clone());
        answer.unwrap_or_else(|| panic!("no answer to {method} {params}"))
    }

    fn height(&self) -> Option<u64> {
        let header = self.try_rpc("chain_getHeader", json!([]))?;
        number(&header["number"])
    }

    fn peers(&self) -> u64 {
        let health = self.try_rpc("system_health", json!([]));
        health.and_then(|health| health["peers"].as_u64()).unwrap_or_default()
    }
}

fn number(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

fn wait(mut until: impl FnMut() -> bool) -> bool {
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
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends tokens by the command line.
fn transfer(node: &Node, from: &str, to: &str, amount: &str) -> String {
    quids(
        node,
        &["tx", "transfer", "--from", from, "--to", to, "--amount", amount],
    )
}

#[test]
fn four_nodes_agree_whoever_is_killed() {
    let mut net = Net::started(4, 1);
    let four = [0, 1, 2, 3];
    net.agree_on(&four, 3);
    assert!(wait(|| net.nodes[0].peers() >= 3));
    // Whichever node has it, all put it into the same block.
    for (node, from) in [(0, "alice"), (1, "bob"), (2, "charlie")] {
        transfer(&net.nodes[node], from, "dave", "1");
    }
    let state = net.nodes[3].rpc("quids_consensusState", json!([]));
    assert_eq!((&state["seats"], &state["votes"]), (&json!(4), &json!(3)));
    // Killed, it comes back where it was, and the others did not wait.
    let before = net.nodes[1].height().unwrap();
    net.nodes[1].kill();
    net.agree_on(&[0, 2, 3], before + 4);
    net.nodes[1].start();
    net.agree_on(&four, before + 7);
    // Two down: nothing is decided, until one is back.
    net.nodes[2].kill();
    net.nodes[3].kill();
    std::thread::sleep(Duration::from_secs(2));
    let stuck = net.nodes[0].height().unwrap();
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(net.nodes[0].height(), Some(stuck));
    net.nodes[2].start();
    net.agree_on(&[0, 1, 2], stuck + 3);
    // A node that was never there comes to the same, and has the proofs.
    net.nodes[4].start();
    net.agree_on(&[0, 1, 2, 4], stuck + 5);
    let hash = net.nodes[4].rpc("chain_getBlockHash", json!([3]));
    let proof = net.nodes[4].rpc("quids_justification", json!([hash]));
    assert!(proof["signatures"].as_array().unwrap().len() >= 3, "{proof}");
    net.nodes[3].start();
    net.agree_on(&net.all(), stuck + 8);
    for node in net.of(&[0, 1, 2, 3, 4]) {
        assert!(!node.has_ended());
        node.stop();
    }
}

/// Ten validators, of which each height draws seven: all come to the same blocks and committees, also with some of them down.
#[test]
fn committees_are_drawn_anew_and_all_agree() {
    let mut net = Net::started(10, 0);
    net.agree_on(&net.all(), 4);
    for node in [8, 9] {
        net.nodes[node].kill();
    }
    let height = net.nodes[0].height().unwrap();
    let eight: Vec<_> = (0..8).collect();
    net.agree_on(&eight, height + 6);
    let mut hashes = std::collections::BTreeSet::new();
    for at in 1..=height {
        let block = net.nodes[0].rpc("chain_getBlockHash", json!([at]));
        let committee = net.nodes[0].rpc("quids_committee", json!([block]));
        assert_eq!(committee["seats"].as_array().unwrap().len(), 7);
        assert_eq!(committee, net.nodes[5].rpc("quids_committee", json!([block])));
        hashes.insert(committee["hash"].to_string());
        // The header commits to it.
        let header = net.nodes[3].rpc("chain_getHeader", json!([block]));
        let hash = committee["hash"].as_str().unwrap().trim_start_matches("0x").to_owned();
        assert!(header["digest"].to_string().contains(&hash), "{header} {hash}");
    }
    assert!(hashes.len() > 1, "the committee never changed");
}

/// Two nodes with one key propose two blocks when it has the turn: everybody can prove it, and the validator loses its seat.
#[test]
fn who_proposes_twice_loses_the_seat() {
    let mut net = Net::new(4, 1);
    // The follower gets the last validator's keys and configuration, but for ports and name.
    let (of, to) = (net.nodes[3].config.clone(), net.nodes[4].config.clone());
    let (of, to) = (of.parent().unwrap(), to.parent().unwrap());
    let keystore = Path::new("chains/testnet/keystore");
    fs::create_dir_all(to.join(keystore)).unwrap();
    let mode = fs::metadata(of.join(keystore)).unwrap().permissions();
    fs::set_permissions(to.join(keystore), mode).unwrap();
    for entry in fs::read_dir(of.join(keystore)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(keystore).join(entry.file_name())).unwrap();
    }
    let config = fs::read_to_string(to.join("config.toml")).unwrap();
    let password = of.join("password");
    let config = format!("{config}validator = true\npassword-file = {password:?}\n");
    fs::write(to.join("config.toml"), config).unwrap();
    for node in &mut net.nodes {
        node.start();
    }
    let seats = |net: &Net| {
        let committee = net.nodes[0].try_rpc("quids_committee", json!([]));
        committee.and_then(|committee| Some(committee["seats"].as_array()?.len()))
    };
    assert!(wait(|| seats(&net) == Some(4)), "{}", net.log(0));
    assert!(wait(|| seats(&net) == Some(3)), "{}", net.log(0));
    let height = net.nodes[0].height().unwrap();
    net.agree_on(&[0, 1, 2], height + 3);
}

/// Heights of the test under load: `scripts/test --long` asks for a hundred.
fn heights() -> u64 {
    let asked = std::env::var("QUIDS_NETWORK_HEIGHTS").ok();
    asked.map_or(12, |text| text.parse().expect("QUIDS_NETWORK_HEIGHTS is a number"))
}

/// Runs the command line against a node; its output.
fn quids(node: &Node, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_quids"))
        .args(arguments)
        .args(["--rpc", &format!("ws://127.0.0.1:{}", node.rpc)])
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Transfers and Ethereum transactions at all nodes for many heights: the same blocks, and nobody's tokens are lost.
#[test]
fn all_agree_under_load() {
    let net = Net::started(4, 0);
    net.agree_on(&net.all(), 2);
    let until = 2 + heights();
    let sent = std::thread::scope(|scope| {
        let senders = [(0, "alice"), (1, "bob"), (2, "eth0"), (3, "eth1")].map(|(node, from)| {
            let node = &net.nodes[node];
            scope.spawn(move || {
                let mut sent = 0u64;
                while node.height().is_some_and(|height| height < until) {
                    match from.starts_with("eth") {
                        true => drop(quids(
                            node,
                            &["evm", "send", "--from", from, "--to", "eth9", "--value", "1"],
                        )),
                        false => drop(transfer(node, from, "eth9", "1")),
                    }
                    sent += 1;
                }
                sent
            })
        });
        senders.into_iter().map(|sender| sender.join().unwrap()).sum::<u64>()
    });
    net.agree_on(&net.all(), until + 2);
    assert!(sent >= 4, "{sent}");
    let eth9 = quids_node::spec::dev_accounts()
        .into_iter()
        .find(|(name, _)| *name == "eth9");
    let (_, eth9) = eth9.unwrap();
    let owned = u128::from(sent) * 10u128.pow(18) + quids_node::spec::DEV_BALANCE;
    for node in &net.nodes {
        let balance = node.rpc("eth_getBalance", json!([eth9.to_string(), "latest"]));
        let balance = u128::from_str_radix(balance.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
        assert_eq!(balance, owned);
    }
}

/// The council's way, each step at another node, while contracts' tokens move: nobody restarts, nobody stops.
#[test]
fn the_runtime_is_replaced_while_all_decide() {
    let mut net = Net::started(4, 1);
    net.agree_on(&[0, 1, 2, 3], 2);
    let next = net.folder.path().join("next.wasm");
    fs::write(&next, quids_runtime_wasm::WASM_NEXT).unwrap();
    let next = next.to_str().unwrap();
    let version = |node: &Node| node.rpc("state_getRuntimeVersion", json!([]))["specVersion"].clone();
    let before = version(&net.nodes[0]);
    let status =
        |node: &Node| -> Value { serde_json::from_str(&quids(node, &["upgrade", "status", "--json"])).unwrap() };
    let is_done = AtomicBool::new(false);
    let start = Instant::now();
    let at = std::thread::scope(|scope| {
        let nodes = &net.nodes;
        let end = SetOnDrop(&is_done);
        let load = scope.spawn(|| {
            let mut sent = 0u64;
            while !is_done.load(Ordering::Relaxed) && start.elapsed() < PATIENCE {
                quids(
                    &nodes[0],
                    &["evm", "send", "--from", "eth0", "--to", "eth9", "--value", "1"],
                );
                sent += 1;
            }
            sent
        });
        quids(
            &nodes[1],
            &["upgrade", "propose", next, "--from", "alice", "--notes", "the next"],
        );
        // What one node has in a block, another may learn a moment later.
        let seen = |node: &Node, state: &str| {
            let is_seen = wait(|| status(node)["proposals"][0]["state"] == state);
            assert!(is_seen, "not {state}: {}", status(node));
        };
        seen(&nodes[2], "proposed");
        quids(&nodes[2], &["upgrade", "approve", "0", "--from", "bob"]);
        seen(&nodes[3], "approved");
        quids(&nodes[3], &["upgrade", "upload", "0", next, "--from", "charlie"]);
        seen(&nodes[1], "scheduled");
        let scheduled = status(&nodes[1]);
        let at = scheduled["proposals"][0]["activates_at"].as_u64().unwrap();
        assert!(wait(|| nodes[0].height().is_some_and(|height| height >= at + 2)));
        drop(end);
        assert!(load.join().unwrap() >= 4);
        at
    });
    for node in &net.nodes[..4] {
        assert_ne!(version(node), before);
        assert_eq!(status(node)["proposals"], json!([]));
    }
    // The heights that ran the old code and the new one are those that were announced.
    for (height, is_new) in [(at - 2, false), (at - 1, true)] {
        let hash = net.nodes[2].rpc("chain_getBlockHash", json!([height]));
        let after = net.nodes[2].rpc("state_getRuntimeVersion", json!([hash]))["specVersion"].clone();
        assert_eq!(after != before, is_new, "the code after block {height}");
    }
    transfer(&net.nodes[2], "bob", "dave", "1");
    let height = net.nodes[0].height().unwrap();
    // One that was not there executes old blocks with the old code.
    net.nodes[4].start();
    net.agree_on(&net.all(), height + 3);
    assert_ne!(version(&net.nodes[4]), before);
}

/// A clock that is 2 s ahead does not matter; one that is 20 s ahead has its node's own blocks refused, and no more.
#[test]
fn clocks_that_are_wrong_stop_nobody() {
    let mut net = Net::new(4, 0);
    for (node, skew) in (0..).zip(["0", "2000", "-2000", "20000"]) {
        net.nodes[node].start_with(&[("QUIDS_CLOCK_SKEW_MS", skew)]);
    }
    net.agree_on(&net.all(), 9);
    let refused = (0..3).filter(|node| net.log(*node).contains("too far ahead of this node's clock"));
    assert!(refused.count() > 0);
}

#[test]
fn one_validator_decides_alone_and_others_follow() {
    let mut net = Net::started(1, 1);
    net.nodes[1].start();
    net.agree_on(&[0, 1], 4);
    net.nodes[0].kill();
    net.nodes[0].start();
    net.agree_on(&[0, 1], 8);
    // Its blocks go into a file with their proofs; without them nobody takes them.
    net.nodes[1].stop();
    let path = |name: &str| net.folder.path().join(name).to_str().unwrap().to_owned();
    let (spec, file, bare) = (path("net/spec.json"), path("blocks"), path("bare"));
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quids"));
        let output = command.args(arguments).args(["--chain", &spec]).output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let exported = run(&["export-blocks", "--base-path", &path("net/node-1"), "--out", &file]);
    assert!(exported.0, "{}", exported.1);
    let imported = run(&["import-blocks", "--base-path", &path("there"), &file]);
    assert!(imported.0, "{}", imported.1);
    let whole = fs::read(&file).unwrap();
    let mut input = &whole[..];
    let mut reader = blocks::Reader::new(&mut input).unwrap();
    let mut written = Vec::new();
    let mut writer = blocks::Writer::new(&mut written, reader.header()).unwrap();
    while let Some((_, block)) = reader.next_block().unwrap() {
        assert!(block.justification.is_some());
        writer.write(&block.block.into()).unwrap();
    }
    writer.finish().unwrap();
    fs::write(&bare, written).unwrap();
    let (is_imported, error) = run(&["import-blocks", "--base-path", &path("elsewhere"), &bare]);
    assert!(!is_imported && error.contains("is not known to be final"), "{error}");
}

/// Four decide, of whom two keep no state: neither half can without the other.
#[test]
fn witnesses_decide_without_a_state() {
    let mut net = Net::with_witnesses(4, 2, 0);
    for node in &mut net.nodes {
        node.start();
    }
    let (full, witnesses) = ([0, 1], [2, 3]);
    net.agree_on(&net.all(), 3);
    transfer(&net.nodes[0], "alice", "dave", "1");
    quids(
        &net.nodes[1],
        &["evm", "send", "--from", "eth0", "--to", "eth9", "--value", "1"],
    );
    let height = net.nodes[0].height().unwrap();
    net.agree_on(&net.all(), height);
    for witness in witnesses {
        let node = &net.nodes[witness];
        // It executed blocks, though others may have been decided before it came to them.
        let executed = net.log(witness).matches("decided in").count();
        assert!(executed >= 2, "{}", net.log(witness));
        let hash = node.rpc("chain_getBlockHash", json!([height]));
        let proof = node.rpc("quids_justification", json!([hash]));
        assert_eq!((&proof["block"], &proof["height"]), (&hash, &json!(height)));
        assert!(proof["signatures"].as_array().unwrap().len() >= 3, "{proof}");
        let committees = [0, witness].map(|node| net.nodes[node].rpc("quids_committee", json!([])));
        assert_eq!(committees[0]["seats"], committees[1]["seats"]);
        // What it lacks it says.
        for (method, params) in [
            ("state_getMetadata", json!([])),
            ("chain_getBlock", json!([hash])),
            ("eth_getBalance", json!([format!("0x{:040x}", 1), "latest"])),
            ("author_submitExtrinsic", json!(["0x00"])),
        ] {
            let error = node.error(method, params);
            assert!(error.contains("witness"), "{method}: {error}");
        }
    }
    // Without one witness three are left; it comes back and has what it missed, by headers alone.
    net.nodes[2].kill();
    net.agree_on(&[0, 1, 3], height + 4);
    net.nodes[2].start();
    net.agree_on(&net.all(), height + 7);
    // Without both nothing is decided.
    for witness in witnesses {
        net.nodes[witness].kill();
    }
    std::thread::sleep(Duration::from_secs(2));
    let stuck = net.nodes[0].height().unwrap();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(net.nodes[0].height(), Some(stuck));
    for witness in witnesses {
        net.nodes[witness].start();
    }
    net.agree_on(&net.all(), stuck + 3);
    // New code comes with the proof that needs it, by hash; so do its parts, and the whole that is checked.
    let next = net.folder.path().join("next.wasm");
    fs::write(&next, quids_runtime_wasm::WASM_NEXT).unwrap();
    let next = next.to_str().unwrap();
    quids(&net.nodes[0], &["upgrade", "propose", next, "--from", "alice"]);
    quids(&net.nodes[1], &["upgrade", "approve", "0", "--from", "bob"]);
    quids(&net.nodes[0], &["upgrade", "upload", "0", next, "--from", "charlie"]);
    let status: Value = serde_json::from_str(&quids(&net.nodes[1], &["upgrade", "status", "--json"])).unwrap();
    let at = status["proposals"][0]["activates_at"].as_u64().unwrap();
    net.agree_on(&net.all(), at + 1);
    transfer(&net.nodes[1], "bob", "dave", "1");
    let height = net.nodes[0].height().unwrap();
    net.agree_on(&net.all(), height + 2);
    let version = net.nodes[1].rpc("state_getRuntimeVersion", json!([]))["specVersion"].clone();
    assert_eq!(version, 2);
    for node in full.into_iter().chain(witnesses) {
        net.nodes[node].stop();
    }
    let witness = net.nodes[2].config.parent().unwrap();
    let (is_whole, said) = quids_offline(&["db", "verify", "--base-path", witness.to_str().unwrap()], &net);
    assert!(is_whole, "{said}");
    // One folder, one kind of node.
    for (node, role, wrong) in [(2, "full", "witness's"), (0, "witness", "full node's")] {
        let config = net.nodes[node].config.to_str().unwrap().to_owned();
        let (is_run, said) = quids_offline(&["run", "--config", &config, "--role", role], &net);
        assert!(!is_run && said.contains(wrong), "{said}");
    }
}

/// Runs the command line on the chain of a network, to its end; whether it went well, and what it said.
fn quids_offline(arguments: &[&str], net: &Net) -> (bool, String) {
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

/// Two halves that hear nothing of each other decide nothing; three that do go on without the fourth. Healed, all have the same.
#[test]
fn a_divided_network_decides_nothing_twice() {
    let mut net = Net::started(4, 0);
    net.agree_on(&net.all(), 2);
    let peers: Vec<String> = net.nodes.iter().map(Node::peer_id).collect();
    let others = |group: &[usize]| {
        let others = peers.iter().enumerate().filter(|(index, _)| !group.contains(index));
        others.map(|(_, peer)| peer.as_str()).collect::<Vec<_>>().join(",")
    };
    // A node takes no connection from whom it denies, and makes none.
    for groups in [[&[0, 1][..], &[2, 3]], [&[0, 1, 2], &[3]]] {
        for node in &mut net.nodes {
            node.kill();
        }
        for group in groups {
            for node in group {
                net.nodes[*node].start_as(&[], &["--denied-nodes", &others(group)]);
            }
        }
        assert!(wait(|| net.nodes.iter().all(|node| node.height().is_some())));
        let heights: Vec<u64> = net.nodes.iter().map(|node| node.height().unwrap()).collect();
        let able: Vec<usize> = groups
            .iter()
            .filter(|group| group.len() == 3)
            .flat_map(|group| group.to_vec())
            .collect();
        match able.is_empty() {
            true => std::thread::sleep(Duration::from_secs(8)),
            false => net.agree_on(&able, heights[0] + 4),
        }
        for node in net.all().into_iter().filter(|node| !able.contains(node)) {
            // What was decided while it was down it may have had in its journal.
            assert!(
                net.nodes[node].height().unwrap() <= heights[node] + 1,
                "node {node} went on alone"
            );
        }
        for node in &mut net.nodes {
            node.kill();
            node.start();
        }
        let highest = net
            .nodes
            .iter()
            .filter_map(Node::height)
            .max()
            .unwrap_or_default()
            .max(heights[0]);
        net.agree_on(&net.all(), highest + 3);
    }
    for node in net.all() {
        assert!(!net.log(node).contains("twice at height"), "{}", net.log(node));
    }
}

/// A node that stands still for a while, and two that do, as a machine that sleeps: the same blocks afterwards.
#[test]
fn nodes_that_stand_still_catch_up() {
    let net = Net::started(4, 0);
    net.agree_on(&net.all(), 2);
    for paused in [&[3][..], &[1, 2]] {
        for node in paused {
            net.nodes[*node].signal("-STOP");
        }
        let height = net.nodes[0].height().unwrap();
        match paused.len() {
            1 => net.agree_on(&[0, 1, 2], height + 5),
            _ => {
                std::thread::sleep(Duration::from_secs(6));
                assert!(net.nodes[0].height().unwrap() <= height + 1);
            }
        }
        for node in paused {
            net.nodes[*node].signal("-CONT");
        }
        net.agree_on(&net.all(), height + 8);
    }
    for node in net.all() {
        assert!(!net.log(node).contains("twice at height"), "{}", net.log(node));
    }
}

/// Ended at each of these points, a node says nothing else when it is back, and all go on.
#[test]
fn a_node_that_ends_anywhere_goes_on() {
    let mut net = Net::started(4, 0);
    net.agree_on(&net.all(), 2);
    let points = [
        "db-before-write:2",
        "db-before-sync:2",
        "db-after-sync:2",
        "consensus-noted:9",
        "consensus-before-sync:4",
        "consensus-after-sync:3",
        "consensus-before-publish:5",
        // When it has the turn.
        "consensus-built:1",
        "consensus-decided:2",
    ];
    for (turn, point) in points.into_iter().enumerate() {
        let node = turn % 3;
        net.nodes[node].kill();
        net.nodes[node].start_with(&[("QUIDS_CRASH_AT", point)]);
        assert!(wait(|| net.nodes[node].has_ended()), "{point}: {}", net.log(node));
        net.nodes[node].kill();
        net.nodes[node].start();
        let height = net.nodes[3].height().unwrap();
        net.agree_on(&net.all(), height + 2);
    }
    // Nobody was made to say two things.
    for node in net.all() {
        assert!(!net.log(node).contains("twice at height"), "{}", net.log(node));
    }
}

#[test]
fn a_testnet_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], out: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_quids"))
            .args(["testnet", "--out"])
            .arg(out)
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), text)
    };
    let out = folder.path().join("net");
    assert_eq!(run(&["--validators", "2"], &out).0, Some(0));
    let (code, error) = run(&[], &out);
    assert_eq!(code, Some(1));
    assert!(error.contains("net"), "{error}");
    for wrong in [
        &["--validators", "0"][..],
        &["--validators", "129"],
        &["--scheme", "secp256k1"],
        &["--rpc-port", "65534"],
        &["--validators", "4", "--witnesses", "3"],
        &["--validators", "4", "--witnesses", "5"],
    ] {
        let out = folder.path().join("other");
        assert_eq!(run(wrong, &out).0, Some(2), "{wrong:?}");
        assert!(!out.exists(), "{wrong:?} left something");
    }
}

const QUANTUM_SAFE: &str = "0x0000000000000000000000000000000000005110";

fn hex(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().and_then(|text| text.strip_prefix("0x"));
    hex::decode(text.unwrap()).unwrap()
}

/// Has an account ask the validators for their signatures; the request's handle.
fn ask_to_sign(node: &Node, message: &[u8]) -> String {
    let selector = quids_crypto::keccak_256(b"qSign(bytes)");
    let word = |number: usize| quids_core::U256::from(number).to_big_endian();
    let mut data = [&selector[..4], &word(32), &word(message.len()), message].concat();
    data.resize(68 + message.len().next_multiple_of(32), 0);
    let sent = quids(
        node,
        &[
            "evm",
            "send",
            "--from",
            "eth0",
            "--to",
            QUANTUM_SAFE,
            "--data",
            &hex(&data),
            "--json",
        ],
    );
    let sent: Value = serde_json::from_str(&sent).unwrap();
    sent["logs"][0]["topics"][1].as_str().unwrap().to_owned()
}

/// Waits until contracts on these nodes find the certificate, and verifies it as a stranger does who trusts one header.
fn see_signed(net: &Net, nodes: &[usize], handle: &str, message: &[u8]) {
    let selector = quids_crypto::keccak_256(b"qSignature(bytes32)");
    let data = [&selector[..4], &unhex(&json!(handle))].concat();
    let call = json!([{ "to": QUANTUM_SAFE, "data": hex(&data) }, "latest"]);
    let mut certificates = Vec::new();
    for index in nodes {
        let node = &net.nodes[*index];
        let mut answer = Vec::new();
        let is_signed = wait(|| {
            // It may have just begun to run.
            let answered = node.try_rpc("eth_call", call.clone());
            answer = answered.map(|answer| unhex(&answer)).unwrap_or_default();
            answer.get(31) == Some(&2)
        });
        assert!(is_signed, "node {index}: {}\n{}", hex(&answer), net.log(*index));
        let length = quids_core::U256::from_big_endian(&answer[64..96]).as_usize();
        let certificate = answer[96..96 + length].to_vec();
        let told = node.rpc("quids_signature", json!([handle]));
        assert_eq!(
            (&told["status"], unhex(&told["certificate"]["scale"])),
            (&json!("signed"), certificate.clone())
        );
        certificates.push(certificate);
    }
    assert!(certificates.windows(2).all(|two| two[0] == two[1]));
    verify_offline(&net.nodes[nodes[0]], handle, message, &certificates[0]);
}

fn verify_offline(node: &Node, handle: &str, message: &[u8], certificate: &[u8]) {
    let certificate = SigningCertificate::decode_all(&mut &certificate[..]).unwrap();
    let block = node.rpc("chain_getBlockHash", json!([certificate.height.0 - 1]));
    let header = node.rpc("chain_getHeader", json!([block]));
    let logs = header["digest"]["logs"].as_array().unwrap().iter();
    let committed = logs.map(|log| DigestItem::decode(&mut &unhex(log)[..]).unwrap());
    let committed = committed.into_iter().find_map(|item| match item {
        DigestItem::Consensus(POBPC_ENGINE_ID, bytes) => NextCommittee::decode(&mut &bytes[..]).ok(),
        _ => None,
    });
    let committed = committed.unwrap();
    let seats = node.rpc("quids_committee", json!([block]))["seats"].clone();
    let seat = |seat: &Value| Seat {
        key: PublicKey::new(
            seat["scheme"].as_str().unwrap().parse().unwrap(),
            &unhex(&seat["publicKey"]),
        )
        .unwrap(),
        role: match seat["role"] == "full" {
            true => Role::Full,
            false => Role::Witness,
        },
    };
    let committee = Committee::new(seats.as_array().unwrap().iter().map(seat).collect()).unwrap();
    assert_eq!(committee.hash(), committed.hash);
    let accounts = quids_node::spec::dev_accounts();
    let (_, requester) = accounts.into_iter().find(|(name, _)| *name == "eth0").unwrap();
    let hash = |value: &Value| Hash::from_slice(&unhex(value));
    let request = SigningRequest {
        chain_id: number(&node.rpc("eth_chainId", json!([]))).unwrap(),
        requester,
        handle: hash(&json!(handle)),
        message_hash: quids_crypto::blake3_256(message).into(),
    };
    let genesis = hash(&node.rpc("chain_getBlockHash", json!([0])));
    let verify = |request: &SigningRequest| {
        certificate.verify(
            &genesis,
            &committee,
            committed.threshold,
            request,
            &quids_crypto::verify,
        )
    };
    verify(&request).unwrap();
    let other = SigningRequest {
        message_hash: Hash::zero(),
        ..request
    };
    assert!(verify(&other).is_err());
}

/// A contract's message is signed by the committee after its block, whoever is down, and on all nodes contracts find the proof.
#[test]
fn what_a_contract_asks_for_is_signed() {
    let mut net = Net::started(4, 1);
    let four = [0, 1, 2, 3];
    net.agree_on(&four, 2);
    let handle = ask_to_sign(&net.nodes[0], b"first message");
    see_signed(&net, &four, &handle, b"first message");
    net.nodes[3].kill();
    let height = net.nodes[0].height().unwrap();
    net.agree_on(&[0, 1, 2], height + 2);
    let long = vec![7; 8192];
    let second = ask_to_sign(&net.nodes[1], &long);
    see_signed(&net, &[0, 1, 2], &second, &long);
    // Who was not there finds it in its state all the same, and so does who only follows.
    net.nodes[3].start();
    net.nodes[4].start();
    see_signed(&net, &[0, 3, 4], &second, &long);
    let height = net.nodes[0].height().unwrap();
    net.agree_on(&net.all(), height + 2);
    let unknown = net.nodes[2].rpc("quids_signature", json!([Hash::zero()]));
    assert_eq!(unknown["status"], "unknown");
}

/// Two of four keep no state, and sign what they see in the blocks that they execute: without one of them there is no quorum.
#[test]
fn witnesses_sign_what_contracts_ask_for() {
    let mut net = Net::with_witnesses(4, 2, 0);
    for node in &mut net.nodes {
        node.start();
    }
    net.agree_on(&net.all(), 3);
    for message in [&b"one"[..], b"two"] {
        let handle = ask_to_sign(&net.nodes[0], message);
        see_signed(&net, &[0, 1], &handle, message);
    }
}
