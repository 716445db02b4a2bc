//! `#[pallet::genesis_config]`: the pallet's part of the state before the first block, read from JSON.

use super::shape::{expect_name, expect_public};
use crate::report::Report;
use proc_macro2::Span;
use syn::{Ident, Item, parse_quote_spanned};

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
    // At the type's place, so that one without `Default` is reported there.
    let at = Span::call_site().located_at(item.ident.span());
    item.attrs
        .push(parse_quote_spanned!(at=> #[derive(::quids_support::__private::serde::Deserialize)]));
    item.attrs.push(parse_quote_spanned! {at=>
        #[serde(
            crate = "::quids_support::__private::serde", rename_all = "camelCase", deny_unknown_fields, default
        )]
    });
    Some(item.ident.clone())
}
