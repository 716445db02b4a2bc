//! The post-quantum precompiles: real signatures, every wrong length, hashes, gas.

use crate::world::{World, no_key, word};
use pallet_qevm::precompiles::{PrecompileMap, QHASH512_DOMAIN};
use quids_core::H160;
use quids_crypto::{KeyPair, SignatureScheme};
use revm::primitives::{Address, hardfork::SpecId};

const MAP: PrecompileMap = PrecompileMap::QUIDS;
const MESSAGE: &[u8] = b"a message of more than thirty-two bytes";

/// Public key, and signature over [`MESSAGE`].
fn signed(at: H160) -> (Vec<u8>, Vec<u8>) {
    use libcrux_ml_dsa::{ml_dsa_44, ml_dsa_65};
    if at == MAP.ml_dsa_44 {
        let pair = ml_dsa_44::generate_key_pair([3; 32]);
        let signature = ml_dsa_44::sign(&pair.signing_key, MESSAGE, &[], [4; 32]).unwrap();
        return (pair.verification_key.as_ref().to_vec(), signature.as_ref().to_vec());
    }
    if at == MAP.ml_dsa_65 {
        let pair = ml_dsa_65::generate_key_pair([3; 32]);
        let signature = ml_dsa_65::sign(&pair.signing_key, MESSAGE, &[], [4; 32]).unwrap();
        return (pair.verification_key.as_ref().to_vec(), signature.as_ref().to_vec());
    }
    let scheme = match at {
        at if at == MAP.ml_dsa_87 => SignatureScheme::MlDsa87,
        at if at == MAP.falcon_512 => SignatureScheme::Falcon512,
        _ => SignatureScheme::SphincsShake256f,
    };
    let pair = KeyPair::from_seed(scheme, &[5; 32]).unwrap();
    (
        pair.public().as_bytes().to_vec(),
        pair.sign(MESSAGE).as_bytes().to_vec(),
    )
}

#[test]
fn signatures_verify_and_anything_else_is_zero() {
    let mut world = World::new(SpecId::OSAKA, no_key);
    for at in [
        MAP.ml_dsa_44,
        MAP.ml_dsa_65,
        MAP.ml_dsa_87,
        MAP.falcon_512,
        MAP.sphincs_shake_256f,
    ] {
        let (key, signature) = signed(at);
        let to = Address::new(at.0);
        let whole = [&key[..], &signature, MESSAGE].concat();
        assert_eq!(world.call(to, &whole), word(1), "{at:?}");
        let mut refused = |input: &[u8]| assert_eq!(world.call(to, input), word(0), "{at:?} {}", input.len());
        let fixed = key.len() + signature.len();
        for length in [0, 1, 31, 32, key.len() - 1, key.len(), key.len() + 1, fixed - 1, fixed] {
            refused(&whole[..length]);
        }
        refused(&whole[..whole.len() - 1]);
        refused(&[&whole[..], &[0]].concat());
        for place in [0, key.len() / 2, key.len(), fixed - 1, fixed, whole.len() - 1] {
            let mut wrong = whole.clone();
            wrong[place] ^= 1;
            refused(&wrong);
        }
    }
}

#[test]
fn hashes_are_the_chains() {
    let mut world = World::new(SpecId::OSAKA, no_key);
    for length in [0, 1, 31, 32, 33, 1024, 5000] {
        let data = vec![0xab; length];
        let blake3 = world.call(Address::new(MAP.blake3_256.0), &data);
        assert_eq!(blake3, quids_crypto::blake3_256(&data));
        let resistant = world.call(Address::new(MAP.quantum_resistant.0), &data);
        assert_eq!(resistant, quids_crypto::hash_quantum_resistant(QHASH512_DOMAIN, &data));
    }
}

#[test]
fn ml_dsa_costs_what_eip_8355_says() {
    let mut world = World::new(SpecId::OSAKA, no_key);
    for (at, base) in [(MAP.ml_dsa_44, 6_500), (MAP.ml_dsa_65, 9_000), (MAP.ml_dsa_87, 13_500)] {
        let (key, signature) = signed(at);
        let fixed = key.len() + signature.len();
        for (length, gas) in [
            (0, base),
            (fixed, base),
            (fixed + 1, base + 6),
            (fixed + 32, base + 6),
            (fixed + 33, base + 12),
        ] {
            // Zeros: 10 gas a byte of input by EIP-7623's floor, so the execution's own gas is looked at.
            let mut provider = world.precompiles.clone();
            assert_eq!(
                crate::known::gas(&mut provider, at, &vec![0; length]),
                gas,
                "{at:?} {length}"
            );
        }
        world.call(Address::new(at.0), &[]);
    }
}
