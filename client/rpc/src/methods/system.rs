//! `system_*`: who the node is and how it fares; an account's next nonce.

use super::{Module, Registered, method};
use crate::Backend;
use crate::error::{RpcError, from_runtime_call, undecodable};
use codec::{DecodeAll, Encode};
use quids_api::names;
use quids_core::{AccountId20, Nonce};
use serde_json::json;

pub fn register(module: &mut Module) -> Registered {
    method(module, "system_name", &[], |node, _| Ok(node.node_name().into()))?;
    method(module, "system_version", &[], |node, _| Ok(node.node_version().into()))?;
    method(module, "system_chain", &[], |node, _| Ok(node.chain_name().into()))?;
    method(module, "system_chainType", &[], |node, _| Ok(json!(node.chain_type())))?;
    method(module, "system_properties", &[], |node, _| Ok(node.properties().into()))?;
    method(module, "system_health", &[], |node, _| Ok(json!(node.health())))?;
    method(module, "system_localPeerId", &[], |node, _| {
        Ok(node.local_peer_id().into())
    })?;
    method(module, "system_syncState", &[], |node, _| {
        let state = node.sync_state();
        Ok(json!({
            "startingBlock": state.starting.0,
            "currentBlock": state.current.0,
            "highestBlock": state.highest.0,
        }))
    })?;
    method(
        module,
        "system_accountNextIndex",
        &["account_nextIndex"],
        |node, arguments| next_nonce(node, arguments.account()?).map(|nonce| nonce.0.into()),
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
