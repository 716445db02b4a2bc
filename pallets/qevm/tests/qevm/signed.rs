//! Calls of signed extrinsics, whose nonce the transaction has counted already.

use crate::mock::*;
use pallet_qevm::Call;
use pallet_system::OpenAccount;
use quids_core::{AccountId20, DispatchError, H160, H256, Nonce, U256};
use quids_support::{dispatch::dispatch_transactional, origin::Origin};

const ALICE: AccountId20 = AccountId20([1; 20]);

/// As the executive does it: the nonce is counted, then the call made.
fn call(call: Call<Runtime>) -> Result<(), DispatchError> {
    let mut account = OpenAccount::<Runtime>::open(&ALICE);
    account.info.nonce = Nonce(account.info.nonce.0 + 1);
    account.store();
    dispatch_transactional(RuntimeCall::from(call), Origin::Signed(ALICE))
        .map(drop)
        .map_err(|failed| failed.error)
}

#[test]
fn creations_have_ethereums_addresses_and_count_once() {
    test(&[ALICE], || {
        let (value, gas_limit) = (U256::zero(), 1_000_000);
        let init = deploying(COUNTER);
        call(Call::create {
            value,
            init: init.clone(),
            gas_limit,
        })
        .unwrap();
        assert_eq!(Qevm::code(created(ALICE, 0)), COUNTER);
        assert_eq!(nonce(ALICE), 1);
        let salt = H256::repeat_byte(3);
        call(Call::create2 {
            value,
            init: init.clone(),
            salt,
            gas_limit,
        })
        .unwrap();
        let hash = quids_crypto::keccak_256(&init);
        let address = quids_crypto::keccak_256(&[&[0xff][..], &ALICE.0, &salt.0, &hash].concat());
        assert_eq!(Qevm::code(H160(address[12..].try_into().unwrap())), COUNTER);
        assert_eq!(nonce(ALICE), 2);
        call(Call::call {
            to: AccountId20(created(ALICE, 0).0),
            value,
            input: Vec::new(),
            gas_limit,
        })
        .unwrap();
        let block = Qevm::block();
        assert_eq!(block.transactions.len(), 3);
        assert_eq!(block.transactions[2].receipt.logs.len(), 1);
        assert_ne!(block.transactions[0].hash, block.transactions[1].hash);
        assert_eq!(balance(ALICE), ETHER, "gas has no price here");
        assert_conserved();
    });
}

#[test]
fn what_fails_leaves_nothing_but_the_nonce() {
    test(&[ALICE], || {
        let gas_limit = 1_000_000;
        call(Call::create {
            value: U256::zero(),
            init: deploying(REVERTS),
            gas_limit,
        })
        .unwrap();
        let to = AccountId20(created(ALICE, 0).0);
        for (value, gas_limit) in [
            (U256::one(), 100_000),
            (U256::one(), 20_000),
            (U256::from(2 * ETHER), 100_000),
            (U256::MAX, 100_000),
        ] {
            let before = nonce(ALICE);
            assert!(
                call(Call::call {
                    to,
                    value,
                    input: Vec::new(),
                    gas_limit
                })
                .is_err()
            );
            assert_eq!((nonce(ALICE), balance(ALICE)), (before + 1, ETHER));
        }
        assert_eq!(Qevm::block().transactions.len(), 1);
        assert!(call(Call::transact { envelope: Vec::new() }).is_err());
        assert_conserved();
    });
}

#[test]
fn every_call_has_a_benchmark_or_a_reason() {
    quids_testing::check_benchmarks::<Runtime, Qevm>(quids_testing::TestExternalities::default);
}
