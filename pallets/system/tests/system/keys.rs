//! Binding and rotation of keys: who may, with which scheme, with which proof.

use crate::mock::*;
use pallet_system::{Account, Call, Error, Event, Keys};
use quids_core::{AccountId20, DispatchError, Hash};
use quids_crypto::{KeyPair, PublicKey, Signature, SignatureScheme, possession_message};
use quids_support::{dispatch::GetDispatchInfo, origin::Origin, system::SystemPort};
use quids_testing::{TestRuntime, assert_noop};

fn pair(scheme: SignatureScheme, seed: u8) -> KeyPair {
    KeyPair::from_seed(scheme, &[seed; 32]).unwrap()
}

fn proof(pair: &KeyPair, genesis: &Hash, account: &AccountId20) -> Signature {
    pair.sign(&possession_message(genesis, account, pair.public()))
}

fn bind(key: &PublicKey, proof: &Signature) -> Call<Runtime> {
    Call::bind_key {
        public_key: key.clone(),
        proof: proof.clone(),
    }
}

fn rotate(key: &PublicKey, proof: &Signature) -> Call<Runtime> {
    Call::rotate_key {
        public_key: key.clone(),
        proof: proof.clone(),
    }
}

const POST_QUANTUM: [SignatureScheme; 3] = [
    SignatureScheme::MlDsa87,
    SignatureScheme::Falcon512,
    SignatureScheme::SphincsShake256f,
];

#[test]
fn a_key_of_every_post_quantum_scheme_binds_once() {
    for scheme in POST_QUANTUM {
        let new = pair(scheme, 1);
        let proof = proof(&new, &GENESIS, &ALICE);
        test(|| {
            assert_noop!(
                Runtime::call(Origin::Signed(ALICE), rotate(new.public(), &proof)),
                Error::<Runtime>::NoKeyBound
            );
            Runtime::call(Origin::Signed(ALICE), bind(new.public(), &proof)).unwrap();
            assert_eq!(System::key(&ALICE).as_ref(), Some(new.public()));
            assert_eq!(Runtime::events(), [Event::KeyBound { account: ALICE, scheme }.into()]);
            assert_eq!(Account::<Runtime>::get(&ALICE).sufficients, 1);
            assert_noop!(
                Runtime::call(Origin::Signed(ALICE), bind(new.public(), &proof)),
                Error::<Runtime>::KeyAlreadyBound
            );
        });
    }
}

#[test]
fn a_bound_key_rotates_to_every_other_scheme() {
    for from in [SignatureScheme::MlDsa87, SignatureScheme::Falcon512] {
        for to in POST_QUANTUM {
            let (old, new) = (pair(from, 1), pair(to, 2));
            let (old_proof, proof) = (proof(&old, &GENESIS, &ALICE), proof(&new, &GENESIS, &ALICE));
            test(|| {
                System::bind(&ALICE, old.public());
                Runtime::call(Origin::Signed(ALICE), rotate(new.public(), &proof)).unwrap();
                assert_eq!(Keys::<Runtime>::get(&ALICE).as_ref(), Some(new.public()));
                assert_eq!(
                    Runtime::events().last(),
                    Some(
                        &Event::KeyRotated {
                            account: ALICE,
                            scheme: to
                        }
                        .into()
                    )
                );
                assert_noop!(
                    Runtime::call(Origin::Signed(ALICE), rotate(new.public(), &proof)),
                    Error::<Runtime>::KeyUnchanged
                );
                // And back: the account's first key is nothing special.
                Runtime::call(Origin::Signed(ALICE), rotate(old.public(), &old_proof)).unwrap();
                assert_eq!(Account::<Runtime>::get(&ALICE).sufficients, 1);
            });
        }
    }
}

#[test]
fn only_origins_with_an_account_bind() {
    let new = pair(SignatureScheme::Falcon512, 1);
    let proof = proof(&new, &GENESIS, &ALICE);
    for origin in [Origin::None, Origin::Root] {
        test(|| {
            assert_noop!(
                Runtime::call(origin, bind(new.public(), &proof)),
                DispatchError::BadOrigin
            );
            assert_noop!(
                Runtime::call(origin, rotate(new.public(), &proof)),
                DispatchError::BadOrigin
            );
        });
    }
}

#[test]
fn a_proof_must_be_by_the_new_key_for_this_account_and_chain() {
    let falcon = pair(SignatureScheme::Falcon512, 1);
    let other = pair(SignatureScheme::Falcon512, 2);
    let dilithium = pair(SignatureScheme::MlDsa87, 1);
    let legacy = pair(SignatureScheme::Secp256k1, 1);
    let message = possession_message(&GENESIS, &ALICE, falcon.public());
    let short = PublicKey::Falcon512(falcon.public().as_bytes()[1..].try_into().unwrap());
    let cases = [
        (
            "another key",
            falcon.public().clone(),
            other.sign(&message),
            Error::InvalidProof,
        ),
        (
            "another scheme",
            falcon.public().clone(),
            dilithium.sign(&message),
            Error::InvalidProof,
        ),
        (
            "another account",
            falcon.public().clone(),
            proof(&falcon, &GENESIS, &AccountId20([2; 20])),
            Error::InvalidProof,
        ),
        (
            "another chain",
            falcon.public().clone(),
            proof(&falcon, &Hash::repeat_byte(8), &ALICE),
            Error::InvalidProof,
        ),
        (
            "another message",
            falcon.public().clone(),
            falcon.sign(b"hello"),
            Error::InvalidProof,
        ),
        ("a short key", short, falcon.sign(&message), Error::InvalidProof),
        (
            "an empty proof",
            falcon.public().clone(),
            Signature::Falcon512(Default::default()),
            Error::InvalidProof,
        ),
        (
            "a legacy key",
            legacy.public().clone(),
            proof(&legacy, &GENESIS, &ALICE),
            Error::<Runtime>::NotPostQuantum,
        ),
    ];
    for (what, key, proof, error) in cases {
        test(|| {
            println!("{what}");
            let error = DispatchError::from(error);
            assert_noop!(Runtime::call(Origin::Signed(ALICE), bind(&key, &proof)), error);
            System::bind(&ALICE, other.public());
            assert_noop!(Runtime::call(Origin::Signed(ALICE), rotate(&key, &proof)), error);
        });
    }
}

#[test]
fn verification_is_weighed_by_scheme() {
    let weight = |scheme| {
        let new = pair(scheme, 1);
        let signature = Signature::Falcon512(Default::default());
        RuntimeCall::from(bind(new.public(), &signature))
            .dispatch_info()
            .weight
            .ref_time
    };
    assert!(weight(SignatureScheme::Falcon512) < weight(SignatureScheme::MlDsa87));
    assert!(weight(SignatureScheme::MlDsa87) < weight(SignatureScheme::SphincsShake256f));
}

#[test]
fn every_call_has_a_benchmark_or_a_reason() {
    quids_testing::check_benchmarks::<Runtime, System>(quids_testing::TestExternalities::default);
}
