//! Runtime duplicate index.

#[quids_support::pallet(name = "First")]
pub mod first {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);
}

#[quids_support::pallet(name = "Second")]
pub mod second {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);
}

quids_support::construct_runtime! {
    pub struct Runtime {
        First: first = 3,
        Second: second = 3,
    }
}

impl first::Config for Runtime {}
impl second::Config for Runtime {}

fn main() {}
