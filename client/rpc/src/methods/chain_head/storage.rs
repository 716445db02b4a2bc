//! Storage queries of the new interface, answered piece by piece so that memory stays bounded.

use super::ChainHeadLimits;
use crate::error::{RpcError, invalid_params};
use crate::params;
use crate::{Backend, BackendError, json};
use quids_core::Hash;
use serde_json::{Map, Value};
use std::collections::VecDeque;

/// Keys that one step of a scan looks at.
const SCAN_KEYS: u32 = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Value,
    Hash,
    ClosestDescendantMerkleValue,
    DescendantsValues,
    DescendantsHashes,
}

/// What is asked about one key.
#[derive(Clone, Debug)]
pub struct Query {
    key: Vec<u8>,
    kind: Kind,
    /// Descendants begin after this key.
    after: Option<Vec<u8>>,
}

/// The names of [`Kind`]s.
pub const KINDS: &[&str] = &[
    "value",
    "hash",
    "closestDescendantMerkleValue",
    "descendantsValues",
    "descendantsHashes",
];

impl Kind {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "value" => Self::Value,
            "hash" => Self::Hash,
            "closestDescendantMerkleValue" => Self::ClosestDescendantMerkleValue,
            "descendantsValues" => Self::DescendantsValues,
            "descendantsHashes" => Self::DescendantsHashes,
            _ => return None,
        })
    }

    fn is_scan(self) -> bool {
        matches!(self, Self::DescendantsValues | Self::DescendantsHashes)
    }
}

/// The `items` of a storage request; `paginationStartKey` is the archive's alone.
pub fn queries(items: &Value, with_pagination: bool) -> Result<Vec<Query>, RpcError> {
    let items = items
        .as_array()
        .ok_or_else(|| invalid_params(603, "items is not a list"))?;
    let mut queries = Vec::new();
    for item in items {
        let item = item
            .as_object()
            .ok_or_else(|| invalid_params(603, "an item is not an object"))?;
        let key = params::bytes("key", item.get("key").unwrap_or(&Value::Null))?;
        let kind = item.get("type").and_then(Value::as_str).and_then(Kind::parse);
        let kind =
            kind.ok_or_else(|| invalid_params(603, format!("an item's type is none of {}", KINDS.join(", "))))?;
        let after = match item.get("paginationStartKey") {
            None | Some(Value::Null) => None,
            Some(_) if !with_pagination || !kind.is_scan() => {
                return Err(invalid_params(603, "paginationStartKey does not go with this type"));
            }
            Some(after) => Some(params::bytes("paginationStartKey", after)?),
        };
        queries.push(Query { key, kind, after });
    }
    Ok(queries)
}

/// Works through queries.
#[derive(Debug)]
pub struct Reader {
    at: Hash,
    queries: VecDeque<Query>,
    /// Keys found by a scan whose values are still to be read.
    found: VecDeque<Vec<u8>>,
    /// Whether a step may end before the queries do, which only scans bring about.
    pub has_scans: bool,
}

impl Reader {
    pub fn new(at: Hash, queries: Vec<Query>) -> Self {
        Self {
            at,
            has_scans: queries.iter().any(|query| query.kind.is_scan()),
            queries: queries.into(),
            found: VecDeque::new(),
        }
    }

    pub fn is_done(&self) -> bool {
        self.queries.is_empty()
    }

    /// The next items, up to the limits of one event. May be empty before the end.
    pub fn next(&mut self, node: &dyn Backend, limits: &ChainHeadLimits) -> Result<Vec<Value>, BackendError> {
        let mut items = Vec::new();
        let mut bytes = 0;
        while let Some(query) = self.queries.front_mut() {
            let full = items.len() >= limits.storage_chunk_items_max || bytes >= limits.storage_chunk_bytes_max;
            if full {
                break;
            }
            let (key, kind) = if !query.kind.is_scan() {
                let key = std::mem::take(&mut query.key);
                let kind = query.kind;
                self.queries.pop_front();
                (key, kind)
            } else if let Some(key) = self.found.pop_front() {
                (key, query.kind)
            } else {
                let keys = node.storage_keys_paged(self.at, &query.key, SCAN_KEYS, query.after.as_deref())?;
                match keys.last() {
                    Some(last) => query.after = Some(last.clone()),
                    None => _ = self.queries.pop_front(),
                }
                self.found = keys.into();
                continue;
            };
            if let Some((name, value)) = read(node, self.at, &key, kind)? {
                bytes += key.len() + value.len();
                items.push(item(&key, name, &value));
            }
        }
        Ok(items)
    }
}

/// The JSON of an answer.
fn item(key: &[u8], name: &str, value: &[u8]) -> Value {
    let mut item = Map::new();
    item.insert("key".into(), json::bytes(key));
    item.insert(name.into(), json::bytes(value));
    item.into()
}

/// What one key has to say, and how it is called.
fn read(node: &dyn Backend, at: Hash, key: &[u8], kind: Kind) -> Result<Option<(&'static str, Vec<u8>)>, BackendError> {
    let value = match kind {
        Kind::ClosestDescendantMerkleValue => node.closest_merkle_value(at, key)?,
        _ => node.storage(at, key)?,
    };
    Ok(value.map(|value| match kind {
        Kind::Value | Kind::DescendantsValues => ("value", value),
        Kind::Hash | Kind::DescendantsHashes => ("hash", value_hash(&value)),
        Kind::ClosestDescendantMerkleValue => ("closestDescendantMerkleValue", value),
    }))
}

/// The chain's hash of a storage value.
pub fn value_hash(value: &[u8]) -> Vec<u8> {
    blake3::hash(value).as_bytes().to_vec()
}
