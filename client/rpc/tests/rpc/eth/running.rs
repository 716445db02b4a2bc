//! Calls, estimates, access lists, simulations, sending, the pool, a development chain.

use super::hash;
use crate::fake::Fake;
use crate::fake_evm::{CHAIN_ID, CONTRACT, SENDER, envelope};
use crate::wire::{failure, result};
use crate::{start_default, start_over};
use quids_ethereum::Transaction;
use quids_rpc::{Backend, Config};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

fn hex(bytes: &[u8]) -> Value {
    json!(const_hex::encode_prefixed(bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_answer_or_say_why_not() {
    for is_slow in [false, true] {
        let (server, fake) = start_default().await;
        fake.is_slow.store(is_slow, Ordering::SeqCst);
        let addr = server.local_addr();
        calls_answer_or_say_why_not_at(addr).await;

        // On this thread first: what is about the last block and not large.
        let call = |data: &[u8]| json!({ "to": format!("{CONTRACT:?}"), "data": const_hex::encode_prefixed(data) });
        let (short, large) = (call(&[0xab]), call(&[0xab; 5000]));
        for (params, is_brief) in [
            (json!([short]), true),
            (json!([short, "latest"]), true),
            (json!([short, "pending"]), false),
            (json!([short, "0x0"]), false),
            (json!([short, fake.best_hash()]), false),
            (json!([large]), false),
        ] {
            let before = fake.brief_calls.load(Ordering::SeqCst);
            result(addr, "eth_call", params.clone()).await;
            let brief = fake.brief_calls.load(Ordering::SeqCst) - before;
            assert_eq!(brief, usize::from(is_brief && !is_slow), "{params}");
        }
        if !is_slow {
            assert_eq!(failure(addr, "eth_call", json!([call(b"panic")])).await.0, -32603);
        }
        assert_eq!(server.usage().blocking_calls, 0);
    }
}

async fn calls_answer_or_say_why_not_at(addr: SocketAddr) {
    let to = format!("{CONTRACT:?}");
    assert_eq!(
        result(addr, "eth_call", json!([{ "to": to, "data": "0xabcd" }, "latest"])).await,
        "0xabcd"
    );
    assert_eq!(
        result(addr, "eth_estimateGas", json!([{ "to": to, "input": "0xab" }])).await,
        "0x5209"
    );
    for method in ["eth_call", "eth_estimateGas"] {
        let (code, message, data) = failure(addr, method, json!([{ "to": to, "data": "0x01" }])).await;
        assert_eq!((code, &message[..]), (3, "execution reverted: no"), "{method}");
        assert!(data.as_str().unwrap().starts_with("0x08c379a0"), "{data}");
        let (code, message, data) = failure(addr, method, json!([{ "to": to, "data": "0x03" }])).await;
        assert_eq!(code, -32000);
        assert!(message.starts_with("insufficient funds"), "{message}");
        assert_eq!(data, Value::Null);
    }
    for (method, says) in [
        ("eth_call", "out of gas"),
        ("eth_estimateGas", "gas required exceeds allowance (16777216)"),
    ] {
        let (code, message, _) = failure(addr, method, json!([{ "to": to, "data": "0x02" }])).await;
        assert_eq!((code, &message[..]), (-32000, says));
    }
    for (call, code, says) in [
        (
            json!({ "to": to, "gasPrice": 1, "maxFeePerGas": 1 }),
            -32000,
            "both gasPrice",
        ),
        (
            json!({ "maxFeePerGas": 1, "maxPriorityFeePerGas": 2 }),
            -32000,
            "maxFeePerGas (1) <",
        ),
        (json!({ "data": "0x01", "input": "0x02" }), -32000, "both \"data\""),
        (json!({ "to": "0x12" }), -32602, ".to"),
        (json!({ "gas": "0x10000000000000000" }), -32602, "2^64"),
        (json!({ "value": "0x01" }), -32602, "value"),
    ] {
        let (found, message, _) = failure(addr, "eth_call", json!([call])).await;
        assert_eq!(found, code, "{call}: {message}");
        assert!(message.contains(says), "{call}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn overrides_reach_the_runtime_and_nonsense_does_not() {
    let (server, _fake) = start_default().await;
    let addr = server.local_addr();
    let call = json!({ "to": format!("{CONTRACT:?}"), "data": "0x07" });
    let one = format!("0x{}", "01".repeat(32));
    let who = format!("{SENDER:?}");
    let good = json!({ &who: { "balance": "0x1", "nonce": "0x2", "code": "0x60", "stateDiff": { &one: &one } } });
    let block = json!({ "number": "0x10", "time": "0x20", "baseFeePerGas": "0x1", "blockHash": { "1": one } });
    assert_eq!(
        result(addr, "eth_call", json!([call, "latest", good, block])).await,
        "0x07"
    );
    for (state, says) in [
        (
            json!({ &who: { "balance": format!("0x1{}", "0".repeat(32)) } }),
            "2^128",
        ),
        (
            json!({ &who: { "state": {}, "stateDiff": {} } }),
            "both 'state' and 'stateDiff'",
        ),
        (json!({ "0x12": {} }), "address"),
        (json!({ &who: { "code": "0x6" } }), "code"),
        (json!({ &who: { "state": { "zz": one } } }), "state"),
    ] {
        let (_, message, _) = failure(addr, "eth_call", json!([call, "latest", state])).await;
        assert!(message.contains(says), "{state}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn access_lists_and_simulations() {
    let (server, _fake) = start_default().await;
    let addr = server.local_addr();
    let to = format!("{CONTRACT:?}");
    let list = result(addr, "eth_createAccessList", json!([{ "to": to, "data": "0x05" }])).await;
    let key = format!("0x{}", "01".repeat(32));
    assert_eq!(list["accessList"], json!([{ "address": to, "storageKeys": [key] }]));
    // Of the run with the list.
    assert_eq!(list["gasUsed"], "0x526c");
    assert!(list.get("error").is_none());
    let failed = result(addr, "eth_createAccessList", json!([{ "to": to, "data": "0x01" }])).await;
    assert_eq!(failed["error"], "execution reverted: no");

    let payload = json!({
        "blockStateCalls": [
            { "calls": [{ "to": to, "data": "0x05" }, { "to": to, "data": "0x01" }] },
            { "blockOverrides": { "number": "0x5", "time": "0xffffffff" }, "calls": [] },
        ],
        "returnFullTransactions": true,
    });
    let blocks = result(addr, "eth_simulateV1", json!([payload, "latest"])).await;
    let numbers: Vec<_> = blocks
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["number"].clone())
        .collect();
    assert_eq!(numbers, ["0x3", "0x4", "0x5"]);
    assert_eq!(blocks[1]["parentHash"], blocks[0]["hash"]);
    let calls = &blocks[0]["calls"];
    assert_eq!(
        (&calls[0]["status"], &calls[0]["returnData"]),
        (&json!("0x1"), &json!("0x05"))
    );
    assert_eq!(calls[1]["error"]["code"], 3);
    assert_eq!(calls[1]["logs"][0]["logIndex"], "0x1");
    assert_eq!(blocks[0]["transactions"][0]["input"], "0x05");
    for (blocks, code) in [
        (json!([]), -32000),
        (json!([{ "blockOverrides": { "number": "0x2" } }]), -38020),
        (json!([{ "blockOverrides": { "time": "0x1" } }]), -38021),
        (json!([{ "blockOverrides": { "number": "0xffffff" } }]), -38026),
        (json!(vec![json!({}); 257]), -38026),
        (json!([{ "calls": vec![json!({}); 1025] }]), -38026),
        (json!([{ "calls": [{ "data": "0x03" }] }]), -38014),
    ] {
        let (found, message, _) = failure(addr, "eth_simulateV1", json!([{ "blockStateCalls": blocks }])).await;
        assert_eq!(found, code, "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_go_to_the_pool_or_are_refused_in_ethereums_words() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    for (bytes, says) in [
        (envelope(1, 0), "nonce too low: next nonce 5, tx nonce 1"),
        (envelope(2, 0), "already known"),
        (envelope(3, 0), "replacement transaction underpriced"),
        (envelope(4, 0), "txpool is full"),
        (vec![], "transaction is empty"),
        (vec![0x05, 0xc0], "transaction type not supported"),
        (vec![0x03, 0xc0], "blob transactions"),
        (vec![0x02, 0xc0], "rlp"),
        (vec![0xff; 200_000], "oversized data"),
    ] {
        let (code, message, data) = failure(addr, "eth_sendRawTransaction", json!([hex(&bytes)])).await;
        assert_eq!((code, data), (-32000, Value::Null), "{message}");
        assert!(message.contains(says), "{message} does not say {says}");
    }
    let sent = envelope(5, 0);
    let id = hash(Transaction::decode(&sent).unwrap().hash());
    assert_eq!(result(addr, "eth_sendRawTransaction", json!([hex(&sent)])).await, id);
    let waiting = envelope(6, 0);
    result(addr, "eth_sendRawTransaction", json!([hex(&waiting)])).await;
    let pending = result(addr, "eth_getTransactionByHash", json!([id])).await;
    assert_eq!(
        (&pending["blockHash"], &pending["gasPrice"]),
        (&Value::Null, &json!("0x64"))
    );
    assert_eq!(
        result(addr, "eth_getTransactionReceipt", json!([id])).await,
        Value::Null
    );
    assert_eq!(
        result(addr, "txpool_status", json!([])).await,
        json!({ "pending": "0x1", "queued": "0x1" })
    );
    let who = format!("{SENDER:?}");
    let content = result(addr, "txpool_content", json!([])).await;
    assert_eq!(content["pending"][&who]["5"], pending);
    assert_eq!(content["queued"][&who]["6"]["nonce"], "0x6");
    let from = result(addr, "txpool_contentFrom", json!([who])).await;
    assert_eq!(from["pending"]["5"], pending);
    let line = result(addr, "txpool_inspect", json!([])).await;
    assert_eq!(
        line["pending"][&who]["5"],
        json!(format!("{CONTRACT:?}: 0 wei + 21000 gas × 100 wei"))
    );
    let block = result(addr, "eth_getBlockByNumber", json!(["pending", false])).await;
    assert_eq!((&block["number"], &block["hash"]), (&json!("0x3"), &Value::Null));
    assert_eq!(block["transactions"], json!([id]));

    let receipt = result(addr, "eth_sendRawTransactionSync", json!([hex(&envelope(9, 1))])).await;
    assert_eq!(
        (&receipt["blockNumber"], &receipt["transactionIndex"]),
        (&json!("0x3"), &json!("0x2"))
    );
    let late = failure(addr, "eth_sendRawTransactionSync", json!([hex(&envelope(5, 2)), 50])).await;
    assert_eq!(late.0, -32000);
    assert!(late.1.contains("not processed in time"), "{}", late.1);
    drop(fake);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_development_chain_is_steered_and_no_other() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let who = format!("{SENDER:?}");
    for (method, params, expected) in [
        ("evm_mine", json!([]), json!("0x0")),
        ("evm_mine", json!([{ "timestamp": 2000, "blocks": 2 }]), json!("0x0")),
        ("hardhat_mine", json!(["0x3", "0x2"]), json!(null)),
        ("evm_increaseTime", json!(["0xa"]), json!(10)),
        ("evm_setNextBlockTimestamp", json!([2000]), json!(null)),
        ("evm_snapshot", json!([]), json!("0x1")),
        ("evm_revert", json!(["0x1"]), json!(true)),
        ("evm_revert", json!(["0x7"]), json!(false)),
        ("evm_setAutomine", json!([false]), json!(true)),
        ("hardhat_setBalance", json!([who, "0x64"]), json!(true)),
    ] {
        assert_eq!(result(addr, method, params).await, expected, "{method}");
    }
    assert_eq!(
        *fake.evm.done.lock().unwrap(),
        [
            "mine 1 None",
            "next 2000",
            "mine 2 None",
            "mine 3 Some(2)",
            "increase 10",
            "next 2000",
            "snapshot",
            "revert 1",
            "revert 7",
            "automine false",
            format!("balance {SENDER:?} 100").as_str()
        ]
    );
    for (method, params) in [
        ("evm_mine", json!([{ "blocks": 10_001 }])),
        ("evm_setNextBlockTimestamp", json!([0])),
        ("anvil_setBalance", json!([who, format!("0x1{}", "0".repeat(32))])),
    ] {
        assert_eq!(failure(addr, method, params).await.0, -32602, "{method}");
    }
    let other = Fake {
        is_development: false,
        ..Fake::default()
    };
    let (server, fake) = start_over(Config::default(), other).await;
    for method in ["evm_mine", "evm_snapshot"] {
        assert_eq!(failure(server.local_addr(), method, json!([])).await.0, -32601);
    }
    assert!(fake.evm.done.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_development_chain_signs_for_its_accounts() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let (who, to) = (format!("{SENDER:?}"), format!("{CONTRACT:?}"));
    let plain = json!({ "from": who, "to": to, "value": "0x1" });
    // The fake's base fee is 8 and its estimate 21001; its blocks' usual tip is what it is.
    let tip = result(addr, "eth_maxPriorityFeePerGas", json!([])).await;
    for (more, expected) in [
        (
            json!({}),
            json!({ "type": "0x2", "nonce": "0x7", "gas": "0x5209", "maxPriorityFeePerGas": tip }),
        ),
        (
            json!({ "maxFeePerGas": "0x64", "maxPriorityFeePerGas": "0x1" }),
            json!({ "type": "0x2", "maxFeePerGas": "0x64", "maxPriorityFeePerGas": "0x1" }),
        ),
        (
            // The tip is no more than what is paid at most.
            json!({ "maxFeePerGas": "0x1", "gas": "0x7530" }),
            json!({ "type": "0x2", "gas": "0x7530", "maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x1" }),
        ),
        (
            json!({ "gasPrice": "0x64", "nonce": "0x9", "chainId": CHAIN_ID }),
            json!({ "type": "0x0", "gasPrice": "0x64", "nonce": "0x9" }),
        ),
        (
            json!({ "gasPrice": "0x64", "accessList": [{ "address": to, "storageKeys": [hash(quids_core::Hash::repeat_byte(1))] }] }),
            json!({ "type": "0x1", "accessList": [{ "address": to, "storageKeys": [hash(quids_core::Hash::repeat_byte(1))] }] }),
        ),
    ] {
        let mut call = plain.clone();
        call.as_object_mut()
            .unwrap()
            .append(&mut more.as_object().unwrap().clone());
        let signed = result(addr, "eth_signTransaction", json!([call])).await;
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&signed["tx"][field], value, "{field} of {signed}");
        }
        let raw = const_hex::decode(&signed["raw"].as_str().unwrap()[2..]).unwrap();
        let decoded = Transaction::decode(&raw).unwrap();
        assert_eq!((decoded.to(), decoded.chain_id()), (Some(CONTRACT), Some(CHAIN_ID)));
    }
    let id = result(addr, "eth_sendTransaction", json!([plain])).await;
    let pending = result(addr, "eth_getTransactionByHash", json!([id])).await;
    assert_eq!((&pending["from"], &pending["value"]), (&json!(who), &json!("0x1")));

    for (call, says) in [
        (
            json!({ "to": to }),
            "unknown account 0x0000000000000000000000000000000000000000",
        ),
        (json!({ "from": to }), "unknown account 0x"),
        (json!({ "from": who, "chainId": "0x1" }), "chainId 1 is not the chain's"),
        (
            json!({ "from": who, "to": to, "authorizationList": [] }),
            "no transaction of type 0x4",
        ),
        (
            json!({ "from": who, "to": to, "type": "0x71" }),
            "no transaction of type 0x71",
        ),
        (
            json!({ "from": who, "to": to, "data": "0x01" }),
            "execution reverted: no",
        ),
    ] {
        for method in ["eth_signTransaction", "eth_sendTransaction"] {
            let (_, message, _) = failure(addr, method, json!([call])).await;
            assert!(message.contains(says), "{message}");
        }
    }

    // EIP-191, and the example of EIP-712.
    let message = "0x19457468657265756d205369676e6564204d6573736167653a0a33616263";
    let mail = json!({
        "types": {
            "EIP712Domain": [
                { "name": "name", "type": "string" }, { "name": "version", "type": "string" },
                { "name": "chainId", "type": "uint256" }, { "name": "verifyingContract", "type": "address" },
            ],
            "Person": [{ "name": "name", "type": "string" }, { "name": "wallet", "type": "address" }],
            "Mail": [
                { "name": "from", "type": "Person" }, { "name": "to", "type": "Person" },
                { "name": "contents", "type": "string" },
            ],
        },
        "primaryType": "Mail",
        "domain": {
            "name": "Ether Mail", "version": "1", "chainId": 1,
            "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
        },
        "message": {
            "from": { "name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826" },
            "to": { "name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB" },
            "contents": "Hello, Bob!",
        },
    });
    let typed = "0x1901f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090fc52c0ee5d84264471806290a3f2c4c\
                 ecfc5490626bf912d01f240d7a274b371e";
    for (method, params, payload) in [
        ("eth_sign", json!([who, "0x616263"]), message),
        ("personal_sign", json!(["0x616263", who, ""]), message),
        ("eth_signTypedData_v4", json!([who, mail]), typed),
        ("eth_signTypedData_v4", json!([who, mail.to_string()]), typed),
    ] {
        fake.evm.done.lock().unwrap().clear();
        let signature = result(addr, method, params).await;
        // The fake signs with r = 1, s = 2 and parity 1.
        assert_eq!(signature, json!(format!("0x{:0>64}{:0>64}1c", 1, 2)), "{method}");
        assert_eq!(
            *fake.evm.done.lock().unwrap(),
            [format!("sign {}", &payload[2..])],
            "{method}"
        );
    }
    for broken in [
        json!({}),
        json!("{"),
        json!({ "types": {}, "primaryType": "Mail", "domain": {}, "message": {} }),
    ] {
        assert_eq!(
            failure(addr, "eth_signTypedData_v4", json!([who, broken])).await.0,
            -32602
        );
    }
    assert_eq!(failure(addr, "personal_sign", json!(["0x", to])).await.0, -32000);

    let other = Fake {
        is_development: false,
        ..Fake::default()
    };
    let (server, _fake) = start_over(Config::default(), other).await;
    assert_eq!(result(server.local_addr(), "eth_accounts", json!([])).await, json!([]));
    assert_eq!(
        failure(server.local_addr(), "eth_sendTransaction", json!([plain]))
            .await
            .0,
        -32000
    );
}
