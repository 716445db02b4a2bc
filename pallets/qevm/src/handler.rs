//! How a transaction runs, where it differs from Ethereum's: what a post-quantum signature costs, where the tip goes,
//! creation at a salted address from outside the EVM, and which codes the phase of the chain admits.

use crate::{Config, convert::h256, deploy, interpreter, precompiles::QuidsPrecompiles, state::Store};
use alloy_primitives::{Bytes, U256};
use core::{convert::Infallible, marker::PhantomData};
use revm::{
    context::{BlockEnv, CfgEnv, Context, Evm, Journal, JournalTr, TxEnv},
    context_interface::{
        ContextTr, CreateScheme,
        journaled_state::{JournalCheckpoint, account::JournaledAccountTr},
        result::{EVMError, HaltReason},
    },
    handler::{
        EthFrame, EvmTr, FrameInitOrResult, FrameResult, Handler, ItemOrResult, MainnetHandler,
        instructions::EthInstructions,
    },
    inspector::{Inspector, InspectorHandler},
    interpreter::{
        FrameInput, GasTracker, InitialAndFloorGas, InstructionResult, interpreter::EthInterpreter,
        interpreter_action::FrameInit,
    },
};

/// What revm runs in.
pub type Machine<T> = Context<BlockEnv, TxEnv, CfgEnv, Store<T>, Journal<Store<T>>, ()>;
/// revm with the chain's precompiles; `I` inspects.
pub type Engine<T, I> =
    Evm<Machine<T>, I, EthInstructions<EthInterpreter, Machine<T>>, QuidsPrecompiles, EthFrame<EthInterpreter>>;
/// Our database has no errors.
pub type MachineError = EVMError<Infallible>;

/// What reverts a transaction that deploys what the phase of the chain does not admit: `Error(string)` in the words
/// below, ABI-encoded.
pub const NOT_QUANTUM_COMPATIBLE: &str = "contract is not quantum compatible";

/// A transaction's rules.
pub struct Rules<T, I> {
    /// Beyond Ethereum's intrinsic gas.
    pub extra_gas: u64,
    /// The creation is one of `CREATE2` with this salt.
    pub salt: Option<U256>,
    /// Whether the tip is paid in the transaction, as Ethereum does it, or summed up for the end of the block.
    pub pays_beneficiary: bool,
    /// Whether only codes may be deployed that rest on no broken cryptography.
    pub quantum_codes_only: bool,
    before: JournalCheckpoint,
    machine: PhantomData<(T, I)>,
}

impl<T, I> Rules<T, I> {
    pub fn new(extra_gas: u64, salt: Option<U256>, pays_beneficiary: bool, quantum_codes_only: bool) -> Self {
        Self {
            extra_gas,
            salt,
            pays_beneficiary,
            quantum_codes_only,
            before: JournalCheckpoint::default(),
            machine: PhantomData,
        }
    }
}

type Mainnet<T, I> = MainnetHandler<Engine<T, I>, MachineError, EthFrame<EthInterpreter>>;

impl<T: Config, I> Handler for Rules<T, I> {
    type Evm = Engine<T, I>;
    type Error = MachineError;
    type HaltReason = HaltReason;

    fn validate_initial_tx_gas(&self, evm: &mut Engine<T, I>) -> Result<InitialAndFloorGas, MachineError> {
        let mut gas = Mainnet::<T, I>::default().validate_initial_tx_gas(evm)?;
        if self.extra_gas == 0 {
            return Ok(gas);
        }
        gas.initial_regular_gas = gas.initial_regular_gas.saturating_add(self.extra_gas);
        gas.floor_gas = gas.floor_gas.saturating_add(self.extra_gas);
        let gas_limit = evm.ctx_ref().tx.gas_limit;
        if gas.initial_regular_gas > gas_limit {
            return Err(MachineError::Transaction(
                revm::context_interface::result::InvalidTransaction::CallGasCostMoreThanGasLimit {
                    initial_gas: gas.initial_regular_gas,
                    gas_limit,
                },
            ));
        }
        if gas.floor_gas > gas_limit {
            return Err(MachineError::Transaction(
                revm::context_interface::result::InvalidTransaction::GasFloorMoreThanGasLimit {
                    gas_floor: gas.floor_gas,
                    gas_limit,
                },
            ));
        }
        Ok(gas)
    }

    fn first_frame_input(
        &mut self,
        evm: &mut Engine<T, I>,
        gas: &mut GasTracker,
    ) -> Result<Option<FrameInit>, MachineError> {
        let mut init = Mainnet::<T, I>::default().first_frame_input(evm, gas)?;
        if let (
            Some(salt),
            Some(FrameInit {
                frame_input: FrameInput::Create(inputs),
                ..
            }),
        ) = (self.salt, &mut init)
        {
            inputs.set_scheme(CreateScheme::Create2 { salt });
        }
        if self.quantum_codes_only {
            // Where to go back to; opened and closed, so that the depth stays.
            let journal = evm.ctx_mut().journal_mut();
            self.before = journal.checkpoint();
            journal.checkpoint_commit();
        }
        Ok(init)
    }

    fn last_frame_result(
        &mut self,
        evm: &mut Engine<T, I>,
        result: &mut FrameResult,
        parent_gas: &mut GasTracker,
    ) -> Result<(), MachineError> {
        if self.quantum_codes_only && result.instruction_result().is_ok() && deploys_refused::<T>(evm.ctx_ref()) {
            let journal = evm.ctx_mut().journal_mut();
            journal.checkpoint();
            journal.checkpoint_revert(self.before);
            let inner = result.interpreter_result_mut();
            inner.result = InstructionResult::Revert;
            inner.output = revert_reason(NOT_QUANTUM_COMPATIBLE);
            if let FrameResult::Create(outcome) = result {
                outcome.address = None;
                // The creation counted before it ran, and still counts.
                let caller = evm.ctx_ref().tx.caller;
                evm.ctx_mut().journal_mut().load_account_mut(caller)?.data.bump_nonce();
            }
        }
        Mainnet::<T, I>::default().last_frame_result(evm, result, parent_gas)
    }

    /// As revm's, with the chain's own loop over instructions.
    fn run_exec_loop(&mut self, evm: &mut Engine<T, I>, first: FrameInit) -> Result<FrameResult, MachineError> {
        if let ItemOrResult::Result(result) = evm.frame_init(first)? {
            return Ok(result);
        }
        loop {
            let result = match run_frame(evm)? {
                ItemOrResult::Item(init) => match evm.frame_init(init)? {
                    ItemOrResult::Item(_) => continue,
                    ItemOrResult::Result(result) => result,
                },
                ItemOrResult::Result(result) => result,
            };
            if let Some(result) = evm.frame_return_result(result)? {
                return Ok(result);
            }
        }
    }

    fn reward_beneficiary(&self, evm: &mut Engine<T, I>, result: &mut FrameResult) -> Result<(), MachineError> {
        if self.pays_beneficiary {
            return Mainnet::<T, I>::default().reward_beneficiary(evm, result);
        }
        Ok(())
    }
}

impl<T: Config, I: Inspector<Machine<T>, EthInterpreter>> InspectorHandler for Rules<T, I> {
    type IT = EthInterpreter;
}

/// Runs the topmost frame until it calls, creates or ends.
fn run_frame<T: Config, I>(
    evm: &mut Engine<T, I>,
) -> Result<FrameInitOrResult<EthFrame<EthInterpreter>>, MachineError> {
    let frame = evm.frame_stack.get();
    let (table, gas) = (evm.instruction.instruction_table(), evm.instruction.gas_table());
    let action = interpreter::run(&mut frame.interpreter, table, gas, &mut evm.ctx);
    let next: FrameInitOrResult<EthFrame<EthInterpreter>> =
        frame.process_next_action::<_, MachineError>(&mut evm.ctx, action)?;
    if next.is_result() {
        frame.set_finished(true);
    }
    Ok(next)
}

/// Whether the execution so far has made a contract whose code the phase does not admit.
fn deploys_refused<T: Config>(machine: &Machine<T>) -> bool {
    machine.journaled_state.evm_state().values().any(|account| {
        account.is_created_locally()
            && account.info.code.as_ref().is_some_and(|code| {
                !code.is_empty()
                    && !deploy::is_quantum_compatible::<T>(h256(account.info.code_hash), code.original_byte_slice())
            })
    })
}

/// `Error(string)` as Solidity encodes it, of at most 256 bytes.
pub fn revert_reason(reason: &str) -> Bytes {
    let padded = reason.len().div_ceil(32).saturating_mul(32);
    let mut out = alloc::vec::Vec::with_capacity(padded.saturating_add(68));
    out.extend_from_slice(&[0x08, 0xc3, 0x79, 0xa0]);
    out.extend_from_slice(&U256::from(32).to_be_bytes::<32>());
    out.extend_from_slice(&U256::from(reason.len()).to_be_bytes::<32>());
    out.extend_from_slice(reason.as_bytes());
    out.resize(padded.saturating_add(68), 0);
    out.into()
}
