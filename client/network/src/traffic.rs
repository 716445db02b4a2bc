//! Gossip and requests as they pass through the service.

use crate::{
    Answer, Event, GossipId, Offence, PeerId, RequestError, RequestKind, Topic, Verdict,
    metrics::Dropped,
    request::{Request, Response},
    service::Service,
    topic,
};
use libp2p::{
    gossipsub::{self, MessageAcceptance, MessageId, TopicHash},
    request_response::{self, InboundRequestId, Message, OutboundFailure, ResponseChannel},
};
use std::{
    io,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// Requests of one peer that wait for the node's answer, and of all.
const ANSWERING_MAX: usize = 8;
const ANSWERING_ALL_MAX: usize = 128;
/// Our requests to one peer that wait for its answer, and to all.
const ASKING_MAX: usize = 24;
const ASKING_ALL_MAX: usize = 256;
/// Messages that wait for a first peer, and for how long.
const HELD_MAX: usize = 64;
const HELD_BYTES_MAX: usize = 16 << 20;
const HELD_FOR: Duration = Duration::from_secs(3);

/// A message that no peer was there for.
pub struct Held {
    topic: Topic,
    bytes: Vec<u8>,
    at: Instant,
}

/// A request of ours.
pub struct Pending {
    peer: PeerId,
    reply: oneshot::Sender<Result<Vec<u8>, RequestError>>,
}

impl Service {
    pub(crate) fn publish(&mut self, topic: Topic, bytes: &[u8]) {
        let now = Instant::now();
        let data = self.nonces.wrap(bytes);
        let name = self.names[&topic].clone();
        match self.swarm.behaviour_mut().gossip.publish(name, data) {
            Ok(_) => {
                // Copies of it that others make are none to pass on.
                self.recent.insert(topic, bytes, now);
                self.shared.metrics.gossip(topic, "out", bytes.len());
            }
            Err(gossipsub::PublishError::NoPeersSubscribedToTopic) => self.hold(topic, bytes, now),
            Err(error) => {
                tracing::debug!(?topic, "not published: {error}");
                self.shared.metrics.dropped(Dropped::Published);
            }
        }
    }

    fn hold(&mut self, topic: Topic, bytes: &[u8], now: Instant) {
        let held: usize = self.held.iter().map(|held| held.bytes.len()).sum();
        if self.held.len() >= HELD_MAX || held.saturating_add(bytes.len()) > HELD_BYTES_MAX {
            self.shared.metrics.dropped(Dropped::Published);
            return;
        }
        self.held.push_back(Held {
            topic,
            bytes: bytes.to_vec(),
            at: now,
        });
    }

    pub(crate) fn expire_held(&mut self, now: Instant) {
        while self.held.front().is_some_and(|held| now - held.at > HELD_FOR) {
            self.held.pop_front();
            self.shared.metrics.dropped(Dropped::Published);
        }
    }

    pub(crate) fn publish_held(&mut self) {
        for held in std::mem::take(&mut self.held) {
            self.publish(held.topic, &held.bytes);
        }
    }

    pub(crate) fn on_gossip(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            } => self.on_message(propagation_source, message_id, message),
            gossipsub::Event::Subscribed { peer_id, topic } => self.on_subscribed(peer_id, &topic),
            gossipsub::Event::GossipsubNotSupported { peer_id } => {
                tracing::debug!(peer = %peer_id, "it does not gossip");
            }
            // No offence: a machine that is busy must not lose its peers as well.
            gossipsub::Event::SlowPeer { peer_id, .. } => {
                tracing::debug!(peer = %peer_id, "it is slow and misses messages");
                self.shared.metrics.dropped(Dropped::Published);
            }
            gossipsub::Event::Unsubscribed { .. } => {}
        }
    }

    fn on_subscribed(&mut self, peer: PeerId, name: &TopicHash) {
        let Some(topic) = self.topics.get(name) else { return };
        let is_complete = {
            let mut table = self.shared.peers.lock();
            let Some(entry) = table.connected.get_mut(&peer) else {
                return;
            };
            entry.topics |= 1 << (*topic as u8);
            entry.topics.count_ones() as usize == Topic::ALL.len()
        };
        if is_complete {
            self.announce(&peer);
        }
    }

    fn on_message(&mut self, from: PeerId, message: MessageId, content: gossipsub::Message) {
        let now = Instant::now();
        let Some(topic) = self.topics.get(&content.topic).copied() else {
            return;
        };
        let id = GossipId { message, from, topic };
        let size = content.data.len();
        self.shared.metrics.gossip(topic, "in", size);
        let Some(bytes) = topic::unwrap(topic, content.data) else {
            self.settle(&id, MessageAcceptance::Reject);
            return self.lower(&from, Offence::Malformed);
        };
        let (may_gossip, is_counted) = {
            let mut table = self.shared.peers.lock();
            let Some(entry) = table.connected.get_mut(&from) else {
                return;
            };
            let may_gossip = !entry.is_banned && entry.may_gossip(topic, size, now);
            (may_gossip, !may_gossip && entry.is_flood_counted(now))
        };
        if !may_gossip {
            self.drop_gossip(&id, Dropped::Limited);
            if is_counted {
                self.lower(&from, Offence::Flood);
            }
            return;
        }
        if !self.recent.insert(topic, &bytes, now) {
            return self.drop_gossip(&id, Dropped::Repeated);
        }
        let event = Event::Gossip {
            id: id.clone(),
            topic,
            bytes,
            from,
        };
        if !self.events.try_send(event) {
            self.drop_gossip(&id, Dropped::Gossip);
        }
    }

    fn drop_gossip(&mut self, id: &GossipId, why: Dropped) {
        self.shared.metrics.dropped(why);
        self.settle(id, MessageAcceptance::Ignore);
    }

    pub(crate) fn judge(&mut self, id: &GossipId, verdict: Verdict) {
        match verdict {
            Verdict::Accept => self.settle(id, MessageAcceptance::Accept),
            Verdict::Ignore => self.settle(id, MessageAcceptance::Ignore),
            Verdict::Reject => {
                self.settle(id, MessageAcceptance::Reject);
                self.lower(&id.from, Offence::InvalidMessage);
            }
        }
    }

    fn settle(&mut self, id: &GossipId, acceptance: MessageAcceptance) {
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        if !gossip.report_message_validation_result(&id.message, &id.from, acceptance) {
            tracing::debug!(topic = ?id.topic, "a verdict came too late");
        }
    }

    pub(crate) fn ask(
        &mut self,
        peer: PeerId,
        kind: RequestKind,
        bytes: Vec<u8>,
        reply: oneshot::Sender<Result<Vec<u8>, RequestError>>,
    ) {
        let refusal = {
            let mut table = self.shared.peers.lock();
            match table.connected.get_mut(&peer) {
                None => Some(RequestError::NotConnected),
                Some(entry) if entry.asking >= ASKING_MAX || self.pending.len() >= ASKING_ALL_MAX => {
                    Some(RequestError::TooMany)
                }
                Some(entry) => {
                    entry.asking += 1;
                    None
                }
            }
        };
        if let Some(refusal) = refusal {
            // Whoever asked may have given up.
            let _ = reply.send(Err(refusal));
            return;
        }
        self.shared
            .metrics
            .requests
            .with_label_values(&[kind.name(), "out"])
            .inc();
        let id = self
            .swarm
            .behaviour_mut()
            .request
            .send_request(&peer, Some(Request { kind, bytes }));
        self.pending.insert(id, Pending { peer, reply });
    }

    pub(crate) fn on_request_event(&mut self, event: request_response::Event<Option<Request>, Response>) {
        match event {
            request_response::Event::Message {
                peer,
                message:
                    Message::Request {
                        request_id,
                        request,
                        channel,
                    },
                ..
            } => match request {
                Some(request) => self.on_request(peer, request_id, request, channel),
                None => self.lower(&peer, Offence::Malformed),
            },
            request_response::Event::Message {
                message: Message::Response { request_id, response },
                ..
            } => {
                let outcome = match response {
                    Response::Bytes(bytes) => Ok(bytes),
                    Response::Refused => Err(RequestError::Refused),
                    Response::Busy => Err(RequestError::Busy),
                };
                self.finish(request_id, outcome);
            }
            request_response::Event::OutboundFailure {
                peer,
                request_id,
                error,
                ..
            } => {
                if matches!(&error, OutboundFailure::Io(error) if is_invalid(error)) {
                    self.lower(&peer, Offence::Malformed);
                }
                let error = match error {
                    OutboundFailure::Timeout => RequestError::Timeout,
                    OutboundFailure::DialFailure => RequestError::NotConnected,
                    error => RequestError::Failed(error.to_string()),
                };
                self.finish(request_id, Err(error));
            }
            request_response::Event::InboundFailure { peer, request_id, .. }
            | request_response::Event::ResponseSent { peer, request_id, .. } => {
                // Until then the answer takes memory.
                if self.unread.remove(&request_id)
                    && let Some(entry) = self.shared.peers.lock().connected.get_mut(&peer)
                {
                    entry.answering = entry.answering.saturating_sub(1);
                }
            }
        }
    }

    fn finish(&mut self, id: request_response::OutboundRequestId, outcome: Result<Vec<u8>, RequestError>) {
        let Some(pending) = self.pending.remove(&id) else {
            return;
        };
        if let Some(entry) = self.shared.peers.lock().connected.get_mut(&pending.peer) {
            entry.asking = entry.asking.saturating_sub(1);
        }
        let _ = pending.reply.send(outcome);
    }

    fn on_request(&mut self, peer: PeerId, id: InboundRequestId, request: Request, channel: ResponseChannel<Response>) {
        let now = Instant::now();
        let Request { kind, bytes } = request;
        self.shared
            .metrics
            .requests
            .with_label_values(&[kind.name(), "in"])
            .inc();
        let (is_busy, is_flood) = {
            let mut table = self.shared.peers.lock();
            let Some(entry) = table.connected.get_mut(&peer) else {
                return;
            };
            let may_request = entry.may_request(now);
            let is_flood = !may_request && entry.is_flood_counted(now);
            let has_room = !entry.is_banned && entry.answering < ANSWERING_MAX && self.unread.len() < ANSWERING_ALL_MAX;
            (!may_request || !has_room, is_flood)
        };
        if is_flood {
            self.lower(&peer, Offence::Flood);
        }
        let (reply, answer) = oneshot::channel();
        let event = Event::Request {
            peer,
            kind,
            bytes,
            answer: Answer { reply, kind },
        };
        if is_busy || !self.events.try_send(event) {
            self.shared.metrics.dropped(Dropped::Request);
            let _ = self
                .swarm
                .behaviour_mut()
                .request
                .send_response(channel, Response::Busy);
            return;
        }
        if let Some(entry) = self.shared.peers.lock().connected.get_mut(&peer) {
            entry.answering += 1;
        }
        self.unread.insert(id);
        let patience = kind.timeout();
        self.answers.push(Box::pin(async move {
            let response = match tokio::time::timeout(patience, answer).await {
                Ok(Ok(bytes)) => Response::Bytes(bytes),
                Ok(Err(_)) => Response::Refused,
                Err(_) => Response::Busy,
            };
            (channel, response)
        }));
    }

    pub(crate) fn on_answered(&mut self, channel: ResponseChannel<Response>, response: Response) {
        // The peer may be gone: that was told as a failure.
        let _ = self.swarm.behaviour_mut().request.send_response(channel, response);
    }
}

fn is_invalid(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}
