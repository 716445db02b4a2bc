//! All runs over one state, engines alternating, and what they come to per transfer.

use super::{
    block::{Outcome, Steps, execute},
    engine::Engine,
    flat::FlatBackend,
    meter::{self, Tally},
    world,
};
use crate::{
    Result,
    clock::{Lap, timed},
    statistics::Samples,
};
use codec::Encode;
use quids_api::names;
use quids_core::{Header, Height, OpaqueExtrinsic};
use quids_crypto::SignatureScheme;
use quids_db::{BlockCommit, Database, StorageConfig};
use quids_state::{Commit, EMPTY_ROOT, MemoryState, NodeChange, Overlay, SharedCache, StateView};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

const EMPTY_CALLS: usize = 10_000;

/// What to measure.
pub struct Options {
    pub transfers: usize,
    pub runs: usize,
    pub scheme: SignatureScheme,
    /// The cache of trie nodes, large enough to hold all that the block touches.
    pub cache_mb: usize,
}

impl Options {
    pub fn json(&self) -> Value {
        json!({
            "transfers": self.transfers, "runs": self.runs, "scheme": self.scheme.name(), "cache_mb": self.cache_mb,
        })
    }
}

/// Microseconds per transfer in one engine; CPU time.
#[derive(Default)]
pub struct EngineFigures {
    pub flat: Samples,
    pub trie: Samples,
    pub commitment: Samples,
    pub finalization: Samples,
    pub root: Samples,
    /// What the runtime asked of the host for all transfers, on the trie.
    pub tally: Tally,
}

/// One size of state. Engines in the order of `Engine::wasm`, `Engine::Native`.
pub struct Figures {
    pub accounts: usize,
    pub transfers: usize,
    pub senders: usize,
    pub engines: [EngineFigures; 2],
    /// WASM over native, run by run.
    pub flat_ratio: Samples,
    pub trie_ratio: Samples,
    /// Microseconds of wall time per transfer: the disk decides.
    pub database: Samples,
    /// The same of all steps in WASM, one after the other: execution, both roots, database.
    pub sequential: Samples,
    pub block_bytes: usize,
    pub changed: usize,
    pub nodes: usize,
    pub node_bytes: usize,
    /// What metering adds to each host call.
    pub meter: Lap,
}

fn micros(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}

/// Executes a block of transfers over `accounts` accounts again and again.
pub fn size(accounts: usize, options: &Options, engines: &mut [Engine; 2]) -> Result<Figures> {
    let pairs = world::pairs(accounts, options.transfers);
    let transfers = world::transfers(&pairs, options.scheme)?;
    let folder = tempfile::tempdir()?;
    let open = |name: &str| {
        Database::open(&StorageConfig {
            cache_size_mb: options.cache_mb,
            ..StorageConfig::new(folder.path().join(name))
        })
    };
    // Blocks are executed on the state of one, and stored, one after the other, in the other.
    let (db, sink) = (Arc::new(open("state")?), open("blocks")?);
    let cache = Arc::new(SharedCache::new(options.cache_mb * 1024 * 1024));
    let nothing = Arc::new(MemoryState::default());
    let mut state = Overlay::new(StateView::new(nothing, cache.clone(), Height(0), EMPTY_ROOT));
    world::build_genesis(&mut state, &mut engines[1], accounts, &pairs, options.scheme)?;
    let commit = state.into_commit()?;
    let mut flat = FlatBackend::default();
    flat.apply(commit.values.iter().cloned());
    let genesis = world::genesis_header(commit.root);
    db.write_genesis(block_commit(genesis.clone(), &[], commit.clone()))?;
    sink.write_genesis(block_commit(genesis.clone(), &[], commit))?;
    let trie = StateView::new(db, cache, Height(0), genesis.state_root);

    let header = world::first_header(genesis.hash());
    let mut figures = check(engines, &flat, &trie, &header, &transfers)?;
    figures.accounts = accounts;
    figures.senders = pairs.iter().map(|(from, _)| from).collect::<BTreeSet<_>>().len();
    let mut parent = genesis;
    for run in 0..options.runs {
        let mut seconds = [[0.0; 2]; 2];
        let mut in_wasm = 0.0;
        for turn in 0..2 {
            let which = (turn + run) % 2;
            let flat = execute(&mut engines[which], &flat, &header, &transfers, false)?;
            let outcome = execute(&mut engines[which], &trie, &header, &transfers, false)?;
            let of = &mut figures.engines[which];
            let per_transfer = |lap: Lap| micros(lap.cpu, transfers.len());
            let Steps {
                execution,
                commitment,
                finalization,
                root,
            } = outcome.steps;
            of.flat.push(per_transfer(flat.steps.execution));
            of.trie.push(per_transfer(execution));
            of.commitment.push(per_transfer(commitment));
            of.finalization.push(per_transfer(finalization));
            of.root.push(per_transfer(root));
            seconds[which] = [flat.steps.execution.cpu.as_secs_f64(), execution.cpu.as_secs_f64()];
            if which == 0 {
                let all = execution + commitment + finalization + root;
                in_wasm = micros(all.wall, transfers.len());
            }
            if turn == 1 {
                parent = store_block(&sink, parent, outcome, &transfers, &mut figures)?;
            }
        }
        figures.sequential.push(in_wasm + figures.database.last());
        figures.flat_ratio.push(seconds[0][0] / seconds[1][0]);
        figures.trie_ratio.push(seconds[0][1] / seconds[1][1]);
    }
    Ok(figures)
}

/// First runs: they warm the caches, count the host calls, and show that both engines make the same block.
fn check(
    engines: &mut [Engine; 2],
    flat: &FlatBackend,
    trie: &StateView,
    header: &Header,
    transfers: &[Vec<u8>],
) -> Result<Figures> {
    let mut outcomes = Vec::new();
    for engine in engines.iter_mut() {
        let on_flat = execute(engine, flat, header, transfers, false)?;
        execute(engine, trie, header, transfers, false)?;
        let on_trie = execute(engine, trie, header, transfers, true)?;
        agree(engine.name(), &on_flat.commit, "on the trie", &on_trie.commit)?;
        outcomes.push(on_trie);
    }
    let [wasm, outcome] = outcomes.try_into().map_err(|_| "two engines make two outcomes")?;
    agree("WASM", &wasm.commit, "natively", &outcome.commit)?;
    if wasm.header != outcome.header {
        return Err(format!("WASM makes {:?}, native code {:?}", wasm.header, outcome.header).into());
    }
    let tallies = [wasm.tally, outcome.tally.clone()];
    let mut tallies = tallies.into_iter();
    let mut next = || EngineFigures {
        tally: tallies.next().unwrap_or_default(),
        ..Default::default()
    };
    Ok(Figures {
        accounts: 0,
        transfers: transfers.len(),
        senders: 0,
        engines: [next(), next()],
        flat_ratio: Samples::default(),
        trie_ratio: Samples::default(),
        database: Samples::default(),
        sequential: Samples::default(),
        block_bytes: transfers.iter().map(Vec::len).sum(),
        changed: outcome.commit.values.len(),
        nodes: branches(&outcome.commit).count(),
        node_bytes: branches(&outcome.commit).map(<[u8]>::len).sum(),
        meter: meter::overhead(),
    })
}

/// Both made the same changes, or an error that names the first key where they did not.
fn agree(one: &str, of_one: &Commit, other: &str, of_other: &Commit) -> Result {
    let changes = |commit: &Commit| -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        let values = commit.values.iter();
        values.map(|change| (change.key.clone(), change.new.clone())).collect()
    };
    let (of_one, of_other) = (changes(of_one), changes(of_other));
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .take(200)
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let show = |value: Option<&Option<Vec<u8>>>| match value {
        None => "no change".to_owned(),
        Some(None) => "removed".to_owned(),
        Some(Some(value)) => format!("{} bytes: {}", value.len(), hex(value)),
    };
    for key in of_one.keys().chain(of_other.keys()) {
        let (left, right) = (of_one.get(key), of_other.get(key));
        if left != right {
            let key = hex(key);
            return Err(format!(
                "the outcomes differ at {key}: {one} {}; {other} {}",
                show(left),
                show(right)
            )
            .into());
        }
    }
    Ok(())
}

/// The branches that a commit stores.
fn branches(commit: &Commit) -> impl Iterator<Item = &[u8]> {
    let new = commit.nodes.iter().filter_map(|NodeChange { new, .. }| new.as_ref());
    new.map(|branch| &*branch.bytes)
}

fn block_commit(header: Header, body: &[Vec<u8>], state: Commit) -> BlockCommit {
    let body = body.iter().cloned().map(OpaqueExtrinsic).collect();
    BlockCommit {
        header,
        body,
        justification: None,
        state,
        aux: Vec::new(),
        evm: None,
    }
}

/// Stores the block as if it were the child of the last one stored, under the stopwatch.
fn store_block(
    db: &Database,
    parent: Header,
    outcome: Outcome,
    transfers: &[Vec<u8>],
    figures: &mut Figures,
) -> Result<Header> {
    let header = Header {
        parent_hash: parent.hash(),
        number: Height(parent.number.0 + 1),
        ..outcome.header
    };
    let block = block_commit(header.clone(), transfers, outcome.commit);
    let (stored, lap) = timed(|| db.commit_block(block));
    stored?;
    figures.database.push(micros(lap.wall, transfers.len()));
    Ok(header)
}

/// Microseconds of one runtime call that does next to nothing.
pub fn empty_call(engine: &mut Engine) -> Result<f64> {
    let mut state = quids_io::MemoryExternalities::default();
    let input = 100u32.encode();
    let (done, lap) = timed(|| {
        (0..EMPTY_CALLS).try_for_each(|_| engine.call(&mut state, names::PAYMENT_LENGTH_TO_FEE, &input).map(drop))
    });
    done?;
    Ok(micros(lap.cpu, EMPTY_CALLS))
}

impl EngineFigures {
    fn json(&self, figures: &Figures) -> Value {
        let calls = self.tally.iter().map(|(kind, calls)| {
            let time = calls.time.cpu.saturating_sub(figures.meter.cpu * calls.count as u32);
            let per_transfer = json!({
                "count": calls.count as f64 / figures.transfers as f64, "micros": micros(time, figures.transfers),
            });
            ((*kind).to_owned(), per_transfer)
        });
        json!({
            "flat": self.flat.json(), "trie": self.trie.json(), "commitment": self.commitment.json(),
            "finalization": self.finalization.json(), "root": self.root.json(),
            "host_calls": Value::Object(calls.collect()),
        })
    }
}

impl Figures {
    pub fn json(&self) -> Value {
        json!({
            "accounts": self.accounts, "transfers": self.transfers, "senders": self.senders,
            "wasm": self.engines[0].json(self), "native": self.engines[1].json(self),
            "flat_wasm_of_native": self.flat_ratio.json(), "trie_wasm_of_native": self.trie_ratio.json(),
            "database": self.database.json(), "sequential": self.sequential.json(), "block_bytes": self.block_bytes, "changed_keys": self.changed,
            "nodes": self.nodes, "node_bytes": self.node_bytes,
        })
    }
}
