//! The batch committer: many changes at once, subtries side by side. A pure function of the trie and the changes: its root
//! is trie-db's.
//!
//! It walks from the root down the paths of the changes, takes apart what they touch, and puts together again from below.
//! A branch with less than two children and no value becomes one with what is left below it.

use super::{
    address::Address,
    node::{Branch, Child, Node, Value},
};
use crate::BackendError;
use quids_core::Hash;
use quids_trie::{Blake3Hasher, EMPTY_ROOT, Hasher};
use rayon::prelude::*;
use std::{convert::Infallible, ops::Range, sync::Arc};

/// Changes or entries below a branch from which on its subtries are worth a task of their own.
pub const PARALLEL_MIN: usize = 128;

/// A new value for a key, `None` to remove it.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    /// Nibbles.
    pub key: &'a [u8],
    pub old: Option<Arc<[u8]>>,
    pub new: Option<&'a [u8]>,
}

/// What was at an address that has something else now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OldNode {
    /// The leaf of this key, with whatever value that had.
    Leaf(Vec<u8>),
    /// The branch of these bytes.
    Branch(Arc<[u8]>),
}

/// What becomes of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeChange {
    pub address: Address,
    /// What has to be remembered of it, for states of the past.
    pub old: Option<OldNode>,
    /// The branch that is there now. Leaves are not stored: key and value tell all of them.
    pub new: Option<NewBranch>,
}

/// A branch to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBranch {
    pub hash: Hash,
    pub bytes: Arc<[u8]>,
}

/// Where the nodes of the trie come from.
pub trait Source: Sync {
    /// The node with this hash, if it is at hand.
    fn cached(&self, hash: &Hash) -> Option<Arc<[u8]>>;
    /// The node with this hash, which is at this address.
    fn node(&self, address: &Address, hash: &Hash) -> Result<Arc<[u8]>, BackendError>;
    /// The node at this address is about to be asked for though no change lies below it: it becomes one with its parent.
    fn lifts(&self, _at: &[u8]) {}
}

/// Applies changes (ascending, each key once) to the trie at `root`: the new root, and what becomes of the nodes.
pub fn update(
    source: &impl Source,
    root: Hash,
    changes: &[Change<'_>],
) -> Result<(Hash, Vec<NodeChange>), BackendError> {
    if changes.is_empty() {
        return Ok((root, Vec::new()));
    }
    let update = Update { source };
    let mut out = Vec::new();
    let (was, node) = if root == EMPTY_ROOT {
        (Was::Nothing, None)
    } else {
        let (was, node) = update.load(&[], &Child::Hash(root), changes)?;
        (was, Some(node))
    };
    let Some(node) = update.apply(node, 0, changes, &mut out)? else {
        record(&[], was, None, &mut out);
        return Ok((EMPTY_ROOT, out));
    };
    let bytes = node.encode();
    // A root goes by its hash, however short it is.
    let hash = Blake3Hasher::hash(&bytes);
    place(&[], was, &node, Some((hash, bytes)), &mut out);
    Ok((hash, out))
}

struct Update<'a, S> {
    source: &'a S,
}

/// What was at an address.
enum Was {
    Nothing,
    /// With this partial key.
    Leaf(Vec<u8>),
    /// Stored: not within its parent.
    Branch(Arc<[u8]>),
}

/// A child that was worked on: its place, what was there, what is to be.
struct Worked {
    nibble: u8,
    was: Was,
    node: Option<Node>,
}

impl<S: Source> Update<'_, S> {
    /// A child and what to remember of it. `changes` are those below it.
    fn load(&self, at: &[u8], child: &Child, changes: &[Change<'_>]) -> Result<(Was, Node), BackendError> {
        let (hash, bytes) = match child {
            Child::Inline(bytes, length) => {
                let bytes = bytes.get(..usize::from(*length)).unwrap_or_default();
                let node = decode(bytes, || Blake3Hasher::hash(bytes))?;
                let was = match &node {
                    Node::Leaf { partial, .. } => Was::Leaf(partial.clone()),
                    Node::Branch(_) => Was::Nothing,
                };
                return Ok((was, node));
            }
            Child::Hash(hash) => match self.source.cached(hash) {
                Some(bytes) => (hash, bytes),
                None => match expected_leaf(at, hash, changes.iter().filter_map(old_entry)) {
                    Some((partial, node)) => return Ok((Was::Leaf(partial), node)),
                    None => (hash, self.source.node(&Address::new(at), hash)?),
                },
            },
        };
        let node = decode(&bytes, || *hash)?;
        let was = match &node {
            Node::Leaf { partial, .. } => Was::Leaf(partial.clone()),
            Node::Branch(_) => Was::Branch(bytes),
        };
        Ok((was, node))
    }

    /// A node after the changes, whose keys all begin with its address, `depth` nibbles long.
    fn apply(
        &self,
        node: Option<Node>,
        depth: usize,
        changes: &[Change<'_>],
        out: &mut Vec<NodeChange>,
    ) -> Result<Option<Node>, BackendError> {
        let (Some(first), Some(last)) = (changes.first(), changes.last()) else {
            return Ok(node);
        };
        let at = first.key.get(..depth).unwrap_or_default();
        let rest = |change: &Change<'_>| -> usize {
            let Some(Node::Branch(branch)) = &node else { return 0 };
            common(&branch.partial, change.key.get(depth..).unwrap_or_default())
        };
        let shared = rest(first).min(rest(last));
        let mut branch = match node {
            Some(Node::Branch(branch)) => *branch,
            leaf => {
                let own = leaf.and_then(|node| match node {
                    Node::Leaf { partial, value } => Some(([at, &partial].concat(), value)),
                    Node::Branch(_) => None,
                });
                let entries = entries(own.as_ref().map(|(key, value)| (&key[..], *value)), changes);
                return Ok(build(depth, &entries, out));
            }
        };
        // Where changes leave the partial key, a new branch comes in between, and the old one below it.
        let mut moved = None;
        if let Some((head, [nibble, tail @ ..])) = branch.partial.split_at_checked(shared) {
            let (head, nibble, tail) = (head.to_vec(), *nibble, tail.to_vec());
            let lower = Branch {
                partial: tail,
                ..branch
            };
            moved = Some((nibble, Node::Branch(Box::new(lower))));
            branch = Branch {
                partial: head,
                value: None,
                children: [None; 16],
            };
        }
        let end = depth.saturating_add(branch.partial.len());
        let mut below = changes;
        if first.key.len() == end {
            branch.value = first.new.map(Value::of);
            below = changes.get(1..).unwrap_or_default();
        }
        let groups = groups(below, end, |change| change.key);
        let work = |(nibble, range): &(u8, Range<usize>), out: &mut Vec<NodeChange>| -> Result<Worked, BackendError> {
            let changes = below.get(range.clone()).unwrap_or_default();
            let key = changes.first().map_or(&[][..], |change| change.key);
            let at = key.get(..=end).unwrap_or_default();
            let (was, node) = match (&moved, branch.children.get(usize::from(*nibble))) {
                (Some((place, lower)), _) if place == nibble => (Was::Nothing, Some(lower.clone())),
                (None, Some(Some(child))) => {
                    let (was, node) = self.load(at, child, changes)?;
                    (was, Some(node))
                }
                _ => (Was::Nothing, None),
            };
            let node = self.apply(node, end.saturating_add(1), changes, out)?;
            let nibble = *nibble;
            Ok(Worked { nibble, was, node })
        };
        let mut worked = each(&groups, below.len(), work, out)?;
        if let Some((nibble, lower)) = moved
            && worked.iter().all(|one| one.nibble != nibble)
        {
            worked.push(Worked {
                nibble,
                was: Was::Nothing,
                node: Some(lower),
            });
        }
        self.close(at, branch, worked, out)
    }

    /// A branch at `at` with the children that were worked on.
    fn close(
        &self,
        at: &[u8],
        mut branch: Branch,
        worked: Vec<Worked>,
        out: &mut Vec<NodeChange>,
    ) -> Result<Option<Node>, BackendError> {
        let address = |branch: &Branch, nibble: u8| [at, &branch.partial, &[nibble]].concat();
        for one in &worked {
            if let Some(child) = branch.children.get_mut(usize::from(one.nibble)) {
                *child = None;
            }
        }
        let untouched = branch.children.iter().flatten().count();
        let alive = worked.iter().filter(|one| one.node.is_some()).count();
        let is_branch = untouched.saturating_add(alive) > usize::from(branch.value.is_none());
        let mut only = None;
        for Worked { nibble, was, node } in worked {
            let at = address(&branch, nibble);
            match node {
                Some(node) if is_branch => {
                    let child = seal(&at, was, node, out);
                    if let Some(place) = branch.children.get_mut(usize::from(nibble)) {
                        *place = Some(child);
                    }
                }
                node => {
                    record(&at, was, None, out);
                    only = node.map(|node| (nibble, node)).or(only);
                }
            }
        }
        if is_branch {
            return Ok(Some(Node::Branch(Box::new(branch))));
        }
        if let Some(value) = branch.value {
            let partial = branch.partial;
            return Ok(Some(Node::Leaf { partial, value }));
        }
        if let Some((nibble, Some(child))) = (0..).zip(&branch.children).find(|(_, child)| child.is_some()) {
            let at = address(&branch, nibble);
            self.source.lifts(&at);
            let (was, node) = self.load(&at, child, &[])?;
            record(&at, was, None, out);
            only = Some((nibble, node));
        }
        Ok(only.map(|(nibble, mut node)| {
            let partial = node.partial_mut();
            *partial = [&branch.partial, &[nibble][..], partial].concat();
            node
        }))
    }
}

fn decode(bytes: &[u8], hash: impl Fn() -> Hash) -> Result<Node, BackendError> {
    Node::decode(bytes).map_err(|reason| BackendError::Malformed { hash: hash(), reason })
}

fn old_entry<'a>(change: &'a Change<'_>) -> Option<(&'a [u8], &'a [u8])> {
    Some((change.key, change.old.as_deref()?))
}

/// The leaf with this hash, if it is that of the one entry below it that is known: then it need not be looked up.
pub fn expected_leaf<'a>(
    at: &[u8],
    hash: &Hash,
    mut known: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Option<(Vec<u8>, Node)> {
    let (Some((key, value)), None) = (known.next(), known.next()) else {
        return None;
    };
    let partial = key.get(at.len()..)?.to_vec();
    let leaf = Node::Leaf {
        partial: partial.clone(),
        value: Value::of(value),
    };
    (Blake3Hasher::hash(&leaf.encode()) == *hash).then_some((partial, leaf))
}

/// What a leaf and changes come to, ascending.
fn entries<'a>(mut own: Option<(&'a [u8], Value)>, changes: &'a [Change<'_>]) -> Vec<(&'a [u8], Value)> {
    let mut entries = Vec::with_capacity(changes.len().saturating_add(1));
    for change in changes {
        match own {
            Some(leaf) if leaf.0 < change.key => entries.push(leaf),
            Some((key, _)) if key > change.key => {
                entries.extend(change.new.map(|value| (change.key, Value::of(value))));
                continue;
            }
            _ => {}
        }
        own = None;
        entries.extend(change.new.map(|value| (change.key, Value::of(value))));
    }
    entries.extend(own);
    entries
}

/// The trie of entries (ascending) whose keys share their first `depth` nibbles.
fn build(depth: usize, entries: &[(&[u8], Value)], out: &mut Vec<NodeChange>) -> Option<Node> {
    let ((first, value), (last, _)) = (entries.first()?, entries.last()?);
    let rest = first.get(depth..)?;
    if entries.len() == 1 {
        let (partial, value) = (rest.to_vec(), *value);
        return Some(Node::Leaf { partial, value });
    }
    let partial = rest.get(..common(rest, last.get(depth..)?))?.to_vec();
    let end = depth.saturating_add(partial.len());
    let (value, below) = match first.len() == end {
        true => (Some(*value), entries.get(1..)?),
        false => (None, entries),
    };
    let mut branch = Branch {
        partial,
        value,
        children: [None; 16],
    };
    let groups = groups(below, end, |(key, _)| key);
    let work = |(nibble, range): &(u8, Range<usize>), out: &mut Vec<NodeChange>| {
        let entries = below.get(range.clone()).unwrap_or_default();
        let node = build(end.saturating_add(1), entries, out);
        let at = entries.first().and_then(|(key, _)| key.get(..=end)).unwrap_or_default();
        let child = node.map(|node| seal(at, Was::Nothing, node, out));
        Ok::<_, Infallible>((*nibble, child))
    };
    let Ok(children) = each(&groups, below.len(), work, out);
    for (nibble, child) in children {
        if let Some(place) = branch.children.get_mut(usize::from(nibble)) {
            *place = child;
        }
    }
    Some(Node::Branch(Box::new(branch)))
}

/// Works on each of some groups of `size` items together, side by side if they are many.
fn each<G: Sync, T: Send, E: Send>(
    groups: &[G],
    size: usize,
    work: impl Fn(&G, &mut Vec<NodeChange>) -> Result<T, E> + Sync,
    out: &mut Vec<NodeChange>,
) -> Result<Vec<T>, E> {
    if size < PARALLEL_MIN || groups.len() < 2 {
        return groups.iter().map(|group| work(group, out)).collect();
    }
    let apart = groups.par_iter().map(|group| {
        let mut out = Vec::new();
        Ok((work(group, &mut out)?, out))
    });
    let apart: Vec<(T, Vec<NodeChange>)> = apart.collect::<Result<_, E>>()?;
    let join = |(one, mut changes)| {
        out.append(&mut changes);
        one
    };
    Ok(apart.into_iter().map(join).collect())
}

/// Runs of items by their key's nibble at `place`.
pub fn groups<T>(items: &[T], place: usize, key: impl Fn(&T) -> &[u8]) -> Vec<(u8, Range<usize>)> {
    let mut groups: Vec<(u8, Range<usize>)> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let nibble = key(item).get(place).copied().unwrap_or_default();
        match groups.last_mut() {
            Some((last, range)) if *last == nibble => range.end = index.saturating_add(1),
            _ => groups.push((nibble, index..index.saturating_add(1))),
        }
    }
    groups
}

/// A finished child, as its parent refers to it.
fn seal(at: &[u8], was: Was, node: Node, out: &mut Vec<NodeChange>) -> Child {
    let bytes = node.encode();
    let child = Child::of(&bytes);
    let stored = match child {
        Child::Hash(hash) => Some((hash, bytes)),
        Child::Inline(..) => None,
    };
    place(at, was, &node, stored, out);
    child
}

/// Notes that a node is at an address; `stored` are its hash and bytes unless its parent holds it.
fn place(at: &[u8], was: Was, node: &Node, stored: Option<(Hash, Vec<u8>)>, out: &mut Vec<NodeChange>) {
    match (node, &was, stored) {
        (Node::Leaf { partial, .. }, Was::Leaf(before), _) if before == partial => {}
        (Node::Leaf { .. }, ..) => record(at, was, None, out),
        (Node::Branch(_), Was::Branch(before), Some((_, bytes))) if *bytes == **before => {}
        (Node::Branch(_), _, stored) => {
            let new = stored.map(|(hash, bytes)| NewBranch {
                hash,
                bytes: bytes.into(),
            });
            record(at, was, new, out);
        }
    }
}

fn record(at: &[u8], was: Was, new: Option<NewBranch>, out: &mut Vec<NodeChange>) {
    let address = Address::new(at);
    let old = match was {
        Was::Nothing => None,
        // Half a key has no leaf.
        Was::Leaf(partial) => address.key_with(&partial).map(OldNode::Leaf),
        Was::Branch(bytes) => Some(OldNode::Branch(bytes)),
    };
    if old.is_some() || new.is_some() {
        out.push(NodeChange { address, old, new });
    }
}

/// How many nibbles two keys share from the beginning.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
