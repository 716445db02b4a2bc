//! A transaction of any kind that this chain executes, and its bytes.

use crate::{
    AUTHORIZATIONS_MAX, AuthorizationClaim, Claim, DecodeError, QuantumTransaction, TRANSACTION_TYPE,
    claim::{is_canonical, r_s},
};
use alloc::vec::Vec;
use alloy_consensus::{
    SignableTransaction, Signed, Transaction as _, TxEip1559, TxEip2930, TxEip7702, TxLegacy,
    transaction::RlpEcdsaDecodableTx,
};
use alloy_primitives::{TxKind, keccak256};
use quids_core::{H160, H256};

/// The most bytes of a transaction without a post-quantum key and signature: go-ethereum's limit.
pub const PAYLOAD_BYTES_MAX: usize = 128 * 1024;
/// The most bytes of any transaction: the largest payload with a SPHINCS+ key and signature (49 920 bytes), rounded up.
pub const TRANSACTION_BYTES_MAX: usize = 192 * 1024;

/// A transaction as it is signed and sent. Its signature is well formed and otherwise unverified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Transaction {
    /// Before EIP-2718, with or without EIP-155.
    Legacy(Signed<TxLegacy>),
    /// With an access list.
    Eip2930(Signed<TxEip2930>),
    /// With a priority fee.
    Eip1559(Signed<TxEip1559>),
    /// With authorisations.
    Eip7702(Signed<TxEip7702>),
    /// With a post-quantum signature.
    Quantum(QuantumTransaction),
}

/// The same expression for whatever kind it is.
macro_rules! each {
    ($self:expr, ecdsa($signed:ident) => $ecdsa:expr, quantum($quantum:ident) => $other:expr $(,)?) => {
        match $self {
            Transaction::Legacy($signed) => $ecdsa,
            Transaction::Eip2930($signed) => $ecdsa,
            Transaction::Eip1559($signed) => $ecdsa,
            Transaction::Eip7702($signed) => $ecdsa,
            Transaction::Quantum($quantum) => $other,
        }
    };
}
pub(crate) use each;

impl Transaction {
    /// Decodes EIP-2718 bytes: all of them, in their only encoding, within the limits of this crate. Never panics.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > TRANSACTION_BYTES_MAX {
            return Err(DecodeError::TooLarge(bytes.len()));
        }
        let (first, typed) = bytes.split_first().ok_or(DecodeError::Empty)?;
        if *first != TRANSACTION_TYPE && bytes.len() > PAYLOAD_BYTES_MAX {
            return Err(DecodeError::PayloadTooLarge(bytes.len()));
        }
        let transaction = match *first {
            0x01 => Self::Eip2930(signed(typed)?),
            0x02 => Self::Eip1559(signed(typed)?),
            0x03 => return Err(DecodeError::Blob),
            0x04 => Self::Eip7702(signed(typed)?),
            TRANSACTION_TYPE => Self::Quantum(QuantumTransaction::decode(typed)?),
            other @ 0x00..=0x7f => return Err(DecodeError::UnknownType(other)),
            _ => Self::Legacy(signed(bytes)?),
        };
        transaction.check(bytes)?;
        Ok(transaction)
    }

    fn check(&self, bytes: &[u8]) -> Result<(), DecodeError> {
        // The decoders below accept canonical RLP alone; that the hash names one transaction shall not hang on that.
        if self.encode() != bytes {
            return Err(DecodeError::NotCanonical);
        }
        match self {
            Self::Quantum(transaction) => {
                let payload = bytes
                    .len()
                    .saturating_sub(transaction.public_key.len())
                    .saturating_sub(transaction.signature.len());
                if payload > PAYLOAD_BYTES_MAX {
                    return Err(DecodeError::PayloadTooLarge(payload));
                }
            }
            Self::Eip7702(signed) if signed.tx().authorization_list.len() > AUTHORIZATIONS_MAX => {
                return Err(DecodeError::TooManyAuthorizations(signed.tx().authorization_list.len()));
            }
            _ => {}
        }
        let canonical = each!(self, ecdsa(signed) => is_canonical(signed.signature()), quantum(_q) => true);
        canonical.then_some(()).ok_or(DecodeError::Signature)
    }

    /// The EIP-2718 bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        each!(self,
            ecdsa(signed) => {
                let mut out = Vec::with_capacity(signed.eip2718_encoded_length());
                signed.eip2718_encode(&mut out);
                out
            },
            quantum(transaction) => transaction.encode(),
        )
    }

    /// Its hash: Keccak-256 of [`Self::encode`].
    #[must_use]
    pub fn hash(&self) -> H256 {
        each!(self,
            ecdsa(signed) => H256(signed.hash().0),
            quantum(transaction) => H256(keccak256(transaction.encode()).0),
        )
    }

    /// What was signed, and how to learn by whom.
    #[must_use]
    pub fn claim(&self) -> Claim {
        each!(self,
            ecdsa(signed) => Claim::Recover {
                hash: signed.signature_hash().0,
                r_s: r_s(signed.signature()),
                recovery_id: signed.signature().v().into(),
            },
            quantum(transaction) => Claim::Key {
                scheme: transaction.scheme,
                sender: H160(transaction.sender.0.0),
                public_key: (!transaction.public_key.is_empty()).then(|| transaction.public_key.to_vec()),
                message: transaction.signing_hash(),
                signature: transaction.signature.to_vec(),
            },
        )
    }

    /// The signatures of an EIP-7702 transaction's authorisations, in order; `None` where nothing can recover.
    #[must_use]
    pub fn authorization_claims(&self) -> Vec<Option<AuthorizationClaim>> {
        match self {
            Self::Eip7702(signed) => {
                let list = &signed.tx().authorization_list;
                list.iter().map(AuthorizationClaim::new).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The bytes with the post-quantum signature emptied, and that signature: a block's extrinsics root covers the
    /// former. `None` for a transaction whose sender is recovered from its signature.
    #[must_use]
    pub fn without_signature(self) -> Option<(Vec<u8>, Vec<u8>)> {
        match self {
            Self::Quantum(transaction) => Some((transaction.encode_blanked(), transaction.signature.into())),
            _ => None,
        }
    }

    /// The EIP-2718 type; 0 without one.
    #[must_use]
    pub const fn transaction_type(&self) -> u8 {
        match self {
            Self::Legacy(_) => 0,
            Self::Eip2930(_) => 1,
            Self::Eip1559(_) => 2,
            Self::Eip7702(_) => 4,
            Self::Quantum(_) => TRANSACTION_TYPE,
        }
    }

    /// The chain it is for; `None` before EIP-155.
    #[must_use]
    pub fn chain_id(&self) -> Option<u64> {
        each!(self, ecdsa(signed) => signed.tx().chain_id(), quantum(transaction) => Some(transaction.chain_id))
    }

    /// The sender's nonce.
    #[must_use]
    pub fn nonce(&self) -> u64 {
        each!(self, ecdsa(signed) => signed.tx().nonce(), quantum(transaction) => transaction.nonce)
    }

    /// The most gas.
    #[must_use]
    pub fn gas_limit(&self) -> u64 {
        each!(self, ecdsa(signed) => signed.tx().gas_limit(), quantum(transaction) => transaction.gas_limit)
    }

    /// The callee; `None` creates.
    #[must_use]
    pub fn to(&self) -> Option<H160> {
        let kind = each!(self, ecdsa(signed) => signed.tx().kind(), quantum(transaction) => transaction.to);
        match kind {
            TxKind::Call(address) => Some(H160(address.0.0)),
            TxKind::Create => None,
        }
    }
}

/// A transaction of Ethereum without its type byte.
fn signed<T>(mut bytes: &[u8]) -> Result<Signed<T>, DecodeError>
where
    T: RlpEcdsaDecodableTx + SignableTransaction<alloy_primitives::Signature>,
{
    let (transaction, signature) = T::rlp_decode_with_signature(&mut bytes)?;
    if !bytes.is_empty() {
        return Err(DecodeError::TrailingBytes(bytes.len()));
    }
    Ok(Signed::new_unhashed(transaction, signature))
}
