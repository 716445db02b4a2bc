//! What one connection holds on the server. Every request carries it in its extensions, and nobody else can reach it;
//! what it holds ends with the connection.

use crate::methods::{Broadcasts, Follows};
use jsonrpsee::Extensions;
use std::sync::Arc;

/// The subscriptions and operations that belong to a connection. Over HTTP each request is a connection of its own.
#[derive(Debug, Default)]
pub struct Connection {
    pub follows: Follows,
    pub broadcasts: Broadcasts,
}

/// The connection that a request came through.
pub fn of(extensions: &Extensions) -> Arc<Connection> {
    // The server always puts it there; without it nothing is shared between requests.
    extensions.get::<Arc<Connection>>().cloned().unwrap_or_default()
}

/// Kept by whoever serves the connection; dropped, what the connection holds ends.
#[derive(Debug, Default)]
pub struct Held(Arc<Connection>);

impl Held {
    /// A new connection, which every request with these extensions will carry.
    pub fn new(extensions: &mut Extensions) -> Self {
        let connection: Arc<Connection> = Arc::default();
        extensions.insert(connection.clone());
        Self(connection)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.broadcasts.stop_all();
    }
}
