//! A loaded runtime and the ways to call it.

use crate::{
    ExecutorError,
    check::Checker,
    engine::{Prepared, Ticker},
    instance::{Bound, Instance},
    limits::{IDLE_INSTANCES_MAX, IDLE_MEMORY_MAX},
};
use parking_lot::Mutex;
use quids_api::RuntimeVersion;
use quids_core::Hash;
use quids_io::{Externalities, within};
use quids_metrics::LocalHistogram;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// What instances need of the executor.
pub(crate) struct Services {
    pub checker: Arc<Checker>,
    pub ticker: Ticker,
    /// Instances that calls left, of any runtime, the oldest first. They give way whenever one is missing elsewhere.
    idle: Mutex<Vec<Instance>>,
}

impl Services {
    pub fn new(checker: Checker, ticker: Ticker) -> Self {
        Self {
            checker: Arc::new(checker),
            ticker,
            idle: Mutex::default(),
        }
    }

    /// A fresh instance. `checker` serves trial runs.
    pub fn fresh(&self, prepared: &Arc<Prepared>, checker: Option<&Arc<Checker>>) -> Result<Instance, ExecutorError> {
        let fresh = || Instance::new(prepared.clone(), checker.cloned());
        match fresh() {
            Err(ExecutorError::Exhausted { .. }) => {
                let idle = std::mem::take(&mut *self.idle.lock());
                drop(idle);
                fresh()
            }
            made => made,
        }
    }

    /// An instance for one call: one of this runtime that is idle, or a fresh one.
    fn take(&self, prepared: &Arc<Prepared>) -> Result<Instance, ExecutorError> {
        let mut idle = self.idle.lock();
        let Some(at) = idle.iter().rposition(|instance| instance.is_of(prepared)) else {
            drop(idle);
            return self.fresh(prepared, Some(&self.checker));
        };
        let mut instance = idle.remove(at);
        drop(idle);
        instance.set_idle(false);
        Ok(instance)
    }

    /// Keeps an instance whose call went well, unless its memory grew.
    fn keep(&self, mut instance: Instance) {
        if instance.memory_size() > IDLE_MEMORY_MAX {
            return;
        }
        instance.set_idle(true);
        let mut idle = self.idle.lock();
        let oldest = (idle.len() >= IDLE_INSTANCES_MAX).then(|| idle.remove(0));
        idle.push(instance);
        drop(idle);
        drop(oldest);
    }
}

/// A checked, compiled runtime whose versions are known.
pub struct Runtime {
    pub(crate) code_hash: Hash,
    pub(crate) version: RuntimeVersion,
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) services: Arc<Services>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("code_hash", &self.code_hash)
            .field("version", &self.version)
            .finish()
    }
}

impl Runtime {
    /// BLAKE3 of the code.
    pub fn code_hash(&self) -> Hash {
        self.code_hash
    }

    /// What `Core_version` answered when the runtime was loaded.
    pub fn version(&self) -> &RuntimeVersion {
        &self.version
    }

    /// Names of the APIs that the runtime exports, sorted.
    pub fn apis_exported(&self) -> impl Iterator<Item = &str> {
        self.prepared.apis.iter().map(|(name, _)| name.as_str())
    }

    /// Whether the runtime exports this API.
    pub fn has_api(&self, api: &str) -> bool {
        self.prepared.find(api).is_ok()
    }

    /// Calls an API in an instance of its own: a fresh one, or one that an earlier call left, which behaves alike. After an
    /// error, changes of `ext` outside the runtime's own storage transactions remain: the caller discards them.
    pub fn call(&self, ext: &mut dyn Externalities, api: &str, input: &[u8]) -> Result<Vec<u8>, ExecutorError> {
        self.call_for(ext, api, input, Bound::NONE)
    }

    /// As `call`, but `ExecutorError::Deadline` if it takes longer than `deadline`. Never for importing blocks.
    pub fn call_with_deadline(
        &self,
        ext: &mut dyn Externalities,
        api: &str,
        input: &[u8],
        deadline: Duration,
    ) -> Result<Vec<u8>, ExecutorError> {
        let deadline = self.services.ticker.deadline(deadline);
        self.call_for(ext, api, input, Bound::ticks(deadline.ticks))
    }

    /// As `call_with_deadline`, but `None` if it takes longer, or asks the host for something that may. That is no failure, and
    /// no call that metrics tell of.
    pub fn call_within(
        &self,
        ext: &mut dyn Externalities,
        api: &str,
        input: &[u8],
        deadline: Duration,
    ) -> Result<Option<Vec<u8>>, ExecutorError> {
        let deadline = self.services.ticker.deadline(deadline);
        let bound = Bound {
            ticks: deadline.ticks,
            brief: true,
            rest: false,
        };
        match self.call_for(ext, api, input, bound) {
            Err(ExecutorError::Deadline) => Ok(None),
            output => output.map(Some),
        }
    }

    fn call_for(
        &self,
        ext: &mut dyn Externalities,
        api: &str,
        input: &[u8],
        bound: Bound,
    ) -> Result<Vec<u8>, ExecutorError> {
        let api = self.prepared.find(api)?;
        let start = Instant::now();
        let output = self.run(ext, api, input, bound);
        if bound.brief && output == Err(ExecutorError::Deadline) {
            return output;
        }
        if let Some(seconds) = self.prepared.call_seconds.get(api) {
            seconds.observe(start.elapsed().as_secs_f64());
        }
        output.inspect_err(|error| self.prepared.metrics.failed(error))
    }

    /// An instance for a series of calls.
    pub fn session(&self) -> Result<Session, ExecutorError> {
        let instance = self.services.fresh(&self.prepared, Some(&self.services.checker))?;
        Ok(Session {
            prepared: self.prepared.clone(),
            services: self.services.clone(),
            instance: Some(instance),
            seconds: self.prepared.apis.iter().map(|_| None).collect(),
        })
    }

    fn run(
        &self,
        ext: &mut dyn Externalities,
        api: usize,
        input: &[u8],
        bound: Bound,
    ) -> Result<Vec<u8>, ExecutorError> {
        let mut instance = self.services.take(&self.prepared)?;
        let output = within(ext, || instance.call(api, input, bound))?;
        self.services.keep(instance);
        Ok(output)
    }
}

/// One instance, reused: each call starts from a heap as in a fresh one. A call that fails takes the instance with
/// it, and the next call gets a fresh one, so calls do not see each other.
pub struct Session {
    prepared: Arc<Prepared>,
    services: Arc<Services>,
    instance: Option<Instance>,
    /// By API, added to the metrics when the session ends: a call of an extrinsic takes microseconds.
    seconds: Vec<Option<LocalHistogram>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("live", &self.instance.is_some())
            .finish()
    }
}

impl Session {
    /// As `Runtime::call`.
    pub fn call(&mut self, ext: &mut dyn Externalities, api: &str, input: &[u8]) -> Result<Vec<u8>, ExecutorError> {
        self.call_for(ext, api, input, Bound::NONE)
    }

    /// As `Runtime::call_with_deadline`.
    pub fn call_with_deadline(
        &mut self,
        ext: &mut dyn Externalities,
        api: &str,
        input: &[u8],
        deadline: Duration,
    ) -> Result<Vec<u8>, ExecutorError> {
        let services = self.services.clone();
        let deadline = services.ticker.deadline(deadline);
        self.call_for(ext, api, input, Bound::ticks(deadline.ticks))
    }

    fn call_for(
        &mut self,
        ext: &mut dyn Externalities,
        api: &str,
        input: &[u8],
        bound: Bound,
    ) -> Result<Vec<u8>, ExecutorError> {
        let api = self.prepared.find(api)?;
        let start = Instant::now();
        let output = self.run(ext, api, input, bound);
        self.measured(api, start.elapsed());
        output.inspect_err(|error| self.prepared.metrics.failed(error))
    }

    fn run(
        &mut self,
        ext: &mut dyn Externalities,
        api: usize,
        input: &[u8],
        bound: Bound,
    ) -> Result<Vec<u8>, ExecutorError> {
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => self.services.fresh(&self.prepared, Some(&self.services.checker))?,
        };
        let output = within(ext, || instance.call(api, input, bound))?;
        self.instance = Some(instance);
        Ok(output)
    }

    fn measured(&mut self, api: usize, elapsed: Duration) {
        if let (Some(local), Some(shared)) = (self.seconds.get_mut(api), self.prepared.call_seconds.get(api)) {
            local
                .get_or_insert_with(|| shared.local())
                .observe(elapsed.as_secs_f64());
        }
    }
}
