//! Submitting and watching, by the server's JSON and by the client.

use crate::wire::{Ws, failure, result};
use crate::{start, start_default};
use codec::Encode;
use quids_core::{Hash, OpaqueExtrinsic};
use quids_rpc::client::{Client, ClientError};
use quids_rpc::{Config, RpcMethods, TransactionStatus};
use quids_txpool::hash_of;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn extrinsic(bytes: &[u8]) -> Value {
    json!(const_hex::encode_prefixed(OpaqueExtrinsic(bytes.to_vec()).encode()))
}

fn hash(hash: Hash) -> Value {
    json!(format!("{hash:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_length_prefix_is_stripped_strictly() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let submitted = result(addr, "author_submitExtrinsic", json!([extrinsic(b"good")])).await;
    assert_eq!(submitted, hash(hash_of(b"good")));
    assert_eq!(*fake.pool.lock().unwrap(), [b"good".to_vec()]);
    assert_eq!(
        result(addr, "author_pendingExtrinsics", json!([])).await,
        json!([extrinsic(b"good")])
    );
    for (bad, says) in [
        ("0x", "does not begin with a SCALE length"),
        ("0x10010203", "says 4 bytes, 3 follow"),
        ("0x080102ff", "says 2 bytes, 3 follow"),
        ("0x02ff", "does not begin"),
        ("0x02000000", "does not begin"),
        ("0xfeffffff", "says 1073741823 bytes, 0 follow"),
    ] {
        let (code, message, data) = failure(addr, "author_submitExtrinsic", json!([bad])).await;
        assert_eq!((code, message.as_str()), (1001, "Extrinsic has invalid format"));
        assert!(data.as_str().unwrap().contains(says), "{bad}: {data}");
    }
    assert_eq!(fake.pool.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_substrates_code_and_our_stable_one() {
    let (server, _) = start_default().await;
    let addr = server.local_addr();
    let http = Client::connect(&format!("http://{addr}")).await.unwrap();
    let ws = Client::connect(&format!("ws://{addr}")).await.unwrap();
    for (bytes, code, message, data, stable) in [
        (
            &b"stale"[..],
            1010,
            "Invalid Transaction",
            "code 4: the nonce is too low: it was used already",
            4,
        ),
        (b"lookup", 1011, "Unknown Transaction Validity", "code 501: ", 501),
        (b"known", 1013, "Transaction Already Imported", "code 401: ", 401),
        (
            b"low",
            1014,
            "Priority is too low",
            "code 404: the priority 1 is too low",
            404,
        ),
        (
            b"banned",
            1012,
            "Transaction is temporarily banned",
            "code 408: the transaction turned invalid and is refused until block 9",
            408,
        ),
        (b"full", 1016, "Immediately Dropped", "code 403: ", 403),
    ] {
        let errors = [
            http.submit(bytes).await.unwrap_err(),
            ws.submit(bytes).await.unwrap_err(),
            ws.submit_and_watch(bytes).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.stable_code(), Some(stable));
            let ClientError::Call {
                code: c,
                message: m,
                data: Some(d),
            } = &error
            else {
                panic!("{error}")
            };
            assert_eq!((*c, m.as_str()), (code, message));
            assert!(d.starts_with(data), "{d}");
            assert!(error.to_string().contains(data), "{error}");
        }
    }
    // A node that panics is one failed request, not a dead server.
    let (code, _, _) = failure(addr, "author_submitExtrinsic", json!([extrinsic(b"panic")])).await;
    assert_eq!(code, -32603);
    assert!(ws.submit_and_watch(b"panic").await.is_err());
    assert_eq!(http.request("system_name", vec![]).await.unwrap(), json!("quids"));
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_are_substrates() {
    let (server, fake) = start_default().await;
    let mut ws = Ws::connect(server.local_addr()).await;
    let block = Hash::repeat_byte(5);
    let statuses = [
        (TransactionStatus::Future, json!("future")),
        (TransactionStatus::Ready, json!("ready")),
        (TransactionStatus::Broadcast(vec![]), json!({ "broadcast": [] })),
        (TransactionStatus::InBlock(block), json!({ "inBlock": hash(block) })),
        (TransactionStatus::Retracted(block), json!({ "retracted": hash(block) })),
        (TransactionStatus::Finalized(block), json!({ "finalized": hash(block) })),
        (
            TransactionStatus::FinalityTimeout(block),
            json!({ "finalityTimeout": hash(block) }),
        ),
        (TransactionStatus::Usurped(block), json!({ "usurped": hash(block) })),
        (TransactionStatus::Dropped, json!("dropped")),
        (TransactionStatus::Invalid, json!("invalid")),
    ];
    for (status, expected) in statuses {
        let id = ws
            .subscribe("author_submitAndWatchExtrinsic", json!([extrinsic(b"good")]))
            .await;
        let sender = fake.watchers.lock().unwrap().pop().unwrap();
        sender.send(status.clone()).await.unwrap();
        assert_eq!(ws.notification("author_extrinsicUpdate", &id).await, expected);
        // A final status ends the subscription, else the client does.
        ws.send("author_unwatchExtrinsic", json!([id])).await;
        let ended = ws.receive().await;
        if !status.is_final() {
            assert_eq!(ended["result"], json!(true), "{ended}");
        }
        tokio::time::timeout(Duration::from_secs(20), sender.closed())
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_watches_until_the_end() {
    let (server, fake) = start(Config::default()).await;
    let client = Client::connect(&format!("ws://{}", server.local_addr())).await.unwrap();
    let mut watch = client.submit_and_watch(b"good").await.unwrap();
    let sender = fake.watchers.lock().unwrap().pop().unwrap();
    let block = Hash::repeat_byte(5);
    for status in [
        TransactionStatus::Ready,
        TransactionStatus::InBlock(block),
        TransactionStatus::Finalized(block),
    ] {
        sender.send(status.clone()).await.unwrap();
        assert_eq!(watch.next().await.unwrap().unwrap(), status);
    }

    let http = Client::connect(&format!("http://{}", server.local_addr()))
        .await
        .unwrap();
    assert!(matches!(
        http.submit_and_watch(b"good").await,
        Err(ClientError::NeedsWebSocket)
    ));
    assert!(matches!(Client::connect("ftp://x").await, Err(ClientError::Url(_))));

    // The server goes: the watch ends, and nobody is there any more.
    let mut watch = client.submit_and_watch(b"more").await.unwrap();
    let addr = server.local_addr();
    server.stop().await;
    assert!(watch.next().await.is_none_or(|status| status.is_err()));
    let error = Client::connect(&format!("ws://{addr}")).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("ws://{addr}: ")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owners_transactions_are_local() {
    for (methods, is_owner) in [(RpcMethods::Auto, true), (RpcMethods::Safe, false)] {
        let config = Config {
            methods,
            ..Config::default()
        };
        let (server, fake) = start(config).await;
        let addr = server.local_addr();
        let mut ws = Ws::connect(addr).await;
        result(addr, "author_submitExtrinsic", json!([extrinsic(b"one")])).await;
        ws.subscribe("author_submitAndWatchExtrinsic", json!([extrinsic(b"two")]))
            .await;
        ws.subscribe("transactionWatch_v1_submitAndWatch", json!([extrinsic(b"three")]))
            .await;
        let (pool, start) = (|| fake.is_local.lock().unwrap().clone(), Instant::now());
        assert_eq!(pool(), [is_owner; 3]);
        result(addr, "transaction_v1_broadcast", json!([extrinsic(b"four")])).await;
        while pool().len() < 4 && start.elapsed() < Duration::from_secs(20) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(pool(), [is_owner; 4]);
    }
}
