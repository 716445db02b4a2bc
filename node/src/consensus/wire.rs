//! What nodes ask each other for.

use codec::{Decode, Encode};
use parking_lot::Mutex;
use quids_core::{Hash, Height};
use quids_state::Blobs;
use std::{collections::VecDeque, sync::Arc};

/// Blocks in one answer.
pub const BLOCKS_MAX: u32 = 128;
/// Their bytes: no more are added once there are so many.
pub const BLOCKS_BYTES: usize = 4 << 20;
/// Undecided blocks that others may ask for, and their proofs: those of two heights, mostly one each.
const BODIES_MAX: usize = 32;
/// Bytes of values by hash that others may ask for.
const BLOBS_BYTES_MAX: usize = 64 << 20;

/// Asks for final blocks from a height on. The answer is a `Vec<FinalBlock>` without gaps, empty if there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BlocksRequest {
    pub from: Height,
    pub max: u32,
}

/// What others may ask for of blocks that are not decided: bodies and batch proofs as bytes, and what proofs have by hash only.
#[derive(Default)]
pub struct Bodies {
    blocks: Mutex<Kept>,
    proofs: Mutex<Kept>,
    blobs: Mutex<Kept>,
}

/// The latest last.
#[derive(Default)]
struct Kept(VecDeque<(Hash, Arc<[u8]>)>);

impl Kept {
    /// Keeps it if it is new, and as many before it as these bounds allow.
    fn put(&mut self, hash: Hash, bytes: Arc<[u8]>, count_max: usize, bytes_max: usize) {
        if self.0.iter().any(|(known, _)| *known == hash) {
            return;
        }
        self.0.push_back((hash, bytes));
        let mut all: usize = self.0.iter().map(|(_, bytes)| bytes.len()).sum();
        while self.0.len() > count_max || (all > bytes_max && self.0.len() > 1) {
            all -= self.0.pop_front().map_or(0, |(_, bytes)| bytes.len());
        }
    }

    fn get(&self, hash: &Hash) -> Option<Arc<[u8]>> {
        let found = self.0.iter().find(|(known, _)| known == hash);
        found.map(|(_, bytes)| bytes.clone())
    }
}

impl Bodies {
    pub fn put(&self, hash: Hash, block: Arc<[u8]>) {
        self.blocks.lock().put(hash, block, BODIES_MAX, usize::MAX);
    }

    pub fn body(&self, hash: &Hash) -> Option<Arc<[u8]>> {
        self.blocks.lock().get(hash)
    }

    /// Of the block with this hash, and the values that the proof has by hash.
    pub fn put_proof(&self, block: Hash, proof: Arc<[u8]>, blobs: impl IntoIterator<Item = (Hash, Arc<[u8]>)>) {
        self.proofs.lock().put(block, proof, BODIES_MAX, usize::MAX);
        for (hash, bytes) in blobs {
            self.put_blob(hash, bytes);
        }
    }

    pub fn put_blob(&self, hash: Hash, bytes: Arc<[u8]>) {
        self.blobs.lock().put(hash, bytes, usize::MAX, BLOBS_BYTES_MAX);
    }

    pub fn proof(&self, block: &Hash) -> Option<Arc<[u8]>> {
        self.proofs.lock().get(block)
    }

    pub fn blob(&self, hash: &Hash) -> Option<Arc<[u8]>> {
        self.blobs.lock().get(hash)
    }
}

impl Blobs for Bodies {
    fn get(&self, hash: &Hash) -> Option<Arc<[u8]>> {
        self.blob(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_by_number_and_bytes() {
        let bodies = Bodies::default();
        let hash = |index: usize| Hash::from_low_u64_be(index as u64);
        for index in 0..100 {
            bodies.put(hash(index), vec![index as u8; 10].into());
            bodies.put(hash(index), vec![255].into());
        }
        let kept: Vec<_> = (0..100).filter(|index| bodies.body(&hash(*index)).is_some()).collect();
        assert_eq!(kept, (100 - BODIES_MAX..100).collect::<Vec<_>>());
        assert_eq!(bodies.body(&hash(99)).unwrap()[..], [99; 10]);
        let large: Arc<[u8]> = vec![0; BLOBS_BYTES_MAX / 3].into();
        bodies.put_proof(
            hash(0),
            vec![1].into(),
            (0..5).map(|index| (hash(index), large.clone())),
        );
        let kept: Vec<_> = (0..5).filter(|index| bodies.blob(&hash(*index)).is_some()).collect();
        assert_eq!(
            (kept, bodies.proof(&hash(0)).unwrap()[..].to_vec()),
            (vec![2, 3, 4], vec![1])
        );
    }
}
