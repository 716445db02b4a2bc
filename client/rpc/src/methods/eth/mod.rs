//! Ethereum's methods over the EVM of the runtime.

mod ask;
mod authority;
mod block;
mod call;
mod chain;
mod debug;
mod development;
mod fees;
mod filters;
mod logs;
mod otterscan;
mod place;
mod render;
mod request;
mod shape;
mod sign;
mod simulate;
mod state;
mod submit;
mod subscribe;
mod trail;
mod transaction;
mod txpool;
mod values;

use super::registry::{Registered, Registry};
use crate::error::{ETHEREUM, INTERNAL, REVERTED};
use quids_api::evm::{EvmBlock, EvmBlockEnv, EvmChain};
use std::sync::atomic::AtomicU64;

/// What most methods fail with.
const ERRORS: &[i32] = &[ETHEREUM, INTERNAL];
/// What calls fail with.
const CALL_ERRORS: &[i32] = &[ETHEREUM, REVERTED, INTERNAL];

/// Blocks that are remembered as a whole.
const BLOCKS_MAX: usize = 4;

/// What Ethereum's methods remember.
#[derive(Debug, Default)]
pub struct Shared {
    /// 0 as long as nobody asked.
    chain_id: AtomicU64,
    chains: ask::Remembered<EvmChain>,
    envs: ask::Remembered<EvmBlockEnv>,
    blocks: ask::Remembered<EvmBlock, BLOCKS_MAX>,
    summaries: ask::Remembered<render::Summary>,
    /// The usual tip while a block is the best.
    tips: ask::Remembered<u128>,
    /// What stands before a transaction in the extrinsic that carries it, on the state after a block.
    carriers: ask::Remembered<Vec<u8>>,
    filters: filters::Filters,
}

pub fn register(registry: &mut Registry) -> Registered {
    block::register(registry)?;
    call::register(registry)?;
    chain::register(registry)?;
    debug::register(registry)?;
    development::register(registry)?;
    fees::register(registry)?;
    filters::register(registry)?;
    logs::register(registry)?;
    otterscan::register(registry)?;
    sign::register(registry)?;
    simulate::register(registry)?;
    state::register(registry)?;
    submit::register(registry)?;
    subscribe::register(registry)?;
    transaction::register(registry)?;
    txpool::register(registry)
}
