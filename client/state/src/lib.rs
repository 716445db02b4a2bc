//! The chain's state as the client holds it: an `Overlay` that a runtime executes on, over a `StateView` of one block,
//! over a `StateStore` that has the latest state flat and its past as differences. Pure: no runtime, no database, no clock,
//! no logging; threads only to work side by side on one commit.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod access;
mod ahead;
mod backend;
mod batch;
mod cache;
mod chunk;
mod error;
mod overlay;
mod store;
mod trie;
mod view;
mod walk;

pub use access::{AccessLog, KeyRange};
pub use backend::{Commit, StateBackend, ValueChange};
pub use batch::{BATCH_PROOF_BYTES_MAX, BATCH_PROOF_NODES_MAX, BadBatchProof, BatchProof, Blobs, ProofState, Recorder};
pub use cache::SharedCache;
pub use chunk::{BadChunk, Checked, Chunk, KeyValue};
pub use error::{BackendError, StateError};
pub use overlay::{Logger, Overlay, RuntimeCheck, Verifier};
pub use quids_trie::EMPTY_ROOT;
pub use store::{Bytes, MemoryState, StateStore, Tip};
pub use trie::{Address, NewBranch, NodeChange, OldNode, OutOfOrder, TrieBuilder};
pub use view::StateView;
