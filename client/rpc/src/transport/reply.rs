//! An answer on its way out, with what it holds of the node-wide budget until it is sent.

use super::Shared;
use super::admission::Held;
use crate::error;
use hyper::body::Bytes;
use jsonrpsee::core::server::{MethodResponse, MethodResponseNotifyTx};
use jsonrpsee::types::{ErrorObject, Id};
use std::fmt;

/// The JSON of one answer.
pub struct Reply {
    text: String,
    /// Its code, if the whole request failed.
    pub error_code: Option<i32>,
    held: Option<Held>,
    /// Waits to hear that the answer is on its way.
    notifier: Option<MethodResponseNotifyTx>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({} bytes)", self.text.len())
    }
}

impl AsRef<[u8]> for Reply {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl Reply {
    /// Refuses an answer that finds no room.
    pub fn new(shared: &Shared, id: Id<'_>, response: MethodResponse) -> Self {
        let mut held = shared.responses.hold();
        let error_code = response.as_error_code();
        let (json, notifier, _) = response.into_parts();
        let text = String::from(Box::<str>::from(json));
        if held.cover(text.len()) {
            return Self {
                text,
                error_code,
                held: Some(held),
                notifier,
            };
        }
        shared.observer.refused("response_memory");
        Self::error(id, error::busy("too many large answers wait to be read"))
    }

    pub fn error<'a>(id: Id<'_>, error: impl Into<ErrorObject<'a>>) -> Self {
        let response = MethodResponse::error(id, error);
        Self {
            error_code: response.as_error_code(),
            text: String::from(Box::<str>::from(response.into_json())),
            held: None,
            notifier: None,
        }
    }

    /// To be told once the answer is queued, so that nothing overtakes it. Dropped, it tells of failure.
    pub fn take_notifier(&mut self) -> Option<MethodResponseNotifyTx> {
        self.notifier.take()
    }

    /// Keeps the budget until the last byte is out.
    pub fn into_bytes(self) -> Bytes {
        if self.held.is_some() {
            Bytes::from_owner(self)
        } else {
            Bytes::from(self.text)
        }
    }
}
