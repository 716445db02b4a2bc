//! `quids_checkUpgrade`: what a new runtime would do to this chain.

use super::registry::{Registered, Registry, method};
use crate::error::{self, from_backend};
use crate::spec::{Field, Method, Param, Schema};

const VERSIONS: Schema = Schema::Object(&[
    Field::required("old", Schema::Number, "of the code that runs"),
    Field::required("new", Schema::Number, ""),
]);

const LIMITED: Schema = Schema::Object(&[
    Field::required("used", Schema::Number, ""),
    Field::required(
        "limit",
        Schema::Nullable(&Schema::Number),
        "null if the running code does not tell it",
    ),
]);

const MIGRATION: Schema = Schema::Object(&[
    Field::required("weight", LIMITED, "picoseconds that the migrations say they take"),
    Field::required("proofSize", LIMITED, "bytes of proof that they say they need"),
    Field::required(
        "proofBytes",
        Schema::Nullable(&Schema::Number),
        "of a proof of all that they really touch; null if none may be so large",
    ),
    Field::required(
        "stepProofBytes",
        Schema::Number,
        "the same of the largest step of those that take many blocks; 0 without any",
    ),
    Field::required(
        "stepped",
        Schema::List(&Schema::Object(&[
            Field::required("id", Schema::Text, ""),
            Field::required("steps", Schema::Number, "blocks that it took"),
            Field::required(
                "pausesTransactions",
                Schema::Bool,
                "the chain takes no transactions meanwhile",
            ),
        ])),
        "those that take a step a block",
    ),
    Field::required(
        "items",
        Schema::List(&Schema::Object(&[
            Field::required("item", Schema::Text, "`Pallet.Item`"),
            Field::required("added", Schema::Number, "entries"),
            Field::required("changed", Schema::Number, ""),
            Field::required("removed", Schema::Number, ""),
        ])),
        "what they change",
    ),
]);

const UNDECODABLE: Schema = Schema::Object(&[
    Field::required("item", Schema::Text, "`Pallet.Item`"),
    Field::required("entries", Schema::Number, "that the new runtime cannot read"),
    Field::required("firstKey", Schema::Bytes, "of one of them"),
    Field::required("reason", Schema::Text, "what is wrong with it"),
]);

const INTERFACE: Schema = Schema::Object(&[
    Field::required("what", Schema::Text, "such as `call Balances.transfer`"),
    Field::required("change", Schema::Text, ""),
    Field::required(
        "isBreaking",
        Schema::Bool,
        "bytes that were right before are wrong or mean something else",
    ),
]);

const REPLAY: Schema = Schema::Object(&[
    Field::required("from", Schema::Number, "height"),
    Field::required(
        "to",
        Schema::Number,
        "height; less than `from` if there was no block to replay",
    ),
    Field::required("extrinsics", Schema::Number, ""),
    Field::required(
        "ofUpgrades",
        Schema::Number,
        "calls of pallet upgrade; what they do hangs on the version that runs, so they are not compared",
    ),
    Field::required("differencesInAll", Schema::Number, ""),
    Field::required(
        "differences",
        Schema::List(&Schema::Object(&[
            Field::required("block", Schema::Number, "height"),
            Field::required(
                "extrinsic",
                Schema::Nullable(&Schema::Number),
                "index; null for what the block does by itself",
            ),
            Field::required("old", Schema::Text, "the first step that differs, as it was"),
            Field::required("new", Schema::Text, "and under the new code"),
        ])),
        "the first thousand",
    ),
]);

const CHECK: Schema = Schema::Named(
    "UpgradeCheck",
    &Schema::Object(&[
        Field::required("block", Schema::Number, "on whose state it ran"),
        Field::required("specName", Schema::Text, ""),
        Field::required("specVersion", VERSIONS, ""),
        Field::required("transactionVersion", VERSIONS, ""),
        Field::required("codeBytes", Schema::Number, ""),
        Field::required("codeHash", Schema::Bytes, "512 bits, by which the chain authorizes it"),
        Field::required(
            "refusals",
            Schema::List(&Schema::Text),
            "why the chain would not take the code, or must not",
        ),
        Field::required(
            "migration",
            Schema::Nullable(&MIGRATION),
            "null if the migrations did not run to their end",
        ),
        Field::required("interface", Schema::List(&INTERFACE), "what others see of it"),
        Field::required("undecodable", Schema::List(&UNDECODABLE), "after the migrations"),
        Field::required(
            "broken",
            Schema::List(&Schema::Text),
            "what pallets say of their state and does not hold after the migrations",
        ),
        Field::required("entries", Schema::Number, "of the state that were read"),
        Field::required(
            "replay",
            Schema::Nullable(&REPLAY),
            "null if it was not asked for, or failed",
        ),
    ]),
);

const CODE: Param = Param::required("code", Schema::Bytes, "the runtime, WASM");

const REPLAYED: Param = Param::optional("blocks", Schema::NumberOrHex, "to replay; 20 if left out, 1000 at most");

/// Blocks that are replayed if nobody says how many.
const BLOCKS: u32 = 20;

pub fn register(registry: &mut Registry) -> Registered {
    method(
        registry,
        const {
            &Method::new(
                "quids_checkUpgrade",
                "Runs a new runtime on the last block's state and throws away what it does: what the chain would say to it, what \
                 its migrations change, what it could not read, what changes for others, and how the last blocks would have come out. \
                 One at a time; takes seconds on a large state.",
                &[CODE, REPLAYED],
                CHECK,
            )
            .errors(&[error::CLIENT])
            .for_owner()
        },
        |node, arguments| {
            let blocks = arguments.optional_number("blocks")?.unwrap_or(BLOCKS);
            let code = arguments.bytes("code")?;
            node.check_upgrade(&code, blocks).map_err(from_backend)
        },
    )
}
