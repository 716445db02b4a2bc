//! Storage value without type info.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[derive(Encode, Decode)]
    pub struct Opaque;

    #[pallet::storage]
    pub type Total<T> = StorageValue<_, Opaque>;
}

fn main() {}
