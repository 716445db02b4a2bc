//! One accepted socket: HTTP until it is upgraded, then WebSocket; watched over, and told when the server stops.

use super::stall::{Socket, Stall};
use super::websocket::{self, Upgrade, read_some};
use super::{Shared, http, stopped};
use crate::Config;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use jsonrpsee::server::ConnectionId;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// What the requests of one socket share.
pub struct Connection {
    pub shared: Arc<Shared>,
    pub peer: SocketAddr,
    pub id: ConnectionId,
    upgrade: Mutex<Option<Upgrade>>,
}

impl Connection {
    /// Once the answer to the current request is sent, the socket is this WebSocket.
    pub fn upgrade(&self, upgrade: Upgrade) {
        *self.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
    }
}

/// Serves a socket to its end.
pub async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let config = &shared.config;
    let id = ConnectionId::from(shared.next_connection.fetch_add(1, Ordering::Relaxed));
    let _ = stream.set_nodelay(true);
    let stall = Stall::new();
    let socket = Socket {
        inner: TokioIo::new(stream),
        stall: stall.clone(),
    };
    let connection = Arc::new(Connection {
        shared: shared.clone(),
        peer,
        id,
        upgrade: Mutex::default(),
    });
    let service = TowerToHyperService::new(http::service(connection.clone()));
    let mut served = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(config.idle_timeout)
            .max_buf_size(Config::SMALL_BYTES)
            .serve_connection(socket, service)
            .with_upgrades()
    );
    let mut watch = interval((config.write_timeout / 4).max(Duration::from_millis(10)));
    watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut stop, mut is_stopping) = (shared.stop.clone(), false);
    loop {
        tokio::select! {
            ended = &mut served => {
                if let Err(error) = ended {
                    tracing::debug!(target: "rpc", %peer, %error, "connection ended");
                }
                break;
            }
            () = stopped(&mut stop), if !is_stopping => {
                is_stopping = true;
                served.as_mut().graceful_shutdown();
            }
            _ = watch.tick() => {
                if stall.duration() > config.write_timeout {
                    shared.observer.refused("slow_reader");
                    return;
                }
            }
        }
    }
    let upgrade = connection.upgrade.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(upgrade) = upgrade {
        websocket::run(shared, upgrade).await;
    }
}

/// Says why a connection is not accepted, to a client that may not have sent its request yet.
pub async fn refuse(stream: TcpStream) {
    const ANSWER: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 22\r\n\r\ntoo many connections.\n";
    /// A socket that is closed with unread bytes is reset, and its last words are lost.
    const LINGER: Duration = Duration::from_millis(500);
    let (input, output) = stream.into_split();
    if output.writable().await.is_err() || output.try_write(ANSWER).is_err() {
        return;
    }
    drop(output);
    let drain = async {
        let mut sink = [0; 4096];
        for _ in 0..64 {
            if !matches!(read_some(&input, &mut sink).await, Ok(1..)) {
                return;
            }
        }
    };
    let _ = timeout(LINGER, drain).await;
}
