//! Start and end of blocks, consumed weight, outcomes, accounts, remarks, code updates, metadata.

use crate::mock::*;
use pallet_system::{
    Account, AccountData, BlockHash, Call, DispatchEventInfo, Event, Events, LastRuntimeUpgrade, OpenAccount,
};
use quids_api::DispatchClass;
use quids_core::{Balance, Digest, DigestItem, DispatchError, Hash, Height, Nonce, Weight, well_known_keys};
use quids_io::MemoryExternalities;
use quids_support::{
    composition::PalletParts,
    dispatch::{DispatchErrorWithPostInfo, DispatchInfo, Pays, PostDispatchInfo},
    genesis::BuildGenesis,
    origin::Origin,
    system::SystemPort,
};
use quids_testing::{TestRuntime, assert_noop};

fn hash(height: u32) -> Hash {
    if height == 0 {
        GENESIS
    } else {
        Hash::repeat_byte(height as u8)
    }
}

#[test]
fn a_header_has_what_the_block_was_started_with() {
    MemoryExternalities::default().execute_with(|| {
        let author = DigestItem::PreRuntime(*b"auth", vec![1; 20]);
        let digest = Digest {
            logs: vec![author.clone()],
        };
        System::initialize(Height(5), hash(4), &digest);
        System::deposit_log(DigestItem::RuntimeEnvironmentUpdated);
        let header = System::finalize(Hash::repeat_byte(3));
        assert_eq!(header.parent_hash, hash(4));
        assert_eq!(header.number, Height(5));
        assert_eq!(header.extrinsics_root, Hash::repeat_byte(3));
        assert_eq!(header.state_root, quids_io::storage::root());
        assert_eq!(header.digest.logs, [author, DigestItem::RuntimeEnvironmentUpdated]);
        assert_eq!(System::height(), Height(5));
        assert_eq!(BlockHash::<Runtime>::get(&Height(4)), hash(4));
    });
}

#[test]
fn the_last_hashes_and_genesis_are_kept() {
    MemoryExternalities::default().execute_with(|| {
        for height in 1..=30 {
            System::initialize(Height(height), hash(height - 1), &Digest::default());
            let mut kept: Vec<_> = BlockHash::<Runtime>::iter().collect();
            kept.sort();
            let oldest = height.saturating_sub(HASHES);
            let expected: Vec<_> = (0..height)
                .filter(|h| *h == 0 || *h >= oldest)
                .map(|h| (Height(h), hash(h)))
                .collect();
            assert_eq!(kept, expected, "at {height}");
        }
    });
}

const HASHES: u32 = 8;

#[test]
fn a_block_forgets_the_events_and_the_weight_of_the_last() {
    test(|| {
        Runtime::call(Origin::Signed(ALICE), Call::remark_with_event { remark: vec![1] }).unwrap();
        System::register_weight(Weight::new(5, 6), DispatchClass::Normal);
        System::register_weight(Weight::new(7, 8), DispatchClass::Mandatory);
        System::register_weight(Weight::new(9, 10), DispatchClass::Operational);
        assert_eq!(System::consumed_weight(), (Weight::new(5, 6), Weight::new(21, 24)));
        System::initialize(Height(2), hash(1), &Digest::default());
        assert_eq!(Events::<Runtime>::get(), []);
        assert_eq!(System::consumed_weight(), (Weight::ZERO, Weight::ZERO));
    });
}

#[test]
fn only_blocks_within_the_limits_have_a_header() {
    let time = |t| Weight::new(t, 0);
    let proof = |p| Weight::new(0, p);
    use DispatchClass::{Mandatory, Normal, Operational};
    let cases: [(&[(Weight, DispatchClass)], bool); 9] = [
        (&[(time(750_000), Normal)], true),
        (&[(time(750_001), Normal)], false),
        (&[(time(400_000), Normal), (time(400_000), Normal)], false),
        (&[(time(750_000), Normal), (time(250_000), Operational)], true),
        (&[(time(750_000), Normal), (time(250_001), Mandatory)], false),
        (&[(proof(75_000), Normal)], true),
        (&[(proof(75_001), Normal)], false),
        (&[(proof(100_001), Operational)], false),
        // Weights beyond everything do not wrap around.
        (
            &[(Weight::MAX, Normal), (Weight::MAX, Normal), (Weight::MAX, Operational)],
            false,
        ),
    ];
    for (weights, fits) in cases {
        let finalized = std::panic::catch_unwind(|| {
            test(|| {
                for (weight, class) in weights {
                    System::register_weight(*weight, *class);
                }
                System::finalize(Hash::zero())
            })
        });
        assert_eq!(finalized.is_ok(), fits, "{weights:?}");
        if let Err(panic) = finalized {
            assert!(panic.downcast_ref::<String>().unwrap().starts_with("invalid block: "));
        }
    }
}

#[test]
fn outcomes_are_weighed_and_told() {
    let info = DispatchInfo {
        weight: Weight::new(100, 10),
        class: DispatchClass::Normal,
        pays_fee: Pays::Yes,
    };
    let told = |weight, pays_fee| DispatchEventInfo {
        weight,
        class: DispatchClass::Normal,
        pays_fee,
    };
    let refund = PostDispatchInfo {
        actual_weight: Some(Weight::new(40, 4)),
        pays_fee: Pays::No,
    };
    let greedy = PostDispatchInfo {
        actual_weight: Some(Weight::new(400, 4)),
        pays_fee: Pays::Yes,
    };
    let failed = DispatchErrorWithPostInfo {
        post_info: refund,
        error: DispatchError::BadOrigin,
    };
    let success = |dispatch_info| Event::ExtrinsicSuccess { dispatch_info };
    let cases = [
        (
            Ok(PostDispatchInfo::default()),
            Weight::new(1_100, 20),
            success(told(Weight::new(1_100, 20), Pays::Yes)),
        ),
        (
            Ok(refund),
            Weight::new(1_040, 14),
            success(told(Weight::new(1_040, 14), Pays::No)),
        ),
        (
            Ok(greedy),
            Weight::new(1_100, 14),
            success(told(Weight::new(1_100, 14), Pays::Yes)),
        ),
        (
            Err(failed),
            Weight::new(1_040, 14),
            Event::ExtrinsicFailed {
                dispatch_error: DispatchError::BadOrigin,
                dispatch_info: told(Weight::new(1_040, 14), Pays::No),
            },
        ),
    ];
    for (result, weight, event) in cases {
        test(|| {
            System::note_applied(&result, &info);
            assert_eq!(System::consumed_weight(), (weight, weight));
            assert_eq!(Runtime::events(), [event.into()]);
        });
    }
}

#[test]
fn an_account_lives_as_long_as_something_provides_for_it() {
    let set = |free: Option<u128>| {
        let mut account = OpenAccount::<Runtime>::open(&ALICE);
        account.info.data = match free {
            Some(free) => AccountData {
                free: Balance(free),
                flags: AccountData::PROVIDING,
                ..AccountData::default()
            },
            None => AccountData::default(),
        };
        account.store();
    };
    test(|| {
        set(Some(5));
        set(Some(0));
        assert_eq!(Account::<Runtime>::get(&ALICE).providers, 1);
        assert_eq!(Runtime::events(), [Event::NewAccount { account: ALICE }.into()]);
        set(None);
        assert!(!Account::<Runtime>::contains_key(&ALICE));
        assert_eq!(
            Runtime::events().last(),
            Some(&Event::KilledAccount { account: ALICE }.into())
        );
    });
    // A bound key keeps the nonce.
    test(|| {
        let key = quids_crypto::PublicKey::SphincsShake256f(Default::default());
        System::bind(&ALICE, &key);
        set(Some(5));
        let mut account = OpenAccount::<Runtime>::open(&ALICE);
        account.info.nonce = Nonce(3);
        account.store();
        set(None);
        let left = Account::<Runtime>::get(&ALICE);
        assert_eq!((left.nonce, left.providers, left.sufficients), (Nonce(3), 0, 1));
    });
}

#[test]
fn remarks_change_nothing_but_events() {
    test(|| {
        Runtime::call(Origin::Signed(ALICE), Call::remark { remark: vec![1; 100] }).unwrap();
        assert_eq!(Runtime::events(), []);
        Runtime::call(
            Origin::Signed(ALICE),
            Call::remark_with_event {
                remark: b"abc".to_vec(),
            },
        )
        .unwrap();
        let hash = quids_crypto::blake3_256(b"abc").into();
        assert_eq!(Runtime::events(), [Event::Remarked { sender: ALICE, hash }.into()]);
        assert_noop!(
            Runtime::call(Origin::None, Call::remark { remark: vec![] }),
            DispatchError::BadOrigin
        );
        assert_noop!(
            Runtime::call(Origin::Root, Call::remark_with_event { remark: vec![] }),
            DispatchError::BadOrigin
        );
    });
}

#[test]
fn a_code_update_is_seen_once_by_the_next_block() {
    test(|| {
        assert!(!System::take_code_updated());
        assert!(!System::code_update_pending());
        System::update_code(b"code");
        assert!(System::code_update_pending());
        assert_eq!(
            quids_io::storage::get(well_known_keys::CODE).as_deref(),
            Some(&b"code"[..])
        );
        assert_eq!(Runtime::events(), [Event::CodeUpdated.into()]);
        assert_eq!(
            System::finalize(Hash::zero()).digest.logs,
            [DigestItem::RuntimeEnvironmentUpdated]
        );
        System::initialize(Height(2), hash(1), &Digest::default());
        assert!(System::take_code_updated());
        assert!(!System::take_code_updated());
        // Not before the migrations have run, which may ask what ran last.
        LastRuntimeUpgrade::<Runtime>::kill();
        assert!(!System::take_code_updated());
        assert_eq!(LastRuntimeUpgrade::<Runtime>::get(), None);
        System::note_upgraded();
        assert_eq!(LastRuntimeUpgrade::<Runtime>::get().unwrap().spec_version, 7);
    });
}

#[test]
fn genesis_states_the_version() {
    MemoryExternalities::default().execute_with(|| {
        BuildGenesis::<Runtime>::build(&pallet_system::GenesisConfig::default());
        let version = LastRuntimeUpgrade::<Runtime>::get().unwrap();
        assert_eq!((version.spec_name.as_str(), version.spec_version), ("test", 7));
    });
}

#[test]
fn clients_find_what_they_know_by_name() {
    let metadata = <System as PalletParts>::metadata();
    let storage: Vec<_> = metadata.storage.iter().map(|entry| entry.name).collect();
    for name in [
        "Account",
        "Keys",
        "BlockHash",
        "Number",
        "ParentHash",
        "Digest",
        "Events",
        "LastRuntimeUpgrade",
    ] {
        assert!(storage.contains(&name), "{name}");
    }
    let constants: Vec<_> = metadata.constants.iter().map(|constant| constant.name).collect();
    assert_eq!(constants, ["BlockLimits", "BlockHashCount", "Version"]);
    assert_eq!(Events::<Runtime>::key(), quids_support::events::EVENTS_KEY);
}
