//! Filters: what happened since the last question. Who does not ask for long loses his filter.

use super::logs::{self, Wanted, between, in_block};
use super::trail::{ToldLogs, Trail};
use super::values::{self, field, hex, quantity};
use super::{ERRORS, ask, place, render, shape};
use crate::error::{RpcError, ethereum, from_evm_backend};
use crate::methods::Context;
use crate::methods::registry::{Registered, Registry, caller_method};
use crate::spec::{Method, Param, Schema};
use crate::{Config, LogEntry};
use quids_api::evm::EvmTransaction;
use quids_core::Height;
use serde_json::Value;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

/// Entries of one answer; the rest comes with the next.
const ANSWERS_MAX: usize = logs::LOGS_MAX;

const FILTER: Param = Param::required("filter", logs::FILTER, "");
const ID: Param = Param::required("filterId", Schema::Quantity, "");
const FULL: Param = Param::optional("fullTransactions", Schema::Bool, "transactions in full, not hashes");

/// All filters of the node, by id.
#[derive(Debug, Default)]
pub struct Filters(Mutex<HashMap<u128, Entry>>);

#[derive(Debug)]
struct Entry {
    asked: Instant,
    filter: Arc<Mutex<Filter>>,
    _memory: OwnedSemaphorePermit,
}

#[derive(Debug)]
enum Filter {
    Blocks(Trail),
    Logs(Box<LogFilter>),
    Transactions {
        feed: Receiver<Arc<EvmTransaction>>,
        is_full: bool,
    },
}

#[derive(Debug)]
struct LogFilter {
    wanted: Wanted,
    /// The filter as it was asked for, without addresses and topics.
    range: Value,
    trail: Trail,
    told: ToldLogs,
}

impl Filters {
    fn add(&self, context: &Context, filter: Filter, bytes: usize) -> Result<Value, RpcError> {
        let memory = context.keep(bytes.saturating_add(size_of::<Filter>()));
        let memory = memory.ok_or_else(|| ethereum("the node keeps no more filters: out of memory for them"))?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        forget_idle(&mut all, context.config.filter_timeout);
        if all.len() >= Config::FILTERS_MAX {
            return Err(ethereum(format!(
                "the node keeps no more filters: it has {}",
                Config::FILTERS_MAX
            )));
        }
        // Nobody can guess another's: the keys of the hasher are random.
        let random = || u128::from(RandomState::new().build_hasher().finish());
        let id = random() << 64 | random();
        all.insert(
            id,
            Entry {
                asked: Instant::now(),
                filter: Arc::new(Mutex::new(filter)),
                _memory: memory,
            },
        );
        Ok(quantity(id))
    }

    fn get(&self, id: u128, timeout: Duration) -> Result<Arc<Mutex<Filter>>, RpcError> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        forget_idle(&mut all, timeout);
        let entry = all.get_mut(&id).ok_or_else(|| ethereum("filter not found"))?;
        entry.asked = Instant::now();
        Ok(entry.filter.clone())
    }

    fn remove(&self, id: u128) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&id).is_some()
    }
}

fn forget_idle(all: &mut HashMap<u128, Entry>, timeout: Duration) {
    all.retain(|_, entry| entry.asked.elapsed() < timeout);
}

pub fn register(registry: &mut Registry) -> Registered {
    register_makers(registry)?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_getFilterChanges",
                "What happened since the last question, at most 10 000 entries at a time: block hashes, transaction \
                 hashes, or logs, where those of blocks that left the chain come again as removed.",
                &[ID],
                Schema::List(&Schema::OneOf(&[Schema::Hash, shape::LOG, shape::TRANSACTION])),
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let id = values::u128("filterId", arguments.value("filterId")?)?;
            let filter = context.eth.filters.get(id, context.config.filter_timeout)?;
            let mut filter = filter.lock().unwrap_or_else(PoisonError::into_inner);
            let changes = match &mut *filter {
                Filter::Blocks(trail) => blocks(context, trail)?,
                Filter::Logs(filter) => filter.changes(context)?,
                Filter::Transactions { feed, is_full } => transactions(feed, *is_full),
            };
            Ok(Value::Array(changes))
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_getFilterLogs",
                "All logs in the range that a filter named, as eth_getLogs.",
                &[ID],
                Schema::List(&shape::LOG),
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let id = values::u128("filterId", arguments.value("filterId")?)?;
            let filter = context.eth.filters.get(id, context.config.filter_timeout)?;
            let (wanted, range) = match &*filter.lock().unwrap_or_else(PoisonError::into_inner) {
                Filter::Logs(filter) => (filter.wanted.clone(), filter.range.clone()),
                _ => return Err(ethereum("filter not found")),
            };
            let entries = logs::in_range(context, &range, &wanted)?;
            Ok(entries.iter().map(|entry| render::log(entry, false)).collect())
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_uninstallFilter",
                "Ends a filter; false if there is none such.",
                &[ID],
                Schema::Bool,
            )
            .errors(ERRORS)
            .quick()
        },
        |context, arguments, _| {
            let id = values::u128("filterId", arguments.value("filterId")?)?;
            Ok(context.eth.filters.remove(id).into())
        },
    )
}

fn register_makers(registry: &mut Registry) -> Registered {
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_newFilter",
                "A filter for logs from now on, for eth_getFilterChanges. It ends when nobody asks for 5 minutes.",
                &[FILTER],
                Schema::Quantity,
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let filter = arguments.value("filter")?;
            let wanted = Wanted::read(filter)?;
            let mut range = serde_json::Map::new();
            for name in ["fromBlock", "toBlock"] {
                if let Some(bound) = field(filter, name) {
                    place::height(context, name, bound)?;
                    range.insert(name.into(), bound.clone());
                }
            }
            let bytes = wanted.size();
            let filter = LogFilter {
                wanted,
                range: Value::Object(range),
                trail: Trail::at_best(&*context.backend)?,
                told: ToldLogs::default(),
            };
            context.eth.filters.add(context, Filter::Logs(Box::new(filter)), bytes)
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_newBlockFilter",
                "A filter for blocks from now on, for eth_getFilterChanges. It ends when nobody asks for 5 minutes.",
                &[],
                Schema::Quantity,
            )
            .errors(ERRORS)
        },
        |context, _, _| {
            let trail = Trail::at_best(&*context.backend)?;
            context.eth.filters.add(context, Filter::Blocks(trail), 0)
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_newPendingTransactionFilter",
                "A filter for transactions that become ready in the pool from now on, for eth_getFilterChanges; who asks \
                 too seldom misses some. It ends when nobody asks for 5 minutes.",
                &[FULL],
                Schema::Quantity,
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let is_full = arguments.optional("fullTransactions") == Some(&Value::Bool(true));
            let feed = context.backend.subscribe_evm_pool().map_err(from_evm_backend)?;
            context
                .eth
                .filters
                .add(context, Filter::Transactions { feed, is_full }, 0)
        },
    )
}

fn blocks(context: &Context, trail: &mut Trail) -> Result<Vec<Value>, RpcError> {
    let node = &*context.backend;
    let (_, first) = trail.rewind(node)?;
    let best = ask::header(node, node.best_hash())?.number;
    if first > best {
        return Ok(Vec::new());
    }
    let most = u32::try_from(ANSWERS_MAX).unwrap_or(u32::MAX);
    let last = best.min(first.saturating_add(Height(most - 1)));
    let mut hashes = Vec::new();
    for height in first.0..=last.0 {
        let hash = node.hash_at(Height(height)).map_err(from_evm_backend)?;
        hashes.extend(hash.map(hex));
    }
    trail.skip_to(node, last)?;
    Ok(hashes)
}

fn transactions(feed: &mut Receiver<Arc<EvmTransaction>>, is_full: bool) -> Vec<Value> {
    let mut found = Vec::new();
    while found.len() < ANSWERS_MAX {
        match feed.try_recv() {
            Ok(transaction) if is_full => found.push(render::pending(&transaction)),
            Ok(transaction) => found.push(hex(transaction.hash)),
            // What was missed is missed.
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    found
}

impl LogFilter {
    fn changes(&mut self, context: &Context) -> Result<Vec<Value>, RpcError> {
        let node = &*context.backend;
        let (gone, first) = self.trail.rewind(node)?;
        let mut changes = Vec::new();
        for hash in gone {
            let logs = self.told.take(context, hash, &self.wanted)?;
            changes.extend(
                self.in_range(context, logs)?
                    .iter()
                    .map(|entry| render::log(entry, true)),
            );
        }
        let best = ask::header(node, node.best_hash())?.number;
        if first > best {
            return Ok(changes);
        }
        let (entries, last) = self.next(context, first, best)?;
        self.trail.skip_to(node, last)?;
        let entries = self.in_range(context, entries)?;
        changes.extend(entries.iter().map(|entry| render::log(entry, false)));
        for block in entries.chunk_by(|a, b| a.block == b.block) {
            if let Some(entry) = block.first() {
                self.told.remember(context, entry.block, block.to_vec());
            }
        }
        Ok(changes)
    }

    /// The logs from a height on, of as many blocks as one answer holds, and the last of those.
    fn next(&self, context: &Context, first: Height, best: Height) -> Result<(Vec<LogEntry>, Height), RpcError> {
        let mut last = best;
        loop {
            match between(context, first, last, &self.wanted) {
                Ok(entries) => return Ok((entries, last)),
                Err(_) if last > first => last = Height(first.0 + (last.0 - first.0) / 2),
                // More in one block than any answer holds otherwise: a block is bounded.
                Err(error) => {
                    let node = &*context.backend;
                    let hash = node.hash_at(first).map_err(from_evm_backend)?.ok_or(error)?;
                    let block = ask::block(context, hash)?;
                    return Ok((in_block(hash, &block, &self.wanted), first));
                }
            }
        }
    }

    /// Those within the filter's range.
    fn in_range(&self, context: &Context, mut entries: Vec<LogEntry>) -> Result<Vec<LogEntry>, RpcError> {
        let number = |name: &str| match field(&self.range, name) {
            Some(Value::String(text)) if !text.starts_with("0x") => Ok(None),
            Some(value) => place::height(context, name, value).map(Some),
            None => Ok(None),
        };
        let (from, to) = (number("fromBlock")?, number("toBlock")?);
        entries.retain(|entry| {
            let height = u64::from(entry.height.0);
            from.is_none_or(|from| from <= height) && to.is_none_or(|to| height <= to)
        });
        Ok(entries)
    }
}
