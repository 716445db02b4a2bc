//! The trie over a flat state: which nodes are stored, how changes make a new root.

mod address;
mod build;
mod node;
mod update;

pub use address::Address;
pub(crate) use address::extend_nibbles;
pub use build::{OutOfOrder, TrieBuilder};
pub(crate) use node::{Branch, Child, Node, Value};
pub(crate) use update::{Change, Source, update};
pub use update::{NewBranch, NodeChange, OldNode};
