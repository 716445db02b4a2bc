//! Requests of `qSign` after their execution: a bounded queue of what may be signed, and the certificates that authors bring.
//!
//! Transactions only append. The queue changes when a block ends, and with its inherent.

use crate::{
    CertificatesNoted, Config, Error, Event, NewRequests, Pallet, SignedRequests, SigningQueue,
    convert::{b256, slot, word},
    precompiles::{self, Record, SIGNING_REQUESTED, SigningStatus},
};
use alloc::vec::Vec;
use codec::Encode;
use quids_api::{
    evm::EvmLog,
    signing::{
        CERTIFICATES_BYTES_MAX, CERTIFICATES_MAX, Certificates, OpenRequest, SIGNING_QUEUE_MAX, SignedRequest,
        SigningState,
    },
};
use quids_core::{AccountId20, DispatchError, H160, Hash, Height};
use quids_io::hashing;
use quids_pobpc::{SigningCertificate, SigningRequest};
use quids_support::{
    ensure,
    traits::{Get, Signers},
};

impl<T: Config> Pallet<T> {
    /// Keeps the requests that a transaction's logs tell of, until the block ends. What was reverted has no logs.
    pub(crate) fn note_requests(logs: &[EvmLog]) {
        let home = T::Precompiles::get().quantum_safe;
        for log in logs.iter().filter(|log| log.address == home) {
            if let Some(request) = requested(log, Self::chain_id()) {
                NewRequests::<T>::append(&request);
            }
        }
    }

    /// Puts the block's requests into the queue, as far as there is room, and drops those that nobody signed in time.
    pub(crate) fn queue_requests(now: Height) {
        let new = NewRequests::<T>::take();
        let Some(height) = now.next().filter(|_| !new.is_empty() && T::Signers::are_there(now)) else {
            return;
        };
        let mut queue = SigningQueue::<T>::get();
        queue.retain(|open| open.is_open_at(now));
        let room = SIGNING_QUEUE_MAX.saturating_sub(queue.len());
        queue.extend(
            new.into_iter()
                .take(room)
                .map(|request| OpenRequest { request, height }),
        );
        SigningQueue::<T>::put(queue);
    }

    /// Those that the next block may bring certificates for, oldest first.
    pub fn signing_queue() -> Vec<OpenRequest> {
        let next = Self::now().next().unwrap_or(Height::MAX);
        let mut queue = SigningQueue::<T>::get();
        queue.retain(|open| open.is_open_at(next));
        queue
    }

    /// What became of a request.
    pub fn signing_state(handle: Hash) -> SigningState {
        let record = Record::of(word(Self::storage_at(
            T::Precompiles::get().quantum_safe,
            record_slot(handle),
        )));
        match record.status_at(Self::now().0.into()) {
            SigningStatus::Unknown => SigningState::Unknown,
            SigningStatus::Pending => SigningState::Pending {
                requester: AccountId20(record.requester.into_array()),
                height: Height(u32::try_from(record.number).unwrap_or(u32::MAX)),
            },
            SigningStatus::Signed => {
                SignedRequests::<T>::get(&handle).map_or(SigningState::Unknown, SigningState::Signed)
            }
        }
    }

    /// The certificate of a signed request, as `qSignature` answers it; empty without one.
    pub(crate) fn certificate(handle: Hash) -> Vec<u8> {
        let signed = SignedRequests::<T>::get(&handle);
        signed.map(|signed| signed.certificate.encode()).unwrap_or_default()
    }

    /// As much of it as the block in execution may bring, and is right.
    pub(crate) fn provable(certificates: Certificates) -> Certificates {
        let (queue, now) = (SigningQueue::<T>::get(), Self::now());
        let mut chosen = Certificates::new();
        for (handle, certificate) in certificates {
            let is_new = chosen.iter().all(|(other, _)| *other != handle);
            let open = queue.iter().find(|open| open.request.handle == handle);
            let is_right = open.is_some_and(|open| Self::is_answer(open, &certificate, now));
            chosen.push((handle, certificate));
            if !is_new || !is_right || !are_within_bounds(&chosen) {
                chosen.pop();
            }
        }
        chosen
    }

    /// Stores certificates. Each has to be right, and for a request of its own.
    pub(crate) fn do_note_certificates(certificates: Certificates) -> Result<(), DispatchError> {
        let now = Self::now();
        ensure!(
            CertificatesNoted::<T>::get() != Some(now),
            Error::<T>::CertificatesAlreadyNoted
        );
        ensure!(are_within_bounds(&certificates), Error::<T>::TooManyCertificates);
        let mut queue = SigningQueue::<T>::get();
        for (handle, certificate) in certificates {
            let at = queue.iter().position(|open| open.request.handle == handle);
            let open = at.map(|at| queue.remove(at)).ok_or(Error::<T>::NoOpenRequest)?;
            ensure!(
                Self::is_answer(&open, &certificate, now),
                Error::<T>::NoSigningCertificate
            );
            Self::put_signed(open.request, certificate);
        }
        SigningQueue::<T>::put(queue);
        CertificatesNoted::<T>::put(now);
        Ok(())
    }

    fn is_answer(open: &OpenRequest, certificate: &SigningCertificate, now: Height) -> bool {
        certificate.height == open.height && open.is_open_at(now) && T::Signers::has_signed(&open.request, certificate)
    }

    fn put_signed(request: SigningRequest, certificate: SigningCertificate) {
        let (home, handle) = (T::Precompiles::get().quantum_safe, request.handle);
        let before = Record::of(word(Self::storage_at(home, record_slot(handle))));
        let signed = Record {
            status: SigningStatus::Signed,
            length: u32::try_from(certificate.encoded_size()).unwrap_or(u32::MAX),
            ..before
        };
        Self::put_slot(&AccountId20(home.0), record_slot(handle), signed.word());
        Self::deposit_event(Event::MessageSigned {
            handle,
            requester: request.requester,
            height: certificate.height,
        });
        SignedRequests::<T>::insert(&handle, SignedRequest { request, certificate });
    }

    fn now() -> Height {
        pallet_system::Number::<T>::get()
    }
}

fn are_within_bounds(certificates: &Certificates) -> bool {
    (1..=CERTIFICATES_MAX).contains(&certificates.len()) && certificates.encoded_size() <= CERTIFICATES_BYTES_MAX
}

fn record_slot(handle: Hash) -> Hash {
    slot(precompiles::request_slot(b256(handle)))
}

/// The request that a log of `IQuantumSafe` tells of.
fn requested(log: &EvmLog, chain_id: u64) -> Option<SigningRequest> {
    let [topic, handle, requester] = log.topics[..] else {
        return None;
    };
    let message = precompiles::logged_message(&log.data).filter(|_| topic.0 == SIGNING_REQUESTED.0)?;
    Some(SigningRequest {
        chain_id,
        requester: AccountId20(H160::from(requester).0),
        handle,
        message_hash: hashing::blake3_256(message).into(),
    })
}
