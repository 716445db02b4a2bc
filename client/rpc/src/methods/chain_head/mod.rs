//! `chainHead_v1_*`: the head of the chain, followed block by block, and questions about the blocks on the way.

mod follow;
mod operation;
mod pins;
pub mod storage;
mod view;

pub use follow::Follows;
pub use pins::{ChainHeadLimits, Pins};

use super::registry::{Registered, Registry, operation_method, raw_method, subscription};
use super::{Context, blocking};
use crate::error::{self, RpcError, error, from_backend};
use crate::params::{self, Arguments};
use crate::spec::shapes::{BYTES_LIST, HASH_LIST};
use crate::spec::{Field, Method, Param, Schema, Subscription};
use crate::{Backend, connection, json};
use codec::Encode;
use follow::Follow;
use jsonrpsee::Extensions;
use jsonrpsee::core::server::ResponsePayload;
use jsonrpsee::types::SubscriptionId;
use operation::{Task, limit_reached, start};
use quids_core::Hash;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use storage::{KINDS, Reader, queries};

const SUBSCRIPTION: Param = Field::required("followSubscription", Schema::Text, "what chainHead_v1_follow answered");
const BLOCK: Param = Field::required("hash", Schema::Hash, "a block that is pinned");
const HASHES: Param = Field::required("hashOrHashes", Schema::OneOf(&[Schema::Hash, HASH_LIST]), "each once");
const ITEMS: Param = Field::required(
    "items",
    Schema::List(&Schema::Object(&[
        Field::required("key", Schema::Bytes, ""),
        Field::required("type", Schema::Word(KINDS), ""),
    ])),
    "",
);
pub const FUNCTION: Param = Field::required("function", Schema::Text, "such as `Metadata_metadata`");
pub const CALL_PARAMETERS: Param = Field::required(
    "callParameters",
    Schema::Bytes,
    "SCALE of the arguments, one after the other",
);
const OPERATION: Param = Field::required("operationId", Schema::Text, "");
pub const CHILD_TRIE: Param = Field::optional("childTrie", Schema::Bytes, "no such thing here: nothing is found in it");
const PINNED: &[i32] = &[error::NOT_PINNED];

const STARTED: Schema = Schema::OneOf(&[
    Schema::Object(&[
        Field::required("result", Schema::Word(&["started"]), ""),
        Field::required("operationId", Schema::Text, "the events about it carry this"),
        Field::optional(
            "discardedItems",
            Schema::Number,
            "items at the end that are not worked on",
        ),
    ]),
    Schema::Object(&[Field::required("result", Schema::Word(&["limitReached"]), "")]),
]);

const RUNTIME: Schema = Schema::Named(
    "RuntimeEvent",
    &Schema::OneOf(&[
        Schema::Object(&[
            Field::required("type", Schema::Word(&["valid"]), ""),
            Field::required(
                "spec",
                Schema::Object(&[
                    Field::required("specName", Schema::Text, ""),
                    Field::required("implName", Schema::Text, ""),
                    Field::required("specVersion", Schema::Number, ""),
                    Field::required("implVersion", Schema::Number, ""),
                    Field::required("transactionVersion", Schema::Number, ""),
                    Field::required(
                        "apis",
                        Schema::Map(&Schema::Number),
                        "8 bytes of each API's hash to its version",
                    ),
                ]),
                "",
            ),
        ]),
        Schema::Object(&[
            Field::required("type", Schema::Word(&["invalid"]), ""),
            Field::required("error", Schema::Text, ""),
        ]),
    ]),
);

const EVENT: Schema = Schema::Named(
    "FollowEvent",
    &Schema::OneOf(&[
        Schema::Object(&[
            Field::required("event", Schema::Word(&["initialized"]), "the first event"),
            Field::required(
                "finalizedBlockHashes",
                HASH_LIST,
                "ascending; the last is the last final block",
            ),
            Field::optional("finalizedBlockRuntime", RUNTIME, "if withRuntime"),
        ]),
        Schema::Object(&[
            Field::required("event", Schema::Word(&["newBlock"]), ""),
            Field::required("blockHash", Schema::Hash, ""),
            Field::required("parentBlockHash", Schema::Hash, ""),
            Field::optional(
                "newRuntime",
                Schema::Nullable(&RUNTIME),
                "if withRuntime; null if its parent's",
            ),
        ]),
        Schema::Object(&[
            Field::required("event", Schema::Word(&["bestBlockChanged"]), ""),
            Field::required("bestBlockHash", Schema::Hash, ""),
        ]),
        Schema::Object(&[
            Field::required("event", Schema::Word(&["finalized"]), ""),
            Field::required("finalizedBlockHashes", HASH_LIST, "ascending"),
            Field::required("prunedBlockHashes", HASH_LIST, "blocks that can no longer become final"),
        ]),
        Schema::Object(&[
            Field::required("event", Schema::Word(&["operationBodyDone"]), ""),
            Field::required("operationId", Schema::Text, ""),
            Field::required("value", BYTES_LIST, "the extrinsics, each with its length prefix"),
        ]),
        Schema::Object(&[
            Field::required("event", Schema::Word(&["operationCallDone"]), ""),
            Field::required("operationId", Schema::Text, ""),
            Field::required("output", Schema::Bytes, ""),
        ]),
        Schema::Object(&[
            Field::required("event", Schema::Word(&["operationStorageItems"]), ""),
            Field::required("operationId", Schema::Text, ""),
            Field::required("items", Schema::List(&ITEM), ""),
        ]),
        Schema::Object(&[
            Field::required(
                "event",
                Schema::Word(&[
                    "operationWaitingForContinue",
                    "operationStorageDone",
                    "operationInaccessible",
                ]),
                "",
            ),
            Field::required("operationId", Schema::Text, ""),
        ]),
        Schema::Object(&[
            Field::required("event", Schema::Word(&["operationError"]), ""),
            Field::required("operationId", Schema::Text, ""),
            Field::required("error", Schema::Text, "for developers"),
        ]),
        Schema::Object(&[Field::required(
            "event",
            Schema::Word(&["stop"]),
            "the last event: follow anew",
        )]),
    ]),
);

const ITEM: Schema = Schema::Object(&[
    Field::required("key", Schema::Bytes, ""),
    Field::optional("value", Schema::Bytes, ""),
    Field::optional("hash", Schema::Hash, "BLAKE3-256 of the value"),
    Field::optional("closestDescendantMerkleValue", Schema::Bytes, ""),
]);

const FOLLOW: Subscription = Subscription {
    name: "chainHead_v1_follow",
    aliases: &[],
    unsubscribe: "chainHead_v1_unfollow",
    unsubscribe_aliases: &[],
    notification: "chainHead_v1_followEvent",
    summary: "Tells of new blocks, the best block and finality; all blocks told of stay pinned until unpinned. At most 4 \
              for one connection.",
    params: &[Field::required(
        "withRuntime",
        Schema::Bool,
        "whether to tell of runtimes too",
    )],
    item: EVENT,
    errors: &[error::TOO_MANY_FOLLOWS],
    is_unsafe: false,
};

pub fn register(registry: &mut Registry) -> Registered {
    subscription(registry, &FOLLOW, |params, pending, context, extensions| async move {
        let arguments = Arguments::new(&params, FOLLOW.params);
        match arguments.and_then(|arguments| Ok(arguments.value("withRuntime")?.as_bool())) {
            Ok(with_runtime) => {
                let connection = connection::of(&extensions);
                follow::run(pending, context, connection, with_runtime.unwrap_or_default()).await;
            }
            Err(error) => pending.reject(error).await,
        }
    })?;
    register_blocks(registry)?;
    register_operations(registry)
}

fn register_blocks(registry: &mut Registry) -> Registered {
    raw_method(
        registry,
        const {
            &Method::new(
                "chainHead_v1_header",
                "A pinned block's header in SCALE; null if the subscription is over.",
                &[SUBSCRIPTION, BLOCK],
                Schema::Nullable(&Schema::Bytes),
            )
            .errors(PINNED)
        },
        |arguments, context, extensions| async move {
            let (follow, hash) = follow_and_block(&arguments, &extensions)?;
            if follow.is_none() {
                return Ok(Value::Null);
            }
            let node = context.backend.clone();
            let header = blocking(&context, move || node.header(hash)).await;
            let header = header.ok_or_else(|| error::internal("the node failed to read a header"))?;
            let header = header.map_err(from_backend)?;
            Ok(header.map_or(Value::Null, |header| json::bytes(&header.encode())))
        },
    )?;
    raw_method(
        registry,
        const {
            &Method::new(
                "chainHead_v1_unpin",
                "Unpins a block or several; all or none.",
                &[SUBSCRIPTION, HASHES],
                Schema::Null,
            )
            .errors(&[error::NOT_PINNED, error::DUPLICATE_HASHES])
        },
        |arguments, context, extensions| async move {
            let hashes = match arguments.value("hashOrHashes")? {
                Value::Array(hashes) => hashes.iter().map(|hash| params::hash("hashOrHashes", hash)).collect(),
                hash => params::hash("hashOrHashes", hash).map(|hash| vec![hash]),
            };
            let hashes: Vec<Hash> = hashes?;
            let mut seen = HashSet::new();
            if let Some(twice) = hashes.iter().find(|hash| !seen.insert(**hash)) {
                return Err(error(
                    error::DUPLICATE_HASHES,
                    format!("block {twice:?} is named twice"),
                ));
            }
            let Some(follow) = follow_of(&arguments, &extensions)? else {
                return Ok(Value::Null);
            };
            follow.pins.unpin(&hashes).map_err(not_pinned)?;
            drop(context);
            Ok(Value::Null)
        },
    )
}

fn register_operations(registry: &mut Registry) -> Registered {
    operation_method(
        registry,
        const {
            &Method::new(
                "chainHead_v1_body",
                "Starts reading a pinned block's extrinsics.",
                &[SUBSCRIPTION, BLOCK],
                STARTED,
            )
            .errors(PINNED)
        },
        |arguments, context, extensions| {
            let (follow, at) = follow_and_block(arguments, extensions)?;
            Ok(start_one(follow, context, at, Task::Body))
        },
    )?;
    operation_method(
        registry,
        const {
            &Method::new(
                "chainHead_v1_call",
                "Starts a runtime call on the state after a pinned block. What it writes is not kept.",
                &[SUBSCRIPTION, BLOCK, FUNCTION, CALL_PARAMETERS],
                STARTED,
            )
            .errors(&[error::NOT_PINNED, error::WITHOUT_RUNTIME])
        },
        |arguments, context, extensions| {
            let (follow, at) = follow_and_block(arguments, extensions)?;
            if follow.as_ref().is_some_and(|follow| !follow.with_runtime) {
                return Err(error(
                    error::WITHOUT_RUNTIME,
                    "the subscription was made without withRuntime",
                ));
            }
            let function = arguments.text("function")?.to_owned();
            let input = arguments.bytes("callParameters")?;
            // Where there is no room for the input, there is none for the operation.
            let Some(kept) = context.keep(input.len()) else {
                return Ok(limit_reached());
            };
            let task = Task::Call {
                function,
                input,
                _kept: kept,
            };
            Ok(start_one(follow, context, at, task))
        },
    )?;
    operation_method(
        registry,
        const {
            &Method::new(
                "chainHead_v1_storage",
                "Starts reading storage after a pinned block. Each item counts as an operation; what there is no room \
                 for is discarded. Descendants come in pieces: chainHead_v1_continue asks for the next.",
                &[SUBSCRIPTION, BLOCK, ITEMS, CHILD_TRIE],
                STARTED,
            )
            .errors(PINNED)
        },
        start_storage,
    )?;
    raw_method(
        registry,
        const {
            &Method::new(
                "chainHead_v1_continue",
                "Lets an operation that waits for it go on.",
                &[SUBSCRIPTION, OPERATION],
                Schema::Null,
            )
            .errors(&[error::NOT_WAITING])
        },
        |arguments, _, extensions| async move {
            let id = arguments.text("operationId")?;
            let operation = follow_of(&arguments, &extensions)?.and_then(|follow| follow.operation(id));
            match operation.is_none_or(|operation| operation.resume()) {
                true => Ok(Value::Null),
                false => Err(error(
                    error::NOT_WAITING,
                    format!("operation {id} does not wait to be continued"),
                )),
            }
        },
    )?;
    raw_method(
        registry,
        const {
            &Method::new(
                "chainHead_v1_stopOperation",
                "Ends an operation. Nothing happens if there is none.",
                &[SUBSCRIPTION, OPERATION],
                Schema::Null,
            )
        },
        |arguments, _, extensions| async move {
            let id = arguments.text("operationId")?;
            if let Some(operation) = follow_of(&arguments, &extensions)?.and_then(|follow| follow.finish(id)) {
                operation.cancel();
            }
            Ok(Value::Null)
        },
    )
}

fn start_storage(
    arguments: &Arguments,
    context: &Arc<Context>,
    extensions: &Extensions,
) -> Result<ResponsePayload<'static, Value>, RpcError> {
    let (follow, at) = follow_and_block(arguments, extensions)?;
    let mut queries = queries(arguments.value("items")?, false)?;
    let in_child_trie = arguments.optional_bytes(CHILD_TRIE.name)?.is_some();
    let Some(follow) = follow else {
        return Ok(limit_reached());
    };
    // Between the look and the taking others may take some: then there are none.
    let free = follow.slots.available_permits().min(queries.len().max(1));
    let permits = u32::try_from(free).ok().filter(|free| *free > 0);
    let Some(permit) = permits.and_then(|free| follow.slots.clone().try_acquire_many_owned(free).ok()) else {
        return Ok(limit_reached());
    };
    let discarded = queries.len().saturating_sub(free);
    queries.truncate(free);
    if in_child_trie {
        queries.clear();
    }
    let task = Task::Storage(Reader::new(at, queries));
    Ok(start(&follow, context, permit, at, task, Some(discarded)))
}

fn start_one(
    follow: Option<Arc<Follow>>,
    context: &Arc<Context>,
    at: Hash,
    task: Task,
) -> ResponsePayload<'static, Value> {
    let room = follow.and_then(|follow| Some((follow.slots.clone().try_acquire_owned().ok()?, follow)));
    match room {
        Some((permit, follow)) => start(&follow, context, permit, at, task, None),
        None => limit_reached(),
    }
}

/// The subscription that a request names, if its connection has it.
fn follow_of(arguments: &Arguments, extensions: &Extensions) -> Result<Option<Arc<Follow>>, RpcError> {
    Ok(connection::of(extensions)
        .follows
        .get(arguments.text(SUBSCRIPTION.name)?))
}

/// As [`follow_of`], with a block that it must hold.
fn follow_and_block(arguments: &Arguments, extensions: &Extensions) -> Result<(Option<Arc<Follow>>, Hash), RpcError> {
    let hash = arguments.hash(BLOCK.name)?;
    let follow = follow_of(arguments, extensions)?;
    match follow {
        Some(follow) if !follow.pins.holds(hash) => Err(not_pinned(hash)),
        follow => Ok((follow, hash)),
    }
}

fn not_pinned(hash: Hash) -> RpcError {
    error(
        error::NOT_PINNED,
        format!("block {hash:?} is not pinned by this subscription"),
    )
}

fn too_many_follows(max: usize) -> RpcError {
    error(
        error::TOO_MANY_FOLLOWS,
        format!("the connection has {max} follow subscriptions, and no more"),
    )
}

fn id_text(id: &SubscriptionId) -> String {
    match id {
        SubscriptionId::Num(id) => id.to_string(),
        SubscriptionId::Str(id) => id.to_string(),
    }
}

/// The runtime in the state after a block.
fn runtime_event(node: &dyn Backend, at: Hash) -> Value {
    match node.runtime_version(at) {
        Ok(version) => {
            let apis: Map<String, Value> = version
                .apis
                .iter()
                .map(|(id, number)| (json::hex(id), (*number).into()))
                .collect();
            let spec = json!({
                "specName": version.spec_name,
                "implName": version.impl_name,
                "specVersion": version.spec_version,
                "implVersion": version.impl_version,
                "transactionVersion": version.transaction_version,
                "apis": apis,
            });
            json!({ "type": "valid", "spec": spec })
        }
        Err(error) => json!({ "type": "invalid", "error": error.to_string() }),
    }
}
