//! `#[pallet::event]`: what the pallet tells about a block.

use super::shape::{Parameters, expect_name, expect_public, parameters};
use crate::report::Report;
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Item, parse_quote};

pub struct Event {
    span: Span,
    /// Cleared if `Config` is known not to lead to the runtime's events, which is reported already.
    pub reaches_runtime: bool,
}

impl Event {
    pub fn parse(item: &mut Item, report: &mut Report) -> Option<Self> {
        let Item::Enum(item) = item else {
            report.at(item, "`#[pallet::event]` stands on `pub enum Event<T: Config>`");
            return None;
        };
        expect_name(&item.ident, "Event", "event", report);
        expect_public(&item.vis, &item.ident, report);
        if parameters(&item.generics) != Parameters::TConfig {
            report.at(
                &item.ident,
                "events always have the parameter: write `pub enum Event<T: Config>`",
            );
            item.generics = parse_quote!(<T: Config>);
        }
        refuse_derives(&mut item.attrs, report);
        item.attrs.extend(derived(true));
        item.variants.push(ignore_variant());
        Some(Self {
            span: item.ident.span(),
            reaches_runtime: true,
        })
    }

    pub fn expand(&self) -> TokenStream {
        // At the enum's place, so that a `Config` without `From<Event<Self>>` is reported there.
        let deposit = match self.reaches_runtime {
            true => quote_spanned!(self.span=> ::quids_support::events::deposit::<T, _>(event)),
            false => quote!(drop(event)),
        };
        quote! {
            impl<T: Config> Pallet<T> {
                /// Appends an event to those of the block.
                pub fn deposit_event(event: Event<T>) {
                    #deposit;
                }
            }
        }
    }
}

/// Reports derives, and takes them away: events have theirs.
fn refuse_derives(attributes: &mut Vec<syn::Attribute>, report: &mut Report) {
    attributes.retain(|attribute| {
        let is_derive = attribute.path().is_ident("derive");
        if is_derive {
            report.at(
                attribute,
                "events have all derives they need, `Clone`, `PartialEq`, `Debug` and their encoding among them: remove this one",
            );
        }
        !is_derive
    });
}

/// The derives of calls and events: complete, and never with a bound on `T` in the encoding.
pub fn derived(std_traits: bool) -> Vec<syn::Attribute> {
    let mut attributes = vec![parse_quote! {
        #[derive(
            ::quids_support::__private::codec::Encode,
            ::quids_support::__private::codec::Decode,
            ::quids_support::__private::codec::DecodeWithMemTracking,
            ::quids_support::__private::scale_info::TypeInfo,
        )]
    }];
    if std_traits {
        attributes.push(parse_quote!(#[derive(Clone, PartialEq, Eq, Debug)]));
    }
    attributes.extend::<[syn::Attribute; 5]>([
        parse_quote!(#[codec(crate = ::quids_support::__private::codec)]),
        parse_quote!(#[codec(encode_bound())]),
        parse_quote!(#[codec(decode_bound())]),
        parse_quote!(#[codec(decode_with_mem_tracking_bound())]),
        parse_quote! {
            #[scale_info(
                crate = ::quids_support::__private::scale_info, skip_type_params(T), capture_docs = "always"
            )]
        },
    ]);
    attributes
}

/// The variant that uses `T` and of which no value exists.
pub fn ignore_variant() -> syn::Variant {
    parse_quote! {
        #[doc(hidden)]
        #[codec(skip)]
        __Ignore(::core::marker::PhantomData<T>, ::core::convert::Infallible)
    }
}
