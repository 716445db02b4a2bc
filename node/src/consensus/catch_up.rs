//! Catching up: whom to ask for final blocks, and when.

use quids_core::Height;
use quids_network::PeerId;
use std::time::{Duration, Instant};

/// Between two questions without a reason.
const IDLE: Duration = Duration::from_secs(2);
/// Between two questions after word of a higher block.
const BEHIND: Duration = Duration::from_millis(300);

/// Who may have final blocks that this node lacks.
#[derive(Default)]
pub struct CatchUp {
    is_awaited: bool,
    asked: Option<Instant>,
    /// Who spoke of a height above the one being decided, which is therefore final.
    ahead: Option<(Height, PeerId)>,
    /// Whose turn it is.
    turn: usize,
}

impl CatchUp {
    /// A peer is at a height that this node has not reached.
    pub fn heard(&mut self, height: Height, from: PeerId) {
        if self.ahead.is_none_or(|(known, _)| known < height) {
            self.ahead = Some((height, from));
        }
    }

    /// Whom to ask now for the blocks from `height` on, if anybody.
    pub fn ask(&mut self, height: Height, peers: &[PeerId], now: Instant) -> Option<PeerId> {
        if self.is_awaited {
            return None;
        }
        self.ahead = self.ahead.filter(|(ahead, _)| *ahead > height);
        let wait = if self.ahead.is_some() { BEHIND } else { IDLE };
        if self.asked.is_some_and(|asked| now.duration_since(asked) < wait) {
            return None;
        }
        self.turn = self.turn.wrapping_add(1);
        // Whoever says to be ahead may give nothing: others are asked in between.
        let ahead = self.ahead.take().map(|(_, peer)| peer);
        let ahead = ahead.filter(|peer| self.turn.is_multiple_of(2) && peers.contains(peer));
        let next = || peers.get((self.turn / 2).checked_rem(peers.len())?).copied();
        let peer = ahead.or_else(next)?;
        self.is_awaited = true;
        self.asked = Some(now);
        Some(peer)
    }

    /// There is an answer, or there will be none.
    pub fn answered(&mut self) {
        self.is_awaited = false;
    }

    /// The next question does not wait.
    pub fn hurry(&mut self) {
        self.asked = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quids_network::NodeKey;

    fn peers(count: u8) -> Vec<PeerId> {
        (0..count)
            .map(|seed| NodeKey::from_seed([seed; 32]).peer_id())
            .collect()
    }

    #[test]
    fn who_claims_to_be_ahead_is_asked_and_others_in_between() {
        let (peers, height) = (peers(3), Height(5));
        let mut catch_up = CatchUp::default();
        let mut now = Instant::now();
        let mut asked = Vec::new();
        for _ in 0..12 {
            catch_up.heard(Height(u32::MAX), peers[0]);
            asked.extend(catch_up.ask(height, &peers, now));
            assert_eq!(catch_up.ask(height, &peers, now), None, "one at a time");
            catch_up.answered();
            assert_eq!(catch_up.ask(height, &peers, now), None, "not at once again");
            now += BEHIND;
        }
        assert_eq!(asked.len(), 12);
        for peer in &peers {
            assert!(asked.iter().filter(|asked| *asked == peer).count() >= 2);
        }
        assert!(asked.iter().filter(|asked| **asked == peers[0]).count() >= 6);
    }

    #[test]
    fn without_a_reason_it_is_asked_now_and_then() {
        let peers = peers(2);
        let mut catch_up = CatchUp::default();
        let now = Instant::now();
        assert_eq!(catch_up.ask(Height(1), &[], now), None);
        assert!(catch_up.ask(Height(1), &peers, now).is_some());
        catch_up.answered();
        // What was decided since is no news.
        catch_up.heard(Height(2), peers[1]);
        assert_eq!(catch_up.ask(Height(2), &peers, now + BEHIND), None);
        assert!(catch_up.ask(Height(2), &peers, now + IDLE).is_some());
        catch_up.answered();
        catch_up.hurry();
        assert!(catch_up.ask(Height(2), &peers, now + IDLE).is_some());
    }
}
