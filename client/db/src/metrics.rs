//! What is counted of commits, and what RocksDB says of itself when metrics are read.

use crate::{columns::Column, database::Database};
use quids_metrics::{Histogram, IntCounter, IntGauge, IntGaugeVec, MetricsError, Registry, buckets};
use rocksdb::properties;
use std::{
    path::Path,
    sync::{Arc, Weak},
    time::Duration,
};

/// Counted at every commit.
pub(crate) struct CommitMetrics {
    commits: IntCounter,
    written: IntCounter,
    seconds: Histogram,
}

impl CommitMetrics {
    fn new(registry: &Registry) -> Result<Self, MetricsError> {
        Ok(Self {
            commits: registry.int_counter(
                "quids_db_commits_total",
                "Atomic batches written since the start: one a block.",
            )?,
            written: registry.int_counter(
                "quids_db_written_bytes_total",
                "Bytes of those batches, before compression.",
            )?,
            seconds: registry.histogram(
                "quids_db_commit_seconds",
                "Time to write a batch and have it on the disk (fsync).",
                buckets::BLOCK_SECONDS,
            )?,
        })
    }

    pub fn committed(&self, bytes: usize, took: Duration) {
        self.commits.inc();
        self.written.inc_by(bytes as u64);
        self.seconds.observe(took.as_secs_f64());
    }
}

/// Read at scrape.
struct Gauges {
    live_data: IntGaugeVec,
    table_bytes: IntGaugeVec,
    files: IntGaugeVec,
    pending: IntGaugeVec,
    memory_tables: IntGaugeVec,
    cache: IntGauge,
    level: IntGauge,
    log: IntGauge,
}

impl Gauges {
    fn new(registry: &Registry) -> Result<Self, MetricsError> {
        let by_column = |name, help| registry.int_gauge_vec(name, help, &["column"]);
        Ok(Self {
            live_data: by_column(
                "quids_db_live_data_bytes",
                "Estimated size of what would be left if everything were compacted, by column.",
            )?,
            table_bytes: by_column("quids_db_table_bytes", "Size of all table files, by column.")?,
            files: by_column("quids_db_table_files", "Table files, by column.")?,
            pending: by_column(
                "quids_db_pending_compaction_bytes",
                "Estimated bytes that compaction has yet to rewrite, by column.",
            )?,
            memory_tables: by_column(
                "quids_db_memory_table_bytes",
                "Memory of what is written and not yet in table files, by column.",
            )?,
            cache: registry.int_gauge(
                "quids_db_block_cache_bytes",
                "Memory of the block cache that all columns share.",
            )?,
            level: registry.int_gauge(
                "quids_db_compression_level",
                "ZSTD level of new files above the last level: lower while writing takes most of the time; 0 without compression.",
            )?,
            log: registry.int_gauge("quids_db_write_ahead_log_bytes", "Size of the write-ahead log on disk.")?,
        })
    }

    fn read(&self, database: &Database) {
        let db = &database.raw.db;
        for column in Column::ALL {
            let Some(family) = db.cf_handle(column.name()) else {
                continue;
            };
            let number = |name| db.property_int_value_cf(family, name).ok().flatten();
            for (gauge, property) in [
                (&self.live_data, properties::ESTIMATE_LIVE_DATA_SIZE),
                (&self.table_bytes, properties::TOTAL_SST_FILES_SIZE),
                (&self.pending, properties::ESTIMATE_PENDING_COMPACTION_BYTES),
                (&self.memory_tables, properties::SIZE_ALL_MEM_TABLES),
            ] {
                if let Some(value) = number(property) {
                    gauge.with_label_values(&[column.name()]).set(value as i64);
                }
            }
            if let Ok(files) = database.raw.files_by_level(column) {
                self.files
                    .with_label_values(&[column.name()])
                    .set(files.iter().sum::<u64>() as i64);
            }
        }
        let cache = db.property_int_value(properties::BLOCK_CACHE_USAGE).ok().flatten();
        self.cache.set(cache.unwrap_or_default() as i64);
        let level = database.effort.as_ref().map_or(0, |effort| effort.level());
        self.level.set(level.into());
        self.log.set(log_bytes(db.path()) as i64);
    }
}

/// RocksDB has no property for it; its logs are the `.log` files in its folder.
fn log_bytes(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "log"))
        .filter_map(|entry| Some(entry.metadata().ok()?.len()))
        .sum()
}

impl Database {
    /// Has the database's metrics in this registry from now on. At most once for a database.
    pub fn register_metrics(self: &Arc<Self>, registry: &Registry) -> Result<(), MetricsError> {
        let metrics = CommitMetrics::new(registry)?;
        let gauges = Gauges::new(registry)?;
        let weak: Weak<Self> = Arc::downgrade(self);
        registry.on_scrape(move || {
            if let Some(database) = weak.upgrade() {
                gauges.read(&database);
            }
        });
        // A second registry would show gauges but no commits; nobody does that.
        let _ = self.metrics.set(metrics);
        Ok(())
    }
}
