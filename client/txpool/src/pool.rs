//! The pool: taking transactions in, and following the chain.

use crate::index::{Changes, Entry, Index};
use crate::{Limits, PoolError, PoolEvent, Ready, Transaction, TransactionStatus, Validator, hash_of};
use quids_api::{TransactionSource, TransactionTag, TransactionValidityError, ValidTransaction};
use quids_core::{Hash, Height};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Valid transactions that wait to be in a block.
#[derive(Debug)]
pub struct Pool {
    limits: Limits,
    index: Index,
    arrivals: u64,
}

impl Pool {
    /// An empty pool.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            index: Index::default(),
            arrivals: 0,
        }
    }

    /// Takes a transaction (bytes without the SCALE length prefix) that the runtime finds valid at `best`.
    ///
    /// The first event is the transaction's own, `Ready` or `Future`; then those of transactions that it replaced,
    /// pushed out, or made ready. On an error the pool is unchanged.
    pub fn submit(
        &mut self,
        validator: &impl Validator,
        source: TransactionSource,
        bytes: Vec<u8>,
        best: Height,
    ) -> Result<(Hash, Vec<PoolEvent>), PoolError> {
        let (size, max) = (bytes.len(), self.limits.max_per_transaction_bytes);
        if size > max {
            return Err(PoolError::TooLarge { size, max });
        }
        let hash = hash_of(&bytes);
        if self.index.get(&hash).is_some() {
            return Err(PoolError::AlreadyKnown(hash));
        }
        let verdict = validator.validate(source, &bytes).map_err(PoolError::Runtime)??;
        check_tags(&verdict)?;
        let mut transaction = Transaction {
            hash,
            bytes,
            source,
            priority: 0,
            propagate: false,
            requires: Vec::new(),
            provides: Vec::new(),
            validated_at: best,
            valid_until: best,
            arrival: self.arrivals,
        };
        transaction.set_verdict(verdict, best);

        let replaced = self.replaceable_by(&transaction)?;
        let evicted = self.room_for(&transaction, &replaced)?;

        self.arrivals += 1;
        let mut changes = Changes::default();
        let mut gone = Vec::new();
        for (hashes, status) in [
            (replaced, TransactionStatus::Usurped(hash)),
            (evicted, TransactionStatus::Dropped),
        ] {
            for old in hashes {
                self.index.remove(&old, &mut changes);
                gone.push(PoolEvent {
                    hash: old,
                    status: status.clone(),
                });
            }
        }
        self.index.insert(transaction, &mut changes);
        changes.forget(&hash);
        let ready = self.index.get(&hash).is_some_and(|entry| entry.ready);
        let status = if ready {
            TransactionStatus::Ready
        } else {
            TransactionStatus::Future
        };
        let mut events = vec![PoolEvent { hash, status }];
        events.extend(gone);
        events.extend(changes.into_events(&self.index));
        Ok((hash, events))
    }

    /// The transactions for the next block, in an order in which each finds what it requires. Whoever leaves one out
    /// leaves out what requires it.
    pub fn ready(&self) -> Ready<'_> {
        Ready::new(&self.index)
    }

    /// The transactions that wait for others, in no particular order.
    pub fn future(&self) -> impl Iterator<Item = &Transaction> {
        let waiting = self.index.entries().filter(|entry| !entry.ready);
        waiting.map(|entry| &entry.transaction)
    }

    /// A transaction of the pool.
    pub fn get(&self, hash: &Hash) -> Option<&Transaction> {
        self.index.get(hash).map(|entry| &entry.transaction)
    }

    /// Whether a ready transaction provides this tag. With FRAME's tags, SCALE of (account, nonce), this is how an
    /// account's next nonce is found past its pending transactions.
    pub fn provides(&self, tag: &[u8]) -> bool {
        self.index.provider(tag).is_some_and(|entry| entry.ready)
    }

    /// Transactions in the pool, ready and future.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all transactions.
    pub fn bytes(&self) -> usize {
        self.index.bytes()
    }

    /// Takes out what a block holds. What required it requires it no longer.
    pub fn remove_included(&mut self, block: Hash, included: &[Hash]) -> Vec<PoolEvent> {
        self.include(block, included).0
    }

    /// Takes out a transaction that an author could not apply.
    pub fn remove_invalid(&mut self, hash: &Hash, reason: TransactionValidityError) -> Vec<PoolEvent> {
        self.remove(hash, TransactionStatus::Invalid(reason))
    }

    /// Follows the chain to a new best block: takes out its transactions (`included`: extrinsics without length
    /// prefix, inherents may be among them) and asks the runtime again about those that required them, those whose
    /// verdict has run out, and the [`Limits::RENEWED_PER_BLOCK_MAX`] oldest verdicts.
    pub fn on_block(
        &mut self,
        validator: &impl Validator,
        block: Hash,
        included: &[Vec<u8>],
        best: Height,
    ) -> Vec<PoolEvent> {
        let included: Vec<Hash> = included.iter().map(|bytes| hash_of(bytes)).collect();
        let (mut events, mut affected) = self.include(block, &included);

        let mut rest: Vec<_> = Vec::new();
        for entry in self.index.entries() {
            let transaction = &entry.transaction;
            if transaction.valid_until <= best {
                affected.insert(transaction.hash);
            } else if transaction.validated_at < best && !affected.contains(&transaction.hash) {
                rest.push((transaction.validated_at, transaction.arrival, transaction.hash));
            }
        }
        rest.sort_unstable();
        let oldest = rest.into_iter().take(Limits::RENEWED_PER_BLOCK_MAX);
        affected.extend(oldest.map(|(_, _, hash)| hash));

        for hash in affected {
            events.extend(self.renew(validator, &hash, best));
        }
        events
    }

    fn include(&mut self, block: Hash, included: &[Hash]) -> (Vec<PoolEvent>, BTreeSet<Hash>) {
        let mut changes = Changes::default();
        let mut events = Vec::new();
        let mut affected = BTreeSet::new();
        for hash in included {
            let Some(transaction) = self.index.remove(hash, &mut changes) else {
                continue;
            };
            events.push(PoolEvent {
                hash: *hash,
                status: TransactionStatus::InBlock(block),
            });
            for tag in &transaction.provides {
                affected.extend(self.index.satisfy(tag, &mut changes));
            }
        }
        affected.retain(|hash| self.index.get(hash).is_some());
        events.extend(changes.into_events(&self.index));
        (events, affected)
    }

    fn renew(&mut self, validator: &impl Validator, hash: &Hash, best: Height) -> Vec<PoolEvent> {
        let Some(entry) = self.index.get(hash) else {
            return Vec::new();
        };
        let transaction = &entry.transaction;
        let verdict = match validator.validate(transaction.source, &transaction.bytes) {
            // This node could not ask: that says nothing of the transaction.
            Err(_) => return Vec::new(),
            Ok(Err(reason)) => return self.remove(hash, TransactionStatus::Invalid(reason)),
            Ok(Ok(verdict)) => verdict,
        };
        if check_tags(&verdict).is_err() {
            return self.remove(hash, TransactionStatus::Dropped);
        }
        let mut renewed = transaction.clone();
        renewed.set_verdict(verdict, best);
        // New code may give other tags: the transaction then has to stand its ground like a new one.
        let replaced = match self.replaceable_by(&renewed) {
            Ok(replaced) => replaced,
            Err(_) => return self.remove(hash, TransactionStatus::Dropped),
        };
        let mut changes = Changes::default();
        let mut events = Vec::new();
        self.index.remove(hash, &mut changes);
        for old in replaced {
            self.index.remove(&old, &mut changes);
            events.push(PoolEvent {
                hash: old,
                status: TransactionStatus::Usurped(*hash),
            });
        }
        self.index.insert(renewed, &mut changes);
        events.extend(changes.into_events(&self.index));
        events
    }

    fn remove(&mut self, hash: &Hash, status: TransactionStatus) -> Vec<PoolEvent> {
        let mut changes = Changes::default();
        if self.index.remove(hash, &mut changes).is_none() {
            return Vec::new();
        }
        let mut events = vec![PoolEvent { hash: *hash, status }];
        events.extend(changes.into_events(&self.index));
        events
    }

    /// The other transactions that provide a tag of this one, if its priority exceeds each of theirs.
    fn replaceable_by(&self, new: &Transaction) -> Result<BTreeSet<Hash>, PoolError> {
        let mut replaced = BTreeSet::new();
        let providers = new.provides.iter().filter_map(|tag| self.index.provider(tag));
        for Entry { transaction, .. } in providers {
            if transaction.hash == new.hash {
                continue;
            }
            if transaction.priority >= new.priority {
                return Err(PoolError::TooLowPriority {
                    priority: new.priority,
                    existing: transaction.priority,
                });
            }
            replaced.insert(transaction.hash);
        }
        Ok(replaced)
    }

    /// The transactions to push out so that the new one fits: each worse than it (future before ready, then lower
    /// priority, then later arrival), and such that nothing in the pool requires it.
    fn room_for(&self, new: &Transaction, replaced: &BTreeSet<Hash>) -> Result<BTreeSet<Hash>, PoolError> {
        let full = PoolError::Full {
            count: self.len(),
            bytes: self.bytes(),
        };
        let freed = replaced.iter().filter_map(|hash| self.get(hash));
        let mut bytes =
            self.bytes() + new.bytes.len() - freed.map(|transaction| transaction.bytes.len()).sum::<usize>();
        let mut count = self.len() + 1 - replaced.len();
        let rank = |ready: bool, transaction: &Transaction| (ready, transaction.priority, Reverse(transaction.arrival));
        let new_rank = rank(self.index.is_satisfied(&new.requires), new);
        let mut evicted = BTreeSet::new();
        while count > self.limits.max_count || bytes > self.limits.max_bytes {
            let is_needed = |tag: &TransactionTag| {
                new.requires.binary_search(tag).is_ok()
                    || self.index.requirers(tag).any(|hash| !evicted.contains(&hash))
            };
            let worst = self
                .index
                .entries()
                .filter(|Entry { transaction, .. }| {
                    !replaced.contains(&transaction.hash) && !evicted.contains(&transaction.hash)
                })
                .map(|entry| (rank(entry.ready, &entry.transaction), &entry.transaction))
                .filter(|(rank, _)| *rank < new_rank)
                .filter(|(_, transaction)| !transaction.provides.iter().any(is_needed))
                .min_by_key(|(rank, _)| *rank);
            let (_, worst) = worst.ok_or_else(|| full.clone())?;
            count -= 1;
            bytes -= worst.bytes.len();
            evicted.insert(worst.hash);
        }
        Ok(evicted)
    }
}

fn check_tags(verdict: &ValidTransaction) -> Result<(), PoolError> {
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
