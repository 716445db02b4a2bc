//! The chain replaces its own code: the right way, and every wrong way.

use codec::Encode;
use quids_api::{
    RuntimeVersion, names,
    upgrade::{Activation, CHUNK_SIZE, Stage, Suspension, UpgradeStatus},
};
use quids_core::{AccountId20, DigestItem, Hash, Height};
use quids_crypto::{KeyPair, SignatureScheme, hash_quantum_resistant};
use quids_node::{
    chain::{Chain, ChainOptions, Refused},
    extrinsic_builder::{Arg, Event, failure},
    spec::{ChainSpec, TestVoter},
    testing::{Signing, TestChain, renamed},
};
use quids_runtime_wasm::{WASM, WASM_FAULTY, WASM_NEXT};
use std::{path::Path, sync::Arc};

fn key(name: &str) -> KeyPair {
    quids_keystore::dev_keypair(name).unwrap()
}

fn code_hash(code: &[u8]) -> Vec<u8> {
    hash_quantum_resistant(b"quids/code/v1", code).to_vec()
}

/// Makes a block of one transaction by this account and returns the events.
fn made(chain: &TestChain, from: &str, call: Vec<u8>) -> Vec<Event> {
    let transaction = chain.sign(&key(from), call, Signing::default()).unwrap();
    let (block, refused) = chain.block(vec![transaction]).unwrap();
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(block.extrinsics.len(), 2);
    chain.events().unwrap()
}

fn authorize(chain: &TestChain, code: &[u8]) -> Vec<Event> {
    let inner = chain
        .call(
            "Upgrade",
            "authorize_upgrade",
            &[("code_hash", Arg::Encoded(code_hash(code)))],
        )
        .unwrap();
    made(chain, "alice", chain.as_root(inner).unwrap())
}

fn apply(chain: &TestChain, from: &str, code: &[u8]) -> Vec<Event> {
    let arguments = [("code", Arg::Bytes(code.to_vec()))];
    made(
        chain,
        from,
        chain.call("Upgrade", "apply_authorized_upgrade", &arguments).unwrap(),
    )
}

fn has(events: &[Event], pallet: &str, name: &str) -> bool {
    events.iter().any(|event| event.is(pallet, name))
}

/// The error of the one transaction that failed.
fn failed(chain: &TestChain, events: &[Event]) -> String {
    let found: Vec<_> = events
        .iter()
        .filter_map(|event| failure(&chain.metadata, event))
        .collect();
    let [only] = &found[..] else {
        panic!("{found:?} of {events:?}")
    };
    only.name.clone()
}

fn limit(chain: &TestChain) -> Vec<u8> {
    chain
        .storage(&TestChain::value_key("Template", "CurrentLimit"))
        .unwrap()
        .unwrap()
}

fn spec_version(chain: &TestChain) -> u32 {
    let (_, best) = chain.chain.best();
    chain.chain.runtime_at(best).unwrap().version().spec_version
}

#[test]
fn new_code_takes_over_with_its_migration_and_old_blocks_keep_theirs() {
    assert_ne!(WASM, WASM_NEXT);
    let mut chain = TestChain::new().unwrap();
    made(&chain, "bob", chain.transfer(&AccountId20([1; 20]), 5).unwrap());
    assert!(has(&authorize(&chain, WASM_NEXT), "Upgrade", "UpgradeAuthorized"));
    assert_eq!(limit(&chain), 1000u32.to_le_bytes());
    assert!(chain.call("Template", "forget", &[]).is_err());

    // Anybody may apply it; the block itself still runs the old code.
    let events = apply(&chain, "charlie", WASM_NEXT);
    assert!(
        has(&events, "Upgrade", "UpgradeApplied") && has(&events, "System", "CodeUpdated"),
        "{events:?}"
    );
    assert_eq!(limit(&chain), 1000u32.to_le_bytes());
    assert_eq!(spec_version(&chain), 2, "the child of this block runs the new code");

    // The first block of the new code migrates.
    let (first, refused) = chain.block(Vec::new()).unwrap();
    assert!(refused.is_empty());
    assert_eq!(limit(&chain), [1u32.to_le_bytes(), 1000u32.to_le_bytes()].concat());
    chain.refresh().unwrap();
    let events = made(&chain, "bob", chain.call("Template", "forget", &[]).unwrap());
    assert!(has(&events, "System", "ExtrinsicSuccess"), "{events:?}");
    assert_eq!(
        limit(&chain),
        [1u32.to_le_bytes(), 1000u32.to_le_bytes()].concat(),
        "it migrated once"
    );

    // History executes with the code of its time, from any state, and a second node comes to the same.
    let twin = TestChain::new().unwrap();
    let (height, best) = chain.chain.best();
    for n in 1..=height.0 {
        let hash = chain.chain.database().hash_at(Height(n)).unwrap().unwrap();
        let block = chain.stored(hash).unwrap();
        assert_eq!(chain.chain.reexecute(&block).unwrap(), block.header, "block {n}");
        twin.chain.import(block).unwrap();
    }
    assert_eq!(twin.chain.best(), (height, best));
    assert!(height > first.header.number);
}

fn call_by(chain: &TestChain, from: &str, call: &str, arguments: &[(&str, Arg)]) -> Vec<Event> {
    let events = made(chain, from, chain.call("Upgrade", call, arguments).unwrap());
    assert!(
        has(&events, "System", "ExtrinsicSuccess"),
        "{call} by {from}: {events:?}"
    );
    events
}

fn propose(chain: &TestChain, from: &str, code: &[u8], activation: Activation) {
    let arguments = [
        ("code_hash", Arg::Encoded(code_hash(code))),
        ("code_size", Arg::Number(code.len() as u128)),
        ("spec_version", Arg::Number(2)),
        ("activation", Arg::Encoded(activation.encode())),
        ("notes", Arg::Bytes(b"the next one".to_vec())),
    ];
    call_by(chain, from, "propose", &arguments);
}

/// Every part in a block of its own, by charlie, and the whole checked.
fn upload(chain: &TestChain, id: u32, code: &[u8]) {
    for (index, bytes) in (0u32..).zip(code.chunks(CHUNK_SIZE)) {
        let arguments = [
            ("id", Arg::Number(id.into())),
            ("index", Arg::Number(index.into())),
            ("bytes", Arg::Bytes(bytes.to_vec())),
        ];
        call_by(chain, "charlie", "upload_chunk", &arguments);
    }
    call_by(chain, "charlie", "complete", &[("id", Arg::Number(id.into()))]);
}

fn stage(chain: &TestChain, id: u32) -> Option<Stage> {
    let (_, best) = chain.chain.best();
    let status: UpgradeStatus = chain.chain.call_typed(best, names::UPGRADE_STATUS, &()).unwrap();
    let found = status.proposals.into_iter().find(|(other, _)| *other == id);
    found.map(|(_, proposal)| proposal.stage)
}

#[test]
fn the_council_replaces_the_code_at_a_height_and_transactions_go_on() {
    let mut chain = TestChain::new().unwrap();
    propose(&chain, "alice", WASM_NEXT, Activation::At(Height(40)));
    upload(&chain, 0, WASM_NEXT);
    call_by(&chain, "bob", "approve", &[("id", Arg::Number(0))]);
    assert_eq!(stage(&chain, 0), Some(Stage::Scheduled { at: Height(40) }));
    let (_, best) = chain.chain.best();
    let code: Option<Vec<u8>> = chain.chain.call_typed(best, names::UPGRADE_CODE, &0u32).unwrap();
    assert_eq!(
        code.as_deref(),
        Some(WASM_NEXT),
        "nodes read it before it is the chain's"
    );
    while chain.chain.best().0 < Height(38) {
        chain.block(Vec::new()).unwrap();
    }
    // The last block of the old code holds transactions, and is executed by it to its end.
    let events = made(&chain, "bob", chain.transfer(&AccountId20([1; 20]), 5).unwrap());
    assert!(
        has(&events, "System", "ExtrinsicSuccess") && has(&events, "Upgrade", "Activated"),
        "{events:?}"
    );
    assert_eq!((chain.chain.best().0, stage(&chain, 0)), (Height(39), None));
    assert_eq!(limit(&chain), 1000u32.to_le_bytes());
    // Block 40 is the first of the new one, and holds transactions of its version.
    chain.refresh().unwrap();
    let events = made(&chain, "bob", chain.call("Template", "forget", &[]).unwrap());
    assert!(has(&events, "System", "ExtrinsicSuccess"), "{events:?}");
    assert_eq!(chain.chain.best().0, Height(40));
    assert_eq!(limit(&chain), [1u32.to_le_bytes(), 1000u32.to_le_bytes()].concat());
    assert_followed(&chain);
}

/// Every block executes again, each with the code of its time, and a second node comes to the same.
fn assert_followed(chain: &TestChain) {
    let twin = TestChain::new().unwrap();
    for n in 1..=chain.chain.best().0.0 {
        let hash = chain.chain.database().hash_at(Height(n)).unwrap().unwrap();
        let block = chain.stored(hash).unwrap();
        assert_eq!(chain.chain.reexecute(&block).unwrap(), block.header, "block {n}");
        twin.chain.import(block).unwrap();
    }
    assert_eq!(twin.chain.best(), chain.chain.best());
}

#[test]
fn the_recovery_account_signs_with_sphincs_and_has_to_wait() {
    let chain = TestChain::new().unwrap();
    propose(&chain, "alice-sphincs", WASM_NEXT, Activation::After(Height(0)));
    upload(&chain, 0, WASM_NEXT);
    assert_eq!(stage(&chain, 0), Some(Stage::Scheduled { at: Height(1 + 86_400) }));
    call_by(&chain, "bob", "cancel", &[("id", Arg::Number(0))]);
    call_by(&chain, "alice", "cancel", &[("id", Arg::Number(0))]);
    assert_eq!(stage(&chain, 0), None);
}

/// Root sets the limit, by which the faulty code knows what to do, and puts that code in place. The next block is its first.
fn put_faulty(chain: &TestChain, limit: u32) {
    let root = |inner: Vec<u8>| {
        let call = chain.as_root(inner).unwrap();
        assert!(has(&made(chain, "alice", call), "System", "ExtrinsicSuccess"));
    };
    root(
        chain
            .call("Template", "set_limit", &[("limit", Arg::Encoded(limit.encode()))])
            .unwrap(),
    );
    let code_hash = [("code_hash", Arg::Encoded(code_hash(WASM_FAULTY)))];
    root(
        chain
            .call("Upgrade", "authorize_upgrade_without_checks", &code_hash)
            .unwrap(),
    );
    assert!(has(&apply(chain, "charlie", WASM_FAULTY), "Upgrade", "UpgradeApplied"));
}

fn status(chain: &TestChain) -> UpgradeStatus {
    let (_, best) = chain.chain.best();
    chain.chain.call_typed(best, names::UPGRADE_STATUS, &()).unwrap()
}

/// Steps that are in the state.
fn steps(chain: &TestChain) -> u128 {
    let value = chain.storage(&TestChain::value_key("Template", "RoundTotal")).unwrap();
    value.map_or(0, |bytes| u128::from_le_bytes(bytes.try_into().unwrap()))
}

/// A block with a transfer of bob; whether it was included, and why it must not wait.
fn offered(chain: &TestChain) -> (bool, Vec<Refused>) {
    let call = chain.transfer(&AccountId20([1; 20]), 5).unwrap();
    let transaction = chain.sign(&key("bob"), call, Signing::default()).unwrap();
    let (block, refused) = chain.block(vec![transaction]).unwrap();
    (block.extrinsics.len() == 2, refused)
}

#[test]
fn a_migration_that_fails_leaves_a_chain_that_is_alive_and_a_way_out() {
    // (the limit, which block of the new code fails, steps that stay, whose fault, in words)
    let cases = [
        (
            1_000_004,
            1,
            0,
            "on_runtime_upgrade",
            "the single-block migration fails at this height",
        ),
        (2, 4, 2, "template/trouble", "the third step panics"),
        (3, 4, 2, "template/trouble", "are allowed"),
        (4, 4, 2, "template/trouble", "fuel"),
        (6, 4, 2, "template/trouble", "the third step has a reason"),
    ];
    for (limit, fails_in, kept, id, words) in cases {
        let mut chain = TestChain::new().unwrap();
        put_faulty(&chain, limit);
        for block in 1..=fails_in {
            assert!(
                !matches!(status(&chain).suspended, Some(Suspension::SafeMode { .. })),
                "{limit}: {block}"
            );
            chain.block(Vec::new()).unwrap();
        }
        let Some(Suspension::SafeMode {
            id: found,
            reason,
            since,
        }) = status(&chain).suspended
        else {
            panic!("{limit}: {:?}", status(&chain));
        };
        assert!(found == id && reason.contains(words), "{limit}: {found}: {reason}");
        assert!(has(&chain.events().unwrap(), "Upgrade", "SafeModeEntered"));
        assert_eq!((since, steps(&chain)), (chain.chain.best().0, kept), "{limit}");
        // Transactions are refused for good, of others than those who govern.
        let (is_included, refused) = offered(&chain);
        assert!(!is_included && refused.len() == 1, "{refused:?}");
        assert!(refused[0].reason.to_string().contains("safe mode"), "{refused:?}");
        propose(&chain, "alice", WASM_NEXT, Activation::After(Height(0)));
        upload(&chain, 0, WASM_NEXT);
        call_by(&chain, "bob", "approve", &[("id", Arg::Number(0))]);
        let Some(Stage::Scheduled { at }) = stage(&chain, 0) else {
            panic!()
        };
        while chain.chain.best().0 < at {
            assert_eq!(steps(&chain), kept);
            chain.block(Vec::new()).unwrap();
        }
        chain.refresh().unwrap();
        assert!(has(&chain.events().unwrap(), "Upgrade", "SafeModeLeft"));
        assert_eq!((status(&chain).suspended, spec_version(&chain)), (None, 2));
        let (is_included, refused) = offered(&chain);
        assert!(is_included, "{refused:?}");
        assert_followed(&chain);
    }
}

#[test]
fn a_migration_goes_on_after_restarts_and_transactions_wait_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let open = || TestChain::open(folder.path(), &ChainOptions::default()).unwrap();
    let mut chain = open();
    put_faulty(&chain, 5);
    for step in 0..=5u32 {
        drop(chain);
        chain = open();
        let running = status(&chain).migration;
        assert_eq!(running.map(|running| running.steps), step.checked_sub(1), "{step}");
        // It is no fault of the transaction: the pool keeps it.
        let (is_included, refused) = offered(&chain);
        assert!(refused.is_empty(), "{refused:?}");
        assert_eq!(
            is_included,
            step == 5,
            "the block of the last step has transactions again"
        );
        assert_eq!(steps(&chain), u128::from(step));
    }
    let events = chain.events().unwrap();
    assert!(has(&events, "Upgrade", "MigrationCompleted"), "{events:?}");
    assert_eq!((status(&chain).migration, status(&chain).suspended), (None, None));
    assert_followed(&chain);
}

/// Code of the right version whose metadata and migrations are right too, and that makes no block: by the name of what it
/// cannot do.
fn dead_codes(with_validators: bool) -> Vec<(&'static str, Vec<u8>)> {
    let swapped = |one, other| renamed(WASM_NEXT, &[(one, other), (other, one)]);
    let mut codes = vec![
        ("begin", swapped("Core_initialize_block", "QevmApi_signing_state")),
        (
            "take inherents",
            swapped("BlockBuilder_apply_extrinsic", "BlockBuilder_check_inherents"),
        ),
    ];
    if with_validators {
        codes.push(("say who decides", swapped("PobpcApi_next", "QevmApi_chain")));
    }
    codes
}

fn with_validators(folder: &Path) -> TestChain {
    let key = KeyPair::from_seed(SignatureScheme::Falcon512, &[1; 32]).unwrap();
    let voter = TestVoter {
        key: key.public(),
        commitment: Some(Hash::repeat_byte(9)),
    };
    let options = ChainOptions {
        sync: false,
        ..ChainOptions::default()
    };
    let chain = Chain::open(folder, &ChainSpec::testnet([voter].into_iter()), &options).unwrap();
    TestChain::over(Arc::new(chain)).unwrap()
}

/// By a transaction of anybody and by the council: where nobody looked before, the block before the first of it is the last moment.
#[test]
fn code_that_makes_no_block_never_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    for chain in [TestChain::new().unwrap(), with_validators(folder.path())] {
        let has_validators = chain.chain.next_height().unwrap().is_some();
        let code_before = chain.storage(b":code").unwrap();
        for (id, (what, code)) in (0u32..).zip(dead_codes(has_validators)) {
            assert!(has(&authorize(&chain, &code), "Upgrade", "UpgradeAuthorized"));
            let events = apply(&chain, "bob", &code);
            let undone = has(&events, "Upgrade", "UpgradeApplied") && has(&events, "Upgrade", "UpgradeUndone");
            assert!(undone, "it cannot {what}: {events:?}");
            let (height, best) = chain.chain.best();
            let header = chain.chain.header(best).unwrap();
            assert!(!header.digest.logs.contains(&DigestItem::RuntimeEnvironmentUpdated));

            let at = Height(height.0 + 30);
            propose(&chain, "alice", &code, Activation::At(at));
            upload(&chain, id, &code);
            call_by(&chain, "bob", "approve", &[("id", Arg::Number(id.into()))]);
            while chain.chain.best().0.0 + 1 < at.0 {
                chain.block(Vec::new()).unwrap();
            }
            let events = chain.events().unwrap();
            assert!(
                has(&events, "Upgrade", "ActivationFailed"),
                "it cannot {what}: {events:?}"
            );
            assert_eq!((stage(&chain, id), spec_version(&chain)), (None, 1));
            assert_eq!(chain.storage(b":code").unwrap(), code_before, "it cannot {what}");
            made(&chain, "bob", chain.transfer(&AccountId20([1; 20]), 5).unwrap());
        }
        // Code that makes blocks still takes over.
        authorize(&chain, WASM_NEXT);
        let events = apply(&chain, "bob", WASM_NEXT);
        assert!(!has(&events, "Upgrade", "UpgradeUndone"), "{events:?}");
        chain.block(Vec::new()).unwrap();
        assert_eq!(spec_version(&chain), 2);
        if !has_validators {
            assert_followed(&chain);
        }
    }
}

/// A runtime in a few lines that states `spec_name` and version 9, and whose migration is `migration`.
fn tiny_runtime(spec_name: &str, migration: &str) -> Vec<u8> {
    tiny_runtime_with(spec_name, migration, 6)
}

/// The same with so many bytes of its metadata: 6 are all of it.
fn tiny_runtime_with(spec_name: &str, migration: &str, metadata: u64) -> Vec<u8> {
    let version = RuntimeVersion {
        spec_name: spec_name.into(),
        impl_name: "tiny".into(),
        authoring_version: 1,
        spec_version: 9,
        impl_version: 1,
        apis: Vec::new(),
        transaction_version: 1,
        state_version: 1,
    }
    .encode();
    let data: String = version.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let packed = (version.len() as u64) << 32 | 1024;
    let stubs: String = names::REQUIRED
        .iter()
        .filter(|name| ![names::CORE_VERSION, names::CORE_ON_RUNTIME_UPGRADE, names::METADATA].contains(name))
        .map(|name| format!("(func (export \"{name}\") (param i32 i32) (result i64) (i64.const 0))"))
        .collect();
    wat::parse_str(format!(
        r#"(module
  (import "env" "ext_panic_v1" (func $panic (param i32 i32)))
  (import "env" "ext_storage_set_v1" (func $set (param i32 i32 i32 i32)))
  (memory (export "memory") 17)
  (data (i32.const 1024) "{data}")
  (data (i32.const 2048) ":code and a reason")
  (func (export "quids_abi_version") (result i32) (i32.const 1))
  (func (export "quids_alloc") (param i32) (result i32) (i32.const 65536))
  (func (export "quids_reset"))
  (func $deep (call $deep))
  (data (i32.const 3072) "\14meta\0e")
  (func (export "Metadata_metadata") (param i32 i32) (result i64) (i64.const {metadata}))
  (func (export "Core_version") (param i32 i32) (result i64) (i64.const {packed}))
  (func (export "Core_on_runtime_upgrade") (param i32 i32) (result i64) {migration} (i64.const {weight}))
  {stubs})"#,
        weight = 2u64 << 32 | 4096,
        metadata = metadata << 32 | 3072,
    ))
    .unwrap()
}

#[test]
fn every_wrong_upgrade_is_refused_and_the_authorization_stays() {
    let chain = TestChain::new().unwrap();
    let code_before = chain.storage(b":code").unwrap();
    let wat = |text: &str| wat::parse_str(text).unwrap();
    // What the chain says is one of few words; why, the dry run and the node's log say.
    let trial = "Upgrade.FailedTrialRun";
    let bad_codes: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("no WASM", b"not a runtime".to_vec(), trial, "not valid"),
        (
            "truncated",
            WASM_NEXT[..WASM_NEXT.len() / 2].to_vec(),
            trial,
            "not valid",
        ),
        ("no exports", wat("(module)"), trial, "export"),
        (
            "unknown import",
            wat(r#"(module (import "env" "ext_moon_v1" (func)))"#),
            trial,
            "ext_moon_v1",
        ),
        (
            "the same version",
            WASM.to_vec(),
            "Upgrade.SpecVersionMustIncrease",
            "is not above the running one",
        ),
        (
            "another chain's",
            tiny_runtime("other", ""),
            "Upgrade.InvalidSpecName",
            "it is another chain's",
        ),
        (
            "truncated metadata",
            tiny_runtime_with("quids", "", 3),
            trial,
            "metadata",
        ),
        ("no metadata", tiny_runtime_with("quids", "", 0), trial, "metadata"),
        (
            "a migration that traps",
            tiny_runtime("quids", "unreachable"),
            trial,
            "unreachable",
        ),
        (
            "a migration that panics",
            tiny_runtime("quids", "(call $panic (i32.const 2048) (i32.const 18)) unreachable"),
            trial,
            ":code and a reason",
        ),
        (
            "a migration without end",
            tiny_runtime("quids", "(loop (br 0))"),
            trial,
            "fuel",
        ),
        (
            "a migration that recurses",
            tiny_runtime("quids", "(call $deep)"),
            trial,
            "stack",
        ),
        (
            "a migration that takes all memory",
            tiny_runtime(
                "quids",
                "(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable",
            ),
            trial,
            "unreachable",
        ),
        (
            "a migration that overwrites the code and then fails",
            tiny_runtime(
                "quids",
                "(call $set (i32.const 2048) (i32.const 5) (i32.const 2048) (i32.const 18)) unreachable",
            ),
            trial,
            "unreachable",
        ),
    ];
    for (what, code, error, words) in bad_codes {
        assert!(has(&authorize(&chain, &code), "Upgrade", "UpgradeAuthorized"), "{what}");
        let events = apply(&chain, "bob", &code);
        assert_eq!(failed(&chain, &events), error, "{what}");
        assert_eq!(chain.storage(b":code").unwrap(), code_before, "{what}");
        let authorized = chain
            .storage(&TestChain::value_key("Upgrade", "AuthorizedUpgrade"))
            .unwrap();
        assert_eq!(authorized.unwrap()[..64], code_hash(&code), "{what}");
        let tried = chain.chain.dry_run_upgrade(&code, 0, &mut |_| ()).unwrap();
        let told = tried.refusals.iter().any(|refusal| refusal.contains(words));
        assert!(told, "{what}: {:?}", tried.refusals);
    }
    // Other code than the authorized, and authorization by others than root.
    let events = apply(&chain, "bob", WASM_NEXT);
    assert_eq!(failed(&chain, &events), "Upgrade.CodeHashMismatch");
    let inner = chain
        .call(
            "Upgrade",
            "authorize_upgrade",
            &[("code_hash", Arg::Encoded(code_hash(WASM_NEXT)))],
        )
        .unwrap();
    let as_root = chain.as_root(inner.clone()).unwrap();
    for (call, error) in [(as_root, "Upgrade.NotRoot"), (inner, "BadOrigin")] {
        assert_eq!(failed(&chain, &made(&chain, "bob", call)), error);
    }
    assert_eq!(spec_version(&chain), 1);
    assert_eq!(chain.storage(b":code").unwrap(), code_before);
}
