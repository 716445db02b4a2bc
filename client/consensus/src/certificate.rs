//! Whether certificates prove what they say: each signer has a seat, none is counted twice, and they are enough.

use crate::{
    context::{Address, Pobpc, SeatVote, our_vote},
    journal::Host,
};
use malachite_types::{
    CertificateError, CommitCertificate, CommitSignature, Context, NilOrVal, PolkaCertificate, PolkaSignature,
    RoundCertificate, RoundCertificateType, RoundSignature, VoteType,
};
use quids_core::Hash;
use quids_crypto::Signature;
use quids_pobpc::{Ballot, Committee, SeatIndex, Threshold, faulty_max};
use std::collections::BTreeSet;

type Error = CertificateError<Pobpc>;

/// Who votes, on which chain, and what of it decides.
pub struct Rules<'a> {
    pub genesis: &'a Hash,
    pub committee: &'a Committee,
    pub threshold: Threshold,
}

impl Rules<'_> {
    pub fn is_signed(&self, host: &impl Host, vote: &SeatVote, signature: &Signature) -> bool {
        let seat = self.committee.seat(vote.address.0);
        seat.is_some_and(|seat| host.verify(&seat.key, &our_vote(vote).signed_bytes(self.genesis), signature))
    }

    fn quorum(&self) -> usize {
        self.threshold.votes(self.committee.seats().len())
    }

    /// More seats than may be faulty.
    fn honest(&self) -> usize {
        faulty_max(self.committee.seats().len()).saturating_add(1)
    }

    /// That these have seats, each its own, and are so many.
    fn enough(&self, signers: impl Iterator<Item = Address>, needed: usize) -> Result<(), Error> {
        let mut seen = BTreeSet::<SeatIndex>::new();
        for Address(seat) in signers {
            if self.committee.seat(seat).is_none() {
                return Err(CertificateError::UnknownValidator(Address(seat)));
            }
            if !seen.insert(seat) {
                return Err(CertificateError::DuplicateVote(Address(seat)));
            }
        }
        if seen.len() < needed {
            return Err(CertificateError::NotEnoughVotingPower {
                signed: seen.len() as u64,
                total: self.committee.seats().len() as u64,
                expected: needed as u64,
            });
        }
        Ok(())
    }

    pub fn commit(&self, host: &impl Host, certificate: &CommitCertificate<Pobpc>) -> Result<(), Error> {
        let signers = certificate.commit_signatures.iter().map(|one| one.address);
        self.enough(signers, self.quorum())?;
        let wrong = certificate.commit_signatures.iter().find(|one| {
            let value = NilOrVal::Val(certificate.value_id);
            let vote = Pobpc.new_precommit(certificate.height, certificate.round, value, one.address);
            !self.is_signed(host, &vote, &one.signature)
        });
        let wrong = wrong.map(|one| CommitSignature::new(one.address, one.signature.clone()));
        wrong.map_or(Ok(()), |one| Err(CertificateError::InvalidCommitSignature(one)))
    }

    pub fn polka(&self, host: &impl Host, certificate: &PolkaCertificate<Pobpc>) -> Result<(), Error> {
        let signers = certificate.polka_signatures.iter().map(|one| one.address);
        self.enough(signers, self.quorum())?;
        let votes = certificate.votes(&Pobpc);
        for vote in votes {
            if !self.is_signed(host, &vote.message, &vote.signature) {
                let one = PolkaSignature::new(vote.message.address, vote.signature.clone());
                return Err(CertificateError::InvalidPolkaSignature(one));
            }
        }
        Ok(())
    }

    pub fn round(&self, host: &impl Host, certificate: &RoundCertificate<Pobpc>) -> Result<(), Error> {
        let is_quorum = certificate.cert_type == RoundCertificateType::Precommit;
        if is_quorum {
            let prevote = certificate
                .round_signatures
                .iter()
                .find(|one| one.vote_type != VoteType::Precommit);
            if let Some(one) = prevote {
                return Err(CertificateError::InvalidVoteType(one.address));
            }
        }
        let needed = if is_quorum { self.quorum() } else { self.honest() };
        self.enough(certificate.round_signatures.iter().map(|one| one.address), needed)?;
        for (vote, one) in certificate.votes(&Pobpc).zip(&certificate.round_signatures) {
            if !self.is_signed(host, &vote.message, &vote.signature) {
                let one = RoundSignature::new(one.vote_type, one.value_id, one.address, one.signature.clone());
                return Err(CertificateError::InvalidRoundSignature(one));
            }
        }
        Ok(())
    }
}
