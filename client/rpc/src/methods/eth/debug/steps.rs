//! Struct logs: every opcode that was executed.

use super::super::call::halt_text;
use super::text::Text;
use quids_api::evm::{EvmOutcome, EvmStatus, Step, StepOptions};
use quids_core::H256;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The whole trace, as go-ethereum's default.
pub fn structured(text: &mut Text, outcome: &EvmOutcome, options: StepOptions) {
    let is_halt = matches!(outcome.status, EvmStatus::Halt(_));
    text.open("{");
    text.name("gas");
    text.number(outcome.gas_used);
    text.name("failed");
    text.bare(if outcome.status == EvmStatus::Success {
        "false"
    } else {
        "true"
    });
    text.name("returnValue");
    text.bytes(if is_halt { &[][..] } else { &outcome.output });
    text.name("structLogs");
    text.open("[");
    // The slots seen in each frame that is being executed.
    let mut seen: Vec<BTreeMap<H256, H256>> = Vec::new();
    for step in outcome.trace.iter().flat_map(|trace| &trace.steps) {
        if text.is_full() {
            return;
        }
        seen.resize_with(step.depth as usize, BTreeMap::new);
        write(text, step, options, seen.last_mut());
    }
    text.close("]");
    text.close("}");
}

fn write(text: &mut Text, step: &Step, options: StepOptions, seen: Option<&mut BTreeMap<H256, H256>>) {
    text.open("{");
    text.name("pc");
    text.number(step.pc.into());
    text.name("op");
    text.string(&opcode(step.opcode));
    text.name("gas");
    text.number(step.gas);
    text.name("gasCost");
    text.number(step.gas_cost);
    text.name("depth");
    text.number(step.depth.into());
    if let Some(error) = step.error {
        text.name("error");
        text.string(halt_text(error));
    }
    if step.refund != 0 {
        text.name("refund");
        text.number(step.refund);
    }
    if options.stack {
        text.name("stack");
        text.open("[");
        step.stack.iter().for_each(|word| text.quantity(*word));
        text.close("]");
    }
    if options.memory && !step.memory.is_empty() {
        text.name("memory");
        text.open("[");
        for word in step.memory.chunks(32) {
            text.string(&const_hex::encode(word));
        }
        text.close("]");
    }
    if options.return_data && !step.return_data.is_empty() {
        text.name("returnData");
        text.bytes(&step.return_data);
    }
    if let (true, Some((slot, value)), Some(seen)) = (options.storage, step.storage, seen) {
        seen.insert(slot, value);
        text.name("storage");
        text.open("{");
        for (slot, value) in &*seen {
            text.name(&const_hex::encode(slot.0));
            text.string(&const_hex::encode(value.0));
        }
        text.close("}");
    }
    text.close("}");
}

/// An opcode's name.
pub fn opcode(code: u8) -> Cow<'static, str> {
    let name = match code {
        0x00 => "STOP",
        0x01 => "ADD",
        0x02 => "MUL",
        0x03 => "SUB",
        0x04 => "DIV",
        0x05 => "SDIV",
        0x06 => "MOD",
        0x07 => "SMOD",
        0x08 => "ADDMOD",
        0x09 => "MULMOD",
        0x0a => "EXP",
        0x0b => "SIGNEXTEND",
        0x10 => "LT",
        0x11 => "GT",
        0x12 => "SLT",
        0x13 => "SGT",
        0x14 => "EQ",
        0x15 => "ISZERO",
        0x16 => "AND",
        0x17 => "OR",
        0x18 => "XOR",
        0x19 => "NOT",
        0x1a => "BYTE",
        0x1b => "SHL",
        0x1c => "SHR",
        0x1d => "SAR",
        0x1e => "CLZ",
        0x20 => "KECCAK256",
        0x30 => "ADDRESS",
        0x31 => "BALANCE",
        0x32 => "ORIGIN",
        0x33 => "CALLER",
        0x34 => "CALLVALUE",
        0x35 => "CALLDATALOAD",
        0x36 => "CALLDATASIZE",
        0x37 => "CALLDATACOPY",
        0x38 => "CODESIZE",
        0x39 => "CODECOPY",
        0x3a => "GASPRICE",
        0x3b => "EXTCODESIZE",
        0x3c => "EXTCODECOPY",
        0x3d => "RETURNDATASIZE",
        0x3e => "RETURNDATACOPY",
        0x3f => "EXTCODEHASH",
        0x40 => "BLOCKHASH",
        0x41 => "COINBASE",
        0x42 => "TIMESTAMP",
        0x43 => "NUMBER",
        0x44 => "DIFFICULTY",
        0x45 => "GASLIMIT",
        0x46 => "CHAINID",
        0x47 => "SELFBALANCE",
        0x48 => "BASEFEE",
        0x49 => "BLOBHASH",
        0x4a => "BLOBBASEFEE",
        0x50 => "POP",
        0x51 => "MLOAD",
        0x52 => "MSTORE",
        0x53 => "MSTORE8",
        0x54 => "SLOAD",
        0x55 => "SSTORE",
        0x56 => "JUMP",
        0x57 => "JUMPI",
        0x58 => "PC",
        0x59 => "MSIZE",
        0x5a => "GAS",
        0x5b => "JUMPDEST",
        0x5c => "TLOAD",
        0x5d => "TSTORE",
        0x5e => "MCOPY",
        0xf0 => "CREATE",
        0xf1 => "CALL",
        0xf2 => "CALLCODE",
        0xf3 => "RETURN",
        0xf4 => "DELEGATECALL",
        0xf5 => "CREATE2",
        0xfa => "STATICCALL",
        0xfd => "REVERT",
        0xfe => "INVALID",
        0xff => "SELFDESTRUCT",
        0x5f..=0x7f => return format!("PUSH{}", code - 0x5f).into(),
        0x80..=0x8f => return format!("DUP{}", code - 0x7f).into(),
        0x90..=0x9f => return format!("SWAP{}", code - 0x8f).into(),
        0xa0..=0xa4 => return format!("LOG{}", code - 0xa0).into(),
        _ => return format!("opcode {code:#x} not defined").into(),
    };
    Cow::Borrowed(name)
}
