//! Ethereum's precompiles by fork: the same addresses, rules, gas and answers as revm's own tables.

use crate::world::no_key;
use pallet_qevm::precompiles::{PrecompileMap, QuidsPrecompiles};
use proptest::prelude::*;
use quids_core::H160;
use revm::{
    Context, MainContext,
    context::{BlockEnv, CfgEnv, Journal, TxEnv},
    database::EmptyDB,
    handler::{EthPrecompiles, PrecompileProvider},
    interpreter::{CallInput, CallInputs, CallScheme, CallValue, InterpreterResult},
    primitives::{Address, AddressSet, B256, U256, hardfork::SpecId},
};

type Ctx = Context<BlockEnv, TxEnv, CfgEnv, EmptyDB, Journal<EmptyDB>, ()>;

fn forks() -> impl Iterator<Item = SpecId> {
    (0..=u8::MAX).map_while(SpecId::try_from_u8)
}

fn context(spec: SpecId) -> Ctx {
    Context::mainnet().modify_cfg_chained(|cfg| cfg.set_spec_and_mainnet_gas_params(spec))
}

fn inputs(to: Address, input: &[u8], gas_limit: u64) -> CallInputs {
    CallInputs {
        input: CallInput::Bytes(input.to_vec().into()),
        return_memory_offset: 0..0,
        gas_limit,
        reservoir: 0,
        bytecode_address: to,
        known_bytecode: (B256::ZERO, Default::default()),
        target_address: to,
        caller: Address::ZERO,
        value: CallValue::Transfer(U256::ZERO),
        scheme: CallScheme::Call,
        is_static: false,
        charged_new_account_state_gas: false,
    }
}

fn run<P: PrecompileProvider<Ctx, Output = InterpreterResult>>(
    provider: &mut P,
    spec: SpecId,
    to: Address,
    input: &[u8],
    gas_limit: u64,
) -> Option<InterpreterResult> {
    provider.set_spec(spec);
    provider.run(&mut context(spec), &inputs(to, input, gas_limit)).unwrap()
}

fn addresses(provider: &mut impl PrecompileProvider<Ctx>, spec: SpecId) -> AddressSet {
    provider.set_spec(spec);
    provider.warm_addresses().clone()
}

#[test]
fn every_fork_has_ethereums_addresses_and_ours_beside_them_if_asked() {
    for spec in forks() {
        let theirs = addresses(&mut EthPrecompiles::new(spec), spec);
        let mut pure = QuidsPrecompiles::new(None, no_key);
        assert_eq!(addresses(&mut pure, spec), theirs, "{spec:?}");
        let mut ours = QuidsPrecompiles::new(Some(PrecompileMap::QUIDS), no_key);
        let mut both = theirs.clone();
        both.extend(PrecompileMap::QUIDS.entries().map(|(_, at)| Address::new(at.0)));
        assert_eq!(addresses(&mut ours, spec), both, "{spec:?}");
        assert_eq!(both.len(), theirs.len() + 9);
        for at in &both {
            let contains = <QuidsPrecompiles as PrecompileProvider<Ctx>>::contains;
            assert!(contains(&ours, at));
            assert_eq!(contains(&pure, at), theirs.contains(at));
        }
        // Nothing else, near or far.
        for number in (0..0x300).chain(0x50ff..0x5120) {
            let near = Address::with_last_byte(0).into_word();
            let near = Address::from_word((U256::from_be_bytes(near.0) + U256::from(number)).into());
            let mut far = near;
            far.0[0] = 1;
            let found = run(&mut ours, spec, near, &[], 0).is_some();
            assert_eq!(found, both.contains(&near), "{spec:?} {near}");
            assert!(run(&mut ours, spec, far, &[], 0).is_none());
        }
    }
}

#[test]
fn a_provider_tells_when_its_addresses_change() {
    let mut provider = QuidsPrecompiles::new(None, no_key);
    let mut set = |spec| PrecompileProvider::<Ctx>::set_spec(&mut provider, spec);
    assert!(set(SpecId::OSAKA), "the first time too");
    assert!(!set(SpecId::OSAKA));
    assert!(set(SpecId::BERLIN));
}

#[test]
fn a_moved_precompile_is_at_its_new_address_alone() {
    let (from, to) = (H160(Address::with_last_byte(2).into_array()), H160::repeat_byte(0x99));
    let nothing = H160::repeat_byte(0x77);
    let ours = PrecompileMap::QUIDS.blake3_256;
    let mut provider = QuidsPrecompiles::new(Some(PrecompileMap::QUIDS), no_key).with_moved([
        (from, to),
        (nothing, H160::repeat_byte(0x78)),
        (ours, from),
    ]);
    let mut at = |at: H160| {
        run(&mut provider, SpecId::OSAKA, Address::new(at.0), b"message", 100_000).map(|result| result.output.to_vec())
    };
    let sha256 = quids_crypto::ethereum_operation(quids_crypto::EthereumOperation::Sha256, b"message");
    assert_eq!(at(to), sha256);
    assert_eq!(at(from), Some(quids_crypto::blake3_256(b"message").to_vec()));
    assert_eq!(at(ours), None);
    assert_eq!(at(nothing), None);
    assert_eq!(at(H160::repeat_byte(0x78)), None);
    assert_eq!(
        at(H160(Address::with_last_byte(4).into_array())),
        Some(b"message".to_vec())
    );
    let addresses = addresses(&mut provider, SpecId::OSAKA);
    let has = |at: H160| addresses.contains(&Address::new(at.0));
    assert!(has(to) && has(from) && !has(ours) && !has(nothing));
}

/// Lengths that a precompile takes, those beside them, and others.
fn lengths() -> impl Strategy<Value = usize> {
    let special = [
        0_usize, 32, 64, 96, 128, 160, 192, 213, 224, 256, 288, 320, 384, 448, 512, 576, 768,
    ];
    prop_oneof![
        (0..special.len(), 0_usize..3).prop_map(move |(index, off)| (special[index] + off).saturating_sub(1)),
        0_usize..800,
    ]
}

/// Bytes that look like small numbers, points at infinity or noise.
fn content(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(vec![0; length]),
        proptest::collection::vec(any::<u8>(), length),
        proptest::collection::vec(prop_oneof![9 => Just(0_u8), 1 => 0_u8..4], length),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn answers_and_gas_are_revms_for_any_input(
        input in lengths().prop_flat_map(content),
        number in prop_oneof![1_u64..0x12, Just(0x100)],
        spec in 0_u8..=SpecId::AMSTERDAM as u8,
        gas_limit in prop_oneof![0_u64..10_000, Just(1_000_000)],
    ) {
        pallet_qevm::install_crypto();
        let mut input = input;
        // The rounds of BLAKE2 and the lengths of modexp stay small enough for a test.
        if number == 9 { input.iter_mut().take(2).for_each(|byte| *byte = 0); }
        let spec = SpecId::try_from_u8(spec).unwrap();
        let to = Address::from_word(U256::from(number).into());
        let ours = run(&mut QuidsPrecompiles::new(None, no_key), spec, to, &input, gas_limit);
        let theirs = run(&mut EthPrecompiles::new(spec), spec, to, &input, gas_limit);
        prop_assert_eq!(ours, theirs);
    }
}
