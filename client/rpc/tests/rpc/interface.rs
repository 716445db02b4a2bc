//! What the specifications promise, for every method there is: names, results, and what becomes of bad parameters.

use crate::fake::Fake;
use crate::fake_evm::{MINED_NONCE, envelope};
use crate::owner::ask;
use crate::wire::{Ws, call, eventually, result};
use crate::{start, start_default};
use quids_rpc::spec::{Param, Schema};
use quids_rpc::{Access, Backend, Config, Local, interface};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

const OWNER: Access = Access {
    is_unsafe_allowed: true,
};

/// A value of a schema, the simplest.
fn example(schema: &Schema) -> Value {
    match schema {
        Schema::Any | Schema::Null | Schema::Nullable(_) => Value::Null,
        Schema::Bool => json!(true),
        Schema::Number | Schema::NumberOrHex => json!(1),
        Schema::Quantity => json!("0x1"),
        Schema::Decimal => json!("1"),
        Schema::Text => json!("pobp"),
        Schema::Bytes => json!("0x"),
        Schema::Hash => json!(format!("0x{}", "00".repeat(32))),
        Schema::Account | Schema::Address => json!(format!("0x{}", "11".repeat(20))),
        Schema::Word(words) => json!(words[0]),
        Schema::List(item) => json!([example(item)]),
        Schema::Tuple(items) => items.iter().map(example).collect(),
        Schema::Object(fields) | Schema::Open(fields) => {
            let entries = fields
                .iter()
                .filter(|field| field.required || matches!(schema, Schema::Object(_)))
                .map(|field| (field.name.to_owned(), example(&field.schema)));
            Value::Object(entries.collect())
        }
        Schema::Map(value) => json!({ "x": example(value) }),
        Schema::OneOf(schemas) => example(&schemas[0]),
        Schema::Named(_, inner) => example(inner),
    }
}

/// A value that a parameter can have on the fake chain.
fn sensible(param: &Param, fake: &Fake) -> Value {
    match (param.name, &param.schema) {
        ("envelope", _) => json!(format!(
            "0x{}",
            const_hex::encode(envelope(MINED_NONCE, fake.blocks.lock().unwrap().len() as u64))
        )),
        ("subscription", Schema::Word(_)) => json!("syncing"),
        ("transactionHash", _) => {
            let hash = fake.blocks.lock().unwrap()[1].header.hash();
            let block = fake.evm_of(hash).unwrap();
            json!(format!("{:?}", block.transactions[0].hash))
        }
        ("rewardPercentiles", _) => json!([50]),
        ("requests", _) => json!({ format!("0x{}", "11".repeat(20)): ["0x1"] }),
        ("stateOverrides", _) => json!({}),
        ("timeoutMs", _) => json!(5000),
        ("extrinsic", _) | ("transaction", Schema::Bytes) => json!("0x0c070707"),
        ("name", _) => json!("echo"),
        ("keys", _) => json!(["0x01", "0x77"]),
        (_, Schema::Hash) => json!(format!("{:?}", fake.best_hash())),
        (_, schema) => example(schema),
    }
}

fn sensible_list(params: &[Param], fake: &Fake) -> Value {
    params.iter().map(|param| sensible(param, fake)).collect()
}

fn sensible_object(params: &[Param], fake: &Fake) -> Value {
    let entries = params
        .iter()
        .map(|param| (param.name.to_owned(), sensible(param, fake)));
    Value::Object(entries.collect::<Map<_, _>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_answers_is_what_the_documents_tell_of() {
    let (server, fake) = start_default().await;
    let addr = server.local_addr();
    let answering = Local::new(fake, Config::default(), OWNER).unwrap().names();
    assert_eq!(interface().names(), answering);
    assert!(answering.windows(2).all(|pair| pair[0] != pair[1]), "a name twice");
    assert_eq!(
        result(addr, "rpc_methods", json!([])).await["methods"],
        json!(answering)
    );

    let document = result(addr, "rpc.discover", json!([])).await;
    assert_eq!(document, result(addr, "rpc_discover", json!({})).await);
    assert_eq!(document["openrpc"], "1.3.2");
    let methods = document["methods"].as_array().unwrap();
    let mut told: Vec<&str> = methods
        .iter()
        .flat_map(|method| std::iter::once(&method["name"]).chain(method["x-aliases"].as_array().unwrap()))
        .map(|name| name.as_str().unwrap())
        .collect();
    told.sort_unstable();
    assert_eq!(told, answering);
    // Every reference leads somewhere.
    let text = document.to_string();
    let references: BTreeSet<&str> = text
        .split("#/components/schemas/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let schemas: BTreeSet<&str> = document["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(references, schemas);
    for method in methods {
        let name = &method["name"];
        assert!(!method["summary"].as_str().unwrap().is_empty(), "{name}");
        let required: Vec<bool> = method["params"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p["required"] == true)
            .collect();
        for error in method["errors"].as_array().unwrap() {
            assert!(!error["message"].as_str().unwrap().is_empty(), "{name}: {error}");
        }
        // Required parameters after optional ones are Substrate's `state_getKeysPaged` alone.
        assert!(
            required.is_sorted_by(|a, b| a >= b) || name == "state_getKeysPaged",
            "{name}"
        );
    }
}

#[test]
fn the_reference_is_the_registrys() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../node/docs/rpc.md");
    let reference = quids_rpc::spec::reference(&interface());
    if std::env::var_os("QUIDS_BLESS").is_some() {
        std::fs::write(&path, &reference).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == reference,
        "node/docs/rpc.md is out of date: run this test with QUIDS_BLESS=1"
    );
}

/// Methods and subscriptions over real sockets, unsafe methods in this process; each by list and by name.
/// What these answer depends on what their connection did before; `chain_head.rs` and `transactions.rs` ask them so.
const NEED_A_CONNECTION: [&str; 15] = [
    "eth_getFilterChanges",
    "eth_getFilterLogs",
    // These need an account that the node has a key of; `eth/running.rs` asks them so.
    "eth_sendTransaction",
    "eth_sign",
    "eth_signTransaction",
    "eth_signTypedData_v4",
    "personal_sign",
    "chainHead_v1_body",
    "chainHead_v1_call",
    "chainHead_v1_continue",
    "chainHead_v1_header",
    "chainHead_v1_stopOperation",
    "chainHead_v1_storage",
    "chainHead_v1_unpin",
    "transaction_v1_stop",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_form_that_is_promised() {
    let (server, fake) = start(Config::default()).await;
    let addr = server.local_addr();
    let owner = Local::new(fake.clone(), Config::default(), OWNER).unwrap();
    for method in interface().methods {
        for params in [
            sensible_list(method.params, &fake),
            sensible_object(method.params, &fake),
        ] {
            let answer = if method.is_unsafe {
                let mut answer = ask(&owner, method.name, &params).await;
                assert!(answer.get("result").is_some(), "{}: {answer}", method.name);
                answer["result"].take()
            } else if NEED_A_CONNECTION.contains(&method.name) {
                let answer = call(addr, method.name, params).await;
                if let Some(code) = answer["error"]["code"].as_i64() {
                    let declared = method.errors.iter().any(|error| i64::from(*error) == code) || code == -32602;
                    assert!(declared, "{}: {answer}", method.name);
                    continue;
                }
                answer["result"].clone()
            } else {
                result(addr, method.name, params).await
            };
            if let Err(mismatch) = method.result.check(&answer) {
                panic!("{}: {mismatch} in {answer}", method.name);
            }
        }
    }
    // A watched transaction ends when the node lets go of its sender.
    let mut watchers = Vec::new();
    for subscription in interface().subscriptions {
        for params in [
            sensible_list(subscription.params, &fake),
            sensible_object(subscription.params, &fake),
        ] {
            let mut ws = Ws::connect(addr).await;
            let id = ws.subscribe(subscription.name, params).await;
            if subscription.name.contains("submitAndWatch") {
                // The new interface answers before it submits.
                eventually("it is submitted", || !fake.watchers.lock().unwrap().is_empty()).await;
                let watcher = fake.watchers.lock().unwrap().pop().unwrap();
                watcher.send(quids_rpc::TransactionStatus::Ready).await.unwrap();
                watchers.push(watcher);
            }
            let item = ws.notification(subscription.notification, &id).await;
            if let Err(mismatch) = subscription.item.check(&item) {
                panic!("{}: {mismatch} in {item}", subscription.name);
            }
            ws.send(subscription.unsubscribe, json!([id])).await;
            // Another item may come first; one that has told everything is over already.
            while ws.receive().await.get("result").is_none() {}
        }
    }
}

/// Values that hardly any parameter takes.
fn hostile() -> Vec<Value> {
    vec![
        json!(true),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(1e300),
        json!("x"),
        json!("0x"),
        json!("0x0"),
        json!("0xzz"),
        json!("é".repeat(5000)),
        json!(format!("0x{}", "00".repeat(100_000))),
        json!({}),
        json!({ "hash": 1, "extrinsic": 2 }),
        json!([]),
        json!([[]]),
        json!([null]),
        json!(vec!["0x"; 2000]),
        json!(vec![0; 2000]),
    ]
}

/// No answer to nonsense is a panic or an error that is not in the specification; parameters that do not fit get -32602
/// and a number that never changes.
#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused_by_number() {
    let fake = Arc::new(Fake::default());
    let owner = Local::new(fake.clone(), Config::default(), OWNER).unwrap();
    let nested = format!("[{}{}]", "[".repeat(5000), "]".repeat(5000));
    let many = format!("[{}0]", "0,".repeat(70_000));
    let interface = interface();
    let methods = interface
        .methods
        .iter()
        .map(|method| (method.name, method.params, method.errors));
    let subscriptions = interface
        .subscriptions
        .iter()
        .map(|sub| (sub.name, sub.params, sub.errors));
    let mut refused = BTreeSet::new();
    let mut number_of = |name: &str, error: &Value| {
        assert_eq!(error["code"], -32602, "{name}: {error}");
        let data = error["data"]
            .as_str()
            .unwrap_or_else(|| panic!("{name}: {error} has no data"));
        assert!(data.len() < 400, "{name}: {} bytes of data", data.len());
        let number = data
            .strip_prefix("code ")
            .and_then(|rest| rest.split(':').next())
            .and_then(|n| n.parse::<u16>().ok());
        let number = number.unwrap_or_else(|| panic!("{name}: {data:?} has no number"));
        refused.insert(number);
        number
    };
    for (name, params, errors) in methods.chain(subscriptions) {
        for (raw, number) in [
            (nested.as_str(), 601),
            (many.as_str(), 604),
            ("\"text\"", 601),
            ("7", 601),
            ("{\"no such parameter\":1}", 605),
        ] {
            let request = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{name}\",\"params\":{raw}}}");
            let answer = owner.request(&request).await;
            // jsonrpsee refuses parameters that are no list or object before the method sees them.
            let Ok(answer) = answer else { continue };
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(number_of(name, &answer["error"]), number, "{name}");
        }
        for (index, param) in params.iter().enumerate() {
            for bad in hostile() {
                let mut list = sensible_list(params, &fake);
                list[index] = bad.clone();
                let fits = param.schema.check(&bad).is_ok();
                let answer = ask(&owner, name, &list).await;
                match answer.get("error") {
                    None => assert!(fits, "{name}: {} took {bad}", param.name),
                    Some(error) if error["code"] == -32602 => {
                        number_of(name, error);
                    }
                    Some(error) => {
                        let code = i32::try_from(error["code"].as_i64().unwrap()).unwrap();
                        assert!(
                            fits && errors.contains(&code),
                            "{name}: {} = {bad}: {error}",
                            param.name
                        );
                    }
                }
            }
            if param.required {
                let list: Value = params[..index].iter().map(|param| sensible(param, &fake)).collect();
                let error = &ask(&owner, name, &list).await["error"];
                let number = number_of(name, error);
                assert_eq!(number, 602, "{name} without {}", param.name);
            }
        }
    }
    assert_eq!(
        refused.into_iter().collect::<Vec<_>>(),
        [601, 602, 603, 604, 605, 606, 607]
    );
}
