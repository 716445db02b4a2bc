//! Why a transaction is not taken.

use quids_api::{InvalidTransaction, TransactionValidityError, UnknownTransaction};
use quids_core::{AccountId20, Hash, Height};

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
    /// Another transaction provides the same (for accounts: has the same nonce) and its priority is not low enough.
    #[error(
        "the priority {priority} is too low to replace a pending transaction of priority {existing}: {needed} is needed"
    )]
    TooLowPriority {
        /// Of the new transaction.
        priority: u64,
        /// The highest of those in its way.
        existing: u64,
        /// What would do: a tenth more, and 1 at least.
        needed: u128,
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
    /// The account has as many transactions here as one may have, or as many that wait for others.
    #[error("account {account} has {count} transactions of {bytes} bytes in the pool, which is all that one may have")]
    AccountFull {
        /// The sender.
        account: AccountId20,
        /// Its transactions in the pool.
        count: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// It turned invalid a moment ago.
    #[error("the transaction turned invalid and is refused until block {until}")]
    Banned {
        /// From this block on it may be given again.
        until: Height,
    },
    /// It waits for another transaction, and so do as many as may, none worse.
    #[error("the pool holds {count} transactions of {bytes} bytes that wait for others, none of lower priority")]
    FutureFull {
        /// Transactions that wait for others.
        count: usize,
        /// Their bytes.
        bytes: usize,
    },
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
            Self::AccountFull { .. } => 407,
            Self::Banned { .. } => 408,
            Self::FutureFull { .. } => 409,
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
