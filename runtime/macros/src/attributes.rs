//! The helper attributes `#[pallet::…]`, and docs.

use crate::report::Report;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Expr, ExprLit, FnArg, Ident, ImplItem, Item, Lit, Meta, TraitItem};

/// Where a helper attribute stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Item,
    Call,
    Argument,
    Constant,
}

const KNOWN: &[(&str, Place)] = &[
    ("config", Place::Item),
    ("pallet", Place::Item),
    ("storage", Place::Item),
    ("call", Place::Item),
    ("event", Place::Item),
    ("error", Place::Item),
    ("hooks", Place::Item),
    ("genesis_config", Place::Item),
    ("genesis_build", Place::Item),
    ("inherent", Place::Item),
    ("validate_unsigned", Place::Item),
    ("call_index", Place::Call),
    ("weight", Place::Call),
    ("compact", Place::Argument),
    ("constant", Place::Constant),
];

impl Place {
    fn described(self) -> &'static str {
        match self {
            Self::Item => "an item of the pallet's module",
            Self::Call => "a function of the `#[pallet::call]` impl",
            Self::Argument => "an argument of a call",
            Self::Constant => "an associated type of the `#[pallet::config]` trait",
        }
    }

    fn known(self) -> impl Iterator<Item = &'static str> {
        KNOWN
            .iter()
            .filter(move |(_, place)| *place == self)
            .map(|(name, _)| *name)
    }
}

/// A helper attribute, by its second segment.
pub struct Helper {
    pub name: Ident,
    pub attribute: Attribute,
}

impl Helper {
    pub fn is(&self, name: &str) -> bool {
        self.name == name
    }
}

/// Takes the helper attributes off; those that are unknown at this place are reported and dropped.
pub fn take(attributes: &mut Vec<Attribute>, place: Place, report: &mut Report) -> Vec<Helper> {
    let mut helpers = Vec::new();
    for helper in take_all(attributes) {
        let here = KNOWN.iter().any(|(name, at)| helper.is(name) && *at == place);
        if !here {
            report.at(&helper.attribute, unknown(&helper.name, place));
            continue;
        }
        let takes_arguments = helper.is("call_index") || helper.is("weight");
        if !takes_arguments && !matches!(helper.attribute.meta, Meta::Path(_)) {
            report.at(
                &helper.attribute,
                format!("`#[pallet::{}]` takes no arguments", helper.name),
            );
        }
        helpers.push(helper);
    }
    helpers
}

/// Reports helper attributes that stand where none has a meaning, and takes them off.
pub fn refuse_all(item: &mut Item, report: &mut Report) {
    for_each_attributes(item, &mut |attributes| {
        for helper in take_all(attributes) {
            let message = match place_of(&helper.name) {
                Some(place) => format!("`#[pallet::{}]` belongs on {}", helper.name, place.described()),
                None => format!("unknown attribute `#[pallet::{}]`: none is known here", helper.name),
            };
            report.at(&helper.attribute, message);
        }
    });
}

fn take_all(attributes: &mut Vec<Attribute>) -> Vec<Helper> {
    let mut helpers = Vec::new();
    attributes.retain(|attribute| {
        let segments = &attribute.path().segments;
        let (Some(first), Some(second), 2) = (segments.first(), segments.last(), segments.len()) else {
            return true;
        };
        if first.ident != "pallet" {
            return true;
        }
        helpers.push(Helper {
            name: second.ident.clone(),
            attribute: attribute.clone(),
        });
        false
    });
    helpers
}

fn for_each_attributes(item: &mut Item, visit: &mut dyn FnMut(&mut Vec<Attribute>)) {
    match item {
        Item::Enum(item) => {
            for variant in &mut item.variants {
                visit(&mut variant.attrs);
                variant.fields.iter_mut().for_each(|field| visit(&mut field.attrs));
            }
        }
        Item::Struct(item) => item.fields.iter_mut().for_each(|field| visit(&mut field.attrs)),
        Item::Trait(item) => {
            for item in &mut item.items {
                match item {
                    TraitItem::Type(item) => visit(&mut item.attrs),
                    TraitItem::Fn(item) => visit(&mut item.attrs),
                    TraitItem::Const(item) => visit(&mut item.attrs),
                    _ => {}
                }
            }
        }
        Item::Impl(item) => {
            for item in &mut item.items {
                match item {
                    ImplItem::Fn(function) => {
                        visit(&mut function.attrs);
                        for input in &mut function.sig.inputs {
                            match input {
                                FnArg::Typed(input) => visit(&mut input.attrs),
                                FnArg::Receiver(input) => visit(&mut input.attrs),
                            }
                        }
                    }
                    ImplItem::Type(item) => visit(&mut item.attrs),
                    ImplItem::Const(item) => visit(&mut item.attrs),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn place_of(name: &Ident) -> Option<Place> {
    KNOWN.iter().find(|(known, _)| name == known).map(|(_, place)| *place)
}

fn unknown(name: &Ident, place: Place) -> String {
    if let Some(other) = place_of(name) {
        return format!(
            "`#[pallet::{name}]` belongs on {}, this is {}",
            other.described(),
            place.described()
        );
    }
    let known: Vec<_> = place.known().map(|name| format!("`{name}`")).collect();
    let hint = nearest(&name.to_string(), place.known())
        .map(|near| format!(", did you mean `#[pallet::{near}]`?"))
        .unwrap_or_default();
    format!(
        "unknown attribute `#[pallet::{name}]`{hint}\nknown on {}: {}",
        place.described(),
        known.join(", ")
    )
}

/// The candidate with the smallest edit distance, if it is close enough to be meant.
fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, candidate) = candidates
        .map(|candidate| (edit_distance(name, candidate), candidate))
        .min()?;
    (distance <= 1 + candidate.len() / 3).then_some(candidate)
}

/// Levenshtein's distance, one row at a time.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The lines of a doc comment, each without its leading space.
pub fn docs(attributes: &[Attribute]) -> Vec<String> {
    let lines = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"))
        .filter_map(|attribute| {
            let Meta::NameValue(pair) = &attribute.meta else {
                return None;
            };
            let Expr::Lit(ExprLit {
                lit: Lit::Str(text), ..
            }) = &pair.value
            else {
                return None;
            };
            Some(text.value())
        });
    lines
        .flat_map(|text| {
            text.lines()
                .map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// `vec!["line", …]` of the doc comment's lines.
pub fn docs_vec(lines: &[String]) -> TokenStream {
    quote!(::quids_support::__private::vec![#(#lines),*])
}

/// The attributes that stay in front of generated code: docs and lints.
pub fn docs_only(attributes: &[Attribute]) -> impl Iterator<Item = impl ToTokens> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("doc"))
}

/// The `#[cfg(..)]`s among these: what is made for an item is there where the item is.
pub fn conditions(attributes: &[Attribute]) -> Vec<Attribute> {
    let is_condition = |attribute: &&Attribute| attribute.path().is_ident("cfg");
    attributes.iter().filter(is_condition).cloned().collect()
}
