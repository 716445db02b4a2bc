//! Call argument pattern.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        #[pallet::call_index(0)]
        #[pallet::weight(Weight::ZERO)]
        pub fn act(_origin: Origin, (_a, _b): (u8, u8)) -> DispatchResult {
            Ok(())
        }
    }
}

fn main() {}
