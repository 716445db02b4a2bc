//! The host functions on an overlay. Semantics are those of `quids-io`; the model is its `MemoryExternalities`.

use super::{
    Overlay,
    entries::{Origin, Value},
    vector::Vector,
};
use crate::{AccessLog, StateBackend};
use quids_core::{Hash, Header};
use quids_io::{ExtError, ExtResult, Externalities, abi::TRANSACTION_DEPTH_MAX, storage::merge};
use std::ops::Bound;

/// What an append or an add leaves of where a value comes from.
fn merged(origin: Origin) -> Origin {
    match origin {
        Origin::Below | Origin::Merged => Origin::Merged,
        Origin::Own => Origin::Own,
    }
}

/// Where the keys with `prefix` end.
fn end_of(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Bound::Excluded(end);
        }
    }
    Bound::Unbounded
}

impl<B: StateBackend> Overlay<B> {
    fn record(&mut self, note: impl FnOnce(&mut AccessLog)) {
        if let Some(log) = &mut self.log {
            note(log);
        }
    }
}

impl<B: StateBackend> Externalities for Overlay<B> {
    fn get_with(&mut self, key: &[u8], read: &mut dyn FnMut(Option<&[u8]>)) -> ExtResult<()> {
        let index = self.load(key)?;
        if self.entries.origin(index) != Origin::Own {
            self.record(|log| {
                log.reads.insert(key.to_vec());
            });
        }
        read(self.entries.value(index).bytes());
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> ExtResult<()> {
        self.record(|log| {
            log.writes.insert(key.to_vec());
        });
        let index = self.entries.insert(key);
        self.entries.set(index, value);
        Ok(())
    }

    fn clear(&mut self, key: &[u8]) -> ExtResult<()> {
        self.record(|log| {
            log.writes.insert(key.to_vec());
        });
        let index = self.entries.insert(key);
        self.entries.replace(index, Value::Absent, Origin::Own);
        Ok(())
    }

    fn clear_prefix(&mut self, prefix: &[u8], limit: u32) -> ExtResult<(u32, bool)> {
        let first = self.load(prefix)?;
        let mut next = match self.entries.value(first).bytes() {
            Some(_) => Some(prefix.to_vec()),
            None => self.key_after(prefix)?,
        };
        let mut removed = 0u32;
        while let Some(key) = next.take_if(|key| key.starts_with(prefix)) {
            if removed == limit {
                self.record(|log| {
                    log.ranges
                        .push((Bound::Included(prefix.to_vec()), Bound::Included(key)))
                });
                return Ok((removed, true));
            }
            self.clear(&key)?;
            removed = removed.saturating_add(1);
            next = self.key_after(&key)?;
        }
        self.record(|log| log.ranges.push((Bound::Included(prefix.to_vec()), end_of(prefix))));
        Ok((removed, false))
    }

    fn append(&mut self, key: &[u8], item: &[u8]) -> ExtResult<()> {
        self.record(|log| {
            log.merges.insert(key.to_vec());
        });
        let index = self.entries.insert(key);
        if self.entries.push(index, item) {
            return Ok(());
        }
        self.load(key)?;
        let current = self.entries.value(index).bytes().unwrap_or_default();
        let value = merge::append(key, current, item)?;
        // UNWRAP: not one, but `merge::append` returns a vector, so the error cannot be.
        let vector = Vector::parse(&value).ok_or(ExtError::Unavailable("appending to what is no vector"))?;
        let origin = merged(self.entries.origin(index));
        self.entries.replace(index, Value::Vector(vector), origin);
        Ok(())
    }

    fn add(&mut self, key: &[u8], amount: u128) -> ExtResult<()> {
        self.record(|log| {
            log.merges.insert(key.to_vec());
        });
        let index = self.load(key)?;
        let sum = merge::add(key, self.entries.value(index).bytes(), amount)?;
        let origin = merged(self.entries.origin(index));
        self.entries.replace(index, Value::Number(sum), origin);
        Ok(())
    }

    fn next_key(&mut self, key: &[u8]) -> ExtResult<Option<Vec<u8>>> {
        let next = self.key_after(key)?;
        if self.log.is_some() {
            let end = next.clone().map_or(Bound::Unbounded, Bound::Included);
            self.record(|log| log.ranges.push((Bound::Excluded(key.to_vec()), end)));
        }
        Ok(next)
    }

    fn begin_transaction(&mut self) -> ExtResult<()> {
        if self.entries.depth().saturating_sub(self.floor) >= TRANSACTION_DEPTH_MAX {
            return Err(ExtError::TooDeep(TRANSACTION_DEPTH_MAX));
        }
        self.entries.begin();
        Ok(())
    }

    fn commit_transaction(&mut self) -> ExtResult<()> {
        let closed = self.entries.depth() > self.floor && self.entries.commit();
        closed.then_some(()).ok_or(ExtError::NoTransaction("commit"))
    }

    fn rollback_transaction(&mut self) -> ExtResult<()> {
        let closed = self.entries.depth() > self.floor && self.entries.rollback();
        closed.then_some(()).ok_or(ExtError::NoTransaction("rollback"))
    }

    fn root(&mut self) -> ExtResult<Hash> {
        self.record(|log| log.root = true);
        Ok(self.refresh_commit()?.root)
    }

    fn verify_signature(&mut self, scheme: u8, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        match &self.verifier {
            Some(verify) => verify(scheme, public_key, message, signature),
            None => quids_crypto::verify_raw(scheme, public_key, message, signature),
        }
    }

    fn check_runtime(&mut self, code: &[u8], next: Option<&Header>) -> ExtResult<Result<Vec<u8>, String>> {
        let Some(check) = self.runtime_check.clone() else {
            return Err(ExtError::Unavailable("the trial run of a runtime"));
        };
        Ok(self.discarding(|state| check(state, code, next)))
    }

    fn log(&mut self, level: u8, message: &str) {
        if let Some(log) = &self.logger {
            log(level, message);
        }
    }
}
