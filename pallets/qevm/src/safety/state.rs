//! What is known before an instruction: the top of the stack and a few words of memory.

use super::value::{Traits, Value, Words};
use alloc::{collections::VecDeque, vec::Vec};
use alloy_primitives::U256;

/// Values of a stack that are kept apart; what lies deeper is one.
pub const STACK_LEN_MAX: usize = 64;
/// Words of memory that are followed.
const MEMORY_LEN_MAX: usize = 8;

/// What is known at a place of the code, whichever way led there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// The top is the last.
    stack: VecDeque<Value>,
    /// What lies below: nothing, or any number of such words.
    below: Option<Traits>,
    /// Offset and word.
    memory: Vec<(U256, Value)>,
}

impl State {
    /// A call begins with an empty stack.
    pub fn entry() -> Self {
        Self {
            stack: VecDeque::new(),
            below: None,
            memory: Vec::new(),
        }
    }

    /// What looking at all of it costs.
    pub fn size(&self) -> usize {
        self.stack.len().saturating_add(self.memory.len()).saturating_add(1)
    }

    /// The values that are kept, from the deepest to the top.
    pub fn stack(&self) -> impl Iterator<Item = Value> {
        self.stack.iter().copied()
    }

    /// Takes the top; `None` if there is none, which ends the execution.
    pub fn pop(&mut self) -> Option<Value> {
        self.stack.pop_back().or(self.below.map(Value::Unknown))
    }

    /// Puts a value on top. More than the EVM's stack holds is not an error here.
    pub fn push(&mut self, value: Value, words: &Words) {
        if self.stack.len() >= STACK_LEN_MAX
            && let Some(deepest) = self.stack.pop_front()
        {
            self.bury(deepest, words);
        }
        self.stack.push_back(value);
    }

    /// The value `depth` below the top.
    pub fn peek(&mut self, depth: usize) -> Option<Value> {
        self.unearth(depth)?;
        self.stack
            .get(self.stack.len().checked_sub(depth.checked_add(1)?)?)
            .copied()
    }

    /// Exchanges the top and the value `depth` below it.
    pub fn swap(&mut self, depth: usize) -> Option<()> {
        self.unearth(depth)?;
        let top = self.stack.len().checked_sub(1)?;
        self.stack.swap(top, top.checked_sub(depth)?);
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
    pub fn join(&mut self, other: &Self, words: &mut Words, is_jump: impl Fn(U256) -> bool) -> bool {
        let before = self.clone();
        let mut other = other.clone();
        // Stacks are compared from the top.
        if self.stack.len() != other.stack.len() || self.below != other.below {
            let depth = self.stack.len().min(other.stack.len());
            self.cut(depth, words);
            other.cut(depth, words);
            let below = self.below.unwrap_or_default() | other.below.unwrap_or_default();
            self.below = Some(below);
        }
        for (mine, theirs) in self.stack.iter_mut().zip(&other.stack) {
            *mine = words.join(*mine, *theirs, &is_jump);
        }
        self.memory.retain_mut(|(offset, value)| {
            let Some((_, theirs)) = other.memory.iter().find(|(place, _)| place == offset) else {
                return false;
            };
            *value = words.join(*value, *theirs, &is_jump);
            true
        });
        *self != before
    }

    /// Keeps the `depth` topmost values apart.
    fn cut(&mut self, depth: usize, words: &Words) {
        while self.stack.len() > depth {
            let Some(deepest) = self.stack.pop_front() else { return };
            self.bury(deepest, words);
        }
    }

    fn bury(&mut self, value: Value, words: &Words) {
        self.below = Some(self.below.unwrap_or_default() | words.traits(value));
    }

    /// Sees to it that the value `depth` below the top is kept apart.
    fn unearth(&mut self, depth: usize) -> Option<()> {
        while self.stack.len() <= depth {
            self.stack.push_front(Value::Unknown(self.below?));
        }
        Some(())
    }
}
