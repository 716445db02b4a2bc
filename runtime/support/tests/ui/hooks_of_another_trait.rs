//! Hooks of another trait.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::hooks]
    impl<T: Config> Clone for Pallet<T> {
        fn clone(&self) -> Self {
            Self(PhantomData)
        }
    }
}

fn main() {}
