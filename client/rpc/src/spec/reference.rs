//! The reference for people, from the specs: Markdown.

use super::{Field, Interface, Method, Schema, Subscription};
use crate::error::codes;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

const HEAD: &str = "\
# RPC reference

Generated from the registry in `client/rpc`; a test fails when it is out of date. To renew it:
`QUIDS_BLESS=1 cargo nextest run -p quids-rpc -E 'test(reference)'`. The node serves the same as an OpenRPC document:
`rpc.discover`.

Parameters are given as a list or as an object by name; case and underscores in names do not count. A parameter with a
question mark may be left out or null. What is left over in a list is ignored, an unknown name is an error. A block that
is left out is the best. Extrinsics are hex with their SCALE length prefix. *Unsafe* methods answer only whom the node
trusts (see `client/rpc/README.md`), others get error -32601.
";

/// The whole reference.
pub fn reference(interface: &Interface) -> String {
    let mut sections = BTreeMap::<&str, Vec<(&str, String)>>::new();
    let mut named = BTreeMap::new();
    for method in &interface.methods {
        let section = sections.entry(namespace(method.name)).or_default();
        section.push((method.name, describe(method)));
        method
            .params
            .iter()
            .for_each(|param| collect(&param.schema, &mut named));
        collect(&method.result, &mut named);
    }
    for subscription in &interface.subscriptions {
        let section = sections.entry(namespace(subscription.name)).or_default();
        section.push((subscription.name, describe_subscription(subscription)));
        subscription
            .params
            .iter()
            .for_each(|param| collect(&param.schema, &mut named));
        collect(&subscription.item, &mut named);
    }
    let mut text = HEAD.to_owned();
    for (namespace, mut entries) in sections {
        entries.sort();
        text += &format!("\n## {namespace}\n");
        entries.iter().for_each(|(_, entry)| text += entry);
    }
    text += "\n## Types\n";
    for (name, schema) in named {
        text += &format!("\n### {name}\n\n");
        match schema {
            Schema::Object(fields) | Schema::Open(fields) => text += &fields.iter().map(line).collect::<String>(),
            other => text += &format!("{other}\n"),
        }
    }
    text += "\n## Errors\n\n| code | meaning |\n|---|---|\n";
    for (code, meaning) in codes() {
        text += &format!("| {code} | {meaning} |\n");
    }
    text
}

/// `chain` of `chain_getBlock`.
fn namespace(name: &str) -> &str {
    name.split(['_', '.']).next().unwrap_or(name)
}

fn describe(method: &Method) -> String {
    let owner = if method.is_unsafe { " (unsafe)" } else { "" };
    let mut text = format!("\n### {}{owner}\n\n{}\n\n", method.name, method.summary);
    text += &method.params.iter().map(line).collect::<String>();
    text += &format!("- answers {}\n", method.result);
    text += &tail(method.aliases, method.errors);
    text
}

fn describe_subscription(subscription: &Subscription) -> String {
    let Subscription {
        name,
        summary,
        notification,
        unsubscribe,
        ..
    } = subscription;
    let owner = if subscription.is_unsafe { " (unsafe)" } else { "" };
    let mut text = format!("\n### {name}{owner}\n\n{summary}\n\n");
    text += &subscription.params.iter().map(line).collect::<String>();
    text += &format!(
        "- tells {} as `{notification}`, until `{unsubscribe}`\n",
        subscription.item
    );
    text += &tail(
        &[subscription.aliases, subscription.unsubscribe_aliases].concat(),
        subscription.errors,
    );
    text
}

fn tail(aliases: &[&str], errors: &[i32]) -> String {
    let mut text = String::new();
    if !aliases.is_empty() {
        text += &format!("- also called `{}`\n", aliases.join("`, `"));
    }
    if !errors.is_empty() {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        text += &format!("- errors: {}\n", errors.join(", "));
    }
    text
}

fn line(field: &Field) -> String {
    let mark = if field.required { "" } else { "?" };
    let doc = if field.doc.is_empty() {
        String::new()
    } else {
        format!(": {}", field.doc)
    };
    format!("- `{}`{mark}, {}{doc}\n", field.name, field.schema)
}

fn collect(schema: &Schema, named: &mut BTreeMap<&'static str, Schema>) {
    match schema {
        Schema::Named(name, inner) => {
            named.insert(name, **inner);
            collect(inner, named);
        }
        Schema::List(inner) | Schema::Nullable(inner) | Schema::Map(inner) => collect(inner, named),
        Schema::Tuple(schemas) | Schema::OneOf(schemas) => schemas.iter().for_each(|schema| collect(schema, named)),
        Schema::Object(fields) | Schema::Open(fields) => fields.iter().for_each(|field| collect(&field.schema, named)),
        _ => {}
    }
}

/// For people: in the reference and in errors.
impl Display for Schema {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let join = |schemas: &[Schema], between: &str| {
            let schemas: Vec<_> = schemas.iter().map(ToString::to_string).collect();
            schemas.join(between)
        };
        match self {
            Self::Any => f.write_str("any JSON"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("true or false"),
            Self::Number => f.write_str("a whole number from 0 to 2^53"),
            Self::NumberOrHex => f.write_str("a number below 2^32 (plain, or hex with 0x)"),
            Self::Quantity => f.write_str("a number (hex with 0x, without leading zeros)"),
            Self::Decimal => f.write_str("a number (a string of decimal digits)"),
            Self::Text => f.write_str("text"),
            Self::Bytes => f.write_str("bytes (hex with 0x)"),
            Self::Hash => f.write_str("a hash (hex with 0x, 64 digits)"),
            Self::Address => f.write_str("an address (hex with 0x, 40 digits)"),
            Self::Account => f.write_str("an account (hex with 0x, 40 digits)"),
            Self::Word(words) => write!(f, "\"{}\"", words.join("\" or \"")),
            Self::List(item) => write!(f, "a list of [{item}]"),
            Self::Tuple(items) => write!(f, "[{}]", join(items, ", ")),
            Self::Object(fields) => {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|field| {
                        format!(
                            "{}{}: {}",
                            field.name,
                            if field.required { "" } else { "?" },
                            field.schema
                        )
                    })
                    .collect();
                write!(f, "{{ {} }}", fields.join(", "))
            }
            Self::Open(fields) => write!(f, "{} and other fields", Self::Object(fields)),
            Self::Map(value) => write!(f, "an object whose values are {value}"),
            Self::Nullable(inner) => write!(f, "{inner} or null"),
            Self::OneOf(schemas) => f.write_str(&join(schemas, " or ")),
            Self::Named(name, _) => f.write_str(name),
        }
    }
}
