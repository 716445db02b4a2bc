//! `state_*` about storage: values, keys, what changed and when.

use super::registry::{Registered, Registry, method, subscription};
use super::subscribe::{Feed, run_feed};
use super::{Context, block_or_best, header_of};
use crate::connection;
use crate::error::{self, RpcError, error, from_backend};
use crate::params::Arguments;
use crate::spec::shapes::{AT, BYTES_LIST, CHANGE_SET, HASH, KEY, KEYS};
use crate::spec::{Method, Param, Schema, Subscription};
use crate::{Backend, BackendError, Config, Notification, json};
use quids_core::{Hash, Height};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

const ERRORS: &[i32] = &[error::CLIENT];
const COUNT_ERRORS: &[i32] = &[error::BAD_COUNT, error::CLIENT];
const RANGE_ERRORS: &[i32] = &[error::BAD_BLOCK_RANGE, error::BAD_COUNT, error::CLIENT];

const PREFIX: Param = Param::required("prefix", Schema::Bytes, "what the keys begin with");
const ANY_PREFIX: Param = Param::optional("prefix", Schema::Bytes, "what the keys begin with; all keys without it");
const COUNT: Param = Param::required("count", Schema::NumberOrHex, "at most 1000");
const START_KEY: Param = Param::optional("startKey", Schema::Bytes, "the key after which to begin");
const FIRST: Param = Param::required("block", Schema::Hash, "the first block");
const LAST: Param = Param::optional(
    "hash",
    Schema::Hash,
    "the last block, at most 256 blocks in all; the best if left out",
);

const SIZE: Schema = Schema::Nullable(&Schema::Number);
const BYTES: Schema = Schema::Nullable(&Schema::Bytes);
const BLAKE3: Schema = Schema::Nullable(&Schema::Hash);
const CHANGE_SETS: Schema = Schema::List(&CHANGE_SET);
const PAIRS: Schema = Schema::List(&Schema::Tuple(&[Schema::Bytes, Schema::Bytes]));

const STORAGE: Subscription = Subscription {
    name: "state_subscribeStorage",
    aliases: &[],
    unsubscribe: "state_unsubscribeStorage",
    unsubscribe_aliases: &[],
    notification: "state_storage",
    summary: "The values of the keys, then those that a new best block changed. Substrate's null for all keys is \
              refused: nothing would bound it.",
    params: &[KEYS],
    item: CHANGE_SET,
    errors: COUNT_ERRORS,
    is_unsafe: false,
};

type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

pub fn register(registry: &mut Registry) -> Registered {
    register_values(registry)?;
    register_keys(registry)?;
    register_changes(registry)
}

fn register_values(registry: &mut Registry) -> Registered {
    method(
        registry,
        const {
            &Method::new(
                "state_getStorage",
                "The value at a key; null if there is none.",
                &[KEY, HASH],
                BYTES,
            )
            .aliases(&["state_getStorageAt"])
            .errors(ERRORS)
        },
        |node, arguments| Ok(value(node, arguments)?.map_or(Value::Null, |value| json::bytes(&value))),
    )?;
    method(
        registry,
        const {
            &Method::new(
                "state_getStorageHash",
                "BLAKE3-256 of the value at a key.",
                &[KEY, HASH],
                BLAKE3,
            )
            .aliases(&["state_getStorageHashAt"])
            .errors(ERRORS)
        },
        |node, arguments| {
            let hash = value(node, arguments)?.map(|value| blake3::hash(&value));
            Ok(hash.map_or(Value::Null, |hash| json::bytes(hash.as_bytes())))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "state_getStorageSize",
                "Bytes of the value at a key.",
                &[KEY, HASH],
                SIZE,
            )
            .aliases(&["state_getStorageSizeAt"])
            .errors(ERRORS)
        },
        |node, arguments| Ok(value(node, arguments)?.map_or(Value::Null, |value| value.len().into())),
    )
}

fn register_keys(registry: &mut Registry) -> Registered {
    method(
        registry,
        const {
            &Method::new(
                "state_getKeysPaged",
                "Up to `count` keys in ascending order.",
                &[ANY_PREFIX, COUNT, START_KEY, HASH],
                BYTES_LIST,
            )
            .aliases(&["state_getKeysPagedAt"])
            .errors(COUNT_ERRORS)
        },
        |node, arguments| {
            let prefix = arguments.optional_bytes("prefix")?.unwrap_or_default();
            let (count, start) = (arguments.number("count")?, arguments.optional_bytes("startKey")?);
            let at = block_or_best(node, arguments, "hash")?;
            if count > Config::KEYS_PAGE_MAX {
                return Err(error::too_many(count as usize, Config::KEYS_PAGE_MAX as usize));
            }
            let keys = node.storage_keys_paged(at, &prefix, count, start.as_deref());
            keys.map(json::list).map_err(from_backend)
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "state_getKeys",
                "All keys with a prefix, if there are at most 1000; else an error, and state_getKeysPaged is the way.",
                &[PREFIX, HASH],
                BYTES_LIST,
            )
            .errors(COUNT_ERRORS)
        },
        |node, arguments| keys(node, arguments).map(|(_, keys)| json::list(keys)),
    )?;
    method(
        registry,
        const {
            &Method::new(
                "state_getPairs",
                "All keys with a prefix and their values, if there are at most 1000 of together at most 6 MiB.",
                &[PREFIX, HASH],
                PAIRS,
            )
            .errors(COUNT_ERRORS)
            .for_owner()
        },
        |node, arguments| {
            let (at, keys) = keys(node, arguments)?;
            let pairs = read(node, at, &keys)?.into_iter();
            Ok(pairs
                .map(|(key, value)| json!([json::hex(&key), value.as_deref().map(json::hex)]))
                .collect())
        },
    )
}

/// All keys with the prefix that the arguments name. Substrate's answer is unbounded; this is one page or an error.
fn keys(node: &dyn Backend, arguments: &Arguments) -> Result<(Hash, Vec<Vec<u8>>), RpcError> {
    let prefix = arguments.bytes("prefix")?;
    let at = block_or_best(node, arguments, "hash")?;
    let (count, max) = (Config::KEYS_PAGE_MAX + 1, Config::KEYS_PAGE_MAX as usize);
    let keys = node
        .storage_keys_paged(at, &prefix, count, None)
        .map_err(from_backend)?;
    if keys.len() > max {
        let message = format!("more than {max} keys: use state_getKeysPaged");
        return Err(error(error::BAD_COUNT, message));
    }
    Ok((at, keys))
}

fn register_changes(registry: &mut Registry) -> Registered {
    method(
        registry,
        const {
            &Method::new(
                "state_queryStorageAt",
                "The values of keys in one block.",
                &[KEYS, AT],
                CHANGE_SETS,
            )
            .errors(COUNT_ERRORS)
        },
        |node, arguments| {
            let at = block_or_best(node, arguments, "at")?;
            Ok(json!([json::change_set(
                &at,
                &read(node, at, &arguments.keys("keys")?)?
            )]))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "state_queryStorage",
                "The values of keys in the first block of a range, then those that a block of the range changed.",
                &[KEYS, FIRST, LAST],
                CHANGE_SETS,
            )
            .errors(RANGE_ERRORS)
        },
        |node, arguments| {
            let to = block_or_best(node, arguments, "hash")?;
            query(node, &arguments.keys("keys")?, arguments.hash("block")?, to)
        },
    )?;
    subscription(registry, &STORAGE, |params, sink, context, extensions| async move {
        let keys = Arguments::new(&params, STORAGE.params).and_then(|arguments| arguments.keys("keys"));
        run_feed(sink, context, connection::of(&extensions), |context| {
            let keys = keys?;
            let bytes = keys.iter().map(Vec::len).sum();
            let kept = context.keep(bytes);
            let kept = kept.ok_or_else(|| error::busy("too many storage keys are subscribed to"))?;
            Ok(Storage {
                keys,
                last: Vec::new(),
                _kept: kept,
            })
        })
        .await;
    })
}

fn value(node: &dyn Backend, arguments: &Arguments) -> Result<Option<Vec<u8>>, RpcError> {
    let at = block_or_best(node, arguments, "hash")?;
    node.storage(at, &arguments.bytes("key")?).map_err(from_backend)
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

/// `state_storage`: all values first, then what a new best block changed.
struct Storage {
    keys: Vec<Vec<u8>>,
    /// BLAKE3-256 of each value, as it was told last.
    last: Vec<Option<[u8; 32]>>,
    /// The keys' share of the memory for what outlives its request.
    _kept: OwnedSemaphorePermit,
}

impl Feed for Storage {
    fn first(&mut self, context: &Arc<Context>) -> Result<(Height, Value), RpcError> {
        let node = &*context.backend;
        let at = node.best_hash();
        let all = self.read(node, at)?;
        Ok((header_of(node, at)?.number, json::change_set(&at, &all)))
    }

    fn wants(&self, block: &Notification) -> bool {
        block.is_new_best
    }

    fn next(&mut self, context: &Arc<Context>, block: &Notification) -> Result<Option<Value>, RpcError> {
        let changes = self.read(&*context.backend, block.hash)?;
        Ok((!changes.is_empty()).then(|| json::change_set(&block.hash, &changes)))
    }
}

impl Storage {
    /// What differs from what was told last: everything, the first time.
    fn read(&mut self, node: &dyn Backend, at: Hash) -> Result<Changes, RpcError> {
        let now = read(node, at, &self.keys)?;
        let hashes: Vec<_> = now
            .iter()
            .map(|(_, value)| value.as_ref().map(|value| *blake3::hash(value).as_bytes()))
            .collect();
        let is_new = |index: usize| self.last.get(index) != hashes.get(index);
        let changes = now.into_iter().enumerate().filter(|(index, _)| is_new(*index));
        let changes = changes.map(|(_, change)| change).collect();
        self.last = hashes;
        Ok(changes)
    }
}
