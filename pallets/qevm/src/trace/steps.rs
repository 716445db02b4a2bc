//! Opcode by opcode, as go-ethereum's struct logs: what each finds, and what it costs.

use super::{budget::Budget, status};
use crate::convert;
use alloc::vec::Vec;
use quids_api::evm::{Step, StepOptions};
use revm::{
    bytecode::opcode,
    interpreter::{
        FrameInput, Interpreter, InterpreterAction,
        interpreter_types::{Jumps, LoopControl, MemoryTr, ReturnData, StackTr},
    },
};

/// Of a step beyond its stack, memory and return data.
const STEP_BYTES: usize = 160;

#[derive(Default)]
pub(super) struct Steps {
    steps: Vec<Step>,
    /// The last one has not been executed.
    is_pending: bool,
    /// Its number has reached the limit.
    is_full: bool,
}

impl Steps {
    /// Before the opcode is executed. `refund` is the transaction's.
    pub(super) fn begin(
        &mut self,
        options: &StepOptions,
        interpreter: &Interpreter,
        depth: u32,
        refund: u64,
        budget: &mut Budget,
    ) {
        self.is_pending = false;
        let limit = usize::try_from(options.limit).unwrap_or(usize::MAX);
        self.is_full |= limit != 0 && self.steps.len() >= limit;
        if self.is_full || budget.is_exhausted() {
            return;
        }
        let stack = StackTr::data(&interpreter.stack);
        let stack = if options.stack { stack } else { &[] };
        let memory_bytes = if options.memory { interpreter.memory.size() } else { 0 };
        let return_data: &[u8] = if options.return_data {
            interpreter.return_data.buffer()
        } else {
            &[]
        };
        let bytes = STEP_BYTES
            .saturating_add(stack.len().saturating_mul(32))
            .saturating_add(memory_bytes)
            .saturating_add(return_data.len());
        if !budget.take(bytes) {
            return;
        }
        let op = interpreter.bytecode.opcode();
        self.steps.push(Step {
            pc: u32::try_from(interpreter.bytecode.pc()).unwrap_or(u32::MAX),
            opcode: op,
            depth,
            gas: interpreter.gas.remaining(),
            gas_cost: 0,
            refund,
            stack: stack.iter().map(|word| convert::amount(*word)).collect(),
            memory: match memory_bytes {
                0 => Vec::new(),
                size => interpreter.memory.slice(0..size).to_vec(),
            },
            storage: match options.storage {
                true => storage(op, StackTr::data(&interpreter.stack)),
                false => None,
            },
            return_data: return_data.to_vec(),
            error: None,
        });
        self.is_pending = true;
    }

    /// After it, before a call that it makes.
    pub(super) fn end(&mut self, interpreter: &mut Interpreter) {
        if !core::mem::take(&mut self.is_pending) {
            return;
        }
        let Some(step) = self.steps.last_mut() else {
            return;
        };
        // Gas handed to a call counts as its cost, that handed to a creation does not: so go-ethereum has it.
        let handed_on = match interpreter.bytecode.action() {
            Some(InterpreterAction::NewFrame(FrameInput::Create(inputs))) => inputs.gas_limit(),
            _ => 0,
        };
        step.gas_cost = step
            .gas
            .saturating_sub(interpreter.gas.remaining())
            .saturating_sub(handed_on);
        let result = interpreter.bytecode.instruction_result();
        step.error = result.filter(|result| result.is_halt()).map(status::halt);
        if step.error.is_some() {
            step.storage = None;
        } else if step.opcode == opcode::SLOAD
            && let (Some((_, value)), Some(top)) = (&mut step.storage, StackTr::data(&interpreter.stack).last())
        {
            *value = convert::slot(*top);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    pub(super) fn finish(self) -> Vec<Step> {
        self.steps
    }
}

/// The slot and, of a write, its value after it; what a read finds comes later.
fn storage(op: u8, stack: &[revm::primitives::U256]) -> Option<(quids_core::H256, quids_core::H256)> {
    match (op, stack) {
        (opcode::SLOAD, [.., key]) => Some((convert::slot(*key), quids_core::H256::zero())),
        (opcode::SSTORE, [.., value, key]) => Some((convert::slot(*key), convert::slot(*value))),
        _ => None,
    }
}
