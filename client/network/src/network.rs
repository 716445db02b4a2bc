//! `Network`, the node's handle. Clones are the same network.

use crate::{
    Config, Events, GossipId, Host, Multiaddr, NetworkError, Offence, Peer, PeerId, PublishError, RequestError,
    RequestKind, Topic, Verdict, address,
    metrics::{Dropped, Metrics},
    peers::Peers,
    service::{Command, Service},
};
use quids_metrics::Registry;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// Commands that wait for the service.
const COMMANDS_MAX: usize = 4096;

/// The handle. The network stops with [`Network::stop`], or when all handles are gone.
#[derive(Clone)]
pub struct Network {
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
}

/// What handles see without asking.
pub struct Shared {
    pub local: PeerId,
    pub peers: Peers,
    pub addresses: Mutex<BTreeSet<Multiaddr>>,
    pub metrics: Arc<Metrics>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Network {
    /// Listens, dials and runs on the current tokio runtime.
    pub async fn start(
        config: Config,
        host: Arc<dyn Host>,
        registry: &Registry,
    ) -> Result<(Self, Events), NetworkError> {
        let metrics = Arc::new(Metrics::new(registry)?);
        let shared = Arc::new(Shared {
            local: config.key.peer_id(),
            peers: Peers::default(),
            addresses: Mutex::default(),
            metrics,
            task: Mutex::default(),
        });
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        let (mut service, events) = Service::new(config, host, shared.clone(), commands)?;
        service.listen().await?;
        let task = tokio::spawn(service.run());
        *shared.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Ok((
            Self {
                commands: sender,
                shared,
            },
            events,
        ))
    }

    /// This node's name.
    #[must_use]
    pub fn local_peer(&self) -> PeerId {
        self.shared.local
    }

    /// Where it listens, each with `/p2p/PEER`.
    #[must_use]
    pub fn addresses(&self) -> Vec<Multiaddr> {
        let addresses = self.shared.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let with_peer = |address: &Multiaddr| address.clone().with_p2p(self.shared.local);
        addresses.iter().filter_map(|address| with_peer(address).ok()).collect()
    }

    /// Sends a message to all. Never blocks. With no peer it waits for the first one, for 3 s at most.
    pub fn publish(&self, topic: Topic, bytes: Vec<u8>) -> Result<(), PublishError> {
        if bytes.is_empty() || bytes.len() > topic.bytes_max() {
            return Err(PublishError::TooLarge {
                topic,
                bytes: bytes.len(),
                max: topic.bytes_max(),
            });
        }
        self.commands
            .try_send(Command::Publish(topic, bytes))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => {
                    self.shared.metrics.dropped(Dropped::Command);
                    PublishError::Full
                }
                mpsc::error::TrySendError::Closed(_) => PublishError::Stopped,
            })
    }

    /// Asks a peer that is connected; ends within [`RequestKind::timeout`].
    pub async fn request(&self, peer: PeerId, kind: RequestKind, bytes: Vec<u8>) -> Result<Vec<u8>, RequestError> {
        let max = kind.request_bytes_max();
        if bytes.len() > max {
            return Err(RequestError::TooLarge {
                kind,
                bytes: bytes.len(),
                max,
            });
        }
        let asked = async {
            let (reply, answer) = oneshot::channel();
            let command = Command::Request {
                peer,
                kind,
                bytes,
                reply,
            };
            self.commands.send(command).await.map_err(|_| RequestError::Stopped)?;
            answer.await.map_err(|_| RequestError::Stopped)?
        };
        match tokio::time::timeout(kind.timeout(), asked).await {
            Ok(answered) => answered,
            Err(_) => Err(RequestError::Timeout),
        }
    }

    /// Those connected now, by id.
    #[must_use]
    pub fn peers(&self) -> Vec<Peer> {
        self.shared.peers.snapshot()
    }

    /// What the node thinks of a message. Lost if the service is overloaded: the message then goes no further.
    pub fn judge(&self, gossip: GossipId, verdict: Verdict) {
        self.tell(Command::Judge(gossip, verdict));
    }

    /// Lowers a peer's score.
    pub fn report(&self, peer: PeerId, offence: Offence) {
        self.tell(Command::Report(peer, offence));
    }

    /// Keeps a peer connected from now on.
    pub fn add_reserved(&self, address: Multiaddr) -> Result<(), NetworkError> {
        let (peer, bare) = address::split_peer(&address)?;
        self.try_tell(Command::AddReserved(peer, bare))
    }

    /// The peer is one of many again.
    pub fn remove_reserved(&self, peer: PeerId) -> Result<(), NetworkError> {
        self.try_tell(Command::RemoveReserved(peer))
    }

    /// Dials a peer once.
    pub fn connect(&self, address: Multiaddr) -> Result<(), NetworkError> {
        let (peer, bare) = address::split_peer(&address)?;
        self.try_tell(Command::Connect(peer, bare))
    }

    /// Closes all connections and listeners.
    pub async fn stop(self) {
        // It may have stopped already.
        let _ = self.commands.send(Command::Stop).await;
        let task = self.shared.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!("the network ended badly: {error}");
        }
    }

    fn tell(&self, command: Command) {
        let _ = self.try_tell(command);
    }

    fn try_tell(&self, command: Command) -> Result<(), NetworkError> {
        self.commands.try_send(command).map_err(|_| {
            self.shared.metrics.dropped(Dropped::Command);
            NetworkError::Busy
        })
    }
}
