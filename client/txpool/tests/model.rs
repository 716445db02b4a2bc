//! Random operations on the pool beside a model that recomputes everything from a plain list. Verdicts are hostile:
//! tags are any of eight, so transactions require themselves, go round in circles and take each other's places.

use proptest::prelude::*;
use quids_api::{InvalidTransaction, TransactionSource, ValidTransaction};
use quids_core::{AccountId20, Hash, Height};
use quids_txpool::{Limits, Pool, PoolError, PoolEvent, Renewal, Submission, TransactionStatus, hash_of};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What the bytes of a transaction say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Say {
    priority: u8,
    /// Bits, as are `provides`.
    requires: u8,
    provides: u8,
    /// 0: nobody.
    sender: u8,
    local: bool,
    /// Bytes more than the least.
    padding: u8,
}

impl Say {
    fn bytes(self) -> Vec<u8> {
        let local = u8::from(self.local);
        let mut bytes = vec![
            self.priority,
            self.requires,
            self.provides,
            self.sender,
            local,
            self.padding,
        ];
        bytes.resize(bytes.len() + usize::from(self.padding), 0);
        bytes
    }

    fn read(bytes: &[u8]) -> Self {
        Self {
            priority: bytes[0],
            requires: bytes[1],
            provides: bytes[2],
            sender: bytes[3],
            local: bytes[4] == 1,
            padding: bytes[5],
        }
    }

    fn hash(self) -> Hash {
        hash_of(&self.bytes())
    }

    fn size(self) -> usize {
        self.bytes().len()
    }
}

fn tags(bits: u8) -> Vec<Vec<u8>> {
    (0..8).filter(|bit| bits >> bit & 1 == 1).map(|bit| vec![bit]).collect()
}

/// The runtime: each code rotates what transactions provide and turns away one priority.
#[derive(Clone, Copy, Default)]
struct Runtime {
    satisfied: u8,
    code: u32,
}

impl Runtime {
    fn provides(self, say: Say) -> u8 {
        say.provides.rotate_left(self.code % 3)
    }

    fn judge(self, say: Say) -> Result<(u8, u8), InvalidTransaction> {
        let provides = self.provides(say);
        if provides & self.satisfied != 0 {
            return Err(InvalidTransaction::Stale);
        }
        if self.code > 0 && u32::from(say.priority) == self.code % 8 {
            return Err(InvalidTransaction::BadProof);
        }
        Ok((say.requires & !self.satisfied, provides))
    }

    fn renewal(self, say: Say) -> Renewal {
        match self.judge(say) {
            Err(reason) => Renewal::Invalid(reason.into()),
            Ok((requires, provides)) => Renewal::Valid(verdict(say, requires, provides)),
        }
    }
}

fn verdict(say: Say, requires: u8, provides: u8) -> ValidTransaction {
    ValidTransaction {
        priority: u64::from(say.priority),
        requires: tags(requires),
        provides: tags(provides),
        longevity: 1000,
        propagate: true,
    }
}

/// A transaction in the model.
#[derive(Clone, Copy, Debug)]
struct Item {
    say: Say,
    arrival: usize,
    requires: u8,
    provides: u8,
    kept: bool,
    code: u32,
}

impl Item {
    /// The first to make room is the least.
    fn rank(&self, ready: bool) -> (bool, bool, u8, Reverse<usize>) {
        (ready, self.kept, self.say.priority, Reverse(self.arrival))
    }
}

/// The same rules, told in one list.
#[derive(Default)]
struct Model {
    /// In order of arrival.
    list: Vec<Item>,
    arrivals: usize,
    banned: BTreeMap<Hash, u32>,
    height: u32,
    code: u32,
}

fn ready_of(list: &[Item]) -> BTreeSet<usize> {
    let (mut ready, mut provided) = (BTreeSet::new(), 0u8);
    loop {
        let before = ready.len();
        for item in list {
            if item.requires & !provided == 0 && ready.insert(item.arrival) {
                provided |= item.provides;
            }
        }
        if ready.len() == before {
            return ready;
        }
    }
}

fn provided_by(list: &[Item], ready: &BTreeSet<usize>) -> u8 {
    let ready = list.iter().filter(|item| ready.contains(&item.arrival));
    ready.fold(0, |bits, item| bits | item.provides)
}

fn sum(items: &[Item]) -> (usize, usize) {
    (items.len(), items.iter().map(|item| item.say.size()).sum())
}

impl Model {
    /// The author's order, found by asking for the best of those possible, again and again.
    fn order(&self) -> Vec<Hash> {
        let (mut order, mut provided, mut done) = (Vec::new(), 0u8, BTreeSet::new());
        loop {
            let possible = self.list.iter().filter(|item| {
                item.code == self.code && item.requires & !provided == 0 && !done.contains(&item.arrival)
            });
            let Some(best) = possible.max_by_key(|item| (item.say.priority, Reverse(item.arrival))) else {
                return order;
            };
            order.push(best.say.hash());
            done.insert(best.arrival);
            provided |= best.provides;
        }
    }

    fn replaced(&self, say: Say, provides: u8) -> Result<Vec<usize>, u16> {
        let in_its_way = self
            .list
            .iter()
            .filter(|item| item.provides & provides != 0 && item.say != say);
        let in_its_way: Vec<&Item> = in_its_way.collect();
        let beats = |item: &&Item| say.priority >= item.say.priority + 1.max(item.say.priority / 10);
        if in_its_way.iter().all(beats) {
            Ok(in_its_way.iter().map(|item| item.arrival).collect())
        } else {
            Err(404)
        }
    }

    fn submit(&mut self, say: Say, runtime: Runtime, limits: &Limits) -> Result<(), u16> {
        if self.list.iter().any(|item| item.say == say) {
            return Err(401);
        }
        if self.banned.contains_key(&say.hash()) {
            return Err(408);
        }
        let (requires, provides) = runtime.judge(say).map_err(InvalidTransaction::code)?;
        if provides == 0 {
            return Err(405);
        }
        let replaced = self.replaced(say, provides)?;
        let ready = ready_of(&self.list);
        let is_ready = requires & !provided_by(&self.list, &ready) == 0;
        let (kept_count, kept_bytes) = sum(&self.list.iter().filter(|item| item.kept).copied().collect::<Vec<_>>());
        let new = Item {
            say,
            arrival: self.arrivals,
            requires,
            provides,
            kept: say.local && kept_count < limits.max_local_count && kept_bytes + say.size() <= limits.max_local_bytes,
            code: self.code,
        };
        let mut left = self.list.clone();
        left.retain(|item| !replaced.contains(&item.arrival));
        self.check_account(&left, &ready, new, is_ready, limits)?;
        let future = |left: &[Item]| -> Vec<Item> {
            left.iter()
                .filter(|item| !ready.contains(&item.arrival))
                .copied()
                .collect()
        };
        let is_over = |(count, bytes): (usize, usize), max_count, max_bytes| {
            count + 1 > max_count || bytes + say.size() > max_bytes
        };
        while !is_ready && is_over(sum(&future(&left)), limits.max_future_count, limits.max_future_bytes) {
            let worst = Self::worst(&left, &ready, new, is_ready, true).ok_or(409u16)?;
            left.retain(|item| item.arrival != worst);
        }
        while is_over(sum(&left), limits.max_count, limits.max_bytes) {
            let worst = Self::worst(&left, &ready, new, is_ready, false).ok_or(403u16)?;
            left.retain(|item| item.arrival != worst);
        }
        self.list = left;
        self.list.push(new);
        self.arrivals += 1;
        Ok(())
    }

    fn check_account(
        &self,
        left: &[Item],
        ready: &BTreeSet<usize>,
        new: Item,
        is_ready: bool,
        limits: &Limits,
    ) -> Result<(), u16> {
        if new.say.sender == 0 {
            return Ok(());
        }
        let own: Vec<Item> = left
            .iter()
            .filter(|item| item.say.sender == new.say.sender)
            .copied()
            .collect();
        let waiting = own.iter().filter(|item| !ready.contains(&item.arrival)).count();
        let (count, bytes) = sum(&own);
        let is_full = count + 1 > limits.max_per_account_count
            || bytes + new.say.size() > limits.max_per_account_bytes
            || !is_ready && waiting + 1 > limits.max_per_account_count.div_ceil(2);
        if is_full { Err(407) } else { Ok(()) }
    }

    /// The worst of those worse than the new one that it does not require and that nothing ready does.
    fn worst(left: &[Item], ready: &BTreeSet<usize>, new: Item, is_ready: bool, future_only: bool) -> Option<usize> {
        let is_needed = |item: &Item| {
            let by = |other: &&Item| ready.contains(&other.arrival) && other.requires & item.provides != 0;
            item.provides & new.requires != 0 || ready.contains(&item.arrival) && left.iter().any(|other| by(&other))
        };
        let candidates = left.iter().filter(|item| !is_needed(item));
        let ranked = candidates.map(|item| (item.rank(ready.contains(&item.arrival)), item.arrival));
        let worst = ranked.filter(|(rank, _)| !(future_only && rank.0)).min();
        worst
            .filter(|(rank, _)| *rank < new.rank(is_ready))
            .map(|(_, arrival)| arrival)
    }

    fn block(&mut self, included: &[Hash], satisfied: u8, is_new_code: bool) {
        self.height += 1;
        self.code += u32::from(is_new_code);
        let height = self.height;
        self.banned.retain(|_, until| *until > height);
        self.list.retain(|item| !included.contains(&item.say.hash()));
        self.list.iter_mut().for_each(|item| item.requires &= !satisfied);
    }

    fn ban(&mut self, hash: Hash, limits: &Limits) {
        self.banned.insert(hash, self.height + limits.ban_blocks);
    }

    fn renew(&mut self, say: Say, runtime: Runtime, limits: &Limits) {
        let Some(at) = self.list.iter().position(|item| item.say == say) else {
            return;
        };
        match runtime.judge(say) {
            Err(_) => {
                self.list.remove(at);
                self.ban(say.hash(), limits);
            }
            Ok((requires, provides)) => match self.replaced(say, provides) {
                _ if provides == 0 => drop(self.list.remove(at)),
                Err(_) => drop(self.list.remove(at)),
                Ok(replaced) => {
                    let item = &mut self.list[at];
                    (item.requires, item.provides, item.code) = (requires, provides, self.code);
                    self.list.retain(|item| !replaced.contains(&item.arrival));
                }
            },
        }
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Submit(Say),
    /// Includes this many of the best; whether the code changes; how many verdicts are then renewed.
    Block(usize, bool, usize),
    RemoveInvalid(usize),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let bits = || prop_oneof![2 => Just(0u8), 4 => (0u8..8).prop_map(|bit| 1 << bit), 1 => any::<u8>()];
    let priority = prop_oneof![5 => 0u8..6, 1 => 0u8..200];
    let say = (priority, bits(), bits(), 0u8..3, any::<bool>(), 0u8..4);
    let submit = say.prop_map(|(priority, requires, provides, sender, local, padding)| {
        Operation::Submit(Say {
            priority,
            requires,
            provides,
            sender,
            local,
            padding,
        })
    });
    let renewed = prop_oneof![Just(0), 1usize..4, Just(usize::MAX)];
    let operation = prop_oneof![
        20 => submit,
        2 => (0usize..3, prop::bool::weighted(0.2), renewed)
            .prop_map(|(included, is_new, renewed)| Operation::Block(included, is_new, renewed)),
        1 => (0usize..8).prop_map(Operation::RemoveInvalid),
    ];
    prop::collection::vec(operation, 0..80)
}

fn limits() -> impl Strategy<Value = Limits> {
    let total = (1usize..9, 20usize..80);
    let future = (1usize..6, 10usize..40);
    let account = (1usize..6, 10usize..60);
    let local = (0usize..4, 0usize..30);
    (total, future, account, local, 1u32..4).prop_map(|(total, future, account, local, ban_blocks)| Limits {
        max_count: total.0,
        max_bytes: total.1,
        max_future_count: future.0,
        max_future_bytes: future.1,
        max_per_account_count: account.0,
        max_per_account_bytes: account.1,
        max_per_transaction_bytes: 10,
        max_local_count: local.0,
        max_local_bytes: local.1,
        ban_blocks,
    })
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

/// Both, and what the pool's events told of it.
struct Twins {
    limits: Limits,
    pool: Pool,
    model: Model,
    told: BTreeMap<Hash, bool>,
    runtime: Runtime,
}

impl Twins {
    fn submit(&mut self, say: Say) {
        let height = Height(self.model.height);
        let bytes = say.bytes();
        let found = self.pool.check(&bytes).and_then(|_| {
            let (requires, provides) = self.runtime.judge(say).map_err(PoolError::Invalid)?;
            self.pool.submit(Submission {
                bytes: bytes.into(),
                source: if say.local {
                    TransactionSource::Local
                } else {
                    TransactionSource::External
                },
                sender: (say.sender > 0).then_some(AccountId20([say.sender; 20])),
                verdict: verdict(say, requires, provides),
                validated_at: height,
            })
        });
        let expected = self.model.submit(say, self.runtime, &self.limits);
        assert_eq!(found.as_ref().map(drop).map_err(PoolError::code), expected);
        if let Ok((hash, events)) = found {
            assert_eq!(events[0].hash, hash);
            follow(&mut self.told, &events);
        }
    }

    fn block(&mut self, included: usize, is_new_code: bool, renewed: usize) {
        let included: Vec<Hash> = self.pool.ready().take(included).map(|tx| tx.hash()).collect();
        let held = self
            .model
            .list
            .iter()
            .filter(|item| included.contains(&item.say.hash()));
        let satisfied = held.fold(0, |bits, item| bits | item.provides);
        self.runtime.satisfied |= satisfied;
        self.runtime.code += u32::from(is_new_code);
        self.model.block(&included, satisfied, is_new_code);
        let height = Height(self.model.height);
        let events = self.pool.on_block(Hash::repeat_byte(1), &included, height, is_new_code);
        follow(&mut self.told, &events);
        self.check();
        for due in self.pool.due(renewed) {
            let say = Say::read(&due.bytes);
            let events = self.pool.renew(&due.hash, self.runtime.renewal(say), height);
            follow(&mut self.told, &events);
            self.model.renew(say, self.runtime, &self.limits);
            self.check();
        }
        if renewed == usize::MAX {
            assert_eq!(self.pool.due(usize::MAX), []);
        }
    }

    fn remove_invalid(&mut self, at: usize) {
        let Some(Item { say, .. }) = self.model.list.get(at).copied() else {
            return;
        };
        self.model.list.remove(at);
        self.model.ban(say.hash(), &self.limits);
        let events = self.pool.remove_invalid(&say.hash(), InvalidTransaction::Call.into());
        follow(&mut self.told, &events);
    }

    fn check(&self) {
        let ready = ready_of(&self.model.list);
        let order: Vec<Hash> = self.pool.ready().map(|tx| tx.hash()).collect();
        assert_eq!(order, self.model.order());
        let expected = self
            .model
            .list
            .iter()
            .map(|item| (item.say.hash(), ready.contains(&item.arrival)));
        assert_eq!(self.told, expected.collect());
        let status = self.pool.status();
        let (count, bytes) = sum(&self.model.list);
        assert_eq!((self.pool.len(), status.bytes), (count, bytes));
        assert_eq!((status.ready, status.future), (ready.len(), count - ready.len()));
        assert_eq!(status.local, self.model.list.iter().filter(|item| item.kept).count());
        assert_eq!(status.banned, self.model.banned.len());
        assert!(count <= self.limits.max_count && bytes <= self.limits.max_bytes);
        for bit in 0..8u8 {
            let provided = provided_by(&self.model.list, &ready) >> bit & 1 == 1;
            assert_eq!(self.pool.provides(&[bit]), provided);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn pool_equals_model(operations in operations(), limits in limits()) {
        let mut twins = Twins {
            limits,
            pool: Pool::new(limits, Height(0)),
            model: Model::default(),
            told: BTreeMap::new(),
            runtime: Runtime::default(),
        };
        for operation in operations {
            match operation {
                Operation::Submit(say) => twins.submit(say),
                Operation::Block(included, is_new_code, renewed) => twins.block(included, is_new_code, renewed),
                Operation::RemoveInvalid(at) => twins.remove_invalid(at),
            }
            twins.check();
        }
    }
}
