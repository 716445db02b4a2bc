//! Attribute with arguments.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::storage(unbounded)]
    pub type Sum<T> = StorageValue<_, u32>;
}

fn main() {}
