//! `chainHead_v1_*` over real sockets: events, pins, operations, and what strangers may not do.

use crate::fake::Fake;
use crate::wire::{Ws, eventually, failure, http, result};
use crate::{start, start_default, start_over};
use codec::Encode;
use quids_core::{Hash, Header, Height};
use quids_rpc::{Backend, ChainHeadLimits, Config, Notification};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A connection that keeps events while it waits for answers.
pub struct Session {
    pub ws: Ws,
    pub events: VecDeque<Value>,
}

impl Session {
    pub async fn connect(addr: SocketAddr) -> Self {
        let ws = Ws::connect(addr).await;
        let events = VecDeque::new();
        Self { ws, events }
    }

    /// The whole answer.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        self.ws.send(method, params).await;
        loop {
            let message = self.ws.receive().await;
            if message.get("id").is_some() {
                return message;
            }
            self.events.push_back(message);
        }
    }

    pub async fn ask(&mut self, method: &str, params: Value) -> Value {
        let answer = self.call(method, params).await;
        answer
            .get("result")
            .unwrap_or_else(|| panic!("{method}: {answer}"))
            .clone()
    }

    pub async fn code(&mut self, method: &str, params: Value) -> Value {
        self.call(method, params).await["error"]["code"].clone()
    }

    /// The next event of this subscription.
    pub async fn event(&mut self, id: &Value) -> Value {
        let message = match self.events.pop_front() {
            Some(message) => message,
            None => self.ws.receive().await,
        };
        assert_eq!(&message["params"]["subscription"], id, "{message}");
        message["params"]["result"].clone()
    }

    async fn follow(&mut self, with_runtime: bool) -> Value {
        self.ask("chainHead_v1_follow", json!([with_runtime])).await
    }

    /// Follows, and reads the two first events.
    async fn follow_quietly(&mut self, with_runtime: bool) -> Value {
        let id = self.follow(with_runtime).await;
        assert_eq!(self.event(&id).await["event"], "initialized");
        assert_eq!(self.event(&id).await["event"], "bestBlockChanged");
        id
    }
}

pub fn hex(hash: Hash) -> Value {
    json!(format!("{hash:?}"))
}

fn limits(change: impl FnOnce(&mut ChainHeadLimits)) -> Config {
    let mut config = Config::default();
    change(&mut config.chain_head);
    config
}

fn spec(version: u32) -> Value {
    json!({ "type": "valid", "spec": {
        "specName": "quids", "implName": "quids-node", "specVersion": version, "implVersion": 0,
        "transactionVersion": 1, "apis": { "0xdf6acb689907609b": 5 },
    } })
}

#[tokio::test(flavor = "multi_thread")]
async fn forks_and_reorgs_are_told_in_order() {
    let (server, fake) = start_default().await;
    let mut session = Session::connect(server.local_addr()).await;
    let hashes: Vec<Hash> = (0..3).map(|n| fake.blocks.lock().unwrap()[n].header.hash()).collect();
    // Blocks that are not final when the subscription begins.
    let a1 = fake.import(hashes[2], 1, 1);
    let a2 = fake.import(a1, 2, 1);
    fake.forks.lock().unwrap().finalised = Some(hashes[2]);
    fake.make_best(a2);
    let id = session.follow(true).await;
    assert!(id.is_string(), "{id}");
    let finalised: Vec<Value> = hashes.iter().map(|hash| hex(*hash)).collect();
    let new = |hash: Hash, parent: Hash, runtime: Value| json!({ "event": "newBlock", "blockHash": hex(hash), "parentBlockHash": hex(parent), "newRuntime": runtime });
    let best = |hash: Hash| json!({ "event": "bestBlockChanged", "bestBlockHash": hex(hash) });
    let told = |finalised: &[Hash], pruned: &[Hash]| {
        let list = |hashes: &[Hash]| hashes.iter().map(|hash| hex(*hash)).collect::<Value>();
        json!({ "event": "finalized", "finalizedBlockHashes": list(finalised), "prunedBlockHashes": list(pruned) })
    };
    let initialized = json!({
        "event": "initialized", "finalizedBlockHashes": finalised, "finalizedBlockRuntime": spec(1),
    });
    for expected in [
        initialized,
        new(a1, hashes[2], Value::Null),
        new(a2, a1, Value::Null),
        best(a2),
    ] {
        assert_eq!(session.event(&id).await, expected);
    }
    // A fork with a new runtime wins, and prunes the other when it becomes final.
    let b1 = fake.import(hashes[2], 3, 1);
    let b2 = fake.import(b1, 4, 2);
    fake.make_best(b2);
    fake.finalise(b1);
    // The other way round: a fork becomes final though the best block is elsewhere.
    let c2 = fake.import(b1, 5, 1);
    let c3 = fake.import(c2, 6, 1);
    fake.finalise(c3);
    for expected in [new(b1, hashes[2], Value::Null), new(b2, b1, spec(2)), best(b2)] {
        assert_eq!(session.event(&id).await, expected);
    }
    let finalised = session.event(&id).await;
    let mut pruned = finalised["prunedBlockHashes"].as_array().unwrap().clone();
    pruned.sort_by_key(Value::to_string);
    let mut expected = [hex(a1), hex(a2)];
    expected.sort_by_key(Value::to_string);
    assert_eq!(pruned, expected);
    for expected in [
        new(c2, b1, Value::Null),
        new(c3, c2, Value::Null),
        best(c2),
        told(&[c2], &[b2]),
        best(c3),
        told(&[c3], &[]),
    ] {
        assert_eq!(session.event(&id).await, expected);
    }
    // Old news, blocks of lost forks and repetitions are not told.
    fake.tell(b2, [true, true, true], false);
    fake.tell(c3, [true, true, true], false);
    let d = fake.import(a2, 7, 1);
    fake.make_best(d);
    let e = fake.import(c3, 8, 1);
    assert_eq!(session.event(&id).await, new(e, c3, Value::Null));
    // Import, best and final at once.
    let header = fake.block(e).unwrap().header;
    fake.forks.lock().unwrap().finalised = Some(e);
    fake.tell(header.hash(), [true, true, true], false);
    assert_eq!(session.event(&id).await, best(e));
    assert_eq!(session.event(&id).await, told(&[e], &[]));
    assert_eq!(fake.pins.lock().unwrap().len(), 3 + 2 + 2 + 2 + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_runtime_nothing_is_said_of_it() {
    let (server, fake) = start_default().await;
    let mut session = Session::connect(server.local_addr()).await;
    let id = session.follow(false).await;
    assert!(session.event(&id).await.get("finalizedBlockRuntime").is_none());
    session.event(&id).await;
    fake.push(Default::default(), 2, vec![]);
    assert!(session.event(&id).await.get("newRuntime").is_none());
    let best = hex(fake.best_hash());
    assert_eq!(
        session.code("chainHead_v1_call", json!([id, best, "echo", "0x"])).await,
        -32802
    );
    for params in [json!([]), json!([null]), json!(["yes"]), json!([1])] {
        assert_eq!(session.code("chainHead_v1_follow", params).await, -32602);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_of_a_connection_are_bounded_and_its_own() {
    let (server, fake) = start(limits(|limits| limits.follows_per_connection_max = 2)).await;
    let addr = server.local_addr();
    let mut session = Session::connect(addr).await;
    let first = session.follow(true).await;
    let second = session.follow(false).await;
    assert_eq!(session.code("chainHead_v1_follow", json!([true])).await, -32800);
    // An end makes room at once.
    session.ask("chainHead_v1_unfollow", json!([first])).await;
    session.events.clear();
    let third = session.follow(true).await;

    let best = hex(fake.best_hash());
    let mut stranger = Session::connect(addr).await;
    for id in [&second, &third, &first, &json!("nonsense")] {
        for (method, rest, expected) in [
            ("chainHead_v1_header", json!([best]), Value::Null),
            ("chainHead_v1_body", json!([best]), json!({ "result": "limitReached" })),
            (
                "chainHead_v1_call",
                json!([best, "echo", "0x"]),
                json!({ "result": "limitReached" }),
            ),
            (
                "chainHead_v1_storage",
                json!([best, [], null]),
                json!({ "result": "limitReached" }),
            ),
            ("chainHead_v1_unpin", json!([best]), Value::Null),
            ("chainHead_v1_continue", json!(["0"]), Value::Null),
            ("chainHead_v1_stopOperation", json!(["0"]), Value::Null),
        ] {
            let mut params = vec![id.clone()];
            params.extend(rest.as_array().unwrap().clone());
            assert_eq!(stranger.ask(method, params.clone().into()).await, expected, "{method}");
            assert_eq!(result(addr, method, params.into()).await, expected, "{method}");
        }
    }
    assert_eq!(stranger.ask("chainHead_v1_unfollow", json!([second])).await, false);
    // Still there for its owner, and still pinned.
    assert!(
        session
            .ask("chainHead_v1_header", json!([second, best]))
            .await
            .is_string()
    );
    // HTTP has no subscriptions.
    assert!(failure(addr, "chainHead_v1_follow", json!([true])).await.0 < 0);
    let request =
        |method: &str, params: Value| json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let batch = json!([request("chainHead_v1_header", json!([second, best]))]);
    assert!(http(addr, &batch.to_string()).await.1.contains("null"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_are_counted_and_released() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let mut session = Session::connect(addr).await;
    let (one, two) = (session.follow_quietly(true).await, session.follow_quietly(true).await);
    let hashes: Vec<Hash> = (0..3).map(|n| fake.blocks.lock().unwrap()[n].header.hash()).collect();
    let [a, b, c] = [0, 1, 2].map(|n| hex(hashes[n]));
    assert_eq!(fake.pins.lock().unwrap().len(), 3);

    let encoded = fake.block(hashes[1]).unwrap().header.encode();
    let header = session.ask("chainHead_v1_header", json!([one, b])).await;
    assert_eq!(header, const_hex::encode_prefixed(encoded));
    let unknown = hex(Hash::repeat_byte(9));
    for (params, code) in [
        (json!([one, [a, b, a]]), -32804),
        (json!([one, [a, unknown]]), -32801),
        (json!([one, unknown]), -32801),
        (json!([one, "0x12"]), -32602),
        (json!([one, 7]), -32602),
        (json!([one]), -32602),
    ] {
        assert_eq!(session.code("chainHead_v1_unpin", params).await, code);
    }
    // None of those unpinned anything.
    assert!(session.ask("chainHead_v1_header", json!([one, a])).await.is_string());
    assert_eq!(
        session.ask("chainHead_v1_unpin", json!([one, [a, b]])).await,
        Value::Null
    );
    assert_eq!(session.code("chainHead_v1_unpin", json!([one, a])).await, -32801);
    for (method, rest) in [
        ("chainHead_v1_header", json!([])),
        ("chainHead_v1_body", json!([])),
        ("chainHead_v1_call", json!(["echo", "0x"])),
        ("chainHead_v1_storage", json!([[{ "key": "0x01", "type": "value" }]])),
    ] {
        let mut params = vec![one.clone(), a.clone()];
        params.extend(rest.as_array().unwrap().clone());
        assert_eq!(session.code(method, params.into()).await, -32801, "{method}");
    }
    // The other subscription holds them all.
    assert_eq!(fake.pins.lock().unwrap().len(), 3);
    session.ask("chainHead_v1_unpin", json!([two, [a, b]])).await;
    session.ask("chainHead_v1_unpin", json!([two, c])).await;
    assert_eq!(*fake.pins.lock().unwrap(), [hashes[2]].into());
    session.ask("chainHead_v1_unfollow", json!([one])).await;
    eventually("its last pin goes with the subscription", || {
        fake.pins.lock().unwrap().is_empty()
    })
    .await;

    let mut others = Vec::new();
    for _ in 0..5 {
        let mut other = Session::connect(addr).await;
        other.follow_quietly(true).await;
        others.push(other);
    }
    fake.change(&[1], &[1]);
    eventually("the new block is pinned", || fake.pins.lock().unwrap().len() == 4).await;
    drop(others);
    drop(session);
    eventually("pins go with their connections", || {
        fake.pins.lock().unwrap().is_empty()
    })
    .await;
    eventually("nobody listens", || fake.feed.receiver_count() == 0).await;
    assert_eq!(fake.pin_faults.load(Ordering::SeqCst), 0);
}

/// Reads until the subscription stops.
async fn until_stop(session: &mut Session, id: &Value) -> usize {
    let mut count = 0;
    while session.event(id).await != json!({ "event": "stop" }) {
        count += 1;
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_pins_stop_the_subscription() {
    let (server, fake) = start(limits(|limits| limits.pinned_per_follow_max = 5)).await;
    let mut session = Session::connect(server.local_addr()).await;
    let (greedy, polite) = (
        session.follow_quietly(false).await,
        Session::connect(server.local_addr()).await,
    );
    let mut polite = polite;
    let kept = polite.follow_quietly(false).await;
    for n in 0..4 {
        fake.change(&[1], &[n]);
        for _ in 0..3 {
            let event = polite.event(&kept).await;
            if event["event"] == "finalized" {
                let parent = fake.block(fake.best_hash()).unwrap().header.parent_hash;
                polite.ask("chainHead_v1_unpin", json!([kept, hex(parent)])).await;
            }
        }
    }
    // Two blocks of three events fit.
    assert_eq!(until_stop(&mut session, &greedy).await, 6);
    let best = hex(fake.best_hash());
    // A subscription that has stopped is as one that never was, and gives everything back.
    eventually("it is over", || fake.feed.receiver_count() == 1).await;
    assert_eq!(
        session.ask("chainHead_v1_header", json!([greedy, best])).await,
        Value::Null
    );
    assert_eq!(
        session.ask("chainHead_v1_unpin", json!([greedy, best])).await,
        Value::Null
    );
    assert!(polite.ask("chainHead_v1_header", json!([kept, best])).await.is_string());
    assert_eq!(fake.pins.lock().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_wide_limit_stops_who_holds_the_most() {
    let (server, fake) = start(limits(|limits| {
        limits.pinned_max = 5;
        limits.initial_blocks_max = 1;
    }))
    .await;
    let mut session = Session::connect(server.local_addr()).await;
    let greedy = session.follow_quietly(false).await;
    for n in 0..4 {
        fake.change(&[1], &[n]);
    }
    eventually("five blocks are pinned", || fake.pins.lock().unwrap().len() == 5).await;
    let mut polite = Session::connect(server.local_addr()).await;
    let kept = polite.follow_quietly(false).await;
    fake.change(&[1], &[9]);
    until_stop(&mut session, &greedy).await;
    assert_eq!(polite.event(&kept).await["event"], "newBlock");
    eventually("only the other's are left", || fake.pins.lock().unwrap().len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_pinned_for_too_long_stop_the_subscription() {
    let (server, fake) = start(limits(|limits| {
        limits.pinned_age_max = Duration::from_millis(300);
        limits.initial_blocks_max = 1;
    }))
    .await;
    let mut session = Session::connect(server.local_addr()).await;
    let id = session.follow_quietly(false).await;
    // The last final block may stay for ever.
    tokio::time::sleep(Duration::from_millis(900)).await;
    let parent = fake.best_hash();
    fake.change(&[1], &[1]);
    for event in ["newBlock", "bestBlockChanged", "finalized"] {
        assert_eq!(session.event(&id).await["event"], event);
    }
    session.ask("chainHead_v1_unpin", json!([id, hex(parent)])).await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    fake.change(&[1], &[2]);
    assert_eq!(until_stop(&mut session, &id).await, 3);
    eventually("its pins are gone", || fake.pins.lock().unwrap().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_stops_the_subscription() {
    let (server, fake) = start_over(Config::default(), Fake::with_channel(1024)).await;
    let mut session = Session::connect(server.local_addr()).await;
    let id = session.follow_quietly(true).await;
    let best = fake.block(fake.best_hash()).unwrap().header;
    let notification = Arc::new(Notification {
        hash: Hash::repeat_byte(4),
        header: Header {
            parent_hash: best.hash(),
            number: Height(3),
            ..best
        },
        is_imported: true,
        is_new_best: false,
        is_finalised: false,
        code_changed: true,
        retracted: Vec::new(),
    });
    // More notifications than the channel holds, while the subscription waits for the node to tell of a runtime.
    let blocks = fake.blocks.lock().unwrap();
    for n in 0..1100 {
        let _ = fake.feed.send(notification.clone());
        if n == 0 {
            std::thread::sleep(Duration::from_millis(500));
        }
    }
    drop(blocks);
    // The node does not know the block: its runtime is not valid.
    assert_eq!(session.event(&id).await["newRuntime"]["type"], "invalid");
    assert_eq!(until_stop(&mut session, &id).await, 0);
    // A final block that does not descend from the last.
    let id = session.follow_quietly(true).await;
    let root = fake.blocks.lock().unwrap()[0].header.hash();
    let mut tip = root;
    for salt in 0..205 {
        tip = fake.import(tip, salt, 1);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    fake.tell(tip, [false, true, true], false);
    assert_eq!(until_stop(&mut session, &id).await, 0);
    // And a new one begins as if nothing had been.
    let id = session.follow_quietly(true).await;
    // A development chain that was taken back: blocks told of as final are gone.
    let header = fake.block(fake.best_hash()).unwrap().header;
    let _ = fake.feed.send(Arc::new(Notification {
        hash: header.hash(),
        header,
        is_imported: false,
        is_new_best: true,
        is_finalised: true,
        code_changed: true,
        retracted: vec![Hash::repeat_byte(4)],
    }));
    assert_eq!(until_stop(&mut session, &id).await, 0);
    session.follow_quietly(true).await;
}

/// The subscriber reads nothing: buffers fill, the subscription ends, nothing is kept for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_does_not_read_is_dropped() {
    let config = Config {
        message_buffer: 4,
        slow_subscriber_timeout: Duration::from_millis(200),
        ..Default::default()
    };
    let (server, fake) = start(config).await;
    fake.change(&[1], &vec![7; 256 << 10]);
    let mut session = Session::connect(server.local_addr()).await;
    let id = session.follow_quietly(true).await;
    let best = hex(fake.best_hash());
    // Answers and events that nobody reads.
    for _ in 0..200 {
        let items = json!([{ "key": "0x01", "type": "value" }]);
        session.ws.send("chainHead_v1_storage", json!([id, best, items])).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        if fake.feed.receiver_count() == 0 {
            break;
        }
    }
    eventually("the subscription is dropped", || fake.feed.receiver_count() == 0).await;
    eventually("its pins are gone", || fake.pins.lock().unwrap().is_empty()).await;
    let mut other = Session::connect(server.local_addr()).await;
    other.follow_quietly(true).await;
}

async fn operation(session: &mut Session, method: &str, params: Value) -> Value {
    let answer = session.ask(method, params).await;
    assert_eq!(answer["result"], "started", "{answer}");
    answer["operationId"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_answer_through_the_subscription() {
    let (server, fake) = start_default().await;
    let mut session = Session::connect(server.local_addr()).await;
    let id = session.follow_quietly(true).await;
    let best = hex(fake.best_hash());
    let hash = |bytes: &[u8]| const_hex::encode_prefixed(blake3::hash(bytes).as_bytes());
    for (method, rest, expected) in [
        (
            "chainHead_v1_body",
            json!([]),
            json!({ "event": "operationBodyDone", "value": ["0x0c070707"] }),
        ),
        (
            "chainHead_v1_call",
            json!(["echo", "0x1234"]),
            json!({ "event": "operationCallDone", "output": "0x1234" }),
        ),
        (
            "chainHead_v1_call",
            json!(["trap", "0x"]),
            json!({ "event": "operationError", "error": "execution failed: panicked at 'no'" }),
        ),
        (
            "chainHead_v1_call",
            json!(["nothing", "0x"]),
            json!({ "event": "operationError", "error": "the runtime has no function nothing" }),
        ),
    ] {
        let mut params = vec![id.clone(), best.clone()];
        params.extend(rest.as_array().unwrap().clone());
        let operation = operation(&mut session, method, params.into()).await;
        let mut expected = expected;
        expected["operationId"] = operation;
        assert_eq!(session.event(&id).await, expected);
    }
    let item = |key: &str, kind: &str| json!({ "key": key, "type": kind });
    for (items, child, expected) in [
        (
            json!([item("0x01", "value")]),
            Value::Null,
            json!([{ "key": "0x01", "value": "0xaa" }]),
        ),
        (
            json!([item("0x0102", "value")]),
            Value::Null,
            json!([{ "key": "0x0102", "value": "0x" }]),
        ),
        (
            json!([item("0x77", "value"), item("0x77", "hash")]),
            Value::Null,
            json!([]),
        ),
        (
            json!([item("0x03", "hash")]),
            Value::Null,
            json!([{ "key": "0x03", "hash": hash(&[0; 40]) }]),
        ),
        (
            json!([item("0x01", "descendantsValues"), item("0x03", "hash")]),
            Value::Null,
            json!([
                { "key": "0x01", "value": "0xaa" }, { "key": "0x0102", "value": "0x" },
                { "key": "0x03", "hash": hash(&[0; 40]) },
            ]),
        ),
        (
            json!([item("0x01", "descendantsHashes")]),
            Value::Null,
            json!([{ "key": "0x01", "hash": hash(&[0xaa]) }, { "key": "0x0102", "hash": hash(&[]) }]),
        ),
        (
            json!([
                item("0x01", "closestDescendantMerkleValue"),
                item("0x77", "closestDescendantMerkleValue")
            ]),
            Value::Null,
            json!([{ "key": "0x01", "closestDescendantMerkleValue": format!("0x{}", "02".repeat(32)) }]),
        ),
        (json!([]), Value::Null, json!([])),
        (json!([item("0x01", "value")]), json!("0x01"), json!([])),
    ] {
        let params = json!([id, best, items, child]);
        let answer = session.ask("chainHead_v1_storage", params).await;
        assert_eq!(
            (&answer["result"], &answer["discardedItems"]),
            (&json!("started"), &json!(0)),
            "{items}"
        );
        let mut found = Vec::new();
        loop {
            let event = session.event(&id).await;
            assert_eq!(event["operationId"], answer["operationId"]);
            match event["event"].as_str().unwrap() {
                "operationStorageItems" => found.extend(event["items"].as_array().unwrap().clone()),
                "operationStorageDone" => break,
                other => panic!("{other}"),
            }
        }
        assert_eq!(json!(found), expected, "{items}");
    }
    for (items, child) in [
        (json!("0x01"), Value::Null),
        (json!([{ "key": "0x01" }]), Value::Null),
        (json!([item("01", "value")]), Value::Null),
        (json!([item("0x01", "size")]), Value::Null),
        (json!([item("0x01", "value")]), json!(7)),
    ] {
        assert_eq!(
            session
                .code("chainHead_v1_storage", json!([id, best, items, child]))
                .await,
            -32602,
            "{items}"
        );
    }
    // An operation outlives its pin.
    let waits = operation(&mut session, "chainHead_v1_call", json!([id, best, "wait", "0x07"])).await;
    session.ask("chainHead_v1_unpin", json!([id, best])).await;
    fake.open_gate();
    let done = json!({ "event": "operationCallDone", "operationId": waits, "output": "0x07" });
    assert_eq!(session.event(&id).await, done);
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_are_bounded_and_stop() {
    let (server, fake) = start(Config {
        max_blocking_threads: 32,
        ..Config::default()
    })
    .await;
    let mut session = Session::connect(server.local_addr()).await;
    let id = session.follow_quietly(true).await;
    let best = hex(fake.best_hash());
    let wait = json!([id, best, "wait", "0x"]);
    let mut operations = Vec::new();
    for _ in 0..14 {
        operations.push(operation(&mut session, "chainHead_v1_call", wait.clone()).await);
    }
    // Of five items two fit.
    let items: Vec<_> = (0..5)
        .map(|_| json!({ "key": "0x01", "type": "descendantsValues" }))
        .collect();
    eventually("all run", || fake.waiting.load(Ordering::SeqCst) == 14).await;
    let answer = session.ask("chainHead_v1_storage", json!([id, best, items])).await;
    assert_eq!(
        (&answer["result"], &answer["discardedItems"]),
        (&json!("started"), &json!(3))
    );
    while session.event(&id).await["event"] != "operationStorageDone" {}
    for _ in 0..2 {
        operations.push(operation(&mut session, "chainHead_v1_call", wait.clone()).await);
    }
    let reached = json!({ "result": "limitReached" });
    assert_eq!(session.ask("chainHead_v1_call", wait.clone()).await, reached);
    assert_eq!(session.ask("chainHead_v1_body", json!([id, best])).await, reached);
    assert_eq!(
        session.ask("chainHead_v1_storage", json!([id, best, items])).await,
        reached
    );
    // Stopping does not make room while the work goes on: else it would be no bound.
    for operation in &operations {
        assert_eq!(
            session.ask("chainHead_v1_stopOperation", json!([id, operation])).await,
            Value::Null
        );
    }
    assert_eq!(session.ask("chainHead_v1_call", wait.clone()).await, reached);
    fake.open_gate();
    eventually("all are over", || fake.waiting.load(Ordering::SeqCst) == 0).await;
    let last = loop {
        let answer = session
            .ask("chainHead_v1_call", json!([id, best, "echo", "0x01"]))
            .await;
        if answer != reached {
            break answer["operationId"].clone();
        }
    };
    // Of the stopped ones nothing is heard.
    let event = session.event(&id).await;
    assert_eq!(
        event,
        json!({ "event": "operationCallDone", "operationId": last, "output": "0x01" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn descendants_come_in_pieces() {
    let (server, fake) = start(limits(|limits| limits.storage_chunk_items_max = 40)).await;
    let state: std::collections::BTreeMap<Vec<u8>, Vec<u8>> = (0u8..100).map(|n| (vec![5, n], vec![n])).collect();
    fake.push(state, 1, vec![]);
    let mut session = Session::connect(server.local_addr()).await;
    let id = session.follow_quietly(true).await;
    let best = hex(fake.best_hash());
    let items = json!([{ "key": "0x05", "type": "descendantsValues" }]);
    let started = operation(&mut session, "chainHead_v1_storage", json!([id, best, items])).await;
    let mut found = Vec::new();
    let mut pieces = 0;
    loop {
        let event = session.event(&id).await;
        match event["event"].as_str().unwrap() {
            "operationStorageItems" => {
                assert!(event["items"].as_array().unwrap().len() <= 40);
                pieces += 1;
                found.extend(event["items"].as_array().unwrap().clone());
            }
            "operationWaitingForContinue" => {
                // Nothing comes before it is asked for.
                session.ask("system_name", json!([])).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
                session.ask("system_name", json!([])).await;
                assert!(session.events.is_empty());
                assert_eq!(
                    session.ask("chainHead_v1_continue", json!([id, started])).await,
                    Value::Null
                );
            }
            "operationStorageDone" => break,
            other => panic!("{other}"),
        }
    }
    let expected: Vec<Value> = (0..100)
        .map(|n| json!({ "key": format!("0x05{n:02x}"), "value": format!("0x{n:02x}") }))
        .collect();
    assert_eq!((found, pieces), (expected, 3));
    // An operation that is over, or never was, is not waiting and no error; one that runs is.
    assert_eq!(
        session.ask("chainHead_v1_continue", json!([id, started])).await,
        Value::Null
    );
    assert_eq!(
        session.ask("chainHead_v1_continue", json!([id, "77"])).await,
        Value::Null
    );
    let waits = operation(&mut session, "chainHead_v1_call", json!([id, best, "wait", "0x"])).await;
    assert_eq!(session.code("chainHead_v1_continue", json!([id, waits])).await, -32803);
    fake.open_gate();
    session.event(&id).await;
    // One that waits can be stopped, and gives its places back.
    for _ in 0..20 {
        let waits = operation(&mut session, "chainHead_v1_storage", json!([id, best, items])).await;
        assert_eq!(session.event(&id).await["event"], "operationStorageItems");
        assert_eq!(session.event(&id).await["event"], "operationWaitingForContinue");
        session.ask("chainHead_v1_stopOperation", json!([id, waits])).await;
    }
    // A client that goes while operations wait leaves nothing behind.
    operation(&mut session, "chainHead_v1_storage", json!([id, best, items])).await;
    drop(session);
    eventually("all is released", || {
        fake.pins.lock().unwrap().is_empty() && fake.feed.receiver_count() == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_client_leaves_nothing_behind() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    for round in 0..30 {
        let mut ws = Ws::connect(addr).await;
        for _ in 0..6 {
            ws.send("chainHead_v1_follow", json!([round % 2 == 0])).await;
        }
        if round % 3 == 0 {
            ws.receive().await;
        }
        ws.send("chainHead_v1_unfollow", json!(["x"])).await;
        fake.change(&[1], &[round]);
        drop(ws);
    }
    eventually("all is released", || {
        fake.pins.lock().unwrap().is_empty() && fake.feed.receiver_count() == 0
    })
    .await;
    assert_eq!(fake.pin_faults.load(Ordering::SeqCst), 0);
}
