//! Every method's JSON.

use crate::start_default;
use crate::wire::{failure, result};
use codec::Encode;
use quids_core::AccountId20;
use quids_rpc::Backend;
use serde_json::{Value, json};

fn hex(bytes: &[u8]) -> Value {
    json!(const_hex::encode_prefixed(bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_have_substrates_shape() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let blocks = fake.blocks.lock().unwrap().clone();
    let hashes: Vec<Value> = blocks.iter().map(|block| hex(block.header.hash().as_bytes())).collect();
    let best = &hashes[2];
    let header = |number: usize| {
        json!({
            "parentHash": if number == 0 { hex(&[0; 32]) } else { hashes[number - 1].clone() },
            "number": format!("0x{number:x}"),
            "stateRoot": hex(&[1; 32]),
            "extrinsicsRoot": hex(&[2; 32]),
            "digest": { "logs": [format!("0x067465737404{number:02x}")] },
        })
    };
    let block = |number: usize| json!({ "block": { "header": header(number), "extrinsics": ["0x0c070707"] }, "justifications": null });
    let version = json!({
        "specName": "quids", "implName": "quids-node", "authoringVersion": 1, "specVersion": 1, "implVersion": 0,
        "apis": [["0xdf6acb689907609b", 5]], "transactionVersion": 1, "systemVersion": 1, "stateVersion": 1,
    });
    let unknown = hex(&[9; 32]);
    let changes = |number: usize, changes: Value| json!({ "block": hashes[number], "changes": changes });

    for (method, params, expected) in [
        ("system_name", json!([]), json!("quids")),
        ("system_version", json!([]), json!("0.1.0")),
        ("system_chain", json!([]), json!("Quids Test")),
        ("system_chainType", json!([]), json!("Development")),
        (
            "system_properties",
            json!([]),
            json!({ "isEthereum": true, "tokenDecimals": 18, "tokenSymbol": "QDS" }),
        ),
        (
            "system_health",
            json!([]),
            json!({ "peers": 0, "isSyncing": false, "shouldHavePeers": false }),
        ),
        (
            "system_syncState",
            json!([]),
            json!({ "startingBlock": 0, "currentBlock": 2, "highestBlock": 2 }),
        ),
        ("system_localPeerId", json!([]), json!("")),
        // The pool holds 5 and 6, and 8 after a gap.
        ("system_accountNextIndex", json!([hex(&[0x11; 20])]), json!(7)),
        (
            "account_nextIndex",
            json!([AccountId20([0x22; 20]).to_string()]),
            json!(5),
        ),
        ("chain_getHeader", json!([]), header(2)),
        ("chain_getHeader", json!([hashes[0]]), header(0)),
        ("chain_getHeader", json!([unknown]), json!(null)),
        ("chain_getHeader", json!({ "hash": hashes[1] }), header(1)),
        ("chain_getHeader", json!({}), header(2)),
        ("chain_getBlock", json!([]), block(2)),
        ("chain_getBlock", json!([hashes[1]]), block(1)),
        ("chain_getBlock", json!([unknown]), json!(null)),
        ("chain_getBlockHash", json!([]), best.clone()),
        ("chain_getBlockHash", json!([null]), best.clone()),
        ("chain_getBlockHash", json!([0]), hashes[0].clone()),
        ("chain_getBlockHash", json!(["0x1"]), hashes[1].clone()),
        ("chain_getBlockHash", json!([99]), json!(null)),
        (
            "chain_getBlockHash",
            json!([[0, "0x2", 99]]),
            json!([hashes[0], hashes[2], null]),
        ),
        ("chain_getFinalizedHead", json!([]), best.clone()),
        ("state_getMetadata", json!([]), hex(b"meta")),
        ("state_getMetadata", json!([hashes[0]]), hex(b"meta")),
        ("state_getRuntimeVersion", json!([]), version.clone()),
        ("chain_getRuntimeVersion", json!([hashes[0]]), version),
        ("state_getStorage", json!(["0x01"]), json!("0xaa")),
        ("state_getStorage", json!(["0x0102"]), json!("0x")),
        ("state_getStorage", json!(["0x77"]), json!(null)),
        ("state_getStorage", json!(["0x09", hashes[0]]), json!("0x00")),
        (
            "state_getStorageHash",
            json!(["0x01"]),
            hex(blake3::hash(&[0xaa]).as_bytes()),
        ),
        ("state_getStorageHash", json!(["0x77"]), json!(null)),
        ("state_getStorageSize", json!(["0x03", null]), json!(40)),
        ("state_getStorageSize", json!(["0x77"]), json!(null)),
        ("state_getKeys", json!(["0x01"]), json!(["0x01", "0x0102"])),
        ("state_getKeysPaged", json!(["0x", 2]), json!(["0x01", "0x0102"])),
        (
            "state_getKeysPaged",
            json!([null, 2, "0x0102"]),
            json!(["0x03", "0x09"]),
        ),
        (
            "state_getKeysPaged",
            json!({ "count": 2, "start_key": "0x0102" }),
            json!(["0x03", "0x09"]),
        ),
        (
            "state_getKeysPaged",
            json!(["0x01", 9, null, hashes[0]]),
            json!(["0x01", "0x0102"]),
        ),
        (
            "state_queryStorageAt",
            json!([["0x01", "0x77"]]),
            json!([changes(2, json!([["0x01", "0xaa"], ["0x77", null]]))]),
        ),
        (
            "state_queryStorageAt",
            json!([["0x09"], hashes[0]]),
            json!([changes(0, json!([["0x09", "0x00"]]))]),
        ),
        (
            "state_queryStorage",
            json!([["0x01", "0x09"], hashes[0]]),
            json!([
                changes(0, json!([["0x01", "0xaa"], ["0x09", "0x00"]])),
                changes(2, json!([["0x09", "0x01"]]))
            ]),
        ),
        ("state_call", json!(["echo", "0x0102"]), json!("0x0102")),
        ("state_call", json!(["echo", "0x", hashes[0]]), json!("0x")),
        (
            "state_getReadProof",
            json!([["0x01"], hashes[1]]),
            json!({ "at": hashes[1], "proof": ["0x01"] }),
        ),
        (
            "payment_queryInfo",
            json!(["0x0c070707"]),
            json!({
                "weight": { "ref_time": 1_000_000_000_000u64, "proof_size": 3593 },
                "class": "normal",
                "partialFee": "18446744073709551616",
            }),
        ),
        (
            "payment_queryFeeDetails",
            json!(["0x0c070707", best]),
            json!({ "inclusionFee": { "baseFee": "0x10", "lenFee": "0x2", "adjustedWeightFee": "0x0" } }),
        ),
        ("system_nodeRoles", json!([]), json!(["Authority"])),
        (
            "system_localListenAddresses",
            json!([]),
            json!(["/ip4/127.0.0.1/tcp/30333"]),
        ),
        (
            "quids_nodeInfo",
            json!([]),
            json!({
                "name": "quids", "version": "0.1.0", "chain": "Quids Test", "chainId": "test", "genesis": hashes[0],
                "roles": ["Authority"], "uptimeSeconds": 7, "databaseBytes": 1u64 << 40,
            }),
        ),
        (
            "quids_accountKey",
            json!([hex(&[0x11; 20])]),
            json!({ "scheme": "secp256k1", "publicKey": hex(&[2; 33]) }),
        ),
        ("quids_accountKey", json!([hex(&[0x22; 20]), hashes[0]]), json!(null)),
    ] {
        assert_eq!(
            result(addr, method, params.clone()).await,
            expected,
            "{method} {params}"
        );
    }

    let schemes = result(addr, "quids_signatureSchemes", json!([])).await;
    assert_eq!(
        schemes[1],
        json!({
            "name": "falcon-512", "tag": 1, "publicKeyBytes": 897, "signatureBytes": 666, "isPostQuantum": true,
        })
    );
    let methods = result(addr, "rpc_methods", json!([])).await;
    let methods = methods["methods"].as_array().unwrap();
    for name in [
        "rpc_methods",
        "chain_subscribeNewHead",
        "chain_unsubscribeNewHeads",
        "author_unwatchExtrinsic",
    ] {
        assert!(methods.contains(&json!(name)), "{name}");
    }
    assert!(methods.is_sorted_by_key(|name| name.as_str().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_a_code_and_say_why() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let unknown = hex(&[9; 32]);
    let many: Vec<Value> = vec![json!("0x01"); 1025];
    let (first, last) = (
        hex(fake.hash_at(quids_core::Height(0)).unwrap().unwrap().as_bytes()),
        hex(fake.best_hash().as_bytes()),
    );
    for (method, params, code, says) in [
        ("no_such", json!([]), -32601, "not found"),
        ("chain_getHeader", json!(["0x12"]), -32602, "64 digits"),
        ("chain_getHeader", json!(["12"]), -32602, "is not a hash (hex with 0x"),
        ("chain_getHeader", json!([7]), -32602, "hex with 0x"),
        (
            "chain_getHeader",
            json!({ "block": unknown }),
            -32602,
            "code 605: no parameter is called",
        ),
        ("chain_getHeader", json!("0x"), -32602, "code 601: "),
        ("chain_getBlockHash", json!([-1]), -32602, "below 2^32"),
        ("chain_getBlockHash", json!([4294967296u64]), -32602, "below 2^32"),
        ("chain_getBlockHash", json!(["7"]), -32602, "below 2^32"),
        ("chain_getBlockHash", json!([many]), 4002, "max: 1024"),
        ("state_getStorage", json!([]), -32602, "code 602: key is missing"),
        ("state_getStorage", json!(["0xzz"]), -32602, "key: "),
        ("state_getStorage", json!(["0x123"]), -32602, "key: "),
        ("state_getStorage", json!(["0x01", unknown]), 4003, "unknown block"),
        ("state_getMetadata", json!([unknown]), 4003, "unknown block"),
        ("state_call", json!(["trap", "0x"]), 4003, "panicked at 'no'"),
        ("state_call", json!(["nothing", "0x"]), 4003, "no function nothing"),
        ("state_getKeysPaged", json!(["0x", 1001]), 4002, "max: 1000"),
        ("state_queryStorageAt", json!([many]), 4002, "max: 1024"),
        (
            "state_queryStorage",
            json!([["0x01"], last, first]),
            4001,
            "no ancestor",
        ),
        ("state_queryStorage", json!([["0x01"], unknown]), 4003, "unknown block"),
        ("system_accountNextIndex", json!(["0x1234"]), -32602, "40 digits"),
        ("payment_queryInfo", json!(["0x0c0707"]), 1001, "invalid format"),
        (
            "payment_queryInfo",
            json!(["0x0c626164"]),
            1,
            "code 105: the runtime tells no fee",
        ),
        ("quids_poolContent", json!([0, 1001]), 4002, "max: 1000"),
    ] {
        let (found, message, data) = failure(addr, method, params.clone()).await;
        assert_eq!(found, code, "{method} {params}: {message}");
        assert!(format!("{message} {data}").contains(says), "{method}: {message} {data}");
    }
    let state = (0..1001u32).map(|i| (i.encode(), vec![])).collect();
    fake.push(state, 1, vec![]);
    let (code, message, _) = failure(addr, "state_getKeys", json!(["0x"])).await;
    assert_eq!((code, message.contains("state_getKeysPaged")), (4002, true));
}
