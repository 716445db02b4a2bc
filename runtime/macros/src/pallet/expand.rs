//! The module with the code of every part, and `PalletParts`, by which a runtime composes it.

use super::{config::Constant, parse::Pallet, storage::Storage};
use crate::attributes::docs_vec;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

pub fn expand(pallet: Pallet) -> TokenStream {
    let name = &pallet.name;
    let storage = pallet.storage.iter().map(|storage| storage.expand(name));
    let calls = pallet.calls.as_ref().map(|calls| calls.expand(name));
    let event = pallet.event.as_ref().map(|event| event.expand());
    let error = pallet.error.as_ref().map(|error| error.expand(name));
    let absent = absent(&pallet);
    let defaults = defaults(&pallet);
    let parts = parts(&pallet);
    let Pallet { module, items, .. } = &pallet;
    let (attributes, visibility, ident) = (&module.attrs, &module.vis, &module.ident);
    // Inner attributes and docs come out as outer ones, which mean the same.
    let attributes = attributes.iter().map(|attribute| {
        let meta = &attribute.meta;
        quote!(#[#meta])
    });
    quote! {
        #(#attributes)*
        #visibility mod #ident {
            #(#items)*
            #(#storage)*
            #calls
            #event
            #error
            #absent
            #defaults
            #parts
        }
    }
}

/// Implementations of the traits that a runtime asks of every pallet and this one did not write.
fn defaults(pallet: &Pallet) -> TokenStream {
    let hooks = (!pallet.has_hooks).then(|| {
        quote!(
            impl<T: Config> ::quids_support::hooks::Hooks for Pallet<T> {}
        )
    });
    let inherent = (!pallet.has_inherent).then(|| {
        quote! {
            impl<T: Config> ::quids_support::inherents::ProvideInherent for Pallet<T> {
                type Call = Call<T>;
            }
        }
    });
    let validate_unsigned = (!pallet.has_validate_unsigned).then(|| {
        quote! {
            impl<T: Config> ::quids_support::inherents::ValidateUnsigned for Pallet<T> {
                type Call = Call<T>;
            }
        }
    });
    quote!(#hooks #inherent #validate_unsigned)
}

/// `Call` and `Event` of a pallet that has none, so that a composition can name them.
fn absent(pallet: &Pallet) -> TokenStream {
    let alias = |name: &str, docs: &str| {
        let ident = format_ident!("{name}");
        quote! {
            #[doc = #docs]
            pub type #ident<T> = ::quids_support::composition::Absent<Pallet<T>>;
        }
    };
    let call = pallet
        .calls
        .is_none()
        .then(|| alias("Call", "This pallet has no calls."));
    let event = pallet
        .event
        .is_none()
        .then(|| alias("Event", "This pallet has no events."));
    quote!(#call #event)
}

fn parts(pallet: &Pallet) -> TokenStream {
    let Pallet { name, storage, .. } = pallet;
    let has_calls = pallet.calls.as_ref().is_some_and(|calls| !calls.is_empty());
    let has_events = pallet.event.is_some();
    let genesis = match &pallet.genesis {
        Some(ident) => quote!(#ident),
        None => quote!(()),
    };
    let meta_type = |ty: Option<TokenStream>| match ty {
        Some(ty) => quote!(Some(::quids_support::__private::scale_info::meta_type::<#ty>())),
        None => quote!(None),
    };
    let calls_meta = meta_type(has_calls.then(|| quote!(Call<T>)));
    let event_meta = meta_type(has_events.then(|| quote!(Event<T>)));
    let error_meta = meta_type(pallet.error.is_some().then(|| quote!(Error<T>)));
    let storage = storage.iter().map(Storage::metadata);
    let constants = pallet
        .config
        .iter()
        .flat_map(|config| &config.constants)
        .map(Constant::metadata);
    let docs = docs_vec(&pallet.docs);
    quote! {
        impl<T: Config> ::quids_support::composition::PalletParts for Pallet<T> {
            const NAME: &'static str = #name;
            type Call = Call<T>;
            const HAS_CALLS: bool = #has_calls;
            type Event = Event<T>;
            const HAS_EVENTS: bool = #has_events;
            type Genesis = #genesis;

            fn metadata() -> ::quids_support::metadata::PalletMetadata {
                #[allow(unused_mut)]
                let mut entries = ::quids_support::__private::Vec::new();
                #(#storage)*
                #[allow(unused_mut)]
                let mut constants = ::quids_support::__private::Vec::new();
                #(#constants)*
                ::quids_support::metadata::PalletMetadata {
                    name: #name,
                    storage: entries,
                    calls: #calls_meta,
                    event: #event_meta,
                    error: #error_meta,
                    constants,
                    docs: #docs,
                }
            }
        }
    }
}
