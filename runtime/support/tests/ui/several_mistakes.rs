//! Several mistakes, reported together.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::storage]
    pub type Total = u32;

    #[pallet::error]
    pub enum Error<T> {
        Refused(u32),
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        #[pallet::weight(Weight::ZERO)]
        fn act(_origin: Origin) -> DispatchResult {
            ensure!(1 + 1 == 2, Error::<T>::Refused);
            Ok(())
        }
    }
}

fn main() {}
