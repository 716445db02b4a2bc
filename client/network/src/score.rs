//! What peers lose for what they do, and when that is too much. It knows no clock.

use std::time::{Duration, Instant};

/// From here down a peer is banned.
pub const FLOOR: i32 = -100;
/// How long.
pub const BAN: Duration = Duration::from_secs(600);
/// A peer gets back one point in this time, up to 0.
const FORGIVEN_EVERY: Duration = Duration::from_secs(5);

/// What a peer did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Offence {
    /// A block that cannot be right, whatever the state.
    InvalidBlock,
    /// A message that cannot be right.
    InvalidMessage,
    /// An answer to something else, or that proves nothing.
    WrongAnswer,
    /// Bytes that are no frame of the protocol.
    Malformed,
    /// More messages, bytes or requests than allowed.
    Flood,
    /// No answer in time.
    Slow,
    /// It said that it has what it then did not give.
    Withheld,
}

impl Offence {
    /// Points.
    #[must_use]
    pub const fn cost(self) -> i32 {
        match self {
            Self::InvalidBlock => 50,
            Self::WrongAnswer | Self::Malformed => 25,
            Self::InvalidMessage => 20,
            Self::Withheld => 10,
            Self::Slow => 5,
            Self::Flood => 1,
        }
    }

    /// As in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidBlock => "invalid_block",
            Self::InvalidMessage => "invalid_message",
            Self::WrongAnswer => "wrong_answer",
            Self::Malformed => "malformed",
            Self::Flood => "flood",
            Self::Slow => "slow",
            Self::Withheld => "withheld",
        }
    }
}

/// From 0 down.
#[derive(Clone, Debug)]
pub struct Score {
    points: i32,
    forgiven_at: Instant,
}

impl Score {
    pub fn new(now: Instant) -> Self {
        Self {
            points: 0,
            forgiven_at: now,
        }
    }

    /// Lowers it; true if the peer is to be banned.
    pub fn lower(&mut self, offence: Offence, now: Instant) -> bool {
        self.forgive(now);
        self.points = self.points.saturating_sub(offence.cost());
        self.points <= FLOOR
    }

    pub fn points(&self) -> i32 {
        self.points
    }

    /// Gives back what time has earned.
    pub fn forgive(&mut self, now: Instant) {
        let times = now.saturating_duration_since(self.forgiven_at).as_millis() / FORGIVEN_EVERY.as_millis();
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        if times > 0 {
            self.forgiven_at = now;
            self.points = self.points.saturating_add_unsigned(times).min(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offences_add_up_to_a_ban_and_time_forgives() {
        let start = Instant::now();
        let mut score = Score::new(start);
        assert!(!score.lower(Offence::InvalidBlock, start));
        assert!(!score.lower(Offence::WrongAnswer, start));
        assert_eq!(score.points(), -75);
        score.forgive(start + FORGIVEN_EVERY * 30);
        assert_eq!(score.points(), -45);
        assert!(!score.lower(Offence::InvalidBlock, start + FORGIVEN_EVERY * 30));
        assert!(score.lower(Offence::Slow, start + FORGIVEN_EVERY * 30));
        score.forgive(start + FORGIVEN_EVERY * 1000);
        assert_eq!(score.points(), 0);
    }
}
