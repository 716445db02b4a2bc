//! Random programs that get somewhere: operands are on the stack, offsets are small, jumps mostly land.

use super::{
    dice::Dice,
    world::{ADDRESSES, CONTRACTS},
};
use revm::bytecode::opcode as op;

/// Bytes of one program, before what ends it.
const LEN_MAX: usize = 1500;
/// Nested `if`s and loops.
const DEPTH_MAX: usize = 3;

/// A program. `depth` is that of programs that create programs.
pub fn program(dice: &mut Dice<'_>, depth: usize) -> Vec<u8> {
    let mut code = Vec::new();
    // Now and then anything at all.
    if dice.once_in(40) {
        let length = dice.below(80) as usize;
        return dice.bytes(length);
    }
    // What a static call must not, before anything that fails.
    if dice.once_in(6) {
        write(&mut code, dice, depth);
    }
    let snippets = 1 + dice.below(25);
    for _ in 0..snippets {
        if dice.is_empty() || code.len() > LEN_MAX {
            break;
        }
        snippet(&mut code, dice, depth, DEPTH_MAX);
    }
    ending(&mut code, dice);
    code
}

fn ending(code: &mut Vec<u8>, dice: &mut Dice<'_>) {
    match dice.below(8) {
        0 => code.push(op::STOP),
        1..=3 => {
            small(code, dice);
            small(code, dice);
            code.push(op::RETURN);
        }
        4 => {
            small(code, dice);
            small(code, dice);
            code.push(op::REVERT);
        }
        5 if dice.once_in(3) => {
            address(code, dice);
            code.push(op::SELFDESTRUCT);
        }
        6 if dice.once_in(4) => code.push(op::INVALID),
        _ => {}
    }
}

/// Something that leaves the stack as it was, or a word more.
fn snippet(code: &mut Vec<u8>, dice: &mut Dice<'_>, depth: usize, nesting: usize) {
    match dice.below(24) {
        0..=2 => arithmetic(code, dice),
        3 => {
            value(code, dice);
            small(code, dice);
            code.push(dice.pick(&[op::MSTORE, op::MSTORE, op::MSTORE8]));
        }
        4 | 5 => store(code, dice, op::SSTORE),
        6 => {
            key(code, dice);
            code.push(op::SLOAD);
        }
        7 => {
            if dice.once_in(2) {
                store(code, dice, op::TSTORE);
            } else {
                key(code, dice);
                code.push(op::TLOAD);
            }
        }
        8..=11 => {
            let kind = dice.pick(&[op::CALL, op::CALL, op::CALLCODE, op::DELEGATECALL, op::STATICCALL]);
            let value = dice.once_in(3).then(|| dice.byte());
            call(code, dice, kind, value);
        }
        12 => create(code, dice, depth),
        13 => copy(code, dice),
        14 => log(code, dice),
        15 => {
            address(code, dice);
            code.push(dice.pick(&[op::BALANCE, op::EXTCODESIZE, op::EXTCODEHASH]));
        }
        16 => code.push(dice.pick(&[
            op::ADDRESS,
            op::ORIGIN,
            op::CALLER,
            op::CALLVALUE,
            op::CALLDATASIZE,
            op::CODESIZE,
            op::GASPRICE,
            op::COINBASE,
            op::TIMESTAMP,
            op::NUMBER,
            op::DIFFICULTY,
            op::GASLIMIT,
            op::CHAINID,
            op::SELFBALANCE,
            op::BASEFEE,
            op::BLOBBASEFEE,
            op::PC,
            op::MSIZE,
            op::GAS,
            op::RETURNDATASIZE,
        ])),
        17 => {
            value(code, dice);
            code.push(dice.pick(&[op::CALLDATALOAD, op::BLOCKHASH, op::BLOBHASH, op::MLOAD]));
        }
        18 => {
            small(code, dice);
            small(code, dice);
            code.push(op::KECCAK256);
        }
        19 if nesting > 0 => conditional(code, dice, depth, nesting),
        20 if nesting > 0 => looped(code, dice, depth, nesting),
        21 => {
            let reach = dice.below(16) as u8;
            code.push(dice.pick(&[op::DUP1, op::SWAP1]) + reach);
        }
        22 => {
            if dice.once_in(2) {
                code.push(op::POP);
            } else {
                value(code, dice);
            }
        }
        _ if dice.once_in(6) => code.push(dice.byte()),
        _ => value(code, dice),
    }
}

fn arithmetic(code: &mut Vec<u8>, dice: &mut Dice<'_>) {
    value(code, dice);
    value(code, dice);
    match dice.below(3) {
        0 => {
            value(code, dice);
            code.push(dice.pick(&[op::ADDMOD, op::MULMOD]));
        }
        1 => code.push(dice.pick(&[
            op::ADD,
            op::MUL,
            op::SUB,
            op::DIV,
            op::SDIV,
            op::MOD,
            op::SMOD,
            op::EXP,
            op::SIGNEXTEND,
            op::LT,
            op::GT,
            op::SLT,
            op::SGT,
            op::EQ,
        ])),
        _ => code.push(dice.pick(&[
            op::AND,
            op::OR,
            op::XOR,
            op::BYTE,
            op::SHL,
            op::SHR,
            op::SAR,
            op::NOT,
            op::ISZERO,
            op::CLZ,
        ])),
    }
}

/// Changes the state, or would.
fn write(code: &mut Vec<u8>, dice: &mut Dice<'_>, depth: usize) {
    match dice.below(6) {
        0 => store(code, dice, op::SSTORE),
        1 => store(code, dice, op::TSTORE),
        2 => log(code, dice),
        3 => create(code, dice, depth),
        4 => {
            let value = dice.byte().max(1);
            call(code, dice, op::CALL, Some(value));
        }
        _ => {
            address(code, dice);
            code.push(op::SELFDESTRUCT);
        }
    }
}

fn store(code: &mut Vec<u8>, dice: &mut Dice<'_>, kind: u8) {
    value(code, dice);
    key(code, dice);
    code.push(kind);
}

fn log(code: &mut Vec<u8>, dice: &mut Dice<'_>) {
    let topics = dice.below(5) as u8;
    for _ in 0..topics {
        value(code, dice);
    }
    small(code, dice);
    small(code, dice);
    code.push(op::LOG0 + topics);
}

/// Calls somebody with a bit of memory, and with a value if that kind of call has one.
fn call(code: &mut Vec<u8>, dice: &mut Dice<'_>, kind: u8, value_sent: Option<u8>) {
    // Size and offset of the output, and of the input.
    for _ in 0..4 {
        small(code, dice);
    }
    if matches!(kind, op::CALL | op::CALLCODE) {
        match value_sent {
            Some(wei) => push(code, &[wei]),
            None => code.push(op::PUSH0),
        }
    }
    // A static call is to somebody who has code.
    if kind == op::STATICCALL && !dice.once_in(3) {
        push(code, &dice.pick(&ADDRESSES[CONTRACTS]));
    } else {
        address(code, dice);
    }
    match dice.below(6) {
        0 => value(code, dice),
        1 => push(code, &dice.bytes(2)),
        _ => code.push(op::GAS),
    }
    code.push(kind);
}

/// Creates a contract, of a program that is made for it or of any memory.
fn create(code: &mut Vec<u8>, dice: &mut Dice<'_>, depth: usize) {
    let (mut size, mut offset) = (None, 0);
    if depth > 0 && !dice.once_in(5) {
        let runtime = program(dice, depth - 1);
        let init = if dice.once_in(3) { runtime } else { deployer(&runtime) };
        let stored: Vec<u8> = init.into_iter().take(160).collect();
        for chunk in stored.chunks(32) {
            let mut word = [0; 32];
            word[..chunk.len()].copy_from_slice(chunk);
            push(code, &word);
            push(code, &[offset]);
            code.push(op::MSTORE);
            offset += 32;
        }
        size = Some(stored.len() as u8);
    }
    let salted = dice.once_in(2);
    if salted {
        push(code, &[dice.byte() % 3]);
    }
    match size {
        Some(size) => push(code, &[size]),
        None => small(code, dice),
    }
    code.push(op::PUSH0);
    if dice.once_in(3) {
        push(code, &[dice.byte()]);
    } else {
        code.push(op::PUSH0);
    }
    code.push(if salted { op::CREATE2 } else { op::CREATE });
}

/// Init code that deploys `runtime`.
pub fn deployer(runtime: &[u8]) -> Vec<u8> {
    let size = (runtime.len() as u16).to_be_bytes();
    let mut code = vec![
        op::PUSH2,
        size[0],
        size[1],
        op::DUP1,
        op::PUSH1,
        12,
        op::PUSH0,
        op::CODECOPY,
    ];
    code.extend([op::PUSH0, op::RETURN, op::STOP, op::STOP]);
    code.extend_from_slice(runtime);
    code
}

fn copy(code: &mut Vec<u8>, dice: &mut Dice<'_>) {
    let kind = dice.pick(&[
        op::CALLDATACOPY,
        op::CODECOPY,
        op::RETURNDATACOPY,
        op::EXTCODECOPY,
        op::MCOPY,
    ]);
    for _ in 0..3 {
        small(code, dice);
    }
    if kind == op::EXTCODECOPY {
        address(code, dice);
    }
    code.push(kind);
}

/// Skips a part if a word is not zero.
fn conditional(code: &mut Vec<u8>, dice: &mut Dice<'_>, depth: usize, nesting: usize) {
    value(code, dice);
    let place = jump(code, op::JUMPI);
    for _ in 0..1 + dice.below(4) {
        snippet(code, dice, depth, nesting - 1);
    }
    land(code, place);
}

/// Repeats a part a few times.
fn looped(code: &mut Vec<u8>, dice: &mut Dice<'_>, depth: usize, nesting: usize) {
    // The counter is in memory, where the part is unlikely to find it.
    let counter = [0x03, nesting as u8 * 32];
    push(code, &[1 + dice.byte() % 6]);
    push(code, &counter);
    code.push(op::MSTORE);
    let start = (code.len() as u16).to_be_bytes();
    code.push(op::JUMPDEST);
    for _ in 0..1 + dice.below(4) {
        snippet(code, dice, depth, nesting - 1);
    }
    // counter -= 1, and back if it is not zero.
    push(code, &[1]);
    push(code, &counter);
    code.extend([op::MLOAD, op::SUB, op::DUP1]);
    push(code, &counter);
    code.push(op::MSTORE);
    push(code, &start);
    code.push(op::JUMPI);
}

/// A jump to a place to be said; where to say it.
fn jump(code: &mut Vec<u8>, kind: u8) -> usize {
    code.extend([op::PUSH2, 0, 0, kind]);
    code.len() - 3
}

fn land(code: &mut Vec<u8>, place: usize) {
    let here = (code.len() as u16).to_be_bytes();
    code.push(op::JUMPDEST);
    code[place..place + 2].copy_from_slice(&here);
}

fn push(code: &mut Vec<u8>, bytes: &[u8]) {
    code.push(op::PUSH0 + bytes.len() as u8);
    code.extend_from_slice(bytes);
}

/// A word: small, at an edge, or anything.
fn value(code: &mut Vec<u8>, dice: &mut Dice<'_>) {
    match dice.below(8) {
        0 => code.push(op::PUSH0),
        1..=3 => push(code, &[dice.byte()]),
        4 => {
            let mut word = [0; 32];
            word[dice.below(32) as usize] = dice.byte();
            push(code, &word);
        }
        5 => push(code, &dice.pick(&[[0xff; 32], [0x7f; 32], [0x80; 32]])),
        6 => push(code, &dice.bytes(8)),
        _ => {
            code.push(op::DUP1);
        }
    }
}

/// An offset or a size.
fn small(code: &mut Vec<u8>, dice: &mut Dice<'_>) {
    match dice.below(20) {
        0 => push(code, &[dice.byte() % 8, dice.byte()]),
        1 if dice.once_in(8) => push(code, &[0xff; 32]),
        1..=8 => push(code, &[dice.byte() % 4 * 32]),
        _ => push(code, &[dice.byte() % 128]),
    }
}

/// A slot; few, so that they meet.
fn key(code: &mut Vec<u8>, dice: &mut Dice<'_>) {
    push(code, &[dice.byte() % 4]);
}

/// Somebody: of the world, a precompile, or nobody.
pub fn address(code: &mut Vec<u8>, dice: &mut Dice<'_>) {
    match dice.below(12) {
        0..=6 => push(code, &dice.pick(&ADDRESSES)),
        7 | 8 => push(code, &[1 + dice.byte() % 0x12]),
        9 => push(code, &[1, 0]),
        10 => code.push(op::ADDRESS),
        _ => push(code, &[0xee, dice.byte()]),
    }
}
