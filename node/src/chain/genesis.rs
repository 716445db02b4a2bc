//! Block 0: built from the chain spec, checked against what the database holds.

use super::{ChainError, log, proof::next_height};
use crate::spec::{ChainSpec, Genesis, GenesisCheck};
use codec::Encode;
use quids_api::pobpc::NextHeight;
use quids_core::{Digest, Hash, Header, Height, well_known_keys};
use quids_db::{BlockCommit, Database};
use quids_executor::Executor;
use quids_io::Externalities;
use quids_state::{Commit, MemoryState, Overlay, SharedCache, StateView};
use std::{collections::BTreeMap, sync::Arc};

/// Memory for a genesis that is built to be looked at.
const SCRATCH_CACHE_BYTES: usize = 16 << 20;

/// The genesis hash, after making sure that the database starts with this genesis.
pub fn ensure(db: &Arc<Database>, executor: &Executor, spec: &ChainSpec) -> Result<Hash, ChainError> {
    let Some(found) = db.genesis()? else {
        let Built { header, commit, .. } = build(executor, spec)?;
        return Ok(db.write_genesis(BlockCommit {
            header,
            body: Vec::new(),
            justification: None,
            state: commit,
            aux: Vec::new(),
            // Asked of the runtime on demand: nothing happened in it.
            evm: None,
        })?);
    };
    let expected = match spec.genesis_check {
        GenesisCheck::AsStored => found,
        GenesisCheck::Exact { .. } => genesis_of(executor, spec)?,
    };
    match expected == found {
        true => Ok(found),
        false => Err(ChainError::OtherGenesis { found, expected }),
    }
}

/// The hash of block 0 of a new chain of this spec.
pub fn genesis_of(executor: &Executor, spec: &ChainSpec) -> Result<Hash, ChainError> {
    match spec.genesis_check {
        GenesisCheck::Exact { stated: Some(stated) } => Ok(stated),
        _ => Ok(build(executor, spec)?.header.hash()),
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
        let Built { header, commit, .. } = build(executor, spec)?;
        let top = commit.values.into_iter();
        let top = top.filter_map(|change| Some((change.key, change.new?)));
        Ok(Self {
            header,
            top: top.collect(),
        })
    }
}

/// For who keeps no state: the header of block 0, and who decides its child.
pub fn first_height(executor: &Executor, spec: &ChainSpec) -> Result<(Header, Option<NextHeight>), ChainError> {
    let Built { header, next, .. } = build(executor, spec)?;
    Ok((header, next))
}

struct Built {
    header: Header,
    /// What has to be stored for it.
    commit: Commit,
    /// Who decides its child, on a chain with validators.
    next: Option<NextHeight>,
}

fn build(executor: &Executor, spec: &ChainSpec) -> Result<Built, ChainError> {
    let cache = Arc::new(SharedCache::new(SCRATCH_CACHE_BYTES));
    let nothing = Arc::new(MemoryState::default());
    let empty = StateView::new(nothing, cache, Height::ZERO, quids_trie::EMPTY_ROOT);
    let mut state = Overlay::new(empty).with_logger(Arc::new(log));
    let genesis = |error: quids_io::ExtError| ChainError::Genesis(error.to_string());
    let runtime = match &spec.genesis {
        Genesis::Config { code, config } => {
            let runtime = executor.load(code)?;
            state.set(well_known_keys::CODE, code).map_err(genesis)?;
            let json = config.to_string().into_bytes();
            let output = runtime.call(&mut state, quids_api::names::GENESIS_BUILD, &json.encode())?;
            <Result<(), String> as codec::Decode>::decode(&mut output.as_slice())
                .map_err(ChainError::decode(quids_api::names::GENESIS_BUILD))?
                .map_err(ChainError::Genesis)?;
            runtime
        }
        Genesis::Raw(top) => {
            let code = top.get(well_known_keys::CODE).map(Vec::as_slice).unwrap_or_default();
            // A chain whose first block nobody can execute is refused now.
            let runtime = executor.load(code)?;
            for (key, value) in top {
                state.set(key, value).map_err(genesis)?;
            }
            runtime
        }
    };
    let next = next_height(&runtime, &mut state)?;
    let commit = state.into_commit()?;
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
    Ok(Built { header, commit, next })
}
