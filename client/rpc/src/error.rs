//! Errors as JSON-RPC objects: Substrate's codes where it has them, each with `data` that a program can tell apart.

use crate::{BackendError, SubmitError, SubmitErrorKind};
use jsonrpsee::types::ErrorObjectOwned;

/// What a method answers when it fails.
pub type RpcError = ErrorObjectOwned;

/// JSON-RPC's own: the text is no JSON.
pub const PARSE: i32 = -32700;
/// JSON-RPC's own: the JSON is no request.
pub const INVALID_REQUEST: i32 = -32600;
/// JSON-RPC's own: there is no such method, or not for this caller.
pub const METHOD_NOT_FOUND: i32 = -32601;
/// JSON-RPC's own: the parameters do not fit.
pub const INVALID_PARAMS: i32 = -32602;
/// JSON-RPC's own: the node's fault.
pub const INTERNAL: i32 = -32603;
/// jsonrpsee's limits.
pub const BATCHES_DISABLED: i32 = -32005;
pub const SUBSCRIPTIONS: i32 = -32006;
pub const REQUEST_BYTES: i32 = -32007;
pub const RESPONSE_BYTES: i32 = -32008;
pub const BUSY: i32 = -32009;
pub const BATCH_LENGTH: i32 = -32010;
pub const BATCH_RESPONSE_BYTES: i32 = -32011;
/// Substrate's rate limit.
pub const RATE: i32 = -32999;
/// Substrate's `author`: the bytes are no extrinsic.
pub const BAD_EXTRINSIC: i32 = 1001;
/// Substrate's `state`: a range whose ends are not on one chain.
pub const BAD_BLOCK_RANGE: i32 = 4001;
/// Substrate's `state`: a count past the limit.
pub const BAD_COUNT: i32 = 4002;
/// Substrate's `state`: anything the client could not do: unknown block, failed execution.
pub const CLIENT: i32 = 4003;
/// Substrate's `payment` and `accountNextIndex`: the runtime failed.
pub const RUNTIME: i32 = 1;
/// Substrate's `payment` and `accountNextIndex`: the answer does not decode.
pub const DECODE: i32 = 2;

/// Ethereum's: what a call, a transaction or a query fails with, in go-ethereum's words.
pub const ETHEREUM: i32 = -32000;
/// Ethereum's: the contract reverted; the data is what it said.
pub const REVERTED: i32 = 3;

/// The new interface's: the connection, or the node, has as many such subscriptions as it may.
pub const TOO_MANY_FOLLOWS: i32 = -32800;
/// The new interface's: the block is not pinned by the subscription.
pub const NOT_PINNED: i32 = -32801;
/// The new interface's: a call through a subscription made without the runtime.
pub const WITHOUT_RUNTIME: i32 = -32802;
/// The new interface's: the operation does not wait to be continued.
pub const NOT_WAITING: i32 = -32803;
/// The new interface's: a block named twice.
pub const DUPLICATE_HASHES: i32 = -32804;

/// Every code that is not a transaction's: the key that its `data` begins with, and what it means. Neither ever changes.
pub const TABLE: &[(i32, &str, &str)] = &[
    (PARSE, "parse", "no JSON"),
    (INVALID_REQUEST, "request", "no JSON-RPC request"),
    (
        METHOD_NOT_FOUND,
        "method",
        "no such method, or an unsafe one asked by a stranger",
    ),
    (
        INVALID_PARAMS,
        "params",
        "the parameters do not fit; data says `code 60N` and which",
    ),
    (INTERNAL, "internal", "the node's own fault"),
    (BATCHES_DISABLED, "limit.batches", "this node takes no batches"),
    (SUBSCRIPTIONS, "limit.subscriptions", "too many subscriptions"),
    (REQUEST_BYTES, "limit.request_bytes", "the request is too long"),
    (RESPONSE_BYTES, "limit.response_bytes", "the response would be too long"),
    (BUSY, "limit.busy", "the node has too much to do"),
    (BATCH_LENGTH, "limit.batch_length", "the batch has too many requests"),
    (
        BATCH_RESPONSE_BYTES,
        "limit.batch_response_bytes",
        "the batch's response would be too long",
    ),
    (RATE, "limit.rate", "too many requests from this address"),
    (TOO_MANY_FOLLOWS, "limit.follows", "too many such subscriptions"),
    (NOT_PINNED, "not_pinned", "the block is not pinned by the subscription"),
    (
        WITHOUT_RUNTIME,
        "without_runtime",
        "the subscription was made without the runtime",
    ),
    (
        NOT_WAITING,
        "not_waiting",
        "the operation does not wait to be continued",
    ),
    (DUPLICATE_HASHES, "duplicate_hashes", "a block is named twice"),
    (RUNTIME, "runtime", "the runtime failed"),
    (DECODE, "decode", "the runtime's answer does not decode"),
    (BAD_BLOCK_RANGE, "block_range", "the blocks are not on one chain"),
    (BAD_COUNT, "count", "more than a request may ask for"),
    (
        CLIENT,
        "client",
        "unknown block, failed execution, unknown function, or nothing that this node has",
    ),
];

/// A transaction's codes, Substrate's; their `data` is `code N: reason` with `PoolError::code`.
const POOL: &[(i32, &str)] = &[
    (BAD_EXTRINSIC, "no extrinsic"),
    (1002, "the runtime could not be asked about the transaction"),
    (1010, "the transaction is invalid"),
    (1011, "nobody can tell whether the transaction is valid"),
    (1012, "the transaction was invalid a moment ago"),
    (1013, "the pool has the transaction"),
    (1014, "the transaction's priority is too low to replace another"),
    (1016, "the pool is full, or the transaction too large for it"),
];

/// Ethereum's codes. Tools take their data for what a contract said, so there is no other.
const EVM: &[(i32, &str)] = &[
    (
        ETHEREUM,
        "the EVM, its pool or its chain refuses, in go-ethereum's words",
    ),
    (REVERTED, "execution reverted; data is what the contract said"),
    (-38010, "nonce too low"),
    (-38011, "nonce too high"),
    (-38012, "the fee cap is below the base fee"),
    (-38013, "intrinsic gas too low"),
    (-38014, "insufficient funds"),
    (-38015, "more gas than a block has"),
    (-38020, "block numbers out of order"),
    (-38021, "block timestamps out of order"),
    (-38024, "the sender is a contract"),
    (-38025, "the initialisation code is too large"),
    (-38026, "more blocks or calls than a simulation may have"),
];

/// Every code that a method may name, with its meaning.
pub fn codes() -> impl Iterator<Item = (i32, &'static str)> {
    let own = TABLE.iter().map(|(code, _, meaning)| (*code, *meaning));
    own.chain(POOL.iter().copied()).chain(EVM.iter().copied())
}

/// What a code means; `None` for one that is not known.
pub fn meaning(code: i32) -> Option<&'static str> {
    codes().find(|(known, _)| *known == code).map(|(_, meaning)| meaning)
}

fn key(code: i32) -> Option<&'static str> {
    TABLE.iter().find(|(known, ..)| *known == code).map(|(_, key, _)| *key)
}

/// An error whose data is the code's key.
pub fn error(code: i32, message: impl Into<String>) -> RpcError {
    ErrorObjectOwned::owned(code, message, key(code))
}

/// An error whose data is the code's key and `detail`.
pub fn detailed(code: i32, message: impl Into<String>, detail: impl std::fmt::Display) -> RpcError {
    let data = key(code).map(|key| format!("{key}: {detail}"));
    ErrorObjectOwned::owned(code, message, data)
}

/// Bytes of what is said of a wrong parameter.
const MESSAGE_BYTES_MAX: usize = 320;

/// Parameters that do not fit. `code` never changes its meaning: 601 no list or object, 602 one is missing, 603 one
/// does not fit, 604 too many values, 605 unknown name, 606 the node refuses what they mean, 607 they ask for more than
/// there is in one answer.
pub fn invalid_params(code: u16, message: impl Into<String>) -> RpcError {
    let mut message = message.into();
    // Whatever was wrong may be in it, as long as it is.
    if let Some((cut, _)) = message.char_indices().find(|(at, _)| *at >= MESSAGE_BYTES_MAX) {
        message.truncate(cut);
        message.push('…');
    }
    let data = format!("code {code}: {message}");
    ErrorObjectOwned::owned(INVALID_PARAMS, message, Some(data))
}

/// An unsafe method asked by somebody whom the node does not trust, in Substrate's words.
pub fn unsafe_refused() -> RpcError {
    error(METHOD_NOT_FOUND, "RPC call is unsafe to be called externally")
}

pub fn undecodable(what: &str) -> RpcError {
    error(DECODE, format!("the runtime's {what} does not decode"))
}

/// More than a request may ask for.
pub fn too_many(value: usize, max: usize) -> RpcError {
    detailed(
        BAD_COUNT,
        format!("count exceeds maximum value. value: {value}, max: {max}"),
        format_args!("{value} of at most {max}"),
    )
}

pub fn from_backend(cause: BackendError) -> RpcError {
    match cause {
        BackendError::Internal(_) => error(INTERNAL, cause.to_string()),
        BackendError::Refused(reason) => invalid_params(606, reason),
        _ => error(CLIENT, format!("Client error: {cause}")),
    }
}

/// An error of Ethereum's methods.
pub fn ethereum(message: impl Into<String>) -> RpcError {
    ErrorObjectOwned::owned(ETHEREUM, message, None::<()>)
}

/// As [`from_backend`], as Ethereum's tools know it.
pub fn from_evm_backend(cause: BackendError) -> RpcError {
    match cause {
        BackendError::Internal(_) | BackendError::Refused(_) => from_backend(cause),
        BackendError::UnknownBlock(_) => ethereum("header not found"),
        _ => ethereum(cause.to_string()),
    }
}

/// As [`from_backend`], but with the code of the methods that wrap one runtime call.
pub fn from_runtime_call(cause: BackendError) -> RpcError {
    match cause {
        BackendError::Execution(_) | BackendError::UnknownApi(_) => {
            detailed(RUNTIME, "Unable to query the runtime", cause)
        }
        other => from_backend(other),
    }
}

/// `data` is a string, which wallets show: `code N: reason`, with our stable number.
pub fn from_submit(cause: SubmitError) -> RpcError {
    let message = match cause.kind {
        SubmitErrorKind::Verification => "Verification Error",
        SubmitErrorKind::Invalid => "Invalid Transaction",
        SubmitErrorKind::Unknown => "Unknown Transaction Validity",
        SubmitErrorKind::TemporarilyBanned => "Transaction is temporarily banned",
        SubmitErrorKind::AlreadyImported => "Transaction Already Imported",
        SubmitErrorKind::TooLowPriority => "Priority is too low",
        SubmitErrorKind::ImmediatelyDropped => "Immediately Dropped",
    };
    let data = format!("code {}: {}", cause.code, cause.message);
    ErrorObjectOwned::owned(cause.kind as i32, message, Some(data))
}

/// The node's own fault.
pub fn internal(message: impl Into<String>) -> RpcError {
    error(INTERNAL, message)
}

/// The text is no JSON.
pub fn parse() -> RpcError {
    error(PARSE, "Parse error")
}

/// The JSON is no request.
pub fn invalid_request(detail: &str) -> RpcError {
    detailed(INVALID_REQUEST, "Invalid request", detail)
}

/// There is no such method; a long name is cut.
pub fn method_not_found(name: &str) -> RpcError {
    let name: String = name.chars().take(64).collect();
    detailed(METHOD_NOT_FOUND, "Method not found", name)
}

/// A method that answers with a stream was called over HTTP.
pub fn needs_websocket(name: &str) -> RpcError {
    detailed(
        METHOD_NOT_FOUND,
        "Method not found",
        format_args!("{name} needs a WebSocket"),
    )
}

/// The node has too much to do.
pub fn busy(detail: &str) -> RpcError {
    detailed(BUSY, "Server is busy, try again later", detail)
}

/// A limit with numbers: how much there was, if known, and how much there may be.
pub fn limit(code: i32, value: Option<usize>, max: usize) -> RpcError {
    let message = match code {
        BATCHES_DISABLED => "Batched requests are not supported by this server",
        SUBSCRIPTIONS => "Too many subscriptions",
        REQUEST_BYTES => "Request is too big",
        RESPONSE_BYTES => "Response is too big",
        BATCH_LENGTH => "The batch request was too large",
        BATCH_RESPONSE_BYTES => "The batch response was too large",
        RATE => "RPC rate limit exceeded",
        _ => "Limit exceeded",
    };
    match value {
        Some(value) => detailed(code, message, format_args!("{value} of at most {max}")),
        None => detailed(code, message, format_args!("at most {max}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_and_keys_are_those_of_the_readme() {
        let readme = include_str!("../README.md");
        let (_, rest) = readme.split_once("## Errors").unwrap();
        let section = rest.split("\n## ").next().unwrap();
        let rows: BTreeSet<(i32, String)> = section
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
                let code = cells.next()?.replace('−', "-").parse().ok()?;
                let key = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
                Some((code, key.to_owned()))
            })
            .collect();
        let table: BTreeSet<(i32, String)> = TABLE.iter().map(|(code, key, _)| (*code, (*key).to_owned())).collect();
        assert_eq!(table, rows);
        assert_eq!(table.len(), TABLE.len());
        let keys: BTreeSet<_> = TABLE.iter().map(|(_, key, _)| key).collect();
        assert_eq!(keys.len(), TABLE.len(), "a key twice");
    }

    #[test]
    fn every_code_has_data() {
        for (code, key, _) in TABLE {
            let data = error(*code, "").data().unwrap().get().to_owned();
            assert_eq!(data, format!("{key:?}"));
            let data = limit(*code, Some(200), 100).data().unwrap().get().to_owned();
            assert_eq!(data, format!("\"{key}: 200 of at most 100\""));
        }
    }
}
