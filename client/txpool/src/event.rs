//! What becomes of transactions, for those who watch them.

use quids_api::TransactionValidityError;
use quids_core::Hash;

/// A transaction's new status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolEvent {
    /// The transaction, as [`crate::hash_of`] names it.
    pub hash: Hash,
    /// What it is now.
    pub status: TransactionStatus,
}

/// Where a transaction stands. After `InBlock` and every later variant it is no longer in the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// It waits for another transaction (an earlier nonce).
    Future,
    /// It can be in the next block.
    Ready,
    /// It was sent to these peers; see [`crate::Pool::broadcast_to`].
    Broadcast(Vec<String>),
    /// It is in this block.
    InBlock(Hash),
    /// It had to make room, was taken out by the operator, or new code gave it tags that the pool does not hold.
    Dropped,
    /// It can no longer be in a block.
    Invalid(TransactionValidityError),
    /// Another transaction took its place.
    Usurped(Hash),
}

impl TransactionStatus {
    /// True if the pool will say no more of the transaction.
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::Future | Self::Ready | Self::Broadcast(_))
    }
}
