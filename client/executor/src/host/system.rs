//! Log, panic message, the trial run of another runtime, and guarded calls of this one.

use super::{Ctx, HostFailure, answer, bytes, charge, memory, range};
use crate::{
    CheckError,
    check::Next,
    limits::{CHECK_FUEL_MAX, LOG_SIZE_MAX, PANIC_SIZE_MAX},
};
use codec::{DecodeAll, Encode};
use quids_api::CheckedRuntime;
use quids_core::Header;
use quids_io::{
    ExtError,
    abi::{CODE_SIZE_MAX, GUARDED_ANSWER_MAX},
    with_externalities,
};
use std::ops::Range;
use wasmtime::{Error, Result};

/// Fuel of a line of the log; a byte costs one more.
const LOG: u64 = 1_000;

pub(super) fn log(mut caller: Ctx<'_>, level: u32, message: u32, length: u32) -> Result<()> {
    charge(&mut caller, LOG + u64::from(length))?;
    let message = bytes(memory(&mut caller)?, message, length)?;
    let message = String::from_utf8_lossy(&message[..message.len().min(LOG_SIZE_MAX)]);
    with_externalities(|e| e.log(u8::try_from(level.clamp(1, 5)).unwrap_or(5), &message));
    Ok(())
}

pub(super) fn panic(mut caller: Ctx<'_>, message: u32, length: u32) -> Result<()> {
    charge(&mut caller, LOG + u64::from(length))?;
    let message = bytes(memory(&mut caller)?, message, length)?;
    let message = String::from_utf8_lossy(&message[..message.len().min(PANIC_SIZE_MAX)]).into_owned();
    caller.data_mut().panic = Some(message);
    Ok(())
}

/// Inside a trial run it ends the caller, which is refused for it.
pub(super) fn runtime_check_v1(mut caller: Ctx<'_>, code: u32, length: u32, out: u32, capacity: u32) -> Result<i64> {
    let Some(checker) = caller.data().checker.clone() else {
        return Err(Error::new(HostFailure::Call(ExtError::Unavailable(
            "a trial run inside a trial run",
        ))));
    };
    let (code, out) = code_and_out(&mut caller, (code, length), (out, capacity))?;
    let verdict = verdict(checker.check(&code, &Next::Unlimited))?;
    Ok(answer(&mut memory(&mut caller)?[out], &verdict.encode()))
}

/// Inside a trial run, whose block may end with an activation as any does, it refuses.
pub(super) fn runtime_check_v2(
    mut caller: Ctx<'_>,
    code: u32,
    length: u32,
    header: u32,
    header_length: u32,
    out: u32,
    capacity: u32,
) -> Result<i64> {
    charge(&mut caller, LOG)?;
    // Before anything is copied: no fuel is paid for that.
    let Some(checker) = caller.data().checker.clone() else {
        let guest = memory(&mut caller)?;
        let out = range(guest.len(), out, capacity)?;
        let refusal: std::result::Result<Vec<u8>, String> = Err("a trial run inside a trial run".into());
        return Ok(answer(&mut guest[out], &refusal.encode()));
    };
    let (code, out) = code_and_out(&mut caller, (code, length), (out, capacity))?;
    let next = match bytes(memory(&mut caller)?, header, header_length)? {
        [] => Ok(Next::Later),
        bytes => Header::decode_all(&mut &*bytes).map(|header| Next::Block(Box::new(header))),
    };
    let verdict = match next {
        Ok(next) => verdict(checker.check(&code, &next))?,
        Err(_) => Err("the header of the next block does not decode".into()),
    };
    Ok(answer(&mut memory(&mut caller)?[out], &verdict.encode()))
}

/// The code in the caller's memory, and where the answer goes.
fn code_and_out(caller: &mut Ctx<'_>, code: (u32, u32), out: (u32, u32)) -> Result<(Vec<u8>, Range<usize>)> {
    let guest = memory(caller)?;
    let out = range(guest.len(), out.0, out.1)?;
    let code = bytes(guest, code.0, code.1)?;
    // One byte more than allowed is enough to be refused for its size.
    Ok((code[..code.len().min(CODE_SIZE_MAX + 1)].to_vec(), out))
}

/// The verdict in words that are the same on every node. What only this node suffers from (a backend that cannot be read, no free
/// instance) ends the caller with a local error instead.
fn verdict(checked: std::result::Result<CheckedRuntime, CheckError>) -> Result<std::result::Result<Vec<u8>, String>> {
    match checked {
        Ok(checked) => Ok(Ok(checked.encode())),
        Err(CheckError::Refused(error)) => {
            tracing::debug!("a runtime was refused: {error}");
            Ok(Err(error.stable_reason()))
        }
        Err(CheckError::Local(error)) => Err(Error::new(HostFailure::Executor(error))),
    }
}

/// The answer is given once, since the call changes the state: hence the buffer that holds any. Words and local failures
/// are as in [`verdict`].
pub(super) fn guarded_call(
    mut caller: Ctx<'_>,
    api: u32,
    api_length: u32,
    input: u32,
    input_length: u32,
    out: u32,
    capacity: u32,
) -> Result<i64> {
    let Some(checker) = caller.data().checker.clone() else {
        return Err(Error::new(HostFailure::Call(ExtError::Unavailable(
            "a guarded call inside another one or a trial run",
        ))));
    };
    if (capacity as usize) < GUARDED_ANSWER_MAX {
        return Err(Error::new(HostFailure::Call(ExtError::Unavailable(
            "a guarded call with too small a buffer",
        ))));
    }
    charge(&mut caller, CHECK_FUEL_MAX)?;
    let guest = memory(&mut caller)?;
    let out = range(guest.len(), out, capacity)?;
    let api = String::from_utf8_lossy(bytes(guest, api, api_length)?).into_owned();
    let input = bytes(guest, input, input_length)?.to_vec();
    let outcome: std::result::Result<Vec<u8>, String> = match checker.call_guarded(&api, &input) {
        Ok(output) => Ok(output),
        Err(CheckError::Refused(error)) => {
            tracing::warn!("{api} failed and was undone: {error}");
            Err(error.stable_reason())
        }
        Err(CheckError::Local(error)) => return Err(Error::new(HostFailure::Executor(error))),
    };
    Ok(answer(&mut memory(&mut caller)?[out], &outcome.encode()))
}
