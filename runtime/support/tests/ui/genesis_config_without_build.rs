//! Genesis config without build.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::genesis_config]
    #[derive(Default)]
    pub struct GenesisConfig {
        pub start: u32,
    }
}

fn main() {}
