//! Whatever is called, nothing is made or lost.

use crate::mock::*;
use pallet_balances::{Call, ChargeTransactionPayment};
use proptest::prelude::*;
use quids_core::{AccountId20, Balance, Weight};
use quids_support::{
    dispatch::{DispatchInfo, Pays, PostDispatchInfo},
    extension::{Transaction, TransactionExtension},
    hooks::Hooks,
    origin::Origin,
};
use quids_testing::{
    TestRuntime,
    property::{accounts, amounts, check_histories},
};

#[derive(Clone, Debug)]
enum Action {
    Call(Origin, Call<Runtime>),
    /// A transaction with this tip that uses this share of its weight, in percent.
    Pay(AccountId20, u128, u64, Pays),
    EndBlock(Option<AccountId20>),
}

/// Those of the mock.
fn account() -> impl Strategy<Value = AccountId20> {
    accounts(4)
}

fn amount() -> impl Strategy<Value = Balance> {
    amounts(1_000)
}

fn any_call() -> impl Strategy<Value = Call<Runtime>> {
    prop_oneof![
        (account(), amount()).prop_map(|(dest, value)| Call::transfer_allow_death { dest, value }),
        (account(), amount()).prop_map(|(dest, value)| Call::transfer_keep_alive { dest, value }),
        (account(), any::<bool>()).prop_map(|(dest, keep_alive)| Call::transfer_all { dest, keep_alive }),
        (amount(), any::<bool>()).prop_map(|(value, keep_alive)| Call::burn { value, keep_alive }),
        amount().prop_map(|value| Call::reserve { value }),
        amount().prop_map(|value| Call::unreserve { value }),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let set = (account(), amount()).prop_map(|(who, new_free)| Call::force_set_balance { who, new_free });
    let pays = prop_oneof![Just(Pays::Yes), Just(Pays::No)];
    prop_oneof![
        6 => (account(), any_call()).prop_map(|(who, call)| Action::Call(Origin::Signed(who), call)),
        1 => set.prop_map(|call| Action::Call(Origin::Root, call)),
        2 => (account(), 0..50u128, 0..150u64, pays).prop_map(|(who, tip, used, pays)| Action::Pay(who, tip, used, pays)),
        1 => proptest::option::of(account()).prop_map(Action::EndBlock),
    ]
}

fn apply(action: &Action) {
    match action.clone() {
        Action::Call(origin, call) => drop(Runtime::call(origin, call)),
        Action::Pay(who, tip, used, pays_fee) => {
            let info = DispatchInfo::from(Weight::new(100_000_000, 10));
            let transaction = Transaction {
                who: &who,
                info: &info,
                length: 10,
            };
            let charge = ChargeTransactionPayment::<Runtime>::new(Balance(tip));
            if let Ok(pre) = charge.pre_dispatch(&transaction) {
                let actual_weight = Some(Weight::new(used * 1_000_000, 5));
                let post = PostDispatchInfo {
                    actual_weight,
                    pays_fee,
                };
                ChargeTransactionPayment::<Runtime>::post_dispatch(pre, &transaction, &post).unwrap();
            }
        }
        Action::EndBlock(author) => {
            let height = Runtime::height();
            Balances::on_finalize(height);
            start(height.0 + 1, author);
        }
    }
}

#[test]
fn balances_and_pot_are_the_issuance() {
    let deposits = prop_oneof![Just(0u128), Just(10), Just(500)];
    check_histories(
        300,
        60,
        deposits,
        action(),
        |deposit| first_block(*deposit, &[(ALICE, 100_000), (BOB, 1_000)]),
        apply,
    );
}
