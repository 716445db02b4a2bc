//! Values by two keys, iterable and removable by the first.

use super::{ClearResult, QueryKind, StorageHasher, StorageInstance, clear_prefix, keys_under, read, try_mutate};
use crate::metadata::{StorageEntryMetadata, StorageEntryType, storage_entry};
use alloc::{vec, vec::Vec};
use codec::{Decode, Encode};
use core::{convert::Infallible, marker::PhantomData};
use scale_info::{TypeInfo, meta_type};

/// A double map. `P` is filled in by `#[pallet::storage]`:
/// write `StorageDoubleMap<_, Blake2_128Concat, K1, Twox64Concat, K2, V>`.
pub struct StorageDoubleMap<P, H1, K1, H2, K2, V, Q = super::OptionQuery>(PhantomData<(P, H1, K1, H2, K2, V, Q)>);

/// The entries of a double map with one first key, whose hash is computed once: for callers that come back to them.
pub struct StorageRow<M> {
    prefix: Vec<u8>,
    map: PhantomData<M>,
}

impl<P, H1, K1, H2, K2, V, Q> StorageRow<StorageDoubleMap<P, H1, K1, H2, K2, V, Q>>
where
    H2: StorageHasher,
    K2: Encode,
    V: Encode + Decode,
    Q: QueryKind<V>,
{
    fn key_for(&self, second: &K2) -> Vec<u8> {
        // Room for the key in nearly all cases: its hash and itself, of 32 bytes.
        let mut out = Vec::with_capacity(self.prefix.len().saturating_add(48));
        out.extend_from_slice(&self.prefix);
        second.using_encoded(|encoded| H2::append(encoded, &mut out));
        out
    }

    pub fn get(&self, second: &K2) -> Q::Output {
        Q::from_stored(read(&self.key_for(second)))
    }

    pub fn insert(&self, second: &K2, value: V) {
        value.using_encoded(|bytes| quids_io::storage::set(&self.key_for(second), bytes));
    }

    pub fn remove(&self, second: &K2) {
        quids_io::storage::clear(&self.key_for(second));
    }
}

impl<P, H1, K1, H2, K2, V, Q> StorageDoubleMap<P, H1, K1, H2, K2, V, Q>
where
    P: StorageInstance,
    H1: StorageHasher,
    K1: Encode + Decode,
    H2: StorageHasher,
    K2: Encode + Decode,
    V: Encode + Decode,
    Q: QueryKind<V>,
{
    /// The storage prefix of all entries with this first key.
    pub fn prefix_for(first: &K1) -> Vec<u8> {
        let mut out = P::PREFIX.to_vec();
        first.using_encoded(|encoded| H1::append(encoded, &mut out));
        out
    }

    /// The entries with this first key.
    pub fn row(first: &K1) -> StorageRow<Self> {
        StorageRow {
            prefix: Self::prefix_for(first),
            map: PhantomData,
        }
    }

    /// The storage key of an entry.
    pub fn key_for(first: &K1, second: &K2) -> Vec<u8> {
        let mut out = Self::prefix_for(first);
        second.using_encoded(|encoded| H2::append(encoded, &mut out));
        out
    }

    pub fn get(first: &K1, second: &K2) -> Q::Output {
        Q::from_stored(read(&Self::key_for(first, second)))
    }

    pub fn contains_key(first: &K1, second: &K2) -> bool {
        quids_io::storage::exists(&Self::key_for(first, second))
    }

    pub fn insert(first: &K1, second: &K2, value: V) {
        value.using_encoded(|bytes| quids_io::storage::set(&Self::key_for(first, second), bytes));
    }

    pub fn remove(first: &K1, second: &K2) {
        quids_io::storage::clear(&Self::key_for(first, second));
    }

    /// Reads and removes.
    pub fn take(first: &K1, second: &K2) -> Q::Output {
        let key = Self::key_for(first, second);
        let value = read(&key);
        if value.is_some() {
            quids_io::storage::clear(&key);
        }
        Q::from_stored(value)
    }

    pub fn mutate<R>(first: &K1, second: &K2, f: impl FnOnce(&mut Q::Output) -> R) -> R {
        match Self::try_mutate(first, second, |value| Ok::<R, Infallible>(f(value))) {
            Ok(result) => result,
            Err(never) => match never {},
        }
    }

    /// As `mutate`, but nothing is written if `f` fails.
    pub fn try_mutate<R, E>(first: &K1, second: &K2, f: impl FnOnce(&mut Q::Output) -> Result<R, E>) -> Result<R, E> {
        try_mutate::<V, Q, R, E>(&Self::key_for(first, second), f)
    }

    /// All entries in storage order.
    pub fn iter() -> impl Iterator<Item = (K1, K2, V)> {
        keys_under(P::PREFIX.to_vec(), None).filter_map(|key| {
            let mut rest = key.get(32 + H1::HASH_LENGTH..)?;
            let first = K1::decode(&mut rest).ok()?;
            let second = K2::decode(&mut rest.get(H2::HASH_LENGTH..)?).ok()?;
            Some((first, second, read(&key)?))
        })
    }

    /// The entries of one first key, after the storage key `after` if given.
    pub fn iter_prefix(first: &K1, after: Option<Vec<u8>>) -> impl Iterator<Item = (K2, V)> {
        let prefix = Self::prefix_for(first);
        let length = prefix.len();
        keys_under(prefix, after).filter_map(move |key| {
            let second = K2::decode(&mut key.get(length + H2::HASH_LENGTH..)?).ok()?;
            Some((second, read(&key)?))
        })
    }

    /// Removes up to `limit` entries of one first key.
    pub fn clear_prefix(first: &K1, limit: u32) -> ClearResult {
        clear_prefix(&Self::prefix_for(first), limit)
    }

    /// Removes up to `limit` entries.
    pub fn clear(limit: u32) -> ClearResult {
        clear_prefix(&P::PREFIX, limit)
    }
}

impl<P, H1, K1, H2, K2, V, Q> StorageDoubleMap<P, H1, K1, H2, K2, V, Q>
where
    P: StorageInstance,
    H1: StorageHasher,
    K1: TypeInfo + 'static,
    H2: StorageHasher,
    K2: TypeInfo + 'static,
    V: TypeInfo + 'static,
    Q: QueryKind<V>,
{
    #[doc(hidden)]
    pub fn metadata(name: &'static str, docs: Vec<&'static str>) -> StorageEntryMetadata {
        storage_entry(
            name,
            Q::OPTIONAL,
            StorageEntryType::Map {
                hashers: vec![H1::METADATA, H2::METADATA],
                key: meta_type::<(K1, K2)>(),
                value: meta_type::<V>(),
            },
            Q::default_bytes(),
            docs,
        )
    }
}
