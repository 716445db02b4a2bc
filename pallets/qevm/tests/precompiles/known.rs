//! Known answers of each precompile, from the EIPs and from public test vectors.

use crate::world::no_key;
use pallet_qevm::precompiles::{PrecompileMap, QuidsPrecompiles};
use quids_core::H160;
use quids_io::MemoryExternalities;
use revm::{
    Context, MainContext,
    context::{BlockEnv, CfgEnv, Journal, TxEnv},
    database::EmptyDB,
    handler::PrecompileProvider,
    interpreter::{CallInput, CallInputs, CallScheme, CallValue, InterpreterResult},
    primitives::{Address, B256, U256, hardfork::SpecId, hex},
};

type Ctx = Context<BlockEnv, TxEnv, CfgEnv, EmptyDB, Journal<EmptyDB>, ()>;

const GAS_LIMIT: u64 = 10_000_000;

fn run(provider: &mut QuidsPrecompiles, at: H160, input: &[u8]) -> InterpreterResult {
    let to = Address::new(at.0);
    let inputs = CallInputs {
        input: CallInput::Bytes(input.to_vec().into()),
        return_memory_offset: 0..0,
        gas_limit: GAS_LIMIT,
        reservoir: 0,
        bytecode_address: to,
        known_bytecode: (B256::ZERO, Default::default()),
        target_address: to,
        caller: Address::ZERO,
        value: CallValue::Transfer(U256::ZERO),
        scheme: CallScheme::Call,
        is_static: false,
        charged_new_account_state_gas: false,
    };
    let mut context: Ctx = Context::mainnet();
    PrecompileProvider::<Ctx>::set_spec(provider, SpecId::OSAKA);
    MemoryExternalities::default().execute_with(|| provider.run(&mut context, &inputs).unwrap().unwrap())
}

/// What a call costs in the newest fork.
pub fn gas(provider: &mut QuidsPrecompiles, at: H160, input: &[u8]) -> u64 {
    run(provider, at, input).gas.total_gas_spent()
}

#[track_caller]
fn check(number: u64, input: &str, expected: &str, expected_gas: u64) {
    pallet_qevm::install_crypto();
    let mut provider = QuidsPrecompiles::new(Some(PrecompileMap::QUIDS), no_key);
    let input = hex::decode(input).unwrap();
    let at = Address::from_word(U256::from(number).into());
    let result = run(&mut provider, H160(at.into_array()), &input);
    assert!(result.result.is_ok(), "{:?}", result.result);
    assert_eq!(hex::encode(&result.output), expected);
    assert_eq!(result.gas.total_gas_spent(), expected_gas);
}

fn repeated(word: &str, times: usize) -> String {
    word.repeat(times)
}

#[test]
fn hashes() {
    check(
        2,
        "",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        60,
    );
    check(
        2,
        &hex::encode("abc"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        72,
    );
    check(
        3,
        &hex::encode("abc"),
        "0000000000000000000000008eb208f7e05d987a9b044a8e98c6b087f15a0bfc",
        720,
    );
    check(4, "0102", "0102", 18);
    check(
        0x5106,
        &hex::encode("abc"),
        "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
        66,
    );
}

/// EIP-152, test vectors 4 to 7: BLAKE2b of "abc".
#[test]
fn blake2f() {
    let state = "48c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5d182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e1319cde05b";
    let message = format!("616263{}", repeated("00", 125));
    let input =
        |rounds: &str, last: &str| format!("{rounds}{state}{message}0300000000000000{}{last}", repeated("00", 8));
    check(
        9,
        &input("00000000", "01"),
        "08c9bcf367e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5d282e6ad7f520e511f6c3e2b8c68059b9442be0454267ce079217e1319cde05b",
        0,
    );
    check(
        9,
        &input("0000000c", "01"),
        "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
        12,
    );
    check(
        9,
        &input("0000000c", "00"),
        "75ab69d3190a562c51aef8d88f1c2775876944407270c42c9844252c26d2875298743e7f6d5ea2f2d3e8d226039cd31b4e426ac4f2d3d666a610c2116fde4735",
        12,
    );
}

/// EIP-198's first example: 3 to the power of p − 1 modulo the prime p = 2^256 − 2^32 − 977.
#[test]
fn modexp() {
    let prime = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f";
    let less_one = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2e";
    let lengths = format!("{:064x}{:064x}{:064x}", 1, 32, 32);
    // EIP-7883: 16 · 255 iterations.
    check(
        5,
        &format!("{lengths}03{less_one}{prime}"),
        &format!("{:064x}", 1),
        4080,
    );
}

/// On the curve of BN254: G + G, 2 G, and e(G1, G2) · e(−G1, G2) = 1 (EIP-196, EIP-197).
#[test]
fn bn254() {
    let generator = format!("{:064x}{:064x}", 1, 2);
    let doubled = "030644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd3\
                   15ed738c0e0a7c92e7845f96b2ae9c0a68a6a449e3538fc7ff3ebf7a5a18a2c4"
        .replace(' ', "");
    check(6, &repeated(&generator, 2), &doubled, 150);
    check(7, &format!("{generator}{:064x}", 2), &doubled, 6_000);
    let negated = format!(
        "{:064x}30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd45",
        1
    );
    let g2 = "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2\
              1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed\
              090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b\
              12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa"
        .replace(' ', "");
    check(
        8,
        &format!("{generator}{g2}{negated}{g2}"),
        &format!("{:064x}", 1),
        113_000,
    );
    check(8, &format!("{generator}{g2}"), &format!("{:064x}", 0), 79_000);
}

/// The generators of BLS12-381, and the order of the group (EIP-2537).
#[test]
fn bls12_381() {
    let pad = "00000000000000000000000000000000";
    let x = "17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb";
    let y = "08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1";
    let minus_y = "114d1d6855d545a8aa7d76c8cf2e21f267816aef1db507c96655b9d5caac42364e6f38ba0ecb751bad54dcd6b939c2ca";
    let g1 = format!("{pad}{x}{pad}{y}");
    let minus_g1 = format!("{pad}{x}{pad}{minus_y}");
    let order = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001";
    let zero = "00".repeat(128);
    check(0x0b, &format!("{g1}{minus_g1}"), &zero, 375);
    check(0x0b, &format!("{g1}{zero}"), &g1, 375);
    check(0x0c, &format!("{g1}{order}"), &zero, 12_000);
    check(0x0c, &format!("{g1}{:064x}", 1), &g1, 12_000);
    let g2 = [
        "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8",
        "13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e",
        "0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801",
        "0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be",
    ]
    .map(|part| format!("{pad}{part}"))
    .concat();
    let zero2 = "00".repeat(256);
    check(0x0d, &format!("{g2}{zero2}"), &g2, 600);
    check(0x0e, &format!("{g2}{order}"), &zero2, 22_500);
    check(
        0x0f,
        &format!("{g1}{g2}{minus_g1}{g2}"),
        &format!("{:064x}", 1),
        102_900,
    );
    check(0x0f, &format!("{g1}{g2}"), &format!("{:064x}", 0), 70_300);
}

/// A signature over the hash of "sample" by the key of RFC 6979, A.2.5; with SHA-256.
#[test]
fn secp256r1() {
    let hash = "af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf";
    let r = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
    let s = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    let x = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
    let y = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    check(0x100, &format!("{hash}{r}{s}{x}{y}"), &format!("{:064x}", 1), 6_900);
    check(0x100, &format!("{hash}{s}{r}{x}{y}"), "", 6_900);
    check(0x100, "", "", 6_900);
}

/// A signature by the key 1 whose signer is the address of that key; high `s` is accepted, wrong `v` is nothing.
#[test]
fn ecrecover() {
    let pair = quids_crypto::KeyPair::from_secp256k1_secret(&U256::ONE.to_be_bytes()).unwrap();
    let signature = pair.sign(b"message");
    let (r, s, v) = (
        &signature.as_bytes()[..32],
        U256::from_be_slice(&signature.as_bytes()[32..64]),
        signature.as_bytes()[64],
    );
    let hash = hex::encode(quids_crypto::keccak_256(b"message"));
    let input = |v: u64, s: U256| format!("{hash}{v:064x}{}{s:064x}", hex::encode(r));
    let address = "0000000000000000000000007e5f4552091a69125d5dfcb7b8c2659029395bdf";
    let order =
        U256::from_be_slice(&hex::decode("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").unwrap());
    check(1, &input(u64::from(v) + 27, s), address, 3_000);
    check(1, &input(u64::from(1 - v) + 27, order - s), address, 3_000);
    check(1, &input(u64::from(v), s), "", 3_000);
    check(1, &input(u64::from(v) + 27, order), "", 3_000);
}

/// The blob of zeros, whose commitment and proofs are the point at infinity (EIP-4844).
#[test]
fn point_evaluation() {
    let infinity = format!("c0{}", "00".repeat(47));
    let versioned = "010657f37554c781402a22917dee2f75def7ab966d7b770905398eba3c444014";
    let answer = format!(
        "{:064x}73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001",
        4096
    );
    check(
        0x0a,
        &format!("{versioned}{:064x}{:064x}{infinity}{infinity}", 12345, 0),
        &answer,
        50_000,
    );
}
