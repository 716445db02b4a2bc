//! The Quids node as a library: the crates of `client/` wired together around a chain spec.

pub mod ahead;
pub mod author;
pub mod backend;
pub mod beacon;
pub mod blocks;
pub mod chain;
pub mod cli;
pub mod clock;
mod consensus;
pub mod development;
pub mod extrinsic_builder;
mod frames;
pub mod hardware;
pub mod keys;
pub mod logging;
pub mod metrics;
pub mod network;
mod peers;
pub mod pool;
pub mod run;
pub mod service;
mod signing;
pub mod snapshot;
pub mod spec;
pub mod status;
pub mod test_node;
pub mod testing;
mod together;
mod witness;
pub mod words;

pub use author::Sealing;
pub use chain::ChainOptions;
pub use service::{Node, NodeConfig, NodeError};
pub use spec::ChainSpec;
pub use test_node::{BlockingTestNode, TestNode};
pub use witness::WitnessNode;
