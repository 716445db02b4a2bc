//! Any bytes: never a panic, and what decodes is the only encoding of what it means.

mod common;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use proptest::{collection::vec, prelude::*};
use quids_core::H160;
use quids_crypto::SignatureScheme;
use quids_ethereum::{QuantumTransaction, Transaction};

fn number() -> impl Strategy<Value = U256> {
    // Of every length.
    (any::<[u8; 32]>(), 0usize..=256).prop_map(|(bytes, shift)| U256::from_be_bytes(bytes).wrapping_shr(shift))
}

fn address() -> impl Strategy<Value = Address> {
    any::<[u8; 20]>().prop_map(Address::new)
}

fn kind() -> impl Strategy<Value = TxKind> {
    prop_oneof![Just(TxKind::Create), address().prop_map(TxKind::Call)]
}

fn data() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

fn access_list() -> impl Strategy<Value = AccessList> {
    let item = (address(), vec(any::<[u8; 32]>(), 0..3)).prop_map(|(address, keys)| AccessListItem {
        address,
        storage_keys: keys.into_iter().map(B256::new).collect(),
    });
    vec(item, 0..4).prop_map(AccessList)
}

/// Of a form that decoding admits.
fn signature() -> impl Strategy<Value = Signature> {
    let scalar = || number().prop_map(|n| n.wrapping_shr(1) >> 1 | U256::from(1));
    (scalar(), scalar(), any::<bool>()).prop_map(|(r, s, parity)| Signature::new(r, s, parity))
}

fn authorization() -> impl Strategy<Value = SignedAuthorization> {
    (number(), address(), any::<u64>(), any::<u8>(), number(), number()).prop_map(
        |(chain_id, address, nonce, parity, r, s)| {
            let inner = Authorization {
                chain_id,
                address,
                nonce,
            };
            SignedAuthorization::new_unchecked(inner, parity, r, s)
        },
    )
}

fn quantum() -> impl Strategy<Value = QuantumTransaction> {
    let scheme = prop_oneof![
        Just(SignatureScheme::MlDsa87),
        Just(SignatureScheme::Falcon512),
        Just(SignatureScheme::SphincsShake256f)
    ];
    let numbers = (any::<u64>(), any::<u64>(), any::<u128>(), any::<u128>(), any::<u64>());
    (
        numbers,
        kind(),
        number(),
        data(),
        access_list(),
        scheme,
        address(),
        any::<bool>(),
        any::<u8>(),
    )
        .prop_map(
            |((chain_id, nonce, tip, fee, gas), to, value, data, access_list, scheme, sender, with_key, fill)| {
                QuantumTransaction {
                    chain_id,
                    nonce,
                    max_priority_fee_per_gas: tip,
                    max_fee_per_gas: fee,
                    gas_limit: gas,
                    to,
                    value,
                    data,
                    access_list,
                    scheme,
                    sender,
                    public_key: vec![fill; if with_key { scheme.public_key_len() } else { 0 }].into(),
                    signature: vec![fill; scheme.signature_len()].into(),
                }
            },
        )
}

fn ethereum() -> impl Strategy<Value = Transaction> {
    let numbers = (any::<u64>(), any::<u64>(), any::<u128>(), any::<u128>(), any::<u64>());
    let lists = (access_list(), vec(authorization(), 0..4));
    (0..5, numbers, kind(), number(), data(), lists, address(), signature()).prop_map(
        |(which, (chain_id, nonce, tip, fee, gas_limit), to, value, input, lists, callee, signature)| {
            let (access_list, authorization_list) = lists;
            match which {
                0 | 1 => Transaction::Legacy(
                    TxLegacy {
                        chain_id: (which == 0).then_some(chain_id),
                        nonce,
                        gas_price: fee,
                        gas_limit,
                        to,
                        value,
                        input,
                    }
                    .into_signed(signature),
                ),
                2 => Transaction::Eip2930(
                    TxEip2930 {
                        chain_id,
                        nonce,
                        gas_price: fee,
                        gas_limit,
                        to,
                        value,
                        access_list,
                        input,
                    }
                    .into_signed(signature),
                ),
                3 => Transaction::Eip1559(
                    TxEip1559 {
                        chain_id,
                        nonce,
                        gas_limit,
                        max_fee_per_gas: fee,
                        max_priority_fee_per_gas: tip,
                        to,
                        value,
                        access_list,
                        input,
                    }
                    .into_signed(signature),
                ),
                _ => Transaction::Eip7702(
                    TxEip7702 {
                        chain_id,
                        nonce,
                        gas_limit,
                        max_fee_per_gas: fee,
                        max_priority_fee_per_gas: tip,
                        to: callee,
                        value,
                        access_list,
                        authorization_list,
                        input,
                    }
                    .into_signed(signature),
                ),
            }
        },
    )
}

fn transaction() -> impl Strategy<Value = Transaction> {
    prop_oneof![3 => ethereum(), 2 => quantum().prop_map(Transaction::Quantum)]
}

/// What must hold of any bytes.
fn check(bytes: &[u8]) {
    let Ok(transaction) = Transaction::decode(bytes) else {
        return;
    };
    assert_eq!(transaction.encode(), bytes);
    assert_eq!(transaction.hash().0, quids_crypto::keccak_256(bytes));
    let _ = transaction.claim();
    let count = transaction.authorization_claims().len();
    assert_eq!(transaction.message(H160::zero(), &[]).authorizations.len(), count);
    let _ = transaction.without_signature();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_encoded_is_decoded(transaction in transaction()) {
        let bytes = transaction.encode();
        let decoded = Transaction::decode(&bytes).unwrap();
        prop_assert_eq!(&decoded, &transaction);
        check(&bytes);
    }

    #[test]
    fn changed_bytes_are_another_transaction_or_none(
        transaction in transaction(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        insert in any::<Option<u8>>(),
    ) {
        let mut bytes = transaction.encode();
        // Lengths and fields are at the front; a post-quantum signature is most of the rest.
        let reach = bytes.len().min(400);
        for (at, byte) in changes {
            bytes[at.index(reach)] = byte;
        }
        check(&bytes);
        if let Some(byte) = insert {
            bytes.insert(cut.index(reach), byte);
            check(&bytes);
        }
        bytes.truncate(cut.index(bytes.len()));
        check(&bytes);
    }

    #[test]
    fn arbitrary_bytes_are_judged(kind in prop_oneof![Just(0x71u8), 0u8..5, any::<u8>()], rest in vec(any::<u8>(), 0..400)) {
        check(&rest);
        check(&[&[kind][..], &rest].concat());
    }
}
