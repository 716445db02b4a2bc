//! Blocks executed again: `state_traceBlock` and `dev_getBlockStats`. Costly, so for the node's owner.

use super::registry::{Registered, Registry, method};
use crate::error::{self, RpcError, from_backend};
use crate::params::Arguments;
use crate::spec::{Field, Method, Param, Schema};
use crate::{Backend, TraceRecord};
use quids_core::Hash;
use serde_json::{Value, json};

/// Bytes that a trace may come to as JSON; more is an answer of its own, as in Substrate.
const TRACE_BYTES_MAX: usize = 12 << 20;
/// What an event's punctuation and names come to.
const EVENT_BYTES: usize = 120;

const ERRORS: &[i32] = &[error::CLIENT];

const BLOCK: Param = Param::required("block", Schema::Hash, "");
const BLOCK_HASH: Param = Param::required("blockHash", Schema::Hash, "");
const TARGETS: Param = Param::optional(
    "targets",
    Schema::Text,
    "beginnings of targets, separated by commas; spans have `executive`, events `state`; all if left out",
);
const STORAGE_KEYS: Param = Param::optional(
    "storageKeys",
    Schema::Text,
    "beginnings of storage keys in hex without 0x, separated by commas; all if left out",
);
const METHODS: Param = Param::optional(
    "methods",
    Schema::Text,
    "what is done to storage, separated by commas: Get, Exists, Put, Clear, ClearPrefix, Append, Add, NextKey, Root; \
     all if left out",
);

const SPAN: Schema = Schema::Object(&[
    Field::required("id", Schema::Number, ""),
    Field::required("parentId", Schema::Nullable(&Schema::Number), ""),
    Field::required(
        "name",
        Schema::Text,
        "initialize_block, apply_extrinsic 0 and so on, finalize_block",
    ),
    Field::required("target", Schema::Text, ""),
    Field::required("wasm", Schema::Bool, ""),
]);

const EVENT: Schema = Schema::Object(&[
    Field::required("target", Schema::Text, ""),
    Field::required(
        "data",
        Schema::Object(&[Field::required(
            "stringValues",
            Schema::Map(&Schema::Text),
            "method, key, and result or value; bytes are hex without 0x",
        )]),
        "",
    ),
    Field::required("parentId", Schema::Number, "the span"),
]);

const TRACE: Schema = Schema::Named(
    "TraceBlockResponse",
    &Schema::OneOf(&[
        Schema::Object(&[Field::required(
            "blockTrace",
            Schema::Object(&[
                Field::required("blockHash", Schema::Text, "without 0x"),
                Field::required("parentHash", Schema::Text, "without 0x"),
                Field::required("tracingTargets", Schema::Text, "as asked"),
                Field::required("storageKeys", Schema::Text, "as asked"),
                Field::required("methods", Schema::Text, "as asked"),
                Field::required("spans", Schema::List(&SPAN), ""),
                Field::required("events", Schema::List(&EVENT), ""),
            ]),
            "",
        )]),
        Schema::Object(&[Field::required(
            "traceError",
            Schema::Object(&[Field::required("error", Schema::Text, "")]),
            "",
        )]),
    ]),
);

const STATS: Schema = Schema::Nullable(&Schema::Object(&[
    Field::required(
        "witnessLen",
        Schema::Number,
        "bytes of the proof of what the block reads and writes",
    ),
    Field::required(
        "witnessCompactLen",
        Schema::Number,
        "the same here: the trie's proofs are compact",
    ),
    Field::required("blockLen", Schema::Number, "bytes of the block"),
    Field::required("numExtrinsics", Schema::Number, ""),
]));

pub fn register(registry: &mut Registry) -> Registered {
    method(
        registry,
        const {
            &Method::new(
                "state_traceBlock",
                "Executes a block again and tells what its parts did to the storage.",
                &[BLOCK, TARGETS, STORAGE_KEYS, METHODS],
                TRACE,
            )
            .errors(ERRORS)
            .for_owner()
        },
        |node, arguments| trace(node, arguments),
    )?;
    method(
        registry,
        const {
            &Method::new(
                "dev_getBlockStats",
                "Executes a block again and measures it; null if the block or its body is unknown.",
                &[BLOCK_HASH],
                STATS,
            )
            .errors(ERRORS)
            .for_owner()
        },
        |node, arguments| {
            let stats = node.block_stats(arguments.hash("blockHash")?).map_err(from_backend)?;
            Ok(json!(stats))
        },
    )
}

/// What of a trace is asked for.
struct Filter<'a> {
    targets: &'a str,
    keys: &'a str,
    methods: &'a str,
}

impl Filter<'_> {
    /// Whether `text` begins with a part of `list`, or that is empty.
    fn admits(list: &str, text: &str) -> bool {
        list.is_empty() || list.split(',').any(|start| text.starts_with(start))
    }

    fn wants_event(&self, method: &str, key: &str) -> bool {
        let methods = self.methods;
        Self::admits(self.targets, "state")
            && Self::admits(self.keys, key)
            && (methods.is_empty() || methods.split(',').any(|wanted| wanted == method))
    }
}

fn trace(node: &dyn Backend, arguments: &Arguments) -> Result<Value, RpcError> {
    let block = arguments.hash("block")?;
    let filter = Filter {
        targets: arguments.optional_text("targets")?.unwrap_or_default(),
        keys: arguments.optional_text("storageKeys")?.unwrap_or_default(),
        methods: arguments.optional_text("methods")?.unwrap_or_default(),
    };
    let (mut spans, mut events, mut bytes) = (Vec::new(), Vec::new(), 0);
    let parent = node
        .trace_block(block, &mut |record| {
            match record {
                TraceRecord::Span { id, name } if Filter::admits(filter.targets, "executive") => {
                    bytes += EVENT_BYTES + name.len();
                    spans.push(json!({
                        "id": id, "parentId": null, "name": name, "target": "executive", "wasm": true,
                    }));
                }
                TraceRecord::Span { .. } => {}
                TraceRecord::Access {
                    span,
                    method,
                    key,
                    values,
                } => {
                    let key = const_hex::encode(key);
                    if filter.wants_event(method, &key) {
                        bytes += EVENT_BYTES + key.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>();
                        events.push(event(span, method, key, values));
                    }
                }
            }
            bytes <= TRACE_BYTES_MAX
        })
        .map_err(from_backend)?;
    let plain = |hash: &Hash| const_hex::encode(hash.as_bytes());
    let Some(parent) = parent else {
        return Ok(json!({ "traceError": { "error": format!("block {} or its body is unknown", plain(&block)) } }));
    };
    if bytes > TRACE_BYTES_MAX {
        let error = format!("the trace has more than {TRACE_BYTES_MAX} bytes: name storage keys or methods");
        return Ok(json!({ "traceError": { "error": error } }));
    }
    Ok(json!({ "blockTrace": {
        "blockHash": plain(&block),
        "parentHash": plain(&parent),
        "tracingTargets": filter.targets,
        "storageKeys": filter.keys,
        "methods": filter.methods,
        "spans": spans,
        "events": events,
    } }))
}

fn event(span: u64, method: &str, key: String, values: Vec<(&str, String)>) -> Value {
    let mut strings: serde_json::Map<String, Value> = values
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    strings.insert("method".into(), method.into());
    strings.insert("key".into(), key.into());
    json!({ "target": "state", "data": { "stringValues": strings }, "parentId": span })
}
