//! Tracing: an inspector that records what go-ethereum's tracers show, in one pass and within bounds.

mod accesses;
mod budget;
mod calls;
mod state;
mod status;
mod steps;
#[cfg(test)]
mod tests;
mod transfers;

pub use budget::RECORDED_BYTES_MAX;

use accesses::Accesses;
use alloc::vec::Vec;
use budget::Budget;
use calls::{Beginning, Calls};
use quids_api::evm::{EvmLog, Trace, TraceOptions};
use revm::{
    Inspector,
    bytecode::opcode,
    context::{ContextTr, JournalTr},
    context_interface::Transaction,
    inspector::JournalExt,
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, InstructionResult, Interpreter,
        interpreter_types::{InputsTr, Jumps, LoopControl, StackTr},
    },
    primitives::{Address, B256, Log, U256},
    state::EvmState,
};
use steps::Steps;
use transfers::Transfers;

/// Records one transaction, or none where nothing is asked for. What it holds is bounded by [`RECORDED_BYTES_MAX`];
/// what does not fit is left out and `Trace::truncated` says so.
pub struct Tracer {
    options: TraceOptions,
    budget: Budget,
    calls: Calls,
    steps: Steps,
    accesses: Accesses,
    transfers: Option<Transfers>,
    /// A self-destruction that is about to be: contract, who gets its balance, the balance.
    destruction: Option<(Address, Address, U256)>,
}

impl Tracer {
    /// `transfers`: whether [`Tracer::take_logs`] is to have ether transfers among the logs.
    pub fn new(options: TraceOptions, transfers: bool) -> Self {
        Self {
            options,
            budget: Budget::default(),
            calls: Calls::new(options.calls),
            steps: Steps::default(),
            accesses: Accesses::default(),
            transfers: transfers.then(Transfers::default),
            destruction: None,
        }
    }

    /// Whether it would record anything: if not, the transaction may as well run without it.
    pub fn is_idle(&self) -> bool {
        let TraceOptions {
            calls,
            steps,
            state,
            accesses,
        } = self.options;
        !calls && steps.is_none() && !state && !accesses && self.transfers.is_none()
    }

    /// The transaction's logs with its ether transfers, in order; none if it failed. `None` unless they were asked for.
    pub fn take_logs(&mut self) -> Option<Vec<EvmLog>> {
        self.transfers.take().map(Transfers::finish)
    }

    /// What was recorded. `state` is the journal's after the transaction, its accounts and slots still with their
    /// original values; `gas_used` the transaction's, after refunds; `code_of` finds code by its hash.
    pub fn finish(mut self, state: &EvmState, gas_used: u64, code_of: impl FnMut(B256) -> Vec<u8>) -> Trace {
        let state = match self.options.state {
            true => state::accounts(state, code_of, &mut self.budget),
            false => Vec::new(),
        };
        Trace {
            calls: self.calls.finish(gas_used),
            truncated: self.budget.is_exhausted() || self.steps.is_full(),
            steps: self.steps.finish(),
            state,
            accesses: self.accesses.finish(),
        }
    }

    /// Inputs need not be copied once nothing is recorded.
    fn wants_input(&self) -> bool {
        self.options.calls && !self.budget.is_exhausted()
    }

    /// A frame begins; the transaction's own has all the gas of the transaction.
    fn begin<CTX: ContextTr>(&mut self, mut beginning: Beginning, context: &CTX) {
        if self.calls.depth() == 0 {
            beginning.gas = context.tx().gas_limit();
        }
        if let Some(transfers) = &mut self.transfers {
            transfers.begin(&beginning, &mut self.budget);
        }
        self.calls.begin(beginning, &mut self.budget);
    }

    fn end(&mut self, has_succeeded: bool) {
        if let Some(transfers) = &mut self.transfers {
            transfers.end(has_succeeded);
        }
    }

    /// The balance that a self-destruction is about to move. revm's own hook misses those that change nothing.
    fn foresee_destruction<CTX>(&mut self, interpreter: &Interpreter, context: &CTX)
    where
        CTX: ContextTr<Journal: JournalExt>,
    {
        let contract = interpreter.input.target_address();
        let target = StackTr::data(&interpreter.stack).last();
        let balance = context.journal_ref().evm_state().get(&contract);
        self.destruction = target.map(|word| {
            (
                contract,
                Address::from_word((*word).into()),
                balance.map_or(U256::ZERO, |account| account.info.balance),
            )
        });
    }
}

impl<CTX> Inspector<CTX> for Tracer
where
    CTX: ContextTr<Journal: JournalExt>,
{
    fn step(&mut self, interpreter: &mut Interpreter, context: &mut CTX) {
        let op = interpreter.bytecode.opcode();
        if op == opcode::SELFDESTRUCT {
            self.foresee_destruction(interpreter, context);
        }
        if self.options.accesses {
            self.accesses.step(op, interpreter, &mut self.budget);
        }
        if let Some(options) = &self.options.steps {
            let refund = self.calls.refunded(interpreter.gas.refunded());
            self.steps
                .begin(options, interpreter, self.calls.depth(), refund, &mut self.budget);
        }
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, _: &mut CTX) {
        if let Some((contract, target, balance)) = self.destruction.take()
            && interpreter.bytecode.instruction_result() == Some(InstructionResult::SelfDestruct)
        {
            if let Some(transfers) = &mut self.transfers {
                transfers.moved(contract, target, balance, &mut self.budget);
            }
            self.calls.destruct(contract, target, balance, &mut self.budget);
        }
        if self.options.steps.is_some() {
            self.calls.refunded(interpreter.gas.refunded());
            self.steps.end(interpreter);
        }
    }

    fn log(&mut self, _: &mut CTX, log: Log) {
        if let Some(transfers) = &mut self.transfers {
            transfers.log(&log, &mut self.budget);
        }
        self.calls.log(&log, &mut self.budget);
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        let beginning = Beginning::call(inputs, context, self.wants_input());
        self.begin(beginning, context);
        None
    }

    fn call_end(&mut self, _: &mut CTX, _: &CallInputs, outcome: &mut CallOutcome) {
        self.end(outcome.result.result.is_ok());
        self.calls.end(&outcome.result, &mut self.budget);
    }

    fn create(&mut self, context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        // The creator has been loaded: it runs, or has signed.
        let creator = context.journal_ref().evm_state().get(&inputs.caller());
        let nonce = creator.map_or(0, |account| account.info.nonce);
        let beginning = Beginning::create(inputs, nonce, self.wants_input());
        self.begin(beginning, context);
        None
    }

    fn create_end(&mut self, _: &mut CTX, _: &CreateInputs, outcome: &mut CreateOutcome) {
        self.end(outcome.result.result.is_ok() && outcome.address.is_some());
        self.calls
            .end_creation(&outcome.result, outcome.address, &mut self.budget);
    }
}
