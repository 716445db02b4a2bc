//! Clients that do not behave: each limit is hit, and what lies just below it works.

use crate::wire::{Raw, Ws, call, eventually, http, raw};
use crate::{start, start_default};
use quids_rpc::{Config, Cors, Observer, RpcMethods, ServerHandle};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const NAME: &str = r#"{"jsonrpc":"2.0","id":1,"method":"system_name","params":[]}"#;

/// The server is as good as new.
async fn serves_others(server: &ServerHandle) {
    assert_eq!(
        call(server.local_addr(), "system_name", json!([])).await["result"],
        "quids"
    );
}

fn error_of(body: &str) -> (i64, String) {
    let answer: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    let error = &answer["error"];
    (
        error["code"].as_i64().unwrap_or_default(),
        error["data"].as_str().unwrap_or_default().to_owned(),
    )
}

fn post(extra: &str, body: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n{extra}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_request_has_its_code_and_data() {
    let config = Config {
        max_batch_len: 3,
        ..Config::default()
    };
    let (server, _fake) = start(config).await;
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"state_getStorage","params":[{}{}]}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let batch = |count: usize| format!("[{}]", vec![NAME; count].join(","));
    let mut ws = Ws::connect(server.local_addr()).await;
    for (body, code, data) in [
        ("{", -32700, "parse"),
        ("", -32700, "parse"),
        ("\"text\"", -32700, "parse"),
        ("[1,2", -32700, "parse"),
        ("{\"a\":\"\\ud800\"", -32700, "parse"),
        (r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#, -32600, "request: "),
        (r#"{"jsonrpc":"2.0","id":{},"method":"x"}"#, -32600, "request: "),
        ("[]", -32600, "request: an empty batch"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"no_such"}"#,
            -32601,
            "method: no_such",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"state_getStorage","params":[]}"#,
            -32602,
            "code 602: ",
        ),
        (&deep, -32602, "code "),
        (&batch(4), -32010, "limit.batch_length: 4 of at most 3"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"author_submitExtrinsic","params":["0x"]}"#,
            1001,
            "code ",
        ),
    ] {
        let (_, answer) = http(server.local_addr(), body).await;
        let (found, says) = error_of(&answer);
        assert_eq!(found, code, "{answer}");
        assert!(says.starts_with(data), "{answer}");
        ws.send_bytes(0x81, body.as_bytes()).await;
        let answer = ws.receive().await;
        assert_eq!(answer["error"]["code"], code, "{answer}");
        assert!(answer["error"]["data"].as_str().unwrap().starts_with(data), "{answer}");
    }
    let (status, answer) = http(server.local_addr(), &batch(3)).await;
    assert_eq!(
        (status, serde_json::from_str::<Vec<Value>>(&answer).unwrap().len()),
        (200, 3)
    );
    // Over HTTP there is nothing to subscribe to.
    let answer = call(server.local_addr(), "chain_subscribeNewHeads", json!([])).await;
    assert_eq!(
        answer["error"]["data"],
        "method: chain_subscribeNewHeads needs a WebSocket"
    );
    // A request without an id gets no answer.
    let (status, answer) = http(server.local_addr(), r#"{"jsonrpc":"2.0","method":"system_name"}"#).await;
    assert_eq!((status, answer.as_str()), (200, ""));
    let id = "i".repeat(100_000);
    let (_, answer) = http(server.local_addr(), &NAME.replace('1', &format!("{id:?}"))).await;
    assert!(
        answer.contains("-32700") || answer.contains(&id) || answer.contains("-32600"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_millions_is_counted_not_kept() {
    let (server, _fake) = start_default().await;
    let batch = format!("[{}1]", "1,".repeat(2_000_000));
    let (_, answer) = http(server.local_addr(), &batch).await;
    assert_eq!(
        error_of(&answer),
        (-32010, "limit.batch_length: 2000001 of at most 100".into())
    );
    assert_eq!(server.usage().requests_bytes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_names_are_checked_before_anything_else() {
    let (server, _fake) = start_default().await;
    let addr = server.local_addr();
    const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    for (headers, status) in [
        ("Host: 127.0.0.1\r\n".to_owned(), 101),
        (
            "Host: localhost:9944\r\nOrigin: http://localhost:3000\r\n".to_owned(),
            101,
        ),
        ("Host: localhost\r\nOrigin: https://evil.example\r\n".to_owned(), 403),
        ("Host: evil.example\r\nOrigin: http://localhost:1\r\n".to_owned(), 403),
        ("Host: evil.example\r\n".to_owned(), 403),
    ] {
        let request = format!("GET / HTTP/1.1\r\n{headers}{UPGRADE}\r\n");
        assert_eq!(raw(addr, request.as_bytes()).await.status, status, "{headers}");
    }
    let foreign = raw(addr, post("Origin: https://evil.example\r\n", NAME).as_bytes()).await;
    assert_eq!(foreign.status, 403);
    let own = raw(addr, post("Origin: http://localhost:3000\r\n", NAME).as_bytes()).await;
    assert_eq!(own.status, 200);
    assert_eq!(own.header("access-control-allow-origin"), Some("http://localhost:3000"));
    for (origin, allowed) in [("http://localhost:3000", true), ("https://evil.example", false)] {
        let preflight = format!(
            "OPTIONS / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\nConnection: close\r\n\r\n"
        );
        let answer = raw(addr, preflight.as_bytes()).await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed.then_some(origin));
        assert!(
            answer
                .header("access-control-allow-headers")
                .is_some_and(|names| names.contains("content-type"))
        );
    }
    // A form can be sent without a preflight.
    let form = post("", NAME).replace("application/json", "text/plain");
    assert_eq!(raw(addr, form.as_bytes()).await.status, 415);

    let (server, _fake) = start(Config {
        cors: Cors::All,
        methods: RpcMethods::Safe,
        ..Config::default()
    })
    .await;
    let request = post("Origin: https://any.example\r\n", NAME);
    assert_eq!(raw(server.local_addr(), request.as_bytes()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_by_get() {
    let (server, _fake) = start_default().await;
    let get =
        |method: &str, path: &str| format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    for path in ["/health", "/health/readiness"] {
        let answer = raw(server.local_addr(), get("GET", path).as_bytes()).await;
        let health: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(
            health,
            json!({ "peers": 0, "isSyncing": false, "shouldHavePeers": false })
        );
        assert_eq!(answer.status, 200);
        let head = raw(server.local_addr(), get("HEAD", path).as_bytes()).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""));
    }
    let root = raw(server.local_addr(), get("GET", "/").as_bytes()).await;
    assert_eq!((root.status, root.header("allow")), (405, Some("POST, OPTIONS")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_counts_the_entries_of_batches_and_only_of_others() {
    let (server, _fake) = start(Config {
        rate_limit_per_second: NonZeroU32::new(1),
        rate_limit_burst: 5,
        max_batch_len: 4,
        ..Config::default()
    })
    .await;
    let addr = server.local_addr();
    // Loopback is exempt,
    for _ in 0..10 {
        assert_eq!(raw(addr, post("", NAME).as_bytes()).await.status, 200);
    }
    // but not who speaks for others: four and one make five.
    let proxied = "X-Forwarded-For: 192.0.2.1\r\n";
    let batch = format!("[{}]", [NAME; 4].join(","));
    assert_eq!(raw(addr, post(proxied, &batch).as_bytes()).await.status, 200);
    assert_eq!(raw(addr, post(proxied, NAME).as_bytes()).await.status, 200);
    let refused = raw(addr, post(proxied, &batch).as_bytes()).await;
    assert_eq!(
        (refused.status, error_of(&refused.body)),
        (429, (-32999, "limit.rate: at most 1".into()))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_slow_to_ask_is_let_go() {
    let short = Duration::from_millis(300);
    let (server, _fake) = start(Config {
        idle_timeout: short,
        body_timeout: short,
        ..Config::default()
    })
    .await;
    let whole = post("", NAME);
    let (headers, _) = whole.split_at(whole.len() - 5);
    for (part, says) in [("", ""), ("POST / HTTP/1.1\r\nHost: ", ""), (headers, "HTTP/1.1 408")] {
        let mut client = Raw::connect(server.local_addr()).await;
        client.write(part.as_bytes()).await;
        let start = Instant::now();
        let answer = client.read_to_end().await;
        assert!(answer.starts_with(says), "{part}: {answer}");
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    // A WebSocket message that does not end: the first bytes of a frame, and a fragment.
    for bytes in [
        &[0x81, 0xfe, 0, 200, 0, 0, 0, 0, b'{'][..],
        &[0x01, 0x81, 0, 0, 0, 0, b'{'],
    ] {
        let mut ws = Ws::connect(server.local_addr()).await;
        ws.write(bytes).await;
        assert_eq!(ws.close_code().await, Some(1008));
    }
    eventually("all connections end", || server.usage().connections == 0).await;
    serves_others(&server).await;
}

/// Asks for much and reads nothing: the server stops reading, keeps what the limits allow, and ends it.
#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_let_go() {
    let (server, fake) = start(Config {
        write_timeout: Duration::from_millis(300),
        max_requests_per_connection: 8,
        max_responses_bytes: 32 << 20,
        ..Config::default()
    })
    .await;
    // One answer is more than the system's buffers hold on both sides of a socket.
    fake.push([(vec![1], vec![7; 7 << 20])].into(), 1, vec![]);
    let request = NAME
        .replace("system_name", "state_getStorage")
        .replace("[]", "[\"0x01\"]");
    let mut ws = Ws::connect(server.local_addr()).await;
    let mut http = Raw::connect(server.local_addr()).await;
    for _ in 0..40 {
        let written = ws.try_send_bytes(0x81, request.as_bytes()).await;
        let pipelined = post("", &request).replace("Connection: close\r\n", "");
        let also = http.try_write(pipelined.as_bytes()).await;
        assert!(server.usage().responses_bytes <= 32 << 20);
        if !written && !also {
            break;
        }
    }
    eventually("both are let go", || server.usage().connections == 0).await;
    eventually("and their answers", || server.usage().responses_bytes == 0).await;
    serves_others(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_may_be_anything_but_against_the_rules() {
    let (server, _fake) = start(Config {
        max_request_bytes: 1000,
        ..Config::default()
    })
    .await;
    let addr = server.local_addr();
    let mut ws = Ws::connect(addr).await;
    ws.send_bytes(0x82, NAME.as_bytes()).await;
    assert_eq!(ws.receive().await["result"], "quids");
    let (one, other) = NAME.split_at(20);
    ws.send_bytes(0x01, one.as_bytes()).await;
    ws.send_bytes(0x89, b"in between").await;
    ws.send_bytes(0x80, other.as_bytes()).await;
    assert_eq!(ws.receive().await["result"], "quids");
    ws.send_bytes(0x81, &[b'{', 0xff, b'}']).await;
    assert_eq!(ws.receive().await["error"]["code"], -32700);
    let large = format!("{NAME}{}", " ".repeat(1000 - NAME.len()));
    ws.send_bytes(0x81, large.as_bytes()).await;
    assert_eq!(ws.receive().await["result"], "quids");
    ws.send_bytes(0x81, format!("{large} ").as_bytes()).await;
    assert_eq!(
        ws.receive().await["error"]["data"],
        "limit.request_bytes: 1001 of at most 1000"
    );
    assert_eq!(ws.close_code().await, Some(1009));

    for (bytes, code) in [
        (vec![0x81, 0x01, b'x'], 1002),
        (vec![0xff, 0x80, 0, 0, 0, 0], 1002),
        ([0x89, 0x80, 0, 0, 0, 0].repeat(300), 1008),
        (vec![0x88, 0x80, 0, 0, 0, 0], 1000),
    ] {
        let mut ws = Ws::connect(addr).await;
        ws.write(&bytes).await;
        assert_eq!(ws.close_code().await, Some(code));
    }
    serves_others(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_requests_share_a_budget() {
    let (server, _fake) = start(Config {
        max_requests_bytes: 200 << 10,
        ..Config::default()
    })
    .await;
    let addr = server.local_addr();
    let part = vec![b' '; 200 << 10];
    let mut first = Raw::connect(addr).await;
    let head = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n";
    first.write(head.as_bytes()).await;
    first.write(&part).await;
    eventually("the first is held", || server.usage().requests_bytes > 100 << 10).await;
    let (status, answer) = http(addr, &format!("{}{NAME}", " ".repeat(200 << 10))).await;
    assert_eq!(status, 503, "{answer}");
    assert_eq!(error_of(&answer).0, -32009);
    // Small ones need no share.
    serves_others(&server).await;
    drop(first);
    eventually("its share is free again", || server.usage().requests_bytes == 0).await;
    let (status, _) = http(addr, &format!("{}{NAME}", " ".repeat(200 << 10))).await;
    assert_eq!(status, 200);
}

/// The other end is gone without a word.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_websocket_is_noticed() {
    let (server, fake) = start(Config {
        ping_interval: Duration::from_millis(100),
        ..Config::default()
    })
    .await;
    let mut silent = Ws::connect(server.local_addr()).await;
    silent.subscribe("chain_subscribeNewHeads", json!([])).await;
    eventually("the silent one is dropped", || server.usage().connections == 0).await;
    eventually("and its subscription", || fake.feed.receiver_count() == 0).await;
    assert_eq!(server.usage().subscriptions, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn churn_leaves_nothing_behind() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    serves_others(&server).await;
    eventually("the first is gone", || server.usage().connections == 0).await;
    let before = server.usage();
    for round in 0..100 {
        let mut ws = Ws::connect(addr).await;
        ws.send("chain_subscribeNewHeads", json!([])).await;
        if round % 2 == 0 {
            ws.receive().await;
        }
        let mut half = Raw::connect(addr).await;
        half.write(b"POST / HTTP/1.1\r\nHost:").await;
    }
    eventually("all are gone", || server.usage().connections == 0).await;
    eventually("no subscription is left", || fake.feed.receiver_count() == 0).await;
    eventually("no task is left", || server.usage() == before).await;
}

/// Only the call that is at work goes on; what waits behind it goes with its connection.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_works_for_who_has_hung_up() {
    let (server, fake) = start(Config {
        max_blocking_calls: 1,
        busy_timeout: Duration::from_secs(600),
        ..Config::default()
    })
    .await;
    serves_others(&server).await;
    eventually("the first is gone", || server.usage().connections == 0).await;
    let before = server.usage().tasks;
    let wait = NAME
        .replace("system_name", "state_call")
        .replace("[]", "[\"wait\",\"0x\"]");
    let batch = format!("[{}]", vec![wait; 10].join(","));
    let mut ws = Ws::connect(server.local_addr()).await;
    for _ in 0..10 {
        ws.send_bytes(0x81, batch.as_bytes()).await;
    }
    eventually("ten are at work", || server.usage().tasks >= before + 10).await;
    eventually("one of them works", || fake.waiting.load(Ordering::SeqCst) == 1).await;
    drop(ws);
    eventually("the others are gone", || server.usage().tasks <= before + 1).await;
    fake.open_gate();
    eventually("and then that one", || server.usage().tasks <= before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_of_all_connections_are_bounded() {
    let (server, _fake) = start(Config {
        max_subscriptions: 3,
        ..Config::default()
    })
    .await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut ws = Ws::connect(server.local_addr()).await;
        ws.subscribe("chain_subscribeNewHeads", json!([])).await;
        clients.push(ws);
    }
    let mut ws = Ws::connect(server.local_addr()).await;
    ws.send("chain_subscribeNewHeads", json!([])).await;
    assert_eq!(ws.receive().await["error"]["data"], "limit.subscriptions: at most 3");
    clients.pop();
    eventually("one is free", || server.usage().subscriptions == 2).await;
    ws.subscribe("chain_subscribeNewHeads", json!([])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_says_goodbye() {
    let (server, fake) = start_default().await;
    let mut ws = Ws::connect(server.local_addr()).await;
    ws.subscribe("state_subscribeRuntimeVersion", json!([])).await;
    ws.receive().await;
    let idle = Raw::connect(server.local_addr()).await;
    let start = Instant::now();
    server.stop().await;
    assert!(start.elapsed() < Duration::from_secs(15));
    assert_eq!(ws.close_code().await, Some(1001));
    assert_eq!(fake.feed.receiver_count(), 0);
    drop(idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_observer_hears_of_calls_and_refusals_under_known_names() {
    #[derive(Default)]
    struct Log(std::sync::Mutex<Vec<String>>);
    impl Observer for Log {
        fn request_finished(&self, method: &'static str, error_code: Option<i32>, _: f64) {
            self.0.lock().unwrap().push(format!("{method} {error_code:?}"));
        }
        fn refused(&self, reason: &'static str) {
            assert!(quids_rpc::REFUSALS.contains(&reason), "{reason}");
            self.0.lock().unwrap().push(reason.into());
        }
    }
    let log = std::sync::Arc::new(Log::default());
    let config = Config {
        addr: ([127, 0, 0, 1], 0).into(),
        max_batch_len: 1,
        ..Config::default()
    };
    let fake = std::sync::Arc::new(crate::fake::Fake::default());
    let server = quids_rpc::serve_observed(config, fake, log.clone()).await.unwrap();
    let addr = server.local_addr();
    call(addr, "system_name", json!([])).await;
    call(addr, "made_up_1", json!([])).await;
    call(addr, "made_up_2", json!([])).await;
    http(addr, "[1,2]").await;
    let expected = [
        "system_name None",
        "unknown Some(-32601)",
        "unknown Some(-32601)",
        "batch_length",
    ];
    assert_eq!(*log.0.lock().unwrap(), expected);
}
