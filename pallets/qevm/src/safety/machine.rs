//! Runs code on states instead of words, along every way that execution may take.

use super::{
    Findings, immediate_len, instructions, jump_destinations, pushed,
    state::{STACK_LEN_MAX, State},
    value::{Traits, Value, Words},
};
use alloc::{collections::BTreeSet, vec::Vec};
use alloy_primitives::U256;
use revm::bytecode::opcode;

/// What an analysis of so many bytes may cost: one for every instruction and for every value that is moved or joined.
pub fn budget(code_len: usize) -> usize {
    code_len.saturating_mul(BUDGET_PER_BYTE).saturating_add(20_000)
}

const BUDGET_PER_BYTE: usize = 200;
/// What an instruction costs that looks constants up or writes memory.
const LOOKUP_COST: usize = 8;

/// How many places where no states are kept are passed at a time.
const PASSED_MAX: usize = 32;

/// The budget is spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exhausted;

/// Why states of one place are kept apart: hashes of the length of the stack, of where return addresses lie on it, and
/// of which they are. Hashes that collide join states, which does no harm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Context {
    returns: u64,
    /// The same without which they are. States that have this in common join return addresses with each other and never
    /// with other words: where a function returns to stays known.
    layout: u64,
}

/// States of one place: each with its place in [`Machine::states`].
#[derive(Clone, Default)]
struct Contexts {
    returns: Vec<(u64, usize)>,
    /// For which there is no room above.
    layouts: Vec<(u64, usize)>,
    /// For which there is no room at all.
    joined: Option<usize>,
}

impl Contexts {
    const RETURNS_MAX: usize = 16;
    const LAYOUTS_MAX: usize = 64;

    /// Where the state of `context` is, or `new` if there is none, where it is from now on.
    fn place(&mut self, context: Context, new: usize) -> usize {
        let kinds = [
            (&mut self.returns, context.returns, Self::RETURNS_MAX),
            (&mut self.layouts, context.layout, Self::LAYOUTS_MAX),
        ];
        for (known, hash, len_max) in kinds {
            if let Some((_, place)) = known.iter().find(|(other, _)| *other == hash) {
                return *place;
            }
            if known.len() < len_max {
                known.push((hash, new));
                return new;
            }
        }
        *self.joined.get_or_insert(new)
    }
}

/// Explores `code` from its start.
pub fn explore(code: &[u8]) -> Result<Findings, Exhausted> {
    let destinations = jump_destinations(code);
    let mut machine = Machine {
        code,
        answers: alloc::vec![None; code.len()],
        contexts: alloc::vec![Contexts::default(); destinations.len()],
        keeps: branches(code),
        words: Words::new(destinations),
        states: Vec::new(),
        anywhere: None,
        queue: BTreeSet::new(),
        findings: Findings::default(),
        budget: budget(code.len()),
    };
    let mut state = State::entry();
    machine.walk(0, &mut state)?;
    while let Some((place, index)) = machine.queue.pop_first() {
        let known = match index {
            Some(index) => machine.states.get(index),
            None => machine.anywhere.as_ref(),
        };
        if let Some(known) = known {
            state.clone_from(known);
            machine.walk(place, &mut state)?;
        }
    }
    Ok(machine.findings)
}

struct Machine<'a> {
    code: &'a [u8],
    words: Words,
    /// By place: what the pure instruction there last answered to what.
    answers: Vec<Option<([Value; 2], Value)>>,
    /// What holds at a `JUMPDEST`, in a context.
    states: Vec<State>,
    /// Of each `JUMPDEST`, as [`Words::destinations`].
    contexts: Vec<Contexts>,
    /// The same: whether states are kept there, which is where the code branches. Any loop that ends has such a place.
    keeps: Vec<bool>,
    /// What holds after a jump to an address that is not known.
    anywhere: Option<State>,
    /// Where to go on: a `JUMPDEST`, and which of `states` holds there; `None`: `anywhere`.
    queue: BTreeSet<(usize, Option<usize>)>,
    findings: Findings,
    budget: usize,
}

/// The word on top, or the one below a target to jump to, is zero or not as a value is that is still on the stack.
#[derive(Clone, Copy)]
struct Copied {
    /// Of that value, without the copy.
    depth: usize,
    is_negated: bool,
}

impl Copied {
    /// After `op`, of `DUP`, any number of `ISZERO` and a `PUSH` right before the `JUMPI`.
    fn after(op: u8, next: Option<u8>, before: Option<Self>) -> Option<Self> {
        let is_target = next == Some(opcode::JUMPI);
        match op {
            opcode::PUSH1..=opcode::PUSH32 if is_target => before,
            _ if is_target => None,
            opcode::DUP1..=opcode::DUP16 => Some(Self {
                depth: usize::from(op.saturating_sub(opcode::DUP1)),
                is_negated: false,
            }),
            opcode::ISZERO => before.map(|Self { depth, is_negated }| Self {
                depth,
                is_negated: !is_negated,
            }),
            _ => None,
        }
    }
}

impl Machine<'_> {
    fn spend(&mut self, cost: usize) -> Result<(), Exhausted> {
        self.budget = self.budget.checked_sub(cost).ok_or(Exhausted)?;
        Ok(())
    }

    /// Executes from `start` until the code ends, or comes to a `JUMPDEST` where states are kept.
    fn walk(&mut self, start: usize, state: &mut State) -> Result<(), Exhausted> {
        self.spend(state.size())?;
        let (mut place, mut entered, mut passed) = (start, start, 0_usize);
        let mut copied = None;
        while let Some(op) = self.code.get(place).copied() {
            self.spend(1)?;
            let arrives = match op {
                opcode::JUMPDEST if place != entered => self.words.destinations().binary_search(&place).ok(),
                opcode::JUMP => {
                    let Some(target) = state.pop() else { return Ok(()) };
                    let known = self.words.target(target);
                    if known.is_none() {
                        return self.jump(target, state);
                    }
                    known
                }
                _ => None,
            };
            if let Some(which) = arrives {
                let keeps = self.keeps.get(which).copied().unwrap_or(true);
                let Some(at) = self
                    .words
                    .destinations()
                    .get(which)
                    .filter(|_| !keeps && passed < PASSED_MAX)
                else {
                    return self.flow(which, state);
                };
                passed = passed.saturating_add(1);
                (place, entered, copied) = (*at, *at, None);
                continue;
            }
            let next = place.saturating_add(1).saturating_add(immediate_len(op));
            match op {
                opcode::JUMPI => {
                    if self.branch(copied, state)?.is_none() {
                        return Ok(());
                    }
                }
                op => {
                    if self.execute(op, place, state)?.is_none() {
                        return Ok(());
                    }
                }
            }
            copied = Copied::after(op, self.code.get(next).copied(), copied);
            place = next;
        }
        Ok(())
    }

    /// `JUMPI`; `None` if it certainly jumps. Where its condition says that a word on the stack is zero, it is.
    fn branch(&mut self, copied: Option<Copied>, state: &mut State) -> Result<Option<()>, Exhausted> {
        let (Some(target), Some(condition)) = (state.pop(), state.pop()) else {
            return Ok(None);
        };
        let (stays, jumps) = self.words.may_be_zero(condition);
        if jumps {
            let narrowed = copied.filter(|copied| copied.is_negated).map(|copied| copied.depth);
            let before = narrowed.and_then(|depth| state.replace(depth, Words::ZERO));
            self.jump(target, state)?;
            if let (Some(depth), Some(before)) = (narrowed, before) {
                state.replace(depth, before);
            }
        }
        if let Some(copied) = copied.filter(|copied| !copied.is_negated) {
            state.replace(copied.depth, Words::ZERO);
        }
        Ok(stays.then_some(()))
    }

    /// Everything but jumps; `None` where execution ends.
    fn execute(&mut self, op: u8, place: usize, state: &mut State) -> Result<Option<()>, Exhausted> {
        match op {
            opcode::STOP | opcode::RETURN | opcode::REVERT | opcode::INVALID => return Ok(None),
            opcode::SELFDESTRUCT => {
                if state.pop().is_some() {
                    self.findings.selfdestruct = true;
                }
                return Ok(None);
            }
            opcode::PUSH0..=opcode::PUSH32 => {
                let value = self.pure(op, place, &[])?;
                state.push(value, &self.words);
            }
            opcode::DUP1..=opcode::DUP16 => {
                let depth = usize::from(op.saturating_sub(opcode::DUP1));
                let Some(value) = state.peek(depth) else {
                    return Ok(None);
                };
                state.push(value, &self.words);
            }
            opcode::SWAP1..=opcode::SWAP16 => {
                let depth = usize::from(op.saturating_sub(opcode::SWAP1)).saturating_add(1);
                return Ok(state.swap(depth));
            }
            opcode::CALL | opcode::CALLCODE | opcode::DELEGATECALL | opcode::STATICCALL => {
                if let Some(target) = state.peek(1) {
                    self.call(op, target);
                }
                return self.generic(op, place, state);
            }
            _ => return self.generic(op, place, state),
        }
        Ok(Some(()))
    }

    /// What a pure instruction of at most two arguments answers. The last answer at its place is kept: mostly the same
    /// is asked again.
    fn pure(&mut self, op: u8, place: usize, arguments: &[Value]) -> Result<Value, Exhausted> {
        let key = [0, 1].map(|at| arguments.get(at).copied().unwrap_or(Value::ANY));
        if let Some(Some((known, answer))) = self.answers.get(place)
            && *known == key
        {
            return Ok(*answer);
        }
        self.spend(LOOKUP_COST)?;
        let answer = match op {
            opcode::PUSH0..=opcode::PUSH32 => {
                let start = place.saturating_add(1);
                let end = start.saturating_add(immediate_len(op)).min(self.code.len());
                let immediate = self.code.get(start..end).unwrap_or_default();
                self.words.constant(pushed(op, immediate))
            }
            opcode::PC => self.words.constant(U256::from(place)),
            opcode::CODESIZE => self.words.constant(U256::from(self.code.len())),
            op => self.words.compute(op, arguments),
        };
        if let Some(kept) = self.answers.get_mut(place) {
            *kept = Some((key, answer));
        }
        Ok(answer)
    }

    /// An instruction that takes so many words and leaves one, or none.
    fn generic(&mut self, op: u8, place: usize, state: &mut State) -> Result<Option<()>, Exhausted> {
        // Of a fork to come, with immediates of their own: left to the cruder judgement.
        if matches!(op, opcode::DUPN | opcode::SWAPN | opcode::EXCHANGE) {
            return Err(Exhausted);
        }
        // An opcode that no fork knows ends the execution.
        let Some(known) = opcode::OpCode::new(op) else {
            return Ok(None);
        };
        let (inputs, outputs) = (usize::from(known.inputs()), known.outputs());
        let mut arguments = [Value::ANY; 8];
        for argument in arguments.iter_mut().take(inputs) {
            let Some(value) = state.pop() else { return Ok(None) };
            *argument = value;
        }
        let [first, second, ..] = arguments;
        let answer = match op {
            opcode::SLOAD => Value::Unknown(Traits::STORAGE),
            opcode::MLOAD => {
                self.spend(LOOKUP_COST)?;
                state.load(self.words.known(first))
            }
            opcode::MSTORE => {
                self.spend(LOOKUP_COST)?;
                state.store(self.words.known(first), second, &self.words);
                Value::ANY
            }
            op if writes_memory(op) => {
                self.spend(LOOKUP_COST)?;
                state.blur_memory(&self.words);
                Value::ANY
            }
            op => self.pure(op, place, arguments.get(..inputs).unwrap_or_default())?,
        };
        if outputs > 0 {
            state.push(answer, &self.words);
        }
        Ok(Some(()))
    }

    /// Notes what a call of `target` means.
    fn call(&mut self, op: u8, target: Value) {
        let traits = self.words.traits(target);
        self.findings.calls = self.findings.calls | traits;
        if matches!(target, Value::Unknown(_)) {
            self.findings.unknown_calls = true;
            let delegates = matches!(op, opcode::DELEGATECALL | opcode::CALLCODE);
            self.findings.delegatecall_to_storage |= delegates && traits.has(Traits::STORAGE);
        }
    }

    fn jump(&mut self, target: Value, state: &mut State) -> Result<(), Exhausted> {
        let Some(targets) = self.words.targets(target) else {
            return self.jump_anywhere(state);
        };
        for which in targets {
            self.flow(which, state)?;
        }
        Ok(())
    }

    fn jump_anywhere(&mut self, state: &State) -> Result<(), Exhausted> {
        self.spend(STACK_LEN_MAX)?;
        let mut state = state.clone();
        state.settle(&self.words);
        state.forget(&self.words);
        match &mut self.anywhere {
            Some(known) => {
                if !known.join(&state, &mut self.words) {
                    return Ok(());
                }
            }
            None => self.anywhere = Some(state),
        }
        self.spend(self.words.destinations().len().saturating_mul(LOOKUP_COST))?;
        let sites = self.words.destinations().iter();
        self.queue.extend(sites.map(|place| (*place, None)));
        Ok(())
    }

    /// Execution comes to a `JUMPDEST`: one of [`Words::destinations`].
    fn flow(&mut self, which: usize, state: &mut State) -> Result<(), Exhausted> {
        state.settle(&self.words);
        self.spend(state.size().saturating_mul(2))?;
        let (context, new) = (self.context(state), self.states.len());
        let Some(contexts) = self.contexts.get_mut(which) else {
            return Ok(());
        };
        let index = contexts.place(context, new);
        let has_changed = match self.states.get_mut(index) {
            Some(known) => known.join(state, &mut self.words),
            None => {
                self.states.push(state.clone());
                true
            }
        };
        if has_changed {
            let place = self.words.destinations().get(which);
            self.queue.extend(place.map(|place| (*place, Some(index))));
            // Joined words may have become sets.
            self.spend(state.size().saturating_mul(LOOKUP_COST))?;
        }
        Ok(())
    }

    fn context(&self, state: &State) -> Context {
        // FNV-1a.
        let mix = |hash: u64, number: u64| (hash ^ number).wrapping_mul(0x0100_0000_01b3);
        let start = mix(0xcbf2_9ce4_8422_2325, number(state.stack().len()));
        let (mut returns, mut layout) = (start, start);
        for (place, value) in (0..).zip(state.stack()) {
            if let Some(which) = self.words.returns_to(*value) {
                returns = mix(mix(returns, place), which);
                layout = mix(layout, place);
            }
        }
        Context { returns, layout }
    }
}

/// For each `JUMPDEST` whether a `JUMPI` follows before execution ends, jumps or comes to the next.
fn branches(code: &[u8]) -> Vec<bool> {
    let mut branches = Vec::new();
    let mut is_open = false;
    for (_, op, _) in instructions(code) {
        match op {
            opcode::JUMPDEST => {
                branches.push(false);
                is_open = true;
            }
            opcode::JUMPI if is_open => {
                branches.pop();
                branches.push(true);
                is_open = false;
            }
            opcode::JUMP | opcode::STOP | opcode::RETURN | opcode::REVERT | opcode::INVALID | opcode::SELFDESTRUCT => {
                is_open = false
            }
            _ => {}
        }
    }
    branches
}

fn number(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

/// Whether an instruction writes to memory what this does not follow.
fn writes_memory(op: u8) -> bool {
    use opcode::{
        CALL, CALLCODE, CALLDATACOPY, CODECOPY, DELEGATECALL, EXTCODECOPY, MCOPY, MSTORE8, RETURNDATACOPY, STATICCALL,
    };
    matches!(
        op,
        MSTORE8
            | CALLDATACOPY
            | CODECOPY
            | EXTCODECOPY
            | RETURNDATACOPY
            | MCOPY
            | CALL
            | CALLCODE
            | DELEGATECALL
            | STATICCALL
    )
}
