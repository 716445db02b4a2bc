//! HTTP/1.1: calls by POST, health by GET, upgrades to WebSocket; rules for browsers.

use super::admission::Held;
use super::connection::Connection;
use super::dispatch::Session;
use super::origin::is_proxied;
use super::peer::{Network, is_loopback};
use super::reply::Reply;
use super::websocket::{self, Upgrade};
use crate::error;
use ::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue, ORIGIN, RETRY_AFTER};
use ::http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use jsonrpsee::core::server::Extensions;
use jsonrpsee::types::Id;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tower::{Layer, Service};
use tower_http::cors::{AllowOrigin, CorsLayer};

type Answer = Response<Full<Bytes>>;

const CORS_MAX_AGE: Duration = Duration::from_secs(3600);

/// The service of one connection.
pub fn service(
    connection: Arc<Connection>,
) -> impl Service<Request<Incoming>, Response = Answer, Error = Infallible, Future: Send> + Clone + Send {
    let shared = connection.shared.clone();
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| shared.origins.allows(origin)))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([CONTENT_TYPE])
        .max_age(CORS_MAX_AGE);
    let plain = tower::service_fn(move |request| {
        let connection = connection.clone();
        async move { Ok(answer(&connection, request).await) }
    });
    // Each request clones what is captured here.
    let for_browsers = Arc::new(cors.layer(plain.clone()));
    tower::service_fn(move |request: Request<Incoming>| {
        // Programs name no origin: they need neither these rules nor these headers.
        let is_browser = request.headers().contains_key(ORIGIN) || request.method() == Method::OPTIONS;
        let (for_browsers, mut plain) = (for_browsers.clone(), plain.clone());
        async move {
            match is_browser {
                true => (*for_browsers).clone().call(request).await,
                false => plain.call(request).await,
            }
        }
    })
}

async fn answer(connection: &Connection, request: Request<Incoming>) -> Answer {
    let shared = &connection.shared;
    if let Err(rule) = shared.origins.check(request.headers()) {
        shared.observer.refused(rule);
        let text = match rule {
            "origin" => "this page may not use the node: see --rpc-cors\n",
            _ => "the node has another name: use its address, or see --rpc-allowed-hosts\n",
        };
        return plain(StatusCode::FORBIDDEN, text);
    }
    if websocket::is_upgrade(&request) {
        return upgrade(connection, request);
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/health") => health(connection, |_| true).await,
        (&Method::GET | &Method::HEAD, "/health/readiness") => {
            health(connection, |health| {
                !health.is_syncing && (health.peers > 0 || !health.should_have_peers)
            })
            .await
        }
        (&Method::POST, _) => post(connection, request).await,
        _ => {
            let mut answer = plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "JSON-RPC: POST a call, or connect by WebSocket. GET answers /health and /health/readiness.\n",
            );
            answer
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
            answer
        }
    }
}

/// What every call of these headers is told.
fn session(connection: &Connection, headers: &HeaderMap) -> Session {
    let shared = &connection.shared;
    let peer = connection.peer.ip();
    let mut extensions = Extensions::new();
    extensions.insert(connection.id);
    extensions.insert(shared.origins.access(peer, headers));
    let held = crate::connection::Held::new(&mut extensions);
    Session {
        shared: shared.clone(),
        id: connection.id,
        network: (!is_loopback(peer) || is_proxied(headers)).then(|| Network::of(peer)),
        extensions,
        _held: held,
        stream: None,
    }
}

fn upgrade(connection: &Connection, mut request: Request<Incoming>) -> Answer {
    match websocket::handshake(&request) {
        Ok(answer) => {
            let session = session(connection, request.headers());
            connection.upgrade(Upgrade {
                socket: hyper::upgrade::on(&mut request),
                session,
            });
            answer.map(|()| Full::default())
        }
        Err(reason) => {
            connection.shared.observer.refused("protocol");
            plain(StatusCode::BAD_REQUEST, format!("no WebSocket: {reason}\n"))
        }
    }
}

async fn post(connection: &Connection, request: Request<Incoming>) -> Answer {
    let shared = &connection.shared;
    let max = shared.config.max_request_bytes as usize;
    if !is_json(request.headers()) {
        return plain(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the content type must be application/json\n",
        );
    }
    let session = session(connection, request.headers());
    let mut held = shared.requests.hold();
    let read = read(request.into_body(), max, &mut held);
    let body = match timeout(shared.config.body_timeout, read).await {
        Ok(Ok(body)) => body,
        Ok(Err(Unread::TooLarge(bytes))) => {
            shared.observer.refused("request_bytes");
            let error = error::limit(error::REQUEST_BYTES, bytes, max);
            return last(json(StatusCode::PAYLOAD_TOO_LARGE, Reply::error(Id::Null, error)));
        }
        Ok(Err(Unread::NoMemory)) => {
            shared.observer.refused("request_memory");
            let error = error::busy("too many large requests are being received");
            return last(json(StatusCode::SERVICE_UNAVAILABLE, Reply::error(Id::Null, error)));
        }
        Ok(Err(Unread::Gone)) => return last(plain(StatusCode::BAD_REQUEST, "the body broke off\n")),
        Err(_) => {
            shared.observer.refused("request_timeout");
            return last(plain(StatusCode::REQUEST_TIMEOUT, "the body took too long\n"));
        }
    };
    let Some(reply) = session.answer(&body).await else {
        return Answer::default();
    };
    drop((body, held));
    if reply.error_code == Some(error::RATE) {
        let mut answer = json(StatusCode::TOO_MANY_REQUESTS, reply);
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return answer;
    }
    json(StatusCode::OK, reply)
}

enum Unread {
    /// Bytes, as far as they were announced.
    TooLarge(Option<usize>),
    NoMemory,
    Gone,
}

async fn read(mut body: Incoming, max: usize, held: &mut Held) -> Result<Vec<u8>, Unread> {
    let announced = body.size_hint().lower();
    if announced > max as u64 {
        return Err(Unread::TooLarge(usize::try_from(announced).ok()));
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Gone)?.into_data() else {
            continue;
        };
        let length = bytes.len() + data.len();
        if length > max {
            return Err(Unread::TooLarge(None));
        }
        if !held.cover(length) {
            return Err(Unread::NoMemory);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// A page of another origin cannot send this content type without asking first.
fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim());
    media_type.is_some_and(|media_type| {
        media_type.eq_ignore_ascii_case("application/json") || media_type.eq_ignore_ascii_case("application/json-rpc")
    })
}

/// `{ peers, isSyncing, shouldHavePeers }`: 200 if that is good, 503 if not or if the node does not say.
async fn health(connection: &Connection, is_good: fn(&crate::Health) -> bool) -> Answer {
    let health = connection.shared.backend.health();
    let status = if is_good(&health) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let text = serde_json::json!(health).to_string();
    typed(status, "application/json; charset=utf-8", text.into())
}

fn json(status: StatusCode, reply: Reply) -> Answer {
    typed(status, "application/json; charset=utf-8", reply.into_bytes())
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    typed(status, "text/plain; charset=utf-8", text.into())
}

fn typed(status: StatusCode, media_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}

/// After what was not read to its end there is no next request.
fn last(mut answer: Answer) -> Answer {
    answer
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}
