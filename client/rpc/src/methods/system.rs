//! `system_*`: who the node is and how it fares; an account's next nonce.

use super::registry::{Registered, Registry, method};
use crate::Backend;
use crate::error::{self, RpcError, from_runtime_call, undecodable};
use crate::spec::{Field, Method, Param, Schema};
use codec::{DecodeAll, Encode};
use quids_api::names;
use quids_core::{AccountId20, Nonce};
use serde_json::json;

const ACCOUNT: Param = Param::required("account", Schema::Account, "");
const CHAIN_TYPE: Schema = Schema::Word(&["Development", "Local", "Live"]);

const HEALTH: Schema = Schema::Object(&[
    Field::required("peers", Schema::Number, "connected peers"),
    Field::required("isSyncing", Schema::Bool, "whether the node is behind"),
    Field::required("shouldHavePeers", Schema::Bool, "false on a development chain"),
]);

const SYNC_STATE: Schema = Schema::Object(&[
    Field::required("startingBlock", Schema::Number, "the best when the node started"),
    Field::required("currentBlock", Schema::Number, "the best"),
    Field::required("highestBlock", Schema::Number, "the highest heard of"),
]);

pub fn register(registry: &mut Registry) -> Registered {
    register_identity(registry)?;
    method(
        registry,
        const { &Method::new("system_health", "Whether the node is well.", &[], HEALTH) },
        |node, _| Ok(json!(node.health())),
    )?;
    method(
        registry,
        const { &Method::new("system_syncState", "How far the node is.", &[], SYNC_STATE) },
        |node, _| {
            let state = node.sync_state();
            Ok(json!({
                "startingBlock": state.starting.0,
                "currentBlock": state.current.0,
                "highestBlock": state.highest.0,
            }))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "system_accountNextIndex",
                "The nonce of an account's next transaction: after its transactions that are ready in the pool.",
                &[ACCOUNT],
                Schema::Number,
            )
            .aliases(&["account_nextIndex"])
            .errors(&[error::RUNTIME, error::DECODE])
        },
        |node, arguments| next_nonce(node, arguments.account("account")?).map(|nonce| nonce.0.into()),
    )
}

fn register_identity(registry: &mut Registry) -> Registered {
    method(
        registry,
        const { &Method::new("system_name", "The name of the node's software.", &[], Schema::Text) },
        |node, _| Ok(node.node_name().into()),
    )?;
    method(
        registry,
        const {
            &Method::new(
                "system_version",
                "The version of the node's software.",
                &[],
                Schema::Text,
            )
        },
        |node, _| Ok(node.node_version().into()),
    )?;
    method(
        registry,
        const { &Method::new("system_chain", "The chain's name.", &[], Schema::Text) },
        |node, _| Ok(node.chain_name().into()),
    )?;
    method(
        registry,
        const {
            &Method::new(
                "system_chainType",
                "What kind of network the chain is for.",
                &[],
                CHAIN_TYPE,
            )
        },
        |node, _| Ok(json!(node.chain_type())),
    )?;
    method(
        registry,
        const {
            &Method::new(
                "system_properties",
                "What the chain spec says for wallets: at least isEthereum, tokenDecimals and tokenSymbol.",
                &[],
                Schema::Map(&Schema::Any),
            )
        },
        |node, _| Ok(node.properties().into()),
    )?;
    method(
        registry,
        const {
            &Method::new(
                "system_localPeerId",
                "The node's name in the network; empty without one.",
                &[],
                Schema::Text,
            )
        },
        |node, _| Ok(node.local_peer_id().into()),
    )
}

/// The nonce after the account's ready transactions: those provide the tag `(account, nonce)`.
fn next_nonce(node: &dyn Backend, account: AccountId20) -> Result<Nonce, RpcError> {
    loop {
        let best = node.best_hash();
        let answer = node
            .call(best, names::ACCOUNT_NONCE, &account.encode())
            .map_err(from_runtime_call)?;
        let mut nonce = Nonce::decode_all(&mut &answer[..]).map_err(|_| undecodable("nonce"))?;
        while node.is_provided_by_pool(&(account, nonce).encode()) {
            nonce = nonce.saturating_add(Nonce(1));
        }
        // A block in between takes transactions from the pool to the state: neither had them all.
        if node.best_hash() == best {
            return Ok(nonce);
        }
    }
}
