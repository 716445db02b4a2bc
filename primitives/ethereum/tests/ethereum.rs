//! Ethereum's own transactions: known ones from EIPs and mainnet, and every signed one of the state tests.

mod common;

use alloy_consensus::{SignableTransaction, TxEip7702};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, Signature, U256};
use common::{fixtures, hex, hex0x, key, number, recover, recovered};
use quids_api::evm::EvmErrorKind;
use quids_core::{H160, U256 as ChainU256};
use quids_crypto::SignatureScheme;
use quids_ethereum::{AUTHORIZATIONS_MAX, DecodeError, Transaction};
use serde_json::Value;
use std::{fs, path::PathBuf};

/// The example of EIP-155.
const EIP155: &str = "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83";
/// Mainnet, 2022.
const EIP1559: &str = "02f86f0102843b9aca0085029e7822d68298f094d9e1459a7a482635700cbc20bbaf52d495ab9c9680841b55ba3ac080a0c199674fcb29f353693dd779c017823b954b3c69dffa3cd6b2a6ff7888798039a028ca912de909e7e6cdef9cdcaf24c54dd8c1032946dfa1d85c206b32a9064fe8";

#[test]
fn known_transactions_have_their_senders_and_hashes() {
    for (bytes, kind, chain_id, sender, hash) in [
        (
            EIP155,
            0,
            Some(1),
            "9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f",
            "33469b22e9f636356c4160a87eb19df52b7412e8eac32a4a55ffe88ea8350788",
        ),
        (EIP1559, 2, Some(1), "001e2b7de757ba469a57bf6b23d982458a07efce", ""),
    ] {
        let transaction = Transaction::decode(&hex(bytes)).unwrap();
        assert_eq!(
            (transaction.transaction_type(), transaction.chain_id()),
            (kind, chain_id)
        );
        assert_eq!(hex::encode(recovered(&transaction).unwrap()), sender);
        assert_eq!(transaction.encode(), hex(bytes));
        assert_eq!(transaction.hash().0, quids_crypto::keccak_256(&hex(bytes)));
        if !hash.is_empty() {
            assert_eq!(hex::encode(transaction.hash()), hash);
        }
    }
    let signed = quids_ethereum::Claim::Recover {
        hash: hex("daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53").try_into().unwrap(),
        r_s: hex("28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa63627667cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83").try_into().unwrap(),
        recovery_id: 0,
    };
    assert_eq!(Transaction::decode(&hex(EIP155)).unwrap().claim(), signed);
}

#[test]
fn what_is_no_transaction_is_refused_by_name() {
    let check = |bytes: &[u8], error: DecodeError, kind: EvmErrorKind| {
        let found = Transaction::decode(bytes).unwrap_err();
        assert_eq!(
            (found, found.kind()),
            (error, kind),
            "{}",
            hex0x(&bytes[..bytes.len().min(200)])
        );
    };
    let rlp = DecodeError::Rlp;
    use EvmErrorKind::{BadSignature, Blob, Malformed, Oversized, UnknownType};
    check(&[], DecodeError::Empty, Malformed);
    check(&[0x03, 0xc0], DecodeError::Blob, Blob);
    for unknown in [0x00, 0x05, 0x06, 0x70, 0x72, 0x7f] {
        check(&[unknown, 0xc0], DecodeError::UnknownType(unknown), UnknownType);
    }
    check(&[0x02], rlp(alloy_rlp::Error::InputTooShort), Malformed);
    check(&[0x80], rlp(alloy_rlp::Error::UnexpectedString), Malformed);
    check(&[0xc0], rlp(alloy_rlp::Error::InputTooShort), Malformed);
    check(
        &vec![0xff; 192 * 1024 + 1],
        DecodeError::TooLarge(192 * 1024 + 1),
        Oversized,
    );
    check(
        &vec![0xff; 128 * 1024 + 1],
        DecodeError::PayloadTooLarge(128 * 1024 + 1),
        Oversized,
    );
    for bytes in [EIP155, EIP1559] {
        let bytes = hex(bytes);
        check(&[&bytes[..], &[0]].concat(), DecodeError::TrailingBytes(1), Malformed);
        for cut in 0..bytes.len() {
            assert!(Transaction::decode(&bytes[..cut]).is_err(), "{cut}");
        }
        // The other form of the same signature: n - s, and the other parity.
        let s = bytes.len() - 32;
        let order: U256 = "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
            .parse()
            .unwrap();
        let mut high = bytes.clone();
        high[s..].copy_from_slice(&(order - U256::from_be_slice(&bytes[s..])).to_be_bytes::<32>());
        check(&high, DecodeError::Signature, BadSignature);
        let mut over = bytes.clone();
        over[s - 33..s - 1].fill(0xff);
        check(&over, DecodeError::Signature, BadSignature);
    }
    // Before EIP-155 there was no chain id; `v` has no third value.
    for (v, good) in [
        (27, true),
        (28, true),
        (26, false),
        (29, false),
        (34, false),
        (35, true),
        (0, false),
    ] {
        let mut bytes = hex(EIP155);
        let at = bytes.len() - 67;
        assert_eq!(bytes[at], 0x25);
        bytes[at] = v;
        let decoded = Transaction::decode(&bytes);
        assert_eq!(decoded.is_ok(), good, "{v}");
        if let Ok(decoded) = decoded {
            assert_eq!(decoded.chain_id(), (v == 35).then_some(0), "{v}");
        }
    }
}

#[test]
fn messages_say_what_the_transaction_says() {
    let transaction = Transaction::decode(&hex(EIP1559)).unwrap();
    let from = H160([7; 20]);
    let message = transaction.message(from, &[]);
    assert_eq!(
        (message.transaction_type, message.from, message.nonce),
        (2, from, Some(2))
    );
    assert_eq!(
        message.to,
        Some(H160(
            hex("d9e1459a7a482635700cbc20bbaf52d495ab9c96").try_into().unwrap()
        ))
    );
    assert_eq!((message.gas_limit, message.max_fee_per_gas), (39152, 0x02_9e78_22d6));
    assert_eq!(
        (message.max_priority_fee_per_gas, message.value),
        (Some(1_000_000_000), ChainU256::zero())
    );
    assert_eq!(message.input, hex("1b55ba3a"));
    let legacy = Transaction::decode(&hex(EIP155)).unwrap().message(from, &[]);
    assert_eq!(
        (legacy.max_fee_per_gas, legacy.max_priority_fee_per_gas),
        (20_000_000_000, None)
    );
    assert_eq!(legacy.value, ChainU256::exp10(18));
}

/// An EIP-7702 transaction with these authorisations, signed by the tests' key.
fn set_code(authorization_list: Vec<SignedAuthorization>) -> Vec<u8> {
    let key = key(SignatureScheme::Secp256k1);
    let transaction = TxEip7702 {
        chain_id: 20821,
        gas_limit: 100_000,
        max_fee_per_gas: 2,
        authorization_list,
        ..Default::default()
    };
    let mut payload = Vec::new();
    transaction.encode_for_signing(&mut payload);
    let signature = Signature::from_raw(key.sign(&payload).as_bytes()).unwrap();
    Transaction::Eip7702(transaction.into_signed(signature)).encode()
}

#[test]
fn authorisations_are_recovered_or_count_as_unknown() {
    let key = key(SignatureScheme::Secp256k1);
    let authority = H160(key.account_id().0);
    let authorization = Authorization {
        chain_id: U256::from(20821),
        address: Address::repeat_byte(9),
        nonce: 3,
    };
    let mut payload = vec![0x05];
    alloy_rlp::Encodable::encode(&authorization, &mut payload);
    let signature = Signature::from_raw(key.sign(&payload).as_bytes()).unwrap();
    let with = |parity, r, s| SignedAuthorization::new_unchecked(authorization.clone(), parity, r, s);
    let (parity, r, s) = (u8::from(signature.v()), signature.r(), signature.s());
    let list = vec![
        with(parity, r, s),
        with(2, r, s),
        with(27, r, s),
        with(parity, U256::ZERO, s),
        with(parity, r, U256::MAX),
        with(parity, r, U256::ZERO),
    ];
    let transaction = Transaction::decode(&set_code(list)).unwrap();
    assert_eq!(recovered(&transaction), Some(authority));
    let claims = transaction.authorization_claims();
    let authorities: Vec<_> = claims
        .iter()
        .map(|claim| claim.and_then(|claim| recover(&claim.hash, &claim.r_s, claim.recovery_id)))
        .collect();
    assert_eq!(authorities, [Some(authority), None, None, None, None, None]);
    let message = transaction.message(authority, &authorities[..1]);
    assert_eq!(
        (message.transaction_type, message.to, message.authorizations.len()),
        (4, Some(H160::zero()), 6)
    );
    assert_eq!(message.authorizations[0].authority, Some(authority));
    assert_eq!(message.authorizations[0].address, H160([9; 20]));
    assert_eq!(
        (message.authorizations[0].nonce, message.authorizations[5].authority),
        (3, None)
    );

    let many = |count| Transaction::decode(&set_code(vec![with(0, U256::from(1), U256::from(1)); count]));
    assert!(many(AUTHORIZATIONS_MAX).is_ok());
    let count = AUTHORIZATIONS_MAX + 1;
    assert_eq!(many(count).unwrap_err(), DecodeError::TooManyAuthorizations(count));
}

fn json_files(folder: PathBuf, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            json_files(path, into);
        } else if path.extension().is_some_and(|end| end == "json") {
            into.push(path);
        }
    }
}

/// The state tests hold their transactions both as JSON and signed: the two must say the same.
#[test]
fn every_signed_transaction_of_the_state_tests_is_read_as_its_json_says() {
    let root = fixtures().join("ethereum/GeneralStateTests");
    if !root.exists() {
        println!("skipped: {} is not there", root.display());
        return;
    }
    let mut files = Vec::new();
    json_files(root, &mut files);
    let (mut read, mut refused) = (0, 0);
    for file in &files {
        let tests: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        for (name, test) in tests.as_object().unwrap() {
            for post in test["post"]
                .as_object()
                .unwrap()
                .values()
                .flat_map(|posts| posts.as_array().unwrap())
            {
                let Some(bytes) = post["txbytes"].as_str() else {
                    continue;
                };
                match check_state_test(name, &test["transaction"], post, &hex(bytes)) {
                    Ok(()) => read += 1,
                    Err(error) => {
                        // Numbers that no account can hold, and blobs: refused, never misread.
                        assert!(
                            matches!(error, DecodeError::Blob | DecodeError::Rlp(alloy_rlp::Error::Overflow)),
                            "{name}: {error}"
                        );
                        refused += 1;
                    }
                }
            }
        }
    }
    println!("{} files, {read} transactions read, {refused} refused", files.len());
    assert!(read > 0 && refused * 20 < read, "{read} read, {refused} refused");
}

fn check_state_test(name: &str, json: &Value, post: &Value, bytes: &[u8]) -> Result<(), DecodeError> {
    let transaction = Transaction::decode(bytes)?;
    assert_eq!(transaction.encode(), bytes, "{name}");
    let sender = recovered(&transaction).unwrap();
    assert_eq!(hex0x(sender), json["sender"].as_str().unwrap(), "{name}");
    let message = transaction.message(sender, &[]);
    let at = |field: &str, index: &str| &json[field][post["indexes"][index].as_u64().unwrap() as usize];
    assert_eq!(message.input, hex(at("data", "data").as_str().unwrap()), "{name}");
    assert_eq!(U256::from(message.gas_limit), number(at("gasLimit", "gas")), "{name}");
    assert_eq!(
        U256::from_limbs(message.value.0),
        number(at("value", "value")),
        "{name}"
    );
    assert_eq!(message.nonce.map(U256::from), Some(number(&json["nonce"])), "{name}");
    let to = message.to.map(hex0x).unwrap_or_default();
    assert_eq!(to, json["to"].as_str().unwrap(), "{name}");
    let price = if json["gasPrice"].is_null() {
        &json["maxFeePerGas"]
    } else {
        &json["gasPrice"]
    };
    assert_eq!(U256::from(message.max_fee_per_gas), number(price), "{name}");
    Ok(())
}
