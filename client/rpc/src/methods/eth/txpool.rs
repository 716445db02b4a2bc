//! `txpool_*`: the pool's Ethereum transactions by sender and nonce.

use super::values::{hex, quantity};
use super::{ERRORS, render, shape, values};
use crate::error::{RpcError, from_evm_backend};
use crate::methods::Context;
use crate::methods::registry::{Registered, Registry, caller_method};
use crate::spec::{Field, Method, Schema};
use quids_api::evm::EvmTransaction;
use quids_core::H160;
use quids_ethereum::Transaction;
use serde_json::{Map, Value, json};

/// Transactions that are looked at.
const COUNTED_MAX: usize = 16_384;
/// Transactions that are shown.
const SHOWN_MAX: usize = 4096;

const BY_NONCE: Schema = Schema::Map(&shape::TRANSACTION);
const BY_SENDER: Schema = Schema::Map(&BY_NONCE);
const SUMMARIES: Schema = Schema::Map(&Schema::Map(&Schema::Text));

const STATUS: Schema = Schema::Object(&[
    Field::required("pending", Schema::Quantity, ""),
    Field::required("queued", Schema::Quantity, ""),
]);
const CONTENT: Schema = Schema::Object(&[
    Field::required("pending", BY_SENDER, "can be in the next block"),
    Field::required("queued", BY_SENDER, "wait for another"),
]);
const OF_SENDER: Schema = Schema::Object(&[
    Field::required("pending", BY_NONCE, "can be in the next block"),
    Field::required("queued", BY_NONCE, "wait for another"),
]);
const INSPECTED: Schema = Schema::Object(&[
    Field::required("pending", SUMMARIES, "can be in the next block"),
    Field::required("queued", SUMMARIES, "wait for another"),
]);

pub fn register(registry: &mut Registry) -> Registered {
    caller_method(
        registry,
        const {
            &Method::new(
                "txpool_status",
                "How many Ethereum transactions can be in the next block, and how many wait for another.",
                &[],
                STATUS,
            )
            .errors(ERRORS)
        },
        |context, _, _| {
            let pool = pool(context, COUNTED_MAX)?;
            let ready = pool.iter().filter(|(is_ready, _)| *is_ready).count();
            Ok(json!({ "pending": quantity(ready), "queued": quantity(pool.len() - ready) }))
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "txpool_content",
                "The pool's Ethereum transactions by sender and nonce, at most 4096.",
                &[],
                CONTENT,
            )
            .errors(ERRORS)
        },
        |context, _, _| Ok(grouped(pool(context, SHOWN_MAX)?, render::pending)),
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "txpool_contentFrom",
                "A sender's Ethereum transactions in the pool, by nonce.",
                &[shape::ADDRESS],
                OF_SENDER,
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let who = values::address("address", arguments.value("address")?)?;
            let mut pool = pool(context, COUNTED_MAX)?;
            pool.retain(|(_, transaction)| transaction.from == who);
            pool.truncate(SHOWN_MAX);
            let of = |wanted: bool| -> Map<String, Value> {
                let those = pool.iter().filter(|(is_ready, _)| *is_ready == wanted);
                those
                    .map(|(_, transaction)| (transaction.nonce.to_string(), render::pending(transaction)))
                    .collect()
            };
            Ok(json!({ "pending": of(true), "queued": of(false) }))
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "txpool_inspect",
                "The pool's Ethereum transactions by sender and nonce, each in a line, at most 4096.",
                &[],
                INSPECTED,
            )
            .errors(ERRORS)
        },
        |context, _, _| Ok(grouped(pool(context, SHOWN_MAX)?, summary)),
    )
}

fn pool(context: &Context, max: usize) -> Result<Vec<(bool, EvmTransaction)>, RpcError> {
    context.backend.evm_pool(max).map_err(from_evm_backend)
}

fn grouped(pool: Vec<(bool, EvmTransaction)>, show: fn(&EvmTransaction) -> Value) -> Value {
    let mut groups = [Map::new(), Map::new()];
    let [queued, pending] = &mut groups;
    for (is_ready, transaction) in &pool {
        let group = if *is_ready { &mut *pending } else { &mut *queued };
        let sender = group
            .entry(crate::json::hex(&transaction.from.0))
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(by_nonce) = sender {
            by_nonce.insert(transaction.nonce.to_string(), show(transaction));
        }
    }
    let [queued, pending] = groups;
    json!({ "pending": pending, "queued": queued })
}

fn summary(transaction: &EvmTransaction) -> Value {
    let Ok(decoded) = Transaction::decode(&transaction.envelope) else {
        return hex(transaction.hash);
    };
    let message = decoded.message(H160::zero(), &[]);
    let to = message.to.map_or("contract creation".into(), |to| format!("{to:?}"));
    format!(
        "{to}: {} wei + {} gas × {} wei",
        message.value, message.gas_limit, message.max_fee_per_gas
    )
    .into()
}
