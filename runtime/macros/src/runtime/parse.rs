//! `pub struct Runtime { System: pallet_system = 0, .. }`.

use crate::report::Report;
use proc_macro2::TokenStream;
use syn::{
    Attribute, Ident, LitInt, Path, PathArguments, Token, Visibility, braced,
    parse::{ParseStream, Parser},
};

pub struct Runtime {
    pub attributes: Vec<Attribute>,
    /// Of `#[call_filter(Type)]`.
    pub call_filter: Option<Path>,
    pub visibility: Visibility,
    pub ident: Ident,
    /// In the order in which they were declared; never empty.
    pub pallets: Vec<Pallet>,
}

pub struct Pallet {
    pub name: Ident,
    /// The crate or module that has `Pallet`.
    pub path: Path,
    pub index: u8,
}

struct Entry {
    name: Ident,
    path: Path,
    index: Option<LitInt>,
}

impl Runtime {
    /// `None`, reported, if the input is not such a struct or no pallet is left of it.
    pub fn parse(input: TokenStream, report: &mut Report) -> Option<Self> {
        let parsed = (|input: ParseStream<'_>| {
            let attributes = input.call(Attribute::parse_outer)?;
            let visibility = input.parse()?;
            input.parse::<Token![struct]>()?;
            let ident: Ident = input.parse()?;
            let content;
            braced!(content in input);
            let entries = content.parse_terminated(Entry::parse, Token![,])?;
            Ok((attributes, visibility, ident, entries))
        })
        .parse2(input);
        let (attributes, visibility, ident, entries) = report.keep(parsed)?;
        let call_filter = call_filter(&attributes, report);
        let mut pallets: Vec<Pallet> = Vec::new();
        for entry in entries {
            pallets.extend(entry.check(&pallets, report));
        }
        if pallets.is_empty() {
            report.at(&ident, "a runtime has at least one pallet: `System: pallet_system = 0`");
            return None;
        }
        Some(Self {
            attributes,
            call_filter,
            visibility,
            ident,
            pallets,
        })
    }
}

/// The type in `#[call_filter(Type)]`. Reports what else stands there, but for docs.
fn call_filter(attributes: &[Attribute], report: &mut Report) -> Option<Path> {
    let mut found = None;
    for attribute in attributes.iter().filter(|attribute| !attribute.path().is_ident("doc")) {
        if !attribute.path().is_ident("call_filter") {
            report.at(
                attribute.path(),
                "a runtime takes docs and `#[call_filter(Type)]`, nothing else",
            );
            continue;
        }
        if found.is_some() {
            report.at(
                attribute,
                "a runtime has one `#[call_filter(Type)]`, this is the second",
            );
            continue;
        }
        match attribute.parse_args_with(Path::parse_mod_style) {
            Ok(path) => found = Some(path),
            Err(_) => report.at(
                attribute,
                "the filter is a type that implements `CallFilter<RuntimeCall>`: `#[call_filter(Type)]`",
            ),
        }
    }
    found
}

impl Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        for attribute in input.call(Attribute::parse_outer)? {
            if !attribute.path().is_ident("doc") {
                return Err(syn::Error::new_spanned(
                    attribute,
                    "a pallet of a runtime takes no attributes",
                ));
            }
        }
        let name = input.parse()?;
        input.parse::<Token![:]>()?;
        let path = input.call(Path::parse_mod_style)?;
        let index = match input.parse::<Option<Token![=]>>()? {
            Some(_) => Some(input.parse()?),
            None => None,
        };
        Ok(Self { name, path, index })
    }

    /// The pallet, unless something of it is taken by one of the others.
    fn check(self, others: &[Pallet], report: &mut Report) -> Option<Pallet> {
        let Self { name, path, index } = self;
        debug_assert!(
            path.segments
                .iter()
                .all(|segment| matches!(segment.arguments, PathArguments::None))
        );
        let Some(index) = index else {
            report.at(
                &name,
                format!("`{name}` has no index: write `{name}: path = N`, a number that never changes"),
            );
            return None;
        };
        let Ok(number) = index.base10_parse::<u8>() else {
            report.at(&index, "a pallet's index is from 0 to 255");
            return None;
        };
        if others.iter().any(|other| other.name == name) {
            report.at(&name, format!("there is a pallet named `{name}` already"));
            return None;
        }
        if let Some(other) = others.iter().find(|other| other.index == number) {
            report.at(&index, format!("index {number} is taken by `{}`", other.name));
            return None;
        }
        Some(Pallet {
            name,
            path,
            index: number,
        })
    }
}
