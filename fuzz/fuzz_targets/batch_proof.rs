//! Batch proofs: never a panic, and what is executed on one that is taken comes to the state's root, or to an error that is known.
#![no_main]

use codec::{Decode, Encode};
use libfuzzer_sys::fuzz_target;
use quids_core::{Hash, Height};
use quids_io::Externalities;
use quids_state::{
    BatchProof, EMPTY_ROOT, MemoryState, Overlay, ProofState, Recorder, SharedCache, StateBackend, StateView,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

/// Values longer than this go by hash.
const SHOWN_BYTES_MAX: usize = 60;

struct Known {
    root: Hash,
    after: Hash,
    proof: Vec<u8>,
    blobs: Arc<BTreeMap<Hash, Arc<[u8]>>>,
}

/// Reads, a range, a change, an append, and deletions that leave a branch with one child.
fn execute(backend: impl StateBackend) -> Option<Hash> {
    let mut state = Overlay::new(backend);
    state.get(b"dog").ok()?;
    state.get(b"none").ok()?;
    state.get(&[0x11, 36, 36 ^ 0x5a]).ok()?;
    state.next_key(b"doge").ok()?;
    state.set(b"horse", b"1").ok()?;
    state.append(b"list", b"1").ok()?;
    state.clear_prefix(&[0x22], 7).ok()?;
    state.into_commit().ok().map(|commit| commit.root)
}

fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut entries: BTreeMap<Vec<u8>, Vec<u8>> = (0..40u8)
            .map(|index| (vec![index % 5 * 0x11, index, index ^ 0x5a], vec![index; usize::from(index) * 2]))
            .collect();
        entries.extend([&b"do"[..], b"dog", b"doge", b"dogecoin", b"horse"].map(|key| (key.to_vec(), [key; 12].concat())));
        entries.insert(b"list".to_vec(), vec![4, 9]);
        let store = Arc::new(MemoryState::default());
        let view = |root| StateView::new(store.clone(), Arc::new(SharedCache::new(1 << 20)), Height::ZERO, root);
        let commit = view(EMPTY_ROOT)
            .commit(&mut entries.iter().map(|(key, value)| (&key[..], Some(&value[..]))))
            .unwrap();
        let root = commit.root;
        store.apply(Height::ZERO, commit);
        let recorder = Recorder::new(view(root));
        let after = execute(&recorder).unwrap();
        let by_hash = |_: &[u8], value: &[u8]| value.len() > SHOWN_BYTES_MAX;
        let proof = recorder.proof(&by_hash).unwrap().encode();
        let blobs = Arc::new(recorder.blobs(&by_hash));
        assert!(!blobs.is_empty());
        Known { root, after, proof, blobs }
    })
}

/// Whether it is taken; then it leads to the one root, or says what it lacks.
fn check(proof: &BatchProof) -> bool {
    let known = known();
    let Ok(shown) = ProofState::open(known.root, proof, known.blobs.clone()) else { return false };
    let root = execute(&shown);
    assert!(root == Some(known.after) || shown.failure().is_some(), "{root:?}");
    true
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(proof) = BatchProof::decode(&mut &bytes[..]) {
        check(&proof);
    }
    // The true one with some bytes replaced: pairs of a place and what is added there.
    let mut patched = known().proof.clone();
    for patch in bytes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([patch[0], patch[1]])) % patched.len();
        patched[at] = patched[at].wrapping_add(patch[2]);
    }
    let is_same = patched == known().proof;
    if let Ok(proof) = BatchProof::decode(&mut &patched[..]) {
        let is_taken = check(&proof);
        assert!(is_taken || !is_same, "the true proof is refused");
    }
});
