//! Errors as JSON-RPC objects, with Substrate's codes where it has them.

use crate::{BackendError, SubmitError, SubmitErrorKind};
use jsonrpsee::types::ErrorObjectOwned;

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

/// An error without data.
pub fn error(code: i32, message: impl Into<String>) -> RpcError {
    ErrorObjectOwned::owned(code, message, None::<()>)
}

pub fn invalid_params(message: impl Into<String>) -> RpcError {
    error(INVALID_PARAMS, message)
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
