//! Call index not a literal.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    const ACT: u8 = 0;

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        #[pallet::call_index(ACT)]
        #[pallet::weight(Weight::ZERO)]
        pub fn act(_origin: Origin) -> DispatchResult {
            Ok(())
        }
    }
}

fn main() {}
