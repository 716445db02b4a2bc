//! The development accounts. Their keys are public knowledge: worthless anywhere but on a development chain.

use crate::from_mnemonic;
use quids_crypto::{KeyPair, SignatureScheme};
use zeroize::Zeroizing;

/// BLAKE3 key derivation context of the post-quantum development accounts.
const CONTEXT: &str = "quids dev account v1";

/// The mnemonic of Ethereum's development tools (Hardhat, Anvil), the source of `eth0` to `eth9`.
pub const ETHEREUM_TEST_MNEMONIC: &str = "test test test test test test test test test test test junk";

/// A development account: its key comes from its name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevAccount {
    /// Lowercase.
    pub name: &'static str,
    /// The scheme of its key.
    pub scheme: SignatureScheme,
}

/// All of them.
pub const DEV_ACCOUNTS: &[DevAccount] = &[
    account("alice", SignatureScheme::MlDsa87),
    account("bob", SignatureScheme::MlDsa87),
    account("charlie", SignatureScheme::MlDsa87),
    account("dave", SignatureScheme::MlDsa87),
    account("eve", SignatureScheme::MlDsa87),
    account("ferdie", SignatureScheme::MlDsa87),
    account("alice-falcon", SignatureScheme::Falcon512),
    account("alice-sphincs", SignatureScheme::SphincsShake256f),
    account("eth0", SignatureScheme::Secp256k1),
    account("eth1", SignatureScheme::Secp256k1),
    account("eth2", SignatureScheme::Secp256k1),
    account("eth3", SignatureScheme::Secp256k1),
    account("eth4", SignatureScheme::Secp256k1),
    account("eth5", SignatureScheme::Secp256k1),
    account("eth6", SignatureScheme::Secp256k1),
    account("eth7", SignatureScheme::Secp256k1),
    account("eth8", SignatureScheme::Secp256k1),
    account("eth9", SignatureScheme::Secp256k1),
];

const fn account(name: &'static str, scheme: SignatureScheme) -> DevAccount {
    DevAccount { name, scheme }
}

impl DevAccount {
    /// Makes the key; SPHINCS+ takes some milliseconds, the others less than one.
    pub fn key_pair(&self) -> KeyPair {
        let key = match self.name.strip_prefix("eth") {
            Some(index) => {
                // UNWRAP: the table holds eth0 to eth9 only.
                let index = index.parse().expect("a digit follows eth in the table");
                from_mnemonic(ETHEREUM_TEST_MNEMONIC, self.scheme, index)
            }
            None => {
                let seed = Zeroizing::new(blake3::derive_key(CONTEXT, self.name.as_bytes()));
                KeyPair::from_seed(self.scheme, &seed).map_err(Into::into)
            }
        };
        // UNWRAP: the keys are constants, and the tests make every one.
        key.expect("a development account has a key")
    }
}

/// The development account of this name, in any case.
pub fn dev_account(name: &str) -> Option<&'static DevAccount> {
    DEV_ACCOUNTS
        .iter()
        .find(|account| account.name.eq_ignore_ascii_case(name))
}

/// The key of the development account of this name, in any case. Only this one is made.
pub fn dev_keypair(name: &str) -> Option<KeyPair> {
    dev_account(name).map(DevAccount::key_pair)
}

/// The names for a message: `alice, bob, …`.
pub fn dev_names() -> String {
    let names: Vec<_> = DEV_ACCOUNTS.iter().map(|account| account.name).collect();
    names.join(", ")
}
