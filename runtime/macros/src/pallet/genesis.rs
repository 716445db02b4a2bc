//! `#[pallet::genesis_config]`: the pallet's part of the state before the first block, read from JSON.

use super::shape::{expect_name, expect_public};
use crate::report::Report;
use syn::{Ident, Item, Type, parse_quote};

/// The configuration's type name; makes it readable from JSON.
pub fn parse(item: &mut Item, report: &mut Report) -> Option<Ident> {
    let Item::Struct(item) = item else {
        report.at(item, "`#[pallet::genesis_config]` stands on `pub struct GenesisConfig`");
        return None;
    };
    expect_name(&item.ident, "GenesisConfig", "genesis_config", report);
    expect_public(&item.vis, &item.ident, report);
    if !item.generics.params.is_empty() {
        report.at(
            &item.generics,
            "`GenesisConfig` takes no parameters: it is plain data, `BuildGenesis<T>` has the runtime",
        );
        return None;
    }
    item.attrs
        .push(parse_quote!(#[derive(::quids_support::__private::serde::Deserialize)]));
    item.attrs.push(parse_quote! {
        #[serde(
            crate = "::quids_support::__private::serde", rename_all = "camelCase", deny_unknown_fields, default
        )]
    });
    Some(item.ident.clone())
}

/// Reports a configuration without default, and gives it one.
pub fn ensure_default(genesis: &Ident, items: &mut [Item], report: &mut Report) {
    let is_default = |path: &syn::Path| path.segments.last().is_some_and(|last| last.ident == "Default");
    let is_implemented = items.iter().any(|item| match item {
        Item::Impl(item) => {
            let of = item.trait_.as_ref().is_some_and(|(_, path, _)| is_default(path));
            of && matches!(&*item.self_ty, Type::Path(ty) if ty.path.is_ident(genesis))
        }
        _ => false,
    });
    let config = items.iter_mut().find_map(|item| match item {
        Item::Struct(item) if item.ident == *genesis => Some(item),
        _ => None,
    });
    let Some(config) = config.filter(|_| !is_implemented) else {
        return;
    };
    let mut is_derived = false;
    for attribute in config
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("derive"))
    {
        // What is no list of paths, the compiler reports.
        let _ = attribute.parse_nested_meta(|derived| {
            is_derived |= is_default(&derived.path);
            Ok(())
        });
    }
    if !is_derived {
        report.at(
            &config.ident,
            "a chain spec may leave fields of the genesis out, so there is a default: add `#[derive(Default)]`",
        );
        config.attrs.push(parse_quote!(#[derive(Default)]));
    }
}
