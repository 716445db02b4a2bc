//! Externalities that count and time the calls that go through them. Hash functions do not: the host computes them
//! without asking the state.

use crate::clock::{Lap, Stopwatch};
use quids_core::{Hash, Header};
use quids_io::{ExtResult, Externalities};
use std::collections::BTreeMap;

/// Calls of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Calls {
    pub count: u64,
    pub time: Lap,
}

/// By the name of the host function, without `ext_` and version.
pub type Tally = BTreeMap<&'static str, Calls>;

/// Counts and times what goes to the state below.
pub struct Meter<'a> {
    state: &'a mut dyn Externalities,
    tally: &'a mut Tally,
}

impl<'a> Meter<'a> {
    pub fn new(state: &'a mut dyn Externalities, tally: &'a mut Tally) -> Self {
        Self { state, tally }
    }

    fn note<R>(&mut self, kind: &'static str, call: impl FnOnce(&mut dyn Externalities) -> R) -> R {
        let stopwatch = Stopwatch::start();
        let result = call(self.state);
        let lap = stopwatch.stop();
        let calls = self.tally.entry(kind).or_default();
        calls.count += 1;
        calls.time += lap;
        result
    }
}

/// What a call on a meter takes by itself.
pub fn overhead() -> Lap {
    const ROUNDS: u32 = 10_000;
    let mut sum = Lap::default();
    for _ in 0..ROUNDS {
        sum += Stopwatch::start().stop();
    }
    Lap {
        wall: sum.wall / ROUNDS,
        cpu: sum.cpu / ROUNDS,
    }
}

impl Externalities for Meter<'_> {
    fn get_with(&mut self, key: &[u8], read: &mut dyn FnMut(Option<&[u8]>)) -> ExtResult<()> {
        self.note("storage_get", |state| state.get_with(key, read))
    }
    fn exists(&mut self, key: &[u8]) -> ExtResult<bool> {
        self.note("storage_exists", |state| state.exists(key))
    }
    fn set(&mut self, key: &[u8], value: &[u8]) -> ExtResult<()> {
        self.note("storage_set", |state| state.set(key, value))
    }
    fn clear(&mut self, key: &[u8]) -> ExtResult<()> {
        self.note("storage_clear", |state| state.clear(key))
    }
    fn clear_prefix(&mut self, prefix: &[u8], limit: u32) -> ExtResult<(u32, bool)> {
        self.note("storage_clear_prefix", |state| state.clear_prefix(prefix, limit))
    }
    fn append(&mut self, key: &[u8], item: &[u8]) -> ExtResult<()> {
        self.note("storage_append", |state| state.append(key, item))
    }
    fn add(&mut self, key: &[u8], amount: u128) -> ExtResult<()> {
        self.note("storage_add", |state| state.add(key, amount))
    }
    fn next_key(&mut self, key: &[u8]) -> ExtResult<Option<Vec<u8>>> {
        self.note("storage_next_key", |state| state.next_key(key))
    }
    fn begin_transaction(&mut self) -> ExtResult<()> {
        self.note("storage_begin", |state| state.begin_transaction())
    }
    fn commit_transaction(&mut self) -> ExtResult<()> {
        self.note("storage_commit", |state| state.commit_transaction())
    }
    fn rollback_transaction(&mut self) -> ExtResult<()> {
        self.note("storage_rollback", |state| state.rollback_transaction())
    }
    fn root(&mut self) -> ExtResult<Hash> {
        self.note("storage_root", |state| state.root())
    }
    fn verify_signature(&mut self, scheme: u8, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        self.note("crypto_verify", |state| {
            state.verify_signature(scheme, public_key, message, signature)
        })
    }
    fn check_runtime(&mut self, code: &[u8], next: Option<&Header>) -> ExtResult<Result<Vec<u8>, String>> {
        self.note("runtime_check", |state| state.check_runtime(code, next))
    }
    fn log(&mut self, level: u8, message: &str) {
        self.note("log", |state| state.log(level, message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quids_io::MemoryExternalities;

    #[test]
    fn calls_are_counted_by_kind_and_reach_the_state() {
        let mut state = MemoryExternalities::default();
        let mut tally = Tally::new();
        let mut meter = Meter::new(&mut state, &mut tally);
        meter.set(b"a", b"1").unwrap();
        meter.set(b"b", b"2").unwrap();
        assert_eq!(meter.get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
        assert!(meter.exists(b"b").unwrap());
        let counts: Vec<_> = tally.iter().map(|(kind, calls)| (*kind, calls.count)).collect();
        assert_eq!(counts, [("storage_exists", 1), ("storage_get", 1), ("storage_set", 2)]);
    }
}
