//! Consensus as the client sees it: through the runtime's APIs alone.

use codec::{Decode, Encode};
use pallet_balances::ChargeTransactionPayment;
use pallet_system::extensions::{CheckGenesis, CheckMortality, CheckNonce, CheckSpecVersion, CheckTxVersion};
use quids_api::{
    ApplyExtrinsicResult, ExtrinsicsCommitment, InherentData, TIMESTAMP_INHERENT, names,
    pobpc::{NextCommittee, NextHeight, POBPC_ENGINE_ID, ValidatorInfo},
};
use quids_core::{
    AUTHOR_ENGINE_ID, AccountId20, Balance, Digest, DigestItem, Hash, Header, Height, Nonce, OpaqueExtrinsic,
};
use quids_crypto::{AccountSignature, KeyPair, SignatureScheme};
use quids_io::MemoryExternalities;
use quids_runtime::{Extrinsic, RuntimeCall};
use quids_support::extrinsic::Era;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn api<O: Decode>(name: &str, input: impl Encode) -> O {
    let output = quids_runtime::call(name, &input.encode()).expect("the API is there");
    O::decode(&mut &output[..]).unwrap()
}

fn pair(number: u8) -> KeyPair {
    KeyPair::from_seed(SignatureScheme::Falcon512, &[number; 32]).unwrap()
}

fn account(number: u8) -> AccountId20 {
    pair(number).public().account_id().unwrap()
}

/// A genesis of four validators, whose accounts have one QDS, with one transaction a block.
fn genesis() -> serde_json::Value {
    let validators: Vec<_> = (1..=4u8)
        .map(|number| {
            let key: String = pair(100 + number)
                .public()
                .as_bytes()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let account = account(number).to_string();
            serde_json::json!({ "account": account, "scheme": "falcon-512", "key": format!("0x{key}"), "role": "full" })
        })
        .collect();
    let balances: Vec<_> = (1..=4)
        .map(|number| (account(number).to_string(), "1000000000000000000"))
        .collect();
    serde_json::json!({
        "balances": { "balances": balances },
        "pobpc": { "validators": validators, "maxTransactions": 1 },
    })
}

/// A transfer of nothing to itself, with its key.
fn transfer(number: u8, nonce: u64) -> Vec<u8> {
    let pair = pair(number);
    let who = account(number);
    let extra = (
        CheckSpecVersion::new(),
        CheckTxVersion::new(),
        CheckGenesis::new(),
        CheckMortality::new(Era::Immortal),
        CheckNonce::new(Nonce(nonce)),
        ChargeTransactionPayment::new(Balance(0)),
    );
    let value = Balance(0);
    let call: RuntimeCall = pallet_balances::Call::transfer_keep_alive { dest: who, value }.into();
    let signature = pair.sign(&Extrinsic::payload(&call, &extra).unwrap());
    let signature = AccountSignature::from_parts(pair.scheme(), Some(pair.public()), &signature).unwrap();
    let signature = Some((who, signature, extra));
    Extrinsic { signature, call }.encode()
}

/// The first block, by this author, with so many transactions.
fn first_block(author: AccountId20, transactions: u8) -> Header {
    let header = Header {
        parent_hash: Hash::repeat_byte(1),
        number: Height(1),
        state_root: Hash::zero(),
        extrinsics_root: Hash::zero(),
        digest: Digest {
            logs: vec![DigestItem::PreRuntime(AUTHOR_ENGINE_ID, author.encode())],
        },
    };
    api::<()>(names::CORE_INITIALIZE_BLOCK, header);
    let mut data = InherentData::default();
    data.put(TIMESTAMP_INHERENT, &1_000u64);
    let inherents: Vec<OpaqueExtrinsic> = api(names::BLOCK_BUILDER_INHERENT_EXTRINSICS, data);
    let mut extrinsics: Vec<Vec<u8>> = inherents.into_iter().map(|one| one.0).collect();
    assert_eq!(extrinsics.len(), 1);
    extrinsics.extend((1..=transactions).map(|number| transfer(number, 0)));
    for (index, bytes) in (0u32..).zip(&extrinsics) {
        let applied: ApplyExtrinsicResult = api(names::BLOCK_BUILDER_APPLY_EXTRINSIC, (index, bytes));
        applied.unwrap().unwrap();
    }
    let commitment: ExtrinsicsCommitment = api(names::BLOCK_BUILDER_COMMIT_EXTRINSICS, extrinsics);
    api(names::BLOCK_BUILDER_FINALIZE_BLOCK, commitment)
}

fn next() -> Option<NextHeight> {
    api(names::POBPC_NEXT, ())
}

fn after_genesis<R>(json: serde_json::Value, f: impl FnOnce() -> R) -> R {
    MemoryExternalities::default().execute_with(|| {
        let built: Result<(), String> = api(names::GENESIS_BUILD, json.to_string().into_bytes());
        built.unwrap();
        f()
    })
}

#[test]
fn a_header_says_who_decides_its_child() {
    after_genesis(genesis(), || {
        let first = next().unwrap();
        assert_eq!(
            (
                first.committee.seats().len(),
                first.max_transactions,
                first.batch_interval_ms
            ),
            (4, 1, 1000)
        );
        let mut accounts: Vec<_> = (1..=4).map(account).collect();
        accounts.sort_unstable();
        assert_eq!(first.accounts, accounts);
        for (account, seat) in first.accounts.iter().zip(first.committee.seats()) {
            let author: Option<AccountId20> = api(names::POBPC_AUTHOR_OF, &seat.key);
            assert_eq!(author, Some(*account));
        }
        let header = first_block(first.accounts[0], 1);
        let told = header.digest.logs.iter().find_map(|item| match item {
            DigestItem::Consensus(POBPC_ENGINE_ID, bytes) => NextCommittee::decode(&mut &bytes[..]).ok(),
            _ => None,
        });
        let second = next().unwrap();
        let (hash, threshold) = (second.committee.hash(), second.threshold);
        assert_eq!(told, Some(NextCommittee { hash, threshold }));
        // The block was full; its inherent did not count.
        assert_eq!(second.max_transactions, 2);
        let validators: Vec<ValidatorInfo> = api(names::POBPC_VALIDATORS, ());
        assert_eq!(validators.len(), 4);
        assert_eq!(
            validators[0].reliability, 1_000_000,
            "nothing is drawn, so nothing has to be revealed"
        );
    });
}

#[test]
fn a_block_by_a_stranger_or_with_too_much_in_it_is_invalid() {
    for (author, transactions, expected) in [
        (account(9), 0, "is no member of the committee of height 1"),
        (account(1), 2, "it has 2 transactions, at most 1 are allowed"),
    ] {
        let error = catch_unwind(AssertUnwindSafe(|| {
            after_genesis(genesis(), || first_block(author, transactions));
        }));
        let error = error.unwrap_err();
        let text = error.downcast_ref::<String>().unwrap();
        assert!(text.starts_with("invalid block: ") && text.contains(expected), "{text}");
    }
}

#[test]
fn a_chain_without_validators_goes_on_alone() {
    after_genesis(serde_json::json!({ "balances": genesis()["balances"] }), || {
        assert_eq!(next(), None);
        let header = first_block(account(9), 2);
        let told = |item: &DigestItem| matches!(item, DigestItem::Consensus(POBPC_ENGINE_ID, _));
        assert!(!header.digest.logs.iter().any(told));
        assert_eq!(next(), None);
    });
}

#[test]
fn metadata_tells_of_it() {
    for version in [14u32, 15] {
        let metadata: Option<Vec<u8>> = api(names::METADATA_AT_VERSION, version);
        let metadata = metadata.unwrap();
        let tells = |name: &str| metadata.windows(name.len()).any(|window| window == name.as_bytes());
        assert!(tells("Pobpc") && tells("note_votes") && tells("TransactionLimit"));
        assert_eq!(tells("PobpcApi"), version == 15);
    }
}
