//! Those who watch a transaction: a bounded channel each, found by the transaction's hash.

use quids_core::Hash;
use quids_rpc::TransactionStatus;
use quids_txpool::{PoolEvent, TransactionStatus as PoolStatus};
use std::collections::HashMap;
use tokio::sync::mpsc;

/// Statuses a watcher may be behind before it is dropped.
const STATUSES_MAX: usize = 16;
/// Watchers of one transaction.
const PER_TRANSACTION_MAX: usize = 16;

/// Watchers by transaction. There are none of transactions that are not in the pool.
#[derive(Default)]
pub struct Watchers(HashMap<Hash, Vec<mpsc::Sender<TransactionStatus>>>);

impl Watchers {
    /// Hears of the transaction from the next event on; `None` if too many listen already.
    pub fn add(&mut self, hash: Hash) -> Option<mpsc::Receiver<TransactionStatus>> {
        self.add_from(hash, None)
    }

    /// As [`Watchers::add`], and hears where the transaction stands now.
    pub fn add_from(
        &mut self,
        hash: Hash,
        now: Option<TransactionStatus>,
    ) -> Option<mpsc::Receiver<TransactionStatus>> {
        let senders = self.0.entry(hash).or_default();
        senders.retain(|sender| !sender.is_closed());
        if senders.len() >= PER_TRANSACTION_MAX {
            return None;
        }
        let (sender, receiver) = mpsc::channel(STATUSES_MAX);
        if let Some(status) = now {
            // The channel is empty, so it has room.
            let _ = sender.try_send(status);
        }
        senders.push(sender);
        Some(receiver)
    }

    /// Hands an event to those it concerns. Whoever does not keep up is dropped, and all are after the last status.
    pub fn tell(&mut self, event: &PoolEvent) {
        let Some(senders) = self.0.get_mut(&event.hash) else {
            return;
        };
        // What is in a block is final: nobody else authors.
        let finalised = match event.status {
            PoolStatus::InBlock(block) => Some(TransactionStatus::Finalized(block)),
            _ => None,
        };
        for status in [Some(event.status.clone().into()), finalised].into_iter().flatten() {
            senders.retain(|sender| sender.try_send(status.clone()).is_ok());
        }
        if event.status.is_final() || senders.is_empty() {
            self.0.remove(&event.hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(hash: u8, status: PoolStatus) -> PoolEvent {
        PoolEvent {
            hash: Hash::repeat_byte(hash),
            status,
        }
    }

    #[test]
    fn each_hears_of_its_own_transaction_until_the_last_status() {
        let mut watchers = Watchers::default();
        let mut one = watchers.add(Hash::repeat_byte(1)).unwrap();
        let mut two = watchers.add(Hash::repeat_byte(2)).unwrap();
        watchers.tell(&event(1, PoolStatus::Ready));
        watchers.tell(&event(2, PoolStatus::Future));
        watchers.tell(&event(3, PoolStatus::Ready));
        let block = Hash::repeat_byte(9);
        watchers.tell(&event(1, PoolStatus::InBlock(block)));
        watchers.tell(&event(1, PoolStatus::Ready));
        let heard: Vec<_> = std::iter::from_fn(|| one.blocking_recv()).collect();
        let expected = [
            TransactionStatus::Ready,
            TransactionStatus::InBlock(block),
            TransactionStatus::Finalized(block),
        ];
        assert_eq!(heard, expected);
        assert_eq!(two.try_recv(), Ok(TransactionStatus::Future));
        assert!(two.try_recv().is_err() && watchers.0.len() == 1);
    }

    #[test]
    fn who_does_not_keep_up_is_dropped_and_their_number_is_bounded() {
        let mut watchers = Watchers::default();
        let hash = Hash::repeat_byte(1);
        let mut slow = watchers.add(hash).unwrap();
        for _ in 0..STATUSES_MAX + 1 {
            watchers.tell(&event(1, PoolStatus::Ready));
        }
        assert!(watchers.0.is_empty());
        let heard = std::iter::from_fn(|| slow.blocking_recv()).count();
        assert_eq!(heard, STATUSES_MAX);
        let held: Vec<_> = (0..PER_TRANSACTION_MAX).map(|_| watchers.add(hash).unwrap()).collect();
        assert!(watchers.add(hash).is_none());
        drop(held);
        assert!(watchers.add(hash).is_some());
    }
}
