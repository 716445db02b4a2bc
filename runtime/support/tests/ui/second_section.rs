//! Two event enums.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition<RuntimeEvent: From<Event<Self>>> {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::event]
    pub enum Event<T: Config> {
        Happened { count: u32 },
    }

    #[pallet::event]
    pub enum More<T: Config> {
        Other,
    }
}

fn main() {}
