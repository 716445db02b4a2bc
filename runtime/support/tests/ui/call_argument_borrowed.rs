//! Call argument borrowed.

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
        pub fn act(_origin: Origin, text: &str, (_, _): (u8, u8)) -> DispatchResult {
            let _ = text;
            Ok(())
        }
    }
}

fn main() {}
