//! The two wasmtime engines, alike in everything that decides an outcome: the main one with epoch deadlines, the
//! check's with fuel. And the clock that the deadlines are counted in.

use crate::{
    ExecutorError,
    artefacts::Artefacts,
    fuel,
    host::{self, Host},
    limits::{CHECK_INSTANCES_MAX, INSTANCES_MAX, STACK_SIZE_MAX, TABLE_ELEMENTS_MAX, TICK},
    metrics::Metrics,
    validate::{FEATURES, Facts},
};
use parking_lot::{Condvar, Mutex};
use quids_core::Hash;
use quids_io::abi::MEMORY_PAGES_MAX;
use quids_metrics::Histogram;
use std::{
    collections::HashSet,
    num::NonZeroUsize,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, InstancePre, Linker, Module, ModuleExport,
    PoolingAllocationConfig,
};

/// The most linear memory, in bytes.
pub(crate) const MEMORY_SIZE_MAX: usize = MEMORY_PAGES_MAX as usize * 65_536;

/// What bounds a guest's running time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Metering {
    /// Wall clock, if the caller gives a deadline. Local.
    Epochs,
    /// Instructions and host calls. The same on every node.
    Fuel,
}

/// One engine with the host functions linked, and its artefacts on disk.
pub(crate) struct Compiler {
    engine: Engine,
    linker: Linker<Host>,
    artefacts: Option<Artefacts>,
    metering: Metering,
    metrics: Arc<Metrics>,
    /// Hashes of codes that are being compiled.
    compiling: Mutex<HashSet<Hash>>,
    compiled: Condvar,
}

/// A code's turn to be compiled, until it is dropped.
struct Turn<'a> {
    compiler: &'a Compiler,
    hash: Hash,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.compiler.compiling.lock().remove(&self.hash);
        self.compiler.compiled.notify_all();
    }
}

/// Compiled and linked code, ready to be instantiated.
pub(crate) struct Prepared {
    pub instance: InstancePre<Host>,
    pub metering: Metering,
    pub memory: ModuleExport,
    pub alloc: ModuleExport,
    pub reset: ModuleExport,
    pub abi_version: ModuleExport,
    /// Sorted by name.
    pub apis: Vec<(String, ModuleExport)>,
    /// Where the seconds of a call go, in the order of `apis`.
    pub call_seconds: Vec<Histogram>,
    pub metrics: Arc<Metrics>,
}

impl Prepared {
    /// Names of what it imports.
    pub fn imports(&self) -> impl Iterator<Item = &str> {
        self.instance.module().imports().map(|import| import.name())
    }

    /// Position of an API in `apis`.
    pub fn find(&self, api: &str) -> Result<usize, ExecutorError> {
        self.apis
            .binary_search_by(|(name, _)| name.as_str().cmp(api))
            .map_err(|_| ExecutorError::UnknownApi(api.into()))
    }
}

impl Compiler {
    pub fn new(metering: Metering, cache_dir: Option<&Path>, metrics: Arc<Metrics>) -> Result<Self, ExecutorError> {
        let engine = Engine::new(&config(metering)).map_err(|error| ExecutorError::Engine(format!("{error:#}")))?;
        let mut linker = Linker::new(&engine);
        host::link(&mut linker).map_err(|error| ExecutorError::Engine(format!("{error:#}")))?;
        let artefacts = cache_dir.map(|dir| Artefacts::open(dir, &engine)).transpose()?;
        Ok(Self {
            engine,
            linker,
            artefacts,
            metering,
            metrics,
            compiling: Mutex::default(),
            compiled: Condvar::new(),
        })
    }

    /// Waits for whoever compiles the same code: a block that checks it finds what was begun ahead.
    fn turn(&self, hash: &Hash) -> Turn<'_> {
        let mut compiling = self.compiling.lock();
        while !compiling.insert(*hash) {
            self.compiled.wait(&mut compiling);
        }
        Turn {
            compiler: self,
            hash: *hash,
        }
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Compiles validated code, or reads what an earlier run compiled.
    pub fn prepare(&self, code: &[u8], hash: &Hash, facts: &Facts) -> Result<Prepared, ExecutorError> {
        let _turn = self.turn(hash);
        let cached = self
            .artefacts
            .as_ref()
            .and_then(|artefacts| artefacts.read(hash, &self.engine));
        let module = match cached {
            Some(module) => {
                self.metrics.code_cache_hits.inc();
                module
            }
            None => {
                self.metrics.code_cache_misses.inc();
                let start = Instant::now();
                let module =
                    Module::new(&self.engine, code).map_err(|error| ExecutorError::Compile(format!("{error:#}")))?;
                self.metrics.compile_seconds.observe(start.elapsed().as_secs_f64());
                if let Some(artefacts) = &self.artefacts {
                    artefacts.write(hash, &module);
                }
                module
            }
        };
        let instance = self
            .linker
            .instantiate_pre(&module)
            .map_err(|error| ExecutorError::Engine(format!("{error:#}")))?;
        let export = |name: &str| {
            module
                .get_export_index(name)
                .ok_or_else(|| ExecutorError::MissingExport(name.into()))
        };
        let apis = facts
            .apis
            .iter()
            .map(|name| Ok((name.clone(), export(name)?)))
            .collect::<Result<_, _>>()?;
        Ok(Prepared {
            metering: self.metering,
            call_seconds: facts.apis.iter().map(|api| self.metrics.call_seconds(api)).collect(),
            metrics: self.metrics.clone(),
            memory: export("memory")?,
            alloc: export("quids_alloc")?,
            reset: export("quids_reset")?,
            abi_version: export("quids_abi_version")?,
            apis,
            instance,
        })
    }
}

pub(crate) fn config(metering: Metering) -> Config {
    let slots = match metering {
        Metering::Epochs => INSTANCES_MAX,
        Metering::Fuel => CHECK_INSTANCES_MAX,
    };
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(slots)
        .total_memories(slots)
        .total_tables(slots)
        .max_memories_per_module(1)
        .max_tables_per_module(1)
        .max_memory_size(MEMORY_SIZE_MAX)
        .table_elements(TABLE_ELEMENTS_MAX as usize)
        // A slot that was used keeps its image mapped and this much of its memory, so that the next instance of the
        // same code costs microseconds; beyond eight slots the memory goes back to the system.
        .max_unused_warm_slots(8)
        .linear_memory_keep_resident(512 * 1024)
        .table_keep_resident(64 * 1024)
        .pagemap_scan(Enabled::Auto);

    let mut config = Config::new();
    config
        .wasm_features(!FEATURES, false)
        .wasm_features(FEATURES, true)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .max_wasm_stack(STACK_SIZE_MAX)
        .memory_init_cow(true)
        .wasm_backtrace_max_frames(NonZeroUsize::new(12))
        .consume_fuel(metering == Metering::Fuel)
        .operator_cost(fuel::costs())
        .epoch_interruption(metering == Metering::Epochs)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Advances the engine's epoch while somebody waits for a deadline, and sleeps otherwise.
pub(crate) struct Ticker {
    shared: Arc<TickerState>,
}

struct TickerState {
    /// How many deadlines are pending; `None` ends the thread.
    pending: Mutex<Option<usize>>,
    changed: Condvar,
}

/// A pending deadline; ends when dropped.
pub(crate) struct Deadline<'a> {
    ticker: &'a Ticker,
    /// Epochs until the deadline.
    pub ticks: u64,
}

impl Ticker {
    pub fn start(engine: &Engine) -> Result<Self, ExecutorError> {
        let shared = Arc::new(TickerState {
            pending: Mutex::new(Some(0)),
            changed: Condvar::new(),
        });
        let (state, engine) = (shared.clone(), engine.clone());
        std::thread::Builder::new()
            .name("wasm-epochs".into())
            .spawn(move || {
                loop {
                    let mut pending = state.pending.lock();
                    match *pending {
                        None => return,
                        Some(0) => state.changed.wait(&mut pending),
                        Some(_) => {
                            drop(pending);
                            std::thread::sleep(TICK);
                            engine.increment_epoch();
                        }
                    }
                }
            })
            .map_err(|error| ExecutorError::Engine(format!("the epoch thread could not be started: {error}")))?;
        Ok(Self { shared })
    }

    /// A deadline at least `after` from now and at most two ticks later, if the machine keeps up.
    pub fn deadline(&self, after: Duration) -> Deadline<'_> {
        if let Some(pending) = self.shared.pending.lock().as_mut() {
            *pending += 1;
        }
        self.shared.changed.notify_one();
        let ticks = after.as_nanos().div_ceil(TICK.as_nanos()).saturating_add(1);
        Deadline {
            ticker: self,
            ticks: u64::try_from(ticks)
                .unwrap_or(u64::MAX)
                .min(crate::instance::NO_DEADLINE),
        }
    }
}

impl Drop for Deadline<'_> {
    fn drop(&mut self) {
        if let Some(pending) = self.ticker.shared.pending.lock().as_mut() {
            *pending -= 1;
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        *self.shared.pending.lock() = None;
        self.shared.changed.notify_one();
    }
}
