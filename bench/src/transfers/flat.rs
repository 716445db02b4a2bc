//! State in a hash map: what execution costs when storage costs nothing. It has no root.

use quids_core::Hash;
use quids_state::{BackendError, Commit, StateBackend, ValueChange};
use std::{collections::HashMap, sync::Arc};

/// Keys and values in memory.
#[derive(Default)]
pub struct FlatBackend(HashMap<Vec<u8>, Arc<[u8]>, foldhash::fast::RandomState>);

impl FlatBackend {
    pub fn apply(&mut self, changes: impl IntoIterator<Item = ValueChange>) {
        for ValueChange { key, new, .. } in changes {
            match new {
                Some(value) => drop(self.0.insert(key, value.into())),
                None => drop(self.0.remove(&key)),
            }
        }
    }
}

impl StateBackend for FlatBackend {
    fn root(&self) -> Hash {
        Hash::zero()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Arc<[u8]>>, BackendError> {
        Ok(self.0.get(key).cloned())
    }

    /// A walk over everything: transfers do not ask.
    fn next_key(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.0.keys().filter(|other| other.as_slice() > key).min().cloned())
    }

    /// Without a root: this backend measures execution alone.
    fn commit(&self, changes: &mut dyn Iterator<Item = (&[u8], Option<&[u8]>)>) -> Result<Commit, BackendError> {
        let changes = changes.map(|(key, new)| ValueChange {
            key: key.to_vec(),
            old: self.0.get(key).cloned(),
            new: new.map(<[u8]>::to_vec),
        });
        Ok(Commit {
            root: Hash::zero(),
            values: changes
                .filter(|change| change.old.as_deref() != change.new.as_deref())
                .collect(),
            nodes: Vec::new(),
        })
    }

    fn prove(&self, _: &[&[u8]]) -> Result<Vec<Vec<u8>>, BackendError> {
        Err(BackendError::Proof("a flat state has no trie".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_was_applied() {
        let mut backend = FlatBackend::default();
        for changes in [
            &[(&b"a"[..], Some(&b"1"[..])), (b"b", Some(b"2"))][..],
            &[(b"a", None), (b"b", Some(b"2"))],
        ] {
            let commit = backend.commit(&mut changes.iter().copied()).unwrap();
            backend.apply(commit.values);
        }
        assert_eq!(backend.get(b"a").unwrap(), None);
        assert_eq!(backend.get(b"b").unwrap().as_deref(), Some(&b"2"[..]));
        assert_eq!(backend.next_key(b"a").unwrap(), Some(b"b".to_vec()));
        assert_eq!(backend.next_key(b"b").unwrap(), None);
    }
}
