//! A pallet without its config.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::event]
    pub enum Event<T: Config> {
        Happened { count: u32 },
    }
}

fn main() {}
