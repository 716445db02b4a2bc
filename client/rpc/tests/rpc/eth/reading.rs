//! Blocks, transactions, receipts, accounts, logs, fees.

use super::{block, hash};
use crate::fake::Fake;
use crate::fake_evm::{CHAIN_ID, CONTRACT, SENDER, TOPIC, signed_request};
use crate::start_default;
use crate::wire::{failure, result};
use codec::Encode;
use quids_core::{AccountId20, H256, Height};
use quids_rpc::Backend;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn blocks_have_ethereums_shape() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let (two, transactions) = block(&fake, 2);
    let (one, _) = block(&fake, 1);
    let by_number = result(addr, "eth_getBlockByNumber", json!(["0x2", false])).await;
    for (field, expected) in [
        ("hash", hash(two)),
        ("parentHash", hash(one)),
        ("number", json!("0x2")),
        ("stateRoot", hash(H256::repeat_byte(1))),
        ("transactionsRoot", hash(H256::repeat_byte(2))),
        ("miner", json!(format!("0x{}", "be".repeat(20)))),
        ("mixHash", hash(H256::repeat_byte(0xaa))),
        ("gasUsed", json!("0xa410")),
        ("gasLimit", json!("0x1c9c380")),
        ("baseFeePerGas", json!("0x7")),
        ("timestamp", json!("0x6b49d202")),
        ("difficulty", json!("0x0")),
        (
            "sha3Uncles",
            json!("0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"),
        ),
        ("transactions", json!([hash(transactions[0]), hash(transactions[1])])),
        ("uncles", json!([])),
        ("withdrawals", json!([])),
    ] {
        assert_eq!(by_number[field], expected, "{field}");
    }
    assert_eq!(by_number["logsBloom"].as_str().unwrap().len(), 2 + 512);
    assert_ne!(by_number["logsBloom"], json!(format!("0x{}", "00".repeat(256))));
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["latest", false])),
        ("eth_getBlockByNumber", json!(["safe", false])),
        ("eth_getBlockByNumber", json!([2, null])),
        ("eth_getBlockByHash", json!([hash(two), false])),
    ] {
        assert_eq!(
            result(addr, method, params.clone()).await,
            by_number,
            "{method} {params}"
        );
    }
    let genesis = result(addr, "eth_getBlockByNumber", json!(["earliest", false])).await;
    assert_eq!(genesis["number"], "0x0");
    // Of no receipts.
    assert_eq!(
        genesis["receiptsRoot"],
        "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
    );
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["0x3", false])),
        ("eth_getBlockByNumber", json!(["0xffffffffffffffff", true])),
        ("eth_getBlockByHash", json!([hash(H256::repeat_byte(9)), true])),
        ("eth_getHeaderByNumber", json!(["0x3"])),
        ("eth_getBlockReceipts", json!(["0x3"])),
        ("eth_getBlockTransactionCountByNumber", json!(["0x3"])),
        ("eth_getUncleByBlockNumberAndIndex", json!(["0x2", "0x0"])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x2", "0x2"])),
        ("eth_getTransactionByHash", json!([hash(H256::repeat_byte(9))])),
        ("eth_getTransactionReceipt", json!([hash(H256::repeat_byte(9))])),
    ] {
        assert_eq!(
            result(addr, method, params.clone()).await,
            Value::Null,
            "{method} {params}"
        );
    }
    for (method, params, count) in [
        ("eth_getBlockTransactionCountByNumber", json!(["latest"]), "0x2"),
        ("eth_getBlockTransactionCountByHash", json!([hash(two)]), "0x2"),
        ("eth_getBlockTransactionCountByNumber", json!(["pending"]), "0x0"),
        ("eth_getUncleCountByBlockHash", json!([hash(two)]), "0x0"),
    ] {
        assert_eq!(result(addr, method, params).await, count, "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_and_receipts_say_what_they_are() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let (two, transactions) = block(&fake, 2);
    let plain = result(addr, "eth_getTransactionByHash", json!([hash(transactions[0])])).await;
    for (field, expected) in [
        ("type", json!("0x2")),
        ("chainId", json!("0x5155")),
        ("nonce", json!("0x2")),
        ("from", json!(format!("0x{}", "11".repeat(20)))),
        ("to", json!(format!("0x{}", "cc".repeat(20)))),
        ("gas", json!("0x5208")),
        ("gasPrice", json!("0xa")),
        ("maxFeePerGas", json!("0x64")),
        ("maxPriorityFeePerGas", json!("0x3")),
        ("input", json!("0x010203")),
        ("accessList", json!([])),
        ("r", json!("0x1")),
        ("s", json!("0x2")),
        ("v", json!("0x1")),
        ("yParity", json!("0x1")),
        ("blockHash", hash(two)),
        ("blockNumber", json!("0x2")),
        ("transactionIndex", json!("0x0")),
    ] {
        assert_eq!(plain[field], expected, "{field}");
    }
    let quantum = result(addr, "eth_getTransactionByBlockHashAndIndex", json!([hash(two), "0x1"])).await;
    for (field, expected) in [
        ("type", json!("0x71")),
        ("hash", hash(transactions[1])),
        ("to", json!(null)),
        ("scheme", json!("0x1")),
        ("sender", json!(format!("0x{}", "11".repeat(20)))),
        ("publicKey", json!("0x")),
        ("quantumSignature", json!(format!("0x{}", "05".repeat(666)))),
        ("r", json!("0x0")),
        ("v", json!("0x0")),
        ("maxFeePerGas", json!("0x32")),
    ] {
        assert_eq!(quantum[field], expected, "{field}");
    }
    assert!(quantum.get("signature").is_none());

    let receipts = result(addr, "eth_getBlockReceipts", json!([{ "blockHash": hash(two) }])).await;
    for (index, transaction) in transactions.iter().enumerate() {
        let one = result(addr, "eth_getTransactionReceipt", json!([hash(*transaction)])).await;
        assert_eq!(one, receipts[index]);
    }
    assert_eq!(receipts[0]["status"], "0x1");
    assert_eq!(receipts[1]["status"], "0x0");
    assert_eq!(receipts[1]["contractAddress"], json!(format!("0x{}", "cc".repeat(20))));
    assert_eq!(receipts[1]["cumulativeGasUsed"], "0xa410");
    // Counted through the block.
    assert_eq!(receipts[0]["logs"][1]["logIndex"], "0x1");
    assert_eq!(receipts[1]["logs"][0]["logIndex"], "0x2");

    let raw = result(addr, "eth_getRawTransactionByHash", json!([hash(transactions[0])])).await;
    let envelope = fake.evm_of(two).unwrap().transactions[0].envelope.clone();
    assert_eq!(raw, json!(const_hex::encode_prefixed(envelope)));
    assert_eq!(
        result(addr, "debug_getRawReceipts", json!(["0x2"]))
            .await
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let header = result(addr, "debug_getRawHeader", json!(["latest"])).await;
    let header = const_hex::decode(&header.as_str().unwrap()[2..]).unwrap();
    assert_eq!(blake3::hash(&header).as_bytes(), two.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_answer_at_any_block() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let who = json!(format!("{SENDER:?}"));
    let best = hash(fake.best_hash());
    for at in [
        json!("latest"),
        json!("0x1"),
        json!(1),
        best.clone(),
        json!({ "blockHash": best }),
        json!({ "blockNumber": "0x0" }),
        json!({ "blockHash": best, "requireCanonical": true }),
        json!("pending"),
        json!("finalized"),
        Value::Null,
    ] {
        assert_eq!(result(addr, "eth_getBalance", json!([who, at])).await, "0x3e8", "{at}");
    }
    let slot = format!("0x{}07", "00".repeat(31));
    for (method, params, expected) in [
        ("eth_getTransactionCount", json!([who, "latest"]), json!("0x5")),
        // The pool holds 5 and 6, and 8 after a gap.
        ("eth_getTransactionCount", json!([who, "pending"]), json!("0x7")),
        ("eth_getCode", json!([who]), json!("0x6000")),
        ("eth_getStorageAt", json!([who, "0x7", "latest"]), json!(slot)),
        ("eth_getStorageAt", json!([who, slot, "latest"]), json!(slot)),
        (
            "eth_getStorageValues",
            json!([{ who.as_str().unwrap(): ["0x7"] }]),
            json!({ who.as_str().unwrap(): [slot] }),
        ),
        ("ots_hasCode", json!([who]), json!(true)),
        (
            "eth_getAccountInfo",
            json!([who, "latest"]),
            json!({ "balance": "0x3e8", "nonce": "0x5", "code": "0x6000" }),
        ),
    ] {
        assert_eq!(result(addr, method, params).await, expected, "{method}");
    }
    let proof = result(addr, "eth_getProof", json!([who, ["0x7"], "latest"])).await;
    assert_eq!(proof["accountProof"], json!(["0x01", "0x02"]));
    assert_eq!(
        proof["storageProof"],
        json!([{ "key": "0x7", "value": "0x7", "proof": [slot] }])
    );
    assert_eq!(proof["storageHash"], hash(H256::repeat_byte(1)));

    let safety = result(addr, "quids_contractSafety", json!([who])).await;
    assert_eq!(
        (&safety["ecrecover"], &safety["isQuantumCompatible"]),
        (&json!(true), &json!(false))
    );
    let none = json!([format!("0x{}", "22".repeat(20))]);
    assert_eq!(result(addr, "quids_contractSafety", none).await, Value::Null);

    let contract = json!(AccountId20(CONTRACT.0).to_string());
    for (byte, status, requester, at) in [
        ("22", "unknown", Value::Null, Value::Null),
        ("33", "pending", contract.clone(), json!(4)),
        ("44", "signed", contract.clone(), json!(4)),
    ] {
        let state = result(addr, "quids_signature", json!([format!("0x{}", byte.repeat(32))])).await;
        assert_eq!(state["status"], status);
        assert_eq!((&state["requester"], &state["requestedAt"]), (&requester, &at));
        assert_eq!(state["certificate"].is_null(), status != "signed");
        let certificate = &state["certificate"];
        if status == "signed" {
            let signed = signed_request();
            let (genesis, _) = block(&fake, 0);
            let bytes = signed.request.signed_bytes(&genesis, Height(5));
            assert_eq!(
                certificate["signedBytes"],
                format!("0x{}", alloy_primitives::hex::encode(&bytes))
            );
            assert_eq!(
                certificate["scale"],
                format!("0x{}", alloy_primitives::hex::encode(signed.certificate.encode()))
            );
            assert_eq!(
                (&certificate["height"], &certificate["chainId"]),
                (&json!(5), &json!("0x5155"))
            );
            assert_eq!(certificate["signatures"][0]["seat"], 2);
        }
    }

    let unknown = failure(addr, "eth_getBalance", json!([who, "0x9"])).await;
    assert_eq!(unknown, (-32000, "header not found".into(), Value::Null));
    let (genesis, _) = block(&fake, 0);
    let fork = fake.import(genesis, 1, 1);
    let at = json!({ "blockHash": hash(fork), "requireCanonical": true });
    let (code, message, _) = failure(addr, "eth_getBalance", json!([who, at])).await;
    assert_eq!((code, &message[..]), (-32000, "hash is not currently canonical"));
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_found_by_range_address_and_topic() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let (two, _) = block(&fake, 2);
    let (address, topic) = (format!("{CONTRACT:?}"), hash(TOPIC));
    let second = hash(H256::repeat_byte(2));
    for (filter, count) in [
        (json!({}), 3),
        (json!({ "fromBlock": "0x0", "toBlock": "latest" }), 6),
        (json!({ "fromBlock": "earliest", "toBlock": "0xffffff" }), 6),
        (json!({ "fromBlock": "0x1", "toBlock": "0x1" }), 3),
        (json!({ "fromBlock": "0x9" , "toBlock": "0x10" }), 0),
        (json!({ "fromBlock": "0x9" }), 0),
        (json!({ "fromBlock": "0x9", "toBlock": "latest" }), 0),
        (json!({ "blockHash": hash(two) }), 3),
        (json!({ "fromBlock": "0x0", "address": address }), 6),
        (
            json!({ "fromBlock": "0x0", "address": [address], "topics": [topic, second] }),
            2,
        ),
        (json!({ "fromBlock": "0x0", "topics": [null, [second, topic]] }), 2),
        (json!({ "fromBlock": "0x0", "topics": [[], [null]] }), 6),
        (json!({ "fromBlock": "0x0", "topics": [second] }), 0),
        (json!({ "fromBlock": "0x0", "topics": [null, null, null] }), 0),
        (json!({ "blockHash": hash(two), "topics": [topic, second] }), 1),
    ] {
        let logs = result(addr, "eth_getLogs", json!([filter])).await;
        assert_eq!(logs.as_array().unwrap().len(), count, "{filter}");
    }
    let logs = result(addr, "eth_getLogs", json!([{ "blockHash": hash(two) }])).await;
    assert_eq!(logs, result(addr, "eth_getLogs", json!([{}])).await);
    assert_eq!(logs[2]["logIndex"], "0x2");

    for (filter, code, says) in [
        (json!({ "fromBlock": "0x2", "toBlock": "0x1" }), -32602, "is after"),
        (json!({ "blockHash": hash(two), "fromBlock": "0x1" }), -32602, "either"),
        (
            json!({ "blockHash": hash(H256::repeat_byte(9)) }),
            -32000,
            "unknown block",
        ),
        (
            json!({ "address": vec![address.clone(); 1001] }),
            -32602,
            "at most 1000",
        ),
        (json!({ "topics": vec![topic.clone(); 5] }), -32602, "at most 4"),
    ] {
        let (found, message, _) = failure(addr, "eth_getLogs", json!([filter])).await;
        assert_eq!(found, code, "{message}");
        assert!(message.contains(says), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_are_told_and_suggested() {
    let (server, _fake) = start_default().await;
    let addr = server.local_addr();
    // Two transactions a block, with tips of 2 and 3.
    for (method, expected) in [
        ("eth_gasPrice", "0xa"),
        ("eth_maxPriorityFeePerGas", "0x2"),
        ("eth_blobBaseFee", "0x1"),
    ] {
        assert_eq!(result(addr, method, json!([])).await, expected, "{method}");
    }
    let history = result(addr, "eth_feeHistory", json!(["0x2", "latest", [0, 50, 100]])).await;
    assert_eq!(history["oldestBlock"], "0x1");
    assert_eq!(history["baseFeePerGas"], json!(["0x7", "0x7", "0x8"]));
    assert_eq!(history["gasUsedRatio"], json!([0.0014, 0.0014]));
    let rewards = json!(["0x2", "0x2", "0x3"]);
    assert_eq!(history["reward"], json!([rewards, rewards]));
    let plain = result(addr, "eth_feeHistory", json!([1000, "0x2"])).await;
    assert_eq!(plain["oldestBlock"], "0x0");
    assert!(plain.get("reward").is_none());
    for (params, code) in [
        (json!(["0x1", "0x9"]), -32000),
        (json!(["0x1", "latest", [50, 10]]), -32602),
        (json!(["0x1", "latest", [101]]), -32602),
        (json!(["0x1", "latest", vec![0; 101]]), -32602),
        (json!(["0x1", "latest", ["x"]]), -32602),
    ] {
        assert_eq!(
            failure(addr, "eth_feeHistory", params.clone()).await.0,
            code,
            "{params}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_says_who_it_is() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    for (method, params, expected) in [
        ("eth_chainId", json!([]), json!("0x5155")),
        ("net_version", json!([]), json!(CHAIN_ID.to_string())),
        ("eth_blockNumber", json!([]), json!("0x2")),
        ("eth_syncing", json!([]), json!(false)),
        ("net_listening", json!([]), json!(true)),
        ("net_peerCount", json!([]), json!("0x0")),
        ("web3_clientVersion", json!([]), json!("quids/v0.1.0")),
        (
            "web3_sha3",
            json!(["0x"]),
            json!("0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        ),
    ] {
        for _ in 0..2 {
            assert_eq!(result(addr, method, params.clone()).await, expected, "{method}");
        }
    }
    let accounts = result(addr, "eth_accounts", json!([])).await;
    assert_eq!(accounts, json!([format!("{SENDER:?}")]));
    // The chain is asked once.
    let chains = fake
        .evm
        .calls
        .lock()
        .unwrap()
        .iter()
        .filter(|api| *api == "QevmApi_chain")
        .count();
    assert_eq!(chains, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_explorer_finds_its_way() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let (_, transactions) = block(&fake, 2);
    let who = format!("{SENDER:?}");
    let details = result(addr, "ots_getBlockDetails", json!(["0x2"])).await;
    assert_eq!(details["block"]["transactionCount"], 2);
    // 21000 · 10 + 21000 · 9.
    assert_eq!(details["totalFees"], "0x61698");
    let page = result(addr, "ots_getBlockTransactions", json!(["0x2", 1, 1])).await;
    assert_eq!(page["fullblock"]["transactions"][0]["hash"], hash(transactions[1]));
    let newest = result(addr, "ots_searchTransactionsBefore", json!([who, 0, 2])).await;
    assert_eq!(newest["txs"][0]["hash"], hash(transactions[1]));
    assert_eq!(
        (&newest["firstPage"], &newest["lastPage"]),
        (&json!(true), &json!(false))
    );
    let oldest = result(addr, "ots_searchTransactionsAfter", json!([who, 0, 2])).await;
    assert_eq!(oldest["txs"][0]["blockNumber"], "0x1");
    let operations = result(addr, "ots_getInternalOperations", json!([hash(transactions[0])])).await;
    assert_eq!(operations, json!([]));
    let frames = result(addr, "ots_traceTransaction", json!([hash(transactions[0])])).await;
    assert_eq!(frames.as_array().unwrap().len(), 4);
    assert_eq!(result(addr, "ots_getApiLevel", json!([])).await, 8);
    let _: &Fake = &fake;
}
