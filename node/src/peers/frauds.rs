//! Fraud proofs among peers. Nobody is sent one: each asks now and then which there are, and takes one at a time, about blocks whose
//! parents it has.

use super::hash_in;
use crate::{
    chain::{ChainError, FraudKeeper},
    frames::decode_within,
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use quids_core::{Hash, Height};
use quids_db::FRAUD_PROOFS_MAX;
use quids_network::{Network, Offence, PeerId, RequestError, RequestKind};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// How often all peers are asked.
const PERIOD: Duration = Duration::from_secs(4);
/// How long a proof that was worth nothing to this node is not asked for again where it came from, and so many of them at most.
const USELESS_FOR: Duration = Duration::from_secs(600);
const USELESS_MAX: usize = 1024;
/// What a list may take in memory.
const LIST_MEMORY_MAX: usize = 4 << 10;

/// That there is a fraud proof; nothing is proven by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct FraudHint {
    pub block: Hash,
    pub number: Height,
    /// Of whose chain it would be.
    pub parent: Hash,
}

/// Which there are: a `Vec<FraudHint>`, at most [`FRAUD_PROOFS_MAX`].
pub fn list(keeper: &dyn FraudKeeper) -> Vec<u8> {
    let known = keeper.frauds().known().into_iter().take(FRAUD_PROOFS_MAX);
    let hints = known.map(|notice| FraudHint {
        block: notice.block,
        number: notice.number,
        parent: notice.parent,
    });
    hints.collect::<Vec<_>>().encode()
}

/// The one about the block that is asked for, or nothing. `None`: the question is none.
pub fn answer(keeper: &dyn FraudKeeper, question: &[u8]) -> Result<Option<Vec<u8>>, ChainError> {
    let proof = hash_in(question).map(|block| keeper.fraud_proof(&block));
    Ok(proof.transpose()?.map(Option::unwrap_or_default))
}

/// Asks all peers again and again. To be aborted.
pub async fn keep_asking(chain: Arc<dyn FraudKeeper>, network: Network) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut useless = HashMap::new();
    // With as many as are kept there is nothing to ask for.
    while chain.frauds().known().len() < FRAUD_PROOFS_MAX {
        ticks.tick().await;
        let now = Instant::now();
        useless.retain(|_, since| now.duration_since(*since) < USELESS_FOR);
        for (peer, hints) in hints(&network).await {
            let is_new = |hint: &&FraudHint| !useless.contains_key(&(peer, hint.block)) && is_wanted(&*chain, hint);
            // One of each peer and round: who lies much gets no more of this node's time.
            let Some(block) = hints.iter().find(is_new).map(|hint| hint.block) else {
                continue;
            };
            if !take_in(&chain, &network, peer, block).await {
                if useless.len() >= USELESS_MAX {
                    useless.clear();
                }
                useless.insert((peer, block), now);
            }
        }
    }
}

/// What all peers say that they have.
async fn hints(network: &Network) -> Vec<(PeerId, Vec<FraudHint>)> {
    let mut asked = JoinSet::new();
    let peers = network.peers();
    let is_validator: Vec<_> = peers
        .iter()
        .filter(|peer| peer.validator.is_some())
        .map(|peer| peer.id)
        .collect();
    for peer in peers {
        let network = network.clone();
        asked.spawn(async move { (peer.id, which(&network, peer.id).await) });
    }
    let mut hints = asked.join_all().await;
    // Those of strangers come last, whoever was quicker.
    hints.sort_by_key(|(peer, _)| !is_validator.contains(peer));
    hints
}

async fn which(network: &Network, peer: PeerId) -> Vec<FraudHint> {
    let Ok(answer) = network.request(peer, RequestKind::FraudProofs, Vec::new()).await else {
        return Vec::new();
    };
    let hints = decode_within::<Vec<FraudHint>>(&answer, LIST_MEMORY_MAX).ok();
    let hints = hints.filter(|hints| hints.len() <= FRAUD_PROOFS_MAX);
    hints.unwrap_or_else(|| {
        network.report(peer, Offence::WrongAnswer);
        Vec::new()
    })
}

/// One that is not known, about a block that this node has not executed and whose parent its chain has.
fn is_wanted(chain: &dyn FraudKeeper, hint: &FraudHint) -> bool {
    let is_known = chain.frauds().known().iter().any(|known| known.block == hint.block);
    let parent = hint.number.checked_sub(Height(1));
    let is_of_chain = parent.is_some_and(|number| chain.has_at(number, hint.parent).unwrap_or_default());
    !is_known && is_of_chain && !chain.has_executed(hint.number, hint.block).unwrap_or_default()
}

/// Fetches one and judges it. False if there is no use in fetching it from there again soon.
async fn take_in(chain: &Arc<dyn FraudKeeper>, network: &Network, peer: PeerId, block: Hash) -> bool {
    let bytes = match network.request(peer, RequestKind::FraudProof, block.encode()).await {
        Ok(bytes) if !bytes.is_empty() => bytes,
        // It may have too much to do.
        Err(error) if error != RequestError::Timeout => return true,
        outcome => {
            // It said that it has it.
            network.report(
                peer,
                if outcome.is_ok() {
                    Offence::Withheld
                } else {
                    Offence::Slow
                },
            );
            return false;
        }
    };
    let chain = chain.clone();
    let judged = tokio::task::spawn_blocking(move || chain.take_in_fraud(block, &bytes)).await;
    match judged {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => {
            tracing::warn!("{peer} accuses those who signed {block:?}, and proves nothing: {error}");
            if error.is_of_sender() {
                network.report(peer, Offence::WrongAnswer);
            }
        }
        Err(error) => tracing::error!("a fraud proof of {peer} was not judged: {error}"),
    }
    false
}
