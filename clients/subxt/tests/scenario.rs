//! subxt against a node in this process, over each way it has to talk to one.

use codec::{Decode, Encode};
use quids_core::Header;
use quids_crypto::{KeyPair, SignatureScheme, blake3_256, hash_quantum_resistant, verify};
use quids_keystore::{DEV_ACCOUNTS, dev_keypair};
use quids_node::{Sealing, TestNode};
use quids_runtime_wasm::{WASM, WASM_NEXT};
use quids_subxt::{AccountId20, QuidsConfig, QuidsParamsBuilder, QuidsSigner, bound_key};
use std::{fmt::Debug, sync::Arc, time::Duration};
use subxt::{
    OnlineClient,
    backend::{ChainHeadBackend, LegacyBackend},
    client::{ClientAtBlock, OnlineClientAtBlockImpl},
    dynamic::{self, Value},
    error::{DispatchError, TransactionEventsError, TransactionFinalizedSuccessError},
    ext::scale_decode::{DecodeAsFields, DecodeAsType},
    extrinsics::ExtrinsicEvents,
    rpcs::{RpcClient, rpc_params},
    tx::{DynamicPayload, TransactionStatus},
    utils::Era,
};

const UNIT: u128 = 10u128.pow(18);
const ENDOWMENT: u128 = 1_000_000 * UNIT;
const BLOCK_TIME: Duration = Duration::from_millis(200);
/// Of one behaviour over one backend.
const BEHAVIOUR_MAX: Duration = Duration::from_secs(60);

type At = ClientAtBlock<QuidsConfig, OnlineClientAtBlockImpl<QuidsConfig>>;

#[derive(Clone, Copy, Debug)]
enum Backend {
    /// `chain_*`, `state_*`, `author_*`.
    Legacy,
    /// `chainHead_v1_*` and `transactionWatch_v1_*` alone.
    ChainHead,
    /// What `OnlineClient::from_url` takes: each method by the newest interface the node lists.
    Combined,
}

struct Session {
    node: TestNode,
    client: OnlineClient<QuidsConfig>,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Account {
    nonce: u64,
    data: AccountData,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct AccountData {
    free: u128,
}

#[derive(DecodeAsType, Debug, PartialEq)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Transfer {
    from: AccountId20,
    to: AccountId20,
    amount: u128,
}

#[derive(DecodeAsType, Debug, PartialEq)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct FeePaid {
    who: AccountId20,
    actual_fee: u128,
    tip: u128,
}

impl Session {
    /// `None` where the node does not offer what the backend needs.
    async fn start(backend: Backend) -> Option<Self> {
        let sealing = Sealing::Interval(BLOCK_TIME);
        let node = TestNode::builder().sealing(sealing).start().await.unwrap();
        let url = node.rpc_url();
        let rpc = RpcClient::from_insecure_url(&url).await.unwrap();
        let client = match backend {
            Backend::Legacy => {
                let legacy = LegacyBackend::builder().build(rpc);
                OnlineClient::from_backend(Arc::new(legacy)).await
            }
            Backend::ChainHead => {
                let methods: serde_json::Value = rpc.request("rpc_methods", rpc_params![]).await.unwrap();
                let methods = methods["methods"].as_array().unwrap();
                if !methods.iter().any(|method| method == "chainHead_v1_follow") {
                    node.stop().await.unwrap();
                    return None;
                }
                let new = ChainHeadBackend::builder().build_with_background_driver(rpc);
                OnlineClient::from_backend(Arc::new(new)).await
            }
            Backend::Combined => OnlineClient::from_insecure_url(url).await,
        };
        let client = client.unwrap();
        Some(Self { node, client })
    }

    async fn now(&self) -> At {
        self.client.at_current_block().await.unwrap()
    }

    async fn account(&self, who: AccountId20) -> Account {
        let address = dynamic::storage::<(AccountId20,), Account>("System", "Account");
        let now = self.now().await;
        let found = now.storage().fetch(address, (who,)).await.unwrap();
        found.decode().unwrap()
    }

    async fn free(&self, who: AccountId20) -> u128 {
        self.account(who).await.data.free
    }

    /// Sends a call, waits until it is final; its events, or why it failed.
    async fn send(
        &self,
        call: &Call,
        signer: &QuidsSigner,
    ) -> Result<ExtrinsicEvents<QuidsConfig>, TransactionFinalizedSuccessError> {
        let now = self.now().await;
        let sent = now.tx().sign_and_submit_then_watch_default(call, signer).await;
        sent.unwrap().wait_for_finalized_success().await
    }
}

type Call = DynamicPayload<Vec<Value>>;

fn call(pallet: &str, name: &str, arguments: Vec<Value>) -> Call {
    dynamic::tx(pallet.to_string(), name.to_string(), arguments)
}

fn transfer(to: AccountId20, amount: u128) -> Call {
    call(
        "Balances",
        "transfer_allow_death",
        vec![Value::from_bytes(to.0), Value::u128(amount)],
    )
}

fn pair(name: &str) -> KeyPair {
    dev_keypair(name).unwrap()
}

fn signer(name: &str) -> QuidsSigner {
    QuidsSigner::new(pair(name))
}

fn account(name: &str) -> AccountId20 {
    AccountId20(pair(name).account_id().0)
}

/// The fields of the one event of this name.
fn event<T>(events: &ExtrinsicEvents<QuidsConfig>, pallet: &str, name: &str) -> Option<T>
where
    T: DecodeAsFields,
{
    let mut found = events
        .iter()
        .map(Result::unwrap)
        .filter(|event| event.pallet_name() == pallet && event.event_name() == name);
    let event = found.next()?;
    assert!(found.next().is_none(), "{pallet}.{name} twice");
    Some(event.decode_fields_unchecked_as().unwrap())
}

fn has(events: &ExtrinsicEvents<QuidsConfig>, pallet: &str, name: &str) -> bool {
    event::<Value>(events, pallet, name).is_some()
}

/// The chain's own error, as `Pallet::Error` or as its kind.
fn dispatch_error(result: Result<impl Debug, TransactionFinalizedSuccessError>) -> String {
    let error = result.expect_err("the call should fail");
    let TransactionFinalizedSuccessError::SuccessError(TransactionEventsError::ExtrinsicFailed(error)) = error else {
        panic!("{error}");
    };
    match error {
        DispatchError::Module(error) => error.details_string(),
        other => format!("{other:?}"),
    }
}

/// Holds a behaviour of a fresh node against every backend.
fn check(behaviour: impl AsyncFn(&Session)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    for backend in [Backend::Legacy, Backend::ChainHead, Backend::Combined] {
        runtime.block_on(async {
            let Some(session) = Session::start(backend).await else {
                println!("{backend:?}: skipped, the node does not list chainHead_v1_follow");
                return;
            };
            println!("{backend:?}");
            tokio::time::timeout(BEHAVIOUR_MAX, behaviour(&session))
                .await
                .unwrap_or_else(|_| panic!("{backend:?}: not done within {BEHAVIOUR_MAX:?}"));
            drop(session.client);
            session.node.stop().await.unwrap();
        });
    }
}

#[test]
fn reads_constants_storage_and_runtime_apis() {
    check(async |session| {
        let genesis = session.node.chain().genesis();
        assert_eq!(session.client.genesis_hash(), genesis);
        let at = session.now().await;
        assert_eq!((at.spec_version(), at.transaction_version()), (1, 1));

        let minimum = dynamic::constant::<u128>("Balances", "ExistentialDeposit");
        assert_eq!(at.constants().entry(minimum).unwrap(), 0);
        let hashes = dynamic::constant::<u32>("System", "BlockHashCount");
        assert_eq!(at.constants().entry(hashes).unwrap(), 4096);

        let accounts = dynamic::storage::<(AccountId20,), Account>("System", "Account");
        let mut found = Vec::new();
        let mut rows = at.storage().iter(accounts, ()).await.unwrap();
        while let Some(row) = rows.next().await {
            let row = row.unwrap();
            let (who,) = row.key().unwrap().decode().unwrap();
            let account = row.value().decode().unwrap();
            // The chain's own precompiles are contracts.
            if who.0.starts_with(&[0; 18]) {
                continue;
            }
            assert_eq!((account.nonce, account.data.free), (0, ENDOWMENT), "{who}");
            found.push(who);
        }
        let mut expected: Vec<_> = DEV_ACCOUNTS.iter().map(|dev| account(dev.name)).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        let stranger = dynamic::storage::<(AccountId20,), Account>("System", "Account");
        let missing = at.storage().try_fetch(stranger, (AccountId20([9; 20]),)).await.unwrap();
        assert!(missing.is_none_or(|value| value.decode().unwrap().data.free == 0));

        let nonce = dynamic::runtime_api_call::<_, u64>("AccountNonceApi", "account_nonce", (account("alice"),));
        assert_eq!(at.runtime_apis().call(nonce).await.unwrap(), 0);
        let version = dynamic::runtime_api_call::<_, Value>("Core", "version", ());
        let version = at.runtime_apis().call(version).await.unwrap();
        assert!(version.to_string().contains("quids"), "{version}");

        assert_eq!(at.storage().runtime_wasm_code().await.unwrap(), WASM);
    });
}

#[test]
fn transfers_with_every_scheme_first_with_the_key_then_without() {
    check(async |session| {
        for (name, first_binds) in [
            ("bob", true),
            ("alice-falcon", true),
            ("alice-sphincs", true),
            ("eth0", false),
        ] {
            let (from, to) = (
                account(name),
                AccountId20(blake3_256(name.as_bytes())[..20].try_into().unwrap()),
            );
            let mut signer = signer(name);
            let mut lengths = Vec::new();
            for time in 0..2 {
                let at = session.now().await;
                let bound = signer.learn_binding(&at).await.unwrap();
                assert_eq!(bound, first_binds && time == 1, "{name}");
                let before = session.free(from).await;
                let call = transfer(to, UNIT);
                let params = QuidsParamsBuilder::new().build();
                let transaction = at.tx().create_signed(&call, &signer, params).await.unwrap();
                assert!(transaction.validate().await.unwrap().is_valid());
                let estimate = transaction.partial_fee_estimate().await.unwrap();
                lengths.push(transaction.encoded().len());

                let mut progress = transaction.submit_and_watch().await.unwrap();
                let mut seen_in_best = false;
                let block = loop {
                    match progress.next().await.expect("a status until it is final").unwrap() {
                        TransactionStatus::InBestBlock(_) => seen_in_best = true,
                        TransactionStatus::InFinalizedBlock(block) => break block,
                        TransactionStatus::Error { message }
                        | TransactionStatus::Invalid { message }
                        | TransactionStatus::Dropped { message } => panic!("{name}: {message}"),
                        _ => {}
                    }
                };
                assert!(seen_in_best, "{name}");
                let events = block.wait_for_success().await.unwrap();
                let moved: Transfer = event(&events, "Balances", "Transfer").unwrap();
                assert_eq!(moved, Transfer { from, to, amount: UNIT });
                let paid: FeePaid = event(&events, "Balances", "TransactionFeePaid").unwrap();
                let expected = FeePaid {
                    who: from,
                    actual_fee: estimate,
                    tip: 0,
                };
                assert_eq!(paid, expected, "{name}");
                assert_eq!(has(&events, "System", "KeyBound"), first_binds && time == 0, "{name}");
                assert!(has(&events, "System", "ExtrinsicSuccess"));
                assert_eq!(session.free(from).await, before - UNIT - estimate, "{name}");
                let after = session.account(from).await.nonce;
                assert_eq!(after, time + 1);
            }
            assert_eq!(session.free(to).await, 2 * UNIT);
            let key = bound_key(&session.now().await, &from).await.unwrap();
            let pair = pair(name);
            assert_eq!(key.as_ref(), first_binds.then_some(pair.public()), "{name}");
            let spared = lengths[0] - lengths[1];
            let carried = if first_binds {
                pair.public().as_bytes().to_vec().encode().len()
            } else {
                0
            };
            assert_eq!(spared, carried, "{name}: {lengths:?}");
        }
    });
}

#[test]
fn a_first_transaction_without_its_key_is_refused() {
    check(async |session| {
        let keyless = signer("dave").carrying_key(false);
        let at = session.now().await;
        let params = QuidsParamsBuilder::new().build();
        let call = transfer(account("bob"), UNIT);
        let transaction = at.tx().create_signed(&call, &keyless, params).await.unwrap();
        assert!(!transaction.validate().await.unwrap().is_valid());
        // The legacy interface refuses the submission; the new one accepts it and says so as its status.
        let refused = match transaction.submit_and_watch().await {
            Ok(progress) => format!("{:?}", progress.wait_for_finalized().await.err().unwrap()),
            Err(error) => format!("{error:?}"),
        };
        assert!(refused.contains("key"), "{refused}");
        assert_eq!(session.account(account("dave")).await.nonce, 0);
    });
}

#[test]
fn a_rotated_account_signs_with_its_new_key() {
    check(async |session| {
        let (who, old) = (account("charlie"), signer("charlie"));
        let new = KeyPair::generate(SignatureScheme::Falcon512).unwrap();
        session.send(&transfer(account("bob"), 1), &old).await.unwrap();
        let message = quids_crypto::possession_message(
            &session.client.genesis_hash(),
            &pair("charlie").account_id(),
            new.public(),
        );
        let tagged = |bytes: &[u8]| Value::unnamed_variant("Falcon512", [Value::from_bytes(bytes)]);
        let (key, proof) = (tagged(new.public().as_bytes()), tagged(new.sign(&message).as_bytes()));
        let events = session
            .send(&call("System", "rotate_key", vec![key, proof]), &old)
            .await
            .unwrap();
        assert!(has(&events, "System", "KeyRotated"));

        let mut new = QuidsSigner::new(new).for_account(who);
        assert!(new.learn_binding(&session.now().await).await.unwrap());
        assert_eq!(new.account(), who);
        session.send(&transfer(account("bob"), 1), &new).await.unwrap();
        let mut old = old;
        assert!(!old.learn_binding(&session.now().await).await.unwrap());
        assert_eq!(session.account(who).await.nonce, 3);
    });
}

#[test]
fn a_tip_is_paid_and_mortality_is_kept() {
    check(async |session| {
        let (at, signer) = (session.now().await, signer("bob"));
        let call = transfer(account("eve"), UNIT);
        let params = QuidsParamsBuilder::new().mortal(8).tip(3 * UNIT).nonce(0).build();
        let transaction = at.tx().create_signed(&call, &signer, params).await.unwrap();
        let watched = transaction.submit_and_watch().await.unwrap();
        let events = watched.wait_for_finalized_success().await.unwrap();
        let paid: FeePaid = event(&events, "Balances", "TransactionFeePaid").unwrap();
        assert_eq!(paid.tip, 3 * UNIT);
        assert_eq!(
            session.free(account("bob")).await,
            ENDOWMENT - 4 * UNIT - paid.actual_fee
        );

        // Signed for an era that ended before its block, and with a hash that no block has.
        for (from_block, hash) in [(0, at.genesis_hash().unwrap()), (at.block_number(), [7; 32].into())] {
            while session.now().await.block_number() < 5 {
                tokio::time::sleep(BLOCK_TIME).await;
            }
            let params = QuidsParamsBuilder::new()
                .mortal_from_unchecked(4, from_block, hash)
                .build();
            let late = session
                .now()
                .await
                .tx()
                .create_signed(&call, &signer, params)
                .await
                .unwrap();
            assert!(!late.validate().await.unwrap().is_valid(), "from block {from_block}");
        }
    });
}

#[test]
fn a_failed_call_is_named_by_its_error() {
    check(async |session| {
        let signer = signer("bob");
        let too_much = session.send(&transfer(account("eve"), 2 * ENDOWMENT), &signer).await;
        assert_eq!(dispatch_error(too_much.map(|_| ())), "Balances::InsufficientBalance");
        let root_only = call(
            "Balances",
            "force_set_balance",
            vec![Value::from_bytes(account("bob").0), Value::u128(1)],
        );
        assert_eq!(
            dispatch_error(session.send(&root_only, &signer).await.map(|_| ())),
            "BadOrigin"
        );
        assert_eq!(session.account(account("bob")).await.nonce, 2, "both were paid for");
    });
}

#[test]
fn finalized_blocks_are_followed_and_read_back() {
    check(async |session| {
        let mut blocks = session.client.stream_blocks().await.unwrap();
        let first = blocks.next().await.unwrap().unwrap();
        let at = session.now().await;
        let params = QuidsParamsBuilder::new().mortal(64).tip(5).build();
        let call = transfer(account("eve"), UNIT);
        let mut signable = at.tx().create_signable(&call, &account("bob"), params).await.unwrap();
        let payload = signable.signer_payload().unwrap();
        let transaction = signable.sign(&signer("bob")).unwrap();
        transaction.submit().await.unwrap();

        let (mut parent, mut found) = ((first.number(), first.hash()), false);
        for _ in 0..20 {
            let block = blocks.next().await.unwrap().unwrap();
            assert_eq!((block.number(), block.header().parent_hash), (parent.0 + 1, parent.1));
            let header = block.header().encode();
            assert_eq!(block.hash().0, blake3_256(&header));
            assert_eq!(
                u64::from(Header::decode(&mut &header[..]).unwrap().number.0),
                block.number()
            );
            parent = (block.number(), block.hash());

            let at = block.at().await.unwrap();
            let extrinsics = at.extrinsics().fetch().await.unwrap();
            let names: Vec<_> = extrinsics
                .iter()
                .map(|each| {
                    each.map(|each| format!("{}.{}", each.pallet_name(), each.call_name()))
                        .unwrap()
                })
                .collect();
            assert_eq!(names[0], "Timestamp.set");
            let Some(ours) = extrinsics
                .iter()
                .map(Result::unwrap)
                .find(|each| each.hash() == transaction.hash())
            else {
                continue;
            };
            assert_eq!(names[ours.index()], "Balances.transfer_allow_death");
            assert_eq!(ours.address_bytes().unwrap(), account("bob").0);
            let fields: Vec<_> = ours
                .iter_call_data_fields()
                .map(|field| field.name().to_string())
                .collect();
            assert_eq!(fields, ["dest", "value"]);
            let extensions = ours.transaction_extensions().unwrap();
            assert_eq!((extensions.tip(), extensions.nonce()), (Some(5), Some(0)));
            let era = extensions
                .iter()
                .find(|extension| extension.name() == "CheckMortality")
                .unwrap();
            assert!(matches!(
                Era::decode(&mut era.bytes()).unwrap(),
                Era::Mortal { period: 64, .. }
            ));

            // The signature as it was sent, key included, over what subxt signed.
            let signature = quids_crypto::AccountSignature::decode(&mut ours.signature_bytes().unwrap()).unwrap();
            let (key, signature) = quids_subxt::AccountSignature::from(signature).parts().unwrap();
            assert_eq!(key.as_ref(), Some(pair("bob").public()));
            assert!(verify(&key.unwrap(), &payload, &signature));
            let events = ours.events().await.unwrap();
            assert!(event::<Transfer>(&events, "Balances", "Transfer").is_some());
            found = true;
            break;
        }
        assert!(found, "the transaction is in none of 20 blocks");
    });
}

#[test]
fn an_upgrade_is_followed() {
    check(async |session| {
        let hash = hash_quantum_resistant(b"quids/code/v1", WASM_NEXT);
        let authorize = Value::named_variant("authorize_upgrade", [("code_hash", Value::from_bytes(hash))]);
        let as_root = call(
            "Upgrade",
            "as_root",
            vec![Value::unnamed_variant("Upgrade", [authorize])],
        );
        let events = session.send(&as_root, &signer("alice")).await.unwrap();
        assert!(has(&events, "Upgrade", "UpgradeAuthorized"));
        let old = session.now().await;
        assert!(
            old.metadata_ref()
                .pallet_by_name("Template")
                .unwrap()
                .call_variant_by_name("forget")
                .is_none()
        );

        let apply = call(
            "Upgrade",
            "apply_authorized_upgrade",
            vec![Value::from_bytes(WASM_NEXT)],
        );
        session.send(&apply, &signer("bob")).await.unwrap();
        let new = loop {
            let now = session.now().await;
            if now.spec_version() == 2 {
                break now;
            }
            tokio::time::sleep(BLOCK_TIME).await;
        };
        assert!(
            new.metadata_ref()
                .pallet_by_name("Template")
                .unwrap()
                .call_variant_by_name("forget")
                .is_some()
        );
        session
            .send(&transfer(account("eve"), UNIT), &signer("bob"))
            .await
            .unwrap();

        let before = session.client.at_block(old.block_hash()).await.unwrap();
        assert_eq!(before.spec_version(), 1, "old blocks keep their runtime");
        assert_eq!(before.block_number(), old.block_number());
        before
            .extrinsics()
            .fetch()
            .await
            .unwrap()
            .iter()
            .for_each(|each| drop(each.unwrap()));
    });
}
