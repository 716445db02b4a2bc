//! Blocks of the real runtime executed on their batch proofs alone: the same outcome as with the state, whatever happened in them.

use codec::{DecodeAll, Encode};
use quids_api::{
    InherentData, TIMESTAMP_INHERENT, names,
    upgrade::{Activation, CHUNK_SIZE, Proposal, Suspension, UpgradeStatus},
};
use quids_core::{AccountId20, Block, Hash, Header, Height, OpaqueExtrinsic};
use quids_crypto::hash_quantum_resistant;
use quids_executor::{Executor, ExecutorConfig};
use quids_io::abi::HOST_LEVEL;
use quids_keystore::dev_keypair;
use quids_node::{
    ChainSpec,
    ahead::UpgradeChange,
    chain::{self, Recorded, Stateless, StatelessError, Witnessed},
    extrinsic_builder::Arg,
    spec::code_cache,
    testing::{Signing, TestChain, renamed},
};
use quids_runtime_wasm::{WASM_FAULTY, WASM_NEXT};
use quids_state::{BatchProof, Blobs, StateBackend};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

type Values = BTreeMap<Hash, Arc<[u8]>>;

/// A block with its parent and all that a witness gets.
struct Made {
    parent: Header,
    block: Block,
    proof: BatchProof,
    blobs: Values,
}

/// Makes a block and stores it.
fn made(chain: &TestChain, transactions: Vec<Vec<u8>>) -> Made {
    let (_, best) = chain.chain.best();
    let parent = chain.chain.header(best).unwrap();
    let mut inherents = InherentData::default();
    let time = chain.chain.last_timestamp().unwrap().max(1_700_000_000_000) + 1000;
    inherents.put(TIMESTAMP_INHERENT, &time);
    let count = transactions.len();
    let proposal = chain::Proposal {
        author: ChainSpec::dev().author,
        digest: Vec::new(),
        inherents,
        transactions: &mut transactions.into_iter(),
        deadline: Instant::now() + Duration::from_secs(60),
        count_max: usize::MAX,
    };
    let (candidate, refused) = chain.chain.propose(proposal, true).unwrap();
    assert_eq!(refused.len(), 0, "{refused:?}");
    let block = candidate.block();
    assert_eq!(block.extrinsics.len(), count + 1);
    let Recorded { proof, blobs } = candidate.proof().unwrap().unwrap();
    let bytes = proof.encode();
    let proof = BatchProof::decode_all(&mut &bytes[..]).unwrap();
    chain.chain.decide(candidate, Vec::new()).unwrap();
    Made {
        parent,
        block,
        proof,
        blobs,
    }
}

fn stateless(chain: &TestChain) -> Stateless {
    let config = ExecutorConfig {
        cache_dir: code_cache(),
    };
    Stateless::new(Executor::new(config).unwrap(), chain.chain.signatures())
}

fn check(stateless: &Stateless, made: &Made, block: &Block, proof: &BatchProof) -> Result<Witnessed, StatelessError> {
    let blobs: Arc<dyn Blobs> = Arc::new(made.blobs.clone());
    stateless.check(&made.parent, block, proof, &blobs)
}

fn check_right(stateless: &Stateless, made: &Made) {
    let witnessed = check(stateless, made, &made.block, &made.proof).unwrap();
    assert_eq!((witnessed.header, witnessed.next), (made.block.header.clone(), None));
}

fn transfers(chain: &TestChain, count: u8) -> Vec<Vec<u8>> {
    let alice = dev_keypair("alice").unwrap();
    let nonce = chain.nonce(&alice.account_id()).unwrap();
    let transfer = |index: u8| {
        let call = chain.transfer(&AccountId20([index; 20]), 10u128.pow(18)).unwrap();
        let signing = Signing {
            nonce: Some(nonce + u64::from(index)),
            ..Signing::default()
        };
        chain.sign(&alice, call, signing).unwrap()
    };
    (0..count).map(transfer).collect()
}

#[test]
fn a_block_comes_to_the_same_without_its_state() {
    let mut chain = TestChain::new().unwrap();
    let stateless = stateless(&chain);
    check_right(&stateless, &made(&chain, Vec::new()));
    // The first binds a key.
    check_right(&stateless, &made(&chain, transfers(&chain, 1)));
    check_right(&stateless, &made(&chain, transfers(&chain, 100)));
    // An upgrade to code that makes no block, which is found and undone at the block's end.
    let (begin, other) = ("Core_initialize_block", "QevmApi_signing_state");
    let dead = renamed(WASM_NEXT, &[(begin, other), (other, begin)]);
    let version = |chain: &TestChain| {
        chain
            .chain
            .runtime_at(chain.chain.best().1)
            .unwrap()
            .version()
            .spec_version
    };
    check_right(
        &stateless,
        &made(&chain, upgrade(&chain, &dead, "authorize_upgrade", Vec::new())),
    );
    assert_eq!(version(&chain), 1);
    // Across an upgrade: the block that brings the new code, and those that run it.
    let upgrade = upgrade(&chain, WASM_NEXT, "authorize_upgrade", Vec::new());
    let hash = |made: &Made| made.proof.encode();
    let before = made(&chain, upgrade);
    check_right(&stateless, &before);
    let after = made(&chain, Vec::new());
    assert_ne!(hash(&before), hash(&after));
    check_right(&stateless, &after);
    chain.refresh().unwrap();
    check_right(&stateless, &made(&chain, transfers(&chain, 3)));
}

/// A call as root, by alice.
fn as_root(chain: &TestChain, nonce: u64, call: Vec<u8>) -> Vec<u8> {
    let alice = dev_keypair("alice").unwrap();
    let call = chain.as_root(call).unwrap();
    let signing = Signing {
        nonce: Some(chain.nonce(&alice.account_id()).unwrap() + nonce),
        ..Signing::default()
    };
    chain.sign(&alice, call, signing).unwrap()
}

/// Transactions that authorise and apply another runtime, after those of alice that come before.
fn upgrade(chain: &TestChain, code: &[u8], authorize: &str, mut before: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let hash = quids_crypto::hash_quantum_resistant(b"quids/code/v1", code);
    let arguments = [("code_hash", Arg::Encoded(hash.to_vec()))];
    let authorise = chain.call("Upgrade", authorize, &arguments).unwrap();
    before.push(as_root(chain, before.len() as u64, authorise));
    let apply = [("code", Arg::Bytes(code.to_vec()))];
    let apply = chain.call("Upgrade", "apply_authorized_upgrade", &apply).unwrap();
    before.push(
        chain
            .sign(&dev_keypair("charlie").unwrap(), apply, Signing::default())
            .unwrap(),
    );
    before
}

/// Migrations run guarded, in steps, and may fail in any way: who has no state finds the same, the reason included.
#[test]
fn a_migration_comes_to_the_same_without_its_state() {
    // (the limit by which the code knows how to fail, what is said of it: see pallets/template/src/trouble.rs)
    for (limit, words) in [
        (5, None),
        (2, Some("the third step panics")),
        (3, Some("are allowed")),
        (4, Some("fuel")),
        (6, Some("the third step has a reason")),
        (1_000_002, Some("the single-block migration fails")),
    ] {
        let chain = TestChain::new().unwrap();
        let stateless = stateless(&chain);
        let limited = [("limit", Arg::Encoded(u32::encode(&limit)))];
        let limited = chain.call("Template", "set_limit", &limited).unwrap();
        let before = vec![as_root(&chain, 0, limited)];
        let transactions = upgrade(&chain, WASM_FAULTY, "authorize_upgrade_without_checks", before);
        check_right(&stateless, &made(&chain, transactions));
        for _ in 0..7 {
            check_right(&stateless, &made(&chain, Vec::new()));
        }
        let (_, best) = chain.chain.best();
        let status: UpgradeStatus = chain.chain.call_typed(best, names::UPGRADE_STATUS, &()).unwrap();
        match (status.suspended, words) {
            (None, None) => assert_eq!(status.migration, None),
            (Some(Suspension::SafeMode { reason, .. }), Some(words)) => {
                assert!(reason.contains(words), "{limit}: {reason}")
            }
            (other, _) => panic!("{limit}: {other:?}"),
        }
    }
}

#[test]
fn what_is_wrong_is_told_from_what_is_missing() {
    let chain = TestChain::new().unwrap();
    let stateless = stateless(&chain);
    let made = made(&chain, transfers(&chain, 3));
    check_right(&stateless, &made);
    // Blocks that say something else than happens.
    type Change = fn(&mut Block);
    let changes: [(Change, bool); 4] = [
        (|block| block.header.state_root = Hash::repeat_byte(1), true),
        (|block| block.header.parent_hash = Hash::repeat_byte(1), true),
        (|block| drop(block.extrinsics.pop()), false),
        (|block| block.extrinsics.push(OpaqueExtrinsic(vec![4, 99, 99])), false),
    ];
    for (change, is_told) in changes {
        let mut block = made.block.clone();
        change(&mut block);
        let outcome = check(&stateless, &made, &block, &made.proof);
        // A block that needs other keys may fail by the proof too.
        assert!(
            matches!(outcome, Err(StatelessError::Block(_)))
                || (!is_told && matches!(outcome, Err(StatelessError::Incomplete(_)))),
            "{outcome:?}"
        );
    }
    // Another block's proof, and one of another state.
    let none = BatchProof::default();
    assert!(matches!(
        check(&stateless, &made, &made.block, &none),
        Err(StatelessError::Proof(_) | StatelessError::Incomplete(_))
    ));
    let mut bytes = made.proof.encode();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    if let Ok(changed) = BatchProof::decode_all(&mut &bytes[..]) {
        let outcome = check(&stateless, &made, &made.block, &changed);
        assert!(
            matches!(outcome, Err(StatelessError::Proof(_) | StatelessError::Incomplete(_))),
            "{outcome:?}"
        );
    }
    // Other code under its hash is none.
    let lies: Values = made.blobs.keys().map(|hash| (*hash, b"other"[..].into())).collect();
    let lies: Arc<dyn Blobs> = Arc::new(lies);
    let outcome = self::stateless(&chain).check(&made.parent, &made.block, &made.proof, &lies);
    assert!(matches!(outcome, Err(StatelessError::Missing(_))), "{outcome:?}");
    // Without the code: it is named by its hash, and may be fetched.
    let nothing: Arc<dyn Blobs> = Arc::new(());
    let fresh = self::stateless(&chain);
    match fresh.check(&made.parent, &made.block, &made.proof, &nothing) {
        Err(StatelessError::Missing(hashes)) => {
            assert!(hashes.iter().all(|hash| made.blobs.contains_key(hash)) && !hashes.is_empty());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_proof_is_small_and_has_no_code() {
    let chain = TestChain::new().unwrap();
    let made = made(&chain, transfers(&chain, 100));
    let code = chain.chain.state_at(made.parent.hash()).unwrap();
    let code = code.get(quids_core::well_known_keys::CODE).unwrap().unwrap();
    assert!(code.len() > 500_000);
    assert!(made.proof.len_bytes() < 100_000, "{}", made.proof.len_bytes());
    assert!(made.blobs.values().any(|blob| blob.len() == code.len()));
}

/// By what its blocks write, who has no state can compile the code of a proposal before it is needed.
#[test]
fn a_proposal_is_seen_without_its_state() {
    let chain = TestChain::new().unwrap();
    let stateless = stateless(&chain);
    let step = |from: &str, call: &str, arguments: &[(&str, Arg)]| {
        let call = chain.call("Upgrade", call, arguments).unwrap();
        let call = chain
            .sign(&dev_keypair(from).unwrap(), call, Signing::default())
            .unwrap();
        let made = made(&chain, vec![call]);
        check(&stateless, &made, &made.block, &made.proof).unwrap().upgrades
    };
    let status = || {
        let (_, best) = chain.chain.best();
        let status: UpgradeStatus = chain.chain.call_typed(best, names::UPGRADE_STATUS, &()).unwrap();
        status.proposals.first().cloned()
    };
    let proposal =
        |seen: &[UpgradeChange]| match seen.iter().find(|change| matches!(change, UpgradeChange::Proposal(..))) {
            Some(UpgradeChange::Proposal(id, Some(proposal))) => Some((*id, Proposal::clone(proposal))),
            other => panic!("{other:?}"),
        };
    let id = || ("id", Arg::Number(0));
    let seen = step(
        "alice",
        "propose",
        &[
            (
                "code_hash",
                Arg::Encoded(hash_quantum_resistant(b"quids/code/v1", WASM_NEXT).to_vec()),
            ),
            ("code_size", Arg::Number(WASM_NEXT.len() as u128)),
            ("spec_version", Arg::Number(2)),
            ("activation", Arg::Encoded(Activation::After(Height(0)).encode())),
            ("notes", Arg::Bytes(Vec::new())),
        ],
    );
    assert_eq!((seen.len(), proposal(&seen)), (1, status()));
    for (index, bytes) in (0u32..).zip(WASM_NEXT.chunks(CHUNK_SIZE)) {
        let arguments = [
            id(),
            ("index", Arg::Number(index.into())),
            ("bytes", Arg::Bytes(bytes.to_vec())),
        ];
        let seen = step("charlie", "upload_chunk", &arguments);
        assert_eq!((seen.len(), proposal(&seen)), (2, status()));
        assert!(seen.contains(&UpgradeChange::Chunk(0, index, bytes.to_vec())));
    }
    let seen = step("charlie", "complete", &[id()]);
    assert_eq!((seen.len(), proposal(&seen)), (2, status()));
    assert!(seen.contains(&UpgradeChange::Code(0, WASM_NEXT.to_vec())));
    let seen = step("bob", "approve", &[id()]);
    assert_eq!((seen.len(), proposal(&seen)), (1, status()));
    step("alice", "cancel", &[id()]);
    assert_eq!(step("bob", "cancel", &[id()]), [UpgradeChange::Proposal(0, None)]);
    let level = ("level", Arg::Number(u128::from(HOST_LEVEL) + 1));
    step("alice", "raise_host_level", std::slice::from_ref(&level));
    assert_eq!(
        step("bob", "raise_host_level", &[level]),
        [UpgradeChange::Level(HOST_LEVEL + 1)]
    );
}
