//! The dry run of an upgrade: what it finds, and that it leaves no trace.

use codec::Encode;
use quids_api::upgrade::Activation;
use quids_core::{AccountId20, Height};
use quids_node::extrinsic_builder::Arg;
use quids_node::{
    chain::{DryRun, ItemChange, Pair},
    testing::{Signing, TestChain, renamed},
};
use quids_runtime_wasm::{WASM, WASM_FAULTY, WASM_NEXT};

/// Blocks with a transfer each, one of which fails.
fn chain_with_blocks(count: u32) -> TestChain {
    let chain = TestChain::new().unwrap();
    let bob = quids_keystore::dev_keypair("bob").unwrap();
    for block in 0..count {
        let amount = if block == 1 { u128::MAX } else { 5 };
        let call = chain.transfer(&AccountId20([block as u8 + 1; 20]), amount).unwrap();
        let transaction = chain.sign(&bob, call, Signing::default()).unwrap();
        let (_, refused) = chain.block(vec![transaction]).unwrap();
        assert!(refused.is_empty(), "{refused:?}");
    }
    chain
}

fn tried(chain: &TestChain, code: &[u8], blocks: u32) -> DryRun {
    let before = chain.chain.best();
    let checked = chain.chain.dry_run_upgrade(code, blocks, &mut |_| ()).unwrap();
    assert_eq!(chain.chain.best(), before);
    checked
}

#[test]
fn the_next_version_is_shown_with_its_migration_and_the_last_blocks_come_out_the_same() {
    let chain = chain_with_blocks(4);
    let limit = TestChain::value_key("Template", "CurrentLimit");
    let before = chain.storage(&limit).unwrap();
    let checked = tried(&chain, WASM_NEXT, 20);
    assert!(checked.is_sound(), "{checked:?}");
    assert!(!checked.is_clean(), "the limit has another type");
    let unsaid = checked
        .interface
        .iter()
        .find(|change| change.what == "transaction version");
    let unsaid = &unsaid.unwrap().change;
    assert!(unsaid.contains("stays 1, though call Template.set_limit"), "{unsaid}");
    assert_eq!((checked.block, checked.spec_version), (4, Pair { old: 1, new: 2 }));
    let migration = checked.migration.unwrap();
    let changed = |item: &str| ItemChange {
        item: item.into(),
        changed: 1,
        ..ItemChange::default()
    };
    let expected = ["Template.CurrentLimit", "Template.StorageVersion"].map(changed);
    assert_eq!(migration.items, expected);
    assert!(migration.weight.used > 0 && migration.weight.used < migration.weight.limit.unwrap());
    assert!(migration.proof_bytes.unwrap() > 0);
    let replay = checked.replay.unwrap();
    // A block has its time besides the transfer.
    assert_eq!((replay.from, replay.to, replay.extrinsics), (1, 4, 8));
    assert_eq!(replay.differences, []);
    assert_eq!(chain.storage(&limit).unwrap(), before);
    assert!(checked.entries > 50, "{}", checked.entries);
}

#[test]
fn what_the_chain_would_refuse_is_refused_with_the_reason() {
    let chain = chain_with_blocks(1);
    let check = |code: &[u8], reason: &str| {
        let checked = tried(&chain, code, 5);
        assert!(!checked.is_sound());
        assert!(
            checked.refusals.iter().any(|refusal| refusal.contains(reason)),
            "{reason}: {:?}",
            checked.refusals
        );
    };
    check(b"", "not valid");
    check(b"\0asm\x01\0\0\0", "export");
    check(WASM, "its spec version 1 is not above the running one, 1");
    check(&WASM_NEXT[..WASM_NEXT.len() / 2], "not valid");
    check(&vec![0; 32 << 20], "bytes are more than");
}

#[test]
fn fewer_blocks_are_replayed_where_fewer_are_asked_for_and_none_of_the_code_before() {
    let chain = chain_with_blocks(3);
    let of = |count: u32| {
        tried(&chain, WASM_NEXT, count)
            .replay
            .map(|replay| (replay.from, replay.to))
    };
    assert_eq!(of(0), None);
    assert_eq!(of(2), Some((2, 3)));
    assert_eq!(of(1000), Some((1, 3)));
}

/// By the limit the faulty code knows what to do.
fn with_limit(limit: u32) -> TestChain {
    let chain = chain_with_blocks(1);
    let inner = chain
        .call("Template", "set_limit", &[("limit", Arg::Encoded(limit.encode()))])
        .unwrap();
    let call = chain.as_root(inner).unwrap();
    let alice = quids_keystore::dev_keypair("alice").unwrap();
    let transaction = chain.sign(&alice, call, Signing::default()).unwrap();
    chain.block(vec![transaction]).unwrap();
    chain
}

#[test]
fn migrations_of_many_blocks_run_to_their_end() {
    let checked = tried(&with_limit(5), WASM_FAULTY, 0);
    let migration = checked.migration.unwrap();
    let stepped: Vec<_> = migration
        .stepped
        .iter()
        .map(|stepped| (stepped.id.as_str(), stepped.steps, stepped.pauses_transactions))
        .collect();
    assert_eq!(stepped, [("template/trouble", 5, true)]);
    // A few values with their branches; the code goes by its hash.
    assert!(
        (500..50_000).contains(&migration.step_proof_bytes),
        "{}",
        migration.step_proof_bytes
    );
    let items: Vec<_> = migration.items.iter().map(|item| item.item.as_str()).collect();
    assert!(items.contains(&"Template.RoundTotal"), "{items:?}");
    // What every block changes is no migration's.
    assert!(!items.iter().any(|item| item.starts_with("System.")), "{items:?}");
    // It states the same version; nothing else is wrong.
    assert_eq!(checked.refusals.len(), 1, "{:?}", checked.refusals);
}

/// A code that came to the chain in the last blocks: under the code itself its own way makes no sense, and is not held against it.
#[test]
fn the_way_of_the_code_itself_is_not_compared() {
    let chain = chain_with_blocks(1);
    let hash = quids_crypto::hash_quantum_resistant(b"quids/code/v1", WASM_NEXT);
    let fields = [
        ("code_hash", Arg::Encoded(hash.to_vec())),
        ("code_size", Arg::Number(WASM_NEXT.len() as u128)),
        ("spec_version", Arg::Number(2)),
        ("activation", Arg::Encoded(Activation::After(Height(0)).encode())),
        ("notes", Arg::Bytes(b"the next".to_vec())),
    ];
    let propose = chain.call("Upgrade", "propose", &fields).unwrap();
    let alice = quids_keystore::dev_keypair("alice").unwrap();
    let transaction = chain.sign(&alice, propose, Signing::default()).unwrap();
    chain.block(vec![transaction]).unwrap();
    // In vain under either code, for two reasons.
    let again = chain.call("Upgrade", "propose", &fields).unwrap();
    let again = chain.sign(&alice, again, Signing::default()).unwrap();
    chain.block(vec![again]).unwrap();
    let replay = tried(&chain, WASM_NEXT, 20).replay.unwrap();
    assert_eq!(
        (replay.extrinsics, replay.of_upgrades, replay.differences),
        (6, 2, vec![])
    );
}

/// The chain itself would take such a code: nothing fails, and accounts are lost.
#[test]
fn what_a_migration_spoils_is_told() {
    let checked = tried(&with_limit(7), WASM_FAULTY, 0);
    assert!(!checked.is_sound());
    let spoilt = |item: &str| {
        let found: Vec<_> = checked.undecodable.iter().filter(|found| found.item == item).collect();
        found
            .iter()
            .map(|found| (found.entries, found.first_key.contains("fefefe")))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (spoilt("Template.Given"), checked.undecodable.len()),
        (vec![(1, true)], 1)
    );
    let [broken] = &checked.broken[..] else {
        panic!("{:?}", checked.broken)
    };
    assert!(
        broken.contains("Template") && broken.contains("has given nothing"),
        "{broken}"
    );
    let given = ItemChange {
        item: "Template.Given".into(),
        added: 2,
        ..ItemChange::default()
    };
    assert!(checked.migration.unwrap().items.contains(&given));
    // Without the spoiling, nothing of that.
    let checked = tried(&with_limit(5), WASM_FAULTY, 0);
    assert!(
        checked.undecodable.is_empty() && checked.broken.is_empty(),
        "{checked:?}"
    );
}

/// The code with two words for each other, wherever they are.
fn exchanged(code: &[u8], one: &str, other: &str) -> Vec<u8> {
    assert_eq!(one.len(), other.len());
    let mut changed = code.to_vec();
    for (word, instead) in [(one, other), (other, one)] {
        let found = code.windows(word.len()).enumerate();
        let places: Vec<usize> = found
            .filter(|(_, it)| *it == word.as_bytes())
            .map(|(at, _)| at)
            .collect();
        assert!(!places.is_empty(), "no {word}");
        for at in places {
            changed[at..at + word.len()].copy_from_slice(instead.as_bytes());
        }
    }
    changed
}

/// Two fields of the same type in another order decode as they did, and mean something else: nothing but this would notice. Nor
/// that an item has another name, by which nobody finds its entries.
#[test]
fn a_layout_that_changes_silently_is_told() {
    let chain = with_limit(1000);
    let give = chain.call("Template", "give", &[("amount", Arg::Number(5))]).unwrap();
    let bob = quids_keystore::dev_keypair("bob").unwrap();
    let transaction = chain.sign(&bob, give, Signing::default()).unwrap();
    chain.block(vec![transaction]).unwrap();
    let moved = exchanged(WASM_NEXT, "consumers", "providers");
    let lost = renamed(WASM_NEXT, &[("RoundTotal", "RoundTotol")]);
    for (code, item, words) in [
        (moved, "System.Account", "is read as another AccountInfo"),
        (
            lost,
            "Template.RoundTotal",
            "no pallet of the new runtime has this item",
        ),
    ] {
        let checked = tried(&chain, &code, 0);
        assert!(
            !checked.is_sound() && checked.refusals.is_empty(),
            "{item}: {checked:?}"
        );
        let [found] = &checked.undecodable[..] else {
            panic!("{item}: {:?}", checked.undecodable)
        };
        assert!(
            found.item == item && found.entries > 0 && found.reason.contains(words),
            "{found:?}"
        );
    }
    assert!(tried(&chain, WASM_NEXT, 0).is_sound());
}

#[test]
fn migrations_that_fail_are_told_with_their_reason() {
    for (limit, words) in [
        (2, "the third step panics"),
        (3, "are allowed"),
        (4, "fuel"),
        (6, "the third step has a reason"),
    ] {
        let checked = tried(&with_limit(limit), WASM_FAULTY, 0);
        let told = |refusal: &String| refusal.contains("safe mode") && refusal.contains(words);
        assert!(checked.refusals.iter().any(told), "{limit}: {:?}", checked.refusals);
    }
}

/// What the chain finds at the last moment is told long before.
#[test]
fn code_under_which_no_block_can_be_made_is_refused() {
    let chain = chain_with_blocks(1);
    let (apply, check) = ("BlockBuilder_apply_extrinsic", "BlockBuilder_check_inherents");
    let (begin, look) = ("Core_initialize_block", "QevmApi_signing_state");
    for (names, reason) in [
        ([(apply, check), (check, apply)], "no block can be made under it"),
        ([(begin, look), (look, begin)], "no block can begin"),
    ] {
        for blocks in [0, 20] {
            let checked = tried(&chain, &renamed(WASM_NEXT, &names), blocks);
            let told = checked.refusals.iter().any(|refusal| refusal.contains(reason));
            assert!(told && !checked.is_sound(), "{reason}: {checked:?}");
        }
    }
}
