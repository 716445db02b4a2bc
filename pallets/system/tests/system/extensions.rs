//! What transactions carry besides their call: encoding, what is signed, nonces, lifetimes.

use crate::mock::*;
use codec::{Compact, Decode, Encode};
use pallet_system::{
    Account,
    extensions::{
        CheckGenesis, CheckMortality, CheckNonce, CheckSpecVersion, CheckTxVersion, NONCE_AHEAD_MAX, nonce_tag,
    },
};
use quids_api::{InvalidTransaction, TransactionValidityError, ValidTransaction};
use quids_core::{Digest, Hash, Height, Nonce, Weight};
use quids_support::{
    dispatch::DispatchInfo,
    extension::{Extensions, Transaction, TransactionExtension},
    extrinsic::Era,
    system::SystemPort,
};
use scale_info::TypeInfo;

type All = (
    CheckSpecVersion<Runtime>,
    CheckTxVersion<Runtime>,
    CheckGenesis<Runtime>,
    CheckMortality<Runtime>,
    CheckNonce<Runtime>,
);

fn all(era: Era, nonce: u64) -> All {
    (
        CheckSpecVersion::new(),
        CheckTxVersion::new(),
        CheckGenesis::new(),
        CheckMortality::new(era),
        CheckNonce::new(Nonce(nonce)),
    )
}

fn with_transaction<R>(f: impl FnOnce(&Transaction<'_>) -> R) -> R {
    let info = DispatchInfo::from(Weight::new(1, 1));
    f(&Transaction {
        who: &ALICE,
        info: &info,
        length: 100,
    })
}

fn empty() -> ValidTransaction {
    ValidTransaction {
        priority: 0,
        requires: vec![],
        provides: vec![],
        longevity: u64::MAX,
        propagate: true,
    }
}

fn invalid(reason: InvalidTransaction) -> TransactionValidityError {
    TransactionValidityError::Invalid(reason)
}

#[test]
fn the_encoding_is_that_of_frame() {
    let mortal = Era::mortal(64, 42);
    for (era, nonce) in [(Era::Immortal, 0), (mortal, 5), (mortal, 1 << 40)] {
        let encoded = all(era, nonce).encode();
        assert_eq!(encoded, (era, Compact(nonce)).encode());
        assert_eq!(All::decode(&mut encoded.as_slice()).unwrap(), all(era, nonce));
    }
    let names: Vec<_> = All::metadata()
        .into_iter()
        .map(|extension| extension.identifier)
        .collect();
    // Clients encode extensions they do not know by their types: checkers as nothing, the nonce as a compact number.
    let fields = |ty: scale_info::Type| match ty.type_def {
        scale_info::TypeDef::Composite(composite) => composite.fields.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(fields(CheckSpecVersion::<Runtime>::type_info()), 0);
    assert_eq!(fields(CheckGenesis::<Runtime>::type_info()), 0);
    assert_eq!(fields(CheckMortality::<Runtime>::type_info()), 1);
    assert_eq!(fields(CheckNonce::<Runtime>::type_info()), 1);
    assert_eq!(
        names,
        [
            "CheckSpecVersion",
            "CheckTxVersion",
            "CheckGenesis",
            "CheckMortality",
            "CheckNonce"
        ]
    );
}

#[test]
fn version_chain_and_era_are_signed() {
    test(|| {
        for height in 2..=5 {
            System::initialize(Height(height), Hash::repeat_byte(height as u8 - 1), &Digest::default());
        }
        let implicit = |era| {
            let mut out = Vec::new();
            all(era, 0).append_implicit(&mut out).map(|()| out)
        };
        assert_eq!(implicit(Era::Immortal), Ok((7u32, 3u32, GENESIS, GENESIS).encode()));
        assert_eq!(
            implicit(Era::mortal(4, 4)),
            Ok((7u32, 3u32, GENESIS, Hash::repeat_byte(4)).encode())
        );
    });
}

#[test]
fn a_mortal_transaction_lives_for_its_era() {
    // Signed at height 10 for 4 blocks: included at 11, 12, 13.
    let era = Era::mortal(4, 10);
    for (height, lives) in [(11, true), (12, true), (13, true), (14, false), (15, false)] {
        test(|| {
            for height in 2..=height {
                System::initialize(Height(height), Hash::repeat_byte(height as u8 - 1), &Digest::default());
            }
            let extension = CheckMortality::<Runtime>::new(era);
            // After the era the hash is another one, so the signature does not verify, or it is not known yet.
            let signed = extension.implicit() == Ok(Hash::repeat_byte(10));
            assert_eq!(signed, lives, "at {height}");
            if lives {
                let mut valid = empty();
                with_transaction(|t| extension.validate(t, &mut valid)).unwrap();
                assert_eq!(valid.longevity, u64::from(14 - height));
            }
        });
    }
}

#[test]
fn an_era_longer_than_hashes_are_kept_is_refused() {
    test(|| {
        for height in 2..=30 {
            System::initialize(Height(height), Hash::repeat_byte(height as u8 - 1), &Digest::default());
        }
        let implicit = |era| CheckMortality::<Runtime>::new(era).implicit();
        assert_eq!(
            implicit(Era::mortal(64, 10)),
            Err(invalid(InvalidTransaction::AncientBirthBlock))
        );
        // Begins in the future.
        assert_eq!(
            implicit(Era::mortal(64, 40)),
            Err(invalid(InvalidTransaction::AncientBirthBlock))
        );
        assert!(implicit(Era::mortal(64, 25)).is_ok());
        assert!(implicit(Era::Immortal).is_ok());
    });
}

#[test]
fn nonces_are_used_in_order_and_once() {
    test(|| {
        let apply = |nonce| with_transaction(|t| CheckNonce::<Runtime>::new(Nonce(nonce)).pre_dispatch(t));
        assert_eq!(apply(1), Err(invalid(InvalidTransaction::Future)));
        assert_eq!(apply(0), Ok(()));
        assert_eq!(apply(0), Err(invalid(InvalidTransaction::Stale)));
        assert_eq!(apply(1), Ok(()));
        assert_eq!(Account::<Runtime>::get(&ALICE).nonce, Nonce(2));
        let mut account = pallet_system::OpenAccount::<Runtime>::open(&ALICE);
        account.info.nonce = Nonce::MAX;
        account.store();
        assert_eq!(apply(u64::MAX), Err(invalid(InvalidTransaction::Stale)));
    });
}

#[test]
fn the_pool_orders_by_nonce() {
    test(|| {
        let mut account = pallet_system::OpenAccount::<Runtime>::open(&ALICE);
        account.info.nonce = Nonce(5);
        account.store();
        let tag = |nonce| nonce_tag(&ALICE, Nonce(nonce));
        let far = 5 + NONCE_AHEAD_MAX;
        let cases = [
            (4, Err(InvalidTransaction::Stale)),
            (5, Ok(vec![])),
            (6, Ok(vec![tag(5)])),
            (far, Ok(vec![tag(far - 1)])),
            (far + 1, Err(InvalidTransaction::Future)),
        ];
        let before = quids_io::storage::root();
        for (nonce, expected) in cases {
            let mut valid = empty();
            let result = with_transaction(|t| CheckNonce::<Runtime>::new(Nonce(nonce)).validate(t, &mut valid));
            match expected {
                Ok(requires) => {
                    assert_eq!(result, Ok(()), "{nonce}");
                    assert_eq!(
                        (valid.requires, valid.provides),
                        (requires, vec![tag(nonce)]),
                        "{nonce}"
                    );
                }
                Err(reason) => assert_eq!(result, Err(invalid(reason)), "{nonce}"),
            }
        }
        assert_eq!(quids_io::storage::root(), before, "validation changed the state");
    });
}
