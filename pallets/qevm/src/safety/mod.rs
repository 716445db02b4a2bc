//! What a contract's code may do that matters to the quantum-safe chain: which of Ethereum's classical precompiles it
//! may call, whether it may destroy itself or delegate to an address from storage. Decided once per code hash, at
//! deployment, from the code alone.
//!
//! An abstract interpretation: stacks of [`value::Value`]s flow from the entry along the jumps. What holds at a place
//! where the code branches is kept, apart for each set of return addresses below it (so a function that many places call
//! answers each of them on its own); if these are too many, apart for where on the stack return addresses lie; if even
//! these are too many, joined. A jump to an address that is not known may go to every `JUMPDEST`. Work is limited by
//! [`machine::budget`], linear in the code's size; code that needs more is judged by [`crude`], on the side of caution.
//!
//! The answer is about *may*: code that is flagged might never do it. Code that hides an address (from calldata,
//! from storage, from arithmetic on either) has `unknown_calls`.

mod machine;
mod state;
#[cfg(test)]
mod tests;
mod value;

use alloc::vec::Vec;
use alloy_primitives::U256;
use quids_api::evm::ContractSafety;
use quids_core::{H160, H256};
use revm::bytecode::opcode;
use value::Traits;

/// Version of the analysis, which is kept with its results: code that an older one judged is judged anew.
pub const VERSION: u32 = 2;

/// Analyses `code`, as it lies in the state, whose Keccak-256 is `code_hash`. Total: every byte string has an answer,
/// the same each time.
pub fn analyse(code_hash: H256, code: &[u8]) -> ContractSafety {
    let findings = machine::explore(code).unwrap_or_else(|_exhausted| crude(code));
    ContractSafety {
        version: VERSION,
        code_hash,
        ecrecover: findings.calls.has(Traits::ECRECOVER),
        secp256r1: findings.calls.has(Traits::SECP256R1),
        pairing: findings.calls.has(Traits::PAIRING),
        kzg: findings.calls.has(Traits::KZG),
        selfdestruct: findings.selfdestruct,
        delegatecall_to_storage: findings.delegatecall_to_storage,
        unknown_calls: findings.unknown_calls,
        is_quantum_compatible: !findings.calls.is_precompile(),
    }
}

/// The contract that all calls to `code` end in, whatever they are: of a minimal proxy (EIP-1167) and of an account
/// that delegates (EIP-7702). What that contract may do, this one may.
pub fn forwards_to(code: &[u8]) -> Option<H160> {
    const PROXY_START: &[u8] = &[0x36, 0x3d, 0x3d, 0x37, 0x3d, 0x3d, 0x3d, 0x36, 0x3d, 0x73];
    const PROXY_END: &[u8] = &[
        0x5a, 0xf4, 0x3d, 0x82, 0x80, 0x3e, 0x90, 0x3d, 0x91, 0x60, 0x2b, 0x57, 0xfd, 0x5b, 0xf3,
    ];
    const DESIGNATOR: &[u8] = &[0xef, 0x01, 0x00];
    let proxied = code
        .strip_prefix(PROXY_START)
        .and_then(|rest| rest.strip_suffix(PROXY_END));
    let address = proxied.or_else(|| code.strip_prefix(DESIGNATOR))?;
    <[u8; 20]>::try_from(address).ok().map(H160::from)
}

/// What the analysis gathers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Findings {
    /// Precompiles that are called.
    calls: Traits,
    selfdestruct: bool,
    delegatecall_to_storage: bool,
    unknown_calls: bool,
}

/// Instructions of `code` in the order of their bytes: place, opcode and immediate (shorter than it should be at the
/// end of the code).
fn instructions(code: &[u8]) -> impl Iterator<Item = (usize, u8, &[u8])> {
    let mut at = 0;
    core::iter::from_fn(move || {
        let place = at;
        let op = *code.get(place)?;
        let start = place.saturating_add(1);
        let end = start.saturating_add(immediate_len(op)).min(code.len());
        at = end;
        Some((place, op, code.get(start..end)?))
    })
}

/// Bytes after the opcode that belong to it.
fn immediate_len(op: u8) -> usize {
    match op {
        opcode::PUSH1..=opcode::PUSH32 => usize::from(op.saturating_sub(opcode::PUSH0)),
        _ => 0,
    }
}

/// What a `PUSH` puts on the stack. Code is followed by zeros, as it were.
fn pushed(op: u8, immediate: &[u8]) -> U256 {
    let missing = immediate_len(op).saturating_sub(immediate.len());
    let value = U256::try_from_be_slice(immediate).unwrap_or_default();
    value.wrapping_shl(missing.saturating_mul(8))
}

/// The judgement without any flow: every instruction may be reached, every address that the code pushes or keeps may
/// be called by every call.
fn crude(code: &[u8]) -> Findings {
    let mut findings = Findings::default();
    let (mut constants, mut storage) = (Traits::NONE, false);
    let (mut calls, mut delegates) = (false, false);
    for (_, op, immediate) in instructions(code) {
        match op {
            opcode::PUSH1..=opcode::PUSH32 => constants = constants | Traits::of_address(pushed(op, immediate)),
            opcode::SLOAD => storage = true,
            opcode::SELFDESTRUCT => findings.selfdestruct = true,
            opcode::CALL | opcode::STATICCALL => calls = true,
            opcode::CALLCODE | opcode::DELEGATECALL => delegates = true,
            _ => {}
        }
    }
    if calls || delegates {
        findings.calls = constants;
        findings.unknown_calls = true;
        findings.delegatecall_to_storage = delegates && storage;
    }
    findings
}

/// Places that may be jumped to, in order.
fn jump_destinations(code: &[u8]) -> Vec<usize> {
    instructions(code)
        .filter(|(_, op, _)| *op == opcode::JUMPDEST)
        .map(|(place, ..)| place)
        .collect()
}
