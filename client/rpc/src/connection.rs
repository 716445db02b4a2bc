//! What one connection holds on the server. Every request carries it in its extensions, and nobody else can reach it;
//! what it holds ends with the connection.

use crate::methods::{Broadcasts, Follows};
use jsonrpsee::Extensions;
use jsonrpsee::server::middleware::rpc::{Batch, BatchEntry, Notification, RpcServiceT};
use jsonrpsee::types::Request;
use std::future::Future;
use std::sync::Arc;

/// The subscriptions and operations that belong to a connection. Over HTTP each request is a connection of its own.
#[derive(Debug, Default)]
pub struct Connection {
    pub follows: Follows,
    pub broadcasts: Broadcasts,
}

/// The connection that a request came through.
pub fn of(extensions: &Extensions) -> Arc<Connection> {
    // A server always has the layer; without it nothing is shared between requests.
    extensions.get::<Arc<Connection>>().cloned().unwrap_or_default()
}

/// Gives every connection its [`Connection`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectionLayer;

impl<S> tower::Layer<S> for ConnectionLayer {
    type Service = ConnectionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let connection = Arc::default();
        ConnectionService { inner, connection }
    }
}

/// jsonrpsee makes one for each connection and drops it at its end.
#[derive(Debug)]
pub struct ConnectionService<S> {
    inner: S,
    connection: Arc<Connection>,
}

impl<S> Drop for ConnectionService<S> {
    fn drop(&mut self) {
        self.connection.broadcasts.stop_all();
    }
}

impl<S: RpcServiceT + Send + Sync> RpcServiceT for ConnectionService<S> {
    type MethodResponse = S::MethodResponse;
    type NotificationResponse = S::NotificationResponse;
    type BatchResponse = S::BatchResponse;

    fn call<'a>(&self, mut request: Request<'a>) -> impl Future<Output = Self::MethodResponse> + Send + 'a {
        request.extensions_mut().insert(self.connection.clone());
        self.inner.call(request)
    }

    fn batch<'a>(&self, mut batch: Batch<'a>) -> impl Future<Output = Self::BatchResponse> + Send + 'a {
        for entry in batch.iter_mut().flatten() {
            if let BatchEntry::Call(request) = entry {
                request.extensions_mut().insert(self.connection.clone());
            }
        }
        self.inner.batch(batch)
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = Self::NotificationResponse> + Send + 'a {
        self.inner.notification(notification)
    }
}
