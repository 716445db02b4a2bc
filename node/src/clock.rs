//! The author's clock: the wall's, unless the owner of a development chain moves it.

use parking_lot::Mutex;
use std::{
    sync::OnceLock,
    time::{SystemTime, UNIX_EPOCH},
};

/// The clock cannot be moved further: seconds of about 3 000 years, which JavaScript's dates and `u64` milliseconds hold.
pub const MOVED_MAX_S: u64 = 100_000_000_000;

/// Tells the time of the next block.
#[derive(Debug, Default)]
pub struct Clock(Mutex<Settings>);

/// How the clock differs from the wall's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    offset_ms: i64,
    /// The time of the next block, from where the clock then goes on.
    next_ms: Option<u64>,
}

/// Environment variable by which tests make the clock of a process go wrong: milliseconds, with sign.
const SKEW: &str = "QUIDS_CLOCK_SKEW_MS";

/// Milliseconds since 1970.
pub(crate) fn wall_ms() -> u64 {
    static SKEW_MS: OnceLock<i64> = OnceLock::new();
    let skew_ms = *SKEW_MS.get_or_init(|| {
        std::env::var(SKEW)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or_default()
    });
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    now.saturating_add_signed(skew_ms)
}

impl Clock {
    /// The time of a block after one of `last_ms`; the chain sees to it that time never goes back.
    pub fn next_ms(&self, last_ms: u64) -> u64 {
        self.0.lock().next_ms(wall_ms(), last_ms)
    }

    /// A block of this time was made.
    pub fn used(&self, at_ms: u64) {
        self.0.lock().used(wall_ms(), at_ms);
    }

    /// Moves it forward; by how much it differs from the wall's then, in seconds. `None` if that is too far.
    pub fn advance(&self, seconds: u64) -> Option<u64> {
        self.0.lock().advance(seconds)
    }

    /// The next block is to have this time, if that is after the last block's.
    pub fn set_next_ms(&self, next_ms: u64) {
        self.0.lock().next_ms = Some(next_ms);
    }

    pub fn settings(&self) -> Settings {
        *self.0.lock()
    }

    pub fn set(&self, settings: Settings) {
        *self.0.lock() = settings;
    }
}

impl Settings {
    fn next_ms(&self, wall_ms: u64, last_ms: u64) -> u64 {
        let now = self
            .next_ms
            .unwrap_or_else(|| wall_ms.saturating_add_signed(self.offset_ms));
        now.max(last_ms.saturating_add(1))
    }

    fn used(&mut self, wall_ms: u64, at_ms: u64) {
        if self.next_ms.take().is_some() {
            self.offset_ms = i64::try_from(i128::from(at_ms) - i128::from(wall_ms)).unwrap_or(i64::MAX);
        }
    }

    fn advance(&mut self, seconds: u64) -> Option<u64> {
        let by_ms = i64::try_from(seconds.checked_mul(1_000)?).ok()?;
        let offset_ms = self.offset_ms.checked_add(by_ms)?;
        let offset_s = u64::try_from(offset_ms).unwrap_or_default() / 1_000;
        if offset_s > MOVED_MAX_S {
            return None;
        }
        self.offset_ms = offset_ms;
        if let Some(next_ms) = &mut self.next_ms {
            *next_ms = next_ms.saturating_add_signed(by_ms);
        }
        Some(offset_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_walls_until_it_is_moved() {
        let mut clock = Settings::default();
        assert_eq!(clock.next_ms(5_000, 0), 5_000);
        // Time never stands still.
        assert_eq!(clock.next_ms(5_000, 7_000), 7_001);
        clock.used(5_000, 7_001);
        assert_eq!(clock.next_ms(8_000, 0), 8_000);
        assert_eq!(clock.advance(60), Some(60));
        assert_eq!(clock.advance(40), Some(100));
        assert_eq!(clock.next_ms(8_000, 0), 108_000);
    }

    #[test]
    fn a_time_that_was_set_is_the_next_blocks_and_the_clock_goes_on_from_it() {
        let mut clock = Settings {
            next_ms: Some(2_000_000),
            ..Settings::default()
        };
        // Asking does not use it up.
        assert_eq!(
            (clock.next_ms(5_000, 0), clock.next_ms(5_000, 0)),
            (2_000_000, 2_000_000)
        );
        clock.used(5_000, 2_000_000);
        assert_eq!(clock.next_ms(6_000, 2_000_000), 2_001_000);
        // Back before the wall's time too.
        clock.next_ms = Some(3_000);
        clock.used(10_000, 3_000);
        assert_eq!(clock.next_ms(11_000, 3_000), 4_000);
        clock.next_ms = Some(9_000);
        assert_eq!(clock.advance(1), Some(0));
        assert_eq!(clock.next_ms(11_000, 3_000), 10_000);
    }

    #[test]
    fn it_is_not_moved_beyond_all_bounds() {
        let mut clock = Settings::default();
        for seconds in [u64::MAX, u64::MAX / 1_000, i64::MAX as u64 / 1_000, MOVED_MAX_S + 1] {
            assert_eq!(clock.advance(seconds), None, "{seconds}");
        }
        assert_eq!(clock.advance(MOVED_MAX_S), Some(MOVED_MAX_S));
        assert_eq!(clock.advance(1), None);
        assert_eq!(clock.next_ms(1, u64::MAX), u64::MAX);
    }
}
