//! A proof gives the values in the trie or an error, whatever was done to it on the way.

use crate::{Entries, any_entries, any_key, database};
use codec::{Decode, Encode};
use proptest::{collection::vec, prelude::*};
use quids_trie::{
    EMPTY_ROOT, Hash, PROOF_BYTES_MAX, PROOF_NODES_MAX, Proof, ProofError, generate_proof, read_proof, verify_proof,
};

fn sample() -> (Entries, quids_trie::MemoryDB, Hash) {
    let entries: Entries = (0u8..60)
        .map(|index| (vec![index % 7, index, 3], vec![index; usize::from(index)]))
        .collect();
    let (db, root) = database(&entries);
    (entries, db, root)
}

#[test]
fn an_empty_trie_proves_absence_with_no_nodes() {
    let (_, db, _) = sample();
    let proof = generate_proof(&db, EMPTY_ROOT, [b"a", b"b"]).unwrap();
    assert_eq!(proof, Proof::default());
    assert_eq!(read_proof(EMPTY_ROOT, &proof, [b"a", b"b"]), Ok(vec![None, None]));
}

#[test]
fn no_keys_need_no_nodes() {
    let (_, db, root) = sample();
    let proof = generate_proof(&db, root, [[]; 0]).unwrap();
    assert_eq!(proof, Proof::default());
    assert_eq!(read_proof(root, &proof, [[]; 0]), Ok(vec![]));
}

#[test]
fn keys_may_repeat_and_come_in_any_order() {
    let (entries, db, root) = sample();
    let mut keys: Vec<_> = entries.keys().rev().cloned().collect();
    keys.extend(keys.clone());
    let proof = generate_proof(&db, root, &keys).unwrap();
    assert_eq!(proof, generate_proof(&db, root, entries.keys()).unwrap());
    let expected = keys.iter().map(|key| entries.get(key).cloned()).collect();
    assert_eq!(read_proof(root, &proof, &keys), Ok(expected));
}

#[test]
fn a_value_that_differs_is_named() {
    let (entries, db, root) = sample();
    let key = entries.keys().next_back().unwrap();
    let proof = generate_proof(&db, root, [key]).unwrap();
    let mismatch = Err(ProofError::ValueMismatch { key: key.clone() });
    assert_eq!(verify_proof(root, &proof, [(key, entries.get(key))]), Ok(()));
    assert_eq!(verify_proof(root, &proof, [(key, None::<&[u8]>)]), mismatch);
    assert_eq!(verify_proof(root, &proof, [(key, Some(b"other"))]), mismatch);
}

#[test]
fn extra_nodes_are_refused() {
    let (entries, db, root) = sample();
    let all = generate_proof(&db, root, entries.keys()).unwrap();
    let one = generate_proof(&db, root, entries.keys().take(1)).unwrap();
    let key = entries.keys().next().unwrap();
    let unused = Err(ProofError::Unused(all.0.len() - one.0.len()));
    assert_eq!(read_proof(root, &all, [key]), unused);

    for at in 0..all.0.len() {
        let mut twice = all.clone();
        twice.0.insert(at, all.0[at].clone());
        assert!(read_proof(root, &twice, entries.keys()).is_err(), "node {at} twice");
    }
    let mut swapped = all.clone();
    swapped.0.swap(1, 2);
    assert!(matches!(
        read_proof(root, &swapped, entries.keys()),
        Err(ProofError::WrongNode { index: 1, .. })
    ));
}

#[test]
fn a_database_without_the_node_cannot_prove() {
    let (_, db, _) = sample();
    let unknown = Hash::repeat_byte(9);
    assert_eq!(generate_proof(&db, unknown, [b"a"]), Err(ProofError::Missing(unknown)));
}

#[test]
fn bounds_hold_before_anything_is_hashed_or_allocated() {
    let many = Proof(vec![vec![]; PROOF_NODES_MAX + 1]);
    let large = Proof(vec![vec![0; PROOF_BYTES_MAX], vec![0]]);
    let keys = [b"a"];
    assert_eq!(
        read_proof(EMPTY_ROOT, &many, keys),
        Err(ProofError::TooManyNodes(PROOF_NODES_MAX + 1))
    );
    assert_eq!(
        read_proof(EMPTY_ROOT, &large, keys),
        Err(ProofError::TooManyBytes(PROOF_BYTES_MAX + 1))
    );
    assert!(Proof::decode(&mut many.encode().as_slice()).is_err());
    assert!(Proof::decode(&mut large.encode().as_slice()).is_err());
    // One node that claims 16 MiB, and a count that claims the world.
    assert!(Proof::decode(&mut [4, 2, 0, 0, 4].as_slice()).is_err());
    assert!(Proof::decode(&mut [2, 0, 4, 0].as_slice()).is_err());
    let (entries, mut db, root) = sample();
    let big = vec![1; PROOF_BYTES_MAX];
    let root = quids_trie::delta_root(&mut db, root, [(b"big", Some(&big))]).unwrap();
    assert!(matches!(
        generate_proof(&db, root, [b"big"]),
        Err(ProofError::TooManyBytes(_))
    ));
    assert!(generate_proof(&db, root, entries.keys()).is_ok());
}

#[test]
fn every_bit_of_a_proof_counts() {
    let (entries, db, root) = sample();
    let keys: Vec<_> = entries.keys().step_by(9).collect();
    let proof = generate_proof(&db, root, &keys).unwrap();
    for node in 0..proof.0.len() {
        for bit in 0..proof.0[node].len() * 8 {
            let mut altered = proof.clone();
            altered.0[node][bit / 8] ^= 1 << (bit % 8);
            assert!(read_proof(root, &altered, &keys).is_err(), "node {node} bit {bit}");
        }
        let mut altered = proof.clone();
        altered.0[node].pop();
        assert!(read_proof(root, &altered, &keys).is_err(), "node {node} cut");
        let mut altered = proof.clone();
        altered.0.remove(node);
        assert!(read_proof(root, &altered, &keys).is_err(), "node {node} dropped");
        let mut altered = proof.clone();
        altered.0.truncate(node);
        assert!(read_proof(root, &altered, &keys).is_err(), "cut at node {node}");
    }
}

/// A trie whose nodes hash correctly may still be malformed, if who signed its root erred.
#[test]
fn authentic_but_malformed_nodes_are_errors() {
    for node in [vec![], vec![0xff], vec![0x60, 3, 0, 1, 0x20, 1, 0x01], vec![0x60]] {
        let root = Hash::from(*blake3::hash(&node).as_bytes());
        let result = read_proof(root, &Proof(vec![node]), [[0x10]]);
        assert!(matches!(result, Err(ProofError::BadNode { hash, .. }) if hash == root));
    }
    // A child by hash that is the empty node.
    let mut node = vec![0x60, 3, 0, 1, 0x20, 32];
    node.extend(EMPTY_ROOT.as_bytes());
    let root = Hash::from(*blake3::hash(&node).as_bytes());
    let result = read_proof(root, &Proof(vec![node, vec![0]]), [[0x10]]);
    assert!(matches!(result, Err(ProofError::BadNode { hash, .. }) if hash == EMPTY_ROOT));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn random_sets_verify(
        entries in any_entries(40),
        picks in vec(any::<prop::sample::Index>(), 0..10),
        others in vec(any_key(), 0..10),
    ) {
        let (db, root) = database(&entries);
        let present: Vec<_> = entries.keys().cloned().collect();
        let mut keys = others;
        if !present.is_empty() {
            keys.extend(picks.iter().map(|pick| pick.get(&present).clone()));
        }
        let proof = generate_proof(&db, root, &keys).unwrap();
        let sent = Proof::decode(&mut proof.encode().as_slice()).unwrap();
        prop_assert_eq!(&sent, &proof);
        let items = keys.iter().map(|key| (key, entries.get(key)));
        prop_assert_eq!(verify_proof(root, &sent, items), Ok(()));
    }

    /// Bit flips, removals, swaps, repeats, cuts and foreign nodes, in any combination: refused
    /// unless they cancel out.
    #[test]
    fn altered_proofs_are_refused(
        entries in any_entries(30),
        keys in vec(any_key(), 1..8),
        alterations in vec((0u8..6, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
    ) {
        let (db, root) = database(&entries);
        let proof = generate_proof(&db, root, &keys).unwrap();
        let mut altered = proof.clone();
        for (kind, at, bit) in alterations {
            let nodes = &mut altered.0;
            if nodes.is_empty() {
                nodes.push(vec![0]);
                continue;
            }
            let at = at.index(nodes.len());
            match kind {
                0 if !nodes[at].is_empty() => {
                    let bit = bit.index(nodes[at].len() * 8);
                    nodes[at][bit / 8] ^= 1 << (bit % 8);
                }
                1 => { nodes.remove(at); }
                2 => { let other = bit.index(nodes.len()); nodes.swap(at, other); }
                3 => { let node = nodes[at].clone(); nodes.insert(bit.index(nodes.len() + 1), node); }
                4 => nodes.truncate(at),
                _ => nodes.insert(at, vec![0x20]),
            }
        }
        prop_assert_eq!(read_proof(root, &altered, &keys).is_err(), altered != proof);
    }

    #[test]
    fn random_bytes_are_no_proof(bytes in vec(any::<u8>(), 0..200), key in any_key()) {
        if let Ok(proof) = Proof::decode(&mut bytes.as_slice()) {
            prop_assert!(read_proof(Hash::repeat_byte(3), &proof, [key]).is_err());
        }
    }
}
