//! `archive_v1_*`, `chainSpec_v1_*`, and the transactions of the new interface.

use crate::chain_head::{Session, hex};
use crate::start_default;
use crate::wire::{eventually, failure, result};
use codec::Encode;
use quids_core::{Hash, OpaqueExtrinsic};
use quids_rpc::{Backend, TransactionStatus};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn blocks_and_the_chain_are_as_specified() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let hashes: Vec<Hash> = (0..3).map(|n| fake.blocks.lock().unwrap()[n].header.hash()).collect();
    let fork = fake.import(hashes[1], 1, 1);
    let unknown = hex(Hash::repeat_byte(9));
    let header = const_hex::encode_prefixed(fake.block(hashes[1]).unwrap().header.encode());
    for (method, params, expected) in [
        ("chainSpec_v1_chainName", json!([]), json!("Quids Test")),
        ("chainSpec_v1_genesisHash", json!([]), hex(hashes[0])),
        (
            "chainSpec_v1_properties",
            json!([]),
            json!({ "isEthereum": true, "tokenDecimals": 18, "tokenSymbol": "QDS" }),
        ),
        ("archive_v1_genesisHash", json!([]), hex(hashes[0])),
        ("archive_v1_finalizedHeight", json!([]), json!(2)),
        ("archive_v1_hashByHeight", json!([1]), json!([hex(hashes[1])])),
        (
            "archive_v1_hashByHeight",
            json!([2]),
            json!([hex(hashes[2]), hex(fork)]),
        ),
        ("archive_v1_hashByHeight", json!([7]), json!([])),
        ("archive_v1_hashByHeight", json!([1u64 << 40]), json!([])),
        ("archive_v1_header", json!([hex(hashes[1])]), json!(header)),
        ("archive_v1_header", json!([unknown]), Value::Null),
        ("archive_v1_body", json!([hex(hashes[1])]), json!(["0x0c070707"])),
        ("archive_v1_body", json!([unknown]), Value::Null),
        (
            "archive_v1_call",
            json!([hex(hashes[1]), "echo", "0x12"]),
            json!({ "success": true, "value": "0x12" }),
        ),
        ("archive_v1_call", json!([unknown, "echo", "0x12"]), Value::Null),
        (
            "archive_v1_call",
            json!([hex(hashes[1]), "trap", "0x"]),
            json!({ "success": false, "error": "execution failed: panicked at 'no'" }),
        ),
    ] {
        assert_eq!(
            result(addr, method, params.clone()).await,
            expected,
            "{method} {params}"
        );
    }
    for (method, params) in [
        ("archive_v1_hashByHeight", json!([-1])),
        ("archive_v1_header", json!(["0x12"])),
        ("archive_v1_call", json!([hex(hashes[1]), "echo", "12"])),
        ("transaction_v1_broadcast", json!(["12"])),
        ("transaction_v1_stop", json!(["0"])),
    ] {
        assert_eq!(failure(addr, method, params).await.0, -32602, "{method}");
    }
}

/// All events of an archive subscription.
async fn all(session: &mut Session, method: &str, params: Value) -> Vec<Value> {
    let id = session.ask(method, params).await;
    let mut events = Vec::new();
    loop {
        let event = session.event(&id).await;
        let name = event["event"].as_str().unwrap().to_owned();
        events.push(event);
        if name.ends_with("Done") || name.ends_with("Error") {
            return events;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_and_its_differences_come_as_events() {
    let (server, fake) = start_default().await;
    let mut session = Session::connect(server.local_addr()).await;
    let base = fake.best_hash();
    let fork = fake.import(base, 5, 1);
    let mut state: std::collections::BTreeMap<Vec<u8>, Vec<u8>> = (0..=255u8)
        .flat_map(|n| [(vec![5, n], vec![n]), (vec![6, n], vec![n])])
        .collect();
    fake.push(state.clone(), 1, vec![]);
    let (full, before) = (fake.best_hash(), base);
    state.remove(&vec![5, 200]);
    state.insert(vec![5, 1], vec![77]);
    state.insert(vec![5, 1, 1], vec![]);
    fake.push(state, 1, vec![]);
    let last = fake.best_hash();

    let done = json!({ "event": "storageDone" });
    let item = |key: &str, kind: &str| json!([{ "key": key, "type": kind }]);
    let events = all(
        &mut session,
        "archive_v1_storage",
        json!([hex(full), item("0x05", "descendantsValues")]),
    )
    .await;
    let expected: Vec<_> = (0..=255u8)
        .map(|n| json!({ "event": "storage", "key": format!("0x05{n:02x}"), "value": format!("0x{n:02x}") }))
        .chain([done.clone()])
        .collect();
    assert_eq!(events, expected);
    let from = json!([{ "key": "0x05", "type": "descendantsHashes", "paginationStartKey": "0x05fe" }]);
    let events = all(&mut session, "archive_v1_storage", json!([hex(full), from, null])).await;
    let hash = const_hex::encode_prefixed(blake3::hash(&[255]).as_bytes());
    assert_eq!(
        events,
        [
            json!({ "event": "storage", "key": "0x05ff", "hash": hash }),
            done.clone()
        ]
    );
    let events = all(
        &mut session,
        "archive_v1_storage",
        json!([hex(full), item("0x05", "value"), "0x01"]),
    )
    .await;
    assert_eq!(events, std::slice::from_ref(&done));
    let unknown = hex(Hash::repeat_byte(9));
    for items in [json!([]), item("0x05", "value"), item("0x05", "descendantsValues")] {
        let events = all(&mut session, "archive_v1_storage", json!([unknown, items])).await;
        assert_eq!(events[0]["event"], "storageError", "{events:?}");
    }
    let misplaced = json!([{ "key": "0x05", "type": "value", "paginationStartKey": "0x05" }]);
    assert_eq!(
        session.code("archive_v1_storage", json!([hex(full), misplaced])).await,
        -32602
    );

    let changed = |key: &str, kind: &str, value: &str| json!({ "event": "storageDiff", "key": key, "type": kind, "value": value });
    let done = json!({ "event": "storageDiffDone" });
    let expected = vec![
        changed("0x0501", "modified", "0x4d"),
        changed("0x050101", "added", "0x"),
        changed("0x05c8", "deleted", "0xc8"),
        done.clone(),
    ];
    assert_eq!(
        all(&mut session, "archive_v1_storageDiff", json!([hex(last)])).await,
        expected
    );
    let items = json!([{ "key": "0x05", "returnType": "value" }, { "returnType": "value", "childTrieKey": "0x01" }]);
    assert_eq!(
        all(
            &mut session,
            "archive_v1_storageDiff",
            json!([hex(last), items, hex(full)])
        )
        .await,
        expected
    );
    let items = json!([{ "key": "0x06", "returnType": "hash" }]);
    assert_eq!(
        all(&mut session, "archive_v1_storageDiff", json!([hex(last), items])).await,
        std::slice::from_ref(&done)
    );
    let events = all(
        &mut session,
        "archive_v1_storageDiff",
        json!([hex(last), items, hex(before)]),
    )
    .await;
    assert_eq!(events.len(), 257);
    assert!(
        events[..256]
            .iter()
            .all(|event| event["type"] == "added" && event["hash"].is_string())
    );
    // A fork is compared with its own ancestors only.
    let expected = vec![changed("0x09", "modified", "0x05"), done];
    assert_eq!(
        all(&mut session, "archive_v1_storageDiff", json!([hex(fork)])).await,
        expected
    );
    assert_eq!(
        all(
            &mut session,
            "archive_v1_storageDiff",
            json!([hex(fork), null, hex(base)])
        )
        .await,
        expected
    );
    let genesis = hex(fake.blocks.lock().unwrap()[0].header.hash());
    for params in [
        json!([hex(fork), null, hex(full)]),
        json!([hex(full), null, hex(last)]),
        json!([hex(last), null, hex(fork)]),
        json!([hex(last), null, unknown]),
        json!([genesis]),
        json!([unknown]),
    ] {
        let events = all(&mut session, "archive_v1_storageDiff", params.clone()).await;
        assert_eq!(
            (events.len(), &events[0]["event"]),
            (1, &json!("storageDiffError")),
            "{params}"
        );
    }
}

fn encoded(bytes: &[u8]) -> Value {
    json!(const_hex::encode_prefixed(OpaqueExtrinsic(bytes.to_vec()).encode()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_transactions_events_are_as_specified() {
    let (server, fake) = start_default().await;
    let mut session = Session::connect(server.local_addr()).await;
    let best = fake.best_hash();
    let fork = fake.import(best, 8, 1);
    let place = |block: Hash, index: usize| json!({ "hash": hex(block), "index": index });
    let (method, notified) = ("transactionWatch_v1_submitAndWatch", "transactionWatch_v1_watchEvent");
    for (status, expected) in [
        (TransactionStatus::Ready, json!({ "event": "validated" })),
        (TransactionStatus::Future, json!({ "event": "validated" })),
        (
            TransactionStatus::Broadcast(vec!["x".into()]),
            json!({ "event": "broadcasted", "numPeers": 1 }),
        ),
        (
            TransactionStatus::InBlock(fork),
            json!({ "event": "bestChainBlockIncluded", "block": place(fork, 1) }),
        ),
        (
            TransactionStatus::Retracted(fork),
            json!({ "event": "bestChainBlockIncluded", "block": null }),
        ),
        (
            TransactionStatus::Finalized(fork),
            json!({ "event": "finalized", "block": place(fork, 1) }),
        ),
        (
            TransactionStatus::Dropped,
            json!({ "event": "dropped", "error": "it had to make room in the pool" }),
        ),
        (
            TransactionStatus::Invalid,
            json!({ "event": "invalid", "error": "it became invalid" }),
        ),
    ] {
        let id = session.ws.subscribe(method, json!([encoded(&[8])])).await;
        let sender = fake.watchers.lock().unwrap().pop().unwrap();
        sender.send(status.clone()).await.unwrap();
        assert_eq!(session.ws.notification(notified, &id).await, expected);
        if !status.is_final() {
            assert_eq!(session.ask("transactionWatch_v1_unwatch", json!([id])).await, true);
        }
        tokio::time::timeout(Duration::from_secs(20), sender.closed())
            .await
            .unwrap();
    }
    // Refusals are events; a node that loses track says so.
    for (bytes, event, says) in [
        (encoded(b"stale"), "invalid", "code "),
        (encoded(b"lookup"), "invalid", "code "),
        (encoded(b"known"), "dropped", "code "),
        (encoded(b"full"), "dropped", "code "),
        (encoded(b"panic"), "error", "failed"),
        (json!("0x0c01"), "invalid", "no extrinsic"),
        (json!("0x"), "invalid", "no extrinsic"),
    ] {
        let id = session.ws.subscribe(method, json!([bytes])).await;
        let told = session.ws.notification(notified, &id).await;
        assert_eq!(told["event"], event, "{told}");
        assert!(told["error"].as_str().unwrap().contains(says), "{told}");
    }
    let id = session.ws.subscribe(method, json!([encoded(b"good")])).await;
    fake.watchers.lock().unwrap().clear();
    assert_eq!(session.ws.notification(notified, &id).await["event"], "dropped");
    assert_eq!(session.code(method, json!(["zz"])).await, -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_goes_on_until_it_is_final_or_stopped() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let mut session = Session::connect(addr).await;
    let offers = || fake.pool.lock().unwrap().len();
    let broadcast = "transaction_v1_broadcast";
    let id = session.ask(broadcast, json!([encoded(b"good")])).await;
    assert!(id.is_string());
    eventually("it is offered", || offers() == 1).await;
    // It falls out of the pool twice, and is offered again with the next best block.
    for count in 2..4 {
        let sender = fake.watchers.lock().unwrap().pop().unwrap();
        sender.send(TransactionStatus::Dropped).await.unwrap();
        drop(sender);
        tokio::time::sleep(Duration::from_millis(50)).await;
        fake.change(&[1], &[count]);
        eventually("it is offered again", || offers() == usize::from(count)).await;
    }
    let sender = fake.watchers.lock().unwrap().pop().unwrap();
    sender
        .send(TransactionStatus::Finalized(fake.best_hash()))
        .await
        .unwrap();
    drop(sender);
    eventually("it is done", || fake.feed.receiver_count() == 0).await;
    assert_eq!(session.code("transaction_v1_stop", json!([id])).await, -32602);

    // Invalid bytes are an operation too; four at once are all.
    let mut ids = Vec::new();
    for bytes in [json!("0xff"), encoded(b"stale"), encoded(b"known"), encoded(b"fine")] {
        let id = session.ask(broadcast, json!([bytes])).await;
        assert!(id.is_string(), "{bytes}");
        ids.push(id);
    }
    assert_eq!(session.ask(broadcast, json!([encoded(b"more")])).await, Value::Null);
    let mut stranger = Session::connect(addr).await;
    assert_eq!(stranger.code("transaction_v1_stop", json!([ids[0]])).await, -32602);
    assert!(stranger.ask(broadcast, json!([encoded(b"more")])).await.is_string());
    for id in &ids[..2] {
        assert_eq!(session.ask("transaction_v1_stop", json!([id])).await, Value::Null);
        assert_eq!(session.code("transaction_v1_stop", json!([id])).await, -32602);
    }
    assert!(session.ask(broadcast, json!([encoded(b"again")])).await.is_string());
    // What somebody else gave to the pool is looked for in final blocks.
    let waiting = fake.feed.receiver_count();
    let hash = {
        let mut blocks = fake.blocks.lock().unwrap();
        let mut block = blocks.last().unwrap().clone();
        block.header.number.0 += 1;
        block.body = vec![OpaqueExtrinsic(b"known".to_vec())];
        let hash = block.header.hash();
        blocks.push(block);
        hash
    };
    fake.tell(hash, [true, true, true], false);
    eventually("it is found", || fake.feed.receiver_count() == waiting - 1).await;
    // Over HTTP the connection ends with the answer: one offer is made.
    let before = offers();
    assert!(result(addr, broadcast, json!([encoded(b"by http")])).await.is_string());
    eventually("it is offered", || offers() == before + 1).await;
    // They end with their connections.
    drop(session);
    drop(stranger);
    eventually("all end", || fake.feed.receiver_count() == 0).await;
}
