//! An estimate suffices, and is at most a tenth above the least limit that does.

use crate::mock::*;
use proptest::prelude::*;
use quids_api::evm::{EvmMessage, EvmStatus, SimulatedBlock, Simulation, StateOverride};
use quids_core::{AccountId20, H160};

const CONTRACT: H160 = H160([0xcc; 20]);
const CALLEE: H160 = H160([0xdd; 20]);
const CAP: u64 = 50_000_000;

fn block(code: &[u8], callee: &[u8], gas_limit: u64) -> SimulatedBlock {
    let account = |address, code: &[u8]| StateOverride {
        address,
        code: Some(code.to_vec()),
        ..StateOverride::default()
    };
    SimulatedBlock {
        state: vec![account(CONTRACT, code), account(CALLEE, callee)],
        messages: vec![EvmMessage {
            from: H160([1; 20]),
            to: Some(CONTRACT),
            gas_limit,
            ..EvmMessage::default()
        }],
        ..SimulatedBlock::default()
    }
}

fn succeeds(code: &[u8], callee: &[u8], gas_limit: u64) -> bool {
    let simulation = Simulation {
        blocks: vec![block(code, callee, gas_limit)],
        ..Simulation::default()
    };
    let outcome = test(&[AccountId20([1; 20])], || Qevm::simulate(simulation)).unwrap();
    matches!(&outcome.blocks[0].messages[0], Ok(outcome) if outcome.status == EvmStatus::Success)
}

/// Programs whose need for gas is not what they use: refunds, calls that get 63 of 64 parts, checks of what is left.
fn programs() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let store = (any::<u8>(), any::<u8>()).prop_map(|(slot, value)| vec![0x60, value, 0x60, slot, 0x55]);
    let clear = any::<u8>().prop_map(|slot| vec![0x60, 1, 0x60, slot, 0x55, 0x60, 0, 0x60, slot, 0x55]);
    let keccak = any::<u16>().prop_map(|size| {
        let [high, low] = size.to_be_bytes();
        vec![0x61, high, low, 0x60, 0, 0x20, 0x50]
    });
    // CALL(gas, CALLEE, value 0), and a jump to nowhere if it fails: what needs more than some gas needs no less.
    let call = Just({
        let mut code = vec![0x60, 0, 0x60, 0, 0x60, 0, 0x60, 0, 0x60, 0, 0x73];
        code.extend_from_slice(&CALLEE.0);
        code.extend_from_slice(&[0x5a, 0xf1, 0x15, 0x60, 0, 0x57]); // GAS CALL ISZERO PUSH1 0 JUMPI
        code
    });
    let piece = prop_oneof![store, clear, keccak, call];
    let code = |pieces: Vec<Vec<u8>>| {
        let mut code = pieces.concat();
        code.push(0x00);
        code
    };
    (
        prop::collection::vec(piece.clone(), 0..12).prop_map(code),
        prop::collection::vec(piece, 0..6).prop_map(move |pieces| {
            let mut code: Vec<u8> = pieces
                .into_iter()
                .filter(|piece| !piece.contains(&0x73))
                .flatten()
                .collect();
            code.push(0x00);
            code
        }),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn an_estimate_suffices_and_is_close((code, callee) in programs()) {
        let estimated = test(&[AccountId20([1; 20])], || Qevm::estimate(&block(&code, &callee, 0), CAP));
        let estimated = estimated.unwrap().unwrap();
        prop_assert!(succeeds(&code, &callee, estimated));
        let (mut low, mut high) = (20_999, estimated);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if succeeds(&code, &callee, middle) { high = middle } else { low = middle }
        }
        prop_assert!(estimated <= high + high / 10, "{estimated} is more than 1.1 times {high}");
    }
}

#[test]
fn what_fails_with_all_gas_has_no_estimate() {
    let failed = test(&[], || Qevm::estimate(&block(REVERTS, &[], 0), CAP))
        .unwrap()
        .unwrap_err();
    assert_eq!(failed.status, EvmStatus::Revert);
    assert!(test(&[], || Qevm::estimate(&SimulatedBlock::default(), CAP)).is_err());
}
