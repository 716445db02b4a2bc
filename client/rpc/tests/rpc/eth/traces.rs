//! Traces as go-ethereum's tracers tell them.

use super::{block, hash};
use crate::fake_evm::{CONTRACT, SENDER};
use crate::wire::{failure, result};
use crate::{start, start_default};
use quids_rpc::Config;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn every_tracer_tells_its_story() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let (two, transactions) = block(&fake, 2);
    let id = hash(transactions[0]);
    let (from, to) = (format!("{SENDER:?}"), format!("{CONTRACT:?}"));
    let other = format!("0x{}", "ee".repeat(20));
    let (one, two_word) = ("01".repeat(32), "02".repeat(32));
    let zero = format!("0x{}", "00".repeat(32));
    let log = json!({
        "address": to, "topics": [format!("0x{}", "70".repeat(32)), format!("0x{one}")], "data": "0x01", "position": "0x1",
    });
    let top = json!({
        "type": "CALL", "from": from, "to": to, "value": "0x0", "gas": "0x3e8", "gasUsed": "0x384",
        "input": "0xdeadbeef01", "output": "0x09",
    });
    let inner = json!([
        {
            "type": "STATICCALL", "from": from, "to": to, "gas": "0x3e8", "gasUsed": "0x384", "input": "0xaabbccdd",
            "output": "0x09",
            "calls": [{
                "type": "DELEGATECALL", "from": from, "to": to, "value": "0x2", "gas": "0x3e8", "gasUsed": "0x384",
                "input": "0x", "output": "0x09",
            }],
        },
        {
            "type": "CREATE", "from": from, "value": "0x1", "gas": "0x3e8", "gasUsed": "0x384", "input": "0x60",
            "error": "execution reverted",
        },
    ]);
    let with = |mut value: Value, name: &str, field: &Value| {
        value[name] = field.clone();
        value
    };
    let step =
        |pc: u64, op: &str| json!({ "pc": pc, "op": op, "gas": 100, "gasCost": 3, "depth": 1, "stack": ["0x7"] });
    let store = with(step(2, "SSTORE"), "storage", &json!({ &one: two_word }));
    let steps = |logs: Value| json!({ "gas": 21000, "failed": false, "returnValue": "0x", "structLogs": logs });
    for (options, expected) in [
        (json!({}), steps(json!([step(0, "PUSH1"), store, step(3, "STOP")]))),
        (json!({ "tracer": "callTracer" }), with(top.clone(), "calls", &inner)),
        (
            json!({ "tracer": "callTracer", "tracerConfig": { "onlyTopCall": true } }),
            top.clone(),
        ),
        (
            json!({ "tracer": "callTracer", "tracerConfig": { "withLog": true, "onlyTopCall": true } }),
            with(top, "logs", &json!([log])),
        ),
        (
            json!({ "tracer": "4byteTracer" }),
            json!({ "0xaabbccdd-0": 1, "0xdeadbeef-1": 1 }),
        ),
        (json!({ "tracer": "noopTracer" }), json!({})),
        (
            json!({ "tracer": "prestateTracer", "tracerConfig": { "disableCode": true } }),
            json!({
                &from: { "balance": "0x64", "nonce": 1, "storage": { &zero: format!("0x{one}") } },
                &to: { "balance": "0x0" },
                &other: { "balance": "0x5", "nonce": 5 },
            }),
        ),
        (
            json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } }),
            json!({
                "pre": { &from: { "balance": "0x64", "nonce": 1, "code": "0x60", "storage": { &zero: format!("0x{one}") } } },
                "post": {
                    &from: { "balance": "0x5a", "nonce": 2, "storage": { &zero: format!("0x{two_word}") } },
                    &to: { "balance": "0xa", "nonce": 1, "code": "0x60" },
                },
            }),
        ),
    ] {
        let traced = result(addr, "debug_traceTransaction", json!([id, options])).await;
        assert_eq!(traced, expected, "{options}");
        let called = result(addr, "debug_traceCall", json!([{ "to": to }, "latest", options])).await;
        assert_eq!(called, expected, "{options}");
        let second = json!({ "txHash": hash(transactions[1]), "result": expected });
        let both = json!([{ "txHash": id, "result": expected }, second]);
        assert_eq!(
            result(addr, "debug_traceBlockByNumber", json!(["0x2", options])).await,
            both
        );
        assert_eq!(
            result(addr, "debug_traceBlockByHash", json!([hash(two), options])).await,
            both
        );
    }
    let flat = result(addr, "trace_transaction", json!([id])).await;
    let addresses: Vec<_> = flat
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["traceAddress"].clone())
        .collect();
    assert_eq!(addresses, [json!([]), json!([0]), json!([0, 0]), json!([1])]);
    assert_eq!(
        (&flat[0]["subtraces"], &flat[3]["error"]),
        (&json!(2), &json!("Reverted"))
    );
    assert_eq!(
        result(addr, "trace_block", json!(["0x2"]))
            .await
            .as_array()
            .unwrap()
            .len(),
        8
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_bounded_and_must_be_of_something() {
    let config = Config {
        max_response_bytes: 1024 + 300,
        ..Config::default()
    };
    let (server, fake) = start(config).await;
    let addr = server.local_addr();
    let (_, transactions) = block(&fake, 2);
    let id = hash(transactions[0]);
    assert_eq!(failure(addr, "debug_traceTransaction", json!([id])).await.0, -32008);
    let (server, _fake) = start_default().await;
    let addr = server.local_addr();
    for (method, params, code, says) in [
        (
            "debug_traceTransaction",
            json!([id, { "tracer": "{step: 1}" }]),
            -32000,
            "not found",
        ),
        (
            "debug_traceTransaction",
            json!([format!("0x{}", "99".repeat(32))]),
            -32000,
            "transaction not found",
        ),
        ("debug_traceBlockByNumber", json!(["0x77"]), -32000, "block not found"),
        (
            "debug_traceTransaction",
            json!([id, { "enableMemory": 1 }]),
            -32602,
            "enableMemory",
        ),
        (
            "debug_traceCall",
            json!([{ "data": "0x03" }]),
            -32000,
            "insufficient funds",
        ),
    ] {
        let (found, message, _) = failure(addr, method, params).await;
        assert_eq!(found, code, "{message}");
        assert!(message.contains(says), "{message}");
    }
}
