//! Fraud proofs among peers. Nobody is sent one: each asks now and then which there are, and takes one at a time, about blocks whose
//! parents it has.

use crate::{
    chain::{Chain, ChainError},
    frames::decode_within,
};
use codec::{Decode, DecodeAll, DecodeWithMemTracking, Encode};
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
/// How long a peer may take to say which it has.
const WHICH_WITHIN: Duration = Duration::from_secs(3);
/// How long a proof that was worth nothing to this node is not asked for again where it came from, and so many of them at most.
const USELESS_FOR: Duration = Duration::from_secs(600);
const USELESS_MAX: usize = 1024;
/// What a list may take in memory.
const LIST_MEMORY_MAX: usize = 4 << 10;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum FraudQuestion {
    /// Which there are: the answer is a `Vec<FraudHint>`, at most [`FRAUD_PROOFS_MAX`].
    #[codec(index = 0)]
    Which,
    /// The one about this block: the answer is a `FraudProof`, or nothing.
    #[codec(index = 1)]
    About(Hash),
}

/// That there is a fraud proof; nothing is proven by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct FraudHint {
    pub block: Hash,
    pub number: Height,
    /// Of whose chain it would be.
    pub parent: Hash,
}

/// `None`: the question is none.
pub fn answer(chain: &Chain, question: &[u8]) -> Result<Option<Vec<u8>>, ChainError> {
    match FraudQuestion::decode_all(&mut &question[..]) {
        Ok(FraudQuestion::Which) => {
            let known = chain.frauds().known().into_iter().take(FRAUD_PROOFS_MAX);
            let hints = known.map(|notice| FraudHint {
                block: notice.block,
                number: notice.number,
                parent: notice.parent,
            });
            Ok(Some(hints.collect::<Vec<_>>().encode()))
        }
        Ok(FraudQuestion::About(block)) => Ok(Some(chain.fraud_proof(&block)?.unwrap_or_default())),
        Err(_) => Ok(None),
    }
}

/// Asks all peers again and again. To be aborted.
pub async fn keep_asking(chain: Arc<Chain>, network: Network) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut useless = HashMap::new();
    // With as many as are kept there is nothing to ask for.
    while chain.frauds().known().len() < FRAUD_PROOFS_MAX {
        ticks.tick().await;
        let now = Instant::now();
        useless.retain(|_, since| now.duration_since(*since) < USELESS_FOR);
        for (peer, hints) in hints(&network).await {
            let is_new = |hint: &&FraudHint| !useless.contains_key(&(peer, hint.block)) && is_wanted(&chain, hint);
            // One of each peer and round: who lies much gets no more of this node's time.
            let Some(block) = hints.iter().find(is_new).map(|hint| hint.block) else {
                continue;
            };
            if useless.len() < USELESS_MAX && !take_in(&chain, &network, peer, block).await {
                useless.insert((peer, block), now);
            }
        }
    }
}

/// What all peers say that they have.
async fn hints(network: &Network) -> Vec<(PeerId, Vec<FraudHint>)> {
    let mut asked = JoinSet::new();
    for peer in network.peers() {
        let network = network.clone();
        asked.spawn(async move { (peer.id, which(&network, peer.id).await) });
    }
    asked.join_all().await
}

async fn which(network: &Network, peer: PeerId) -> Vec<FraudHint> {
    let question = FraudQuestion::Which.encode();
    let asked = network.request(peer, RequestKind::FraudProof, question);
    let Ok(Ok(answer)) = tokio::time::timeout(WHICH_WITHIN, asked).await else {
        return Vec::new();
    };
    let hints = decode_within::<Vec<FraudHint>>(&answer, LIST_MEMORY_MAX).ok();
    let hints = hints.filter(|hints| hints.len() <= FRAUD_PROOFS_MAX);
    hints.unwrap_or_else(|| {
        network.report(peer, Offence::WrongAnswer);
        Vec::new()
    })
}

/// One that is not known, about a block that this chain lacks and whose parent it has.
fn is_wanted(chain: &Chain, hint: &FraudHint) -> bool {
    let is_known = chain.frauds().known().iter().any(|known| known.block == hint.block);
    let parent = hint.number.checked_sub(Height(1));
    let is_of_chain = parent.is_some_and(|number| chain.has_at(number, hint.parent).unwrap_or_default());
    !is_known && is_of_chain && !chain.has_at(hint.number, hint.block).unwrap_or_default()
}

/// Fetches one and judges it. False if there is no use in fetching it from there again soon.
async fn take_in(chain: &Arc<Chain>, network: &Network, peer: PeerId, block: Hash) -> bool {
    let question = FraudQuestion::About(block).encode();
    let bytes = match network.request(peer, RequestKind::FraudProof, question).await {
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
