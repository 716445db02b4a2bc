//! The hash chain whose links this node reveals in its blocks, from the last one's predecessor backwards (`pallets/pobpc`).

use crate::{network::secret, service::NodeError};
use quids_core::Hash;
use quids_pobpc::chain_hash;
use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// Links after the secret: so many blocks can a validator make before it has to commit to another chain.
const LENGTH: usize = 1 << 20;
/// Links from one that is kept to the next.
const STEP: usize = 1 << 10;
/// Below the chain's folder.
const FILE: &str = "beacon_secret";

/// Whoever knows it ahead knows what this node reveals.
pub struct HashChain {
    secret: Hash,
    length: usize,
    /// Made when they are needed first, which takes a tenth of a second: where all validators sit nobody reveals anything.
    links: OnceLock<Links>,
}

struct Links {
    /// Every [`STEP`]-th, from the secret on.
    kept: Vec<Hash>,
    last: Hash,
}

/// Where a chain's is.
pub fn file(chain_folder: &Path) -> PathBuf {
    chain_folder.join(FILE)
}

impl HashChain {
    /// That of the secret in this file, which is made if it is not there.
    pub fn open(path: &Path) -> Result<Self, NodeError> {
        Ok(Self::of(secret(path, "secret of a hash chain")?, LENGTH))
    }

    fn of(secret: [u8; 32], length: usize) -> Self {
        Self {
            secret: Hash::from(secret),
            length,
            links: OnceLock::new(),
        }
    }

    fn links(&self) -> &Links {
        self.links.get_or_init(|| {
            let mut link = self.secret;
            let mut kept = Vec::new();
            for index in 0..self.length {
                if index % STEP == 0 {
                    kept.push(link);
                }
                link = chain_hash(&link);
            }
            Links { kept, last: link }
        })
    }

    /// What to commit to.
    pub fn commitment(&self) -> Hash {
        self.links().last
    }

    /// The link before this one; `None` if it is the secret, or of another chain.
    pub fn before(&self, link: &Hash) -> Option<Hash> {
        // Those that are revealed first are at the end.
        self.links().kept.iter().rev().find_map(|first| {
            let mut at = *first;
            (0..STEP).find_map(|_| {
                let before = at;
                at = chain_hash(&before);
                (at == *link).then_some(before)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_revealed_backwards() {
        let chain = HashChain::of([7; 32], 2 * STEP);
        let mut link = chain.commitment();
        for _ in 0..2 * STEP {
            let before = chain.before(&link).unwrap();
            assert_eq!(chain_hash(&before), link);
            link = before;
        }
        assert_eq!((link, chain.before(&link)), (Hash::from([7; 32]), None));
        assert_eq!(chain.before(&Hash::repeat_byte(1)), None);
    }

    #[test]
    fn a_secret_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path());
        let made = HashChain::open(&path).unwrap().commitment();
        assert_eq!(HashChain::open(&path).unwrap().commitment(), made);
    }
}
