//! The trial run of a new runtime: static checks, then its version, metadata and migrations and, where its first block is next, a
//! block under fuel, on changes that are thrown away. And guarded calls: of the running code, under fuel as well, on changes that
//! are kept only if they end well. The outcome is part of validity: a pallet asks for both through host functions.

use crate::{
    ExecutorError,
    engine::{Compiler, Metering, Prepared},
    host::Touched,
    instance::{Bound, Instance},
    limits::CHECKED_MAX,
    metrics::Metrics,
    validate::validate,
};
use codec::{DecodeAll, Encode};
use parking_lot::Mutex;
use quids_api::{
    ApplyExtrinsicResult, CheckedRuntime, InherentData, RuntimeVersion, TIMESTAMP_INHERENT, names, pobpc::NextHeight,
};
use quids_core::{AUTHOR_ENGINE_ID, DigestItem, Hash, Header, OpaqueExtrinsic, Weight, well_known_keys};
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

/// What a trial run is of.
pub(crate) enum Next {
    /// As `ext_runtime_check_v1` has it: no block, and no limits on the state that is touched.
    Unlimited,
    /// The block of the code is not next.
    Later,
    /// The state is what a block leaves; the one after it, which this heads, has to be one.
    Block(Box<Header>),
}

/// Owns the metered engine.
pub(crate) struct Checker {
    compiler: Compiler,
    /// The codes used last, the latest at the end: authoring and importing a block check the same one, and guarded calls are
    /// of the running one.
    last: Mutex<Vec<(Hash, Arc<Prepared>)>>,
}

impl Checker {
    pub fn new(cache_dir: Option<&Path>, metrics: Arc<Metrics>) -> Result<Self, ExecutorError> {
        Ok(Self {
            compiler: Compiler::new(Metering::Fuel, cache_dir, metrics)?,
            last: Mutex::default(),
        })
    }

    /// Checks `code` against the externalities of the surrounding `within`, and leaves them as they were.
    pub fn check(&self, code: &[u8], next: &Next) -> Result<CheckedRuntime, CheckError> {
        let level = host_level()?;
        let prepared = self.prepare(code)?;
        check_levels(prepared.imports(), level, abi::HOST_FUNCTIONS)?;
        if let Some(missing) = names::REQUIRED.iter().find(|api| prepared.find(api).is_err()) {
            return Err(ExecutorError::MissingExport((*missing).into()).into());
        }
        with_externalities(|e| e.begin_transaction()).map_err(ExecutorError::Host)?;
        let verdict = trial(&prepared, next);
        // A rollback that fails leaves the trial's changes behind: worse than any verdict, so it comes first.
        with_externalities(|e| e.rollback_transaction())
            .map_err(|error| CheckError::Local(ExecutorError::Host(error)))?;
        Ok(verdict?)
    }

    /// Calls an export of the code in the state of the surrounding `within`. After an error the state is as it was.
    pub fn call_guarded(&self, api: &str, input: &[u8]) -> Result<Vec<u8>, CheckError> {
        let code = with_externalities(|e| e.get(well_known_keys::CODE)).map_err(ExecutorError::Host)?;
        let prepared = self.prepare(&code.unwrap_or_default())?;
        with_externalities(|e| e.begin_transaction()).map_err(ExecutorError::Host)?;
        let output = call_once(&prepared, api, input);
        // Either failing leaves changes that nobody asked for.
        let closed = match &output {
            Ok(_) => with_externalities(|e| e.commit_transaction()),
            Err(_) => with_externalities(|e| e.rollback_transaction()),
        };
        closed.map_err(|error| CheckError::Local(ExecutorError::Host(error)))?;
        Ok(output?)
    }

    pub fn prepare(&self, code: &[u8]) -> Result<Arc<Prepared>, ExecutorError> {
        let hash: Hash = quids_crypto::blake3_256(code).into();
        {
            let mut last = self.last.lock();
            if let Some(at) = last.iter().position(|(other, _)| *other == hash) {
                // To the end: what was used last goes last.
                let known = last.remove(at);
                last.push(known.clone());
                return Ok(known.1);
            }
        }
        let facts = validate(code)?;
        let prepared = Arc::new(self.compiler.prepare(code, &hash, &facts)?);
        let mut last = self.last.lock();
        if last.len() >= CHECKED_MAX {
            last.remove(0);
        }
        last.push((hash, prepared.clone()));
        Ok(prepared)
    }
}

/// What code may import is up to the state: where that allows more than this node has, it can check nothing.
fn host_level() -> Result<u32, ExecutorError> {
    let level = with_externalities(|e| e.get(well_known_keys::HOST_LEVEL)).map_err(ExecutorError::Host)?;
    match abi::state_level(level.as_deref()) {
        Ok(found) if found <= abi::HOST_LEVEL => Ok(found),
        Ok(found) => Err(ExecutorError::Outdated(format!(
            "the chain allows host functions of level {found}, this node has those up to {}",
            abi::HOST_LEVEL
        ))),
        Err(error) => Err(ExecutorError::Outdated(format!("the level of host functions: {error}"))),
    }
}

/// That the state allows all that is imported. `level` is the state's.
fn check_levels<'a>(
    imports: impl Iterator<Item = &'a str>,
    level: u32,
    functions: &[abi::HostFunction],
) -> Result<(), ExecutorError> {
    for name in imports {
        let function = functions.iter().find(|function| function.name == name);
        if let Some(function) = function.filter(|function| function.level > level) {
            return Err(ExecutorError::NotAllowedYet {
                name: name.into(),
                level: function.level,
                allowed: level,
            });
        }
    }
    Ok(())
}

fn call_once(prepared: &Arc<Prepared>, api: &str, input: &[u8]) -> Result<Vec<u8>, ExecutorError> {
    let position = prepared.find(api)?;
    // Code that knows the limits has them: what is of a level below never had.
    let mut instance = match prepared.imports().any(|name| name == "ext_runtime_check_v2") {
        true => Instance::limited(prepared.clone(), Touched::default())?,
        false => Instance::new(prepared.clone(), None)?,
    };
    let output = instance.call(position, input, Bound::NONE)?;
    if output.len() > abi::GUARDED_OUTPUT_MAX {
        return Err(ExecutorError::OutputTooLarge {
            length: output.len(),
            max: abi::GUARDED_OUTPUT_MAX,
        });
    }
    Ok(output)
}

fn trial(prepared: &Arc<Prepared>, next: &Next) -> Result<CheckedRuntime, ExecutorError> {
    let (mut instance, bound) = match next {
        Next::Unlimited => (Instance::new(prepared.clone(), None)?, Bound::NONE),
        Next::Later | Next::Block(_) => (Instance::limited(prepared.clone(), Touched::default())?, Bound::REST),
    };
    let version = read_version(&mut instance, prepared, bound)?;
    check_metadata(&mut instance, prepared, bound)?;
    let upgrade = prepared.find(names::CORE_ON_RUNTIME_UPGRADE)?;
    let weight = instance.call(upgrade, &[], bound)?;
    let migrations: Weight = decode(names::CORE_ON_RUNTIME_UPGRADE, &weight)?;
    if let Next::Block(header) = next {
        // With fuel of its own, and with what is left to show: the proof is of both.
        empty_block(
            Instance::limited(prepared.clone(), instance.into_touched())?,
            prepared,
            header,
        )?;
    }
    Ok(CheckedRuntime { version, migrations })
}

/// Makes the block after this state, without transactions: code under which there is none would be the chain's last. The
/// migrations have run, so that the block is not its code's first.
fn empty_block(mut instance: Instance, prepared: &Prepared, header: &Header) -> Result<(), ExecutorError> {
    with_externalities(|e| e.clear(well_known_keys::CODE_UPDATED)).map_err(ExecutorError::Host)?;
    let mut ask = |api: &'static str, input: &[u8]| instance.call(prepared.find(api)?, input, Bound::REST);
    ask(names::CORE_INITIALIZE_BLOCK, &header.encode())?;
    let mut inherents = InherentData::default();
    // The earliest that there may be: no clock is asked.
    inherents.put(TIMESTAMP_INHERENT, &0u64);
    let api = names::BLOCK_BUILDER_INHERENT_EXTRINSICS;
    let inherents = ask(api, &inherents.encode())?;
    if inherents.len() > INHERENTS_SIZE_MAX {
        let length = inherents.len();
        return Err(ExecutorError::NoBlock(format!("its inherents have {length} bytes")));
    }
    let inherents: Vec<OpaqueExtrinsic> = decode(api, &inherents)?;
    let api = names::BLOCK_BUILDER_APPLY_EXTRINSIC;
    for (index, OpaqueExtrinsic(bytes)) in (0u32..).zip(&inherents) {
        let applied: ApplyExtrinsicResult = decode(api, &ask(api, &(index, bytes).encode())?)?;
        if let Err(reason) = applied {
            return Err(ExecutorError::NoBlock(format!("inherent {index} is refused: {reason}")));
        }
    }
    let inherents: Vec<&[u8]> = inherents.iter().map(|OpaqueExtrinsic(bytes)| &bytes[..]).collect();
    let commitment = ask(names::BLOCK_BUILDER_COMMIT_EXTRINSICS, &inherents.encode())?;
    let api = names::BLOCK_BUILDER_FINALIZE_BLOCK;
    decode::<Header>(api, &ask(api, &commitment)?)?;
    let is_author = |item: &DigestItem| matches!(item, DigestItem::PreRuntime(AUTHOR_ENGINE_ID, _));
    if !header.digest.logs.iter().any(is_author) {
        return Ok(());
    }
    let next: Option<NextHeight> = decode(names::POBPC_NEXT, &ask(names::POBPC_NEXT, &[])?)?;
    let nobody = || ExecutorError::NoBlock("it does not say who decides the block after".into());
    next.map(drop).ok_or_else(nobody)
}

/// Bytes of the inherents of a block on trial: those of a block that nothing happened in are few.
const INHERENTS_SIZE_MAX: usize = 64 << 10;

/// How metadata begins, whatever its version.
const METADATA_MAGIC: &[u8] = b"meta";

/// Clients build transactions by metadata: code without any would be one that nobody can talk to.
fn check_metadata(instance: &mut Instance, prepared: &Prepared, bound: Bound) -> Result<(), ExecutorError> {
    let output = instance.call(prepared.find(names::METADATA)?, &[], bound)?;
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
    bound: Bound,
) -> Result<RuntimeVersion, ExecutorError> {
    let found = instance.abi_version(bound)?;
    if found != abi::ABI_VERSION {
        return Err(ExecutorError::AbiVersion {
            found,
            supported: abi::ABI_VERSION,
        });
    }
    let output = instance.call(prepared.find(names::CORE_VERSION)?, &[], bound)?;
    decode(names::CORE_VERSION, &output)
}

fn decode<T: DecodeAll>(api: &'static str, mut output: &[u8]) -> Result<T, ExecutorError> {
    T::decode_all(&mut output).map_err(|error| ExecutorError::Undecodable {
        api,
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_above_the_chains_level_are_refused() {
        let function = |name, level| abi::HostFunction {
            name,
            parameters: &[],
            results: &[],
            level,
        };
        let functions = [function("old", 1), function("new", 2), function("newest", 3)];
        let check = |imports: &[&str], level| check_levels(imports.iter().copied(), level, &functions);
        for (imports, level, refused) in [
            (&["old", "alias"][..], 1, None),
            (&["old", "new"], 1, Some("new")),
            (&["old", "new"], 2, None),
            (&["newest", "new"], 2, Some("newest")),
            (&["newest", "new"], 3, None),
        ] {
            match (check(imports, level), refused) {
                (Ok(()), None) => {}
                (Err(ExecutorError::NotAllowedYet { name, allowed, .. }), Some(refused)) => {
                    assert_eq!((name.as_str(), allowed), (refused, level));
                }
                (found, _) => panic!("{imports:?} at {level}: {found:?}"),
            }
        }
        let levels = abi::HOST_FUNCTIONS.iter().map(|function| function.level);
        assert_eq!(levels.max(), Some(abi::HOST_LEVEL));
    }
}
