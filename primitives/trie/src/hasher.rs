//! BLAKE3-256 as the trie's hash function, and a hasher for maps whose keys already are hashes.

use core::hash;

use quids_core::Hash;

/// BLAKE3-256 (unkeyed) of an encoded node or of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blake3Hasher;

impl hash_db::Hasher for Blake3Hasher {
    type Out = Hash;
    type StdHasher = KeyHasher;
    const LENGTH: usize = 32;

    fn hash(bytes: &[u8]) -> Hash {
        quids_core::H256(*blake3::hash(bytes).as_bytes())
    }
}

/// Takes the first 8 bytes of the key as its hash. Only for keys that are hashes themselves and
/// that nobody can choose freely; a peer can grind for collisions in 8 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyHasher(u64);

impl hash::Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut word = [0u8; 8];
        for (to, from) in word.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.0 = self.0.rotate_left(5) ^ u64::from_le_bytes(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::hash::{Hash as _, Hasher as _};
    use hash_db::Hasher as _;

    #[test]
    fn hashes_are_blake3() {
        // The empty-input vector of the BLAKE3 paper's test set.
        assert_eq!(
            Blake3Hasher::hash(b"").0,
            hex_literal::hex!("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")
        );
    }

    #[test]
    fn key_hasher_takes_the_first_eight_bytes() {
        let mut hasher = KeyHasher::default();
        quids_core::H256([7u8; 32]).hash(&mut hasher);
        assert_eq!(hasher.finish(), u64::from_le_bytes([7; 8]));
    }
}
