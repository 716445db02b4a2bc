//! What each height does by itself.

use crate::mock::*;
use pallet_pobpc::{Event, Seats};
use quids_core::Height;
use quids_testing::TestRuntime;
use serde_json::json;

#[test]
fn members_make_blocks_and_nobody_else() {
    with_validators("ffwf", || {
        let wrong = |author| panics(|| _ = start_with(author, Vec::new())).unwrap();
        let height = height();
        let text = wrong(Some(account(5)));
        assert!(text.contains("is no member of the committee of height 1"), "{text}");
        pallet_system::Number::<Runtime>::put(height);
        assert!(wrong(None).contains("it names no author"));
        pallet_system::Number::<Runtime>::put(height);
        // A witness as well: it may have to propose again what another made.
        for author in [1, 2, 3, 4] {
            start(account(author));
            assert!(end().is_some());
        }
    });
}

#[test]
fn a_committee_of_all_stays_and_old_ones_are_forgotten() {
    with_validators("fffw", || {
        let first = next();
        blocks(45);
        assert_eq!(next(), first);
        let kept: Vec<bool> = (1..=47)
            .map(|height| Seats::<Runtime>::contains_key(&Height(height)))
            .collect();
        let expected: Vec<bool> = (1..=47).map(|height| (27..=46).contains(&height)).collect();
        assert_eq!(kept, expected);
    });
}

#[test]
fn the_limit_of_transactions_follows_the_load() {
    with_genesis(
        json!({ "validators": validators("ffff"), "maxTransactions": 100 }),
        || {
            // Transactions of a block, and the limit after it.
            for (count, limit) in [
                (99, 100),
                (0, 100),
                (100, 200),
                (200, 400),
                (399, 400),
                (200, 400),
                (199, 200),
                (200, 400),
                (400, 800),
                (800, 1000),
                (1000, 1000),
                (0, 500),
                (1, 250),
                (1, 125),
                (1, 100),
                (1, 100),
            ] {
                let before = next().max_transactions;
                block(|| {
                    Runtime::take_events();
                    (0..count).for_each(|_| Pobpc::note_transaction());
                });
                assert_eq!(next().max_transactions, limit, "{count}");
                let event: RuntimeEvent = Event::TransactionLimitSet { limit }.into();
                assert_eq!(Runtime::take_events().contains(&event), before != limit);
            }
            start(account(1));
            (0..101).for_each(|_| Pobpc::note_transaction());
            let text = panics(|| _ = end()).unwrap();
            assert!(
                text.contains("it has 101 transactions, at most 100 are allowed"),
                "{text}"
            );
        },
    );
}
