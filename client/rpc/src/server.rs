//! Starting and stopping the server: its own threads, its listener, and who is let in.

use crate::methods::module;
use crate::transport::{Shared, connection, stopped};
use crate::{Backend, Config, NoObserver, Observer};
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::core::server::Methods;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Calls yield to block production when both want a core.
const NICENESS: i32 = 5;
/// Threads that move bytes; calls that may block have their own.
const WORKERS_MAX: usize = 4;
/// Refused connections that are told so at once; further ones are just closed.
const REFUSED_AT_ONCE: usize = 32;
/// After an error of `accept`, which is the system's and does not go away by itself.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("cannot listen on {addr}: {error}")]
    Bind {
        /// As configured.
        addr: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The system gives no threads.
    #[error("cannot start the server's threads: {0}")]
    Threads(io::Error),
    /// Two methods have one name.
    #[error(transparent)]
    Methods(#[from] RegisterMethodError),
}

/// What clients have open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// Connections, HTTP and WebSocket.
    pub connections: usize,
    /// Subscriptions of all of them.
    pub subscriptions: usize,
}

/// A running server. It stops when this is dropped.
pub struct ServerHandle {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    stopped: oneshot::Receiver<()>,
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServerHandle({})", self.addr)
    }
}

/// How much of the limits is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Open connections.
    pub connections: usize,
    /// Open subscriptions of all connections.
    pub subscriptions: usize,
    /// Bytes of large requests.
    pub requests_bytes: usize,
    /// Bytes of large responses.
    pub responses_bytes: usize,
    /// Calls at work that may block.
    pub blocking_calls: usize,
    /// Tasks of the server, idle ones included.
    pub tasks: usize,
}

impl ServerHandle {
    /// Where it listens, with the port that the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// How much of the limits is in use.
    pub fn usage(&self) -> Usage {
        let shared = &self.shared;
        let free = shared.calls.available_permits();
        let tasks = self.runtime.as_ref().map(|runtime| runtime.metrics().num_alive_tasks());
        Usage {
            connections: shared.connections.open(),
            subscriptions: shared.subscriptions.open(),
            requests_bytes: shared.requests.used(),
            responses_bytes: shared.responses.used(),
            blocking_calls: (shared.config.max_blocking_calls as usize).saturating_sub(free),
            tasks: tasks.unwrap_or_default(),
        }
    }

    /// Reads what is open, also after the handle is gone; `None` once the server is.
    pub fn open(&self) -> impl Fn() -> Option<Open> + Send + Sync + 'static + use<> {
        let shared = Arc::downgrade(&self.shared);
        move || {
            let shared = shared.upgrade()?;
            Some(Open {
                connections: shared.connections.open(),
                subscriptions: shared.subscriptions.open(),
            })
        }
    }

    /// Stops accepting, lets every connection answer what it has and close, for as long as they may take.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let _ = (&mut self.stopped).await;
        if let Some(runtime) = self.runtime.take() {
            let patience = self.shared.config.stop_timeout;
            let _ = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(patience)).await;
        }
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Serves HTTP and WebSocket on one port until the handle is stopped or dropped.
pub async fn serve(config: Config, backend: Arc<dyn Backend>) -> Result<ServerHandle, ServeError> {
    serve_observed(config, backend, Arc::new(NoObserver)).await
}

/// As [`serve`], telling an observer what happens.
pub async fn serve_observed(
    config: Config,
    backend: Arc<dyn Backend>,
    observer: Arc<dyn Observer>,
) -> Result<ServerHandle, ServeError> {
    // The socket is bound first, so that a taken port costs no threads.
    let methods = Methods::from(module(backend.clone(), config.clone())?);
    let runtime = runtime(&config).map_err(ServeError::Threads)?;
    let bind = |error| ServeError::Bind {
        addr: config.addr,
        error,
    };
    let listening = {
        let _runtime = runtime.enter();
        listen(config.addr, config.backlog).and_then(|listener| Ok((listener.local_addr()?, listener)))
    };
    let (addr, listener) = match listening {
        Ok(listening) => listening,
        Err(error) => {
            runtime.shutdown_background();
            return Err(bind(error));
        }
    };
    let (stop, stopping) = watch::channel(false);
    let (told, stopped) = oneshot::channel();
    let shared = Arc::new(Shared::new(config, methods, backend, observer, stopping));
    let accepting = accept(listener, shared.clone());
    runtime.spawn(async move {
        accepting.await;
        let _ = told.send(());
    });
    Ok(ServerHandle {
        addr,
        shared,
        stop,
        stopped,
        runtime: Some(runtime),
    })
}

/// Threads of its own: a flood of calls takes none of those that make blocks.
fn runtime(config: &Config) -> io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread()
        .worker_threads(cores.min(WORKERS_MAX))
        .max_blocking_threads(config.max_blocking_threads.max(1))
        .thread_name("rpc")
        .on_thread_start(|| {
            // On Linux this is the calling thread's alone. Without it the server works as well, less politely.
            let _ = rustix::process::setpriority_process(None, NICENESS);
        })
        .enable_all()
        .build()
}

fn listen(addr: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(backlog)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let refused = Arc::new(Semaphore::new(REFUSED_AT_ONCE));
    let mut stop = shared.stop.clone();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(target: "rpc", %error, "cannot accept connections");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
            () = stopped(&mut stop) => break,
        };
        match shared.connections.admit(peer.ip()) {
            Ok(admitted) => {
                let shared = shared.clone();
                shared.observer.connection_opened();
                connections.spawn(async move {
                    connection::serve(shared.clone(), stream, peer).await;
                    shared.observer.connection_closed();
                    drop(admitted);
                });
            }
            Err(reason) => {
                shared.observer.refused(reason);
                if let Ok(permit) = refused.clone().try_acquire_owned() {
                    connections.spawn(async move {
                        connection::refuse(stream).await;
                        drop(permit);
                    });
                }
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(shared.config.stop_timeout, all).await;
    connections.shutdown().await;
}
