//! What only the node's owner may call.

use crate::fake::Fake;
use crate::wire::{failure, result};
use crate::{start, start_default};
use codec::Encode;
use quids_core::{Hash, OpaqueExtrinsic};
use quids_rpc::{Access, Backend, Config, Local};
use quids_txpool::hash_of;
use serde_json::{Value, json};
use std::sync::Arc;

fn local(fake: &Arc<Fake>, is_unsafe_allowed: bool) -> Local {
    Local::new(fake.clone(), Config::default(), Access { is_unsafe_allowed }).unwrap()
}

pub async fn ask(local: &Local, method: &str, params: &Value) -> Value {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    serde_json::from_str(&local.request(&request.to_string()).await.unwrap()).unwrap()
}

fn hash(hash: Hash) -> Value {
    json!(format!("{hash:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_get_no_unsafe_answer() {
    let fake = Arc::new(Fake::default());
    let stranger = local(&fake, false);
    let interface = quids_rpc::interface();
    let owned: Vec<_> = interface.methods.iter().filter(|method| method.is_unsafe).collect();
    assert!(owned.len() >= 12, "{}", owned.len());
    for method in owned {
        for name in [method.name].iter().chain(method.aliases) {
            let answer = ask(&stranger, name, &json!([])).await;
            assert_eq!(
                answer["error"],
                json!({ "code": -32601, "message": "RPC call is unsafe to be called externally", "data": "method" }),
                "{name}"
            );
        }
    }
    assert!(fake.keys.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_changes_keys_logs_and_pool() {
    let fake = Arc::new(Fake::default());
    let owner = local(&fake, true);
    let signed = |bytes: &[u8]| json!(const_hex::encode_prefixed(OpaqueExtrinsic(bytes.to_vec()).encode()));
    let best = hash(fake.best_hash());
    for bytes in [&b"one"[..], b"two", b"later"] {
        fake.submit(bytes.to_vec(), true).unwrap();
    }
    for (method, params, expected) in [
        ("author_hasKey", json!(["0x0102", "pobp"]), json!(false)),
        ("author_insertKey", json!(["pobp", "alice", "0x0102"]), json!(null)),
        ("author_hasKey", json!(["0x0102", "pobp"]), json!(true)),
        ("author_hasSessionKeys", json!(["0x010203"]), json!(false)),
        ("author_rotateKeys", json!([]), json!("0x010203")),
        ("author_hasSessionKeys", json!(["0x010203"]), json!(true)),
        ("system_addLogFilter", json!(["rpc=debug"]), json!(null)),
        ("system_dryRun", json!([signed(b"abc")]), json!("0x616263")),
        ("system_dryRunAt", json!([signed(b"abc"), best]), json!("0x616263")),
        (
            "system_peers",
            json!([]),
            json!([{ "peerId": "somebody", "roles": "FULL", "bestHash": best, "bestNumber": 2 }]),
        ),
        (
            "state_getPairs",
            json!(["0x01"]),
            json!([["0x01", "0xaa"], ["0x0102", "0x"]]),
        ),
        (
            "dev_getBlockStats",
            json!([best]),
            json!({ "witnessLen": 100, "witnessCompactLen": 100, "blockLen": 50, "numExtrinsics": 1 }),
        ),
        ("dev_getBlockStats", json!([hash(Hash::zero())]), json!(null)),
        (
            "author_removeExtrinsic",
            json!([[
                { "hash": hash(hash_of(b"one")) },
                { "extrinsic": signed(b"two") },
                { "hash": hash(Hash::zero()) },
            ]]),
            json!([hash(hash_of(b"one")), hash(hash_of(b"two"))]),
        ),
    ] {
        let answer = ask(&owner, method, &params).await;
        assert_eq!(answer["result"], expected, "{method} {params}: {answer}");
        assert!(answer.get("error").is_none(), "{method}: {answer}");
    }
    assert_eq!(*fake.log_filter.lock().unwrap(), "rpc=debug");
    assert_eq!(fake.pending(usize::MAX), [b"later".to_vec()]);
    assert_eq!(
        ask(&owner, "system_resetLogFilter", &json!([])).await["result"],
        json!(null)
    );
    assert_eq!(*fake.log_filter.lock().unwrap(), "");

    for (method, params, code, says) in [
        (
            "author_insertKey",
            json!(["pob", "alice", "0x"]),
            -32602,
            "code 603: keyType has 3 bytes",
        ),
        (
            "author_insertKey",
            json!(["pobp", "x".repeat(20_000), "0x"]),
            -32602,
            "code 603: suri has 20000 bytes",
        ),
        (
            "author_insertKey",
            json!(["pobp", "no keystore", "0x"]),
            4003,
            "without a keystore",
        ),
        ("system_addLogFilter", json!(["bad"]), -32602, "code 606: "),
        (
            "system_addLogFilter",
            json!(["x".repeat(5000)]),
            -32602,
            "code 603: directives have 5000 bytes",
        ),
        ("system_dryRun", json!(["0x0c0102"]), 1001, "code 104: "),
        (
            "author_removeExtrinsic",
            json!([[{ "extrinsic": "0x0c0102" }]]),
            1001,
            "code 104: ",
        ),
        (
            "author_removeExtrinsic",
            json!([[{}]]),
            -32602,
            "code 603: bytesOrHash[0]",
        ),
    ] {
        let error = &ask(&owner, method, &params).await["error"];
        assert_eq!(error["code"], code, "{method}: {error}");
        assert!(error.to_string().contains(says), "{method}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_filtered_and_bounded() {
    let fake = Arc::new(Fake::default());
    let owner = local(&fake, true);
    let best = hash(fake.best_hash());
    for (params, spans, methods) in [
        (json!([best]), 1, vec!["Get", "Put"]),
        (json!([best, "", "", ""]), 1, vec!["Get", "Put"]),
        (json!([best, "state"]), 0, vec!["Get", "Put"]),
        (json!([best, "exec,pallet"]), 1, vec![]),
        (json!([best, null, "ab"]), 1, vec!["Get"]),
        (json!([best, "state", "ff,cd"]), 0, vec!["Put"]),
        (json!([best, null, null, "Put,Clear"]), 1, vec!["Put"]),
    ] {
        let answer = ask(&owner, "state_traceBlock", &params).await;
        let trace = &answer["result"]["blockTrace"];
        assert_eq!(trace["spans"].as_array().unwrap().len(), spans, "{params}: {answer}");
        let events = trace["events"].as_array().unwrap().iter();
        let told: Vec<_> = events.map(|event| &event["data"]["stringValues"]["method"]).collect();
        assert_eq!(told, methods, "{params}: {answer}");
        assert_eq!(json!(format!("0x{}", trace["blockHash"].as_str().unwrap())), best);
    }
    let unknown = ask(&owner, "state_traceBlock", &json!([hash(Hash::zero())])).await;
    assert!(
        unknown["result"]["traceError"]["error"]
            .as_str()
            .unwrap()
            .contains("unknown")
    );
    // The fake would go on for ever.
    fake.blocks.lock().unwrap().last_mut().unwrap().body = vec![OpaqueExtrinsic(vec![]); 4];
    let endless = ask(&owner, "state_traceBlock", &json!([best])).await;
    assert!(
        endless["result"]["traceError"]["error"]
            .as_str()
            .unwrap()
            .contains("more than 12582912 bytes")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pool_is_told_in_pages() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    for bytes in [&b"unsigned"[..], b"signed", b"later"] {
        fake.submit(bytes.to_vec(), true).unwrap();
    }
    let status = result(addr, "quids_poolStatus", json!([])).await;
    assert_eq!(status["ready"], json!({ "count": 3, "bytes": 19 }));
    let content = result(addr, "quids_poolContent", json!([])).await;
    assert_eq!(
        content,
        json!([
            {
                "hash": hash(hash_of(b"unsigned")), "bytes": 8, "priority": "0xffffffffffffffff", "state": "ready",
                "account": null, "nonce": null, "validUntil": 64,
            },
            {
                "hash": hash(hash_of(b"signed")), "bytes": 6, "priority": "0xffffffffffffffff", "state": "ready",
                "account": format!("0x{}", "11".repeat(20)), "nonce": 5, "validUntil": 64,
            },
            {
                "hash": hash(hash_of(b"later")), "bytes": 5, "priority": "0xffffffffffffffff", "state": "future",
                "account": format!("0x{}", "11".repeat(20)), "nonce": 5, "validUntil": 64,
            },
        ])
    );
    let page = result(addr, "quids_poolContent", json!({ "start": 1, "count": "0x1" })).await;
    assert_eq!(page.as_array().unwrap()[..], content.as_array().unwrap()[1..2]);
    let last = result(addr, "quids_poolContent", json!([10_000, 1000])).await;
    assert_eq!(last, json!([]));
    for params in [json!([10_001]), json!([u32::MAX]), json!([0, 1001])] {
        let (code, _, _) = failure(addr, "quids_poolContent", params).await;
        assert_eq!(code, 4002);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_pool_is_told_as_far_as_it_fits() {
    let config = Config {
        max_response_bytes: 64 << 10,
        ..Config::default()
    };
    let (server, fake) = start(config).await;
    // What is about each weighs the most for the smallest ones.
    for (bytes, at_least) in [(vec![], 3000), (vec![0; 100], 200), (vec![0; 20_000], 1)] {
        *fake.pool.lock().unwrap() = vec![bytes.clone(); 10_000];
        let pending = result(server.local_addr(), "author_pendingExtrinsics", json!([])).await;
        let count = pending.as_array().unwrap().len();
        assert!(count >= at_least && count < 10_000, "{count} of {} bytes", bytes.len());
    }
}
