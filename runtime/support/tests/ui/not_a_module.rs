//! A struct where the module should be.

#[quids_support::pallet(name = "Example")]
pub struct Pallet;

fn main() {}
