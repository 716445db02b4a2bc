//! The transaction pool: what waits to be in a block, ordered by dependency and priority. Sans-IO: no clock, no
//! thread, no network; the runtime's verdicts and the height are passed in.
#![warn(missing_docs)]

mod bans;
mod error;
mod event;
mod follow;
mod index;
mod limits;
mod orders;
mod pool;
mod ready;
mod room;
mod stats;
mod transaction;

pub use error::PoolError;
pub use event::{PoolEvent, TransactionStatus};
pub use follow::{Due, Renewal};
pub use limits::Limits;
pub use pool::Pool;
pub use ready::Ready;
pub use stats::{PoolStatus, Stats};
pub use transaction::{Submission, Transaction, hash_of};
