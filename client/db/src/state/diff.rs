//! What a block replaced: enough to read, and to go back to, the state before it.

use codec::{Decode, Encode};
use quids_core::Height;
use quids_state::{Bytes, Commit, OldNode};

/// Values and nodes as they were before a block, each list in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Diff {
    /// By key; `None`: there was none.
    pub values: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// By encoded address.
    pub nodes: Vec<(Vec<u8>, Replaced)>,
}

/// A node that was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Replaced {
    /// The leaf of a key.
    Leaf(Vec<u8>),
    /// A branch by its bytes.
    Branch(Vec<u8>),
}

/// What an entry of a diff is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    Key(&'a [u8]),
    /// Encoded.
    Address(&'a [u8]),
}

impl Diff {
    /// Of a block with this commit.
    pub fn of(commit: &Commit) -> Self {
        let values = commit.values.iter();
        let values = values.map(|change| (change.key.clone(), change.old.as_deref().map(<[u8]>::to_vec)));
        let nodes = commit.nodes.iter().filter_map(|change| {
            let old = match change.old.as_ref()? {
                OldNode::Leaf(key) => Replaced::Leaf(key.clone()),
                OldNode::Branch(bytes) => Replaced::Branch(bytes.to_vec()),
            };
            Some((change.address.encode(), old))
        });
        let mut nodes: Vec<_> = nodes.collect();
        nodes.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Self {
            values: values.collect(),
            nodes,
        }
    }

    /// Whether its lists ascend, as lookups need.
    pub fn is_sorted(&self) -> bool {
        self.values.is_sorted_by(|(a, _), (b, _)| a < b) && self.nodes.is_sorted_by(|(a, _), (b, _)| a < b)
    }

    /// The value before the block, if it changed it.
    pub fn value(&self, key: &[u8]) -> Option<Option<Bytes>> {
        let at = self.values.binary_search_by(|(other, _)| (**other).cmp(key)).ok()?;
        self.values.get(at).map(|(_, old)| old.as_deref().map(Into::into))
    }

    /// The node before the block, if it replaced it.
    pub fn node(&self, address: &[u8]) -> Option<OldNode> {
        let at = self.nodes.binary_search_by(|(other, _)| (**other).cmp(address)).ok()?;
        self.nodes.get(at).map(|(_, old)| match old {
            Replaced::Leaf(key) => OldNode::Leaf(key.clone()),
            Replaced::Branch(bytes) => OldNode::Branch(bytes.as_slice().into()),
        })
    }

    /// All that it has.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let keys = self.values.iter().map(|(key, _)| Entry::Key(key));
        keys.chain(self.nodes.iter().map(|(address, _)| Entry::Address(address)))
    }

    /// Bytes that it takes in memory, about.
    pub fn size(&self) -> usize {
        const ENTRY: usize = 64;
        let values = self.values.iter();
        let values: usize = values
            .map(|(key, old)| ENTRY + key.len() + old.as_ref().map_or(0, Vec::len))
            .sum();
        let nodes = self.nodes.iter();
        let nodes: usize = nodes
            .map(|(address, old)| {
                let (Replaced::Leaf(bytes) | Replaced::Branch(bytes)) = old;
                ENTRY + address.len() + bytes.len()
            })
            .sum();
        values + nodes
    }
}

impl Entry<'_> {
    /// What the rows of the column `changes` about it begin with; no other's do, and they ascend with the height that
    /// follows.
    pub fn prefix(&self) -> Vec<u8> {
        let (kind, name) = match self {
            Self::Key(key) => (0, key),
            Self::Address(address) => (1, address),
        };
        let mut out = Vec::with_capacity(name.len() + 7);
        out.push(kind);
        // Zeros are marked, so that two zeros end every name.
        for byte in *name {
            match byte {
                0 => out.extend([0, 0xff]),
                other => out.push(*other),
            }
        }
        out.extend([0, 0]);
        out
    }

    /// The row that says that the block at this height changed it.
    pub fn row(&self, height: Height) -> Vec<u8> {
        let mut row = self.prefix();
        row.extend(height.0.to_be_bytes());
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_entry_lie_together_and_ascend() {
        let names: [&[u8]; 9] = [
            &[],
            &[0],
            &[0, 0],
            &[0, 0, 0],
            &[0, 1],
            &[1],
            &[1, 0],
            &[1, 0, 0xff],
            &[0xff],
        ];
        let mut rows = Vec::new();
        for name in names {
            for entry in [Entry::Key(name), Entry::Address(name)] {
                for height in [0, 1, 255, 256, u32::MAX] {
                    rows.push((entry.row(Height(height)), entry.prefix(), height));
                }
            }
        }
        rows.sort();
        for (row, prefix, _) in &rows {
            for (other, others, _) in &rows {
                assert_eq!(other.starts_with(prefix), others == prefix, "{row:?} {other:?}");
            }
        }
        for pair in rows.windows(2) {
            assert!(pair[0].1 != pair[1].1 || pair[0].2 < pair[1].2);
        }
    }
}
