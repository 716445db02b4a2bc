//! The overlay does what `MemoryExternalities` does, call by call, errors included, over many blocks.

use crate::{Entries, empty, next, with_entries};
use proptest::{collection::vec, prelude::*};
use quids_io::{ExtResult, Externalities, MemoryExternalities};
use quids_state::{MemoryState, Overlay, StateBackend, StateError, StateView};
use quids_trie::state_root;
use std::sync::Arc;

#[derive(Clone, Debug)]
enum Op {
    Get(Vec<u8>),
    Exists(Vec<u8>),
    Set(Vec<u8>, Vec<u8>),
    Clear(Vec<u8>),
    Append(Vec<u8>, Vec<u8>),
    AppendMany(Vec<u8>, u8),
    Add(Vec<u8>, u128),
    ClearPrefix(Vec<u8>, u32),
    NextKey(Vec<u8>),
    Begin,
    BeginMany,
    Commit,
    Rollback,
    Root,
    /// Ends the block: its changes become the next one's backend.
    Block,
}

/// Few keys, so that calls meet; prefixes of each other, the empty key, and ends of the order.
fn any_key() -> impl Strategy<Value = Vec<u8>> {
    vec(prop::sample::select(&[0u8, 1, 0x10, 0x11, 0xff][..]), 0..4)
}

fn any_value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..6),
        vec(any::<u8>(), 16),
        vec(any::<u8>(), 31..35),
        // The longest vector whose length takes one byte.
        Just([&[252u8][..], &[7; 63]].concat()),
        Just(u128::MAX.to_le_bytes().to_vec()),
    ]
}

fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => any_key().prop_map(Op::Get),
        1 => any_key().prop_map(Op::Exists),
        6 => (any_key(), any_value()).prop_map(|(key, value)| Op::Set(key, value)),
        3 => any_key().prop_map(Op::Clear),
        6 => (any_key(), vec(any::<u8>(), 0..4)).prop_map(|(key, item)| Op::Append(key, item)),
        1 => (any_key(), any::<u8>()).prop_map(|(key, count)| Op::AppendMany(key, count)),
        3 => (any_key(), any::<u64>()).prop_map(|(key, amount)| Op::Add(key, amount.into())),
        1 => (any_key(), Just(u128::MAX)).prop_map(|(key, amount)| Op::Add(key, amount)),
        2 => (any_key(), 0u32..5).prop_map(|(prefix, limit)| Op::ClearPrefix(prefix, limit)),
        1 => any_key().prop_map(|prefix| Op::ClearPrefix(prefix, u32::MAX)),
        4 => any_key().prop_map(Op::NextKey),
        6 => Just(Op::Begin),
        1 => Just(Op::BeginMany),
        3 => Just(Op::Commit),
        3 => Just(Op::Rollback),
        1 => Just(Op::Root),
        2 => Just(Op::Block),
    ]
}

/// What a call answers, as text: one type for all.
fn call(op: &Op, on: &mut dyn Externalities) -> ExtResult<String> {
    fn show(value: impl std::fmt::Debug) -> String {
        format!("{value:?}")
    }
    match op {
        Op::Get(key) => on.get(key).map(show),
        Op::Exists(key) => on.exists(key).map(show),
        Op::Set(key, value) => on.set(key, value).map(show),
        Op::Clear(key) => on.clear(key).map(show),
        Op::Append(key, item) => on.append(key, item).map(show),
        Op::AppendMany(key, count) => (0..*count).try_for_each(|item| on.append(key, &[item])).map(show),
        Op::Add(key, amount) => on.add(key, *amount).map(show),
        Op::ClearPrefix(prefix, limit) => on.clear_prefix(prefix, *limit).map(show),
        Op::NextKey(key) => on.next_key(key).map(show),
        Op::Begin => on.begin_transaction().map(show),
        Op::BeginMany => (0..300).try_for_each(|_| on.begin_transaction()).map(show),
        Op::Commit => on.commit_transaction().map(show),
        Op::Rollback => on.rollback_transaction().map(show),
        Op::Root | Op::Block => Ok(String::new()),
    }
}

struct Chain {
    store: Arc<MemoryState>,
    overlay: Overlay<StateView>,
    model: MemoryExternalities,
    /// Every state so far.
    history: Vec<(StateView, Entries)>,
}

impl Chain {
    fn end_block(self) -> Self {
        let Self {
            store,
            mut overlay,
            mut model,
            mut history,
        } = self;
        let depth = overlay.depth();
        overlay.rollback_to(0);
        (0..depth).for_each(|_| model.rollback_transaction().unwrap());
        let backend = overlay.backend().clone();
        let commit = overlay.into_commit().unwrap();
        assert_eq!(commit.root, state_root(model.state()), "root");

        let mut state = history.last().unwrap().1.clone();
        for change in &commit.values {
            assert_ne!(change.old.as_deref(), change.new.as_deref(), "a change that is none");
            let old = match &change.new {
                Some(value) => state.insert(change.key.clone(), value.clone()),
                None => state.remove(&change.key),
            };
            assert_eq!(old.as_deref(), change.old.as_deref(), "old value");
        }
        assert_eq!(&state, model.state(), "changes");
        let backend = next(&store, &backend, commit);
        history.push((backend.clone(), state));
        Self {
            store,
            overlay: Overlay::new(backend),
            model,
            history,
        }
    }

    /// Every state is still there, whole.
    fn check_history(&self) {
        for (backend, entries) in &self.history {
            let keys = backend.keys(&[], None, usize::MAX).unwrap();
            let read = keys
                .iter()
                .map(|key| (key.clone(), backend.get(key).unwrap().unwrap().to_vec()));
            assert_eq!(&read.collect::<Entries>(), entries);
        }
    }
}

fn check(entries: Entries, ops: Vec<Op>) {
    let (store, backend) = if entries.is_empty() {
        empty()
    } else {
        with_entries(&entries)
    };
    let mut chain = Chain {
        store,
        overlay: Overlay::new(backend.clone()),
        model: MemoryExternalities::new(entries.clone()),
        history: vec![(backend, entries)],
    };
    for op in ops {
        assert_eq!(call(&op, &mut chain.overlay), call(&op, &mut chain.model), "{op:?}");
        match op {
            Op::Root => assert_eq!(chain.overlay.root().unwrap(), state_root(chain.model.state())),
            Op::Block => chain = chain.end_block(),
            _ => {}
        }
    }
    chain.end_block().check_history();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_overlay_is_its_model(
        entries in prop::collection::btree_map(any_key(), any_value(), 0..12),
        ops in vec(any_op(), 0..250),
    ) {
        check(entries, ops);
    }
}

#[test]
fn a_commit_with_open_transactions_is_refused() {
    let mut overlay = Overlay::new(empty().1);
    overlay.begin_transaction().unwrap();
    overlay.begin_transaction().unwrap();
    assert_eq!(overlay.into_commit().unwrap_err(), StateError::OpenTransactions(2));
}
