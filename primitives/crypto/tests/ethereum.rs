//! Ethereum's operations and the smaller sets of ML-DSA: total on any input, and right by a second implementation.
//! What the operations answer is tested in `pallets/qevm/tests/precompiles`, beside revm's own.

use fips204::traits::{SerDes, Signer, Verifier};
use proptest::prelude::*;
use quids_crypto::{EthereumOperation as Op, MODEXP_INPUT_MAX, MlDsaLevel, ethereum_operation, verify_ml_dsa};

/// Bytes of an answer; `None` where that depends on the input.
fn answer_len(operation: Op) -> Option<usize> {
    Some(match operation {
        Op::Sha256 | Op::Ripemd160 | Op::Secp256k1Recover => 32,
        Op::ModExp => return None,
        Op::Bn254Add | Op::Bn254Mul | Op::Blake2F => 64,
        Op::Bn254Pairing | Op::Secp256r1Verify | Op::KzgVerify | Op::Bls12Pairing => 1,
        Op::Bls12G1Add | Op::Bls12G1Msm | Op::Bls12MapFpToG1 => 96,
        Op::Bls12G2Add | Op::Bls12G2Msm | Op::Bls12MapFp2ToG2 => 192,
    })
}

/// Whether the operation may answer an input of this length.
fn takes(operation: Op, length: usize) -> bool {
    match operation {
        Op::Sha256 | Op::Ripemd160 => true,
        Op::Secp256k1Recover => length == 97,
        Op::ModExp => length >= 12,
        Op::Bn254Add => length == 128,
        Op::Bn254Mul => length == 96,
        Op::Bn254Pairing => length.is_multiple_of(192),
        Op::Blake2F => length == 213,
        Op::Secp256r1Verify | Op::KzgVerify => length == 160,
        Op::Bls12G1Add => length == 192,
        Op::Bls12G1Msm => length > 0 && length.is_multiple_of(128),
        Op::Bls12G2Add => length == 384,
        Op::Bls12G2Msm => length > 0 && length.is_multiple_of(224),
        Op::Bls12Pairing => length > 0 && length.is_multiple_of(288),
        Op::Bls12MapFpToG1 => length == 48,
        Op::Bls12MapFp2ToG2 => length == 96,
    }
}

fn check(operation: Op, input: &[u8]) {
    let answer = ethereum_operation(operation, input);
    if !takes(operation, input.len()) {
        assert_eq!(answer, None, "{operation:?} of {} bytes", input.len());
    }
    if let (Some(answer), Some(length)) = (answer, answer_len(operation)) {
        assert_eq!(answer.len(), length, "{operation:?}");
    }
}

#[test]
fn numbers_are_those_of_the_abi() {
    for (number, operation) in (0..).zip(Op::ALL) {
        assert_eq!((operation.number(), Op::from_number(number)), (number, Some(operation)));
    }
    assert_eq!(Op::from_number(17), None);
    assert_eq!(Op::from_number(u32::MAX), None);
    for level in MlDsaLevel::ALL {
        assert_eq!(MlDsaLevel::from_number(level.number()), Some(level));
    }
    assert_eq!(MlDsaLevel::from_number(0), None);
}

#[test]
fn every_length_is_answered_or_refused() {
    for operation in Op::ALL {
        for length in 0..600 {
            // Rounds and lengths in front stay small: zeros, then ones.
            let mut input = vec![0; length];
            check(operation, &input);
            input.iter_mut().skip(12).for_each(|byte| *byte = 0xff);
            check(operation, &input);
        }
    }
}

#[test]
fn lengths_of_modexp_that_lie_are_refused() {
    let modexp = |lengths: [u32; 3], rest: &[u8]| {
        let header: Vec<u8> = lengths.iter().flat_map(|length| length.to_le_bytes()).collect();
        ethereum_operation(Op::ModExp, &[&header, rest].concat())
    };
    assert_eq!(modexp([1, 1, 1], &[3, 2, 5]), Some(vec![4]));
    assert_eq!(modexp([1, 1, 1], &[5, 2, 5]), Some(vec![]), "zero has no bytes");
    assert_eq!(modexp([0, 0, 1], &[2]), Some(vec![1]));
    assert_eq!(modexp([0, 0, 1], &[1]), Some(vec![]));
    assert_eq!(modexp([1, 1, 2], &[5, 2, 0, 0]), Some(vec![]), "modulo zero");
    assert_eq!(modexp([0, 0, 0], &[]), Some(vec![]));
    assert_eq!(modexp([1, 1, 1], &[3, 2]), None);
    assert_eq!(modexp([1, 1, 1], &[3, 2, 5, 0]), None);
    for wrong in [[u32::MAX, 1, 1], [1, u32::MAX, 1], [1, 1, u32::MAX], [u32::MAX; 3]] {
        assert_eq!(modexp(wrong, &[3, 2, 5]), None);
    }
    assert_eq!(ethereum_operation(Op::ModExp, &vec![0; MODEXP_INPUT_MAX + 1]), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn noise_never_panics(operation in 0..Op::ALL.len(), mut input in proptest::collection::vec(any::<u8>(), 0..700)) {
        let operation = Op::ALL[operation];
        if operation == Op::Blake2F {
            input.iter_mut().take(2).for_each(|byte| *byte = 0);
        }
        check(operation, &input);
    }

    #[test]
    fn modexp_is_that_of_big_integers(base in any::<u64>(), exponent in 0_u32..200, modulus in 1_u64..) {
        let mut expected = 1 % u128::from(modulus);
        for _ in 0..exponent {
            expected = expected * u128::from(base) % u128::from(modulus);
        }
        let header = [8_u32, 4, 8].map(u32::to_le_bytes).concat();
        let input = [&header[..], &base.to_be_bytes(), &exponent.to_be_bytes(), &modulus.to_be_bytes()].concat();
        let answer = ethereum_operation(Op::ModExp, &input).unwrap();
        prop_assert!(answer.first() != Some(&0));
        prop_assert_eq!(answer.iter().fold(0, |number, byte| number << 8 | u128::from(*byte)), expected);
    }
}

/// RustCrypto's verdict on the input of P256VERIFY.
fn p256_verdict(input: &[u8; 160]) -> bool {
    use p256::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier};
    let (hash, rest) = input.split_at(32);
    let (signature, key) = rest.split_at(64);
    let key = p256::EncodedPoint::from_untagged_bytes(key.into());
    let key = VerifyingKey::from_encoded_point(&key);
    let signature = Signature::from_slice(signature);
    key.is_ok_and(|key| signature.is_ok_and(|signature| key.verify_prehash(hash, &signature).is_ok()))
}

/// Validity of a block hangs on this: signatures, both of a pair (s and n - s), and what is at the edge of every field.
#[test]
fn secp256r1_is_that_of_rustcrypto() {
    use p256::ecdsa::{Signature, SigningKey, signature::hazmat::PrehashSigner};
    let number = |text: &str| -> [u8; 32] { hex::decode(text).unwrap().try_into().unwrap() };
    let order = number("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let below_order = number("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550");
    let prime = number("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    let one: [u8; 32] = core::array::from_fn(|at| u8::from(at == 31));
    let edges = [[0; 32], one, below_order, order, prime, [0xff; 32]];
    let mut accepted = 0;
    let mut agree = |input: [u8; 160]| {
        let expected = p256_verdict(&input);
        accepted += u32::from(expected);
        let answer = ethereum_operation(Op::Secp256r1Verify, &input);
        assert_eq!(answer, Some(vec![expected.into()]), "{}", hex::encode(input));
    };
    for seed in 1..=40u8 {
        let secret = SigningKey::from_slice(&[seed; 32]).unwrap();
        let point = secret.verifying_key().to_encoded_point(false);
        let hash = *edges.get(usize::from(seed)).unwrap_or(&[seed; 32]);
        let signature: Signature = secret.sign_prehash(&hash).unwrap();
        let (r, s) = signature.split_scalars();
        let other = Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
        for signature in [signature, other] {
            let parts = [&hash[..], &signature.to_bytes(), &point.as_bytes()[1..]].concat();
            let good: [u8; 160] = parts.try_into().unwrap();
            agree(good);
            for at in (usize::from(seed) % 7..160).step_by(7) {
                let mut bad = good;
                bad[at] ^= 1 << (seed % 8);
                agree(bad);
            }
            for field in 0..5 {
                for edge in edges {
                    let mut bad = good;
                    bad[field * 32..][..32].copy_from_slice(&edge);
                    agree(bad);
                }
            }
        }
    }
    assert!(accepted >= 80, "{accepted}");
}

/// Keys and signatures of fips204 verify here, those of libcrux there, and whatever is changed in neither.
macro_rules! exchange {
    ($name:ident, $fips:ident, $libcrux:ident, $level:expr) => {
        #[test]
        fn $name() {
            use fips204::$fips as fips;
            use libcrux_ml_dsa::$libcrux as libcrux;
            let level = $level;
            for seed in 0..20_u8 {
                let message = vec![seed; usize::from(seed) * 7];
                let (public, secret) = <fips::KG as fips204::traits::KeyGen>::keygen_from_seed(&[seed; 32]);
                let mut signature = secret.try_sign_with_seed(&[seed; 32], &message, &[]).unwrap();
                let key = public.clone().into_bytes();
                assert_eq!(
                    (key.len(), signature.len()),
                    (level.public_key_len(), level.signature_len())
                );
                assert!(verify_ml_dsa(level, &key, &message, &signature));
                assert!(!verify_ml_dsa(level, &key, b"another", &signature));
                for other in MlDsaLevel::ALL.into_iter().filter(|other| *other != level) {
                    assert!(!verify_ml_dsa(other, &key, &message, &signature));
                }

                let pair = libcrux::generate_key_pair([seed; 32]);
                assert_eq!(pair.verification_key.as_ref()[..], key, "one seed, one key");
                let theirs = libcrux::sign(&pair.signing_key, &message, &[], [seed; 32]).unwrap();
                assert!(public.verify(&message, theirs.as_ref(), &[]));

                // Any one bit counts, in both alike: in c̃, in z, in the hints.
                let last = signature.len() - 1;
                for place in [0, 31, 32, last / 2, last - 60, last - 1, last] {
                    signature[place] ^= 1 << (seed % 8);
                    let verdict = verify_ml_dsa(level, &key, &message, &signature);
                    assert_eq!(verdict, public.verify(&message, &signature, &[]), "byte {place}");
                    assert!(!verdict);
                    signature[place] ^= 1 << (seed % 8);
                }
                assert!(!verify_ml_dsa(level, &key[1..], &message, &signature));
                assert!(!verify_ml_dsa(level, &key, &message, &signature[..last]));
            }
        }
    };
}

exchange!(ml_dsa_44_agrees_with_fips204, ml_dsa_44, ml_dsa_44, MlDsaLevel::MlDsa44);
exchange!(ml_dsa_65_agrees_with_fips204, ml_dsa_65, ml_dsa_65, MlDsaLevel::MlDsa65);
exchange!(ml_dsa_87_agrees_with_fips204, ml_dsa_87, ml_dsa_87, MlDsaLevel::MlDsa87);
