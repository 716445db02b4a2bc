//! `rpc_*`: what there is to call.

use super::registry::{Registered, Registry, method};
use crate::spec::{Field, Method, Schema, document};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// The same for every node: the specifications are constants.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document(&super::interface()));
static NAMES: LazyLock<Value> = LazyLock::new(|| json!({ "methods": super::interface().names() }));

const METHODS: Schema = Schema::Object(&[Field::required("methods", Schema::List(&Schema::Text), "sorted")]);

pub fn register(registry: &mut Registry) -> Registered {
    method(
        registry,
        const {
            &Method::new(
                "rpc_methods",
                "The names of everything that can be called.",
                &[],
                METHODS,
            )
        },
        |_, _| Ok(NAMES.clone()),
    )?;
    method(
        registry,
        const {
            &Method::new(
                "rpc_modules",
                "The namespaces of Ethereum's methods, with go-ethereum's versions.",
                &[],
                Schema::Map(&Schema::Text),
            )
            .quick()
        },
        |_, _| {
            Ok(["debug", "eth", "net", "ots", "trace", "txpool", "web3"]
                .map(|name| (name, "1.0"))
                .into_iter()
                .collect())
        },
    )?;
    method(
        registry,
        const {
            &Method::new(
                "rpc.discover",
                "This interface as an OpenRPC document.",
                &[],
                Schema::Any,
            )
            .aliases(&["rpc_discover"])
        },
        |_, _| Ok(DOCUMENT.clone()),
    )
}
