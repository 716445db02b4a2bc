//! Answers to what peers ask for.

use crate::{
    chain::{Chain, ChainError, FinalBlock},
    consensus::{BLOCKS_BYTES, BLOCKS_MAX, BlocksRequest, Bodies},
};
use codec::{DecodeAll, Encode};
use quids_core::{Hash, well_known_keys};
use quids_network::RequestKind;
use quids_state::StateBackend;

/// `None`: the question is none.
pub fn to(chain: &Chain, bodies: &Bodies, kind: RequestKind, question: &[u8]) -> Result<Option<Vec<u8>>, ChainError> {
    match kind {
        RequestKind::Status => Ok(Some(chain.best().encode())),
        RequestKind::Proposal => {
            let Ok(hash) = Hash::decode_all(&mut &question[..]) else {
                return Ok(None);
            };
            if let Some(body) = bodies.get(&hash) {
                return Ok(Some(body.to_vec()));
            }
            let stored = chain.final_block(&hash)?;
            Ok(Some(stored.map_or_else(Vec::new, |stored| stored.block.encode())))
        }
        RequestKind::Proof => {
            let hash = Hash::decode_all(&mut &question[..]).ok();
            Ok(hash.map(|hash| bodies.proof(&hash).map_or_else(Vec::new, |proof| proof.to_vec())))
        }
        RequestKind::Code => match Hash::decode_all(&mut &question[..]) {
            Ok(hash) => Ok(Some(blob(chain, bodies, &hash)?)),
            Err(_) => Ok(None),
        },
        RequestKind::Blocks => {
            let Ok(question) = BlocksRequest::decode_all(&mut &question[..]) else {
                return Ok(None);
            };
            Ok(Some(final_blocks(chain, question)?.encode()))
        }
        RequestKind::FraudProof => super::frauds::answer(chain, question),
        _ => Ok(None),
    }
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

/// As many as are asked for and there, until they are too long.
fn final_blocks(chain: &Chain, question: BlocksRequest) -> Result<Vec<FinalBlock>, ChainError> {
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
        let block = chain.final_block(&hash)?;
        // A node that began with a snapshot has no proof of its first block.
        let Some(block) = block.filter(|block| block.justification.is_some()) else {
            break;
        };
        bytes = bytes.saturating_add(block.encoded_size());
        found.push(block);
        height = at.next();
    }
    Ok(found)
}
