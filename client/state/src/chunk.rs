//! A state in pieces. Each proves itself against the root: what it has is what the state has, and nothing in between is
//! missing.
//!
//! A chunk holds all entries below some neighbouring children of one branch, and the branches from the root down to that one.
//! Its receiver makes the children again from the entries and compares them with what the branch says of them; so he needs no
//! proof of an entry, and has the branches to store. Chunks come in the order of keys; where the next begins follows from the
//! branches of the one before.

use crate::{
    BackendError, StateBackend, StateView,
    trie::{Address, Branch, Child, Node, Source, TrieBuilder, Value},
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use quids_core::Hash;
use quids_trie::{Blake3Hasher, EMPTY_ROOT, Hasher};
use rayon::prelude::*;
use std::ops::Bound;

/// Of a key that nobody has checked.
const KEY_BYTES_SHOWN: usize = 100;

/// A key and its value.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// A piece of a state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Chunk {
    /// Branches, from the root to the one whose children hold the entries, each below the one before; none if the entries are
    /// the whole state.
    pub path: Vec<Vec<u8>>,
    /// Ascending by key: the values at those branches that no chunk before had, and all that is below some of the last
    /// one's children.
    pub entries: Vec<KeyValue>,
}

/// A chunk that was checked: it is the piece of the state with this root that begins here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    root: Hash,
    begin: Address,
    entries: Vec<KeyValue>,
    branches: Vec<(Address, Vec<u8>)>,
    next: Option<Address>,
}

impl Checked {
    /// Whether it is the piece of the state with this root that begins at `begin`.
    pub fn is_of(&self, root: Hash, begin: &Address) -> bool {
        self.root == root && self.begin == *begin
    }

    pub fn entries(&self) -> &[KeyValue] {
        &self.entries
    }

    /// The branches to store with its entries, in no order.
    pub fn branches(&self) -> &[(Address, Vec<u8>)] {
        &self.branches
    }

    /// Where the next chunk begins; `None` after the last one.
    pub fn next(&self) -> Option<&Address> {
        self.next.as_ref()
    }
}

/// Why a chunk is not the next piece of a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadChunk {
    #[error("its entries alone give root {computed:?}, the state has {stated:?}")]
    Root { computed: Hash, stated: Hash },
    #[error("branch {at} of its path: {reason}")]
    Path { at: usize, reason: String },
    #[error("entry 0x{key}: {reason}")]
    Entry { key: String, reason: &'static str },
    #[error("the value at a branch of its path is missing")]
    NoValue,
    #[error("the entries below 0x{0} are not those of the state")]
    Child(String),
    #[error("it holds nothing")]
    Nothing,
}

/// Branches to store, and where the next chunk begins.
type Verdict = (Vec<(Address, Vec<u8>)>, Option<Address>);

/// A branch on the way down, and the child that the way goes on by.
struct Step {
    /// Nibbles to its children.
    nibbles: Vec<u8>,
    branch: Box<Branch>,
    child: usize,
}

impl Step {
    /// The address of the first child from this one on.
    fn child_from(&self, child: usize) -> Option<(usize, Vec<u8>, &Child)> {
        let children = self.branch.children.iter().enumerate().skip(child);
        let (at, child) = children.filter_map(|(at, child)| Some((at, child.as_ref()?))).next()?;
        let nibble = u8::try_from(at).ok()?;
        Some((at, [&self.nibbles[..], &[nibble]].concat(), child))
    }
}

/// A branch at an address, on the way to `begin`: whether it lies there or below.
fn step(address: &[u8], bytes: &[u8], begin: &[u8]) -> Result<(Step, bool), String> {
    let Node::Branch(branch) = Node::decode(bytes)? else {
        return Err("a leaf".into());
    };
    let nibbles = [address, &branch.partial].concat();
    let is_new = address.starts_with(begin);
    let child = match begin.strip_prefix(&nibbles[..]) {
        _ if is_new => branch.children.iter().position(Option::is_some),
        Some([child, ..]) => Some(usize::from(*child)),
        Some([]) | None => None,
    };
    let child = child.ok_or("not on the way to where the chunk begins")?;
    Ok((Step { nibbles, branch, child }, is_new))
}

impl Chunk {
    /// Whether this is the piece of the state with this root that begins at `begin`: the default address for the first, then
    /// [`Checked::next`] of the one before.
    pub fn check(self, root: Hash, begin: &Address) -> Result<Checked, BadChunk> {
        let (branches, next) = self.verdict(root, begin.nibbles())?;
        Ok(Checked {
            root,
            begin: begin.clone(),
            entries: self.entries,
            branches,
            next,
        })
    }

    fn verdict(&self, root: Hash, begin: &[u8]) -> Result<Verdict, BadChunk> {
        let mut branches = Vec::new();
        if self.path.is_empty() && begin.is_empty() {
            let mut sink = |address, bytes| branches.push((address, bytes));
            let computed = built(TrieBuilder::default(), &self.entries, &mut sink, TrieBuilder::finish)?;
            let stated = root;
            return match computed == stated {
                true => Ok((branches, None)),
                false => Err(BadChunk::Root { computed, stated }),
            };
        }
        let mut entries = &self.entries[..];
        let mut steps: Vec<Step> = Vec::new();
        let (mut address, mut expected) = (Vec::new(), root);
        for (at, bytes) in self.path.iter().enumerate() {
            let failed = |reason: String| BadChunk::Path { at, reason };
            if let Some(above) = steps.last() {
                let child = above.child_from(above.child).filter(|(at, ..)| *at == above.child);
                let (_, below, child) = child.ok_or_else(|| failed("the one above has no such child".into()))?;
                let Child::Hash(hash) = child else {
                    return Err(failed("the one above holds it itself".into()));
                };
                (address, expected) = (below, *hash);
            }
            let found = Blake3Hasher::hash(bytes);
            if found != expected {
                return Err(failed(format!("its hash is {found:?}, not {expected:?}")));
            }
            let (step, is_new) = step(&address, bytes, begin).map_err(failed)?;
            if is_new {
                branches.push((Address::new(address.clone()), bytes.clone()));
                if let Some(value) = &step.branch.value {
                    let key = Address::new(step.nibbles.clone()).key();
                    let own = entries
                        .split_first()
                        .filter(|((found, _), _)| Some(found) == key.as_ref());
                    let Some((_, rest)) = own.filter(|((_, bytes), _)| Value::of(bytes) == *value) else {
                        return Err(entry(entries.first(), "not the value at a branch of the path"));
                    };
                    entries = rest;
                }
            }
            steps.push(step);
        }
        let Some(last) = steps.last() else {
            return Err(BadChunk::Nothing);
        };
        let mut runs = Vec::new();
        let mut from = last.child;
        let mut next = None;
        while let Some((at, address, child)) = last.child_from(from) {
            let is_first = runs.is_empty();
            if is_first && at != last.child || address.len() < begin.len() {
                let reason = "not on the way to where the chunk begins".into();
                let at = steps.len() - 1;
                return Err(BadChunk::Path { at, reason });
            }
            let address = Address::new(address);
            let count = entries.iter().take_while(|(key, _)| address.is_above(key)).count();
            let (run, rest) = entries.split_at_checked(count).unwrap_or((entries, &[]));
            if run.is_empty() {
                next = Some(address);
                break;
            }
            runs.push((address, child, run));
            (entries, from) = (rest, at + 1);
        }
        if runs.is_empty() {
            return Err(BadChunk::Nothing);
        }
        if !entries.is_empty() {
            return Err(entry(entries.first(), "not below the next child, or out of order"));
        }
        let built = runs.into_par_iter().map(|(address, child, run)| {
            let mut branches = Vec::new();
            let mut sink = |address, bytes| branches.push((address, bytes));
            let builder = TrieBuilder::below(address.nibbles().len());
            let found = built(builder, run, &mut sink, TrieBuilder::finish_child)?;
            match found.as_ref() == Some(child) {
                true => Ok(branches),
                false => Err(BadChunk::Child(address.hex())),
            }
        });
        let built: Result<Vec<_>, BadChunk> = built.collect();
        branches.extend(built?.into_iter().flatten());
        let above = || {
            let mut above = steps.iter().rev().skip(1);
            above.find_map(|step| step.child_from(step.child + 1))
        };
        let next = next.or_else(|| above().map(|(_, address, _)| Address::new(address)));
        Ok((branches, next))
    }
}

/// That something is wrong with this entry, or that it is not there.
fn entry(found: Option<&KeyValue>, reason: &'static str) -> BadChunk {
    found.map_or(BadChunk::NoValue, |(key, _)| BadChunk::Entry {
        key: key
            .iter()
            .take(KEY_BYTES_SHOWN)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        reason,
    })
}

/// What a builder makes of entries.
fn built<S: FnMut(Address, Vec<u8>), T>(
    mut builder: TrieBuilder,
    entries: &[KeyValue],
    sink: &mut S,
    finish: impl FnOnce(TrieBuilder, &mut S) -> T,
) -> Result<T, BadChunk> {
    for pair in entries {
        let (key, value) = pair;
        let pushed = builder.push(key, value, sink);
        pushed.map_err(|_| entry(Some(pair), "out of order"))?;
    }
    Ok(finish(builder, sink))
}

impl StateView {
    /// The piece of this state that begins at `begin` (the default address for the first, then [`Checked::next`] of the one
    /// before), of about `bytes_max` bytes in keys and values: fewer, or one entry, or what is below one child; values at
    /// the branches of its path come on top.
    ///
    /// Errors: what reading a state may come to. It is not checked: [`Chunk::check`] does that.
    pub fn chunk(&self, begin: &Address, bytes_max: usize) -> Result<Chunk, BackendError> {
        let mut chunk = Chunk::default();
        if begin.nibbles().is_empty() {
            if self.root() == EMPTY_ROOT {
                return Ok(chunk);
            }
            if let Some((entries, _)) = self.entries_below(begin, Some(bytes_max))? {
                chunk.entries = entries;
                return Ok(chunk);
            }
        }
        let mut left = bytes_max;
        let (mut address, mut hash) = (Vec::new(), self.root());
        loop {
            let bytes = self.node(&Address::new(address.clone()), &hash)?;
            let malformed = |reason| BackendError::Malformed { hash, reason };
            let (step, is_new) = step(&address, &bytes, begin.nibbles()).map_err(malformed)?;
            chunk.path.push(bytes.to_vec());
            if is_new && step.branch.value.is_some() {
                let key = Address::new(step.nibbles.clone()).key();
                let key = key.ok_or_else(|| malformed("a value at half a byte".into()))?;
                let value = self.get(&key)?.ok_or(BackendError::Missing(hash))?;
                left = left.saturating_sub(key.len() + value.len());
                chunk.entries.push((key, value.to_vec()));
            }
            let mut from = step.child;
            let mut is_first = true;
            while let Some((at, below, child)) = step.child_from(from) {
                if !below.starts_with(begin.nibbles()) && is_first {
                    break;
                }
                // What its parent holds has no node to go down to, and is small.
                let bound = matches!(child, Child::Hash(_)).then_some(left);
                let Some((entries, size)) = self.entries_below(&Address::new(below), bound)? else {
                    if is_first {
                        break;
                    }
                    return Ok(chunk);
                };
                left = left.saturating_sub(size);
                chunk.entries.extend(entries);
                (from, is_first) = (at + 1, false);
                if left == 0 {
                    break;
                }
            }
            if !is_first {
                return Ok(chunk);
            }
            let Some((_, below, Child::Hash(child))) = step.child_from(from) else {
                return Err(malformed("no child where the chunk begins".into()));
            };
            (address, hash) = (below, *child);
        }
    }

    /// All entries below an address, and bytes of their keys and values; `None` if they are more than one and larger than
    /// `bytes_max` together.
    fn entries_below(
        &self,
        address: &Address,
        bytes_max: Option<usize>,
    ) -> Result<Option<(Vec<KeyValue>, usize)>, BackendError> {
        let (first, whole) = (address.first_key(), address.whole_bytes());
        let mut entries: Vec<KeyValue> = Vec::new();
        let mut size = 0usize;
        loop {
            let from = match entries.last() {
                Some((last, _)) => Bound::Excluded(&last[..]),
                None => Bound::Included(&first[..]),
            };
            let page = self.entries_from(from, &whole)?;
            if page.is_empty() {
                return Ok(Some((entries, size)));
            }
            for (key, value) in page {
                if !address.is_above(&key) {
                    return Ok(Some((entries, size)));
                }
                size = size.saturating_add(key.len() + value.len());
                entries.push((key, value));
                if entries.len() > 1 && bytes_max.is_some_and(|max| size > max) {
                    return Ok(None);
                }
            }
        }
    }
}
