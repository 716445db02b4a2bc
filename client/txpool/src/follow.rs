//! Following the chain: what blocks take out, and whose verdict has to be renewed.

use crate::{
    Limits, Pool, PoolEvent, TransactionStatus,
    bans::Bans,
    index::{Changes, Entry, Id},
    pool::check_tags,
};
use quids_api::{InvalidTransaction, TransactionSource, TransactionValidityError, ValidTransaction};
use quids_core::{Hash, Height};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A transaction whose verdict must be renewed: the runtime is to be asked, and [`Pool::renew`] told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its name.
    pub hash: Hash,
    /// Where it came from.
    pub source: TransactionSource,
    /// The extrinsic, without the SCALE length prefix.
    pub bytes: Arc<[u8]>,
}

/// What the runtime says now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Still valid.
    Valid(ValidTransaction),
    /// No longer, or nobody can tell.
    Invalid(TransactionValidityError),
    /// This node could not ask. That says nothing of the transaction: it is asked about again after the next block.
    Unanswered,
}

impl Pool {
    /// Follows the chain to a new best block. Takes out its transactions (`included`, by hash; inherents may be among
    /// them) and those whose verdict ended [`Limits::EXPIRY_GRACE_BLOCKS`] ago. Then [`Pool::due`] says about whom the
    /// runtime must be asked. `code_changed`: the children of this block run another code.
    pub fn on_block(&mut self, block: Hash, included: &[Hash], height: Height, code_changed: bool) -> Vec<PoolEvent> {
        self.height = height;
        self.renewals_left = Limits::RENEWED_PER_BLOCK_MAX;
        if code_changed {
            self.epoch = self.epoch.saturating_add(1);
            self.code_since = height;
        }
        self.bans.end(height);
        let mut changes = Changes::default();
        let mut events = Vec::new();
        for hash in included {
            events.extend(self.include(block, hash, &mut changes));
        }
        for id in self.expired() {
            let status = TransactionStatus::Invalid(InvalidTransaction::AncientBirthBlock.into());
            let event = self.take_out(id, status, &mut changes);
            if let Some(event) = &event {
                self.ban(event.hash);
            }
            events.extend(event);
        }
        events.extend(changes.into_events(&self.index));
        events
    }

    /// Follows the chain back to an earlier block, whose children run what code they will: every verdict has to be
    /// renewed, and nothing that was invalid a moment ago need be so now. Only development chains go back.
    pub fn on_taken_back(&mut self, height: Height) {
        self.height = height;
        self.renewals_left = Limits::RENEWED_PER_BLOCK_MAX;
        self.epoch = self.epoch.saturating_add(1);
        self.code_since = height;
        self.bans = Bans::default();
    }

    /// Whoever required the transaction requires it no longer: the state has what it provided.
    fn include(&mut self, block: Hash, hash: &Hash, changes: &mut Changes) -> Option<PoolEvent> {
        let id = self.index.id(hash)?;
        let provides = self.index.get(id)?.transaction.provides.clone();
        for tag in &provides {
            self.index.satisfy(tag, changes);
        }
        self.take_out(id, TransactionStatus::InBlock(block), changes)
    }

    fn expired(&self) -> Vec<Id> {
        let end = self.height.saturating_sub(Height(Limits::EXPIRY_GRACE_BLOCKS));
        let over = self.index.orders.expiring.range(..(end, Id::MIN));
        over.map(|(_, id)| *id).take(Limits::EXPIRED_PER_BLOCK_MAX).collect()
    }

    /// At most `max` transactions whose verdict must be renewed now. First those that the last block touched, then
    /// those whose verdict ended, then those judged by an older code, those nearest to inclusion first, and at last the
    /// oldest verdicts, [`Limits::RENEWED_PER_BLOCK_MAX`] of them per block. Until [`Pool::renew`] is told of them,
    /// the same may be named again.
    pub fn due(&mut self, max: usize) -> Vec<Due> {
        let orders = &self.index.orders;
        let touched = orders.touched.iter().map(|id| (*id, false));
        let ended = orders
            .expiring
            .range(..=(self.height, Id::MAX))
            .map(|(_, id)| (*id, false));
        let stale = orders
            .renewals
            .iter()
            .take_while(|key| key.0 < self.epoch)
            .map(|key| (key.4, false));
        let oldest = orders
            .oldest
            .iter()
            .take_while(|(validated_at, _)| *validated_at < self.height);
        let oldest = oldest.map(|(_, id)| (*id, true));

        let (mut chosen, mut seen) = (Vec::new(), BTreeSet::new());
        let mut renewals_left = self.renewals_left;
        for (id, is_merely_old) in touched.chain(ended).chain(stale).chain(oldest) {
            if chosen.len() >= max || is_merely_old && renewals_left == 0 {
                break;
            }
            let entry = self
                .index
                .get(id)
                .filter(|entry| entry.unanswered_at != Some(self.height));
            let Some(entry) = entry.filter(|_| seen.insert(id)) else {
                continue;
            };
            renewals_left -= usize::from(is_merely_old);
            let transaction = &entry.transaction;
            chosen.push(Due {
                hash: transaction.hash,
                source: transaction.source,
                bytes: transaction.bytes.clone(),
            });
        }
        self.renewals_left = renewals_left;
        for id in seen {
            self.index.change(id, |entry| entry.touched = false);
        }
        chosen
    }

    /// Takes in what the runtime said, on the state of the block at `validated_at`, of a transaction that was due.
    pub fn renew(&mut self, hash: &Hash, renewal: Renewal, validated_at: Height) -> Vec<PoolEvent> {
        let Some(id) = self.index.id(hash) else {
            return Vec::new();
        };
        let renewal = match renewal {
            // A block that the pool has not heard of yet may hold the transaction, which is no fault of it: after that block it is due.
            Renewal::Invalid(_) if validated_at > self.height => Renewal::Unanswered,
            other => other,
        };
        match renewal {
            Renewal::Unanswered => {
                let height = self.height;
                self.index.change(id, |entry| entry.unanswered_at = Some(height));
                Vec::new()
            }
            // The old code's opinion, which came too late: the transaction is still due.
            Renewal::Invalid(_) if validated_at < self.code_since => Vec::new(),
            Renewal::Invalid(reason) => {
                self.ban(*hash);
                self.take_out_alone(hash, TransactionStatus::Invalid(reason))
            }
            Renewal::Valid(verdict) if check_tags(&verdict).is_err() => {
                self.take_out_alone(hash, TransactionStatus::Dropped)
            }
            Renewal::Valid(verdict) => self.set_verdict(id, verdict, validated_at),
        }
    }

    fn set_verdict(&mut self, id: Id, verdict: ValidTransaction, validated_at: Height) -> Vec<PoolEvent> {
        let epoch = self.epoch_at(validated_at);
        let Some(Entry {
            transaction: old,
            announced,
            ..
        }) = self.index.get(id)
        else {
            return Vec::new();
        };
        let announced = *announced;
        let mut renewed = old.clone();
        renewed.set_verdict(verdict, validated_at, epoch);
        // A block came in between: what it fulfilled must not be required again. It is asked about once more.
        let is_late = validated_at < self.height;
        if is_late {
            renewed.requires.retain(|tag| old.requires.binary_search(tag).is_ok());
        }
        self.stats.renewed += 1;
        let is_same = renewed.requires == old.requires && renewed.provides == old.provides;
        if is_same {
            self.index.change(id, |entry| {
                entry.transaction = renewed;
                entry.touched = is_late;
                entry.unanswered_at = None;
            });
            return Vec::new();
        }
        // Other tags: the transaction has to stand its ground like a new one.
        let Ok(replaced) = self.replaceable_by(&renewed) else {
            let hash = renewed.hash;
            return self.take_out_alone(&hash, TransactionStatus::Dropped);
        };
        let mut changes = Changes::default();
        self.index.remove(id, &mut changes);
        let mut events = self.put_in_place(replaced, renewed, &mut changes);
        self.index.change(id, |entry| {
            entry.touched = is_late;
            entry.announced = announced;
        });
        events.extend(changes.into_events(&self.index));
        events
    }
}
