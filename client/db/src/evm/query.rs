//! Answering which logs match: by the postings of addresses and topics where a filter names some, else by looking at
//! every log of the range. Work and memory have limits, since ranges and filters come from anybody.

use super::{
    LogRecord,
    keys::{LogKey, Subject, TOPICS_MAX},
    snapshot::{Cursor, Snapshot},
};
use crate::{database::Database, error::DbError};
use quids_api::evm::EvmLog;
use quids_core::{H160, H256, Hash, Height};
use std::collections::BTreeSet;

/// Steps that a query may take: a posting or a transaction's logs looked at, or [`STEP_BYTES`] of logs.
const STEPS_MAX: u64 = if cfg!(test) { 20_000 } else { 500_000 };
const STEP_BYTES: usize = 1024;
/// Bytes of the logs that a query may find.
const FOUND_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Postings' cursors of one query. Lists of values beyond that only filter what the others find.
const CURSORS_MAX: usize = 256;

/// Which logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter {
    /// First height.
    pub from: Height,
    /// Last height, itself included.
    pub to: Height,
    /// Any of these; empty: any at all.
    pub addresses: Vec<H160>,
    /// By place: any of these; empty: any at all, but there must be one.
    pub topics: Vec<Vec<H256>>,
    /// More answers are an error.
    pub limit: usize,
}

/// A log, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchingLog {
    pub height: Height,
    pub block: Hash,
    /// Of the block, in seconds.
    pub timestamp: u64,
    /// Of the transaction among the block's EVM transactions.
    pub transaction_index: u32,
    pub transaction: H256,
    /// Among the block's logs.
    pub log_index: u32,
    pub log: EvmLog,
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogQueryError {
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(
        "logs of blocks before {first} are not here, where {from} is asked for: this node began with a snapshot of that block"
    )]
    Gone { from: Height, first: Height },
    #[error("more than {limit} logs match: ask for fewer blocks")]
    TooMany { limit: usize },
    #[error("the logs that match are larger than {max} bytes: ask for fewer blocks", max = FOUND_BYTES_MAX)]
    TooLarge,
    #[error("too much to look at, {reached} reached from {from}: ask for fewer blocks, or name addresses or topics")]
    TooMuchWork { from: Height, reached: Height },
}

impl LogFilter {
    fn matches(&self, log: &EvmLog) -> bool {
        let any = |wanted: &[H256], found: &H256| wanted.is_empty() || wanted.contains(found);
        (self.addresses.is_empty() || self.addresses.contains(&log.address))
            && self.topics.len() <= log.topics.len()
            && self
                .topics
                .iter()
                .zip(&log.topics)
                .all(|(wanted, found)| any(wanted, found))
    }

    /// Lists of subjects, of each of which a log must have one. The shortest come first; those that take too many
    /// cursors are left out.
    fn criteria(&self) -> Vec<Vec<Subject>> {
        let topics = (0..TOPICS_MAX).zip(&self.topics);
        let topics =
            topics.map(|(position, wanted)| wanted.iter().map(|topic| Subject::Topic(position, *topic)).collect());
        let mut criteria: Vec<Vec<Subject>> = topics.collect();
        criteria.push(self.addresses.iter().copied().map(Subject::Address).collect());
        for subjects in &mut criteria {
            subjects.sort_unstable();
            subjects.dedup();
        }
        criteria.retain(|subjects| !subjects.is_empty());
        criteria.sort_by_key(Vec::len);
        let mut cursors = 0;
        criteria.retain(|subjects| {
            cursors += subjects.len();
            cursors <= CURSORS_MAX
        });
        criteria
    }
}

impl Database {
    /// The logs that match, in order.
    pub fn evm_logs(&self, filter: &LogFilter) -> Result<Vec<MatchingLog>, LogQueryError> {
        let best = self.tip.read().map_or(Height::ZERO, |(best, _)| best);
        let filter = &LogFilter {
            to: filter.to.min(best),
            ..filter.clone()
        };
        if filter.from > filter.to || filter.topics.len() > usize::from(TOPICS_MAX) {
            return Ok(Vec::new());
        }
        let (from, first) = (filter.from, self.first_block()?);
        if from < first {
            return Err(LogQueryError::Gone { from, first });
        }
        let snapshot = Snapshot::of(&self.raw);
        let mut query = Query {
            snapshot: &snapshot,
            filter,
            found: Vec::new(),
            found_bytes: 0,
            steps: 0,
        };
        let criteria = filter.criteria();
        if criteria.is_empty() {
            query.scan()?;
        } else {
            query.follow(&criteria)?;
        }
        Ok(query.found)
    }
}

struct Query<'a> {
    snapshot: &'a Snapshot<'a>,
    filter: &'a LogFilter,
    found: Vec<MatchingLog>,
    found_bytes: usize,
    steps: u64,
}

/// Subjects of which one must be there.
struct Criterion<'a>(Vec<Cursor<'a>>);

impl Criterion<'_> {
    /// The lowest height from `height` on with a posting of any.
    fn seek(&mut self, height: u32) -> Result<Option<u32>, DbError> {
        let mut lowest = None;
        for cursor in &mut self.0 {
            let at = cursor.seek(height)?;
            lowest = [lowest, at].into_iter().flatten().min();
        }
        Ok(lowest)
    }

    fn places(&mut self, height: Height, block: &Hash) -> Result<BTreeSet<u32>, DbError> {
        let mut places = BTreeSet::new();
        for cursor in &mut self.0 {
            cursor.places(height, block, &mut places)?;
        }
        Ok(places)
    }
}

impl Query<'_> {
    fn step(&mut self, count: usize, reached: Height) -> Result<(), LogQueryError> {
        self.steps = self.steps.saturating_add(count as u64);
        if self.steps > STEPS_MAX {
            let from = self.filter.from;
            return Err(LogQueryError::TooMuchWork { from, reached });
        }
        Ok(())
    }

    /// Looks at every log of the range.
    fn scan(&mut self) -> Result<(), LogQueryError> {
        let mut logs = self.snapshot.logs(self.filter.from, self.filter.to)?;
        let mut height = None;
        let mut on_best_chain = None;
        while let Some((key, record)) = logs.next_logs()? {
            if height.replace(key.height) != Some(key.height) {
                on_best_chain = self.snapshot.hash_at(key.height)?;
            }
            if on_best_chain == Some(key.block) {
                self.take(&key, record)?;
            } else {
                self.step(1, key.height)?;
            }
        }
        Ok(())
    }

    /// Goes through the postings of all criteria side by side: each leaps to where another one is already.
    fn follow(&mut self, criteria: &[Vec<Subject>]) -> Result<(), LogQueryError> {
        let LogFilter { from, to, .. } = *self.filter;
        let snapshot = self.snapshot;
        let open = |subjects: &Vec<Subject>| {
            let cursors = subjects.iter().map(|subject| snapshot.postings(subject, from, to));
            cursors.collect::<Result<_, _>>().map(Criterion)
        };
        let mut criteria: Vec<Criterion<'_>> = criteria.iter().map(open).collect::<Result<_, _>>()?;
        let cursors = criteria.iter().map(|criterion| criterion.0.len()).sum();
        let mut height = from.0;
        loop {
            self.step(cursors, Height(height))?;
            let mut highest = height;
            for criterion in &mut criteria {
                let Some(at) = criterion.seek(highest)? else {
                    return Ok(());
                };
                highest = highest.max(at);
            }
            if highest > height {
                // Not all are there yet.
                height = highest;
                continue;
            }
            self.at_height(Height(height), &mut criteria)?;
            let Some(next) = height.checked_add(1) else {
                return Ok(());
            };
            height = next;
        }
    }

    /// Takes what matches in the block at this height, where every criterion has a posting.
    fn at_height(&mut self, height: Height, criteria: &mut [Criterion<'_>]) -> Result<(), LogQueryError> {
        let Some(block) = self.snapshot.hash_at(height)? else {
            return Ok(());
        };
        let mut places: Option<BTreeSet<u32>> = None;
        for criterion in criteria {
            let these = criterion.places(height, &block)?;
            self.step(these.len(), height)?;
            places = Some(match places {
                None => these,
                Some(places) => places.intersection(&these).copied().collect(),
            });
        }
        for place in places.unwrap_or_default() {
            let key = LogKey { height, block, place };
            let record = self.snapshot.log_record(&key)?;
            let missing = || {
                DbError::damaged(
                    crate::Column::EvmLogs,
                    &key.bytes(),
                    "a posting names it, but it is missing",
                )
            };
            self.take(&key, record.ok_or_else(missing)?)?;
        }
        Ok(())
    }

    /// Takes the logs of a transaction that match.
    fn take(&mut self, key: &LogKey, record: LogRecord) -> Result<(), LogQueryError> {
        let LogRecord {
            timestamp,
            transaction,
            first,
            logs,
        } = record;
        for (index, log) in (first..).zip(logs) {
            self.step(1 + log.data.len() / STEP_BYTES, key.height)?;
            if !self.filter.matches(&log) {
                continue;
            }
            if self.found.len() >= self.filter.limit {
                let limit = self.filter.limit;
                return Err(LogQueryError::TooMany { limit });
            }
            self.found_bytes += size_of::<MatchingLog>() + 32 * log.topics.len() + log.data.len();
            if self.found_bytes > FOUND_BYTES_MAX {
                return Err(LogQueryError::TooLarge);
            }
            self.found.push(MatchingLog {
                height: key.height,
                block: key.block,
                timestamp,
                transaction_index: key.place,
                transaction,
                log_index: index,
                log,
            });
        }
        Ok(())
    }
}
