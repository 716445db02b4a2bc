//! revm's types as the runtime API has them.

use alloc::vec::Vec;
use quids_api::evm::{EvmHalt, EvmLog, EvmStatus};
use quids_core::{H160, H256, U256};
use revm::{
    interpreter::InstructionResult,
    primitives::{Address, B256, Log, U256 as Word},
};

pub(super) fn h160(address: Address) -> H160 {
    H160(address.into_array())
}

pub(super) fn h256(word: B256) -> H256 {
    H256(word.0)
}

pub(super) fn u256(word: Word) -> U256 {
    U256(*word.as_limbs())
}

/// A word of the stack as a storage key or value.
pub(super) fn slot(word: Word) -> H256 {
    H256(word.to_be_bytes())
}

/// A word of the stack as an address: its last 20 bytes.
pub(super) fn address(word: Word) -> Address {
    Address::from_word(B256::from(word))
}

pub(super) fn log(log: &Log) -> EvmLog {
    EvmLog {
        address: h160(log.address),
        topics: log.data.topics().iter().map(|topic| h256(*topic)).collect(),
        data: Vec::from(log.data.data.as_ref()),
    }
}

/// How a frame ended.
pub fn status(result: InstructionResult) -> EvmStatus {
    if result.is_ok() {
        EvmStatus::Success
    } else if result == InstructionResult::Revert {
        EvmStatus::Revert
    } else {
        EvmStatus::Halt(halt(result))
    }
}

/// Which error an instruction met. `Other` for results that are no errors.
pub fn halt(result: InstructionResult) -> EvmHalt {
    use InstructionResult as Of;
    match result {
        Of::OutOfGas | Of::MemoryOOG | Of::MemoryLimitOOG | Of::PrecompileOOG => EvmHalt::OutOfGas,
        Of::InvalidOperandOOG | Of::ReentrancySentryOOG => EvmHalt::OutOfGas,
        Of::OpcodeNotFound | Of::InvalidFEOpcode | Of::NotActivated => EvmHalt::InvalidOpcode,
        Of::InvalidJump => EvmHalt::InvalidJump,
        Of::StackUnderflow => EvmHalt::StackUnderflow,
        Of::StackOverflow => EvmHalt::StackOverflow,
        Of::CallNotAllowedInsideStatic | Of::StateChangeDuringStaticCall => EvmHalt::StaticStateChange,
        Of::OutOfOffset => EvmHalt::ReturnDataOutOfBounds,
        Of::CallTooDeep => EvmHalt::CallTooDeep,
        Of::OutOfFunds | Of::OverflowPayment => EvmHalt::OutOfFunds,
        Of::CreateCollision => EvmHalt::CreateCollision,
        Of::CreateContractSizeLimit => EvmHalt::CreateCodeSizeLimit,
        Of::CreateInitCodeSizeLimit => EvmHalt::CreateInitCodeSizeLimit,
        Of::CreateContractStartingWithEF | Of::CreateInitCodeStartingEF00 => EvmHalt::CreateCodeStartingWithEf,
        Of::NonceOverflow => EvmHalt::NonceOverflow,
        Of::PrecompileError => EvmHalt::Precompile,
        _ => EvmHalt::Other,
    }
}
