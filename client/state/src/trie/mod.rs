//! The trie over a flat state: which nodes are stored, how changes make a new root.

mod address;
mod build;
mod node;
mod update;

pub use address::Address;
pub(crate) use address::{extend_nibbles, nibbles_of};
pub use build::{OutOfOrder, TrieBuilder};
pub(crate) use node::{Branch, Child, Node, Value, packed};
pub(crate) use update::{Change, PARALLEL_MIN, Source, expected_leaf, groups, update};
pub use update::{NewBranch, NodeChange, OldNode};
