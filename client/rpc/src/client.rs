//! A small client for the command line: requests over HTTP or WebSocket, and watching a transaction over WebSocket.

use crate::{Config, TransactionStatus};
use codec::Encode;
use jsonrpsee::core::client::{ClientT, Error, Subscription, SubscriptionClientT, SubscriptionCloseReason};
use jsonrpsee::core::traits::ToRpcParams;
use jsonrpsee::http_client::{HttpClient, HttpClientBuilder};
use jsonrpsee::types::ErrorObjectOwned;
use jsonrpsee::ws_client::{WsClient, WsClientBuilder};
use quids_core::OpaqueExtrinsic;
use serde_json::{Value, json, value::RawValue};
use std::time::Duration;

/// How long a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL begins with neither `ws://` nor `http://`.
    #[error("{0:?} is no URL of a node: it begins with ws:// or http://")]
    Url(String),
    /// No connection, or it broke.
    #[error("{url}: {reason}")]
    Connection {
        /// The node.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The node refused.
    #[error("{message} ({code}){}", data.as_ref().map(|data| format!(": {data}")).unwrap_or_default())]
    Call {
        /// The JSON-RPC code: Substrate's.
        code: i32,
        /// The error in general.
        message: String,
        /// The error in particular; pool errors say `code N: reason`.
        data: Option<String>,
    },
    /// Watching needs a WebSocket.
    #[error("watching a transaction needs a ws:// URL")]
    NeedsWebSocket,
}

impl ClientError {
    /// Our stable number (`PoolError::code`), if the node refused a transaction.
    pub fn stable_code(&self) -> Option<u16> {
        let Self::Call { data: Some(data), .. } = self else {
            return None;
        };
        let (number, _) = data.strip_prefix("code ")?.split_once(": ")?;
        number.parse().ok()
    }
}

/// A connection to a node.
#[derive(Debug)]
pub struct Client {
    url: String,
    transport: Transport,
}

#[derive(Debug)]
enum Transport {
    Http(HttpClient),
    Ws(WsClient),
}

/// The statuses of a transaction that was submitted.
#[derive(Debug)]
pub struct Watch {
    url: String,
    statuses: Subscription<TransactionStatus>,
}

struct Positional(Vec<Value>);

impl ToRpcParams for Positional {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        serde_json::value::to_raw_value(&self.0).map(Some)
    }
}

impl Client {
    /// Connects to `ws://host:port` or `http://host:port` (without TLS).
    pub async fn connect(url: &str) -> Result<Self, ClientError> {
        Self::connect_patient(url, REQUEST_TIMEOUT).await
    }

    /// As [`Self::connect`], with the longest that a request may take.
    pub async fn connect_patient(url: &str, request_timeout: Duration) -> Result<Self, ClientError> {
        let limits = Config::default();
        let transport = if url.starts_with("ws://") {
            WsClientBuilder::new()
                .request_timeout(request_timeout)
                .max_request_size(limits.max_request_bytes)
                .max_response_size(limits.max_response_bytes)
                .build(url)
                .await
                .map(Transport::Ws)
        } else if url.starts_with("http://") {
            HttpClientBuilder::new()
                .request_timeout(request_timeout)
                .max_request_size(limits.max_request_bytes)
                .max_response_size(limits.max_response_bytes)
                .build(url)
                .map(Transport::Http)
        } else {
            return Err(ClientError::Url(url.to_owned()));
        };
        let transport = transport.map_err(|error| failure(url, error))?;
        Ok(Self {
            url: url.to_owned(),
            transport,
        })
    }

    /// Calls a method with positional parameters.
    pub async fn request(&self, method: &str, params: Vec<Value>) -> Result<Value, ClientError> {
        let params = Positional(params);
        match &self.transport {
            Transport::Http(client) => client.request(method, params).await,
            Transport::Ws(client) => client.request(method, params).await,
        }
        .map_err(|error| failure(&self.url, error))
    }

    /// Submits an extrinsic (bytes without length prefix); its hash as hex.
    pub async fn submit(&self, bytes: &[u8]) -> Result<Value, ClientError> {
        self.request("author_submitExtrinsic", vec![prefixed(bytes)]).await
    }

    /// Submits an extrinsic (bytes without length prefix) and watches it. WebSocket only.
    pub async fn submit_and_watch(&self, bytes: &[u8]) -> Result<Watch, ClientError> {
        let Transport::Ws(client) = &self.transport else {
            return Err(ClientError::NeedsWebSocket);
        };
        let statuses = client
            .subscribe(
                "author_submitAndWatchExtrinsic",
                Positional(vec![prefixed(bytes)]),
                "author_unwatchExtrinsic",
            )
            .await
            .map_err(|error| failure(&self.url, error))?;
        Ok(Watch {
            url: self.url.clone(),
            statuses,
        })
    }
}

impl Watch {
    /// The next status; `None` when the node ended the subscription. The last is one with `is_final()`, unless the
    /// node went away.
    pub async fn next(&mut self) -> Option<Result<TransactionStatus, ClientError>> {
        let lost = |reason: String| ClientError::Connection {
            url: self.url.clone(),
            reason,
        };
        match self.statuses.next().await {
            Some(status) => Some(status.map_err(|error| lost(error.to_string()))),
            None => match self.statuses.close_reason() {
                Some(SubscriptionCloseReason::Lagged) => {
                    Some(Err(lost("statuses came faster than they were read".into())))
                }
                _ => None,
            },
        }
    }
}

fn prefixed(bytes: &[u8]) -> Value {
    json!(crate::json::hex(&OpaqueExtrinsic(bytes.to_vec()).encode()))
}

fn failure(url: &str, error: Error) -> ClientError {
    match error {
        Error::Call(error) => refused(&error),
        other => ClientError::Connection {
            url: url.to_owned(),
            reason: other.to_string(),
        },
    }
}

fn refused(error: &ErrorObjectOwned) -> ClientError {
    let data = error
        .data()
        .map(|data| serde_json::from_str::<String>(data.get()).unwrap_or_else(|_| data.get().to_owned()));
    ClientError::Call {
        code: error.code(),
        message: error.message().to_owned(),
        data,
    }
}
