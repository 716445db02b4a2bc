//! Bound keys: proof of possession, and the first binding.

use crate::{BlockHash, Config, Error, Event, Keys, OpenAccount, Pallet};
use quids_core::{AccountId20, DispatchError, Height};
use quids_crypto::{PublicKey, Signature, possession_message};
use quids_support::ensure;

impl<T: Config> Pallet<T> {
    /// Fails unless `proof` shows that somebody who wants `who` to be bound to it holds the post-quantum `key`.
    pub(crate) fn ensure_possession(
        who: &AccountId20,
        key: &PublicKey,
        proof: &Signature,
    ) -> Result<(), DispatchError> {
        ensure!(key.scheme().is_post_quantum(), Error::<T>::NotPostQuantum);
        ensure!(proof.scheme() == key.scheme(), Error::<T>::InvalidProof);
        let message = possession_message(&BlockHash::<T>::get(&Height::ZERO), who, key);
        // Wrong lengths do not verify either.
        let valid = quids_io::crypto::verify(key.scheme().tag(), key.as_bytes(), &message, proof.as_bytes());
        ensure!(valid, Error::<T>::InvalidProof);
        Ok(())
    }

    /// Binds the account's first key. The key is a sufficient reason for the account to exist.
    pub(crate) fn put_first_key(who: &AccountId20, key: PublicKey) {
        let mut account = OpenAccount::<T>::open(who);
        account.info.sufficients = account.info.sufficients.saturating_add(1);
        account.store();
        let scheme = key.scheme();
        Keys::<T>::insert(who, key);
        Self::deposit_event(Event::KeyBound { account: *who, scheme });
    }
}
