//! What observers of accounts are told, what that weighs, and that it is undone with a call.

use crate::mock::{ALICE, BOB, Fees, Limits};
use pallet_balances::{Call, ChargeTransactionPayment, weights};
use quids_core::{AccountId20, Balance, DispatchError, Height, Weight};
use quids_support::{
    constant, construct_runtime,
    dispatch::{DispatchInfo, GetDispatchInfo, PostDispatchInfo},
    extension::{Transaction, TransactionExtension},
    hooks::Hooks,
    origin::Origin,
    traits::AccountObserver,
};
use quids_testing::{
    RecentHashes, TestExternalities, TestRuntime, Version, account, assert_noop, assert_ok, test_runtime,
};

/// Counts what it is told, and makes calls fail.
#[quids_support::pallet(name = "Watch")]
pub mod watch {
    use quids_support::{prelude::*, traits::AccountObserver};

    #[pallet::config]
    pub trait Config: pallet_system::Config {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    /// How often accounts came to be, by account.
    #[pallet::storage]
    pub type Came<T> = StorageMap<_, Blake2_128Concat, AccountId20, u32, ValueQuery>;

    /// How often they went.
    #[pallet::storage]
    pub type Went<T> = StorageMap<_, Blake2_128Concat, AccountId20, u32, ValueQuery>;

    /// What was transferred.
    #[pallet::storage]
    pub type Moved<T> = StorageValue<_, u128, ValueQuery>;

    impl<T: Config> AccountObserver for Pallet<T> {
        const WEIGHT: Weight = super::TOLD;

        fn on_new_account(who: &AccountId20) {
            assert!(pallet_system::Account::<T>::contains_key(who), "it is there already");
            Came::<T>::mutate(who, |count| *count += 1);
        }

        fn on_killed_account(who: &AccountId20) {
            assert!(!pallet_system::Account::<T>::contains_key(who), "it is gone already");
            Went::<T>::mutate(who, |count| *count += 1);
        }

        fn on_transfer(_from: &AccountId20, _to: &AccountId20, amount: Balance) {
            Moved::<T>::add(amount.0);
        }
    }
}

/// What the observer says it takes.
const TOLD: Weight = Weight::new(1_000_000, 100);

/// Is told of nothing that it wants, and takes as much again.
pub struct Idle;

impl AccountObserver for Idle {
    const WEIGHT: Weight = TOLD;
}

construct_runtime! {
    /// A test runtime.
    pub struct Runtime {
        System: pallet_system = 0,
        Balances: pallet_balances = 1,
        Watch: watch = 2,
    }
}

test_runtime!(Runtime);

constant!(pub ExistentialDeposit: Balance = Balance(10));

impl pallet_system::Config for Runtime {
    type BlockLimits = Limits;
    type BlockHashCount = RecentHashes;
    type Version = Version;
    type Observers = (Watch, Idle);
}

impl pallet_balances::Config for Runtime {
    type ExistentialDeposit = ExistentialDeposit;
    type Fees = Fees;
}

impl watch::Config for Runtime {}

/// After a genesis in which `ALICE` has 1000.
fn state() -> TestExternalities<Runtime> {
    TestExternalities::genesis(|genesis: &mut RuntimeGenesisConfig| {
        genesis.balances.balances = vec![(ALICE, Balance(1_000))];
    })
}

/// How often the account came to be and went.
fn told(who: AccountId20) -> (u32, u32) {
    (watch::Came::<Runtime>::get(&who), watch::Went::<Runtime>::get(&who))
}

fn moved() -> u128 {
    watch::Moved::<Runtime>::get()
}

fn send(from: AccountId20, dest: AccountId20, value: u128) -> quids_support::dispatch::DispatchResult {
    let value = Balance(value);
    Runtime::call(Origin::Signed(from), Call::transfer_allow_death { dest, value })
}

#[test]
fn accounts_and_transfers_are_told() {
    state().execute_with(|| {
        assert_eq!((told(ALICE), told(BOB), moved()), ((1, 0), (0, 0), 0), "genesis");
        assert_ok!(send(ALICE, BOB, 100));
        assert_eq!((told(ALICE), told(BOB), moved()), ((1, 0), (1, 0), 100));
        // It is there; what is left is dust; and it is there again.
        assert_ok!(send(ALICE, BOB, 100));
        assert_ok!(send(BOB, ALICE, 195));
        assert_eq!((told(BOB), moved()), ((1, 1), 395));
        assert_ok!(Runtime::call(
            Origin::Root,
            Call::force_set_balance {
                who: BOB,
                new_free: Balance(20)
            }
        ));
        assert_ok!(Runtime::call(
            Origin::Signed(BOB),
            Call::burn {
                value: Balance(20),
                keep_alive: false
            }
        ));
        assert_eq!((told(BOB), told(ALICE), moved()), ((2, 2), (1, 0), 395));
        // Nothing, and to itself.
        assert_ok!(send(ALICE, account(9), 0));
        assert_ok!(send(ALICE, ALICE, 7));
        assert_eq!((told(account(9)), moved()), ((0, 0), 402));
    });
}

#[test]
fn an_account_that_is_paid_back_is_new() {
    state().execute_with(|| {
        let info = DispatchInfo::from(Weight::new(100_000_000, 0));
        let transaction = Transaction {
            who: &ALICE,
            info: &info,
            length: 10,
        };
        let charge = ChargeTransactionPayment::<Runtime>::new(Balance(0));
        let paid = assert_ok!(charge.pre_dispatch(&transaction));
        assert_ok!(Runtime::call(
            Origin::Signed(ALICE),
            Call::transfer_all {
                dest: BOB,
                keep_alive: false
            }
        ));
        assert_eq!(told(ALICE), (1, 1));
        let post = PostDispatchInfo::from(Some(Weight::ZERO));
        assert_ok!(ChargeTransactionPayment::<Runtime>::post_dispatch(
            paid,
            &transaction,
            &post
        ));
        assert_eq!((told(ALICE), told(BOB)), ((2, 1), (1, 0)));
    });
}

#[test]
fn what_is_written_goes_with_a_call_that_fails() {
    state().execute_with(|| {
        // The receiver would be new, but gets too little; and all of it within a transaction that is undone.
        assert_noop!(
            send(ALICE, BOB, 9),
            pallet_balances::Error::<Runtime>::ExistentialDeposit
        );
        let undone: Result<(), DispatchError> = quids_io::storage::with_transaction(|| {
            assert_ok!(send(ALICE, BOB, 995));
            assert_eq!((told(ALICE), told(BOB), moved()), ((1, 1), (1, 0), 995));
            Err(DispatchError::Other("undone"))
        });
        assert!(undone.is_err());
        assert_eq!((told(ALICE), told(BOB), moved()), ((1, 0), (0, 0), 0));
    });
}

#[test]
fn calls_weigh_what_they_may_tell() {
    let (dest, value) = (BOB, Balance(1));
    for (call, measured, times) in [
        (
            Call::transfer_allow_death { dest, value },
            weights::transfer_allow_death(),
            4,
        ),
        (
            Call::transfer_keep_alive { dest, value },
            weights::transfer_keep_alive(),
            4,
        ),
        (
            Call::transfer_all { dest, keep_alive: true },
            weights::transfer_all(),
            4,
        ),
        (
            Call::force_set_balance {
                who: BOB,
                new_free: value,
            },
            weights::force_set_balance(),
            1,
        ),
        (
            Call::burn {
                value,
                keep_alive: true,
            },
            weights::burn(),
            2,
        ),
        (Call::reserve { value }, weights::reserve(), 0),
    ] {
        let declared = RuntimeCall::from(call).dispatch_info().weight;
        // Two observers.
        assert_eq!(declared, measured.saturating_add(TOLD.saturating_mul(2 * times)));
    }
    state().execute_with(|| {
        let unobserved = crate::mock::Balances::on_initialize(Height(1));
        let observed = unobserved.saturating_add(TOLD.saturating_mul(2));
        assert_eq!(Balances::on_initialize(Height(1)), observed);
    });
}
