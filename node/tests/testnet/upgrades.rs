//! New code on a network that goes on: one upgrade at whose every step another node is asked, and several in a row.

use crate::net::*;
use quids_node::testing::renamed;
use quids_runtime_wasm::WASM_NEXT;
use quids_wasm_builder::{BuildRequest, Builder, Toolchain};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Instant,
};

fn version(node: &Node) -> Value {
    node.rpc("state_getRuntimeVersion", json!([]))["specVersion"].clone()
}

fn status(node: &Node) -> Value {
    serde_json::from_str(&quids(node, &["upgrade", "status", "--json"])).unwrap()
}

/// Waits until a node has the one proposal in this state: what one has in a block, another may learn a moment later.
fn wait_for(node: &Node, state: &str) {
    let is_seen = wait(|| status(node)["proposals"][0]["state"] == state);
    assert!(is_seen, "not {state}: {}", status(node));
}

/// Takes a code the council's way, by these nodes in turn; the first height that runs it.
pub fn schedule(nodes: &[&Node], id: u64, code: &Path) -> u64 {
    let by = |step: usize| nodes[step % nodes.len()];
    let (id, code) = (id.to_string(), code.to_str().unwrap());
    quids(
        by(0),
        &["upgrade", "propose", code, "--from", "alice", "--notes", "the next"],
    );
    wait_for(by(1), "proposed");
    quids(by(1), &["upgrade", "approve", &id, "--from", "bob"]);
    wait_for(by(2), "approved");
    quids(by(2), &["upgrade", "upload", &id, code, "--from", "charlie"]);
    wait_for(by(3), "scheduled");
    status(by(3))["proposals"][0]["activates_at"].as_u64().unwrap()
}

/// While `work` is done, an account sends the next transfer as soon as the last one is in a block; how many were.
fn under_load<R>(node: &Node, work: impl FnOnce() -> R) -> (R, u64) {
    let (is_done, sent, start) = (AtomicBool::new(false), AtomicU64::new(0), Instant::now());
    let done = std::thread::scope(|scope| {
        let _end = SetOnDrop(&is_done);
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) && start.elapsed() < 4 * PATIENCE {
                quids(node, &["evm", "send", "--from", "eth0", "--to", "eth9", "--value", "1"]);
                sent.fetch_add(1, Ordering::Relaxed);
            }
        });
        work()
    });
    (done, sent.into_inner())
}

/// The heights that ran the old code and the new one are those that were announced.
fn assert_switched(node: &Node, at: u64, before: &Value) {
    for (height, is_new) in [(at - 2, false), (at - 1, true)] {
        let hash = node.rpc("chain_getBlockHash", json!([height]));
        let after = node.rpc("state_getRuntimeVersion", json!([hash]))["specVersion"].clone();
        assert_eq!(after != *before, is_new, "the code after block {height}");
    }
}

/// A witness executed and signed this height, and did not take it from others.
fn has_decided(log: &str, height: u64) -> bool {
    let is_of = |line: &str| line.contains(&format!("block {height} ")) && line.contains("decided in");
    log.lines().any(is_of)
}

/// What a witness says of the code of a proposal that it compiled, in time for its first block.
fn assert_compiled_before(log: &str, id: u64, at: u64) {
    let place = |found: &dyn Fn(&str) -> bool| log.lines().position(found);
    let compiled = place(&|line| line.contains(&format!("the code of proposal {id} is compiled for its first block")));
    let switched = place(&|line| line.contains(&format!("block {at} ")) && line.contains("decided in"));
    assert!(
        compiled.is_some() && (switched.is_none() || compiled < switched),
        "{id}, {at}: {log}"
    );
}

/// The council's way, each step at another node, while contracts' tokens move: nobody restarts, nobody stops. One keeps no state.
#[test]
fn the_runtime_is_replaced_while_all_decide() {
    let mut net = Net::with_witnesses(4, 1, 1);
    for node in &mut net.nodes[..4] {
        node.start();
    }
    net.agree_on(&[0, 1, 2, 3], 2);
    let next = net.folder.path().join("next.wasm");
    fs::write(&next, WASM_NEXT).unwrap();
    let before = version(&net.nodes[0]);
    let nodes = &net.nodes;
    let (at, sent) = under_load(&nodes[0], || {
        let at = schedule(&[&nodes[1], &nodes[2], &nodes[0], &nodes[1]], 0, &next);
        assert!(wait(|| nodes[0].height().is_some_and(|height| height >= at + 2)));
        at
    });
    assert!(sent >= 4, "{sent}");
    net.agree_on(&[0, 1, 2, 3], at + 2);
    for node in &net.nodes[..3] {
        assert_ne!(version(node), before);
        assert_eq!(status(node)["proposals"], json!([]));
    }
    assert_switched(&net.nodes[2], at, &before);
    transfer(&net.nodes[2], "bob", "dave", "1");
    let height = net.nodes[0].height().unwrap();
    // One that was not there executes old blocks with the old code.
    net.nodes[4].start();
    net.agree_on(&net.all(), height + 3);
    assert_ne!(version(&net.nodes[4]), before);
    for told in [
        "proposal 0 is approved".into(),
        format!("proposal 0 is scheduled: version 2 runs from block {at} on"),
        "version 2 runs after version 1".into(),
        "proposal 0 is carried out".into(),
    ] {
        assert!(net.log(0).contains(&told), "no {told:?}: {}", net.log(0));
    }
    let log = net.log(3);
    assert_compiled_before(&log, 0, at);
    assert!(has_decided(&log, at - 1) || has_decided(&log, at), "{log}");
    // Nor does a witness that begins anew, by headers, with code that it has never seen.
    net.nodes[3].stop();
    let folder = net.nodes[3].config.with_file_name("chains").join("testnet");
    fs::remove_dir_all(folder.join("db")).unwrap();
    let height = net.nodes[0].height().unwrap();
    net.agree_on(&[0, 1, 2], height + 2);
    let told = net.log(3).len();
    net.nodes[3].start();
    let decides = || (height + 2..height + 200).any(|at| has_decided(&net.log(3)[told..], at));
    assert!(wait(decides), "{}", net.log(3));
    net.agree_on(&net.all(), height + 3);
    begins_with_a_snapshot(&mut net, 4);
}

/// A node that has nothing but a snapshot from after the upgrade goes on from there.
fn begins_with_a_snapshot(net: &mut Net, index: usize) {
    net.nodes[index].stop();
    let base = net.nodes[index].config.parent().unwrap().to_owned();
    let (base, file) = (base.to_str().unwrap(), net.folder.path().join("snapshot"));
    let file = file.to_str().unwrap();
    let (is_done, said) = quids_offline(
        &["snapshot", "export", "--json", "--out", file, "--base-path", base],
        net,
    );
    assert!(is_done, "{said}");
    let (from, to) = (said.find('{').unwrap(), said.rfind('}').unwrap());
    let told: Value = serde_json::from_str(&said[from..=to]).unwrap();
    let height = told["height"].as_u64().unwrap();
    let hash = net.nodes[0].rpc("chain_getBlockHash", json!([height]));
    fs::remove_dir_all(net.nodes[index].config.with_file_name("chains")).unwrap();
    let block = hash.as_str().unwrap();
    let (is_done, said) = quids_offline(
        &["snapshot", "import", file, "--block", block, "--base-path", base],
        net,
    );
    assert!(is_done, "{said}");
    net.nodes[index].start();
    let has = |node: &Node| node.height().is_some_and(|found| found > height + 2);
    assert!(wait(|| has(&net.nodes[index])), "{}", net.log(index));
    let hash_at = |node: &Node| node.rpc("chain_getBlockHash", json!([height + 2]));
    assert_eq!(hash_at(&net.nodes[index]), hash_at(&net.nodes[0]));
    assert_eq!(version(&net.nodes[index]), version(&net.nodes[0]));
}

/// The runtime of this repository with a feature.
fn built(feature: &str, out: &Path) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    let builder = Builder {
        out_dir: out.into(),
        target_dir: target.join("wasm"),
        workspace,
        package: "quids-runtime".into(),
        toolchain: Toolchain::find().unwrap(),
    };
    let request = BuildRequest {
        features: &[feature],
        out_name: feature,
    };
    builder.build(&request).unwrap().path
}

/// A migration of storage, a new pallet, another signature of a call, one after the other under load: two of four nodes keep no
/// state, and one comes when all is over.
#[test]
#[ignore = "builds two more runtimes: scripts/test --long"]
fn three_upgrades_in_a_row_are_followed_by_all() {
    let mut net = Net::with_witnesses(4, 2, 1);
    let next = net.folder.path().join("next.wasm");
    fs::write(&next, WASM_NEXT).unwrap();
    let codes = [
        next,
        built("later", net.folder.path()),
        built("latest", net.folder.path()),
    ];
    for node in &mut net.nodes[..4] {
        node.start();
    }
    net.agree_on(&[0, 1, 2, 3], 2);
    let full = [&net.nodes[0], &net.nodes[1]];
    let set_limit = |limit: &str| {
        let call = [
            "tx",
            "call",
            "Template.set_limit",
            limit,
            "--as-root",
            "--from",
            "alice",
        ];
        quids(full[1], &call)
    };
    let (switches, sent) = under_load(full[0], || {
        let mut switches = Vec::new();
        for (id, code) in (0..).zip(&codes) {
            let before = version(full[0]);
            let at = schedule(&full, id, code);
            net.agree_on(&[0, 1, 2, 3], at + 1);
            assert_switched(full[1], at, &before);
            // What is new can be used, and what was there.
            match id {
                0 => set_limit("limit={ at_least: 2, at_most: 50 }"),
                1 => quids(full[1], &["tx", "call", "Starter.count", "by=7", "--from", "bob"]),
                _ => set_limit("limit=60"),
            };
            switches.push(at);
        }
        switches
    });
    assert!(sent >= 12, "{sent}");
    assert_eq!(version(full[0]), 4);
    for witness in [2, 3] {
        let log = net.log(witness);
        // That it may come late to one of the two is no fault.
        let decided = |at: &u64| has_decided(&log, at - 1) || has_decided(&log, *at);
        assert!(switches.iter().all(decided), "{switches:?}: {log}");
        for (id, at) in (0..).zip(&switches) {
            assert_compiled_before(&log, id, *at);
        }
    }
    let height = net.nodes[0].height().unwrap();
    net.nodes[4].start();
    net.agree_on(&net.all(), height + 2);
    assert_eq!(version(&net.nodes[4]), 4);
}

/// This node as its next version may be: with one more host function, `ext_log_v2`.
fn newer() -> PathBuf {
    let this = Path::new(env!("CARGO_BIN_EXE_quids"));
    // As the tests are built, so that nothing but what the feature reaches is built anew.
    let build = [
        "build",
        "--locked",
        "--workspace",
        "--bin",
        "quids-newer",
        "--features",
        "quids-node/next-level",
    ];
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo says to this test it says to no build: build scripts that look at it would run again, here and in the next build.
    let of_this_test = |name: &String| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    std::env::vars()
        .map(|(name, _)| name)
        .filter(of_this_test)
        .for_each(|name| {
            cargo.env_remove(name);
        });
    let built = cargo
        .args(build)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    this.with_file_name("quids-newer")
}

/// What a node says when it stops for that, and at no other occasion.
const STOPS: &str = "is final, and this node cannot execute it";

/// The chain comes to code that two of its nodes are too old for, a validator and a follower: they are told ahead, stop where they
/// would have to guess, say what to do, and go on where they were as soon as that is done. The others never wait.
#[test]
#[ignore = "builds a newer binary: scripts/test --long"]
fn nodes_that_are_too_old_are_told_stop_and_go_on_when_replaced() {
    let newer = newer();
    let mut net = Net::new(4, 1);
    let old = [3, 4];
    for node in &mut net.nodes[..3] {
        node.program = newer.clone();
    }
    net.nodes.iter_mut().for_each(Node::start);
    net.agree_on(&net.all(), 2);
    let code = net.folder.path().join("code.wasm");
    fs::write(&code, renamed(WASM_NEXT, &[("ext_log_v1", "ext_log_v2")])).unwrap();
    let compat = |node: &Node| {
        let output = Command::new(&node.program)
            .args(["runtime", "compat"])
            .arg(&code)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(compat(&net.nodes[0]).0);
    let (runs_here, said) = compat(&net.nodes[3]);
    assert!(!runs_here && said.contains("ext_log_v2"), "{said}");

    for (node, member) in [(0, "alice"), (1, "bob")] {
        let raise = ["upgrade", "raise-host-level", "3", "--from", member];
        quids(&net.nodes[node], &raise);
    }
    let says = |net: &Net, words: &str| old.iter().all(|node| net.log(*node).contains(words));
    let level = "the chain allows its code host functions of level 3";
    assert!(wait(|| says(&net, level)), "{}", net.log(3));
    let missing = |node: &Node| {
        let metrics = node.metrics();
        let line = metrics
            .lines()
            .find(|line| line.starts_with("quids_upgrade_missing_host_level"));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
    };
    assert_eq!((missing(&net.nodes[0]), missing(&net.nodes[4])), (Some(0), Some(3)));

    let nodes = &net.nodes;
    let at = schedule(&[&nodes[0], &nodes[1], &nodes[2], &nodes[0]], 0, &code);
    let before = version(&net.nodes[0]);
    for node in old {
        assert!(wait(|| net.nodes[node].has_ended()), "{}", net.log(node));
        let (outcome, log) = (net.nodes[node].outcome().unwrap(), net.log(node));
        assert!(!outcome.success() && log.contains(STOPS), "{outcome}: {log}");
        // It was told of the code itself before.
        let place = |words: &str| log.rfind(words).unwrap_or_else(|| panic!("no {words}: {log}"));
        assert!(
            place("this node cannot run the code of proposal 0") < place(STOPS),
            "{log}"
        );
    }
    net.agree_on(&[0, 1, 2], at + 2);
    assert_switched(&net.nodes[2], at, &before);
    // Who only starts it again learns the same, and spoils nothing.
    let told = net.log(4).len();
    net.nodes[4].start();
    assert!(wait(|| net.nodes[4].has_ended()), "{}", net.log(4));
    assert!(net.log(4)[told..].contains(STOPS), "{}", net.log(4));
    for node in old {
        net.nodes[node].program = newer.clone();
        net.nodes[node].start();
    }
    let height = net.nodes[0].height().unwrap();
    net.agree_on(&net.all(), height + 3);
    assert_ne!(version(&net.nodes[4]), before);
}
