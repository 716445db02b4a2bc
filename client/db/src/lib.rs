//! The chain on disk: blocks, the state and its past in RocksDB, one atomic batch a block, every value checked when it is
//! read back. The only crate that knows RocksDB.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod backup;
mod block;
mod columns;
mod crash;
mod database;
mod effort;
mod error;
mod evm;
mod fraud;
mod headers;
mod info;
mod journal;
mod metrics;
mod raw;
mod repair;
mod snapshot;
mod state;
mod tail;
mod verify;

#[cfg(test)]
mod tests;

pub use backup::Backup;
pub use block::BlockCommit;
pub use columns::{Column, FORMAT_VERSION};
pub use crash::crash_point;
pub use database::{AuxEntry, Database, StorageConfig};
pub use error::DbError;
pub use evm::{LogFilter, LogQueryError, MatchingLog};
pub use fraud::{FRAUD_PROOFS_MAX, StoredFraudProof};
pub use info::{ColumnInfo, ColumnStats};
pub use journal::Journal;
pub use repair::Remedy;
pub use snapshot::{SnapshotBlock, SnapshotImport};
pub use state::CacheFigures;
pub use verify::{Damage, Verified};
