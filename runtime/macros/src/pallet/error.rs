//! `#[pallet::error]`: why the pallet's calls fail.

use super::{
    event::{derived, ignore_variant},
    shape::{Parameters, expect_name, expect_public, parameters},
};
use crate::{attributes::conditions, report::Report};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Expr, ExprLit, Fields, Ident, Item, Lit, Variant, parse_quote, spanned::Spanned};

/// A `ModuleError` has one byte for the variant.
const VARIANTS_MAX: usize = 256;

pub struct Error {
    variants: Vec<Numbered>,
}

struct Numbered {
    ident: Ident,
    /// What clients see.
    number: u8,
    /// `#[cfg(..)]`
    conditions: Vec<Attribute>,
}

impl Error {
    pub fn parse(item: &mut Item, report: &mut Report) -> Option<Self> {
        let Item::Enum(item) = item else {
            report.at(item, "`#[pallet::error]` stands on `pub enum Error<T>`");
            return None;
        };
        expect_name(&item.ident, "Error", "error", report);
        expect_public(&item.vis, &item.ident, report);
        if parameters(&item.generics) != Parameters::T {
            report.at(
                &item.ident,
                "errors always have the parameter: write `pub enum Error<T>`",
            );
            item.generics = parse_quote!(<T>);
        }
        if let Some(first_too_many) = item.variants.iter().nth(VARIANTS_MAX) {
            report.at(first_too_many, "a pallet has at most 256 errors");
        }
        let mut variants: Vec<Numbered> = Vec::new();
        for (position, variant) in item.variants.iter_mut().enumerate() {
            if !matches!(variant.fields, Fields::Unit) {
                report.at(&variant.fields, "an error has no fields: a client sees only its number");
                variant.fields = Fields::Unit;
            }
            if let Some((_, value)) = variant.discriminant.take() {
                report.at(
                    value,
                    "an error's number is its position or `#[codec(index = N)]`, not a discriminant",
                );
            }
            let mut index = explicit_index(variant, report).unwrap_or_else(|| {
                let position = position as u8;
                // Said, since the encoding counts those alone that are there.
                variant.attrs.push(parse_quote!(#[codec(index = #position)]));
                position
            });
            if let Some(other) = variants.iter().find(|other| other.number == index) {
                report.at(&variant.ident, format!("error {index} is `{}` already", other.ident));
                let is_free = |free: &u8| variants.iter().all(|other| other.number != *free);
                index = (0..=u8::MAX).rev().find(is_free).unwrap_or_default();
                variant.attrs.retain(|attribute| !attribute.path().is_ident("codec"));
                variant.attrs.push(parse_quote!(#[codec(index = #index)]));
            }
            variants.push(Numbered {
                ident: variant.ident.clone(),
                number: index,
                conditions: conditions(&variant.attrs),
            });
        }
        item.attrs.extend(derived(false));
        item.variants.push(ignore_variant());
        Some(Self { variants })
    }

    pub fn expand(&self, pallet_name: &str) -> TokenStream {
        let variants = self.variants.iter();
        let texts = variants.clone().map(|Numbered { ident, conditions, .. }| {
            let text = ident.to_string();
            quote!(#(#conditions)* Self::#ident => #text)
        });
        let numbers = variants.map(
            |Numbered {
                 ident,
                 number,
                 conditions,
             }| { quote!(#(#conditions)* Error::#ident => #number) },
        );
        quote! {
            impl<T> ::core::fmt::Debug for Error<T> {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.write_str(match self {
                        #(#texts,)*
                        Self::__Ignore(_, never) => match *never {},
                    })
                }
            }

            impl<T: Config> From<Error<T>> for ::quids_support::__private::quids_core::DispatchError {
                fn from(error: Error<T>) -> Self {
                    let number: u8 = match error {
                        #(#numbers,)*
                        Error::__Ignore(_, never) => match never {},
                    };
                    match <T as ::quids_support::composition::Composition>::pallet_index(#pallet_name) {
                        Some(index) => Self::Module(::quids_support::__private::quids_core::ModuleError {
                            index,
                            error: [number, 0, 0, 0],
                        }),
                        None => Self::Other("the pallet is not part of the runtime"),
                    }
                }
            }
        }
    }
}

/// The number of `#[codec(index = N)]`.
fn explicit_index(variant: &Variant, report: &mut Report) -> Option<u8> {
    let mut index = None;
    for attribute in variant
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("codec"))
    {
        let parsed = attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("index") {
                return Err(meta.error("only `#[codec(index = N)]` is possible on an error"));
            }
            let value: Expr = meta.value()?.parse()?;
            let Expr::Lit(ExprLit {
                lit: Lit::Int(literal), ..
            }) = &value
            else {
                return Err(syn::Error::new(value.span(), "the index is a literal from 0 to 255"));
            };
            index = Some(literal.base10_parse::<u8>()?);
            Ok(())
        });
        report.keep(parsed);
    }
    index
}
