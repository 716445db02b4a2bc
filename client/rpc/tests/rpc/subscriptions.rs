//! Heads, versions and storage as they change.

use crate::start_default;
use crate::wire::{Ws, eventually};
use quids_core::Header;
use serde_json::{Value, json};
use std::time::Duration;

fn hash(header: &Header) -> Value {
    json!(format!("{:?}", header.hash()))
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_begin_with_the_current_one() {
    for (subscribe, notification, unsubscribe) in [
        ("chain_subscribeAllHeads", "chain_allHead", "chain_unsubscribeAllHeads"),
        ("chain_subscribeNewHeads", "chain_newHead", "chain_unsubscribeNewHeads"),
        ("chain_subscribeNewHead", "chain_newHead", "chain_unsubscribeNewHead"),
        (
            "chain_subscribeFinalizedHeads",
            "chain_finalizedHead",
            "chain_unsubscribeFinalizedHeads",
        ),
    ] {
        let (server, fake) = start_default().await;
        let mut ws = Ws::connect(server.local_addr()).await;
        let id = ws.subscribe(subscribe, json!([])).await;
        assert_eq!(ws.notification(notification, &id).await["number"], "0x2");
        for number in ["0x3", "0x4"] {
            let header = fake.change(&[1], &[1]);
            let told = ws.notification(notification, &id).await;
            assert_eq!(
                (&told["number"], &told["parentHash"]),
                (&json!(number), &json!(format!("{:?}", header.parent_hash)))
            );
        }
        ws.send(unsubscribe, json!([id])).await;
        assert_eq!(ws.receive().await["result"], json!(true), "{unsubscribe}");
        eventually("the subscription ends", || fake.feed.receiver_count() == 0).await;
        fake.change(&[1], &[2]);
        ws.send("system_name", json!([])).await;
        assert_eq!(ws.receive().await["result"], "quids");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn final_heads_come_with_what_makes_them_final() {
    let (server, fake) = start_default().await;
    let mut ws = Ws::connect(server.local_addr()).await;
    let id = ws.subscribe("quids_subscribeJustifications", json!([])).await;
    let told = ws.notification("quids_justification", &id).await;
    assert_eq!(
        (&told["header"]["number"], &told["justification"]),
        (&json!("0x2"), &Value::Null)
    );
    for height in [3, 4] {
        let header = fake.change(&[1], &[1]);
        let told = ws.notification("quids_justification", &id).await;
        assert_eq!(told["header"]["parentHash"], json!(format!("{:?}", header.parent_hash)));
        match height {
            3 => assert_eq!(told["justification"], Value::Null),
            _ => {
                assert_eq!(told["justification"]["block"], hash(&header));
                assert_eq!(told["justification"]["round"], 3);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_version_is_told_when_it_changes() {
    let (server, fake) = start_default().await;
    let mut ws = Ws::connect(server.local_addr()).await;
    let id = ws.subscribe("state_subscribeRuntimeVersion", json!([])).await;
    assert_eq!(ws.notification("state_runtimeVersion", &id).await["specVersion"], 1);
    fake.change(&[1], &[1]);
    fake.push(Default::default(), 2, vec![]);
    assert_eq!(ws.notification("state_runtimeVersion", &id).await["specVersion"], 2);
    fake.push(Default::default(), 3, vec![]);
    assert_eq!(ws.notification("state_runtimeVersion", &id).await["specVersion"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_is_told_when_it_changes() {
    let (server, fake) = start_default().await;
    let mut ws = Ws::connect(server.local_addr()).await;
    let id = ws.subscribe("state_subscribeStorage", json!([["0x01", "0x77"]])).await;
    let told = ws.notification("state_storage", &id).await;
    assert_eq!(told["changes"], json!([["0x01", "0xaa"], ["0x77", null]]));
    fake.change(&[8], &[8]);
    fake.change(&[1], &[0xaa]);
    let header = fake.change(&[0x77], &[1, 2]);
    let told = ws.notification("state_storage", &id).await;
    assert_eq!(told, json!({ "block": hash(&header), "changes": [["0x77", "0x0102"]] }));

    for (params, code) in [
        (json!([]), -32602),
        (json!([null]), -32602),
        (json!([["zz"]]), -32602),
        (json!([vec!["0x"; 1025]]), 4002),
    ] {
        ws.send("state_subscribeStorage", params).await;
        assert_eq!(ws.receive().await["error"]["code"], code);
    }
}

/// The subscriber reads nothing. The server keeps what its buffers hold, then gives the subscription up.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_subscriber_is_dropped() {
    let config = quids_rpc::Config {
        message_buffer: 4,
        slow_subscriber_timeout: Duration::from_millis(200),
        ..Default::default()
    };
    let (server, fake) = crate::start(config).await;
    let mut ws = Ws::connect(server.local_addr()).await;
    ws.subscribe("chain_subscribeNewHeads", json!([])).await;
    assert_eq!(fake.feed.receiver_count(), 1);
    let large = vec![quids_core::DigestItem::Other(vec![0; 256 << 10])];
    for _ in 0..400 {
        fake.push(Default::default(), 1, large.clone());
        tokio::time::sleep(Duration::from_millis(5)).await;
        if fake.feed.receiver_count() == 0 {
            break;
        }
    }
    eventually("the slow subscription is dropped", || fake.feed.receiver_count() == 0).await;
    // Others are served.
    let mut other = Ws::connect(server.local_addr()).await;
    other.send("system_name", json!([])).await;
    assert_eq!(other.receive().await["result"], "quids");
}
