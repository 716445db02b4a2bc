//! A pallet that uses every part of the syntax.

#[quids_support::pallet(name = "Ledger")]
pub mod pallet {
    //! Keeps notes and pays for them.

    use crate::trace;
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition<RuntimeEvent: From<Event<Self>>> {
        /// The longest note, in bytes.
        #[pallet::constant]
        type NoteLengthMax: Get<u32>;
        /// Nor is any of these in this build.
        #[cfg(any())]
        #[pallet::constant]
        type Later: Get<NothingOfThisName>;
        type Now: quids_support::traits::BlockHeight;
    }

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    /// How many notes there are.
    #[pallet::storage]
    pub type Count<T> = StorageValue<_, u32, ValueQuery>;

    #[pallet::storage]
    pub type LastNote = StorageValue<_, Vec<u8>>;

    #[cfg(any())]
    #[pallet::storage]
    pub type Later<T> = StorageValue<_, NothingOfThisName>;

    /// Everybody's notes.
    #[pallet::storage]
    pub type Notes<T: Config> = StorageMap<_, Blake2_128Concat, AccountId20, Vec<u8>>;

    #[pallet::storage]
    pub type Paid<T> = StorageMap<_, Twox64Concat, u32, u128, ValueQuery>;

    #[pallet::storage]
    pub type Shares<T> = StorageDoubleMap<_, Blake2_128Concat, AccountId20, Identity, u32, Balance, ValueQuery>;

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Writes a note.
        #[pallet::call_index(0)]
        #[pallet::weight(cost::of(note.len() as u64, 1, 2))]
        pub fn write(origin: Origin, note: Vec<u8>) -> DispatchResult {
            let who = ensure_signed(origin)?;
            ensure!(note.len() <= T::NoteLengthMax::get() as usize, Error::<T>::TooLong);
            Notes::<T>::insert(&who, note.clone());
            LastNote::put(note);
            Count::<T>::mutate(|count| *count += 1);
            Self::deposit_event(Event::Written {
                who,
                count: Count::<T>::get(),
            });
            Ok(())
        }

        /// Pays, then fails if asked to.
        #[pallet::call_index(7)]
        #[pallet::weight((Weight::new(*amount as u64, 0), DispatchClass::Operational, Pays::No))]
        pub fn pay(
            _origin: Origin,
            to: u32,
            #[pallet::compact] amount: u128,
            #[pallet::compact] share: Balance,
            fail: bool,
        ) -> DispatchResultWithPostInfo {
            Paid::<T>::add(&to, amount);
            Shares::<T>::insert(&AccountId20::default(), &to, share);
            Self::deposit_event(Event::Paid(amount));
            ensure!(!fail, Error::<T>::Refused);
            Ok(Some(Weight::new(1, 1)).into())
        }

        #[pallet::call_index(3)]
        #[pallet::weight((Weight::ZERO, DispatchClass::Mandatory))]
        pub fn set_time(origin: Origin, time: u64) -> DispatchResult {
            ensure_none(origin)?;
            ensure!(time < u64::MAX, Error::<T>::TooLate);
            Ok(())
        }

        /// Not in this build, so its index is free and its body is not looked at.
        #[cfg(any())]
        #[pallet::call_index(5)]
        #[pallet::weight(nothing_of_this_name)]
        pub fn later(_origin: Origin, what: NothingOfThisName) -> DispatchResult {}

        #[pallet::call_index(4)]
        #[pallet::weight(call.dispatch_info().weight)]
        #[expect(clippy::boxed_local, reason = "a call that contains calls has no size without a box")]
        pub fn nested(origin: Origin, call: Box<T::RuntimeCall>) -> DispatchResult {
            ensure_root(origin)?;
            quids_support::dispatch::dispatch_transactional(*call, Origin::Root)
                .map(drop)
                .map_err(|e| e.error)
        }
    }

    /// What happened.
    #[pallet::event]
    pub enum Event<T: Config> {
        /// A note was written.
        Written {
            /// By this account.
            who: AccountId20,
            count: u32,
        },
        Paid(u128),
    }

    /// What went wrong.
    #[pallet::error]
    pub enum Error<T> {
        /// The note is too long.
        TooLong,
        #[codec(index = 5)]
        Refused,
        #[cfg(any())]
        Later,
        /// Its number is its position, whether the one before is there or not.
        TooLate,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks for Pallet<T> {
        fn on_initialize(height: Height) -> Weight {
            trace(format!("ledger initialize {height}"));
            Weight::new(10, 1)
        }
        fn on_finalize(height: Height) {
            trace(format!("ledger finalize {height}"));
        }
        fn on_idle(_: Height, remaining: Weight) -> Weight {
            trace(format!("ledger idle {}", remaining.ref_time));
            Weight::new(30, 0)
        }
        fn on_runtime_upgrade() -> Weight {
            trace("ledger upgrade".into());
            Weight::new(5, 5)
        }
    }

    #[pallet::genesis_config]
    #[derive(Default)]
    pub struct GenesisConfig {
        pub first_notes: Vec<(AccountId20, String)>,
        pub count: u32,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesis<T> for GenesisConfig {
        fn build(&self) {
            for (who, note) in &self.first_notes {
                Notes::<T>::insert(who, note.clone().into_bytes());
            }
            Count::<T>::put(self.count);
        }
    }

    pub const TIME: InherentIdentifier = *b"testtime";

    #[pallet::inherent]
    impl<T: Config> ProvideInherent for Pallet<T> {
        type Call = Call<T>;
        const IDENTIFIER: Option<InherentIdentifier> = Some(TIME);
        fn create_inherent(data: &InherentData) -> Option<Self::Call> {
            Some(Call::set_time { time: data.get(&TIME)? })
        }
        fn check_inherent(call: &Self::Call, data: &InherentData) -> Result<(), String> {
            match (call, data.get::<u64>(&TIME)) {
                (Call::set_time { time }, Some(now)) if *time > now + 30 => Err(format!("{time} is in the future")),
                _ => Ok(()),
            }
        }
        fn is_inherent(call: &Self::Call) -> bool {
            matches!(call, Call::set_time { .. })
        }
    }

    #[pallet::validate_unsigned]
    impl<T: Config> ValidateUnsigned for Pallet<T> {
        type Call = Call<T>;
        fn validate_unsigned(_: TransactionSource, call: &Self::Call) -> TransactionValidity {
            match call {
                Call::write { .. } => Ok(ValidTransaction {
                    priority: 1,
                    requires: vec![],
                    provides: vec![],
                    longevity: 64,
                    propagate: true,
                }),
                _ => Err(InvalidTransaction::Call.into()),
            }
        }
    }

    impl<T: Config> Pallet<T> {
        /// Not a call: left as it is.
        pub fn height() -> Height {
            <T::Now as quids_support::traits::BlockHeight>::height()
        }
    }
}
