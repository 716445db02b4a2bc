//! Typed storage over the host's keys and values, with FRAME's key layout:
//! `twox128(pallet) ‖ twox128(item) ‖ hashed key …`.

mod double_map;
pub mod hasher;
mod map;
mod value;

pub use double_map::{StorageDoubleMap, StorageRow};
pub use hasher::{Blake2_128Concat, Identity, StorageHasher, Twox64Concat};
pub use map::StorageMap;
pub use value::StorageValue;

use alloc::vec::Vec;
use codec::{Decode, Encode};

/// Where a storage item lives. Implemented by `#[pallet::storage]`.
pub trait StorageInstance {
    /// `storage_prefix(pallet, item)`.
    const PREFIX: [u8; 32];
}

/// What reading an absent value gives.
pub trait QueryKind<V> {
    type Output;
    /// As metadata states it.
    const OPTIONAL: bool;
    fn from_stored(stored: Option<V>) -> Self::Output;
    fn into_stored(output: Self::Output) -> Option<V>;
    /// The encoded default that metadata states; empty for optional values.
    fn default_bytes() -> Vec<u8>;
}

/// Absent is `None`.
pub struct OptionQuery;
/// Absent is `Default`.
pub struct ValueQuery;

impl<V: Encode> QueryKind<V> for OptionQuery {
    type Output = Option<V>;
    const OPTIONAL: bool = true;
    fn from_stored(stored: Option<V>) -> Option<V> {
        stored
    }
    fn into_stored(output: Option<V>) -> Option<V> {
        output
    }
    fn default_bytes() -> Vec<u8> {
        Vec::from([0])
    }
}

impl<V: Encode + Default> QueryKind<V> for ValueQuery {
    type Output = V;
    const OPTIONAL: bool = false;
    fn from_stored(stored: Option<V>) -> V {
        stored.unwrap_or_default()
    }
    fn into_stored(output: V) -> Option<V> {
        Some(output)
    }
    fn default_bytes() -> Vec<u8> {
        V::default().encode()
    }
}

/// How many keys a prefix removal touched, and whether some are left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClearResult {
    pub removed: u32,
    pub more: bool,
}

/// Reads and decodes. A value that does not decode is a corrupted state or a missed migration: the log says so and
/// the value counts as absent.
fn read<V: Decode>(key: &[u8]) -> Option<V> {
    quids_io::storage::get_with(key, |bytes| {
        let mut bytes = bytes?;
        let value = V::decode(&mut bytes);
        if value.is_err() {
            quids_io::log::write(
                quids_io::log::Level::Error,
                &alloc::format!("undecodable value at storage key {key:02x?}"),
            );
        }
        value.ok()
    })
}

/// Reads, lets `f` change, writes back on `Ok` (or removes on `None`).
fn try_mutate<V: Encode + Decode, Q: QueryKind<V>, R, E>(
    key: &[u8],
    f: impl FnOnce(&mut Q::Output) -> Result<R, E>,
) -> Result<R, E> {
    let stored = read::<V>(key);
    let was_there = stored.is_some();
    let mut output = Q::from_stored(stored);
    let result = f(&mut output)?;
    match Q::into_stored(output) {
        Some(value) => value.using_encoded(|bytes| quids_io::storage::set(key, bytes)),
        None if was_there => quids_io::storage::clear(key),
        None => {}
    }
    Ok(result)
}

/// Keys under a prefix, in order, each with the prefix cut off; at most `limit`, after the key `after`.
fn keys_under(prefix: Vec<u8>, after: Option<Vec<u8>>) -> impl Iterator<Item = Vec<u8>> {
    let mut cursor = after.unwrap_or_else(|| prefix.clone());
    core::iter::from_fn(move || {
        let next = quids_io::storage::next_key(&cursor)?;
        if !next.starts_with(&prefix) {
            return None;
        }
        cursor.clone_from(&next);
        Some(next)
    })
}

fn clear_prefix(prefix: &[u8], limit: u32) -> ClearResult {
    let (removed, more) = quids_io::storage::clear_prefix(prefix, limit);
    ClearResult { removed, more }
}
