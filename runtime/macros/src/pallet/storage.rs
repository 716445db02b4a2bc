//! `#[pallet::storage]`: an alias of a storage type whose `_` becomes a generated type that knows the item's prefix.

use super::shape::{Parameters, last_segment, parameters};
use crate::{
    attributes::{conditions, docs, docs_vec},
    report::Report,
};
use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{
    Attribute, GenericArgument, Ident, Item, ItemType, PathArguments, PathSegment, Type, Visibility, parse_quote,
};

const HASHERS: &[&str] = &["Blake2_128Concat", "Twox64Concat", "Identity"];
const QUERIES: &[&str] = &["OptionQuery", "ValueQuery"];

pub struct Storage {
    ident: Ident,
    visibility: Visibility,
    generic: bool,
    docs: Vec<String>,
    /// `#[cfg(..)]`
    conditions: Vec<Attribute>,
}

/// A storage type: how it is written, its number of arguments without the query kind, where its hashers are.
struct Kind {
    shape: &'static str,
    arguments: usize,
    hashers: &'static [usize],
}

fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        "StorageValue" => Kind {
            shape: "StorageValue<_, Value>",
            arguments: 2,
            hashers: &[],
        },
        "StorageMap" => Kind {
            shape: "StorageMap<_, Hasher, Key, Value>",
            arguments: 4,
            hashers: &[1],
        },
        "StorageDoubleMap" => Kind {
            shape: "StorageDoubleMap<_, Hasher1, Key1, Hasher2, Key2, Value>",
            arguments: 6,
            hashers: &[1, 3],
        },
        _ => return None,
    })
}

impl Storage {
    /// After `others` of the pallet.
    pub fn parse(item: &mut Item, others: &[Self], report: &mut Report) -> Option<Self> {
        if let Item::Type(second) = &*item
            && others
                .iter()
                .any(|other| other.conditions.is_empty() && other.ident == second.ident)
        {
            report.at(
                &second.ident,
                format!("the pallet has a storage item `{}` already", second.ident),
            );
            // Or the compiler would report all that is made for it.
            *item = parse_quote!(
                const _: () = ();
            );
            return None;
        }
        let Item::Type(item) = item else {
            report.at(
                item,
                "`#[pallet::storage]` stands on `pub type Name<T> = StorageValue<_, ..>` or alike",
            );
            return None;
        };
        let parameters = parameters(&item.generics);
        if parameters == Parameters::Other {
            report.at(
                &item.generics,
                "a storage item has no parameters, `<T>` or `<T: Config>`",
            );
            return None;
        }
        if !fill_in_prefix(item, parameters != Parameters::None, report) {
            return None;
        }
        if parameters == Parameters::TConfig {
            // The bound lets the right side name `T::Something`; elsewhere the compiler would call it useless.
            item.attrs.push(parse_quote!(#[allow(type_alias_bounds)]));
        }
        Some(Self {
            ident: item.ident.clone(),
            visibility: item.vis.clone(),
            generic: parameters != Parameters::None,
            docs: docs(&item.attrs),
            conditions: conditions(&item.attrs),
        })
    }

    /// The type that stands for `_`.
    pub fn expand(&self, pallet_name: &str) -> TokenStream {
        let Self {
            ident,
            visibility,
            generic,
            conditions,
            ..
        } = self;
        let (prefix, name) = (prefix_ident(ident), ident.to_string());
        let (parameters, body) = match generic {
            true => (quote!(<T>), quote!((::core::marker::PhantomData<T>))),
            false => (quote!(), quote!()),
        };
        quote! {
            #(#conditions)*
            #[doc(hidden)]
            #visibility struct #prefix #parameters #body;

            #(#conditions)*
            impl #parameters ::quids_support::storage::StorageInstance for #prefix #parameters {
                const PREFIX: [u8; 32] = ::quids_support::storage::hasher::storage_prefix(#pallet_name, #name);
            }
        }
    }

    /// A statement that adds it to `entries`.
    pub fn metadata(&self) -> TokenStream {
        let (ident, name, docs) = (&self.ident, self.ident.to_string(), docs_vec(&self.docs));
        let (arguments, conditions) = (self.generic.then(|| quote!(::<T>)), &self.conditions);
        // At the item's place, so that a value without an encoding is reported there.
        let metadata = quote_spanned!(ident.span()=> #ident #arguments::metadata(#name, #docs));
        quote!(#(#conditions)* entries.push(#metadata);)
    }
}

fn prefix_ident(ident: &Ident) -> Ident {
    format_ident!("_{ident}Prefix", span = ident.span())
}

/// Replaces `_` in the alias; false if it is no storage type. Reports arguments that do not fit, and puts in what is
/// missing, so that uses of the item are not reported as well.
fn fill_in_prefix(item: &mut ItemType, generic: bool, report: &mut Report) -> bool {
    let prefix = prefix_ident(&item.ident);
    let prefix: Type = if generic {
        parse_quote!(#prefix<T>)
    } else {
        parse_quote!(#prefix)
    };
    let whole = item.ty.clone();
    let Some((kind, segment)) = storage_segment(&mut item.ty) else {
        report.at(
            whole,
            "a storage item is a `StorageValue`, `StorageMap` or `StorageDoubleMap`",
        );
        return false;
    };
    let shape = kind.shape;
    let mut types = type_arguments(&segment.arguments);
    match types.first() {
        Some(Type::Infer(_)) => types[0] = prefix,
        other => {
            let place: &dyn ToTokens = other.map_or(&whole as _, |ty| ty as _);
            report.at(
                place,
                format!("the first argument is `_`, the macro fills it in: write `{shape}`"),
            );
            let has_query = types.last().is_some_and(|ty| is_one_of(ty, QUERIES));
            if types.len() - usize::from(has_query) < kind.arguments {
                types.insert(0, prefix);
            } else {
                types[0] = prefix;
            }
        }
    }
    for at in kind.hashers {
        if let Some(ty) = types.get(*at).filter(|ty| !is_one_of(ty, HASHERS)) {
            report.at(
                ty,
                format!("here stands the hasher, `{}`: write `{shape}`", HASHERS.join("`, `")),
            );
            types.insert(*at, parse_quote!(::quids_support::storage::Blake2_128Concat));
        }
    }
    if types.len() < kind.arguments || types.len() > kind.arguments + 1 {
        let message =
            format!("wrong number of arguments: write `{shape}`, and after it `ValueQuery` if it has a default");
        report.at(whole, message);
        types.resize(kind.arguments, parse_quote!(()));
        for at in kind.hashers {
            types[*at] = parse_quote!(::quids_support::storage::Blake2_128Concat);
        }
    }
    segment.arguments = PathArguments::AngleBracketed(parse_quote!(<#(#types),*>));
    true
}

/// The last segment of a storage type's path.
fn storage_segment(ty: &mut Type) -> Option<(Kind, &mut PathSegment)> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last_mut()?;
    Some((kind(&segment.ident.to_string())?, segment))
}

fn type_arguments(arguments: &PathArguments) -> Vec<Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    });
    types.collect()
}

fn is_one_of(ty: &Type, names: &[&str]) -> bool {
    last_segment(ty).is_some_and(|segment| names.iter().any(|name| segment.ident == name))
}
