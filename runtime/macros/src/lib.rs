//! The framework's macros: `#[pallet]` makes a pallet of a module, `construct_runtime!` composes pallets. Both emit
//! code against the traits of `quids-support` that a person could have written, and never change a body.

mod attributes;
mod pallet;
mod report;
mod runtime;

use proc_macro::TokenStream;

/// Makes a pallet of a module: `#[pallet(name = "Balances")] pub mod pallet { .. }`.
///
/// Parts of the module are marked with `#[pallet::config]`, `#[pallet::storage]` and so on; see this crate's README
/// for all of them and for what each becomes. Everything unmarked is left as it is.
#[proc_macro_attribute]
pub fn pallet(arguments: TokenStream, module: TokenStream) -> TokenStream {
    pallet::expand(arguments.into(), module.into()).into()
}

/// Composes pallets into a runtime: `pub struct Runtime { System: pallet_system = 0, .. }`.
///
/// Each entry is the pallet's name, the path of its crate or module, and its index, which is part of every call,
/// event and error and so never changes.
#[proc_macro]
pub fn construct_runtime(input: TokenStream) -> TokenStream {
    runtime::expand(input.into()).into()
}
