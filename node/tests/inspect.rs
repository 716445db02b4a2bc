//! What RPC executes without keeping it, asked of a real chain through the real methods.

use codec::{DecodeAll, Encode};
use quids_api::{ApplyExtrinsicResult, InvalidTransaction, TransactionSource, TransactionValidityError};
use quids_core::{AccountId20, Hash, OpaqueExtrinsic};
use quids_node::{
    backend::{Controls, KeyControl, LogControl, NodeBackend},
    pool::{EvmPool, SharedPool},
    spec::ChainSpec,
    testing::{Signing, TestChain},
};
use quids_rpc::{Access, Config, Local};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

const RECEIVER: AccountId20 = AccountId20([9; 20]);

struct Asked {
    chain: TestChain,
    pool: Arc<SharedPool>,
    methods: Local,
}

impl Asked {
    fn new(controls: Controls) -> Self {
        let chain = TestChain::new().unwrap();
        let limits = quids_txpool::Limits::default();
        let pool = Arc::new(SharedPool::new(chain.chain.clone(), limits));
        let backend = NodeBackend {
            chain: chain.chain.clone(),
            pool: pool.clone(),
            evm_pool: Arc::new(EvmPool::new(chain.chain.clone(), pool.clone())),
            development: None,
            together: None,
            spec: Arc::new(ChainSpec::dev()),
            started_at: quids_core::Height(0),
            started: Instant::now(),
            database: std::env::temp_dir(),
            controls,
        };
        let owner = Access {
            is_unsafe_allowed: true,
        };
        Self {
            chain,
            pool,
            methods: Local::new(Arc::new(backend), Config::default(), owner).unwrap(),
        }
    }

    async fn ask(&self, method: &str, params: Value) -> Result<Value, Value> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer = self.methods.request(&request.to_string()).await.unwrap();
        let mut answer: Value = serde_json::from_str(&answer).unwrap();
        match answer.get_mut("error") {
            Some(error) => Err(error.take()),
            None => Ok(answer["result"].take()),
        }
    }

    /// A transfer of bob's, without length prefix.
    fn transfer(&self, nonce: u64) -> Vec<u8> {
        let bob = quids_keystore::dev_keypair("bob").unwrap();
        let call = self.chain.transfer(&RECEIVER, 10u128.pow(18)).unwrap();
        let signing = Signing {
            nonce: Some(nonce),
            ..Signing::default()
        };
        self.chain.sign(&bob, call, signing).unwrap()
    }
}

fn hex(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn prefixed(bytes: &[u8]) -> String {
    hex(&OpaqueExtrinsic(bytes.to_vec()).encode())
}

fn hash(hash: Hash) -> Value {
    json!(hex(hash.as_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_the_outcome_and_changes_nothing() {
    let asked = Asked::new(Controls::default());
    let (_, best) = asked.chain.chain.best();
    let outcome = async |nonce| {
        let bytes = asked
            .ask("system_dryRun", json!([prefixed(&asked.transfer(nonce))]))
            .await
            .unwrap();
        let bytes = hex::decode(bytes.as_str().unwrap().trim_start_matches("0x")).unwrap();
        ApplyExtrinsicResult::decode_all(&mut &bytes[..]).unwrap()
    };
    assert!(matches!(outcome(0).await, Ok(Ok(_))), "{:?}", outcome(0).await);
    let future = TransactionValidityError::Invalid(InvalidTransaction::Future);
    assert_eq!(outcome(1).await, Err(future));
    assert_eq!(asked.chain.free(&RECEIVER).unwrap(), 0);
    assert_eq!(asked.chain.chain.best().1, best);
    // Bytes that are no transaction of this chain, and a block that is not there.
    for (params, code) in [
        (json!(["0x0c070707", hash(Hash::repeat_byte(7))]), 4003),
        (json!(["0x0c0707"]), 1001),
    ] {
        assert_eq!(asked.ask("system_dryRun", params).await.unwrap_err()["code"], code);
    }
    let fee = asked.ask("payment_queryInfo", json!(["0x0c070707"])).await.unwrap_err();
    assert_eq!(fee["code"], 1);
    assert!(fee["data"].as_str().unwrap().starts_with("code 105: "), "{fee}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_and_the_numbers_of_a_block() {
    let asked = Asked::new(Controls::default());
    let (empty, _) = asked.chain.block(vec![]).unwrap();
    let (block, refused) = asked.chain.block(vec![asked.transfer(0)]).unwrap();
    assert!(refused.is_empty(), "{refused:?}");

    let trace = asked.ask("state_traceBlock", json!([hash(block.hash)])).await.unwrap();
    let trace = &trace["blockTrace"];
    assert_eq!(trace["parentHash"], hex::encode(empty.hash.as_bytes()));
    let names: Vec<&str> = trace["spans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|span| span["name"].as_str().unwrap())
        .collect();
    let expected = [
        "initialize_block",
        "apply_extrinsic 0",
        "apply_extrinsic 1",
        "finalize_block",
    ];
    assert_eq!(names, expected);
    let events = trace["events"].as_array().unwrap();
    let account = hex::encode(RECEIVER.0);
    let puts: Vec<&Value> = events
        .iter()
        .filter(|event| {
            let strings = &event["data"]["stringValues"];
            strings["method"] == "Put" && strings["key"].as_str().unwrap().ends_with(&account)
        })
        .collect();
    assert!(
        !puts.is_empty() && puts.iter().all(|event| event["parentId"] == 3),
        "{puts:?}"
    );
    assert!(
        events
            .iter()
            .any(|event| event["data"]["stringValues"]["method"] == "Root")
    );

    let stats = async |at| asked.ask("dev_getBlockStats", json!([hash(at)])).await.unwrap();
    let (without, with) = (stats(empty.hash).await, stats(block.hash).await);
    let stored = asked.chain.stored(block.hash).unwrap();
    assert_eq!(with["blockLen"], stored.encoded_size());
    assert_eq!(
        (&without["numExtrinsics"], &with["numExtrinsics"]),
        (&json!(1), &json!(2))
    );
    let witness = |stats: &Value| stats["witnessLen"].as_u64().unwrap();
    assert!(
        witness(&without) > 100 && witness(&with) > witness(&without),
        "{without} {with}"
    );

    // Nothing precedes genesis; nothing is known of a stranger.
    let genesis = asked.chain.chain.genesis();
    assert_eq!(
        asked.ask("state_traceBlock", json!([hash(genesis)])).await.unwrap_err()["code"],
        4003
    );
    let unknown = asked
        .ask("state_traceBlock", json!([hash(Hash::zero())]))
        .await
        .unwrap();
    assert!(unknown["traceError"]["error"].as_str().unwrap().contains("unknown"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pool_is_seen_and_cleared() {
    let asked = Asked::new(Controls::default());
    let transactions = [asked.transfer(0), asked.transfer(1), asked.transfer(3)];
    for bytes in &transactions {
        asked.pool.submit(TransactionSource::External, bytes.clone()).unwrap();
    }
    let status = asked.ask("quids_poolStatus", json!([])).await.unwrap();
    assert_eq!(
        (&status["ready"]["count"], &status["future"]["count"]),
        (&json!(2), &json!(1))
    );
    let bytes: usize = transactions[..2].iter().map(Vec::len).sum();
    assert_eq!(status["ready"]["bytes"], bytes);
    let content = asked.ask("quids_poolContent", json!([])).await.unwrap();
    let bob = quids_keystore::dev_keypair("bob").unwrap().account_id();
    let seen: Vec<_> = content
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (&entry["nonce"], &entry["state"]))
        .collect();
    let (ready, future) = (json!("ready"), json!("future"));
    assert_eq!(seen, [(&json!(0), &ready), (&json!(1), &ready), (&json!(3), &future)]);
    assert!(
        content
            .as_array()
            .unwrap()
            .iter()
            .all(|entry| entry["account"] == bob.to_string()),
        "{content}"
    );

    let named = json!([[{ "extrinsic": prefixed(&transactions[2]) }, { "hash": hash(Hash::zero()) }]]);
    let removed = asked.ask("author_removeExtrinsic", named).await.unwrap();
    assert_eq!(removed, json!([hash(quids_txpool::hash_of(&transactions[2]))]));
    assert_eq!(asked.pool.pending().len(), 2);
}

#[derive(Default)]
struct Recorded(Mutex<Vec<String>>);

impl LogControl for Recorded {
    fn add(&self, directives: &str) -> Result<(), String> {
        if directives.contains('!') {
            return Err(format!("{directives:?} is no filter"));
        }
        self.0.lock().unwrap().push(directives.into());
        Ok(())
    }
    fn reset(&self) -> Result<(), String> {
        self.0.lock().unwrap().clear();
        Ok(())
    }
}

/// Keys made from a counter.
impl KeyControl for Recorded {
    fn insert(&self, key_type: &str, _suri: &str, public: &[u8]) -> Result<(), String> {
        self.0.lock().unwrap().push(format!("{key_type}{}", hex(public)));
        Ok(())
    }
    fn has(&self, key_type: &str, public: &[u8]) -> Result<bool, String> {
        Ok(self.0.lock().unwrap().contains(&format!("{key_type}{}", hex(public))))
    }
    fn generate(
        &self,
        key_type: &str,
        scheme: quids_crypto::SignatureScheme,
    ) -> Result<quids_crypto::PublicKey, String> {
        let public = vec![7; scheme.public_key_len()];
        self.insert(key_type, "", &public)?;
        quids_crypto::PublicKey::new(scheme, &public).map_err(|error| error.to_string())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_logs_are_the_controls_business() {
    let without = Asked::new(Controls::default());
    for (method, params) in [
        ("author_rotateKeys", json!([])),
        ("system_addLogFilter", json!(["rpc=debug"])),
    ] {
        let error = without.ask(method, params).await.unwrap_err();
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .contains("not available on this node: it"),
            "{error}"
        );
    }
    let (logs, keys) = (Arc::new(Recorded::default()), Arc::new(Recorded::default()));
    let with = Asked::new(Controls {
        logs: Some(logs.clone()),
        keys: Some(keys),
    });
    with.ask("system_addLogFilter", json!(["rpc=debug"])).await.unwrap();
    assert_eq!(*logs.0.lock().unwrap(), ["rpc=debug"]);
    assert_eq!(
        with.ask("system_addLogFilter", json!(["!"])).await.unwrap_err()["code"],
        -32602
    );

    let rotated = with.ask("author_rotateKeys", json!([])).await.unwrap();
    // One byte for Falcon-512, the compact length 897, the raw key.
    assert_eq!(rotated, hex(&[&[1, 0x05, 0x0e][..], &[7; 897]].concat()));
    let public = hex(&[7; 897]);
    for (method, params, expected) in [
        ("author_hasSessionKeys", json!([rotated]), json!(true)),
        ("author_hasKey", json!([public, "pobp"]), json!(true)),
        ("author_hasKey", json!([public, "babe"]), json!(false)),
        ("author_insertKey", json!(["acco", "alice", "0x0102"]), json!(null)),
        ("author_hasKey", json!(["0x0102", "acco"]), json!(true)),
    ] {
        assert_eq!(with.ask(method, params).await.unwrap(), expected, "{method}");
    }
    let error = with.ask("author_hasSessionKeys", json!(["0x01"])).await.unwrap_err();
    assert!(error["data"].as_str().unwrap().starts_with("code 606: "), "{error}");
}
