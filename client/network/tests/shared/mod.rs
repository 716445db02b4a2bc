//! What tests of the network share: nodes on loopback, and a peer that speaks the handshake as the test wants it.
#![allow(dead_code, reason = "each test file uses a part")]

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt, future::BoxFuture};
use futures_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use libp2p::{
    Transport,
    core::upgrade::{self, InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo},
    identity::Keypair,
    ping,
    swarm::{NetworkBehaviour, Swarm, SwarmEvent},
    tcp,
    tls::certificate,
    yamux,
};
use quids_core::Hash;
use quids_crypto::{KeyPair, PublicKey, Signature, SignatureScheme};
use quids_metrics::Registry;
use quids_network::{
    Config, Event, Events, Host, Lookup, Multiaddr, Network, NodeKey, PeerId, Topic, ValidatorKey, Verdict,
};
use rustls::{
    DigitallySignedStruct, DistinguishedName, SignatureScheme as TlsScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{SupportedKxGroup, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::mpsc;

pub const GENESIS: Hash = Hash::repeat_byte(7);
/// Nothing on loopback takes this long on an idle machine; tests wait for conditions, not for it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A table of validators that tests write.
#[derive(Default)]
pub struct Validators(Mutex<HashMap<Hash, PublicKey>>, Mutex<bool>);

impl Validators {
    pub fn register(&self, key: &PublicKey) {
        self.0.lock().unwrap().insert(key_hash(key), key.clone());
    }

    /// From now on the host cannot tell, or can again.
    pub fn set_behind(&self, is_behind: bool) {
        *self.1.lock().unwrap() = is_behind;
    }
}

impl Host for Validators {
    fn validator(&self, hash: &Hash) -> Lookup {
        if *self.1.lock().unwrap() {
            return Lookup::Unknown;
        }
        let key = self.0.lock().unwrap().get(hash).cloned();
        key.map_or(Lookup::Unregistered, Lookup::Registered)
    }
}

pub fn key_hash(key: &PublicKey) -> Hash {
    use codec::Encode;
    quids_crypto::blake3_256(&key.encode()).into()
}

/// A validator's key in memory.
pub struct Key(pub KeyPair);

impl Key {
    pub fn new(seed: u8) -> Arc<Self> {
        Self::of(SignatureScheme::Falcon512, seed)
    }

    pub fn of(scheme: SignatureScheme, seed: u8) -> Arc<Self> {
        Arc::new(Self(KeyPair::from_seed(scheme, &[seed; 32]).unwrap()))
    }
}

impl ValidatorKey for Key {
    fn public(&self) -> PublicKey {
        self.0.public().clone()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, String> {
        Ok(self.0.sign(message))
    }
}

pub fn config(seed: u8) -> Config {
    Config {
        key: NodeKey::from_seed([seed; 32]),
        genesis: GENESIS,
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        bootnodes: Vec::new(),
        reserved: Vec::new(),
        reserved_only: false,
        denied: Vec::new(),
        max_peers: 20,
        agent: format!("test/{seed}"),
        validator: None,
    }
}

/// A network, what it tells, its figures and its table of validators.
pub struct Node {
    pub network: Network,
    pub events: Events,
    pub registry: Registry,
    pub validators: Arc<Validators>,
}

impl Node {
    pub async fn start(config: Config) -> Self {
        Self::start_with(config, Arc::default()).await
    }

    pub async fn start_with(config: Config, validators: Arc<Validators>) -> Self {
        let registry = Registry::new();
        let (network, events) = Network::start(config, validators.clone(), &registry).await.unwrap();
        Self {
            network,
            events,
            registry,
            validators,
        }
    }

    pub fn id(&self) -> PeerId {
        self.network.local_peer()
    }

    pub fn address(&self) -> Multiaddr {
        self.network.addresses()[0].clone()
    }

    /// The sum of a metric's lines that begin like this.
    pub fn metric(&self, prefix: &str) -> u64 {
        let text = self.registry.encode();
        let lines = text.lines().filter(|line| line.starts_with(prefix));
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    }

    pub fn failed(&self, reason: &str) -> u64 {
        self.metric(&format!("quids_network_handshakes_failed_total{{reason=\"{reason}\"}}"))
    }

    pub fn refused(&self, reason: &str) -> u64 {
        self.metric(&format!(
            "quids_network_connections_refused_total{{reason=\"{reason}\"}}"
        ))
    }

    pub fn dropped(&self, what: &str) -> u64 {
        self.metric(&format!("quids_network_dropped_total{{what=\"{what}\"}}"))
    }

    pub fn offences(&self, offence: &str) -> u64 {
        self.metric(&format!("quids_network_offences_total{{offence=\"{offence}\"}}"))
    }

    pub fn is_connected(&self, peer: PeerId) -> bool {
        self.network.peers().iter().any(|other| other.id == peer)
    }

    pub async fn next(&mut self) -> Event {
        let next = tokio::time::timeout(PATIENCE, self.events.next());
        next.await.expect("an event in time").expect("a network that runs")
    }

    /// Skips to the news that a peer is there.
    pub async fn connected(&mut self, peer: PeerId) -> Option<PublicKey> {
        loop {
            if let Event::Connected { peer: other, validator } = self.next().await
                && other == peer
            {
                return validator;
            }
        }
    }

    pub async fn disconnected(&mut self, peer: PeerId) {
        while !matches!(self.next().await, Event::Disconnected { peer: other } if other == peer) {}
    }

    /// Skips to the next message, judges it, and gives its bytes and sender.
    pub async fn gossip(&mut self, verdict: Verdict) -> (Topic, Vec<u8>, PeerId) {
        loop {
            if let Event::Gossip { id, topic, bytes, from } = self.next().await {
                self.network.judge(id, verdict);
                return (topic, bytes, from);
            }
        }
    }

    /// Whether no message comes for a time.
    pub async fn is_silent(&mut self, time: Duration) -> bool {
        let gossip = async {
            loop {
                if let Event::Gossip { .. } = self.next().await {
                    return;
                }
            }
        };
        tokio::time::timeout(time, gossip).await.is_err()
    }
}

/// Starts nodes of which each dials all before it, and waits until all know all.
pub async fn mesh(seeds: std::ops::Range<u8>) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for seed in seeds {
        let mut config = config(seed);
        config.reserved = nodes.iter().map(Node::address).collect();
        nodes.push(Node::start(config).await);
    }
    let ids: Vec<_> = nodes.iter().map(Node::id).collect();
    for node in &mut nodes {
        for id in ids.iter().filter(|id| **id != node.id()) {
            let (network, id) = (node.network.clone(), *id);
            eventually("all connected", || network.peers().iter().any(|peer| peer.id == id)).await;
        }
    }
    for node in &mut nodes {
        for _ in 1..ids.len() {
            while !matches!(node.next().await, Event::Connected { .. }) {}
        }
    }
    nodes
}

/// Connects two nodes; both know.
pub async fn join(a: &mut Node, b: &mut Node) {
    a.network.connect(b.address()).unwrap();
    a.connected(b.id()).await;
    b.connected(a.id()).await;
}

pub async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, wait).await.is_ok(),
        "not in time: {what}"
    );
}

/// What a foreign handshake knows when it says hello.
pub struct Session {
    pub exported: [u8; 64],
    pub local: PeerId,
    pub remote: PeerId,
    pub is_dialer: bool,
}

type Say = Arc<dyn Fn(Session) -> BoxFuture<'static, Vec<u8>> + Send + Sync>;

/// The handshake written a second time, after its description, with each part in the hand of the test.
#[derive(Clone)]
pub struct Foreign {
    pub key: Keypair,
    pub groups: Vec<&'static dyn SupportedKxGroup>,
    /// The whole first frame, length included.
    pub say: Say,
    /// First frames of the peer, length included, and verdicts, as they come.
    pub heard: mpsc::UnboundedSender<Vec<u8>>,
}

/// `version ‖ genesis ‖ no proof`.
pub fn hello(version: u8, genesis: Hash) -> Vec<u8> {
    let body = [&[version], genesis.as_bytes(), &[0]].concat();
    framed(&body)
}

/// A hello with a proof.
pub fn hello_with_proof(genesis: Hash, key: &PublicKey, signature: &Signature) -> Vec<u8> {
    use codec::Encode;
    let body = [
        &[1],
        genesis.as_bytes(),
        &[1],
        key_hash(key).as_bytes(),
        &signature.encode(),
    ]
    .concat();
    framed(&body)
}

pub fn framed(body: &[u8]) -> Vec<u8> {
    [&u16::try_from(body.len()).unwrap().to_le_bytes(), body].concat()
}

/// What a validator signs.
pub fn proven(session: &Session) -> Vec<u8> {
    let domain = b"quids/validator-of-connection/1".as_slice();
    [
        domain,
        &[u8::from(session.is_dialer)],
        &session.exported,
        &session.local.to_bytes(),
    ]
    .concat()
}

impl Foreign {
    /// An honest peer that is no validator.
    pub fn honest(seed: u8) -> (Self, mpsc::UnboundedReceiver<Vec<u8>>) {
        Self::saying(seed, |_| Box::pin(async { hello(1, GENESIS) }))
    }

    pub fn saying(
        seed: u8,
        say: impl Fn(Session) -> BoxFuture<'static, Vec<u8>> + Send + Sync + 'static,
    ) -> (Self, mpsc::UnboundedReceiver<Vec<u8>>) {
        let (heard, hears) = mpsc::unbounded_channel();
        let foreign = Self {
            key: Keypair::ed25519_from_bytes([seed; 32]).unwrap(),
            groups: vec![aws_lc_rs::kx_group::X25519MLKEM768],
            say: Arc::new(say),
            heard,
        };
        (foreign, hears)
    }

    pub fn id(&self) -> PeerId {
        self.key.public().to_peer_id()
    }

    /// A swarm over it.
    pub fn swarm<B: NetworkBehaviour>(self, behaviour: B) -> Swarm<B> {
        let local = self.id();
        let transport = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
            .upgrade(upgrade::Version::V1)
            .authenticate(self)
            .multiplex(yamux::Config::default())
            .timeout(Duration::from_secs(60))
            .boxed();
        let config = libp2p::swarm::Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(60));
        Swarm::new(transport, behaviour, local, config)
    }

    /// Listens for as long as the returned task is not dropped; where.
    pub async fn listen(self) -> Multiaddr {
        let peer = self.id();
        let mut swarm = self.swarm(ping::Behaviour::default());
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address.with_p2p(peer).unwrap();
            }
        };
        tokio::spawn(async move { while swarm.next().await.is_some() {} });
        address
    }

    /// Dials a node; whether it got a connection that is still there a little later.
    pub async fn dial(self, node: &Node) -> bool {
        let mut swarm = self.swarm(ping::Behaviour::default());
        swarm.dial(node.address()).unwrap();
        let outcome = async {
            loop {
                match swarm.select_next_some().await {
                    SwarmEvent::Behaviour(ping::Event { result: Ok(_), .. }) => return true,
                    SwarmEvent::OutgoingConnectionError { .. } | SwarmEvent::ConnectionClosed { .. } => return false,
                    _ => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, outcome)
            .await
            .expect("an outcome in time")
    }

    async fn upgrade<C>(self, socket: C, is_dialer: bool) -> io::Result<(PeerId, TlsStream<C>)>
    where
        C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (client, server) = self.configs();
        let mut stream: TlsStream<C> = if is_dialer {
            let name = ServerName::IpAddress(std::net::IpAddr::from([0, 0, 0, 0]).into());
            TlsConnector::from(client).connect(name, socket).await?.into()
        } else {
            TlsAcceptor::from(server).accept(socket).await?.into()
        };
        let remote = {
            let certificates = stream.get_ref().1.peer_certificates().unwrap();
            certificate::parse(&certificates[0]).unwrap().peer_id()
        };
        let label = b"EXPORTER-quids-validator/1";
        let context = Some(GENESIS.as_bytes());
        let exported = match &stream {
            TlsStream::Client(s) => s.get_ref().1.export_keying_material([0; 64], label, context),
            TlsStream::Server(s) => s.get_ref().1.export_keying_material([0; 64], label, context),
        };
        let session = Session {
            exported: exported.unwrap(),
            local: self.id(),
            remote,
            is_dialer,
        };
        let (mut reader, mut writer) = (&mut stream).split();
        let say = async {
            let frame = (self.say)(session).await;
            writer.write_all(&frame).await?;
            writer.flush().await
        };
        let hear = async {
            let mut frame = vec![0; 2];
            reader.read_exact(&mut frame).await?;
            let length = usize::from(u16::from_le_bytes([frame[0], frame[1]]));
            frame.resize(2 + length, 0);
            reader.read_exact(&mut frame[2..]).await?;
            let _ = self.heard.send(frame);
            io::Result::Ok(())
        };
        let (said, heard) = futures::join!(say, hear);
        said?;
        heard?;
        writer.write_all(&[0]).await?;
        writer.flush().await?;
        let mut verdict = vec![0];
        reader.read_exact(&mut verdict).await?;
        let _ = self.heard.send(verdict.clone());
        drop((reader, writer));
        if verdict != [0] {
            return Err(io::Error::other(format!("refused: {verdict:?}")));
        }
        Ok((remote, stream))
    }

    fn configs(&self) -> (Arc<rustls::ClientConfig>, Arc<rustls::ServerConfig>) {
        let (certificate, key) = certificate::generate(&self.key).unwrap();
        let key = aws_lc_rs::sign::any_ecdsa_type(&key).unwrap();
        let certified = rustls::sign::CertifiedKey::new(vec![certificate], key);
        let resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
        let mut provider = aws_lc_rs::default_provider();
        provider.kx_groups = self.groups.clone();
        let provider = Arc::new(provider);
        let mut client = rustls::ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone))
            .with_client_cert_resolver(resolver.clone());
        client.alpn_protocols = vec![b"libp2p".to_vec()];
        let mut server = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(Arc::new(Anyone))
            .with_cert_resolver(resolver);
        server.alpn_protocols = vec![b"libp2p".to_vec()];
        (Arc::new(client), Arc::new(server))
    }
}

impl UpgradeInfo for Foreign {
    type Info = &'static str;
    type InfoIter = std::iter::Once<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once("/quids/pq-tls/1")
    }
}

impl<C: AsyncRead + AsyncWrite + Send + Unpin + 'static> InboundConnectionUpgrade<C> for Foreign {
    type Output = (PeerId, TlsStream<C>);
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Output>>;

    fn upgrade_inbound(self, socket: C, _: &'static str) -> Self::Future {
        Box::pin(self.upgrade(socket, false))
    }
}

impl<C: AsyncRead + AsyncWrite + Send + Unpin + 'static> OutboundConnectionUpgrade<C> for Foreign {
    type Output = (PeerId, TlsStream<C>);
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Output>>;

    fn upgrade_outbound(self, socket: C, _: &'static str) -> Self::Future {
        Box::pin(self.upgrade(socket, true))
    }
}

/// Takes any certificate.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<TlsScheme> {
        vec![TlsScheme::ECDSA_NISTP256_SHA256]
    }
}

impl ClientCertVerifier for Anyone {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<TlsScheme> {
        vec![TlsScheme::ECDSA_NISTP256_SHA256]
    }
}
