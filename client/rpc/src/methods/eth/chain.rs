//! `eth_`, `net_` and `web3_` about chain and node.

use super::values::{hex, quantity};
use super::{ERRORS, ask};
use crate::error::{RpcError, internal};
use crate::methods::registry::{Registered, Registry, caller_method, method, raw_method};
use crate::methods::{Context, blocking};
use crate::spec::{Field, Method, Param, Schema};
use crate::{Backend, Development};
use quids_crypto::keccak_256;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const DATA: Param = Param::required("data", Schema::Bytes, "");

const SYNCING: Schema = Schema::OneOf(&[
    Schema::Bool,
    Schema::Object(&[
        Field::required("startingBlock", Schema::Quantity, ""),
        Field::required("currentBlock", Schema::Quantity, ""),
        Field::required("highestBlock", Schema::Quantity, ""),
    ]),
]);

pub fn register(registry: &mut Registry) -> Registered {
    raw_method(
        registry,
        const { &Method::new("eth_chainId", "The chain's id (EIP-155).", &[], Schema::Quantity).errors(ERRORS) },
        |_, context, _| async move { chain_id(context).await.map(quantity) },
    )?;
    raw_method(
        registry,
        const { &Method::new("net_version", "The chain's id in decimal.", &[], Schema::Decimal).errors(ERRORS) },
        |_, context, _| async move { Ok(chain_id(context).await?.to_string().into()) },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "eth_blockNumber",
                "The height of the best block.",
                &[],
                Schema::Quantity,
            )
            .quick()
        },
        |node, _| Ok(quantity(node.sync_state().current.0)),
    )?;
    method(
        registry,
        const {
            &Method::new(
                "eth_syncing",
                "How far the node is; false when it is not behind.",
                &[],
                SYNCING,
            )
            .quick()
        },
        |node, _| Ok(syncing(node)),
    )?;
    method(
        registry,
        const {
            &Method::new(
                "eth_accounts",
                "On a development chain the accounts of Ethereum's test mnemonic, for which the node signs; else none.",
                &[],
                Schema::List(&Schema::Address),
            )
            .quick()
        },
        |node, _| {
            let accounts = node.development().map(Development::accounts).unwrap_or_default();
            Ok(accounts.into_iter().map(hex).collect())
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_coinbase",
                "Who gets the latest block's fees.",
                &[],
                Schema::Address,
            )
            .errors(ERRORS)
        },
        |context, _, _| Ok(hex(ask::env(context, context.backend.best_hash())?.beneficiary)),
    )?;
    register_node(registry)
}

fn register_node(registry: &mut Registry) -> Registered {
    method(
        registry,
        const {
            &Method::new(
                "net_listening",
                "Whether the node takes connections.",
                &[],
                Schema::Bool,
            )
            .quick()
        },
        |_, _| Ok(json!(true)),
    )?;
    method(
        registry,
        const { &Method::new("net_peerCount", "Connected peers.", &[], Schema::Quantity).quick() },
        |node, _| Ok(quantity(node.health().peers)),
    )?;
    method(
        registry,
        const {
            &Method::new(
                "web3_clientVersion",
                "The node's software and version.",
                &[],
                Schema::Text,
            )
            .quick()
        },
        |node, _| Ok(format!("{}/v{}", node.node_name(), node.node_version()).into()),
    )?;
    method(
        registry,
        const { &Method::new("web3_sha3", "Keccak-256 of bytes.", &[DATA], Schema::Hash) },
        |_, arguments| Ok(hex(keccak_256(&arguments.bytes("data")?))),
    )
}

/// How far the node is, as `eth_syncing` says it.
pub fn syncing(node: &dyn Backend) -> Value {
    if !node.health().is_syncing {
        return json!(false);
    }
    let state = node.sync_state();
    json!({
        "startingBlock": quantity(state.starting.0),
        "currentBlock": quantity(state.current.0),
        "highestBlock": quantity(state.highest.0),
    })
}

/// Never changes: asked of the runtime once.
async fn chain_id(context: Arc<Context>) -> Result<u64, RpcError> {
    let known = context.eth.chain_id.load(Ordering::Relaxed);
    if known != 0 {
        return Ok(known);
    }
    let shared = context.clone();
    let asked = blocking(&context, move || ask::chain(&shared, shared.backend.best_hash())).await;
    let id = asked
        .ok_or_else(|| internal("the node failed to tell its chain"))??
        .chain_id;
    context.eth.chain_id.store(id, Ordering::Relaxed);
    Ok(id)
}
