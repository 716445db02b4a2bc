//! The pool over the real runtime: replacement, limits, dependencies, restarts, new code, mortality.

use codec::Encode;
use quids_api::TransactionSource::{External, Local};
use quids_core::{AccountId20, Hash};
use quids_crypto::{KeyPair, hash_quantum_resistant};
use quids_node::{
    ChainOptions, ChainSpec,
    author::{Author, Sealing},
    chain::NewBlock,
    extrinsic_builder::Arg,
    pool::{Revalidation, SharedPool},
    testing::{Signing, TestChain},
};
use quids_rpc::{PENDING_EXTRA_BYTES, TransactionStatus};
use quids_runtime_wasm::WASM_NEXT;
use quids_txpool::{Limits, hash_of};
use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc::Receiver;

const GIGA: u128 = 1_000_000_000;

fn key(name: &str) -> KeyPair {
    quids_keystore::dev_keypair(name).unwrap()
}

struct Case {
    chain: TestChain,
    pool: Arc<SharedPool>,
}

impl Case {
    fn new() -> Self {
        Self::with(TestChain::new().unwrap(), Limits::default())
    }

    fn with(chain: TestChain, limits: Limits) -> Self {
        let pool = Arc::new(SharedPool::new(chain.chain.clone(), limits));
        Self { chain, pool }
    }

    fn open(folder: &Path) -> Self {
        Self::open_with(folder, Limits::default())
    }

    fn open_with(folder: &Path, limits: Limits) -> Self {
        let options = ChainOptions {
            sync: false,
            ..ChainOptions::default()
        };
        Self::with(TestChain::open(folder, &options).unwrap(), limits)
    }

    fn transfer(&self, from: &str, nonce: u64, signing: Signing) -> Vec<u8> {
        let call = self.chain.transfer(&AccountId20([5; 20]), 1).unwrap();
        let nonce = Some(nonce);
        self.chain.sign(&key(from), call, Signing { nonce, ..signing }).unwrap()
    }

    fn seal(&self) -> NewBlock {
        let account = ChainSpec::dev().author;
        let author = Author::new(self.chain.chain.clone(), self.pool.clone(), account, Sealing::Manual);
        author.seal(Duration::from_secs(20)).unwrap()
    }

    fn pending(&self) -> Vec<Hash> {
        self.pool.pending().iter().map(|bytes| hash_of(bytes)).collect()
    }
}

fn heard(receiver: &mut Receiver<TransactionStatus>) -> Vec<TransactionStatus> {
    std::iter::from_fn(|| receiver.try_recv().ok()).collect()
}

#[test]
fn a_tip_a_tenth_higher_replaces_and_both_watchers_are_told() {
    let case = Case::new();
    let tipped = |tip: u128| {
        let signing = Signing {
            tip: tip * GIGA,
            ..Signing::default()
        };
        case.transfer("bob", 0, signing)
    };
    let (old, mut old_watcher) = case.pool.submit_and_watch(External, tipped(99)).unwrap();
    // The priority is in proportion to tip and one: 100, so 109 is too little and 110 enough.
    let refused = case.pool.submit(External, tipped(108)).unwrap_err();
    assert_eq!(refused.code(), 404, "{refused}");
    let (new, mut new_watcher) = case.pool.submit_and_watch(External, tipped(109)).unwrap();
    assert_eq!(case.pending(), [new]);
    assert!(case.pool.watch(&old).is_none());
    let mut late_watcher = case.pool.watch(&new).unwrap();
    let block = case.seal();
    assert!(block.extrinsics.contains(&new) && !block.extrinsics.contains(&old));
    use TransactionStatus::*;
    assert_eq!(heard(&mut old_watcher), [Ready, Usurped(new)]);
    for watcher in [&mut new_watcher, &mut late_watcher] {
        assert_eq!(heard(watcher), [Ready, InBlock(block.hash), Finalized(block.hash)]);
    }
    assert!(case.pending().is_empty());
}

#[test]
fn one_account_has_its_share_and_no_more() {
    let limits = Limits {
        max_per_account_count: 4,
        ..Limits::default()
    };
    let case = Case::with(TestChain::new().unwrap(), limits);
    let submit = |who, nonce| {
        let result = case
            .pool
            .submit(External, case.transfer(who, nonce, Signing::default()));
        result.map(drop).map_err(|error| error.code())
    };
    // Two that wait are enough for one account; whoever closes the gap finds room.
    assert_eq!(
        [submit("bob", 3), submit("bob", 2), submit("bob", 1)],
        [Ok(()), Ok(()), Err(407)]
    );
    assert_eq!(
        [submit("bob", 0), submit("bob", 1), submit("bob", 4)],
        [Ok(()), Ok(()), Err(407)]
    );
    assert_eq!(submit("charlie", 0), Ok(()));
    assert_eq!(case.seal().extrinsics.len(), 1 + 5);
    assert_eq!(submit("bob", 4), Ok(()));
}

#[test]
fn what_waits_for_a_nonce_is_ready_when_that_comes() {
    let case = Case::new();
    let second = case.transfer("bob", 1, Signing::default());
    let (second, mut watcher) = case.pool.submit_and_watch(External, second).unwrap();
    assert!(!case.pool.has_ready());
    assert_eq!((case.pool.status().ready, case.pool.status().future), (0, 1));
    assert_eq!(case.seal().extrinsics.len(), 1);
    let first = case
        .pool
        .submit(External, case.transfer("bob", 0, Signing::default()))
        .unwrap();
    assert_eq!(case.pending(), [first, second]);
    // Peers are told of both, once.
    assert_eq!(case.pool.take_unannounced(9).len(), 2);
    case.pool.broadcast_to(&second, vec!["peer".into()]);
    let block = case.seal();
    assert_eq!(block.extrinsics[1..], [first, second]);
    use TransactionStatus::*;
    let expected = [
        Future,
        Ready,
        Broadcast(vec!["peer".into()]),
        InBlock(block.hash),
        Finalized(block.hash),
    ];
    assert_eq!(heard(&mut watcher), expected);
    assert_eq!((case.pool.stats().submitted, case.pool.stats().included), (2, 2));
}

#[test]
fn an_operator_removes_a_transaction_for_a_while() {
    let case = Case::new();
    let bytes = case.transfer("bob", 0, Signing::default());
    let hash = case.pool.submit(Local, bytes.clone()).unwrap();
    assert_eq!(case.pool.transaction(&hash).as_deref(), Some(&bytes[..]));
    assert_eq!((case.pool.remove(&hash), case.pool.remove(&hash)), (true, false));
    assert_eq!(case.pool.submit(Local, bytes).unwrap_err().code(), 408);
    assert!(case.pending().is_empty());
}

#[test]
fn local_transactions_outlive_the_process_until_their_end() {
    let folder = tempfile::tempdir().unwrap();
    let case = Case::open(folder.path());
    let submit = |case: &Case, source, name, nonce| {
        let bytes = case.transfer(name, nonce, Signing::default());
        case.pool.submit(source, bytes).unwrap()
    };
    let future = submit(&case, Local, "bob", 1);
    let first = submit(&case, Local, "bob", 0);
    submit(&case, External, "charlie", 0);
    let removed = submit(&case, Local, "dave", 0);
    case.pool.remove(&removed);
    // A refused one leaves nothing behind.
    assert!(
        case.pool
            .submit(Local, case.transfer("bob", 0, Signing::default()))
            .is_err()
    );
    case.pool.revalidate();
    drop(case);

    let case = Case::open(folder.path());
    assert!(case.pending().is_empty());
    case.pool.restore().unwrap();
    assert_eq!(case.pending(), [first, future]);
    assert_eq!(case.pool.status().local, 2);
    case.seal();
    // The process ends before the entries of what the block holds are deleted.
    drop(case);

    let case = Case::open(folder.path());
    case.pool.restore().unwrap();
    assert!(case.pending().is_empty());
    let left = case.chain.chain.database().aux_with_prefix(b"pool/", 9).unwrap();
    assert_eq!(left, []);
}

#[test]
fn local_transactions_outlive_the_process_in_whatever_order_they_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let case = Case::open(folder.path());
    // In order of their hashes, as the database has them, more of them would wait than one account may have waiting.
    let count = 400;
    assert!(count > case.pool.limits().max_per_account_count / 2);
    let submit = |nonce| {
        let bytes = case.transfer("bob", nonce, Signing::default());
        case.pool.submit(Local, bytes).unwrap()
    };
    let submitted: Vec<Hash> = (0..count as u64).map(submit).collect();
    drop(case);

    // What has no room this time is not lost.
    let all = Limits::default();
    for (limits, found) in [
        (Limits { max_count: 10, ..all }, 10),
        (
            Limits {
                max_per_account_count: 100,
                ..all
            },
            100,
        ),
        (all, count),
    ] {
        let case = Case::open_with(folder.path(), limits);
        case.pool.restore().unwrap();
        assert_eq!(case.pending(), submitted[..found]);
        let left = case.chain.chain.database().aux_with_prefix(b"pool/", 999).unwrap();
        assert_eq!(left.len(), count);
    }
}

#[test]
fn the_ready_ones_are_told_as_far_as_they_fit() {
    let case = Case::new();
    for (name, nonce) in [("bob", 0), ("charlie", 0), ("bob", 1), ("dave", 7)] {
        let bytes = case.transfer(name, nonce, Signing::default());
        case.pool.submit(External, bytes).unwrap();
    }
    let ready = case.pool.ready(9);
    assert_eq!((ready.len(), case.pool.ready_within(usize::MAX)), (3, ready.clone()));
    let two = ready[0].len() + ready[1].len() + 2 * PENDING_EXTRA_BYTES;
    assert_eq!(case.pool.ready_within(two), ready[..2]);
    assert_eq!(case.pool.ready_within(two - 1), ready[..1]);
    assert!(case.pool.ready_within(0).is_empty());
}

#[test]
fn local_transactions_outlive_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    let quids = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quids"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    // One block at once, the next one long after the test.
    let mut node = quids()
        .args([
            "run",
            "--dev",
            "--block-time",
            "3600000",
            "--log",
            "error",
            "--rpc-port",
            &port,
            "--base-path",
        ])
        .arg(folder.path())
        .spawn()
        .unwrap();
    let url = format!("ws://127.0.0.1:{port}");
    let send = || {
        quids()
            .args(["tx", "remark", "--from", "bob", "--no-wait", "--rpc", &url, "kept"])
            .status()
            .unwrap()
    };
    let start = Instant::now();
    while !send().success() && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(200));
    }
    node.kill().unwrap();
    node.wait().unwrap();
    let case = Case::open(&folder.path().join("chains/dev"));
    case.pool.restore().unwrap();
    assert_eq!(case.pending().len(), 1);
    assert_eq!(case.seal().extrinsics.len(), 2);
}

#[test]
fn new_code_empties_the_pool_and_blocks_go_on_meanwhile() {
    let limits = Limits {
        max_per_transaction_bytes: 9 << 20,
        ..Limits::default()
    };
    let mut case = Case::with(TestChain::new().unwrap(), limits);
    let _revalidation = Revalidation::start(case.pool.clone()).unwrap();
    let code_hash = hash_quantum_resistant(b"quids/code/v1", WASM_NEXT).to_vec();
    let authorize = [("code_hash", Arg::Encoded(code_hash))];
    let inner = case.chain.call("Upgrade", "authorize_upgrade", &authorize).unwrap();
    let as_root = case.chain.as_root(inner).unwrap();
    let signed = case.chain.sign(&key("alice"), as_root, Signing::default()).unwrap();
    case.pool.submit(Local, signed).unwrap();
    case.seal();
    let code = [("code", Arg::Bytes(WASM_NEXT.to_vec()))];
    let apply = case.chain.call("Upgrade", "apply_authorized_upgrade", &code).unwrap();
    case.pool
        .submit(
            Local,
            case.chain.sign(&key("alice"), apply, Signing::default()).unwrap(),
        )
        .unwrap();
    // They wait for a nonce that does not come, so that they are there when the code changes.
    let waiting: u64 = 60;
    let names = ["bob", "charlie", "dave"];
    for nonce in 1..=waiting {
        let name = names[nonce as usize % 3];
        case.pool
            .submit(External, case.transfer(name, nonce, Signing::default()))
            .unwrap();
    }
    let block = case.seal();
    assert!(block.code_changed);
    // Blocks are made while the verdicts are renewed.
    for _ in 0..3 {
        let start = Instant::now();
        assert_eq!(case.seal().extrinsics.len(), 1);
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
    let start = Instant::now();
    while !case.pending().is_empty() && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    // The version is signed: what was signed for the old code holds for no other.
    assert_eq!((case.pending(), case.pool.stats().invalid), (vec![], waiting));
    case.chain.refresh().unwrap();
    case.pool
        .submit(External, case.transfer("bob", 0, Signing::default()))
        .unwrap();
    assert_eq!(case.seal().extrinsics.len(), 2);
}

#[test]
fn mortal_transactions_leave_when_their_time_is_over() {
    let case = Case::new();
    case.seal();
    let mortal = Signing {
        mortal: Some(4),
        ..Signing::default()
    };
    // It waits for a nonce that does not come.
    let (hash, mut watcher) = case
        .pool
        .submit_and_watch(External, case.transfer("bob", 1, mortal))
        .unwrap();
    let ends = (0..10).position(|_| {
        case.seal();
        case.pool.revalidate();
        case.pending().is_empty()
    });
    assert!(ends.is_some_and(|blocks| (1..5).contains(&blocks)), "{ends:?}");
    assert_eq!(
        heard(&mut watcher),
        [TransactionStatus::Future, TransactionStatus::Invalid]
    );
    assert_eq!(case.pool.stats().expired, 1);
    assert!(case.pool.watch(&hash).is_none());
}

/// The nonce's tag, by which the pool knows whose a transaction is.
#[test]
fn the_next_nonce_is_found_past_pending_transactions() {
    let case = Case::new();
    let tag = |nonce: u64| (key("bob").account_id(), nonce).encode();
    for nonce in [0, 1, 3] {
        case.pool
            .submit(External, case.transfer("bob", nonce, Signing::default()))
            .unwrap();
    }
    let provided: Vec<bool> = (0..5).map(|nonce| case.pool.provides(&tag(nonce))).collect();
    assert_eq!(provided, [true, true, false, false, false]);
}
