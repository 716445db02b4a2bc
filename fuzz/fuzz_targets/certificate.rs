//! What says who signed: of a fraud proof a committee and a certificate, as peers and files bring them; and certificates of what
//! contracts had signed.
#![no_main]

use codec::{DecodeAll, DecodeWithMemLimit, Encode};
use libfuzzer_sys::fuzz_target;
use quids_core::{Hash, Header};
use quids_crypto::{PublicKey, Signature};
use quids_pobpc::{Committee, Justification, SEATS_MAX, SigningCertificate, Threshold};

/// What decoding may take in memory.
const MEMORY_MAX: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::decode_all(&mut &bytes[..]) {
        quids_api::pobpc::NextCommittee::of(&header);
    }
    if let Ok(certificate) = SigningCertificate::decode_all(&mut &bytes[..]) {
        assert!(certificate.signatures.len() <= SEATS_MAX);
        assert_eq!(certificate.encode(), bytes);
    }
    let decoded = <(Committee, Justification)>::decode_with_mem_limit(&mut &bytes[..], MEMORY_MAX);
    let Ok((committee, justification)) = decoded else { return };
    assert!((1..=SEATS_MAX).contains(&committee.seats().len()));
    let again = <(Committee, Justification)>::decode_all(&mut &(&committee, &justification).encode()[..]);
    assert_eq!(again.as_ref(), Ok(&(committee.clone(), justification.clone())));
    let nobody = |_: &PublicKey, _: &[u8], _: &Signature| false;
    let verified = justification.verify(&Hash::zero(), &committee, Threshold::DEFAULT, &nobody);
    assert!(verified.is_err(), "a quorum that nobody signed for");
});
