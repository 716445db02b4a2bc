//! Call argument without type info.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking)]
    pub struct Opaque;

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        #[pallet::call_index(0)]
        #[pallet::weight(Weight::ZERO)]
        pub fn act(_origin: Origin, what: Opaque) -> DispatchResult {
            let Opaque = what;
            Ok(())
        }
    }
}

fn main() {}
