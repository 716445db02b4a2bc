//! New code on a network that goes on: one upgrade at whose every step another node is asked, and several in a row.

use crate::net::*;
use quids_runtime_wasm::WASM_NEXT;
use quids_wasm_builder::{BuildRequest, Builder, Toolchain};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
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
    let compiled = place(&|line| line.contains(&format!("the code of proposal {id} is compiled")));
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
