//! A root depends on the entries alone: not on their order, on what was there before, or on which
//! of the implementations computed it.

use crate::{Entries, any_entries, any_key, any_value, database, model};
use proptest::{collection::vec, prelude::*};
use quids_trie::{
    EMPTY_ROOT, Hash, Layout, MemoryDB, Trie, TrieConfiguration, TrieDBBuilder, TrieDBMutBuilder, TrieMut, delta_root,
    ordered_root, remove_key, state_root,
};

/// Every way to the root gives the same one, and every entry reads back.
fn check(entries: Entries) {
    let expected = Hash::from(model::root(&entries));
    assert_eq!(state_root(entries.clone()), expected, "trie_root");

    let (db, root) = database(&entries);
    assert_eq!(root, expected, "delta_root");
    let trie = TrieDBBuilder::new(&db, &root).build();
    for (key, value) in &entries {
        assert_eq!(trie.get(key).unwrap().as_ref(), Some(value), "{key:02x?}");
    }

    if !entries.is_empty() {
        let built = Layout::trie_build(&mut MemoryDB::default(), entries);
        assert_eq!(built, expected, "trie_build");
    }
}

fn entries(list: &[(&[u8], &[u8])]) -> Entries {
    list.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

#[test]
fn no_entries() {
    check(Entries::new());
    assert_eq!(state_root(Entries::new()), EMPTY_ROOT);
    assert_eq!(ordered_root(Vec::<Vec<u8>>::new()), EMPTY_ROOT);
}

#[test]
fn empty_key_and_empty_value() {
    check(entries(&[(b"", b"")]));
    check(entries(&[(b"", b""), (b"\0", b"")]));
    check(entries(&[(b"", &[1; 40]), (b"a", b""), (b"ab", b"")]));
}

#[test]
fn an_empty_value_is_not_an_absent_one() {
    assert_ne!(state_root(entries(&[(b"a", b"")])), EMPTY_ROOT);
    assert_ne!(
        state_root(entries(&[(b"a", b""), (b"b", b"1")])),
        state_root(entries(&[(b"b", b"1")]))
    );
}

#[test]
fn values_around_the_inline_threshold() {
    for len in [0, 1, 30, 31, 32, 33, 34, 64, 10_000] {
        let value = vec![7; len];
        check(entries(&[(b"key", &value)]));
        check(entries(&[(b"key", &value), (b"key2", &value), (b"kez", b"")]));
    }
}

#[test]
fn keys_that_are_prefixes_of_each_other() {
    let long = [0x5a; 200];
    let all: Entries = (0..=200).map(|len| (long[..len].to_vec(), vec![len as u8])).collect();
    check(all);
}

#[test]
fn splits_at_every_nibble_of_a_long_key() {
    for nibble in 0..64 {
        let left = [0x33; 32];
        let mut right = left;
        right[nibble / 2] ^= if nibble % 2 == 0 { 0x40 } else { 0x04 };
        check(entries(&[(&left, b"left"), (&right, &[9; 33])]));
    }
}

#[test]
fn a_full_branch_at_the_root() {
    check(
        (0u8..=255)
            .map(|byte| (vec![byte], vec![byte; usize::from(byte) % 40]))
            .collect(),
    );
}

#[test]
fn an_ordered_root_is_keyed_by_compact_index() {
    let items: Vec<Vec<u8>> = (0u32..300).map(|index| index.to_le_bytes().to_vec()).collect();
    let keyed: Entries = (0u32..)
        .zip(&items)
        .map(|(index, item)| {
            let key = if index < 64 {
                vec![(index as u8) << 2]
            } else {
                ((index << 2 | 1) as u16).to_le_bytes().to_vec()
            };
            (key, item.clone())
        })
        .collect();
    assert_eq!(ordered_root(&items), state_root(keyed));
}

/// trie-db's own `remove` takes `[0x10, 0x01]` away here; see `remove_key`.
#[test]
fn removing_an_absent_key_removes_nothing() {
    let all = entries(&[
        (b"\x10\x01", b"1"),
        (b"\x10\x01\x00", b"2"),
        (b"\x10\x01\x10", b"3"),
        (b"\x11", b"4"),
    ]);
    let (mut db, root) = database(&all);
    for absent in [&b""[..], b"\x10", b"\x12", b"\x10\x01\x01", b"\x11\x00"] {
        let removal = [(absent, None::<&[u8]>)];
        assert_eq!(delta_root(&mut db, root, removal).unwrap(), root, "{absent:02x?}");
    }
    let mut wrong = root;
    let mut trie = TrieDBMutBuilder::from_existing(&mut db, &mut wrong).build();
    trie.remove(b"\x10").unwrap();
    drop(trie);
    assert_ne!(wrong, root, "trie-db is repaired: drop the check in remove_key");
}

#[test]
fn an_unknown_root_is_an_error_and_writes_nothing() {
    let (mut db, root) = database(&entries(&[(b"a", b"1"), (b"b", &[2; 40])]));
    let before = db.keys();
    let unknown = Hash::repeat_byte(1);
    assert!(delta_root(&mut db, unknown, [(b"a", Some(b"2"))]).is_err());
    assert_eq!(db.keys(), before);
    assert!(delta_root(&mut db, root, [(b"a", Some(b"2"))]).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn all_implementations_agree(entries in any_entries(40)) {
        check(entries);
    }

    /// Writes in any order, over each other and with removals in between, end at the root of what
    /// is left; taking everything out ends at the empty root and, counted, in an empty database.
    #[test]
    fn history_leaves_no_trace(
        operations in vec((any_key(), proptest::option::weighted(0.6, any_value())), 0..60),
        batch in 1usize..20,
    ) {
        let (mut db, mut root) = (MemoryDB::default(), EMPTY_ROOT);
        let mut left = Entries::new();
        for operations in operations.chunks(batch) {
            for (key, value) in operations {
                match value {
                    Some(value) => left.insert(key.clone(), value.clone()),
                    None => left.remove(key),
                };
            }
            root = delta_root(&mut db, root, operations.iter().cloned()).unwrap();
            prop_assert_eq!(root, Hash::from(model::root(&left)));
        }
        for key in left.keys() {
            let mut trie = TrieDBMutBuilder::from_existing(&mut db, &mut root).build();
            remove_key(&mut trie, key).unwrap();
        }
        prop_assert_eq!(root, EMPTY_ROOT);
        db.purge();
        prop_assert!(db.keys().is_empty());
    }

    #[test]
    fn removing_extra_keys_restores_the_root(
        kept in any_entries(20),
        extra in any_entries(20),
    ) {
        let (mut db, root) = database(&kept);
        let extra: Vec<_> = extra.into_iter().filter(|(key, _)| !kept.contains_key(key)).collect();
        let added = extra.iter().map(|(key, value)| (key, Some(value)));
        let grown = delta_root(&mut db, root, added).unwrap();
        prop_assert!(extra.is_empty() || grown != root);
        let removed = extra.iter().rev().map(|(key, _)| (key, None::<&[u8]>));
        prop_assert_eq!(delta_root(&mut db, grown, removed).unwrap(), root);
    }
}
