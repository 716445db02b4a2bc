//! Storage types through the aliases that `#[pallet::storage]` completes.

use crate::{
    Runtime,
    ledger::pallet::{Count, LastNote, Notes, Paid, Shares},
};
use quids_io::MemoryExternalities;
use quids_support::{
    prelude::*,
    storage::{ClearResult, hasher::storage_prefix},
};

fn account(n: u8) -> AccountId20 {
    AccountId20([n; 20])
}

fn within(f: impl FnOnce()) {
    MemoryExternalities::default().execute_with(f);
}

#[test]
fn a_value_is_read_written_and_removed() {
    within(|| {
        assert_eq!(Count::<Runtime>::key(), storage_prefix("Ledger", "Count"));
        assert_eq!(Count::<Runtime>::get(), 0);
        assert!(!Count::<Runtime>::exists());
        assert_eq!(
            Count::<Runtime>::mutate(|count| {
                *count += 2;
                *count * 10
            }),
            20
        );
        assert_eq!(
            Count::<Runtime>::try_mutate(|count| {
                *count = 9;
                Err::<(), _>("no")
            }),
            Err("no")
        );
        assert_eq!(Count::<Runtime>::take(), 2);
        assert!(!Count::<Runtime>::exists());

        assert_eq!(LastNote::get(), None);
        LastNote::append(&b'a');
        LastNote::append(&b'b');
        assert_eq!(LastNote::get(), Some(b"ab".to_vec()));
        LastNote::mutate(|note| *note = None);
        assert!(!LastNote::exists());
        LastNote::set(Some(vec![1]));
        LastNote::set(None);
        assert_eq!(LastNote::take(), None);
    });
}

#[test]
fn a_map_keeps_its_keys() {
    within(|| {
        for n in 0..20 {
            Notes::<Runtime>::insert(&account(n), vec![n]);
        }
        let mut found: Vec<_> = Notes::<Runtime>::iter().collect();
        found.sort();
        assert_eq!(found, (0..20).map(|n| (account(n), vec![n])).collect::<Vec<_>>());
        assert_eq!(Notes::<Runtime>::iter_keys().count(), 20);

        assert!(Notes::<Runtime>::contains_key(&account(3)));
        assert_eq!(Notes::<Runtime>::take(&account(3)), Some(vec![3]));
        assert_eq!(Notes::<Runtime>::get(&account(3)), None);
        Notes::<Runtime>::mutate(&account(3), |note| *note = Some(vec![33]));
        assert_eq!(Notes::<Runtime>::get(&account(3)), Some(vec![33]));
        assert_eq!(
            Notes::<Runtime>::try_mutate(&account(3), |note| {
                *note = None;
                Err::<(), _>(())
            }),
            Err(())
        );
        Notes::<Runtime>::remove(&account(3));
        assert!(!Notes::<Runtime>::contains_key(&account(3)));

        assert_eq!(
            Notes::<Runtime>::clear(15),
            ClearResult {
                removed: 15,
                more: true
            }
        );
        assert_eq!(
            Notes::<Runtime>::clear(15),
            ClearResult {
                removed: 4,
                more: false
            }
        );
    });
}

#[test]
fn pages_follow_each_other_without_gap_or_overlap() {
    within(|| {
        for n in 0..23 {
            Notes::<Runtime>::insert(&account(n), vec![n]);
        }
        // A neighbour in storage order that no iteration may run into.
        Shares::<Runtime>::insert(&account(0), &0, Balance(1));
        let all: Vec<_> = Notes::<Runtime>::iter().collect();
        assert_eq!(all.len(), 23);
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let page: Vec<_> = Notes::<Runtime>::iter_from(after.take()).take(5).collect();
            let Some((last, _)) = page.last() else { break };
            after = Some(Notes::<Runtime>::key_for(last));
            paged.extend(page);
        }
        assert_eq!(paged, all);
    });
}

#[test]
fn sums_are_added_without_reading() {
    within(|| {
        Paid::<Runtime>::add(&1, 5);
        Paid::<Runtime>::add(&1, 6);
        Paid::<Runtime>::add(&2, 1);
        assert_eq!((Paid::<Runtime>::get(&1), Paid::<Runtime>::get(&2)), (11, 1));
        assert_eq!(Paid::<Runtime>::get(&3), 0);
    });
}

#[test]
fn a_double_map_is_iterated_and_cleared_by_its_first_key() {
    within(|| {
        for (first, second) in [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)] {
            Shares::<Runtime>::insert(
                &account(first),
                &second,
                Balance(u128::from(first) * 10 + u128::from(second)),
            );
        }
        let shares = |first| Shares::<Runtime>::iter_prefix(&account(first), None).collect::<Vec<_>>();
        assert_eq!(shares(1), [(1, Balance(11)), (2, Balance(12)), (3, Balance(13))]);
        let after = Shares::<Runtime>::key_for(&account(1), &1);
        let rest: Vec<_> = Shares::<Runtime>::iter_prefix(&account(1), Some(after)).collect();
        assert_eq!(rest, [(2, Balance(12)), (3, Balance(13))]);
        assert_eq!(Shares::<Runtime>::iter().count(), 5);
        assert!(Shares::<Runtime>::iter().any(|entry| entry == (account(2), 2, Balance(22))));

        assert_eq!(
            Shares::<Runtime>::clear_prefix(&account(1), 2),
            ClearResult { removed: 2, more: true }
        );
        assert_eq!(shares(1).len(), 1);
        assert_eq!(shares(2).len(), 2);
        Shares::<Runtime>::remove(&account(2), &1);
        Shares::<Runtime>::mutate(&account(2), &2, |share| share.0 += 1);
        assert_eq!(Shares::<Runtime>::take(&account(2), &2), Balance(23));
        assert!(!Shares::<Runtime>::contains_key(&account(2), &2));
        assert_eq!(
            Shares::<Runtime>::clear(9),
            ClearResult {
                removed: 1,
                more: false
            }
        );
    });
}

#[test]
fn keys_are_laid_out_as_in_substrate() {
    within(|| {
        let key = Notes::<Runtime>::key_for(&account(5));
        assert_eq!(key[..32], storage_prefix("Ledger", "Notes"));
        assert_eq!(key[32..48], quids_io::hashing::blake2b_128(&[5; 20]));
        assert_eq!(key[48..], [5; 20]);

        let key = Shares::<Runtime>::key_for(&account(5), &6);
        assert_eq!(key[..32], Shares::<Runtime>::prefix_for(&account(5))[..32]);
        let row = Shares::<Runtime>::row(&account(5));
        row.insert(&6, Balance(60));
        assert_eq!(row.get(&6), Balance(60));
        assert_eq!(Shares::<Runtime>::get(&account(5), &6), Balance(60));
        row.remove(&6);
        assert!(!Shares::<Runtime>::contains_key(&account(5), &6));
        assert_eq!(key[key.len() - 4..], 6u32.to_le_bytes());
        assert_eq!(key.len(), 32 + 16 + 20 + 4);

        assert_eq!(Paid::<Runtime>::key_for(&1).len(), 32 + 8 + 4);
    });
}

#[test]
fn a_value_that_does_not_decode_counts_as_absent() {
    within(|| {
        quids_io::storage::set(&Count::<Runtime>::key(), &[1]);
        assert_eq!(Count::<Runtime>::get(), 0);
    });
}
