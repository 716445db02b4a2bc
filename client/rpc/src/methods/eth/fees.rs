//! What gas costs, and what it cost.

use super::block::summary;
use super::place::{self, NUMBER};
use super::shape::AMOUNT;
use super::values::{self, quantity, unfit};
use super::{ERRORS, ask};
use crate::error::{RpcError, from_evm_backend};
use crate::methods::Context;
use crate::methods::registry::{Registered, Registry, caller_method};
use crate::params::Arguments;
use crate::spec::{Field, Method, Param, Schema};
use quids_api::evm::EvmBlock;
use quids_core::{Hash, Height};
use serde_json::{Value, json};

/// Blocks of one fee history (go-ethereum's number).
const BLOCKS_MAX: u64 = 1024;
/// Percentiles of one fee history (go-ethereum's number).
const PERCENTILES_MAX: usize = 100;
/// Transactions that one fee history with percentiles looks at.
const TRANSACTIONS_MAX: usize = 100_000;
/// Blocks that a suggestion looks at.
const SAMPLE_BLOCKS: u32 = 20;
/// Of a suggestion's sample, the share of transactions that paid less, in percent (go-ethereum's number).
const SAMPLE_PERCENTILE: usize = 60;
/// The least tip that is suggested: it buys nothing more on a chain whose blocks are not full.
const TIP_MIN: u128 = 1;

const BLOCK_COUNT: Param = Param::required("blockCount", AMOUNT, "at most 1024 are answered");
const NEWEST: Param = Param::required("newestBlock", NUMBER, "");
const PERCENTILES: Param = Param::optional(
    "rewardPercentiles",
    Schema::List(&Schema::Any),
    "ascending numbers from 0 to 100, at most 100",
);

const HISTORY: Schema = Schema::Named(
    "FeeHistory",
    &Schema::Object(&[
        Field::required("oldestBlock", Schema::Quantity, ""),
        Field::required(
            "baseFeePerGas",
            Schema::List(&Schema::Quantity),
            "wei a gas; one more than there are blocks: the next block's",
        ),
        Field::required("gasUsedRatio", Schema::List(&Schema::Any), "from 0 to 1"),
        Field::required("baseFeePerBlobGas", Schema::List(&Schema::Quantity), "zero"),
        Field::required("blobGasUsedRatio", Schema::List(&Schema::Any), "zero"),
        Field::optional(
            "reward",
            Schema::List(&Schema::List(&Schema::Quantity)),
            "of each block, the tips at the percentiles of its gas, wei a gas",
        ),
    ]),
);

pub fn register(registry: &mut Registry) -> Registered {
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_gasPrice",
                "A price for a legacy transaction, wei a gas: the next block's base fee and a usual tip.",
                &[],
                Schema::Quantity,
            )
            .errors(ERRORS)
        },
        |context, _, _| {
            let base_fee = ask::chain(context, context.backend.best_hash())?.base_fee;
            Ok(quantity(base_fee.saturating_add(tip(context)?)))
        },
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_maxPriorityFeePerGas",
                "A usual tip, wei a gas: of the last 20 blocks' transactions, 60 in 100 paid less.",
                &[],
                Schema::Quantity,
            )
            .errors(ERRORS)
        },
        |context, _, _| tip(context).map(quantity),
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_blobBaseFee",
                "The price of blob gas: 1, the least there can be, since there are no blobs.",
                &[],
                Schema::Quantity,
            )
            .quick()
        },
        |_, _, _| Ok(quantity(1u8)),
    )?;
    caller_method(
        registry,
        const {
            &Method::new(
                "eth_feeHistory",
                "Base fees, fullness and, with percentiles, tips of past blocks. Fewer blocks than asked for once 100 000 \
                 transactions were looked at.",
                &[BLOCK_COUNT, NEWEST, PERCENTILES],
                HISTORY,
            )
            .errors(ERRORS)
        },
        |context, arguments, _| history(context, arguments),
    )
}

/// Remembered for the best block.
pub fn tip(context: &Context) -> Result<u128, RpcError> {
    let best = context.backend.best_hash();
    if let Some(known) = context.eth.tips.get(best) {
        return Ok(*known);
    }
    let mut tips = Vec::new();
    let mut hash = best;
    for _ in 0..SAMPLE_BLOCKS {
        let Some(block) = ask::find_block(context, hash)? else {
            break;
        };
        // The cheapest three of a block are its marginal ones (go-ethereum's sample).
        tips.extend(paid(&block).into_iter().take(3).map(|(tip, _)| tip));
        let header = ask::header(&*context.backend, hash)?;
        if header.number.is_zero() {
            break;
        }
        hash = header.parent_hash;
    }
    tips.sort_unstable();
    let middle = tips.len().saturating_sub(1) * SAMPLE_PERCENTILE / 100;
    let tip = tips.get(middle).copied().unwrap_or(TIP_MIN).max(TIP_MIN);
    Ok(*context.eth.tips.put(best, tip))
}

/// Tips and gas of a block's transactions, the lowest tip first.
fn paid(block: &EvmBlock) -> Vec<(u128, u64)> {
    let each = block.transactions.iter().map(|transaction| {
        let receipt = &transaction.receipt;
        let tip = receipt.effective_gas_price.saturating_sub(block.env.base_fee);
        (tip, receipt.gas_used)
    });
    let mut paid: Vec<_> = each.collect();
    paid.sort_unstable();
    paid
}

fn history(context: &Context, arguments: &Arguments) -> Result<Value, RpcError> {
    let node = &*context.backend;
    let count = values::u64("blockCount", arguments.value("blockCount")?)?.min(BLOCKS_MAX);
    let newest = place::height(context, "newestBlock", arguments.value("newestBlock")?)?;
    let percentiles = arguments.optional("rewardPercentiles").map(percentiles).transpose()?;
    let best = ask::header(node, node.best_hash())?.number.0;
    let Some(newest) = u32::try_from(newest).ok().filter(|newest| *newest <= best) else {
        return Err(crate::error::ethereum(format!(
            "request beyond head block: requested {newest}, head {best}"
        )));
    };
    let count = u32::try_from(count).unwrap_or(u32::MAX).min(newest.saturating_add(1));
    if count == 0 {
        return Ok(json!({
            "oldestBlock": "0x0", "baseFeePerGas": [], "gasUsedRatio": [],
            "baseFeePerBlobGas": [], "blobGasUsedRatio": [],
        }));
    }
    // From the newest back, so that whoever asks for too much gets what is near.
    let mut seen: Vec<PastBlock> = Vec::new();
    let mut transactions = 0usize;
    let mut next_hash = None;
    for height in (0..=newest).rev().take(count as usize) {
        if transactions > TRANSACTIONS_MAX {
            break;
        }
        let hash = node.hash_at(Height(height)).map_err(from_evm_backend)?;
        let hash = hash.ok_or_else(|| crate::error::ethereum("header not found"))?;
        next_hash.get_or_insert(hash);
        seen.push(past_block(context, hash, percentiles.as_deref(), &mut transactions)?);
    }
    let after = next_hash.map_or(Ok(0), |hash| Ok::<_, RpcError>(ask::chain(context, hash)?.base_fee))?;
    seen.reverse();
    let oldest = u64::from(newest) + 1 - seen.len() as u64;
    let base_fees = seen.iter().map(|block| block.base_fee).chain([after]);
    let blobs = vec!["0x0"; seen.len() + 1];
    let mut answer = json!({
        "oldestBlock": quantity(oldest),
        "baseFeePerGas": base_fees.map(quantity).collect::<Vec<_>>(),
        "gasUsedRatio": seen.iter().map(|block| block.gas_used_ratio).collect::<Vec<_>>(),
        "baseFeePerBlobGas": blobs,
        "blobGasUsedRatio": vec![0; seen.len()],
    });
    if percentiles.is_some() {
        answer["reward"] = seen.into_iter().map(|block| block.reward).collect();
    }
    Ok(answer)
}

struct PastBlock {
    base_fee: u128,
    gas_used_ratio: f64,
    reward: Vec<Value>,
}

fn past_block(
    context: &Context,
    hash: Hash,
    percentiles: Option<&[f64]>,
    transactions: &mut usize,
) -> Result<PastBlock, RpcError> {
    let summary = summary(context, hash)?;
    let reward = match percentiles {
        Some(percentiles) if summary.transactions == 0 => vec![quantity(0u8); percentiles.len()],
        Some(percentiles) => {
            let block = ask::block(context, hash)?;
            *transactions = transactions.saturating_add(block.transactions.len());
            rewards(&block, percentiles)
        }
        None => Vec::new(),
    };
    let gas_limit = summary.env.gas_limit.max(1);
    Ok(PastBlock {
        base_fee: summary.env.base_fee,
        gas_used_ratio: summary.gas_used as f64 / gas_limit as f64,
        reward,
    })
}

/// Ascending numbers from 0 to 100.
fn percentiles(value: &Value) -> Result<Vec<f64>, RpcError> {
    let list = values::list("rewardPercentiles", value, PERCENTILES_MAX)?;
    let numbers: Option<Vec<f64>> = list.iter().map(Value::as_f64).collect();
    numbers
        .filter(|numbers| numbers.iter().all(|number| (0.0..=100.0).contains(number)))
        .filter(|numbers| numbers.is_sorted())
        .ok_or_else(|| unfit("rewardPercentiles", "a list of ascending numbers from 0 to 100"))
}

/// The tips at these percentiles of a block's gas, the percentiles ascending.
fn rewards(block: &EvmBlock, percentiles: &[f64]) -> Vec<Value> {
    let paid = paid(block);
    let mut at = 0;
    let mut sum = paid.first().map_or(0, |(_, gas)| *gas);
    let mut rewards = Vec::with_capacity(percentiles.len());
    for percentile in percentiles {
        let threshold = (block.gas_used as f64 * percentile / 100.0) as u64;
        while sum < threshold && at + 1 < paid.len() {
            at += 1;
            sum = sum.saturating_add(paid.get(at).map_or(0, |(_, gas)| *gas));
        }
        rewards.push(quantity(paid.get(at).map_or(0, |(tip, _)| *tip)));
    }
    rewards
}
