//! `#[pallet]`: reads the module part by part, then writes each part's code behind it.

mod call;
mod config;
mod error;
mod event;
mod expand;
mod genesis;
mod parse;
mod shape;
mod storage;

use crate::report::Report;
use proc_macro2::TokenStream;
use quote::quote;

/// The module with what it becomes; mistakes as `compile_error!`s beside as much of it as could be understood.
pub fn expand(arguments: TokenStream, module: TokenStream) -> TokenStream {
    let module = match syn::parse2::<syn::ItemMod>(module.clone()) {
        Ok(module) => module,
        Err(_) => {
            let error = syn::Error::new_spanned(&module, "`#[pallet]` stands on a module: `pub mod pallet { .. }`");
            let error = error.to_compile_error();
            return quote!(#module #error);
        }
    };
    let mut report = Report::default();
    let name = parse::name(arguments, &module, &mut report);
    let expanded = parse::Pallet::parse(name, module, &mut report).map(expand::expand);
    let errors = report.into_tokens();
    quote! {
        #expanded
        #errors
    }
}
