//! Fraud proofs: of blocks that a quorum signed and that are invalid. Entries of the extras column, by the block's hash; what is
//! in one is the node's matter.

use crate::{
    columns::Column,
    database::{Database, decode},
    error::DbError,
};
use quids_core::Hash;

/// So many are kept: one is enough to stop.
pub const FRAUD_PROOFS_MAX: usize = 16;

const PROOF: &[u8] = b"fraud/proof/";
const DISMISSED: &[u8] = b"fraud/dismissed/";

/// That a fraud proof is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredFraudProof {
    /// The block that it is about.
    pub block: Hash,
    /// The operator knows, and wants to go on all the same.
    pub is_dismissed: bool,
}

impl Database {
    /// Stores a fraud proof, and returns when it is on the disk. False if the block has one, or there are [`FRAUD_PROOFS_MAX`]
    /// already.
    pub fn store_fraud_proof(&self, block: &Hash, proof: &[u8]) -> Result<bool, DbError> {
        let known = self.fraud_proofs()?;
        if known.len() >= FRAUD_PROOFS_MAX || known.iter().any(|stored| stored.block == *block) {
            return Ok(false);
        }
        self.write_aux(&[(key(PROOF, block), Some(proof.to_vec()))])?;
        self.sync_written()?;
        Ok(true)
    }

    /// The fraud proof about a block, as it was stored.
    pub fn fraud_proof(&self, block: &Hash) -> Result<Option<Vec<u8>>, DbError> {
        self.aux(&key(PROOF, block))
    }

    /// All that are stored, by the blocks' hashes.
    pub fn fraud_proofs(&self) -> Result<Vec<StoredFraudProof>, DbError> {
        let keys = self.raw.keys_with_prefix(Column::Extras, PROOF, FRAUD_PROOFS_MAX)?;
        let stored = keys.into_iter().map(|found| {
            let block = found.strip_prefix(PROOF).unwrap_or_default();
            let block: Hash = decode(Column::Extras, &found, block)?;
            let is_dismissed = self.aux(&key(DISMISSED, &block))?.is_some();
            Ok(StoredFraudProof { block, is_dismissed })
        });
        stored.collect()
    }

    /// Notes that the operator wants to go on in spite of this proof, and returns when that is on the disk. False if there is none.
    pub fn dismiss_fraud_proof(&self, block: &Hash) -> Result<bool, DbError> {
        if self.fraud_proof(block)?.is_none() {
            return Ok(false);
        }
        self.write_aux(&[(key(DISMISSED, block), Some(Vec::new()))])?;
        self.sync_written()?;
        Ok(true)
    }
}

fn key(prefix: &[u8], block: &Hash) -> Vec<u8> {
    [prefix, block.as_bytes()].concat()
}
