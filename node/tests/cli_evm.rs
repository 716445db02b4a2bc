//! `quids evm` against a development chain in a process of its own: contracts are deployed, called and paid by
//! accounts of every kind.

use serde_json::Value;
use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// How long a node may take until it answers: compiling the runtime without a cache included.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Without call data it returns its slot 0; with some, it stores the first word there and logs it as a topic.
const BOX: &str = concat!(
    "601d600c600039601d6000f3",
    "36600f5760005460005260206000f3",
    "5b6000358060005560006000a100"
);
/// Its constructor reverts.
const REVERTS: &str = "60006000fd";
/// A contract whose code reverts: 60006000fd.
const GRUMPY: &str = "6460006000fd6000526005601bf3";

struct Node {
    process: Child,
    url: String,
}

impl Node {
    fn start() -> Self {
        // Taken and given back: what remains of the race is an error at the node's start.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(env!("CARGO_BIN_EXE_quids"))
            .args(["run", "--dev", "--tmp", "--sealing", "instant", "--log", "warn"])
            .args(["--rpc-port", &port.to_string()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut node = Self {
            process,
            url: format!("ws://127.0.0.1:{port}"),
        };
        let start = Instant::now();
        while !node.run(&["runtime", "info"]).status.success() {
            assert!(node.process.try_wait().unwrap().is_none(), "the node ended");
            assert!(start.elapsed() < START_TIMEOUT, "the node does not answer");
            sleep(Duration::from_millis(100));
        }
        node
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let rpc = ["--rpc", &self.url, "--json"];
        Command::new(env!("CARGO_BIN_EXE_quids"))
            .args(arguments)
            .args(rpc)
            .output()
            .unwrap()
    }

    /// Runs a command that must succeed.
    fn done(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs a command that must fail, and returns what it says.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stdout)
        );
        String::from_utf8(output.stderr).unwrap()
    }

    /// What the contract of [`BOX`] holds.
    fn held(&self, contract: &str) -> String {
        let told = self.done(&["evm", "call", "--to", contract]);
        told["output"].as_str().unwrap().to_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn word(number: u8) -> String {
    format!("0x{number:064x}")
}

/// The first byte and the length of the transaction that a dry run signs.
fn dry_run(node: &Node, from: &str) -> (String, usize) {
    let told = node.done(&[
        "evm",
        "send",
        "--from",
        from,
        "--to",
        "bob",
        "--value",
        "1wei",
        "--dry-run",
    ]);
    let raw = told["raw"].as_str().unwrap();
    assert_eq!(told["transaction"].as_str().map(str::len), Some(66));
    (raw[..4].to_owned(), raw.len() / 2 - 1)
}

#[test]
fn accounts_of_every_kind_deploy_call_and_pay() {
    let node = Node::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("box.hex");
    let file = file.to_str().unwrap();
    fs::write(file, BOX).unwrap();

    // The key goes along with an account's first transaction only.
    let (kind, first) = dry_run(&node, "alice");
    assert_eq!(kind, "0x71");
    let deployed = node.done(&["evm", "deploy", file, "--from", "alice"]);
    assert_eq!(deployed["success"], true, "{deployed}");
    let contract = deployed["contract"].as_str().unwrap();
    let (_, second) = dry_run(&node, "alice");
    // 2592 bytes of key, three of its length, no more and no less.
    assert!((2590..2600).contains(&(first - second)), "{first} {second}");
    assert_eq!(dry_run(&node, "eth0").0, "0x02");

    assert_eq!(node.held(contract), word(0));
    for (number, from) in ["eth0", "alice", "alice-falcon", "alice-sphincs"]
        .into_iter()
        .enumerate()
    {
        let number = word(u8::try_from(number).unwrap() + 1);
        let sent = node.done(&["evm", "send", "--from", from, "--to", contract, "--data", &number]);
        assert_eq!(sent["success"], true, "{from}: {sent}");
        assert_eq!(sent["logs"][0]["topics"][0], number, "{from}");
        assert_eq!(node.held(contract), number, "{from}");
    }

    let paid = node.done(&["evm", "send", "--from", "eth4", "--to", "eth5", "--value", "1.5"]);
    assert_eq!(
        (&paid["gas_used"], &paid["contract"]),
        (&21000.into(), &Value::Null),
        "{paid}"
    );
    let ahead = node.done(&[
        "evm",
        "send",
        "--from",
        "eth1",
        "--to",
        "bob",
        "--value",
        "7wei",
        "--no-wait",
    ]);
    assert_eq!(ahead.as_object().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    let node = Node::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("code");
    let file = file.to_str().unwrap();

    fs::write(file, REVERTS).unwrap();
    let reverted = node.refused(&["evm", "deploy", file, "--from", "eth0"]);
    assert!(
        reverted.contains("eth_estimateGas was refused with code 3: execution reverted"),
        "{reverted}"
    );
    let output = node.run(&["evm", "deploy", file, "--from", "eth0", "--gas", "100000"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &told["success"]), (Some(1), &false.into()));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the call failed: reverted"));

    fs::write(file, GRUMPY).unwrap();
    let contract = node.done(&["evm", "deploy", file, "--from", "eth0"])["contract"].clone();
    let reverted = node.refused(&["evm", "call", "--to", contract.as_str().unwrap()]);
    assert!(
        reverted.contains("eth_call was refused with code 3: execution reverted"),
        "{reverted}"
    );

    for (arguments, reason) in [
        ("--from eve --account ferdie --to bob", "this key is not that of"),
        ("--from eth0 --to bob --nonce 0", "nonce too low"),
        ("--from eth0 --to bob --value 100000000", "insufficient funds"),
        ("--from eth0 --to bob --gas 20000", "intrinsic gas too low"),
        ("--from dave --to bob --gas 20000", "intrinsic gas too low"),
        (
            "--from eth0 --to bob --max-fee 1wei",
            "max fee per gas less than block base fee",
        ),
    ] {
        let arguments: Vec<_> = ["evm", "send"].into_iter().chain(arguments.split(' ')).collect();
        let refused = node.refused(&arguments);
        assert!(refused.contains(reason), "{arguments:?}: {refused}");
    }

    // A bound key is the only one from then on.
    node.done(&["tx", "bind", "--from", "eth3", "--new-key", "charlie"]);
    let refused = node.refused(&["evm", "send", "--from", "eth3", "--to", "bob", "--value", "1wei"]);
    assert!(refused.contains("another key is bound"), "{refused}");
    let sent = node.done(&[
        "evm",
        "send",
        "--from",
        "charlie",
        "--account",
        "eth3",
        "--to",
        "bob",
        "--value",
        "1wei",
    ]);
    assert_eq!(sent["success"], true, "{sent}");
}
