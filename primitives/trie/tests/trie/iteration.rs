//! Iteration yields entries in key order, under a prefix, and from a given key on: what storage
//! paging stands on.

use crate::{any_entries, any_key, database};
use proptest::prelude::*;
use quids_trie::{Trie, TrieDBBuilder, TrieDBIterator, TrieDBKeyIterator};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn all_entries_in_key_order(entries in any_entries(40)) {
        let (db, root) = database(&entries);
        let trie = TrieDBBuilder::new(&db, &root).build();
        let seen: Vec<_> = trie.iter().unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(seen, entries.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn under_a_prefix_from_a_key_on(
        entries in any_entries(40),
        prefix in any_key(),
        suffix in any_key(),
    ) {
        let (db, root) = database(&entries);
        let trie = TrieDBBuilder::new(&db, &root).build();
        let start = [prefix.as_slice(), suffix.as_slice()].concat();
        let expected = |from: &[u8]| -> Vec<Vec<u8>> {
            let keys = entries.keys().filter(|key| key.starts_with(&prefix));
            keys.filter(|key| key.as_slice() >= from).cloned().collect()
        };

        let all = TrieDBIterator::new_prefixed(&trie, &prefix).unwrap();
        let all: Vec<_> = all.map(|entry| entry.unwrap().0).collect();
        prop_assert_eq!(all, expected(&prefix));

        let paged = TrieDBKeyIterator::new_prefixed_then_seek(&trie, &prefix, &start).unwrap();
        let paged: Vec<_> = paged.map(Result::unwrap).collect();
        prop_assert_eq!(paged, expected(&start));
    }

    #[test]
    fn seek_goes_to_the_first_key_not_less(entries in any_entries(40), start in any_key()) {
        let (db, root) = database(&entries);
        let trie = TrieDBBuilder::new(&db, &root).build();
        let mut iterator = trie.key_iter().unwrap();
        iterator.seek(&start).unwrap();
        let first = iterator.next().transpose().unwrap();
        prop_assert_eq!(first.as_ref(), entries.range(start..).map(|(key, _)| key).next());
    }
}
