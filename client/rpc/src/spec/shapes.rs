//! Parameters and values that several methods share.

use super::{Field, Param, Schema};

/// A block, the best if left out; Substrate calls this parameter `hash`.
pub const HASH: Param = Field::optional("hash", Schema::Hash, "the block; the best if left out");
/// As [`HASH`], where Substrate calls it `at`.
pub const AT: Param = Field::optional("at", Schema::Hash, "the block; the best if left out");
/// An extrinsic.
pub const EXTRINSIC: Param = Field::required("extrinsic", Schema::Bytes, "the extrinsic with its length prefix");
/// A storage key.
pub const KEY: Param = Field::required("key", Schema::Bytes, "the storage key");
/// Storage keys.
pub const KEYS: Param = Field::required("keys", BYTES_LIST, "at most 1024 storage keys; each counts once");

/// A list of bytes.
pub const BYTES_LIST: Schema = Schema::List(&Schema::Bytes);
/// A list of hashes.
pub const HASH_LIST: Schema = Schema::List(&Schema::Hash);

/// A header.
pub const HEADER: Schema = Schema::Named(
    "Header",
    &Schema::Object(&[
        Field::required("parentHash", Schema::Hash, ""),
        Field::required("number", Schema::Quantity, "the height"),
        Field::required("stateRoot", Schema::Hash, ""),
        Field::required("extrinsicsRoot", Schema::Hash, ""),
        Field::required(
            "digest",
            Schema::Object(&[Field::required("logs", BYTES_LIST, "SCALE of each digest item")]),
            "",
        ),
    ]),
);

/// A block with what proves it.
pub const SIGNED_BLOCK: Schema = Schema::Named(
    "SignedBlock",
    &Schema::Object(&[
        Field::required(
            "block",
            Schema::Object(&[
                Field::required("header", HEADER, ""),
                Field::required("extrinsics", BYTES_LIST, "each with its length prefix"),
            ]),
            "",
        ),
        Field::required(
            "justifications",
            Schema::Nullable(&Schema::List(&Schema::Any)),
            "pairs of engine (`POBP`) and SCALE of the proof, as lists of bytes; null if it came without",
        ),
    ]),
);

/// A runtime's version.
pub const RUNTIME_VERSION: Schema = Schema::Named(
    "RuntimeVersion",
    &Schema::Object(&[
        Field::required("specName", Schema::Text, ""),
        Field::required("implName", Schema::Text, ""),
        Field::required("authoringVersion", Schema::Number, ""),
        Field::required("specVersion", Schema::Number, ""),
        Field::required("implVersion", Schema::Number, ""),
        Field::required(
            "apis",
            Schema::List(&Schema::Tuple(&[Schema::Bytes, Schema::Number])),
            "8 bytes of each API's hash, and its version",
        ),
        Field::required("transactionVersion", Schema::Number, ""),
        Field::required("systemVersion", Schema::Number, ""),
        Field::required("stateVersion", Schema::Number, ""),
    ]),
);

/// What storage keys hold after a block.
pub const CHANGE_SET: Schema = Schema::Named(
    "StorageChangeSet",
    &Schema::Object(&[
        Field::required("block", Schema::Hash, ""),
        Field::required(
            "changes",
            Schema::List(&Schema::Tuple(&[Schema::Bytes, Schema::Nullable(&Schema::Bytes)])),
            "key and value; null if there is none",
        ),
    ]),
);

/// What becomes of a transaction.
pub const TRANSACTION_STATUS: Schema = Schema::Named(
    "TransactionStatus",
    &Schema::OneOf(&[
        Schema::Word(&["future", "ready", "dropped", "invalid"]),
        Schema::Object(&[Field::required("broadcast", Schema::List(&Schema::Text), "")]),
        Schema::Object(&[Field::required("inBlock", Schema::Hash, "")]),
        Schema::Object(&[Field::required("retracted", Schema::Hash, "")]),
        Schema::Object(&[Field::required("finalized", Schema::Hash, "")]),
        Schema::Object(&[Field::required("finalityTimeout", Schema::Hash, "")]),
        Schema::Object(&[Field::required("usurped", Schema::Hash, "")]),
    ]),
);
