//! The specification's `select_witnesses`: who sits at a height. A pure function of candidates, seats and a seed.

use crate::{Candidate, Reliability};
use alloc::vec::Vec;
use quids_core::{Balance, Hash};
use quids_pobpc::{Role, SEATS_MAX, faulty_max};

/// Separates draws from every other hash.
const DOMAIN: &[u8] = b"quids/draw/v1";

/// 10^-6 of the token: what is smaller of a bond counts nothing.
const BOND_UNIT: u128 = 1_000_000_000_000;

/// What a validator weighs in a draw: its bond in millionths of the token, times its reliability. At least 1 and below
/// 2^84, so that the weights of all validators fit `u128` by far.
pub fn draw_weight(bond: Balance, reliability: Reliability) -> u128 {
    let bond = bond.0.checked_div(BOND_UNIT).unwrap_or_default();
    let bond = bond.clamp(1, u128::from(u64::MAX));
    bond.saturating_mul(reliability.0.into()).max(1)
}

/// How many seats a committee may have of so many candidates, `full` of them full nodes: more full ones than may be faulty.
pub fn seats_for(witness_count: usize, candidates: usize, full: usize) -> usize {
    // faulty_max(n) < full  ⇔  n ≤ 3·full
    witness_count.min(candidates).min(full.saturating_mul(3)).min(SEATS_MAX)
}

/// Places of those who sit, ascending. All, if there are as many seats; else drawn without replacement by weight: first
/// one full node more than may be faulty, then the others from all who are left. Empty without a full node.
pub fn select_witnesses(candidates: &[Candidate], witness_count: usize, seed: &Hash) -> Vec<usize> {
    let is_full = |at: usize| candidates.get(at).is_some_and(|one| one.role == Role::Full);
    let full = (0..candidates.len()).filter(|at| is_full(*at)).count();
    let seats = seats_for(witness_count, candidates.len(), full);
    if seats == candidates.len() {
        return (0..seats).collect();
    }
    if seats == 0 {
        return Vec::new();
    }
    let (first, rest): (Vec<usize>, Vec<usize>) = (0..candidates.len()).partition(|at| is_full(*at));
    let mut draw = Draw {
        candidates,
        seed,
        drawn: Vec::with_capacity(seats),
    };
    let unlucky = draw.seats(first, faulty_max(seats).saturating_add(1));
    let rest = unlucky.into_iter().chain(rest).collect();
    draw.seats(rest, seats);
    let mut drawn = draw.drawn;
    drawn.sort_unstable();
    drawn
}

struct Draw<'a> {
    candidates: &'a [Candidate],
    seed: &'a Hash,
    drawn: Vec<usize>,
}

impl Draw<'_> {
    /// Draws from `pool` until so many are drawn altogether; who is left.
    fn seats(&mut self, mut pool: Vec<usize>, until: usize) -> Vec<usize> {
        let weight = |at: &usize| self.candidates.get(*at).map_or(0, |one| one.weight);
        let mut total = pool.iter().map(weight).fold(0u128, u128::saturating_add);
        while self.drawn.len() < until && !pool.is_empty() {
            let mut point = self.number().checked_rem(total).unwrap_or_default();
            // The last one, should a sum have saturated.
            let mut at = pool.len().saturating_sub(1);
            for (place, one) in pool.iter().enumerate() {
                let weight = self.candidates.get(*one).map_or(0, |one| one.weight);
                match point.checked_sub(weight) {
                    None => {
                        at = place;
                        break;
                    }
                    Some(left) => point = left,
                }
            }
            let one = pool.remove(at);
            total = total.saturating_sub(self.candidates.get(one).map_or(0, |one| one.weight));
            self.drawn.push(one);
        }
        pool
    }

    /// The number of the next draw, uniform below 2^128: a sum of weights is below 2^100, so its remainder favours
    /// nobody by more than 2^-28.
    fn number(&self) -> u128 {
        let which = (self.drawn.len() as u64).to_le_bytes();
        let hash = quids_io::hashing::blake3_256(&[DOMAIN, self.seed.as_bytes(), &which].concat());
        let (low, _) = hash.split_first_chunk().unwrap_or((&[0; 16], &[]));
        u128::from_le_bytes(*low)
    }
}
