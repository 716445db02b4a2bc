//! Where a witness gets what it executes blocks on: batch proofs of undecided blocks, and values that those have by hash.

use crate::{
    chain::{ChainError, Stateless, StatelessError, Witnessed},
    consensus::Bodies,
};
use codec::{DecodeAll, Encode};
use quids_core::{Block, Hash, Header};
use quids_crypto::{PublicKey, blake3_256};
use quids_network::{Network, Offence, PeerId, RequestKind};
use quids_state::{BatchProof, Blobs};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::runtime::Handle;

/// How long a block's proof and values are asked for: after that there is no verdict for now.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long one peer may take, that others are asked in time.
const ONE: Duration = Duration::from_millis(1500);
/// Values that one block may need and this node lacks: more than a block's weight reads.
const BLOBS_MAX: usize = 4096;

/// Asks others, on threads that may wait.
pub struct Proofs {
    pub network: Network,
    pub bodies: Arc<Bodies>,
    pub runtime: Handle,
}

impl Proofs {
    /// Executes a child of this block on a proof that somebody gives. Whoever made the block is asked first.
    pub fn execute(
        &self,
        stateless: &Stateless,
        parent: &Header,
        block: &Block,
        author: Option<&PublicKey>,
    ) -> Result<Witnessed, ChainError> {
        let hash = block.header.hash();
        let until = Instant::now() + PATIENCE;
        if let Some(bytes) = self.bodies.proof(&hash)
            && let Ok(outcome) = self.execute_on(stateless, parent, block, &bytes, until)
        {
            return outcome;
        }
        for peer in self.peers(author) {
            let Some(bytes) = self.ask(peer, RequestKind::Proof, &hash, until) else {
                continue;
            };
            match self.execute_on(stateless, parent, block, &bytes, until) {
                Ok(outcome) => {
                    self.bodies.put_proof(hash, bytes.into(), []);
                    return outcome;
                }
                Err(error) => {
                    tracing::debug!("{peer} gave as the proof of block {hash:?}: {error}");
                    self.network.report(peer, Offence::WrongAnswer);
                }
            }
        }
        Err(ChainError::NoProof(hash))
    }

    /// The error: these bytes are no proof of what the block needs.
    fn execute_on(
        &self,
        stateless: &Stateless,
        parent: &Header,
        block: &Block,
        bytes: &[u8],
        until: Instant,
    ) -> Result<Result<Witnessed, ChainError>, String> {
        let proof = BatchProof::decode_all(&mut &*bytes).map_err(|error| error.to_string())?;
        let blobs: Arc<dyn Blobs> = self.bodies.clone();
        for _ in 0..BLOBS_MAX {
            match stateless.check(parent, block, &proof, &blobs) {
                Ok(witnessed) => return Ok(Ok(witnessed)),
                Err(StatelessError::Block(error)) => return Ok(Err(error)),
                Err(StatelessError::Missing(hashes)) => {
                    for hash in hashes {
                        if !self.fetch(&hash, until) {
                            return Ok(Err(ChainError::NoProof(block.header.hash())));
                        }
                    }
                }
                Err(error @ (StatelessError::Proof(_) | StatelessError::Incomplete(_) | StatelessError::NoCode)) => {
                    return Err(error.to_string());
                }
            }
        }
        Ok(Err(ChainError::NoProof(block.header.hash())))
    }

    /// Gets a value by its hash; whether it is there then.
    fn fetch(&self, hash: &Hash, until: Instant) -> bool {
        self.peers(None).into_iter().any(|peer| {
            let Some(bytes) = self.ask(peer, RequestKind::Code, hash, until) else {
                return false;
            };
            let is_it = Hash::from(blake3_256(&bytes)) == *hash;
            match is_it {
                true => self.bodies.put_blob(*hash, bytes.into()),
                false => self.network.report(peer, Offence::WrongAnswer),
            }
            is_it
        })
    }

    /// Validators first, and among those the one with this key.
    fn peers(&self, first: Option<&PublicKey>) -> Vec<PeerId> {
        let mut peers = self.network.peers();
        peers.sort_by_key(|peer| match &peer.validator {
            Some(key) if Some(key) == first => 0,
            Some(_) => 1,
            None => 2,
        });
        peers.into_iter().map(|peer| peer.id).collect()
    }

    /// What a peer gives, if it gives anything in time.
    fn ask(&self, peer: PeerId, kind: RequestKind, hash: &Hash, until: Instant) -> Option<Vec<u8>> {
        let left = until.checked_duration_since(Instant::now())?.min(ONE);
        let request = self.network.request(peer, kind, hash.encode());
        let answer = self
            .runtime
            .block_on(async move { tokio::time::timeout(left, request).await });
        answer.ok()?.ok().filter(|bytes| !bytes.is_empty())
    }
}
