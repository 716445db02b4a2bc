//! kill -9 at any moment: the chain goes on from its last block, and every block that was stored is one that an
//! uninterrupted twin comes to as well.

use quids_core::{AccountId20, Height};
use quids_node::{
    ChainOptions,
    testing::{Signing, TestChain},
};
use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Starts the real binary on this folder; its author makes a block every 20 ms.
fn start(base: &Path, crash_at: Option<&str>) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quids"));
    command
        .args([
            "run",
            "--dev",
            "--rpc-port",
            "0",
            "--block-time",
            "20",
            "--status",
            "never",
            "--base-path",
        ])
        .arg(base);
    if let Some(point) = crash_at {
        command.env("QUIDS_CRASH_AT", point);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(base.join(LOG)).unwrap())
        .spawn()
        .unwrap()
}

/// The node's log, anew with each start.
const LOG: &str = "log";

/// Waits until the node has made a block, and then so long.
fn live_for(base: &Path, node: &mut Child, time: Duration) {
    let has_block = || std::fs::read_to_string(base.join(LOG)).is_ok_and(|log| log.contains(" extrinsics, "));
    for _ in 0..1200 {
        if has_block() {
            return std::thread::sleep(time);
        }
        let ended = node.try_wait().unwrap();
        assert!(
            ended.is_none(),
            "{ended:?}: {:?}",
            std::fs::read_to_string(base.join(LOG))
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("no block within a minute");
}

/// Opens what the killed node left, as a node would.
fn left(base: &Path) -> TestChain {
    TestChain::open(&base.join("chains/dev"), &ChainOptions::default()).unwrap()
}

/// Every block from genesis on, executed by a twin that was never interrupted, gives the same chain.
fn assert_twin_agrees(chain: &TestChain) {
    let twin = TestChain::new().unwrap();
    let (height, best) = chain.chain.best();
    for n in 1..=height.0 {
        let hash = chain.chain.database().hash_at(Height(n)).unwrap().expect("no gap");
        twin.chain.import(chain.stored(hash).unwrap()).unwrap();
    }
    assert_eq!(twin.chain.best(), (height, best));
}

#[test]
fn a_killed_node_goes_on_from_its_last_block() {
    let folder = tempfile::tempdir().unwrap();
    let mut last = (Height(0), None);
    for round in 0..6u64 {
        let mut node = start(folder.path(), None);
        live_for(folder.path(), &mut node, Duration::from_millis(37 * round));
        assert!(
            node.try_wait().unwrap().is_none(),
            "round {round}: the node ended by itself"
        );
        node.kill().unwrap();
        node.wait().unwrap();
        let chain = left(folder.path());
        let (height, best) = chain.chain.best();
        assert!(height > last.0, "round {round}: no progress beyond {height}");
        if let Some(hash) = last.1 {
            assert_eq!(
                chain.chain.database().hash_at(last.0).unwrap(),
                Some(hash),
                "round {round}: history changed"
            );
        }
        // A block of one's own in between, so that the killed chain has transactions too.
        let call = chain.transfer(&AccountId20([round as u8; 20]), 1).unwrap();
        let bob = quids_keystore::dev_keypair("bob").unwrap();
        let transaction = chain.sign(&bob, call, Signing::default()).unwrap();
        let (block, refused) = chain.block(vec![transaction]).unwrap();
        assert!(refused.is_empty(), "{refused:?}");
        assert_eq!(block.header.parent_hash, best);
        last = (block.header.number, Some(block.hash));
    }
    assert_twin_agrees(&left(folder.path()));
}

#[test]
fn a_node_that_dies_at_a_named_point_of_the_commit_goes_on() {
    for (i, point) in ["db-before-write:3", "db-before-sync:3", "db-after-sync:3"]
        .into_iter()
        .enumerate()
    {
        let folder = tempfile::tempdir().unwrap();
        let mut node = start(folder.path(), Some(point));
        let ended = (0..600).find_map(|_| {
            std::thread::sleep(Duration::from_millis(50));
            node.try_wait().unwrap()
        });
        if ended.is_none() {
            node.kill().unwrap();
            node.wait().unwrap();
        }
        assert!(
            ended.is_some_and(|status| !status.success()),
            "{point}: the node did not die there"
        );
        let chain = left(folder.path());
        // The first commit is genesis, so the third is block 2: whole after the write, absent before it.
        let expected = if i == 0 { 1 } else { 2 };
        assert_eq!(chain.chain.best().0, Height(expected), "{point}");
        chain.block(Vec::new()).unwrap();
        assert_twin_agrees(&chain);
    }
}
