//! Where a witness gets what it executes blocks on: batch proofs of undecided blocks, and values that those have by hash.

use crate::{
    chain::{ChainError, Stateless, StatelessError, Witnessed},
    consensus::Bodies,
};
use codec::{DecodeAll, Encode};
use quids_core::{Block, Hash, Header};
use quids_crypto::{PublicKey, blake3_256};
use quids_network::{Network, Offence, PeerId, RequestKind};
use quids_state::{BatchProof, Blobs, ProofState};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::runtime::Handle;

/// How long a block's proof and values are asked for: after that there is no verdict for now.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long whoever made the block may take, and how long any other, that more are asked in time.
const MAKER: Duration = Duration::from_millis(2500);
const OTHER: Duration = Duration::from_millis(1000);
/// Values that are fetched with one that is missing, because a proof says that the block reads them too,
const AHEAD_MAX: usize = 64;
/// and how many of them at a time. A value is at most the code of a runtime, so this bounds the memory.
const FETCHES_MAX: usize = 8;
/// Values that one block may need and this node lacks: more than a block's weight reads.
const BLOBS_MAX: usize = 4096;

/// Asks others, on threads that may wait.
pub struct Proofs {
    pub network: Network,
    pub bodies: Arc<Bodies>,
    pub runtime: Handle,
}

/// A block that is to be executed as a child of this one, as long as that is wanted.
pub struct Wanted<'a> {
    pub parent: &'a Header,
    pub block: &'a Block,
    /// Whose block it is: asked first.
    pub author: Option<&'a PublicKey>,
    pub is_wanted: &'a dyn Fn() -> bool,
}

/// Why these bytes are of no use. It says nothing about the block.
enum Useless {
    /// Whoever gave them is to blame.
    Bad(String),
    /// They need a value that nobody gives.
    NoBlob,
}

impl Proofs {
    /// Executes a block on a proof that somebody gives.
    pub fn execute(&self, stateless: &Stateless, wanted: &Wanted<'_>) -> Result<Witnessed, ChainError> {
        let hash = wanted.block.header.hash();
        let until = Instant::now() + PATIENCE;
        // Only what served before is kept.
        if let Some(bytes) = self.bodies.proof(&hash)
            && let Ok(outcome) = self.execute_on(stateless, wanted, &bytes, until)
        {
            return outcome;
        }
        for (peer, patience) in self.peers(wanted.author) {
            if !(wanted.is_wanted)() {
                break;
            }
            let Some(bytes) = self.ask(peer, RequestKind::Proof, &hash, until.min(Instant::now() + patience)) else {
                continue;
            };
            match self.execute_on(stateless, wanted, &bytes, until) {
                Ok(outcome) => {
                    if matches!(outcome, Ok(_) | Err(ChainError::InvalidBlock { .. })) {
                        self.bodies.put_proof(hash, bytes.into(), []);
                    }
                    return outcome;
                }
                Err(Useless::NoBlob) => {
                    tracing::debug!("{peer} gave a proof of block {hash:?} that needs a value which nobody gives");
                }
                Err(Useless::Bad(reason)) => {
                    tracing::debug!("{peer} gave as the proof of block {hash:?}: {reason}");
                    self.network.report(peer, Offence::WrongAnswer);
                }
            }
        }
        Err(ChainError::NoProof(hash))
    }

    fn execute_on(
        &self,
        stateless: &Stateless,
        wanted: &Wanted<'_>,
        bytes: &[u8],
        until: Instant,
    ) -> Result<Result<Witnessed, ChainError>, Useless> {
        let bad = |error: &dyn ToString| Useless::Bad(error.to_string());
        let proof = BatchProof::decode_all(&mut &*bytes).map_err(|error| bad(&error))?;
        let blobs: Arc<dyn Blobs> = self.bodies.clone();
        // Marks are anybody's: once one was in vain, only what the block turns out to need is asked for.
        let mut trusts_marks = true;
        for _ in 0..BLOBS_MAX {
            match stateless.check(wanted.parent, wanted.block, &proof, &blobs) {
                Ok(witnessed) => return Ok(Ok(witnessed)),
                Err(StatelessError::Block(error)) => return Ok(Err(error)),
                Err(StatelessError::Missing(hashes)) => {
                    if !self.fetch_all(&hashes, wanted.author, until) {
                        return Err(Useless::NoBlob);
                    }
                    trusts_marks = trusts_marks && self.fetch_ahead(wanted, &proof, &blobs, until);
                }
                Err(error @ (StatelessError::Proof(_) | StatelessError::Incomplete(_) | StatelessError::NoCode)) => {
                    return Err(bad(&error));
                }
            }
        }
        Err(Useless::NoBlob)
    }

    /// Gets more of what the proof says that the block reads besides. Whether all of that is there then.
    fn fetch_ahead(&self, wanted: &Wanted<'_>, proof: &BatchProof, blobs: &Arc<dyn Blobs>, until: Instant) -> bool {
        let Ok(state) = ProofState::open(wanted.parent.state_root, proof, blobs.clone()) else {
            return false;
        };
        let mut marked = state.missing_blobs();
        marked.truncate(AHEAD_MAX);
        self.fetch_all(&marked, wanted.author, until)
    }

    /// Gets values by their hashes, several at a time. Whether all are there then.
    fn fetch_all(&self, hashes: &[Hash], maker: Option<&PublicKey>, until: Instant) -> bool {
        if let [hash] = hashes {
            return self.fetch(hash, maker, until);
        }
        let next = AtomicUsize::new(0);
        let fetch = || {
            let hash = || hashes.get(next.fetch_add(1, Ordering::Relaxed));
            std::iter::from_fn(hash).all(|hash| self.fetch(hash, maker, until))
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..hashes.len().min(FETCHES_MAX)).map(|_| scope.spawn(fetch)).collect();
            // All are waited for, whatever the first says.
            let outcomes: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
            outcomes.into_iter().all(|is_there| is_there.unwrap_or(false))
        })
    }

    /// Gets a value by its hash, first from whoever made the block: what a block before wrote may be with few others. Whether it is
    /// there then.
    fn fetch(&self, hash: &Hash, maker: Option<&PublicKey>, until: Instant) -> bool {
        self.peers(maker).into_iter().any(|(peer, patience)| {
            let until = until.min(Instant::now() + patience);
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

    /// Validators first, and among those the one with this key; and how long each may take.
    fn peers(&self, maker: Option<&PublicKey>) -> Vec<(PeerId, Duration)> {
        let mut peers = self.network.peers();
        let is_maker = |key: &Option<PublicKey>| maker.is_some() && key.as_ref() == maker;
        peers.sort_by_key(|peer| (!is_maker(&peer.validator), peer.validator.is_none()));
        let patience = |key| if is_maker(key) { MAKER } else { OTHER };
        let peers = peers.iter().map(|peer| (peer.id, patience(&peer.validator)));
        peers.collect()
    }

    /// What a peer gives, if it gives anything in time.
    fn ask(&self, peer: PeerId, kind: RequestKind, hash: &Hash, until: Instant) -> Option<Vec<u8>> {
        let left = until.checked_duration_since(Instant::now())?;
        let request = self.network.request(peer, kind, hash.encode());
        let answer = self
            .runtime
            .block_on(async move { tokio::time::timeout(left, request).await });
        answer.ok()?.ok().filter(|bytes| !bytes.is_empty())
    }
}
