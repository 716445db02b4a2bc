//! Runtime pallet not configured.

#[quids_support::pallet(name = "First")]
pub mod first {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);
}

#[quids_support::pallet(name = "Second")]
pub mod second {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition<RuntimeEvent: From<Event<Self>>> {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::storage]
    pub type Count<T> = StorageValue<_, u32, ValueQuery>;

    #[pallet::event]
    pub enum Event<T: Config> {
        /// It was counted.
        Counted { count: u32 },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// It cannot be counted.
        TooMany,
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Counts.
        #[pallet::call_index(0)]
        #[pallet::weight(Weight::ZERO)]
        pub fn count(_origin: Origin) -> DispatchResult {
            Ok(())
        }
    }

    #[pallet::hooks]
    impl<T: Config> Hooks for Pallet<T> {}

    #[pallet::genesis_config]
    #[derive(Default)]
    pub struct GenesisConfig {}

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesis<T> for GenesisConfig {
        fn build(&self) {}
    }
}

quids_support::construct_runtime! {
    pub struct Runtime {
        First: first = 0,
        Second: second = 1,
    }
}

impl first::Config for Runtime {}

fn main() {}
