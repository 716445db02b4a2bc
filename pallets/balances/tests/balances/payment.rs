//! Fees: what is taken, given back, told and paid out; priorities; queries.

use crate::mock::*;
use codec::{Compact, Encode};
use pallet_balances::{ChargeTransactionPayment, Event, FeePot};
use quids_api::{
    DispatchClass, FeeDetails, InclusionFee, InvalidTransaction, TransactionValidityError, ValidTransaction,
};
use quids_core::{Balance, Weight};
use quids_support::{
    dispatch::{DispatchInfo, Pays, PostDispatchInfo},
    extension::{Transaction, TransactionExtension},
    traits::Currency,
};
use quids_testing::TestRuntime;

type Charge = ChargeTransactionPayment<Runtime>;

const LENGTH: u32 = 50;
/// 10 µs and 20 bytes of proof: 100 + 2·50 + 3·10 + 5·20.
const INFO: DispatchInfo = DispatchInfo {
    weight: Weight::new(10_000_000, 20),
    class: DispatchClass::Normal,
    pays_fee: Pays::Yes,
};
const FEE: u128 = 330;

fn free() -> DispatchInfo {
    DispatchInfo {
        pays_fee: Pays::No,
        ..INFO
    }
}

fn post(actual: Option<Weight>, pays_fee: Pays) -> PostDispatchInfo {
    PostDispatchInfo {
        actual_weight: actual,
        pays_fee,
    }
}

#[test]
fn the_encoding_is_that_of_frame() {
    assert_eq!(Charge::new(Balance(1 << 70)).encode(), Compact(1u128 << 70).encode());
}

#[test]
fn fee_and_tip_are_taken_and_what_was_not_used_given_back() {
    let half = Some(Weight::new(5_000_000, 10));
    let more = Some(Weight::new(50_000_000, 10_000));
    let cases = [
        (INFO, 0, post(None, Pays::Yes), FEE),
        (INFO, 7, post(None, Pays::Yes), FEE),
        (INFO, 7, post(half, Pays::Yes), FEE - 65),
        (INFO, 7, post(more, Pays::Yes), FEE),
        (INFO, 7, post(None, Pays::No), 0),
        (free(), 7, post(None, Pays::Yes), 0),
        (free(), 0, post(None, Pays::Yes), 0),
    ];
    for (info, tip, post, fee) in cases {
        test(0, &[(ALICE, 1_000)], || {
            let transaction = Transaction {
                who: &ALICE,
                info: &info,
                length: LENGTH,
            };
            let pre = Charge::new(Balance(tip)).pre_dispatch(&transaction).unwrap();
            let taken = if info.pays_fee == Pays::Yes { FEE } else { 0 } + tip;
            assert_eq!(balance(ALICE), Some((1_000 - taken, 0)));
            Charge::post_dispatch(pre, &transaction, &post).unwrap();
            assert_eq!(balance(ALICE), Some((1_000 - fee - tip, 0)));
            assert_eq!(FeePot::<Runtime>::get(), fee + tip);
            let paid = Event::TransactionFeePaid {
                who: ALICE,
                actual_fee: Balance(fee),
                tip: Balance(tip),
            };
            let told = Runtime::take_events();
            assert_eq!(told.last(), (taken > 0).then(|| paid.into()).as_ref());
        });
    }
}

#[test]
fn who_cannot_pay_is_refused() {
    // Existential deposit, balance, tip, reserved.
    let cases = [
        (0, FEE, 0, 0, true),
        (0, FEE - 1, 0, 0, false),
        (0, FEE, 1, 0, false),
        (0, FEE, u128::MAX, 0, false),
        (0, FEE + 10, 0, 11, false),
        (10, FEE + 10, 0, 0, true),
        (10, FEE + 9, 0, 0, false),
    ];
    for (deposit, balance, tip, reserved, pays) in cases {
        // Between `pre_dispatch` and `post_dispatch` the fee is nobody's.
        first_block(deposit, &[(ALICE, balance)]).execute_unchecked(|| {
            <Balances as Currency>::reserve(&ALICE, Balance(reserved)).unwrap();
            let transaction = Transaction {
                who: &ALICE,
                info: &INFO,
                length: LENGTH,
            };
            let before = quids_io::storage::root();
            let mut valid = empty();
            let refused = Err(TransactionValidityError::Invalid(InvalidTransaction::Payment));
            let validated = Charge::new(Balance(tip)).validate(&transaction, &mut valid);
            assert_eq!(validated, if pays { Ok(()) } else { refused });
            assert_eq!(quids_io::storage::root(), before, "validation changed the state");
            assert_eq!(Charge::new(Balance(tip)).pre_dispatch(&transaction).is_ok(), pays);
            assert!(
                pays || quids_io::storage::root() == before,
                "a refusal changed the state"
            );
        });
    }
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

#[test]
fn a_refund_to_an_account_that_is_gone_goes_to_the_pot() {
    test(100, &[(ALICE, 1_000)], || {
        let transaction = Transaction {
            who: &ALICE,
            info: &INFO,
            length: LENGTH,
        };
        let pre = Charge::new(Balance(0)).pre_dispatch(&transaction).unwrap();
        let all = pallet_balances::Call::transfer_all {
            dest: BOB,
            keep_alive: false,
        };
        Runtime::call(quids_support::origin::Origin::Signed(ALICE), all).unwrap();
        Charge::post_dispatch(pre, &transaction, &post(Some(Weight::new(5_000_000, 10)), Pays::Yes)).unwrap();
        assert_eq!(balance(ALICE), None);
        assert_eq!(FeePot::<Runtime>::get(), FEE);
    });
}

#[test]
fn the_pool_takes_first_what_pays_most_for_its_room() {
    let priority = |tip: u128, weight, length, class| {
        let info = DispatchInfo {
            weight,
            class,
            pays_fee: Pays::Yes,
        };
        Charge::priority(
            Balance(tip),
            &Transaction {
                who: &ALICE,
                info: &info,
                length,
            },
        )
    };
    let small = Weight::new(10_000_000, 20);
    let large = Weight::new(10_000_000_000, 20);
    let gwei = 1_000_000_000;
    use DispatchClass::{Normal, Operational};
    let ascending = [
        priority(0, large, 100, Normal),
        priority(1_000 * gwei, small, 100_000, Normal),
        priority(0, small, 100, Normal),
        priority(gwei, small, 100, Normal),
        priority(1_000 * gwei, large, 100, Normal),
        priority(1_000 * gwei, small, 100, Normal),
        priority(u128::MAX, small, 100, Normal),
    ];
    assert_eq!(priority(0, large, 100, Operational), priority(0, large, 100, Normal));
    assert!(ascending.is_sorted_by(|a, b| a < b), "{ascending:?}");
}

#[test]
fn queries_name_the_parts_of_a_fee() {
    test(0, &[], || {
        let info = Balances::query_info(LENGTH, &INFO);
        assert_eq!(
            (info.weight, info.class, info.partial_fee),
            (INFO.weight, INFO.class, Balance(FEE))
        );
        let parts = InclusionFee {
            base_fee: Balance(100),
            len_fee: Balance(100),
            adjusted_weight_fee: Balance(130),
        };
        assert_eq!(
            Balances::query_fee_details(LENGTH, &INFO),
            FeeDetails {
                inclusion_fee: Some(parts)
            }
        );
        assert_eq!(
            Balances::query_fee_details(LENGTH, &free()),
            FeeDetails { inclusion_fee: None }
        );
        assert_eq!(Balances::query_info(LENGTH, &free()).partial_fee, Balance::ZERO);
        assert_eq!(Balances::weight_to_fee(INFO.weight), Balance(130));
        assert_eq!(Balances::length_to_fee(LENGTH), Balance(100));
    });
}
