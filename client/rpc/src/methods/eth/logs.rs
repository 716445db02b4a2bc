//! Logs of blocks, by address and topic.

use super::block::with_places;
use super::place::{self, NUMBER};
use super::values::{self, address, field, unfit, word};
use super::{ERRORS, ask, render};
use crate::error::{RpcError, ethereum, from_evm_backend};
use crate::methods::Context;
use crate::methods::registry::{Registered, Registry, caller_method};
use crate::spec::{Field, Method, Param, Schema};
use crate::{LogEntry, LogQuery};
use quids_api::evm::{EvmBlock, EvmLog};
use quids_core::{H160, H256, Hash, Height};
use serde_json::Value;

/// Logs of one answer.
pub const LOGS_MAX: usize = 10_000;
/// Blocks of one query that names no address and no topic.
pub const BLOCKS_MAX: u64 = 100_000;
/// Addresses of one query, and topics at one place (go-ethereum's number).
const CHOICES_MAX: usize = 1000;
const TOPICS_MAX: usize = 4;

const ADDRESSES: Schema = Schema::Nullable(&Schema::OneOf(&[Schema::Address, Schema::List(&Schema::Address)]));
const TOPICS: Schema = Schema::Nullable(&Schema::List(&Schema::OneOf(&[
    Schema::Null,
    Schema::Hash,
    Schema::List(&Schema::Nullable(&Schema::Hash)),
])));

/// What a caller wants of logs.
pub const FILTER: Schema = Schema::Named(
    "LogFilter",
    &Schema::Open(&[
        Field::optional("fromBlock", Schema::Nullable(&NUMBER), "latest if left out"),
        Field::optional("toBlock", Schema::Nullable(&NUMBER), "latest if left out"),
        Field::optional(
            "blockHash",
            Schema::Nullable(&Schema::Hash),
            "one block, instead of a range",
        ),
        Field::optional("address", ADDRESSES, "at most 1000"),
        Field::optional("topics", TOPICS, "by place, at most 1000 at each; null fits anything"),
    ]),
);

const FILTER_PARAM: Param = Param::required("filter", FILTER, "");

/// Which logs, wherever they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Any of these; empty: any at all.
    pub addresses: Vec<H160>,
    /// By place: any of these; empty: any at all.
    pub topics: Vec<Vec<H256>>,
}

impl Wanted {
    pub fn read(filter: &Value) -> Result<Self, RpcError> {
        values::object("filter", filter)?;
        let addresses = match field(filter, "address") {
            None => Vec::new(),
            Some(Value::Array(_)) => values::list("address", &filter["address"], CHOICES_MAX)?
                .iter()
                .map(|one| address("address", one))
                .collect::<Result<_, _>>()?,
            Some(one) => vec![address("address", one)?],
        };
        let topics = field(filter, "topics").map(|topics| values::list("topics", topics, TOPICS_MAX));
        let topics = topics.transpose()?.unwrap_or_default();
        Ok(Self {
            addresses,
            topics: topics.iter().map(choices).collect::<Result<_, _>>()?,
        })
    }

    /// Bytes in memory, about.
    pub fn size(&self) -> usize {
        let topics: usize = self.topics.iter().map(|choices| choices.len() * 32 + 32).sum();
        self.addresses.len() * 20 + topics
    }

    pub fn fits(&self, log: &EvmLog) -> bool {
        let address = self.addresses.is_empty() || self.addresses.contains(&log.address);
        address
            && self.topics.len() <= log.topics.len()
            && self
                .topics
                .iter()
                .zip(&log.topics)
                .all(|(choices, topic)| choices.is_empty() || choices.contains(topic))
    }

    /// Whether an index can find them.
    pub fn is_narrow(&self) -> bool {
        !self.addresses.is_empty() || self.topics.iter().any(|choices| !choices.is_empty())
    }
}

fn choices(value: &Value) -> Result<Vec<H256>, RpcError> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(_) => {
            let list = values::list("topics", value, CHOICES_MAX)?;
            // Null among the choices fits anything.
            if list.iter().any(Value::is_null) {
                return Ok(Vec::new());
            }
            list.iter().map(|one| word("topics", one)).collect()
        }
        one => Ok(vec![word("topics", one)?]),
    }
}

pub fn register(registry: &mut Registry) -> Registered {
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_getLogs",
                "Logs of a block or a range of blocks, in order: at most 10 000, and from at most 100 000 blocks unless an \
                 address or a topic is named.",
                &[FILTER_PARAM],
                Schema::List(&super::shape::LOG),
            )
            .errors(ERRORS)
        },
        |context, arguments, _| {
            let filter = arguments.value("filter")?;
            let wanted = Wanted::read(filter)?;
            let entries = match field(filter, "blockHash") {
                Some(hash) => {
                    if field(filter, "fromBlock").is_some() || field(filter, "toBlock").is_some() {
                        return Err(unfit("filter", "either a blockHash or a range, but both"));
                    }
                    let hash = word("blockHash", hash)?;
                    let block = ask::find_block(context, hash)?;
                    let block = block.ok_or_else(|| ethereum("unknown block"))?;
                    in_block(hash, &block, &wanted)
                }
                None => in_range(context, filter, &wanted)?,
            };
            Ok(entries.iter().map(|entry| render::log(entry, false)).collect())
        },
    )
}

/// The logs in a block that are wanted.
pub fn in_block(hash: Hash, block: &EvmBlock, wanted: &Wanted) -> Vec<LogEntry> {
    with_places(hash, block)
        .flat_map(|(transaction, position, first_log)| render::logs(transaction, position, first_log))
        .filter(|entry| wanted.fits(&entry.log))
        .collect()
}

/// The wanted logs of the range that a filter names.
pub fn in_range(context: &Context, filter: &Value, wanted: &Wanted) -> Result<Vec<LogEntry>, RpcError> {
    let latest = ask::header(&*context.backend, context.backend.best_hash())?.number.0;
    let bound = |name: &str| match field(filter, name) {
        Some(value) => place::height(context, name, value),
        None => Ok(u64::from(latest)),
    };
    let (from, to) = (bound("fromBlock")?, bound("toBlock")?);
    // Who follows the chain asks from the block to come up to the latest: for nothing, as long as it has not come.
    let names_number = |value: &Value| value.as_str().is_some_and(|text| text.starts_with("0x"));
    if from > to && field(filter, "toBlock").is_some_and(names_number) {
        return Err(crate::error::invalid_params(
            603,
            format!("invalid block range params: fromBlock {from} is after toBlock {to}"),
        ));
    }
    let to = to.min(u64::from(latest));
    if from > to {
        return Ok(Vec::new());
    }
    if !wanted.is_narrow() && to - from >= BLOCKS_MAX {
        return Err(values::too_much(format!(
            "block range of {} is too large: at most {BLOCKS_MAX} blocks without an address or a topic",
            to - from + 1
        )));
    }
    // Both are at most the latest, which is a height.
    let height = |number: u64| Height(u32::try_from(number).unwrap_or(u32::MAX));
    between(context, height(from), height(to), wanted)
}

/// The wanted logs from one height to another, both included.
pub fn between(context: &Context, from: Height, to: Height, wanted: &Wanted) -> Result<Vec<LogEntry>, RpcError> {
    let query = LogQuery {
        from,
        to,
        addresses: wanted.addresses.clone(),
        topics: wanted.topics.clone(),
        limit: LOGS_MAX,
    };
    context.backend.evm_logs(&query).map_err(|cause| match cause {
        crate::BackendError::Refused(reason) => values::too_much(reason),
        cause => from_evm_backend(cause),
    })
}
