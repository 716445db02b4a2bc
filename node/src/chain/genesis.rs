//! Block 0: built from the chain spec, checked against what the database holds.

use super::{ChainError, log};
use crate::spec::ChainSpec;
use codec::Encode;
use quids_api::names;
use quids_core::{Digest, Hash, Header, Height, well_known_keys};
use quids_db::{BlockCommit, Database};
use quids_executor::Executor;
use quids_io::Externalities;
use quids_state::{Commit, NodeStore, Overlay, SharedCache, TrieBackend};
use std::sync::Arc;

/// The genesis hash, after making sure that the database starts with this genesis.
pub fn ensure(
    db: &Arc<Database>,
    cache: &Arc<SharedCache>,
    executor: &Executor,
    spec: &ChainSpec,
) -> Result<Hash, ChainError> {
    if let Some(found) = db.genesis()? {
        // A spec's genesis is a pure function of the spec, but its code may be newer than the chain's:
        // a development chain goes on with the code it has.
        if spec.pinned_genesis.is_some_and(|expected| expected != found) {
            return Err(ChainError::OtherGenesis {
                found,
                expected: spec.pinned_genesis.unwrap_or_default(),
            });
        }
        return Ok(found);
    }
    let (header, commit) = build(db.clone(), cache, executor, spec)?;
    Ok(db.write_genesis(BlockCommit {
        header,
        body: Vec::new(),
        nodes: commit.nodes,
        finalised: true,
        aux: Vec::new(),
    })?)
}

/// The genesis header and what has to be stored for it.
fn build(
    store: Arc<dyn NodeStore>,
    cache: &Arc<SharedCache>,
    executor: &Executor,
    spec: &ChainSpec,
) -> Result<(Header, Commit), ChainError> {
    let runtime = executor.load(&spec.code)?;
    let empty = TrieBackend::new(store, cache.clone(), quids_trie::EMPTY_ROOT);
    let mut state = Overlay::new(empty).with_logger(Arc::new(log));
    state
        .set(well_known_keys::CODE, &spec.code)
        .map_err(|error| ChainError::Genesis(error.to_string()))?;
    let json = spec.genesis.to_string().into_bytes();
    let output = runtime.call(&mut state, names::GENESIS_BUILD, &json.encode())?;
    <Result<(), String> as codec::Decode>::decode(&mut output.as_slice())
        .map_err(ChainError::decode(names::GENESIS_BUILD))?
        .map_err(ChainError::Genesis)?;
    let (commit, _) = state.into_commit()?;
    let header = Header {
        parent_hash: Hash::zero(),
        number: Height(0),
        state_root: commit.root,
        extrinsics_root: quids_trie::EMPTY_ROOT,
        digest: Digest::default(),
    };
    Ok((header, commit))
}
