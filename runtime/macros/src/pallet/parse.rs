//! The pallet as the user wrote it: each marked item read by its part, the rest untouched.

use super::{
    call::Calls,
    config::Config,
    error::Error,
    event::Event,
    genesis,
    shape::{Parameters, expect_impl, expect_name, expect_public, parameters},
    storage::Storage,
};
use crate::{
    attributes::{self, Helper, Place, docs},
    report::Report,
};
use proc_macro2::TokenStream;
use syn::{Expr, ExprLit, Fields, Ident, Item, ItemMod, Lit, MetaNameValue, parse_quote};

pub struct Pallet {
    pub name: String,
    /// The module without its items.
    pub module: ItemMod,
    pub items: Vec<Item>,
    pub docs: Vec<String>,
    pub config: Option<Config>,
    pub storage: Vec<Storage>,
    pub calls: Option<Calls>,
    pub event: Option<Event>,
    pub error: Option<Error>,
    pub genesis: Option<Ident>,
    pub has_hooks: bool,
    pub has_inherent: bool,
    pub has_validate_unsigned: bool,
}

/// The name in `#[pallet(name = "Balances")]`; after a mistake the module's.
pub fn name(arguments: TokenStream, module: &ItemMod, report: &mut Report) -> String {
    let otherwise = module.ident.to_string();
    let missing = "the pallet's name is missing: write `#[quids_support::pallet(name = \"Name\")]`";
    if arguments.is_empty() {
        report.at(&module.ident, missing);
        return otherwise;
    }
    let Ok(pair) = syn::parse2::<MetaNameValue>(arguments.clone()) else {
        report.at(&arguments, missing);
        return otherwise;
    };
    if !pair.path.is_ident("name") {
        report.at(&pair.path, missing);
        return otherwise;
    }
    let Expr::Lit(ExprLit {
        lit: Lit::Str(name), ..
    }) = &pair.value
    else {
        report.at(&pair.value, "the pallet's name is a string: `name = \"Name\"`");
        return otherwise;
    };
    if name.parse::<Ident>().is_err() {
        report.at(
            name,
            "the pallet's name is an identifier, as it stands in `construct_runtime!`",
        );
        return otherwise;
    }
    name.value()
}

impl Pallet {
    /// `None` only for a module without a body.
    pub fn parse(name: String, mut module: ItemMod, report: &mut Report) -> Option<Self> {
        let Some((_, items)) = module.content.take() else {
            report.at(&module, "a pallet's module has its items here: `pub mod pallet { .. }`");
            return None;
        };
        let mut pallet = Self {
            name,
            docs: docs(&module.attrs),
            module,
            items: Vec::with_capacity(items.len()),
            config: None,
            storage: Vec::new(),
            calls: None,
            event: None,
            error: None,
            genesis: None,
            has_hooks: false,
            has_inherent: false,
            has_validate_unsigned: false,
        };
        let mut found: Vec<Helper> = Vec::new();
        for mut item in items {
            let helper = match attributes_of(&mut item) {
                Some(attributes) => sole_helper(attributes::take(attributes, Place::Item, report), report),
                None => None,
            };
            let Some(helper) = helper else {
                attributes::refuse_all(&mut item, report);
                pallet.items.push(item);
                continue;
            };
            let is_second = !helper.is("storage") && found.iter().any(|other| other.name == helper.name);
            if is_second {
                report.at(
                    &helper.attribute,
                    format!("a pallet has one `#[pallet::{}]`, this is the second", helper.name),
                );
                continue;
            }
            pallet.part(&helper, &mut item, report);
            attributes::refuse_all(&mut item, report);
            pallet.items.push(item);
            found.push(helper);
        }
        let found = |name: &str| found.iter().find(|helper| helper.is(name));
        pallet.complete(found, report);
        Some(pallet)
    }

    /// Reads one marked item.
    fn part(&mut self, helper: &Helper, item: &mut Item, report: &mut Report) {
        match helper.name.to_string().as_str() {
            "config" => self.config = Config::parse(item, report),
            "pallet" => fit_pallet_struct(item, report),
            "storage" => self.storage.extend(Storage::parse(item, &self.storage, report)),
            "call" => self.calls = Calls::parse(item, report),
            "event" => self.event = Event::parse(item, report),
            "error" => self.error = Error::parse(item, report),
            "genesis_config" => self.genesis = genesis::parse(item, report),
            "genesis_build" => check_impl(item, "BuildGenesis<T>", "GenesisConfig", "genesis_build", report),
            "hooks" => {
                self.has_hooks = true;
                check_impl(item, "Hooks", "Pallet<T>", "hooks", report);
            }
            "inherent" => {
                self.has_inherent = true;
                check_impl(item, "ProvideInherent", "Pallet<T>", "inherent", report);
            }
            "validate_unsigned" => {
                self.has_validate_unsigned = true;
                check_impl(item, "ValidateUnsigned", "Pallet<T>", "validate_unsigned", report);
            }
            other => unreachable!("`attributes::take` let `{other}` through"),
        }
    }

    /// Reports what is missing, and puts something in its place that keeps the rest compiling.
    fn complete<'a>(&mut self, found: impl Fn(&str) -> Option<&'a Helper>, report: &mut Report) {
        let module = self.module.ident.clone();
        if found("config").is_none() {
            report.at(
                &module,
                "the pallet has no `#[pallet::config]`: add `#[pallet::config] pub trait Config: pallet_system::Config {}`",
            );
            self.items.push(match self.event {
                Some(_) => parse_quote! {
                    pub trait Config:
                        ::quids_support::composition::Composition<RuntimeEvent: From<Event<Self>>> {}
                },
                None => parse_quote!(
                    pub trait Config: ::quids_support::composition::Composition {}
                ),
            });
        }
        if found("pallet").is_none() {
            report.at(
                &module,
                "the pallet has no `#[pallet::pallet]`: add `#[pallet::pallet] pub struct Pallet<T>(PhantomData<T>);`",
            );
            self.items.push(parse_quote!(
                pub struct Pallet<T>(::core::marker::PhantomData<T>);
            ));
        }
        match (found("genesis_config"), found("genesis_build")) {
            (Some(config), None) => {
                report.at(
                    &config.attribute,
                    "there is no `#[pallet::genesis_build]`: add `impl<T: Config> BuildGenesis<T> for GenesisConfig`",
                );
                self.genesis = None;
            }
            (None, Some(build)) => {
                report.at(
                    &build.attribute,
                    "there is no `#[pallet::genesis_config]` that it could build from",
                );
            }
            _ => {}
        }
        if let (Some(config), Some(event)) = (&self.config, &mut self.event)
            && !config.names_event
        {
            report.at(
                &config.ident,
                "the pallet has events, so the runtime's must include them: \
                 write `pub trait Config: pallet_system::Config<RuntimeEvent: From<Event<Self>>>`",
            );
            event.reaches_runtime = false;
        }
    }
}

/// The attributes of the kinds of items that can be parts of a pallet or be mistaken for one.
fn attributes_of(item: &mut Item) -> Option<&mut Vec<syn::Attribute>> {
    Some(match item {
        Item::Const(item) => &mut item.attrs,
        Item::Enum(item) => &mut item.attrs,
        Item::Fn(item) => &mut item.attrs,
        Item::Impl(item) => &mut item.attrs,
        Item::Macro(item) => &mut item.attrs,
        Item::Mod(item) => &mut item.attrs,
        Item::Static(item) => &mut item.attrs,
        Item::Struct(item) => &mut item.attrs,
        Item::Trait(item) => &mut item.attrs,
        Item::Type(item) => &mut item.attrs,
        Item::Union(item) => &mut item.attrs,
        Item::Use(item) => &mut item.attrs,
        _ => return None,
    })
}

fn sole_helper(helpers: Vec<Helper>, report: &mut Report) -> Option<Helper> {
    let mut helpers = helpers.into_iter();
    let first = helpers.next();
    for other in helpers {
        report.at(
            &other.attribute,
            "an item has one `#[pallet::…]` attribute, this is the second",
        );
    }
    first
}

/// Reports a `Pallet` of another shape, and gives it this one.
fn fit_pallet_struct(item: &mut Item, report: &mut Report) {
    let expected = "`#[pallet::pallet]` stands on `pub struct Pallet<T>(PhantomData<T>);`";
    let Item::Struct(item) = item else {
        report.at(item, expected);
        return;
    };
    expect_name(&item.ident, "Pallet", "pallet", report);
    expect_public(&item.vis, &item.ident, report);
    let is_phantom = match &item.fields {
        Fields::Unnamed(fields) => fields.unnamed.len() == 1,
        _ => false,
    };
    if parameters(&item.generics) != Parameters::T || !is_phantom {
        report.at(&item.ident, expected);
        *item = parse_quote!(
            pub struct Pallet<T>(::core::marker::PhantomData<T>);
        );
    }
}

fn check_impl(item: &Item, of: &str, for_type: &str, helper: &str, report: &mut Report) {
    match item {
        Item::Impl(item) => expect_impl(item, Some(of), for_type, helper, report),
        _ => report.at(
            item,
            format!("`#[pallet::{helper}]` stands on `impl<T: Config> {of} for {for_type}`"),
        ),
    }
}
