//! `#[pallet::genesis_config]`: the pallet's part of the state before the first block, read from JSON.

use super::shape::{expect_name, expect_public};
use crate::report::Report;
use syn::{Ident, Item, parse_quote};

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
