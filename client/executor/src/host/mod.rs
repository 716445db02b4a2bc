//! The host functions, linked in one place, and what each instance's store holds for them. Every function is a
//! thin wrapper: check the guest's pointers, charge fuel if metered, call the externalities of `quids_io::within`.

mod crypto;
mod storage;
mod system;

use crate::{
    ExecutorError,
    check::Checker,
    engine::MEMORY_SIZE_MAX,
    limits::{BRIEF_UNITS_MAX, KEY_SHOWN, SHOWN_MAX, TABLE_ELEMENTS_MAX, VALUE_SHOWN_MAX, WRITTEN_MAX},
};
use quids_io::{ExtError, ExtResult, Externalities, abi, with_externalities};
use std::{collections::HashMap, sync::Arc};
use wasmtime::{Caller, Error, Linker, Memory, ResourceLimiter, Result};

/// What a host function is called with.
type Ctx<'a> = Caller<'a, Host>;

/// The data of an instance's store.
pub(crate) struct Host {
    pub memory: Option<Memory>,
    /// Set by `ext_panic_v1`; the trap that follows is reported with it.
    pub panic: Option<String>,
    /// Storage transactions the guest has open. It can close no others.
    pub transactions: usize,
    /// Whether host calls cost fuel.
    pub metered: bool,
    /// Whether a call that costs more than [`BRIEF_UNITS_MAX`] ends the guest, as its deadline would.
    pub brief: bool,
    /// By a guest that may not touch any amount.
    pub touched: Option<Touched>,
    checker: Option<Arc<Checker>>,
}

/// What was touched of the state.
#[derive(Default)]
pub(crate) struct Touched {
    /// With the bytes of its value that are counted.
    keys: HashMap<Vec<u8>, u64>,
    /// Bytes of proof that it stands for.
    shown: u64,
    written: u64,
}

impl Host {
    pub fn new(metered: bool, checker: Option<Arc<Checker>>) -> Self {
        Self {
            memory: None,
            panic: None,
            transactions: 0,
            metered,
            brief: false,
            touched: None,
            checker,
        }
    }
}

/// Why a host function ended the guest.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum HostFailure {
    #[error("{0}")]
    Call(ExtError),
    #[error("{length} bytes at {pointer} are outside the memory of {memory} bytes")]
    Pointer { pointer: u32, length: u32, memory: usize },
    #[error("out of fuel")]
    OutOfFuel,
    #[error("{0}")]
    OutOfMemory(String),
    #[error("{0}")]
    Executor(ExecutorError),
}

macro_rules! host_functions {
    ($($(#[$meta:meta])* $name:literal => $function:path,)*) => {
        /// Links every host function.
        pub(crate) fn link(linker: &mut Linker<Host>) -> Result<()> {
            $($(#[$meta])* linker.func_wrap(abi::MODULE, $name, $function)?;)*
            let (module, alias, _) = abi::KECCAK_ALIAS;
            linker.func_wrap(module, alias, crypto::keccak_256)?;
            Ok(())
        }

        pub(crate) fn linked_names() -> Vec<&'static str> {
            [$($(#[$meta])* $name),*].to_vec()
        }
    };
}

host_functions! {
    "ext_crypto_ethereum_v1" => crypto::ethereum,
    "ext_crypto_ml_dsa_verify_v1" => crypto::ml_dsa_verify,
    "ext_crypto_secp256k1_recover_v1" => crypto::secp256k1_recover,
    "ext_crypto_verify_v1" => crypto::verify,
    "ext_hash_blake2b_128_v1" => crypto::blake2b_128,
    "ext_hash_blake2b_256_v1" => crypto::blake2b_256,
    "ext_hash_blake3_256_v1" => crypto::blake3_256,
    "ext_hash_keccak_256_v1" => crypto::keccak_256,
    "ext_hash_quantum_resistant_v1" => crypto::quantum_resistant,
    "ext_log_v1" => system::log,
    #[cfg(feature = "next-level")]
    "ext_log_v2" => system::log,
    "ext_panic_v1" => system::panic,
    "ext_runtime_check_v1" => system::runtime_check_v1,
    "ext_runtime_check_v2" => system::runtime_check_v2,
    "ext_runtime_guarded_call_v1" => system::guarded_call,
    "ext_storage_add_v1" => storage::add,
    "ext_storage_append_v1" => storage::append,
    "ext_storage_begin_v1" => storage::begin,
    "ext_storage_clear_prefix_v1" => storage::clear_prefix,
    "ext_storage_clear_v1" => storage::clear,
    "ext_storage_commit_v1" => storage::commit,
    "ext_storage_exists_v1" => storage::exists,
    "ext_storage_get_v1" => storage::get,
    "ext_storage_next_key_v1" => storage::next_key,
    "ext_storage_rollback_v1" => storage::rollback,
    "ext_storage_root_v1" => storage::root,
    "ext_storage_set_v1" => storage::set,
}

/// Charges a metered guest, and ends one in a hurry that asks for something long. One unit is about an instruction, a
/// nanosecond; the costs of the ABI's table in these units are part of validity through the trial run.
fn charge(caller: &mut Ctx<'_>, units: u64) -> Result<()> {
    if caller.data().brief && units > BRIEF_UNITS_MAX {
        return Err(Error::new(HostFailure::Executor(ExecutorError::Deadline)));
    }
    if !caller.data().metered {
        return Ok(());
    }
    match caller.get_fuel()?.checked_sub(units) {
        Some(left) => caller.set_fuel(left),
        None => {
            caller.set_fuel(0)?;
            Err(Error::new(HostFailure::OutOfFuel))
        }
    }
}

/// Counts what a key, and a value of so many bytes, take in a proof of what the guest does. A step of a migration is weighed by its own
/// word: this is what keeps it from being one that no block can hold.
fn show(caller: &mut Ctx<'_>, key: &[u8], value: u64) -> Result<()> {
    let Some(touched) = &mut caller.data_mut().touched else {
        return Ok(());
    };
    let value = value.min(VALUE_SHOWN_MAX);
    match touched.keys.get_mut(key) {
        // It may have been known by its key alone.
        Some(counted) => {
            touched.shown += value.saturating_sub(*counted);
            *counted = value.max(*counted);
        }
        None => {
            touched.shown += KEY_SHOWN + key.len() as u64 + value;
            touched.keys.insert(key.to_vec(), value);
        }
    }
    within("shows", touched.shown, SHOWN_MAX)
}

/// The same of so many keys that it does not name.
fn show_keys(caller: &mut Ctx<'_>, keys: u32) -> Result<()> {
    let Some(touched) = &mut caller.data_mut().touched else {
        return Ok(());
    };
    touched.shown += KEY_SHOWN * u64::from(keys);
    within("shows", touched.shown, SHOWN_MAX)
}

/// One key more than the guest may still show.
fn showable(caller: &Ctx<'_>) -> u32 {
    let Some(touched) = &caller.data().touched else {
        return u32::MAX;
    };
    u32::try_from(SHOWN_MAX.saturating_sub(touched.shown) / KEY_SHOWN + 1).unwrap_or(u32::MAX)
}

/// Counts bytes that the guest writes.
fn write(caller: &mut Ctx<'_>, bytes: u64) -> Result<()> {
    let Some(touched) = &mut caller.data_mut().touched else {
        return Ok(());
    };
    touched.written += bytes;
    within("writes", touched.written, WRITTEN_MAX)
}

fn within(does: &'static str, bytes: u64, max: u64) -> Result<()> {
    if bytes <= max {
        return Ok(());
    }
    Err(Error::new(HostFailure::Executor(ExecutorError::TooMuchState {
        does,
        max,
    })))
}

/// The guest's memory, all of it.
fn memory<'a>(caller: &'a mut Ctx<'_>) -> Result<&'a mut [u8]> {
    match caller.data().memory {
        Some(memory) => Ok(memory.data_mut(caller)),
        None => Err(Error::new(HostFailure::Call(ExtError::Unavailable(
            "a host function before the memory is known",
        )))),
    }
}

fn range(memory: usize, pointer: u32, length: u32) -> Result<std::ops::Range<usize>> {
    let range = pointer as usize..(pointer as usize).saturating_add(length as usize);
    if range.end > memory {
        return Err(Error::new(HostFailure::Pointer {
            pointer,
            length,
            memory,
        }));
    }
    Ok(range)
}

fn bytes(memory: &[u8], pointer: u32, length: u32) -> Result<&[u8]> {
    Ok(&memory[range(memory.len(), pointer, length)?])
}

/// A key or other input beside the buffer for the answer. Copies the input only if the two overlap.
fn with_input_and_output<R>(
    memory: &mut [u8],
    (pointer, length): (u32, u32),
    (out, capacity): (u32, u32),
    f: impl FnOnce(&[u8], &mut [u8]) -> R,
) -> Result<R> {
    let input = range(memory.len(), pointer, length)?;
    let output = range(memory.len(), out, capacity)?;
    if let Ok([input, output]) = memory.get_disjoint_mut([input.clone(), output.clone()]) {
        return Ok(f(input, output));
    }
    let input = memory[input].to_vec();
    Ok(f(&input, &mut memory[output]))
}

/// Writes as much of `answer` as fits and returns its whole length.
fn answer(out: &mut [u8], answer: &[u8]) -> i64 {
    let written = out.len().min(answer.len());
    out[..written].copy_from_slice(&answer[..written]);
    answer.len() as i64
}

/// Calls the externalities; a failure ends the guest.
fn ext<R>(f: impl FnOnce(&mut dyn Externalities) -> ExtResult<R>) -> Result<R> {
    with_externalities(f).map_err(|error| Error::new(HostFailure::Call(error)))
}

/// Growth within the limits either succeeds or, where the machine has no memory, ends the call with a local error:
/// a guest must never see a failure that another node's guest would not see.
impl ResourceLimiter for Host {
    fn memory_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        Ok(desired <= MEMORY_SIZE_MAX && maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        // The one failure that is the same everywhere; wasmtime gives it no type. A test holds it to these words.
        if error.to_string() == "memory growth exceeds memory type's limits" {
            return Ok(());
        }
        Err(Error::new(HostFailure::OutOfMemory(format!("{error:#}"))))
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX as usize)
    }
}
