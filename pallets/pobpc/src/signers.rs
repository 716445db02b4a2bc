//! Committees sign for contracts: whether what the author brings proves that one did.

use crate::{Config, CurrentParameters, Pallet, Seats};
use quids_core::Height;
use quids_pobpc::{Committee, SigningCertificate, SigningRequest};
use quids_support::traits::Signers;

impl<T: Config> Pallet<T> {
    /// The committee of a height, within the window of evidence up to the next one.
    pub fn committee_at(height: Height) -> Option<Committee> {
        Self::committee_of(&Seats::<T>::get(&height)?)
    }
}

impl<T: Config> Signers for Pallet<T> {
    fn are_there(height: Height) -> bool {
        Seats::<T>::contains_key(&height)
    }

    fn has_signed(request: &SigningRequest, certificate: &SigningCertificate) -> bool {
        // Only ever raised, so it is no less than that to which the header before the certificate's height commits.
        let threshold = CurrentParameters::<T>::get().consensus_threshold;
        let committee = Self::committee_at(certificate.height);
        committee.is_some_and(|committee| {
            let verified = certificate.verify(&Self::genesis(), &committee, threshold, request, &Self::verify);
            verified.is_ok()
        })
    }
}
