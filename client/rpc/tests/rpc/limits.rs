//! What happens at each limit of the server.

use crate::start;
use crate::wire::{Ws, call, http};
use quids_rpc::{Config, ServeError, serve};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_bounded() {
    let config = Config {
        max_request_bytes: 2000,
        max_batch_len: 3,
        max_response_bytes: 4000,
        ..Config::default()
    };
    let (server, fake) = start(config).await;
    let addr = server.local_addr();
    let request =
        |method: &str, params: Value| json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });

    let (status, body) = http(
        addr,
        &request("state_call", json!(["echo", format!("0x{}", "00".repeat(2000))])).to_string(),
    )
    .await;
    assert!(
        status == 413 || body.contains("-32007") || body.contains("too big"),
        "{status} {body}"
    );

    let batch = |count: usize| Value::Array(vec![request("system_name", json!([])); count]).to_string();
    let (_, body) = http(addr, &batch(3)).await;
    assert_eq!(serde_json::from_str::<Vec<Value>>(&body).unwrap().len(), 3);
    let (_, body) = http(addr, &batch(4)).await;
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap()["error"]["code"],
        -32010,
        "{body}"
    );

    fake.push([(vec![1], vec![0; 3000])].into(), 1, vec![]);
    assert_eq!(
        call(addr, "state_getStorage", json!(["0x01"])).await["error"]["code"],
        -32008
    );

    let (_, body) = http(addr, "{").await;
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["error"]["code"], -32700);
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_and_connections_are_bounded() {
    let config = Config {
        max_subscriptions_per_connection: 2,
        max_connections: 2,
        ..Config::default()
    };
    let (server, fake) = start(config).await;
    let addr = server.local_addr();
    let mut ws = Ws::connect(addr).await;
    for _ in 0..2 {
        ws.subscribe("state_subscribeRuntimeVersion", json!([])).await;
        ws.receive().await;
    }
    ws.send("state_subscribeRuntimeVersion", json!([])).await;
    assert_eq!(ws.receive().await["error"]["code"], -32006);
    assert_eq!(fake.feed.receiver_count(), 2);

    let second = Ws::connect(addr).await;
    let (status, _) = http(addr, "{}").await;
    assert_eq!(status, 429);
    drop(second);

    let taken = serve(
        Config {
            addr,
            ..Config::default()
        },
        fake,
    )
    .await;
    assert!(matches!(taken, Err(ServeError::Bind { .. })));
}
