//! Counts with a limit: connections, bytes, subscriptions. What is taken is given back when the guard is dropped.

use super::peer::{Network, is_loopback};
use crate::Config;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Open connections, in total and by network.
#[derive(Debug)]
pub struct Connections {
    max: usize,
    max_per_network: usize,
    open: Mutex<(usize, HashMap<Network, usize>)>,
}

/// One open connection.
#[derive(Debug)]
pub struct Admitted {
    connections: Arc<Connections>,
    network: Option<Network>,
}

impl Connections {
    pub fn new(config: &Config) -> Self {
        Self {
            max: config.max_connections as usize,
            max_per_network: config.max_connections_per_address as usize,
            open: Mutex::default(),
        }
    }

    /// The connection's guard, or the limit that it would break, as `Observer::refused` names it.
    pub fn admit(self: &Arc<Self>, addr: IpAddr) -> Result<Admitted, &'static str> {
        let network = (!is_loopback(addr)).then(|| Network::of(addr));
        let mut open = lock(&self.open);
        let (total, by_network) = &mut *open;
        if *total >= self.max {
            return Err("connections");
        }
        if let Some(network) = network {
            let count = by_network.entry(network).or_default();
            if *count >= self.max_per_network {
                return Err("connections_per_address");
            }
            *count += 1;
        }
        *total += 1;
        Ok(Admitted {
            connections: self.clone(),
            network,
        })
    }

    pub fn open(&self) -> usize {
        lock(&self.open).0
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = lock(&self.connections.open);
        let (total, by_network) = &mut *open;
        *total -= 1;
        if let Some(network) = self.network
            && let Some(count) = by_network.get_mut(&network)
        {
            *count -= 1;
            if *count == 0 {
                by_network.remove(&network);
            }
        }
    }
}

/// Bytes of the whole node.
#[derive(Debug)]
pub struct Budget {
    max: usize,
    used: AtomicUsize,
}

/// Bytes taken from a budget: what one request or response holds beyond [`Config::SMALL_BYTES`].
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub fn new(max: usize) -> Self {
        Self {
            max,
            used: AtomicUsize::new(0),
        }
    }

    /// Nothing yet, to grow.
    pub fn hold(self: &Arc<Self>) -> Held {
        Held {
            budget: self.clone(),
            bytes: 0,
        }
    }

    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

impl Held {
    /// Sees to it that a buffer of so many bytes is accounted for; false if the budget does not have them.
    pub fn cover(&mut self, bytes: usize) -> bool {
        let wanted = bytes.saturating_sub(Config::SMALL_BYTES);
        let Some(more) = wanted.checked_sub(self.bytes).filter(|more| *more > 0) else {
            return true;
        };
        let taken = self.budget.used.fetch_add(more, Ordering::Relaxed);
        if taken.saturating_add(more) > self.budget.max {
            self.budget.used.fetch_sub(more, Ordering::Relaxed);
            return false;
        }
        self.bytes = wanted;
        true
    }

    /// Takes what is held so far, to hold on for the next buffer with nothing.
    pub fn renew(&mut self) -> Self {
        let next = self.budget.hold();
        std::mem::replace(self, next)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Subscriptions of the whole node. A permit belongs to its connection's semaphore, so the sum is over connections.
#[derive(Debug)]
pub struct Subscriptions {
    max: usize,
    of_connections: Mutex<Vec<(Weak<Semaphore>, usize)>>,
}

/// Subscriptions of one connection.
#[derive(Clone, Debug)]
pub struct ConnectionSubscriptions {
    max: usize,
    free: Arc<Semaphore>,
}

impl Subscriptions {
    pub fn new(max: u32) -> Self {
        Self {
            max: max as usize,
            of_connections: Mutex::default(),
        }
    }

    pub fn connection(&self, max: u32) -> ConnectionSubscriptions {
        let max = max as usize;
        ConnectionSubscriptions {
            max,
            free: Arc::new(Semaphore::new(max)),
        }
    }

    /// One more of this connection, or the limit that it would break.
    pub fn acquire(&self, connection: &ConnectionSubscriptions) -> Result<OwnedSemaphorePermit, usize> {
        let mut known = lock(&self.of_connections);
        if open(&mut known) >= self.max {
            return Err(self.max);
        }
        let is_first = connection.free.available_permits() == connection.max;
        let permit = connection.free.clone().try_acquire_owned();
        let permit = permit.map_err(|_| connection.max)?;
        let weak = Arc::downgrade(&connection.free);
        if is_first && !known.iter().any(|(other, _)| other.ptr_eq(&weak)) {
            known.push((weak, connection.max));
        }
        Ok(permit)
    }

    pub fn open(&self) -> usize {
        open(&mut lock(&self.of_connections))
    }
}

/// The sum; forgets connections without a subscription.
fn open(known: &mut Vec<(Weak<Semaphore>, usize)>) -> usize {
    let mut sum = 0;
    known.retain(|(free, max)| {
        let used = free.upgrade().map_or(0, |free| max - free.available_permits());
        sum += used;
        used > 0
    });
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_by_network_but_not_of_loopback() {
        let connections = Arc::new(Connections::new(&Config {
            max_connections: 4,
            max_connections_per_address: 1,
            ..Config::default()
        }));
        let admit = |text: &str| connections.admit(text.parse().unwrap());
        let first = admit("192.0.2.1").unwrap();
        assert_eq!(admit("192.0.2.1").unwrap_err(), "connections_per_address");
        let _others = [
            admit("127.0.0.1").unwrap(),
            admit("127.0.0.1").unwrap(),
            admit("2001:db8::1").unwrap(),
        ];
        assert_eq!(admit("127.0.0.1").unwrap_err(), "connections");
        drop(first);
        assert_eq!(admit("2001:db8::2").unwrap_err(), "connections_per_address");
        let _again = admit("192.0.2.1").unwrap();
        assert_eq!(connections.open(), 4);
    }

    #[test]
    fn small_buffers_are_free_and_large_ones_bounded() {
        let budget = Arc::new(Budget::new(100));
        let (mut one, mut other) = (budget.hold(), budget.hold());
        assert!(one.cover(Config::SMALL_BYTES + 60) && other.cover(Config::SMALL_BYTES + 40));
        assert!(!other.cover(Config::SMALL_BYTES + 41));
        assert!(one.cover(10), "a buffer does not shrink");
        assert_eq!(budget.used(), 100);
        drop(one);
        assert!(other.cover(Config::SMALL_BYTES + 100));
        drop(other);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn subscriptions_are_bounded_twice() {
        let all = Subscriptions::new(3);
        let (one, other) = (all.connection(2), all.connection(2));
        let first = [all.acquire(&one).unwrap(), all.acquire(&one).unwrap()];
        assert_eq!(all.acquire(&one).unwrap_err(), 2);
        let _third = all.acquire(&other).unwrap();
        assert_eq!(all.acquire(&other).unwrap_err(), 3);
        drop(first);
        assert_eq!(all.open(), 1);
        let _fourth = all.acquire(&one).unwrap();
        assert_eq!(all.open(), 2);
    }
}
