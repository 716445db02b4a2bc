//! Errors as JSON-RPC objects, with Substrate's codes where it has them.

use crate::{BackendError, SubmitError, SubmitErrorKind};
use jsonrpsee::types::{ErrorCode, ErrorObjectOwned};

/// What a method answers when it fails.
pub type RpcError = ErrorObjectOwned;

/// JSON-RPC's own: the parameters do not fit.
pub const INVALID_PARAMS: i32 = -32602;
/// JSON-RPC's own: the node's fault.
pub const INTERNAL: i32 = -32603;
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

/// Every code that a method may name, with its meaning.
pub const CODES: &[(i32, &str)] = &[
    (-32700, "no JSON"),
    (-32600, "no JSON-RPC request"),
    (-32601, "no such method, or an unsafe one asked by a stranger"),
    (
        INVALID_PARAMS,
        "the parameters do not fit; data says `code 60N` and which",
    ),
    (INTERNAL, "the node's own fault"),
    (RUNTIME, "the runtime failed"),
    (DECODE, "the runtime's answer does not decode"),
    (BAD_EXTRINSIC, "no extrinsic"),
    (1002, "the runtime could not be asked about the transaction"),
    (1010, "the transaction is invalid"),
    (1011, "nobody can tell whether the transaction is valid"),
    (1012, "the transaction was invalid a moment ago"),
    (1013, "the pool has the transaction"),
    (1014, "the transaction's priority is too low to replace another"),
    (1016, "the pool is full, or the transaction too large for it"),
    (BAD_BLOCK_RANGE, "the blocks are not on one chain"),
    (BAD_COUNT, "more than a request may ask for"),
    (
        CLIENT,
        "unknown block, failed execution, unknown function, or nothing that this node has",
    ),
];

/// What a code means; `None` for one that is not in the list.
pub fn meaning(code: i32) -> Option<&'static str> {
    CODES
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, meaning)| *meaning)
}

/// An error without data.
pub fn error(code: i32, message: impl Into<String>) -> RpcError {
    ErrorObjectOwned::owned(code, message, None::<()>)
}

/// Parameters that do not fit. `code` never changes its meaning: 601 no list or object, 602 one is missing, 603 one
/// does not fit, 604 too many values, 605 unknown name, 606 the node refuses what they mean.
pub fn invalid_params(code: u16, message: impl Into<String>) -> RpcError {
    let message = message.into();
    let data = format!("code {code}: {message}");
    ErrorObjectOwned::owned(INVALID_PARAMS, message, Some(data))
}

/// An unsafe method asked by somebody whom the node does not trust, in Substrate's words.
pub fn unsafe_refused() -> RpcError {
    error(
        ErrorCode::MethodNotFound.code(),
        "RPC call is unsafe to be called externally",
    )
}

pub fn undecodable(what: &str) -> RpcError {
    error(DECODE, format!("the runtime's {what} does not decode"))
}

/// More than a request may ask for.
pub fn too_many(value: usize, max: usize) -> RpcError {
    error(
        BAD_COUNT,
        format!("count exceeds maximum value. value: {value}, max: {max}"),
    )
}

pub fn from_backend(cause: BackendError) -> RpcError {
    match cause {
        BackendError::Internal(_) => error(INTERNAL, cause.to_string()),
        BackendError::Refused(reason) => invalid_params(606, reason),
        _ => error(CLIENT, format!("Client error: {cause}")),
    }
}

/// As [`from_backend`], but with the code of the methods that wrap one runtime call.
pub fn from_runtime_call(cause: BackendError) -> RpcError {
    match cause {
        BackendError::Execution(_) | BackendError::UnknownApi(_) => {
            let data = cause.to_string();
            ErrorObjectOwned::owned(RUNTIME, "Unable to query the runtime", Some(data))
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
