//! What a transaction says to the EVM, in the words of the runtime API.

use crate::{TRANSACTION_TYPE, Transaction, transaction::each};
use alloc::vec::Vec;
use alloy_consensus::Transaction as _;
use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use quids_api::evm::{AccessListItem, Authorization, EvmMessage, QuantumSignature};
use quids_core::{H160, H256, U256};

impl Transaction {
    /// The message, sent by `from`. `authorities` are the signers of the authorisations, in order, as
    /// [`Self::authorization_claims`] lets the caller find them; those that are missing count as unknown.
    #[must_use]
    pub fn message(&self, from: H160, authorities: &[Option<H160>]) -> EvmMessage {
        let transaction_type = self.transaction_type();
        let to = self.to();
        each!(self,
            ecdsa(signed) => {
                let transaction = signed.tx();
                EvmMessage {
                    transaction_type,
                    from,
                    to,
                    nonce: Some(transaction.nonce()),
                    value: U256(transaction.value().into_limbs()),
                    input: transaction.input().to_vec(),
                    gas_limit: transaction.gas_limit(),
                    max_fee_per_gas: transaction.max_fee_per_gas(),
                    max_priority_fee_per_gas: transaction.max_priority_fee_per_gas(),
                    access_list: transaction.access_list().map(access_list).unwrap_or_default(),
                    authorizations: authorizations(
                        transaction.authorization_list().unwrap_or_default(),
                        authorities,
                    ),
                    quantum: None,
                }
            },
            quantum(transaction) => EvmMessage {
                transaction_type: TRANSACTION_TYPE,
                from,
                to,
                nonce: Some(transaction.nonce),
                value: U256(transaction.value.into_limbs()),
                input: transaction.data.to_vec(),
                gas_limit: transaction.gas_limit,
                max_fee_per_gas: transaction.max_fee_per_gas,
                max_priority_fee_per_gas: Some(transaction.max_priority_fee_per_gas),
                access_list: access_list(&transaction.access_list),
                authorizations: Vec::new(),
                quantum: Some(QuantumSignature {
                    scheme: transaction.scheme.tag(),
                    with_key: !transaction.public_key.is_empty(),
                }),
            },
        )
    }
}

fn access_list(list: &AccessList) -> Vec<AccessListItem> {
    let item = |item: &alloy_eips::eip2930::AccessListItem| AccessListItem {
        address: H160(item.address.0.0),
        storage_keys: item.storage_keys.iter().map(|key| H256(key.0)).collect(),
    };
    list.iter().map(item).collect()
}

fn authorizations(list: &[SignedAuthorization], authorities: &[Option<H160>]) -> Vec<Authorization> {
    let known = authorities.iter().copied().chain(core::iter::repeat(None));
    let authorization = |(signed, authority): (&SignedAuthorization, Option<H160>)| Authorization {
        chain_id: U256(signed.chain_id().into_limbs()),
        address: H160(signed.address().0.0),
        nonce: signed.nonce(),
        authority,
    };
    list.iter().zip(known).map(authorization).collect()
}
