//! What a client fills in before it signs.

use crate::{QuantumTransaction, Transaction};
use alloc::vec::Vec;
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Address, Bytes, Signature, TxKind};
use quids_core::{AccountId20, H160, U256};
use quids_crypto::SignatureScheme;

/// The fields that a transaction has whoever signs it: those of EIP-1559, without an access list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UnsignedTransaction {
    /// EIP-155's.
    pub chain_id: u64,
    /// Of the sender.
    pub nonce: u64,
    /// Wei a gas.
    pub max_priority_fee_per_gas: u128,
    /// Wei a gas.
    pub max_fee_per_gas: u128,
    /// The most gas.
    pub gas_limit: u64,
    /// `None` creates a contract.
    pub to: Option<H160>,
    /// Wei.
    pub value: U256,
    /// Call data or initialisation code.
    pub data: Vec<u8>,
}

impl UnsignedTransaction {
    /// What a secp256k1 key signs the Keccak-256 of: EIP-1559's payload.
    #[must_use]
    pub fn eip1559_payload(&self) -> Vec<u8> {
        let transaction = self.eip1559();
        let mut out = Vec::with_capacity(transaction.payload_len_for_signature());
        transaction.encode_for_signing(&mut out);
        out
    }

    /// The EIP-1559 transaction with a signature `r ‖ s ‖ v` over [`Self::eip1559_payload`]. `None` for another `v`
    /// than 0, 1, 27 and 28.
    #[must_use]
    pub fn with_secp256k1(&self, signature: &[u8; 65]) -> Option<Transaction> {
        let signature = Signature::from_raw_array(signature).ok()?;
        Some(Transaction::Eip1559(self.eip1559().into_signed(signature)))
    }

    /// The post-quantum transaction of `sender`, whose signature is still empty. `public_key` goes along until it is
    /// bound in state.
    #[must_use]
    pub fn quantum(
        self,
        scheme: SignatureScheme,
        sender: AccountId20,
        public_key: Option<Vec<u8>>,
    ) -> QuantumTransaction {
        QuantumTransaction {
            chain_id: self.chain_id,
            nonce: self.nonce,
            max_priority_fee_per_gas: self.max_priority_fee_per_gas,
            max_fee_per_gas: self.max_fee_per_gas,
            gas_limit: self.gas_limit,
            to: kind(self.to),
            value: alloy_primitives::U256::from_limbs(self.value.0),
            data: self.data.into(),
            access_list: AccessList::default(),
            scheme,
            sender: Address::new(sender.0),
            public_key: public_key.unwrap_or_default().into(),
            signature: Bytes::new(),
        }
    }

    fn eip1559(&self) -> TxEip1559 {
        TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: self.max_fee_per_gas,
            max_priority_fee_per_gas: self.max_priority_fee_per_gas,
            to: kind(self.to),
            value: alloy_primitives::U256::from_limbs(self.value.0),
            access_list: AccessList::default(),
            input: self.data.clone().into(),
        }
    }
}

fn kind(to: Option<H160>) -> TxKind {
    to.map_or(TxKind::Create, |address| TxKind::Call(Address::new(address.0)))
}
