//! Log, panic message, and the trial run of another runtime.

use super::{Ctx, HostFailure, answer, bytes, charge, memory, range};
use crate::{
    CheckError,
    limits::{LOG_SIZE_MAX, PANIC_SIZE_MAX},
};
use codec::Encode;
use quids_io::{ExtError, abi::CODE_SIZE_MAX, with_externalities};
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

/// The answer holds the verdict in words that are the same on every node. What only this node suffers from (a
/// backend that cannot be read, no free instance) ends the caller with a local error instead.
pub(super) fn runtime_check(mut caller: Ctx<'_>, code: u32, length: u32, out: u32, capacity: u32) -> Result<i64> {
    let Some(checker) = caller.data().checker.clone() else {
        return Err(Error::new(HostFailure::Call(ExtError::Unavailable(
            "a trial run inside a trial run",
        ))));
    };
    let guest = memory(&mut caller)?;
    let out = range(guest.len(), out, capacity)?;
    let code = bytes(guest, code, length)?;
    // One byte more than allowed is enough to be refused for its size.
    let code = code[..code.len().min(CODE_SIZE_MAX + 1)].to_vec();
    let verdict: std::result::Result<Vec<u8>, String> = match checker.check(&code) {
        Ok(checked) => Ok(checked.encode()),
        Err(CheckError::Refused(error)) => {
            tracing::debug!("a runtime was refused: {error}");
            Err(error.stable_reason())
        }
        Err(CheckError::Local(error)) => return Err(Error::new(HostFailure::Local(error))),
    };
    Ok(answer(&mut memory(&mut caller)?[out], &verdict.encode()))
}
