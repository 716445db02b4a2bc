//! Solo authoring: a block at every interval, or whenever a transaction arrives.

use crate::{
    chain::{Chain, ChainError, NewBlock, Proposal, Refused},
    clock::Clock,
    pool::SharedPool,
};
use parking_lot::{Mutex, MutexGuard};
use quids_api::{InherentData, TIMESTAMP_INHERENT};
use quids_core::AccountId20;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior},
};

/// When to make a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    Interval(Duration),
    /// As soon as there is a transaction; several that arrive together share a block.
    Instant,
    /// Only when somebody calls [`Author::seal`], as tests do.
    Manual,
}

/// Transactions tried in one block; the weight limit comes first in practice.
const TRANSACTIONS_MAX: usize = 50_000;
/// The block time where there is no interval.
const PERIOD: Duration = Duration::from_secs(1);

impl Sealing {
    fn period(self) -> Duration {
        match self {
            Self::Interval(period) => period,
            Self::Instant | Self::Manual => PERIOD,
        }
    }
}

/// Who makes the chain's blocks.
pub struct Author {
    chain: Arc<Chain>,
    pool: Arc<SharedPool>,
    /// Who gets the fees.
    account: Option<AccountId20>,
    clock: Clock,
    sealing: watch::Sender<Sealing>,
    /// Held from looking at the clock until the block is stored.
    making: Mutex<()>,
}

/// The author, while nobody else makes blocks.
pub struct Making<'a> {
    author: &'a Author,
    _alone: MutexGuard<'a, ()>,
}

impl Author {
    pub fn new(chain: Arc<Chain>, pool: Arc<SharedPool>, account: Option<AccountId20>, sealing: Sealing) -> Self {
        Self {
            chain,
            pool,
            account,
            clock: Clock::default(),
            sealing: watch::channel(sealing).0,
            making: Mutex::default(),
        }
    }

    pub fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// When blocks are made.
    pub fn sealing(&self) -> Sealing {
        *self.sealing.borrow()
    }

    /// Changes when blocks are made.
    pub fn set_sealing(&self, sealing: Sealing) {
        self.sealing.send_replace(sealing);
    }

    /// Makes one block from what the pool holds.
    pub fn seal(&self, period: Duration) -> Result<NewBlock, ChainError> {
        self.making().seal(period)
    }

    /// Has others wait who would make a block.
    pub fn making(&self) -> Making<'_> {
        Making {
            author: self,
            _alone: self.making.lock(),
        }
    }
}

impl Making<'_> {
    /// Makes one block from what the pool holds.
    pub fn seal(&self, period: Duration) -> Result<NewBlock, ChainError> {
        let transactions = self.author.pool.ready(TRANSACTIONS_MAX);
        let (block, _) = self.block(&mut transactions.into_iter().map(|bytes| bytes.to_vec()), period)?;
        Ok(block)
    }

    /// Makes one block from these transactions, and tells which of them it refused.
    pub fn block(
        &self,
        transactions: &mut dyn Iterator<Item = Vec<u8>>,
        period: Duration,
    ) -> Result<(NewBlock, Vec<Refused>), ChainError> {
        let Author {
            chain,
            pool,
            account,
            clock,
            ..
        } = self.author;
        let start = Instant::now();
        let mut inherents = InherentData::default();
        let now = clock.next_ms(chain.last_timestamp()?);
        inherents.put(TIMESTAMP_INHERENT, &now);
        let proposal = Proposal {
            author: *account,
            digest: Vec::new(),
            inherents,
            transactions,
            deadline: start + period.mul_f32(0.6).max(Duration::from_millis(50)),
            count_max: TRANSACTIONS_MAX,
        };
        let (block, refused) = chain.author(proposal)?;
        clock.used(now);
        chain.metrics().authoring.refused(refused.len());
        pool.on_block(&block, &refused);
        tracing::info!(
            "block {} {:?}: {} extrinsics, {} refused, {} ms",
            block.header.number,
            block.hash,
            block.extrinsics.len(),
            refused.len(),
            start.elapsed().as_millis()
        );
        Ok((block, refused))
    }
}

/// Makes blocks until told to stop. An error of the chain ends it: a node that cannot store must not go on.
pub async fn run(author: Arc<Author>, mut stop: watch::Receiver<bool>) -> Result<(), ChainError> {
    let mut settings = author.sealing.subscribe();
    loop {
        let sealing = *settings.borrow_and_update();
        let mut ticks = tokio::time::interval(sealing.period());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut begun: Option<Instant> = None;
        loop {
            tokio::select! {
                () = due(&author.pool, sealing, &mut ticks) => {}
                // The author has the sender.
                _ = settings.changed() => break,
                _ = stop.changed() => return Ok(()),
            }
            if sealing == Sealing::Instant && !author.pool.has_ready() {
                continue;
            }
            let last = begun.replace(Instant::now());
            if let (Sealing::Interval(period), Some(last)) = (sealing, last) {
                author.chain.metrics().authoring.begun(last.elapsed(), period);
            }
            let author = author.clone();
            let made = tokio::task::spawn_blocking(move || author.seal(sealing.period()));
            match made.await.map_err(|error| ChainError::Task(error.to_string()))? {
                Ok(_) => {}
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => tracing::error!("no block this time: {error}"),
            }
        }
    }
}

/// Waits until a block is due.
async fn due(pool: &SharedPool, sealing: Sealing, ticks: &mut Interval) {
    match sealing {
        Sealing::Interval(_) => {
            ticks.tick().await;
        }
        Sealing::Instant if pool.has_ready() => {}
        Sealing::Instant => pool.arrival().await,
        Sealing::Manual => std::future::pending().await,
    }
}
