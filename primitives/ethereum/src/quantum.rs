//! The post-quantum transaction, type 0x71.

use crate::DecodeError;
use alloc::vec::Vec;
use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_rlp::{Decodable, Encodable, Header};
use quids_crypto::SignatureScheme;

/// The EIP-2718 type byte.
pub const TRANSACTION_TYPE: u8 = 0x71;
/// Domain of the 64-byte hash that is signed.
pub const SIGNING_DOMAIN: &[u8] = b"quids 2026 transaction 0x71 v1";

/// A transaction with the fields of EIP-1559 and a post-quantum signature.
///
/// ```text
/// 0x71 ‖ rlp([chain_id, nonce, max_priority_fee_per_gas, max_fee_per_gas, gas_limit, to, value, data, access_list,
///             scheme, sender, public_key, signature])
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuantumTransaction {
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
    /// The callee, or a creation: the empty string.
    pub to: TxKind,
    /// Wei.
    pub value: U256,
    /// Call data or initialisation code.
    pub data: Bytes,
    /// EIP-2930.
    pub access_list: AccessList,
    /// A post-quantum one.
    pub scheme: SignatureScheme,
    /// The account that sends and pays.
    pub sender: Address,
    /// Empty once the sender's key is bound in state.
    pub public_key: Bytes,
    /// Over [`Self::signing_hash`].
    pub signature: Bytes,
}

impl QuantumTransaction {
    /// Decodes what follows the type byte. Lengths of key and signature are their scheme's.
    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, DecodeError> {
        let fields = &mut Header::decode_bytes(&mut bytes, true)?;
        if !bytes.is_empty() {
            return Err(DecodeError::TrailingBytes(bytes.len()));
        }
        let transaction = Self {
            chain_id: Decodable::decode(fields)?,
            nonce: Decodable::decode(fields)?,
            max_priority_fee_per_gas: Decodable::decode(fields)?,
            max_fee_per_gas: Decodable::decode(fields)?,
            gas_limit: Decodable::decode(fields)?,
            to: Decodable::decode(fields)?,
            value: Decodable::decode(fields)?,
            data: Decodable::decode(fields)?,
            access_list: Decodable::decode(fields)?,
            scheme: scheme(Decodable::decode(fields)?)?,
            sender: Decodable::decode(fields)?,
            public_key: Decodable::decode(fields)?,
            signature: Decodable::decode(fields)?,
        };
        if !fields.is_empty() {
            return Err(DecodeError::Rlp(alloy_rlp::Error::UnexpectedLength));
        }
        transaction.check_lengths()?;
        Ok(transaction)
    }

    /// With this signature, over [`Self::signing_hash`].
    #[must_use]
    pub fn with_signature(mut self, signature: Vec<u8>) -> Self {
        self.signature = signature.into();
        self
    }

    fn check_lengths(&self) -> Result<(), DecodeError> {
        let (scheme, key) = (self.scheme, self.public_key.len());
        if key != 0 && key != scheme.public_key_len() {
            return Err(DecodeError::KeyLength { scheme, actual: key });
        }
        if self.signature.len() != scheme.signature_len() {
            return Err(DecodeError::SignatureLength {
                scheme,
                actual: self.signature.len(),
            });
        }
        Ok(())
    }

    /// The EIP-2718 bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.envelope(Some(&self.signature))
    }

    /// The EIP-2718 bytes with an empty signature: what a block's extrinsics root covers.
    #[must_use]
    pub fn encode_blanked(&self) -> Vec<u8> {
        self.envelope(Some(&Bytes::new()))
    }

    /// What [`Self::signing_hash`] hashes: `0x71 ‖ rlp([all fields but the signature])`.
    #[must_use]
    pub fn signing_payload(&self) -> Vec<u8> {
        self.envelope(None)
    }

    /// The message of the signature: the quantum-resistant hash of [`Self::signing_payload`] in [`SIGNING_DOMAIN`].
    #[must_use]
    pub fn signing_hash(&self) -> [u8; 64] {
        quids_io::hashing::quantum_resistant(SIGNING_DOMAIN, &self.signing_payload())
    }

    fn envelope(&self, signature: Option<&Bytes>) -> Vec<u8> {
        let tag = self.scheme.tag();
        let common: [&dyn Encodable; 12] = [
            &self.chain_id,
            &self.nonce,
            &self.max_priority_fee_per_gas,
            &self.max_fee_per_gas,
            &self.gas_limit,
            &self.to,
            &self.value,
            &self.data,
            &self.access_list,
            &tag,
            &self.sender,
            &self.public_key,
        ];
        let fields = || common.into_iter().chain(signature.map(|bytes| bytes as &dyn Encodable));
        let header = Header {
            list: true,
            payload_length: fields().fold(0, |sum, field| sum.saturating_add(field.length())),
        };
        let mut out = Vec::with_capacity(header.length_with_payload().saturating_add(1));
        out.push(TRANSACTION_TYPE);
        header.encode(&mut out);
        fields().for_each(|field| field.encode(&mut out));
        out
    }
}

fn scheme(tag: u8) -> Result<SignatureScheme, DecodeError> {
    SignatureScheme::from_tag(tag)
        .filter(|scheme| scheme.is_post_quantum())
        .ok_or(DecodeError::Scheme(tag))
}
