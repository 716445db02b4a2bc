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
/// Values that are fetched with one that is missing, because a proof says that the block reads them too; and their bytes for one block,
/// less than half of what is kept of values, so that none of them pushes another out.
const AHEAD_MAX: usize = 64;
const AHEAD_BYTES_MAX: usize = 24 << 20;
/// Values that are fetched at a time: an answer has up to 16 MiB.
const FETCHES_MAX: usize = 4;
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
        let mut ahead = AHEAD_BYTES_MAX;
        for _ in 0..BLOBS_MAX {
            match stateless.check(wanted.parent, wanted.block, &proof, &blobs) {
                Ok(witnessed) => return Ok(Ok(witnessed)),
                Err(StatelessError::Block(error)) => return Ok(Err(error)),
                Err(StatelessError::Missing(hashes)) => {
                    self.fetch_ahead(wanted, &proof, &blobs, &mut ahead, until);
                    // Last, so that nothing pushes it out before the block reads it.
                    let is_there =
                        |hash: &Hash| blobs.get(hash).is_some() || self.fetch(hash, wanted.author, until).is_some();
                    if !hashes.iter().all(is_there) {
                        return Err(Useless::NoBlob);
                    }
                }
                Err(error @ (StatelessError::Proof(_) | StatelessError::Incomplete(_) | StatelessError::NoCode)) => {
                    return Err(bad(&error));
                }
            }
        }
        Err(Useless::NoBlob)
    }

    /// Gets more of what the proof says that the block reads besides, several values at a time, as long as `bytes` are left. Marks are
    /// anybody's: once one was in vain, none are.
    fn fetch_ahead(
        &self,
        wanted: &Wanted<'_>,
        proof: &BatchProof,
        blobs: &Arc<dyn Blobs>,
        bytes: &mut usize,
        until: Instant,
    ) {
        let Ok(state) = ProofState::open(wanted.parent.state_root, proof, blobs.clone()) else {
            return;
        };
        let mut marked = state.missing_blobs();
        marked.truncate(AHEAD_MAX);
        let (next, left, maker) = (AtomicUsize::new(0), AtomicUsize::new(*bytes), wanted.author);
        let fetch = || {
            while left.load(Ordering::Relaxed) > 0 {
                let Some(hash) = marked.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    return;
                };
                let used = self.fetch(hash, maker, until).unwrap_or(usize::MAX);
                let _ = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    Some(left.saturating_sub(used))
                });
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..marked.len().min(FETCHES_MAX) {
                // Where there is no thread, this one does it alone.
                let _ = std::thread::Builder::new().spawn_scoped(scope, fetch);
            }
            fetch();
        });
        *bytes = left.into_inner();
    }

    /// Gets a value by its hash, first from whoever made the block: what a block before wrote may be with few others. Its bytes, if it
    /// is there then.
    fn fetch(&self, hash: &Hash, maker: Option<&PublicKey>, until: Instant) -> Option<usize> {
        self.peers(maker).into_iter().find_map(|(peer, patience)| {
            let until = until.min(Instant::now() + patience);
            let bytes = self.ask(peer, RequestKind::Code, hash, until)?;
            if Hash::from(blake3_256(&bytes)) != *hash {
                self.network.report(peer, Offence::WrongAnswer);
                return None;
            }
            let size = bytes.len();
            self.bodies.put_blob(*hash, bytes.into());
            Some(size)
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
