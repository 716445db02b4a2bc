//! Filters and subscriptions: what is told once, what is told again as removed, and what ends.

use super::{block, hash};
use crate::fake_evm::{CONTRACT, envelope};
use crate::wire::{Ws, failure, result};
use crate::{start, start_default};
use quids_rpc::{Backend, Config};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

async fn changes(addr: SocketAddr, id: &Value) -> Vec<Value> {
    let changes = result(addr, "eth_getFilterChanges", json!([id])).await;
    changes.as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_tells_everything_once() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let blocks = result(addr, "eth_newBlockFilter", json!([])).await;
    let address = format!("{CONTRACT:?}");
    let logs = result(
        addr,
        "eth_newFilter",
        json!([{ "address": address, "fromBlock": "0x0" }]),
    )
    .await;
    let later = result(addr, "eth_newFilter", json!([{ "fromBlock": "0x4" }])).await;
    let pool = result(addr, "eth_newPendingTransactionFilter", json!([])).await;
    for id in [&blocks, &logs, &later, &pool] {
        assert!(changes(addr, id).await.is_empty());
    }
    let headers = [fake.change(&[1], &[1]), fake.change(&[1], &[2])];
    assert_eq!(changes(addr, &blocks).await, headers.map(|header| hash(header.hash())));
    assert_eq!(changes(addr, &logs).await.len(), 6);
    assert_eq!(changes(addr, &later).await.len(), 3);
    result(
        addr,
        "eth_sendRawTransaction",
        json!([const_hex::encode_prefixed(envelope(5, 0))]),
    )
    .await;
    assert_eq!(changes(addr, &pool).await.len(), 1);
    for id in [&blocks, &logs, &later, &pool] {
        assert!(changes(addr, id).await.is_empty());
    }
    let all = result(addr, "eth_getFilterLogs", json!([logs])).await;
    assert_eq!(all.as_array().unwrap().len(), 12);
    assert_eq!(failure(addr, "eth_getFilterLogs", json!([blocks])).await.0, -32000);
    assert_eq!(result(addr, "eth_uninstallFilter", json!([blocks])).await, true);
    assert_eq!(result(addr, "eth_uninstallFilter", json!([blocks])).await, false);
    let gone = failure(addr, "eth_getFilterChanges", json!([blocks])).await;
    assert_eq!((gone.0, &gone.1[..]), (-32000, "filter not found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_of_a_block_that_is_gone_come_again_as_removed() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let filter = result(addr, "eth_newFilter", json!([{}])).await;
    let mut ws = Ws::connect(addr).await;
    let heads = ws.subscribe("eth_subscribe", json!(["newHeads"])).await;
    let mut logs_ws = Ws::connect(addr).await;
    let logs = logs_ws
        .subscribe("eth_subscribe", json!(["logs", { "address": format!("{CONTRACT:?}") }]))
        .await;

    let first = fake.change(&[1], &[1]);
    assert_eq!(
        ws.notification("eth_subscription", &heads).await["hash"],
        hash(first.hash())
    );
    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(logs_ws.notification("eth_subscription", &logs).await);
    }
    assert_eq!(changes(addr, &filter).await, told);
    assert!(
        told.iter()
            .all(|log| log["removed"] == false && log["blockHash"] == hash(first.hash()))
    );

    // As `evm_revert` does: the best block and all that belongs to it is gone, then another takes its place. The parent's
    // block notification came with `change`: the fake tells of the new one only.
    let (old, new) = {
        let old = fake.blocks.lock().unwrap().pop().unwrap().header.hash();
        fake.evm.gone.lock().unwrap().push(old);
        let new = fake.push(Default::default(), 1, vec![quids_core::DigestItem::Other(vec![1])]);
        (old, new.hash())
    };
    assert_eq!(old, first.hash());
    assert_eq!(ws.notification("eth_subscription", &heads).await["hash"], hash(new));
    let mut again = Vec::new();
    for _ in 0..6 {
        again.push(logs_ws.notification("eth_subscription", &logs).await);
    }
    for (log, before) in again[..3].iter().zip(told.iter().rev()) {
        assert_eq!(log["removed"], true);
        assert_eq!(
            (&log["blockHash"], &log["logIndex"]),
            (&before["blockHash"], &before["logIndex"])
        );
    }
    assert!(
        again[3..]
            .iter()
            .all(|log| log["removed"] == false && log["blockHash"] == hash(new))
    );
    assert_eq!(changes(addr, &filter).await, again);
    // It ends when it is told to.
    ws.send("eth_unsubscribe", json!([heads])).await;
    assert_eq!(ws.receive().await["result"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_of_the_pool_are_told_as_wished() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let mut ws = Ws::connect(addr).await;
    let hashes = ws.subscribe("eth_subscribe", json!(["newPendingTransactions"])).await;
    let mut full_ws = Ws::connect(addr).await;
    let full = full_ws
        .subscribe("eth_subscribe", json!(["newPendingTransactions", true]))
        .await;
    let id = result(
        addr,
        "eth_sendRawTransaction",
        json!([const_hex::encode_prefixed(envelope(5, 0))]),
    )
    .await;
    assert_eq!(ws.notification("eth_subscription", &hashes).await, id);
    let whole = full_ws.notification("eth_subscription", &full).await;
    assert_eq!(whole, result(addr, "eth_getTransactionByHash", json!([id])).await);
    for params in [
        json!([]),
        json!(["nothing"]),
        json!(["logs", 1]),
        json!(["logs", { "topics": "x" }]),
    ] {
        ws.send("eth_subscribe", params.clone()).await;
        assert_eq!(ws.receive().await["error"]["code"], -32602, "{params}");
    }
    drop(fake);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_are_bounded_in_number_and_in_time() {
    let config = Config {
        filter_timeout: Duration::from_secs(2),
        ..Config::default()
    };
    let (server, fake) = start(config).await;
    let addr = server.local_addr();
    let kept = result(addr, "eth_newBlockFilter", json!([])).await;
    let idle = result(addr, "eth_newBlockFilter", json!([])).await;
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        changes(addr, &kept).await;
    }
    assert_eq!(failure(addr, "eth_getFilterChanges", json!([idle])).await.0, -32000);
    changes(addr, &kept).await;
    let _ = (block(&fake, 1), fake.best_hash());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_keeps_so_many_filters_and_no_more() {
    let (server, _fake) = start_default().await;
    let addr = server.local_addr();
    for _ in 0..Config::FILTERS_MAX {
        result(addr, "eth_newBlockFilter", json!([])).await;
    }
    let (code, message, _) = failure(addr, "eth_newBlockFilter", json!([])).await;
    assert_eq!(code, -32000);
    assert!(message.contains("1024"), "{message}");
}
