//! A bound on how many do something at once.

use parking_lot::{Condvar, Mutex};
use std::time::Duration;

/// A number of permits.
pub struct Permits {
    free: Mutex<usize>,
    returned: Condvar,
}

/// A permit; dropped, it is free again.
pub struct Permit<'a>(&'a Permits);

impl Permits {
    pub fn new(count: usize) -> Self {
        Self {
            free: Mutex::new(count),
            returned: Condvar::new(),
        }
    }

    /// Waits for a free permit; `None` after `patience`.
    pub fn acquire(&self, patience: Duration) -> Option<Permit<'_>> {
        let mut free = self.free.lock();
        let waited = self.returned.wait_while_for(&mut free, |free| *free == 0, patience);
        if waited.timed_out() && *free == 0 {
            return None;
        }
        *free -= 1;
        Some(Permit(self))
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_bound_at_once() {
        let permits = Permits::new(2);
        let short = Duration::from_millis(10);
        let first = permits.acquire(short);
        let second = permits.acquire(short);
        assert!(first.is_some() && second.is_some());
        assert!(permits.acquire(short).is_none());
        drop(first);
        assert!(permits.acquire(short).is_some());
    }
}
