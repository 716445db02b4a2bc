//! Runtime index too large.

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
        First: first = 0,
        Second: second = 256,
    }
}

impl first::Config for Runtime {}
impl second::Config for Runtime {}

fn main() {}
