//! Who has to go so that a new transaction fits.

use crate::{
    Limits, PoolError, Transaction,
    index::{Id, Index},
    orders::{Account, Share, VictimKey},
};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Finds the transactions to push out for a new one: each worse than it (future before ready, others before kept ones,
/// then lower priority, then later arrival), and none whose absence would make a ready transaction wait.
pub struct Room<'a> {
    pub index: &'a Index,
    pub limits: &'a Limits,
    /// Takes the place of these.
    pub replaced: &'a BTreeSet<Id>,
    pub new: &'a Transaction,
    /// Whether it would be ready.
    pub is_ready: bool,
}

impl Room<'_> {
    /// Those to push out, if that makes room.
    pub fn find(&self) -> Result<BTreeSet<Id>, PoolError> {
        self.check_account()?;
        let mut gone = BTreeSet::new();
        if !self.is_ready {
            self.make_future(&mut gone)?;
        }
        self.make(&mut gone)?;
        Ok(gone)
    }

    /// What replaced transactions leave of a share, with the new one in it.
    fn with_new(&self, share: Share, counts: impl Fn(&crate::index::Entry) -> bool) -> Share {
        let replaced = self.replaced.iter().filter_map(|id| self.index.get(*id));
        let left = replaced
            .filter(|entry| counts(entry))
            .fold(share, |share, entry| Share {
                count: share.count.saturating_sub(1),
                bytes: share.bytes.saturating_sub(entry.transaction.bytes.len()),
            });
        Share {
            count: left.count + 1,
            bytes: left.bytes + self.new.bytes.len(),
        }
    }

    fn check_account(&self) -> Result<(), PoolError> {
        let Some(account) = self.new.sender else { return Ok(()) };
        let is_own = |entry: &crate::index::Entry| entry.transaction.sender == Some(account);
        let Account { all, future } = self.index.orders.account(&account);
        let all = self.with_new(all, is_own);
        let future = self.with_new(future, |entry| is_own(entry) && !entry.ready);
        let waits_too_many = !self.is_ready && future.count > self.limits.max_per_account_future_count();
        if all.count > self.limits.max_per_account_count
            || all.bytes > self.limits.max_per_account_bytes
            || waits_too_many
        {
            return Err(PoolError::AccountFull {
                account,
                count: all.count - 1,
                bytes: all.bytes - self.new.bytes.len(),
            });
        }
        Ok(())
    }

    fn new_key(&self) -> VictimKey {
        let Transaction {
            is_kept,
            priority,
            arrival,
            ..
        } = *self.new;
        (self.is_ready, is_kept, priority, Reverse(arrival))
    }

    /// Neither replaced nor required by the new one.
    fn may_go(&self, id: Id) -> bool {
        let requires = |tag: &Vec<u8>| self.new.requires.binary_search(tag).is_ok();
        let is_needed = |id| {
            self.index
                .get(id)
                .is_some_and(|entry| entry.transaction.provides.iter().any(requires))
        };
        !self.replaced.contains(&id) && !is_needed(id)
    }

    fn make_future(&self, gone: &mut BTreeSet<Id>) -> Result<(), PoolError> {
        let Limits {
            max_future_count,
            max_future_bytes,
            ..
        } = *self.limits;
        let is_over = |share: &Share| share.count > max_future_count || share.bytes > max_future_bytes;
        let held = self.index.orders.future;
        let mut share = self.with_new(held, |entry| !entry.ready);
        let (first, last) = (
            (false, false, u64::MIN, Reverse(Id::MAX)),
            (false, true, u64::MAX, Reverse(Id::MIN)),
        );
        let futures = self.index.orders.victims.range(first..=last);
        let mut worse = futures
            .take_while(|key| **key < self.new_key())
            .filter(|key| self.may_go(key.3.0));
        while is_over(&share) {
            let (_, _, _, Reverse(id)) = worse.next().ok_or(PoolError::FutureFull {
                count: held.count,
                bytes: held.bytes,
            })?;
            self.take(*id, &mut share, gone);
        }
        Ok(())
    }

    fn make(&self, gone: &mut BTreeSet<Id>) -> Result<(), PoolError> {
        let Limits {
            max_count, max_bytes, ..
        } = *self.limits;
        let is_over = |share: &Share| share.count > max_count || share.bytes > max_bytes;
        let held = self.index.orders.all;
        let mut share = self.with_new(held, |_| true);
        for entry in gone.iter().filter_map(|id| self.index.get(*id)) {
            share.count -= 1;
            share.bytes -= entry.transaction.bytes.len();
        }
        let full = PoolError::Full {
            count: held.count,
            bytes: held.bytes,
        };
        let mut victims = self.index.orders.victims.iter().peekable();
        // Those that nothing ready requires once the ones before them are gone.
        let mut freed: BTreeSet<VictimKey> = BTreeSet::new();
        for id in self.replaced {
            self.free_requirements(*id, gone, &mut freed);
        }
        while is_over(&share) {
            let from_freed = match (victims.peek(), freed.first()) {
                (Some(victim), Some(free)) => free < *victim,
                (None, Some(_)) => true,
                (_, None) => false,
            };
            let key = if from_freed {
                freed.pop_first()
            } else {
                victims.next().copied()
            };
            let key = key.filter(|key| *key < self.new_key()).ok_or_else(|| full.clone())?;
            let (_, _, _, Reverse(id)) = key;
            if gone.contains(&id) || !self.may_go(id) {
                continue;
            }
            self.take(id, &mut share, gone);
            self.free_requirements(id, gone, &mut freed);
        }
        Ok(())
    }

    fn take(&self, id: Id, share: &mut Share, gone: &mut BTreeSet<Id>) {
        if let Some(entry) = self.index.get(id) {
            share.count -= 1;
            share.bytes -= entry.transaction.bytes.len();
            gone.insert(id);
        }
    }

    /// Adds those that only `id`, and what is gone already, kept from being a victim.
    fn free_requirements(&self, id: Id, gone: &BTreeSet<Id>, freed: &mut BTreeSet<VictimKey>) {
        let Some(entry) = self.index.get(id).filter(|entry| entry.ready) else {
            return;
        };
        let providers = entry
            .transaction
            .requires
            .iter()
            .filter_map(|tag| self.index.provider(tag));
        for provider in providers.filter(|provider| !provider.is_victim()) {
            let mut requirers = provider
                .transaction
                .provides
                .iter()
                .flat_map(|tag| self.index.requirers(tag));
            let is_needed = requirers.any(|requirer| {
                let id = requirer.transaction.arrival;
                requirer.ready && !gone.contains(&id) && !self.replaced.contains(&id)
            });
            if !is_needed {
                freed.insert(provider.victim_key());
            }
        }
    }
}
