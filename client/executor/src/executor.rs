//! The executor: loads runtimes and remembers them.

use crate::{
    CheckError, ExecutorError, Runtime,
    check::{Checker, Next, read_version},
    engine::{Compiler, Metering, Ticker},
    instance::Bound,
    limits::{LOAD_DEADLINE, RUNTIMES_MAX},
    metrics::Metrics,
    runtime::Services,
    validate::validate,
};
use parking_lot::Mutex;
use quids_api::CheckedRuntime;
use quids_core::{Hash, Header};
use quids_io::{Externalities, MemoryExternalities, within};
use quids_metrics::Registry;
use std::{path::PathBuf, sync::Arc};

/// How to set up an executor.
#[derive(Clone, Debug, Default)]
pub struct ExecutorConfig {
    /// Where compiled code is kept between runs; nowhere if `None`.
    pub cache_dir: Option<PathBuf>,
}

/// Loads runtimes. Clones share everything; one is enough for a node.
#[derive(Clone)]
pub struct Executor {
    inner: Arc<Inner>,
}

struct Inner {
    compiler: Compiler,
    services: Arc<Services>,
    /// The last used comes last.
    runtimes: Mutex<Vec<Arc<Runtime>>>,
    /// Held while compiling, so that two callers do not compile the same code.
    loading: Mutex<()>,
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor")
            .field("runtimes", &*self.inner.runtimes.lock())
            .finish()
    }
}

impl Executor {
    /// Starts the engines. An error means that this machine does not let the pool of instances be reserved, or
    /// that the cache directory cannot be used.
    pub fn new(config: ExecutorConfig) -> Result<Self, ExecutorError> {
        Self::with_metrics(config, &Registry::new())
    }

    /// As `new`, with its metrics in this registry.
    pub fn with_metrics(config: ExecutorConfig, registry: &Registry) -> Result<Self, ExecutorError> {
        let metrics = Metrics::new(registry).map_err(|error| ExecutorError::Engine(error.to_string()))?;
        let metrics = Arc::new(metrics);
        let cache_dir = config.cache_dir.as_deref();
        let compiler = Compiler::new(Metering::Epochs, cache_dir, metrics.clone())?;
        let ticker = Ticker::start(compiler.engine())?;
        let services = Arc::new(Services::new(Checker::new(cache_dir, metrics)?, ticker));
        let inner = Inner {
            compiler,
            services,
            runtimes: Mutex::default(),
            loading: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Checks and compiles `code`, and learns its versions; or finds it among the last `RUNTIMES_MAX` used.
    pub fn load(&self, code: &[u8]) -> Result<Arc<Runtime>, ExecutorError> {
        let code_hash: Hash = quids_crypto::blake3_256(code).into();
        if let Some(runtime) = self.loaded(&code_hash) {
            return Ok(runtime);
        }
        let facts = validate(code)?;
        let _loading = self.inner.loading.lock();
        if let Some(runtime) = self.loaded(&code_hash) {
            return Ok(runtime);
        }
        let services = self.inner.services.clone();
        let prepared = Arc::new(self.inner.compiler.prepare(code, &code_hash, &facts)?);
        let version = {
            let deadline = services.ticker.deadline(LOAD_DEADLINE);
            within(&mut MemoryExternalities::default(), || {
                let mut instance = services.fresh(&prepared, None)?;
                read_version(&mut instance, &prepared, Bound::ticks(deadline.ticks))
            })?
        };
        let runtime = Arc::new(Runtime {
            code_hash,
            version,
            prepared,
            services,
        });
        let mut runtimes = self.inner.runtimes.lock();
        if runtimes.len() >= RUNTIMES_MAX {
            runtimes.remove(0);
        }
        runtimes.push(runtime.clone());
        Ok(runtime)
    }

    /// The runtime with this code hash if it was loaded lately, without needing its code.
    pub fn loaded(&self, code_hash: &Hash) -> Option<Arc<Runtime>> {
        let mut runtimes = self.inner.runtimes.lock();
        let position = runtimes.iter().position(|runtime| runtime.code_hash == *code_hash)?;
        let runtime = runtimes.remove(position);
        runtimes.push(runtime.clone());
        Some(runtime)
    }

    /// Compiles `code` for the trial run that is to come, if it is not compiled.
    pub fn prepare_check(&self, code: &[u8]) -> Result<(), ExecutorError> {
        self.inner.services.checker.prepare(code).map(drop)
    }

    /// Static checks and trial run of `code` on the state of `ext`, which is left as it was; with the header of the `next` block, that
    /// block without transactions too. Whether the version may
    /// follow the present one is for the caller to judge.
    pub fn check_runtime(
        &self,
        code: &[u8],
        next: Option<&Header>,
        ext: &mut dyn Externalities,
    ) -> Result<CheckedRuntime, CheckError> {
        let next = next.map_or(Next::Later, |header| Next::Block(Box::new(header.clone())));
        within(ext, || self.inner.services.checker.check(code, &next))
    }
}
