//! JSON-RPC, HTTP and WebSocket on one port: Substrate's methods with Substrate's JSON, over a [`Backend`] that the
//! node implements; and a small client. The only crate that knows jsonrpsee.
#![warn(missing_docs)]

mod access;
mod backend;
pub mod client;
mod config;
mod connection;
mod error;
mod json;
mod methods;
mod params;
mod server;
pub mod spec;

pub use access::Access;
pub use backend::{
    Backend, BackendError, ChainType, Heads, Health, Notification, SubmitError, SubmitErrorKind, SyncState,
    TransactionStatus,
};
pub use config::Config;
pub use methods::{ChainHeadLimits, interface};
pub use server::{ServeError, ServerHandle, serve};
