//! Builds signed transactions and reads events of any runtime from its metadata alone. Pure: what must be asked of a
//! chain (nonce, block hashes, the bound key) is an argument.

mod bounded;
mod call;
mod era;
mod error;
mod events;
mod extensions;
mod extrinsic;
#[cfg(test)]
mod fixtures;
mod json;
mod metadata;

pub(crate) use bounded::skip;
pub use call::{Arg, encode_call};
pub use era::Era;
pub use error::BuilderError;
pub use events::{Event, Failure, Phase, decode_events, failure};
pub use extensions::{SigningContext, encode_extensions};
pub use extrinsic::{PAYLOAD_PLAIN_MAX, Unsigned};
pub use json::to_json;
pub use metadata::{CallInfo, Metadata, Pallet};
