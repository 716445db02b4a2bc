//! Answers to what peers ask for.

use super::{Answers, frauds};
use crate::{
    chain::{Chain, ChainError, FinalBlock, FinalHeader, Recorded},
    consensus::{BLOCKS_BYTES, BLOCKS_MAX, BlocksRequest, Bodies},
};
use codec::{DecodeAll, Encode};
use parking_lot::Mutex;
use quids_api::pobpc::NextCommittee;
use quids_core::{Block, Hash, well_known_keys};
use quids_network::RequestKind;
use quids_pobpc::{Role, Seat};
use quids_state::{StateBackend, StateStore};
use std::sync::Arc;

/// Headers of one answer for which the runtime is asked.
const ASKED_MAX: usize = 16;

/// Those of a node with the state.
pub struct FullAnswers {
    chain: Arc<Chain>,
    bodies: Arc<Bodies>,
    /// A proof at a time.
    making: Mutex<()>,
}

impl FullAnswers {
    pub fn new(chain: Arc<Chain>, bodies: Arc<Bodies>) -> Self {
        let making = Mutex::default();
        Self { chain, bodies, making }
    }
}

impl Answers for FullAnswers {
    fn answer(&self, kind: RequestKind, question: &[u8]) -> Result<Option<Vec<u8>>, ChainError> {
        let chain = &*self.chain;
        match kind {
            RequestKind::Status => Ok(Some(chain.best().encode())),
            RequestKind::Proposal => {
                let Some(hash) = hash_in(question) else {
                    return Ok(None);
                };
                if let Some(body) = self.bodies.body(&hash) {
                    return Ok(Some(body.to_vec()));
                }
                let stored = chain.final_block(&hash)?;
                Ok(Some(stored.map_or_else(Vec::new, |stored| stored.block.encode())))
            }
            RequestKind::Proof => hash_in(question).map(|hash| self.proof(&hash)).transpose(),
            RequestKind::Code => match hash_in(question) {
                Some(hash) => Ok(Some(blob(chain, &self.bodies, &hash)?)),
                None => Ok(None),
            },
            RequestKind::Blocks => match BlocksRequest::decode_all(&mut &question[..]) {
                Ok(question) => Ok(Some(final_blocks(chain, question)?.encode())),
                Err(_) => Ok(None),
            },
            RequestKind::Headers => match BlocksRequest::decode_all(&mut &question[..]) {
                Ok(question) => Ok(Some(final_headers(chain, question)?.encode())),
                Err(_) => Ok(None),
            },
            RequestKind::FraudProof => frauds::answer(chain, question),
            RequestKind::FraudProofs => Ok(Some(frauds::list(chain))),
            RequestKind::Block | RequestKind::Justification => Ok(None),
        }
    }
}

impl FullAnswers {
    /// The batch proof of a block that is being decided; empty if it is not to be had. That of another's block is made once, where
    /// members need it whose maker may be gone.
    fn proof(&self, hash: &Hash) -> Result<Vec<u8>, ChainError> {
        if let Some(proof) = self.bodies.proof(hash) {
            return Ok(proof.to_vec());
        }
        let block = self.bodies.body(hash);
        let block = block.and_then(|bytes| Block::decode_all(&mut &bytes[..]).ok());
        let (_, best) = self.chain.best();
        let Some(block) = block.filter(|block| block.header.parent_hash == best) else {
            return Ok(Vec::new());
        };
        let next = self.chain.next_height()?;
        let is_witness = |seat: &Seat| seat.role == Role::Witness;
        if !next.is_some_and(|next| next.committee.seats().iter().any(is_witness)) {
            return Ok(Vec::new());
        }
        let made = self.making.lock();
        if let Some(proof) = self.bodies.proof(hash) {
            return Ok(proof.to_vec());
        }
        let Recorded { proof, blobs } = self.chain.prove(&block)?;
        let proof = proof.encode();
        self.bodies.put_proof(*hash, proof.clone().into(), blobs);
        drop(made);
        Ok(proof)
    }
}

/// The hash that is asked for.
pub fn hash_in(question: &[u8]) -> Option<Hash> {
    Hash::decode_all(&mut &question[..]).ok()
}

/// A value by its hash: of a proof that this node made, or the code that runs now. Empty if it is neither.
fn blob(chain: &Chain, bodies: &Bodies, hash: &Hash) -> Result<Vec<u8>, ChainError> {
    if let Some(blob) = bodies.blob(hash) {
        return Ok(blob.to_vec());
    }
    let (_, best) = chain.best();
    if chain.runtime_at(best)?.code_hash() != *hash {
        return Ok(Vec::new());
    }
    let code = chain.state_at(best)?.get(well_known_keys::CODE)?;
    Ok(code.map_or_else(Vec::new, |code| code.to_vec()))
}

fn final_blocks(chain: &Chain, question: BlocksRequest) -> Result<Vec<FinalBlock>, ChainError> {
    row(chain, question, |hash| {
        let block = chain.final_block(&hash)?;
        // A node that began with a snapshot has no proof of its first block.
        Ok(block.filter(|block| block.justification.is_some()))
    })
}

/// Who decides next goes with a header where its parent's header names others, and is asked of the runtime there: as often as is reasonable.
fn final_headers(chain: &Chain, question: BlocksRequest) -> Result<Vec<FinalHeader>, ChainError> {
    let mut asked = 0;
    row(chain, question, |hash| {
        let header = chain.header(hash)?;
        let Some(justification) = chain.justification(&hash)? else {
            return Ok(None);
        };
        let parent = chain.header(header.parent_hash)?;
        let next = match NextCommittee::of(&header) == NextCommittee::of(&parent) {
            true => None,
            // Of states that are pruned nobody can be asked.
            false if asked == ASKED_MAX || header.number < chain.database().oldest() => return Ok(None),
            false => chain.next_height_at(hash)?,
        };
        asked += usize::from(next.is_some());
        Ok(Some(FinalHeader {
            header,
            justification,
            next,
        }))
    })
}

/// As many as are asked for and there, until they are too long.
fn row<T: Encode>(
    chain: &Chain,
    question: BlocksRequest,
    mut one: impl FnMut(Hash) -> Result<Option<T>, ChainError>,
) -> Result<Vec<T>, ChainError> {
    let mut found = Vec::new();
    let mut bytes: usize = 0;
    let mut height = Some(question.from);
    for _ in 0..question.max.min(BLOCKS_MAX) {
        let Some(at) = height.filter(|_| bytes < BLOCKS_BYTES) else {
            break;
        };
        let Some(hash) = chain.database().hash_at(at)? else {
            break;
        };
        let Some(item) = one(hash)? else {
            break;
        };
        bytes = bytes.saturating_add(item.encoded_size());
        found.push(item);
        height = at.next();
    }
    Ok(found)
}
