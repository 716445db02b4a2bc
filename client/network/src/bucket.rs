//! A token bucket: so much at once, and so much per second after that. It knows no clock.

use std::time::Instant;

#[derive(Clone, Debug)]
pub struct Bucket {
    burst: u64,
    per_second: u64,
    /// In thousandths, so that slow buckets fill between calls that are close together.
    level_milli: u64,
    filled_at: Instant,
}

impl Bucket {
    /// A full one.
    pub fn new(burst: u64, per_second: u64, now: Instant) -> Self {
        Self {
            burst,
            per_second,
            level_milli: burst.saturating_mul(1000),
            filled_at: now,
        }
    }

    /// Takes `amount`, or nothing if there is less.
    pub fn take(&mut self, amount: u64, now: Instant) -> bool {
        self.fill(now);
        let Some(left) = self.level_milli.checked_sub(amount.saturating_mul(1000)) else {
            return false;
        };
        self.level_milli = left;
        true
    }

    fn fill(&mut self, now: Instant) {
        let millis = now.saturating_duration_since(self.filled_at).as_millis();
        if millis == 0 {
            return;
        }
        self.filled_at = now;
        let gained = u64::try_from(millis)
            .unwrap_or(u64::MAX)
            .saturating_mul(self.per_second);
        let full = self.burst.saturating_mul(1000);
        self.level_milli = self.level_milli.saturating_add(gained).min(full);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_then_the_rate_and_never_more_than_a_burst() {
        let start = Instant::now();
        let mut bucket = Bucket::new(3, 2, start);
        assert!(bucket.take(3, start) && !bucket.take(1, start));
        assert!(!bucket.take(1, start + Duration::from_millis(499)));
        assert!(bucket.take(1, start + Duration::from_millis(500)));
        let later = start + Duration::from_secs(60);
        assert!(!bucket.take(4, later) && bucket.take(3, later) && !bucket.take(1, later));
        assert!(!bucket.take(u64::MAX, later));
        // A clock that goes back gives nothing and takes nothing.
        assert!(!bucket.take(1, start));
    }
}
