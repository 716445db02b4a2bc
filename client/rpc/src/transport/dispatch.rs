//! From the bytes of a request to the bytes of its answer, the same for HTTP and WebSocket.

use super::Shared;
use super::admission::ConnectionSubscriptions;
use super::peer::Network;
use super::reply::Reply;
use crate::connection::Held;
use crate::error::{self, RpcError};
use jsonrpsee::core::server::{
    BatchResponseBuilder, Extensions, MethodCallback, MethodResponse, MethodSink, SubscriptionState, prepare_error,
};
use jsonrpsee::server::{ConnectionId, RandomStringIdProvider};
use jsonrpsee::types::{Id, Notification, Params, TwoPointZero};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::{self, Formatter};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;
use tokio::sync::OwnedSemaphorePermit;

/// Enough that nobody guesses one. The new interface's ids are strings.
const SUBSCRIPTION_ID_CHARS: usize = 22;

/// A request, read in place: jsonrpsee's own type copies the parameters and looks for the id by trial and error.
#[derive(Deserialize)]
struct Incoming<'a> {
    #[serde(rename = "jsonrpc")]
    _version: TwoPointZero,
    #[serde(borrow, deserialize_with = "id")]
    id: Id<'a>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

/// One HTTP request, or one WebSocket connection.
pub struct Session {
    pub shared: Arc<Shared>,
    pub id: ConnectionId,
    /// Whose rate it counts against; `None` is exempt.
    pub network: Option<Network>,
    /// What every call gets: `Access`, `ConnectionId`, `connection::Connection`.
    pub extensions: Extensions,
    /// Ends with the session what its calls started.
    pub _held: Held,
    /// Where subscriptions go; none over HTTP.
    pub stream: Option<(MethodSink, ConnectionSubscriptions)>,
}

impl Session {
    /// The answer to the bytes of a call or a batch; `None` if there is none to send.
    pub async fn answer(&self, bytes: &[u8]) -> Option<Reply> {
        match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => self.single(bytes).await,
            Some(b'[') => self.batch(bytes).await,
            _ => Some(Reply::error(Id::Null, error::parse())),
        }
    }

    async fn single(&self, bytes: &[u8]) -> Option<Reply> {
        if let Err(error) = self.check_rate(1) {
            return Some(Reply::error(prepare_error(bytes).0, error));
        }
        match serde_json::from_slice::<Incoming<'_>>(bytes) {
            Ok(request) => {
                let id = request.id.clone();
                let response = self.call(request).await;
                // A granted subscription answers through its own channel, in front of its notifications.
                (!response.is_subscription()).then(|| Reply::new(&self.shared, id, response))
            }
            Err(_) if is_notification(bytes) => None,
            Err(cause) => {
                let is_json = serde_json::from_slice::<IgnoredAny>(bytes).is_ok();
                let error = if is_json {
                    error::invalid_request(&cause.to_string())
                } else {
                    error::parse()
                };
                Some(Reply::error(prepare_error(bytes).0, error))
            }
        }
    }

    async fn batch(&self, bytes: &[u8]) -> Option<Reply> {
        let config = &self.shared.config;
        let (max, bytes_max) = (config.max_batch_len as usize, config.max_response_bytes as usize);
        let refuse = |error: RpcError| Some(Reply::error(Id::Null, error));
        if max == 0 {
            return refuse(error::limit(error::BATCHES_DISABLED, None, 0));
        }
        let entries = match entries(bytes, max) {
            Ok(Ok(entries)) if !entries.is_empty() => entries,
            Ok(Ok(_)) => return refuse(error::invalid_request("an empty batch")),
            Ok(Err(count)) => {
                self.shared.observer.refused("batch_length");
                return refuse(error::limit(error::BATCH_LENGTH, Some(count), max));
            }
            Err(_) => return refuse(error::parse()),
        };
        if let Err(error) = self.check_rate(entries.len()) {
            return refuse(error);
        }
        let mut answers = BatchResponseBuilder::new_with_limit(bytes_max);
        let (mut held, mut held_bytes) = (self.shared.responses.hold(), 0);
        for entry in entries {
            // Many short calls are a long one to other connections.
            tokio::task::yield_now().await;
            let text = entry.get();
            let response = match serde_json::from_str::<Incoming<'_>>(text) {
                Ok(request) => self.call(request).await,
                Err(_) if is_notification(text.as_bytes()) => continue,
                Err(cause) => {
                    let (id, _) = prepare_error(text.as_bytes());
                    MethodResponse::error(id, error::invalid_request(&cause.to_string()))
                }
            };
            held_bytes += response.as_ref().len();
            if !held.cover(held_bytes) {
                self.shared.observer.refused("response_memory");
                return refuse(error::busy("too many large answers wait to be read"));
            }
            if answers.append(response).is_err() {
                return refuse(error::limit(error::BATCH_RESPONSE_BYTES, None, bytes_max));
            }
        }
        if answers.is_empty() {
            return None;
        }
        let response = MethodResponse::from_batch(answers.finish());
        drop(held);
        Some(Reply::new(&self.shared, Id::Null, response))
    }

    fn check_rate(&self, requests: usize) -> Result<(), RpcError> {
        let (Some(rate), Some(network)) = (&self.shared.rate, self.network) else {
            return Ok(());
        };
        if rate.allows(network, requests) {
            return Ok(());
        }
        self.shared.observer.refused("rate");
        Err(error::limit(error::RATE, None, rate.per_second()))
    }

    async fn call(&self, request: Incoming<'_>) -> MethodResponse {
        let observer = &self.shared.observer;
        let found = self.shared.methods.method_with_name(&request.method);
        let name = found.map_or("unknown", |(name, _)| name);
        observer.request_started(name);
        let start = Instant::now();
        let response = match found {
            Some((name, callback)) => self.run(name, callback, request).await,
            None => MethodResponse::error(request.id, error::method_not_found(&request.method)),
        };
        observer.request_finished(name, response.as_error_code(), start.elapsed().as_secs_f64());
        response
    }

    async fn run(&self, name: &'static str, callback: &MethodCallback, request: Incoming<'_>) -> MethodResponse {
        let (id, max) = (request.id, self.shared.config.max_response_bytes as usize);
        let params = Params::new(request.params.map(RawValue::get));
        let extensions = self.extensions.clone();
        let response = match callback {
            MethodCallback::Sync(run) => {
                let run = || run(id.clone(), params, max, extensions);
                catch_unwind(AssertUnwindSafe(run)).ok()
            }
            MethodCallback::Async(run) => {
                let permit = match self.turn().await {
                    Ok(permit) => permit,
                    Err(error) => return MethodResponse::error(id, error),
                };
                let mut call = run(id.clone().into_owned(), params.into_owned(), self.id, max, extensions);
                let begun = poll_fn(|context| {
                    let poll = || call.as_mut().poll(context);
                    Poll::Ready(catch_unwind(AssertUnwindSafe(poll)))
                });
                match begun.await {
                    Ok(Poll::Ready(response)) => Some(response),
                    // A caller that hangs up does not free the thread that works for it, so it must not free the permit.
                    Ok(Poll::Pending) => {
                        let task = tokio::spawn(async move {
                            let response = call.await;
                            drop(permit);
                            response
                        });
                        task.await.ok()
                    }
                    Err(_) => None,
                }
            }
            MethodCallback::Subscription(run) => {
                let Some((sink, subscriptions)) = &self.stream else {
                    return MethodResponse::error(id, error::needs_websocket(name));
                };
                let subscription_permit = match self.shared.subscriptions.acquire(subscriptions) {
                    Ok(permit) => permit,
                    Err(max) => {
                        self.shared.observer.refused("subscriptions");
                        return MethodResponse::error(id, error::limit(error::SUBSCRIPTIONS, None, max));
                    }
                };
                let state = SubscriptionState {
                    conn_id: self.id,
                    id_provider: &RandomStringIdProvider::new(SUBSCRIPTION_ID_CHARS),
                    subscription_permit,
                };
                let response = run(id.clone(), params, sink.clone(), state, extensions).await;
                if response.is_success() {
                    self.shared.observer.subscription_opened(name);
                }
                Some(response)
            }
            MethodCallback::Unsubscription(_) if self.stream.is_none() => {
                return MethodResponse::error(id, error::needs_websocket(name));
            }
            MethodCallback::Unsubscription(run) => Some(run(id.clone(), params, self.id, max, extensions)),
        };
        match response {
            Some(response) => self.with_data(id, response),
            None => MethodResponse::error(id, error::error(error::INTERNAL, "Internal error")),
        }
    }

    /// A call that may block gets one of the node's few turns.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, RpcError> {
        let calls = &self.shared.calls;
        if let Ok(permit) = calls.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let waited = tokio::time::timeout(self.shared.config.busy_timeout, calls.clone().acquire_owned()).await;
        match waited {
            Ok(Ok(permit)) => Ok(permit),
            _ => {
                self.shared.observer.refused("busy");
                Err(error::busy("too many calls are at work"))
            }
        }
    }

    /// jsonrpsee makes two errors of its own while it runs a method: they get our data.
    fn with_data(&self, id: Id<'_>, response: MethodResponse) -> MethodResponse {
        match response.as_error_code() {
            Some(error::RESPONSE_BYTES) => {
                self.shared.observer.refused("response_bytes");
                let max = self.shared.config.max_response_bytes as usize;
                MethodResponse::error(id, error::limit(error::RESPONSE_BYTES, None, max))
            }
            Some(error::INTERNAL) if !response.as_ref().contains("\"data\":") => {
                MethodResponse::error(id, error::error(error::INTERNAL, "Internal error"))
            }
            _ => response,
        }
    }
}

fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Id<'de>, D::Error> {
    struct IdVisitor;
    impl<'de> Visitor<'de> for IdVisitor {
        type Value = Id<'de>;

        fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
            f.write_str("an id: a number, a string or null")
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(Id::Null)
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
            Ok(Id::Number(number))
        }

        fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
            Ok(Id::Str(text.into()))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Id::Str(text.to_owned().into()))
        }
    }
    deserializer.deserialize_any(IdVisitor)
}

/// A request without an id: nobody waits for its answer, and no method of ours is worth calling for nothing.
fn is_notification(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Notification<'_, Option<&RawValue>>>(bytes).is_ok_and(|_| !has_id(bytes))
}

fn has_id(bytes: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct WithId {
        #[serde(rename = "id")]
        _id: IgnoredAny,
    }
    serde_json::from_slice::<WithId>(bytes).is_ok()
}

/// The entries of a batch, or how many there are if that is too many: those are counted, not kept.
fn entries(bytes: &[u8], max: usize) -> Result<Result<Vec<&RawValue>, usize>, serde_json::Error> {
    struct Entries(usize);
    impl<'de> Visitor<'de> for Entries {
        type Value = Result<Vec<&'de RawValue>, usize>;

        fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
            f.write_str("a batch")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while entries.len() < self.0 {
                match seq.next_element()? {
                    Some(entry) => entries.push(entry),
                    None => return Ok(Ok(entries)),
                }
            }
            let mut count = entries.len();
            while seq.next_element::<IgnoredAny>()?.is_some() {
                count += 1;
            }
            Ok(if count > self.0 { Err(count) } else { Ok(entries) })
        }
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let found = json.deserialize_seq(Entries(max))?;
    json.end()?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_counted_to_its_end() {
        for (text, expected) in [
            ("[]", Some(Ok(0))),
            ("[1,{},\"x\"]", Some(Ok(3))),
            (" [ 1 , 2,3,4 ] ", Some(Err(4))),
            ("[1,2", None),
            ("[1,2,3,4", None),
            ("[1]x", None),
            ("[1,]", None),
        ] {
            let found = entries(text.as_bytes(), 3)
                .ok()
                .map(|found| found.map(|entries| entries.len()));
            assert_eq!(found, expected, "{text}");
        }
        let deep = format!("[{}{}]", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(entries(deep.as_bytes(), 3).unwrap().unwrap().len(), 1);
        assert!(entries(&[b'[', b'"', 0xff, b'"', b']'], 3).is_err());
    }
}
