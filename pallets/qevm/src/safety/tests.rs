//! Snippets as compilers write them, and as somebody would who has something to hide.

use super::*;
use alloc::{collections::BTreeMap, string::String};
use proptest::prelude::*;

/// Assembles: opcodes by name, immediates in hex, `:label` for a `JUMPDEST` with a name, `@label` for a `PUSH2` of its
/// place, `#hex` for bytes as they are.
fn assemble(text: &str) -> Vec<u8> {
    let names: BTreeMap<&str, u8> = (0..=u8::MAX)
        .filter_map(|op| Some((opcode::OpCode::new(op)?.as_str(), op)))
        .collect();
    let (mut code, mut labels, mut references) = (Vec::new(), BTreeMap::new(), Vec::new());
    for token in text.split_whitespace() {
        if let Some(label) = token.strip_prefix(':') {
            labels.insert(label, code.len());
            code.push(opcode::JUMPDEST);
        } else if let Some(label) = token.strip_prefix('@') {
            references.push((code.len() + 1, label));
            code.extend([opcode::PUSH2, 0, 0]);
        } else if let Some(op) = names.get(token) {
            code.push(*op);
        } else {
            let digits = token.strip_prefix('#').unwrap_or(token);
            let bytes = (0..digits.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&digits[at..at + 2], 16));
            code.extend(bytes.map(|byte| byte.unwrap_or_else(|_| panic!("no opcode and no hex: {token}"))));
        }
    }
    for (at, label) in references {
        let place = u16::try_from(labels[label]).unwrap();
        code[at..at + 2].copy_from_slice(&place.to_be_bytes());
    }
    code
}

/// The names of what was found.
fn found(code: &[u8]) -> String {
    let safety = analyse(H256::zero(), code);
    assert_eq!(safety.version, VERSION);
    let old = safety.ecrecover || safety.secp256r1 || safety.pairing || safety.kzg;
    assert_eq!(safety.is_quantum_compatible, !old);
    let names = [
        ("ecrecover", safety.ecrecover),
        ("secp256r1", safety.secp256r1),
        ("pairing", safety.pairing),
        ("kzg", safety.kzg),
        ("selfdestruct", safety.selfdestruct),
        ("delegatecall_to_storage", safety.delegatecall_to_storage),
        ("unknown_calls", safety.unknown_calls),
    ];
    names
        .into_iter()
        .filter(|(_, is)| *is)
        .map(|(name, _)| name)
        .collect::<Vec<_>>()
        .join(" ")
}

/// `code` is assembled with `STATIC` for the arguments of a static call but its address, which is on the stack.
fn check(cases: &[(&str, &str)]) {
    for (code, expected) in cases {
        let words = code.split_whitespace().map(|word| match word {
            "STATIC" => "GAS STATICCALL STOP",
            "ARGS" => "PUSH0 PUSH0 PUSH0 PUSH0",
            word => word,
        });
        let code = words.collect::<Vec<_>>().join(" ");
        assert_eq!(found(&assemble(&code)), *expected, "{code}");
    }
}

#[test]
fn precompiles_are_known_by_their_addresses() {
    check(&[
        ("ARGS PUSH1 01 STATIC", "ecrecover"),
        ("ARGS PUSH1 02 STATIC", ""),
        ("ARGS PUSH1 08 STATIC", "pairing"),
        ("ARGS PUSH1 0f STATIC", "pairing"),
        ("ARGS PUSH1 0a STATIC", "kzg"),
        ("ARGS PUSH2 0100 STATIC", "secp256r1"),
        ("ARGS PUSH2 5103 STATIC", ""),
        ("ARGS PUSH1 00 PUSH1 01 GAS CALL", "ecrecover"),
        ("ARGS PUSH1 00 PUSH1 01 GAS CALLCODE", "ecrecover"),
        ("ARGS PUSH1 01 GAS DELEGATECALL", "ecrecover"),
        ("", ""),
        ("STOP", ""),
    ]);
    // A call looks at the low 20 bytes only.
    let wide = "ARGS PUSH32 ffffffffffffffffffffffff0000000000000000000000000000000000000001 STATIC";
    let other = "ARGS PUSH20 0100000000000000000000000000000000000001 STATIC";
    check(&[(wide, "ecrecover"), (other, "")]);
}

#[test]
fn addresses_are_followed_through_stack_memory_and_arithmetic() {
    check(&[
        ("PUSH1 01 ARGS DUP5 STATIC", "ecrecover"),
        ("PUSH1 01 ARGS SWAP4 STATIC", "ecrecover"),
        ("PUSH1 01 PUSH1 80 MSTORE ARGS PUSH1 80 MLOAD STATIC", "ecrecover"),
        // Overwritten in whole, in part, or nobody knows.
        (
            "PUSH1 01 PUSH1 80 MSTORE PUSH1 02 PUSH1 80 MSTORE ARGS PUSH1 80 MLOAD STATIC",
            "",
        ),
        (
            "PUSH1 01 PUSH1 80 MSTORE PUSH1 02 PUSH1 81 MSTORE ARGS PUSH1 80 MLOAD STATIC",
            "ecrecover unknown_calls",
        ),
        (
            "PUSH1 01 PUSH1 80 MSTORE PUSH1 02 CALLER MSTORE ARGS PUSH1 80 MLOAD STATIC",
            "ecrecover unknown_calls",
        ),
        // The mask that compilers put on addresses.
        (
            "ARGS PUSH1 01 PUSH20 ffffffffffffffffffffffffffffffffffffffff AND STATIC",
            "ecrecover",
        ),
        (
            "ARGS PUSH1 01 PUSH1 01 PUSH1 01 PUSH1 a0 SHL SUB AND STATIC",
            "ecrecover",
        ),
        ("ARGS PUSH1 03 PUSH1 02 SWAP1 SUB STATIC", "ecrecover"),
        ("ARGS PUSH0 ISZERO STATIC", "ecrecover"),
        ("ARGS PUSH0 NOT PUSH1 ff SHR STATIC", "ecrecover"),
        ("ARGS PUSH1 08 PUSH1 02 EXP STATIC", "secp256r1"),
    ]);
}

#[test]
fn the_ecrecover_of_solidity_is_found_behind_its_encoder() {
    // What solc's legacy pipeline writes: the address first, then the arguments encoded by a function, then the call.
    let body = "
        @main JUMP
        :encode                      # . ret, head, four values
        #50 #50 #50 #50 PUSH1 80 ADD SWAP1 JUMP
        :main
        PUSH1 01 CALLER CALLVALUE PUSH0 DUP3 PUSH1 40 MLOAD PUSH0 DUP2 MSTORE PUSH1 20 ADD PUSH1 40 MSTORE
        PUSH1 40 MLOAD @back SWAP1 CALLER CALLER CALLER CALLER @encode JUMP
        :back
        PUSH1 20 PUSH1 40 MLOAD PUSH1 20 DUP2 SUB SWAP1 DUP1 POP PUSH0 PUSH0 PUSH0 PUSH0 DUP13 GAS STATICCALL STOP";
    let lines: Vec<&str> = body
        .lines()
        .map(|line| line.split("# .").next().unwrap_or(line))
        .collect();
    let code = assemble(&lines.join(" "));
    assert!(found(&code).contains("ecrecover"), "{}", found(&code));
}

#[test]
fn contracts_as_solc_compiles_them_are_judged_by_their_names() {
    let compiled: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_str(include_str!("solidity/compiled.json")).unwrap();
    assert!(compiled.len() >= 11);
    for (name, ways) in &compiled {
        let expected = [
            ("Ecrecover", "ecrecover"),
            ("Secp256r1", "secp256r1"),
            ("Pairing", "pairing"),
            ("Kzg", "kzg"),
            ("Selfdestruct", "selfdestruct"),
            ("DelegatecallToStorage", "delegatecall_to_storage"),
            ("UnknownCalls", "unknown_calls"),
        ];
        let named = |part: &str| name.split('_').any(|one| one == part);
        let expected: Vec<&str> = expected
            .iter()
            .filter(|(part, _)| named(part))
            .map(|(_, flag)| *flag)
            .collect();
        for (way, code) in ways {
            let code = alloy_primitives::hex::decode(code).unwrap();
            assert!(machine::explore(&code).is_ok(), "{name} {way} costs too much");
            assert_eq!(found(&code), expected.join(" "), "{name} {way}");
        }
    }
}

#[test]
fn what_cannot_be_reached_does_not_count() {
    check(&[
        ("STOP ARGS PUSH1 01 STATIC", ""),
        ("PUSH0 PUSH0 REVERT ARGS PUSH1 01 STATIC", ""),
        ("INVALID CALLER SELFDESTRUCT", ""),
        // No fork has this opcode.
        ("#0c CALLER SELFDESTRUCT", ""),
        // Bytes of a push are no instructions, as in metadata.
        ("PUSH2 33ff STOP", ""),
        (
            "PUSH32 5f5f5f5f60015afa00000000000000000000000000000000000000000000000000 STOP",
            "",
        ),
        // A JUMPDEST inside of a push is none.
        ("PUSH1 04 JUMP PUSH2 5bff STOP", ""),
        // The condition is always zero, or never.
        ("PUSH0 @over JUMPI STOP :over CALLER SELFDESTRUCT", ""),
        ("PUSH1 01 @over JUMPI CALLER SELFDESTRUCT :over STOP", ""),
        // Without an argument it fails.
        ("SELFDESTRUCT", ""),
        ("@over JUMP CALLER SELFDESTRUCT :over STOP", ""),
        ("ARGS PUSH1 01 STATICCALL", ""),
    ]);
}

#[test]
fn what_can_be_reached_counts() {
    check(&[
        ("CALLER SELFDESTRUCT", "selfdestruct"),
        ("CALLVALUE @over JUMPI STOP :over CALLER SELFDESTRUCT", "selfdestruct"),
        ("CALLVALUE @over JUMPI CALLER SELFDESTRUCT :over STOP", "selfdestruct"),
        // The target comes from calldata, so it may be any JUMPDEST.
        ("PUSH0 CALLDATALOAD JUMP :hidden CALLER SELFDESTRUCT", "selfdestruct"),
        ("ARGS PUSH0 CALLDATALOAD JUMP :hidden PUSH1 01 STATIC", "ecrecover"),
        // The address lies on the stack where it jumps from.
        (
            "ARGS PUSH1 01 PUSH0 CALLDATALOAD JUMP :hidden GAS STATICCALL",
            "ecrecover unknown_calls",
        ),
        // In a loop.
        (
            ":loop CALLVALUE @out JUMPI @loop JUMP :out CALLER SELFDESTRUCT",
            "selfdestruct",
        ),
        // Over 128 values deep.
        (
            &[
                "PUSH1 01 PUSH0 PUSH0 PUSH0 ",
                &"PUSH0 ".repeat(140),
                &"POP ".repeat(139),
                "SWAP4 GAS STATICCALL",
            ]
            .concat(),
            "ecrecover unknown_calls",
        ),
    ]);
}

#[test]
fn a_function_answers_each_of_its_callers_apart() {
    // `one` passes ecrecover's address below the function's frame, `two` an address that is harmless. Neither gets the
    // other's.
    let code = |second: &str| {
        [
            "CALLVALUE @two JUMPI PUSH0 @one JUMP :helper JUMP
            :one PUSH1 02 @back1 @helper JUMP :back1 ARGS DUP5 GAS STATICCALL STOP
            :two PUSH1 ",
            second,
            " @back2 @helper JUMP :back2 PUSH0 SSTORE STOP",
        ]
        .concat()
    };
    check(&[(&code("01"), ""), (&code("04"), "")]);
}

#[test]
fn a_function_that_is_called_from_everywhere_returns_to_its_callers() {
    // Callers lie at different depths below the function that branches. Were a return address lost, the
    // `SELFDESTRUCT` could be reached, which nobody jumps to.
    for calls in [1, 20, 60] {
        let main = (0..calls).map(|call| alloc::format!("@back{call} @outer{} JUMP :back{call} ", call % 7));
        let outer = (0..7).map(|locals| {
            let (push, pop) = ("CALLVALUE ".repeat(locals), "POP ".repeat(locals));
            alloc::format!(":outer{locals} {push} @in{locals} CALLVALUE @inner JUMP :in{locals} {pop} JUMP ")
        });
        let (main, outer): (String, String) = (main.collect(), outer.collect());
        let inner = ":inner @branch JUMPI JUMP :branch JUMP";
        let code = alloc::format!("{main} STOP {outer} {inner} :hidden CALLER SELFDESTRUCT");
        check(&[(&code, "")]);
    }
}

#[test]
fn pointers_to_functions_are_followed_behind_their_mask() {
    let code = |called: &str| {
        [
            "CALLVALUE @second JUMPI @one PUSH0 MSTORE @apply JUMP :second @two PUSH0 MSTORE
            :apply @end PUSH0 MLOAD PUSH4 ffffffff AND CALLVALUE @go JUMPI STOP :go JUMP
            :one PUSH1 01 POP JUMP
            :two ARGS PUSH1 ",
            called,
            " GAS STATICCALL POP JUMP
            :end STOP :hidden CALLER SELFDESTRUCT",
        ]
        .concat()
    };
    check(&[(&code("04"), ""), (&code("01"), "ecrecover")]);
}

#[test]
fn a_condition_tells_what_is_zero() {
    check(&[
        // As solc writes `try`: the way of the failure has one value less on the stack, and does not get to `made`.
        (
            "@end ARGS CALLER CALLER GAS CALL DUP1 ISZERO @failed JUMPI POP CALLVALUE PUSH1 01
            :failed @made JUMPI STOP :made POP JUMP :end STOP :hidden CALLER SELFDESTRUCT",
            "unknown_calls",
        ),
        (
            "CALLVALUE DUP1 ISZERO @zero JUMPI STOP :zero @hidden JUMPI STOP :hidden CALLER SELFDESTRUCT",
            "",
        ),
        (
            "CALLVALUE DUP1 @else JUMPI @hidden JUMPI STOP :else STOP :hidden CALLER SELFDESTRUCT",
            "",
        ),
        (
            "CALLVALUE DUP1 ISZERO ISZERO @else JUMPI @hidden JUMPI STOP :else STOP :hidden CALLER SELFDESTRUCT",
            "",
        ),
        // Of another value, of the opposite, of the target.
        (
            "CALLVALUE CALLER ISZERO @zero JUMPI STOP :zero @hidden JUMPI STOP :hidden CALLER SELFDESTRUCT",
            "selfdestruct",
        ),
        (
            "CALLVALUE DUP1 ISZERO @else JUMPI @hidden JUMPI STOP :else STOP :hidden CALLER SELFDESTRUCT",
            "selfdestruct",
        ),
        (
            "CALLVALUE DUP1 @else JUMPI STOP :else @hidden JUMPI STOP :hidden CALLER SELFDESTRUCT",
            "selfdestruct",
        ),
        ("ARGS PUSH1 01 CALLVALUE DUP1 JUMPI STATIC", "ecrecover"),
    ]);
}

#[test]
fn addresses_from_storage_and_elsewhere_are_told_apart() {
    check(&[
        (
            "ARGS PUSH0 SLOAD GAS DELEGATECALL",
            "delegatecall_to_storage unknown_calls",
        ),
        (
            "ARGS PUSH1 08 PUSH0 SLOAD SWAP1 SHR PUSH20 ffffffffffffffffffffffffffffffffffffffff AND GAS DELEGATECALL",
            "delegatecall_to_storage unknown_calls",
        ),
        (
            "PUSH0 SLOAD PUSH1 80 MSTORE ARGS PUSH1 80 MLOAD GAS DELEGATECALL",
            "delegatecall_to_storage unknown_calls",
        ),
        ("ARGS PUSH0 SLOAD GAS STATICCALL", "unknown_calls"),
        ("ARGS CALLER GAS DELEGATECALL", "unknown_calls"),
        ("ARGS PUSH0 CALLDATALOAD GAS DELEGATECALL", "unknown_calls"),
        (
            "ARGS PUSH20 1111111111111111111111111111111111111111 GAS DELEGATECALL",
            "",
        ),
        // Either of two.
        (
            "ARGS CALLVALUE @other JUMPI PUSH1 01 @call JUMP :other PUSH1 02 :call GAS STATICCALL",
            "ecrecover",
        ),
        (
            "ARGS CALLVALUE @other JUMPI PUSH1 01 @call JUMP :other CALLER :call GAS STATICCALL",
            "ecrecover unknown_calls",
        ),
    ]);
}

#[test]
fn minimal_proxies_and_designators_name_their_contract() {
    let target = "1111111111111111111111111111111111111111";
    let proxy = assemble(&["#363d3d373d3d3d363d73", target, "5af43d82803e903d91602b57fd5bf3"].concat());
    let designator = assemble(&["#ef0100", target].concat());
    for code in [&proxy, &designator] {
        assert_eq!(forwards_to(code), Some(H160::repeat_byte(0x11)));
        assert_eq!(found(code), "");
        assert_eq!(forwards_to(&code[1..]), None);
        assert_eq!(forwards_to(&[code.as_slice(), &[0]].concat()), None);
    }
    assert_eq!(forwards_to(&[]), None);
    let to_ecrecover =
        assemble("#363d3d373d3d3d363d7300000000000000000000000000000000000000015af43d82803e903d91602b57fd5bf3");
    assert_eq!(found(&to_ecrecover), "ecrecover");
}

#[test]
fn code_that_costs_too_much_is_judged_with_caution() {
    // Each JUMPDEST passes a stack on that is never the same.
    let mut code = assemble("PUSH0 PUSH0 PUSH0 PUSH0 :loop");
    for place in 0..6_000_u32 {
        code.extend(assemble("CALLVALUE ADD CALLER"));
        code.extend([opcode::DUP1, opcode::CALLVALUE, opcode::JUMPI, opcode::JUMPDEST]);
        if place % 1000 == 0 {
            code.extend(assemble("SLOAD JUMP"));
            code.push(opcode::JUMPDEST);
        }
    }
    code.extend(assemble("PUSH0 PUSH0 PUSH0 PUSH0 PUSH1 01 GAS STATICCALL"));
    let findings = found(&code);
    assert!(findings.contains("ecrecover"), "{findings}");

    let exhausting: Vec<u8> = assemble("PUSH0 PUSH0 PUSH0 PUSH0 PUSH1 01 GAS STATICCALL DUPN #00");
    assert_eq!(machine::explore(&exhausting), Err(machine::Exhausted));
    assert_eq!(found(&exhausting), "ecrecover unknown_calls");
}

/// Programs that are likely to jump and to call, not only bytes.
fn programs() -> impl Strategy<Value = Vec<u8>> {
    let weighted = prop_oneof![
        8 => (0_u8..=255, Just(opcode::PUSH1)).prop_map(|(byte, op)| Vec::from([op, byte])),
        3 => (opcode::DUP1..=opcode::DUP16).prop_map(|op| Vec::from([op])),
        3 => (opcode::SWAP1..=opcode::SWAP16).prop_map(|op| Vec::from([op])),
        4 => Just(Vec::from([opcode::JUMPDEST])),
        2 => prop::sample::select(alloc::vec![opcode::JUMP, opcode::JUMPI, opcode::MSTORE, opcode::MLOAD, opcode::SLOAD, opcode::CALLVALUE]).prop_map(|op| Vec::from([op])),
        1 => prop::sample::select(alloc::vec![opcode::CALL, opcode::STATICCALL, opcode::DELEGATECALL, opcode::SELFDESTRUCT]).prop_map(|op| Vec::from([op])),
        2 => any::<u8>().prop_map(|op| Vec::from([op])),
    ];
    prop::collection::vec(weighted, 0..400).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_code_has_one_answer(code in prop_oneof![programs(), prop::collection::vec(any::<u8>(), 0..2000)]) {
        let hash = H256::repeat_byte(7);
        prop_assert_eq!(analyse(hash, &code), analyse(hash, &code));
        // What the flow finds is among what the code contains.
        let all = crude(&code);
        if let Ok(found) = machine::explore(&code) {
            prop_assert!(!found.selfdestruct || all.selfdestruct);
            prop_assert!(!found.unknown_calls || all.unknown_calls);
            prop_assert!(!found.delegatecall_to_storage || all.delegatecall_to_storage);
        }
    }
}

/// Programs of blocks that jump to each other, call and return, as text to assemble.
fn blocks() -> impl Strategy<Value = String> {
    let words = prop::sample::select(alloc::vec![
        "PUSH0",
        "PUSH1 01",
        "PUSH1 02",
        "PUSH1 08",
        "PUSH1 20",
        "PUSH2 0100",
        "PUSH4 ffffffff",
        "CALLVALUE",
        "CALLER",
        "PUSH0 CALLDATALOAD",
        "PUSH1 20 CALLDATALOAD",
        "PUSH0 MLOAD",
        "PUSH1 20 MLOAD",
        "PUSH0 MSTORE",
        "PUSH1 20 MSTORE",
        "MSTORE",
        "PUSH0 SLOAD",
        "POP",
        "ADD",
        "SUB",
        "AND",
        "OR",
        "EQ",
        "ISZERO",
        "SHL",
        "DUP1",
        "DUP2",
        "DUP3",
        "DUP4",
        "DUP5",
        "SWAP1",
        "SWAP2",
        "SWAP3",
        "SWAP4",
        "JUMPI",
        "DUP1 ISZERO",
        "DUP2 ISZERO",
        "ARGS DUP5 GAS STATICCALL",
        "ARGS PUSH0 DUP7 GAS CALL",
        "ARGS DUP6 GAS DELEGATECALL",
    ]);
    let step = prop_oneof![
        6 => words.prop_map(String::from),
        2 => (0..8).prop_map(|block| alloc::format!("@b{block}")),
        1 => (0..8).prop_map(|block| alloc::format!("@b{block} JUMPI")),
        1 => (0..8).prop_map(|block| alloc::format!("DUP1 ISZERO @b{block} JUMPI")),
        1 => (0..8, 0..8).prop_map(|(back, block)| alloc::format!("@b{back} @b{block} JUMP")),
    ];
    let ends = prop::sample::select(alloc::vec![
        "",
        "JUMP",
        "JUMP",
        "SWAP1 JUMP",
        "STOP",
        "CALLER SELFDESTRUCT"
    ]);
    let block = (prop::collection::vec(step, 0..12), ends);
    // Enough on the stack to begin with, and to return to.
    let first = prop::collection::vec(0..8, 6).prop_map(|all| {
        let words = all.iter().map(|block| alloc::format!("CALLVALUE @b{block} "));
        words.collect::<String>()
    });
    (first, prop::collection::vec(block, 8)).prop_map(|(first, blocks)| {
        let text = blocks
            .iter()
            .enumerate()
            .map(|(number, (steps, end))| alloc::format!(":b{number} {} {end} ", steps.join(" ")));
        let text: String = core::iter::once(first).chain(text).collect();
        text.replace("ARGS", "PUSH0 PUSH0 PUSH0 PUSH0")
    })
}

/// What an execution does that the analysis is about.
#[derive(Default)]
struct Done {
    calls: Traits,
    selfdestruct: bool,
}

impl<CTX> revm::Inspector<CTX> for Done {
    fn step(&mut self, interpreter: &mut revm::interpreter::Interpreter, _: &mut CTX) {
        use revm::interpreter::interpreter_types::{Jumps, StackTr};
        let stack = StackTr::data(&interpreter.stack);
        match interpreter.bytecode.opcode() {
            opcode::CALL | opcode::CALLCODE | opcode::DELEGATECALL | opcode::STATICCALL => {
                let target = stack.len().checked_sub(2).map(|place| stack[place]);
                self.calls = self.calls | target.map(Traits::of_address).unwrap_or_default();
            }
            opcode::SELFDESTRUCT => self.selfdestruct |= !stack.is_empty(),
            _ => {}
        }
    }
}

fn done(code: &[u8], input: &[u8], value: u64) -> Done {
    use revm::{
        Context, InspectEvm, MainBuilder, MainContext,
        context::TxEnv,
        database::InMemoryDB,
        primitives::{Address, TxKind},
        state::{AccountInfo, Bytecode},
    };
    let contract = Address::repeat_byte(0xc0);
    let mut db = InMemoryDB::default();
    db.insert_account_info(
        contract,
        AccountInfo::from_bytecode(Bytecode::new_raw(code.to_vec().into())),
    );
    let context = Context::mainnet()
        .with_db(db)
        .modify_cfg_chained(|cfg| cfg.disable_balance_check = true);
    let mut evm = context.build_mainnet_with_inspector(Done::default());
    let transaction = TxEnv {
        kind: TxKind::Call(contract),
        data: input.to_vec().into(),
        value: U256::from(value),
        gas_limit: 60_000,
        ..TxEnv::default()
    };
    let ended = evm.inspect_one_tx(transaction);
    assert!(ended.is_ok(), "{ended:?}");
    core::mem::take(&mut evm.inspector)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// Nothing is missed: what an execution does has been found, or the address is said not to be known.
    #[test]
    fn what_executions_do_was_found(text in blocks(), inputs in prop::collection::vec((0..4_u8, any::<u8>(), 0..2_u64), 8)) {
        let code = assemble(&text);
        let Ok(found) = machine::explore(&code) else { return Ok(()) };
        let destinations = jump_destinations(&code);
        for (kind, byte, value) in inputs {
            let mut input = [0; 64];
            let place = destinations[usize::from(byte) % destinations.len()];
            input[30..32].copy_from_slice(&u16::try_from(place).unwrap().to_be_bytes());
            input[63] = kind;
            let done = done(&code, &input, value);
            let is_found = found.unknown_calls || found.calls | done.calls == found.calls;
            prop_assert!(is_found, "{:?} of {:?} in {}", done.calls, found, text);
            prop_assert!(found.selfdestruct || !done.selfdestruct, "{}", text);
        }
    }
}

/// The worst that is known: as many places to jump to as bytes, deep stacks, jumps that may go anywhere.
#[test]
fn the_largest_code_takes_a_bounded_time() {
    let deep = "CALLER ".repeat(64);
    let jumps = assemble(&["PUSH0 CALLDATALOAD JUMPI ".repeat(30).as_str()].concat());
    let shapes: [(&str, Vec<u8>); 4] = [
        (
            "destinations",
            assemble(&[&deep, "JUMPDEST ".repeat(24_000).as_str()].concat()),
        ),
        (
            "jumps",
            [assemble(&deep), jumps, alloc::vec![opcode::JUMPDEST; 24_000]].concat(),
        ),
        (
            "pushes",
            assemble(&[":loop ", "PUSH1 01 ".repeat(8_000).as_str(), "@loop JUMP"].concat()),
        ),
        (
            "conditions",
            assemble(&[":loop ", "CALLVALUE @loop JUMPI CALLER ".repeat(4_000).as_str()].concat()),
        ),
    ];
    for (name, code) in shapes {
        assert!(code.len() <= 26_000, "{name}: {}", code.len());
        let start = std::time::Instant::now();
        let _ = analyse(H256::zero(), &code);
        std::println!("{name}: {:?}", start.elapsed());
        assert!(start.elapsed().as_secs() < 5, "{name}");
    }
}
