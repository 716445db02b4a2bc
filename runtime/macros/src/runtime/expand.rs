//! The types of a runtime: outer call, event and error, the composition, hooks, genesis.

use super::parse::{Pallet, Runtime};
use crate::attributes::docs_only;
use proc_macro2::{Span, TokenStream};
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
    let assertions = pallets.iter().map(|Pallet { name, path, .. }| {
        let text = name.to_string();
        quote_spanned! {name.span()=>
            const _: fn() = || {
                fn is_configured<T: #path::Config>() {}
                is_configured::<#ident>();
            };
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

/// What is generated for each pallet, at the pallet's place: what its module lacks, such as a `Config` for this runtime, is reported
/// there.
fn each(pallets: &[Pallet], tokens: impl Fn(&Pallet, Span) -> TokenStream) -> Vec<TokenStream> {
    let at = |pallet: &Pallet| Span::call_site().located_at(pallet.name.span());
    pallets.iter().map(|pallet| tokens(pallet, at(pallet))).collect()
}

/// The enum of all pallets' calls or events. Pallets without any have a variant that has no value and that metadata
/// leaves out.
fn outer_enum(runtime: &Runtime, name: &str, part: &str, has: &str, docs: &str) -> TokenStream {
    let Runtime {
        visibility, pallets, ..
    } = runtime;
    let (ident, part, has) = (format_ident!("{name}"), format_ident!("{part}"), format_ident!("{has}"));
    let runtime = &runtime.ident;
    let variants = each(pallets, |Pallet { name, path, index }, at| {
        quote_spanned! {at=>
            #[codec(index = #index)]
            #name(#path::#part<#runtime>)
        }
    });
    let infos = each(pallets, |Pallet { name, path, index }, at| {
        let text = name.to_string();
        quote_spanned! {at=>
            <#name as ::quids_support::composition::PalletParts>::#has.then(|| (
                #text,
                #index,
                ::quids_support::__private::scale_info::meta_type::<#path::#part<#runtime>>(),
            ))
        }
    });
    let conversions = each(pallets, |Pallet { name, path, .. }, at| {
        quote_spanned! {at=>
            impl From<#path::#part<#runtime>> for #ident {
                fn from(inner: #path::#part<#runtime>) -> Self {
                    Self::#name(inner)
                }
            }
        }
    });
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
            #(#variants,)*
        }

        impl ::quids_support::__private::scale_info::TypeInfo for #ident {
            type Identity = Self;
            fn type_info() -> ::quids_support::__private::scale_info::Type {
                ::quids_support::composition::outer_enum(#name, module_path!(), [#(#infos,)*].into_iter().flatten())
            }
        }

        #(#conversions)*
    }
}

fn dispatch(pallets: &[Pallet], filter: Option<&syn::Path>) -> TokenStream {
    let arms = |method: TokenStream, more: TokenStream| {
        each(
            pallets,
            |Pallet { name, .. }, at| quote_spanned!(at=> Self::#name(call) => ::quids_support::dispatch::#method(call #more)),
        )
    };
    let dispatch = arms(quote!(Dispatchable::dispatch), quote!(, origin));
    let info = arms(quote!(GetDispatchInfo::dispatch_info), quote!());
    let call_name = arms(quote!(GetDispatchInfo::call_name), quote!());
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
                    #(#dispatch,)*
                }
            }
        }

        impl ::quids_support::dispatch::GetDispatchInfo for RuntimeCall {
            fn dispatch_info(&self) -> ::quids_support::dispatch::DispatchInfo {
                match self {
                    #(#info,)*
                }
            }

            fn call_name(&self) -> (&'static str, &'static str) {
                match self {
                    #(#call_name,)*
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
    let hook = |call: TokenStream| {
        each(
            pallets,
            |Pallet { name, .. }, at| quote_spanned!(at=> <#name as ::quids_support::hooks::Hooks>::#call),
        )
    };
    let initialize = hook(quote!(on_initialize(height)));
    let finalize = hook(quote!(on_finalize(height)));
    let idle = hook(quote!(on_idle(height, remaining.saturating_sub(used))));
    let upgrade = hook(quote!(on_runtime_upgrade()));
    let try_state = hook(quote!(try_state()));
    let texts = pallets.iter().map(|pallet| pallet.name.to_string());
    let weight = quote!(::quids_support::__private::quids_core::Weight);
    let height = quote!(::quids_support::__private::quids_core::Height);
    quote! {
        /// All pallets, in the order in which the runtime declares them.
        #visibility struct AllPallets;

        impl ::quids_support::hooks::Hooks for AllPallets {
            fn on_initialize(height: #height) -> #weight {
                let used = #weight::ZERO;
                #(let used = used.saturating_add(#initialize);)*
                used
            }

            fn on_finalize(height: #height) {
                #(#finalize;)*
            }

            fn on_idle(height: #height, remaining: #weight) -> #weight {
                let used = #weight::ZERO;
                #(let used = used.saturating_add(#idle);)*
                used
            }

            fn on_runtime_upgrade() -> #weight {
                let used = #weight::ZERO;
                #(let used = used.saturating_add(#upgrade);)*
                used
            }

            fn try_state() -> Result<(), ::quids_support::__private::String> {
                #(
                    #try_state.map_err(|broken| ::quids_support::composition::of_pallet(#texts, &broken))?;
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
    let field = |name: &Ident| Ident::new(&snake_case(&name.to_string()), name.span());
    let fields = each(pallets, |Pallet { name, .. }, at| {
        let field = field(name);
        quote_spanned!(at=> pub #field: <#name as ::quids_support::composition::PalletParts>::Genesis)
    });
    let builds = each(pallets, |Pallet { name, .. }, at| {
        let field = field(name);
        quote_spanned!(at=> ::quids_support::genesis::BuildGenesis::<#ident>::build(&self.#field))
    });
    quote! {
        /// The genesis configuration of every pallet, as JSON with fields in camel case. What is left out has its
        /// default.
        #[derive(Default, ::quids_support::__private::serde::Deserialize)]
        #[serde(
            crate = "::quids_support::__private::serde", rename_all = "camelCase", deny_unknown_fields, default
        )]
        #visibility struct RuntimeGenesisConfig {
            #(#fields,)*
        }

        impl RuntimeGenesisConfig {
            /// Writes the state of every pallet, in the order in which the runtime declares them.
            pub fn build(&self) {
                #(#builds;)*
            }
        }
    }
}

fn methods(runtime: &Runtime) -> TokenStream {
    let Runtime { ident, pallets, .. } = runtime;
    let mut metadata: Vec<(u8, TokenStream)> = pallets.iter().map(|pallet| pallet.index).zip(each(pallets, |Pallet { name, index, .. }, at| {
        quote_spanned!(at=> (#index, <#name as ::quids_support::composition::PalletParts>::metadata()))
    })).collect();
    metadata.sort_by_key(|(index, _)| *index);
    let metadata = metadata.into_iter().map(|(_, tokens)| tokens);
    let inherents = quote!(::quids_support::inherents);
    let api = quote!(::quids_support::__private::quids_api);
    let vec = quote!(::quids_support::__private::Vec);
    let create = each(
        pallets,
        |Pallet { name, .. }, at| quote_spanned!(at=> <#name as #inherents::ProvideInherent>::create_inherent(data).map(RuntimeCall::#name)),
    );
    let check = each(
        pallets,
        |Pallet { name, .. }, at| quote_spanned!(at=> RuntimeCall::#name(call) => #inherents::check::<#name>(call, data)),
    );
    let is_inherent = each(
        pallets,
        |Pallet { name, .. }, at| quote_spanned!(at=> RuntimeCall::#name(call) => <#name as #inherents::ProvideInherent>::is_inherent(call)),
    );
    let validate = each(pallets, |Pallet { name, .. }, at| {
        quote_spanned! {at=>
            RuntimeCall::#name(call) => <#name as #inherents::ValidateUnsigned>::validate_unsigned(source, call)
        }
    });
    quote! {
        impl #ident {
            /// What every pallet says of itself, by index.
            pub fn pallets_metadata() -> #vec<(u8, ::quids_support::metadata::PalletMetadata)> {
                ::quids_support::__private::vec![#(#metadata,)*]
            }

            /// The calls that a block's author puts first.
            pub fn create_inherents(data: &#api::InherentData) -> #vec<RuntimeCall> {
                [#(#create,)*]
                    .into_iter()
                    .flatten()
                    .collect()
            }

            /// This node's opinion of another's inherents.
            pub fn check_inherents(calls: &[RuntimeCall], data: &#api::InherentData) -> #api::CheckInherentsResult {
                let check = |call: &RuntimeCall| match call {
                    #(#check,)*
                };
                #api::CheckInherentsResult { errors: calls.iter().filter_map(check).collect() }
            }

            /// Whether the call is some pallet's inherent.
            pub fn is_inherent(call: &RuntimeCall) -> bool {
                match call {
                    #(#is_inherent,)*
                }
            }

            /// Whether a pallet accepts the call without a signature.
            pub fn validate_unsigned(
                source: #api::TransactionSource,
                call: &RuntimeCall,
            ) -> #api::TransactionValidity {
                match call {
                    #(#validate,)*
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
