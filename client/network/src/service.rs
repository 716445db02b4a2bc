//! The task that owns the swarm: commands in, events out, connections in between.

use crate::{
    Config, Event, Events, GossipId, Host, Multiaddr, NetworkError, Offence, PeerId, RequestError, RequestKind, Topic,
    Verdict, address,
    behaviour::{Behaviour, BehaviourEvent, kad_protocol},
    event,
    handshake::{Handshaker, Standing},
    network::Shared,
    peers::Entry,
    plan::Plan,
    request::Response,
    score,
    topic::{Nonces, Recent},
    traffic::{Held, Pending},
    transport::{self, PqTls, Standings},
};
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use libp2p::{
    StreamProtocol,
    core::ConnectedPoint,
    gossipsub::TopicHash,
    identify,
    request_response::{InboundRequestId, OutboundRequestId, ResponseChannel},
    swarm::{
        self, ConnectionId, DialError, Swarm, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use quids_crypto::blake3_256;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, PoisonError},
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::{mpsc, oneshot};

/// Plans, claims and those not announced yet are looked at this often.
const TICK: Duration = Duration::from_millis(100);
/// A peer that subscribes to nothing is announced after this.
const ANNOUNCE_AFTER: Duration = Duration::from_secs(1);
/// Peers are looked for while there are fewer.
const FEW: usize = 8;
const SEARCH_EVERY: Duration = Duration::from_secs(15);
/// Claims that could not be checked are looked at again this often.
const CLAIMS_EVERY: Duration = Duration::from_secs(1);
/// Names that are looked up at once.
const RESOLVING_MAX: usize = 64;
/// Addresses taken of what a peer says of itself.
const ADDRESSES_MAX: usize = 8;
/// A listener that is there says so at once.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);

/// What handles ask of the service.
pub enum Command {
    Publish(Topic, Vec<u8>),
    Request {
        peer: PeerId,
        kind: RequestKind,
        bytes: Vec<u8>,
        reply: oneshot::Sender<Result<Vec<u8>, RequestError>>,
    },
    Judge(GossipId, Verdict),
    Report(PeerId, Offence),
    AddReserved(PeerId, Multiaddr),
    RemoveReserved(PeerId),
    Connect(PeerId, Multiaddr),
    Stop,
}

type Answered = (ResponseChannel<Response>, Response);
type Resolved = (PeerId, Vec<Multiaddr>);

pub struct Service {
    pub(crate) swarm: Swarm<Behaviour>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) events: event::Sender,
    pub(crate) topics: HashMap<TopicHash, Topic>,
    pub(crate) names: HashMap<Topic, TopicHash>,
    pub(crate) nonces: Nonces,
    pub(crate) recent: Recent,
    pub(crate) held: VecDeque<Held>,
    pub(crate) pending: HashMap<OutboundRequestId, Pending>,
    pub(crate) answers: FuturesUnordered<BoxFuture<'static, Answered>>,
    /// Requests whose answers the peers have not read yet.
    pub(crate) unread: HashSet<InboundRequestId>,
    host: Arc<dyn Host>,
    commands: mpsc::Receiver<Command>,
    standings: Arc<Standings>,
    plan: Plan,
    listen: Vec<Multiaddr>,
    max_peers: usize,
    kad_protocol: StreamProtocol,
    resolving: FuturesUnordered<BoxFuture<'static, Resolved>>,
    /// Connects and disconnects that found the queue full.
    unsent: VecDeque<Event>,
    searched_at: Instant,
    claims_at: Instant,
}

impl Service {
    pub fn new(
        config: Config,
        host: Arc<dyn Host>,
        shared: Arc<Shared>,
        commands: mpsc::Receiver<Command>,
    ) -> Result<(Self, Events), NetworkError> {
        let (local, now) = (shared.local, Instant::now());
        let standings = Arc::new(Standings::default());
        let handshaker = Handshaker::new(local, config.genesis, config.validator.clone(), host.clone());
        let metrics = shared.metrics.clone();
        let pq_tls = PqTls::new(&config.key, Arc::new(handshaker), standings.clone(), metrics.clone())?;
        let mut behaviour = Behaviour::new(&config, standings.clone(), metrics)?;

        let mut plan = Plan::default();
        for address in &config.bootnodes {
            let (peer, bare) = address::split_peer(address)?;
            plan.add(peer, bare, false, false, now);
        }
        for address in &config.reserved {
            let (peer, bare) = address::split_peer(address)?;
            behaviour.gate.reserve(peer);
            plan.add(peer, bare, true, false, now);
        }
        plan.remove(&local);
        let swarm_config = swarm::Config::with_tokio_executor()
            // What is idle stays: peers are there to be told of things.
            .with_idle_connection_timeout(Duration::from_secs(365 * 86_400));
        let swarm = Swarm::new(transport::build(pq_tls), behaviour, local, swarm_config);
        let names: HashMap<_, _> = Topic::ALL
            .iter()
            .map(|topic| (*topic, topic.of_chain(&config.genesis).hash()))
            .collect();
        let unix_nanos = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        let (events, receiver) = event::queue();
        let service = Self {
            swarm,
            shared,
            events,
            topics: names.iter().map(|(topic, name)| (name.clone(), *topic)).collect(),
            names,
            nonces: Nonces::new(&local, unix_nanos),
            recent: Recent::default(),
            held: VecDeque::new(),
            pending: HashMap::new(),
            answers: FuturesUnordered::new(),
            unread: HashSet::new(),
            host,
            commands,
            standings,
            plan,
            listen: config.listen,
            max_peers: usize::try_from(config.max_peers).unwrap_or(usize::MAX),
            kad_protocol: kad_protocol(&config.genesis)?,
            resolving: FuturesUnordered::new(),
            unsent: VecDeque::new(),
            searched_at: now,
            claims_at: now,
        };
        Ok((service, receiver))
    }

    /// Until all listeners are there.
    pub async fn listen(&mut self) -> Result<(), NetworkError> {
        let mut waiting = HashSet::new();
        for address in std::mem::take(&mut self.listen) {
            let failed = |error: String| NetworkError::Listen {
                address: address.clone(),
                reason: error,
            };
            address::check_free(&address).map_err(|error| failed(error.to_string()))?;
            let id = self
                .swarm
                .listen_on(address.clone())
                .map_err(|error| failed(error.to_string()))?;
            waiting.insert(id);
            let until = Instant::now() + LISTEN_TIMEOUT;
            while waiting.contains(&id) {
                let next = tokio::time::timeout_at(until.into(), self.swarm.select_next_some());
                let event = next.await.map_err(|_| failed("nothing happens".into()))?;
                match &event {
                    SwarmEvent::NewListenAddr { listener_id, .. } => {
                        waiting.remove(listener_id);
                    }
                    SwarmEvent::ListenerClosed {
                        listener_id, reason, ..
                    } if *listener_id == id => return Err(failed(format!("{reason:?}"))),
                    _ => {}
                }
                self.on_swarm(event);
            }
        }
        Ok(())
    }

    /// Until it is told to stop or nobody can tell it anything.
    pub async fn run(mut self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = self.commands.recv() => match command {
                    None | Some(Command::Stop) => return,
                    Some(command) => self.on_command(command),
                },
                event = self.swarm.select_next_some() => self.on_swarm(event),
                Some((channel, response)) = self.answers.next() => self.on_answered(channel, response),
                Some((peer, addresses)) = self.resolving.next() => self.dial(peer, addresses),
                has_room = self.events.has_room(), if !self.unsent.is_empty() => self.send_unsent(has_room),
                _ = tick.tick() => self.on_tick(),
            }
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Publish(topic, bytes) => self.publish(topic, &bytes),
            Command::Request {
                peer,
                kind,
                bytes,
                reply,
            } => self.ask(peer, kind, bytes, reply),
            Command::Judge(gossip, verdict) => self.judge(&gossip, verdict),
            Command::Report(peer, offence) => self.lower(&peer, offence),
            Command::AddReserved(peer, address) => {
                self.swarm.behaviour_mut().gate.reserve(peer);
                let is_connected = self.swarm.is_connected(&peer);
                self.plan.add(peer, address, true, is_connected, Instant::now());
            }
            Command::RemoveReserved(peer) => {
                self.plan.remove(&peer);
                let gate = &mut self.swarm.behaviour_mut().gate;
                gate.unreserve(&peer);
                if gate.is_reserved_only() {
                    let _ = self.swarm.disconnect_peer_id(peer);
                }
            }
            Command::Connect(peer, address) => self.resolve(peer, address),
            Command::Stop => {}
        }
    }

    fn on_tick(&mut self) {
        let now = Instant::now();
        self.expire_held(now);
        for id in self.swarm.behaviour_mut().gate.overdue(now) {
            self.swarm.close_connection(id);
        }
        let late: Vec<_> = {
            let table = self.shared.peers.lock();
            let is_late = |entry: &Entry| !entry.is_announced && now - entry.since >= ANNOUNCE_AFTER;
            let late = table.connected.iter().filter(|(_, entry)| is_late(entry));
            late.map(|(peer, _)| *peer).collect()
        };
        for peer in late {
            self.announce(&peer);
        }
        let connected = self.shared.peers.lock().connected.len();
        let is_lonely = connected < FEW.min(self.max_peers);
        for (peer, address) in self.plan.due(is_lonely, now) {
            self.resolve(peer, address);
        }
        if now - self.claims_at >= CLAIMS_EVERY {
            self.claims_at = now;
            self.check_claims();
        }
        if is_lonely && connected > 0 && now - self.searched_at >= SEARCH_EVERY {
            self.searched_at = now;
            // Anywhere in the table.
            let target = blake3_256(
                &SystemTime::UNIX_EPOCH
                    .elapsed()
                    .unwrap_or_default()
                    .as_nanos()
                    .to_le_bytes(),
            );
            self.swarm.behaviour_mut().kad.get_closest_peers(target.to_vec());
        }
    }

    /// Dials at once, or after the name is looked up.
    fn resolve(&mut self, peer: PeerId, address: Multiaddr) {
        if self.resolving.len() < RESOLVING_MAX {
            self.resolving
                .push(Box::pin(async move { (peer, address::resolve(address).await) }));
        }
    }

    fn dial(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        if addresses.is_empty() {
            return;
        }
        let options = DialOpts::peer_id(peer)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(addresses)
            .build();
        match self.swarm.dial(options) {
            Ok(()) | Err(DialError::DialPeerConditionFalse(_)) => {}
            Err(error) => tracing::debug!(%peer, "not dialled: {error}"),
        }
    }

    fn on_swarm(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(event)) => self.on_gossip(event),
            SwarmEvent::Behaviour(BehaviourEvent::Request(event)) => self.on_request_event(event),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                self.on_identified(peer_id, info);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping)) => {
                if let Err(libp2p::ping::Failure::Timeout) = ping.result {
                    tracing::debug!(peer = %ping.peer, "it does not answer");
                    self.swarm.close_connection(ping.connection);
                }
            }
            SwarmEvent::ConnectionEstablished { peer_id, endpoint, .. } => self.on_established(peer_id, &endpoint),
            SwarmEvent::ConnectionClosed {
                peer_id,
                connection_id,
                num_established,
                cause,
                ..
            } => {
                tracing::debug!(peer = %peer_id, ?cause, num_established, "connection closed");
                self.on_closed(peer_id, connection_id, num_established);
            }
            SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => {
                tracing::debug!(peer = ?peer_id, "dial failed: {error}");
            }
            SwarmEvent::IncomingConnectionError { error, .. } => tracing::debug!("not let in: {error}"),
            SwarmEvent::NewListenAddr { address, .. } => {
                tracing::info!("listening on {address}");
                let mut addresses = self.shared.addresses.lock().unwrap_or_else(PoisonError::into_inner);
                addresses.insert(address);
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                let mut addresses = self.shared.addresses.lock().unwrap_or_else(PoisonError::into_inner);
                addresses.remove(&address);
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!("listening: {error}"),
            SwarmEvent::ListenerClosed { reason: Err(error), .. } => tracing::error!("no longer listening: {error}"),
            _ => {}
        }
    }

    fn on_established(&mut self, peer: PeerId, endpoint: &ConnectedPoint) {
        let now = Instant::now();
        let standing = self.standings.take(&peer);
        let (address, is_inbound) = (endpoint.get_remote_address().clone(), endpoint.is_listener());
        let mut table = self.shared.peers.lock();
        if let Some(entry) = table.connected.get_mut(&peer) {
            // A second connection: the gate closes one of them. What was proven before stays proven.
            if entry.validator().is_none() && standing != Standing::Peer {
                entry.standing = standing;
            }
            (entry.address, entry.is_inbound) = (address, is_inbound);
            return;
        }
        let score = table.score_of(&peer, now);
        let points = score.points();
        table
            .connected
            .insert(peer, Entry::new(address, is_inbound, standing, score, now));
        drop(table);
        self.plan.connected(&peer, now);
        self.set_gossip_score(&peer, points);
        self.count_connections();
    }

    fn on_closed(&mut self, peer: PeerId, _: ConnectionId, left: u32) {
        if left > 0 {
            return;
        }
        let now = Instant::now();
        self.plan.disconnected(&peer, now);
        let entry = self.shared.peers.lock().remove(&peer, now);
        if entry.is_some_and(|entry| entry.is_announced) {
            self.tell(Event::Disconnected { peer });
        }
        self.count_connections();
    }

    fn on_identified(&mut self, peer: PeerId, info: identify::Info) {
        let remote = {
            let mut table = self.shared.peers.lock();
            let Some(entry) = table.connected.get_mut(&peer) else {
                return;
            };
            entry.set_agent(&info.agent_version);
            address::ip(&entry.address)
        };
        if !info.protocols.contains(&self.kad_protocol) {
            return;
        }
        let plausible = |address: &Multiaddr| address::is_plausible(address, remote);
        // It may say so again and again.
        self.swarm.behaviour_mut().kad.remove_peer(&peer);
        for address in info.listen_addrs.into_iter().filter(plausible).take(ADDRESSES_MAX) {
            self.swarm.behaviour_mut().kad.add_address(&peer, address);
        }
    }

    /// Tells the node of a peer, once what it publishes reaches it.
    pub(crate) fn announce(&mut self, peer: &PeerId) {
        let validator = {
            let mut table = self.shared.peers.lock();
            let Some(entry) = table.connected.get_mut(peer) else {
                return;
            };
            if std::mem::replace(&mut entry.is_announced, true) {
                return;
            }
            entry.validator()
        };
        self.tell(Event::Connected { peer: *peer, validator });
        self.publish_held();
    }

    /// Lowers a score, and bans at the floor.
    pub(crate) fn lower(&mut self, peer: &PeerId, offence: Offence) {
        let Some((points, is_too_low)) = self.shared.peers.lock().lower(peer, offence, Instant::now()) else {
            return;
        };
        tracing::debug!(%peer, offence = offence.name(), points, "lowered");
        self.shared.metrics.offence(offence.name());
        if !is_too_low {
            return self.set_gossip_score(peer, points);
        }
        if self.swarm.behaviour().gate.is_reserved(peer) {
            tracing::warn!(%peer, offence = offence.name(), "a reserved peer would be banned");
            return;
        }
        tracing::info!(%peer, offence = offence.name(), "banned for {} s", score::BAN.as_secs());
        self.shared.metrics.bans.inc();
        if let Some(entry) = self.shared.peers.lock().connected.get_mut(peer) {
            entry.is_banned = true;
        }
        let behaviour = self.swarm.behaviour_mut();
        behaviour.gate.ban(*peer, score::BAN);
        behaviour.kad.remove_peer(peer);
        let _ = self.swarm.disconnect_peer_id(*peer);
    }

    fn set_gossip_score(&mut self, peer: &PeerId, points: i32) {
        self.swarm
            .behaviour_mut()
            .gossip
            .set_application_score(peer, f64::from(points));
    }

    /// Validators that came while the node could not tell.
    fn check_claims(&mut self) {
        let mut table = self.shared.peers.lock();
        for (peer, entry) in &mut table.connected {
            let Standing::Claimed(claim) = &entry.standing else {
                continue;
            };
            match claim.check(&*self.host) {
                Ok(None) => {}
                Ok(Some(key)) => entry.standing = Standing::Validator(key),
                Err(refusal) => {
                    tracing::debug!(%peer, "not a validator: {refusal}");
                    entry.standing = Standing::Peer;
                }
            }
        }
    }

    fn count_connections(&self) {
        let table = self.shared.peers.lock();
        let inbound = table.connected.values().filter(|entry| entry.is_inbound).count();
        let gauges = &self.shared.metrics.connections;
        for (direction, count) in [("in", inbound), ("out", table.connected.len() - inbound)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            gauges.with_label_values(&[direction]).set(count);
        }
    }

    /// Connects and disconnects are never lost: what finds no room waits, and a pair that waits cancels out.
    fn tell(&mut self, event: Event) {
        if let Event::Disconnected { peer } = event
            && let Some(index) = self
                .unsent
                .iter()
                .position(|waiting| matches!(waiting, Event::Connected { peer: other, .. } if *other == peer))
        {
            self.unsent.remove(index);
            return;
        }
        self.unsent.push_back(event);
        self.send_unsent(true);
    }

    fn send_unsent(&mut self, is_heard: bool) {
        if !is_heard {
            self.unsent.clear();
        }
        while let Some(room) = self.events.room() {
            match self.unsent.pop_front() {
                Some(event) => room.send(event),
                None => return,
            }
        }
    }
}
