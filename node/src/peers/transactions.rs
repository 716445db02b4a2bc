//! Transactions among peers: those of this node in batches, and those of others into the pool.

use crate::{consensus::Incoming, pool::SharedPool};
use codec::{DecodeAll, Encode};
use quids_network::{Network, PublishError, Topic, Verdict};
use quids_txpool::PoolError;
use std::{sync::Arc, time::Duration};
use tokio::sync::{broadcast, mpsc};

/// Batches of others that wait to be judged.
pub const BATCHES_MAX: usize = 128;
/// Transactions of one batch, and their bytes once there is more than one.
const BATCH_MAX: usize = 256;
const BATCH_BYTES: usize = 48 << 10;
/// How long a batch waits for more.
const GATHERING: Duration = Duration::from_millis(10);
/// How long what could not be sent waits.
const AGAIN: Duration = Duration::from_secs(1);

/// Sends what becomes ready to others, each once; what could not be sent, later.
pub async fn announce(pool: Arc<SharedPool>, network: Network) {
    let mut ready = pool.subscribe_ready();
    loop {
        tokio::select! {
            event = ready.recv() => {
                if let Err(broadcast::error::RecvError::Closed) = event {
                    return;
                }
            }
            // What was given back.
            () = tokio::time::sleep(AGAIN) => {}
        }
        tokio::time::sleep(GATHERING).await;
        ready = ready.resubscribe();
        while announce_some(&pool, &network) {}
    }
}

/// False if there is nothing more, or no room for it now.
fn announce_some(pool: &SharedPool, network: &Network) -> bool {
    let hashes = pool.take_unannounced(BATCH_MAX);
    if hashes.is_empty() {
        return false;
    }
    let transactions = hashes
        .iter()
        .filter_map(|hash| Some((*hash, pool.transaction(hash)?.to_vec())));
    let mut is_full = false;
    for batch in batches(transactions) {
        let (hashes, batch): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        match network.publish(Topic::Transactions, batch.encode()) {
            Ok(()) => {}
            Err(error @ PublishError::TooLarge { .. }) => {
                tracing::warn!("a transaction stays at this node until it makes a block: {error}");
            }
            Err(error) => {
                tracing::debug!("{} transactions are sent later: {error}", batch.len());
                pool.announce_again(&hashes);
                is_full = true;
            }
        }
    }
    !is_full
}

/// In their order, none too long unless one alone is.
fn batches<T>(transactions: impl Iterator<Item = (T, Vec<u8>)>) -> Vec<Vec<(T, Vec<u8>)>> {
    let mut batches: Vec<Vec<_>> = Vec::new();
    let mut bytes = 0;
    for (name, transaction) in transactions {
        bytes += transaction.len();
        match batches.last_mut() {
            Some(batch) if bytes <= BATCH_BYTES => batch.push((name, transaction)),
            _ => {
                bytes = transaction.len();
                batches.push(vec![(name, transaction)]);
            }
        }
    }
    batches
}

/// Judges what others send, and puts it into the pool.
pub async fn take_in(pool: Arc<SharedPool>, network: Network, mut incoming: mpsc::Receiver<Incoming>) {
    while let Some(Incoming { id, bytes, from }) = incoming.recv().await {
        let pool = pool.clone();
        let judged = tokio::task::spawn_blocking(move || judge(&pool, &bytes));
        let verdict = judged.await.unwrap_or(Verdict::Ignore);
        if verdict != Verdict::Accept {
            tracing::debug!("transactions of {from} are not passed on");
        }
        network.judge(id, verdict);
    }
}

fn judge(pool: &SharedPool, bytes: &[u8]) -> Verdict {
    let batch = Vec::<Vec<u8>>::decode_all(&mut &bytes[..]).ok();
    let Some(batch) = batch.filter(|batch| (1..=BATCH_MAX).contains(&batch.len())) else {
        return Verdict::Reject;
    };
    let count = batch.len();
    let mut taken = Vec::new();
    let mut known: usize = 0;
    for transaction in batch {
        match pool.submit_from_peer(transaction) {
            Ok(hash) => taken.push(hash),
            Err(PoolError::AlreadyKnown(_)) => known += 1,
            // It may be in a block that this node has and the sender had not, or the pool may be full.
            Err(error) => tracing::debug!("a transaction of a peer is not taken: {error}"),
        }
    }
    if taken.len() + known == count {
        return Verdict::Accept;
    }
    // What is right in it goes on without the rest.
    pool.announce_again(&taken);
    Verdict::Ignore
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_bounded_and_keep_the_order() {
        let lengths = [10_000, 30_000, 8_000, 2_000, 90_000, 1, 49_000];
        let made = batches(lengths.iter().map(|length| ((), vec![0; *length])));
        let lengths_of = |batch: &Vec<((), Vec<u8>)>| batch.iter().map(|(_, bytes)| bytes.len()).collect();
        let lengths: Vec<Vec<usize>> = made.iter().map(lengths_of).collect();
        assert_eq!(
            lengths,
            [vec![10_000, 30_000, 8_000], vec![2_000], vec![90_000], vec![1, 49_000]]
        );
    }
}
