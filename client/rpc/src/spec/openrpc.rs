//! The OpenRPC document (open-rpc.org, version 1.3.2), from the specs. Subscriptions, which OpenRPC does not know, are
//! methods with an `x-subscription`; older names are in `x-aliases`.

use super::{Field, Interface, Method, Param, Schema, Subscription};
use crate::error::meaning;
use serde_json::{Map, Value, json};

/// The document of an interface.
pub fn document(interface: &Interface) -> Value {
    let mut named = Map::new();
    let mut methods: Vec<Value> = interface
        .methods
        .iter()
        .map(|method| describe(method, &mut named))
        .collect();
    for subscription in &interface.subscriptions {
        methods.push(describe_subscription(subscription, &mut named));
        methods.push(describe_end(subscription));
    }
    methods.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "Quids",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "JSON-RPC of a Quids node: Substrate's and Ethereum's methods and JSON, and its own under quids_.",
        },
        "methods": methods,
        "components": { "schemas": named },
    })
}

fn describe(method: &Method, named: &mut Map<String, Value>) -> Value {
    json!({
        "name": method.name,
        "summary": method.summary,
        "paramStructure": "either",
        "params": params(method.params, named),
        "result": { "name": "result", "schema": render(&method.result, named) },
        "errors": errors(method.errors),
        "x-aliases": method.aliases,
        "x-unsafe": method.is_unsafe,
    })
}

fn describe_subscription(subscription: &Subscription, named: &mut Map<String, Value>) -> Value {
    json!({
        "name": subscription.name,
        "summary": subscription.summary,
        "paramStructure": "either",
        "params": params(subscription.params, named),
        "result": { "name": "subscription", "schema": subscription_id() },
        "errors": errors(subscription.errors),
        "x-aliases": subscription.aliases,
        "x-unsafe": subscription.is_unsafe,
        "x-subscription": {
            "notification": subscription.notification,
            "unsubscribe": subscription.unsubscribe,
            "item": render(&subscription.item, named),
        },
    })
}

fn describe_end(subscription: &Subscription) -> Value {
    json!({
        "name": subscription.unsubscribe,
        "summary": format!("Ends a subscription of {}; false if there is none.", subscription.name),
        "paramStructure": "by-position",
        "params": [{ "name": "subscription", "required": true, "schema": subscription_id() }],
        "result": { "name": "result", "schema": { "type": "boolean" } },
        "errors": [],
        "x-aliases": subscription.unsubscribe_aliases,
        "x-unsafe": false,
    })
}

/// What jsonrpsee makes of it: a number here, a string for clients of other nodes.
fn subscription_id() -> Value {
    json!({ "type": ["integer", "string"] })
}

fn params(params: &[Param], named: &mut Map<String, Value>) -> Vec<Value> {
    let describe = |param: &Param| {
        json!({
            "name": param.name,
            "required": param.required,
            "description": param.doc,
            "schema": render(&param.schema, named),
        })
    };
    params.iter().map(describe).collect()
}

fn errors(codes: &[i32]) -> Vec<Value> {
    codes
        .iter()
        .map(|code| json!({ "code": code, "message": meaning(*code).unwrap_or_default() }))
        .collect()
}

/// As JSON Schema; named schemas go to `named` and are referred to.
fn render(schema: &Schema, named: &mut Map<String, Value>) -> Value {
    let pattern = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    match schema {
        Schema::Any => json!({}),
        Schema::Null => json!({ "type": "null" }),
        Schema::Bool => json!({ "type": "boolean" }),
        Schema::Number => json!({ "type": "integer", "minimum": 0, "maximum": 1u64 << 53 }),
        Schema::NumberOrHex => json!({ "oneOf": [
            { "type": "integer", "minimum": 0, "maximum": u32::MAX },
            pattern("^0x[0-9a-fA-F]{1,8}$"),
        ] }),
        Schema::Quantity => pattern("^0x(0|[1-9a-f][0-9a-f]*)$"),
        Schema::Decimal => pattern("^[0-9]+$"),
        Schema::Text => json!({ "type": "string" }),
        Schema::Bytes => pattern("^(0x([0-9a-fA-F]{2})*)?$"),
        Schema::Hash => pattern("^0x[0-9a-fA-F]{64}$"),
        Schema::Account | Schema::Address => pattern("^0x[0-9a-fA-F]{40}$"),
        Schema::Word(words) => json!({ "type": "string", "enum": words }),
        Schema::List(item) => json!({ "type": "array", "items": render(item, named) }),
        Schema::Tuple(items) => {
            let count = items.len();
            let items: Vec<_> = items.iter().map(|item| render(item, named)).collect();
            json!({ "type": "array", "items": items, "minItems": count, "maxItems": count })
        }
        Schema::Object(fields) => object(fields, false, named),
        Schema::Open(fields) => object(fields, true, named),
        Schema::Map(value) => json!({ "type": "object", "additionalProperties": render(value, named) }),
        Schema::Nullable(inner) => json!({ "oneOf": [render(inner, named), { "type": "null" }] }),
        Schema::OneOf(schemas) => {
            let schemas: Vec<_> = schemas.iter().map(|schema| render(schema, named)).collect();
            json!({ "anyOf": schemas })
        }
        Schema::Named(name, inner) => {
            if !named.contains_key(*name) {
                let rendered = render(inner, named);
                named.insert((*name).to_owned(), rendered);
            }
            json!({ "$ref": format!("#/components/schemas/{name}") })
        }
    }
}

fn object(fields: &[Field], is_open: bool, named: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for field in fields {
        let mut rendered = render(&field.schema, named);
        if let Some(object) = rendered.as_object_mut().filter(|_| !field.doc.is_empty()) {
            object.insert("description".into(), field.doc.into());
        }
        properties.insert(field.name.to_owned(), rendered);
    }
    let required: Vec<_> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": is_open })
}
