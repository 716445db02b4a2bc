//! Where keys come from: development accounts, mnemonics, key files. Nothing secret is cached; what passes through is
//! wiped.
#![warn(missing_docs)]

mod dev;
mod error;
mod file;
mod mnemonic;
mod source;

pub use dev::{DEV_ACCOUNTS, DevAccount, ETHEREUM_TEST_MNEMONIC, dev_account, dev_keypair, dev_names};
pub use error::KeyError;
pub use file::{KEY_FILE_BYTES_MAX, KEY_FILE_VERSION, read_key_file, write_key_file};
pub use mnemonic::{from_mnemonic, generate_mnemonic};
pub use source::KeySource;

pub use quids_crypto::{KeyPair, SignatureScheme};
