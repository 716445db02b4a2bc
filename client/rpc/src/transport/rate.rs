//! Requests per second of one network.

use super::peer::Network;
use crate::Config;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter, clock::DefaultClock};
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Networks that were silent long enough to have their full burst again are forgotten no more often than this.
const SWEEP: Duration = Duration::from_secs(1);

/// A bucket for each network, of which there are only so many.
pub struct RateLimit {
    buckets: RateLimiter<Network, HashMapStateStore<Network>, DefaultClock>,
    max_networks: usize,
    per_second: NonZeroU32,
    swept_at: Mutex<Instant>,
}

impl RateLimit {
    pub fn new(config: &Config) -> Option<Self> {
        let per_second = config.rate_limit_per_second?;
        // A batch that is allowed at all must be able to pass.
        let burst = config.rate_limit_burst.max(config.max_batch_len).max(1);
        let burst = NonZeroU32::new(burst)?;
        Some(Self {
            buckets: RateLimiter::hashmap(Quota::per_second(per_second).allow_burst(burst)),
            max_networks: config.max_rate_addresses,
            per_second,
            swept_at: Mutex::new(Instant::now()),
        })
    }

    pub fn per_second(&self) -> usize {
        self.per_second.get() as usize
    }

    /// Whether the network may make so many requests now.
    pub fn allows(&self, network: Network, requests: usize) -> bool {
        let Some(requests) = u32::try_from(requests).ok().and_then(NonZeroU32::new) else {
            return requests == 0;
        };
        let network = if self.is_full() { Network::OTHERS } else { network };
        matches!(self.buckets.check_key_n(&network, requests), Ok(Ok(())))
    }

    fn is_full(&self) -> bool {
        if self.buckets.len() < self.max_networks {
            return false;
        }
        if let Ok(mut swept_at) = self.swept_at.try_lock()
            && swept_at.elapsed() >= SWEEP
        {
            *swept_at = Instant::now();
            self.buckets.retain_recent();
        }
        self.buckets.len() >= self.max_networks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(max_rate_addresses: usize) -> RateLimit {
        RateLimit::new(&Config {
            rate_limit_per_second: NonZeroU32::new(1),
            rate_limit_burst: 3,
            max_batch_len: 2,
            max_rate_addresses,
            ..Config::default()
        })
        .unwrap()
    }

    fn network(n: u8) -> Network {
        Network::of([192, 0, 2, n].into())
    }

    #[test]
    fn a_network_has_its_burst_and_others_theirs() {
        let limit = limit(10);
        assert!(limit.allows(network(1), 2) && limit.allows(network(1), 1));
        assert!(!limit.allows(network(1), 1));
        assert!(limit.allows(network(2), 3));
        assert!(!limit.allows(network(3), 4), "more than a burst never passes");
    }

    #[test]
    fn strangers_share_one_bucket_when_the_table_is_full() {
        let limit = limit(2);
        assert!(limit.allows(network(1), 3) && limit.allows(network(2), 3));
        assert!(limit.allows(network(3), 3));
        assert!(!limit.allows(network(4), 1));
        assert!(limit.buckets.len() <= 3);
    }
}
