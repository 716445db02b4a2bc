//! Balances: the chain's own token. Transfers, reserves, issuance, and the fees of transactions.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;

#[cfg(any(feature = "runtime-benchmarks", not(target_arch = "wasm32")))]
mod benchmarks;
mod costs;
mod fees;
mod invariants;
mod ledger;
mod payment;
pub mod weights;

pub use fees::FeeSchedule;
pub use pallet::*;
pub use payment::{ChargeTransactionPayment, Paid};

/// Free and reserved balances of accounts, which lie in `System.Account`; issuance; fees.
#[quids_support::pallet(name = "Balances")]
pub mod pallet {
    use super::*;
    use quids_support::{prelude::*, traits::Currency};

    #[pallet::config]
    pub trait Config: pallet_system::Config<RuntimeEvent: From<Event<Self>>> {
        /// What an account must hold to exist. 0: accounts are never removed.
        #[pallet::constant]
        type ExistentialDeposit: Get<Balance>;
        /// What transactions pay.
        #[pallet::constant]
        type Fees: Get<FeeSchedule>;
    }

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    /// Everything ever issued. Only added to, so that transactions do not depend on each other through it.
    #[pallet::storage]
    pub type TotalIssued<T> = StorageValue<_, u128, ValueQuery>;

    /// Everything ever burned. Only added to.
    #[pallet::storage]
    pub type TotalBurned<T> = StorageValue<_, u128, ValueQuery>;

    /// `TotalIssued − TotalBurned` at the end of the last block that changed it. For clients: calls do not read it,
    /// since within a block it is out of date.
    #[pallet::storage]
    pub type TotalIssuance<T> = StorageValue<_, Balance, ValueQuery>;

    /// Fees and tips of the block in execution. Only added to, until the block's author gets them at its end.
    #[pallet::storage]
    pub type FeePot<T> = StorageValue<_, u128, ValueQuery>;

    /// What an account has reserved by the call `reserve`. Only this can be unreserved by call: the rest of its
    /// reserved balance is held by other pallets.
    #[pallet::storage]
    pub type OwnReserves<T> = StorageMap<_, Blake2_128Concat, AccountId20, Balance, ValueQuery>;

    #[pallet::event]
    pub enum Event<T: Config> {
        /// An account came into existence with this balance.
        Endowed {
            account: AccountId20,
            free_balance: Balance,
        },
        /// An account fell below the existential deposit and was removed; what it still had was burned.
        DustLost { account: AccountId20, amount: Balance },
        /// A transfer succeeded.
        Transfer {
            from: AccountId20,
            to: AccountId20,
            amount: Balance,
        },
        /// A free balance was set by root.
        BalanceSet { who: AccountId20, free: Balance },
        /// Free balance became reserved.
        Reserved { who: AccountId20, amount: Balance },
        /// Reserved balance became free.
        Unreserved { who: AccountId20, amount: Balance },
        /// The block's fees were paid to its author.
        Deposit { who: AccountId20, amount: Balance },
        /// Balance was burned by or from an account.
        Burned { who: AccountId20, amount: Balance },
        /// The total issuance grew.
        Issued { amount: Balance },
        /// The total issuance shrank by fees that nobody gets.
        Rescinded { amount: Balance },
        /// A transaction was paid for: `actual_fee` after refunds, and the tip besides.
        TransactionFeePaid {
            who: AccountId20,
            actual_fee: Balance,
            tip: Balance,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// Part of the balance is frozen.
        LiquidityRestrictions,
        /// The free balance is too low.
        InsufficientBalance,
        /// The receiver would hold less than the existential deposit.
        ExistentialDeposit,
        /// The account would be removed, which the call or what depends on the account forbids.
        Expendability,
        /// The account has reserved less by its own calls.
        InsufficientReserve,
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Transfers from the free balance. Removes the sender if it ends below the existential deposit.
        #[pallet::call_index(0)]
        #[pallet::weight(costs::transfer::<T>(weights::transfer_allow_death()))]
        pub fn transfer_allow_death(
            origin: Origin,
            dest: AccountId20,
            #[pallet::compact] value: Balance,
        ) -> DispatchResult {
            let from = ensure_signed(origin)?;
            Self::transfer(&from, &dest, value, true)
        }

        /// Transfers from the free balance; fails if the sender would end below the existential deposit.
        #[pallet::call_index(3)]
        #[pallet::weight(costs::transfer::<T>(weights::transfer_keep_alive()))]
        pub fn transfer_keep_alive(
            origin: Origin,
            dest: AccountId20,
            #[pallet::compact] value: Balance,
        ) -> DispatchResult {
            let from = ensure_signed(origin)?;
            Self::transfer(&from, &dest, value, false)
        }

        /// Transfers everything that can be transferred; with `keep_alive` all but the existential deposit.
        #[pallet::call_index(4)]
        #[pallet::weight(costs::transfer::<T>(weights::transfer_all()))]
        pub fn transfer_all(origin: Origin, dest: AccountId20, keep_alive: bool) -> DispatchResult {
            let from = ensure_signed(origin)?;
            let value = Self::transferable(&from, keep_alive);
            Self::transfer(&from, &dest, value, !keep_alive)
        }

        /// Sets an account's free balance, issuing or burning the difference. Root only. A balance below the
        /// existential deposit is set to 0.
        #[pallet::call_index(8)]
        // The account may be new, or may go.
        #[pallet::weight(costs::observed::<T>(weights::force_set_balance(), 1))]
        pub fn force_set_balance(
            origin: Origin,
            who: AccountId20,
            #[pallet::compact] new_free: Balance,
        ) -> DispatchResult {
            ensure_root(origin)?;
            Self::set_free(&who, new_free)
        }

        /// Burns from the sender's free balance.
        #[pallet::call_index(10)]
        // The sender may go, and be new once more by what it gets back of its fee.
        #[pallet::weight(costs::observed::<T>(weights::burn(), 2))]
        pub fn burn(origin: Origin, #[pallet::compact] value: Balance, keep_alive: bool) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::burn_free(&who, value, !keep_alive)
        }

        /// Sets part of the sender's free balance aside.
        #[pallet::call_index(11)]
        #[pallet::weight(weights::reserve())]
        pub fn reserve(origin: Origin, #[pallet::compact] value: Balance) -> DispatchResult {
            let who = ensure_signed(origin)?;
            <Self as Currency>::reserve(&who, value)?;
            OwnReserves::<T>::try_mutate(&who, |own| {
                *own = own.checked_add(value).ok_or(ArithmeticError::Overflow)?;
                Ok(())
            })
        }

        /// Frees what the sender set aside by `reserve`.
        #[pallet::call_index(12)]
        #[pallet::weight(weights::unreserve())]
        pub fn unreserve(origin: Origin, #[pallet::compact] value: Balance) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let left = OwnReserves::<T>::get(&who)
                .checked_sub(value)
                .ok_or(Error::<T>::InsufficientReserve)?;
            if left.is_zero() {
                OwnReserves::<T>::remove(&who);
            } else {
                OwnReserves::<T>::insert(&who, left);
            }
            ensure!(
                <Self as Currency>::unreserve(&who, value).is_zero(),
                Error::<T>::InsufficientReserve
            );
            Ok(())
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks for Pallet<T> {
        /// Accounts for `on_finalize`.
        fn on_initialize(_height: Height) -> Weight {
            costs::on_finalize::<T>()
        }

        fn on_finalize(_height: Height) {
            Self::pay_author();
            Self::publish_issuance();
        }

        fn try_state() -> Result<(), String> {
            invariants::check::<T>()
        }
    }

    #[pallet::genesis_config]
    #[derive(Default)]
    pub struct GenesisConfig {
        /// Accounts with their free balance, in the smallest unit.
        pub balances: Vec<(AccountId20, Balance)>,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesis<T> for GenesisConfig {
        /// # Panics
        /// If an account is named twice or gets less than the existential deposit, or if the sum overflows: such a
        /// chain must not start.
        #[expect(clippy::panic, reason = "a wrong genesis must not become a chain")]
        fn build(&self) {
            for (who, amount) in &self.balances {
                if pallet_system::OpenAccount::<T>::open(who).info.data.is_providing() {
                    panic!("genesis balances name the account {who} twice");
                }
                if let Err(error) = Self::endow::<T>(who, *amount) {
                    panic!("genesis balance {amount} of {who}: {error}");
                }
            }
            Pallet::<T>::publish_issuance();
            // Genesis is a state, not something that happened.
            pallet_system::Events::<T>::kill();
        }
    }

    impl GenesisConfig {
        fn endow<T: Config>(who: &AccountId20, amount: Balance) -> Result<(), DispatchError> {
            ensure!(amount >= T::ExistentialDeposit::get(), Error::<T>::ExistentialDeposit);
            Pallet::<T>::set_free(who, amount)
        }
    }
}
