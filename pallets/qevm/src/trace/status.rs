//! How frames and opcodes end.

use quids_api::evm::{EvmHalt, EvmStatus};
use revm::interpreter::InstructionResult;

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
