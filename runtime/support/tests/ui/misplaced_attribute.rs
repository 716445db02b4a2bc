//! Attributes in places where they have no meaning.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::weight(0)]
    pub fn helper() {}

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        #[pallet::call_index(0)]
        #[pallet::weight(Weight::ZERO)]
        #[pallet::storage]
        pub fn act(_origin: Origin, #[pallet::compat] amount: u32) -> DispatchResult {
            let _ = amount;
            Ok(())
        }
    }
}

fn main() {}
