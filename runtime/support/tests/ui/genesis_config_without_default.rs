//! Genesis config without default.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::genesis_config]
    pub struct GenesisConfig {
        pub count: u32,
    }

    #[pallet::genesis_build]
    impl<T: Config> BuildGenesis<T> for GenesisConfig {
        fn build(&self) {}
    }
}

fn main() {}
