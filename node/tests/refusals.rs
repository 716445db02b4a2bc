//! Bad transactions: each is refused with its own stable code and a reason, and nothing changes.

use quids_api::TransactionSource;
use quids_core::{AccountId20, Hash};
use quids_crypto::{KeyPair, SignatureScheme};
use quids_node::{BlockingTestNode, Sealing, TestNode, testing::Signing};

fn key(name: &str) -> KeyPair {
    quids_keystore::dev_keypair(name).unwrap()
}

/// A node with some blocks, where bob's key is bound.
fn node() -> BlockingTestNode {
    let builder = TestNode::builder().sealing(Sealing::Manual);
    // So that the runtime has to refuse what is too large.
    let builder = builder.configure(|config| config.pool.max_per_transaction_bytes = 16 << 20);
    let node = builder.start_blocking().unwrap();
    assert!(node.transfer("bob", "charlie", 1).unwrap().succeeded());
    for _ in 0..5 {
        node.seal().unwrap();
    }
    node
}

#[test]
fn every_bad_transaction_has_a_code_and_changes_nothing() {
    let node = node();
    let chain = node.view();
    let bob = key("bob");
    let transfer = |amount| chain.transfer(&AccountId20([1; 20]), amount).unwrap();
    let sign = |key: &KeyPair, signing| chain.sign(key, transfer(1), signing).unwrap();
    let with_bit_flipped = |mut bytes: Vec<u8>, from_end: usize| {
        let at = bytes.len() - from_end;
        bytes[at] ^= 1;
        bytes
    };
    let good = || sign(&bob, Signing::default());
    let stranger = KeyPair::from_seed(SignatureScheme::Falcon512, &[42; 32]).unwrap();
    let expired = {
        let mut signing = Signing {
            mortal: Some(4),
            ..Signing::default()
        };
        signing.with_key = Some(false);
        let bytes = sign(&bob, signing);
        for _ in 0..6 {
            node.seal().unwrap();
        }
        bytes
    };
    let unknown_scheme = {
        let mut bytes = good();
        bytes[21] = 9;
        bytes
    };
    let as_bob = Some(bob.account_id());
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("no bytes", vec![], 104),
        ("garbage", vec![0x84, 1, 2, 3], 104),
        ("wrong version", vec![0x85; 200], 104),
        ("trailing bytes", [good(), vec![0]].concat(), 104),
        ("unknown scheme", unknown_scheme, 104),
        ("oversized", vec![0x84; 10 << 20], 7),
        (
            "wrong chain",
            sign(
                &bob,
                Signing {
                    genesis: Some(Hash::repeat_byte(7)),
                    ..Signing::default()
                },
            ),
            5,
        ),
        ("expired", expired, 5),
        (
            "reused nonce",
            sign(
                &bob,
                Signing {
                    nonce: Some(0),
                    ..Signing::default()
                },
            ),
            4,
        ),
        (
            "absurd nonce",
            sign(
                &bob,
                Signing {
                    nonce: Some(1_000_000),
                    ..Signing::default()
                },
            ),
            3,
        ),
        ("flipped bit in the call", with_bit_flipped(good(), 2), 5),
        ("flipped bit in the signature", with_bit_flipped(good(), 300), 5),
        (
            "another's key",
            sign(
                &stranger,
                Signing {
                    account: as_bob,
                    nonce: Some(1),
                    ..Signing::default()
                },
            ),
            102,
        ),
        (
            "no key, none bound",
            sign(
                &key("charlie"),
                Signing {
                    with_key: Some(false),
                    ..Signing::default()
                },
            ),
            101,
        ),
        (
            "ECDSA for a bound account",
            sign(
                &key("eth3"),
                Signing {
                    account: as_bob,
                    nonce: Some(1),
                    ..Signing::default()
                },
            ),
            103,
        ),
        ("no money for the fee", sign(&stranger, Signing::default()), 2),
    ];
    let before = chain.chain.best();
    let root = chain.chain.header(before.1).unwrap().state_root;
    let pool = node.pool();
    for (what, bytes, code) in cases {
        let error = pool.submit(TransactionSource::External, bytes).expect_err(what);
        assert_eq!(error.code(), code, "{what}: {error}");
        assert!(error.to_string().len() > 15, "{what}: {error}");
    }
    assert_eq!(chain.chain.best(), before);
    assert_eq!(chain.chain.header(before.1).unwrap().state_root, root);
    assert!(pool.pending().is_empty());
    // The control: what the bad ones were made from is good.
    pool.submit(TransactionSource::External, sign(&bob, Signing::default()))
        .unwrap();
}
