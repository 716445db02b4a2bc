//! The trial run of a new runtime: static checks, then its version, metadata and migrations under fuel, on changes that
//! are thrown away. The outcome is part of validity: a pallet asks for it through `ext_runtime_check_v1`.

use crate::{
    ExecutorError,
    engine::{Compiler, Metering, Prepared},
    instance::{Bound, Instance, NO_DEADLINE},
    metrics::Metrics,
    validate::{Facts, validate},
};
use codec::DecodeAll;
use parking_lot::Mutex;
use quids_api::{CheckedRuntime, RuntimeVersion, names};
use quids_core::{Hash, Weight};
use quids_io::{abi, with_externalities};
use std::{path::Path, sync::Arc};

/// Why there is no verdict, or a bad one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// The code's fault: every node finds the same.
    #[error("{0}")]
    Refused(ExecutorError),
    /// This node could not carry the check out; it says nothing about the code.
    #[error("the runtime could not be checked: {0}")]
    Local(ExecutorError),
}

impl From<ExecutorError> for CheckError {
    fn from(error: ExecutorError) -> Self {
        if error.is_local() {
            Self::Local(error)
        } else {
            Self::Refused(error)
        }
    }
}

/// Owns the metered engine.
pub(crate) struct Checker {
    compiler: Compiler,
    /// The code checked last: authoring and importing a block check the same one.
    last: Mutex<Option<(Hash, Arc<Prepared>)>>,
}

impl Checker {
    pub fn new(cache_dir: Option<&Path>, metrics: Arc<Metrics>) -> Result<Self, ExecutorError> {
        Ok(Self {
            compiler: Compiler::new(Metering::Fuel, cache_dir, metrics)?,
            last: Mutex::new(None),
        })
    }

    /// Checks `code` against the externalities of the surrounding `within`, and leaves them as they were.
    pub fn check(&self, code: &[u8]) -> Result<CheckedRuntime, CheckError> {
        let facts = validate(code)?;
        let has = |api: &&&str| facts.apis.binary_search_by(|name| name.as_str().cmp(api)).is_ok();
        if let Some(missing) = names::REQUIRED.iter().find(|api| !has(api)) {
            return Err(ExecutorError::MissingExport((*missing).into()).into());
        }
        let prepared = self.prepare(code, &facts)?;
        with_externalities(|e| e.begin_transaction()).map_err(ExecutorError::Host)?;
        let verdict = trial(&prepared);
        // A rollback that fails leaves the trial's changes behind: worse than any verdict, so it comes first.
        with_externalities(|e| e.rollback_transaction())
            .map_err(|error| CheckError::Local(ExecutorError::Host(error)))?;
        Ok(verdict?)
    }

    fn prepare(&self, code: &[u8], facts: &Facts) -> Result<Arc<Prepared>, ExecutorError> {
        let hash: Hash = quids_crypto::blake3_256(code).into();
        if let Some((_, prepared)) = self.last.lock().as_ref().filter(|(last, _)| *last == hash) {
            return Ok(prepared.clone());
        }
        let prepared = Arc::new(self.compiler.prepare(code, &hash, facts)?);
        *self.last.lock() = Some((hash, prepared.clone()));
        Ok(prepared)
    }
}

fn trial(prepared: &Arc<Prepared>) -> Result<CheckedRuntime, ExecutorError> {
    let mut instance = Instance::new(prepared.clone(), None)?;
    let version = read_version(&mut instance, prepared, NO_DEADLINE)?;
    check_metadata(&mut instance, prepared)?;
    let upgrade = prepared.find(names::CORE_ON_RUNTIME_UPGRADE)?;
    let weight = instance.call(upgrade, &[], Bound::NONE)?;
    let migrations: Weight = decode(names::CORE_ON_RUNTIME_UPGRADE, &weight)?;
    Ok(CheckedRuntime { version, migrations })
}

/// How metadata begins, whatever its version.
const METADATA_MAGIC: &[u8] = b"meta";

/// Clients build transactions by metadata: code without any would be one that nobody can talk to.
fn check_metadata(instance: &mut Instance, prepared: &Prepared) -> Result<(), ExecutorError> {
    let output = instance.call(prepared.find(names::METADATA)?, &[], Bound::NONE)?;
    let metadata: Vec<u8> = decode(names::METADATA, &output)?;
    if metadata.starts_with(METADATA_MAGIC) {
        return Ok(());
    }
    Err(ExecutorError::Undecodable {
        api: names::METADATA,
        reason: format!("its {} bytes do not begin with \"meta\"", metadata.len()),
    })
}

/// Asks an instance for its ABI version, which must be ours, and its `RuntimeVersion`.
pub(crate) fn read_version(
    instance: &mut Instance,
    prepared: &Prepared,
    ticks: u64,
) -> Result<RuntimeVersion, ExecutorError> {
    let found = instance.abi_version(ticks)?;
    if found != abi::ABI_VERSION {
        return Err(ExecutorError::AbiVersion {
            found,
            supported: abi::ABI_VERSION,
        });
    }
    let output = instance.call(prepared.find(names::CORE_VERSION)?, &[], Bound::ticks(ticks))?;
    decode(names::CORE_VERSION, &output)
}

fn decode<T: DecodeAll>(api: &'static str, mut output: &[u8]) -> Result<T, ExecutorError> {
    T::decode_all(&mut output).map_err(|error| ExecutorError::Undecodable {
        api,
        reason: error.to_string(),
    })
}
