//! `state_*`: storage at any block, runtime calls, metadata, proofs.

use super::subscribe::{Feed, run_feed};
use super::{Context, Module, Registered, block_or_best, header_of, method};
use crate::error::{self, RpcError, error, from_backend, undecodable};
use crate::params::Arguments;
use crate::{Backend, BackendError, Config, Notification, json};
use codec::DecodeAll;
use quids_api::{RuntimeVersion, names};
use quids_core::{Hash, Height};
use serde_json::{Value, json};
use std::sync::Arc;

type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

pub fn register(module: &mut Module) -> Registered {
    method(module, "state_getMetadata", &[], |node, arguments| {
        let at = block_or_best(node, arguments)?;
        let answer = node.call(at, names::METADATA, &[]).map_err(from_backend)?;
        let metadata = Vec::<u8>::decode_all(&mut &answer[..]).map_err(|_| undecodable("metadata"))?;
        Ok(json::bytes(&metadata))
    })?;
    method(
        module,
        "state_getRuntimeVersion",
        &["chain_getRuntimeVersion"],
        |node, arguments| {
            let at = block_or_best(node, arguments)?;
            runtime_version(node, at)
        },
    )?;
    method(module, "state_call", &["state_callAt"], |node, arguments| {
        let (api, input) = (arguments.text("function name")?, arguments.bytes("input")?);
        let at = block_or_best(node, arguments)?;
        let answer = node.call(at, &api, &input).map_err(from_backend)?;
        Ok(json::bytes(&answer))
    })?;
    register_storage(module)?;
    register_keys(module)?;
    method(module, "state_getReadProof", &[], |node, arguments| {
        let keys = arguments.keys("keys")?;
        let at = block_or_best(node, arguments)?;
        let proof = node.read_proof(at, &keys).map_err(from_backend)?;
        Ok(json!({ "at": json::hash(&at), "proof": json::list(proof) }))
    })?;
    register_subscriptions(module)
}

fn register_storage(module: &mut Module) -> Registered {
    method(
        module,
        "state_getStorage",
        &["state_getStorageAt"],
        |node, arguments| Ok(value(node, arguments)?.map_or(Value::Null, |value| json::bytes(&value))),
    )?;
    method(
        module,
        "state_getStorageHash",
        &["state_getStorageHashAt"],
        |node, arguments| {
            let hash = value(node, arguments)?.map(|value| blake3::hash(&value));
            Ok(hash.map_or(Value::Null, |hash| json::bytes(hash.as_bytes())))
        },
    )?;
    method(
        module,
        "state_getStorageSize",
        &["state_getStorageSizeAt"],
        |node, arguments| Ok(value(node, arguments)?.map_or(Value::Null, |value| value.len().into())),
    )?;
    method(module, "state_queryStorageAt", &[], |node, arguments| {
        let keys = arguments.keys("keys")?;
        let at = block_or_best(node, arguments)?;
        Ok(json!([json::change_set(&at, &read(node, at, &keys)?)]))
    })?;
    method(module, "state_queryStorage", &[], |node, arguments| {
        let (keys, from) = (arguments.keys("keys")?, arguments.hash("from")?);
        let to = block_or_best(node, arguments)?;
        query(node, &keys, from, to)
    })
}

fn register_keys(module: &mut Module) -> Registered {
    method(
        module,
        "state_getKeysPaged",
        &["state_getKeysPagedAt"],
        |node, arguments| {
            let prefix = arguments.optional_bytes("prefix")?.unwrap_or_default();
            let count = arguments.number("count")?;
            let start = arguments.optional_bytes("start key")?;
            let at = block_or_best(node, arguments)?;
            if count > Config::KEYS_PAGE_MAX {
                return Err(error::too_many(count as usize, Config::KEYS_PAGE_MAX as usize));
            }
            let keys = node.storage_keys_paged(at, &prefix, count, start.as_deref());
            keys.map(json::list).map_err(from_backend)
        },
    )?;
    // Substrate's is unbounded; here it answers what fits one page and else names the paged method.
    method(module, "state_getKeys", &[], |node, arguments| {
        let prefix = arguments.bytes("prefix")?;
        let at = block_or_best(node, arguments)?;
        let (count, max) = (Config::KEYS_PAGE_MAX + 1, Config::KEYS_PAGE_MAX as usize);
        let keys = node
            .storage_keys_paged(at, &prefix, count, None)
            .map_err(from_backend)?;
        if keys.len() > max {
            let message = format!("more than {max} keys: use state_getKeysPaged");
            return Err(error(error::BAD_COUNT, message));
        }
        Ok(json::list(keys))
    })
}

fn register_subscriptions(module: &mut Module) -> Registered {
    module.register_subscription(
        "state_subscribeRuntimeVersion",
        "state_runtimeVersion",
        "state_unsubscribeRuntimeVersion",
        |_, sink, context, _| run_feed(sink, context, |_| Ok(Version { last: Value::Null })),
    )?;
    module.register_alias("chain_subscribeRuntimeVersion", "state_subscribeRuntimeVersion")?;
    module.register_alias("chain_unsubscribeRuntimeVersion", "state_unsubscribeRuntimeVersion")?;
    module.register_subscription(
        "state_subscribeStorage",
        "state_storage",
        "state_unsubscribeStorage",
        |params, sink, context, _| async move {
            let keys = Arguments::new(&params).and_then(|mut arguments| arguments.keys("keys"));
            run_feed(sink, context, |_| {
                Ok(Storage {
                    last: keys?.into_iter().map(|key| (key, None)).collect(),
                })
            })
            .await;
        },
    )?;
    Ok(())
}

fn value(node: &dyn Backend, arguments: &mut Arguments) -> Result<Option<Vec<u8>>, RpcError> {
    let key = arguments.bytes("key")?;
    let at = block_or_best(node, arguments)?;
    node.storage(at, &key).map_err(from_backend)
}

fn read(node: &dyn Backend, at: Hash, keys: &[Vec<u8>]) -> Result<Changes, RpcError> {
    let mut left = Config::VALUES_BYTES_MAX;
    let mut values = Changes::new();
    for key in keys {
        let value = node.storage(at, key).map_err(from_backend)?;
        left = left
            .checked_sub(value.as_ref().map_or(0, Vec::len))
            .ok_or_else(|| error::too_many(Config::VALUES_BYTES_MAX + 1, Config::VALUES_BYTES_MAX))?;
        values.push((key.clone(), value));
    }
    Ok(values)
}

fn runtime_version(node: &dyn Backend, at: Hash) -> Result<Value, RpcError> {
    let answer = node.call(at, names::CORE_VERSION, &[]).map_err(from_backend)?;
    let version = RuntimeVersion::decode_all(&mut &answer[..]).map_err(|_| undecodable("version"))?;
    Ok(json::runtime_version(&version))
}

/// All values in the first block of the range, then what differs from the block before.
fn query(node: &dyn Backend, keys: &[Vec<u8>], from: Hash, to: Hash) -> Result<Value, RpcError> {
    let (first, last) = (header_of(node, from)?.number, header_of(node, to)?.number);
    let canonical =
        |height, hash| -> Result<bool, RpcError> { Ok(node.hash_at(height).map_err(from_backend)? == Some(hash)) };
    if first > last || !canonical(first, from)? || !canonical(last, to)? {
        let message = format!("{from:?} (block {first}) is no ancestor of {to:?} (block {last}) on the best chain");
        return Err(error(error::BAD_BLOCK_RANGE, message));
    }
    let blocks = last.saturating_sub(first).0.saturating_add(1);
    if blocks > Config::QUERY_BLOCKS_MAX {
        return Err(error::too_many(blocks as usize, Config::QUERY_BLOCKS_MAX as usize));
    }
    let mut sets = Vec::new();
    let mut before: Option<Changes> = None;
    let mut bytes = 0;
    for number in first.0..=last.0 {
        let hash = node.hash_at(Height(number)).map_err(from_backend)?;
        let hash = hash.ok_or_else(|| from_backend(BackendError::Internal(format!("no block {number}"))))?;
        let now = read(node, hash, keys)?;
        let changes = difference(before.as_ref(), &now);
        bytes += changes
            .iter()
            .filter_map(|(_, value)| value.as_ref())
            .map(Vec::len)
            .sum::<usize>();
        if bytes > Config::VALUES_BYTES_MAX {
            return Err(error::too_many(bytes, Config::VALUES_BYTES_MAX));
        }
        if before.is_none() || !changes.is_empty() {
            sets.push(json::change_set(&hash, &changes));
        }
        before = Some(now);
    }
    Ok(sets.into())
}

/// The entries of `now` that are not in `before`, where both list the same keys.
fn difference(before: Option<&Changes>, now: &Changes) -> Changes {
    let Some(before) = before else {
        return now.clone();
    };
    let pairs = now.iter().zip(before);
    pairs
        .filter(|(now, before)| now != before)
        .map(|(now, _)| now.clone())
        .collect()
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

/// `state_storage`: all values first, then what a new best block changed.
struct Storage {
    last: Changes,
}

impl Feed for Storage {
    fn first(&mut self, context: &Arc<Context>) -> Result<(Height, Value), RpcError> {
        let node = &*context.backend;
        let at = node.best_hash();
        self.last = self.read(node, at)?;
        Ok((header_of(node, at)?.number, json::change_set(&at, &self.last)))
    }

    fn wants(&self, block: &Notification) -> bool {
        block.is_new_best
    }

    fn next(&mut self, context: &Arc<Context>, block: &Notification) -> Result<Option<Value>, RpcError> {
        let now = self.read(&*context.backend, block.hash)?;
        let changes = difference(Some(&self.last), &now);
        self.last = now;
        Ok((!changes.is_empty()).then(|| json::change_set(&block.hash, &changes)))
    }
}

impl Storage {
    fn read(&self, node: &dyn Backend, at: Hash) -> Result<Changes, RpcError> {
        let keys: Vec<Vec<u8>> = self.last.iter().map(|(key, _)| key.clone()).collect();
        read(node, at, &keys)
    }
}
