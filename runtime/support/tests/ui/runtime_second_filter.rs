//! Runtime second filter.

#[quids_support::pallet(name = "First")]
pub mod first {
    use quids_support::prelude::*;

    #[pallet::config]
    pub trait Config: Composition {}

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);
}

pub struct Filter;

impl quids_support::filter::CallFilter<RuntimeCall> for Filter {}

quids_support::construct_runtime! {
    #[call_filter(Filter)]
    #[call_filter(Filter)]
    pub struct Runtime {
        First: first = 0,
    }
}

impl first::Config for Runtime {}

fn main() {}
