//! The tree of calls, as go-ethereum's `callTracer` sees it.

use super::{budget::Budget, status};
use crate::convert;
use alloc::vec::Vec;
use quids_api::evm::{CallFrame, CallKind, EvmHalt, EvmStatus};
use revm::{
    context_interface::{ContextTr, CreateScheme},
    interpreter::{CallInputs, CallScheme, CreateInputs, InstructionResult, InterpreterResult},
    primitives::{Address, Log, U256 as Word},
};

/// Of a frame beyond its input, output and logs.
const FRAME_BYTES: usize = 192;
/// Of a log beyond its data: address, four topics, lengths.
pub(super) const LOG_BYTES: usize = 192;

/// A frame that has not ended.
struct Open {
    /// Its place in `frames`, if it is recorded.
    frame: Option<u32>,
    /// How many of its calls have begun.
    children: u32,
    /// Gas that the frames around it may have refunded.
    refund_outside: i64,
    /// The same for itself, when it was last looked at.
    refund: i64,
}

/// How a frame begins.
pub(super) struct Beginning {
    pub kind: CallKind,
    pub from: Address,
    pub to: Address,
    pub value: Word,
    pub gas: u64,
    pub input: Vec<u8>,
}

impl Beginning {
    pub(super) fn call<CTX: ContextTr>(inputs: &CallInputs, context: &CTX, with_input: bool) -> Self {
        let (from, to) = match inputs.scheme {
            CallScheme::DelegateCall | CallScheme::CallCode => (inputs.target_address, inputs.bytecode_address),
            CallScheme::Call | CallScheme::StaticCall => (inputs.caller, inputs.target_address),
        };
        Self {
            kind: match inputs.scheme {
                CallScheme::Call => CallKind::Call,
                CallScheme::CallCode => CallKind::CallCode,
                CallScheme::DelegateCall => CallKind::DelegateCall,
                CallScheme::StaticCall => CallKind::StaticCall,
            },
            from,
            to,
            value: inputs.call_value(),
            gas: inputs.gas_limit,
            // The caller's memory, which later calls write over.
            input: match with_input {
                true => inputs.input.as_bytes(context).to_vec(),
                false => Vec::new(),
            },
        }
    }

    /// `nonce` is the creator's before it creates.
    pub(super) fn create(inputs: &CreateInputs, nonce: u64, with_input: bool) -> Self {
        Self {
            kind: match inputs.scheme() {
                CreateScheme::Create2 { .. } => CallKind::Create2,
                CreateScheme::Create | CreateScheme::Custom { .. } => CallKind::Create,
            },
            from: inputs.caller(),
            to: inputs.created_address(nonce),
            value: inputs.value(),
            gas: inputs.gas_limit(),
            input: match with_input {
                true => inputs.init_code().to_vec(),
                false => Vec::new(),
            },
        }
    }
}

/// Frames, in order of beginning. The open ones are followed even when none is recorded: steps have a depth.
#[derive(Default)]
pub(super) struct Calls {
    is_recording: bool,
    frames: Vec<CallFrame>,
    open: Vec<Open>,
}

impl Calls {
    pub(super) fn new(is_recording: bool) -> Self {
        Self {
            is_recording,
            ..Self::default()
        }
    }

    /// 0 outside of frames, 1 in the transaction's.
    pub(super) fn depth(&self) -> u32 {
        u32::try_from(self.open.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn begin(&mut self, beginning: Beginning, budget: &mut Budget) {
        let frame = self.push(beginning, budget);
        let refund_outside = self.refund();
        self.open.push(Open {
            frame,
            children: 0,
            refund_outside,
            refund: 0,
        });
    }

    pub(super) fn end(&mut self, result: &InterpreterResult, budget: &mut Budget) {
        let Some(frame) = self.open.pop().and_then(|open| self.recorded(open.frame)) else {
            return;
        };
        // Errors take all gas; a call that never began (too deep, too poor) takes none.
        frame.gas_used = match result.result.is_ok_or_revert() {
            true => frame.gas.saturating_sub(result.gas.remaining()),
            false => frame.gas,
        };
        frame.status = status::status(result.result);
        if budget.take(result.output.len()) {
            frame.output = result.output.to_vec();
        }
    }

    /// As [`Calls::end`]. revm says `Return` without an address of a creator whose nonce is at its end.
    pub(super) fn end_creation(&mut self, result: &InterpreterResult, created: Option<Address>, budget: &mut Budget) {
        let frame = self.open.last().and_then(|open| open.frame);
        self.end(result, budget);
        let Some(frame) = self.recorded(frame) else {
            return;
        };
        match created {
            Some(address) => frame.to = convert::h160(address),
            None if result.result == InstructionResult::Return => {
                frame.status = EvmStatus::Halt(EvmHalt::NonceOverflow)
            }
            None => {}
        }
    }

    /// A self-destruction in the frame that runs; it begins and ends at once.
    pub(super) fn destruct(&mut self, contract: Address, target: Address, balance: Word, budget: &mut Budget) {
        self.push(
            Beginning {
                kind: CallKind::SelfDestruct,
                from: contract,
                to: target,
                value: balance,
                gas: 0,
                input: Vec::new(),
            },
            budget,
        );
    }

    pub(super) fn log(&mut self, log: &Log, budget: &mut Budget) {
        let Some(open) = self.open.last() else {
            return;
        };
        let (frame, position) = (open.frame, open.children);
        if let Some(frame) = self.recorded(frame)
            && budget.take(LOG_BYTES.saturating_add(log.data.data.len()))
        {
            frame.logs.push((position, convert::log(log.clone())));
        }
    }

    /// Tells what the running frame has coming back, and how much that is for the transaction.
    pub(super) fn refunded(&mut self, of_frame: i64) -> u64 {
        if let Some(open) = self.open.last_mut() {
            open.refund = of_frame;
        }
        u64::try_from(self.refund()).unwrap_or_default()
    }

    fn refund(&self) -> i64 {
        self.open
            .last()
            .map_or(0, |open| open.refund_outside.saturating_add(open.refund))
    }

    fn recorded(&mut self, frame: Option<u32>) -> Option<&mut CallFrame> {
        self.frames.get_mut(usize::try_from(frame?).ok()?)
    }

    fn push(&mut self, beginning: Beginning, budget: &mut Budget) -> Option<u32> {
        let index = u32::try_from(self.frames.len()).ok()?;
        let depth = self.depth();
        let parent = match self.open.last_mut() {
            None => Some(index),
            Some(open) => {
                open.children = open.children.saturating_add(1);
                open.frame
            }
        };
        if !self.is_recording || !budget.take(FRAME_BYTES.saturating_add(beginning.input.len())) {
            return None;
        }
        self.frames.push(CallFrame {
            kind: beginning.kind,
            depth,
            parent: parent?,
            from: convert::h160(beginning.from),
            to: convert::h160(beginning.to),
            value: convert::amount(beginning.value),
            gas: beginning.gas,
            gas_used: 0,
            input: beginning.input,
            output: Vec::new(),
            status: EvmStatus::Success,
            logs: Vec::new(),
        });
        Some(index)
    }

    /// All frames. Those of failed calls, and within such, have no logs. The transaction's own has used `gas_used`,
    /// intrinsic gas and refunds included.
    pub(super) fn finish(mut self, gas_used: u64) -> Vec<CallFrame> {
        if let Some(root) = self.frames.first_mut() {
            root.gas_used = gas_used;
        }
        let mut failed = Vec::with_capacity(self.frames.len());
        for frame in &mut self.frames {
            let parent = usize::try_from(frame.parent).ok();
            let in_failed = parent.and_then(|parent| failed.get(parent).copied()).unwrap_or(false);
            let has_failed = in_failed || frame.status != EvmStatus::Success;
            if has_failed {
                frame.logs.clear();
            }
            failed.push(has_failed);
        }
        self.frames
    }
}
