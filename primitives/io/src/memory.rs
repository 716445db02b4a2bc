//! Externalities over plain maps, for pallet tests and as the model that the client's overlay is tested against.
//! Correct by being naive: a storage transaction is a copy of everything.

use crate::{ExtError, ExtResult, Externalities, storage};
use quids_core::Hash;
use std::{collections::BTreeMap, ops::Bound};

/// State in a `BTreeMap`; transactions copy it.
#[derive(Clone, Default, Debug)]
pub struct MemoryExternalities {
    state: BTreeMap<Vec<u8>, Vec<u8>>,
    saved: Vec<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl MemoryExternalities {
    pub fn new(state: BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        Self {
            state,
            saved: Vec::new(),
        }
    }

    /// All keys and values.
    pub fn state(&self) -> &BTreeMap<Vec<u8>, Vec<u8>> {
        &self.state
    }

    /// Runs `f` with this state behind the host functions.
    pub fn execute_with<R>(&mut self, f: impl FnOnce() -> R) -> R {
        crate::within(self, f)
    }
}

impl Externalities for MemoryExternalities {
    fn get_with(&mut self, key: &[u8], read: &mut dyn FnMut(Option<&[u8]>)) -> ExtResult<()> {
        read(self.state.get(key).map(Vec::as_slice));
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> ExtResult<()> {
        self.state.insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn clear(&mut self, key: &[u8]) -> ExtResult<()> {
        self.state.remove(key);
        Ok(())
    }

    fn clear_prefix(&mut self, prefix: &[u8], limit: u32) -> ExtResult<(u32, bool)> {
        let keys: Vec<_> = self
            .state
            .range(prefix.to_vec()..)
            .map(|(k, _)| k)
            .take_while(|k| k.starts_with(prefix))
            .cloned()
            .collect();
        let removed = keys.len().min(limit as usize);
        keys.iter().take(removed).for_each(|key| drop(self.state.remove(key)));
        Ok((removed as u32, keys.len() > removed))
    }

    fn append(&mut self, key: &[u8], item: &[u8]) -> ExtResult<()> {
        let merged = storage::merge::append(key, self.state.get(key).map_or(&[], Vec::as_slice), item)?;
        self.state.insert(key.to_vec(), merged);
        Ok(())
    }

    fn add(&mut self, key: &[u8], amount: u128) -> ExtResult<()> {
        let merged = storage::merge::add(key, self.state.get(key).map(Vec::as_slice), amount)?;
        self.state.insert(key.to_vec(), merged.to_vec());
        Ok(())
    }

    fn next_key(&mut self, key: &[u8]) -> ExtResult<Option<Vec<u8>>> {
        let after = (Bound::Excluded(key.to_vec()), Bound::Unbounded);
        Ok(self.state.range(after).next().map(|(k, _)| k.clone()))
    }

    fn begin_transaction(&mut self) -> ExtResult<()> {
        if self.saved.len() >= crate::abi::TRANSACTION_DEPTH_MAX {
            return Err(ExtError::TooDeep(crate::abi::TRANSACTION_DEPTH_MAX));
        }
        self.saved.push(self.state.clone());
        Ok(())
    }

    fn commit_transaction(&mut self) -> ExtResult<()> {
        self.saved.pop().map(drop).ok_or(ExtError::NoTransaction("commit"))
    }

    fn rollback_transaction(&mut self) -> ExtResult<()> {
        self.state = self.saved.pop().ok_or(ExtError::NoTransaction("rollback"))?;
        Ok(())
    }

    /// Not a trie root (this crate knows no trie): BLAKE3 over all entries. Equal states give equal roots.
    fn root(&mut self) -> ExtResult<Hash> {
        let entries: Vec<_> = self.state.iter().collect();
        Ok(quids_crypto::blake3_256(&codec::Encode::encode(&entries)).into())
    }
}
