//! Why a transaction is not taken.

use quids_api::{InvalidTransaction, TransactionValidityError, UnknownTransaction};
use quids_core::Hash;

/// Why the pool refuses a transaction. Nothing changed in the pool. [`PoolError::code`] is stable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The runtime says that it is invalid.
    #[error("{0}")]
    Invalid(InvalidTransaction),
    /// The runtime cannot judge it.
    #[error("{}", TransactionValidityError::Unknown(*.0))]
    Unknown(UnknownTransaction),
    /// It is in the pool.
    #[error("the transaction {0:?} is already in the pool")]
    AlreadyKnown(Hash),
    /// More bytes than one transaction may have.
    #[error("the transaction has {size} bytes, at most {max} are accepted")]
    TooLarge {
        /// Bytes it has.
        size: usize,
        /// [`crate::Limits::max_per_transaction_bytes`].
        max: usize,
    },
    /// The pool is full of transactions that are no worse.
    #[error("the pool is full ({count} transactions, {bytes} bytes) and holds none of lower priority")]
    Full {
        /// Transactions in the pool.
        count: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// Another transaction provides the same (for accounts: has the same nonce) and its priority is not lower.
    #[error("the priority {priority} does not exceed {existing}, that of the pending transaction it would replace")]
    TooLowPriority {
        /// Of the new transaction.
        priority: u64,
        /// The highest of those in its way.
        existing: u64,
    },
    /// The runtime named no tag that the transaction provides, too many tags, or too long ones.
    #[error("the runtime gave the transaction {requires} and {provides} tags, or one that is too long")]
    Tags {
        /// Tags required.
        requires: usize,
        /// Tags provided.
        provides: usize,
    },
    /// The runtime did not answer.
    #[error("the runtime could not validate the transaction: {0}")]
    Runtime(String),
}

impl PoolError {
    /// A number that never changes its meaning. Below 400 it is [`InvalidTransaction::code`].
    pub const fn code(&self) -> u16 {
        match self {
            Self::Invalid(reason) => reason.code(),
            Self::AlreadyKnown(_) => 401,
            Self::TooLarge { .. } => 402,
            Self::Full { .. } => 403,
            Self::TooLowPriority { .. } => 404,
            Self::Tags { .. } => 405,
            Self::Runtime(_) => 406,
            Self::Unknown(UnknownTransaction::CannotLookup) => 501,
            Self::Unknown(UnknownTransaction::NoUnsignedValidator) => 502,
            Self::Unknown(UnknownTransaction::Custom(n)) => 600 + *n as u16,
        }
    }
}

impl From<TransactionValidityError> for PoolError {
    fn from(error: TransactionValidityError) -> Self {
        match error {
            TransactionValidityError::Invalid(reason) => Self::Invalid(reason),
            TransactionValidityError::Unknown(reason) => Self::Unknown(reason),
        }
    }
}
