//! `system_*`: who the node is and how it fares; an account's next nonce.

use super::block_or_best;
use super::registry::{Registered, Registry, method};
use crate::error::{self, RpcError, from_backend, from_runtime_call, undecodable};
use crate::spec::shapes::{AT, EXTRINSIC};
use crate::spec::{Field, Method, Param, Schema};
use crate::{Backend, json};
use codec::{DecodeAll, Encode};
use quids_api::names;
use quids_core::{AccountId20, Nonce};
use serde_json::{Value, json};

/// Bytes of log directives.
const DIRECTIVES_BYTES_MAX: usize = 4096;

pub const ACCOUNT: Param = Param::required("account", Schema::Account, "");
const CHAIN_TYPE: Schema = Schema::Word(&["Development", "Local", "Live"]);

const HEALTH: Schema = Schema::Object(&[
    Field::required("peers", Schema::Number, "connected peers"),
    Field::required("isSyncing", Schema::Bool, "whether the node is behind"),
    Field::required("shouldHavePeers", Schema::Bool, "false on a development chain"),
]);

const DIRECTIVES: Param = Param::required("directives", Schema::Text, "such as rpc=debug,pool=trace");
const ROLES: Schema = Schema::List(&ROLE);
pub const ROLE: Schema = Schema::Word(&["Full", "Authority"]);

const PEERS: Schema = Schema::List(&Schema::Object(&[
    Field::required("peerId", Schema::Text, ""),
    Field::required("roles", Schema::Text, ""),
    Field::required("bestHash", Schema::Hash, ""),
    Field::required("bestNumber", Schema::Number, ""),
]));

const SYNC_STATE: Schema = Schema::Object(&[
    Field::required("startingBlock", Schema::Number, "the best when the node started"),
    Field::required("currentBlock", Schema::Number, "the best"),
    Field::required("highestBlock", Schema::Number, "the highest heard of"),
]);

pub fn register(registry: &mut Registry) -> Registered {
    register_identity(registry)?;
    register_network(registry)?;
    register_logs(registry)?;
    method(
        registry,
        const {
            &Method::new(
                "system_dryRun",
                "Applies an extrinsic on the state after a block, without inherents; nothing is kept. Answers the SCALE \
                 of its ApplyExtrinsicResult.",
                &[EXTRINSIC, AT],
                Schema::Bytes,
            )
            .aliases(&["system_dryRunAt"])
            .errors(&[error::BAD_EXTRINSIC, error::CLIENT])
            .for_owner()
        },
        |node, arguments| {
            let at = block_or_best(node, arguments, "at")?;
            let result = node.dry_run(at, &arguments.extrinsic()?.0).map_err(from_backend)?;
            Ok(json::bytes(&result))
        },
    )?;
    method(
        registry,
        const { &Method::new("system_health", "Whether the node is well.", &[], HEALTH).quick() },
        |node, _| Ok(json!(node.health())),
    )?;
    method(
        registry,
        const { &Method::new("system_syncState", "How far the node is.", &[], SYNC_STATE).quick() },
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

fn register_network(registry: &mut Registry) -> Registered {
    method(
        registry,
        const { &Method::new("system_nodeRoles", "What the node does for the chain.", &[], ROLES) },
        |node, _| Ok(json!(node.node_roles())),
    )?;
    method(
        registry,
        const { &Method::new("system_peers", "Connected peers; none without a network.", &[], PEERS).for_owner() },
        |node, _| Ok(json!(node.peers())),
    )?;
    method(
        registry,
        const {
            &Method::new(
                "system_localListenAddresses",
                "Multiaddresses that the node listens on for peers; none without a network.",
                &[],
                Schema::List(&Schema::Text),
            )
        },
        |node, _| Ok(json!(node.listen_addresses())),
    )
}

fn register_logs(registry: &mut Registry) -> Registered {
    method(
        registry,
        const {
            &Method::new(
                "system_addLogFilter",
                "Adds directives to the log filter.",
                &[DIRECTIVES],
                Schema::Null,
            )
            .errors(&[error::CLIENT])
            .for_owner()
        },
        |node, arguments| {
            let directives = arguments.text("directives")?;
            if directives.len() > DIRECTIVES_BYTES_MAX {
                let message = format!(
                    "directives have {} bytes, more than {DIRECTIVES_BYTES_MAX}",
                    directives.len()
                );
                return Err(error::invalid_params(603, message));
            }
            node.add_log_filter(directives).map_err(from_backend)?;
            Ok(Value::Null)
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "system_resetLogFilter",
                "Brings back the log filter that the node started with.",
                &[],
                Schema::Null,
            )
            .errors(&[error::CLIENT])
            .for_owner()
        },
        |node, _| {
            node.reset_log_filter().map_err(from_backend)?;
            Ok(Value::Null)
        },
    )
}

fn register_identity(registry: &mut Registry) -> Registered {
    method(
        registry,
        const { &Method::new("system_name", "The name of the node's software.", &[], Schema::Text).quick() },
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
