//! One instance of a runtime: how it is made, called, and how its failures are told apart.

use crate::{
    ExecutorError,
    check::Checker,
    engine::{Metering, Prepared},
    host::{Host, HostFailure, Touched},
    limits::{CHECK_FUEL_MAX, CHECK_INSTANCES_MAX, INSTANCES_MAX},
    metrics::InUse,
};
use quids_io::with_externalities;
use std::sync::Arc;
use wasmtime::{
    Extern, Memory, ModuleExport, PoolConcurrencyLimitError, Store, Trap, TypedFunc, WasmBacktrace, WasmParams,
    WasmResults,
};

/// Epochs that never pass.
pub(crate) const NO_DEADLINE: u64 = u64::MAX / 4;

/// How long a call may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    /// Epochs.
    pub ticks: u64,
    /// Whether host calls are bounded too, which no epoch ends.
    pub brief: bool,
    /// Whether a metered call goes on with what fuel the one before left.
    pub rest: bool,
}

impl Bound {
    pub const NONE: Self = Self::ticks(NO_DEADLINE);
    /// All calls of a metered instance together have the fuel of one.
    pub const REST: Self = Self {
        rest: true,
        ..Self::NONE
    };

    pub const fn ticks(ticks: u64) -> Self {
        Self {
            ticks,
            brief: false,
            rest: false,
        }
    }
}

/// An API as it is exported.
type Api = TypedFunc<(u32, u32), u64>;

/// A live instance. Every method must run inside `quids_io::within`.
pub(crate) struct Instance {
    prepared: Arc<Prepared>,
    store: Store<Host>,
    instance: wasmtime::Instance,
    memory: Memory,
    alloc: TypedFunc<u32, u32>,
    reset: TypedFunc<(), ()>,
    /// Looked up at the first call of each.
    apis: Vec<Option<Api>>,
    used: bool,
    in_use: Option<InUse>,
}

impl Instance {
    /// `checker` serves `ext_runtime_check_v1` and `_v2`; a trial run has none, so that it cannot nest another.
    pub fn new(prepared: Arc<Prepared>, checker: Option<Arc<Checker>>) -> Result<Self, ExecutorError> {
        let metered = prepared.metering == Metering::Fuel;
        let mut store = Store::new(prepared.instance.module().engine(), Host::new(metered, checker));
        store.limiter(|host| host);
        if metered {
            store.set_fuel(CHECK_FUEL_MAX).map_err(engine)?;
        } else {
            store.set_epoch_deadline(NO_DEADLINE);
        }
        let instance = prepared
            .instance
            .instantiate(&mut store)
            .map_err(|error| classify(&error, &mut store))?;
        let Some(Extern::Memory(memory)) = instance.get_module_export(&mut store, &prepared.memory) else {
            return Err(ExecutorError::MissingExport("memory".into()));
        };
        store.data_mut().memory = Some(memory);
        let alloc = function(&instance, &mut store, &prepared.alloc, "quids_alloc")?;
        let reset = function(&instance, &mut store, &prepared.reset, "quids_reset")?;
        let apis = prepared.apis.iter().map(|_| None).collect();
        let in_use = prepared.metrics.instance(prepared.metering);
        Ok(Self {
            prepared,
            store,
            instance,
            memory,
            alloc,
            reset,
            apis,
            used: false,
            in_use: Some(in_use),
        })
    }

    /// A metered one without a checker that may touch no more state than a block can show, beside what was touched before.
    pub fn limited(prepared: Arc<Prepared>, touched: Touched) -> Result<Self, ExecutorError> {
        let mut this = Self::new(prepared, None)?;
        this.store.data_mut().touched = Some(touched);
        Ok(this)
    }

    /// What all its calls have touched of the state.
    pub fn into_touched(mut self) -> Touched {
        self.store.data_mut().touched.take().unwrap_or_default()
    }

    /// The ABI version that the runtime was built for.
    pub fn abi_version(&mut self, bound: Bound) -> Result<u32, ExecutorError> {
        self.limit(bound)?;
        let version: TypedFunc<(), u32> = function(
            &self.instance,
            &mut self.store,
            &self.prepared.abi_version,
            "quids_abi_version",
        )?;
        let result = version
            .call(&mut self.store, ())
            .map_err(|error| classify(&error, &mut self.store));
        self.close_transactions(result)
    }

    /// Whether it is one of this runtime.
    pub fn is_of(&self, prepared: &Arc<Prepared>) -> bool {
        Arc::ptr_eq(&self.prepared, prepared)
    }

    /// Counts as an instance at work, or does not: while it waits for a call.
    pub fn set_idle(&mut self, idle: bool) {
        self.in_use = (!idle).then(|| self.prepared.metrics.instance(self.prepared.metering));
    }

    /// Bytes of its memory, which only grows.
    pub fn memory_size(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    /// Calls the API at position `api` of `Prepared::apis`. After an error the instance must not be used again.
    pub fn call(&mut self, api: usize, input: &[u8], bound: Bound) -> Result<Vec<u8>, ExecutorError> {
        self.limit(bound)?;
        self.store.data_mut().brief = bound.brief;
        let result = self.run(api, input);
        self.close_transactions(result)
    }

    fn limit(&mut self, bound: Bound) -> Result<(), ExecutorError> {
        self.store.data_mut().panic = None;
        match self.prepared.metering {
            Metering::Fuel if bound.rest => Ok(()),
            Metering::Fuel => self.store.set_fuel(CHECK_FUEL_MAX).map_err(engine),
            Metering::Epochs => {
                self.store.set_epoch_deadline(bound.ticks);
                Ok(())
            }
        }
    }

    fn run(&mut self, api: usize, input: &[u8]) -> Result<Vec<u8>, ExecutorError> {
        let length = u32::try_from(input.len()).map_err(|_| ExecutorError::InputTooLarge(input.len()))?;
        if std::mem::replace(&mut self.used, true) {
            self.reset
                .call(&mut self.store, ())
                .map_err(|error| classify(&error, &mut self.store))?;
        }
        let function = self.api(api)?;
        let pointer = self
            .alloc
            .call(&mut self.store, length)
            .map_err(|error| classify(&error, &mut self.store))?;
        let memory = self.memory.data_mut(&mut self.store);
        let size = memory.len();
        let start = pointer as usize;
        match memory.get_mut(start..start.saturating_add(input.len())) {
            Some(buffer) => buffer.copy_from_slice(input),
            None => {
                return Err(ExecutorError::Pointer {
                    pointer,
                    length,
                    memory: size,
                });
            }
        }
        let packed = function
            .call(&mut self.store, (pointer, length))
            .map_err(|error| classify(&error, &mut self.store))?;
        let (pointer, length) = ((packed & 0xffff_ffff) as u32, (packed >> 32) as u32);
        let memory = self.memory.data(&self.store);
        let start = pointer as usize;
        match memory.get(start..start.saturating_add(length as usize)) {
            Some(output) => Ok(output.to_vec()),
            None => Err(ExecutorError::Output {
                pointer,
                length,
                memory: memory.len(),
            }),
        }
    }

    fn api(&mut self, index: usize) -> Result<Api, ExecutorError> {
        let (Some(slot), Some((name, export))) = (self.apis.get_mut(index), self.prepared.apis.get(index)) else {
            return Err(ExecutorError::UnknownApi(index.to_string()));
        };
        if let Some(api) = slot {
            return Ok(api.clone());
        }
        let api: Api = function(&self.instance, &mut self.store, export, name)?;
        *slot = Some(api.clone());
        Ok(api)
    }

    /// A runtime closes what it opens: what is left open is rolled back, and an error if the call went well.
    fn close_transactions<T>(&mut self, result: Result<T, ExecutorError>) -> Result<T, ExecutorError> {
        let open = std::mem::take(&mut self.store.data_mut().transactions);
        if open == 0 {
            return result;
        }
        for _ in 0..open {
            with_externalities(|e| e.rollback_transaction()).map_err(ExecutorError::Host)?;
        }
        result.and(Err(ExecutorError::OpenTransactions(open)))
    }
}

fn function<P: WasmParams, R: WasmResults>(
    instance: &wasmtime::Instance,
    store: &mut Store<Host>,
    export: &ModuleExport,
    name: &str,
) -> Result<TypedFunc<P, R>, ExecutorError> {
    let Some(Extern::Func(function)) = instance.get_module_export(&mut *store, export) else {
        return Err(ExecutorError::MissingExport(name.into()));
    };
    function.typed(&*store).map_err(engine)
}

fn engine(error: wasmtime::Error) -> ExecutorError {
    ExecutorError::Engine(format!("{error:#}"))
}

/// Whose fault an error is that came out of wasmtime.
fn classify(error: &wasmtime::Error, store: &mut Store<Host>) -> ExecutorError {
    if let Some(failure) = error.downcast_ref::<HostFailure>() {
        return match failure.clone() {
            HostFailure::Call(error) => ExecutorError::Host(error),
            HostFailure::Pointer {
                pointer,
                length,
                memory,
            } => ExecutorError::Pointer {
                pointer,
                length,
                memory,
            },
            HostFailure::OutOfFuel => ExecutorError::OutOfFuel { limit: CHECK_FUEL_MAX },
            HostFailure::OutOfMemory(reason) => ExecutorError::OutOfMemory(reason),
            HostFailure::Executor(error) => error,
        };
    }
    if error.is::<PoolConcurrencyLimitError>() {
        let limit = if store.data().metered {
            CHECK_INSTANCES_MAX
        } else {
            INSTANCES_MAX
        };
        return ExecutorError::Exhausted { limit };
    }
    let Some(trap) = error.downcast_ref::<Trap>() else {
        return ExecutorError::Engine(format!("{error:#}"));
    };
    match (trap, store.data_mut().panic.take()) {
        (Trap::Interrupt, _) => ExecutorError::Deadline,
        (Trap::OutOfFuel, _) => ExecutorError::OutOfFuel { limit: CHECK_FUEL_MAX },
        (Trap::StackOverflow, _) => ExecutorError::StackOverflow,
        (_, Some(message)) => ExecutorError::Panic { message },
        (trap, None) => ExecutorError::Trap {
            reason: format!("{trap}{}", innermost(error)),
        },
    }
}

/// Where it happened, for the log: names of the innermost functions, if the code has names.
fn innermost(error: &wasmtime::Error) -> String {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return String::new();
    };
    let names: Vec<_> = backtrace
        .frames()
        .iter()
        .filter_map(|frame| frame.func_name())
        .take(4)
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(" in {}", names.join(" < "))
    }
}
