//! revm's loop over instructions, laid out for WebAssembly.
//!
//! revm calls every instruction through a table. In WebAssembly such a call costs several times what a short instruction
//! does: the callee's signature and the stack's end are checked each time. Here the frequent instructions are arms of one
//! `match`, so the compiler puts them into the loop; all others go through the table.
//! What an instruction does and costs stays revm's.

use core::num::{NonZeroU32, NonZeroU64};
use revm::{
    bytecode::opcode as op,
    interpreter::{
        Host, InstructionContext, InstructionExecResult, InstructionResult, Interpreter, InterpreterAction,
        instructions::{GasTable, InstructionTable, arithmetic, bitwise, control, memory, stack, system},
        interpreter::EthInterpreter,
        interpreter_types::{Jumps, LoopControl},
    },
    primitives::U256,
};

/// As [`Interpreter::run_plain`]. A function of its own: among the rest of an execution the compiler would run out of
/// registers, and reload the memory's address several times an instruction.
#[inline(never)]
pub fn run<H: Host>(
    interpreter: &mut Interpreter<EthInterpreter>,
    table: &InstructionTable<EthInterpreter, H>,
    gas: &GasTable,
    host: &mut H,
) -> InterpreterAction {
    let end = loop {
        let opcode = interpreter.bytecode.opcode();
        interpreter.bytecode.relative_jump(1);
        // A byte is below the table's 256.
        let (Some(instruction), Some(cost)) = (table.get(usize::from(opcode)), gas.get(usize::from(opcode))) else {
            break InstructionResult::OpcodeNotFound;
        };
        if interpreter.gas.record_cost_unsafe(u64::from(*cost)) {
            break InstructionResult::OutOfGas;
        }
        let context = InstructionContext {
            interpreter: &mut *interpreter,
            host: &mut *host,
        };
        let done = match opcode {
            op::ADD => arithmetic::add(context),
            op::MUL => mul(context),
            op::SUB => arithmetic::sub(context),
            op::DIV => div(context),
            op::MOD => rem(context),
            op::LT => bitwise::lt(context),
            op::GT => bitwise::gt(context),
            op::SLT => bitwise::slt(context),
            op::SGT => bitwise::sgt(context),
            op::EQ => bitwise::eq(context),
            op::ISZERO => bitwise::iszero(context),
            op::AND => bitwise::bitand(context),
            op::OR => bitwise::bitor(context),
            op::XOR => bitwise::bitxor(context),
            op::NOT => bitwise::not(context),
            op::SHL => bitwise::shl(context),
            op::SHR => bitwise::shr(context),
            op::CALLDATALOAD => system::calldataload(context),
            op::POP => stack::pop(context),
            op::MLOAD => memory::mload(context),
            op::MSTORE => memory::mstore(context),
            op::JUMP => control::jump(context),
            op::JUMPI => control::jumpi(context),
            op::JUMPDEST => control::jumpdest(context),
            op::PUSH0 => stack::push0(context),
            op::PUSH1 => stack::push::<1, _, _>(context),
            op::PUSH2 => stack::push::<2, _, _>(context),
            op::PUSH3 => stack::push::<3, _, _>(context),
            op::PUSH4 => stack::push::<4, _, _>(context),
            op::PUSH8 => stack::push::<8, _, _>(context),
            op::PUSH20 => stack::push::<20, _, _>(context),
            op::PUSH32 => stack::push::<32, _, _>(context),
            op::DUP1 => stack::dup::<1, _, _>(context),
            op::DUP2 => stack::dup::<2, _, _>(context),
            op::DUP3 => stack::dup::<3, _, _>(context),
            op::DUP4 => stack::dup::<4, _, _>(context),
            op::DUP5 => stack::dup::<5, _, _>(context),
            op::DUP6 => stack::dup::<6, _, _>(context),
            op::DUP7 => stack::dup::<7, _, _>(context),
            op::DUP8 => stack::dup::<8, _, _>(context),
            op::SWAP1 => stack::swap::<1, _, _>(context),
            op::SWAP2 => stack::swap::<2, _, _>(context),
            op::SWAP3 => stack::swap::<3, _, _>(context),
            op::SWAP4 => stack::swap::<4, _, _>(context),
            op::SWAP5 => stack::swap::<5, _, _>(context),
            op::SWAP6 => stack::swap::<6, _, _>(context),
            _ => instruction.execute(context),
        };
        if let Err(end) = done {
            break end;
        }
    };
    if interpreter.bytecode.action().is_none() {
        interpreter.halt(end);
    }
    interpreter.take_next_action()
}

/// As revm's; WebAssembly without wide arithmetic has no product of 128 bits, and the compiler's stand-in for it is a
/// call, ten of which a product of words takes.
fn mul<H: ?Sized>(context: InstructionContext<'_, H, EthInterpreter>) -> InstructionExecResult {
    let stack = &mut context.interpreter.stack;
    let Some(([one], other)) = stack.popn_top() else {
        return Err(InstructionResult::StackUnderflow);
    };
    *other = product(one, *other);
    Ok(())
}

/// The product modulo 2^256, of halves of limbs.
fn product(one: U256, other: U256) -> U256 {
    if let ([a, 0, 0, 0], [b, 0, 0, 0]) = (one.as_limbs(), other.as_limbs()) {
        let (low, high) = wide(*a, *b);
        return U256::from_limbs([low, high, 0, 0]);
    }
    let (one, other) = (halves(one), halves(other));
    let mut sum = [0u32; 8];
    for (shift, factor) in one.into_iter().enumerate() {
        if factor == 0 {
            continue;
        }
        let mut carry = 0;
        for (place, digit) in sum.iter_mut().skip(shift).zip(other) {
            // At most (2^32 - 1)^2 + 2 (2^32 - 1) = 2^64 - 1.
            let total = u64::from(factor)
                .wrapping_mul(u64::from(digit))
                .wrapping_add(u64::from(*place))
                .wrapping_add(carry);
            *place = low_half(total);
            carry = total >> 32;
        }
    }
    let limb = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
    let [a, b, c, d, e, f, g, h] = sum;
    U256::from_limbs([limb(a, b), limb(c, d), limb(e, f), limb(g, h)])
}

/// Product of two limbs: low and high.
const fn wide(one: u64, other: u64) -> (u64, u64) {
    let (a, b) = (one & 0xffff_ffff, one >> 32);
    let (c, d) = (other & 0xffff_ffff, other >> 32);
    let low = a.wrapping_mul(c);
    let middle = a.wrapping_mul(d).wrapping_add(low >> 32);
    let other_middle = b.wrapping_mul(c).wrapping_add(middle & 0xffff_ffff);
    let high = b
        .wrapping_mul(d)
        .wrapping_add(middle >> 32)
        .wrapping_add(other_middle >> 32);
    (other_middle << 32 | low & 0xffff_ffff, high)
}

const fn low_half(of: u64) -> u32 {
    of as u32
}

const fn halves(of: U256) -> [u32; 8] {
    let [a, b, c, d] = *of.as_limbs();
    [
        low_half(a),
        low_half(a >> 32),
        low_half(b),
        low_half(b >> 32),
        low_half(c),
        low_half(c >> 32),
        low_half(d),
        low_half(d >> 32),
    ]
}

/// As revm's, which divides by reciprocals: products of 128 bits again.
fn div<H: ?Sized>(context: InstructionContext<'_, H, EthInterpreter>) -> InstructionExecResult {
    match small_divisor(context.interpreter) {
        None => arithmetic::div(context),
        Some((one, other, divisor)) => {
            *other = divided(one, divisor).0;
            Ok(())
        }
    }
}

/// As revm's; see [`div`].
fn rem<H: ?Sized>(context: InstructionContext<'_, H, EthInterpreter>) -> InstructionExecResult {
    match small_divisor(context.interpreter) {
        None => arithmetic::rem(context),
        Some((one, other, divisor)) => {
            *other = U256::from(divided(one, divisor).1);
            Ok(())
        }
    }
}

/// The topmost two words, popped to where the result goes, if the second is a divisor of at most 32 bits and not zero.
fn small_divisor(interpreter: &mut Interpreter<EthInterpreter>) -> Option<(U256, &mut U256, NonZeroU32)> {
    let divisor = interpreter.stack.peek(1).ok()?;
    let divisor = u32::try_from(divisor).ok().and_then(NonZeroU32::new)?;
    let ([one], other) = interpreter.stack.popn_top()?;
    Some((one, other, divisor))
}

/// Quotient and remainder: long division by halves of limbs, from the first that is not zero.
fn divided(of: U256, by: NonZeroU32) -> (U256, u64) {
    let mut limbs = *of.as_limbs();
    let by = NonZeroU64::from(by);
    let mut rest = 0;
    for limb in limbs.iter_mut().rev() {
        if rest == 0 && *limb < by.get() {
            rest = core::mem::take(limb);
            continue;
        }
        let high = rest << 32 | *limb >> 32;
        let low = ((high % by) << 32) | (*limb & 0xffff_ffff);
        *limb = ((high / by) << 32) | (low / by);
        rest = low % by;
    }
    (U256::from_limbs(limbs), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn products_are_ruints() {
        let limb = prop_oneof![Just(0), Just(1), Just(u64::MAX), Just(1 << 32), any::<u64>()];
        let word = prop_oneof![
            limb.clone().prop_map(U256::from),
            [limb.clone(), limb.clone(), limb.clone(), limb].prop_map(U256::from_limbs),
        ];
        proptest!(ProptestConfig::with_cases(10_000), |(one in word.clone(), other in word)| {
            prop_assert_eq!(product(one, other), one.wrapping_mul(other));
        });
    }

    #[test]
    fn quotients_are_ruints() {
        let limb = prop_oneof![Just(0), Just(1), Just(u64::MAX), Just(1 << 32), any::<u64>()];
        let word = [limb.clone(), limb.clone(), limb.clone(), limb].prop_map(U256::from_limbs);
        let divisor = prop_oneof![1..10u32, Just(u32::MAX), any::<u32>()].prop_filter_map("zero", NonZeroU32::new);
        proptest!(ProptestConfig::with_cases(10_000), |(word in word, divisor in divisor)| {
            let by = U256::from(divisor.get());
            let (quotient, rest) = divided(word, divisor);
            prop_assert_eq!((quotient, U256::from(rest)), (word / by, word % by));
        });
    }
}
