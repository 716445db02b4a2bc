//! Attributes that do not exist, one of them a typo.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::storge]
    pub type Total = u32;

    #[pallet::extra_constants]
    impl<T: Config> Pallet<T> {}
}

fn main() {}
