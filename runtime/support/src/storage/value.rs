//! One value under a fixed key.

use super::{QueryKind, StorageInstance, ValueQuery, read, try_mutate};
use crate::metadata::{StorageEntryMetadata, StorageEntryType, storage_entry};
use alloc::vec::Vec;
use codec::{Decode, Encode};
use core::{convert::Infallible, marker::PhantomData};
use scale_info::{TypeInfo, meta_type};

/// A single value. `P` is filled in by `#[pallet::storage]`: write `StorageValue<_, V, ValueQuery>`.
pub struct StorageValue<P, V, Q = super::OptionQuery>(PhantomData<(P, V, Q)>);

impl<P: StorageInstance, V: Encode + Decode, Q: QueryKind<V>> StorageValue<P, V, Q> {
    /// The value's storage key.
    pub const fn key() -> [u8; 32] {
        P::PREFIX
    }

    pub fn get() -> Q::Output {
        Q::from_stored(read(&P::PREFIX))
    }

    pub fn put(value: V) {
        value.using_encoded(|bytes| quids_io::storage::set(&P::PREFIX, bytes));
    }

    /// Writes `Some`, removes on `None`.
    pub fn set(value: Q::Output) {
        match Q::into_stored(value) {
            Some(value) => Self::put(value),
            None => Self::kill(),
        }
    }

    pub fn exists() -> bool {
        quids_io::storage::exists(&P::PREFIX)
    }

    pub fn kill() {
        quids_io::storage::clear(&P::PREFIX);
    }

    /// Reads and removes.
    pub fn take() -> Q::Output {
        let value = read(&P::PREFIX);
        if value.is_some() {
            Self::kill();
        }
        Q::from_stored(value)
    }

    pub fn mutate<R>(f: impl FnOnce(&mut Q::Output) -> R) -> R {
        match Self::try_mutate(|value| Ok::<R, Infallible>(f(value))) {
            Ok(result) => result,
            Err(never) => match never {},
        }
    }

    /// As `mutate`, but nothing is written if `f` fails.
    pub fn try_mutate<R, E>(f: impl FnOnce(&mut Q::Output) -> Result<R, E>) -> Result<R, E> {
        try_mutate::<V, Q, R, E>(&P::PREFIX, f)
    }
}

impl<P: StorageInstance, I: Encode + Decode, Q: QueryKind<Vec<I>>> StorageValue<P, Vec<I>, Q> {
    /// Appends an item without reading the vector.
    pub fn append(item: &I) {
        item.using_encoded(|bytes| quids_io::storage::append(&P::PREFIX, bytes));
    }
}

impl<P: StorageInstance> StorageValue<P, u128, ValueQuery> {
    /// Adds without reading. An overflow makes the block invalid.
    pub fn add(amount: u128) {
        quids_io::storage::add(&P::PREFIX, amount);
    }
}

impl<P: StorageInstance, V: Encode + Decode + TypeInfo + 'static, Q: QueryKind<V>> StorageValue<P, V, Q> {
    #[doc(hidden)]
    pub fn metadata(name: &'static str, docs: Vec<&'static str>) -> StorageEntryMetadata {
        storage_entry(
            name,
            Q::OPTIONAL,
            StorageEntryType::Plain(meta_type::<V>()),
            Q::default_bytes(),
            docs,
        )
    }
}
