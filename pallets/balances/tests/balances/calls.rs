//! Every call: what it does, how it fails, and that a failure changes nothing.

use crate::mock::*;
use pallet_balances::{Call, Error, Event, FeePot, GenesisConfig, OwnReserves, TotalIssuance};
use pallet_system::{Account, Event as SystemEvent};
use quids_core::{AccountId20, ArithmeticError, Balance, DispatchError, Height};
use quids_support::{composition::PalletParts, hooks::Hooks, origin::Origin, traits::Currency};
use quids_testing::{TestExternalities, TestRuntime};

type Expected = Result<&'static [(AccountId20, Option<(u128, u128)>)], DispatchError>;

/// With this existential deposit, accounts with these balances: the call as Alice has this result.
#[track_caller]
fn check(deposit: u128, balances: &[(AccountId20, u128)], c: Call<Runtime>, expected: Expected) {
    check_as(Origin::Signed(ALICE), deposit, balances, c, expected);
}

#[track_caller]
fn check_as(origin: Origin, deposit: u128, balances: &[(AccountId20, u128)], c: Call<Runtime>, expected: Expected) {
    test(deposit, balances, || {
        let before = quids_io::storage::root();
        let result = Runtime::call(origin, c.clone());
        match expected {
            Ok(after) => {
                assert_eq!(result, Ok(()), "{c:?}");
                for (who, expected) in after {
                    assert_eq!(balance(*who), *expected, "{who} after {c:?}");
                }
            }
            Err(error) => {
                assert_eq!(result, Err(error), "{c:?}");
                assert_eq!(quids_io::storage::root(), before, "{c:?} failed and changed the state");
            }
        }
    });
}

fn e(error: Error<Runtime>) -> DispatchError {
    error.into()
}

fn allow_death(dest: AccountId20, value: u128) -> Call<Runtime> {
    Call::transfer_allow_death {
        dest,
        value: Balance(value),
    }
}

fn keep_alive(dest: AccountId20, value: u128) -> Call<Runtime> {
    Call::transfer_keep_alive {
        dest,
        value: Balance(value),
    }
}

const MAX: u128 = u128::MAX;

#[test]
fn transfers_without_an_existential_deposit() {
    let alice = [(ALICE, 100)];
    for transfer in [allow_death, keep_alive] {
        check(
            0,
            &alice,
            transfer(BOB, 40),
            Ok(&[(ALICE, Some((60, 0))), (BOB, Some((40, 0)))]),
        );
        check(
            0,
            &alice,
            transfer(BOB, 100),
            Ok(&[(ALICE, Some((0, 0))), (BOB, Some((100, 0)))]),
        );
        check(0, &alice, transfer(BOB, 0), Ok(&[(ALICE, Some((100, 0))), (BOB, None)]));
        check(0, &alice, transfer(ALICE, 100), Ok(&[(ALICE, Some((100, 0)))]));
        check(0, &alice, transfer(ALICE, 101), Err(e(Error::InsufficientBalance)));
        check(0, &alice, transfer(BOB, 101), Err(e(Error::InsufficientBalance)));
        check(0, &alice, transfer(BOB, MAX), Err(e(Error::InsufficientBalance)));
        check(0, &[], transfer(BOB, 1), Err(e(Error::InsufficientBalance)));
        for origin in [Origin::None, Origin::Root] {
            check_as(origin, 0, &alice, transfer(BOB, 1), Err(DispatchError::BadOrigin));
        }
    }
}

#[test]
fn transfers_with_an_existential_deposit() {
    let alice = [(ALICE, 100)];
    check(
        10,
        &alice,
        allow_death(BOB, 90),
        Ok(&[(ALICE, Some((10, 0))), (BOB, Some((90, 0)))]),
    );
    check(
        10,
        &alice,
        allow_death(BOB, 95),
        Ok(&[(ALICE, None), (BOB, Some((95, 0)))]),
    );
    check(
        10,
        &alice,
        allow_death(BOB, 100),
        Ok(&[(ALICE, None), (BOB, Some((100, 0)))]),
    );
    check(10, &alice, allow_death(BOB, 9), Err(e(Error::ExistentialDeposit)));
    check(
        10,
        &[(ALICE, 100), (BOB, 10)],
        allow_death(BOB, 1),
        Ok(&[(BOB, Some((11, 0)))]),
    );
    check(
        10,
        &alice,
        keep_alive(BOB, 90),
        Ok(&[(ALICE, Some((10, 0))), (BOB, Some((90, 0)))]),
    );
    check(10, &alice, keep_alive(BOB, 91), Err(e(Error::Expendability)));
}

#[test]
fn transfers_tell_what_happened() {
    test(10, &[(ALICE, 100)], || {
        Runtime::call(Origin::Signed(ALICE), allow_death(BOB, 95)).unwrap();
        let expected: [RuntimeEvent; 6] = [
            SystemEvent::KilledAccount { account: ALICE }.into(),
            Event::DustLost {
                account: ALICE,
                amount: Balance(5),
            }
            .into(),
            SystemEvent::NewAccount { account: BOB }.into(),
            Event::Endowed {
                account: BOB,
                free_balance: Balance(95),
            }
            .into(),
            Event::Transfer {
                from: ALICE,
                to: BOB,
                amount: Balance(95),
            }
            .into(),
            Event::Transfer {
                from: BOB,
                to: BOB,
                amount: Balance(95),
            }
            .into(),
        ];
        Runtime::call(Origin::Signed(BOB), allow_death(BOB, 95)).unwrap();
        assert_eq!(Runtime::take_events(), expected);
    });
}

#[test]
fn a_receiver_cannot_overflow() {
    // Nobody issued what Bob has.
    first_block(0, &[(ALICE, 100)]).execute_unchecked(|| {
        let mut bob = pallet_system::OpenAccount::<Runtime>::open(&BOB);
        bob.info.data.free = Balance(MAX - 50);
        bob.store();
        let before = quids_io::storage::root();
        assert_eq!(
            Runtime::call(Origin::Signed(ALICE), allow_death(BOB, 51)),
            Err(ArithmeticError::Overflow.into())
        );
        assert_eq!(quids_io::storage::root(), before);
    });
}

#[test]
fn transfer_all_leaves_what_must_stay() {
    let all = |keep_alive| Call::transfer_all { dest: BOB, keep_alive };
    let alice = [(ALICE, 100)];
    check(
        0,
        &alice,
        all(true),
        Ok(&[(ALICE, Some((0, 0))), (BOB, Some((100, 0)))]),
    );
    check(
        0,
        &alice,
        all(false),
        Ok(&[(ALICE, Some((0, 0))), (BOB, Some((100, 0)))]),
    );
    check(
        10,
        &alice,
        all(true),
        Ok(&[(ALICE, Some((10, 0))), (BOB, Some((90, 0)))]),
    );
    check(10, &alice, all(false), Ok(&[(ALICE, None), (BOB, Some((100, 0)))]));
    check(0, &[], all(false), Ok(&[(BOB, None)]));
    check_as(Origin::Root, 0, &alice, all(false), Err(DispatchError::BadOrigin));
    // A reserve keeps its account alive.
    test(10, &alice, || {
        <Balances as Currency>::reserve(&ALICE, Balance(5)).unwrap();
        Runtime::call(Origin::Signed(ALICE), all(false)).unwrap();
        assert_eq!((balance(ALICE), balance(BOB)), (Some((5, 5)), Some((90, 0))));
        assert_eq!(
            Runtime::call(Origin::Signed(ALICE), allow_death(BOB, 1)),
            Err(e(Error::Expendability))
        );
    });
}

#[test]
fn own_reserves_are_apart_from_those_of_pallets() {
    let reserve = |value| Call::<Runtime>::reserve { value: Balance(value) };
    let unreserve = |value| Call::<Runtime>::unreserve { value: Balance(value) };
    check(0, &[(ALICE, 100)], reserve(60), Ok(&[(ALICE, Some((40, 60)))]));
    check(0, &[(ALICE, 100)], reserve(0), Ok(&[(ALICE, Some((100, 0)))]));
    check(0, &[(ALICE, 100)], reserve(101), Err(e(Error::InsufficientBalance)));
    check(0, &[(ALICE, 100)], unreserve(1), Err(e(Error::InsufficientReserve)));
    check_as(Origin::None, 0, &[], reserve(1), Err(DispatchError::BadOrigin));
    check_as(Origin::None, 0, &[], unreserve(1), Err(DispatchError::BadOrigin));
    test(0, &[(ALICE, 100)], || {
        <Balances as Currency>::reserve(&ALICE, Balance(30)).unwrap();
        Runtime::call(Origin::Signed(ALICE), reserve(20)).unwrap();
        assert_eq!(
            Runtime::call(Origin::Signed(ALICE), unreserve(21)),
            Err(e(Error::InsufficientReserve))
        );
        Runtime::call(Origin::Signed(ALICE), unreserve(20)).unwrap();
        assert!(!OwnReserves::<Runtime>::contains_key(&ALICE));
        assert_eq!(balance(ALICE), Some((70, 30)));
        assert_eq!(<Balances as Currency>::unreserve(&ALICE, Balance(40)), Balance(10));
        assert_eq!(balance(ALICE), Some((100, 0)));
        let moved = |amount| {
            RuntimeEvent::from(Event::Unreserved {
                who: ALICE,
                amount: Balance(amount),
            })
        };
        let held = |amount| {
            RuntimeEvent::from(Event::Reserved {
                who: ALICE,
                amount: Balance(amount),
            })
        };
        assert_eq!(Runtime::take_events(), [held(30), held(20), moved(20), moved(30)]);
    });
}

#[test]
fn burning_shrinks_the_issuance() {
    let burn = |value, keep_alive| Call::<Runtime>::burn {
        value: Balance(value),
        keep_alive,
    };
    check(0, &[(ALICE, 100)], burn(100, true), Ok(&[(ALICE, Some((0, 0)))]));
    check(10, &[(ALICE, 100)], burn(95, false), Ok(&[(ALICE, None)]));
    check(10, &[(ALICE, 100)], burn(95, true), Err(e(Error::Expendability)));
    check(0, &[(ALICE, 100)], burn(101, false), Err(e(Error::InsufficientBalance)));
    check_as(Origin::Root, 0, &[], burn(1, false), Err(DispatchError::BadOrigin));
    test(0, &[(ALICE, 100)], || {
        Runtime::call(Origin::Signed(ALICE), burn(30, false)).unwrap();
        assert_eq!(Balances::total_issuance(), Balance(70));
        assert_eq!(
            Runtime::take_events(),
            [Event::Burned {
                who: ALICE,
                amount: Balance(30)
            }
            .into()]
        );
    });
}

#[test]
fn root_sets_balances() {
    let set = |who, free| Call::force_set_balance {
        who,
        new_free: Balance(free),
    };
    let alice = [(ALICE, 100)];
    check_as(Origin::Root, 0, &alice, set(ALICE, 150), Ok(&[(ALICE, Some((150, 0)))]));
    check_as(Origin::Root, 0, &alice, set(ALICE, 0), Ok(&[(ALICE, Some((0, 0)))]));
    check_as(
        Origin::Root,
        0,
        &alice,
        set(BOB, MAX - 100),
        Ok(&[(BOB, Some((MAX - 100, 0)))]),
    );
    check_as(
        Origin::Root,
        0,
        &alice,
        set(BOB, MAX),
        Err(ArithmeticError::Overflow.into()),
    );
    check_as(Origin::Root, 10, &alice, set(ALICE, 9), Ok(&[(ALICE, None)]));
    check_as(Origin::Root, 10, &alice, set(BOB, 9), Ok(&[(BOB, None)]));
    check_as(
        Origin::Signed(ALICE),
        0,
        &alice,
        set(ALICE, 150),
        Err(DispatchError::BadOrigin),
    );
    test(0, &alice, || {
        Runtime::call(Origin::Root, set(ALICE, 150)).unwrap();
        Runtime::call(Origin::Root, set(ALICE, 20)).unwrap();
        assert_eq!(Balances::total_issuance(), Balance(20));
        let expected: [RuntimeEvent; 4] = [
            Event::Issued { amount: Balance(50) }.into(),
            Event::BalanceSet {
                who: ALICE,
                free: Balance(150),
            }
            .into(),
            Event::Burned {
                who: ALICE,
                amount: Balance(130),
            }
            .into(),
            Event::BalanceSet {
                who: ALICE,
                free: Balance(20),
            }
            .into(),
        ];
        assert_eq!(Runtime::take_events(), expected);
    });
}

#[test]
fn frozen_funds_stay() {
    test(0, &[(ALICE, 100)], || {
        let mut alice = pallet_system::OpenAccount::<Runtime>::open(&ALICE);
        alice.info.data.frozen = Balance(70);
        alice.store();
        assert_eq!(Balances::transferable(&ALICE, false), Balance(30));
        assert_eq!(
            Runtime::call(Origin::Signed(ALICE), allow_death(BOB, 31)),
            Err(e(Error::LiquidityRestrictions))
        );
        assert_eq!(Runtime::call(Origin::Signed(ALICE), allow_death(BOB, 30)), Ok(()));
        // What is reserved counts as frozen.
        <Balances as Currency>::reserve(&ALICE, Balance(20)).unwrap();
        assert_eq!(Balances::transferable(&ALICE, false), Balance::ZERO);
    });
}

#[test]
fn a_block_pays_its_author_or_burns() {
    for (deposit, author, pot, paid) in [
        (0, Some(AUTHOR), 30, true),
        (0, Some(AUTHOR), 0, false),
        (0, None, 30, false),
        (50, Some(AUTHOR), 30, false),
        (50, Some(ALICE), 30, true),
    ] {
        test(deposit, &[(ALICE, 100)], || {
            start(2, author);
            pallet_balances::TotalIssued::<Runtime>::add(pot);
            FeePot::<Runtime>::add(pot);
            let before = author.map_or(0, |who| Balances::free_balance(&who).0);
            Balances::on_finalize(Height(2));
            let after = author.map_or(0, |who| Balances::free_balance(&who).0);
            assert_eq!(after - before, if paid { pot } else { 0 });
            let issuance = if paid { 100 + pot } else { 100 };
            assert_eq!(TotalIssuance::<Runtime>::get(), Balance(issuance));
            assert_eq!(FeePot::<Runtime>::get(), 0);
        });
    }
}

#[test]
fn genesis_reads_amounts_as_strings_or_numbers() {
    let json = format!(r#"{{"balances": [["{ALICE}", "1000000000000000000000000"], ["{BOB}", 5]]}}"#);
    let config: GenesisConfig = serde_json::from_str(&json).unwrap();
    TestExternalities::<Runtime>::genesis(|genesis| genesis.balances = config).execute_with(|| {
        assert_eq!(balance(ALICE), Some((10u128.pow(24), 0)));
        assert_eq!(Account::<Runtime>::get(&BOB).providers, 1);
        assert_eq!(TotalIssuance::<Runtime>::get(), Balance(10u128.pow(24) + 5));
        assert_eq!(Runtime::take_events(), []);
    });
    assert!(serde_json::from_str::<GenesisConfig>(r#"{"balance": []}"#).is_err());
}

#[test]
fn a_wrong_genesis_is_refused_with_the_reason() {
    for (deposit, balances, reason) in [
        (0, vec![(ALICE, 1), (ALICE, 2)], "twice"),
        (10, vec![(ALICE, 9)], "genesis balance 9 of"),
        (0, vec![(ALICE, MAX), (BOB, 1)], "genesis balance 1 of"),
    ] {
        let panic = std::panic::catch_unwind(|| test(deposit, &balances, || ())).unwrap_err();
        assert!(panic.downcast_ref::<String>().unwrap().contains(reason));
    }
}

#[test]
fn clients_find_what_they_know_by_name() {
    let metadata = <Balances as PalletParts>::metadata();
    assert!(metadata.storage.iter().any(|entry| entry.name == "TotalIssuance"));
    let constants: Vec<_> = metadata.constants.iter().map(|constant| constant.name).collect();
    assert_eq!(constants, ["ExistentialDeposit", "Fees"]);
}

#[test]
fn every_call_has_a_benchmark() {
    for deposit in [0, 10] {
        quids_testing::check_benchmarks::<Runtime, Balances>(|| first_block(deposit, &[(BOB, 100)]));
    }
}
