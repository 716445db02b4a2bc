//! Where keys come from and where they stay: development accounts, mnemonics, encrypted key files, a node's keystore,
//! and signers in other processes. What passes through is wiped.
#![warn(missing_docs)]

mod dev;
mod error;
mod export;
mod file;
mod format;
mod hexadecimal;
mod kdf;
mod mnemonic;
mod node;
mod passphrase;
mod pkcs8;
mod private;
mod secret;
mod signer;
mod source;

pub use dev::{DEV_ACCOUNTS, DevAccount, ETHEREUM_TEST_MNEMONIC, dev_account, dev_keypair, dev_names};
pub use error::KeyError;
pub use export::{Format, UnknownFormat, export_secret, import_secret, read_private_file, write_private_file};
pub use file::{
    FOLDER_ENTRIES_MAX, ListedFile, Protection, list_key_files, read_key_file, reencrypt_key_file, write_key_file,
};
pub use format::{KEY_FILE_BYTES_MAX, KEY_FILE_VERSION, KeyFile, KeyInfo, KeyType};
pub use kdf::{KdfParams, NONCE_LEN, SALT_LEN, TAG_LEN};
pub use mnemonic::{from_mnemonic, generate_mnemonic};
pub use node::{KEYSTORE_KEYS_MAX, NodeKeystore};
pub use passphrase::{PASSPHRASE_BYTES_MAX, PASSPHRASE_CHARS_MIN, PASSPHRASE_VARIABLE, Passphrase};
pub use secret::{Algorithm, Kind, Secret, UnknownAlgorithm};
pub use signer::{
    ACCOUNT_PAYLOAD_BYTES_MAX, ETHEREUM_PAYLOAD_BYTES_MAX, POSSESSION_BYTES_MAX, Purpose, REQUEST_BYTES_MAX,
    RESPONSE_BYTES_MAX, Refusal, RemoteSigner, SignError, SignRequest, Signer, SignerEvent, SignerHandle, SignerLimits,
    SignerServer,
};
pub use source::KeySource;

pub use quids_crypto::{KemKeyPair, KeyPair, SignatureScheme};
