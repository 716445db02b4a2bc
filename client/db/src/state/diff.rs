//! What a block replaced: enough to read, and to go back to, the state before it.

use codec::{Decode, Encode};
use quids_core::Height;
use quids_state::{Bytes, Commit, NodeChange, OldNode};

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
    /// A branch by its bytes where they differ from those of the branch that took its place, which is as long: runs of
    /// them, each with where it begins.
    Patched(Vec<(u16, Vec<u8>)>),
}

/// A node before a block.
pub enum Past<'a> {
    Whole(OldNode),
    /// As after the block, but for these runs.
    Patched(&'a [(u16, Vec<u8>)]),
}

/// Equal bytes between two runs that are worth a run of their own: it costs a place and a length.
const GAP_MIN: usize = 4;

/// Where `old` differs from `new`; `None` if that says no less than `old` itself.
fn patch(old: &[u8], new: &[u8]) -> Option<Vec<(u16, Vec<u8>)>> {
    if old.len() != new.len() {
        return None;
    }
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, _) in old.iter().zip(new).enumerate().filter(|(_, (old, new))| old != new) {
        match runs.last_mut() {
            Some((_, end)) if at < *end + GAP_MIN => *end = at + 1,
            _ => runs.push((at, at + 1)),
        }
    }
    let size: usize = runs.iter().map(|(start, end)| end - start + GAP_MIN).sum();
    if size >= old.len() {
        return None;
    }
    let run = |(start, end): (usize, usize)| Some((u16::try_from(start).ok()?, old.get(start..end)?.to_vec()));
    runs.into_iter().map(run).collect()
}

/// Makes of a node the one before it; `None` if the runs are not of this node.
pub fn unpatch(node: &mut [u8], runs: &[(u16, Vec<u8>)]) -> Option<()> {
    for (start, bytes) in runs {
        let start = usize::from(*start);
        node.get_mut(start..start + bytes.len())?.copy_from_slice(bytes);
    }
    Some(())
}

/// What an entry of a diff is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    Key(&'a [u8]),
    /// Encoded.
    Address(&'a [u8]),
}

impl Diff {
    /// Of a block with this commit, whose nodes are `nodes`, ascending by their encoded addresses. `is_whole` says of an
    /// address whether its branch is kept whole, whatever it became.
    pub fn of(commit: &Commit, nodes: &[(Vec<u8>, &NodeChange)], is_whole: impl Fn(&[u8]) -> bool) -> Self {
        let values = commit.values.iter();
        let values = values.map(|change| (change.key.clone(), change.old.as_deref().map(<[u8]>::to_vec)));
        let nodes = nodes.iter().filter_map(|(address, change)| {
            let old = match change.old.as_ref()? {
                OldNode::Leaf(key) => Replaced::Leaf(key.clone()),
                OldNode::Branch(old) => {
                    let new = change.new.as_ref().filter(|_| !is_whole(address));
                    let runs = new.and_then(|new| patch(old, &new.bytes));
                    runs.map_or_else(|| Replaced::Branch(old.to_vec()), Replaced::Patched)
                }
            };
            Some((address.clone(), old))
        });
        Self {
            values: values.collect(),
            nodes: nodes.collect(),
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
    pub fn node(&self, address: &[u8]) -> Option<Past<'_>> {
        let at = self.nodes.binary_search_by(|(other, _)| (**other).cmp(address)).ok()?;
        self.nodes.get(at).map(|(_, old)| match old {
            Replaced::Leaf(key) => Past::Whole(OldNode::Leaf(key.clone())),
            Replaced::Branch(bytes) => Past::Whole(OldNode::Branch(bytes.as_slice().into())),
            Replaced::Patched(runs) => Past::Patched(runs),
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
                let old = match old {
                    Replaced::Leaf(bytes) | Replaced::Branch(bytes) => bytes.len(),
                    Replaced::Patched(runs) => runs.iter().map(|(_, bytes)| ENTRY + bytes.len()).sum(),
                };
                ENTRY + address.len() + old
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
    fn a_patch_leads_back_and_is_smaller() {
        let new: Vec<u8> = (0..200).collect();
        let changed = |at: &[usize]| {
            let mut old = new.clone();
            at.iter().for_each(|at| old[*at] ^= 0xff);
            old
        };
        for (at, runs) in [
            (&[][..], Some(0)),
            (&[0], Some(1)),
            (&[199], Some(1)),
            (&[5, 6, 7, 10], Some(1)),
            (&[5, 11, 100], Some(3)),
        ] {
            let old = changed(at);
            let found = patch(&old, &new);
            assert_eq!(found.as_ref().map(Vec::len), runs, "{at:?}");
            let mut node = new.clone();
            assert_eq!(unpatch(&mut node, &found.unwrap()), Some(()));
            assert_eq!(node, old);
        }
        assert_eq!(patch(&new[1..], &new), None);
        assert_eq!(patch(&[0xff; 200], &new), None);
        assert_eq!(unpatch(&mut [0; 10], &[(9, vec![1, 2])]), None);
        assert_eq!(unpatch(&mut [0; 10], &[(u16::MAX, vec![1])]), None);
    }

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
