//! `GET /metrics` over HTTP/1.1: one scrape a connection, few connections at once, each bounded in time.

use crate::Registry;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, net::SocketAddr, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// Connections served at once; more wait in the system's queue.
pub const CONNECTIONS_MAX: usize = 8;
/// How long a client may take to send its request.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection lives at most, slow readers included.
pub const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot listen on {addr}: {error}")]
pub struct ServeError {
    /// As asked for.
    pub addr: SocketAddr,
    /// What the system said.
    pub error: std::io::Error,
}

/// A running server. It stops when this is dropped.
#[derive(Debug)]
pub struct ServerHandle {
    addr: SocketAddr,
    accepting: JoinHandle<()>,
}

impl ServerHandle {
    /// Where it listens, with the port that the system chose.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops listening, cuts what is under way, and waits until the port is free.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // The error says that it was aborted.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves the registry at `/metrics` of this address until the handle is stopped or dropped. Metrics are for the
/// operator: anything but a loopback address should have a firewall before it.
pub async fn serve(addr: SocketAddr, registry: Registry) -> Result<ServerHandle, ServeError> {
    let failed = |error| ServeError { addr, error };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    let accepting = tokio::spawn(accept(listener, registry));
    Ok(ServerHandle { addr, accepting })
}

async fn accept(listener: TcpListener, registry: Registry) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(tokio::time::timeout(
                    CONNECTION_TIMEOUT,
                    serve_one(stream, registry.clone()),
                ));
            }
            Err(error) => {
                // Out of file descriptors, mostly: it passes, but not at once.
                tracing::warn!("metrics: a connection could not be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve_one(stream: TcpStream, registry: Registry) {
    let service = service_fn(move |request| answer(request, registry.clone()));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(16 * 1024)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!("metrics: a connection ended early: {error}");
    }
}

async fn answer(request: Request<Incoming>, registry: Registry) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() != "/metrics" {
        return Ok(plain(StatusCode::NOT_FOUND, "metrics are at /metrics\n"));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(header::ALLOW, allowed);
        return Ok(response);
    }
    // The sources read /proc and the database.
    let Ok(text) = tokio::task::spawn_blocking(move || registry.encode()).await else {
        return Ok(plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the metrics could not be read\n",
        ));
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}
