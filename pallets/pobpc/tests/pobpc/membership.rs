//! Becoming a validator, staying one, ceasing to be one; and the parameters.

use crate::mock::*;
use pallet_pobpc::{
    Active, Call, ConsensusKeys, CurrentParameters, Error, Event, KeyOwner, Parameters, VALIDATORS_MAX, Validators,
};
use quids_api::pobpc::ValidatorStatus;
use quids_core::{AccountId20, Balance, DispatchError, Hash, Height};
use quids_crypto::{KeyPair, PublicKey, SignatureScheme};
use quids_pobpc::{Role, Threshold, registration_message};
use quids_support::origin::Origin;
use quids_testing::{TestRuntime, assert_noop};
use serde_json::json;

const BOND: Balance = Balance(100 * MICRO);

/// The call by which this account registers with this key.
fn register_as(who: AccountId20, pair: &KeyPair, role: Role, bond: Balance) -> Call<Runtime> {
    let key = pair.public().clone();
    let proof = pair.sign(&registration_message(&GENESIS, &who, &key));
    Call::register {
        key,
        role,
        proof,
        bond,
        commitment: None,
    }
}

fn register(number: u8, role: Role) -> Call<Runtime> {
    register_as(account(number), key(number), role, BOND)
}

fn by(number: u8) -> Origin {
    Origin::Signed(account(number))
}

fn balances(number: u8) -> (u128, u128) {
    let data = pallet_system::Account::<Runtime>::get(&account(number)).data;
    (data.free.0 / MICRO, data.reserved.0 / MICRO)
}

fn seated() -> Vec<u8> {
    next().accounts.iter().map(|one| one.0[0]).collect()
}

#[test]
fn who_registers_sits_after_an_epoch_more() {
    with_validators("ffff", || {
        block(|| {
            Runtime::take_events();
            Runtime::call(by(9), register(9, Role::Witness)).unwrap();
            let registered = Event::Registered {
                account: account(9),
                role: Role::Witness,
                bond: BOND,
            };
            assert!(Runtime::take_events().contains(&registered.into()));
        });
        assert_eq!(balances(9), (900, 100));
        // The end of height 5 sees it, and that of 10 lets it count.
        while height() < Height(9) {
            assert_eq!(seated(), [1, 2, 3, 4]);
            block(|| ());
        }
        block(|| ());
        assert_eq!(seated(), [1, 2, 3, 4, 9]);
        assert_eq!(next().committee.seats()[4].role, Role::Witness);
        // ML-DSA-87 may vote too.
        let pair = KeyPair::from_seed(SignatureScheme::MlDsa87, &[10; 32]).unwrap();
        block(|| Runtime::call(by(10), register_as(account(10), &pair, Role::Full, BOND)).unwrap());
        blocks(10);
        assert_eq!(seated(), [1, 2, 3, 4, 9, 10]);
        assert_eq!(Pobpc::author_of(pair.public()), Some(account(10)));
    });
}

#[test]
fn only_who_holds_the_key_and_the_bond_registers() {
    with_validators("ffff", || {
        start(account(1));
        let other = |change: &dyn Fn(&mut Call<Runtime>)| {
            let mut call = register(9, Role::Full);
            change(&mut call);
            call
        };
        assert_noop!(
            Runtime::call(by(8), register(9, Role::Full)),
            Error::<Runtime>::InvalidProof
        );
        assert_noop!(
            Runtime::call(by(1), register(9, Role::Full)),
            Error::<Runtime>::AlreadyValidator
        );
        let taken = register_as(account(9), key(3), Role::Full, BOND);
        assert_noop!(Runtime::call(by(9), taken), Error::<Runtime>::KeyTaken);
        let small = register_as(account(9), key(9), Role::Full, Balance(BOND.0 - 1));
        assert_noop!(Runtime::call(by(9), small), Error::<Runtime>::BondTooSmall);
        let large = register_as(account(9), key(9), Role::Full, Balance(1001 * MICRO));
        assert_noop!(
            Runtime::call(by(9), large),
            pallet_balances::Error::<Runtime>::InsufficientBalance
        );
        for scheme in [SignatureScheme::Secp256k1, SignatureScheme::SphincsShake256f] {
            let slow = other(&|call| {
                if let Call::register { key, .. } = call {
                    *key = PublicKey::new(scheme, &vec![2; scheme.public_key_len()]).unwrap();
                }
            });
            assert_noop!(Runtime::call(by(9), slow), Error::<Runtime>::KeyScheme);
        }
        // A proof for another chain.
        let elsewhere = other(&|call| {
            if let Call::register { key: public, proof, .. } = call {
                let message = registration_message(&Hash::repeat_byte(8), &account(9), public);
                *proof = key(9).sign(&message);
            }
        });
        assert_noop!(Runtime::call(by(9), elsewhere), Error::<Runtime>::InvalidProof);
        for origin in [Origin::Root, Origin::None] {
            assert_noop!(Runtime::call(origin, register(9, Role::Full)), DispatchError::BadOrigin);
        }
        Runtime::call(by(9), register(9, Role::Full)).unwrap();
        assert_noop!(
            Runtime::call(by(9), register(9, Role::Full)),
            Error::<Runtime>::AlreadyValidator
        );
        let few = Active::<Runtime>::get();
        let mut many = few.clone();
        many.resize(VALIDATORS_MAX, many[0]);
        Active::<Runtime>::put(many);
        assert_noop!(
            Runtime::call(by(8), register(8, Role::Full)),
            Error::<Runtime>::TooManyValidators
        );
        Active::<Runtime>::put(few);
    });
    // Nobody turns a chain of one node into one that waits for votes.
    with_genesis(json!({}), || {
        start_with(None, Vec::new());
        assert_noop!(
            Runtime::call(by(9), register(9, Role::Full)),
            Error::<Runtime>::NoConsensus
        );
    });
}

#[test]
fn who_leaves_gets_the_bond_back_when_no_evidence_counts_any_more() {
    with_validators("fffff", || {
        block(|| {
            assert_noop!(Runtime::call(by(9), Call::leave {}), Error::<Runtime>::NoValidator);
            assert_noop!(Runtime::call(by(5), Call::withdraw {}), Error::<Runtime>::TooEarly);
            Runtime::call(by(5), Call::leave {}).unwrap();
            assert_noop!(Runtime::call(by(5), Call::leave {}), Error::<Runtime>::Leaving);
            assert_noop!(
                Runtime::call(by(5), Call::bond_more { amount: BOND }),
                Error::<Runtime>::Leaving
            );
            assert_noop!(Runtime::call(by(5), Call::unjail {}), Error::<Runtime>::NotJailed);
        });
        let status = Validators::<Runtime>::get(&account(5)).unwrap().status;
        assert_eq!(status, ValidatorStatus::Leaving { until: Height(41) });
        while height() < Height(9) {
            assert_eq!(seated(), [1, 2, 3, 4, 5]);
            block(|| ());
        }
        block(|| ());
        assert_eq!(seated(), [1, 2, 3, 4]);
        while height() < Height(40) {
            block(|| ());
        }
        start(account(1));
        pallet_system::Number::<Runtime>::put(Height(40));
        assert_noop!(Runtime::call(by(5), Call::withdraw {}), Error::<Runtime>::TooEarly);
        pallet_system::Number::<Runtime>::put(Height(41));
        assert_eq!(balances(5), (900, 100));
        Runtime::call(by(5), Call::withdraw {}).unwrap();
        assert_eq!(balances(5), (1000, 0));
        assert_eq!(Pobpc::author_of(key(5).public()), None);
        assert!(!Validators::<Runtime>::contains_key(&account(5)));
        assert_eq!(
            (
                ConsensusKeys::<Runtime>::get(&account(5)),
                KeyOwner::<Runtime>::iter().count()
            ),
            (None, 4)
        );
        assert_noop!(Runtime::call(by(5), Call::withdraw {}), Error::<Runtime>::NoValidator);
        // And may come again, with the same key.
        Runtime::call(by(5), register(5, Role::Witness)).unwrap();
    });
}

#[test]
fn full_nodes_that_a_committee_needs_stay() {
    for (roles, leaves, may) in [
        ("f", 1, false),
        ("fw", 1, false),
        ("fw", 2, true),
        ("ff", 1, true),
        ("ffwww", 1, false),
        ("ffwww", 3, true),
        ("ffww", 1, true),
        ("fffwwww", 1, true),
        ("fffwwwww", 1, false),
    ] {
        with_validators(roles, || {
            start(next().accounts[0]);
            match may {
                true => Runtime::call(by(leaves), Call::leave {}).unwrap(),
                false => assert_noop!(Runtime::call(by(leaves), Call::leave {}), Error::<Runtime>::Needed),
            }
        });
    }
}

#[test]
fn bonds_grow() {
    with_validators("ffff", || {
        start(account(1));
        Runtime::call(by(2), Call::bond_more { amount: BOND }).unwrap();
        assert_eq!(balances(2), (800, 200));
        assert_eq!(
            Validators::<Runtime>::get(&account(2)).unwrap().bond,
            Balance(200 * MICRO)
        );
        let too_much = Call::bond_more {
            amount: Balance(u128::MAX - 1),
        };
        assert!(Runtime::call(by(2), too_much).is_err());
        assert_noop!(
            Runtime::call(by(9), Call::bond_more { amount: BOND }),
            Error::<Runtime>::NoValidator
        );
    });
}

#[test]
fn root_sets_parameters_and_only_raises_the_threshold() {
    with_validators("fffff", || {
        block(|| {
            let set = |change: &dyn Fn(&mut Parameters)| {
                let mut parameters = CurrentParameters::<Runtime>::get();
                change(&mut parameters);
                Call::<Runtime>::set_parameters { parameters }
            };
            let fewer = |of: &mut Parameters| of.witness_count = 4;
            assert_noop!(Runtime::call(by(1), set(&fewer)), DispatchError::BadOrigin);
            for wrong in [
                &(|of: &mut Parameters| of.witness_count = 0) as &dyn Fn(&mut Parameters),
                &|of| of.witness_count = 129,
                &|of| of.batch_interval = 49,
                &|of| of.batch_interval = 600_001,
                &|of| of.max_transactions = 0,
                &|of| of.max_transactions = 1001,
            ] {
                assert_noop!(
                    Runtime::call(Origin::Root, set(wrong)),
                    Error::<Runtime>::ParameterOutOfRange
                );
            }
            let raise = |of: &mut Parameters| of.consensus_threshold = Threshold::new(800_000).unwrap();
            Runtime::call(Origin::Root, set(&raise)).unwrap();
            let lower = |of: &mut Parameters| of.consensus_threshold = Threshold::DEFAULT;
            assert_noop!(
                Runtime::call(Origin::Root, set(&lower)),
                Error::<Runtime>::ThresholdLowered
            );
            Runtime::call(Origin::Root, set(&fewer)).unwrap();
            Runtime::call(Origin::Root, set(&|of| of.max_transactions = 300)).unwrap();
        });
        // For the next height, as the header says (`block` compares).
        let next = next();
        assert_eq!(next.threshold, Threshold::new(800_000).unwrap());
        assert_eq!((next.committee.seats().len(), next.max_transactions), (4, 300));
    });
}
