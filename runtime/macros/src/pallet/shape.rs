//! Shapes that several parts share: the parameter `T`, names, implementations for `Pallet<T>`.

use crate::report::Report;
use syn::{GenericParam, Generics, Ident, ItemImpl, Type, TypeParamBound, Visibility};

/// The last segment of a type's path.
pub fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// What the generics of an item are, as far as pallets use them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Parameters {
    /// None.
    None,
    /// `<T>`.
    T,
    /// `<T: Config>`.
    TConfig,
    Other,
}

pub fn parameters(generics: &Generics) -> Parameters {
    if generics.where_clause.is_some() {
        return Parameters::Other;
    }
    let mut parameters = generics.params.iter();
    match (parameters.next(), parameters.next()) {
        (None, None) => Parameters::None,
        (Some(GenericParam::Type(t)), None) if t.ident == "T" && t.default.is_none() => {
            let mut bounds = t.bounds.iter();
            match (bounds.next(), bounds.next()) {
                (None, None) => Parameters::T,
                (Some(TypeParamBound::Trait(bound)), None)
                    if bound.path.segments.last().is_some_and(|s| s.ident == "Config") =>
                {
                    Parameters::TConfig
                }
                _ => Parameters::Other,
            }
        }
        _ => Parameters::Other,
    }
}

/// Reports an item of another name than the one that generated code uses.
pub fn expect_name(ident: &Ident, name: &str, helper: &str, report: &mut Report) {
    if ident != name {
        report.at(ident, format!("the `#[pallet::{helper}]` item is named `{name}`"));
    }
}

/// Reports an item that the rest of the runtime could not reach.
pub fn expect_public(visibility: &Visibility, ident: &Ident, report: &mut Report) {
    if !matches!(visibility, Visibility::Public(_)) {
        report.at(ident, format!("`{ident}` must be `pub`: the runtime uses it"));
    }
}

/// Reports an `impl` that is not `impl<T: Config> Trait for Pallet<T>` (no trait: `impl<T: Config> Pallet<T>`).
pub fn expect_impl(item: &ItemImpl, of: Option<&str>, for_type: &str, helper: &str, report: &mut Report) {
    let expected = match of {
        Some(of) => format!("impl<T: Config> {of} for {for_type}"),
        None => format!("impl<T: Config> {for_type}"),
    };
    let target = for_type.trim_end_matches("<T>");
    let trait_name = item
        .trait_
        .as_ref()
        .and_then(|(_, path, _)| path.segments.last())
        .map(|s| s.ident.to_string());
    let trait_fits = trait_name.as_deref() == of.map(|of| of.trim_end_matches("<T>"));
    let type_fits = last_segment(&item.self_ty).is_some_and(|segment| segment.ident == target);
    if !trait_fits || !type_fits {
        let place: &dyn quote::ToTokens = match &item.trait_ {
            Some((_, path, _)) if !trait_fits => path,
            _ => &item.self_ty,
        };
        report.at(place, format!("`#[pallet::{helper}]` stands on `{expected}`"));
    } else if parameters(&item.generics) != Parameters::TConfig {
        report.at(&item.self_ty, format!("the generics differ: write `{expected}`"));
    }
}
