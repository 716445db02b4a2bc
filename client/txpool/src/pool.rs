//! The pool: taking transactions in, handing them to authors and to the network. Following the chain is in `follow.rs`.

use crate::{
    Limits, PoolError, PoolEvent, PoolStatus, Ready, Stats, Submission, Transaction, TransactionStatus,
    bans::Bans,
    hash_of,
    index::{Changes, Entry, Id, Index},
    room::Room,
};
use quids_api::{TransactionSource, TransactionTag, TransactionValidityError, ValidTransaction};
use quids_core::{Hash, Height};
use std::collections::BTreeSet;

/// Valid transactions that wait to be in a block.
#[derive(Debug)]
pub struct Pool {
    pub(crate) limits: Limits,
    pub(crate) index: Index,
    pub(crate) bans: Bans,
    pub(crate) stats: Stats,
    arrivals: u64,
    /// The last block that the pool was told of.
    pub(crate) height: Height,
    /// How many times the chain's code changed.
    pub(crate) epoch: u32,
    /// From the state of this block on, the runtime is the latest code.
    pub(crate) code_since: Height,
    /// How many verdicts may be renewed before the next block merely because they are old.
    pub(crate) renewals_left: usize,
}

impl Pool {
    /// An empty pool on a chain whose last block has this height.
    pub fn new(limits: Limits, height: Height) -> Self {
        Self {
            limits,
            index: Index::default(),
            bans: Bans::default(),
            stats: Stats::default(),
            arrivals: 0,
            height,
            epoch: 0,
            code_since: Height::ZERO,
            renewals_left: 0,
        }
    }

    /// Refuses what can be refused without asking the runtime; else the transaction's hash. `bytes` are without the
    /// length prefix.
    pub fn check(&mut self, bytes: &[u8]) -> Result<Hash, PoolError> {
        let (size, max) = (bytes.len(), self.limits.max_per_transaction_bytes);
        if size > max {
            return Err(PoolError::TooLarge { size, max });
        }
        let hash = hash_of(bytes);
        if self.index.id(&hash).is_some() {
            return Err(PoolError::AlreadyKnown(hash));
        }
        if let Some(until) = self.bans.until(&hash) {
            self.stats.banned += 1;
            return Err(PoolError::Banned { until });
        }
        Ok(hash)
    }

    /// Takes a transaction in. It is checked again, since the pool may have changed while the runtime was asked.
    ///
    /// The first event is the transaction's own, `Ready` or `Future`; then those of transactions that it replaced,
    /// pushed out, or made ready. On an error the pool is unchanged.
    pub fn submit(&mut self, submission: Submission) -> Result<(Hash, Vec<PoolEvent>), PoolError> {
        let hash = self.check(&submission.bytes)?;
        check_tags(&submission.verdict)?;
        let transaction = self.transaction(hash, submission);
        let replaced = self.replaceable_by(&transaction)?;
        let room = Room {
            index: &self.index,
            limits: &self.limits,
            replaced: &replaced,
            new: &transaction,
            is_ready: self.index.is_satisfied(&transaction.requires),
        };
        let evicted = room.find()?;

        self.arrivals += 1;
        self.stats.submitted += 1;
        let id = transaction.arrival;
        // The chain went on while the runtime was asked: what the verdict requires may be in a block by now.
        let is_late = transaction.validated_at < self.height;
        let mut changes = Changes::default();
        let mut gone = Vec::new();
        for old in evicted {
            gone.extend(self.take_out(old, TransactionStatus::Dropped, &mut changes));
        }
        gone.extend(self.put_in_place(replaced, transaction, &mut changes));
        if is_late {
            self.index.change(id, |entry| entry.touched = true);
        }
        changes.forget(id);
        let own = self.index.get(id).map(|entry| PoolEvent {
            hash,
            status: entry.status(),
        });
        let mut events: Vec<PoolEvent> = own.into_iter().collect();
        events.extend(gone);
        events.extend(changes.into_events(&self.index));
        Ok((hash, events))
    }

    fn transaction(&self, hash: Hash, submission: Submission) -> Transaction {
        let Submission {
            bytes,
            source,
            sender,
            verdict,
            validated_at,
        } = submission;
        let kept = self.index.orders.kept;
        let is_kept = source == TransactionSource::Local
            && kept.count < self.limits.max_local_count
            && kept.bytes + bytes.len() <= self.limits.max_local_bytes;
        let mut transaction = Transaction {
            hash,
            bytes,
            source,
            sender,
            is_kept,
            priority: 0,
            propagate: false,
            requires: Vec::new(),
            provides: Vec::new(),
            validated_at,
            epoch: 0,
            valid_until: validated_at,
            arrival: self.arrivals,
        };
        transaction.set_verdict(verdict, validated_at, self.epoch_at(validated_at));
        transaction
    }

    /// Which code judges on the state of this block: the latest, or some older one.
    pub(crate) fn epoch_at(&self, height: Height) -> u32 {
        if height >= self.code_since {
            self.epoch
        } else {
            self.epoch.saturating_sub(1)
        }
    }

    /// The transactions for the next block, in an order in which each finds what it requires. Whoever leaves one out
    /// leaves out what requires it. After a change of code only those whose verdict is by the new code are among them.
    pub fn ready(&self) -> Ready<'_> {
        Ready::new(&self.index, self.epoch)
    }

    /// The transactions that wait for others, in order of arrival.
    pub fn future(&self) -> impl Iterator<Item = &Transaction> {
        let waiting = self.index.entries().filter(|entry| !entry.ready);
        waiting.map(|entry| &entry.transaction)
    }

    /// Everything in the pool, in order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = &Transaction> {
        self.index.entries().map(|entry| &entry.transaction)
    }

    /// A transaction of the pool.
    pub fn get(&self, hash: &Hash) -> Option<&Transaction> {
        self.entry(hash).map(|entry| &entry.transaction)
    }

    /// Where a transaction of the pool stands: `Ready` or `Future`.
    pub fn status_of(&self, hash: &Hash) -> Option<TransactionStatus> {
        self.entry(hash).map(Entry::status)
    }

    fn entry(&self, hash: &Hash) -> Option<&Entry> {
        self.index.get(self.index.id(hash)?)
    }

    /// Whether a ready transaction provides this tag. With FRAME's tags, SCALE of (account, nonce), this is how an
    /// account's next nonce is found past its pending transactions.
    pub fn provides(&self, tag: &[u8]) -> bool {
        self.index.provider(tag).is_some_and(|entry| entry.ready)
    }

    /// Transactions in the pool, ready and future.
    pub fn len(&self) -> usize {
        self.index.orders.all.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all transactions.
    pub fn bytes(&self) -> usize {
        self.index.orders.all.bytes
    }

    /// What the pool holds.
    pub fn status(&self) -> PoolStatus {
        let orders = &self.index.orders;
        PoolStatus {
            ready: orders.all.count - orders.future.count,
            future: orders.future.count,
            bytes: orders.all.bytes,
            future_bytes: orders.future.bytes,
            local: orders.kept.count,
            banned: self.bans.len(),
        }
    }

    /// What the pool has done.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Takes out a transaction by the operator's order; it is refused for some blocks.
    pub fn remove(&mut self, hash: &Hash) -> Vec<PoolEvent> {
        if self.index.id(hash).is_some() {
            self.ban(*hash);
        }
        self.take_out_alone(hash, TransactionStatus::Dropped)
    }

    /// Takes out a transaction that an author could not apply; it is refused for some blocks.
    pub fn remove_invalid(&mut self, hash: &Hash, reason: TransactionValidityError) -> Vec<PoolEvent> {
        if self.index.id(hash).is_some() {
            self.ban(*hash);
        }
        self.take_out_alone(hash, TransactionStatus::Invalid(reason))
    }

    /// Ready transactions that peers should be told of, in order of arrival, each once.
    pub fn take_unannounced(&mut self, max: usize) -> Vec<Hash> {
        let ids: Vec<Id> = self.index.orders.unannounced.iter().copied().take(max).collect();
        for id in &ids {
            self.index.change(*id, |entry| entry.announced = true);
        }
        let found = ids.iter().filter_map(|id| self.index.get(*id));
        found.map(|entry| entry.transaction.hash).collect()
    }

    /// Whether peers know of a transaction without this node: it came from one, and was passed on as it came.
    pub fn set_announced(&mut self, hash: &Hash, announced: bool) {
        if let Some(id) = self.index.id(hash) {
            self.index.change(id, |entry| entry.announced = announced);
        }
    }

    /// The network sent a transaction to these peers.
    pub fn broadcast_to(&mut self, hash: &Hash, peers: Vec<String>) -> Option<PoolEvent> {
        let id = self.index.id(hash)?;
        self.index.change(id, |entry| entry.announced = true);
        Some(PoolEvent {
            hash: *hash,
            status: TransactionStatus::Broadcast(peers),
        })
    }

    pub(crate) fn ban(&mut self, hash: Hash) {
        let until = self.height.saturating_add(Height(self.limits.ban_blocks));
        self.bans.add(hash, until);
    }

    pub(crate) fn take_out_alone(&mut self, hash: &Hash, status: TransactionStatus) -> Vec<PoolEvent> {
        let Some(id) = self.index.id(hash) else {
            return Vec::new();
        };
        let mut changes = Changes::default();
        let mut events: Vec<PoolEvent> = self.take_out(id, status, &mut changes).into_iter().collect();
        events.extend(changes.into_events(&self.index));
        events
    }

    pub(crate) fn take_out(&mut self, id: Id, status: TransactionStatus, changes: &mut Changes) -> Option<PoolEvent> {
        let transaction = self.index.remove(id, changes)?;
        match status {
            TransactionStatus::Dropped => self.stats.dropped += 1,
            TransactionStatus::Usurped(_) => self.stats.replaced += 1,
            TransactionStatus::InBlock(_) => self.stats.included += 1,
            TransactionStatus::Invalid(_) if transaction.valid_until <= self.height => self.stats.expired += 1,
            TransactionStatus::Invalid(_) => self.stats.invalid += 1,
            TransactionStatus::Future | TransactionStatus::Ready | TransactionStatus::Broadcast(_) => {}
        }
        let hash = transaction.hash;
        Some(PoolEvent { hash, status })
    }

    /// Puts a transaction in, and takes out those whose tags it provides. Returns what became of them.
    pub(crate) fn put_in_place(
        &mut self,
        replaced: BTreeSet<Id>,
        new: Transaction,
        changes: &mut Changes,
    ) -> Vec<PoolEvent> {
        let status = TransactionStatus::Usurped(new.hash);
        let mut replaced: Vec<Id> = replaced.into_iter().collect();
        let last = replaced.pop();
        let old = last
            .and_then(|id| self.index.get(id))
            .map(|entry| entry.transaction.hash);
        let mut events: Vec<PoolEvent> = Vec::new();
        for id in replaced {
            events.extend(self.take_out(id, status.clone(), changes));
        }
        match last {
            None => self.index.insert(new, changes),
            Some(last) => self.index.substitute(last, new, changes),
        }
        self.stats.replaced += u64::from(old.is_some());
        events.extend(old.map(|hash| PoolEvent { hash, status }));
        events
    }

    /// The other transactions that provide a tag of this one, if its priority is a tenth above each of theirs.
    pub(crate) fn replaceable_by(&self, new: &Transaction) -> Result<BTreeSet<Id>, PoolError> {
        let providers = new.provides.iter().filter_map(|tag| self.index.provider(tag));
        let others: Vec<&Transaction> = providers
            .map(|entry| &entry.transaction)
            .filter(|old| old.hash != new.hash)
            .collect();
        if let Some(existing) = others.iter().map(|old| old.priority).max() {
            let needed = u128::from(existing) + u128::from((existing / 10).max(1));
            if u128::from(new.priority) < needed {
                return Err(PoolError::TooLowPriority {
                    priority: new.priority,
                    existing,
                    needed,
                });
            }
        }
        Ok(others.into_iter().map(|old| old.arrival).collect())
    }
}

/// A transaction provides something, and neither its tags nor their number are too large.
pub(crate) fn check_tags(verdict: &ValidTransaction) -> Result<(), PoolError> {
    let all = [&verdict.requires, &verdict.provides];
    let too_long = |tag: &TransactionTag| tag.len() > Limits::TAG_BYTES_MAX;
    if verdict.provides.is_empty()
        || all.iter().any(|tags| tags.len() > Limits::TAGS_MAX)
        || all.iter().copied().flatten().any(too_long)
    {
        return Err(PoolError::Tags {
            requires: verdict.requires.len(),
            provides: verdict.provides.len(),
        });
    }
    Ok(())
}
