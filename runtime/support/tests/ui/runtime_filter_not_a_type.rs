//! Runtime filter not a type.

#[quids_support::pallet(name = "First")]
pub mod first {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);
}

quids_support::construct_runtime! {
    #[call_filter("everything")]
    pub struct Runtime {
        First: first = 0,
    }
}

impl first::Config for Runtime {}

fn main() {}
