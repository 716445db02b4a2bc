//! Block 0: built from the chain spec, checked against what the database holds.

use super::{ChainError, log};
use crate::spec::{ChainSpec, Genesis, GenesisCheck};
use codec::Encode;
use quids_api::names;
use quids_core::{Digest, Hash, Header, Height, well_known_keys};
use quids_db::{BlockCommit, Database};
use quids_executor::Executor;
use quids_io::Externalities;
use quids_state::{Commit, MemoryNodes, NodeStore, Overlay, SharedCache, StateBackend, TrieBackend};
use std::{collections::BTreeMap, sync::Arc};

/// Memory for a genesis that is built to be looked at.
const SCRATCH_CACHE_BYTES: usize = 16 << 20;

/// The genesis hash, after making sure that the database starts with this genesis.
pub fn ensure(
    db: &Arc<Database>,
    cache: &Arc<SharedCache>,
    executor: &Executor,
    spec: &ChainSpec,
) -> Result<Hash, ChainError> {
    let Some(found) = db.genesis()? else {
        let (header, commit) = build(db.clone(), cache, executor, spec)?;
        return Ok(db.write_genesis(BlockCommit {
            header,
            body: Vec::new(),
            nodes: commit.nodes,
            finalised: true,
            aux: Vec::new(),
            // Asked of the runtime on demand: nothing happened in it.
            evm: None,
        })?);
    };
    let expected = match spec.genesis_check {
        GenesisCheck::AsStored => found,
        GenesisCheck::Exact { stated: Some(stated) } => stated,
        GenesisCheck::Exact { stated: None } => {
            build(Arc::new(MemoryNodes::default()), cache, executor, spec)?.0.hash()
        }
    };
    if expected == found {
        Ok(found)
    } else {
        Err(ChainError::OtherGenesis { found, expected })
    }
}

/// What a spec starts from, in memory: the header of block 0, and every key and value of its state.
#[derive(Clone, Debug)]
pub struct BuiltGenesis {
    pub header: Header,
    pub top: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl BuiltGenesis {
    pub fn of(executor: &Executor, spec: &ChainSpec) -> Result<Self, ChainError> {
        let nodes = Arc::new(MemoryNodes::default());
        let cache = Arc::new(SharedCache::new(SCRATCH_CACHE_BYTES));
        let (header, commit) = build(nodes.clone(), &cache, executor, spec)?;
        nodes.insert(commit.nodes);
        let state = TrieBackend::new(nodes, cache, header.state_root);
        let mut top = BTreeMap::new();
        for key in state.keys(&[], None, usize::MAX)? {
            let value = state.get(&key)?.unwrap_or_default();
            top.insert(key, value.to_vec());
        }
        Ok(Self { header, top })
    }
}

/// The genesis header and what has to be stored for it.
fn build(
    store: Arc<dyn NodeStore>,
    cache: &Arc<SharedCache>,
    executor: &Executor,
    spec: &ChainSpec,
) -> Result<(Header, Commit), ChainError> {
    let empty = TrieBackend::new(store, cache.clone(), quids_trie::EMPTY_ROOT);
    let mut state = Overlay::new(empty).with_logger(Arc::new(log));
    let genesis = |error: quids_io::ExtError| ChainError::Genesis(error.to_string());
    match &spec.genesis {
        Genesis::Config { code, config } => {
            let runtime = executor.load(code)?;
            state.set(well_known_keys::CODE, code).map_err(genesis)?;
            let json = config.to_string().into_bytes();
            let output = runtime.call(&mut state, names::GENESIS_BUILD, &json.encode())?;
            <Result<(), String> as codec::Decode>::decode(&mut output.as_slice())
                .map_err(ChainError::decode(names::GENESIS_BUILD))?
                .map_err(ChainError::Genesis)?;
        }
        Genesis::Raw(top) => {
            let code = top.get(well_known_keys::CODE).map(Vec::as_slice).unwrap_or_default();
            // A chain whose first block nobody can execute is refused now.
            executor.load(code)?;
            for (key, value) in top {
                state.set(key, value).map_err(genesis)?;
            }
        }
    }
    let (commit, _) = state.into_commit()?;
    let header = Header {
        parent_hash: Hash::zero(),
        number: Height(0),
        state_root: commit.root,
        extrinsics_root: quids_trie::EMPTY_ROOT,
        digest: Digest::default(),
    };
    if let GenesisCheck::Exact { stated: Some(stated) } = spec.genesis_check {
        let built = header.hash();
        if built != stated {
            return Err(ChainError::StatedGenesis { stated, built });
        }
    }
    Ok((header, commit))
}
