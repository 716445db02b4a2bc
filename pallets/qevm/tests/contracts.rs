//! Contracts and pallets: calls of the runtime that contracts ask for, calls of contracts by pallets and in batches.

use codec::Encode;
use pallet_balances::FeeSchedule;
use pallet_qevm::{Call, Event, GasWeight, PrecompileMap};
use pallet_system::OpenAccount;
use pallet_template::Given;
use quids_core::{AccountId20, Balance, DispatchError, H160, Height, Nonce, U256, Weight};
use quids_support::{
    constant, construct_runtime,
    dispatch::{DispatchResult, GetDispatchInfo},
    filter::CallFilter,
    limits::BlockLimits,
    origin::{EnsureRoot, Origin},
    traits::{AccountObserver, Currency},
};
use quids_testing::{
    RecentHashes, TestExternalities, TestRuntime, Version, account, assert_event, assert_noop, assert_ok, test_runtime,
};
use std::cell::RefCell;

/// A pallet that asks a contract.
#[quids_support::pallet(name = "Oracle")]
pub mod oracle {
    use quids_support::{contracts::Contracts, prelude::*};

    #[pallet::config]
    pub trait Config: pallet_system::Config {
        type Contracts: Contracts;
    }

    #[pallet::pallet]
    pub struct Pallet<T>(PhantomData<T>);

    /// What the contract answered last.
    #[pallet::storage]
    pub type Answered<T> = StorageValue<_, Vec<u8>, ValueQuery>;

    pub const GAS: u64 = 200_000;

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Asks with this input, as the pallet's own account.
        #[pallet::call_index(0)]
        #[pallet::weight(T::Contracts::weight(GAS).saturating_add(cost::of(0, 0, 1)))]
        pub fn ask(origin: Origin, contract: AccountId20, input: Vec<u8>) -> DispatchResult {
            ensure_signed(origin)?;
            let answer = T::Contracts::call(&AccountId20([0x0a; 20]), &contract, Balance::ZERO, input, GAS)?;
            Answered::<T>::put(answer.output);
            Ok(())
        }
    }
}

construct_runtime! {
    /// A test runtime.
    #[call_filter(Filter)]
    pub struct Runtime {
        System: pallet_system = 0,
        Timestamp: pallet_timestamp = 1,
        Balances: pallet_balances = 2,
        Template: pallet_template = 4,
        Qevm: pallet_qevm = 5,
        Utility: pallet_utility = 7,
        Oracle: oracle = 8,
    }
}

test_runtime!(Runtime);

/// To contracts everything is open that is not the EVM's or the oracle's; the EVM refuses its own by itself.
pub struct Filter;

impl CallFilter<RuntimeCall> for Filter {
    fn is_open_to_contracts(call: &RuntimeCall) -> bool {
        !matches!(call, RuntimeCall::Oracle(_))
    }
}

constant!(pub Limits: BlockLimits = BlockLimits {
    max_weight: Weight::new(500_000_000_000, 64 << 20),
    normal_percent: 75,
    base_extrinsic: Weight::new(1_000_000, 10),
    base_block: Weight::ZERO,
    max_length: 1 << 24,
    max_extrinsic_length: 1 << 23,
});
constant!(pub ExistentialDeposit: Balance = Balance(0));
constant!(pub MinimumPeriod: u64 = 1);
constant!(pub RoundLength: Height = Height(10));
constant!(pub CallsMax: u32 = 8);
constant!(pub GasLimit: u64 = 30_000_000);
constant!(pub Weights: GasWeight = GasWeight { ref_time: 12_500, proof_size: 1 });
constant!(pub Map: PrecompileMap = PrecompileMap::QUIDS);
constant!(pub Author: Option<AccountId20> = None);
constant!(pub Fees: FeeSchedule = FeeSchedule {
    base: Balance(1),
    per_byte: Balance(1),
    per_microsecond: Balance(1),
    per_proof_byte: Balance(1),
});

thread_local! {
    static NEW: RefCell<Vec<AccountId20>> = const { RefCell::new(Vec::new()) };
}

/// Keeps the accounts that came to be.
pub struct Told;

impl AccountObserver for Told {
    const WEIGHT: Weight = Weight::new(1_000_000, 100);

    fn on_new_account(who: &AccountId20) {
        NEW.with_borrow_mut(|new| new.push(*who));
    }
}

impl pallet_system::Config for Runtime {
    type BlockLimits = Limits;
    type BlockHashCount = RecentHashes;
    type Version = Version;
    type Observers = Told;
}
impl pallet_timestamp::Config for Runtime {
    type MinimumPeriod = MinimumPeriod;
}
impl pallet_balances::Config for Runtime {
    type ExistentialDeposit = ExistentialDeposit;
    type Fees = Fees;
}
impl pallet_template::Config for Runtime {
    type RoundLength = RoundLength;
    type AdminOrigin = EnsureRoot;
}
impl pallet_utility::Config for Runtime {
    type CallsMax = CallsMax;
}
impl pallet_qevm::Config for Runtime {
    type BlockGasLimit = GasLimit;
    type GasWeight = Weights;
    type Precompiles = Map;
    type BaseFee = pallet_qevm::Eip1559;
    type Fees = Balances;
    type Time = Timestamp;
    type Author = Author;
    type Signers = ();
}
impl oracle::Config for Runtime {
    type Contracts = Qevm;
}

const ALICE: AccountId20 = account(1);
const GAS: u64 = 300_000;
/// Where `IDispatch` is.
const DISPATCH: AccountId20 = AccountId20(PrecompileMap::QUIDS.dispatch.0);

/// The first block, in which Alice has 1000 and the template's limit is 100.
fn test(f: impl FnOnce()) {
    let edit = |genesis: &mut RuntimeGenesisConfig| {
        genesis.balances.balances = vec![(ALICE, Balance(1000))];
        genesis.template.limit = 100;
    };
    TestExternalities::<Runtime>::genesis(edit).execute_with(|| {
        Runtime::start_block(Default::default());
        f();
    });
}

/// As the executive does it: the nonce is counted, then the call made.
fn extrinsic(call: impl Into<RuntimeCall>) -> DispatchResult {
    let mut alice = OpenAccount::<Runtime>::open(&ALICE);
    alice.info.nonce = Nonce(alice.info.nonce.0 + 1);
    alice.store();
    Runtime::call(Origin::Signed(ALICE), call)
}

fn call(to: AccountId20, input: Vec<u8>) -> Call<Runtime> {
    let value = U256::zero();
    Call::call {
        to,
        value,
        input,
        gas_limit: GAS,
    }
}

/// Deploys this code, of at most 255 bytes; its address.
fn deploy(code: &[u8]) -> AccountId20 {
    let length = u8::try_from(code.len()).unwrap();
    // PUSH1 length DUP1 PUSH1 11 PUSH1 0 CODECOPY PUSH1 0 RETURN
    let mut init = vec![0x60, length, 0x80, 0x60, 11, 0x60, 0, 0x39, 0x60, 0, 0xf3];
    init.extend_from_slice(code);
    let nonce = Qevm::account(H160(ALICE.0)).nonce;
    let value = U256::zero();
    assert_ok!(extrinsic(Call::create {
        value,
        init,
        gas_limit: 1_000_000
    }));
    AccountId20(alloy_primitives::Address::from(ALICE.0).create(nonce).into_array())
}

/// How a contract passes its input on to `IDispatch`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Relay {
    Call,
    CallCode,
    DelegateCall,
    StaticCall,
    /// Calls, then reverts.
    CallThenRevert,
}

impl Relay {
    fn code(self) -> Vec<u8> {
        let (opcode, has_value) = match self {
            Self::Call | Self::CallThenRevert => (0xf1, true),
            Self::CallCode => (0xf2, true),
            Self::DelegateCall => (0xf4, false),
            Self::StaticCall => (0xfa, false),
        };
        // CALLDATACOPY(0, 0, CALLDATASIZE); return size and offset, argument size and offset, value, address, gas.
        let mut code = vec![0x36, 0x5f, 0x5f, 0x37, 0x5f, 0x5f, 0x36, 0x5f];
        code.extend(has_value.then_some(0x5f));
        code.extend([0x61, 0x51, 0x11, 0x5a, opcode]);
        // Reverts if that failed, or in any case.
        let after = u8::try_from(code.len() + 6).unwrap();
        code.extend([0x60, after, 0x57, 0x5f, 0x5f, 0xfd, 0x5b]);
        if self == Self::CallThenRevert {
            code.extend([0x5f, 0x5f, 0xfd]);
        }
        code
    }
}

/// `selector(bytes)` with this argument.
fn abi(selector: [u8; 4], bytes: &[u8]) -> Vec<u8> {
    let word = |number: usize| U256::from(number).to_big_endian();
    let mut out = [&selector[..], &word(32), &word(bytes.len()), bytes].concat();
    out.resize(4 + (out.len() - 4).next_multiple_of(32), 0);
    out
}

/// `dispatch` of this call.
fn dispatch(call: impl Into<RuntimeCall>) -> Vec<u8> {
    abi(
        quids_crypto::keccak_256(b"dispatch(bytes)")[..4].try_into().unwrap(),
        &call.into().encode(),
    )
}

fn give(amount: u32) -> pallet_template::Call<Runtime> {
    pallet_template::Call::give { amount }
}

fn reverted() -> DispatchError {
    pallet_qevm::Error::<Runtime>::Reverted.into()
}

/// Whether a contract's request through this relay is made, as the contract.
#[track_caller]
fn check(relay: Relay, input: Vec<u8>, made: bool) {
    test(|| {
        let contract = deploy(&relay.code());
        match made {
            true => {
                assert_ok!(extrinsic(call(contract, input)));
                assert_eq!(
                    (Given::<Runtime>::get(&contract), Given::<Runtime>::get(&ALICE)),
                    (7, 0)
                );
                let result = Ok(());
                assert_event!(Runtime, last Event::CallDispatched { account: contract, result });
                let block = Qevm::block();
                assert_eq!(block.transactions.last().unwrap().receipt.logs.len(), 1);
            }
            false => {
                assert_noop!(Runtime::call(Origin::Signed(ALICE), call(contract, input)), reverted());
            }
        }
    });
}

#[test]
fn a_contract_makes_calls_that_are_open_to_it() {
    check(Relay::Call, dispatch(give(7)), true);
    // Only by a plain call, as the contract itself; and what is reverted was never asked for.
    for relay in [
        Relay::CallCode,
        Relay::DelegateCall,
        Relay::StaticCall,
        Relay::CallThenRevert,
    ] {
        check(relay, dispatch(give(7)), false);
    }
    let nested = (0..9).fold(RuntimeCall::from(give(7)), |inner, _| {
        pallet_utility::Call::batch_all { calls: vec![inner] }.into()
    });
    let ask = oracle::Call::ask {
        contract: ALICE,
        input: vec![],
    };
    let selector = quids_crypto::keccak_256(b"dispatch(bytes)")[..4].try_into().unwrap();
    let refused = [
        // Closed by the runtime, closed by the EVM, nested too deep, longer than it may be.
        dispatch(ask),
        dispatch(call(ALICE, vec![])),
        dispatch(nested),
        dispatch(pallet_system::Call::remark {
            remark: vec![0; 16_384],
        }),
        // No call, a call and more, no function, a function that is not there, arguments that are none.
        abi(selector, &[200, 0]),
        abi(selector, &[&RuntimeCall::from(give(7)).encode()[..], &[0]].concat()),
        vec![],
        vec![1, 2, 3, 4],
        dispatch(give(7))[..20].to_vec(),
    ];
    for input in refused {
        check(Relay::Call, input, false);
    }
}

#[test]
fn a_call_that_fails_is_told_and_leaves_the_execution() {
    test(|| {
        let contract = deploy(&Relay::Call.code());
        assert_ok!(extrinsic(call(contract, dispatch(give(101)))));
        let result = Err(pallet_template::Error::<Runtime>::AmountRefused.into());
        assert_event!(Runtime, last Event::CallDispatched { account: contract, result });
        // Whoever calls the precompile itself asks as himself.
        assert_ok!(extrinsic(call(DISPATCH, dispatch(give(5)))));
        assert_eq!(Given::<Runtime>::get(&ALICE), 5);
    });
}

#[test]
fn the_gas_weighs_what_the_call_declares() {
    test(|| {
        let batch: RuntimeCall = pallet_utility::Call::batch_all {
            calls: vec![give(7).into(); 4],
        }
        .into();
        let gas_of = |call: RuntimeCall| {
            assert_ok!(extrinsic(self::call(DISPATCH, dispatch(call))));
            Qevm::block().transactions.last().unwrap().receipt.gas_used
        };
        for call in [RuntimeCall::from(give(7)), batch] {
            let declared = call.dispatch_info().weight;
            let used = gas_of(call);
            assert!(
                used * 12_500 > declared.ref_time && used > declared.proof_size,
                "{used} gas for {declared:?}"
            );
        }
        // One gas too little, and nothing is asked for.
        let used = gas_of(give(7).into());
        for (gas_limit, enough) in [(used, true), (used - 1, false)] {
            let (to, value, input) = (DISPATCH, U256::zero(), dispatch(give(7)));
            let result = extrinsic(Call::call {
                to,
                value,
                input,
                gas_limit,
            });
            assert_eq!(result.is_ok(), enough, "{gas_limit} gas: {result:?}");
        }
    });
}

#[test]
fn accounts_of_the_evm_are_told_and_weighed() {
    let pay = |gas_limit| Call::<Runtime>::call {
        to: account(9),
        value: U256::from(5),
        input: Vec::new(),
        gas_limit,
    };
    test(|| {
        NEW.take();
        for new in [vec![account(9)], Vec::new()] {
            assert_ok!(extrinsic(pay(30_000)));
            assert_eq!(NEW.take(), new);
        }
        let contract = deploy(COUNTER);
        assert_eq!(NEW.take(), [contract]);
    });
    // Its sender's, and one more for each 20 000 gas.
    for (gas, times) in [(19_999, 1), (20_000, 2), (60_001, 4)] {
        let declared = RuntimeCall::from(pay(gas)).dispatch_info().weight;
        let observers = Told::WEIGHT.saturating_mul(times);
        assert_eq!(declared, Weight::new(gas * 12_500, gas).saturating_add(observers));
    }
}

/// Counts its calls in slot 0 and returns the count.
const COUNTER: &[u8] = &[
    0x60, 0x00, 0x54, 0x60, 0x01, 0x01, 0x80, 0x60, 0x00, 0x55, 0x60, 0x00, 0x52, 0x60, 0x20, 0x60, 0x00, 0xf3,
];

#[test]
fn a_pallet_calls_a_contract() {
    test(|| {
        let counter = deploy(COUNTER);
        for count in 1..=3u8 {
            assert_ok!(extrinsic(oracle::Call::ask {
                contract: counter,
                input: vec![]
            }));
            assert_eq!(oracle::Answered::<Runtime>::get().last(), Some(&count));
        }
        let refusing = deploy(&[0x5f, 0x5f, 0xfd]);
        let ask = oracle::Call::ask {
            contract: refusing,
            input: vec![],
        };
        assert_noop!(Runtime::call(Origin::Signed(ALICE), ask), reverted());
        assert_eq!(Balances::free_balance(&ALICE), Balance(1000));
    });
}

#[test]
fn a_batch_calls_contracts_under_nonces_of_their_own() {
    test(|| {
        let counter = deploy(COUNTER);
        let made = Qevm::block().transactions.len();
        let calls = vec![
            call(counter, vec![]).into(),
            Call::create {
                value: U256::zero(),
                init: vec![],
                gas_limit: GAS,
            }
            .into(),
            Call::create {
                value: U256::zero(),
                init: vec![],
                gas_limit: GAS,
            }
            .into(),
            oracle::Call::ask {
                contract: counter,
                input: vec![],
            }
            .into(),
        ];
        assert_ok!(extrinsic(pallet_utility::Call::batch_all { calls }));
        // Nonce 0 deployed the counter; the batch has used 1, 2 and 3.
        assert_eq!(Qevm::account(H160(ALICE.0)).nonce, 4);
        let block = Qevm::block();
        let mut hashes: Vec<_> = block.transactions[made..].iter().map(|one| one.hash).collect();
        let mut places: Vec<_> = block.transactions[made..]
            .iter()
            .filter_map(|one| one.receipt.contract_address)
            .collect();
        assert_eq!((hashes.len(), places.len()), (4, 2));
        hashes.sort();
        hashes.dedup();
        places.dedup();
        assert_eq!(
            (hashes.len(), places.len()),
            (4, 2),
            "two calls have one hash or one address"
        );
        // The next extrinsic goes on as if nothing had been.
        assert_ok!(extrinsic(call(counter, vec![])));
        assert_eq!(Qevm::account(H160(ALICE.0)).nonce, 5);
    });
}
