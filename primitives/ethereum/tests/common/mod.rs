//! What the tests share: hexadecimal, keys, transactions to vary.
#![allow(dead_code, reason = "each test file uses some of it")]

use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use fips204::traits::{KeyGen, SerDes, Signer};
use quids_core::H160;
use quids_crypto::{KeyPair, SignatureScheme, recover_secp256k1};
use quids_ethereum::{Claim, QuantumTransaction, Transaction};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// `$QUIDS_FIXTURES`, or `../shared/fixtures` from the workspace's root.
pub fn fixtures() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join(std::env::var_os("QUIDS_FIXTURES").unwrap_or_else(|| "../shared/fixtures".into()))
}

pub fn hex(text: &str) -> Vec<u8> {
    hex::decode(text.strip_prefix("0x").unwrap_or(text)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub fn hex0x(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// A number in hexadecimal, as Ethereum's JSON has them.
pub fn number(value: &Value) -> U256 {
    value.as_str().unwrap().parse().unwrap()
}

/// Who sent it, by recovery.
pub fn recovered(transaction: &Transaction) -> Option<H160> {
    let Claim::Recover { hash, r_s, recovery_id } = transaction.claim() else {
        panic!("not recoverable: {transaction:?}")
    };
    recover(&hash, &r_s, recovery_id)
}

pub fn recover(hash: &[u8; 32], r_s: &[u8; 64], recovery_id: u8) -> Option<H160> {
    let mut signature = [recovery_id; 65];
    signature[..64].copy_from_slice(r_s);
    recover_secp256k1(hash, &signature).map(|account| H160(account.0))
}

/// The seed of the tests' keys.
pub fn seed() -> [u8; 32] {
    std::array::from_fn(|i| i as u8)
}

pub fn key(scheme: SignatureScheme) -> KeyPair {
    KeyPair::from_seed(scheme, &seed()).unwrap()
}

/// A call without signature.
pub fn unsigned(key: &KeyPair, with_key: bool) -> QuantumTransaction {
    QuantumTransaction {
        chain_id: 20821,
        nonce: 7,
        max_priority_fee_per_gas: 1_000_000_000,
        max_fee_per_gas: 30_000_000_000,
        gas_limit: 100_000,
        to: TxKind::Call(Address::repeat_byte(0x35)),
        value: U256::from(10u64).pow(U256::from(18)),
        data: Bytes::from_static(&[0xa9, 0x05, 0x9c, 0xbb]),
        access_list: AccessList(vec![AccessListItem {
            address: Address::repeat_byte(0x11),
            storage_keys: vec![B256::ZERO, B256::repeat_byte(0x22)],
        }]),
        scheme: key.scheme(),
        sender: Address::new(key.account_id().0),
        public_key: if with_key {
            key.public().as_bytes().to_vec().into()
        } else {
            Bytes::new()
        },
        signature: Bytes::new(),
    }
}

/// Signed as the key's scheme does it; ML-DSA without entropy, so that the bytes are always the same.
pub fn sign(mut transaction: QuantumTransaction, key: &KeyPair) -> QuantumTransaction {
    let message = transaction.signing_hash();
    transaction.signature = match key.scheme() {
        SignatureScheme::MlDsa87 => {
            let (public, secret) = fips204::ml_dsa_87::KG::keygen_from_seed(&seed());
            assert_eq!(public.into_bytes()[..], *key.public().as_bytes());
            secret
                .try_sign_with_seed(&[0; 32], &message, &[])
                .unwrap()
                .to_vec()
                .into()
        }
        _ => key.sign(&message).as_bytes().to_vec().into(),
    };
    transaction
}
