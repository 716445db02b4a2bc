//! `#[pallet::call]`: functions that transactions can call, and the enum of their arguments.

use super::{
    event::{derived, ignore_variant},
    shape::{expect_impl, last_segment},
};
use crate::{
    attributes::{self, Helper, Place, docs_only},
    report::Report,
};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Attribute, Expr, ExprLit, FnArg, Ident, ImplItem, ImplItemFn, Item, Lit, Meta, Pat, ReturnType, Type, Visibility,
    parse_quote, spanned::Spanned,
};

pub struct Calls {
    calls: Vec<Call>,
}

struct Call {
    ident: Ident,
    docs: Vec<Attribute>,
    /// `#[cfg]`s: the call's variant and match arms stand under the same.
    conditions: Vec<Attribute>,
    index: u8,
    weight: Expr,
    arguments: Vec<Argument>,
    /// Whether it returns `DispatchResultWithPostInfo`.
    with_post_info: bool,
}

struct Argument {
    ident: Ident,
    ty: Type,
    compact: bool,
}

impl Calls {
    pub fn parse(item: &mut Item, report: &mut Report) -> Option<Self> {
        let Item::Impl(item) = item else {
            report.at(item, "`#[pallet::call]` stands on `impl<T: Config> Pallet<T>`");
            return None;
        };
        expect_impl(item, None, "Pallet<T>", "call", report);
        let mut calls: Vec<Call> = Vec::new();
        for item in &mut item.items {
            let ImplItem::Fn(function) = item else {
                report.at(item, "here are only calls: move this to an impl of its own");
                continue;
            };
            calls.extend(Call::parse(function, &calls, report));
        }
        Some(Self { calls })
    }

    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub fn expand(&self, pallet_name: &str) -> TokenStream {
        let derived = derived(true);
        let ignore = ignore_variant();
        let variants = self.calls.iter().map(Call::variant);
        let dispatches = self.calls.iter().map(Call::dispatch);
        let infos = self.calls.iter().map(Call::info);
        let names = self.calls.iter().map(|call| {
            let (ident, name, conditions) = (&call.ident, call.ident.to_string(), &call.conditions);
            quote!(#(#conditions)* Self::#ident { .. } => (#pallet_name, #name))
        });
        quote! {
            /// The pallet's calls: a variant for each, with its arguments.
            #(#derived)*
            #[allow(non_camel_case_types)]
            pub enum Call<T: Config> {
                #(#variants,)*
                #ignore,
            }

            impl<T: Config> ::quids_support::dispatch::Dispatchable for Call<T> {
                #[allow(unused_variables)]
                fn dispatch(
                    self,
                    __origin: ::quids_support::origin::Origin,
                ) -> ::quids_support::dispatch::DispatchResultWithPostInfo {
                    match self {
                        #(#dispatches,)*
                        Self::__Ignore(_, never) => match never {},
                    }
                }
            }

            impl<T: Config> ::quids_support::dispatch::GetDispatchInfo for Call<T> {
                #[allow(unused_variables)]
                fn dispatch_info(&self) -> ::quids_support::dispatch::DispatchInfo {
                    match self {
                        #(#infos,)*
                        Self::__Ignore(_, never) => match *never {},
                    }
                }

                fn call_name(&self) -> (&'static str, &'static str) {
                    match self {
                        #(#names,)*
                        Self::__Ignore(_, never) => match *never {},
                    }
                }
            }
        }
    }
}

impl Call {
    /// Reports what is wrong. `None` if the arguments are not understood; other mistakes leave a usable call.
    fn parse(function: &mut ImplItemFn, others: &[Call], report: &mut Report) -> Option<Self> {
        let helpers = attributes::take(&mut function.attrs, Place::Call, report);
        let conditions = attributes::conditions(&function.attrs);
        let ident = function.sig.ident.clone();
        if !matches!(function.vis, Visibility::Public(_)) {
            report.at(
                &ident,
                format!("call `{ident}` must be `pub`: it is called from outside the pallet"),
            );
        }
        let index = index(&ident, &helpers, others, report);
        let weight = weight(&ident, &helpers, report);
        let arguments = arguments(function, report);
        let with_post_info = returns_post_info(function, report);
        let docs = function
            .attrs
            .iter()
            .filter(|a| a.path().is_ident("doc"))
            .cloned()
            .collect();
        Some(Self {
            ident,
            docs,
            conditions,
            index,
            weight,
            arguments: arguments?,
            with_post_info: with_post_info?,
        })
    }

    fn variant(&self) -> TokenStream {
        let Self {
            ident,
            index,
            conditions,
            ..
        } = self;
        let docs = docs_only(&self.docs);
        let fields = self.arguments.iter().map(|Argument { ident, ty, compact }| {
            let compact = compact.then(|| quote!(#[codec(compact)]));
            quote!(#compact #ident: #ty)
        });
        quote! {
            #(#docs)*
            #(#conditions)*
            #[codec(index = #index)]
            #ident { #(#fields),* }
        }
    }

    fn dispatch(&self) -> TokenStream {
        let (ident, conditions) = (&self.ident, &self.conditions);
        let arguments: Vec<_> = self.arguments.iter().map(|argument| &argument.ident).collect();
        let converted = (!self.with_post_info).then(|| quote!(.map(Into::into).map_err(Into::into)));
        quote!(#(#conditions)* Self::#ident { #(#arguments),* } => Pallet::<T>::#ident(__origin, #(#arguments),*) #converted)
    }

    fn info(&self) -> TokenStream {
        let Self {
            ident,
            weight,
            conditions,
            ..
        } = self;
        let arguments = self.arguments.iter().map(|argument| &argument.ident);
        // At the weight's place, so that a weight of another type is reported there.
        let info = quote_spanned!(weight.span()=> ::quids_support::dispatch::DispatchInfo::from(#weight));
        quote!(#(#conditions)* Self::#ident { #(#arguments),* } => #info)
    }
}

/// The number of `#[pallet::call_index(N)]`; after a mistake some number that is free.
fn index(ident: &Ident, helpers: &[Helper], others: &[Call], report: &mut Report) -> u8 {
    let free = (0..=u8::MAX)
        .rev()
        .find(|i| others.iter().all(|other| other.index != *i))
        .unwrap_or_default();
    let mut found = helpers.iter().filter(|helper| helper.is("call_index"));
    let Some(helper) = found.next() else {
        report.at(
            ident,
            format!("call `{ident}` has no index: add `#[pallet::call_index(N)]`, a number that never changes"),
        );
        return free;
    };
    if let Some(second) = found.next() {
        report.at(&second.attribute, format!("call `{ident}` has an index already"));
    }
    let literal = match &helper.attribute.meta {
        Meta::List(list) => list.parse_args::<Expr>().ok(),
        _ => None,
    };
    let number = match &literal {
        Some(Expr::Lit(ExprLit {
            lit: Lit::Int(number), ..
        })) if matches!(number.suffix(), "" | "u8") => number.base10_parse::<u8>().ok(),
        _ => None,
    };
    let Some(number) = number else {
        let place: &dyn ToTokens = literal.as_ref().map_or(&helper.attribute as _, |literal| literal as _);
        report.at(
            place,
            "a call's index is a literal from 0 to 255: `#[pallet::call_index(0)]`",
        );
        return free;
    };
    if let Some(other) = others.iter().find(|other| other.index == number) {
        report.at(&literal, format!("index {number} is taken by call `{}`", other.ident));
        return free;
    }
    number
}

/// The expression of `#[pallet::weight(..)]`; after a mistake zero.
fn weight(ident: &Ident, helpers: &[Helper], report: &mut Report) -> Expr {
    let nothing = || parse_quote!(::quids_support::__private::quids_core::Weight::ZERO);
    let mut found = helpers.iter().filter(|helper| helper.is("weight"));
    let Some(helper) = found.next() else {
        report.at(
            ident,
            format!("call `{ident}` has no weight: add `#[pallet::weight(cost::of(ref_time, reads, writes))]`"),
        );
        return nothing();
    };
    if let Some(second) = found.next() {
        report.at(&second.attribute, format!("call `{ident}` has a weight already"));
    }
    let expression = match &helper.attribute.meta {
        Meta::List(list) => report.keep(list.parse_args::<Expr>()),
        _ => {
            report.at(
                &helper.attribute,
                "the weight is missing: `#[pallet::weight(cost::of(ref_time, reads, writes))]`",
            );
            None
        }
    };
    expression.unwrap_or_else(nothing)
}

/// The arguments after the origin, which is checked.
fn arguments(function: &mut ImplItemFn, report: &mut Report) -> Option<Vec<Argument>> {
    let name = function.sig.ident.clone();
    let needs_origin = format!("the first argument of call `{name}` is who calls: write `origin: Origin`");
    if !function.sig.generics.params.is_empty() {
        report.at(
            &function.sig.generics,
            "a call takes no parameters: its arguments are encoded",
        );
        return None;
    }
    // Taken away, so that what it returns is what it says.
    if let Some(asyncness) = function.sig.asyncness.take() {
        report.at(asyncness, "a call is not async");
    }
    let mut inputs = function.sig.inputs.iter_mut();
    match inputs.next() {
        Some(FnArg::Receiver(receiver)) => {
            let message = format!("call `{name}` takes no `self`: a pallet has no value, its state is storage");
            report.at(receiver, message);
            return None;
        }
        Some(FnArg::Typed(first)) if last_segment(&first.ty).is_some_and(|s| s.ident == "Origin") => {}
        Some(FnArg::Typed(first)) => {
            report.at(&first.ty, needs_origin);
            return None;
        }
        None => {
            report.at(&name, needs_origin);
            return None;
        }
    }
    let mut arguments = Some(Vec::new());
    for input in inputs {
        let FnArg::Typed(input) = input else { continue };
        let compact = attributes::take(&mut input.attrs, Place::Argument, report)
            .iter()
            .any(|h| h.is("compact"));
        let Pat::Ident(pattern) = &*input.pat else {
            report.at(&input.pat, "an argument of a call is a plain name: clients see it");
            arguments = None;
            continue;
        };
        if let Type::Reference(reference) = &*input.ty {
            report.at(
                reference,
                "an argument of a call is decoded, so it is owned: no references",
            );
            arguments = None;
            continue;
        }
        if let Some(arguments) = &mut arguments {
            arguments.push(Argument {
                ident: pattern.ident.clone(),
                ty: (*input.ty).clone(),
                compact,
            });
        }
    }
    arguments
}

/// Whether the result is `DispatchResultWithPostInfo`; `None`, reported, if it is no dispatch result.
fn returns_post_info(function: &ImplItemFn, report: &mut Report) -> Option<bool> {
    let message = "a call returns `DispatchResult` or `DispatchResultWithPostInfo`";
    let ReturnType::Type(_, ty) = &function.sig.output else {
        report.add(syn::Error::new(function.sig.ident.span(), message));
        return None;
    };
    match last_segment(ty).map(|segment| segment.ident.to_string()).as_deref() {
        Some("DispatchResult") => Some(false),
        Some("DispatchResultWithPostInfo") => Some(true),
        _ => {
            report.add(syn::Error::new(ty.span(), message));
            None
        }
    }
}
