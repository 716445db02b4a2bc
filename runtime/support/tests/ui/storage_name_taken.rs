//! Storage name taken.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::storage]
    pub type Total<T> = StorageValue<_, u32>;

    #[pallet::storage]
    pub type Total<T> = StorageValue<_, u64>;
}

fn main() {}
