//! Runtime without pallets.

quids_support::construct_runtime! {
    pub struct Runtime {}
}

fn main() {}
