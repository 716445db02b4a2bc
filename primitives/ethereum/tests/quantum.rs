//! The post-quantum transaction: its vectors (`fixtures/vectors.json`), what verifies, what is refused.

mod common;

use alloy_primitives::{B256, Bytes, TxKind, U256};
use common::{hex, hex0x, key, sign, unsigned};
use quids_core::{AccountId20, H160};
use quids_crypto::{PublicKey, Signature, SignatureScheme, hash_quantum_resistant, verify};
use quids_ethereum::{Claim, DecodeError, QuantumTransaction, SIGNING_DOMAIN, Transaction};
use serde_json::{Value, json};
use std::fs;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vectors.json");

/// Every scheme that signs transactions.
const SCHEMES: [SignatureScheme; 3] = [
    SignatureScheme::MlDsa87,
    SignatureScheme::Falcon512,
    SignatureScheme::SphincsShake256f,
];

/// The transactions of the vectors, without signatures.
fn cases() -> Vec<(&'static str, QuantumTransaction)> {
    let (ml_dsa, falcon) = (key(SignatureScheme::MlDsa87), key(SignatureScheme::Falcon512));
    vec![
        ("first transaction, carries the key", unsigned(&ml_dsa, true)),
        ("key is bound", unsigned(&ml_dsa, false)),
        (
            "creation",
            QuantumTransaction {
                to: TxKind::Create,
                nonce: 0,
                value: U256::ZERO,
                data: Bytes::from(hex("600a600c600039600a6000f3602a60005260206000f3")),
                access_list: Default::default(),
                ..unsigned(&ml_dsa, false)
            },
        ),
        (
            "largest numbers, no data",
            QuantumTransaction {
                chain_id: u64::MAX,
                nonce: u64::MAX,
                max_priority_fee_per_gas: u128::MAX,
                max_fee_per_gas: u128::MAX,
                gas_limit: u64::MAX,
                value: U256::MAX,
                data: Bytes::new(),
                ..unsigned(&ml_dsa, false)
            },
        ),
        ("Falcon-512", unsigned(&falcon, true)),
    ]
}

fn vector(name: &str, transaction: &QuantumTransaction) -> Value {
    let access_list: Vec<_> = transaction
        .access_list
        .iter()
        .map(|item| {
            let keys: Vec<_> = item.storage_keys.iter().map(hex0x).collect();
            json!({ "address": hex0x(item.address), "storage_keys": keys })
        })
        .collect();
    json!({
        "name": name,
        "seed": (transaction.scheme == SignatureScheme::MlDsa87).then(|| hex0x(common::seed())),
        "fields": {
            "chain_id": transaction.chain_id.to_string(),
            "nonce": transaction.nonce.to_string(),
            "max_priority_fee_per_gas": transaction.max_priority_fee_per_gas.to_string(),
            "max_fee_per_gas": transaction.max_fee_per_gas.to_string(),
            "gas_limit": transaction.gas_limit.to_string(),
            "to": transaction.to.to().map(hex0x),
            "value": transaction.value.to_string(),
            "data": hex0x(&transaction.data),
            "access_list": access_list,
            "scheme": transaction.scheme.tag(),
            "sender": hex0x(transaction.sender),
            "public_key": hex0x(&transaction.public_key),
        },
        "signing_payload": hex0x(transaction.signing_payload()),
        "signing_hash": hex0x(transaction.signing_hash()),
        "envelope": hex0x(transaction.encode()),
        "hash": hex0x(Transaction::Quantum(transaction.clone()).hash()),
    })
}

#[test]
fn the_vectors_hold() {
    if std::env::var_os("QUIDS_BLESS").is_some() {
        let vectors: Vec<_> = cases()
            .into_iter()
            .map(|(name, transaction)| vector(name, &sign(transaction.clone(), &key(transaction.scheme))))
            .collect();
        let file = json!({
            "about": "post-quantum transactions (type 0x71); ML-DSA-87 keys from `seed` (FIPS 204), signatures without \
                entropy (rnd of 32 zero bytes); written by primitives/ethereum/tests/quantum.rs with QUIDS_BLESS=1",
            "domain": std::str::from_utf8(SIGNING_DOMAIN).unwrap(),
            "vectors": vectors,
        });
        fs::write(VECTORS, format!("{file:#}\n")).unwrap();
    }
    let file: Value = serde_json::from_slice(&fs::read(VECTORS).unwrap()).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    let cases = cases();
    assert_eq!(vectors.len(), cases.len());
    for ((name, transaction), expected) in cases.into_iter().zip(vectors) {
        let envelope = hex(expected["envelope"].as_str().unwrap());
        let key = key(transaction.scheme);
        let transaction = match transaction.scheme {
            SignatureScheme::MlDsa87 => sign(transaction, &key),
            // Falcon is always hedged.
            _ => QuantumTransaction {
                signature: envelope[envelope.len() - transaction.scheme.signature_len()..]
                    .to_vec()
                    .into(),
                ..transaction
            },
        };
        assert_eq!(&vector(name, &transaction), expected, "{name}");
        let decoded = Transaction::decode(&envelope).unwrap();
        assert_eq!(decoded, Transaction::Quantum(transaction), "{name}");
        assert!(holds(&decoded, key.public()), "{name}");
    }
}

/// Whether the claim's signature is by the key.
fn holds(transaction: &Transaction, key: &PublicKey) -> bool {
    let Claim::Key {
        scheme,
        sender,
        public_key,
        message,
        signature,
    } = transaction.claim()
    else {
        panic!("{transaction:?}")
    };
    assert_eq!(key.account_id(), Some(AccountId20(sender.0)));
    assert!(public_key.is_none_or(|bytes| bytes == key.as_bytes()));
    verify(key, &message, &Signature::new(scheme, &signature).unwrap())
}

#[test]
fn every_field_is_signed() {
    let key = key(SignatureScheme::MlDsa87);
    let good = sign(unsigned(&key, true), &key);
    assert!(holds(&Transaction::Quantum(good.clone()), key.public()));
    let changes: [fn(&mut QuantumTransaction); 10] = [
        |t| t.chain_id += 1,
        |t| t.nonce += 1,
        |t| t.max_priority_fee_per_gas += 1,
        |t| t.max_fee_per_gas += 1,
        |t| t.gas_limit += 1,
        |t| t.to = TxKind::Create,
        |t| t.value += U256::from(1),
        |t| t.data = Bytes::new(),
        |t| t.access_list.0[0].storage_keys.push(B256::ZERO),
        |t| t.public_key = Bytes::new(),
    ];
    for (i, change) in changes.into_iter().enumerate() {
        let mut changed = good.clone();
        change(&mut changed);
        let changed = Transaction::decode(&changed.encode()).unwrap();
        assert!(!holds(&changed, key.public()), "change {i}");
    }
    let payload = good.signing_payload();
    assert_eq!(
        good.signing_hash(),
        hash_quantum_resistant(b"quids 2026 transaction 0x71 v1", &payload)
    );
}

#[test]
fn every_scheme_signs_with_its_key_and_without() {
    for scheme in SCHEMES {
        for with_key in [true, false] {
            let key = key(scheme);
            let transaction = sign(unsigned(&key, with_key), &key);
            let bytes = transaction.encode();
            let decoded = Transaction::decode(&bytes).unwrap();
            assert_eq!(decoded.encode(), bytes);
            assert!(holds(&decoded, key.public()), "{scheme} {with_key}");
            assert_eq!(
                (decoded.transaction_type(), decoded.chain_id(), decoded.nonce()),
                (0x71, Some(20821), 7)
            );
            let message = decoded.message(H160(key.account_id().0), &[]);
            assert_eq!(
                (message.gas_limit, message.max_priority_fee_per_gas),
                (100_000, Some(1_000_000_000))
            );
            assert_eq!(message.access_list[0].storage_keys.len(), 2);

            let (blanked, signature) = decoded.without_signature().unwrap();
            assert_eq!(signature, transaction.signature);
            assert!(blanked.len() + signature.len() < bytes.len() + 8 && blanked.ends_with(&[0x80]));
            let error = Transaction::decode(&blanked).unwrap_err();
            assert_eq!(error, DecodeError::SignatureLength { scheme, actual: 0 });
        }
    }
}

#[test]
fn wrong_schemes_and_lengths_are_refused() {
    let key = key(SignatureScheme::Falcon512);
    let good = sign(unsigned(&key, true), &key);
    let check = |change: &dyn Fn(&mut QuantumTransaction), error: DecodeError| {
        let mut transaction = good.clone();
        change(&mut transaction);
        assert_eq!(Transaction::decode(&transaction.encode()).unwrap_err(), error);
    };
    let scheme = SignatureScheme::Falcon512;
    check(&|t| t.scheme = SignatureScheme::Secp256k1, DecodeError::Scheme(2));
    for length in [0, 1, 665, 667, 4627] {
        check(
            &|t| t.signature = vec![1; length].into(),
            DecodeError::SignatureLength { scheme, actual: length },
        );
    }
    for length in [1, 896, 898, 2592] {
        check(
            &|t| t.public_key = vec![1; length].into(),
            DecodeError::KeyLength { scheme, actual: length },
        );
    }
    // The tag is its own RLP from 1 to 127; there is exactly one before the sender (0x94 and 20 bytes).
    let bytes = good.encode();
    let sender = bytes
        .windows(20)
        .rposition(|part| part == good.sender.as_slice())
        .unwrap();
    assert_eq!(bytes[sender - 2..sender], [1, 0x94]);
    for tag in 4..=127 {
        let mut bytes = bytes.clone();
        bytes[sender - 2] = tag;
        assert_eq!(Transaction::decode(&bytes).unwrap_err(), DecodeError::Scheme(tag));
    }
}

#[test]
fn a_payload_has_a_limit_apart_from_key_and_signature() {
    let key = key(SignatureScheme::SphincsShake256f);
    let with = |length| {
        let transaction = QuantumTransaction {
            data: vec![1; length].into(),
            signature: vec![1; 49_856].into(),
            ..unsigned(&key, true)
        };
        Transaction::decode(&transaction.encode())
    };
    assert!(with(130_000).is_ok());
    assert!(matches!(with(131_072), Err(DecodeError::PayloadTooLarge(size)) if size > 131_072));
    assert!(matches!(with(200_000), Err(DecodeError::TooLarge(_))));
}
