//! A state in pieces: whatever its shape and the size of the pieces, they give all of it and nothing else, and no other piece
//! is taken in the place of one.

use crate::Entries;
use proptest::{collection::btree_map, prelude::*};
use quids_core::{Hash, Height};
use quids_state::{
    Address, BadChunk, Chunk, EMPTY_ROOT, MemoryState, SharedCache, StateBackend, StateStore, StateView,
};
use std::{collections::BTreeMap, sync::Arc};

type Branches = BTreeMap<Address, Vec<u8>>;

fn entries() -> impl Strategy<Value = Entries> {
    let key = prop::collection::vec(prop::sample::select(&[0u8, 1, 0x10, 0x11, 0x1f, 0xff][..]), 0..6);
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..3),
        prop::collection::vec(any::<u8>(), 30..100),
    ];
    btree_map(key, value, 0..60)
}

/// A state in memory, as a commit leaves it.
fn state(entries: &Entries) -> (Arc<MemoryState>, Hash) {
    let store = Arc::new(MemoryState::default());
    let view = StateView::new(
        store.clone(),
        Arc::new(SharedCache::new(1 << 20)),
        Height(0),
        EMPTY_ROOT,
    );
    let mut changes = entries
        .iter()
        .map(|(key, value)| (key.as_slice(), Some(value.as_slice())));
    let commit = view.commit(&mut changes).unwrap();
    let root = commit.root;
    store.apply(Height(0), commit);
    (store, root)
}

fn view(store: &Arc<MemoryState>, height: u32, root: Hash) -> StateView {
    StateView::new(store.clone(), Arc::new(SharedCache::new(1 << 20)), Height(height), root)
}

fn branches(store: &MemoryState) -> Branches {
    let stored = store.branches().into_iter();
    stored
        .map(|address| {
            let bytes = store.latest_branch(&address).unwrap().unwrap().to_vec();
            (address, bytes)
        })
        .collect()
}

/// All pieces, each with where it begins.
fn pieces(view: &StateView, bytes_max: usize) -> Vec<(Address, Chunk)> {
    let mut pieces = Vec::new();
    let mut next = Some(Address::default());
    while let Some(begin) = next {
        let chunk = view.chunk(&begin, bytes_max).unwrap();
        next = chunk.clone().check(view.root(), &begin).unwrap().next().cloned();
        pieces.push((begin, chunk));
    }
    pieces
}

/// What a receiver of the pieces has.
fn assembled(root: Hash, pieces: &[(Address, Chunk)]) -> (Entries, Branches) {
    let (mut entries, mut branches) = (Entries::new(), Branches::new());
    let mut next = Some(Address::default());
    for (_, chunk) in pieces {
        let begin = next.expect("more than there should be");
        let checked = chunk.clone().check(root, &begin).unwrap();
        assert!(checked.is_of(root, &begin) && !checked.is_of(Hash::zero(), &begin));
        assert_eq!(checked.entries(), chunk.entries);
        for (key, value) in &chunk.entries {
            assert_eq!(entries.insert(key.clone(), value.clone()), None, "twice");
        }
        branches.extend(checked.branches().iter().cloned());
        next = checked.next().cloned();
    }
    assert_eq!(next, None);
    (entries, branches)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn pieces_are_the_whole_state(entries in entries(), bytes_max in 1usize..600) {
        let (store, root) = state(&entries);
        let pieces = pieces(&view(&store, 0, root), bytes_max);
        let (found, found_branches) = assembled(root, &pieces);
        prop_assert_eq!(&found, &entries);
        prop_assert_eq!(found_branches, branches(&store));
        let whole: usize = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
        prop_assert!(pieces.len() == 1 || whole > bytes_max);
    }

    /// Also of a block of the past, when the flat layer has another one.
    #[test]
    fn pieces_of_the_past_are_too(before in entries(), after in entries(), bytes_max in 1usize..300) {
        let (store, root) = state(&before);
        let removed = before.keys().filter(|key| !after.contains_key(*key)).map(|key| (key.as_slice(), None));
        let set = after.iter().map(|(key, value)| (key.as_slice(), Some(value.as_slice())));
        let mut changes: Vec<_> = removed.chain(set).collect();
        changes.sort();
        let commit = view(&store, 0, root).commit(&mut changes.into_iter()).unwrap();
        let later = commit.root;
        store.apply(Height(1), commit);
        prop_assert_eq!(assembled(root, &pieces(&view(&store, 0, root), bytes_max)).0, before);
        prop_assert_eq!(assembled(later, &pieces(&view(&store, 1, later), bytes_max)).0, after);
    }

    /// Whatever is left out, added, changed or moved.
    #[test]
    fn what_is_taken_is_the_states(
        entries in entries(), bytes_max in 1usize..300, piece in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(), how in 0..8,
    ) {
        let (store, root) = state(&entries);
        let pieces = pieces(&view(&store, 0, root), bytes_max);
        let number = piece.index(pieces.len());
        let (begin, good) = &pieces[number];
        let mut bad = good.clone();
        let (count, depth) = (bad.entries.len(), bad.path.len());
        match how {
            0 if count > 0 => drop(bad.entries.remove(at.index(count))),
            1 if count > 0 => bad.entries[at.index(count)].1.push(7),
            2 if count > 0 => bad.entries[at.index(count)].0.push(7),
            3 if count > 1 => bad.entries.swap(0, count - 1),
            4 => bad.entries.push((vec![0xff; 9], vec![1])),
            5 if depth > 0 => drop(bad.path.pop()),
            6 if depth > 0 => {
                let at = at.index(depth);
                let last = bad.path[at].len() - 1;
                bad.path[at][last] ^= 1;
            }
            7 if pieces.len() > 1 => bad = pieces[(number + 1) % pieces.len()].1.clone(),
            _ => return Ok(()),
        }
        // Whatever is taken is the state's, and goes on where the piece before ended: it may be shorter than it was cut, or
        // say the same by fewer branches.
        if let Ok(checked) = bad.clone().check(root, begin) {
            let before: usize = pieces[..number].iter().map(|(_, piece)| piece.entries.len()).sum();
            let mut rest = entries.into_iter().skip(before);
            let taken: Vec<_> = rest.by_ref().take(bad.entries.len()).collect();
            prop_assert_eq!(taken, bad.entries);
            prop_assert_eq!(checked.next().is_none(), rest.next().is_none());
            for (address, branch) in checked.branches() {
                let stored = store.latest_branch(address).unwrap();
                prop_assert_eq!(stored.as_deref(), Some(&branch[..]));
            }
        }
    }

    #[test]
    fn noise_is_refused(
        path in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..4),
        found in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..4), prop::collection::vec(any::<u8>(), 0..4)), 0..5),
        begin in prop::collection::vec(0u8..16, 0..6),
    ) {
        let (_, root) = state(&[(vec![1], vec![2]), (vec![3], vec![4])].into());
        let refused = Chunk { path, entries: found }.check(root, &Address::new(begin));
        prop_assert!(refused.is_err());
    }
}

#[test]
fn the_empty_state_is_one_empty_piece() {
    let (store, root) = state(&Entries::new());
    let chunk = view(&store, 0, root).chunk(&Address::default(), 100).unwrap();
    assert_eq!(chunk, Chunk::default());
    assert_eq!(
        chunk.clone().check(EMPTY_ROOT, &Address::default()).unwrap().next(),
        None
    );
    let (_, other) = state(&[(vec![1], vec![2])].into());
    let (computed, stated) = (EMPTY_ROOT, other);
    let refused = chunk.check(other, &Address::default());
    assert_eq!(refused, Err(BadChunk::Root { computed, stated }));
}
