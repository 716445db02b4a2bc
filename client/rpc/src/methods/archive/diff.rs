//! What differs between the states of two blocks: both are walked in the order of their keys, a page at a time.

use super::Source;
use crate::error::RpcError;
use crate::methods::chain_head::ChainHeadLimits;
use crate::methods::chain_head::storage::value_hash;
use crate::params::{self, Arguments};
use crate::{Backend, BackendError, json};
use quids_core::{Hash, Header};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// Keys in a page.
const PAGE_KEYS: u32 = 256;
/// Keys that one step compares.
const STEP_KEYS: usize = 1024;
/// Blocks between an ancestor and a block off the best chain.
const FORK_BLOCKS_MAX: usize = 1024;

/// Entries that begin with `prefix`, told by hash or by value.
struct Item {
    prefix: Vec<u8>,
    by_hash: bool,
}

pub struct Differ {
    hash: Hash,
    previous: Option<Hash>,
    items: VecDeque<Item>,
    /// The two states' keys under the first item's prefix, once they are looked at.
    keys: Option<(Keys, Keys)>,
}

impl Differ {
    pub fn new(arguments: &Arguments) -> Result<Self, RpcError> {
        let mut items = VecDeque::new();
        match arguments.optional("items").and_then(Value::as_array) {
            None => items.push_back(Item {
                prefix: Vec::new(),
                by_hash: false,
            }),
            Some(list) => {
                for item in list.iter().filter(|item| item["childTrieKey"].is_null()) {
                    let prefix = match &item["key"] {
                        Value::Null => Vec::new(),
                        key => params::bytes("key", key)?,
                    };
                    let by_hash = item["returnType"] == "hash";
                    items.push_back(Item { prefix, by_hash });
                }
            }
        }
        Ok(Self {
            hash: arguments.hash("hash")?,
            previous: arguments.optional_hash("previousHash")?,
            items,
            keys: None,
        })
    }

    /// The block to compare with.
    fn resolve(&self, node: &dyn Backend) -> Result<Hash, String> {
        let header = header(node, self.hash)?;
        let Some(previous) = self.previous else {
            if header.number.0 == 0 {
                return Err(format!(
                    "block {:?} is the first: it has no parent to compare with",
                    self.hash
                ));
            }
            return Ok(header.parent_hash);
        };
        let ancestor = self::header(node, previous)?;
        let is_canonical = |hash, header: &Header| {
            node.hash_at(header.number)
                .map(|found| found == Some(hash))
                .map_err(text)
        };
        let on_best_chain = is_canonical(self.hash, &header)? && is_canonical(previous, &ancestor)?;
        if on_best_chain && ancestor.number <= header.number {
            return Ok(previous);
        }
        let (mut hash, mut number, mut parent) = (self.hash, header.number, header.parent_hash);
        for _ in 0..FORK_BLOCKS_MAX {
            if number <= ancestor.number {
                break;
            }
            let above = self::header(node, parent)?;
            (hash, number, parent) = (parent, above.number, above.parent_hash);
        }
        match hash == previous {
            true => Ok(previous),
            false => Err(format!("block {previous:?} is no ancestor of {:?}", self.hash)),
        }
    }
}

fn text(error: BackendError) -> String {
    error.to_string()
}

fn header(node: &dyn Backend, hash: Hash) -> Result<Header, String> {
    let header = node.header(hash).map_err(text)?;
    header.ok_or_else(|| text(BackendError::UnknownBlock(hash)))
}

impl Source for Differ {
    const NAME: &'static str = "storageDiff";

    fn next(&mut self, node: &dyn Backend, limits: &ChainHeadLimits) -> Result<Vec<Value>, String> {
        let previous = match self.previous.filter(|_| self.keys.is_some()) {
            Some(previous) => previous,
            None => *self.previous.insert(self.resolve(node)?),
        };
        let mut events = Vec::new();
        let mut bytes = 0;
        for _ in 0..STEP_KEYS {
            if events.len() >= limits.storage_chunk_items_max || bytes >= limits.storage_chunk_bytes_max {
                break;
            }
            let Some(item) = self.items.front() else { break };
            let (old, new) = self
                .keys
                .get_or_insert_with(|| (Keys::new(previous, &item.prefix), Keys::new(self.hash, &item.prefix)));
            let (before, after) = (old.peek(node).map_err(text)?, new.peek(node).map_err(text)?);
            let key = match (before, after) {
                (None, None) => {
                    self.items.pop_front();
                    self.keys = self
                        .items
                        .front()
                        .map(|item| (Keys::new(previous, &item.prefix), Keys::new(self.hash, &item.prefix)));
                    continue;
                }
                (Some(before), Some(after)) => before.min(after).to_vec(),
                (before, after) => before.or(after).map(<[u8]>::to_vec).unwrap_or_default(),
            };
            let before = old.take(node, &key).map_err(text)?;
            let after = new.take(node, &key).map_err(text)?;
            let (kind, value) = match (before, after) {
                (Some(before), Some(after)) if before == after => continue,
                (Some(_), Some(after)) => ("modified", after),
                (None, Some(after)) => ("added", after),
                (Some(before), None) => ("deleted", before),
                (None, None) => continue,
            };
            bytes += key.len() + value.len();
            let mut event = json!({ "event": "storageDiff", "key": json::bytes(&key), "type": kind });
            match item.by_hash {
                true => event["hash"] = json::bytes(&value_hash(&value)),
                false => event["value"] = json::bytes(&value),
            }
            events.push(event);
        }
        Ok(events)
    }

    fn is_done(&self) -> bool {
        self.items.is_empty()
    }
}

/// The keys of one state under a prefix, in order.
struct Keys {
    at: Hash,
    prefix: Vec<u8>,
    page: VecDeque<Vec<u8>>,
    after: Option<Vec<u8>>,
    is_last_page: bool,
}

impl Keys {
    fn new(at: Hash, prefix: &[u8]) -> Self {
        Self {
            at,
            prefix: prefix.to_vec(),
            page: VecDeque::new(),
            after: None,
            is_last_page: false,
        }
    }

    fn peek(&mut self, node: &dyn Backend) -> Result<Option<&[u8]>, BackendError> {
        if self.page.is_empty() && !self.is_last_page {
            self.page = node
                .storage_keys_paged(self.at, &self.prefix, PAGE_KEYS, self.after.as_deref())?
                .into();
            self.after = self.page.back().cloned();
            self.is_last_page = self.page.is_empty();
        }
        Ok(self.page.front().map(Vec::as_slice))
    }

    /// The value of this key, and past it, if it is next.
    fn take(&mut self, node: &dyn Backend, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        if self.page.front().is_none_or(|next| next != key) {
            return Ok(None);
        }
        self.page.pop_front();
        node.storage(self.at, key)
    }
}
