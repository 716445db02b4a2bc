//! The form of Ethereum's blocks, transactions, receipts and logs.

use super::place::NUMBER;
use crate::spec::{Field, Param, Schema};

/// An amount that a caller gives.
pub const AMOUNT: Schema = Schema::Named("Amount", &Schema::OneOf(&[Schema::Quantity, Schema::Number]));
const ADDRESS_OR_NULL: Schema = Schema::Nullable(&Schema::Address);
const AMOUNT_OR_NULL: Schema = Schema::Nullable(&AMOUNT);
const BYTES_OR_NULL: Schema = Schema::Nullable(&Schema::Bytes);
const QUANTITY_OR_NULL: Schema = Schema::Nullable(&Schema::Quantity);
const HASH_OR_NULL: Schema = Schema::Nullable(&Schema::Hash);

/// An address.
pub const ADDRESS: Param = Field::required("address", Schema::Address, "20 bytes");
/// A transaction's hash.
pub const TRANSACTION_HASH: Param = Field::required("transactionHash", Schema::Hash, "of the transaction");
/// A block's hash.
pub const BLOCK_HASH: Param = Field::required("blockHash", Schema::Hash, "of the block");
/// A block's number or tag.
pub const BLOCK_NUMBER: Param = Field::required("blockNumber", NUMBER, "");
/// A place in a block.
pub const INDEX: Param = Field::required("index", AMOUNT, "place in the block, from 0");
/// Whether a block comes with its transactions.
pub const HYDRATED: Param = Field::optional("hydratedTransactions", Schema::Bool, "transactions in full, not hashes");

pub const ACCESS_LIST: Schema = Schema::Named(
    "AccessList",
    &Schema::List(&Schema::Object(&[
        Field::required("address", Schema::Address, ""),
        Field::required("storageKeys", Schema::List(&Schema::Hash), ""),
    ])),
);

const AUTHORIZATIONS: Schema = Schema::List(&Schema::Open(&[
    Field::required("chainId", AMOUNT, ""),
    Field::required("address", Schema::Address, ""),
    Field::required("nonce", AMOUNT, ""),
    Field::required("yParity", AMOUNT, ""),
    Field::required("r", AMOUNT, ""),
    Field::required("s", AMOUNT, ""),
]));

/// What a call is made of.
pub const CALL: Schema = Schema::Named(
    "CallRequest",
    &Schema::Open(&[
        Field::optional("from", ADDRESS_OR_NULL, "the zero address if left out"),
        Field::optional("to", ADDRESS_OR_NULL, "a creation if left out"),
        Field::optional("gas", AMOUNT_OR_NULL, "at most 50 000 000, which is also the default"),
        Field::optional("gasPrice", AMOUNT_OR_NULL, "wei a gas"),
        Field::optional("maxFeePerGas", AMOUNT_OR_NULL, "wei a gas"),
        Field::optional("maxPriorityFeePerGas", AMOUNT_OR_NULL, "wei a gas"),
        Field::optional("value", AMOUNT_OR_NULL, "wei"),
        Field::optional("nonce", AMOUNT_OR_NULL, ""),
        Field::optional("input", BYTES_OR_NULL, ""),
        Field::optional("data", BYTES_OR_NULL, "the older name of input"),
        Field::optional("chainId", AMOUNT_OR_NULL, ""),
        Field::optional("accessList", Schema::Nullable(&ACCESS_LIST), ""),
        Field::optional("authorizationList", Schema::Nullable(&AUTHORIZATIONS), "EIP-7702"),
        Field::optional(
            "type",
            Schema::Any,
            "\"0x71\": post-quantum, whose signature costs gas; else told from the fields",
        ),
        Field::optional(
            "scheme",
            AMOUNT_OR_NULL,
            "of type 0x71, by its tag; the sender's bound key's if left out",
        ),
        Field::optional(
            "withKey",
            Schema::Nullable(&Schema::Bool),
            "of a scheme: it carries the key, so if left out",
        ),
    ]),
);

/// A call as a parameter.
pub const CALL_PARAM: Param = Field::required("transaction", CALL, "the call");

/// State overrides by address.
pub const STATE_OVERRIDES: Schema = Schema::Named(
    "StateOverrides",
    &Schema::Map(&Schema::Open(&[
        Field::optional("balance", AMOUNT_OR_NULL, "wei"),
        Field::optional("nonce", AMOUNT_OR_NULL, ""),
        Field::optional("code", BYTES_OR_NULL, ""),
        Field::optional(
            "state",
            Schema::Nullable(&Schema::Map(&Schema::Hash)),
            "all storage, by slot",
        ),
        Field::optional(
            "stateDiff",
            Schema::Nullable(&Schema::Map(&Schema::Hash)),
            "some storage, by slot",
        ),
        Field::optional("movePrecompileToAddress", ADDRESS_OR_NULL, ""),
    ])),
);

/// Block overrides.
pub const BLOCK_OVERRIDES: Schema = Schema::Named(
    "BlockOverrides",
    &Schema::Open(&[
        Field::optional("number", AMOUNT_OR_NULL, ""),
        Field::optional("time", AMOUNT_OR_NULL, "seconds since 1970"),
        Field::optional("gasLimit", AMOUNT_OR_NULL, ""),
        Field::optional("feeRecipient", ADDRESS_OR_NULL, "also called coinbase"),
        Field::optional("prevRandao", HASH_OR_NULL, "also called random"),
        Field::optional("baseFeePerGas", AMOUNT_OR_NULL, "wei a gas, also called baseFee"),
        Field::optional("blockHash", Schema::Nullable(&Schema::Map(&Schema::Hash)), "by number"),
    ]),
);

pub const LOG: Schema = Schema::Named(
    "Log",
    &Schema::Object(&[
        Field::required("address", Schema::Address, ""),
        Field::required("topics", Schema::List(&Schema::Hash), ""),
        Field::required("data", Schema::Bytes, ""),
        Field::required("blockNumber", Schema::Quantity, ""),
        Field::required("blockHash", Schema::Hash, ""),
        Field::required("blockTimestamp", Schema::Quantity, "seconds since 1970"),
        Field::required("transactionHash", Schema::Hash, ""),
        Field::required("transactionIndex", Schema::Quantity, ""),
        Field::required("logIndex", Schema::Quantity, "in the block"),
        Field::required("removed", Schema::Bool, "the block is no longer on the chain"),
    ]),
);

pub const RECEIPT: Schema = Schema::Named(
    "Receipt",
    &Schema::Object(&[
        Field::required("type", Schema::Quantity, ""),
        Field::required("status", Schema::Quantity, "1: success"),
        Field::required("cumulativeGasUsed", Schema::Quantity, ""),
        Field::required("gasUsed", Schema::Quantity, ""),
        Field::required("effectiveGasPrice", Schema::Quantity, "wei a gas"),
        Field::required("logs", Schema::List(&LOG), ""),
        Field::required("logsBloom", Schema::Bytes, ""),
        Field::required("transactionHash", Schema::Hash, ""),
        Field::required("transactionIndex", Schema::Quantity, ""),
        Field::required("blockHash", Schema::Hash, ""),
        Field::required("blockNumber", Schema::Quantity, ""),
        Field::required("from", Schema::Address, ""),
        Field::required("to", ADDRESS_OR_NULL, ""),
        Field::required("contractAddress", ADDRESS_OR_NULL, "what a creation made"),
    ]),
);

pub const TRANSACTION: Schema = Schema::Named(
    "Transaction",
    &Schema::Object(&[
        Field::required("type", Schema::Quantity, "EIP-2718; 0x71 is post-quantum"),
        Field::required("hash", Schema::Hash, ""),
        Field::required("from", Schema::Address, ""),
        Field::required("to", ADDRESS_OR_NULL, ""),
        Field::required("nonce", Schema::Quantity, ""),
        Field::required("value", Schema::Quantity, "wei"),
        Field::required("input", Schema::Bytes, ""),
        Field::required("gas", Schema::Quantity, "the most it may take"),
        Field::required("gasPrice", Schema::Quantity, "what was paid; the most, before"),
        Field::optional("maxFeePerGas", Schema::Quantity, ""),
        Field::optional("maxPriorityFeePerGas", Schema::Quantity, ""),
        Field::optional("chainId", Schema::Quantity, ""),
        Field::optional("accessList", ACCESS_LIST, ""),
        Field::optional("authorizationList", AUTHORIZATIONS, ""),
        Field::required("v", Schema::Quantity, "as r and s, zero for a post-quantum transaction"),
        Field::required("r", Schema::Quantity, ""),
        Field::required("s", Schema::Quantity, ""),
        Field::optional("yParity", Schema::Quantity, ""),
        Field::optional("scheme", Schema::Quantity, "of type 0x71: tag of the signature scheme"),
        Field::optional("sender", Schema::Address, "of type 0x71"),
        Field::optional(
            "publicKey",
            Schema::Bytes,
            "of type 0x71; empty where it was bound before",
        ),
        Field::optional("quantumSignature", Schema::Bytes, "of type 0x71"),
        Field::required("blockHash", HASH_OR_NULL, "null: not in a block"),
        Field::required("blockNumber", QUANTITY_OR_NULL, ""),
        Field::required("blockTimestamp", QUANTITY_OR_NULL, "seconds since 1970"),
        Field::required("transactionIndex", QUANTITY_OR_NULL, ""),
    ]),
);

/// The fields that a block has whether its transactions come along or not.
macro_rules! header_fields {
    ($($more:expr),* $(,)?) => {
        &[
            Field::required("number", Schema::Quantity, ""),
            Field::required("hash", HASH_OR_NULL, "the chain's; null for a pending block"),
            Field::required("parentHash", Schema::Hash, ""),
            Field::required("nonce", BYTES_OR_NULL, "zero; null for a pending block"),
            Field::required("mixHash", Schema::Hash, "prevrandao"),
            Field::required("sha3Uncles", Schema::Hash, "of no uncles"),
            Field::required("logsBloom", Schema::Bytes, ""),
            Field::required("transactionsRoot", Schema::Hash, "the header's extrinsics root"),
            Field::required("stateRoot", Schema::Hash, "the header's: a BLAKE3 trie's"),
            Field::required("receiptsRoot", Schema::Hash, "Ethereum's trie over the receipts"),
            Field::required("miner", Schema::Address, ""),
            Field::required("difficulty", Schema::Quantity, "zero"),
            Field::required("extraData", Schema::Bytes, "empty"),
            Field::required("gasLimit", Schema::Quantity, ""),
            Field::required("gasUsed", Schema::Quantity, ""),
            Field::required("timestamp", Schema::Quantity, "seconds since 1970"),
            Field::required("baseFeePerGas", Schema::Quantity, "wei"),
            Field::required("withdrawalsRoot", Schema::Hash, "of no withdrawals"),
            Field::required("blobGasUsed", Schema::Quantity, "zero"),
            Field::required("excessBlobGas", Schema::Quantity, "zero"),
            Field::required("parentBeaconBlockRoot", Schema::Hash, "zero"),
            Field::required("requestsHash", Schema::Hash, "of no requests"),
            $($more),*
        ]
    };
}

pub const HEADER: Schema = Schema::Named("EthereumHeader", &Schema::Object(header_fields!()));

pub const BLOCK: Schema = Schema::Named(
    "EthereumBlock",
    &Schema::Object(header_fields!(
        Field::required("size", Schema::Quantity, "bytes of the SCALE of header and extrinsics"),
        Field::required(
            "transactions",
            Schema::List(&Schema::OneOf(&[Schema::Hash, TRANSACTION])),
            "those of the EVM",
        ),
        Field::required("uncles", Schema::List(&Schema::Hash), "none"),
        Field::required("withdrawals", Schema::List(&Schema::Any), "none"),
    )),
);
