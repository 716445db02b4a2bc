//! Pieces of a state, as a snapshot of anybody's brings them: never a panic, and what is taken for a piece of the state is one.
#![no_main]

use codec::DecodeWithMemLimit;
use libfuzzer_sys::fuzz_target;
use quids_core::Height;
use quids_state::{Address, Chunk, Commit, EMPTY_ROOT, KeyValue, MemoryState, SharedCache, StateBackend, StateView};
use std::sync::{Arc, OnceLock};

/// As `quids snapshot import` bounds a frame, more or less.
const CHUNK_MEMORY_MAX: usize = 1 << 20;
/// Pieces of one entry, of some, and all in one.
const CHUNK_BYTES: [usize; 3] = [1, 300, 1 << 20];

struct Known {
    view: StateView,
    entries: Vec<KeyValue>,
    /// True pieces, each with where it begins and how many entries are before it.
    pieces: Vec<(Address, usize, Chunk)>,
}

/// Values at branches, short and long ones, keys that go on from others, a lone key far away.
fn entries() -> Vec<KeyValue> {
    let mut entries: Vec<KeyValue> = (0..40u8)
        .map(|index| (vec![index % 5 * 0x11, index, index ^ 0x5a], vec![index; usize::from(index) * 2]))
        .collect();
    entries.extend([&b"do"[..], b"dog", b"doge", b"dogecoin", b"horse"].map(|key| (key.to_vec(), [key; 12].concat())));
    entries.extend([(vec![], vec![7]), (vec![0x11], vec![]), (vec![0xff; 40], vec![1; 40])]);
    entries.sort();
    entries
}

fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let (entries, store) = (entries(), Arc::new(MemoryState::default()));
        let view = |root| StateView::new(store.clone(), Arc::new(SharedCache::new(1 << 20)), Height::ZERO, root);
        let mut changes = entries.iter().map(|(key, value)| (&key[..], Some(&value[..])));
        let commit: Commit = view(EMPTY_ROOT).commit(&mut changes).unwrap();
        let view = view(commit.root);
        store.apply(Height::ZERO, commit);
        let mut pieces = Vec::new();
        for bytes_max in CHUNK_BYTES {
            let (mut next, mut before) = (Some(Address::default()), 0);
            while let Some(begin) = next {
                let chunk = view.chunk(&begin, bytes_max).unwrap();
                next = chunk.clone().check(view.root(), &begin).unwrap().next().cloned();
                let count = chunk.entries.len();
                pieces.push((begin, before, chunk));
                before += count;
            }
            assert_eq!(before, entries.len());
        }
        assert!(pieces.len() > 50);
        Known { view, entries, pieces }
    })
}

/// Whether it is taken; then it must be what the state has there, and the next piece goes on after it.
fn check(chunk: Chunk, begin: &Address, before: usize) -> bool {
    let known = known();
    let Ok(checked) = chunk.clone().check(known.view.root(), begin) else { return false };
    let (taken, rest) = known.entries[before..].split_at(chunk.entries.len());
    assert_eq!(checked.entries(), taken);
    let next = checked.next().map(|begin| known.view.chunk(begin, 1).unwrap());
    assert_eq!(next.and_then(|next| next.entries.first().cloned()).as_ref(), rest.first());
    true
}

fuzz_target!(|bytes: &[u8]| {
    let [place, how, bytes @ ..] = bytes else { return };
    let pieces = &known().pieces;
    let (begin, before, good) = &pieces[usize::from(*place) % pieces.len()];
    let Ok(chunk) = Chunk::decode_with_mem_limit(&mut &bytes[..], CHUNK_MEMORY_MAX) else { return };
    check(chunk.clone(), begin, *before);

    // A true piece with some of it replaced, left out, or from elsewhere.
    let mut mixed = good.clone();
    let is_same = chunk == Chunk::default() && *how == 0;
    for (found, own) in chunk.path.into_iter().zip(&mut mixed.path) {
        *own = found;
    }
    let entries = mixed.entries.len();
    match how % 4 {
        0 => mixed.entries.extend(chunk.entries),
        1 => mixed.entries.truncate(usize::from(how / 4) % (entries + 1)),
        2 => drop(mixed.entries.drain(..usize::from(how / 4) % (entries + 1))),
        _ => mixed.entries = pieces[usize::from(how / 4) % pieces.len()].2.entries.clone(),
    }
    let is_taken = check(mixed, begin, *before);
    assert!(is_taken || !is_same, "a true piece is refused");
});
