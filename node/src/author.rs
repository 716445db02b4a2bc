//! Solo authoring: a block at every interval, or whenever a transaction arrives.

use crate::{
    chain::{Chain, ChainError, NewBlock, Proposal, Refused},
    pool::SharedPool,
};
use quids_api::{InherentData, TIMESTAMP_INHERENT};
use quids_core::AccountId20;
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::watch, time::MissedTickBehavior};

/// When to make a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    Interval(Duration),
    /// As soon as there is a transaction; several that arrive together share a block.
    Instant,
    /// Only when somebody calls [`seal`], as tests do.
    Manual,
}

/// Transactions tried in one block; the weight limit comes first in practice.
const TRANSACTIONS_MAX: usize = 50_000;

/// Makes blocks until told to stop. An error of the chain ends it: a node that cannot store must not go on.
pub async fn run(
    chain: Arc<Chain>,
    pool: Arc<SharedPool>,
    author: Option<AccountId20>,
    sealing: Sealing,
    mut stop: watch::Receiver<bool>,
) -> Result<(), ChainError> {
    let period = match sealing {
        Sealing::Interval(period) => period,
        Sealing::Instant => Duration::from_secs(1),
        Sealing::Manual => {
            // An error means that whoever could stop it is gone: the same.
            let _ = stop.changed().await;
            return Ok(());
        }
    };
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let due = async {
            match sealing {
                Sealing::Interval(_) => {
                    ticks.tick().await;
                }
                Sealing::Instant if pool.has_ready() => {}
                Sealing::Instant | Sealing::Manual => pool.arrival().await,
            }
        };
        tokio::select! {
            () = due => {}
            _ = stop.changed() => return Ok(()),
        }
        if sealing == Sealing::Instant && !pool.has_ready() {
            continue;
        }
        let (chain, pool) = (chain.clone(), pool.clone());
        let made = tokio::task::spawn_blocking(move || seal(&chain, &pool, author, period));
        match made.await.map_err(|error| ChainError::Task(error.to_string()))? {
            Ok(_) => {}
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => tracing::error!("no block this time: {error}"),
        }
    }
}

/// Makes one block from what the pool holds.
pub fn seal(
    chain: &Chain,
    pool: &SharedPool,
    author: Option<AccountId20>,
    period: Duration,
) -> Result<NewBlock, ChainError> {
    let start = Instant::now();
    let mut inherents = InherentData::default();
    inherents.put(TIMESTAMP_INHERENT, &next_timestamp(chain)?);
    let proposal = Proposal {
        author,
        inherents,
        transactions: &mut pool.ready(TRANSACTIONS_MAX).into_iter(),
        deadline: start + period.mul_f32(0.6).max(Duration::from_millis(50)),
        count_max: TRANSACTIONS_MAX,
    };
    let (block, refused): (NewBlock, Vec<Refused>) = chain.author(proposal)?;
    pool.on_block(&block, &refused);
    tracing::info!(
        "block {} {:?}: {} extrinsics, {} refused, {} ms",
        block.header.number,
        block.hash,
        block.extrinsics.len(),
        refused.len(),
        start.elapsed().as_millis()
    );
    Ok(block)
}

/// The wall clock in milliseconds; the chain sees to it that time never goes back.
fn next_timestamp(chain: &Chain) -> Result<u64, ChainError> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis() as u64;
    Ok(now.max(chain.last_timestamp()?.saturating_add(1)))
}
