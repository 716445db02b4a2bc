//! JSON-RPC, HTTP and WebSocket on one port: Substrate's and Ethereum's methods with their JSON, over a [`Backend`] that the
//! node implements; and a small client. The only crate that knows jsonrpsee.
#![warn(missing_docs)]

mod access;
mod backend;
pub mod client;
mod config;
mod connection;
mod error;
mod json;
mod local;
mod methods;
mod observer;
mod params;
mod server;
pub mod spec;
mod transport;

pub use access::Access;
pub use backend::{
    Backend, BackendError, BackupInfo, BlockStats, ChainType, ConsensusState, Development, FraudNotice, Heads, Health,
    LogEntry, LogQuery, NodeInfo, NodeRole, Notification, PENDING_EXTRA_BYTES, Peer, PoolEntry, PoolStatus, PoolUsage,
    SubmitError, SubmitErrorKind, SyncState, TraceRecord, TransactionStatus,
};
pub use config::{Config, Cors, RpcMethods};
pub use local::Local;
pub use methods::{ChainHeadLimits, interface};
pub use observer::{NoObserver, Observer, REFUSALS};
pub use server::{Open, ServeError, ServerHandle, Usage, serve, serve_observed};
