//! Tests of the trie as its users see it: roots, iteration, proofs, the decoder on hostile bytes,
//! and the pinned format.

mod codec;
mod iteration;
mod model;
mod proofs;
mod roots;
mod vectors;

use proptest::{collection::vec, prelude::*};
use quids_trie::{Hash, MemoryDB, delta_root};
use std::collections::BTreeMap;

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// Keys that share prefixes, are prefixes of each other, are empty, or differ in one nibble, early
/// or late in long keys.
fn any_key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(prop_oneof![Just(0x00), Just(0x01), Just(0x10), Just(0x11), Just(0xff)], 0..5),
        2 => vec(any::<u8>(), 0..6),
        2 => (0u8..32, any::<u8>()).prop_map(|(at, flip)| {
            let mut key = vec![0xab; 32];
            key[at as usize] ^= flip;
            key
        }),
        1 => (60usize..70, any::<u8>()).prop_map(|(len, last)| {
            let mut key = vec![0xcd; len];
            key.push(last);
            key
        }),
        1 => (140usize..310).prop_map(|len| vec![0xef; len]),
    ]
}

/// Empty values, values around the inline threshold, and longer ones.
fn any_value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => Just(Vec::new()),
        3 => vec(any::<u8>(), 1..8),
        3 => (31usize..=34, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
        1 => vec(any::<u8>(), 100..400),
    ]
}

fn any_entries(len_max: usize) -> impl Strategy<Value = Entries> {
    proptest::collection::btree_map(any_key(), any_value(), 0..len_max)
}

/// A database holding exactly `entries`, written through trie-db.
fn database(entries: &Entries) -> (MemoryDB, Hash) {
    let mut db = MemoryDB::default();
    let changes = entries.iter().map(|(key, value)| (key, Some(value)));
    let root = delta_root(&mut db, quids_trie::EMPTY_ROOT, changes).expect("fresh trie");
    (db, root)
}
