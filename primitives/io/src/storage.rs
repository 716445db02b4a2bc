//! Storage as the runtime sees it: ordered keys and values, nested transactions, commutative appends and adds.

use alloc::vec::Vec;
use quids_core::Hash;

#[cfg(target_arch = "wasm32")]
use crate::guest as host;
#[cfg(not(target_arch = "wasm32"))]
use native as host;

/// The value at `key`.
pub fn get(key: &[u8]) -> Option<Vec<u8>> {
    host::storage_get(key)
}

/// Decodes the value at `key` where it lies: values up to 3 KiB are read without an allocation.
pub fn get_with<R>(key: &[u8], read: impl FnOnce(Option<&[u8]>) -> R) -> R {
    host::storage_get_with(key, read)
}

pub fn exists(key: &[u8]) -> bool {
    host::storage_exists(key)
}

pub fn set(key: &[u8], value: &[u8]) {
    host::storage_set(key, value);
}

pub fn clear(key: &[u8]) {
    host::storage_clear(key);
}

/// Removes at most `limit` keys under `prefix`. Returns how many were removed and whether more are left.
pub fn clear_prefix(prefix: &[u8], limit: u32) -> (u32, bool) {
    host::storage_clear_prefix(prefix, limit)
}

/// Appends a SCALE-encoded item to the SCALE vector at `key`, without reading it.
pub fn append(key: &[u8], item: &[u8]) {
    host::storage_append(key, item);
}

/// Adds to the little-endian u128 at `key`, without reading it.
pub fn add(key: &[u8], amount: u128) {
    host::storage_add(key, amount);
}

/// The smallest key greater than `key`.
pub fn next_key(key: &[u8]) -> Option<Vec<u8>> {
    host::storage_next_key(key)
}

/// Root of the state with all changes so far.
pub fn root() -> Hash {
    host::storage_root()
}

/// Opens a storage transaction; close it with `commit_transaction` or `rollback_transaction`.
pub fn begin_transaction() {
    host::storage_begin();
}

pub fn commit_transaction() {
    host::storage_commit();
}

pub fn rollback_transaction() {
    host::storage_rollback();
}

/// Runs `f` in a storage transaction that is kept on `Ok` and undone on `Err`.
pub fn with_transaction<T, E>(f: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    begin_transaction();
    let result = f();
    match result {
        Ok(_) => commit_transaction(),
        Err(_) => rollback_transaction(),
    }
    result
}

/// How `append` and `add` combine with a value: shared by every implementation of `Externalities`.
#[cfg(not(target_arch = "wasm32"))]
pub mod merge {
    use crate::{ExtError, ExtResult};
    use codec::{Compact, CompactLen, Decode, Encode};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The SCALE vector `current` (empty slice: no items) with `item` appended. Grows in place where it can.
    pub fn append(key: &[u8], current: &[u8], item: &[u8]) -> ExtResult<Vec<u8>> {
        let mut merged = current.to_vec();
        append_in_place(key, &mut merged, item)?;
        Ok(merged)
    }

    /// As [`append`], on the vector's own bytes: amortised constant time while the length prefix keeps its size.
    pub fn append_in_place(key: &[u8], current: &mut Vec<u8>, item: &[u8]) -> ExtResult<()> {
        let not_a_vector = |found| ExtError::NotMergeable {
            key: hex(key),
            expected: "a SCALE vector",
            found,
        };
        let count = match current.as_slice() {
            [] => 0,
            mut bytes => {
                Compact::<u32>::decode(&mut bytes)
                    .map_err(|_| not_a_vector(current.len()))?
                    .0
            }
        };
        let old_prefix = if current.is_empty() {
            0
        } else {
            Compact::<u32>::compact_len(&count)
        };
        let prefix = Compact(count.checked_add(1).ok_or_else(|| not_a_vector(current.len()))?).encode();
        if prefix.len() == old_prefix {
            current[..old_prefix].copy_from_slice(&prefix);
        } else {
            current.splice(..old_prefix, prefix);
        }
        current.extend_from_slice(item);
        Ok(())
    }

    /// The little-endian u128 `current` (absent: 0) plus `amount`.
    pub fn add(key: &[u8], current: Option<&[u8]>, amount: u128) -> ExtResult<[u8; 16]> {
        let value = match current {
            None => 0,
            Some(bytes) => u128::from_le_bytes(bytes.try_into().map_err(|_| ExtError::NotMergeable {
                key: hex(key),
                expected: "a u128 of 16 bytes",
                found: bytes.len(),
            })?),
        };
        let sum = value.checked_add(amount).ok_or_else(|| ExtError::AddOverflow {
            key: hex(key),
            current: value,
            amount,
        })?;
        Ok(sum.to_le_bytes())
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use crate::{ExtResult, Externalities, with_externalities};
    use quids_core::Hash;

    /// Natively a failing host call is a panic, as it is a trap in WASM.
    fn call<R>(f: impl FnOnce(&mut dyn Externalities) -> ExtResult<R>) -> R {
        with_externalities(f).unwrap_or_else(|error| panic!("host call failed: {error}"))
    }

    pub fn storage_get(key: &[u8]) -> Option<Vec<u8>> {
        call(|e| e.get(key))
    }
    pub fn storage_get_with<R>(key: &[u8], read: impl FnOnce(Option<&[u8]>) -> R) -> R {
        // `read` may call the host again, so the value is copied out of the externalities first.
        let value = storage_get(key);
        read(value.as_deref())
    }
    pub fn storage_exists(key: &[u8]) -> bool {
        call(|e| e.exists(key))
    }
    pub fn storage_set(key: &[u8], value: &[u8]) {
        call(|e| e.set(key, value))
    }
    pub fn storage_clear(key: &[u8]) {
        call(|e| e.clear(key))
    }
    pub fn storage_clear_prefix(prefix: &[u8], limit: u32) -> (u32, bool) {
        call(|e| e.clear_prefix(prefix, limit))
    }
    pub fn storage_append(key: &[u8], item: &[u8]) {
        call(|e| e.append(key, item))
    }
    pub fn storage_add(key: &[u8], amount: u128) {
        call(|e| e.add(key, amount))
    }
    pub fn storage_next_key(key: &[u8]) -> Option<Vec<u8>> {
        call(|e| e.next_key(key))
    }
    pub fn storage_root() -> Hash {
        call(|e| e.root())
    }
    pub fn storage_begin() {
        call(|e| e.begin_transaction())
    }
    pub fn storage_commit() {
        call(|e| e.commit_transaction())
    }
    pub fn storage_rollback() {
        call(|e| e.rollback_transaction())
    }
}
