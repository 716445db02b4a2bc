//! Questions to the runtime and to the node's index, and what is remembered of the answers.

use super::super::Context;
use crate::Backend;
use crate::error::{RpcError, ethereum, from_evm_backend};
use crate::methods::registry::Patience;
use codec::{DecodeAll, Encode};
use quids_api::evm::{EvmAccount, EvmBlock, EvmBlockEnv, EvmChain, EvmError, EvmErrorKind};
use quids_api::names;
use quids_core::{H160, Hash, Header};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// What at most `MAX` blocks were seen to be: it never changes. The oldest is forgotten.
#[derive(Debug)]
pub struct Remembered<T, const MAX: usize = 1024>(Mutex<VecDeque<(Hash, Arc<T>)>>);

impl<T, const MAX: usize> Default for Remembered<T, MAX> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T, const MAX: usize> Remembered<T, MAX> {
    pub fn get(&self, block: Hash) -> Option<Arc<T>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Most questions are about the newest.
        let found = known.iter().rev().find(|(hash, _)| *hash == block);
        found.map(|(_, what)| what.clone())
    }

    pub fn put(&self, block: Hash, what: T) -> Arc<T> {
        let what = Arc::new(what);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX {
            known.pop_front();
        }
        known.push_back((block, what.clone()));
        what
    }
}

/// Calls the runtime and decodes its answer.
pub fn runtime<T: DecodeAll>(node: &dyn Backend, at: Hash, api: &str, input: &impl Encode) -> Result<T, RpcError> {
    decoded(api, &node.call(at, api, &input.encode()).map_err(from_evm_backend)?)
}

/// As [`runtime`]; `None` if that takes more than the caller's patience.
pub fn runtime_within<T: DecodeAll>(
    node: &dyn Backend,
    patience: Patience,
    at: Hash,
    api: &str,
    input: &impl Encode,
) -> Result<Option<T>, RpcError> {
    match patience {
        Patience::Full => runtime(node, at, api, input).map(Some),
        Patience::Brief => {
            let answer = node.call_briefly(at, api, &input.encode()).map_err(from_evm_backend)?;
            answer.map(|answer| decoded(api, &answer)).transpose()
        }
    }
}

fn decoded<T: DecodeAll>(api: &str, answer: &[u8]) -> Result<T, RpcError> {
    T::decode_all(&mut &*answer).map_err(|_| ethereum(format!("the answer of {api} does not decode")))
}

/// The chain after a block.
pub fn chain(context: &Context, at: Hash) -> Result<Arc<EvmChain>, RpcError> {
    if let Some(known) = context.eth.chains.get(at) {
        return Ok(known);
    }
    let chain: EvmChain = runtime(&*context.backend, at, names::QEVM_CHAIN, &())?;
    Ok(context.eth.chains.put(at, chain))
}

/// What a block gave to the EVM.
pub fn env(context: &Context, at: Hash) -> Result<Arc<EvmBlockEnv>, RpcError> {
    if let Some(known) = context.eth.envs.get(at) {
        return Ok(known);
    }
    Ok(context.eth.envs.put(at, block(context, at)?.env.clone()))
}

pub fn account(node: &dyn Backend, at: Hash, who: H160) -> Result<EvmAccount, RpcError> {
    runtime(node, at, names::QEVM_ACCOUNT, &who)
}

pub fn code(node: &dyn Backend, at: Hash, who: H160) -> Result<Vec<u8>, RpcError> {
    runtime(node, at, names::QEVM_CODE, &who)
}

/// A block, if there is one. Only the last few are remembered: they are large.
pub fn find_block(context: &Context, hash: Hash) -> Result<Option<Arc<EvmBlock>>, RpcError> {
    if let Some(known) = context.eth.blocks.get(hash) {
        return Ok(Some(known));
    }
    let block = context.backend.evm_block(hash).map_err(from_evm_backend)?;
    Ok(block.map(|block| context.eth.blocks.put(hash, block)))
}

/// A block that has to be there.
pub fn block(context: &Context, hash: Hash) -> Result<Arc<EvmBlock>, RpcError> {
    find_block(context, hash)?.ok_or_else(|| ethereum("header not found"))
}

/// A header that has to be there.
pub fn header(node: &dyn Backend, hash: Hash) -> Result<Header, RpcError> {
    let header = node.header(hash).map_err(from_evm_backend)?;
    header.ok_or_else(|| ethereum("header not found"))
}

/// What the runtime refuses.
pub fn refused(error: EvmError) -> RpcError {
    match error.kind {
        EvmErrorKind::Request => crate::error::invalid_params(606, error.message),
        _ => ethereum(error.message),
    }
}
