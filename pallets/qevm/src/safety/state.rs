//! What is known before an instruction: the top of the stack and a few words of memory.

use super::value::{Traits, Value, Words};
use alloc::vec::Vec;
use alloy_primitives::U256;

/// Values of a stack that are kept apart where states are kept; what lies deeper is one.
pub const STACK_LEN_MAX: usize = 64;
/// Words of memory that are followed.
const MEMORY_LEN_MAX: usize = 8;

/// What is known at a place of the code, whichever way led there.
#[derive(PartialEq, Eq, Debug)]
pub struct State {
    /// The top is the last.
    stack: Vec<Value>,
    /// What lies below: nothing, or any number of such words.
    below: Option<Traits>,
    /// Offset and word.
    memory: Vec<(U256, Value)>,
}

impl Clone for State {
    fn clone(&self) -> Self {
        Self {
            stack: self.stack.clone(),
            below: self.below,
            memory: self.memory.clone(),
        }
    }

    /// Keeps the allocations.
    fn clone_from(&mut self, source: &Self) {
        self.stack.clone_from(&source.stack);
        self.below = source.below;
        self.memory.clone_from(&source.memory);
    }
}

impl State {
    /// A call begins with an empty stack.
    pub fn entry() -> Self {
        Self {
            stack: Vec::new(),
            below: None,
            memory: Vec::new(),
        }
    }

    /// What looking at all of it costs.
    pub fn size(&self) -> usize {
        self.stack.len().saturating_add(self.memory.len()).saturating_add(1)
    }

    /// The values that are kept, from the deepest to the top.
    pub fn stack(&self) -> &[Value] {
        &self.stack
    }

    /// Takes the top; `None` if there is none, which ends the execution.
    pub fn pop(&mut self) -> Option<Value> {
        self.stack.pop().or(self.below.map(Value::Unknown))
    }

    /// Puts a value on top. More than the EVM's stack holds is not an error here.
    pub fn push(&mut self, value: Value, words: &Words) {
        // Not one by one: each time, all that stay are moved.
        if self.stack.len() >= STACK_LEN_MAX.saturating_mul(2) {
            self.settle(words);
        }
        self.stack.push(value);
    }

    /// Keeps no more than [`STACK_LEN_MAX`] values apart.
    pub fn settle(&mut self, words: &Words) {
        self.bury(self.stack.len().saturating_sub(STACK_LEN_MAX), words);
    }

    /// The value `depth` below the top.
    pub fn peek(&mut self, depth: usize) -> Option<Value> {
        self.place(depth).copied()
    }

    /// Puts another value `depth` below the top, and gives the one that was there.
    pub fn replace(&mut self, depth: usize, value: Value) -> Option<Value> {
        Some(core::mem::replace(self.place(depth)?, value))
    }

    /// Exchanges the top and the value `depth` below it.
    pub fn swap(&mut self, depth: usize) -> Option<()> {
        let top = self.peek(0)?;
        let lower = self.replace(depth, top)?;
        self.replace(0, lower)?;
        Some(())
    }

    /// Writes a word.
    pub fn store(&mut self, offset: Option<U256>, value: Value, words: &Words) {
        let Some(offset) = offset else {
            return self.blur_memory(words);
        };
        // A word that overlaps another's bytes makes that one unknown.
        for (other, kept) in &mut self.memory {
            if *other != offset && other.abs_diff(offset) < U256::from(32) {
                *kept = words.forgotten(*kept);
            }
        }
        if let Some((_, kept)) = self.memory.iter_mut().find(|(other, _)| *other == offset) {
            *kept = value;
        } else if self.memory.len() < MEMORY_LEN_MAX {
            self.memory.push((offset, value));
            self.memory.sort_unstable_by_key(|(offset, _)| *offset);
        }
    }

    /// Reads a word.
    pub fn load(&self, offset: Option<U256>) -> Value {
        let kept = self.memory.iter().find(|(other, _)| Some(*other) == offset);
        kept.map_or(Value::ANY, |(_, value)| *value)
    }

    /// Something is written to memory, nobody knows where: words may have changed, or not.
    pub fn blur_memory(&mut self, words: &Words) {
        for (_, kept) in &mut self.memory {
            *kept = words.forgotten(*kept);
        }
    }

    /// Forgets every value, but not what it may be.
    pub fn forget(&mut self, words: &Words) {
        for value in &mut self.stack {
            *value = words.forgotten(*value);
        }
        self.memory.clear();
    }

    /// Makes this hold of `other` too. Says whether it holds less than before.
    pub fn join(&mut self, other: &Self, words: &mut Words) -> bool {
        let mut has_changed = false;
        // Stacks are compared from the top.
        let depth = self.stack.len().min(other.stack.len());
        let (deep, other_stack) = other.stack.split_at(other.stack.len().saturating_sub(depth));
        if self.stack.len() != other.stack.len() || self.below != other.below {
            let (before, len) = (self.below, self.stack.len());
            let below = deep.iter().map(|value| words.traits(*value));
            let below = below.fold(other.below.unwrap_or_default(), |all, traits| all | traits);
            self.below = Some(self.below.unwrap_or_default() | below);
            self.bury(len.saturating_sub(depth), words);
            has_changed = self.below != before || self.stack.len() != len;
        }
        let mut joined = |mine: &mut Value, theirs: Value| {
            let value = words.join(*mine, theirs);
            has_changed |= value != *mine;
            *mine = value;
        };
        for (mine, theirs) in self.stack.iter_mut().zip(other_stack) {
            joined(mine, *theirs);
        }
        let len = self.memory.len();
        self.memory.retain_mut(|(offset, value)| {
            let theirs = other.memory.iter().find(|(place, _)| place == offset);
            theirs.map(|(_, theirs)| joined(value, *theirs)).is_some()
        });
        has_changed || self.memory.len() != len
    }

    /// Keeps the `count` deepest values apart no more.
    fn bury(&mut self, count: usize, words: &Words) {
        for value in self.stack.drain(..count.min(self.stack.len())) {
            self.below = Some(self.below.unwrap_or_default() | words.traits(value));
        }
    }

    /// The value `depth` below the top, which is kept apart from now on.
    fn place(&mut self, depth: usize) -> Option<&mut Value> {
        while self.stack.len() <= depth {
            self.stack.insert(0, Value::Unknown(self.below?));
        }
        let place = self.stack.len().checked_sub(depth.checked_add(1)?)?;
        self.stack.get_mut(place)
    }
}
