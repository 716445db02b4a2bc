//! Event not in config.

#[quids_support::pallet(name = "Example")]
pub mod pallet {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    #[pallet::event]
    pub enum Event<T: Config> {
        Happened { count: u32 },
    }

    impl<T: Config> Pallet<T> {
        pub fn tell() {
            Self::deposit_event(Event::Happened { count: 1 });
        }
    }
}

fn main() {}
