//! `select_witnesses`: properties of every draw.

use crate::mock::account;
use pallet_pobpc::{Candidate, Reliability, draw_weight, seats_for, select_witnesses};
use proptest::prelude::*;
use quids_core::{Balance, Hash};
use quids_pobpc::{Role, faulty_max};
use std::collections::BTreeSet;

fn candidate(number: usize, full: bool, weight: u128) -> Candidate {
    let role = if full { Role::Full } else { Role::Witness };
    let account = account(number as u8);
    Candidate { account, role, weight }
}

fn seed(number: u64) -> Hash {
    quids_crypto::blake3_256(&number.to_le_bytes()).into()
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let one = (any::<bool>(), prop_oneof![1u128..10, 1u128 << 80..1 << 84]);
    proptest::collection::vec(one, 1..60).prop_map(|all| {
        let all = all.into_iter().enumerate();
        all.map(|(number, (full, weight))| candidate(number, full, weight))
            .collect()
    })
}

proptest! {
    #[test]
    fn every_draw_is_a_committee(all in candidates(), count in 1usize..40, seed in any::<[u8; 32]>()) {
        let seed = Hash::from(seed);
        let drawn = select_witnesses(&all, count, &seed);
        let is_full = |at: &usize| all[*at].role == Role::Full;
        let full = (0..all.len()).filter(is_full).count();
        prop_assert_eq!(drawn.len(), seats_for(count, all.len(), full));
        prop_assert!(drawn.len() <= count);
        // Ascending, so none twice.
        prop_assert!(drawn.windows(2).all(|two| two[0] < two[1]));
        prop_assert!(drawn.iter().all(|at| *at < all.len()));
        if full == 0 {
            prop_assert!(drawn.is_empty());
        } else {
            prop_assert!(drawn.iter().filter(|at| is_full(at)).count() > faulty_max(drawn.len()));
            // As many as can be.
            let more = drawn.len() + 1;
            prop_assert!(more > count || more > all.len() || full <= faulty_max(more));
        }
        prop_assert_eq!(select_witnesses(&all, count, &seed), drawn);
    }
}

#[test]
fn chances_follow_weights() {
    // Full nodes only, so that one rule draws all of them.
    let all: Vec<Candidate> = (0..10)
        .map(|number| candidate(number, true, if number == 0 { 30 } else { 10 }))
        .collect();
    let mut seats = [0u32; 10];
    let mut committees = BTreeSet::new();
    for draw in 0..4000u64 {
        let drawn = select_witnesses(&all, 1, &seed(draw));
        seats[drawn[0]] += 1;
        committees.insert(select_witnesses(&all, 4, &seed(draw)));
    }
    // 1000 and 333 expected; five standard deviations.
    assert!((863..1137).contains(&seats[0]), "{seats:?}");
    assert!(seats[1..].iter().all(|one| (245..422).contains(one)), "{seats:?}");
    assert_eq!(committees.len(), 210, "each of the committees of four");
}

#[test]
fn a_draw_is_pinned() {
    let all: Vec<Candidate> = (0..20)
        .map(|number| candidate(number, number % 3 == 0, number as u128 + 1))
        .collect();
    let draws: Vec<_> = (0..3u8)
        .map(|seed| select_witnesses(&all, 7, &Hash::repeat_byte(seed)))
        .collect();
    let expected = [
        [3, 6, 9, 12, 13, 17, 18],
        [3, 7, 9, 14, 15, 16, 17],
        [4, 7, 9, 11, 12, 15, 18],
    ];
    assert_eq!(draws, expected);
}

#[test]
fn bonds_and_reliability_make_the_weight() {
    let micro = 1_000_000_000_000u128;
    for (bond, reliability, weight) in [
        (0, 1_000_000, 1_000_000),
        (micro, 1_000_000, 1_000_000),
        (1000 * micro + 1, 500_000, 500_000_000),
        (u128::MAX, 1_000_000, u128::from(u64::MAX) * 1_000_000),
        (0, 0, 1),
    ] {
        assert_eq!(draw_weight(Balance(bond), Reliability(reliability)), weight);
    }
    let (mut up, mut down) = (Reliability(10_000), Reliability::FULL);
    for _ in 0..300 {
        (up, down) = (up.better(), down.worse());
    }
    assert_eq!((up, down), (Reliability::FULL, Reliability(10_000)));
}
