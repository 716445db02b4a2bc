//! `Overlay`: the state that a runtime executes on. Changes stay in memory, in nested transactions, until
//! [`Overlay::into_commit`] turns them into a new root.

mod entries;
mod externalities;
mod order;
mod vector;

use crate::{AccessLog, BackendError, Commit, StateBackend, StateError};
use entries::{Entries, Value};
use order::Order;
use quids_core::Header;
use quids_io::Externalities;
use std::sync::Arc;

/// Verifies (scheme tag, public key, message, signature).
pub type Verifier = Arc<dyn Fn(u8, &[u8], &[u8], &[u8]) -> bool + Send + Sync>;
/// Takes a runtime's log line: level 1 (error) to 5 (trace), message.
pub type Logger = Arc<dyn Fn(u8, &str) + Send + Sync>;
/// Checks and trial-runs a runtime's code on the given state, whose changes are discarded afterwards.
pub type RuntimeCheck =
    Arc<dyn Fn(&mut dyn Externalities, &[u8], Option<&Header>) -> Result<Vec<u8>, String> + Send + Sync>;

/// State with changes over a backend at one root.
pub struct Overlay<B: StateBackend> {
    backend: B,
    entries: Entries,
    order: Order,
    /// Transactions below this depth belong to the caller of a runtime on trial, which cannot close them.
    floor: usize,
    /// What the changes of the generation named come to.
    commit: Option<(u64, Commit)>,
    log: Option<Box<AccessLog>>,
    verifier: Option<Verifier>,
    logger: Option<Logger>,
    runtime_check: Option<RuntimeCheck>,
}

impl<B: StateBackend> Overlay<B> {
    /// The backend's state, unchanged. Signatures are verified, log lines dropped, runtimes not checked.
    pub fn new(backend: B) -> Self {
        Self {
            backend,
            entries: Entries::default(),
            order: Order::default(),
            floor: 0,
            commit: None,
            log: None,
            verifier: None,
            logger: None,
            runtime_check: None,
        }
    }

    /// Signatures go through `verifier`, which may know them already.
    pub fn with_verifier(self, verifier: Verifier) -> Self {
        Self {
            verifier: Some(verifier),
            ..self
        }
    }

    /// The runtime's log lines go to `logger`.
    pub fn with_logger(self, logger: Logger) -> Self {
        Self {
            logger: Some(logger),
            ..self
        }
    }

    /// New runtimes are checked by `check`.
    pub fn with_runtime_check(self, check: RuntimeCheck) -> Self {
        Self {
            runtime_check: Some(check),
            ..self
        }
    }

    /// Records what is read and written from here on.
    pub fn with_access_log(mut self) -> Self {
        self.log_accesses();
        self
    }

    /// As [`Overlay::with_access_log`].
    pub fn log_accesses(&mut self) {
        self.log = Some(Box::default());
    }

    /// What was recorded so far; recording starts anew. `None` without [`Overlay::with_access_log`].
    pub fn take_access_log(&mut self) -> Option<AccessLog> {
        self.log.as_mut().map(|log| std::mem::take(&mut **log))
    }

    /// The same, and nothing is recorded any more.
    pub fn end_access_log(&mut self) -> Option<AccessLog> {
        self.log.take().map(|log| *log)
    }

    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// How many storage transactions are open.
    pub fn depth(&self) -> usize {
        self.entries.depth()
    }

    /// What `f` comes to. What it changed is undone, transactions that it left open too; what it read stays known. It
    /// cannot close the transactions that are open here, nor do they count for it.
    pub fn discarding<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        let depth = self.entries.depth();
        self.entries.begin();
        let floor = std::mem::replace(&mut self.floor, depth.saturating_add(1));
        let result = f(self);
        self.floor = floor;
        self.rollback_to(depth);
        result
    }

    /// Bytes of the keys that were asked for, and of the values that were there.
    pub fn known_bytes(&self) -> usize {
        self.entries.known_bytes()
    }

    /// Undoes transactions until `depth` are open: what a runtime left behind when it trapped.
    pub fn rollback_to(&mut self, depth: usize) {
        while self.entries.depth() > depth && self.entries.rollback() {}
    }

    /// What differs from the backend's state, in key order; `None` is a removed key. Open transactions count.
    pub fn changes(&self) -> Vec<(&[u8], Option<&[u8]>)> {
        self.entries.changes()
    }

    /// The new state, with all that has to be stored for it. What [`Externalities::root`] already computed for the same
    /// changes is used again.
    pub fn into_commit(mut self) -> Result<Commit, StateError> {
        match self.entries.depth() {
            0 => {
                self.refresh_commit()?;
                let root = self.backend.root();
                Ok(self
                    .commit
                    .map_or_else(|| Commit::unchanged(root), |(_, commit)| commit))
            }
            open => Err(StateError::OpenTransactions(open)),
        }
    }

    /// Makes `self.commit` that of the current changes.
    fn refresh_commit(&mut self) -> Result<&Commit, BackendError> {
        let generation = self.entries.generation();
        let commit = match self.commit.take() {
            Some((of, commit)) if of == generation => commit,
            _ => match self.entries.changes() {
                none if none.is_empty() => Commit::unchanged(self.backend.root()),
                changes => self.backend.commit(&mut changes.into_iter())?,
            },
        };
        Ok(&self.commit.insert((generation, commit)).1)
    }

    /// The index of `key`, its value read.
    fn load(&mut self, key: &[u8]) -> Result<usize, BackendError> {
        let index = self.entries.insert(key);
        if let Value::Unread = self.entries.value(index) {
            let value = self.backend.get(key)?;
            self.entries.fill(index, value);
        }
        Ok(index)
    }
}

impl<B: StateBackend> std::fmt::Debug for Overlay<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let changes = self.entries.changes().len();
        write!(
            f,
            "Overlay({changes} changes, {} deep, over {:?})",
            self.depth(),
            self.backend.root()
        )
    }
}
