//! Who may connect: lists, bans, limits, and one connection per peer.

use crate::{address, metrics::Metrics, transport::Standings};
use libp2p::{
    Multiaddr, PeerId,
    core::{ConnectedPoint, Endpoint, transport::PortUse},
    swarm::{
        ConnectionClosed, ConnectionDenied, ConnectionId, DialFailure, FromSwarm, ListenFailure, NetworkBehaviour,
        THandler, THandlerInEvent, THandlerOutEvent, ToSwarm, behaviour::ConnectionEstablished, dummy,
    },
};
use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// Connections that come in and are not through their handshake.
pub const PENDING_INBOUND_MAX: usize = 64;
/// Dials under way, those to reserved peers aside.
pub const PENDING_OUTBOUND_MAX: usize = 16;
/// Connections with one IP that is not loopback, of each stage.
pub const PER_IP_MAX: usize = 8;
/// Proven validators on top of the limits: strangers that take all places do not keep them out.
pub const VALIDATORS_MAX: usize = 128;
/// Bans remembered.
const BANS_MAX: usize = 8192;
/// Two nodes that dial each other at once get both connections within this time.
const AT_ONCE: Duration = Duration::from_secs(5);
/// What a connection that is one too many has to deliver what it took: gossipsub says what it subscribes to only once.
const GRACE: Duration = Duration::from_secs(1);

/// The most connections with peers that are neither reserved nor validators.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub inbound: usize,
    pub outbound: usize,
    pub total: usize,
}

impl Limits {
    /// Half are dialled at most, and a quarter is kept for those, whoever comes in.
    pub fn of(max_peers: u32) -> Self {
        let total = usize::try_from(max_peers).unwrap_or(usize::MAX);
        Self {
            inbound: total - total / 4,
            outbound: total.div_ceil(2),
            total,
        }
    }
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused: {0}")]
pub struct Refused(pub &'static str);

struct Connection {
    peer: PeerId,
    is_inbound: bool,
    is_validator: bool,
    ip: Option<IpAddr>,
    since: Instant,
}

/// The first of the behaviours: what it refuses, the others never see.
pub struct Gate {
    local: PeerId,
    limits: Limits,
    reserved_only: bool,
    reserved: HashSet<PeerId>,
    denied: HashSet<PeerId>,
    banned: HashMap<PeerId, Instant>,
    pending_inbound: HashMap<ConnectionId, Option<IpAddr>>,
    pending_outbound: HashSet<ConnectionId>,
    connections: HashMap<ConnectionId, Connection>,
    /// Second connections, and until when.
    closing: Vec<(Instant, ConnectionId)>,
    standings: Arc<Standings>,
    metrics: Arc<Metrics>,
}

impl Gate {
    pub fn new(
        local: PeerId,
        max_peers: u32,
        reserved_only: bool,
        denied: impl IntoIterator<Item = PeerId>,
        standings: Arc<Standings>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            local,
            limits: Limits::of(max_peers),
            reserved_only,
            reserved: HashSet::new(),
            denied: denied.into_iter().collect(),
            banned: HashMap::new(),
            pending_inbound: HashMap::new(),
            pending_outbound: HashSet::new(),
            connections: HashMap::new(),
            closing: Vec::new(),
            standings,
            metrics,
        }
    }

    pub fn reserve(&mut self, peer: PeerId) {
        self.reserved.insert(peer);
        self.banned.remove(&peer);
    }

    pub fn unreserve(&mut self, peer: &PeerId) {
        self.reserved.remove(peer);
    }

    pub fn is_reserved(&self, peer: &PeerId) -> bool {
        self.reserved.contains(peer)
    }

    pub fn is_reserved_only(&self) -> bool {
        self.reserved_only
    }

    /// Keeps a peer out for a time.
    pub fn ban(&mut self, peer: PeerId, time: Duration) {
        let now = Instant::now();
        if self.banned.len() >= BANS_MAX {
            self.banned.retain(|_, until| *until > now);
        }
        if self.banned.len() < BANS_MAX {
            self.banned.insert(peer, now + time);
        }
    }

    /// Lists and bans.
    fn is_welcome(&self, peer: &PeerId) -> Result<(), Refused> {
        if self.denied.contains(peer) {
            return Err(Refused("denied"));
        }
        if self.is_reserved(peer) {
            return Ok(());
        }
        if self.reserved_only {
            return Err(Refused("reserved_only"));
        }
        match self.banned.get(peer) {
            Some(until) if *until > Instant::now() => Err(Refused("banned")),
            _ => Ok(()),
        }
    }

    fn may_establish(&self, peer: &PeerId, ip: Option<IpAddr>, is_inbound: bool) -> Result<(), Refused> {
        self.is_welcome(peer)?;
        // A second connection takes the place of the first. A third has to wait until one is closed.
        match self.connections.values().filter(|c| c.peer == *peer).count() {
            0 if self.is_reserved(peer) => return Ok(()),
            0 => {}
            1 => return Ok(()),
            _ => return Err(Refused("twice")),
        }
        let validators = self.connections.values().filter(|c| c.is_validator).count();
        if self.standings.is_validator(peer) && validators < VALIDATORS_MAX {
            return Ok(());
        }
        let is_counted = |c: &&Connection| !c.is_validator && !self.is_reserved(&c.peer);
        let mut counted = self.connections.values().filter(is_counted);
        let (mut total, mut same_side, mut same_ip) = (0, 0, 0);
        for connection in &mut counted {
            total += 1;
            same_side += usize::from(connection.is_inbound == is_inbound);
            same_ip += usize::from(ip.is_some() && connection.ip == ip);
        }
        let side_max = if is_inbound {
            self.limits.inbound
        } else {
            self.limits.outbound
        };
        if total >= self.limits.total || same_side >= side_max {
            return Err(Refused("full"));
        }
        if same_ip >= PER_IP_MAX && ip.is_some_and(|ip| address::is_counted(&ip)) {
            return Err(Refused("per_ip"));
        }
        Ok(())
    }

    fn may_dial(&self, peer: Option<PeerId>) -> Result<(), Refused> {
        let peer = peer.ok_or(Refused("nobody"))?;
        self.is_welcome(&peer)?;
        if self.is_reserved(&peer) {
            return Ok(());
        }
        if self.pending_outbound.len() >= PENDING_OUTBOUND_MAX {
            return Err(Refused("dials"));
        }
        self.may_establish(&peer, None, false)
    }

    fn may_come(&self, ip: Option<IpAddr>) -> Result<(), Refused> {
        let same_ip = self
            .pending_inbound
            .values()
            .filter(|other| ip.is_some() && **other == ip)
            .count();
        if same_ip >= PER_IP_MAX && ip.is_some_and(|ip| address::is_counted(&ip)) {
            return Err(Refused("per_ip"));
        }
        if self.pending_inbound.len() >= PENDING_INBOUND_MAX {
            return Err(Refused("handshakes"));
        }
        Ok(())
    }

    /// Both ends come to the same choice: of two made at once, the one that the smaller peer id dialled stays; else the newer.
    fn choose(&mut self, new: ConnectionId) {
        let Some(newer) = self.connections.get(&new) else {
            return;
        };
        let (peer, now) = (newer.peer, newer.since);
        let preferred_inbound = peer.to_bytes() < self.local.to_bytes();
        let mut is_new_kept = true;
        let mut lost = Vec::new();
        for (id, older) in self.connections.iter().filter(|(id, c)| c.peer == peer && **id != new) {
            let is_at_once = now.saturating_duration_since(older.since) < AT_ONCE;
            if is_at_once && older.is_inbound != newer.is_inbound && older.is_inbound == preferred_inbound {
                is_new_kept = false;
            } else {
                lost.push(*id);
            }
        }
        if !is_new_kept {
            lost.push(new);
        }
        self.closing.extend(lost.into_iter().map(|id| (now + GRACE, id)));
    }

    /// Connections that have had their time.
    pub fn overdue(&mut self, now: Instant) -> Vec<ConnectionId> {
        let overdue = self.closing.extract_if(.., |(until, _)| *until <= now);
        overdue.map(|(_, id)| id).collect()
    }

    fn refuse(&self, refused: Refused) -> ConnectionDenied {
        self.metrics.refused(refused.0);
        ConnectionDenied::new(refused)
    }
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let ip = address::ip(remote);
        self.may_come(ip).map_err(|refused| self.refuse(refused))?;
        self.pending_inbound.insert(id, ip);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.pending_inbound.remove(&id);
        self.may_establish(&peer, address::ip(remote), true)
            .map_err(|refused| self.refuse(refused))?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.may_dial(peer).map_err(|refused| self.refuse(refused))?;
        if !peer.is_some_and(|peer| self.is_reserved(&peer)) {
            self.pending_outbound.insert(id);
        }
        Ok(Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.pending_outbound.remove(&id);
        self.may_establish(&peer, address::ip(remote), false)
            .map_err(|refused| self.refuse(refused))?;
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                other_established,
                ..
            }) => {
                let connection = Connection {
                    peer: peer_id,
                    is_validator: self.standings.is_validator(&peer_id),
                    is_inbound: matches!(endpoint, ConnectedPoint::Listener { .. }),
                    ip: address::ip(endpoint.get_remote_address()),
                    since: Instant::now(),
                };
                self.connections.insert(connection_id, connection);
                if other_established > 0 {
                    self.choose(connection_id);
                }
            }
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. }) => {
                self.connections.remove(&connection_id);
            }
            FromSwarm::DialFailure(DialFailure { connection_id, .. }) => {
                self.pending_outbound.remove(&connection_id);
            }
            FromSwarm::ListenFailure(ListenFailure { connection_id, .. }) => {
                self.pending_inbound.remove(&connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}
