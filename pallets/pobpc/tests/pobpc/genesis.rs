//! What a genesis may say of validators and parameters.

use crate::mock::*;
use pallet_pobpc::{CurrentParameters, Parameters};
use quids_core::{Balance, Height};
use quids_pobpc::{Role, Threshold};
use serde_json::{Value, json};

#[test]
fn without_validators_there_is_no_consensus() {
    with_genesis(json!({}), || {
        assert_eq!(Pobpc::next(), None);
        assert_eq!(CurrentParameters::<Runtime>::get(), Parameters::default());
        // Anybody or nobody makes the block, with as much as fits, and no header speaks of committees.
        for author in [Some(account(50)), None] {
            start_with(author, Vec::new());
            (0..300).for_each(|_| Pobpc::note_transaction());
            assert_eq!(end(), None);
        }
    });
}

#[test]
fn the_parameters_are_the_specifications() {
    let Parameters {
        max_transactions,
        batch_interval,
        witness_count,
        consensus_threshold,
        checkpoint_interval,
    } = Parameters::default();
    let numbers = (
        max_transactions,
        batch_interval,
        witness_count,
        consensus_threshold.millionths(),
    );
    assert_eq!((numbers, checkpoint_interval), ((100, 1000, 7, 670_000), 0));
}

#[test]
fn validators_sit_by_account_with_their_bonds_reserved() {
    let mut four = validators("fwff");
    four.as_array_mut().unwrap().reverse();
    let settings = json!({
        "validators": four, "maxTransactions": 20, "batchInterval": 500, "witnessCount": 5, "consensusThreshold": 700_000,
    });
    with_genesis(settings, || {
        let next = next();
        assert_eq!(next.accounts, [1, 2, 3, 4].map(account));
        let seats: Vec<_> = next
            .committee
            .seats()
            .iter()
            .map(|seat| (seat.key.clone(), seat.role))
            .collect();
        let expected = [1, 2, 3, 4].map(|number| {
            let role = if number == 2 { Role::Witness } else { Role::Full };
            (key(number).public().clone(), role)
        });
        assert_eq!(seats, expected);
        assert_eq!(
            (next.threshold, next.batch_interval_ms),
            (Threshold::new(700_000).unwrap(), 500)
        );
        assert_eq!(next.max_transactions, 20);
        let balances = pallet_system::Account::<Runtime>::get(&account(1)).data;
        assert_eq!(
            (balances.free, balances.reserved),
            (Balance(900 * MICRO), Balance(100 * MICRO))
        );
        assert_eq!(Pobpc::author_of(key(3).public()), Some(account(3)));
        assert_eq!(Pobpc::author_of(key(5).public()), None);
        let infos = Pobpc::validators();
        let infos: Vec<_> = infos
            .iter()
            .map(|info| (info.account, info.bond, info.seat.unwrap().0))
            .collect();
        let bond = Balance(100 * MICRO);
        assert_eq!(
            infos,
            [(1, 0), (2, 1), (3, 2), (4, 3)].map(|(of, seat)| (account(of), bond, seat))
        );
        assert_eq!(height(), Height(0));
    });
}

#[test]
fn what_is_no_committee_is_no_genesis() {
    let check = |settings: Value, expected: &str| {
        let text = panics(|| with_genesis(settings, || ())).expect(expected);
        assert!(
            text.starts_with("genesis of pobpc: ") && text.contains(expected),
            "{text}"
        );
    };
    let changed = |field: &str, value: Value| {
        let mut four = validators("ffff");
        four[3][field] = value;
        json!({ "validators": four })
    };
    let first = validators("f")[0].clone();
    for (field, value, expected) in [
        ("account", first["account"].clone(), "it is named twice"),
        (
            "key",
            first["key"].clone(),
            &*format!("it has the key of validator {}", account(1)),
        ),
        ("key", json!("0x1234"), "2"),
        ("key", json!("1234"), "does not begin with 0x"),
        ("scheme", json!("rsa"), "\"rsa\" is no signature scheme"),
        ("bond", json!("1000000000000000000000000"), "cannot be reserved"),
        ("commitment", json!("0x12"), "has not 32 bytes"),
    ] {
        check(changed(field, value), expected);
    }
    let mut slow = changed("scheme", json!("sphincs-shake-256f"));
    slow["validators"][3]["key"] = json!(format!("0x{}", "07".repeat(64)));
    check(slow, "votes are signed with falcon-512 or ml-dsa-87");
    for roles in ["w", "fwww", "ffwwwww", "wwwwwwwwww"] {
        check(json!({ "validators": validators(roles) }), "more than may be faulty");
    }
    for (field, value, expected) in [
        ("maxTransactions", json!(0), "max_transactions"),
        ("maxTransactions", json!(1001), "max_transactions"),
        ("batchInterval", json!(49), "batch_interval"),
        ("witnessCount", json!(0), "witness_count"),
        ("witnessCount", json!(129), "witness_count"),
        ("consensusThreshold", json!(666_666), "two thirds"),
    ] {
        check(json!({ field: value }), expected);
    }
}

#[test]
fn few_full_nodes_are_enough_for_few_seats() {
    for roles in ["f", "fw", "fww", "ffwwww", "fffwwww", "fffwwwwwww"] {
        with_validators(roles, || {
            assert_eq!(next().committee.seats().len(), roles.len().min(7));
        });
    }
}
