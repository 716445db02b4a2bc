//! The dry run of an upgrade: a new runtime on the live state, copied on write and thrown away.

mod alive;
mod interface;
mod layout;
mod migrate;
mod replay;
mod report;
mod same;

pub use report::{
    Difference, DryRun, InterfaceChange, ItemChange, Limited, Migration, Pair, Replay, SteppedMigration, Undecodable,
};

use super::{Chain, ChainError, State};
use crate::extrinsic_builder::Metadata;
use codec::{Decode, Encode};
use interface::Interface;
use layout::{ITEM_PREFIX, Layout, by_item, name_of};
use migrate::{Migrated, Migrating};
use quids_api::{CheckedRuntime, RuntimeVersion, names};
use quids_core::{Hash, Height, Weight};
use quids_crypto::hash_quantum_resistant;
use quids_executor::{CheckError, ExecutorError, Runtime};
use quids_io::{Externalities, MemoryExternalities, abi::CODE_SIZE_MAX};
use quids_state::{AccessLog, Overlay, Recorder, StateBackend, StateView};
use replay::NewSide;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

/// The domain of code hashes, as pallet upgrade has it.
pub(crate) const CODE_DOMAIN: &[u8] = b"quids/code/v1";
/// Keys that are listed at once while the state is read.
const PAGE: usize = 4096;
/// Blocks that are executed again at most.
pub const REPLAY_MAX: u32 = 1000;

/// What the migrations changed: key, value before, value after.
type Changes = BTreeMap<Vec<u8>, (Option<Arc<[u8]>>, Option<Vec<u8>>)>;

impl Chain {
    /// Runs a new runtime on the last block's state, without a trace: what the chain would say to it, what its migrations do,
    /// which entries it could not read afterwards, what others would see of it, and how the last `blocks` blocks would have come
    /// out. `observe` hears how many entries of the state were read.
    ///
    /// Errors: what is no fault of the code, which is in the answer; another dry run is under way.
    pub fn dry_run_upgrade(
        &self,
        code: &[u8],
        blocks: u32,
        observe: &mut dyn FnMut(u64),
    ) -> Result<DryRun, ChainError> {
        let _one_at_a_time = self.trying.try_lock().ok_or(ChainError::Trying)?;
        let (height, best) = self.best();
        let running = self.runtime_at(best)?;
        let old = running.version().clone();
        let mut report = DryRun {
            block: height.0,
            spec_name: old.spec_name.clone(),
            spec_version: Pair {
                old: old.spec_version,
                new: old.spec_version,
            },
            transaction_version: Pair {
                old: old.transaction_version,
                new: old.transaction_version,
            },
            code_bytes: code.len(),
            code_hash: format!("0x{}", hex::encode(hash_quantum_resistant(CODE_DOMAIN, code))),
            refusals: Vec::new(),
            migration: None,
            interface: Vec::new(),
            undecodable: Vec::new(),
            broken: Vec::new(),
            entries: 0,
            replay: None,
        };
        let Some((checked, runtime)) = self.judged(best, code, &mut report)? else {
            return Ok(report);
        };
        report.spec_version.new = checked.version.spec_version;
        report.transaction_version.new = checked.version.transaction_version;
        report.refusals.extend(against_version(&old, &checked.version));
        let (old_metadata, new_metadata) = (self.metadata_bytes(best)?, metadata_of_code(&runtime)?);
        let Some(new_metadata) = new_metadata else {
            report
                .refusals
                .push("it has no metadata of version 15: nobody could talk to it".into());
            return Ok(report);
        };
        let was = Interface::decode(&old_metadata)?;
        let (Ok(is), Ok(new_metadata)) = (Interface::decode(&new_metadata), read(&new_metadata)) else {
            report.refusals.push("its metadata of version 15 cannot be read".into());
            return Ok(report);
        };
        let (old_layout, new_layout) = (Layout::of(&was), Layout::of(&is));
        report.interface = was.changes(&is);
        report
            .interface
            .extend(unsaid(report.transaction_version, &report.interface));
        let view = self.state_at(best)?;
        let proof_bytes = self.proof_bytes(&view, code, &runtime)?;
        if proof_bytes.is_none() {
            let refusal = "its migrations read and write more than any proof may show: no witness could follow";
            report.refusals.push(refusal.into());
        }
        let migration = Migrating {
            code,
            runtime: &runtime,
            height,
            proof: None,
        };
        let mut state = self.overlay(view.clone());
        let proof = |state: &mut State, log: &AccessLog| self.touched_bytes(&view, state, log);
        let Migrated {
            stepped,
            step_proof_bytes,
            failure,
            blocks: begun,
        } = match (Migrating {
            proof: Some(&proof),
            ..migration
        })
        .run(&mut state)
        {
            Err(error) if !error.is_local() && !error.is_fatal() => {
                let refusal = format!("under it the chain would stop, no block can begin: {error}");
                report.refusals.push(refusal);
                return Ok(report);
            }
            migrated => migrated?,
        };
        report.refusals.extend(failure);
        let changes = changes(&view, &state)?;
        let noise = match stepped.is_empty() {
            true => Vec::new(),
            false => self.beginning_of_a_block(&running, height)?,
        };
        let told = changes
            .iter()
            .filter(|(key, _)| !noise.iter().any(|item| key.starts_with(item)));
        report.migration = Some(Migration {
            proof_bytes,
            step_proof_bytes,
            stepped,
            items: by_item(
                told.map(|(key, (old, new))| (&key[..], old.as_deref(), new.as_deref())),
                [&old_layout, &new_layout],
            ),
            ..weighed(&mut report.refusals, checked.migrations, normal_limit(&was))
        });
        let anew = written_anew(
            &mut state,
            &runtime,
            Height(height.0.saturating_add(begun).saturating_add(1)),
        )?;
        let layouts = [&old_layout, &new_layout];
        (report.entries, report.undecodable) = unreadable(&view, (&changes, &anew), layouts, observe)?;
        report.broken = broken(&mut state, &runtime)?;
        let last = Height(height.0.saturating_add(begun));
        let stops = self.dead_end((&running, best, height), &runtime, state, last)?;
        report.refusals.extend(stops);
        let new_side = NewSide {
            runtime: &runtime,
            metadata: &new_metadata,
            migrate: &|state| migration.run(state).map(drop),
        };
        if blocks > 0 {
            report.replay = Some(self.replay_under(height, &new_side, blocks.min(REPLAY_MAX))?);
        }
        Ok(report)
    }

    /// The code as the chain would check it; `None` if it is refused, with the reasons in the report.
    fn judged(
        &self,
        at: Hash,
        code: &[u8],
        report: &mut DryRun,
    ) -> Result<Option<(CheckedRuntime, Arc<Runtime>)>, ChainError> {
        if code.len() > CODE_SIZE_MAX {
            let refusal = format!("its {} bytes are more than {CODE_SIZE_MAX}", code.len());
            report.refusals.push(refusal);
            return Ok(None);
        }
        let mut state = self.overlay_at(at)?;
        match self.executor.check_runtime(code, None, &mut state) {
            Ok(checked) => Ok(Some((checked, self.executor.load(code)?))),
            Err(CheckError::Refused(error)) => {
                report.refusals.push(error.to_string());
                Ok(None)
            }
            Err(CheckError::Local(error)) => Err(error.into()),
        }
    }

    fn metadata_bytes(&self, at: Hash) -> Result<Vec<u8>, ChainError> {
        let bytes: Option<Vec<u8>> = self.call_typed(at, names::METADATA_AT_VERSION, &15u32)?;
        Ok(bytes.unwrap_or_default())
    }

    /// What the runtime that executes a block's child says of itself.
    fn metadata_of(&self, at: Hash) -> Result<Metadata, ChainError> {
        read(&self.metadata_bytes(at)?)
    }

    /// Bytes of a proof of all that the single-block migrations touch; `None`: more than a proof may have.
    fn proof_bytes(&self, view: &StateView, code: &[u8], runtime: &Runtime) -> Result<Option<usize>, ChainError> {
        let recorder = Arc::new(Recorder::new(view.clone()));
        let mut state = self.overlay(recorder.clone());
        migrate::single(&mut state, code, runtime)?;
        proof_bytes(&mut state, &recorder)
    }

    /// Bytes of a proof of what was touched, by which the state came to what it is. What earlier blocks made of it is not committed,
    /// so this is in terms of the state before all of them.
    fn touched_bytes(&self, view: &StateView, state: &mut State, log: &AccessLog) -> Result<Option<usize>, ChainError> {
        let recorder = Arc::new(Recorder::new(view.clone()));
        let mut probe = self.overlay(recorder.clone());
        for key in &log.reads {
            probe.get(key).map_err(host)?;
        }
        for (from, _) in &log.ranges {
            if let Bound::Included(key) | Bound::Excluded(key) = from {
                probe.next_key(key).map_err(host)?;
            }
        }
        for key in log.writes.union(&log.merges) {
            match state.get(key).map_err(host)? {
                Some(value) => probe.set(key, &value).map_err(host)?,
                None => probe.clear(key).map_err(host)?,
            }
        }
        proof_bytes(&mut probe, &recorder)
    }

    /// Prefixes of the items that a block changes before anything is in it.
    fn beginning_of_a_block(&self, running: &Runtime, height: Height) -> Result<Vec<Vec<u8>>, ChainError> {
        let (_, best) = self.best();
        let mut state = self.overlay_at(best)?;
        migrate::begin_block(&mut state, running, height.next().unwrap_or(height))?;
        let keys = state.changes().into_iter().map(|(key, _)| key);
        Ok(keys
            .filter_map(|key| key.get(..ITEM_PREFIX))
            .map(<[u8]>::to_vec)
            .collect())
    }
}

/// What a block's beginning writes without having read it, such as the events of the block before; nothing if no block can begin, which
/// is told elsewhere.
fn written_anew(state: &mut State, runtime: &Runtime, height: Height) -> Result<BTreeSet<Vec<u8>>, ChainError> {
    state.log_accesses();
    let begun = state.discarding(|state| migrate::begin_block(state, runtime, height));
    // What is read after this is much.
    let log = state.end_access_log().unwrap_or_default();
    match begun {
        Ok(()) => Ok(log.writes.difference(&log.reads).cloned().collect()),
        Err(error) if error.is_local() || error.is_fatal() => Err(error),
        Err(_) => Ok(BTreeSet::new()),
    }
}

/// Bytes of a proof of what was recorded, and of what the root of the changed state needs; `None`: more than a proof may have.
fn proof_bytes(state: &mut Overlay<Arc<Recorder>>, recorder: &Recorder) -> Result<Option<usize>, ChainError> {
    state.root().map_err(host)?;
    match recorder.proof(&super::execute::is_by_hash) {
        Ok(proof) => Ok(Some(proof.len_bytes())),
        Err(quids_state::BackendError::Proof(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What a state has changed.
fn changes(view: &StateView, state: &State) -> Result<Changes, ChainError> {
    let changes = state.changes().into_iter();
    changes
        .map(|(key, new)| Ok((key.to_vec(), (view.get(key)?, new.map(<[u8]>::to_vec)))))
        .collect()
}

/// What pallets say of their state and does not hold; nothing of a runtime that cannot be asked.
fn broken(state: &mut State, runtime: &Runtime) -> Result<Vec<String>, ChainError> {
    if !runtime.has_api(names::UPGRADE_TRY_STATE) {
        return Ok(Vec::new());
    }
    match runtime.call(state, names::UPGRADE_TRY_STATE, &[]) {
        Ok(output) => {
            let holds: Result<(), String> =
                Decode::decode(&mut &output[..]).map_err(ChainError::decode(names::UPGRADE_TRY_STATE))?;
            Ok(holds.err().into_iter().collect())
        }
        Err(error) if error.is_local() => Err(error.into()),
        Err(error) => Ok(vec![error.to_string()]),
    }
}

fn host(error: quids_io::ExtError) -> ChainError {
    ChainError::Executor(ExecutorError::Host(error))
}

/// What pallet upgrade says to a version.
fn against_version(old: &RuntimeVersion, new: &RuntimeVersion) -> Vec<String> {
    let mut refusals = Vec::new();
    if new.spec_name != old.spec_name {
        refusals.push(format!(
            "it is another chain's: {:?}, not {:?}",
            new.spec_name, old.spec_name
        ));
    }
    if new.spec_version <= old.spec_version {
        let (new, old) = (new.spec_version, old.spec_version);
        refusals.push(format!("its spec version {new} is not above the running one, {old}"));
    }
    refusals
}

/// Who signs without a node knows by the transaction version alone whether what it signs still means the same.
fn unsaid(version: Pair<u32>, changes: &[InterfaceChange]) -> Option<InterfaceChange> {
    let is_of_transactions = |change: &&InterfaceChange| {
        ["call ", "pallet ", "transaction "]
            .iter()
            .any(|kind| change.what.starts_with(kind))
    };
    let first = changes
        .iter()
        .filter(|change| change.is_breaking)
        .find(is_of_transactions)?;
    (version.old == version.new).then(|| InterfaceChange {
        what: "transaction version".into(),
        change: format!("stays {}, though {} is another: raise it", version.old, first.what),
        is_breaking: true,
    })
}

/// Weight and proof size beside what the running code allows. Adds to the refusals what is too much.
fn weighed(refusals: &mut Vec<String>, used: Weight, limit: Option<Weight>) -> Migration {
    let limited = |used: u64, limit: Option<u64>| Limited { used, limit };
    let migration = Migration {
        weight: limited(used.ref_time, limit.map(|limit| limit.ref_time)),
        proof_size: limited(used.proof_size, limit.map(|limit| limit.proof_size)),
        proof_bytes: None,
        step_proof_bytes: 0,
        stepped: Vec::new(),
        items: Vec::new(),
    };
    for (what, Limited { used, limit }) in [("weigh", migration.weight), ("prove", migration.proof_size)] {
        if let Some(limit) = limit.filter(|limit| used > *limit) {
            refusals.push(format!("its migrations {what} {used}, of which a block has {limit}"));
        }
    }
    migration
}

/// The weight of a block that normal transactions may use, as its metadata states it (`System.BlockLimits`).
fn normal_limit(running: &Interface) -> Option<Weight> {
    /// The first fields of the framework's `BlockLimits`.
    #[derive(Decode)]
    struct Limits {
        max_weight: Weight,
        normal_percent: u8,
    }
    let system = running.0.pallets.iter().find(|pallet| pallet.name == "System")?;
    let limits = system
        .constants
        .iter()
        .find(|constant| constant.name == "BlockLimits")?;
    let Limits {
        max_weight,
        normal_percent,
    } = Limits::decode(&mut &limits.value[..]).ok()?;
    let share = |whole: u64| (whole / 100).saturating_mul(normal_percent.into());
    Some(Weight::new(share(max_weight.ref_time), share(max_weight.proof_size)))
}

fn read(metadata: &[u8]) -> Result<Metadata, ChainError> {
    Metadata::decode(metadata).map_err(|error| ChainError::Task(error.to_string()))
}

/// Version 15, asked on an empty state: a runtime knows itself without one.
fn metadata_of_code(runtime: &Runtime) -> Result<Option<Vec<u8>>, ChainError> {
    let mut empty = MemoryExternalities::default();
    match runtime.call(&mut empty, names::METADATA_AT_VERSION, &15u32.encode()) {
        Ok(output) => Ok(Option::decode(&mut &output[..]).unwrap_or_default()),
        Err(error) if error.is_local() => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// Reads all entries of the state as the migrations leave it: how many there are, and which the new runtime cannot read, or reads as
/// something else than what was written.
fn unreadable(
    view: &StateView,
    (changes, anew): (&Changes, &BTreeSet<Vec<u8>>),
    [old, layout]: [&Layout<'_>; 2],
    observe: &mut dyn FnMut(u64),
) -> Result<(u64, Vec<Undecodable>), ChainError> {
    let mut faults: BTreeMap<String, Undecodable> = BTreeMap::new();
    let lost = old.lost_in(layout);
    let mut look = |key: &[u8], value: &[u8], is_kept: bool| {
        let of_its_item = || lost.get(key.first_chunk()?).filter(|_| is_kept).cloned();
        let Some(reason) = layout.fault(key, value).or_else(of_its_item) else {
            return;
        };
        let item = name_of(key, [layout, old]);
        let fault = faults.entry(item.clone()).or_insert_with(|| Undecodable {
            item,
            entries: 0,
            first_key: format!("0x{}", hex::encode(key)),
            reason,
        });
        fault.entries += 1;
    };
    let mut entries = 0;
    let mut after: Option<Vec<u8>> = None;
    loop {
        let keys = view.keys(&[], after.as_deref(), PAGE)?;
        for key in keys.iter().filter(|key| !changes.contains_key(*key)) {
            if let Some(value) = view.get(key)? {
                look(key, &value, !anew.contains(key));
                entries += 1;
            }
        }
        observe(entries);
        after = match keys.last() {
            Some(last) if keys.len() == PAGE => Some(last.clone()),
            _ => break,
        };
    }
    for (key, value) in changes.iter().filter_map(|(key, (_, new))| Some((key, new.as_ref()?))) {
        look(key, value, false);
        entries += 1;
    }
    observe(entries);
    Ok((entries, faults.into_values().collect()))
}
