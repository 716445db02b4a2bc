//! Who signs: a key in this process, or another process that holds it, over a Unix socket.

mod client;
mod protocol;
mod server;

pub use client::RemoteSigner;
pub use protocol::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};
pub use server::{Refusal, SignRequest, SignerEvent, SignerHandle, SignerLimits, SignerServer};

use quids_core::AccountId20;
use quids_crypto::{KeyPair, PublicKey, Signature, SignatureScheme};
use std::path::PathBuf;

/// The longest payload of a transaction that is signed as it is; a longer one is signed as its BLAKE2b-256.
pub const ACCOUNT_PAYLOAD_BYTES_MAX: usize = 256;
/// The longest proof of possession: its domain, a genesis hash, an account, a tagged ML-DSA-87 key.
pub const POSSESSION_BYTES_MAX: usize = 12 + 32 + 20 + 1 + 2 + 2592;
/// The longest payload of an Ethereum transaction: the longest that the chain takes.
pub const ETHEREUM_PAYLOAD_BYTES_MAX: usize = 128 << 10;
/// Opens every proof of possession, see [`quids_crypto::possession_message`].
const POSSESSION_DOMAIN: &[u8] = b"quids/pop/v1";

/// What a signature is for. A signer signs nothing else, so that no caller gets a signature under another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A transaction: its payload, or the hash of a long one.
    Account,
    /// A proof that one holds the key, to bind it to an account: [`quids_crypto::possession_message`].
    Possession,
    /// An Ethereum transaction by secp256k1: EIP-1559's payload, type byte included.
    Ethereum,
}

impl Purpose {
    const ALL: [Self; 3] = [Self::Account, Self::Possession, Self::Ethereum];

    /// The name in the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Possession => "possession",
            Self::Ethereum => "ethereum",
        }
    }

    /// The purpose of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }

    /// Whether a message can be for this; says why not.
    pub fn check(self, message: &[u8]) -> Result<(), String> {
        let proof = message.starts_with(POSSESSION_DOMAIN);
        let bytes_max = match self {
            Self::Account if proof => return Err("a proof of possession is no transaction".into()),
            Self::Account => ACCOUNT_PAYLOAD_BYTES_MAX,
            Self::Possession if !proof => return Err("the payload is no proof of possession".into()),
            Self::Possession => POSSESSION_BYTES_MAX,
            // The type byte and the header of a list.
            Self::Ethereum if !matches!(message, [2, 0xc0..=0xff, ..]) => {
                return Err("the payload is no transaction of EIP-1559".into());
            }
            Self::Ethereum => ETHEREUM_PAYLOAD_BYTES_MAX,
        };
        match message.len() {
            0 => Err("the payload is empty".into()),
            size if size > bytes_max => Err(format!(
                "the payload has {size} bytes; for {} at most {bytes_max} are signed",
                self.name()
            )),
            _ => Ok(()),
        }
    }
}

/// A key that signs, wherever it is.
pub trait Signer: Send + Sync {
    /// Its public key.
    fn public(&self) -> &PublicKey;

    /// The account that the key derives.
    fn account_id(&self) -> AccountId20;

    /// Signs a message, and may take as long as a person takes to agree. A signature that is returned verifies.
    fn sign(&self, purpose: Purpose, message: &[u8]) -> Result<Signature, SignError>;

    /// Its scheme.
    fn scheme(&self) -> SignatureScheme {
        self.public().scheme()
    }
}

impl Signer for KeyPair {
    fn public(&self) -> &PublicKey {
        self.public()
    }

    fn account_id(&self) -> AccountId20 {
        self.account_id()
    }

    fn sign(&self, _: Purpose, message: &[u8]) -> Result<Signature, SignError> {
        Ok(self.sign(message))
    }
}

/// Why there is no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The socket cannot be used.
    #[error("signer {path}: {reason}")]
    Connection {
        /// The socket.
        path: PathBuf,
        /// What the system said, or what is wrong with it.
        reason: String,
    },
    /// The signer has no such account, or several and none was chosen.
    #[error("signer {path} {reason}; it has {known}")]
    Account {
        /// The socket.
        path: PathBuf,
        /// What was asked for.
        reason: String,
        /// The accounts that it has.
        known: String,
    },
    /// The signer answered with an error.
    #[error("signer {path} refused with code {code}: {message}")]
    Refused {
        /// The socket.
        path: PathBuf,
        /// JSON-RPC's code.
        code: i64,
        /// The signer's words.
        message: String,
    },
    /// The answer is not what the protocol says, or its signature does not verify.
    #[error("signer {path} gave a wrong answer: {reason}")]
    Answer {
        /// The socket.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}
