//! Event with derives.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition<RuntimeEvent: From<Event<Self>>> {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::event]
    #[derive(Clone, Debug)]
    pub enum Event<T: Config> {
        /// It happened.
        Happened,
    }
}

fn main() {}
