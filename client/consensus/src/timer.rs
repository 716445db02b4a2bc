//! Timers: how long a step of a round waits before it goes on without what it waits for.

use crate::context::{Pobpc, bft_round, our_round};
use codec::{Decode, Encode};
use malachite_types::{self as bft, TimeoutKind};
use quids_core::Height;
use quids_pobpc::Round;
use std::time::Duration;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum TimerKind {
    /// For the proposal.
    #[codec(index = 0)]
    Propose,
    /// For more prevotes, when a quorum does not agree.
    #[codec(index = 1)]
    Prevote,
    /// For more precommits, when a quorum does not agree.
    #[codec(index = 2)]
    Precommit,
    /// Until votes are sent once more.
    #[codec(index = 3)]
    Rebroadcast,
}

/// A timer. One that is started again begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timer {
    pub height: Height,
    pub round: Round,
    pub kind: TimerKind,
}

/// How long timers run: each round longer than the one before, so that once messages arrive in bounded time, some round is
/// long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub propose: Duration,
    /// Of both kinds.
    pub vote: Duration,
    pub rebroadcast: Duration,
    /// What each round adds.
    pub delta: Duration,
    pub max: Duration,
}

impl Default for Timeouts {
    /// For blocks of a second: what a committee on one continent needs, with room.
    fn default() -> Self {
        Self {
            propose: Duration::from_millis(1500),
            vote: Duration::from_millis(500),
            rebroadcast: Duration::from_millis(2000),
            delta: Duration::from_millis(500),
            max: Duration::from_secs(30),
        }
    }
}

impl Timeouts {
    pub fn of(&self, timer: Timer) -> Duration {
        let first = match timer.kind {
            TimerKind::Propose => self.propose,
            TimerKind::Prevote | TimerKind::Precommit => self.vote,
            TimerKind::Rebroadcast => self.rebroadcast,
        };
        let added = self.delta.saturating_mul(timer.round.0);
        first.saturating_add(added).min(self.max)
    }
}

impl bft::Timeouts<Pobpc> for Timeouts {
    fn duration_for(&self, timeout: bft::Timeout) -> Duration {
        our_timer(Height::ZERO, timeout).map_or(Duration::ZERO, |timer| self.of(timer))
    }
}

/// `None` for what we do not use: a height is final as soon as it is decided.
pub fn our_timer(height: Height, timeout: bft::Timeout) -> Option<Timer> {
    let kind = match timeout.kind {
        TimeoutKind::Propose => TimerKind::Propose,
        TimeoutKind::Prevote => TimerKind::Prevote,
        TimeoutKind::Precommit => TimerKind::Precommit,
        TimeoutKind::Rebroadcast => TimerKind::Rebroadcast,
        TimeoutKind::FinalizeHeight(_) => return None,
    };
    Some(Timer {
        height,
        round: our_round(timeout.round)?,
        kind,
    })
}

pub fn bft_timeout(round: Round, kind: TimerKind) -> bft::Timeout {
    let kind = match kind {
        TimerKind::Propose => TimeoutKind::Propose,
        TimerKind::Prevote => TimeoutKind::Prevote,
        TimerKind::Precommit => TimeoutKind::Precommit,
        TimerKind::Rebroadcast => TimeoutKind::Rebroadcast,
    };
    bft::Timeout::new(bft_round(Some(round)), kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_waits_longer_up_to_a_bound() {
        let timeouts = Timeouts::default();
        let propose = |round| {
            timeouts.of(Timer {
                height: Height(1),
                round: Round(round),
                kind: TimerKind::Propose,
            })
        };
        assert_eq!(propose(0), Duration::from_millis(1500));
        assert_eq!(propose(3), Duration::from_millis(3000));
        assert_eq!(propose(u32::MAX), timeouts.max);
    }
}
