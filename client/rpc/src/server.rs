//! Starting and stopping the server.

use crate::connection::ConnectionLayer;
use crate::methods::module;
use crate::{Backend, Config};
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::server::middleware::rpc::RpcServiceBuilder;
use jsonrpsee::server::{BatchRequestConfig, PingConfig, RandomStringIdProvider, Server, ServerConfig};
use std::net::SocketAddr;
use std::sync::Arc;

/// Enough that nobody guesses one.
const SUBSCRIPTION_ID_CHARS: usize = 22;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("cannot listen on {addr}: {error}")]
    Bind {
        /// As configured.
        addr: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// Two methods have one name.
    #[error(transparent)]
    Methods(#[from] RegisterMethodError),
}

/// A running server. It stops when this is dropped.
#[derive(Debug)]
pub struct ServerHandle {
    addr: SocketAddr,
    inner: jsonrpsee::server::ServerHandle,
}

impl ServerHandle {
    /// Where it listens, with the port that the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops accepting, closes every connection and waits until all are closed.
    pub async fn stop(self) {
        // An error means that it has stopped already.
        let _ = self.inner.stop();
        self.inner.stopped().await;
    }
}

/// Serves HTTP and WebSocket on one port until the handle is stopped or dropped. Needs a multi-threaded tokio runtime.
pub async fn serve(config: Config, backend: Arc<dyn Backend>) -> Result<ServerHandle, ServeError> {
    let addr = config.addr;
    let bind = |error| ServeError::Bind { addr, error };
    let batches = match config.max_batch_len {
        0 => BatchRequestConfig::Disabled,
        len => BatchRequestConfig::Limit(len),
    };
    let server_config = ServerConfig::builder()
        .max_request_body_size(config.max_request_bytes)
        .max_response_body_size(config.max_response_bytes)
        .max_connections(config.max_connections)
        .max_subscriptions_per_connection(config.max_subscriptions_per_connection)
        .set_batch_request_config(batches)
        .set_message_buffer_capacity(config.message_buffer)
        // The new interface's ids are strings.
        .set_id_provider(RandomStringIdProvider::new(SUBSCRIPTION_ID_CHARS))
        .enable_ws_ping(
            PingConfig::new()
                .ping_interval(config.ping_interval)
                .inactive_limit(config.ping_interval.saturating_mul(2)),
        )
        .build();
    let methods = module(backend, config)?;
    let server = Server::builder()
        .set_config(server_config)
        .set_rpc_middleware(RpcServiceBuilder::new().layer(ConnectionLayer))
        .build(addr)
        .await
        .map_err(bind)?;
    let addr = server.local_addr().map_err(bind)?;
    Ok(ServerHandle {
        addr,
        inner: server.start(methods),
    })
}
