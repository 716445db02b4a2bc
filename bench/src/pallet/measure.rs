//! One set-up after the other, each a block of its own in the database; the call on it again and again.

use crate::{
    Result,
    clock::timed,
    statistics::Samples,
    transfers::{engine::Engine, world},
};
use codec::{Decode, Encode};
use quids_core::{DispatchError, Header, Height, Weight};
use quids_crypto::SignatureScheme;
use quids_db::{BlockCommit, Database, StorageConfig};
use quids_state::{Commit, EMPTY_ROOT, MemoryState, Overlay, SharedCache, StateBackend, StateView};
use quids_trie::Proof;
use std::sync::Arc;

const CACHE_MB: usize = 256;

/// Pallet, call, and each component with its lowest and highest value: as `quids_runtime::benchmarks::Listed`.
type Listed = (String, String, Vec<(String, u32, u32)>);

/// What the call took with these values of its components.
#[derive(Clone, Debug)]
pub struct Sample {
    pub values: Vec<u32>,
    /// The median of the runs: the call's own time, without that of entering the runtime and decoding.
    pub time_ns: f64,
    pub reads: f64,
    pub writes: f64,
    pub proof: f64,
    pub declared: Weight,
}

/// A runtime with benchmarks, and a state to make them on.
pub struct Bench {
    engine: Engine,
    db: Arc<Database>,
    cache: Arc<SharedCache>,
    head: Header,
    /// Of the database; gone with it.
    _folder: tempfile::TempDir,
}

impl Bench {
    /// On a genesis with so many accounts.
    pub fn open(wasm: &[u8], accounts: usize) -> Result<Self> {
        let mut engine = Engine::of(wasm)?;
        let folder = tempfile::tempdir()?;
        let db = Arc::new(Database::open(&StorageConfig {
            cache_size_mb: CACHE_MB,
            ..StorageConfig::new(folder.path().join("state"))
        })?);
        let cache = Arc::new(SharedCache::new(CACHE_MB << 20));
        let nothing = Arc::new(MemoryState::default());
        let mut state = Overlay::new(StateView::new(nothing, cache.clone(), Height(0), EMPTY_ROOT));
        world::build_genesis(&mut state, &mut engine, accounts, &[], SignatureScheme::MlDsa87)?;
        let commit = state.into_commit()?;
        let head = world::genesis_header(commit.root);
        db.write_genesis(block(head.clone(), commit))?;
        Ok(Self {
            engine,
            db,
            cache,
            head,
            _folder: folder,
        })
    }

    /// What the runtime can measure.
    pub fn list(&mut self) -> Result<Vec<Listed>> {
        let mut state = Overlay::new(self.view());
        self.engine
            .call_typed(&mut state, "Benchmark_list", &())
            .map_err(|error| format!("the runtime has no benchmarks (feature runtime-benchmarks): {error}").into())
    }

    fn view(&self) -> StateView {
        StateView::new(
            self.db.clone(),
            self.cache.clone(),
            self.head.number,
            self.head.state_root,
        )
    }

    /// The samples of a benchmark: each component at `steps` values with the others at their most; the last with all at
    /// their most.
    pub fn measure(
        &mut self,
        number: u32,
        components: &[(String, u32, u32)],
        steps: usize,
        repeat: usize,
    ) -> Result<Vec<Sample>> {
        let most: Vec<u32> = components.iter().map(|(_, _, high)| *high).collect();
        let mut points = Vec::new();
        for (at, (_, low, high)) in components.iter().enumerate() {
            for step in 0..steps - 1 {
                let mut values = most.clone();
                values[at] = low + (u64::from(high - low) * step as u64 / (steps as u64 - 1)) as u32;
                points.push(values);
            }
        }
        points.push(most);
        points
            .into_iter()
            .map(|values| self.sample(number, values, repeat))
            .collect()
    }

    fn sample(&mut self, number: u32, values: Vec<u32>, repeat: usize) -> Result<Sample> {
        let mut state = Overlay::new(self.view());
        let set_up: std::result::Result<(Vec<u8>, Weight), String> =
            self.engine
                .call_typed(&mut state, "Benchmark_set_up", &(number, &values))?;
        let (call, declared) = set_up.map_err(|reason| format!("benchmark {number} with {values:?}: {reason}"))?;
        self.store(state.into_commit()?)?;
        let mut state = Overlay::new(self.view()).with_access_log();
        self.dispatch(&mut state, &call)?;
        let log = state.take_access_log().ok_or("no access log")?;
        let written = log.writes.union(&log.merges).count();
        let keys: Vec<&[u8]> = log.reads.union(&log.writes).map(Vec::as_slice).collect();
        let proof = Proof(self.view().prove(&keys)?).encoded_size();
        let mut times = Samples::default();
        for _ in 0..repeat {
            let mut state = Overlay::new(self.view());
            let (decoded, entering) = timed(|| self.engine.call(&mut state, "Benchmark_decode", &call.encode()));
            decoded?;
            let mut state = Overlay::new(self.view());
            let (made, making) = timed(|| self.engine.call(&mut state, "Benchmark_dispatch", &call.encode()));
            made?;
            times.push(making.cpu.saturating_sub(entering.cpu).as_nanos() as f64);
        }
        Ok(Sample {
            values,
            time_ns: times.median(),
            reads: log.reads.len() as f64,
            writes: written as f64,
            proof: proof as f64,
            declared,
        })
    }

    /// Makes the call, which must succeed.
    fn dispatch(&mut self, state: &mut Overlay<StateView>, call: &Vec<u8>) -> Result {
        type Made = std::result::Result<std::result::Result<(), DispatchError>, String>;
        let output = self.engine.call(state, "Benchmark_dispatch", &call.encode())?;
        let made = Made::decode(&mut output.as_slice())?;
        made?.map_err(|error| format!("the call fails: {error:?}").into())
    }

    /// Stores the state as the next block's, so that what is measured reads the database.
    fn store(&mut self, commit: Commit) -> Result {
        let header = Header {
            parent_hash: self.head.hash(),
            number: Height(self.head.number.0 + 1),
            state_root: commit.root,
            ..self.head.clone()
        };
        self.db.commit_block(block(header.clone(), commit))?;
        self.head = header;
        Ok(())
    }
}

fn block(header: Header, state: Commit) -> BlockCommit {
    BlockCommit {
        header,
        body: Vec::new(),
        justification: None,
        state,
        aux: Vec::new(),
        evm: None,
    }
}
