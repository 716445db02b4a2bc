//! The methods by namespace.

mod archive;
mod author;
mod chain;
mod chain_head;
mod chain_spec;
mod consensus;
mod eth;
mod keys;
mod payment;
mod quids;
mod registry;
mod rpc;
mod signing;
mod state;
mod storage;
mod subscribe;
mod system;
mod trace;
mod transaction;
mod upgrade;

pub use chain_head::{ChainHeadLimits, Follows};
pub use transaction::Broadcasts;

use crate::error::{RpcError, from_backend};
use crate::params::Arguments;
use crate::spec::Interface;
use crate::{Backend, Config};
use chain_head::Pins;
use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use quids_core::{Hash, Header};
use registry::{Registered, Registry};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What every method reaches.
pub struct Context {
    pub backend: Arc<dyn Backend>,
    pub config: Config,
    /// Blocks that follow subscriptions keep.
    pub pins: Arc<Pins>,
    /// One permit for each archive subscription that may be worked on.
    pub archive_streams: Arc<Semaphore>,
    /// What subscriptions and operations do on blocking threads, a permit each: they leave threads to calls.
    pub turns: Arc<Semaphore>,
    /// What Ethereum's methods remember.
    pub eth: eth::Shared,
    /// What requests leave behind in memory after they are answered, a permit a KiB.
    kept_kib: Arc<Semaphore>,
}

/// KiB that all requests together may leave behind.
const KEPT_KIB_MAX: usize = 64 << 10;

impl Context {
    fn new(backend: Arc<dyn Backend>, config: Config) -> Self {
        Self {
            pins: Arc::new(Pins::new(backend.clone(), config.chain_head.clone())),
            archive_streams: Arc::new(Semaphore::new(archive::STREAMS_MAX)),
            turns: Arc::new(Semaphore::new((config.max_blocking_threads / 2).max(2))),
            eth: eth::Shared::default(),
            kept_kib: Arc::new(Semaphore::new(KEPT_KIB_MAX)),
            backend,
            config,
        }
    }
}

impl Context {
    /// A share of the memory for what outlives its request, to be held as long; `None` if there is no more.
    pub fn keep(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes / 1024).ok()?.checked_add(1)?;
        self.kept_kib.clone().try_acquire_many_owned(kib).ok()
    }
}

/// Runs what may block on a thread for it, when it is its turn; `None` if it panicked or the runtime shuts down.
async fn blocking<R: Send + 'static>(context: &Context, run: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    let turn = context.turns.clone().acquire_owned().await.ok()?;
    let task = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        run()
    });
    task.await.ok()
}

type Module = RpcModule<Context>;

/// All methods, aliases and subscriptions.
pub fn module(backend: Arc<dyn Backend>, config: Config) -> Result<Module, RegisterMethodError> {
    let mut registry = Registry::serving(Context::new(backend, config));
    register(&mut registry)?;
    // UNWRAP: a registry that serves has a module.
    Ok(registry.into_parts().0.expect("made with a module"))
}

/// All that the server offers.
pub fn interface() -> Interface {
    let mut registry = Registry::describing();
    // UNWRAP: registering without a module cannot fail.
    register(&mut registry).expect("nothing is registered");
    registry.into_parts().1
}

fn register(registry: &mut Registry) -> Registered {
    archive::register(registry)?;
    author::register(registry)?;
    chain::register(registry)?;
    keys::register(registry)?;
    chain_head::register(registry)?;
    chain_spec::register(registry)?;
    consensus::register(registry)?;
    eth::register(registry)?;
    payment::register(registry)?;
    quids::register(registry)?;
    upgrade::register(registry)?;
    rpc::register(registry)?;
    signing::register(registry)?;
    state::register(registry)?;
    storage::register(registry)?;
    system::register(registry)?;
    trace::register(registry)?;
    transaction::register(registry)
}

/// The block that an optional parameter names, else the best.
fn block_or_best(backend: &dyn Backend, arguments: &Arguments, name: &str) -> Result<Hash, RpcError> {
    Ok(arguments.optional_hash(name)?.unwrap_or_else(|| backend.best_hash()))
}

/// A header that must be there.
fn header_of(backend: &dyn Backend, hash: Hash) -> Result<Header, RpcError> {
    backend
        .header(hash)
        .and_then(|header| header.ok_or(crate::BackendError::UnknownBlock(hash)))
        .map_err(from_backend)
}
