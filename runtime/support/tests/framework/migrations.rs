//! Versions of a pallet's storage, stepped migrations, and the helpers for the usual cases.

use crate::{Runtime, ledger::pallet::Pallet as Ledger};
use quids_core::Weight;
use quids_io::{MemoryExternalities, storage};
use quids_support::migrations::{
    Migrations, Progress, SteppedMigration, WeightMeter, item_prefix, migrate_from, move_prefix, pallet_prefix,
    remove_prefix, set_storage_version, storage_version, translate_prefix, translate_values,
};

const OLD: [u8; 32] = item_prefix("Ledger", "Old");
const NEW: [u8; 32] = item_prefix("Ledger", "New");

/// Ten entries under `prefix`, one at the prefix itself, and one right before and after.
fn fill(prefix: &[u8]) {
    storage::set(prefix, &[0]);
    for n in 1..10u8 {
        storage::set(&[prefix, &[n]].concat(), &[n]);
    }
    storage::set(&prefix[..prefix.len() - 1], b"before");
    let mut after = prefix.to_vec();
    *after.last_mut().unwrap() += 1;
    storage::set(&after, b"after");
}

fn under(prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let mut key = prefix.to_vec();
    while key.starts_with(prefix) {
        if let Some(value) = storage::get(&key) {
            found.push((key[prefix.len()..].to_vec(), value));
        }
        match storage::next_key(&key) {
            Some(next) => key = next,
            None => break,
        }
    }
    found
}

/// Room for so many entries of some bytes.
fn room(entries: u64) -> WeightMeter {
    WeightMeter::new(Weight::new(42_000_000 * entries, u64::MAX))
}

/// Steps until it is done; how many it took.
fn steps(entries: u64, mut step: impl FnMut(Option<&[u8]>, &mut WeightMeter) -> Result<Progress, &'static str>) -> u32 {
    let mut cursor: Option<Vec<u8>> = None;
    for number in 1.. {
        let mut meter = room(entries);
        let progress = step(cursor.as_deref(), &mut meter).unwrap();
        assert!(!meter.used().any_gt(Weight::new(42_000_000 * entries, u64::MAX)));
        match progress {
            Progress::Continue(next) => cursor = Some(next),
            Progress::Done => return number,
        }
    }
    unreachable!()
}

#[test]
fn what_is_moved_is_all_there_and_nothing_else_is_touched() {
    for (entries, expected) in [(1, 10 + 1), (3, 4), (10, 2), (11, 1)] {
        MemoryExternalities::default().execute_with(|| {
            fill(&OLD);
            let before = under(&OLD);
            assert_eq!(before.len(), 10);
            let taken = steps(entries, |_, meter| move_prefix(&OLD, &NEW, meter));
            // The step that finds no room ends one before the end.
            assert!(taken <= expected, "{entries}: {taken}");
            assert_eq!((under(&OLD), under(&NEW)), (vec![], before));
            assert_eq!(storage::get(&OLD[..31]).as_deref(), Some(&b"before"[..]));
        });
    }
    MemoryExternalities::default().execute_with(|| {
        let (old, new) = (pallet_prefix("Ledger"), pallet_prefix("Renamed"));
        fill(&OLD);
        steps(4, |_, meter| move_prefix(&old, &new, meter));
        assert_eq!(under(&item_prefix("Renamed", "Old")).len(), 10);
        assert_eq!(under(&old), []);
        for (from, to) in [(&old[..], &OLD[..]), (&OLD, &old), (&OLD, &OLD)] {
            assert!(move_prefix(from, to, &mut room(9)).is_err());
        }
    });
}

#[test]
fn what_is_removed_is_gone_in_steps() {
    MemoryExternalities::default().execute_with(|| {
        fill(&OLD);
        assert!(steps(3, |_, meter| remove_prefix(&OLD, meter)) > 1);
        assert_eq!(under(&OLD), []);
        assert!(storage::exists(&OLD[..31]));
    });
}

#[test]
fn every_value_is_translated_once() {
    for entries in [1, 3, 10, 100] {
        MemoryExternalities::default().execute_with(|| {
            fill(&OLD);
            let step = |cursor: Option<&[u8]>, meter: &mut WeightMeter| {
                translate_values(&OLD, cursor, meter, |old: u8| {
                    (old != 4).then_some(u16::from(old) + 1000)
                })
            };
            steps(entries, step);
            let values: Vec<u16> = under(&OLD)
                .iter()
                .map(|(_, value)| u16::from_le_bytes(value[..].try_into().unwrap()))
                .collect();
            let expected: Vec<u16> = (0..10).filter(|n| *n != 4).map(|n| n + 1000).collect();
            assert_eq!(values, expected, "{entries}");
        });
    }
}

#[test]
fn a_helper_that_cannot_go_on_says_so() {
    MemoryExternalities::default().execute_with(|| {
        fill(&OLD);
        let mut none = room(0);
        assert!(move_prefix(&OLD, &NEW, &mut none).is_err());
        assert!(remove_prefix(&OLD, &mut none).is_err());
        assert!(translate_prefix(&OLD, None, &mut none, |_, value| Ok(Some(value))).is_err());
        let undecodable = translate_values(&OLD, None, &mut room(9), |old: u32| Some(old));
        assert_eq!(undecodable, Err("a value does not decode as its old type"));
    });
}

#[test]
fn a_meter_counts_what_it_admits() {
    let mut meter = WeightMeter::new(Weight::new(10, 10));
    assert!(meter.try_use(Weight::new(4, 10)));
    assert!(!meter.try_use(Weight::new(7, 0)) && !meter.try_use(Weight::new(0, 1)));
    assert_eq!(meter.used(), Weight::new(4, 10));
    assert!(meter.try_use(Weight::new(6, 0)));
    meter.force_use(Weight::new(1, 1));
    assert_eq!(meter.used(), Weight::new(11, 11));
}

#[test]
fn a_version_is_migrated_from_once() {
    MemoryExternalities::default().execute_with(|| {
        type P = Ledger<Runtime>;
        let mut runs = 0;
        let mut run = |from, to| {
            migrate_from::<P>(from, to, || {
                runs += 1;
                Weight::new(5, 5)
            });
            runs
        };
        assert_eq!(run(1, 2), 0, "the storage has version 0");
        assert_eq!(run(0, 1), 1);
        assert_eq!(run(0, 1), 1);
        assert_eq!(run(1, 3), 2);
        assert_eq!(storage_version::<P>(), 3);
        set_storage_version::<P>(9);
        assert_eq!(storage_version::<P>(), 9);
        // Where clients of FRAME chains look for it.
        assert!(storage::exists(&item_prefix("Ledger", ":__STORAGE_VERSION__:")));
    });
}

struct First;
struct Second;

impl SteppedMigration for First {
    const ID: &'static str = "first";
    const PAUSES_TRANSACTIONS: bool = true;
    const STEPS_MAX: u32 = 3;
    fn step(_: Option<&[u8]>, _: &mut WeightMeter) -> Result<Progress, &'static str> {
        Ok(Progress::Done)
    }
}

impl SteppedMigration for Second {
    const ID: &'static str = "second";
    const PAUSES_TRANSACTIONS: bool = false;
    const STEPS_MAX: u32 = 4;
    fn step(cursor: Option<&[u8]>, _: &mut WeightMeter) -> Result<Progress, &'static str> {
        Ok(Progress::Continue(cursor.unwrap_or(b"none").to_vec()))
    }
}

#[test]
fn a_tuple_runs_its_migrations_by_place() {
    type Both = (First, Second);
    let described: Vec<_> = (0..4).map(Both::describe).collect();
    assert_eq!(
        described,
        [Some(("first", true, 3)), Some(("second", false, 4)), None, None]
    );
    let meter = &mut room(1);
    assert_eq!(Both::step(0, None, meter), Some(Ok(Progress::Done)));
    assert_eq!(
        Both::step(1, Some(b"here"), meter),
        Some(Ok(Progress::Continue(b"here".to_vec())))
    );
    assert_eq!(Both::step(2, None, meter), None);
    assert_eq!(
        (
            <() as Migrations>::describe(0),
            <() as Migrations>::step(0, None, meter)
        ),
        (None, None)
    );
}
