//! Whom to dial and when: reserved peers until they are there, bootnodes while there are few. It knows no clock.

use libp2p::{Multiaddr, PeerId};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Before the second try; doubled for each one more.
pub const BACKOFF_MIN: Duration = Duration::from_millis(250);
/// Of reserved peers.
pub const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// Of bootnodes.
const BOOTNODE_BACKOFF_MAX: Duration = Duration::from_secs(60);
/// A connection that lasted for less does not count as one.
const LASTING: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
struct Target {
    address: Multiaddr,
    is_reserved: bool,
    backoff: Duration,
    next: Instant,
    connected_at: Option<Instant>,
}

/// The peers that this node has an address of from its configuration.
#[derive(Debug, Default)]
pub struct Plan {
    targets: HashMap<PeerId, Target>,
}

impl Plan {
    /// A reserved one stays so if it is also a bootnode.
    pub fn add(&mut self, peer: PeerId, address: Multiaddr, is_reserved: bool, connected: bool, now: Instant) {
        if !is_reserved && self.targets.contains_key(&peer) {
            return;
        }
        let target = Target {
            address,
            is_reserved,
            backoff: BACKOFF_MIN,
            next: now,
            connected_at: connected.then_some(now),
        };
        self.targets.insert(peer, target);
    }

    pub fn remove(&mut self, peer: &PeerId) {
        self.targets.remove(peer);
    }

    pub fn connected(&mut self, peer: &PeerId, now: Instant) {
        if let Some(target) = self.targets.get_mut(peer) {
            target.connected_at = Some(now);
        }
    }

    pub fn disconnected(&mut self, peer: &PeerId, now: Instant) {
        if let Some(target) = self.targets.get_mut(peer) {
            let lasted = target
                .connected_at
                .take()
                .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
            if lasted >= LASTING {
                target.backoff = BACKOFF_MIN;
            }
            target.next = now + target.backoff;
        }
    }

    /// Those to dial now; each is asked for again after its backoff unless it connects.
    pub fn due(&mut self, is_lonely: bool, now: Instant) -> Vec<(PeerId, Multiaddr)> {
        let mut due = Vec::new();
        for (peer, target) in &mut self.targets {
            if target.connected_at.is_none() && target.next <= now && (target.is_reserved || is_lonely) {
                let max = if target.is_reserved {
                    BACKOFF_MAX
                } else {
                    BOOTNODE_BACKOFF_MAX
                };
                target.next = now + target.backoff;
                target.backoff = (target.backoff * 2).min(max);
                due.push((*peer, target.address.clone()));
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeKey;

    #[test]
    fn backoff_doubles_up_to_its_limit_and_starts_again_after_a_lasting_connection() {
        let (peer, address) = (
            NodeKey::from_seed([1; 32]).peer_id(),
            "/ip4/1.2.3.4/tcp/1".parse().unwrap(),
        );
        let mut now = Instant::now();
        let mut plan = Plan::default();
        plan.add(peer, address, true, false, now);
        let mut waits = Vec::new();
        let mut last = now;
        while waits.len() < 8 {
            if !plan.due(false, now).is_empty() {
                waits.push(now.duration_since(last).as_millis());
                last = now;
            }
            now += Duration::from_millis(50);
        }
        assert_eq!(waits, [0, 250, 500, 1000, 2000, 4000, 8000, 10000]);

        plan.connected(&peer, now);
        assert!(plan.due(true, now + Duration::from_secs(100)).is_empty());
        plan.disconnected(&peer, now + Duration::from_secs(1));
        assert!(plan.due(true, now + Duration::from_secs(10)).is_empty(), "it was brief");
        plan.connected(&peer, now);
        now += LASTING;
        plan.disconnected(&peer, now);
        assert!(plan.due(true, now + Duration::from_millis(249)).is_empty());
        assert_eq!(plan.due(true, now + BACKOFF_MIN).len(), 1);
    }

    #[test]
    fn bootnodes_are_for_the_lonely_and_reserved_ones_stay_reserved() {
        let (peer, now) = (NodeKey::from_seed([1; 32]).peer_id(), Instant::now());
        let address: Multiaddr = "/ip4/1.2.3.4/tcp/1".parse().unwrap();
        let mut plan = Plan::default();
        plan.add(peer, address.clone(), false, false, now);
        assert!(plan.due(false, now).is_empty());
        assert_eq!(plan.due(true, now).len(), 1);
        plan.add(peer, address.clone(), true, false, now);
        plan.add(peer, address, false, false, now);
        assert_eq!(plan.due(false, now).len(), 1);
        plan.remove(&peer);
        assert!(plan.due(true, now + Duration::from_secs(99)).is_empty());
    }
}
