//! What the owner of a development chain may do: blocks on demand, time, going back.

use quids_core::{H160, Height, U256};
use quids_node::{
    BlockingTestNode, ChainSpec, Sealing, TestNode,
    test_node::{account, key},
};
use quids_rpc::{BackendError, ChainType, Development};
use quids_state::StateBackend;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn node(sealing: Sealing) -> BlockingTestNode {
    TestNode::builder().sealing(sealing).start_blocking().unwrap()
}

fn controls(node: &BlockingTestNode) -> &dyn Development {
    &**node.node().development().unwrap()
}

/// Of the last block, in milliseconds.
fn time(node: &BlockingTestNode) -> u64 {
    node.chain().last_timestamp().unwrap()
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn only_a_development_chain_has_them() {
    let mut local = ChainSpec::dev();
    local.chain_type = ChainType::Local;
    let mut follower = ChainSpec::dev();
    follower.author = None;
    for spec in [local, follower] {
        let node = TestNode::builder()
            .sealing(Sealing::Manual)
            .spec(spec)
            .start_blocking()
            .unwrap();
        assert!(node.node().development().is_none());
    }
}

#[test]
fn blocks_are_mined_on_demand_with_the_time_asked_for() {
    let node = node(Sealing::Manual);
    let controls = controls(&node);
    controls.mine(1, None).unwrap();
    assert_eq!(node.height(), Height(1));
    let first = time(&node);
    assert!(first / 1_000 <= now_s());
    controls.mine(4, Some(60)).unwrap();
    assert_eq!(node.height(), Height(5));
    let last = time(&node);
    assert!((180_000..190_000).contains(&(last - first)), "{first} {last}");
    // Time goes on from there.
    controls.mine(1, None).unwrap();
    assert!((1..10_000).contains(&(time(&node) - last)));
    controls.mine(0, Some(7)).unwrap();
    assert_eq!(node.height(), Height(6));
    assert!(matches!(controls.mine(u64::MAX, None), Err(BackendError::Refused(_))));
}

#[test]
fn time_is_moved_and_set() {
    let node = node(Sealing::Manual);
    let controls = controls(&node);
    assert_eq!(controls.increase_time(1_000), Ok(1_000));
    assert_eq!(controls.increase_time(500), Ok(1_500));
    controls.mine(1, None).unwrap();
    let moved = (time(&node) / 1_000).abs_diff(now_s() + 1_500);
    assert!(moved <= 2, "{moved}");
    // The next block's time exactly, and on from there.
    let wanted = now_s() + 5_000;
    controls.set_next_timestamp(wanted).unwrap();
    controls.mine(1, None).unwrap();
    assert_eq!(time(&node), wanted * 1_000);
    controls.mine(1, None).unwrap();
    assert!((1..10_000).contains(&(time(&node) - wanted * 1_000)));
    for refused in [0, wanted, u64::MAX] {
        assert!(
            matches!(controls.set_next_timestamp(refused), Err(BackendError::Refused(_))),
            "{refused}"
        );
    }
    assert!(matches!(
        controls.increase_time(u64::MAX),
        Err(BackendError::Refused(_))
    ));
}

#[test]
fn the_chain_goes_back_to_a_snapshot() {
    let node = node(Sealing::Manual);
    let controls = controls(&node);
    let mut blocks = node.chain().subscribe();
    let transfer = |nonce: u64, amount: u128| {
        let view = node.view();
        let call = view.transfer(&account("bob").unwrap(), amount).unwrap();
        let signing = quids_node::testing::Signing {
            nonce: Some(nonce),
            with_key: Some(true),
            ..Default::default()
        };
        let bytes = view.sign(&key("alice").unwrap(), call, signing).unwrap();
        node.pool()
            .submit(quids_api::TransactionSource::External, bytes)
            .unwrap()
    };
    controls.mine(1, None).unwrap();
    let before = node.free("bob").unwrap();
    let (first, second) = (controls.snapshot().unwrap(), controls.snapshot().unwrap());
    assert_eq!((first, second), (1, 2));
    let kept = node.chain().best();
    let gone = transfer(0, 5);
    controls.mine(3, Some(1_000)).unwrap();
    assert_eq!(node.free("bob").unwrap(), before + 5);
    let old: Vec<_> = (2..=4)
        .map(|height| node.chain().database().hash_at(Height(height)).unwrap().unwrap())
        .collect();
    let third = controls.snapshot().unwrap();
    controls.increase_time(50_000).unwrap();
    assert_eq!(controls.revert(second), Ok(true));
    assert_eq!((node.chain().best(), node.free("bob").unwrap()), (kept, before));
    assert_eq!(node.chain().database().best().unwrap(), kept);
    for hash in &old {
        assert!(node.chain().header(*hash).is_err());
    }
    assert_eq!(node.chain().database().hash_at(Height(2)), Ok(None));
    // It and later ones are forgotten, earlier ones are not.
    assert_eq!(
        (controls.revert(second), controls.revert(third), controls.revert(99)),
        (Ok(false), Ok(false), Ok(false))
    );
    // Subscribers hear of it.
    let taken_back = loop {
        let block = node.block_on(blocks.recv()).unwrap();
        if !block.retracted.is_empty() {
            break block;
        }
    };
    let retracted: Vec<_> = old.iter().rev().copied().collect();
    assert_eq!((taken_back.hash, &taken_back.retracted), (kept.1, &retracted));
    // The same transfer may be sent again, and the time is what it was.
    assert_ne!(transfer(0, 5), gone, "signatures are hedged");
    controls.mine(1, None).unwrap();
    assert_eq!(node.free("bob").unwrap(), before + 5);
    assert!((time(&node) / 1_000).abs_diff(now_s()) <= 5);
    // The new chain outlives the process.
    let best = node.chain().best();
    assert_eq!(best.0, Height(2));
    let state = node.chain().state_at(best.1).unwrap();
    assert!(state.get(b":code").unwrap().is_some());
    assert_eq!(controls.revert(first), Ok(true));
    assert_eq!(node.chain().best(), kept);
    let mut node = node;
    // Who still looks at a state has the database open.
    drop(state);
    node.restart().unwrap();
    assert_eq!((node.chain().best(), node.free("bob").unwrap()), (kept, before));
}

#[test]
fn transactions_are_put_into_blocks_as_they_arrive_or_not() {
    let node = node(Sealing::Manual);
    let controls = controls(&node);
    controls.set_automine(true).unwrap();
    // Waits for the block.
    assert!(node.block_on(async { node.node().seal().await.is_ok() }));
    let view = node.view();
    let call = view.transfer(&account("bob").unwrap(), 1).unwrap();
    let bytes = view.sign(&key("alice").unwrap(), call, Default::default()).unwrap();
    node.pool()
        .submit(quids_api::TransactionSource::External, bytes)
        .unwrap();
    node.wait_for_height(Height(2)).unwrap();
    controls.set_automine(false).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let call = node.view().transfer(&account("bob").unwrap(), 1).unwrap();
    let bytes = node
        .view()
        .sign(&key("alice").unwrap(), call, Default::default())
        .unwrap();
    node.pool()
        .submit(quids_api::TransactionSource::External, bytes)
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(node.height(), Height(2));
    controls.mine(1, None).unwrap();
    assert!(!node.pool().has_ready());
}

#[test]
fn a_balance_is_set_in_a_block_of_its_own() {
    let node = node(Sealing::Manual);
    let controls = controls(&node);
    let who = H160::repeat_byte(0x77);
    for (height, balance) in [(1, 5_000), (2, 0), (3, u128::MAX >> 8)] {
        controls.set_balance(who, U256::from(balance)).unwrap();
        assert_eq!(
            (
                node.height(),
                node.view().free(&quids_core::AccountId20(who.0)).unwrap()
            ),
            (Height(height), balance)
        );
    }
    let too_much = controls.set_balance(who, U256::from(u128::MAX) + 1);
    assert!(matches!(too_much, Err(BackendError::Refused(_))), "{too_much:?}");
}
