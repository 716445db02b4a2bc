//! The methods by namespace, and how a function of parameters and node becomes one.

mod author;
mod chain;
mod payment;
mod state;
mod subscribe;
mod system;

use crate::error::{RpcError, from_backend};
use crate::params::Arguments;
use crate::{Backend, Config};
use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use quids_core::{Hash, Header};
use serde_json::{Value, json};
use std::sync::Arc;

/// What every method reaches.
pub struct Context {
    pub backend: Arc<dyn Backend>,
    pub config: Config,
}

type Module = RpcModule<Context>;
type Registered = Result<(), RegisterMethodError>;

/// All methods, aliases and subscriptions, `rpc_methods` included.
pub fn module(backend: Arc<dyn Backend>, config: Config) -> Result<Module, RegisterMethodError> {
    let mut module = RpcModule::new(Context { backend, config });
    system::register(&mut module)?;
    chain::register(&mut module)?;
    state::register(&mut module)?;
    author::register(&mut module)?;
    payment::register(&mut module)?;
    let mut names: Vec<_> = module.method_names().chain(["rpc_methods"]).collect();
    names.sort_unstable();
    let names = json!({ "methods": names });
    module.register_method("rpc_methods", move |_, _, _| names.clone())?;
    Ok(module)
}

/// Registers a method that may block, under its name and its older names.
fn method(
    module: &mut Module,
    name: &'static str,
    aliases: &[&'static str],
    run: fn(&dyn Backend, &mut Arguments) -> Result<Value, RpcError>,
) -> Registered {
    module.register_blocking_method(name, move |params, context, _| {
        run(&*context.backend, &mut Arguments::new(&params)?)
    })?;
    aliases.iter().try_for_each(|alias| module.register_alias(alias, name))
}

/// The block that an optional parameter names, else the best.
fn block_or_best(backend: &dyn Backend, arguments: &mut Arguments) -> Result<Hash, RpcError> {
    Ok(arguments
        .optional_hash("block hash")?
        .unwrap_or_else(|| backend.best_hash()))
}

/// A header that must be there.
fn header_of(backend: &dyn Backend, hash: Hash) -> Result<Header, RpcError> {
    backend
        .header(hash)
        .and_then(|header| header.ok_or(crate::BackendError::UnknownBlock(hash)))
        .map_err(from_backend)
}
