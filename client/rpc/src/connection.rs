//! What one connection holds on the server. Every request carries it in its extensions, and nobody else can reach it;
//! what it holds ends with the connection.

use crate::methods::{Broadcasts, Follows};
use jsonrpsee::Extensions;
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore};

/// The subscriptions and operations that belong to a connection. Over HTTP each request is a connection of its own.
#[derive(Debug)]
pub struct Connection {
    pub follows: Follows,
    pub broadcasts: Broadcasts,
    /// A permit for each of its archive subscriptions.
    pub archive_streams: Arc<Semaphore>,
    /// Held while a notification fed by blocks is made and queued: of those there is one at a time.
    pub telling: Mutex<()>,
}

/// Archive subscriptions of one connection.
pub const ARCHIVE_STREAMS_MAX: usize = 2;

impl Default for Connection {
    fn default() -> Self {
        Self {
            follows: Follows::default(),
            broadcasts: Broadcasts::default(),
            archive_streams: Arc::new(Semaphore::new(ARCHIVE_STREAMS_MAX)),
            telling: Mutex::default(),
        }
    }
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
