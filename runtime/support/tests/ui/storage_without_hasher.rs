//! Storage without hasher.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::storage]
    pub type Notes<T> = StorageMap<_, AccountId20, u32, ValueQuery>;

    #[pallet::storage]
    pub type Shares<T> = StorageDoubleMap<_, Identity, u8, u16, u32>;

    impl<T: Config> Pallet<T> {
        pub fn note(who: &AccountId20) -> u32 {
            Shares::<T>::remove(&1, &2);
            Notes::<T>::get(who)
        }
    }
}

fn main() {}
