//! `construct_runtime!`.

mod expand;
mod parse;

use crate::report::Report;
use proc_macro2::TokenStream;
use quote::quote;

/// The runtime's types; mistakes as `compile_error!`s beside the runtime of the pallets that were understood.
pub fn expand(input: TokenStream) -> TokenStream {
    let mut report = Report::default();
    let expanded = parse::Runtime::parse(input, &mut report).map(|runtime| expand::expand(&runtime));
    let errors = report.into_tokens();
    quote! {
        #expanded
        #errors
    }
}
