//! The pool's orders: who is next in a block, who makes room first, whose verdict is asked for first. Each is a sorted
//! set of keys, and a transaction's keys follow from the transaction alone, so an order cannot lag behind.

use crate::index::{Entry, Id};
use quids_core::{AccountId20, Height};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// For authors: ready and requiring nothing; the latest code's first, then the highest priority, then the earliest.
pub type HeadKey = (Reverse<u32>, Reverse<u64>, Id);
/// For making room: (ready, kept, priority, the latest first). A kept one that waits never costs anybody a ready one.
pub type VictimKey = (bool, bool, u64, Reverse<Id>);
/// For asking again after a code change: the oldest code's first, then those not asked in vain, then the ready ones,
/// then the highest priority.
pub type RenewalKey = (u32, Option<Height>, bool, Reverse<u64>, Id);

/// Where an entry stands in every order; `None` where it does not appear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Keys {
    head: Option<HeadKey>,
    victim: Option<VictimKey>,
    renewal: RenewalKey,
    oldest: (Height, Id),
    expiring: (Height, Id),
    touched: Option<Id>,
    unannounced: Option<Id>,
}

impl Keys {
    fn of(entry: &Entry) -> Self {
        let transaction = &entry.transaction;
        let (id, priority, epoch) = (transaction.arrival, transaction.priority, transaction.epoch);
        let is_head = entry.ready && transaction.requires.is_empty();
        let is_unannounced = entry.ready && transaction.propagate && !entry.announced;
        Self {
            head: is_head.then_some((Reverse(epoch), Reverse(priority), id)),
            victim: entry.is_victim().then_some(entry.victim_key()),
            renewal: (epoch, entry.unanswered_at, !entry.ready, Reverse(priority), id),
            oldest: (transaction.validated_at, id),
            expiring: (transaction.valid_until, id),
            touched: entry.touched.then_some(id),
            unannounced: is_unannounced.then_some(id),
        }
    }
}

/// A number of transactions and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub count: usize,
    pub bytes: usize,
}

impl Share {
    fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes;
    }

    fn sub(&mut self, bytes: usize) {
        self.count -= 1;
        self.bytes -= bytes;
    }
}

/// What one account has in the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub all: Share,
    pub future: Share,
}

/// The orders, and the sums that limits are about.
#[derive(Debug, Default)]
pub struct Orders {
    pub heads: BTreeSet<HeadKey>,
    pub victims: BTreeSet<VictimKey>,
    pub renewals: BTreeSet<RenewalKey>,
    /// By the height of their verdicts.
    pub oldest: BTreeSet<(Height, Id)>,
    /// By the height at which their verdicts end.
    pub expiring: BTreeSet<(Height, Id)>,
    /// Those that a block has changed something for.
    pub touched: BTreeSet<Id>,
    /// Ready, to be sent to peers, and not sent yet.
    pub unannounced: BTreeSet<Id>,
    pub all: Share,
    pub future: Share,
    pub kept: Share,
    accounts: BTreeMap<AccountId20, Account>,
}

impl Orders {
    pub fn account(&self, who: &AccountId20) -> Account {
        self.accounts.get(who).copied().unwrap_or_default()
    }

    pub fn insert(&mut self, entry: &Entry) {
        self.move_keys(None, Some(Keys::of(entry)));
        let bytes = entry.transaction.bytes.len();
        self.all.add(bytes);
        if entry.transaction.is_kept {
            self.kept.add(bytes);
        }
        if !entry.ready {
            self.future.add(bytes);
        }
        if let Some(who) = entry.transaction.sender {
            let account = self.accounts.entry(who).or_default();
            account.all.add(bytes);
            if !entry.ready {
                account.future.add(bytes);
            }
        }
    }

    pub fn remove(&mut self, entry: &Entry) {
        self.move_keys(Some(Keys::of(entry)), None);
        let bytes = entry.transaction.bytes.len();
        self.all.sub(bytes);
        if entry.transaction.is_kept {
            self.kept.sub(bytes);
        }
        if !entry.ready {
            self.future.sub(bytes);
        }
        let Some(who) = &entry.transaction.sender else { return };
        if let Some(account) = self.accounts.get_mut(who) {
            account.all.sub(bytes);
            if !entry.ready {
                account.future.sub(bytes);
            }
            if account.all.count == 0 {
                self.accounts.remove(who);
            }
        }
    }

    /// Changes an entry (not its bytes, sender or whether it is kept) and moves it where it then belongs.
    pub fn change(&mut self, entry: &mut Entry, change: impl FnOnce(&mut Entry)) {
        let (keys, was_ready) = (Keys::of(entry), entry.ready);
        change(entry);
        self.move_keys(Some(keys), Some(Keys::of(entry)));
        if was_ready == entry.ready {
            return;
        }
        let bytes = entry.transaction.bytes.len();
        let account = entry
            .transaction
            .sender
            .as_ref()
            .and_then(|who| self.accounts.get_mut(who));
        for share in [Some(&mut self.future), account.map(|account| &mut account.future)]
            .into_iter()
            .flatten()
        {
            if was_ready {
                share.add(bytes);
            } else {
                share.sub(bytes);
            }
        }
    }

    fn move_keys(&mut self, from: Option<Keys>, to: Option<Keys>) {
        fn shift<K: Ord>(set: &mut BTreeSet<K>, from: Option<K>, to: Option<K>) {
            if from == to {
                return;
            }
            if let Some(key) = from {
                set.remove(&key);
            }
            set.extend(to);
        }
        let (f, t) = (from.as_ref(), to.as_ref());
        shift(
            &mut self.heads,
            f.and_then(|keys| keys.head),
            t.and_then(|keys| keys.head),
        );
        shift(
            &mut self.victims,
            f.and_then(|keys| keys.victim),
            t.and_then(|keys| keys.victim),
        );
        shift(
            &mut self.renewals,
            f.map(|keys| keys.renewal),
            t.map(|keys| keys.renewal),
        );
        shift(&mut self.oldest, f.map(|keys| keys.oldest), t.map(|keys| keys.oldest));
        shift(
            &mut self.expiring,
            f.map(|keys| keys.expiring),
            t.map(|keys| keys.expiring),
        );
        shift(
            &mut self.touched,
            f.and_then(|keys| keys.touched),
            t.and_then(|keys| keys.touched),
        );
        shift(
            &mut self.unannounced,
            f.and_then(|keys| keys.unannounced),
            t.and_then(|keys| keys.unannounced),
        );
    }
}
