//! `PqTls`, the security upgrade, and the transport around it: TCP, PqTls, yamux.

use crate::{
    NetworkError, NodeKey,
    handshake::{EXPORTER_LABEL, HandshakeError, Handshaker, Refusal, Standing},
    metrics::Metrics,
    tls,
};
use futures::{AsyncRead, AsyncWrite, future::BoxFuture};
use futures_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use libp2p::{
    Multiaddr, PeerId, Transport,
    core::{
        muxing::StreamMuxerBox,
        transport::{Boxed, DialOpts, ListenerId, PortUse, TransportError, TransportEvent},
        upgrade::{self, InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo},
    },
    tcp, yamux,
};
use rustls::pki_types::ServerName;
use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// TLS and hello together.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// From the first byte to the last of what comes before streams.
pub const UPGRADE_TIMEOUT: Duration = Duration::from_secs(8);
/// Streams of one connection.
const STREAMS_MAX: usize = 128;
/// Standings that wait to be asked for.
const STANDINGS_MAX: usize = 1024;

/// How a connection does not come about.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    #[error("TLS: {0}")]
    Tls(io::Error),
    #[error("not a post-quantum key exchange")]
    Classical,
    #[error("no certificate of libp2p's")]
    Certificate,
    #[error("no end of the handshake in {} s", HANDSHAKE_TIMEOUT.as_secs())]
    Timeout,
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

impl UpgradeError {
    /// As in metrics.
    fn name(&self) -> &'static str {
        match self {
            Self::Tls(_) => "tls",
            Self::Classical => "classical",
            Self::Certificate => "certificate",
            Self::Timeout => "timeout",
            Self::Handshake(HandshakeError::Refused(refusal)) => refusal.name(),
            Self::Handshake(HandshakeError::RefusedByPeer(_)) => "by_peer",
            Self::Handshake(_) => "broken",
        }
    }
}

/// What handshakes found out, until the connection is there.
#[derive(Default)]
pub struct Standings(Mutex<HashMap<PeerId, (Instant, Standing)>>);

impl Standings {
    fn insert(&self, peer: PeerId, standing: Standing) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if standing == Standing::Peer {
            all.remove(&peer);
            return;
        }
        if all.len() >= STANDINGS_MAX {
            all.retain(|_, (at, _)| at.elapsed() < UPGRADE_TIMEOUT);
        }
        if all.len() < STANDINGS_MAX {
            all.insert(peer, (Instant::now(), standing));
        }
    }

    /// Whether the last handshake with a peer proved a validator's key.
    pub fn is_validator(&self, peer: &PeerId) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(all.get(peer), Some((_, Standing::Validator(_))))
    }

    /// What the last handshake with a peer found out.
    pub fn take(&self, peer: &PeerId) -> Standing {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(peer).map_or(Standing::Peer, |(_, standing)| standing)
    }
}

/// TLS, then [`Handshaker::run`].
#[derive(Clone)]
pub struct PqTls {
    client: Arc<rustls::ClientConfig>,
    server: Arc<rustls::ServerConfig>,
    handshaker: Arc<Handshaker>,
    standings: Arc<Standings>,
    metrics: Arc<Metrics>,
}

impl PqTls {
    pub fn new(
        key: &NodeKey,
        handshaker: Arc<Handshaker>,
        standings: Arc<Standings>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, NetworkError> {
        let (client, server) = tls::configs(key.keypair())?;
        Ok(Self {
            client,
            server,
            handshaker,
            standings,
            metrics,
        })
    }

    async fn upgrade<C>(self, socket: C, is_dialer: bool) -> Result<(PeerId, TlsStream<C>), UpgradeError>
    where
        C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let upgrading = async {
            let stream = if is_dialer {
                // libp2p's certificates name nobody.
                let name = ServerName::IpAddress(IpAddr::from([0, 0, 0, 0]).into());
                let connector = TlsConnector::from(self.client.clone());
                TlsStream::Client(connector.connect(name, socket).await.map_err(UpgradeError::Tls)?)
            } else {
                let acceptor = TlsAcceptor::from(self.server.clone());
                TlsStream::Server(acceptor.accept(socket).await.map_err(UpgradeError::Tls)?)
            };
            let (remote, session) = inspect(&stream, self.handshaker.genesis().as_bytes())?;
            let (stream, standing) = self.handshaker.run(stream, remote, is_dialer, &session).await?;
            self.standings.insert(remote, standing);
            Ok((remote, stream))
        };
        let result = match tokio::time::timeout(HANDSHAKE_TIMEOUT, upgrading).await {
            Ok(result) => result,
            Err(_) => Err(UpgradeError::Timeout),
        };
        if let Err(error) = &result {
            self.metrics.handshake_failed(error.name());
            // The other end dials us in its turn, or is one of ours that is misconfigured: a person wants to know.
            match error {
                UpgradeError::Handshake(HandshakeError::Refused(Refusal::Genesis | Refusal::Version)) => {
                    tracing::info!("a peer is {error}");
                }
                _ => tracing::debug!("handshake: {error}"),
            }
        }
        result
    }
}

/// Who is at the other end, and what this session has that no other has.
fn inspect<C>(stream: &TlsStream<C>, genesis: &[u8]) -> Result<(PeerId, [u8; 64]), UpgradeError> {
    let common = stream.get_ref().1;
    if common.negotiated_key_exchange_group().map(|group| group.name()) != Some(tls::GROUP) {
        return Err(UpgradeError::Classical);
    }
    let remote = match common.peer_certificates() {
        Some([certificate]) => libp2p::tls::certificate::parse(certificate)
            .map_err(|_| UpgradeError::Certificate)?
            .peer_id(),
        _ => return Err(UpgradeError::Certificate),
    };
    let session = match stream {
        TlsStream::Client(s) => s
            .get_ref()
            .1
            .export_keying_material([0; 64], EXPORTER_LABEL, Some(genesis)),
        TlsStream::Server(s) => s
            .get_ref()
            .1
            .export_keying_material([0; 64], EXPORTER_LABEL, Some(genesis)),
    };
    Ok((
        remote,
        session.map_err(|error| UpgradeError::Tls(io::Error::other(error)))?,
    ))
}

impl UpgradeInfo for PqTls {
    type Info = &'static str;
    type InfoIter = std::iter::Once<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once("/quids/pq-tls/1")
    }
}

impl<C> InboundConnectionUpgrade<C> for PqTls
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Output = (PeerId, TlsStream<C>);
    type Error = UpgradeError;
    type Future = BoxFuture<'static, Result<Self::Output, Self::Error>>;

    fn upgrade_inbound(self, socket: C, _: &'static str) -> Self::Future {
        Box::pin(self.upgrade(socket, false))
    }
}

impl<C> OutboundConnectionUpgrade<C> for PqTls
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Output = (PeerId, TlsStream<C>);
    type Error = UpgradeError;
    type Future = BoxFuture<'static, Result<Self::Output, Self::Error>>;

    fn upgrade_outbound(self, socket: C, _: &'static str) -> Self::Future {
        Box::pin(self.upgrade(socket, true))
    }
}

/// The whole stack.
pub fn build(pq_tls: PqTls) -> Boxed<(PeerId, StreamMuxerBox)> {
    let mut mux = yamux::Config::default();
    mux.set_max_num_streams(STREAMS_MAX);
    FreshPort(tcp::tokio::Transport::new(tcp::Config::default().nodelay(true)))
        .upgrade(upgrade::Version::V1)
        .authenticate(pq_tls)
        .multiplex(mux)
        .timeout(UPGRADE_TIMEOUT)
        .boxed()
}

/// Dials from a port of its own. From the listening one, two nodes that dial each other at once would get one TCP
/// connection with two dialling ends.
struct FreshPort<T>(T);

impl<T: Transport + Unpin> Transport for FreshPort<T> {
    type Output = T::Output;
    type Error = T::Error;
    type ListenerUpgrade = T::ListenerUpgrade;
    type Dial = T::Dial;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<T::Error>> {
        self.0.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.0.remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, mut options: DialOpts) -> Result<T::Dial, TransportError<T::Error>> {
        options.port_use = PortUse::New;
        self.0.dial(address, options)
    }

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<TransportEvent<T::ListenerUpgrade, T::Error>> {
        Pin::new(&mut self.0).poll(context)
    }
}
