//! Random operations on the pool beside a model that recomputes everything from a plain list.

use proptest::prelude::*;
use quids_api::{InvalidTransaction, TransactionSource, TransactionValidity, ValidTransaction};
use quids_core::{Hash, Height};
use quids_txpool::{Limits, Pool, PoolError, PoolEvent, TransactionStatus, Validator, hash_of};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes: priority, requires (bits), provides (bits).
struct Runtime {
    satisfied: u8,
}

impl Validator for Runtime {
    fn validate(&self, _: TransactionSource, bytes: &[u8]) -> Result<TransactionValidity, String> {
        if bytes[2] & self.satisfied != 0 {
            return Ok(Err(InvalidTransaction::Stale.into()));
        }
        Ok(Ok(ValidTransaction {
            priority: u64::from(bytes[0]),
            requires: tags(bytes[1] & !self.satisfied),
            provides: tags(bytes[2]),
            longevity: 1000,
            propagate: true,
        }))
    }
}

fn tags(bits: u8) -> Vec<Vec<u8>> {
    (0..8).filter(|bit| bits >> bit & 1 == 1).map(|bit| vec![bit]).collect()
}

/// The same rules, told in one list.
#[derive(Default)]
struct Model {
    /// In order of arrival: bytes, and what they still require.
    list: Vec<(Vec<u8>, u8)>,
}

impl Model {
    fn ready(&self) -> BTreeSet<Hash> {
        let (mut ready, mut provided) = (BTreeSet::new(), 0u8);
        loop {
            let before = ready.len();
            for (bytes, requires) in &self.list {
                if requires & !provided == 0 && ready.insert(hash_of(bytes)) {
                    provided |= bytes[2];
                }
            }
            if ready.len() == before {
                return ready;
            }
        }
    }

    /// The author's order, found by asking for the best of those possible, again and again.
    fn order(&self) -> Vec<Hash> {
        let (mut order, mut provided) = (Vec::new(), 0u8);
        loop {
            let possible = self
                .list
                .iter()
                .enumerate()
                .filter(|(_, (bytes, requires))| requires & !provided == 0 && !order.contains(&hash_of(bytes)));
            let best = possible.max_by_key(|(i, (bytes, _))| (bytes[0], std::cmp::Reverse(*i)));
            let Some((_, (bytes, _))) = best else { return order };
            order.push(hash_of(bytes));
            provided |= bytes[2];
        }
    }

    fn submit(&mut self, bytes: &[u8], satisfied: u8, max: usize) -> Result<(), u16> {
        if self.list.iter().any(|(other, _)| other == bytes) {
            return Err(401);
        }
        if bytes[2] & satisfied != 0 {
            return Err(InvalidTransaction::Stale.code());
        }
        if bytes[2] == 0 {
            return Err(405);
        }
        let requires = bytes[1] & !satisfied;
        if self
            .list
            .iter()
            .any(|(other, _)| other[2] & bytes[2] != 0 && other[0] >= bytes[0])
        {
            return Err(404);
        }
        let ready = self.ready();
        let provided = self.list.iter().filter(|(other, _)| ready.contains(&hash_of(other)));
        let provided = provided.fold(0, |bits, (other, _)| bits | other[2]);
        let kept: Vec<_> = self
            .list
            .iter()
            .filter(|(other, _)| other[2] & bytes[2] == 0)
            .cloned()
            .collect();
        let mut kept: Vec<_> = kept.into_iter().enumerate().collect();
        if kept.len() + 1 > max {
            let mine = (requires & !provided == 0, bytes[0], std::cmp::Reverse(usize::MAX));
            let needed = |tags: u8, all: &[(usize, (Vec<u8>, u8))]| {
                tags & requires != 0
                    || self.list.iter().any(|(other, needs)| {
                        let gone = !all.iter().any(|(_, (kept, _))| kept == other) && other[2] & bytes[2] == 0;
                        !gone && needs & tags != 0
                    })
            };
            let worst = kept
                .iter()
                .map(|(i, (other, _))| {
                    (
                        (ready.contains(&hash_of(other)), other[0], std::cmp::Reverse(*i)),
                        other.clone(),
                    )
                })
                .filter(|(rank, other)| *rank < mine && !needed(other[2], &kept))
                .min();
            let Some((_, worst)) = worst else { return Err(403) };
            kept.retain(|(_, (other, _))| *other != worst);
        }
        self.list = kept.into_iter().map(|(_, entry)| entry).collect();
        self.list.push((bytes.to_vec(), requires));
        Ok(())
    }

    fn block(&mut self, included: &[Vec<u8>], satisfied: u8) {
        self.list
            .retain(|(bytes, _)| !included.contains(bytes) && bytes[2] & satisfied == 0);
        self.list
            .iter_mut()
            .for_each(|(bytes, requires)| *requires = bytes[1] & !satisfied);
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Submit([u8; 3]),
    /// Includes this many of the best.
    Block(usize),
    RemoveInvalid(usize),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let bits = || prop_oneof![2 => Just(0u8), 4 => (0u8..8).prop_map(|bit| 1 << bit), 1 => any::<u8>()];
    let submit = (0u8..6, bits(), bits()).prop_map(|(p, r, t)| Operation::Submit([p, r, t]));
    let operation = prop_oneof![
        10 => submit,
        1 => (0usize..3).prop_map(Operation::Block),
        1 => (0usize..8).prop_map(Operation::RemoveInvalid),
    ];
    prop::collection::vec(operation, 0..60)
}

/// Statuses as told by events must be those that the pool has.
fn follow(told: &mut BTreeMap<Hash, bool>, events: &[PoolEvent]) {
    for event in events {
        match event.status {
            TransactionStatus::Ready => assert_ne!(told.insert(event.hash, true), Some(true)),
            TransactionStatus::Future => assert_ne!(told.insert(event.hash, false), Some(false)),
            _ => assert!(
                told.remove(&event.hash).is_some(),
                "{event:?} of an unknown transaction"
            ),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn pool_equals_model(operations in operations(), max in 1usize..7) {
        let limits = Limits { max_count: max, max_bytes: 1000, max_per_transaction_bytes: 10 };
        let (mut pool, mut model, mut told) = (Pool::new(limits), Model::default(), BTreeMap::new());
        let (mut runtime, mut height) = (Runtime { satisfied: 0 }, Height(0));
        for operation in operations {
            match operation {
                Operation::Submit(bytes) => {
                    let found = pool.submit(&runtime, TransactionSource::Local, bytes.to_vec(), height);
                    let expected = model.submit(&bytes, runtime.satisfied, max);
                    prop_assert_eq!(found.as_ref().map(|_| ()).map_err(PoolError::code), expected);
                    if let Ok((_, events)) = found {
                        follow(&mut told, &events);
                    }
                }
                Operation::Block(count) => {
                    let included: Vec<_> = pool.ready().take(count).map(|tx| tx.bytes().to_vec()).collect();
                    runtime.satisfied |= included.iter().fold(0, |bits, bytes| bits | bytes[2]);
                    height = Height(height.0 + 1);
                    follow(&mut told, &pool.on_block(&runtime, Hash::repeat_byte(1), &included, height));
                    model.block(&included, runtime.satisfied);
                }
                Operation::RemoveInvalid(i) => {
                    if let Some((bytes, _)) = model.list.get(i).cloned() {
                        model.list.remove(i);
                        let events = pool.remove_invalid(&hash_of(&bytes), InvalidTransaction::Call.into());
                        follow(&mut told, &events);
                    }
                }
            }
            let ready = model.ready();
            prop_assert_eq!(pool.ready().map(|tx| tx.hash()).collect::<Vec<_>>(), model.order());
            let expected: BTreeMap<_, _> =
                model.list.iter().map(|(bytes, _)| (hash_of(bytes), ready.contains(&hash_of(bytes)))).collect();
            prop_assert_eq!(&told, &expected);
            prop_assert_eq!(pool.len(), model.list.len());
            prop_assert_eq!(pool.bytes(), 3 * pool.len());
            prop_assert_eq!(pool.future().count(), expected.values().filter(|ready| !**ready).count());
        }
    }
}
