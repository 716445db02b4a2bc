//! Signs subxt's transactions with a key pair of any scheme.

use crate::{AccountId20, AccountSignature, QuidsConfig, bound_key};
use quids_crypto::KeyPair;
use subxt::{
    client::{ClientAtBlock, OnlineClientAtBlockT},
    tx::Signer,
};

/// A key pair and the account it signs for.
///
/// A new signer sends its key along. That is right for every transaction and needed for the account's first, which binds
/// the key; the chain charges for the key's bytes, so [`QuidsSigner::learn_binding`] drops it once it is bound.
///
/// The pair's secret is wiped on drop and never printed.
#[derive(Clone, Debug)]
pub struct QuidsSigner {
    pair: KeyPair,
    account: AccountId20,
    carries_key: bool,
}

impl QuidsSigner {
    /// For the account that the key derives.
    pub fn new(pair: KeyPair) -> Self {
        Self {
            account: AccountId20(pair.account_id().0),
            carries_key: true,
            pair,
        }
    }

    /// For another account: one whose key was rotated, or a legacy one that bound this key.
    pub fn for_account(self, account: AccountId20) -> Self {
        Self { account, ..self }
    }

    /// Whether to send the key along. Without it the chain refuses the transaction of an account that has no key bound.
    pub fn carrying_key(self, carries_key: bool) -> Self {
        Self { carries_key, ..self }
    }

    /// Asks the chain whether the key is bound to the account, and sends it along from now on only if it is not.
    /// Returns whether it is.
    ///
    /// Another key bound to the account counts as none: the transaction is refused either way, and so says why.
    pub async fn learn_binding<C>(&mut self, at: &ClientAtBlock<QuidsConfig, C>) -> Result<bool, subxt::Error>
    where
        C: OnlineClientAtBlockT<QuidsConfig>,
    {
        let bound = bound_key(at, &self.account).await?.as_ref() == Some(self.pair.public());
        self.carries_key = !bound;
        Ok(bound)
    }

    /// The account it signs for.
    pub fn account(&self) -> AccountId20 {
        self.account
    }
}

impl Signer<QuidsConfig> for QuidsSigner {
    fn account_id(&self) -> AccountId20 {
        self.account
    }

    /// # Panics
    /// As [`KeyPair::sign`].
    fn sign(&self, payload: &[u8]) -> AccountSignature {
        // subxt has replaced a payload of more than 256 bytes by its BLAKE2b-256, as the chain does.
        let signature = self.pair.sign(payload);
        let key = self.carries_key.then_some(self.pair.public());
        quids_crypto::AccountSignature::from_parts(self.pair.scheme(), key, &signature)
            // UNWRAP: key and signature are of one pair, hence of one scheme.
            .expect("a pair has one scheme")
            .into()
    }
}
