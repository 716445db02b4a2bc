//! `IQuantumSafe` through the EVM: real signatures of every scheme, requests, and what undoes or refuses them.

use crate::world::{
    Argument::{Bytes, Word},
    CALLER, Relay, World, encode, no_key, quantum_safe, word,
};
use pallet_qevm::precompiles::{QSIGN_MESSAGE_MAX, Record, SigningStatus, request_slot};
use quids_core::H160;
use quids_crypto::{KeyPair, SignatureScheme};
use revm::{
    context::result::{ExecutionResult, HaltReason, OutOfGasError},
    primitives::{Address, B256, U256, hardfork::SpecId, keccak256},
};
use std::sync::LazyLock;

const POST_QUANTUM: [SignatureScheme; 3] = [
    SignatureScheme::MlDsa87,
    SignatureScheme::Falcon512,
    SignatureScheme::SphincsShake256f,
];

fn pair(scheme: SignatureScheme) -> &'static KeyPair {
    static PAIRS: LazyLock<Vec<KeyPair>> = LazyLock::new(|| {
        let pairs = SignatureScheme::ALL.map(|scheme| KeyPair::from_seed(scheme, &[9; 32]).unwrap());
        pairs.into()
    });
    PAIRS.iter().find(|pair| pair.scheme() == scheme).unwrap()
}

/// Tag ‖ key ‖ signature.
fn describing(scheme: SignatureScheme, message: &[u8]) -> Vec<u8> {
    let pair = pair(scheme);
    [&[scheme.tag()], pair.public().as_bytes(), pair.sign(message).as_bytes()].concat()
}

fn q_verify(message: &[u8], signature: &[u8]) -> Vec<u8> {
    encode("qVerify(bytes,bytes)", &[Bytes(message), Bytes(signature)])
}

fn q_sign(message: &[u8]) -> Vec<u8> {
    encode("qSign(bytes)", &[Bytes(message)])
}

fn q_signature(handle: &[u8]) -> Vec<u8> {
    encode("qSignature(bytes32)", &[Word(handle.try_into().unwrap())])
}

/// The reason of `Error(string)`.
fn reason(output: &[u8]) -> String {
    assert_eq!(output[..4], [0x08, 0xc3, 0x79, 0xa0]);
    let length = U256::from_be_slice(&output[36..68]).to::<usize>();
    String::from_utf8(output[68..68 + length].to_vec()).unwrap()
}

#[track_caller]
fn reverts(world: &mut World, to: Address, input: &[u8], value: u64, expected: &str) {
    match world.transact(to, input, value, 16_000_000) {
        ExecutionResult::Revert { output, gas, .. } => {
            assert_eq!(reason(&output), expected);
            assert!(gas.tx_gas_used() < 1_000_000, "a revert leaves the gas");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn self_describing_signatures_verify_in_every_scheme_and_by_every_kind_of_call() {
    let mut world = World::new(SpecId::OSAKA, no_key);
    for scheme in POST_QUANTUM {
        let signature = describing(scheme, b"message");
        assert_eq!(world.call(quantum_safe(), &q_verify(b"message", &signature)), word(1));
        let relays = [Relay::Call, Relay::CallCode, Relay::DelegateCall, Relay::StaticCall];
        for relay in relays {
            let answer = world.call(relay.address(), &q_verify(b"message", &signature));
            assert_eq!(answer, word(1), "{scheme:?} {relay:?}");
        }
        let mut check = |message: &[u8], signature: &[u8], what: &str| {
            let answer = world.call(quantum_safe(), &q_verify(message, signature));
            assert_eq!(answer, word(0), "{scheme:?}: {what}");
        };
        check(b"massage", &signature, "another message");
        check(b"message", &signature[..signature.len() - 1], "too short");
        check(b"message", &[&signature[..], &[0]].concat(), "too long");
        check(b"message", &signature[..1], "only a tag");
        check(b"message", &signature[..100], "not even a key");
        check(b"message", &[], "nothing");
        let mut wrong = signature.clone();
        *wrong.last_mut().unwrap() ^= 1;
        // Falcon pads with zeros: its last byte counts too.
        check(b"message", &wrong, "a flipped bit");
        wrong.clone_from(&signature);
        wrong[0] = 7;
        check(b"message", &wrong, "an unknown scheme");
    }
    let legacy = describing(SignatureScheme::Secp256k1, b"message");
    assert_eq!(
        world.call(quantum_safe(), &q_verify(b"message", &legacy)),
        word(0),
        "secp256k1 is not post-quantum"
    );
}

/// Account 0x11.. has an ML-DSA key, 0x12.. a SPHINCS+ key.
fn keys(account: &H160) -> Option<(u8, Vec<u8>)> {
    let scheme = match account.0[0] {
        0x11 => SignatureScheme::MlDsa87,
        0x12 => SignatureScheme::SphincsShake256f,
        _ => return None,
    };
    Some((scheme.tag(), pair(scheme).public().as_bytes().to_vec()))
}

#[test]
fn a_signers_bound_key_verifies() {
    let mut world = World::new(SpecId::OSAKA, keys);
    let mut check = |account: u8, scheme: SignatureScheme, message: &[u8], expected: u64| {
        let signature = [&[scheme.tag()], pair(scheme).sign(b"message").as_bytes()].concat();
        let signer = Address::repeat_byte(account).into_word().0;
        let input = encode(
            "qVerify(address,bytes,bytes)",
            &[Word(signer), Bytes(message), Bytes(&signature)],
        );
        assert_eq!(
            world.call(quantum_safe(), &input),
            word(expected),
            "{account} {scheme:?}"
        );
    };
    check(0x11, SignatureScheme::MlDsa87, b"message", 1);
    check(0x12, SignatureScheme::SphincsShake256f, b"message", 1);
    check(0x11, SignatureScheme::MlDsa87, b"massage", 0);
    check(0x11, SignatureScheme::Falcon512, b"message", 0);
    check(0x12, SignatureScheme::MlDsa87, b"message", 0);
    check(0x13, SignatureScheme::MlDsa87, b"message", 0);
    check(0x13, SignatureScheme::Secp256k1, b"message", 0);
}

#[test]
fn hashes_are_the_chains() {
    let mut world = World::new(SpecId::OSAKA, no_key);
    for message in [&b""[..], b"message", &[7; 1000]] {
        let hash = world.call(quantum_safe(), &encode("qHash(bytes)", &[Bytes(message)]));
        assert_eq!(hash, quids_crypto::blake3_256(message));
        let hash = world.call(quantum_safe(), &encode("qHash512(bytes)", &[Bytes(message)]));
        let expected = quids_crypto::hash_quantum_resistant(b"quids 2026 evm qhash512 v1", message);
        assert_eq!(hash, expected);
    }
}

#[test]
fn a_request_is_recorded_logged_and_pending() {
    let mut world = World::new(SpecId::OSAKA, no_key);
    let mut handles = Vec::new();
    for count in 0..2_u64 {
        let result = world.transact(Relay::Call.address(), &q_sign(b"to be signed"), 0, 1_000_000);
        let ExecutionResult::Success { output, logs, .. } = result else {
            panic!("{result:?}")
        };
        let handle: [u8; 32] = output.into_data().to_vec().try_into().unwrap();
        let requester = Relay::Call.address();
        let expected = keccak256(
            [
                &b"quids 2026 evm qsign v1"[..],
                &word(1),
                requester.as_slice(),
                &word(count),
                &quids_crypto::blake3_256(b"to be signed"),
            ]
            .concat(),
        );
        assert_eq!(handle, expected.0);

        let [log] = &logs[..] else { panic!("{logs:?}") };
        let topic = keccak256("SigningRequested(bytes32,address,bytes)");
        assert_eq!(log.address, quantum_safe());
        assert_eq!(log.data.topics(), [topic, expected, requester.into_word()]);
        assert_eq!(log.data.data[..], encode("", &[Bytes(b"to be signed")])[4..]);

        let request = world.slot(quantum_safe(), request_slot(expected)).to_be_bytes::<32>();
        assert_eq!(request[..4], [0, 0, 0, 1], "pending, without a certificate");
        let record = Record::of(U256::from_be_bytes(request));
        assert_eq!((record.number, record.requester), (77, requester));
        assert_eq!(record.word(), U256::from_be_bytes(request));
        assert_eq!(request[4..12], 77_u64.to_be_bytes());
        assert_eq!(request[12..], requester[..]);
        let slot: U256 = keccak256([handle, word(1)].concat()).into();
        assert_eq!(request_slot(expected), slot);
        handles.push(handle);
    }
    assert_ne!(handles[0], handles[1], "asking twice is two requests");

    for relay in [Relay::Call, Relay::DelegateCall, Relay::StaticCall] {
        let answer = world.call(relay.address(), &q_signature(&handles[1]));
        assert_eq!(answer, [word(1), word(64), word(0)].concat(), "{relay:?}");
    }
    let unknown = world.call(quantum_safe(), &q_signature(&[3; 32]));
    assert_eq!(unknown, [word(0), word(64), word(0)].concat());

    // Whoever calls is the requester: here the transaction's sender.
    let handle = world.call(quantum_safe(), &q_sign(b"mine"));
    let slot = request_slot(B256::from_slice(&handle));
    let request = world.slot(quantum_safe(), slot).to_be_bytes::<32>();
    assert_eq!(request[12..], CALLER[..]);
}

#[test]
fn a_request_that_is_undone_leaves_nothing() {
    let mut world = World::new(SpecId::OSAKA, no_key);
    let result = world.transact(Relay::CallThenRevert.address(), &q_sign(b"message"), 0, 1_000_000);
    let ExecutionResult::Revert { output, logs, .. } = result else {
        panic!("{result:?}")
    };
    assert!(logs.is_empty());
    let slot = request_slot(B256::from_slice(&output));
    assert_eq!(world.slot(quantum_safe(), slot), U256::ZERO);
    let same = world.call(Relay::Call.address(), &q_sign(b"message"));
    assert_ne!(same, output.to_vec(), "another requester");
}

#[test]
fn requests_are_refused_where_they_could_not_be_told_from_another_s() {
    let mut world = World::new(SpecId::OSAKA, no_key);
    let input = q_sign(b"message");
    reverts(
        &mut world,
        Relay::StaticCall.address(),
        &input,
        0,
        "qSign in a static call",
    );
    reverts(
        &mut world,
        Relay::DelegateCall.address(),
        &input,
        0,
        "qSign by delegation",
    );
    reverts(&mut world, Relay::CallCode.address(), &input, 0, "qSign by delegation");
    let long = q_sign(&vec![0; QSIGN_MESSAGE_MAX + 1]);
    reverts(&mut world, quantum_safe(), &long, 0, "message longer than 8192 bytes");
    world.call(quantum_safe(), &q_sign(&vec![0; QSIGN_MESSAGE_MAX]));
}

#[test]
fn malformed_calls_revert_with_a_reason() {
    let mut world = World::new(SpecId::OSAKA, no_key);
    let to = quantum_safe();
    reverts(&mut world, to, b"", 0, "no function named");
    reverts(&mut world, to, &[0x3c, 0xab, 0x8d], 0, "no function named");
    reverts(&mut world, to, &[1, 2, 3, 4], 0, "unknown function");
    reverts(&mut world, to, &q_verify(b"m", b"s"), 1, "not payable");
    let whole = q_verify(b"message", b"signature");
    for length in 4..whole.len() - 23 {
        reverts(&mut world, to, &whole[..length], 0, "malformed arguments");
    }
    // Offsets and lengths far outside.
    for place in [4, 36, 68, 132] {
        for value in [[0xff; 32], word(1 << 40), word(u64::MAX)] {
            let mut wrong = whole.clone();
            wrong[place..place + 32].copy_from_slice(&value);
            reverts(&mut world, to, &wrong, 0, "malformed arguments");
        }
    }
    let signer = encode(
        "qVerify(address,bytes,bytes)",
        &[Word([1; 32]), Bytes(b"m"), Bytes(b"s")],
    );
    reverts(&mut world, to, &signer, 0, "malformed arguments");
}

#[test]
fn too_little_gas_ends_a_call_and_leaves_nothing() {
    let mut world = World::new(SpecId::OSAKA, no_key);
    let input = q_sign(b"message");
    let result = world.transact(quantum_safe(), &input, 0, 900_000);
    let used = result.tx_gas_used();
    assert!(result.is_success(), "{result:?}");
    // The second request of an account finds its counter written: each fails with any less gas than it needs.
    let needed = world.transact(quantum_safe(), &input, 0, 900_000).tx_gas_used();
    assert!(needed < used);
    for limit in [22_500, 25_000, 700_000, needed - 1] {
        let result = world.transact(quantum_safe(), &input, 0, limit);
        let out_of_gas = HaltReason::OutOfGas(OutOfGasError::Precompile);
        assert!(
            matches!(&result, ExecutionResult::Halt { reason, .. } if *reason == out_of_gas),
            "{limit}: {result:?}"
        );
    }
    assert!(world.transact(quantum_safe(), &input, 0, needed).is_success());
}

/// A signed request costs its certificate's length, which the slot tells before the certificate is read.
#[test]
fn a_certificate_is_paid_for_before_it_is_read() {
    let handle = [5; 32];
    let input = q_signature(&handle);
    let mut used = Vec::new();
    for length in [0, 32, 33, 65_536] {
        let mut world = World::new(SpecId::OSAKA, no_key);
        world.precompiles = world.precompiles.with_certificates(|_| vec![9; 33]);
        let record = Record {
            length,
            status: SigningStatus::Signed,
            number: 1,
            requester: CALLER,
        };
        let slot = request_slot(B256::from(handle));
        world
            .state
            .insert_account_storage(quantum_safe(), slot, record.word())
            .unwrap();
        let result = world.transact(quantum_safe(), &input, 0, 1_000_000);
        let ExecutionResult::Success { output, gas, .. } = result else {
            panic!("{result:?}")
        };
        assert_eq!(output.into_data()[..96], [word(2), word(64), word(33)].concat());
        used.push(gas.tx_gas_used());
    }
    assert_eq!((used[1] - used[0], used[2] - used[1]), (64, 64));
    assert_eq!(used[3] - used[0], 64 * 2048);
}

#[test]
fn every_fork_has_the_contract() {
    for spec in (0..=u8::MAX).map_while(SpecId::try_from_u8) {
        let mut world = World::new(spec, no_key);
        let handle = world.call(quantum_safe(), &q_sign(b"message"));
        let answer = world.call(quantum_safe(), &q_signature(&handle));
        assert_eq!(answer, [word(1), word(64), word(0)].concat(), "{spec:?}");
    }
}
