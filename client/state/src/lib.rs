//! The chain's state as the client holds it: an `Overlay` that a runtime executes on, over a `StateBackend` at one
//! root, over a `NodeStore` that keeps trie nodes by hash. Pure: no runtime, no database, no clock, no logging.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod access;
mod backend;
mod cache;
mod error;
mod overlay;
mod store;
mod trie;
mod walk;

pub use access::{AccessLog, KeyRange};
pub use backend::{Changes, Commit, StateBackend};
pub use cache::SharedCache;
pub use error::{BackendError, StateError};
pub use overlay::{Logger, Overlay, RuntimeCheck, Verifier};
pub use quids_trie::EMPTY_ROOT;
pub use store::{MemoryNodes, NodeStore};
pub use trie::TrieBackend;
