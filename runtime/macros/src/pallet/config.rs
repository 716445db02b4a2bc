//! `#[pallet::config]`: what the pallet needs of the runtime; its constants go into metadata.

use super::shape::{expect_name, expect_public};
use crate::{
    attributes::{self, Place, conditions, docs, docs_vec},
    report::Report,
};
use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, Ident, Item, TraitItem, TypeParamBound};

pub struct Config {
    pub ident: Ident,
    pub constants: Vec<Constant>,
    /// Whether some supertrait is bounded by `Event<Self>`.
    pub names_event: bool,
}

pub struct Constant {
    pub ident: Ident,
    pub docs: Vec<String>,
    /// `#[cfg(..)]`
    pub conditions: Vec<Attribute>,
}

impl Config {
    pub fn parse(item: &mut Item, report: &mut Report) -> Option<Self> {
        let Item::Trait(item) = item else {
            report.at(item, "`#[pallet::config]` stands on `pub trait Config`");
            return None;
        };
        expect_name(&item.ident, "Config", "config", report);
        expect_public(&item.vis, &item.ident, report);
        if !item.generics.params.is_empty() {
            report.at(&item.generics, "`Config` takes no parameters");
        }
        if item.supertraits.is_empty() {
            report.at(
                &item.ident,
                "`Config` has no supertrait that implies `Composition`: write `pub trait Config: pallet_system::Config`",
            );
        }
        let names_event = item
            .supertraits
            .iter()
            .any(|bound| mentions(bound.to_token_stream(), "Event"));
        let mut constants = Vec::new();
        for item in &mut item.items {
            let TraitItem::Type(item) = item else { continue };
            for helper in attributes::take(&mut item.attrs, Place::Constant, report) {
                let is_get = |bound: &TypeParamBound| match bound {
                    TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|s| s.ident == "Get"),
                    _ => false,
                };
                if item.bounds.iter().any(is_get) {
                    constants.push(Constant {
                        ident: item.ident.clone(),
                        docs: docs(&item.attrs),
                        conditions: conditions(&item.attrs),
                    });
                } else {
                    report.at(
                        &helper.attribute,
                        format!("a constant is a `Get`: write `type {}: Get<Its type>;`", item.ident),
                    );
                }
            }
        }
        Some(Self {
            ident: item.ident.clone(),
            constants,
            names_event,
        })
    }
}

impl Constant {
    /// A statement that adds it to `constants`.
    pub fn metadata(&self) -> TokenStream {
        let (ident, name, docs) = (&self.ident, self.ident.to_string(), docs_vec(&self.docs));
        let conditions = &self.conditions;
        quote!(#(#conditions)* constants.push(::quids_support::metadata::constant::<_, T::#ident>(#name, #docs));)
    }
}

/// Whether an identifier occurs anywhere in the tokens.
pub fn mentions(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => mentions(group.stream(), name),
        _ => false,
    })
}
