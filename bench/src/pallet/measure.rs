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
use quids_support::limits::cost;
use quids_trie::Proof;
use std::sync::Arc;

const CACHE_MB: usize = 256;

/// Pallet, call, and each component with its lowest and highest value: as `quids_runtime::benchmarks::Listed`.
pub type Listed = (String, String, Vec<(String, u32, u32)>);

/// What the call took with these values of its components.
#[derive(Clone, Debug)]
pub struct Sample {
    pub values: Vec<u32>,
    /// The median of the runs, of the slowest round: the call's own time, without that of entering the runtime and decoding.
    pub time_ns: f64,
    pub reads: f64,
    pub writes: f64,
    pub proof: f64,
    pub declared: Weight,
}

impl Sample {
    /// The higher of this and another measurement of the same.
    pub fn raise(&mut self, other: &Self) {
        self.time_ns = self.time_ns.max(other.time_ns);
        self.reads = self.reads.max(other.reads);
        self.writes = self.writes.max(other.writes);
        self.proof = self.proof.max(other.proof);
    }

    /// What the call has to declare: time, and reads and writes at reference costs; bytes of proof.
    pub fn needed(&self) -> Weight {
        let needed = cost::of((self.time_ns * 1e3) as u64, self.reads as u64, self.writes as u64);
        Weight::new(needed.ref_time, self.proof as u64)
    }

    /// Whether it does, with so much of the time being noise: a factor, and nanoseconds besides.
    pub fn is_covered(&self, factor: f64, noise_ns: f64) -> bool {
        let quieter = Self {
            time_ns: (self.time_ns / factor - noise_ns).max(0.0),
            ..self.clone()
        };
        !quieter.needed().any_gt(self.declared)
    }
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
        let proof = match keys.is_empty() {
            true => 0,
            false => Proof(self.view().prove(&keys)?).encoded_size(),
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_has_to_cover_all_but_noise() {
        // 12 µs in 5 reads and a write: 72 µs; 300 bytes.
        let sample = |ref_time, proof_size| Sample {
            values: Vec::new(),
            time_ns: 12_000.0,
            reads: 5.0,
            writes: 1.0,
            proof: 300.0,
            declared: Weight::new(ref_time, proof_size),
        };
        assert_eq!(sample(0, 0).needed(), Weight::new(72_000_000, 300));
        for (ref_time, proof_size, factor, noise_ns, covered) in [
            (72_000_000, 300, 1.0, 0.0, true),
            (71_999_999, 300, 1.0, 0.0, false),
            (72_000_000, 299, 1.0, 0.0, false),
            // A sixth of the time may be noise, and so many nanoseconds; nothing of the rest.
            (70_000_000, 300, 1.2, 0.0, true),
            (69_999_999, 300, 1.2, 0.0, false),
            (69_000_000, 300, 1.2, 1e3, true),
            (68_999_999, 300, 1.2, 1e3, false),
            (60_000_000, 300, 1.2, 1e6, true),
            (59_999_999, 300, 1.2, 1e6, false),
            (70_000_000, 299, 1.2, 0.0, false),
        ] {
            let found = sample(ref_time, proof_size).is_covered(factor, noise_ns);
            assert_eq!(
                found, covered,
                "{ref_time} ps, {proof_size} bytes, noise {factor} and {noise_ns} ns"
            );
        }
        let mut raised = sample(0, 0);
        raised.raise(&Sample {
            time_ns: 13_000.0,
            reads: 4.0,
            ..sample(0, 0)
        });
        assert_eq!((raised.time_ns, raised.reads), (13_000.0, 5.0));
    }
}
