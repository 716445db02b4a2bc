//! The node in a test: what it promises its users, under each kind of sealing.

use quids_core::Height;
use quids_node::{
    ChainOptions, Sealing, TestNode,
    spec::DEV_BALANCE,
    testing::{Signing, TestChain},
};
use quids_rpc::client::Client;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn transactions_get_into_blocks_under_every_sealing() {
    for sealing in [
        Sealing::Instant,
        Sealing::Manual,
        Sealing::Interval(Duration::from_millis(100)),
    ] {
        let node = TestNode::builder().sealing(sealing).start().await.unwrap();
        let sent = node.transfer("bob", "charlie", 5).await.unwrap();
        assert!(sent.succeeded(), "{sealing:?}: {:?}", sent.events);
        assert!(sent.events.iter().any(|event| event.is("Balances", "Transfer")));
        assert_eq!(node.free("charlie").unwrap(), DEV_BALANCE + 5);
        assert!(node.height() >= sent.height);
        // A call that fails is in a block too, and says so.
        let sent = node.transfer("bob", "charlie", 2 * DEV_BALANCE).await.unwrap();
        assert!(!sent.succeeded(), "{sealing:?}");
        if let Sealing::Interval(_) = sealing {
            node.wait_for_height(Height(sent.height.0 + 3)).await.unwrap();
        } else {
            assert_eq!(node.height(), Height(2), "{sealing:?}: a block for each and no other");
        }
        node.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn manual_sealing_makes_blocks_when_told_only() {
    let node = TestNode::builder().sealing(Sealing::Manual).start().await.unwrap();
    let call = node
        .view()
        .transfer(&quids_node::test_node::account("bob").unwrap(), 1)
        .unwrap();
    let key = quids_node::test_node::key("dave").unwrap();
    let hash = node
        .submit(node.view().sign(&key, call, Signing::default()).unwrap())
        .unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((node.height(), node.pool().pending().len()), (Height(0), 1));
    let block = node.seal().await.unwrap();
    assert!(block.extrinsics.contains(&hash));
    assert_eq!((node.height(), node.pool().pending().len()), (Height(1), 0));
}

#[test]
fn a_restarted_node_has_its_chain_and_answers_rpc() {
    let folder = tempfile::tempdir().unwrap();
    let builder = TestNode::builder().base_path(folder.path());
    let mut node = builder.clone().start_blocking().unwrap();
    node.transfer("alice", "bob", 7).unwrap();
    let best = node.chain().best();
    for _ in 0..2 {
        node.restart().unwrap();
        assert_eq!(node.chain().best(), best);
        let header = node.block_on(async {
            let client = Client::connect(&node.rpc_url()).await.unwrap();
            client.request("chain_getHeader", vec![]).await.unwrap()
        });
        assert_eq!(header["number"], "0x1");
    }
    node.stop().unwrap();
    // The folder is free for another one, and the refusal of an account is an error.
    let node = builder.start_blocking().unwrap();
    assert_eq!(
        (node.chain().best(), node.free("bob").unwrap()),
        (best, DEV_BALANCE + 7)
    );
    assert!(node.transfer("alice", "nobody", 1).is_err());
}

/// While it makes blocks: what was backed up is a chain of its own, up to a block of then.
#[test]
fn a_running_node_is_backed_up() {
    let folder = tempfile::tempdir().unwrap();
    let interval = Sealing::Interval(Duration::from_millis(50));
    let node = TestNode::builder().sealing(interval).base_path(folder.path());
    let node = node.start_blocking().unwrap();
    node.transfer("alice", "bob", 7).unwrap();
    let before = node.chain().best().0;
    let (first, second) = node.block_on(async {
        let client = Client::connect(&node.rpc_url()).await.unwrap();
        let backup = || client.request("quids_backup", vec![2.into()]);
        (backup().await.unwrap(), backup().await.unwrap())
    });
    assert_eq!((&first["id"], &second["id"]), (&1.into(), &2.into()));
    node.wait_for_height(before.next().unwrap()).unwrap();
    let restored = tempfile::tempdir().unwrap();
    let backups = std::path::Path::new(second["folder"].as_str().unwrap());
    quids_db::Database::restore(backups, None, &restored.path().join("db")).unwrap();
    let chain = TestChain::open(restored.path(), &ChainOptions::default()).unwrap();
    let (height, hash) = chain.chain.best();
    assert!(height >= before);
    assert_eq!(node.chain().database().hash_at(height).unwrap(), Some(hash));
    let bob = quids_node::test_node::account("bob").unwrap();
    assert_eq!(chain.free(&bob).unwrap(), DEV_BALANCE + 7);
    node.stop().unwrap();
}
