//! Transactions with either signature, what they pay, and what is refused.

use crate::mock::*;
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, U256};
use pallet_qevm::Call;
use pallet_system::ChainPhase;
use quids_api::{InvalidTransaction, TransactionValidityError, evm::ContractSafety, evm::EvmErrorKind, evm::EvmStatus};
use quids_core::{AccountId20, H160, H256, Nonce};
use quids_crypto::SignatureScheme;
use quids_support::{dispatch::GetDispatchInfo, traits::Get};

fn to(who: AccountId20) -> TxKind {
    TxKind::Call(Address::from(who.0))
}

#[test]
fn a_transfer_pays_by_eip_1559() {
    let (alice, bob) = (Legacy::new(1), AccountId20([2; 20]));
    test(&[alice.account()], || {
        let transfer = TxEip1559 {
            to: to(bob),
            value: U256::from(1000),
            ..blank()
        };
        let outcome = succeed(&alice.sign(transfer));
        assert_eq!(outcome.gas_used, 21_000);
        // The base fee is 1 Gwei and is burned; the tip of 1 Gwei goes to the author.
        assert_eq!(balance(alice.account()), ETHER - 1000 - 21_000 * 2 * GWEI);
        assert_eq!((balance(bob), nonce(alice.account())), (1000, 1));
        assert_conserved();
        end(1);
        assert_eq!(balance(AUTHOR), 21_000 * GWEI);
        assert_conserved();
    });
}

/// What every extrinsic weighs is in the intrinsic gas: a block of transfers holds all the gas that a block has.
#[test]
fn a_block_of_transactions_holds_all_its_gas() {
    let (alice, bob) = (Legacy::new(1), AccountId20([2; 20]));
    test(&[alice.account()], || {
        let transfer = |gas_limit| TxEip1559 {
            to: to(bob),
            gas_limit,
            ..blank()
        };
        for gas in [21_000, 100_000, 16_000_000] {
            let call = Call::<Runtime>::transact {
                envelope: alice.sign(transfer(gas)),
            };
            let each = call.dispatch_info().weight.saturating_add(Limits::get().base_extrinsic);
            let count = GasLimit::get() / gas;
            let (all, normal) = (each.ref_time * count, Limits::get().normal().ref_time);
            assert!(
                all <= normal && all + each.ref_time > normal,
                "{count} of {gas} gas weigh {all} of {normal}"
            );
        }
    });
}

#[test]
fn contracts_keep_state_and_log() {
    let alice = Legacy::new(1);
    test(&[alice.account()], || {
        let made = succeed(&alice.sign(TxEip1559 {
            input: deploying(COUNTER).into(),
            ..blank()
        }));
        let contract = made.contract_address.unwrap();
        assert_eq!(contract, created(alice.account(), 0));
        assert_eq!(
            (Qevm::code(contract), Qevm::account(contract).nonce),
            (COUNTER.to_vec(), 1)
        );
        for count in 1..=3u64 {
            let call = TxEip1559 {
                nonce: count,
                to: to(AccountId20(contract.0)),
                ..blank()
            };
            let outcome = succeed(&alice.sign(call));
            assert_eq!(outcome.output, U256::from(count).to_be_bytes::<32>());
            assert_eq!(outcome.logs[0].data, outcome.output);
        }
        assert_eq!(
            Qevm::storage_at(contract, H256::zero()),
            H256(U256::from(3).to_be_bytes())
        );
        let block = Qevm::block();
        assert_eq!(block.transactions.len(), 4);
        assert_eq!(block.transactions[3].receipt.cumulative_gas_used, block.gas_used);
        assert_conserved();
    });
}

#[test]
fn a_post_quantum_account_binds_its_key_and_then_leaves_it_out() {
    for scheme in [
        SignatureScheme::MlDsa87,
        SignatureScheme::Falcon512,
        SignatureScheme::SphincsShake256f,
    ] {
        let alice = Quantum::new(scheme);
        test(&[alice.account()], || {
            let transfer = |nonce| TxEip1559 {
                nonce,
                to: to(AUTHOR),
                value: U256::ONE,
                ..blank()
            };
            let missing = apply(&alice.sign(transfer(0), false)).unwrap_err();
            assert_eq!(missing, InvalidTransaction::KEY_MISSING.into());
            let first = succeed(&alice.sign(transfer(0), true));
            let second = succeed(&alice.sign(transfer(1), false));
            let key = scheme.public_key_len() as u64;
            assert_eq!(first.gas_used - second.gas_used, 4 * key, "{scheme}");
            assert_eq!(nonce(alice.account()), 2);
            let mut forged = alice.sign(transfer(2), false);
            *forged.last_mut().unwrap() ^= 1;
            assert_eq!(
                apply(&forged).unwrap_err(),
                InvalidTransaction::BadProof.into(),
                "{scheme}"
            );
            assert_conserved();
        });
    }
}

#[test]
fn what_cannot_be_in_a_block_is_refused_with_the_reason_and_leaves_nothing() {
    let alice = Legacy::new(1);
    type Change = fn(&mut TxEip1559);
    let cases: [(Change, EvmErrorKind); 9] = [
        (|t| t.chain_id = 1, EvmErrorKind::WrongChainId),
        (|t| t.nonce = 1, EvmErrorKind::NonceTooHigh),
        (|t| t.value = U256::from(2 * ETHER), EvmErrorKind::InsufficientFunds),
        (|t| t.value = U256::MAX, EvmErrorKind::InsufficientFunds),
        (|t| t.gas_limit = 20_999, EvmErrorKind::IntrinsicGasTooLow),
        (|t| t.gas_limit = 30_000_001, EvmErrorKind::GasLimitTooHigh),
        (|t| t.max_fee_per_gas = GWEI - 1, EvmErrorKind::TipAboveFeeCap),
        (
            |t| (t.max_fee_per_gas, t.max_priority_fee_per_gas) = (GWEI - 1, 0),
            EvmErrorKind::FeeCapBelowBaseFee,
        ),
        (
            |t| (t.to, t.input, t.gas_limit) = (TxKind::Create, vec![0; 49_153].into(), 16_000_000),
            EvmErrorKind::InitCodeTooLarge,
        ),
    ];
    test(&[alice.account()], || {
        for (change, kind) in cases {
            let mut transaction = TxEip1559 {
                to: to(AUTHOR),
                ..blank()
            };
            change(&mut transaction);
            let envelope = alice.sign(transaction);
            let refused = apply(&envelope).expect_err(&format!("{kind:?}"));
            if kind != EvmErrorKind::NonceTooHigh {
                let words = Qevm::check_transaction(&envelope).expect_err(&format!("{kind:?}"));
                assert_eq!(words.kind, kind, "{}", words.message);
            }
            let number = match refused {
                TransactionValidityError::Invalid(reason) => reason,
                other => panic!("{other:?}"),
            };
            let expected = match kind {
                EvmErrorKind::NonceTooHigh => InvalidTransaction::Future,
                EvmErrorKind::InsufficientFunds => InvalidTransaction::Payment,
                other => InvalidTransaction::Custom(32 + other as u8),
            };
            assert_eq!(number, expected, "{kind:?}");
            assert_eq!((balance(alice.account()), nonce(alice.account())), (ETHER, 0));
        }
        succeed(&alice.sign(TxEip1559 {
            to: to(AUTHOR),
            ..blank()
        }));
        let again = alice.sign(TxEip1559 {
            to: to(AUTHOR),
            ..blank()
        });
        assert_eq!(apply(&again).unwrap_err(), InvalidTransaction::Stale.into());
        for garbage in [&[][..], &[0x02], &[0x03, 0xc0], &[0x71, 0xc0], &[0x05, 1], &[0xff; 40]] {
            assert!(apply(garbage).is_err());
        }
    });
}

#[test]
fn a_revert_is_in_the_block_and_pays() {
    let alice = Legacy::new(1);
    test(&[alice.account()], || {
        let made = succeed(&alice.sign(TxEip1559 {
            input: deploying(REVERTS).into(),
            ..blank()
        }));
        let contract = AccountId20(made.contract_address.unwrap().0);
        let before = balance(alice.account());
        let call = TxEip1559 {
            nonce: 1,
            to: to(contract),
            value: U256::from(7),
            ..blank()
        };
        let (_, outcome) = apply(&alice.sign(call)).unwrap();
        assert_eq!((outcome.status, outcome.output.len()), (EvmStatus::Revert, 32));
        assert_eq!(
            balance(alice.account()),
            before - u128::from(outcome.gas_used) * 2 * GWEI
        );
        assert_eq!((balance(contract), nonce(alice.account())), (0, 2));
        assert!(!Qevm::block().transactions[1].receipt.success);
        assert_conserved();
    });
}

#[test]
fn phases_refuse_what_a_quantum_computer_breaks() {
    let alice = Legacy::new(1);
    let quantum = Quantum::new(SignatureScheme::Falcon512);
    test(&[alice.account(), quantum.account()], || {
        let deploy = |nonce, code: &[u8]| TxEip1559 {
            nonce,
            input: deploying(code).into(),
            ..blank()
        };
        succeed(&alice.sign(deploy(0, RECOVERS)));
        let safety = Qevm::contract_safety(created(alice.account(), 0)).unwrap();
        assert!(safety.ecrecover && !safety.is_quantum_compatible);
        // What an earlier version of the analysis said does not count.
        let earlier = ContractSafety {
            version: safety.version - 1,
            ecrecover: false,
            is_quantum_compatible: true,
            ..safety.clone()
        };
        pallet_qevm::Safety::<Runtime>::insert(&safety.code_hash, earlier);
        assert_eq!(Qevm::contract_safety(created(alice.account(), 0)), Some(safety));

        pallet_system::Phase::<Runtime>::put(ChainPhase::Hybrid);
        let (_, refused) = apply(&alice.sign(deploy(1, RECOVERS))).unwrap();
        assert_eq!(refused.status, EvmStatus::Revert);
        assert!(String::from_utf8_lossy(&refused.output).contains("not quantum compatible"));
        assert_eq!(Qevm::code(created(alice.account(), 1)), Vec::<u8>::new());
        assert_eq!(nonce(alice.account()), 2);
        succeed(&alice.sign(deploy(2, COUNTER)));

        // A minimal proxy (EIP-1167) rests on what its target rests on.
        let mut proxy = vec![0x36, 0x3d, 0x3d, 0x37, 0x3d, 0x3d, 0x3d, 0x36, 0x3d, 0x73];
        proxy.extend_from_slice(&created(alice.account(), 0).0);
        proxy.extend_from_slice(&[
            0x5a, 0xf4, 0x3d, 0x82, 0x80, 0x3e, 0x90, 0x3d, 0x91, 0x60, 0x2b, 0x57, 0xfd, 0x5b, 0xf3,
        ]);
        let (_, refused) = apply(&alice.sign(deploy(3, &proxy))).unwrap();
        assert_eq!(refused.status, EvmStatus::Revert);

        pallet_system::Phase::<Runtime>::put(ChainPhase::QuantumOnly);
        let envelope = alice.sign(deploy(4, COUNTER));
        assert_eq!(apply(&envelope).unwrap_err(), InvalidTransaction::SCHEME_REFUSED.into());
        succeed(&quantum.sign(deploy(0, COUNTER), true));
        assert_conserved();
    });
}

#[test]
fn the_pool_orders_by_nonce_and_tip() {
    let alice = Legacy::new(1);
    test(&[alice.account()], || {
        let valid = |nonce, tip: u128| {
            let transaction = TxEip1559 {
                nonce,
                to: to(AUTHOR),
                max_fee_per_gas: 10 * GWEI,
                max_priority_fee_per_gas: tip,
                ..blank()
            };
            Qevm::validate_envelope(&alice.sign(transaction)).unwrap()
        };
        let (first, second) = (valid(0, GWEI), valid(1, GWEI));
        assert_eq!(first.requires, Vec::<Vec<u8>>::new());
        assert_eq!(second.requires, first.provides);
        assert_eq!(
            first.provides,
            [pallet_system::extensions::nonce_tag(&alice.account(), Nonce(0))]
        );
        assert!(valid(0, 2 * GWEI).priority > first.priority);
    });
}

#[test]
fn the_base_fee_follows_the_blocks() {
    let alice = Legacy::new(1);
    test(&[alice.account()], || {
        // An endless loop uses all of its gas.
        let spin = |nonce| TxEip1559 {
            nonce,
            gas_limit: 16_000_000,
            input: vec![0x5b, 0x60, 0x00, 0x56].into(),
            ..blank()
        };
        assert!(matches!(
            apply(&alice.sign(spin(0))).unwrap().1.status,
            EvmStatus::Halt(_)
        ));
        end(1);
        let expected = GWEI + GWEI * 1_000_000 / 15_000_000 / 8;
        assert_eq!(Qevm::next_base_fee(), expected);
        start(2);
        assert_eq!(Qevm::env().base_fee, expected);
        assert_eq!(Qevm::block().transactions, Vec::new());
        assert_eq!(H160(AUTHOR.0), Qevm::env().beneficiary);
    });
}

#[test]
#[should_panic(expected = "invalid block: its transactions use")]
fn a_block_over_its_gas_limit_is_invalid() {
    test(&[], || {
        pallet_qevm::GasUsed::<Runtime>::add(u128::from(gas_limit()) + 1);
        end(1);
    });
}
