//! Storage with concrete prefix.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    pub struct Prefix;

    #[pallet::storage]
    pub type Total = StorageValue<Prefix, u32>;
    #[pallet::storage]
    pub type Names<T> = StorageMap<Identity, u8, Vec<u8>>;
}

fn main() {}
