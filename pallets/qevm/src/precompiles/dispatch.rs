//! `IDispatch`: the contract through which contracts ask for calls of the runtime.
//!
//! A request is a log of this address, written through the EVM's journal, so that a revert takes it back. What is requested
//! is made when the transaction's execution is written (`crate::dispatch`): before that, balances and slots are revm's.

use super::{
    abi::{self, Arguments},
    words,
};
use alloc::vec::Vec;
use quids_api::evm::EvmLog;
use quids_core::{AccountId20, H160, H256};
use revm::{
    context::{Cfg, ContextTr, JournalTr},
    context_interface::cfg::gas::GasTracker,
    interpreter::CallInputs,
    precompile::{PrecompileHalt, PrecompileOutput, PrecompileStatus},
    primitives::{Address, B256, Bytes, Log, LogData},
};

/// Gas of an encoded call of the runtime; or why contracts may not make it.
pub type DispatchGas = fn(&[u8]) -> Result<u64, &'static str>;

/// Bytes of an encoded call.
pub const DISPATCH_CALL_MAX: usize = 16_384;

/// `CallRequested(address indexed caller, bytes call)`.
const CALL_REQUESTED: B256 = B256::new([
    0xd3, 0x1d, 0x5c, 0xdd, 0x6b, 0x97, 0xbd, 0x4a, 0xd7, 0x72, 0x85, 0xe7, 0x96, 0x5f, 0x7d, 0x53, 0xc8, 0x62, 0x2b,
    0xdf, 0x96, 0xf3, 0xc7, 0x86, 0x36, 0x06, 0x99, 0xfc, 0x9b, 0xa3, 0xdd, 0x8f,
]);

/// `dispatch(bytes)`.
const DISPATCH: [u8; 4] = [0xab, 0x7f, 0xff, 0x18];
/// `dispatchGas(bytes)`.
const DISPATCH_GAS: [u8; 4] = [0xee, 0xaf, 0xdb, 0x20];

/// Gas of any call, of a word of input, of a log beside topics and data; as `IQuantumSafe`'s.
const CALL_GAS: u64 = 100;
const INPUT_WORD_GAS: u64 = 3;
const LOG_GAS: u64 = 375;
/// Gas of a byte of the call, which is decoded: three bytes may be a call of their own in a batch.
const DECODED_BYTE_GAS: u64 = 20;

enum Failure {
    OutOfGas,
    Revert(&'static str),
}

const MALFORMED: Failure = Failure::Revert("malformed arguments");

/// A call of the contract.
pub(super) struct Dispatcher<'a, CTX> {
    home: Address,
    gas_of: DispatchGas,
    context: &'a mut CTX,
    inputs: &'a CallInputs,
    gas: GasTracker,
}

impl<'a, CTX: ContextTr> Dispatcher<'a, CTX> {
    pub fn new(home: Address, gas_of: DispatchGas, context: &'a mut CTX, inputs: &'a CallInputs) -> Self {
        Self {
            home,
            gas_of,
            context,
            inputs,
            gas: GasTracker::new(inputs.gas_limit, inputs.gas_limit, inputs.reservoir),
        }
    }

    pub fn run(mut self) -> PrecompileOutput {
        let (status, bytes) = match self.call() {
            Ok(answer) => (PrecompileStatus::Success, answer),
            Err(Failure::Revert(reason)) => (PrecompileStatus::Revert, abi::error(reason)),
            Err(Failure::OutOfGas) => {
                return PrecompileOutput::halt(PrecompileHalt::OutOfGas, self.inputs.reservoir);
            }
        };
        PrecompileOutput::from_gas_tracker(status, Bytes::from(bytes), self.gas)
    }

    fn call(&mut self) -> Result<Vec<u8>, Failure> {
        let inputs = self.inputs;
        let copied = words(inputs.input.len()).saturating_mul(INPUT_WORD_GAS);
        self.charge(copied.saturating_add(CALL_GAS))?;
        if inputs.transfers_value() {
            return Err(Failure::Revert("not payable"));
        }
        let input = inputs.input.bytes(&*self.context);
        let (selector, arguments) = Arguments::split(&input).ok_or(Failure::Revert("no function named"))?;
        let call = || arguments.bytes(0).ok_or(MALFORMED);
        match selector {
            DISPATCH => self.dispatch(call()?),
            DISPATCH_GAS => Ok(abi::number(self.gas_of(call()?)?).to_vec()),
            _ => Err(Failure::Revert("unknown function")),
        }
    }

    fn dispatch(&mut self, call: &[u8]) -> Result<Vec<u8>, Failure> {
        let inputs = self.inputs;
        if inputs.is_static {
            return Err(Failure::Revert("dispatch in a static call"));
        }
        // The call would be made as somebody who did not ask for it.
        if !inputs.scheme.is_call() || inputs.target_address != inputs.bytecode_address {
            return Err(Failure::Revert("dispatch by delegation"));
        }
        let gas = self.gas_of(call)?;
        self.charge(gas)?;
        let data = [&abi::word(32)[..], &abi::tail(call)].concat();
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        let log = self.context.cfg().gas_params().log_cost(2, length);
        self.charge(log.saturating_add(LOG_GAS))?;
        let topics = [CALL_REQUESTED, inputs.caller.into_word()].to_vec();
        self.context.journal_mut().log(Log {
            address: self.home,
            data: LogData::new_unchecked(topics, data.into()),
        });
        Ok(Vec::new())
    }

    fn gas_of(&mut self, call: &[u8]) -> Result<u64, Failure> {
        if call.len() > DISPATCH_CALL_MAX {
            return Err(Failure::Revert("call longer than 16384 bytes"));
        }
        // It may be thousands of calls in one.
        let bytes = u64::try_from(call.len()).unwrap_or(u64::MAX);
        self.charge(bytes.saturating_mul(DECODED_BYTE_GAS))?;
        (self.gas_of)(call).map_err(Failure::Revert)
    }

    fn charge(&mut self, cost: u64) -> Result<(), Failure> {
        self.gas
            .record_regular_cost(cost)
            .then_some(())
            .ok_or(Failure::OutOfGas)
    }
}

/// Who requested which call, if this is a log of such a request. `home` is where `IDispatch` lies, whose logs nobody else
/// can write.
pub(crate) fn requested(home: H160, log: &EvmLog) -> Option<(AccountId20, &[u8])> {
    let [topic, caller] = log.topics.as_slice() else {
        return None;
    };
    if log.address != home || *topic != H256(CALL_REQUESTED.0) {
        return None;
    }
    let caller = caller.0.last_chunk::<20>()?;
    Some((AccountId20(*caller), Arguments::whole(&log.data).bytes(0)?))
}
