//! The EVM's index: what every block did in the EVM, where each transaction is, which blocks have which logs. It is
//! written in the batch of its block, and taken back with it.

mod keys;
mod query;
mod snapshot;

pub use query::{LogFilter, LogQueryError, MatchingLog};

use crate::{
    columns::Column,
    database::{Database, decode},
    error::DbError,
};
use codec::{Decode, Encode};
use keys::LogKey;
use quids_api::evm::{EvmBlock, EvmLog};
use quids_core::{H256, Hash, Height};
use rocksdb::WriteBatch;
use snapshot::Snapshot;
use std::collections::BTreeMap;

/// What `evm_blocks` holds: the block without its logs, which lie in `evm_logs`.
#[derive(Encode, Decode)]
struct BlockRecord {
    block: EvmBlock,
    /// How many logs each transaction has.
    log_counts: Vec<u32>,
}

/// What `evm_logs` holds of a transaction that has logs: all that an answer to a log query says.
#[derive(Encode, Decode)]
struct LogRecord {
    /// Of the block, in seconds.
    timestamp: u64,
    transaction: H256,
    /// Place of the first log among those of the block.
    first: u32,
    logs: Vec<EvmLog>,
}

/// What `evm_transactions` holds: the block, and the place in it.
type Location = (Hash, u32);

/// Places of a block's transactions by posting.
type Postings = BTreeMap<Vec<u8>, Vec<u32>>;

impl Database {
    /// What a block did in the EVM, if it was written with it.
    pub fn evm_block(&self, hash: &Hash) -> Result<Option<EvmBlock>, DbError> {
        // A block that is taken back meanwhile is whole or not there.
        let snapshot = Snapshot::of(&self.raw);
        let Some(BlockRecord { mut block, log_counts }) = block_record(&snapshot, hash)? else {
            return Ok(None);
        };
        let mut height = None;
        for (place, (transaction, count)) in (0..).zip(block.transactions.iter_mut().zip(log_counts)) {
            if count == 0 {
                continue;
            }
            let height = match height {
                Some(height) => height,
                None => *height.insert(self.header(hash)?.ok_or(DbError::UnknownBlock(*hash))?.number),
            };
            let key = LogKey {
                height,
                block: *hash,
                place,
            };
            let record = snapshot.log_record(&key)?.ok_or_else(|| {
                DbError::damaged(Column::EvmLogs, &key.bytes(), format!("{count} logs of it are missing"))
            })?;
            transaction.receipt.logs = record.logs;
        }
        Ok(Some(block))
    }

    /// The block that has the EVM transaction with this hash, and its place among the block's EVM transactions.
    pub fn evm_transaction(&self, hash: &H256) -> Result<Option<(Hash, u32)>, DbError> {
        let Some((block, place)) = self.location(hash)? else {
            return Ok(None);
        };
        let header = self.header(&block)?;
        // Not of a block that is written and not yet the last.
        let at_its_height = header.map(|header| self.hash_at(header.number)).transpose()?.flatten();
        Ok((at_its_height == Some(block)).then_some((block, place)))
    }

    fn location(&self, transaction: &H256) -> Result<Option<Location>, DbError> {
        let key = transaction.as_bytes();
        let bytes = self.raw.checked(Column::EvmTransactions, key)?;
        bytes
            .map(|bytes| decode(Column::EvmTransactions, key, &bytes))
            .transpose()
    }

    /// Puts a block's index into its batch.
    pub(crate) fn put_evm(
        &self,
        batch: &mut WriteBatch,
        height: Height,
        hash: Hash,
        mut block: EvmBlock,
    ) -> Result<(), DbError> {
        let raw = &self.raw;
        for (posting, places) in postings(height, hash, &block) {
            raw.put_checked(batch, Column::EvmPostings, &posting, &keys::encode_places(&places))?;
        }
        let mut log_counts = Vec::with_capacity(block.transactions.len());
        let mut first: u32 = 0;
        for (place, transaction) in (0..).zip(&mut block.transactions) {
            let location: Location = (hash, place);
            let key = transaction.hash.as_bytes();
            raw.put_checked(batch, Column::EvmTransactions, key, &location.encode())?;
            let logs = std::mem::take(&mut transaction.receipt.logs);
            let count = u32::try_from(logs.len()).unwrap_or(u32::MAX);
            log_counts.push(count);
            if count == 0 {
                continue;
            }
            let record = LogRecord {
                timestamp: block.env.timestamp,
                transaction: transaction.hash,
                first,
                logs,
            };
            first = first.saturating_add(count);
            let key = LogKey {
                height,
                block: hash,
                place,
            };
            raw.put_checked(batch, Column::EvmLogs, &key.bytes(), &record.encode())?;
        }
        let record = BlockRecord { block, log_counts };
        raw.put_checked(batch, Column::EvmBlocks, hash.as_bytes(), &record.encode())
    }

    /// Takes a block's index out, as part of `batch`.
    pub(crate) fn delete_evm(&self, batch: &mut WriteBatch, height: Height, hash: Hash) -> Result<(), DbError> {
        let Some(block) = self.evm_block(&hash)? else {
            return Ok(());
        };
        for posting in postings(height, hash, &block).keys() {
            self.raw.delete(batch, Column::EvmPostings, posting)?;
        }
        for (place, transaction) in (0..).zip(&block.transactions) {
            self.raw
                .delete(batch, Column::EvmTransactions, transaction.hash.as_bytes())?;
            if !transaction.receipt.logs.is_empty() {
                let key = LogKey {
                    height,
                    block: hash,
                    place,
                };
                self.raw.delete(batch, Column::EvmLogs, &key.bytes())?;
            }
        }
        self.raw.delete(batch, Column::EvmBlocks, hash.as_bytes())
    }
}

fn block_record(snapshot: &Snapshot<'_>, hash: &Hash) -> Result<Option<BlockRecord>, DbError> {
    let key = hash.as_bytes();
    let bytes = snapshot.checked(Column::EvmBlocks, key)?;
    let record: Option<BlockRecord> = bytes.map(|bytes| decode(Column::EvmBlocks, key, &bytes)).transpose()?;
    match record {
        Some(record) if record.log_counts.len() != record.block.transactions.len() => Err(DbError::damaged(
            Column::EvmBlocks,
            key,
            "it counts the logs of other transactions than it has",
        )),
        record => Ok(record),
    }
}

/// Every posting of a block: which of its transactions have a log of this address, or with this topic at this place.
fn postings(height: Height, hash: Hash, block: &EvmBlock) -> Postings {
    let mut postings = Postings::new();
    let mut add = |posting: Vec<u8>, place: u32| {
        let places = postings.entry(posting).or_default();
        if places.last() != Some(&place) {
            places.push(place);
        }
    };
    for (place, transaction) in (0..).zip(&block.transactions) {
        for log in &transaction.receipt.logs {
            let address = keys::Subject::Address(log.address);
            add(address.posting(height, &hash), place);
            for (position, topic) in (0..keys::TOPICS_MAX).zip(&log.topics) {
                let topic = keys::Subject::Topic(position, *topic);
                add(topic.posting(height, &hash), place);
            }
        }
    }
    postings
}

/// Keys, for tests that damage what lies there.
#[cfg(test)]
pub(crate) mod test_keys {
    use super::keys::{LogKey, Subject};
    use quids_core::{H160, Hash, Height};

    pub fn logs(height: Height, block: Hash, place: u32) -> Vec<u8> {
        LogKey { height, block, place }.bytes()
    }

    pub fn posting(address: H160, height: Height, block: &Hash) -> Vec<u8> {
        Subject::Address(address).posting(height, block)
    }
}
