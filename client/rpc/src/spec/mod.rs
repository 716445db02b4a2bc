//! What each method takes and answers, as constants: stated where the method is registered, read by the argument
//! parser, the OpenRPC document, the reference and the tests.

mod check;
mod openrpc;
mod reference;
pub mod shapes;

pub use check::Mismatch;
pub use openrpc::document;
pub use reference::reference;

/// The form of a JSON value.
#[derive(Clone, Copy, Debug)]
pub enum Schema {
    /// Whatever JSON there is.
    Any,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A whole number from 0 to 2^53.
    Number,
    /// A number below 2^32, plain or as a string of hex with `0x`.
    NumberOrHex,
    /// A number as a string of hex with `0x`, without leading zeros.
    Quantity,
    /// A number as a string of decimal digits.
    Decimal,
    /// A string.
    Text,
    /// A string of hex with `0x`, two digits a byte.
    Bytes,
    /// 32 bytes in hex.
    Hash,
    /// 20 bytes in hex; mixed case must be the EIP-55 checksum.
    Account,
    /// 20 bytes in hex, in any case.
    Address,
    /// One of these strings.
    Word(&'static [&'static str]),
    /// A list of equals.
    List(&'static Schema),
    /// A list of exactly these.
    Tuple(&'static [Schema]),
    /// An object of exactly these fields.
    Object(&'static [Field]),
    /// An object with these fields among others, which do not count.
    Open(&'static [Field]),
    /// An object whose field names are free.
    Map(&'static Schema),
    /// This or `null`.
    Nullable(&'static Schema),
    /// The first of these that fits.
    OneOf(&'static [Schema]),
    /// A schema with a name of its own in the documents.
    Named(&'static str, &'static Schema),
}

/// A parameter of a method or a field of an object.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// As in JSON.
    pub name: &'static str,
    /// What it holds.
    pub schema: Schema,
    /// Whether it must be there; one that need not be may also be null as a parameter.
    pub required: bool,
    /// What it means.
    pub doc: &'static str,
}

/// A parameter. Callers name it or give it at its place in the list.
pub type Param = Field;

/// A method.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// Older names.
    pub aliases: &'static [&'static str],
    /// What it does, in a sentence or two.
    pub summary: &'static str,
    /// In order; the required ones first.
    pub params: &'static [Param],
    /// What it answers.
    pub result: Schema,
    /// Codes it may fail with, besides JSON-RPC's own.
    pub errors: &'static [i32],
    /// Whether only the node's owner may call it.
    pub is_unsafe: bool,
    /// Whether it answers from memory, at once: such a method takes no turn of those that may block.
    pub is_quick: bool,
}

/// A subscription.
#[derive(Clone, Copy, Debug)]
pub struct Subscription {
    /// The method that subscribes.
    pub name: &'static str,
    /// Older names; the n-th goes with the n-th of `unsubscribe_aliases`.
    pub aliases: &'static [&'static str],
    /// The method that ends it.
    pub unsubscribe: &'static str,
    /// Its older names.
    pub unsubscribe_aliases: &'static [&'static str],
    /// The method name of what the server sends.
    pub notification: &'static str,
    /// What is told, and when.
    pub summary: &'static str,
    /// As in [`Method::params`].
    pub params: &'static [Param],
    /// What each notification holds.
    pub item: Schema,
    /// As in [`Method::errors`].
    pub errors: &'static [i32],
    /// As in [`Method::is_unsafe`].
    pub is_unsafe: bool,
}

/// All that a server offers.
#[derive(Clone, Debug, Default)]
pub struct Interface {
    /// By name.
    pub methods: Vec<&'static Method>,
    /// By name.
    pub subscriptions: Vec<&'static Subscription>,
}

impl Field {
    /// One that must be there.
    pub const fn required(name: &'static str, schema: Schema, doc: &'static str) -> Self {
        Self {
            name,
            schema,
            required: true,
            doc,
        }
    }

    /// One that may be absent.
    pub const fn optional(name: &'static str, schema: Schema, doc: &'static str) -> Self {
        Self {
            required: false,
            ..Self::required(name, schema, doc)
        }
    }
}

impl Method {
    /// A safe method without older names or errors of its own.
    pub const fn new(name: &'static str, summary: &'static str, params: &'static [Param], result: Schema) -> Self {
        Self {
            name,
            aliases: &[],
            summary,
            params,
            result,
            errors: &[],
            is_unsafe: false,
            is_quick: false,
        }
    }

    /// With older names.
    pub const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// With these error codes.
    pub const fn errors(self, errors: &'static [i32]) -> Self {
        Self { errors, ..self }
    }

    /// Answers from memory, at once.
    pub const fn quick(self) -> Self {
        Self { is_quick: true, ..self }
    }

    /// For the node's owner only.
    pub const fn for_owner(self) -> Self {
        Self {
            is_unsafe: true,
            ..self
        }
    }
}

impl Interface {
    /// Every name that can be called: methods, subscriptions and their ends, older names included; sorted.
    pub fn names(&self) -> Vec<&'static str> {
        let methods = self
            .methods
            .iter()
            .flat_map(|method| [method.name].into_iter().chain(method.aliases.to_vec()));
        let subscriptions = self.subscriptions.iter().flat_map(|subscription| {
            [subscription.name, subscription.unsubscribe]
                .into_iter()
                .chain(subscription.aliases.to_vec())
                .chain(subscription.unsubscribe_aliases.to_vec())
        });
        let mut names: Vec<_> = methods.chain(subscriptions).collect();
        names.sort_unstable();
        names
    }
}
