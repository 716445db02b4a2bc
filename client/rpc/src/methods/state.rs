//! `state_*` about runtimes: calls, metadata, versions; and proofs.

use super::registry::{Registered, Registry, method, subscription};
use super::subscribe::{Feed, run_feed};
use super::{Context, block_or_best, header_of};
use crate::connection;
use crate::error::{self, RpcError, from_backend, undecodable};
use crate::spec::shapes::{BYTES_LIST, HASH, KEYS, RUNTIME_VERSION};
use crate::spec::{Field, Method, Param, Schema, Subscription};
use crate::{Backend, Notification, json};
use codec::DecodeAll;
use quids_api::names;
use quids_core::{Hash, Height};
use serde_json::{Value, json};
use std::sync::Arc;

const NAME: Param = Param::required("name", Schema::Text, "such as Core_version");
const INPUT: Param = Param::required("bytes", Schema::Bytes, "the SCALE of its arguments");

const READ_PROOF: Schema = Schema::Object(&[
    Field::required("at", Schema::Hash, "the block"),
    Field::required("proof", BYTES_LIST, "nodes of the state trie"),
]);

const VERSIONS: Subscription = Subscription {
    name: "state_subscribeRuntimeVersion",
    aliases: &["chain_subscribeRuntimeVersion"],
    unsubscribe: "state_unsubscribeRuntimeVersion",
    unsubscribe_aliases: &["chain_unsubscribeRuntimeVersion"],
    notification: "state_runtimeVersion",
    summary: "The runtime's version, then again whenever it changes.",
    params: &[],
    item: RUNTIME_VERSION,
    errors: &[error::CLIENT, error::DECODE],
    is_unsafe: false,
};

pub fn register(registry: &mut Registry) -> Registered {
    method(
        registry,
        const {
            &Method::new(
                "state_getMetadata",
                "The runtime's metadata, version 14.",
                &[HASH],
                Schema::Bytes,
            )
            .errors(&[error::CLIENT, error::DECODE])
        },
        |node, arguments| {
            let at = block_or_best(node, arguments, "hash")?;
            let answer = node.call(at, names::METADATA, &[]).map_err(from_backend)?;
            let metadata = Vec::<u8>::decode_all(&mut &answer[..]).map_err(|_| undecodable("metadata"))?;
            Ok(json::bytes(&metadata))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "state_getRuntimeVersion",
                "The runtime's version.",
                &[HASH],
                RUNTIME_VERSION,
            )
            .aliases(&["chain_getRuntimeVersion"])
            .errors(&[error::CLIENT, error::DECODE])
        },
        |node, arguments| runtime_version(node, block_or_best(node, arguments, "hash")?),
    )?;
    method(
        registry,
        const {
            &Method::new(
                "state_call",
                "Calls a function of the runtime on the state after a block; nothing it writes is kept. Answers the SCALE \
                 of its result.",
                &[NAME, INPUT, HASH],
                Schema::Bytes,
            )
            .aliases(&["state_callAt"])
            .errors(&[error::CLIENT])
        },
        |node, arguments| {
            let at = block_or_best(node, arguments, "hash")?;
            let answer = node.call(at, arguments.text("name")?, &arguments.bytes("bytes")?);
            Ok(json::bytes(&answer.map_err(from_backend)?))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "state_getReadProof",
                "A proof of values or their absence.",
                &[KEYS, HASH],
                READ_PROOF,
            )
            .errors(&[error::CLIENT, error::BAD_COUNT])
        },
        |node, arguments| {
            let at = block_or_best(node, arguments, "hash")?;
            let proof = node.read_proof(at, &arguments.keys("keys")?).map_err(from_backend)?;
            Ok(json!({ "at": json::hash(&at), "proof": json::list(proof) }))
        },
    )?;
    subscription(registry, &VERSIONS, |_, sink, context, extensions| {
        run_feed(sink, context, connection::of(&extensions), |_| {
            Ok(Version { last: Value::Null })
        })
    })
}

fn runtime_version(node: &dyn Backend, at: Hash) -> Result<Value, RpcError> {
    let version = node.runtime_version(at).map_err(from_backend)?;
    Ok(json::runtime_version(&version))
}

/// `state_runtimeVersion`: when the code changes.
struct Version {
    last: Value,
}

impl Feed for Version {
    fn first(&mut self, context: &Arc<Context>) -> Result<(Height, Value), RpcError> {
        let node = &*context.backend;
        let at = node.best_hash();
        self.last = runtime_version(node, at)?;
        Ok((header_of(node, at)?.number, self.last.clone()))
    }

    fn wants(&self, block: &Notification) -> bool {
        block.is_new_best && block.code_changed
    }

    fn next(&mut self, context: &Arc<Context>, block: &Notification) -> Result<Option<Value>, RpcError> {
        let version = runtime_version(&*context.backend, block.hash)?;
        if version == self.last {
            return Ok(None);
        }
        self.last = version.clone();
        Ok(Some(version))
    }
}
