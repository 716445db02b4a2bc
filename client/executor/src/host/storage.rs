//! Storage host functions.

use super::{
    Ctx, HostFailure, answer, bytes, charge, ext, memory, range, show, show_keys, showable, with_input_and_output,
    write,
};
use crate::limits::VALUE_SHOWN_MAX;
use quids_io::ExtError;
use wasmtime::{Error, Result};

/// Fuel of one storage operation; a byte costs one more.
const OPERATION: u64 = 1_000;
/// Fuel of finding a next key.
const NEXT_KEY: u64 = 2_000;
/// Fuel of a root, whose real cost grows with the changes.
const ROOT: u64 = 60_000_000;

/// The value goes straight from the backend's slice into the guest's memory.
pub(super) fn get(mut caller: Ctx<'_>, key: u32, key_len: u32, out: u32, capacity: u32) -> Result<i64> {
    charge(&mut caller, OPERATION + u64::from(key_len))?;
    let memory = memory(&mut caller)?;
    let length = with_input_and_output(memory, (key, key_len), (out, capacity), |key, out| {
        let mut length = -1;
        ext(|e| e.get_with(key, &mut |value| length = value.map_or(-1, |value| answer(out, value))))?;
        Ok::<_, Error>(length)
    })??;
    let bytes = u64::try_from(length).unwrap_or(0);
    charge(&mut caller, bytes)?;
    touch(&mut caller, key, key_len, bytes)?;
    Ok(length)
}

pub(super) fn exists(mut caller: Ctx<'_>, key: u32, key_len: u32) -> Result<u32> {
    charge(&mut caller, OPERATION + u64::from(key_len))?;
    touch(&mut caller, key, key_len, 0)?;
    let key = bytes(memory(&mut caller)?, key, key_len)?;
    ext(|e| e.exists(key)).map(u32::from)
}

pub(super) fn set(mut caller: Ctx<'_>, key: u32, key_len: u32, value: u32, value_len: u32) -> Result<()> {
    charge(&mut caller, OPERATION + u64::from(key_len) + u64::from(value_len))?;
    touch(&mut caller, key, key_len, 0)?;
    write(&mut caller, u64::from(key_len) + u64::from(value_len))?;
    let memory = memory(&mut caller)?;
    let (key, value) = (bytes(memory, key, key_len)?, bytes(memory, value, value_len)?);
    ext(|e| e.set(key, value))
}

pub(super) fn clear(mut caller: Ctx<'_>, key: u32, key_len: u32) -> Result<()> {
    charge(&mut caller, OPERATION + u64::from(key_len))?;
    touch(&mut caller, key, key_len, 0)?;
    let key = bytes(memory(&mut caller)?, key, key_len)?;
    ext(|e| e.clear(key))
}

pub(super) fn clear_prefix(mut caller: Ctx<'_>, prefix: u32, length: u32, limit: u32) -> Result<u64> {
    charge(&mut caller, OPERATION + u64::from(length))?;
    if caller.data().brief {
        charge(&mut caller, OPERATION.saturating_mul(u64::from(limit)))?;
    }
    // No more than there is fuel for is removed before it is paid; one too many ends the call.
    let affordable = match caller.data().metered {
        true => u32::try_from(caller.get_fuel()? / OPERATION + 1).unwrap_or(u32::MAX),
        false => u32::MAX,
    };
    touch(&mut caller, prefix, length, 0)?;
    let limit = limit.min(affordable).min(showable(&caller));
    let prefix = bytes(memory(&mut caller)?, prefix, length)?;
    let (removed, more) = ext(|e| e.clear_prefix(prefix, limit))?;
    charge(&mut caller, OPERATION * u64::from(removed))?;
    // And the one that it ends before.
    show_keys(&mut caller, removed.saturating_add(1))?;
    Ok(u64::from(more) << 32 | u64::from(removed))
}

pub(super) fn append(mut caller: Ctx<'_>, key: u32, key_len: u32, item: u32, item_len: u32) -> Result<()> {
    charge(&mut caller, OPERATION + u64::from(key_len) + u64::from(item_len))?;
    // What is there is read, however long it is.
    touch(&mut caller, key, key_len, VALUE_SHOWN_MAX)?;
    write(&mut caller, u64::from(key_len) + u64::from(item_len))?;
    let memory = memory(&mut caller)?;
    let (key, item) = (bytes(memory, key, key_len)?, bytes(memory, item, item_len)?);
    ext(|e| e.append(key, item))
}

pub(super) fn add(mut caller: Ctx<'_>, key: u32, key_len: u32, low: u64, high: u64) -> Result<()> {
    charge(&mut caller, OPERATION + u64::from(key_len))?;
    touch(&mut caller, key, key_len, 0)?;
    let key = bytes(memory(&mut caller)?, key, key_len)?;
    ext(|e| e.add(key, u128::from(high) << 64 | u128::from(low)))
}

pub(super) fn next_key(mut caller: Ctx<'_>, key: u32, key_len: u32, out: u32, capacity: u32) -> Result<i64> {
    charge(&mut caller, NEXT_KEY + u64::from(key_len))?;
    touch(&mut caller, key, key_len, 0)?;
    let memory = memory(&mut caller)?;
    let out = range(memory.len(), out, capacity)?;
    let key = bytes(memory, key, key_len)?;
    let Some(next) = ext(|e| e.next_key(key))? else {
        return Ok(-1);
    };
    let length = answer(&mut memory[out], &next);
    show(&mut caller, &next, 0)?;
    Ok(length)
}

pub(super) fn begin(mut caller: Ctx<'_>) -> Result<()> {
    charge(&mut caller, OPERATION)?;
    ext(|e| e.begin_transaction())?;
    caller.data_mut().transactions += 1;
    Ok(())
}

pub(super) fn commit(mut caller: Ctx<'_>) -> Result<()> {
    close(&mut caller, "commit")?;
    ext(|e| e.commit_transaction())
}

pub(super) fn rollback(mut caller: Ctx<'_>) -> Result<()> {
    close(&mut caller, "rollback")?;
    ext(|e| e.rollback_transaction())
}

/// As [`show`], of a key in the guest's memory.
fn touch(caller: &mut Ctx<'_>, key: u32, length: u32, value: u64) -> Result<()> {
    if caller.data().touched.is_none() {
        return Ok(());
    }
    let key = bytes(memory(caller)?, key, length)?.to_vec();
    show(caller, &key, value)
}

/// A guest closes only what it opened: the caller's own transactions are out of its reach.
fn close(caller: &mut Ctx<'_>, what: &'static str) -> Result<()> {
    charge(caller, OPERATION)?;
    let open = &mut caller.data_mut().transactions;
    match open.checked_sub(1) {
        Some(left) => *open = left,
        None => return Err(Error::new(HostFailure::Call(ExtError::NoTransaction(what)))),
    }
    Ok(())
}

pub(super) fn root(mut caller: Ctx<'_>, out: u32) -> Result<()> {
    charge(&mut caller, ROOT)?;
    let memory = memory(&mut caller)?;
    let out = range(memory.len(), out, 32)?;
    let root = ext(|e| e.root())?;
    memory[out].copy_from_slice(root.as_bytes());
    Ok(())
}
