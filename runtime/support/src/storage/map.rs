//! Values by one key.

use super::{ClearResult, QueryKind, StorageHasher, StorageInstance, clear_prefix, keys_under, read, try_mutate};
use crate::metadata::{StorageEntryMetadata, StorageEntryType, storage_entry};
use alloc::{vec, vec::Vec};
use codec::{Decode, Encode};
use core::{convert::Infallible, marker::PhantomData};
use scale_info::{TypeInfo, meta_type};

/// A map. `P` is filled in by `#[pallet::storage]`: write `StorageMap<_, Blake2_128Concat, K, V>`.
pub struct StorageMap<P, H, K, V, Q = super::OptionQuery>(PhantomData<(P, H, K, V, Q)>);

impl<P: StorageInstance, H: StorageHasher, K: Encode + Decode, V: Encode + Decode, Q: QueryKind<V>>
    StorageMap<P, H, K, V, Q>
{
    /// The storage key of an entry.
    pub fn key_for(key: &K) -> Vec<u8> {
        key.using_encoded(|encoded| {
            let mut out = Vec::with_capacity(32 + H::HASH_LENGTH + encoded.len());
            out.extend_from_slice(&P::PREFIX);
            H::append(encoded, &mut out);
            out
        })
    }

    /// The prefix of all entries.
    pub const fn prefix() -> [u8; 32] {
        P::PREFIX
    }

    pub fn get(key: &K) -> Q::Output {
        Q::from_stored(read(&Self::key_for(key)))
    }

    pub fn contains_key(key: &K) -> bool {
        quids_io::storage::exists(&Self::key_for(key))
    }

    pub fn insert(key: &K, value: V) {
        value.using_encoded(|bytes| quids_io::storage::set(&Self::key_for(key), bytes));
    }

    pub fn remove(key: &K) {
        quids_io::storage::clear(&Self::key_for(key));
    }

    /// Reads and removes.
    pub fn take(key: &K) -> Q::Output {
        let key = Self::key_for(key);
        let value = read(&key);
        if value.is_some() {
            quids_io::storage::clear(&key);
        }
        Q::from_stored(value)
    }

    pub fn mutate<R>(key: &K, f: impl FnOnce(&mut Q::Output) -> R) -> R {
        match Self::try_mutate(key, |value| Ok::<R, Infallible>(f(value))) {
            Ok(result) => result,
            Err(never) => match never {},
        }
    }

    /// As `mutate`, but nothing is written if `f` fails.
    pub fn try_mutate<R, E>(key: &K, f: impl FnOnce(&mut Q::Output) -> Result<R, E>) -> Result<R, E> {
        try_mutate::<V, Q, R, E>(&Self::key_for(key), f)
    }

    /// All entries in storage order.
    pub fn iter() -> impl Iterator<Item = (K, V)> {
        Self::iter_from(None)
    }

    /// A page: entries after the storage key `after` (of `key_for`, or of an earlier page's last entry).
    pub fn iter_from(after: Option<Vec<u8>>) -> impl Iterator<Item = (K, V)> {
        keys_under(P::PREFIX.to_vec(), after).filter_map(|key| Some((Self::decode_key(&key)?, read(&key)?)))
    }

    pub fn iter_keys() -> impl Iterator<Item = K> {
        keys_under(P::PREFIX.to_vec(), None).filter_map(|key| Self::decode_key(&key))
    }

    fn decode_key(key: &[u8]) -> Option<K> {
        K::decode(&mut key.get(32 + H::HASH_LENGTH..)?).ok()
    }

    /// Removes up to `limit` entries.
    pub fn clear(limit: u32) -> ClearResult {
        clear_prefix(&P::PREFIX, limit)
    }
}

impl<P: StorageInstance, H: StorageHasher, K: Encode + Decode> StorageMap<P, H, K, u128, super::ValueQuery> {
    /// Adds without reading. An overflow makes the block invalid.
    pub fn add(key: &K, amount: u128) {
        quids_io::storage::add(&Self::key_for(key), amount);
    }
}

impl<P, H, K, V, Q> StorageMap<P, H, K, V, Q>
where
    P: StorageInstance,
    H: StorageHasher,
    K: TypeInfo + 'static,
    V: TypeInfo + 'static,
    Q: QueryKind<V>,
{
    #[doc(hidden)]
    pub fn metadata(name: &'static str, docs: Vec<&'static str>) -> StorageEntryMetadata {
        storage_entry(
            name,
            Q::OPTIONAL,
            StorageEntryType::Map {
                hashers: vec![H::METADATA],
                key: meta_type::<K>(),
                value: meta_type::<V>(),
            },
            Q::default_bytes(),
            docs,
        )
    }
}
