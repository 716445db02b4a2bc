//! `archive_v1_*`: any block that the node has.

mod diff;

use super::chain_head::storage::{KINDS, Reader, queries};
use super::chain_head::{CALL_PARAMETERS, CHILD_TRIE, ChainHeadLimits, FUNCTION};
use super::registry::{Registered, Registry, method, subscription};
use super::subscribe::send;
use super::{Context, blocking};
use crate::connection::{self, Connection};
use crate::error::{self, RpcError, error, from_backend};
use crate::params::Arguments;
use crate::spec::shapes::{BYTES_LIST, HASH_LIST};
use crate::spec::{Field, Method, Param, Schema, Subscription};
use crate::{Backend, BackendError, json};
use codec::Encode;
use diff::Differ;
use jsonrpsee::core::server::PendingSubscriptionSink;
use quids_core::{Hash, Height};
use serde_json::{Value, json};
use std::sync::Arc;

/// Archive subscriptions that the node works on at once. They end by themselves, or with their slow reader.
pub const STREAMS_MAX: usize = 16;

const BLOCK: Param = Field::required("hash", Schema::Hash, "the block");

const HEIGHT: Param = Field::required("height", Schema::Number, "");
const CALLED: Schema = Schema::OneOf(&[
    Schema::Null,
    Schema::Object(&[
        Field::required("success", Schema::Bool, "true"),
        Field::required("value", Schema::Bytes, ""),
    ]),
    Schema::Object(&[
        Field::required("success", Schema::Bool, "false"),
        Field::required("error", Schema::Text, "for developers"),
    ]),
]);

const STORAGE: Subscription = Subscription {
    name: "archive_v1_storage",
    aliases: &[],
    unsubscribe: "archive_v1_stopStorage",
    unsubscribe_aliases: &[],
    notification: "archive_v1_storageEvent",
    summary: "Reads storage after a block. One event for each entry that there is, then the end.",
    params: &[
        BLOCK,
        Field::required(
            "items",
            Schema::List(&Schema::Object(&[
                Field::required("key", Schema::Bytes, ""),
                Field::required("type", Schema::Word(KINDS), ""),
                Field::optional(
                    "paginationStartKey",
                    Schema::Nullable(&Schema::Bytes),
                    "descendants after this key",
                ),
            ])),
            "",
        ),
        CHILD_TRIE,
    ],
    item: Schema::OneOf(&[
        Schema::Object(&[
            Field::required("event", Schema::Word(&["storage"]), ""),
            Field::required("key", Schema::Bytes, ""),
            Field::optional("value", Schema::Bytes, ""),
            Field::optional("hash", Schema::Hash, "BLAKE3-256 of the value"),
            Field::optional("closestDescendantMerkleValue", Schema::Bytes, ""),
        ]),
        Schema::Object(&[Field::required(
            "event",
            Schema::Word(&["storageDone"]),
            "the last event",
        )]),
        Schema::Object(&[
            Field::required("event", Schema::Word(&["storageError"]), "the last event"),
            Field::required("error", Schema::Text, "for developers"),
        ]),
    ]),
    errors: &[error::TOO_MANY_FOLLOWS],
    is_unsafe: false,
};

const STORAGE_DIFF: Subscription = Subscription {
    name: "archive_v1_storageDiff",
    aliases: &[],
    unsubscribe: "archive_v1_stopStorageDiff",
    unsubscribe_aliases: &[],
    notification: "archive_v1_storageDiffEvent",
    summary: "Compares the storage after a block with that after an earlier one.",
    params: &[
        BLOCK,
        Field::optional(
            "items",
            Schema::List(&Schema::Object(&[
                Field::optional("key", Schema::Bytes, "entries that begin with this; all if left out"),
                Field::required("returnType", Schema::Word(&["value", "hash"]), ""),
                Field::optional("childTrieKey", Schema::Nullable(&Schema::Bytes), CHILD_TRIE.doc),
            ])),
            "the values of all entries if left out",
        ),
        Field::optional("previousHash", Schema::Hash, "an ancestor; the parent if left out"),
    ],
    item: Schema::OneOf(&[
        Schema::Object(&[
            Field::required("event", Schema::Word(&["storageDiff"]), ""),
            Field::required("key", Schema::Bytes, ""),
            Field::optional("value", Schema::Bytes, "the old value if deleted"),
            Field::optional("hash", Schema::Hash, "BLAKE3-256 of the value"),
            Field::required("type", Schema::Word(&["added", "modified", "deleted"]), ""),
        ]),
        Schema::Object(&[Field::required(
            "event",
            Schema::Word(&["storageDiffDone"]),
            "the last event",
        )]),
        Schema::Object(&[
            Field::required("event", Schema::Word(&["storageDiffError"]), "the last event"),
            Field::required("error", Schema::Text, "for developers"),
        ]),
    ]),
    errors: &[error::TOO_MANY_FOLLOWS],
    is_unsafe: false,
};

pub fn register(registry: &mut Registry) -> Registered {
    register_blocks(registry)?;
    method(
        registry,
        const {
            &Method::new(
                "archive_v1_call",
                "Calls a runtime API on the state after a block; what it writes is not kept. Null if there is no such \
                 block.",
                &[BLOCK, FUNCTION, CALL_PARAMETERS],
                CALLED,
            )
        },
        |node, arguments| {
            let (function, input) = (arguments.text("function")?, arguments.bytes("callParameters")?);
            match node.call(arguments.hash("hash")?, function, &input) {
                Ok(output) => Ok(json!({ "success": true, "value": json::bytes(&output) })),
                Err(BackendError::UnknownBlock(_)) => Ok(Value::Null),
                Err(cause @ BackendError::Internal(_)) => Err(from_backend(cause)),
                Err(cause) => Ok(json!({ "success": false, "error": cause.to_string() })),
            }
        },
    )?;
    subscription(registry, &STORAGE, |params, pending, context, extensions| async move {
        let source = Arguments::new(&params, STORAGE.params).and_then(|arguments| {
            let mut queries = queries(arguments.value("items")?, true)?;
            if arguments.optional(CHILD_TRIE.name).is_some() {
                queries.clear();
            }
            let at = arguments.hash("hash")?;
            Ok(Entries {
                at,
                reader: Reader::new(at, queries),
            })
        });
        stream(source, pending, context, connection::of(&extensions)).await;
    })?;
    subscription(
        registry,
        &STORAGE_DIFF,
        |params, pending, context, extensions| async move {
            let source = Arguments::new(&params, STORAGE_DIFF.params).and_then(|arguments| Differ::new(&arguments));
            stream(source, pending, context, connection::of(&extensions)).await;
        },
    )
}

fn register_blocks(registry: &mut Registry) -> Registered {
    method(
        registry,
        const {
            &Method::new(
                "archive_v1_finalizedHeight",
                "The height of the last final block.",
                &[],
                Schema::Number,
            )
        },
        |node, _| {
            let header = super::header_of(node, node.finalised_hash())?;
            Ok(header.number.0.into())
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "archive_v1_genesisHash",
                "The hash of the chain's first block.",
                &[],
                Schema::Hash,
            )
        },
        |node, _| super::chain_spec::genesis_hash(node),
    )?;
    method(
        registry,
        const {
            &Method::new(
                "archive_v1_hashByHeight",
                "The blocks at a height: one if it is final, else all that the node has.",
                &[HEIGHT],
                HASH_LIST,
            )
        },
        |node, arguments| {
            // No block is beyond 2^32.
            let height = arguments
                .value("height")?
                .as_u64()
                .and_then(|height| u32::try_from(height).ok());
            let hashes = height.map(|height| node.hashes_at(Height(height)).map_err(from_backend));
            let hashes = hashes.transpose()?.unwrap_or_default();
            Ok(hashes.iter().map(json::hash).collect())
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "archive_v1_header",
                "A block's header in SCALE; null if there is no such block.",
                &[BLOCK],
                Schema::Nullable(&Schema::Bytes),
            )
        },
        |node, arguments| {
            let header = node.header(arguments.hash("hash")?).map_err(from_backend)?;
            Ok(header.map_or(Value::Null, |header| json::bytes(&header.encode())))
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "archive_v1_body",
                "A block's extrinsics, each with its length prefix; null if there is no such block.",
                &[BLOCK],
                Schema::Nullable(&BYTES_LIST),
            )
        },
        |node, arguments| {
            let body = node.body(arguments.hash("hash")?).map_err(from_backend)?;
            Ok(body.map_or(Value::Null, |body| json::list(body.iter().map(Encode::encode))))
        },
    )
}

/// A finite answer in pieces.
trait Source: Send + 'static {
    /// What its last event is called, without `Done` and `Error`.
    const NAME: &'static str;
    /// The next events; may be none before the end. May block.
    fn next(&mut self, node: &dyn Backend, limits: &ChainHeadLimits) -> Result<Vec<Value>, String>;
    /// Whether all is said.
    fn is_done(&self) -> bool;
}

struct Entries {
    at: Hash,
    reader: Reader,
}

impl Source for Entries {
    const NAME: &'static str = "storage";

    fn next(&mut self, node: &dyn Backend, limits: &ChainHeadLimits) -> Result<Vec<Value>, String> {
        if self.reader.is_done() {
            // Nothing was asked; of an unknown block even that is an error.
            let header = node.header(self.at).map_err(|error| error.to_string())?;
            header.ok_or_else(|| BackendError::UnknownBlock(self.at).to_string())?;
        }
        let mut items = self.reader.next(node, limits).map_err(|error| error.to_string())?;
        for item in &mut items {
            item["event"] = "storage".into();
        }
        Ok(items)
    }

    fn is_done(&self) -> bool {
        self.reader.is_done()
    }
}

/// Sends all that a source has, as fast as the subscriber reads.
async fn stream<S: Source>(
    source: Result<S, RpcError>,
    pending: PendingSubscriptionSink,
    context: Arc<Context>,
    connection: Arc<Connection>,
) {
    let mut source = match source {
        Ok(source) => source,
        Err(error) => return pending.reject(error).await,
    };
    let Ok(_own) = connection.archive_streams.clone().try_acquire_owned() else {
        let max = connection::ARCHIVE_STREAMS_MAX;
        let message = format!("the connection has {max} archive subscriptions, and no more");
        return pending.reject(error(error::TOO_MANY_FOLLOWS, message)).await;
    };
    let Ok(_slot) = context.archive_streams.clone().try_acquire_owned() else {
        let message = format!("the node works on {STREAMS_MAX} archive subscriptions, and no more");
        return pending.reject(error(error::TOO_MANY_FOLLOWS, message)).await;
    };
    let Ok(sink) = pending.accept().await else { return };
    loop {
        if sink.is_closed() {
            return;
        }
        let shared = context.clone();
        let step = blocking(&context, move || {
            let events = source.next(&*shared.backend, &shared.config.chain_head);
            (source, events)
        });
        let failed = |error: String| json!({ "event": format!("{}Error", S::NAME), "error": error });
        let events = match step.await {
            Some((after, Ok(events))) => {
                source = after;
                events
            }
            Some((_, Err(error))) => {
                send(&sink, &context, &failed(error)).await;
                return;
            }
            None => {
                send(&sink, &context, &failed("the node failed to read".into())).await;
                return;
            }
        };
        for event in events {
            if !send(&sink, &context, &event).await {
                return;
            }
        }
        if source.is_done() {
            let event = json!({ "event": format!("{}Done", S::NAME) });
            send(&sink, &context, &event).await;
            return;
        }
    }
}
