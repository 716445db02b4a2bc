//! What is measured: an input of each precompile that it accepts, and with it its most common sizes.

use super::guest::HostCall;
use pallet_qevm::precompiles::gas;
use quids_crypto::{EthereumOperation as Op, KeyPair, MlDsaLevel, SignatureScheme, ethereum_operation};
use revm::{
    precompile::{Crypto, DefaultCrypto},
    primitives::{Address, U256},
};

/// One operation beside the library that does it.
pub struct Case {
    pub name: String,
    pub host: HostCall,
    /// What the host function answers.
    pub answer: i64,
    pub library: Library,
}

/// The same without host and runtime.
pub enum Library {
    /// revm's native precompile at this address, which also says what it costs.
    Precompile(Address, Vec<u8>),
    /// A function, and the gas that ours costs.
    Function(Box<dyn Fn() -> bool>, u64),
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(length)
    .collect()
}

fn ethereum(name: impl Into<String>, number: u64, op: Op, host: Vec<u8>, precompile: Vec<u8>) -> Case {
    let answer = ethereum_operation(op, &host).map_or(-1, |answer| answer.len() as i64);
    Case {
        name: name.into(),
        host: HostCall::Ethereum(op.number(), host),
        answer,
        library: Library::Precompile(Address::from_word(U256::from(number).into()), precompile),
    }
}

/// A scalar as long as they get.
fn scalar(seed: u8) -> Vec<u8> {
    let mut scalar = noise(32);
    scalar[0] = 0x60;
    scalar[31] = seed;
    scalar
}

/// EIP-2537's form: each field element with 16 zeros before it.
fn padded(point: &[u8]) -> Vec<u8> {
    point
        .chunks(48)
        .flat_map(|part| [&[0; 16][..], part].concat())
        .collect()
}

fn g1(seed: u8) -> Vec<u8> {
    let mut element = [seed; 48];
    element[0] = 1;
    DefaultCrypto
        .bls12_381_fp_to_g1(&element)
        .expect("below the modulus")
        .to_vec()
}

fn g2(seed: u8) -> Vec<u8> {
    let mut element = [seed; 48];
    element[0] = 1;
    DefaultCrypto
        .bls12_381_fp2_to_g2((element, element))
        .expect("below the modulus")
        .to_vec()
}

pub fn all() -> crate::Result<Vec<Case>> {
    let mut cases = Vec::new();
    simple(&mut cases)?;
    modexp(&mut cases);
    bn254(&mut cases);
    bls12(&mut cases);
    quantum(&mut cases)?;
    Ok(cases)
}

fn simple(cases: &mut Vec<Case>) -> crate::Result {
    let pair = KeyPair::from_seed(SignatureScheme::Secp256k1, &[1; 32])?;
    let signature = pair.sign(b"message").as_bytes().to_vec();
    let hash = quids_crypto::keccak_256(b"message");
    let mut v = [0; 32];
    v[31] = 27 + signature[64];
    cases.push(ethereum(
        "ecrecover",
        1,
        Op::Secp256k1Recover,
        [&hash[..], &signature].concat(),
        [&hash[..], &v, &signature[..64]].concat(),
    ));
    for length in [32, 1024, 32768] {
        let data = noise(length);
        cases.push(ethereum(
            format!("sha256 of {length}"),
            2,
            Op::Sha256,
            data.clone(),
            data.clone(),
        ));
        cases.push(ethereum(
            format!("ripemd160 of {length}"),
            3,
            Op::Ripemd160,
            data.clone(),
            data,
        ));
    }
    for rounds in [12_u32, 100_000] {
        let mut input = [&rounds.to_be_bytes()[..], &noise(208), &[1]].concat();
        input[196..212].fill(0);
        cases.push(ethereum(
            format!("blake2f, {rounds} rounds"),
            9,
            Op::Blake2F,
            input.clone(),
            input,
        ));
    }
    // RFC 6979, A.2.5, "sample".
    let p256 = hex("af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf\
         efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
         f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8\
         60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
         7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
    cases.push(ethereum("p256verify", 0x100, Op::Secp256r1Verify, p256.clone(), p256));
    // f(x) = τ's own monomial is not at hand; y = f(z) for the constant polynomial 5 · G: its proof is infinity.
    let (commitment, z, y, proof) = constant_polynomial();
    let mut versioned = ethereum_operation(Op::Sha256, &commitment).unwrap_or_default();
    versioned[0] = 1;
    cases.push(ethereum(
        "point evaluation",
        0x0a,
        Op::KzgVerify,
        [&z[..], &y, &commitment, &proof].concat(),
        [&versioned[..], &z, &y, &commitment, &proof].concat(),
    ));
    Ok(())
}

/// Commitment, point, value and proof of the constant polynomial 1: the generator, and infinity.
fn constant_polynomial() -> (Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>) {
    let generator =
        hex("97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb");
    let mut infinity = vec![0; 48];
    infinity[0] = 0xc0;
    let mut one = vec![0; 32];
    one[31] = 1;
    (generator, scalar(3), one, infinity)
}

fn modexp(cases: &mut Vec<Case>) {
    let sizes = [
        (32, 32, 32, true),
        (64, 64, 64, true),
        (256, 3, 256, true),
        (256, 256, 256, true),
        (256, 256, 256, false),
        (512, 512, 512, true),
        (1024, 32, 1024, true),
        (1024, 1, 1024, false),
        (8, 1024, 8, false),
    ];
    for (base, exponent, modulus, odd) in sizes {
        let parts = [base, exponent, modulus].map(|length| {
            let mut part = noise(length);
            part[0] |= 0x80;
            part
        });
        let [base_bytes, exponent_bytes, mut modulus_bytes] = parts;
        if let Some(last) = modulus_bytes.last_mut() {
            *last = *last & 0xfe | u8::from(odd);
        }
        let content = [base_bytes, exponent_bytes, modulus_bytes].concat();
        let lengths = [base, exponent, modulus];
        let host: Vec<u8> = lengths
            .iter()
            .flat_map(|length| (*length as u32).to_le_bytes())
            .collect();
        let words: Vec<u8> = lengths
            .iter()
            .flat_map(|length| U256::from(*length).to_be_bytes::<32>())
            .collect();
        let kind = if odd { "odd" } else { "even" };
        cases.push(ethereum(
            format!("modexp {base}^{exponent} mod {modulus} bytes, {kind}"),
            5,
            Op::ModExp,
            [&host[..], &content].concat(),
            [&words[..], &content].concat(),
        ));
    }
}

fn bn254(cases: &mut Vec<Case>) {
    let mut generator = [0; 64];
    (generator[31], generator[63]) = (1, 2);
    let point = ethereum_operation(Op::Bn254Mul, &[&generator[..], &scalar(1)].concat()).unwrap_or_default();
    let add = [&generator[..], &point].concat();
    cases.push(ethereum("bn254 add", 6, Op::Bn254Add, add.clone(), add));
    let mul = [&point[..], &[0xff; 32]].concat();
    cases.push(ethereum("bn254 mul", 7, Op::Bn254Mul, mul.clone(), mul));
    let g2 = hex("198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2\
         1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed\
         090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b\
         12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa");
    for pairs in [1, 2, 8] {
        let input = [&point[..], &g2].concat().repeat(pairs);
        cases.push(ethereum(
            format!("bn254 pairing of {pairs}"),
            8,
            Op::Bn254Pairing,
            input.clone(),
            input,
        ));
    }
}

fn bls12(cases: &mut Vec<Case>) {
    let add = |one: Vec<u8>, other: Vec<u8>| ([&one[..], &other].concat(), [padded(&one), padded(&other)].concat());
    let (host, precompile) = add(g1(1), g1(2));
    cases.push(ethereum("bls12 g1 add", 0x0b, Op::Bls12G1Add, host, precompile));
    let (host, precompile) = add(g2(1), g2(2));
    cases.push(ethereum("bls12 g2 add", 0x0d, Op::Bls12G2Add, host, precompile));
    for count in [1_u8, 16, 128] {
        let (mut host1, mut precompile1, mut host2, mut precompile2) = (vec![], vec![], vec![], vec![]);
        for seed in 1..=count {
            host1.extend([g1(seed), scalar(seed)].concat());
            precompile1.extend([padded(&g1(seed)), scalar(seed)].concat());
            host2.extend([g2(seed), scalar(seed)].concat());
            precompile2.extend([padded(&g2(seed)), scalar(seed)].concat());
        }
        cases.push(ethereum(
            format!("bls12 g1 msm of {count}"),
            0x0c,
            Op::Bls12G1Msm,
            host1,
            precompile1,
        ));
        cases.push(ethereum(
            format!("bls12 g2 msm of {count}"),
            0x0e,
            Op::Bls12G2Msm,
            host2,
            precompile2,
        ));
    }
    for count in [1_u8, 2, 8] {
        let (mut host, mut precompile) = (vec![], vec![]);
        for seed in 1..=count {
            host.extend([g1(seed), g2(seed)].concat());
            precompile.extend([padded(&g1(seed)), padded(&g2(seed))].concat());
        }
        cases.push(ethereum(
            format!("bls12 pairing of {count}"),
            0x0f,
            Op::Bls12Pairing,
            host,
            precompile,
        ));
    }
    let element = [&[1][..], &noise(47)].concat();
    cases.push(ethereum(
        "bls12 map to g1",
        0x10,
        Op::Bls12MapFpToG1,
        element.clone(),
        padded(&element),
    ));
    let element = element.repeat(2);
    cases.push(ethereum(
        "bls12 map to g2",
        0x11,
        Op::Bls12MapFp2ToG2,
        element.clone(),
        padded(&element),
    ));
}

fn quantum(cases: &mut Vec<Case>) -> crate::Result {
    use libcrux_ml_dsa::{ml_dsa_44, ml_dsa_65, ml_dsa_87};
    macro_rules! ml_dsa {
        ($set:ident, $level:expr) => {{
            let pair = $set::generate_key_pair([1; 32]);
            let message = noise(32);
            let signature = $set::sign(&pair.signing_key, &message, &[], [2; 32]).map_err(|_| "no signature")?;
            let key = pair.verification_key.as_ref().to_vec();
            cases.push(Case {
                name: format!("ml-dsa-{}", $level.number()),
                host: HostCall::MlDsa($level.number(), [key, message.clone(), signature.as_ref().to_vec()]),
                answer: 1,
                library: Library::Function(
                    Box::new(move || $set::verify(&pair.verification_key, &message, &[], &signature).is_ok()),
                    gas::ml_dsa($level, 32),
                ),
            });
        }};
    }
    ml_dsa!(ml_dsa_44, MlDsaLevel::MlDsa44);
    ml_dsa!(ml_dsa_65, MlDsaLevel::MlDsa65);
    ml_dsa!(ml_dsa_87, MlDsaLevel::MlDsa87);
    for scheme in [SignatureScheme::Falcon512, SignatureScheme::SphincsShake256f] {
        for length in [32, 32768] {
            let pair = KeyPair::from_seed(scheme, &[1; 32])?;
            let message = noise(length);
            let parts = [
                pair.public().as_bytes().to_vec(),
                message.clone(),
                pair.sign(&message).as_bytes().to_vec(),
            ];
            let [key, message, signature] = parts.clone();
            cases.push(Case {
                name: format!("{scheme} of {length}"),
                host: HostCall::Verify(scheme.tag().into(), parts),
                answer: 1,
                library: Library::Function(
                    Box::new(move || quids_crypto::verify_raw(scheme.tag(), &key, &message, &signature)),
                    gas::signature(scheme, length),
                ),
            });
        }
    }
    for length in [0, 32, 1024, 32768] {
        let data = noise(length);
        let own = data.clone();
        cases.push(Case {
            name: format!("blake3 of {length}"),
            host: HostCall::Blake3(data.clone()),
            answer: 0,
            library: Library::Function(
                Box::new(move || blake3::hash(std::hint::black_box(&own)).as_bytes()[0] < 255),
                gas::blake3(length),
            ),
        });
        let own = data.clone();
        cases.push(Case {
            name: format!("quantum-resistant of {length}"),
            host: HostCall::QuantumResistant(data.clone()),
            answer: 0,
            library: Library::Function(
                Box::new(move || !quids_crypto::hash_quantum_resistant(b"bench", &own).is_empty()),
                gas::resistant(length),
            ),
        });
        let own = data.clone();
        cases.push(Case {
            name: format!("keccak256 of {length} (the opcode's gas)"),
            host: HostCall::Keccak(data),
            answer: 0,
            library: Library::Function(
                Box::new(move || !quids_crypto::keccak_256(&own).is_empty()),
                30 + 6 * (length as u64).div_ceil(32),
            ),
        });
    }
    Ok(())
}

fn hex(text: &str) -> Vec<u8> {
    revm::primitives::hex::decode(text).expect("constants are hexadecimal")
}
