//! revm's cryptography by the host gives what revm's own gives, on inputs that are right and wrong.

use pallet_qevm::HostCrypto;
use proptest::prelude::*;
use revm::precompile::{Crypto, DefaultCrypto, PrecompileHalt, bls12_381::G1Point, bls12_381::G2Point};

/// Reasons may differ: what a transaction sees does not.
#[track_caller]
fn same<T: PartialEq + std::fmt::Debug>(ours: Result<T, PrecompileHalt>, theirs: Result<T, PrecompileHalt>) {
    assert_eq!(ours.ok(), theirs.ok());
}

/// A point of BN254's G1 for any scalar.
fn bn_g1(scalar: &[u8; 32]) -> [u8; 64] {
    let mut generator = [0; 64];
    (generator[31], generator[63]) = (1, 2);
    DefaultCrypto.bn254_g1_mul(&generator, scalar).unwrap()
}

/// A field element of BLS12-381 from bytes: below the modulus.
fn fp(mut bytes: [u8; 48]) -> [u8; 48] {
    bytes[0] &= 0x0f;
    bytes
}

fn g1_point(seed: [u8; 48]) -> G1Point {
    let point = DefaultCrypto.bls12_381_fp_to_g1(&fp(seed)).unwrap();
    let (x, y) = point.split_at(48);
    (x.try_into().unwrap(), y.try_into().unwrap())
}

fn g2_point(seed: [u8; 48]) -> G2Point {
    let point = DefaultCrypto.bls12_381_fp2_to_g2((fp(seed), fp(seed))).unwrap();
    let mut parts = point.chunks(48).map(|part| <[u8; 48]>::try_from(part).unwrap());
    let mut next = || parts.next().unwrap();
    (next(), next(), next(), next())
}

/// The point with the second coordinate negated: `p − y`.
fn negated((x, y): G1Point) -> G1Point {
    const P: &str = "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab";
    let p = revm::primitives::hex::decode(P).unwrap();
    let (mut out, mut borrow) = ([0; 48], 0);
    for index in (0..48).rev() {
        let difference = i16::from(p[index]) - i16::from(y[index]) - borrow;
        borrow = i16::from(difference < 0);
        out[index] = difference.rem_euclid(256) as u8;
    }
    (x, out)
}

fn bytes48() -> impl Strategy<Value = [u8; 48]> {
    proptest::collection::vec(any::<u8>(), 48).prop_map(|bytes| bytes.try_into().unwrap())
}

fn bytes64() -> impl Strategy<Value = [u8; 64]> {
    proptest::collection::vec(any::<u8>(), 64).prop_map(|bytes| bytes.try_into().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn hashes_and_compression(
        data in proptest::collection::vec(any::<u8>(), 0..300),
        rounds in 0_u32..40, h in any::<[u64; 8]>(), m in any::<[u64; 16]>(), t in any::<[u64; 2]>(), last in any::<bool>(),
    ) {
        prop_assert_eq!(HostCrypto.sha256(&data), DefaultCrypto.sha256(&data));
        prop_assert_eq!(HostCrypto.ripemd160(&data), DefaultCrypto.ripemd160(&data));
        let (mut ours, mut theirs) = (h, h);
        HostCrypto.blake2_compress(rounds, &mut ours, &m, &t, last);
        DefaultCrypto.blake2_compress(rounds, &mut theirs, &m, &t, last);
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn recovery_and_secp256r1(hash in any::<[u8; 32]>(), noise in bytes64(), seed in any::<[u8; 32]>(), id in 0_u8..4) {
        same(HostCrypto.secp256k1_ecrecover(&noise, id, &hash), DefaultCrypto.secp256k1_ecrecover(&noise, id, &hash));
        let pair = quids_crypto::KeyPair::from_seed(quids_crypto::SignatureScheme::Secp256k1, &seed).unwrap();
        let signature: [u8; 65] = pair.sign(&hash).as_bytes().try_into().unwrap();
        let (signature, id) = (signature[..64].try_into().unwrap(), signature[64]);
        let hash = quids_io::hashing::keccak_256(&hash);
        let found = HostCrypto.secp256k1_ecrecover(&signature, id, &hash).unwrap();
        prop_assert_eq!(&found[12..], &pair.account_id().0);
        same(Ok(found), DefaultCrypto.secp256k1_ecrecover(&signature, id, &hash));
        prop_assert_eq!(
            HostCrypto.secp256r1_verify_signature(&hash, &noise, &signature),
            DefaultCrypto.secp256r1_verify_signature(&hash, &noise, &signature)
        );
    }

    #[test]
    fn modular_powers(
        base in proptest::collection::vec(any::<u8>(), 0..80),
        exponent in proptest::collection::vec(any::<u8>(), 0..80),
        mut modulus in proptest::collection::vec(any::<u8>(), 0..80),
        zeros in 0_usize..3, even in any::<bool>(),
    ) {
        modulus.iter_mut().take(zeros).for_each(|byte| *byte = 0);
        if even && let Some(last) = modulus.last_mut() { *last &= 0xf0; }
        let trimmed = |power: Result<Vec<u8>, PrecompileHalt>| {
            power.map(|power| power.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<_>>())
        };
        let ours = HostCrypto.modexp(&base, &exponent, &modulus);
        if modulus.iter().any(|byte| *byte != 0) {
            same(trimmed(ours), trimmed(DefaultCrypto.modexp(&base, &exponent, &modulus)));
        } else {
            prop_assert_eq!(ours, Ok(vec![]), "everything is zero modulo zero, in Ethereum");
        }
    }

    #[test]
    fn bn254(a in any::<[u8; 32]>(), b in any::<[u8; 32]>(), scalar in any::<[u8; 32]>(), noise in bytes64()) {
        let (a, b) = (bn_g1(&a), bn_g1(&b));
        for (one, other) in [(&a, &b), (&a, &a), (&a, &[0; 64]), (&a, &noise), (&noise, &b)] {
            same(HostCrypto.bn254_g1_add(one, other), DefaultCrypto.bn254_g1_add(one, other));
        }
        for point in [&a, &[0; 64], &noise] {
            same(HostCrypto.bn254_g1_mul(point, &scalar), DefaultCrypto.bn254_g1_mul(point, &scalar));
        }
        let wrong = [&noise[..], &noise].concat();
        let infinity = [0; 128];
        for pairs in [&[][..], &[(&a[..], &infinity[..])], &[(&a[..], &wrong[..])], &[(&noise[..], &infinity[..])]] {
            same(HostCrypto.bn254_pairing_check(pairs), DefaultCrypto.bn254_pairing_check(pairs));
        }
    }

    #[test]
    fn bls12_381(one in bytes48(), other in bytes48(), scalar in any::<[u8; 32]>(), noise in bytes48()) {
        let (a, b) = (g1_point(one), g1_point(other));
        let zero = ([0; 48], [0; 48]);
        for pair in [(a, b), (a, a), (a, zero), (a, negated(a)), (a, (noise, noise)), ((noise, a.1), b)] {
            same(HostCrypto.bls12_381_g1_add(pair.0, pair.1), DefaultCrypto.bls12_381_g1_add(pair.0, pair.1));
        }
        let (c, d) = (g2_point(one), g2_point(other));
        let zero2 = ([0; 48], [0; 48], [0; 48], [0; 48]);
        for pair in [(c, d), (c, c), (c, zero2), (c, (noise, noise, noise, noise))] {
            same(HostCrypto.bls12_381_g2_add(pair.0, pair.1), DefaultCrypto.bls12_381_g2_add(pair.0, pair.1));
        }
        for points in [vec![a], vec![a, b], vec![a, zero], vec![a, (noise, noise)], vec![a; 5]] {
            let pairs = || points.iter().map(|point| Ok((*point, scalar)));
            same(HostCrypto.bls12_381_g1_msm(&mut pairs()), DefaultCrypto.bls12_381_g1_msm(&mut pairs()));
        }
        for points in [vec![c], vec![c, d], vec![c, zero2], vec![c, (noise, noise, noise, noise)]] {
            let pairs = || points.iter().map(|point| Ok((*point, scalar)));
            same(HostCrypto.bls12_381_g2_msm(&mut pairs()), DefaultCrypto.bls12_381_g2_msm(&mut pairs()));
        }
        let mut failing = [Err(PrecompileHalt::Bls12381FpPaddingInvalid)].into_iter();
        prop_assert_eq!(HostCrypto.bls12_381_g1_msm(&mut failing), Err(PrecompileHalt::Bls12381FpPaddingInvalid));

        prop_assert_eq!(HostCrypto.bls12_381_pairing_check(&[(a, c), (negated(a), c)]), Ok(true));
        for pairs in [vec![(a, c)], vec![(a, c), (b, d)], vec![(a, zero2)], vec![(zero, c)], vec![((noise, noise), c)]] {
            same(HostCrypto.bls12_381_pairing_check(&pairs), DefaultCrypto.bls12_381_pairing_check(&pairs));
        }
        for element in [one, fp(one), [0xff; 48]] {
            same(HostCrypto.bls12_381_fp_to_g1(&element), DefaultCrypto.bls12_381_fp_to_g1(&element));
            let pair = (element, fp(other));
            same(HostCrypto.bls12_381_fp2_to_g2(pair), DefaultCrypto.bls12_381_fp2_to_g2(pair));
        }
    }

    #[test]
    fn kzg(z in any::<[u8; 32]>(), y in any::<[u8; 32]>(), commitment in bytes48(), proof in bytes48()) {
        let mut infinity = [0; 48];
        infinity[0] = 0xc0;
        let below = |mut scalar: [u8; 32]| { scalar[0] &= 0x3f; scalar };
        let check = |z: [u8; 32], y: [u8; 32], commitment: &[u8; 48], proof: &[u8; 48]| same(
            HostCrypto.verify_kzg_proof(&z, &y, commitment, proof),
            DefaultCrypto.verify_kzg_proof(&z, &y, commitment, proof),
        );
        prop_assert_eq!(HostCrypto.verify_kzg_proof(&below(z), &[0; 32], &infinity, &infinity), Ok(()));
        check(below(z), [0; 32], &infinity, &infinity);
        check([0xff; 32], [0; 32], &infinity, &infinity);
        check(below(z), below(y), &infinity, &infinity);
        check(below(z), below(y), &commitment, &infinity);
        check(below(z), below(y), &infinity, &proof);
    }
}
