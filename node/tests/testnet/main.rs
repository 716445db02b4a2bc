//! Networks of real processes on loopback: they agree, whoever is killed, and go on as long as a quorum can talk.

mod net;
mod signing;
mod upgrades;

use net::*;
use quids_node::blocks;
use serde_json::json;
use std::{fs, path::Path, process::Command, time::Duration};

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
    let at = upgrades::schedule(&[&net.nodes[0], &net.nodes[1]], 0, &next);
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
