//! Constant not a get.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {
        #[pallet::constant]
        type Limit: Default;
    }

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);
}

fn main() {}
