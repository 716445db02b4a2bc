//! The transaction pool: what waits to be in a block, ordered by dependency and priority. Sans-IO: no clock, no
//! thread, no network; the runtime is asked through [`Validator`], time is the height that the caller passes.
#![warn(missing_docs)]

mod error;
mod event;
mod index;
mod limits;
mod pool;
mod ready;
mod transaction;

pub use error::PoolError;
pub use event::{PoolEvent, TransactionStatus};
pub use limits::Limits;
pub use pool::Pool;
pub use ready::Ready;
pub use transaction::{Transaction, hash_of};

use quids_api::{TransactionSource, TransactionValidity};

/// The runtime's opinion of a transaction.
pub trait Validator {
    /// `TaggedTransactionQueue_validate_transaction` at the best block. `Err` only if the runtime could not answer at
    /// all (it trapped, or the node has no state): nothing is then known of the transaction.
    fn validate(&self, source: TransactionSource, bytes: &[u8]) -> Result<TransactionValidity, String>;
}
