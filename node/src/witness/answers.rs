//! What a witness answers others: of blocks that are not decided, what it was given of them.

use super::Witness;
use crate::{
    chain::ChainError,
    consensus::{Bodies, Ledger},
    peers::{Answers, frauds, hash_in},
};
use codec::Encode;
use quids_core::Hash;
use quids_network::RequestKind;
use std::sync::Arc;

pub struct WitnessAnswers {
    pub ledger: Arc<Witness>,
    pub bodies: Arc<Bodies>,
}

impl Answers for WitnessAnswers {
    fn answer(&self, kind: RequestKind, question: &[u8]) -> Result<Option<Vec<u8>>, ChainError> {
        let find: fn(&Bodies, &Hash) -> Option<Arc<[u8]>> = match kind {
            RequestKind::Status => return Ok(Some(self.ledger.best().encode())),
            RequestKind::FraudProof => return frauds::answer(&*self.ledger, question),
            RequestKind::FraudProofs => return Ok(Some(frauds::list(&*self.ledger))),
            RequestKind::Proposal => Bodies::body,
            RequestKind::Proof => Bodies::proof,
            RequestKind::Code => Bodies::blob,
            _ => return Ok(None),
        };
        let found = hash_in(question).map(|hash| find(&self.bodies, &hash));
        Ok(found.map(|found| found.map_or_else(Vec::new, |bytes| bytes.to_vec())))
    }
}
