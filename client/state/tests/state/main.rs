//! The overlay and the state's views against models.

mod backend;
mod chunk;
mod history;
mod model;
mod overlay;

use quids_core::Height;
use quids_state::{Commit, EMPTY_ROOT, MemoryState, SharedCache, StateBackend, StateView};
use std::{collections::BTreeMap, sync::Arc};

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// A store with the empty state at height 0.
fn empty() -> (Arc<MemoryState>, StateView) {
    let store = Arc::new(MemoryState::default());
    let cache = Arc::new(SharedCache::new(1 << 20));
    let view = StateView::new(store.clone(), cache, Height(0), EMPTY_ROOT);
    (store, view)
}

/// `entries` as changes to a state.
fn commit_all(view: &StateView, entries: &Entries) -> Commit {
    let mut changes = entries
        .iter()
        .map(|(key, value)| (key.as_slice(), Some(value.as_slice())));
    view.commit(&mut changes).unwrap()
}

/// The state after a block on top of `view`, the latest.
fn next(store: &Arc<MemoryState>, view: &StateView, commit: Commit) -> StateView {
    let (height, root) = (view.height().next().unwrap(), commit.root);
    store.apply(height, commit);
    fresh(store, height, root)
}

/// A view that has nothing cached.
fn fresh(store: &Arc<MemoryState>, height: Height, root: quids_core::Hash) -> StateView {
    StateView::new(store.clone(), Arc::new(SharedCache::new(1 << 20)), height, root)
}

/// A view of the state with exactly `entries`, at height 1.
fn with_entries(entries: &Entries) -> (Arc<MemoryState>, StateView) {
    let (store, view) = empty();
    let commit = commit_all(&view, entries);
    let view = next(&store, &view, commit);
    (store, view)
}
