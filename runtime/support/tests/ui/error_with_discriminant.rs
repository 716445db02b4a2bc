//! Error with discriminant.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::error]
    pub enum Error<T> {
        Early = 4,
        Late,
    }
}

fn main() {}
