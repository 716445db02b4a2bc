//! The types of a runtime: outer call, event and error, the composition, hooks, genesis.

use super::parse::{Pallet, Runtime};
use crate::attributes::docs_only;
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, spanned::Spanned};

pub fn expand(runtime: &Runtime) -> TokenStream {
    let Runtime {
        attributes,
        call_filter,
        visibility,
        ident,
        pallets,
    } = runtime;
    let docs = docs_only(attributes);
    let aliases = pallets.iter().map(|Pallet { name, path, .. }| {
        let docs = format!("The pallet `{name}` of this runtime.");
        quote! {
            #[doc = #docs]
            #visibility type #name = #path::Pallet<#ident>;
        }
    });
    let assertions = pallets.iter().map(|Pallet { name, .. }| {
        let text = name.to_string();
        quote_spanned! {name.span()=>
            const _: () = ::quids_support::composition::assert_name(
                #text,
                <#name as ::quids_support::composition::PalletParts>::NAME,
            );
        }
    });
    let call = outer_enum(
        runtime,
        "RuntimeCall",
        "Call",
        "HAS_CALLS",
        "Every call of the runtime, by pallet.",
    );
    let event = outer_enum(
        runtime,
        "RuntimeEvent",
        "Event",
        "HAS_EVENTS",
        "Every event of the runtime, by pallet.",
    );
    let dispatch = dispatch(pallets, call_filter.as_ref());
    let error = error(runtime);
    let composition = composition(runtime);
    let hooks = hooks(runtime);
    let genesis = genesis(runtime);
    let methods = methods(runtime);
    quote! {
        #(#docs)*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, ::quids_support::__private::scale_info::TypeInfo)]
        #[scale_info(crate = ::quids_support::__private::scale_info)]
        #visibility struct #ident;

        #(#aliases)*
        #(#assertions)*
        #call
        #event
        #dispatch
        #error
        #composition
        #hooks
        #genesis
        #methods
    }
}

/// The enum of all pallets' calls or events. Pallets without any have a variant that has no value and that metadata
/// leaves out.
fn outer_enum(runtime: &Runtime, name: &str, part: &str, has: &str, docs: &str) -> TokenStream {
    let Runtime {
        visibility, pallets, ..
    } = runtime;
    let (ident, part, has) = (format_ident!("{name}"), format_ident!("{part}"), format_ident!("{has}"));
    let names: Vec<&Ident> = pallets.iter().map(|pallet| &pallet.name).collect();
    let paths: Vec<_> = pallets.iter().map(|pallet| &pallet.path).collect();
    let runtime = &runtime.ident;
    let texts = names.iter().map(|name| name.to_string());
    let indices: Vec<u8> = pallets.iter().map(|pallet| pallet.index).collect();
    quote! {
        #[doc = #docs]
        #[derive(
            Clone, PartialEq, Eq, Debug,
            ::quids_support::__private::codec::Encode,
            ::quids_support::__private::codec::Decode,
            ::quids_support::__private::codec::DecodeWithMemTracking,
        )]
        #[codec(crate = ::quids_support::__private::codec)]
        #visibility enum #ident {
            #(
                #[codec(index = #indices)]
                #names(#paths::#part<#runtime>),
            )*
        }

        impl ::quids_support::__private::scale_info::TypeInfo for #ident {
            type Identity = Self;
            fn type_info() -> ::quids_support::__private::scale_info::Type {
                ::quids_support::composition::outer_enum(#name, module_path!(), [
                    #(
                        <#names as ::quids_support::composition::PalletParts>::#has.then(|| (
                            #texts,
                            #indices,
                            ::quids_support::__private::scale_info::meta_type::<#paths::#part<#runtime>>(),
                        )),
                    )*
                ].into_iter().flatten())
            }
        }

        #(
            impl From<#paths::#part<#runtime>> for #ident {
                fn from(inner: #paths::#part<#runtime>) -> Self {
                    Self::#names(inner)
                }
            }
        )*
    }
}

fn dispatch(pallets: &[Pallet], filter: Option<&syn::Path>) -> TokenStream {
    let names: Vec<&Ident> = pallets.iter().map(|pallet| &pallet.name).collect();
    // At the filter's place, so that a type that is none is reported there.
    let admit = filter.map(|filter| {
        quote_spanned! {filter.span()=>
            <#filter as ::quids_support::filter::CallFilter<RuntimeCall>>::admit(&origin, &self)?;
        }
    });
    quote! {
        impl ::quids_support::dispatch::Dispatchable for RuntimeCall {
            fn dispatch(
                self,
                origin: ::quids_support::origin::Origin,
            ) -> ::quids_support::dispatch::DispatchResultWithPostInfo {
                #admit
                match self {
                    #(Self::#names(call) => ::quids_support::dispatch::Dispatchable::dispatch(call, origin),)*
                }
            }
        }

        impl ::quids_support::dispatch::GetDispatchInfo for RuntimeCall {
            fn dispatch_info(&self) -> ::quids_support::dispatch::DispatchInfo {
                match self {
                    #(Self::#names(call) => ::quids_support::dispatch::GetDispatchInfo::dispatch_info(call),)*
                }
            }

            fn call_name(&self) -> (&'static str, &'static str) {
                match self {
                    #(Self::#names(call) => ::quids_support::dispatch::GetDispatchInfo::call_name(call),)*
                }
            }
        }
    }
}

fn error(runtime: &Runtime) -> TokenStream {
    let Runtime { visibility, ident, .. } = runtime;
    quote! {
        /// The errors of all pallets, for metadata: no value exists.
        #visibility enum RuntimeError {}

        impl ::quids_support::__private::scale_info::TypeInfo for RuntimeError {
            type Identity = Self;
            fn type_info() -> ::quids_support::__private::scale_info::Type {
                let errors = #ident::pallets_metadata()
                    .into_iter()
                    .filter_map(|(index, pallet)| Some((pallet.name, index, pallet.error?)));
                ::quids_support::composition::outer_enum("RuntimeError", module_path!(), errors)
            }
        }
    }
}

fn composition(runtime: &Runtime) -> TokenStream {
    let Runtime {
        ident,
        pallets,
        call_filter,
        ..
    } = runtime;
    let open_to_contracts = call_filter.as_ref().map(|filter| {
        quote! {
            fn is_open_to_contracts(call: &RuntimeCall) -> bool {
                <#filter as ::quids_support::filter::CallFilter<RuntimeCall>>::is_open_to_contracts(call)
            }
        }
    });
    let names = pallets.iter().map(|pallet| pallet.name.to_string());
    let indices = pallets.iter().map(|pallet| pallet.index);
    quote! {
        impl ::quids_support::composition::Composition for #ident {
            type RuntimeCall = RuntimeCall;
            type RuntimeEvent = RuntimeEvent;
            fn pallet_index(name: &str) -> Option<u8> {
                match name {
                    #(#names => Some(#indices),)*
                    _ => None,
                }
            }
            #open_to_contracts
        }
    }
}

fn hooks(runtime: &Runtime) -> TokenStream {
    let Runtime {
        visibility, pallets, ..
    } = runtime;
    let names: Vec<&Ident> = pallets.iter().map(|pallet| &pallet.name).collect();
    let texts = names.iter().map(|name| name.to_string());
    let weight = quote!(::quids_support::__private::quids_core::Weight);
    let height = quote!(::quids_support::__private::quids_core::Height);
    quote! {
        /// All pallets, in the order in which the runtime declares them.
        #visibility struct AllPallets;

        impl ::quids_support::hooks::Hooks for AllPallets {
            fn on_initialize(height: #height) -> #weight {
                let used = #weight::ZERO;
                #(let used = used.saturating_add(<#names as ::quids_support::hooks::Hooks>::on_initialize(height));)*
                used
            }

            fn on_finalize(height: #height) {
                #(<#names as ::quids_support::hooks::Hooks>::on_finalize(height);)*
            }

            fn on_idle(height: #height, remaining: #weight) -> #weight {
                let used = #weight::ZERO;
                #(
                    let used = used.saturating_add(
                        <#names as ::quids_support::hooks::Hooks>::on_idle(height, remaining.saturating_sub(used)),
                    );
                )*
                used
            }

            fn on_runtime_upgrade() -> #weight {
                let used = #weight::ZERO;
                #(let used = used.saturating_add(<#names as ::quids_support::hooks::Hooks>::on_runtime_upgrade());)*
                used
            }

            fn try_state() -> Result<(), ::quids_support::__private::String> {
                #(
                    <#names as ::quids_support::hooks::Hooks>::try_state()
                        .map_err(|broken| ::quids_support::composition::of_pallet(#texts, &broken))?;
                )*
                Ok(())
            }
        }
    }
}

fn genesis(runtime: &Runtime) -> TokenStream {
    let Runtime {
        visibility,
        ident,
        pallets,
        ..
    } = runtime;
    let names: Vec<&Ident> = pallets.iter().map(|pallet| &pallet.name).collect();
    let fields: Vec<Ident> = names
        .iter()
        .map(|name| Ident::new(&snake_case(&name.to_string()), name.span()))
        .collect();
    quote! {
        /// The genesis configuration of every pallet, as JSON with fields in camel case. What is left out has its
        /// default.
        #[derive(Default, ::quids_support::__private::serde::Deserialize)]
        #[serde(
            crate = "::quids_support::__private::serde", rename_all = "camelCase", deny_unknown_fields, default
        )]
        #visibility struct RuntimeGenesisConfig {
            #(pub #fields: <#names as ::quids_support::composition::PalletParts>::Genesis,)*
        }

        impl RuntimeGenesisConfig {
            /// Writes the state of every pallet, in the order in which the runtime declares them.
            pub fn build(&self) {
                #(::quids_support::genesis::BuildGenesis::<#ident>::build(&self.#fields);)*
            }
        }
    }
}

fn methods(runtime: &Runtime) -> TokenStream {
    let Runtime { ident, pallets, .. } = runtime;
    let names: Vec<&Ident> = pallets.iter().map(|pallet| &pallet.name).collect();
    let mut by_index: Vec<&Pallet> = pallets.iter().collect();
    by_index.sort_by_key(|pallet| pallet.index);
    let sorted_names = by_index.iter().map(|pallet| &pallet.name);
    let sorted_indices = by_index.iter().map(|pallet| pallet.index);
    let inherents = quote!(::quids_support::inherents);
    let api = quote!(::quids_support::__private::quids_api);
    let vec = quote!(::quids_support::__private::Vec);
    quote! {
        impl #ident {
            /// What every pallet says of itself, by index.
            pub fn pallets_metadata() -> #vec<(u8, ::quids_support::metadata::PalletMetadata)> {
                ::quids_support::__private::vec![
                    #((#sorted_indices, <#sorted_names as ::quids_support::composition::PalletParts>::metadata()),)*
                ]
            }

            /// The calls that a block's author puts first.
            pub fn create_inherents(data: &#api::InherentData) -> #vec<RuntimeCall> {
                [#(<#names as #inherents::ProvideInherent>::create_inherent(data).map(RuntimeCall::#names),)*]
                    .into_iter()
                    .flatten()
                    .collect()
            }

            /// This node's opinion of another's inherents.
            pub fn check_inherents(calls: &[RuntimeCall], data: &#api::InherentData) -> #api::CheckInherentsResult {
                let check = |call: &RuntimeCall| match call {
                    #(RuntimeCall::#names(call) => #inherents::check::<#names>(call, data),)*
                };
                #api::CheckInherentsResult { errors: calls.iter().filter_map(check).collect() }
            }

            /// Whether the call is some pallet's inherent.
            pub fn is_inherent(call: &RuntimeCall) -> bool {
                match call {
                    #(RuntimeCall::#names(call) => <#names as #inherents::ProvideInherent>::is_inherent(call),)*
                }
            }

            /// Whether a pallet accepts the call without a signature.
            pub fn validate_unsigned(
                source: #api::TransactionSource,
                call: &RuntimeCall,
            ) -> #api::TransactionValidity {
                match call {
                    #(
                        RuntimeCall::#names(call) => {
                            <#names as #inherents::ValidateUnsigned>::validate_unsigned(source, call)
                        }
                    )*
                }
            }
        }
    }
}

/// `AssetTx` as `asset_tx`.
fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}
