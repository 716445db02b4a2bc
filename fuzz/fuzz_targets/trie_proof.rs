//! Storage proofs: whatever is claimed, what is read is what the true state holds, or an error.
#![no_main]

use codec::Decode;
use libfuzzer_sys::fuzz_target;
use quids_trie::{MemoryDB, Proof, delta_root, generate_proof, read_proof};
use std::sync::OnceLock;

const KEYS: [&[u8]; 4] = [b"do", b"dog", b"doge", b"horse"];

fn state() -> &'static (quids_core::Hash, Proof) {
    static STATE: OnceLock<(quids_core::Hash, Proof)> = OnceLock::new();
    STATE.get_or_init(|| {
        let mut db = MemoryDB::default();
        let changes = KEYS.iter().map(|key| (*key, Some([*key; 20].concat())));
        let root = delta_root(&mut db, quids_trie::EMPTY_ROOT, changes).unwrap();
        let proof = generate_proof(&db, root, KEYS).unwrap();
        (root, proof)
    })
}

fuzz_target!(|bytes: &[u8]| {
    let (root, true_proof) = state();
    let Ok(mut proof) = Proof::decode(&mut &bytes[..]) else { return };
    read_proof(*root, &proof, KEYS).ok();
    // A true proof with some of its nodes replaced.
    for (i, node) in true_proof.0.iter().enumerate() {
        if i >= proof.0.len() {
            proof.0.push(node.clone());
        }
    }
    if let Ok(values) = read_proof(*root, &proof, KEYS) {
        for (key, value) in KEYS.iter().zip(values) {
            assert_eq!(value, Some([*key; 20].concat()));
        }
    }
});
