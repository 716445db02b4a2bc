//! Runs code on states instead of words, along every way that execution may take.

use super::{
    Findings, immediate_len, jump_destinations, pushed,
    state::{STACK_LEN_MAX, State},
    value::{Traits, Value, Words},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use alloy_primitives::U256;
use revm::bytecode::opcode;

/// How often a place is looked at on its own, once per set of return addresses on the stack.
pub const CONTEXTS_MAX: u32 = 16;

/// What an analysis of so many bytes may cost: one for every instruction and for every value that is moved or joined.
pub fn budget(code_len: usize) -> usize {
    code_len.saturating_mul(BUDGET_PER_BYTE).saturating_add(20_000)
}

const BUDGET_PER_BYTE: usize = 200;
/// What an instruction costs that looks constants up or writes memory.
const LOOKUP_COST: usize = 8;

/// The budget is spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exhausted;

/// Where to go on: a place of the code, and in which context.
type Site = (usize, Context);

/// Why states of one place are kept apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Context {
    /// A hash of the return addresses on the stack. Two that collide are joined, which does no harm.
    Returns(u64),
    /// There are too many of the above.
    Joined,
    /// After a jump that may go anywhere.
    Anywhere,
}

/// Explores `code` from its start.
pub fn explore(code: &[u8]) -> Result<Findings, Exhausted> {
    let mut machine = Machine {
        code,
        destinations: jump_destinations(code),
        words: Words::default(),
        states: BTreeMap::new(),
        contexts: BTreeMap::new(),
        queue: BTreeSet::new(),
        anywhere: None,
        findings: Findings::default(),
        budget: budget(code.len()),
    };
    machine.walk(0, State::entry())?;
    while let Some((place, context)) = machine.queue.pop_first() {
        if let Some(state) = machine.states.get(&(place, context)).cloned() {
            machine.walk(place, state)?;
        }
    }
    Ok(machine.findings)
}

struct Machine<'a> {
    code: &'a [u8],
    /// Sorted.
    destinations: Vec<usize>,
    words: Words,
    /// What holds at a `JUMPDEST`.
    states: BTreeMap<Site, State>,
    /// Contexts of a place so far.
    contexts: BTreeMap<usize, u32>,
    queue: BTreeSet<Site>,
    /// What holds after a jump to an address that is not known.
    anywhere: Option<State>,
    findings: Findings,
    budget: usize,
}

impl Machine<'_> {
    fn spend(&mut self, cost: usize) -> Result<(), Exhausted> {
        self.budget = self.budget.checked_sub(cost).ok_or(Exhausted)?;
        Ok(())
    }

    /// Executes from `start` until the code ends, or jumps, or comes to a `JUMPDEST`.
    fn walk(&mut self, start: usize, mut state: State) -> Result<(), Exhausted> {
        self.spend(state.size())?;
        let mut place = start;
        while let Some(op) = self.code.get(place).copied() {
            self.spend(1)?;
            let next = place.saturating_add(1).saturating_add(immediate_len(op));
            match op {
                opcode::JUMPDEST if place != start => return self.flow(place, &state),
                opcode::JUMP => {
                    let Some(target) = state.pop() else { return Ok(()) };
                    return self.jump(target, &state);
                }
                opcode::JUMPI => {
                    let (Some(target), Some(condition)) = (state.pop(), state.pop()) else {
                        return Ok(());
                    };
                    let words = self.words.possible(condition);
                    let may = |zero: bool| {
                        words
                            .as_ref()
                            .is_none_or(|all| all.iter().any(|one| one.is_zero() == zero))
                    };
                    let (stays, goes) = (may(true), may(false));
                    if goes {
                        self.jump(target, &state)?;
                    }
                    if !stays {
                        return Ok(());
                    }
                }
                op => {
                    if self.execute(op, place, next, &mut state)?.is_none() {
                        return Ok(());
                    }
                }
            }
            place = next;
        }
        Ok(())
    }

    /// Everything but jumps; `None` where execution ends.
    fn execute(&mut self, op: u8, place: usize, next: usize, state: &mut State) -> Result<Option<()>, Exhausted> {
        match op {
            opcode::STOP | opcode::RETURN | opcode::REVERT | opcode::INVALID => return Ok(None),
            opcode::SELFDESTRUCT => {
                if state.pop().is_some() {
                    self.findings.selfdestruct = true;
                }
                return Ok(None);
            }
            opcode::PUSH0..=opcode::PUSH32 => {
                self.spend(LOOKUP_COST)?;
                let end = next.min(self.code.len());
                let immediate = self.code.get(place.saturating_add(1)..end).unwrap_or_default();
                let value = self.words.constant(pushed(op, immediate));
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
        self.spend(LOOKUP_COST)?;
        let [first, second, ..] = arguments;
        let offset = self.words.known(first);
        let answer = match op {
            opcode::SLOAD => Value::Unknown(Traits::STORAGE),
            opcode::PC => self.words.constant(U256::from(place)),
            opcode::CODESIZE => self.words.constant(U256::from(self.code.len())),
            opcode::MLOAD => state.load(offset),
            opcode::MSTORE => {
                state.store(offset, second, &self.words);
                Value::ANY
            }
            op if writes_memory(op) => {
                state.blur_memory(&self.words);
                Value::ANY
            }
            op => self.words.compute(op, arguments.get(..inputs).unwrap_or_default()),
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
        if self.words.possible(target).is_none() {
            self.findings.unknown_calls = true;
            let delegates = matches!(op, opcode::DELEGATECALL | opcode::CALLCODE);
            self.findings.delegatecall_to_storage |= delegates && traits.has(Traits::STORAGE);
        }
    }

    fn jump(&mut self, target: Value, state: &State) -> Result<(), Exhausted> {
        let Some(targets) = self.words.possible(target) else {
            return self.jump_anywhere(state);
        };
        for target in targets {
            // Anything else is an exceptional halt.
            if let Some(place) = usize::try_from(target)
                .ok()
                .filter(|place| is_destination(&self.destinations, *place))
            {
                self.flow(place, state)?;
            }
        }
        Ok(())
    }

    fn jump_anywhere(&mut self, state: &State) -> Result<(), Exhausted> {
        self.spend(STACK_LEN_MAX)?;
        let mut state = state.clone();
        state.forget(&self.words);
        if let Some(known) = &mut self.anywhere {
            if !known.join(&state, &mut self.words, |_| false) {
                return Ok(());
            }
            state = known.clone();
        } else {
            self.anywhere = Some(state.clone());
        }
        self.spend(self.destinations.len().saturating_mul(state.size()))?;
        for place in &self.destinations {
            let site = (*place, Context::Anywhere);
            self.states.insert(site, state.clone());
            self.queue.insert(site);
        }
        Ok(())
    }

    /// Execution comes to the `JUMPDEST` at `place`.
    fn flow(&mut self, place: usize, state: &State) -> Result<(), Exhausted> {
        self.spend(state.size().saturating_mul(2))?;
        let mut context = self.context(state);
        if !self.states.contains_key(&(place, context)) {
            let count = self.contexts.entry(place).or_default();
            if *count >= CONTEXTS_MAX {
                context = Context::Joined;
            } else {
                *count = count.saturating_add(1);
            }
        }
        let site = (place, context);
        let destinations = &self.destinations;
        let changed = match self.states.get_mut(&site) {
            Some(known) => {
                let is_jump = |word| usize::try_from(word).is_ok_and(|place| is_destination(destinations, place));
                known.join(state, &mut self.words, is_jump)
            }
            None => {
                self.states.insert(site, state.clone());
                true
            }
        };
        if changed {
            self.queue.insert(site);
            // Joined words may have become sets.
            self.spend(state.size().saturating_mul(LOOKUP_COST))?;
        }
        Ok(())
    }

    fn context(&self, state: &State) -> Context {
        let addresses = state
            .stack()
            .filter_map(|value| usize::try_from(self.words.known(value)?).ok());
        let returns = addresses.filter(|place| is_destination(&self.destinations, *place));
        // FNV-1a.
        Context::Returns(returns.fold(0xcbf2_9ce4_8422_2325, |hash: u64, place| {
            (hash ^ u64::try_from(place).unwrap_or(u64::MAX)).wrapping_mul(0x0100_0000_01b3)
        }))
    }
}

fn is_destination(destinations: &[usize], place: usize) -> bool {
    destinations.binary_search(&place).is_ok()
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
