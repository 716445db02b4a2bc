//! What the node counts of itself, one struct a subsystem; those of the executor and the database are in their crates.

mod chain;
mod consensus;
mod crypto;
mod evm;
mod pool;
mod rpc;

pub use chain::{AuthoringMetrics, ChainMetrics};
pub(crate) use chain::{Stored, follow_state_cache, follow_weight_max};
pub use consensus::ConsensusMetrics;
pub use crypto::CryptoMetrics;
pub use evm::EvmMetrics;
pub use pool::{PoolCounts, PoolMetrics};
pub use rpc::RpcMetrics;

use crate::spec::ChainSpec;
use quids_core::Hash;
use quids_metrics::{MetricsError, Registry};
use std::path::Path;

/// What is the same as long as the node runs, and what the system knows of it.
pub fn register_node(registry: &Registry, genesis: Hash, spec: &ChainSpec, folder: &Path) -> Result<(), MetricsError> {
    let build = registry.int_gauge_vec(
        "quids_build_info",
        "Always 1; the labels say which node this is: its version, that of the runtime interface, that of the database.",
        &["version", "abi_version", "database_version"],
    )?;
    let abi = quids_io::abi::ABI_VERSION.to_string();
    let database = quids_db::FORMAT_VERSION.to_string();
    build
        .with_label_values(&[env!("CARGO_PKG_VERSION"), &abi, &database])
        .set(1);
    let info = registry.int_gauge_vec(
        "quids_chain_info",
        "Always 1; the labels say which chain this is.",
        &["chain", "genesis"],
    )?;
    info.with_label_values(&[&spec.id, &format!("{genesis:?}")]).set(1);
    quids_metrics::register_process(registry)?;
    register_disk(registry, folder)
}

/// The file system that the chain is on.
fn register_disk(registry: &Registry, folder: &Path) -> Result<(), MetricsError> {
    let size = registry.int_gauge(
        "quids_disk_size_bytes",
        "Size of the file system that holds the database.",
    )?;
    let available = registry.int_gauge(
        "quids_disk_available_bytes",
        "What the node may still write to that file system.",
    )?;
    let folder = folder.to_path_buf();
    registry.on_scrape(move || {
        if let Ok(disk) = rustix::fs::statvfs(&folder) {
            size.set((disk.f_blocks.saturating_mul(disk.f_frsize)) as i64);
            available.set((disk.f_bavail.saturating_mul(disk.f_frsize)) as i64);
        }
    });
    Ok(())
}
