//! The tracer on bytecode made by hand, run by native revm.

use super::{RECORDED_BYTES_MAX, Tracer, budget::Budget};
use quids_api::evm::{
    AccountSnapshot, CallFrame, CallKind, EvmHalt, EvmLog, EvmStatus, StepOptions, Trace, TraceOptions, TracedAccount,
};
use quids_core::{H160, H256, U256};
use revm::{
    Context, InspectEvm, MainBuilder, MainContext,
    bytecode::opcode::*,
    context::{TxEnv, result::ExecutionResult},
    database::InMemoryDB,
    primitives::{Address, B256, TxKind, U256 as Word, keccak256},
    state::{AccountInfo, Bytecode},
};

const SENDER: Address = Address::repeat_byte(0x5e);
const A: Address = Address::repeat_byte(0xa1);
const B: Address = Address::repeat_byte(0xb2);
const NOBODY: Address = Address::repeat_byte(0x99);
/// `identity`.
const IDENTITY: Address = Address::with_last_byte(4);
const GAS: u64 = 1_000_000;
const ETHER: u128 = 1_000_000_000_000_000_000;

/// All that can be recorded.
const EVERYTHING: TraceOptions = TraceOptions {
    calls: true,
    steps: Some(StepOptions {
        stack: true,
        memory: true,
        storage: true,
        return_data: true,
        limit: 0,
    }),
    state: true,
    accesses: true,
};

struct Run {
    trace: Trace,
    /// With transfers.
    logs: Vec<EvmLog>,
    result: ExecutionResult,
}

impl Run {
    fn kinds(&self) -> Vec<(CallKind, u32, u32)> {
        let calls = self.trace.calls.iter();
        calls.map(|call| (call.kind, call.depth, call.parent)).collect()
    }

    fn account(&self, address: Address) -> &TracedAccount {
        let wanted = h160(address);
        self.trace
            .state
            .iter()
            .find(|account| account.address == wanted)
            .unwrap()
    }

    fn costs_of(&self, opcode: u8) -> Vec<u64> {
        let steps = self.trace.steps.iter().filter(|step| step.opcode == opcode);
        steps.map(|step| step.gas_cost).collect()
    }
}

fn h160(address: Address) -> H160 {
    H160(address.0.0)
}

fn slot(value: u64) -> H256 {
    H256(Word::from(value).to_be_bytes())
}

fn database(contracts: &[(Address, Vec<u8>)]) -> InMemoryDB {
    let mut db = InMemoryDB::default();
    db.insert_account_info(SENDER, AccountInfo::from_balance(Word::from(ETHER)));
    for (address, code) in contracts {
        let mut info = AccountInfo::from_bytecode(Bytecode::new_raw(code.clone().into()));
        info.balance = Word::from(100);
        info.nonce = 1;
        db.insert_account_info(*address, info);
    }
    db
}

fn run_with(tracer: Tracer, db: InMemoryDB, kind: TxKind, data: Vec<u8>, value: u64) -> Run {
    let codes = db.clone();
    let tx = TxEnv::builder()
        .caller(SENDER)
        .kind(kind)
        .data(data.into())
        .value(Word::from(value))
        .gas_limit(GAS)
        .build()
        .unwrap();
    let mut evm = Context::mainnet().with_db(db).build_mainnet_with_inspector(tracer);
    let outcome = evm.inspect_one_tx(tx).unwrap();
    let state = revm::ExecuteEvm::finalize(&mut evm);
    let mut tracer = evm.inspector;
    let logs = tracer.take_logs().unwrap_or_default();
    let code_of = |hash: B256| codes.cache.contracts.get(&hash).unwrap().original_byte_slice().to_vec();
    Run {
        trace: tracer.finish(&state, outcome.tx_gas_used(), code_of),
        logs,
        result: outcome,
    }
}

fn run(options: TraceOptions, contracts: &[(Address, Vec<u8>)], value: u64) -> Run {
    let tracer = Tracer::new(options, true);
    run_with(tracer, database(contracts), TxKind::Call(A), vec![1, 2], value)
}

/// Pieces of code, one after the other.
fn code(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn push_address(address: Address) -> Vec<u8> {
    [&[PUSH20], address.as_slice()].concat()
}

/// Calls with the memory's first `input` bytes; the result stays on the stack.
fn call(op: u8, to: Address, value: u8, input: u8) -> Vec<u8> {
    let mut code = vec![PUSH0, PUSH0, PUSH1, input, PUSH0];
    if matches!(op, CALL | CALLCODE) {
        code.extend([PUSH1, value]);
    }
    code.extend(push_address(to));
    code.extend([PUSH3, 1, 0, 0, op]);
    code
}

fn log0() -> Vec<u8> {
    vec![PUSH1, 3, PUSH0, LOG0]
}

/// Writes a word to the beginning of the memory.
fn store(word: u8) -> Vec<u8> {
    vec![PUSH1, word, PUSH0, MSTORE]
}

const REVERT_A_WORD: [u8; 4] = [PUSH1, 32, PUSH0, REVERT];

#[test]
fn a_transfer_is_one_frame_and_two_accounts() {
    let tracer = Tracer::new(EVERYTHING, true);
    let mut db = database(&[]);
    db.insert_account_info(B, AccountInfo::from_balance(Word::from(1)));
    let run = run_with(tracer, db, TxKind::Call(B), vec![], 7);
    let frame = CallFrame {
        kind: CallKind::Call,
        depth: 0,
        parent: 0,
        from: h160(SENDER),
        to: h160(B),
        value: U256::from(7),
        gas: GAS,
        gas_used: 21_000,
        input: vec![],
        output: vec![],
        status: EvmStatus::Success,
        logs: vec![],
    };
    assert_eq!(run.trace.calls, [frame]);
    assert!(run.trace.steps.is_empty() && !run.trace.truncated);
    let had = |balance: u128, nonce| {
        Some(AccountSnapshot {
            balance: balance.into(),
            nonce,
            code: vec![],
        })
    };
    assert_eq!(run.account(SENDER).before, had(ETHER, 0));
    assert_eq!(run.account(SENDER).after, had(ETHER - 7, 1));
    assert_eq!(
        (&run.account(B).before, &run.account(B).after),
        (&had(1, 0), &had(8, 0))
    );
    assert_eq!(run.logs.len(), 1);
}

#[test]
fn nothing_asked_for_is_nothing_recorded() {
    let tracer = Tracer::new(TraceOptions::default(), false);
    assert!(tracer.is_idle() && !Tracer::new(TraceOptions::default(), true).is_idle());
    let run = run_with(
        tracer,
        database(&[(A, call(CALL, B, 0, 0))]),
        TxKind::Call(A),
        vec![],
        0,
    );
    assert_eq!(run.trace, Trace::default());
    assert!(run.logs.is_empty());
}

#[test]
fn calls_form_a_tree_and_failed_ones_have_no_logs() {
    let a = code(&[
        &log0(),
        &store(0x77),
        &call(CALL, B, 5, 32),
        &log0(),
        &call(CALL, IDENTITY, 0, 32),
        &call(STATICCALL, B, 0, 0),
        &[PUSH1, 32, PUSH0, RETURN],
    ]);
    let b = code(&[&store(0x42), &log0(), &call(CALL, NOBODY, 1, 0), &REVERT_A_WORD]);
    let run = run(EVERYTHING, &[(A, a), (B, b)], 9);
    assert_eq!(
        run.kinds(),
        [
            (CallKind::Call, 0, 0),
            (CallKind::Call, 1, 0),
            (CallKind::Call, 2, 1),
            (CallKind::Call, 1, 0),
            (CallKind::StaticCall, 1, 0),
        ]
    );
    let [root, reverted, inner, identity, fixed] = &run.trace.calls[..] else {
        panic!("{:?}", run.trace.calls)
    };
    assert_eq!((root.status, root.gas), (EvmStatus::Success, GAS));
    assert_eq!(root.gas_used, run.result.tx_gas_used());
    assert_eq!(root.input, [1, 2]);
    assert_eq!(root.output, slot(0x77).0);
    assert_eq!(root.logs.iter().map(|log| log.0).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(reverted.status, EvmStatus::Revert);
    assert_eq!(
        (reverted.input.as_slice(), reverted.output.as_slice()),
        (&slot(0x77).0[..], &slot(0x42).0[..])
    );
    // The stipend of a call with value is part of its gas.
    assert_eq!((reverted.value, reverted.gas), (U256::from(5), 0x10000 + 2300));
    assert!(reverted.gas_used < reverted.gas);
    assert!(reverted.logs.is_empty() && inner.logs.is_empty());
    assert_eq!(
        (identity.to, identity.output.as_slice()),
        (h160(IDENTITY), &slot(0x77).0[..])
    );
    assert_eq!(identity.gas_used, 18);
    // A log in a static call takes all its gas.
    assert_eq!(fixed.status, EvmStatus::Halt(EvmHalt::StaticStateChange));
    assert_eq!((fixed.gas, fixed.gas_used), (0x10000, 0x10000));
}

#[test]
fn who_calls_whom_by_kind_of_call() {
    for (op, kind, from, to, value) in [
        (CALL, CallKind::Call, A, B, 5),
        (CALLCODE, CallKind::CallCode, A, B, 5),
        (DELEGATECALL, CallKind::DelegateCall, A, B, 9),
        (STATICCALL, CallKind::StaticCall, A, B, 0),
    ] {
        let run = run(EVERYTHING, &[(A, call(op, B, 5, 0)), (B, vec![STOP])], 9);
        let frame = &run.trace.calls[1];
        assert_eq!(
            (frame.kind, frame.from, frame.to),
            (kind, h160(from), h160(to)),
            "{op:x}"
        );
        assert_eq!(frame.value, U256::from(value), "{op:x}");
    }
}

#[test]
fn calls_that_never_begin_are_frames_that_cost_nothing() {
    let run = run(EVERYTHING, &[(A, call(CALL, B, 255, 0))], 9);
    let frame = &run.trace.calls[1];
    assert_eq!(frame.status, EvmStatus::Halt(EvmHalt::OutOfFunds));
    assert_eq!(frame.gas_used, 0);
    assert_eq!(run.logs.len(), 1, "{:?}", run.logs);
}

#[test]
fn creations_have_the_made_code_as_output() {
    // Init code: returns one byte of memory, 0x00 (STOP).
    let init = [PUSH1, 1, PUSH0, RETURN];
    let mut word = [0; 32];
    word[..4].copy_from_slice(&init);
    let a = |op: u8, salt: &[u8]| {
        code(&[
            &[PUSH32],
            &word,
            &[PUSH0, MSTORE],
            salt,
            &[PUSH1, 4, PUSH0, PUSH1, 3, op],
        ])
    };
    for (op, kind, salt, address) in [
        (CREATE, CallKind::Create, &[][..], A.create(1)),
        (
            CREATE2,
            CallKind::Create2,
            &[PUSH1, 8][..],
            A.create2(Word::from(8).to_be_bytes::<32>(), keccak256(init)),
        ),
    ] {
        let run = run(EVERYTHING, &[(A, a(op, salt))], 0);
        let frame = &run.trace.calls[1];
        assert_eq!((frame.kind, frame.from, frame.to), (kind, h160(A), h160(address)));
        assert_eq!((frame.input.as_slice(), frame.output.as_slice()), (&init[..], &[0][..]));
        assert_eq!(frame.status, EvmStatus::Success);
        let made = run.account(address);
        assert_eq!(made.before, None);
        let after = made.after.as_ref().unwrap();
        assert_eq!(
            (after.balance, after.nonce, after.code.as_slice()),
            (3.into(), 1, &[0][..])
        );
        // What a creation is given is no cost of its opcode.
        let [cost] = run.costs_of(op)[..] else { panic!() };
        assert!((32_000..33_000).contains(&cost), "{cost}");
    }
}

#[test]
fn the_transaction_itself_may_create() {
    let tracer = Tracer::new(EVERYTHING, true);
    let run = run_with(tracer, database(&[]), TxKind::Create, vec![PUSH1, 1, PUSH0, RETURN], 0);
    let frame = &run.trace.calls[0];
    assert_eq!((frame.kind, frame.to), (CallKind::Create, h160(SENDER.create(0))));
    assert_eq!((frame.gas, frame.output.as_slice()), (GAS, &[0][..]));
}

#[test]
fn a_self_destruction_is_a_frame_even_if_it_changes_nothing() {
    let to_self = [ADDRESS, SELFDESTRUCT].to_vec();
    let to_nobody = code(&[&push_address(NOBODY), &[SELFDESTRUCT]]);
    for (destroyer, target) in [(to_self, B), (to_nobody, NOBODY)] {
        let run = run(EVERYTHING, &[(A, call(CALL, B, 0, 0)), (B, destroyer)], 0);
        assert_eq!(run.kinds()[2], (CallKind::SelfDestruct, 2, 1));
        let frame = &run.trace.calls[2];
        assert_eq!(
            (frame.from, frame.to, frame.value),
            (h160(B), h160(target), U256::from(100))
        );
        assert_eq!((frame.gas, frame.gas_used), (0, 0));
        // EIP-6780: the account stays.
        assert!(run.account(B).after.is_some());
        assert_eq!(run.logs.len(), 1);
    }
}

#[test]
fn an_account_made_and_destroyed_is_there_neither_before_nor_after() {
    let run = run_with(
        Tracer::new(EVERYTHING, true),
        database(&[]),
        TxKind::Create,
        code(&[&[PUSH1, 7, PUSH1, 1, SSTORE], &push_address(NOBODY), &[SELFDESTRUCT]]),
        6,
    );
    let made = run.account(SENDER.create(0));
    assert_eq!((&made.before, &made.after), (&None, &None));
    assert_eq!(made.storage, [(slot(1), slot(0), slot(0))]);
    assert_eq!(run.account(NOBODY).after.as_ref().unwrap().balance, 6.into());
}

#[test]
fn steps_say_what_each_opcode_found_and_cost() {
    let a = [
        PUSH1, 5, PUSH1, 1, SSTORE, PUSH1, 1, SLOAD, PUSH0, MSTORE, PUSH0, PUSH1, 1, SSTORE, 0x0c,
    ]
    .to_vec();
    let run = run(EVERYTHING, &[(A, a)], 0);
    let steps = &run.trace.steps;
    let shown: Vec<_> = steps.iter().map(|step| (step.pc, step.opcode, step.gas_cost)).collect();
    assert_eq!(
        shown[..9],
        [
            (0, PUSH1, 3),
            (2, PUSH1, 3),
            (4, SSTORE, 22_100),
            (5, PUSH1, 3),
            (7, SLOAD, 100),
            (8, PUSH0, 2),
            (9, MSTORE, 6),
            (10, PUSH0, 2),
            (11, PUSH1, 3),
        ]
    );
    assert!(steps.iter().all(|step| step.depth == 1));
    assert_eq!(steps[2].stack, [U256::from(5), U256::from(1)]);
    assert_eq!(steps[2].storage, Some((slot(1), slot(5))));
    assert_eq!(steps[4].storage, Some((slot(1), slot(5))));
    assert_eq!((steps[6].memory.len(), steps[7].memory.as_slice()), (0, &slot(5).0[..]));
    // Clearing what this transaction has set gives 19 900 back.
    assert_eq!((steps[9].refund, steps[10].refund), (0, 19_900));
    assert_eq!(steps[10].error, Some(EvmHalt::InvalidOpcode));
    assert_eq!(run.trace.calls[0].status, EvmStatus::Halt(EvmHalt::InvalidOpcode));
    // The failed transaction left no trace in the storage.
    assert_eq!(run.account(A).storage, [(slot(1), slot(0), slot(0))]);
}

#[test]
fn a_call_costs_what_it_hands_on_and_steps_go_deeper() {
    let a = code(&[&call(CALL, B, 0, 0), &[STOP]]);
    let b = code(&[&store(9), &[PUSH1, 32, PUSH0, RETURN]]);
    let run = run(EVERYTHING, &[(A, a), (B, b)], 0);
    assert_eq!(run.costs_of(CALL), [0x10000 + 2600]);
    let depths: Vec<_> = run.trace.steps.iter().map(|step| step.depth).collect();
    assert_eq!(depths, [[1; 8].as_slice(), &[2; 6], &[1]].concat());
    let last = run.trace.steps.last().unwrap();
    assert_eq!((last.opcode, last.return_data.as_slice()), (STOP, &slot(9).0[..]));
}

#[test]
fn only_what_was_asked_for_is_in_a_step() {
    let options = TraceOptions {
        steps: Some(StepOptions::default()),
        ..TraceOptions::default()
    };
    let run = run(options, &[(A, code(&[&store(1), &[PUSH0, SLOAD]]))], 0);
    assert_eq!(run.trace.steps.len(), 6);
    for step in &run.trace.steps {
        assert!(
            step.stack.is_empty() && step.memory.is_empty() && step.storage.is_none(),
            "{step:?}"
        );
    }
    assert!(run.trace.calls.is_empty() && run.trace.state.is_empty() && run.trace.accesses.is_empty());
}

#[test]
fn state_has_values_before_and_after_also_of_accounts_only_looked_at() {
    let a = code(&[
        &[PUSH1, 8, PUSH1, 2, SSTORE, PUSH1, 1, SLOAD],
        &push_address(B),
        &[BALANCE],
        &push_address(NOBODY),
        &[BALANCE],
    ]);
    let b = vec![STOP];
    let mut db = database(&[(A, a.clone()), (B, b.clone())]);
    db.insert_account_storage(A, Word::from(1), Word::from(3)).unwrap();
    db.insert_account_storage(A, Word::from(2), Word::from(4)).unwrap();
    let run = run_with(Tracer::new(EVERYTHING, false), db, TxKind::Call(A), vec![], 1);
    let traced = run.account(A);
    assert_eq!(
        traced.storage,
        [(slot(1), slot(3), slot(3)), (slot(2), slot(4), slot(8))]
    );
    assert_eq!(traced.before.as_ref().unwrap().code, a);
    assert_eq!(traced.after.as_ref().unwrap().balance, 101.into());
    let looked_at = run.account(B);
    assert_eq!(
        (&looked_at.before, &looked_at.before.as_ref().unwrap().code),
        (&looked_at.after, &b)
    );
    assert_eq!(
        (&run.account(NOBODY).before, &run.account(NOBODY).after),
        (&None, &None)
    );
    let addresses: Vec<_> = run.trace.state.iter().map(|account| account.address).collect();
    assert!(addresses.is_sorted());
}

#[test]
fn accesses_come_in_the_order_of_first_touch() {
    let a = code(&[
        &push_address(NOBODY),
        &[
            EXTCODEHASH,
            PUSH1,
            9,
            SLOAD,
            PUSH1,
            1,
            PUSH1,
            3,
            SSTORE,
            PUSH1,
            9,
            SLOAD,
        ],
        &call(DELEGATECALL, B, 0, 0),
        &call(CALL, NOBODY, 0, 0),
        &call(CALL, IDENTITY, 0, 0),
    ]);
    // Runs in A's storage.
    let b = vec![PUSH1, 4, SLOAD];
    let run = run(EVERYTHING, &[(A, a), (B, b)], 0);
    let found: Vec<_> = run
        .trace
        .accesses
        .iter()
        .map(|item| (item.address, item.storage_keys.clone()))
        .collect();
    let expected = [
        (h160(NOBODY), vec![]),
        (h160(A), vec![slot(9), slot(3), slot(4)]),
        (h160(B), vec![]),
        (h160(IDENTITY), vec![]),
    ];
    assert_eq!(found, expected);
}

#[test]
fn ether_that_moves_is_logged_in_order_unless_it_comes_back() {
    let a = code(&[
        &log0(),
        &call(CALL, NOBODY, 2, 0),
        &call(CALL, B, 3, 0),
        &call(CALLCODE, NOBODY, 4, 0),
        &log0(),
    ]);
    let b = code(&[&call(CALL, NOBODY, 1, 0), &log0(), &REVERT_A_WORD]);
    let run = run(EVERYTHING, &[(A, a), (B, b)], 9);
    let ether = H160([0xee; 20]);
    let seen: Vec<_> = run.logs.iter().map(|log| log.address).collect();
    assert_eq!(seen, [ether, h160(A), ether, h160(A)]);
    let transfer = keccak256("Transfer(address,address,uint256)");
    let word = |address: Address| H256::from(h160(address));
    assert_eq!(run.logs[0].topics, [H256(transfer.0), word(SENDER), word(A)]);
    assert_eq!(run.logs[2].topics, [H256(transfer.0), word(A), word(NOBODY)]);
    assert_eq!(run.logs[2].data, slot(2).0);
}

#[test]
fn a_failed_transaction_has_no_logs() {
    let run = run(EVERYTHING, &[(A, code(&[&log0(), &REVERT_A_WORD]))], 9);
    assert!(run.logs.is_empty());
    assert!(run.trace.calls[0].logs.is_empty());
}

#[test]
fn a_limit_on_steps_keeps_the_first() {
    let a = code(&[&store(1), &store(2)]);
    for (limit, kept, truncated) in [(3, 3, true), (7, 7, false), (100, 7, false)] {
        let mut options = EVERYTHING;
        options.steps.as_mut().unwrap().limit = limit;
        let run = run(options, &[(A, a.clone())], 0);
        assert_eq!(
            (run.trace.steps.len(), run.trace.truncated),
            (kept, truncated),
            "{limit}"
        );
    }
}

/// Grows the memory to 32 kB and then jumps round and round: each step records all of it.
fn greedy_loop() -> Vec<u8> {
    vec![PUSH1, 1, PUSH2, 0x7f, 0xe0, MSTORE, JUMPDEST, PUSH1, 6, JUMP]
}

#[test]
fn a_trace_is_bounded() {
    use codec::Encode;
    let run = run(EVERYTHING, &[(A, greedy_loop())], 0);
    assert!(run.trace.truncated);
    let bytes = run.trace.encoded_size();
    assert!(
        bytes > RECORDED_BYTES_MAX * 9 / 10 && bytes <= RECORDED_BYTES_MAX,
        "{bytes}"
    );
    assert_eq!(run.trace.calls.len(), 1);
}

#[test]
fn whatever_does_not_fit_is_left_out_without_a_hole() {
    let a = code(&[
        &log0(),
        &store(0x77),
        &call(CALL, B, 5, 32),
        &[PUSH1, 1, PUSH1, 3, SSTORE],
        &call(CALL, B, 5, 32),
        &log0(),
    ]);
    let b = code(&[
        &log0(),
        &call(CALL, IDENTITY, 0, 32),
        &push_address(NOBODY),
        &[SELFDESTRUCT],
    ]);
    let contracts = [(A, a), (B, b)];
    let whole = run(EVERYTHING, &contracts, 9).trace;
    assert!(!whole.truncated);
    for bytes in (0..30_000).step_by(97) {
        let mut tracer = Tracer::new(EVERYTHING, true);
        tracer.budget = Budget::of(bytes);
        let trace = run_with(tracer, database(&contracts), TxKind::Call(A), vec![1, 2], 9).trace;
        assert_eq!(trace.truncated, trace != whole, "{bytes}");
        assert_eq!(trace.steps[..], whole.steps[..trace.steps.len()], "{bytes}");
        assert_eq!(trace.state[..], whole.state[..trace.state.len()], "{bytes}");
        for (place, (call, whole)) in trace.calls.iter().zip(&whole.calls).enumerate() {
            assert_eq!(
                (call.kind, call.parent, call.to),
                (whole.kind, whole.parent, whole.to),
                "{bytes} {place}"
            );
        }
    }
}
