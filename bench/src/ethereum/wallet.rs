//! Keys of secp256k1 and the transactions that they sign (EIP-1559).

use crate::Result;
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, keccak256};
use bip32::{DerivationPath, XPrv};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};

/// Anvil's, Hardhat's, and our development chain's.
const DEVELOPMENT_PHRASE: &str = "test test test test test test test test test test test junk";

/// A key that counts its transactions.
pub struct Wallet {
    key: SecretKey,
    pub address: Address,
    /// Of the next transaction.
    pub nonce: u64,
}

/// What all transactions of a run have alike.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub chain_id: u64,
    /// Wei a gas, far above the base fee: full blocks raise that.
    pub max_fee_per_gas: u128,
    pub max_priority_fee_per_gas: u128,
}

/// What a transaction does.
pub struct Action {
    pub to: TxKind,
    pub value: U256,
    pub input: Bytes,
    pub gas_limit: u64,
}

impl Wallet {
    fn new(secret: [u8; 32]) -> Result<Self> {
        let key = SecretKey::from_byte_array(secret)?;
        let point = PublicKey::from_secret_key(SECP256K1, &key).serialize_uncompressed();
        let address = Address::from_slice(&keccak256(&point[1..])[12..]);
        Ok(Self { key, address, nonce: 0 })
    }

    /// A development account by number.
    pub fn development(index: usize) -> Result<Self> {
        let seed = bip39::Mnemonic::parse_normalized(DEVELOPMENT_PHRASE)?.to_seed_normalized("");
        let path = format!("m/44'/60'/0'/0/{index}");
        let path: DerivationPath = path.parse().map_err(|error| format!("{path}: {error}"))?;
        let key = XPrv::derive_from_path(seed, &path).map_err(|error| format!("account {index}: {error}"))?;
        Self::new(key.to_bytes())
    }

    /// One of our own making, always the same for a number.
    pub fn sender(index: usize) -> Result<Self> {
        Self::new(keccak256(format!("quids bench sender {index}")).0)
    }

    /// The next transaction's EIP-2718 bytes.
    pub fn sign(&mut self, terms: &Terms, action: Action) -> Result<Vec<u8>> {
        let transaction = TxEip1559 {
            chain_id: terms.chain_id,
            nonce: self.nonce,
            gas_limit: action.gas_limit,
            max_fee_per_gas: terms.max_fee_per_gas,
            max_priority_fee_per_gas: terms.max_priority_fee_per_gas,
            to: action.to,
            value: action.value,
            access_list: Default::default(),
            input: action.input,
        };
        self.nonce += 1;
        let message = Message::from_digest(transaction.signature_hash().0);
        let (id, scalars) = SECP256K1.sign_ecdsa_recoverable(message, &self.key).serialize_compact();
        let signature = Signature::from_bytes_and_parity(&scalars, i32::from(id) & 1 == 1);
        let mut bytes = Vec::new();
        transaction.into_signed(signature).eip2718_encode(&mut bytes);
        Ok(bytes)
    }
}

/// An address that nobody has a key of.
pub fn stranger(index: usize) -> Address {
    Address::from_slice(&keccak256(format!("quids bench stranger {index}"))[..20])
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::transaction::RlpEcdsaDecodableTx;
    use alloy_primitives::address;

    #[test]
    fn development_accounts_are_those_that_everybody_knows() {
        let known = [
            address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
            address!("70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        ];
        for (index, address) in known.into_iter().enumerate() {
            assert_eq!(Wallet::development(index).unwrap().address, address);
        }
    }

    #[test]
    fn what_is_signed_recovers_to_the_signer() {
        let mut wallet = Wallet::sender(3).unwrap();
        let terms = Terms {
            chain_id: 20821,
            max_fee_per_gas: 7,
            max_priority_fee_per_gas: 1,
        };
        for nonce in 0..8 {
            let action = Action {
                to: TxKind::Call(stranger(1)),
                value: U256::from(5),
                input: Bytes::new(),
                gas_limit: 21_000,
            };
            let bytes = wallet.sign(&terms, action).unwrap();
            let signed = TxEip1559::eip2718_decode(&mut &bytes[..]).unwrap();
            assert_eq!((signed.tx().nonce, signed.tx().to), (nonce, TxKind::Call(stranger(1))));
            let signature = signed.signature();
            let id = secp256k1::ecdsa::RecoveryId::from_u8_masked(u8::from(signature.v()));
            let recoverable =
                secp256k1::ecdsa::RecoverableSignature::from_compact(&signature.as_bytes()[..64], id).unwrap();
            let message = Message::from_digest(signed.tx().signature_hash().0);
            let point = SECP256K1
                .recover_ecdsa(message, &recoverable)
                .unwrap()
                .serialize_uncompressed();
            assert_eq!(Address::from_slice(&keccak256(&point[1..])[12..]), wallet.address);
        }
    }
}
