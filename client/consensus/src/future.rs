//! Messages of heights to come: whoever is ahead does not have to say all once more. Nobody has checked their signatures,
//! so what they take is bounded, for each seat that they claim to be of.

use crate::message::Message;
use quids_core::Height;
use quids_pobpc::SeatIndex;
use std::collections::BTreeMap;

/// Heights ahead of this one.
const HEIGHTS_MAX: u32 = 2;
/// Messages of one height and seat: those of two rounds.
const OF_SEAT_MAX: usize = 8;
/// Messages of one height.
const OF_HEIGHT_MAX: usize = 1024;

#[derive(Debug, Default)]
pub struct Future(BTreeMap<Height, Vec<Message>>);

/// Certificates have no seat.
fn seat(message: &Message) -> Option<SeatIndex> {
    match message {
        Message::Vote(vote) => Some(vote.seat),
        Message::Proposal(proposal) => Some(proposal.seat),
        Message::Polka(_) | Message::Round(_) => None,
    }
}

impl Future {
    /// Keeps a message of a height above this one, if there is room.
    pub fn keep(&mut self, now: Height, message: Message) {
        let height = message.height();
        if height <= now || height > now.saturating_add(Height(HEIGHTS_MAX)) {
            return;
        }
        let Some(seat_index) = seat(&message) else { return };
        let kept = self.0.entry(height).or_default();
        let of_seat = kept.iter().filter(|one| seat(one) == Some(seat_index)).count();
        if kept.len() < OF_HEIGHT_MAX && of_seat < OF_SEAT_MAX && !kept.contains(&message) {
            kept.push(message);
        }
    }

    /// Those of this height; what is below goes.
    pub fn take(&mut self, height: Height) -> Vec<Message> {
        self.0.retain(|kept, _| *kept >= height);
        self.0.remove(&height).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quids_crypto::{Signature, SignatureScheme};
    use quids_pobpc::{Round, Signed, Vote, VoteKind};

    fn vote(height: u32, seat: u16, round: u32) -> Message {
        Message::Vote(Signed {
            message: Vote {
                kind: VoteKind::Prevote,
                height: Height(height),
                round: Round(round),
                block: None,
            },
            seat: SeatIndex(seat),
            signature: Signature::new(SignatureScheme::Falcon512, &[0; 666]).unwrap(),
        })
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut future = Future::default();
        let now = Height(10);
        for height in 0..100 {
            for round in 0..100 {
                future.keep(now, vote(height, 3, round));
                future.keep(now, vote(height, 3, round));
            }
        }
        assert_eq!(future.0.keys().copied().collect::<Vec<_>>(), [Height(11), Height(12)]);
        for seat in 0..u16::MAX {
            future.keep(now, vote(12, seat, 0));
        }
        assert_eq!(future.0[&Height(12)].len(), OF_HEIGHT_MAX);
        let rounds: Vec<_> = (0..8).map(|round| vote(11, 3, round)).collect();
        assert_eq!(future.take(Height(11)), rounds);
        assert_eq!(future.take(Height(13)), []);
        assert!(future.0.is_empty());
    }
}
