//! `quids run`, `tx` and `runtime` together: a development chain in a process of its own, used as people use it.

use serde_json::Value;
use std::{
    net::TcpListener,
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// How long a node may take until it answers: compiling the runtime without a cache included.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Answers nothing but its address.
struct Node {
    process: Child,
    url: String,
}

impl Node {
    fn start() -> Self {
        Self::start_on(&["--dev"])
    }

    fn start_on(chain: &[&str]) -> Self {
        // Taken and given back: what remains of the race is an error at the node's start.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(env!("CARGO_BIN_EXE_quids"))
            .arg("run")
            .args(chain)
            .args([
                "--tmp",
                "--sealing",
                "instant",
                "--log",
                "warn",
                "--rpc-port",
                &port.to_string(),
            ])
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

    /// What a command says without `--json`.
    fn run_for_people(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quids"));
        let output = command.args(arguments).args(["--rpc", &self.url]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
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
        self.refused_with(1, arguments)
    }

    fn refused_with(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stdout)
        );
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn event<'a>(transaction: &'a Value, pallet: &str, name: &str) -> &'a Value {
    let events = transaction["events"].as_array().unwrap();
    let found = events
        .iter()
        .find(|event| event["pallet"] == pallet && event["name"] == name);
    &found.unwrap_or_else(|| panic!("no {pallet}.{name} in {events:?}"))["fields"]
}

fn address(name: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_quids"))
        .args(["key", "inspect", name, "--json"])
        .output()
        .unwrap();
    let key: Value = serde_json::from_slice(&output.stdout).unwrap();
    key["address"].as_str().unwrap().to_owned()
}

/// What is written and read follows the chain's token, with its decimals.
#[test]
fn amounts_are_of_the_chains_token() {
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("spec.json");
    let (path, build) = (
        spec.to_str().unwrap(),
        ["chain-spec", "build", "--chain", "dev", "--out"],
    );
    let built = Command::new(env!("CARGO_BIN_EXE_quids"))
        .args(build)
        .arg(path)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let mut json: Value = serde_json::from_slice(&std::fs::read(&spec).unwrap()).unwrap();
    json["properties"]["tokenSymbol"] = "SAP".into();
    json["properties"]["tokenDecimals"] = 12.into();
    std::fs::write(&spec, json.to_string()).unwrap();
    let node = Node::start_on(&["--chain", path]);
    let send = |amount| ["tx", "transfer", "--from", "alice", "--to", "bob", "--amount", amount];
    let said = node.run_for_people(&send("1.5"));
    assert!(said.contains("amount: 1.5 SAP") && !said.contains("QDS"), "{said}");
    let sent = node.done(&send("2sap"));
    assert_eq!(event(&sent, "Balances", "Transfer")["amount"], "2000000000000");
    for (amount, words) in [
        ("1qds", "the chain's token is SAP, not qds"),
        ("0.0000000000001", "SAP has 12 decimals, these are 13"),
    ] {
        let said = node.refused_with(2, &send(amount));
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn transactions_are_sent_and_their_outcome_is_told() {
    let node = Node::start();

    let sent = node.done(&[
        "tx", "transfer", "--from", "alice", "--to", "bob", "--amount", "1.5", "--tip", "7plank",
    ]);
    let transfer = event(&sent, "Balances", "Transfer");
    assert_eq!(
        (&transfer["from"], &transfer["to"]),
        (&address("alice").into(), &address("bob").into())
    );
    assert_eq!(
        (transfer["amount"].as_str(), sent["tip"].as_str()),
        (Some("1500000000000000000"), Some("7"))
    );
    assert_ne!(sent["fee"], "0");
    assert_eq!((&sent["success"], &sent["error"]), (&true.into(), &Value::Null));

    // The key is bound by now: the second transaction goes without it. Every scheme, and a remark with an event.
    for name in ["alice", "alice-falcon", "alice-sphincs", "eth0"] {
        let sent = node.done(&["tx", "remark", "--from", name, "--event", "hello"]);
        assert_eq!(event(&sent, "System", "Remarked")["sender"], address(name), "{name}");
    }

    // A failed call costs its fee and says why.
    let output = node.run(&[
        "tx", "transfer", "--from", "bob", "--to", "alice", "--amount", "2000000",
    ]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &told["success"]), (Some(1), &false.into()));
    let error = String::from_utf8(output.stderr).unwrap();
    let name = told["error"]["name"].as_str().unwrap();
    assert!(error.contains(&format!("the call failed: {name}")) && !told["error"]["docs"].as_str().unwrap().is_empty());

    // One that never gets into a block is refused with the stable code.
    let stale = node.refused(&["tx", "remark", "--from", "alice", "late", "--nonce", "0"]);
    assert!(
        stale.contains("author_submitAndWatchExtrinsic was refused with code 1010"),
        "{stale}"
    );
    let wrong = node.refused_with(
        2,
        &["tx", "transfer", "--from", "bob", "--to", "eve", "--amount", "1sap"],
    );
    assert!(wrong.contains("the chain's token is QDS, not sap"), "{wrong}");
    let ahead = node.done(&["tx", "remark", "--from", "charlie", "now", "--immortal", "--no-wait"]);
    assert_eq!(ahead["transaction"].as_str().map(str::len), Some(66));
}

/// A signer in a process of its own, with its log.
struct SignerProcess {
    process: Child,
    lines: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
}

impl SignerProcess {
    fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_quids"))
            .args(["signer", "serve", "--json"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = std::io::BufRead::lines(std::io::BufReader::new(process.stdout.take().unwrap()));
        let mut signer = Self { process, lines };
        assert_eq!(signer.event()["event"], "listening");
        signer
    }

    fn event(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }
}

impl Drop for SignerProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Keys that this process never sees sign transactions and prove that they are held.
#[test]
fn transactions_are_signed_by_a_remote_signer() {
    let node = Node::start();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("run").join("signer.sock");
    let socket = socket.to_str().unwrap();
    let (pass, file) = (folder.path().join("pass"), folder.path().join("ferdie.json"));
    let (pass, file) = (pass.to_str().unwrap(), file.to_str().unwrap());
    std::fs::write(pass, "correct horse\n").unwrap();
    std::fs::set_permissions(pass, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let exported = Command::new(env!("CARGO_BIN_EXE_quids"))
        .args([
            "key",
            "export",
            "ferdie",
            "--format",
            "json",
            "--out",
            file,
            "--passphrase-file",
            pass,
        ])
        .output()
        .unwrap();
    assert!(
        exported.status.success(),
        "{}",
        String::from_utf8_lossy(&exported.stderr)
    );
    let mut signer = SignerProcess::start(&["--socket", socket, "--key", file, "eth2", "--passphrase-file", pass]);

    let from = format!("remote:{socket}#{}", address("ferdie"));
    let sent = node.done(&["tx", "remark", "--event", "--from", &from, "hello"]);
    assert_eq!(event(&sent, "System", "Remarked")["sender"], address("ferdie"));
    let told = signer.event();
    assert_eq!(
        (&told["event"], &told["account"], &told["context"]),
        (&"signed".into(), &address("ferdie").into(), &"account".into())
    );
    assert_eq!(told["payload_hash"].as_str().map(str::len), Some(66));

    // The new key is remote too: a proof of possession, then the transaction of the old key.
    node.done(&[
        "tx",
        "bind",
        "--from",
        &format!("remote:{socket}#{}", address("eth2")),
        "--new-key",
        &from,
    ]);
    let contexts = [signer.event(), signer.event()].map(|event| event["context"].clone());
    assert_eq!(contexts, ["possession", "account"]);
    let sent = node.done(&[
        "tx",
        "remark",
        "--event",
        "--from",
        &from,
        "--account",
        &address("eth2"),
        "bound",
    ]);
    assert_eq!(event(&sent, "System", "Remarked")["sender"], address("eth2"));

    let unnamed = node.refused(&["tx", "remark", "--from", &format!("remote:{socket}"), "x"]);
    assert!(unnamed.contains("has 2 accounts and none was chosen"), "{unnamed}");
    let stranger = node.refused(&[
        "tx",
        "remark",
        "--from",
        &format!("remote:{socket}#{}", address("bob")),
        "x",
    ]);
    assert!(stranger.contains("has no account"), "{stranger}");
    drop(signer);
    let gone = node.refused(&["tx", "remark", "--from", &from, "x"]);
    assert!(gone.contains("cannot connect"), "{gone}");
}

#[test]
fn keys_are_bound_and_rotated_and_the_address_stays() {
    let node = Node::start();
    node.done(&["tx", "bind", "--from", "eth1", "--new-key", "dave"]);
    let (legacy, rotated) = (address("eth1"), address("bob"));
    let refused = node.refused(&["tx", "remark", "--from", "eth1", "ecdsa"]);
    assert!(refused.contains("another key is bound"), "{refused}");
    node.done(&["tx", "remark", "--from", "dave", "--account", &legacy, "post-quantum"]);

    node.done(&["tx", "remark", "--from", "bob", "binds the key"]);
    let sent = node.done(&["tx", "rotate", "--from", "bob", "--new-key", "alice-falcon"]);
    assert_eq!(event(&sent, "System", "KeyRotated")["account"], rotated);
    let sent = node.done(&[
        "tx",
        "remark",
        "--event",
        "--from",
        "alice-falcon",
        "--account",
        "bob",
        "still bob",
    ]);
    assert_eq!(event(&sent, "System", "Remarked")["sender"], rotated);
    let stranger = node.refused(&[
        "tx",
        "remark",
        "--from",
        "eve",
        "--account",
        &address("ferdie"),
        "not mine",
    ]);
    assert!(stranger.contains("this key is not that of"), "{stranger}");
}

#[test]
fn the_chain_is_upgraded_to_an_exported_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let next = folder.path().join("next.wasm");
    let next = next.to_str().unwrap();
    let exported = Command::new(env!("CARGO_BIN_EXE_quids"))
        .args(["runtime", "export", "--next", "--out", next])
        .status();
    assert!(exported.unwrap().success());
    let inspect = Command::new(env!("CARGO_BIN_EXE_quids"))
        .args(["runtime", "info", next, "--json"])
        .output()
        .unwrap();
    let file: Value = serde_json::from_slice(&inspect.stdout).unwrap();

    let node = Node::start();
    let before = node.done(&["runtime", "info"]);
    // Only root may.
    let refused = node.refused(&["tx", "upgrade", next, "--from", "bob"]);
    assert!(
        refused.contains("the call failed: Upgrade.NotRoot: The sender is not the root account"),
        "{refused}"
    );
    let upgraded = node.done(&["tx", "upgrade", next, "--from", "alice"]);
    assert_eq!(upgraded["old_spec_version"], before["spec_version"]);
    assert_eq!(upgraded["new_spec_version"], file["spec_version"]);
    assert_eq!(upgraded["code_hash"], file["quantum_resistant"]);
    // The chain runs it: its own version signs.
    node.done(&["tx", "remark", "--from", "alice", "after"]);
    let after = node.done(&["runtime", "info"]);
    for field in ["spec_version", "blake3", "quantum_resistant", "size", "pallets", "apis"] {
        assert_eq!(after[field], file[field], "{field}");
    }
    // The same code again is refused by its version, and the inner failure of a root call is one of the command.
    let again = node.refused(&["tx", "upgrade", next, "--from", "alice"]);
    assert!(again.contains("Upgrade.SpecVersionMustIncrease"), "{again}");
    let inner = node.refused(&[
        "tx",
        "call",
        "Upgrade.as_root",
        "call=System(remark { remark: (1) })",
        "--from",
        "alice",
    ]);
    assert!(inner.contains("the call failed: BadOrigin"), "{inner}");
}

/// The council's way: what the status says at each step, and what is refused before anything is sent.
#[test]
fn a_proposal_is_taken_to_its_height() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (next, garbage) = (path("next.wasm"), path("garbage"));
    std::fs::write(&next, quids_runtime_wasm::WASM_NEXT).unwrap();
    std::fs::write(&garbage, vec![7; 300_000]).unwrap();
    let node = Node::start();
    let proposals = || node.done(&["upgrade", "status"])["proposals"].clone();
    assert_eq!(proposals(), serde_json::json!([]));
    assert_eq!(node.done(&["upgrade", "status"])["threshold"], 2);

    let refused = node.refused(&["upgrade", "propose", &garbage, "--from", "alice"]);
    assert!(refused.contains("cannot be run"), "{refused}");
    let refused = node.refused(&["upgrade", "propose", &next, "--from", "dave"]);
    assert!(refused.contains("Upgrade.NotGovernor"), "{refused}");
    let proposed = node.done(&[
        "upgrade",
        "propose",
        &next,
        "--from",
        "bob",
        "--after",
        "12",
        "--notes",
        "why\u{1b}[1m",
    ]);
    assert_eq!(proposed["proposal"], 0);
    let seen = &proposals()[0];
    assert_eq!(
        (&seen["state"], &seen["proposer"]),
        (&"proposed".into(), &address("bob").into())
    );
    assert_eq!(
        (&seen["spec_version"], &seen["activation"]["after"]),
        (&2.into(), &12.into())
    );

    let refused = node.refused(&["upgrade", "upload", "0", &garbage, "--from", "bob"]);
    assert!(refused.contains("this file is not its code"), "{refused}");
    let refused = node.refused(&["upgrade", "upload", "7", &next, "--from", "bob"]);
    assert!(refused.contains("proposal 7: there is none"), "{refused}");
    let uploaded = node.done(&["upgrade", "upload", "0", &next, "--from", "charlie"]);
    assert_eq!(uploaded["sent_parts"], uploaded["parts"]);
    assert_eq!(
        (&uploaded["approvals"], &proposals()[0]["state"]),
        (&1.into(), &"checked".into())
    );
    let again = node.done(&["upgrade", "upload", "0", &next, "--from", "charlie"]);
    assert_eq!((&again["sent_parts"], &again["checked"]), (&0.into(), &true.into()));
    node.done(&["upgrade", "approve", "0", "--from", "alice"]);
    let seen = &proposals()[0];
    assert_eq!(
        (&seen["state"], &seen["blocks_left"]),
        (&"scheduled".into(), &12.into())
    );
    let text = node.run_for_people(&["upgrade", "status"]);
    let approvals = format!("2 of 2 approvals ({}, {})", address("bob"), address("alice"));
    for told in ["0: scheduled, runs from block", "host level    2", &approvals] {
        assert!(text.contains(told) && !text.contains('\u{1b}'), "no {told:?}: {text}");
    }
    let refused = node.refused(&["upgrade", "stop-migration", "ledger/wide", "--from", "alice"]);
    assert!(refused.contains("Upgrade.NoMigration"), "{refused}");
    let refused = node.refused_with(2, &["upgrade", "raise-host-level", "3", "--from", "alice"]);
    assert!(
        refused.contains("this binary has host functions up to level 2"),
        "{refused}"
    );

    // Code that the host refuses; the second upload sends nothing that is there, or the chain would say so.
    let bytes = std::fs::read(&garbage).unwrap();
    let hash = hex::encode(quids_crypto::hash_quantum_resistant(b"quids/code/v1", &bytes));
    let fields = [format!("code_hash=0x{hash}"), format!("code_size={}", bytes.len())];
    node.done(&[
        "tx",
        "call",
        "Upgrade.propose",
        &fields[0],
        &fields[1],
        "spec_version=9",
        "activation=After(0)",
        "notes=(1)",
        "--from",
        "alice",
    ]);
    for _ in 0..2 {
        let refused = node.refused(&["upgrade", "upload", "1", &garbage, "--from", "alice"]);
        assert!(refused.contains("Upgrade.FailedTrialRun"), "{refused}");
    }
    assert_eq!(proposals()[1]["parts_uploaded"], 2);
    node.done(&["upgrade", "cancel", "1", "--from", "alice"]);

    let version = || node.done(&["runtime", "info"])["spec_version"].clone();
    for block in 0..12 {
        assert_eq!(version(), 1, "{block}");
        node.done(&["evm", "send", "--from", "eth0", "--to", "eth9", "--value", "1"]);
        if version() == 2 {
            break;
        }
    }
    assert_eq!((version(), proposals()), (2.into(), serde_json::json!([])));
}
