//! What the model does not show: the cost of appends, recording, runtimes on trial, hooks, roots computed once.

use crate::{Entries, empty, with_entries};
use codec::Encode;
use proptest::prelude::*;
use quids_core::{Hash, Header};
use quids_io::{ExtError, Externalities, abi::TRANSACTION_DEPTH_MAX};
use quids_state::{BackendError, Commit, Overlay, StateBackend, StateView};
use std::{
    ops::Bound,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

/// 100 000 appends in transactions, every third undone: quadratic copying would move terabytes.
#[test]
fn appends_cost_their_item() {
    let mut overlay = Overlay::new(empty().1);
    let item = [7u8; 40];
    for extrinsic in 0..100_000 {
        overlay.begin_transaction().unwrap();
        overlay.append(b"events", &item).unwrap();
        overlay.begin_transaction().unwrap();
        overlay.append(b"events", &item).unwrap();
        if extrinsic % 2 == 0 {
            overlay.commit_transaction()
        } else {
            overlay.rollback_transaction()
        }
        .unwrap();
        if extrinsic % 3 == 0 {
            overlay.rollback_transaction()
        } else {
            overlay.commit_transaction()
        }
        .unwrap();
    }
    let kept = (0..100_000).filter(|extrinsic| extrinsic % 3 != 0);
    let kept: usize = kept.map(|extrinsic| if extrinsic % 2 == 0 { 2 } else { 1 }).sum();
    assert_eq!(overlay.get(b"events").unwrap().unwrap(), vec![item; kept].encode());
}

proptest! {
    /// Undoing restores every value; keeping and undoing from outside too.
    #[test]
    fn rollback_restores(depth in 1usize..6, keep in any::<[bool; 6]>()) {
        let entries: Entries = [(b"a".to_vec(), 5u128.to_le_bytes().to_vec()), (b"v".to_vec(), vec![4, 9])].into();
        let mut overlay = Overlay::new(with_entries(&entries).1);
        overlay.begin_transaction().unwrap();
        for keep in keep.iter().take(depth) {
            overlay.begin_transaction().unwrap();
            overlay.append(b"v", &[1]).unwrap();
            overlay.add(b"a", 3).unwrap();
            overlay.set(b"new", b"1").unwrap();
            overlay.append(b"v", &[2]).unwrap();
            if *keep { overlay.commit_transaction() } else { overlay.rollback_transaction() }.unwrap();
        }
        overlay.rollback_transaction().unwrap();
        prop_assert!(overlay.changes().is_empty());
        let commit = overlay.into_commit().unwrap();
        prop_assert_eq!(commit, Commit { root: quids_trie::state_root(&entries), values: vec![], nodes: vec![] });
    }
}

/// Counts commits.
struct Counting(StateView, AtomicUsize);

impl StateBackend for Counting {
    fn root(&self) -> Hash {
        self.0.root()
    }
    fn get(&self, key: &[u8]) -> Result<Option<Arc<[u8]>>, BackendError> {
        self.0.get(key)
    }
    fn next_key(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError> {
        self.0.next_key(key)
    }
    fn commit(&self, changes: &mut dyn Iterator<Item = (&[u8], Option<&[u8]>)>) -> Result<Commit, BackendError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.commit(changes)
    }
    fn prove(&self, keys: &[&[u8]]) -> Result<Vec<Vec<u8>>, BackendError> {
        self.0.prove(keys)
    }
}

#[test]
fn the_root_is_computed_once_per_change() {
    let backend = Counting(empty().1, AtomicUsize::new(0));
    let mut overlay = Overlay::new(&backend);
    let count = |expected| assert_eq!(backend.1.load(Ordering::Relaxed), expected);
    overlay.root().unwrap();
    count(0);
    overlay.set(b"a", b"1").unwrap();
    let root = overlay.root().unwrap();
    overlay.get(b"b").unwrap();
    overlay.begin_transaction().unwrap();
    overlay.commit_transaction().unwrap();
    assert_eq!(overlay.root().unwrap(), root);
    count(1);
    overlay.set(b"a", b"2").unwrap();
    assert_ne!(overlay.root().unwrap(), root);
    count(2);
    let expected = overlay.root().unwrap();
    assert_eq!(overlay.into_commit().unwrap().root, expected);
    count(2);
}

#[test]
fn what_is_discarded_leaves_what_was_read() {
    let entries: Entries = [(b"a".to_vec(), b"1".to_vec()), (b"v".to_vec(), vec![4, 9])].into();
    let mut overlay = Overlay::new(with_entries(&entries).1);
    overlay.set(b"own", b"kept").unwrap();
    let known = overlay.known_bytes();
    for _ in 0..3 {
        overlay.discarding(|inner| {
            assert_eq!(inner.get(b"a").unwrap().unwrap(), b"1");
            inner.set(b"a", b"2").unwrap();
            inner.append(b"v", &[1]).unwrap();
            inner.clear(b"own").unwrap();
            assert_eq!(inner.next_key(b"a").unwrap().unwrap(), b"v");
            assert_eq!(inner.commit_transaction(), Err(ExtError::NoTransaction("commit")));
            for _ in 0..TRANSACTION_DEPTH_MAX {
                inner.begin_transaction().unwrap();
                inner.set(b"deep", b"1").unwrap();
            }
            assert_eq!(inner.begin_transaction(), Err(ExtError::TooDeep(TRANSACTION_DEPTH_MAX)));
        });
        assert_eq!(overlay.depth(), 0);
        assert_eq!(overlay.changes(), [(&b"own"[..], Some(&b"kept"[..]))]);
        assert_eq!(overlay.get(b"v").unwrap().unwrap(), [4, 9]);
        assert_eq!(overlay.next_key(b"a").unwrap().unwrap(), b"own");
        // The keys a, v and deep; the values of a and v.
        assert_eq!(overlay.known_bytes(), known + 6 + 3);
    }
}

#[test]
fn recording_tells_reads_from_own_values() {
    let entries: Entries = [
        (b"a".to_vec(), b"1".to_vec()),
        (b"c".to_vec(), 1u128.to_le_bytes().to_vec()),
    ]
    .into();
    let mut overlay = Overlay::new(with_entries(&entries).1).with_access_log();
    overlay.get(b"a").unwrap();
    overlay.exists(b"absent").unwrap();
    overlay.set(b"own", b"1").unwrap();
    overlay.get(b"own").unwrap();
    overlay.clear(b"own").unwrap();
    overlay.append(b"own", b"1").unwrap();
    overlay.add(b"c", 1).unwrap();
    overlay.append(b"events", b"e").unwrap();
    overlay.get(b"own").unwrap();
    overlay.next_key(b"a").unwrap();
    overlay.next_key(b"own").unwrap();
    let log = overlay.take_access_log().unwrap();
    assert_eq!(log.reads, [b"a".to_vec(), b"absent".to_vec()].into());
    assert_eq!(log.writes, [b"own".to_vec()].into());
    assert_eq!(log.merges, [b"c".to_vec(), b"events".to_vec(), b"own".to_vec()].into());
    let ranges = [
        (Bound::Excluded(b"a".to_vec()), Bound::Included(b"c".to_vec())),
        (Bound::Excluded(b"own".to_vec()), Bound::Unbounded),
    ];
    assert_eq!(log.ranges, ranges);
    assert!(!log.root);

    // Reading a merged value depends on what is below it.
    overlay.get(b"c").unwrap();
    overlay.clear_prefix(b"a", 5).unwrap();
    overlay.root().unwrap();
    let log = overlay.take_access_log().unwrap();
    assert_eq!(
        (log.reads, log.writes),
        ([b"c".to_vec()].into(), [b"a".to_vec()].into())
    );
    assert_eq!(
        log.ranges,
        [(Bound::Included(b"a".to_vec()), Bound::Excluded(b"b".to_vec()))]
    );
    assert!(log.root);
    assert!(Overlay::new(empty().1).take_access_log().is_none());
}

/// A runtime on trial sees the state, changes it, and can neither keep anything nor close its caller's transactions.
#[test]
fn a_runtime_on_trial_leaves_no_trace() {
    let check = Arc::new(|state: &mut dyn Externalities, code: &[u8], _: Option<&Header>| {
        assert_eq!(state.get(b"a").unwrap().unwrap(), b"1");
        state.set(b"a", code).unwrap();
        assert_eq!(state.commit_transaction(), Err(ExtError::NoTransaction("commit")));
        assert_eq!(state.rollback_transaction(), Err(ExtError::NoTransaction("rollback")));
        (0..TRANSACTION_DEPTH_MAX).for_each(|_| state.begin_transaction().unwrap());
        assert_eq!(state.begin_transaction(), Err(ExtError::TooDeep(TRANSACTION_DEPTH_MAX)));
        state.commit_transaction().unwrap();
        state.set(b"b", b"2").unwrap();
        Ok(b"version".to_vec())
    });
    let mut overlay = Overlay::new(empty().1);
    assert_eq!(
        overlay.check_runtime(b"code", None),
        Err(ExtError::Unavailable("the trial run of a runtime"))
    );
    overlay = overlay.with_runtime_check(check);
    overlay.begin_transaction().unwrap();
    overlay.set(b"a", b"1").unwrap();
    assert_eq!(overlay.check_runtime(b"code", None), Ok(Ok(b"version".to_vec())));
    assert_eq!(overlay.depth(), 1);
    overlay.commit_transaction().unwrap();
    assert_eq!(overlay.changes(), [(&b"a"[..], Some(&b"1"[..]))]);
}

#[test]
fn hooks_are_asked() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = lines.clone();
    let mut overlay = Overlay::new(empty().1)
        .with_verifier(Arc::new(|scheme, key, message, signature| {
            (scheme, key, message, signature) == (1, &b"k"[..], &b"m"[..], &b"s"[..])
        }))
        .with_logger(Arc::new(move |level, line: &str| {
            seen.lock().unwrap().push((level, line.to_string()))
        }));
    assert!(overlay.verify_signature(1, b"k", b"m", b"s"));
    assert!(!overlay.verify_signature(1, b"k", b"m", b"t"));
    overlay.log(2, "careful");
    assert_eq!(*lines.lock().unwrap(), [(2, "careful".to_string())]);
    assert!(!Overlay::new(empty().1).verify_signature(1, b"k", b"m", b"s"));
}
