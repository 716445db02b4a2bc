//! Blocks: what transactions do, that a block has one result on every machine, and that history stays executable.

use quids_core::AccountId20;
use quids_crypto::KeyPair;
use quids_node::{
    ChainOptions,
    testing::{Signing, TestChain},
};
use std::collections::BTreeSet;

const QDS: u128 = 1_000_000_000_000_000_000;

fn key(name: &str) -> KeyPair {
    quids_keystore::dev_keypair(name).unwrap()
}

#[test]
fn genesis_funds_the_documented_accounts() {
    let chain = TestChain::new().unwrap();
    let accounts = quids_node::spec::dev_accounts();
    assert_eq!(accounts.len(), 18);
    for (name, account) in accounts {
        assert_eq!(chain.free(&account).unwrap(), 1_000_000 * QDS, "{name}");
    }
}

#[test]
fn a_transfer_of_every_scheme_moves_money_and_pays_its_fee() {
    let chain = TestChain::new().unwrap();
    let receiver = AccountId20([9; 20]);
    for (i, name) in ["alice", "alice-falcon", "alice-sphincs", "eth0"]
        .into_iter()
        .enumerate()
    {
        let key = key(name);
        let call = chain.transfer(&receiver, QDS).unwrap();
        let transaction = chain.sign(&key, call, Signing::default()).unwrap();
        let before = chain.free(&key.account_id()).unwrap();
        let (block, refused) = chain.block(vec![transaction]).unwrap();
        assert!(refused.is_empty(), "{name}: {refused:?}");
        assert_eq!(block.extrinsics.len(), 2, "{name}: the timestamp and the transfer");
        assert_eq!(chain.free(&receiver).unwrap(), (i as u128 + 1) * QDS, "{name}");
        assert_eq!(chain.nonce(&key.account_id()).unwrap(), 1, "{name}");
        // alice is the author, so her own fee comes back to her.
        let paid = before - QDS - chain.free(&key.account_id()).unwrap();
        assert_eq!(paid == 0, name == "alice", "{name} paid {paid}");
        let events: Vec<String> = chain
            .events()
            .unwrap()
            .iter()
            .map(|e| format!("{}.{}", e.pallet, e.name))
            .collect();
        for expected in [
            "Balances.Transfer",
            "Balances.TransactionFeePaid",
            "System.ExtrinsicSuccess",
        ] {
            assert!(
                events.iter().any(|name| name == expected),
                "{name}: {expected} in {events:?}"
            );
        }
    }
}

#[test]
fn later_transactions_omit_the_key() {
    let chain = TestChain::new().unwrap();
    let bob = key("bob");
    let lengths: Vec<usize> = (0..2)
        .map(|_| {
            let call = chain.transfer(&AccountId20([1; 20]), 1).unwrap();
            let transaction = chain.sign(&bob, call, Signing::default()).unwrap();
            let length = transaction.len();
            let (_, refused) = chain.block(vec![transaction]).unwrap();
            assert!(refused.is_empty(), "{refused:?}");
            length
        })
        .collect();
    assert!(lengths[0] - lengths[1] >= 2592, "{lengths:?}");
}

#[test]
fn a_failed_call_leaves_no_trace_but_its_fee() {
    let chain = TestChain::new().unwrap();
    let (bob, receiver) = (key("bob"), AccountId20([7; 20]));
    let before = chain.free(&bob.account_id()).unwrap();
    let call = chain.transfer(&receiver, 2_000_000 * QDS).unwrap();
    let transaction = chain.sign(&bob, call, Signing::default()).unwrap();
    let (block, refused) = chain.block(vec![transaction]).unwrap();
    assert!(refused.is_empty() && block.extrinsics.len() == 2);
    assert_eq!(chain.free(&receiver).unwrap(), 0);
    let paid = before - chain.free(&bob.account_id()).unwrap();
    assert!(paid > 0 && paid < QDS, "{paid}");
    assert!(
        chain
            .events()
            .unwrap()
            .iter()
            .any(|event| event.name == "ExtrinsicFailed")
    );
}

/// A chain of some blocks with transfers of several schemes, a failing call and an empty block.
fn some_history(chain: &TestChain) {
    let keys = [key("bob"), key("alice-falcon"), key("eth1")];
    for round in 0..4u8 {
        let transactions = keys
            .iter()
            .map(|key| {
                let amount = if round == 2 {
                    5_000_000 * QDS
                } else {
                    u128::from(round) + 1
                };
                let call = chain.transfer(&AccountId20([round; 20]), amount).unwrap();
                chain
                    .sign(
                        key,
                        call,
                        Signing {
                            mortal: Some(64),
                            ..Signing::default()
                        },
                    )
                    .unwrap()
            })
            .collect();
        let (_, refused) = chain.block(transactions).unwrap();
        assert!(refused.is_empty(), "{refused:?}");
    }
    chain.block(Vec::new()).unwrap();
}

#[test]
fn a_block_has_the_same_result_under_other_memory_settings_threads_and_load() {
    let original = TestChain::new().unwrap();
    some_history(&original);
    let (height, _) = original.chain.best();
    let blocks: Vec<_> = (1..=height.0)
        .map(|n| {
            original
                .chain
                .database()
                .hash_at(quids_core::Height(n))
                .unwrap()
                .unwrap()
        })
        .map(|hash| original.stored(hash).unwrap())
        .collect();
    assert_eq!(blocks.len(), 5);
    let roots = |chain: &TestChain, threads: usize| -> Vec<_> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            blocks
                .iter()
                .map(|b| chain.chain.import(b.clone()).unwrap().header.state_root)
                .collect()
        })
    };
    let expected: Vec<_> = blocks.iter().map(|block| block.header.state_root).collect();
    for (cache_mb, threads, load) in [(1, 1, 0), (256, 4, 0), (1, 2, 3)] {
        let folder = tempfile::tempdir().unwrap();
        let twin = TestChain::open(
            folder.path(),
            &ChainOptions {
                cache_mb,
                states_kept: None,
                sync: false,
                ..ChainOptions::default()
            },
        )
        .unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..load {
                scope.spawn(|| {
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        std::hint::black_box(quids_crypto::blake3_256(&[0; 4096]));
                    }
                });
            }
            assert_eq!(
                roots(&twin, threads),
                expected,
                "cache {cache_mb} MiB, {threads} threads, load {load}"
            );
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        assert_eq!(twin.chain.best(), original.chain.best());
    }
}

#[test]
fn a_tampered_block_is_refused_and_changes_nothing() {
    let original = TestChain::new().unwrap();
    some_history(&original);
    let first = original
        .chain
        .database()
        .hash_at(quids_core::Height(1))
        .unwrap()
        .unwrap();
    let block = original.stored(first).unwrap();
    let twin = TestChain::new().unwrap();
    let before = twin.chain.best();
    type Change = fn(&mut quids_core::Block);
    let tamper: [(&str, Change); 6] = [
        ("state root", |b| b.header.state_root.0[0] ^= 1),
        ("extrinsics root", |b| b.header.extrinsics_root.0[0] ^= 1),
        ("height", |b| b.header.number.0 += 1),
        ("a missing extrinsic", |b| drop(b.extrinsics.pop())),
        ("a doubled extrinsic", |b| b.extrinsics.push(b.extrinsics[1].clone())),
        ("a signature's bit", |b| {
            let length = b.extrinsics[1].0.len();
            b.extrinsics[1].0[length - 200] ^= 1;
        }),
    ];
    for (what, change) in tamper {
        let mut bad = block.clone();
        change(&mut bad);
        let error = twin.chain.import(bad).expect_err(what);
        assert!(error.to_string().contains("is invalid"), "{what}: {error}");
        assert_eq!(twin.chain.best(), before, "{what}");
    }
    twin.chain.import(block).unwrap();
}

#[test]
fn the_extrinsics_root_does_not_depend_on_post_quantum_signatures() {
    // The same transfer signed twice: ML-DSA signing is hedged, so the signatures differ.
    let roots: BTreeSet<_> = (0..2)
        .map(|_| {
            let chain = TestChain::new().unwrap();
            let call = chain.transfer(&AccountId20([1; 20]), 1).unwrap();
            let transaction = chain.sign(&key("bob"), call, Signing::default()).unwrap();
            let (block, _) = chain.block(vec![transaction.clone()]).unwrap();
            (block.header.extrinsics_root, transaction)
        })
        .collect();
    assert_eq!(roots.iter().map(|(root, _)| root).collect::<BTreeSet<_>>().len(), 1);
    assert_eq!(roots.len(), 2, "the signatures were equal, so this shows nothing");
}

#[test]
fn what_an_author_tried_and_left_out_leaves_no_trace_in_the_block() {
    let original = TestChain::new().unwrap();
    let transfer = |name: &str, signing: Signing, amount| {
        let call = original.transfer(&AccountId20([3; 20]), amount).unwrap();
        original.sign(&key(name), call, signing).unwrap()
    };
    let nonce = |nonce| Signing {
        nonce: Some(nonce),
        ..Signing::default()
    };
    let mut broken = transfer("charlie", Signing::default(), 1);
    let middle = broken.len() - 300;
    broken[middle] ^= 1;
    let transactions = vec![
        broken,
        transfer("bob", nonce(0), 5),
        transfer("bob", nonce(5), 5),
        vec![0x84; 100],
        transfer("eth2", nonce(0), 9_000_000 * QDS),
        transfer("bob", nonce(0), 6),
        transfer("bob", nonce(1), 7),
        vec![0x84; 10 << 20],
    ];
    let (block, refused) = original.block(transactions).unwrap();
    assert_eq!(
        block.extrinsics.len(),
        4,
        "the timestamp, two of bob and the failing one of eth2"
    );
    // A gap in the nonces and what does not fit are left to the pool.
    assert_eq!(refused.len(), 3, "{refused:?}");
    let twin = TestChain::new().unwrap();
    let imported = twin.chain.import(original.stored(block.hash).unwrap()).unwrap();
    assert_eq!(imported.header, block.header);
}
